"""Order-free shares of the channels: against all 120 orders, and the laws that make them the only such shares."""

from itertools import permutations

import numpy as np
import pytest
from spread_books import chain, entity, network, owes
from twin.random_books import AS_OF
from twin.tables import tables_of
from twin.test_spread_equals_twin import draw, reactions_of
from twin.test_twin_story import REACTIONS, story

from graphrisk.analyzers.spread import Asked, pose, spread
from graphrisk.analyzers.spread_shapley import SHARED, can_matter, shapley_shares, shapley_values
from graphrisk.models.spread import CHANNELS
from graphrisk.models.spread import spread as solve
from graphrisk.network import Network

PLAYERS = ("v", "w", "x", "y", "z")


def a_game(seed: int):
    """A worth of each set of players, drawn once."""
    rng = np.random.default_rng(seed)
    worths: dict[frozenset[str], np.ndarray] = {}
    return lambda who: worths.setdefault(who, rng.normal(size=2))


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_are_the_mean_over_all_orders(seed):
    worth = a_game(seed)
    marginal = {player: np.zeros(2) for player in PLAYERS}
    for order in permutations(PLAYERS):
        for place, player in enumerate(order):
            marginal[player] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))

    shares = shapley_values(PLAYERS, worth)

    for player in PLAYERS:
        assert shares[player] == pytest.approx(marginal[player] / 120)
    assert sum(shares.values()) == pytest.approx(worth(frozenset(PLAYERS)) - worth(frozenset()))


def test_players_that_do_the_same_get_the_same_and_one_that_does_nothing_gets_nothing():
    base = a_game(7)

    def worth(who: frozenset[str]) -> np.ndarray:
        # "x" and "y" count alike, "z" not at all.
        return base(frozenset({*(who - {"x", "y", "z"}), *("xy"[: len(who & {"x", "y"})])}))

    shares = shapley_values(PLAYERS, worth)

    assert shares["x"] == pytest.approx(shares["y"])
    assert shares["z"] == pytest.approx([0, 0])


def brute_force(found: Network, asked: Asked) -> dict[str, dict[str, float]]:
    """Return the mean over all orders of what each channel adds, every set solved for on its own."""
    posed = pose(found, asked)
    known = {}

    def totals(on: frozenset[str]) -> np.ndarray:
        if on not in known:
            got = posed.solve(asked, off=frozenset(CHANNELS) - on)
            cash = got.cash_shortfall.sum() + got.absorbed_outside
            known[on] = np.array([cash, got.financing_loss.sum(), got.trust_loss.sum()])
        return known[on]

    shares = {channel: np.zeros(3) for channel in CHANNELS}
    for order in permutations(CHANNELS):
        for place, channel in enumerate(order):
            shares[channel] += (totals(frozenset(order[: place + 1])) - totals(frozenset(order[:place]))) / 120
    return {channel: dict(zip(SHARED, share, strict=True)) for channel, share in shares.items()}


def assert_alike(got: dict, expected: dict, size: float) -> None:
    for channel in CHANNELS:
        for name in SHARED:
            assert got[channel][name] == pytest.approx(expected[channel][name], abs=1e-9 * size), (channel, name)


def test_the_story_against_all_orders():
    found = Network.from_tables(tables_of(story()), as_of=AS_OF, horizon_days=30)
    rules = reactions_of(REACTIONS)
    result = spread(found, "A", reactions=rules, shapley=True)
    shares = result.summary["shapley"]

    assert_alike(shares, brute_force(found, Asked("A", reactions=rules)), 1e6)
    assert sum(share["cash_shortfall"] for share in shares.values()) == pytest.approx(92_000)
    assert sum(share["financing_loss"] for share in shares.values()) == pytest.approx(557_600)
    assert sum(share["trust_loss"] for share in shares.values()) == pytest.approx(425_000)
    # S cuts by distrust alone: half of its 100,000 is owed to each of supply and trust.
    assert shares["supply"]["financing_loss"] == pytest.approx(50_000)
    # F2 freezes by contract and F3 by recourse, whatever anybody believes; F1 cuts by distrust.
    assert shares["funding"]["financing_loss"] == pytest.approx(300_000 + 57_600 + 100_000 / 2)
    assert shares["default"]["financing_loss"] == pytest.approx(0)
    assert result.parameters["shapley"] is True
    assert [note.code for note in result.notes][-4:] == ["shapley_column"] * 3 + ["shapley_off"]


@pytest.mark.parametrize("seed", [5100, 5101, 5102])
def test_random_books_against_all_orders(seed):
    (rows, reactions, subject, as_of, horizon, overdue), options = draw(seed)
    found = Network.from_tables(tables_of(rows), as_of=as_of, horizon_days=horizon)
    asked = Asked(subject, overdue, reactions_of(reactions), options.feedback, "greatest", options.unknown_cash)
    posed = pose(found, asked)

    got = shapley_shares(posed, asked, posed.solve(asked))

    assert_alike(got, brute_force(found, asked), 1e5)


def test_a_channel_that_is_not_there_gets_nothing_and_is_not_solved_for(monkeypatch):
    found, asked = chain(), Asked("A", 800)
    posed = pose(found, asked)
    whole = posed.solve(asked)
    runs = []
    monkeypatch.setattr(
        "graphrisk.analyzers.spread.solve",
        lambda *arguments, **options: runs.append(options) or solve(*arguments, **options),
    )

    shares = shapley_shares(posed, asked, whole)

    assert can_matter(posed) == ("default", "trust")
    assert len(runs) == 3, "of four sets one is known already"
    assert shares["default"]["cash_shortfall"] == pytest.approx(1300)
    for channel in ("guarantee", "supply", "funding"):
        assert shares[channel] == dict.fromkeys(SHARED, 0.0)


def test_nothing_overdue_is_shared_as_nothing():
    shares = spread(chain(), "A", shapley=True).summary["shapley"]

    assert all(value == 0 for share in shares.values() for value in share.values())


def test_the_guarantee_channel_moves_a_loss_and_makes_none():
    found = network(
        [entity("A"), entity("B"), entity("G", 5000)],
        invoices=[owes("A", "B", 1000)],
        guarantees=[{"guarantee_id": "g", "guarantor_id": "G", "debtor_id": "A", "kind": "joint"}],
    )
    shares = spread(found, "A", overdue=1000, shapley=True).summary["shapley"]

    # With either channel alone somebody lacks the 1,000: the creditor, or the guarantor that pays for nothing.
    assert shares["default"]["cash_shortfall"] == shares["guarantee"]["cash_shortfall"] == pytest.approx(500)
