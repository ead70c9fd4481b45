"""The product against the twin: arrays against loops, on random books of up to eight entities."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphrisk.analyzers.spread import spread
from graphrisk.network import Network
from graphrisk.policies.schema import Reactions, read_reactions

from . import spread_twin as twin
from .random_books import Book, random_book
from .tables import tables_of

#: Largest difference, as a share of the largest amount of a book: two orders of adding the same numbers.
CLOSE = 1e-9
BLOCKS, BOOKS = 20, 50
MONEY = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "passed_on", "gap")
FIGURES = (
    "overdue_total",
    "vanished",
    "absorbed",
    "absorbed_outside",
    "unknown_cash_passed_on",
    "unknown_cash_entities",
)


@dataclass(frozen=True)
class Options:
    """How a question is put."""

    feedback: bool
    extreme: str
    unknown_cash: str


def draw(seed: int) -> tuple[Book, Options]:
    rng = np.random.default_rng([20240630, seed])
    book = random_book(rng, int(rng.integers(2, 9)))
    options = Options(
        feedback=bool(rng.random() < 0.85),
        extreme=str(rng.choice(["greatest", "greatest", "greatest", "least"])),
        unknown_cash=str(rng.choice(["just-solvent", "just-solvent", "just-solvent", "zero", "30d"])),
    )
    return book, options


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def reactions_of(given: dict[str, Any]) -> Reactions:
    text = "\n".join(f"{key} = {toml_value(value)}" for key, value in given.items() if value is not None)
    tomllib.loads(text)
    return read_reactions(text, source="random")


def both(seed: int) -> tuple[dict[str, Any], Any, Any]:
    (rows, reactions, subject, as_of, horizon, overdue), options = draw(seed)
    expected = twin.spread(
        rows,
        as_of=as_of,
        horizon_days=horizon,
        subject=subject,
        reactions=reactions,
        overdue=overdue,
        feedback=options.feedback,
        extreme=options.extreme,
        unknown_cash=options.unknown_cash,
    )
    network = Network.from_tables(tables_of(rows), as_of=as_of, horizon_days=horizon)
    got = spread(
        network,
        subject,
        overdue=overdue,
        reactions=reactions_of(reactions),
        feedback=options.feedback,
        extreme=options.extreme,
        unknown_cash=options.unknown_cash,
    )
    return expected, got, network


def difference(seed: int) -> float:
    """Return the largest difference of an amount, as a share of the largest amount; assert what is no amount."""
    expected, got, network = both(seed)
    _, options = draw(seed)
    summary = expected["summary"]
    gaps = [abs(summary[name] - got.summary[name]) for name in FIGURES]
    gaps += [abs(summary["by_channel"][name] - got.summary["by_channel"][name]) for name in summary["by_channel"]]
    gaps.append(abs((summary["amplification"] or 0) - (got.summary["amplification"] or 0)) * summary["overdue_total"])
    gaps += row_gaps(expected, got.rows.set_index("entity_id"), seed, timed=options.extreme == "greatest")
    gaps += project_gaps(expected, got.summary["projects"], seed)
    if options.extreme == "greatest":
        gaps.append(abs(summary["first_round_loss"] - got.summary["first_round_loss"]))
        gaps += round_gaps(summary["by_round"], got.summary["by_round"])
        assert abs(got.summary["rounds"] - summary["rounds"]) <= 2, seed
    amounts = (network.obligation, network.lines.amount, network.balance.data, [summary["vanished"], 1.0])
    return max(gaps) / max(float(np.max(amount, initial=0.0)) for amount in amounts)


def row_gaps(expected: dict[str, Any], rows: pd.DataFrame, seed: int, *, timed: bool) -> list[float]:
    assert set(rows.index) == set(expected["shown"]), seed
    gaps = []
    for entity_id in rows.index:
        row, found = expected["entities"][entity_id], rows.loc[entity_id]
        gaps += [abs(row[name] - found[name]) for name in MONEY]
        assert bool(found["defaulted"]) == row["defaulted"], (seed, entity_id)
        assert plain(found["distance"]) == row["distance"], (seed, entity_id)
        if timed:
            first, expected_first = plain(found["first_round"]), row["first_round"]
            assert (first is None) == (expected_first is None), (seed, entity_id)
            # A change close to rounding may count in one round or in the next.
            assert abs((first or 0) - (expected_first or 0)) <= 2, (seed, entity_id)
    return gaps


def plain(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def project_gaps(expected: dict[str, Any], got: list[dict[str, Any]], seed: int) -> list[float]:
    found = {project["project_id"]: project for project in got}
    gaps = []
    for project in expected["detail"]["projects"]:
        row = found.get(project["project_id"])
        if row is None:
            assert not project["lockup"], seed
            assert not project["drawstop"], seed
            continue
        assert (row["lockup"], row["drawstop"]) == (project["lockup"], project["drawstop"]), seed
        gaps += [abs((row[key] or 0) - (project[key] or 0)) for key in ("dscr_before", "dscr_after")]
    return gaps


def round_gaps(expected: list[dict[str, float]], got: list[dict[str, float]]) -> list[float]:
    gaps = []
    for number in range(max(len(expected), len(got))):
        one = expected[number] if number < len(expected) else {}
        other = got[number] if number < len(got) else {}
        gaps += [abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in MONEY[:4]]
    return gaps


@pytest.mark.parametrize("block", range(BLOCKS))
def test_both_agree_on_random_books(block: int) -> None:
    worst = max(difference(block * BOOKS + number) for number in range(BOOKS))

    assert worst <= CLOSE
