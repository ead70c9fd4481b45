"""The question `trace`: the reference story's paths, circles, and who can hurt one entity."""

from datetime import date
from pathlib import Path

import pytest
from spread_books import chain, entity, network, owes

import graphrisk
from graphrisk.analyzers.spread import spread
from graphrisk.analyzers.trace import trace
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions
from graphrisk.results import RESULTS

STORY = Path(__file__).parents[2] / "examples" / "01-reference-story" / "tables"


@pytest.fixture(scope="module")
def story():
    tables = graphrisk.read(STORY)
    return Network.from_tables(tables, as_of=date(2024, 6, 30), horizon_days=30), read_reactions(tables.reactions)


@pytest.fixture(scope="module")
def sample():
    tables = graphrisk.read()
    return Network.from_tables(tables, as_of=date(2024, 6, 30), horizon_days=30), read_reactions(tables.reactions)


def told(result):
    return [(row.path, row.channels, round(row.amount, 2)) for row in result.rows.itertuples()]


def test_the_storys_paths_by_hand(story):
    # A lacks 557,600 of financing and passes 40,000 of it on to F2, so each withdrawal keeps 517.6 / 557.6 at A. What
    # A does not pay F1 its guarantor P pays.
    found, rules = story
    result = trace(found, "A", reactions=rules)
    at_a, passed = 517_600 / 557_600, 40_000 / 557_600

    assert told(result) == [
        (("F2", "A"), ("funding",), round(300_000 * at_a, 2)),
        (("F1", "A"), ("funding",), round(100_000 * at_a, 2)),
        (("S", "A"), ("supply",), round(100_000 * at_a, 2)),
        (("F3", "A"), ("funding",), round(57_600 * at_a, 2)),
        (("A", "P"), ("guarantee",), 52_000),
        (("F2", "A", "F2"), ("funding", "default"), round(300_000 * passed, 2)),
        (("F1", "A", "F2"), ("funding", "default"), round(100_000 * passed, 2)),
        (("S", "A", "F2"), ("supply", "default"), round(100_000 * passed, 2)),
        (("F3", "A", "F2"), ("funding", "default"), round(57_600 * passed, 2)),
    ]
    assert result.summary["total"] == 609_600
    assert result.summary["explained_share"] == pytest.approx(1)
    assert result.rows["cumulative_share"].iloc[-1] == pytest.approx(1)
    assert result.summary["overdue_total"] == 52_000
    assert [(source["entity_id"], source["channel"]) for source in result.summary["sources"]] == [
        ("F2", "funding"),
        ("F1", "funding"),
        ("S", "supply"),
        ("F3", "funding"),
        ("A", None),
    ]
    by_channel = {"default": 40_000, "guarantee": 52_000, "supply": 100_000 * at_a, "funding": 457_600 * at_a}
    assert result.summary["by_channel"] == pytest.approx(by_channel)


def test_most_of_what_f2_misses_comes_from_its_own_freeze(story):
    found, rules = story
    result = trace(found, "A", to="F2", reactions=rules)

    assert told(result)[0] == (("F2", "A", "F2"), ("funding", "default"), round(40_000 * 300 / 557.6, 2))
    assert result.summary["total"] == 40_000
    assert result.summary["cash_shortfall"] == 40_000
    assert sum(source["amount"] for source in result.summary["sources"]) == pytest.approx(40_000)
    assert result.headline[0].code == "trace_to_headline"


def test_steps_are_told_with_the_contracts_that_carry_them(story):
    found, rules = story
    paths = trace(found, "A", reactions=rules).detail["paths"]
    contracts = {
        (step["from"], step["to"], step["channel"]): [(c["kind"], c["id"], c["amount"]) for c in step["contracts"]]
        for path in paths
        for step in path["steps"]
    }

    assert contracts == {
        ("F2", "A", "funding"): [("facility", "C2", 300_000)],
        ("F1", "A", "funding"): [("facility", "C1", 100_000)],
        ("S", "A", "supply"): [("trade_credit", "", 100_000)],
        ("F3", "A", "funding"): [("advance", "V2", pytest.approx(57_600))],
        ("A", "P", "guarantee"): [("guarantee", "G1", 52_000)],
        ("A", "F2", "default"): [("loan", "L2", pytest.approx(40_000))],
    }
    for path in paths:
        carried = path["steps"][0]["amount"] * path["steps"][0]["share"]
        for step in path["steps"][1:]:
            carried *= step["share"]
        assert path["amount"] <= carried * (1 + 1e-9)


