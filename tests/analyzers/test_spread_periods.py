"""`spread --periods`: the story rolled by hand, one small book a rule, and laws on random books."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spread_books import AS_OF, entity, network, owes, tables_of
from twin import tables as twin_tables
from twin.test_spread_equals_twin import draw, reactions_of

from graphrisk import read
from graphrisk.analyzers.spread import Asked, spread
from graphrisk.analyzers.spread_periods import run_periods, spread_periods
from graphrisk.analyzers.spread_roll import known_at
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions

STILL = read_reactions("[keep]\nfinancier = [[0, 1]]\nsupplier = [[0, 1]]", source="still.toml")


STORY = Path(__file__).parents[2] / "examples" / "01-reference-story" / "tables"


@pytest.fixture(scope="module")
def asked():
    return Asked("A", reactions=read_reactions(read(STORY).reactions, source="reactions.toml"))


@pytest.fixture(scope="module")
def the_story(asked):
    return run_periods(Network.from_tables(read(STORY), as_of=AS_OF, horizon_days=30), asked, 3)


def table(period, name: str, key: str) -> pd.DataFrame:
    return period.read.tables[name].set_index(key)


def cash(period) -> dict[str, float]:
    column = table(period, "entities", "entity_id")["cash"]
    return {who: None if pd.isna(amount) else amount / 100 for who, amount in column.items()}


def second(entities: list[dict], asked: Asked, **tables: list[dict]):
    """Return the second period of a small book."""
    return run_periods(network(entities, **tables), asked, 2)[1]


def test_the_book_of_the_story_a_month_later_by_hand(the_story):
    first, then, _ = the_story
    before, after = cash(first), cash(then)
    facilities = table(then, "facilities", "facility_id")
    invoices = table(then, "invoices", "invoice_id")

    assert then.posed.network.as_of == date(2024, 7, 30)
    # A: 60,000 + 5,000 - 57,600 (advance) - 100,000 (terms); what nothing covers stays below 0.
    assert after["A"] == 65_000 - 57_600 - 100_000 == -92_600
    assert after["P"] - before["P"] == -52_000
    assert after["F1"] - before["F1"] == 52_000
    assert after["F3"] - before["F3"] == 57_600
    assert after["S"] - before["S"] == 100_000
    assert after["F2"] == before["F2"]
    # F1 lends no more than is owed after P paid 50,000 of principal; F2 keeps its limit at what is drawn.
    assert facilities.loc["C1", ["limit", "drawn"]].tolist() == [25_000_000, 25_000_000]
    assert facilities.loc["C2", ["limit", "drawn"]].tolist() == [20_000_000, 20_000_000]
    assert table(then, "guarantees", "guarantee_id").loc["G1", "amount"] == (150_000 - 52_000) * 100
    assert then.read.tables["trade"]["terms_days"].tolist() == [30]
    assert pd.isna(invoices.loc["V2", "financed_by"])
    assert invoices.loc["V1", "financed_by"] == "F3"
    claim = invoices.loc["G1-period-1"]
    assert (claim["seller_id"], claim["buyer_id"], claim["amount"]) == ("P", "A", 5_200_000)


def test_the_story_ages_by_hand(the_story, asked):
    # L1 was made good on the first day, after 35 days of penalty: 50,000 x 18 % x 1.5 / 360 x 35 = 1,312.50.
    # L2's 40,000 fell due on 20 July: 10, then 40 days of 40,000 x 5 % x 1.5 / 360; and P claims its 52,000 back.
    found = the_story[0].posed.network
    told = spread_periods(found, asked, 3).summary["periods"]

    assert [row["overdue_total"] for row in told] == [52_000, 92_000, 92_000]
    assert [row["bucket"] for row in told] == ["M2", "M1", "M2"]
    assert [row["penalty"] for row in told] == [1312.5, 1312.5 + 83.33, 1312.5 + 333.33]
    assert [row["days_past_due"] for row in told] == [35, 30, 60]
    # S halves what is left each time: 100,000, 50,000, 25,000.
    assert [row["financing_loss"] for row in told] == [557_600, 50_000, 25_000]
    assert [row["cash_shortfall"] for row in told] == [92_000, 92_000, 92_000]


def test_a_class_worsens_as_a_loan_ages():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    due = {"loan_id": "L", "no": 1, "due_date": "2024-05-31", "principal_due": 100_000, "interest_due": 0}
    found = network([entity("A"), entity("B")], loans=[{**loan, "annual_rate": 120_000_000}], schedule=[due])
    told = spread_periods(found, Asked("A"), 12).summary["periods"]

    assert [row["days_past_due"] for row in told] == list(range(30, 390, 30))
    assert [row["bucket"] for row in told[:7]] == ["M1", "M2", "M3", "M4", "M5", "M6", "M7"]
    assert [row["five_class"] for row in told] == (["special_mention"] * 3 + ["substandard"] * 6 + ["doubtful"] * 3)
    assert [row["penalty"] for row in told[:2]] == [15.0, 30.0]  # 1,000 x 12 % x 1.5 / 360 x 30 days


def test_what_is_paid_is_paid_to_the_cent_and_penalty_stays():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    dues = [
        {"loan_id": "L", "no": 1, "due_date": "2024-05-31", "principal_due": 33_333, "interest_due": 101},
        {"loan_id": "L", "no": 2, "due_date": "2024-07-15", "principal_due": 66_667, "interest_due": 99},
    ]
    found = network(
        [entity("A", 5000), entity("B"), entity("X")],
        loans=[{**loan, "annual_rate": 120_000_000}],
        schedule=dues,
        invoices=[owes("X", "B", 1)],
    )
    then = run_periods(found, Asked("X", 1, STILL), 2)[1]
    rows = then.read.tables["payments"]
    (left,) = then.read.ledger.loans.to_dict("records")

    assert rows[["paid_date", "principal", "interest", "kind"]].to_numpy().tolist() == [
        [pd.Timestamp("2024-06-30"), 33_333, 101, "pay"],
        [pd.Timestamp("2024-07-15"), 66_667, 99, "pay"],
    ]
    assert (left["overdue_total"], left["outstanding_principal"], left["days_past_due"]) == (0, 0, 0)
    assert left["penalty"] == 500  # 333.33 x 12 % x 1.5 / 360 x 30 days, which the run does not pay


def test_a_part_paid_is_shared_by_instalments_and_principal_and_interest():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    dues = [
        {"loan_id": "L", "no": 1, "due_date": "2024-07-10", "principal_due": 60_000, "interest_due": 20_000},
        {"loan_id": "L", "no": 2, "due_date": "2024-07-20", "principal_due": 40_000, "interest_due": 0},
    ]
    found = network([entity("A", 300), entity("B"), entity("X")], loans=[loan], schedule=dues)
    rows = run_periods(found, Asked("X", 1, STILL), 2)[1].read.tables["payments"]

    assert rows[["principal", "interest"]].to_numpy().tolist() == [[15_000, 5_000], [10_000, 0]]


def test_cash_goes_first_and_the_rest_is_drawn_and_owed():
    # A owes C 700 and has 400: it draws 300 of a limit of 500.
    facility = {"facility_id": "F", "borrower_id": "A", "provider_id": "B", "limit": 50_000, "drawn": 0}
    then = second(
        [entity("A", 400), entity("B", 2000), entity("C"), entity("X")],
        Asked("X", 1, STILL),
        facilities=[{**facility, "rate": 60_000_000, "expiry": "2025-01-01"}],
        invoices=[owes("A", "C", 700)],
    )
    loan = table(then, "loans", "loan_id").loc["F-period-1"]

    assert (cash(then)["A"], cash(then)["B"], cash(then)["C"]) == (0, 1700, 700)
    assert table(then, "facilities", "facility_id").loc["F", ["limit", "drawn"]].tolist() == [50_000, 30_000]
    assert (loan["borrower_id"], loan["lender_id"], loan["outstanding"], loan["annual_rate"]) == (
        ("A", "B", 30_000, 60_000_000)
    )
    assert then.posed.network.balance.sum() == 300
    assert then.posed.network.lines.amount.tolist() == [200]


@pytest.mark.parametrize(("recourse", "seller", "financier"), [(True, 20, 80), (False, 20, 80)])
def test_an_advance_goes_back_when_its_invoice_is_paid(recourse, seller, financier):
    # With recourse B was paid all 100 and gives 80 back to F; without it F was paid its 80 by A.
    invoice = owes("A", "B", 100, financed_by="F", advance_rate=0.8, recourse=recourse, confirmed=not recourse)
    then = second([entity(i, 100 if i == "A" else 0) for i in "ABFX"], Asked("X", 1, STILL), invoices=[invoice])

    assert cash(then) == {"A": 0, "B": seller, "F": financier, "X": 0}
    settled = table(then, "invoices", "invoice_id").loc["AB"]
    assert (settled["settled_amount"], settled["settled_date"]) == (10_000, pd.Timestamp("2024-07-01"))
    assert len(then.posed.network.items.due) == 0
    assert len(then.posed.network.lines.amount) == 0


def test_an_invoice_paid_in_part_stays_open_for_the_rest_and_its_advance_too():
    invoice = owes("A", "B", 100, financed_by="F", advance_rate=0.8, recourse=True)
    then = second([entity(i, 25 if i == "A" else 0) for i in "ABFX"], Asked("X", 1, STILL), invoices=[invoice])

    assert cash(then) == {"A": 0, "B": 5, "F": 20, "X": 0}
    assert then.posed.network.items.due.tolist() == [75]
    assert then.posed.network.items.overdue.tolist() == [75]
    assert then.posed.network.lines.amount.tolist() == [60]


def test_an_advance_cut_in_part_is_smaller_afterwards():
    rules = read_reactions("delta = 0\n[keep]\nfinancier = [[0, 1], [1, 0.5]]", source="half.toml")
    invoice = owes("K", "A", 100, financed_by="F", advance_rate=0.8, confirmed=True, due_date="2024-12-31")
    debt = owes("K", "C", 50)
    then = second([entity(i) for i in "AKFC"], Asked("K", 50, rules), invoices=[invoice, debt])

    assert table(then, "invoices", "invoice_id").loc["KA", "advance_rate"] == pytest.approx(0.4)
    assert (cash(then)["A"], cash(then)["F"]) == (-40, 40)


def test_unknown_cash_stays_unknown():
    people = [entity("A", None), entity("B", 10), entity("C")]
    then = second(people, Asked("A", 50), invoices=[owes("A", "B", 100), owes("B", "C", 30)])

    assert cash(then)["A"] is None
    assert cash(then)["B"] == 10 + 50 - 30


def test_a_guarantee_that_is_used_up_is_settled_and_a_partly_used_one_smaller():
    guarantees = [
        {"guarantee_id": f"g{cap}", "guarantor_id": "G", "debtor_id": "A", "kind": "joint", "amount": cap * 100}
        for cap in (300, 900)
    ]
    then = second(
        [entity("A"), entity("B"), entity("G", 5000)],
        Asked("A", 1000),
        invoices=[owes("A", "B", 1000)],
        guarantees=guarantees,
    )
    rows = table(then, "guarantees", "guarantee_id")

    assert rows.loc["g300", "status"] == "settled"
    assert rows.loc["g900", "amount"] == 20_000
    assert then.posed.network.overdue_total.tolist() == [1000, 0, 0]
    assert {(str(row["seller_id"]), row["amount"]) for row in then.read.tables["invoices"].to_dict("records")} == {
        ("B", 100_000),
        ("G", 30_000),
        ("G", 70_000),
    }


def test_a_loan_known_from_snapshots_alone_gets_an_older_snapshot():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    state = {"loan_id": "L", "as_of": "2024-06-30", "outstanding": 80_000, "overdue_principal": 20_000}
    found = Network.from_tables(
        tables_of([entity("A", 50), entity("B")], loans=[loan], snapshots=[{**state, "days_past_due": 20}]),
        as_of=AS_OF,
        horizon_days=30,
    )
    told = run_periods(found, Asked("B", 0, STILL), 2)[1].read.ledger.loans.to_dict("records")

    assert [(row["overdue_total"], row["outstanding_principal"], row["days_past_due"]) for row in told] == [
        (15_000, 75_000, 50)
    ]


def test_a_book_without_payments_whose_plans_are_told_by_snapshots_is_refused():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    due = {"loan_id": "L", "no": 1, "due_date": "2024-05-31", "principal_due": 100_000, "interest_due": 0}
    state = {"loan_id": "L", "as_of": "2024-06-30", "outstanding": 80_000, "overdue_principal": 20_000}
    tables = tables_of([entity("A"), entity("B")], loans=[loan], schedule=[due], snapshots=[state])
    del tables.frames["payments"]
    found = Network.from_tables(tables, as_of=AS_OF, horizon_days=30)

    assert spread_periods(found, Asked("A"), 1).summary["overdue_total"] == 200
    with pytest.raises(InvalidDataError, match=r"payments\.csv"):
        spread_periods(found, Asked("A"), 2)


def test_what_happened_later_is_not_known():
    rows = {
        "loans": [
            {"loan_id": "L", "start_date": "2024-01-01", "accelerated_on": "2024-07-02", "status": "written_off"},
            {"loan_id": "M", "start_date": "2024-07-01"},
        ],
        "payments": [{"loan_id": "L", "paid_date": day, "amount": 1} for day in ("2024-06-30", "2024-07-01")],
        "invoices": [
            {"invoice_id": "V", "issue_date": "2024-06-01", "settled_date": "2024-07-05", "settled_amount": 5},
            {"invoice_id": "W", "issue_date": "2024-06-01", "confirmed": True, "confirmed_date": "2024-07-05"},
            {"invoice_id": "N", "issue_date": "2024-07-01"},
        ],
        "trade": [{"period": period} for period in ("2024", "2024-06", "2024-07", "2025")],
        "guarantees": [{"guarantee_id": "G", "start": "2024-07-15"}],
    }
    rows["loans"][0]["write_off_date"] = "2024-07-03"
    known = known_at(tables_of([entity("A")], **rows), pd.Timestamp("2024-06-30"))
    loan, invoices = known["loans"].iloc[0], known["invoices"].set_index("invoice_id")

    assert known["loans"]["loan_id"].tolist() == ["L"]
    assert pd.isna(loan["accelerated_on"])
    assert loan["status"] == "active"
    assert len(known["payments"]) == 1
    assert invoices.index.tolist() == ["V", "W"]
    assert invoices.loc["V", ["settled_date", "settled_amount"]].isna().all()
    assert not invoices.loc["W", "confirmed"]
    assert known["trade"]["period"].tolist() == ["2024", "2024-06"]
    assert known["guarantees"]["guarantee_id"].tolist() == ["G"]


def test_one_period_is_the_plain_spread(the_story, asked):
    found = the_story[0].posed.network
    rows = spread_periods(found, asked, 1).rows

    assert rows.pop("period").tolist() == [1] * len(rows)
    assert rows.pop("extra_cost").tolist() == [0] * len(rows)
    pd.testing.assert_frame_equal(rows, spread(found, "A", reactions=asked.reactions).rows)


def test_the_largest_figures_of_one_period_stand_for_all(the_story, asked):
    result = spread_periods(the_story[0].posed.network, asked, 3)
    told = result.summary["periods"]

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "vanished"):
        assert result.summary[name] == max(row[name] for row in told)
    assert result.summary["financing_loss"] == 557_600  # then 50,000 and 25,000
    assert result.summary["overdue_total"] == 92_000
    assert result.summary["amplification"] == pytest.approx(92 / 52)
    assert result.rows["period"].unique().tolist() == [1, 2, 3]
    assert [sentence.code for sentence in result.headline] == ["periods_row"] * 3


def test_an_unknown_entity_is_refused():
    with pytest.raises(UsageError, match="no entity Z"):
        spread_periods(network([entity("A")]), Asked("Z"), 2)


@pytest.mark.parametrize("seed", range(5200, 5212))
def test_the_ledger_says_what_the_run_left_unpaid(seed):
    (rows, reactions, subject, as_of, horizon, overdue), options = draw(seed)
    found = Network.from_tables(twin_tables.tables_of(rows), as_of=as_of, horizon_days=horizon)
    asked = Asked(subject, overdue, reactions_of(reactions), options.feedback, options.extreme, options.unknown_cash)

    periods = run_periods(found, asked, 3)

    for one, then in pairwise(periods):
        assert_rolled(one, then)


def assert_rolled(one, then) -> None:
    items, moves, lines = one.posed.network.items, one.moves, one.posed.network.lines
    made_good = np.bincount(moves.guaranteed_item, weights=moves.guaranteed, minlength=len(items.due))
    left = pd.Series(items.due - moves.paid - made_good)
    cent = 0.011

    loans = left[items.kind == "loan"].groupby(items.id[items.kind == "loan"]).sum()
    called = then.read.ledger.loans.set_index("loan_id")["accelerated"].reindex(loans.index).to_numpy(dtype=bool)
    due = then.read.ledger.instalments
    due = due[due["due_date"] <= one.read.until]
    unpaid = (due["principal_unpaid"] + due["interest_unpaid"]).groupby(due["loan_id"]).sum() / 100
    gap = (unpaid.reindex(loans.index).fillna(0) - loans)[~called].abs()
    assert gap.max() <= 4 * cent or gap.empty

    billed = left[items.kind == "invoice"].groupby(items.id[items.kind == "invoice"]).sum()
    invoices = then.read.tables["invoices"].set_index("invoice_id").reindex(billed.index)
    still = (invoices["amount"] - invoices["settled_amount"].fillna(0)).to_numpy(dtype=float) / 100
    assert np.abs(still - billed.to_numpy()).max(initial=0) <= cent

    known = then.read.tables["entities"].set_index("entity_id")["cash"].reindex(one.posed.network.ids)
    cash_left = moves.cash_after[: one.posed.network.n][known.notna().to_numpy()]
    assert np.abs(known.dropna().to_numpy(dtype=float) / 100 - cash_left).max(initial=0) <= cent

    assert moves.cash_after.sum() == pytest.approx(moves.cash_before.sum(), abs=1e-6)
    assert (moves.drawn <= lines.amount - moves.lost + 1e-9).all()
    assert moves.paid.sum() + one.found.run.called.sum() == pytest.approx(
        one.found.run.received.sum() + one.found.run.receipts.sum()
    )


def test_a_raised_rate_costs_its_borrower_in_the_next_period(the_story, asked):
    # F1 adds 3 points at full distrust. P repaid 50,000 of 300,000, so 250,000 x 3 % x 30 / 360 = 625; F2 adds nothing.
    text = read(STORY).reactions + "\n[rate_rise]\nF1 = [[0, 0], [1, 0.03]]\n"
    found = the_story[0].posed.network
    raised = spread_periods(found, Asked("A", reactions=read_reactions(text, source="mine.toml")), 2)
    plain = spread_periods(found, asked, 2)

    assert [row["extra_cost"] for row in raised.summary["periods"]] == [0, pytest.approx(625)]
    assert raised.rows.set_index(["period", "entity_id"])["extra_cost"][2, "A"] == pytest.approx(625)
    assert raised.rows["extra_cost"].sum() == pytest.approx(625)
    assert "periods_extra_cost" in {note.code for note in raised.notes}
    assert "periods_extra_cost" not in {note.code for note in plain.notes}
    assert "rate_rise" not in spread(found, "A", reactions=asked.reactions).detail["reactions"]
    pd.testing.assert_frame_equal(raised.rows.drop(columns="extra_cost"), plain.rows.drop(columns="extra_cost"))


@pytest.mark.parametrize(
    ("tables", "cost"),
    [
        ("financier = [[0, 0], [1, 0.12]]", 10.0),  # 1,000 x 12 % x 30 / 360
        ("financier = [[0, 0], [1, 0.12]]\nbank = [[0, 0], [1, 0.06]]", 5.0),
        ("financier = [[0, 0], [1, 0.12]]\nbank = [[0, 0], [1, 0.06]]\nB = [[0, 0], [1, 0]]", 0.0),
        ("platform = [[0, 0], [1, 0.12]]", 0.0),
        ("financier = [[0, 0], [0.5, 0], [0.5, 0.12]]", 10.0),
    ],
)
def test_the_most_special_rate_wins(tables, cost):
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    rules = read_reactions(f"[rate_rise]\n{tables}", source="mine.toml")
    then = second(
        [entity("A"), {**entity("B"), "kind": "bank"}, entity("C")],
        Asked("A", 10, rules),
        loans=[loan],
        invoices=[owes("A", "C", 10)],
    )

    assert then.extra_cost.tolist() == [pytest.approx(cost), 0, 0]


@pytest.mark.parametrize(
    ("table", "said"),
    [("[[0, 0.01], [1, 0.02]]", "no distrust, no higher rate"), ("[[0, 0], [0.2, 0.1], [1, 0]]", "falls")],
)
def test_rates_that_fall_with_distrust_are_refused(table, said):
    with pytest.raises(InvalidDataError, match=said):
        read_reactions(f"[rate_rise]\nF1 = {table}", source="mine.toml")
