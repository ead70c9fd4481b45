"""Channels that are switched off: what each is defined to stop, and the law of what vanished for each."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrisk.models.spread import CHANNELS, TERMS, Behaviour, Spread

from .systems import Drawn, draw

SEEDS = st.integers(0, 10**9)
CLOSE = 1e-8
EVERY = [frozenset(part) for size in range(6) for part in combinations(CHANNELS, size)]

laws = settings(max_examples=60, deadline=None)


def scale(drawn: Drawn) -> float:
    system = drawn.system
    return max(1.0, system.obligation.max(), system.line_amount.max(initial=0), system.loss_on_default.max())


def both_states(found: Spread):
    return found.baseline, found.run


@laws
@given(SEEDS, st.sampled_from(["greatest", "least"]))
def test_without_default_no_creditor_lacks_anything(seed, extreme):
    drawn = draw(seed)
    found = drawn.ask(off=frozenset({"default"}), extreme=extreme)
    system = drawn.system
    due = np.bincount(system.item_creditor, weights=system.item_due, minlength=system.size)
    paid_more = np.maximum(0, found.run.called - found.baseline.called)
    paid_more_by = np.bincount(system.guarantor, weights=paid_more, minlength=system.n)

    for state in both_states(found):
        assert state.received == pytest.approx(due)
        assert not state.receipts.any()
    assert found.cash_shortfall == pytest.approx(paid_more_by, abs=CLOSE * scale(drawn))
    assert found.absorbed_outside == 0
    assert found.by_channel["default"] == pytest.approx(0, abs=CLOSE * scale(drawn))
    # D itself is still not paid.
    assert found.first_round_loss == pytest.approx(drawn.withheld.sum(), abs=CLOSE * scale(drawn)) or extreme == "least"


@laws
@given(SEEDS)
def test_without_guarantees_the_system_is_one_that_has_none(seed):
    drawn = draw(seed)
    none = {name: getattr(drawn.system, name)[:0] for name in ("guarantor", "guarantee_share", "guarantee_cap")}
    none |= {"cover_start": np.zeros(1, dtype=np.int64), "cover": drawn.system.cover[:0]}
    off, without = drawn.ask(off=frozenset({"guarantee"})), drawn.ask(**none)

    assert not off.run.called.any()
    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "gap"):
        assert getattr(off, name) == pytest.approx(getattr(without, name), abs=CLOSE * scale(drawn))


@laws
@given(SEEDS, st.sampled_from(["greatest", "least"]))
def test_lines_of_a_channel_that_is_off_stay_whole(seed, extreme):
    drawn = draw(seed)
    trade = drawn.system.line_kind == TERMS
    no_supply = drawn.ask(off=frozenset({"supply"}), extreme=extreme)
    no_funding = drawn.ask(off=frozenset({"funding"}), extreme=extreme)
    neither = drawn.ask(off=frozenset({"supply", "funding"}), extreme=extreme)
    no_feedback = drawn.ask(feedback=False, extreme=extreme)

    for one, other in zip(both_states(no_supply), both_states(no_funding), strict=True):
        assert (one.kept[trade] == 1).all()
        assert (other.kept[~trade] == 1).all()
    assert neither.run.payment.tolist() == no_feedback.run.payment.tolist()
    assert neither.by_channel == no_feedback.by_channel


@laws
@given(SEEDS, st.sampled_from(["greatest", "least"]))
def test_without_trust_nobody_is_distrusted(seed, extreme):
    drawn = draw(seed)
    found = drawn.ask(off=frozenset({"trust"}), extreme=extreme)

    for state in both_states(found):
        assert not state.distrust.any()
    assert not found.trust_loss.any()
    # Only contract clauses and a giver's losses are left to cut: where neither can, every line is whole.
    bare = drawn.ask(
        off=frozenset({"trust"}),
        kappa=0.0,
        line_threshold=np.full(len(drawn.system.line_amount), np.inf),
        line_recourse=np.zeros(len(drawn.system.line_amount), dtype=bool),
        dscr_default=np.full(len(drawn.system.dscr_default), np.nan),
        major_party_share=np.full(len(drawn.system.major_party_share), np.nan),
        extreme="greatest",
    )
    assert (bare.run.kept == 1).all()


@pytest.mark.parametrize("off", EVERY, ids=lambda off: "+".join(sorted(off)) or "none")
def test_what_vanished_is_borne_or_made_good(off):
    moved = 0.0
    for seed in range(20):
        drawn = draw(seed)
        found, slack = drawn.ask(off=off), CLOSE * scale(drawn)
        borne = found.absorbed.sum() + found.absorbed_outside
        short = found.cash_shortfall.sum() + found.absorbed_outside

        assert borne + found.made_good == pytest.approx(found.withheld + found.financing_loss.sum(), abs=slack)
        assert found.by_channel["default"] + found.by_channel["guarantee"] == pytest.approx(short, abs=slack)
        assert found.by_channel["supply"] + found.by_channel["funding"] == pytest.approx(
            found.financing_loss.sum(), abs=slack
        )
        assert all(found.by_channel[channel] == pytest.approx(0, abs=slack) for channel in off)
        assert found.made_good == 0 or "default" in off
        moved += abs(found.made_good)
    assert (moved > 0) == ("default" in off)


def test_a_channel_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no channel is called rumour"):
        Behaviour(1, 0, 0, 0, 0, None, (), np.zeros(0, dtype=np.int64), off=frozenset({"rumour", "trust"}))


def test_each_round_is_told_once_and_in_order():
    drawn = draw(next(seed for seed in range(100) if draw(seed).ask().rounds > 3))
    told = []
    found = drawn.ask(on_round=lambda number, state: told.append((number, state.payment.copy(), state.kept.copy())))

    assert [number for number, _, _ in told] == list(range(len(told)))
    assert len(told) - 1 >= found.rounds
    assert told[0][1].tolist() == found.baseline.payment.tolist()
    assert told[-1][1].tolist() == found.run.payment.tolist()
    assert told[-1][2].tolist() == found.run.kept.tolist()
    assert (told[0][1] - told[1][1]).sum() == pytest.approx(found.first_round_loss)