@pytest.mark.parametrize("subject", ["W1", "W3", "X1", "X2", "A", "T03"])
def test_paths_to_each_loser_add_up_to_its_row(sample, subject):
    # W1 to W4 guarantee each other in a circle, X1 and X2 each other.
    found, rules = sample
    rows = spread(found, subject, overdue=60_000, reactions=rules).rows
    whole = trace(found, subject, overdue=60_000, reactions=rules, top=400)

    assert whole.summary["total"] == pytest.approx(whole.summary["vanished"])
    assert whole.summary["explained_share"] == pytest.approx(1, abs=1e-6)
    for row in rows.itertuples():
        arrived = row.cash_shortfall + row.financing_loss
        result = trace(found, subject, to=row.entity_id, overdue=60_000, reactions=rules, top=400)

        assert result.summary["total"] == pytest.approx(arrived)
        assert sum(result.rows["amount"]) == pytest.approx(arrived, rel=1e-6)
        assert all(path[-1] == row.entity_id for path in result.rows["path"])


def test_top_cuts_paths_and_says_what_they_carry(story):
    found, rules = story
    result = trace(found, "A", reactions=rules, top=1)

    assert result.rows["rank"].tolist() == [1]
    assert result.summary["explained_share"] == pytest.approx(278_479.2 / 609_600, rel=1e-6)
    with pytest.raises(UsageError, match="at least 1 path"):
        trace(found, "A", reactions=rules, top=0)


def test_a_path_may_end_outside_the_data(story):
    found, rules = story
    result = trace(found, "A", overdue=150_000, reactions=rules)

    assert (("A", "(outside)"), ("default",), 58_000) in told(result)
    assert "spread_excess" in [note.code for note in result.notes]
    owed = network([entity("A"), entity("B")], invoices=[owes("A", "Z", 100)])
    assert told(trace(owed, "A", overdue=40)) == [(("A", "Z"), ("default",), 40)]
    assert told(trace(owed, "A", to="Z", overdue=40)) == [(("A", "Z"), ("default",), 40)]


def test_nothing_overdue_has_no_paths_and_says_so():
    result = trace(chain(), "A")

    assert result.rows.empty
    assert result.rows.columns.tolist() == [column.name for column in RESULTS["trace"]]
    assert result.headline[0].code == "trace_nothing"
    assert result.summary["explained_share"] is None
    assert trace(chain(), "C", to="A", overdue=10).headline[0].code == "trace_nothing_arrives"


def test_a_round_of_a_circle_is_a_path_of_its_own():
    circle = network(
        [entity(i) for i in "ABC"], invoices=[owes("A", "B", 1000), owes("B", "A", 900), owes("B", "C", 100)]
    )
    result = trace(circle, "A", overdue=100, top=3)

    assert told(result) == [
        (("A", "B", "C"), ("default",) * 2, 10),
        (("A", "B", "A", "B", "C"), ("default",) * 4, 9),
        (("A", "B", "A", "B", "A", "B", "C"), ("default",) * 6, 8.1),
    ]
    assert "trace_rounds" in [note.code for note in result.notes]


def test_wrong_questions_are_refused():
    found = chain()
    for wrong in (
        {},
        {"entity_id": "NOBODY"},
        {"entity_id": "A", "to": "NOBODY"},
        {"to": "NOBODY"},
        {"to": "C", "overdue": 5.0},
        {"entity_id": "A", "overdue": -1.0},
    ):
        with pytest.raises(UsageError):
            trace(found, **wrong)
    unknown = network([entity("A"), entity("B", None)], invoices=[owes("A", "B", 100)])
    for asked in ({"entity_id": "A"}, {"to": "B"}):
        with pytest.raises(InvalidDataError):
            trace(unknown, **asked, unknown_cash="refuse")


def test_who_can_hurt_the_storys_second_bank(story):
    # If A pays nothing of its 92,000 F2 lacks its 40,000; its guarantor hurts nobody, the others owe nothing.
    found, rules = story
    result = trace(found, to="F2", reactions=rules)
    (row,) = result.rows.itertuples(index=False)

    assert result.command == "trace_to"
    assert (row.entity_id, row.distance, row.obligation) == ("A", 1, 92_000)
    assert row.per_unit == pytest.approx(40 / 92)
    assert (row.first_order, row.exact) == (pytest.approx(40_000), pytest.approx(40_000))
    assert result.summary["stake"] == 40_000


def test_who_hurts_only_beyond_a_threshold_is_found_by_the_model(sample):
    # X1 answers for what X2 owes F4 and can pay a little of it, but not all.
    found, rules = sample
    rows = trace(found, to="F4", reactions=rules).rows.set_index("entity_id")

    assert rows.loc["X2", "first_order"] == 0
    assert rows.loc["X2", "exact"] == pytest.approx(_exact(found, rules, "X2", rows.loc["X2", "obligation"], "F4"))
    assert rows.loc["X2", "exact"] > 50_000


def _exact(found, rules, who, owed, goal):
    rows = spread(found, who, overdue=owed, reactions=rules).rows.set_index("entity_id")
    return rows["cash_shortfall"].get(goal, 0.0) + rows["financing_loss"].get(goal, 0.0)


@pytest.mark.parametrize("goal", ["F1", "F4", "W2", "X2", "A", "DB"])
def test_exact_is_what_the_spread_says(sample, goal):
    found, rules = sample
    result = trace(found, to=goal, reactions=rules, top=30)
    exact = result.rows["exact"].dropna()

    assert len(exact) <= 10
    for row in result.rows[result.rows["exact"].notna()].itertuples():
        assert row.exact == pytest.approx(_exact(found, rules, row.entity_id, row.obligation, goal), abs=0.01)
    assert exact.tolist() == sorted(exact, reverse=True)
    assert goal not in result.rows["entity_id"].tolist()
    assert (result.rows["first_order"] <= result.summary["stake"] * (1 + 1e-9)).all()


def test_first_order_does_not_see_means_that_are_used_up_and_the_model_does():
    # B has 300 to spare: a little less of A's 1,000 hurts B alone, all of it makes C lack 700.
    owed = [owes("A", "B", 1000), owes("B", "C", 1000)]
    result = trace(network([entity("A", 1000), entity("B", 300), entity("C")], invoices=owed), to="C")

    assert result.rows[["entity_id", "first_order", "exact"]].to_numpy().tolist() == [["B", 1000, 1000], ["A", 0, 700]]
    assert "trace_first_order" in [note.code for note in result.notes]


def test_an_order_that_differs_is_said():
    # A pays B 40, which B pays C. D owes C 200; of a little of that C lacks nothing, since G answers for it, but G has
    # 150 for all of it.
    found = network(
        [entity("A", 40), entity("B"), entity("C"), entity("D", 500), entity("G", 150)],
        invoices=[owes("A", "B", 40), owes("B", "C", 40), owes("D", "C", 200)],
        guarantees=[{"guarantee_id": "g", "guarantor_id": "G", "debtor_id": "D", "creditor_id": "C", "kind": "joint"}],
    )
    result = trace(found, to="C")

    assert result.rows[["entity_id", "first_order", "exact"]].to_numpy().tolist() == [
        ["D", 0, 50],
        ["A", 40, 40],
        ["B", 40, 40],
    ]
    assert "trace_order_differs" in [note.code for note in result.notes]
    assert result.summary["exact_order_differs"]


def test_who_cannot_pay_all_in_the_common_baseline_is_named():
    # D owes E and C 50 each and has 50, so each gets 25; E has 10 more and pays C 35 of 50. A unit that D withholds
    # of what falls to C and E is all missed by C. In a run of its own D has 100: E then has 60 and still pays its 50.
    found = network(
        [entity("C"), entity("D", 50), entity("E", 10), entity("Z")],
        invoices=[owes("D", "E", 50), owes("D", "C", 50), owes("E", "C", 50), owes("C", "Z", 10)],
    )
    result = trace(found, to="C")
    (said,) = [note for note in result.notes if note.code == "trace_short"]
    own = spread(found, "D", overdue=1).rows.set_index("entity_id")["cash_shortfall"]

    assert result.rows[["entity_id", "per_unit", "exact"]].to_numpy().tolist() == [["D", 1, 90], ["E", 1, 50]]
    assert own["C"] == 0.5
    assert said.fields["ids"] == ("D", "E")


def test_nobody_can_hurt_who_has_nothing_at_stake():
    result = trace(chain(), to="A")

    assert result.rows.empty
    assert result.headline[0].code == "trace_nobody"


def test_only_ten_are_asked_exactly():
    names = [f"D{k:02d}" for k in range(14)]
    found = network(
        [entity("C"), *(entity(name, 100) for name in names)],
        invoices=[owes(name, "C", 10 + k) for k, name in enumerate(names)],
    )
    result = trace(found, to="C", top=12)

    assert result.rows["entity_id"].tolist() == names[:1:-1]
    assert result.rows["exact"].notna().sum() == 10
    assert result.summary["entities"] == 14
