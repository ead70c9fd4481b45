"""The answer of ``overdue <id> --explain``: its rows add up, and its words exist in both languages."""

from datetime import date

import pytest

from graphrisk.analyzers.overdue_explain import explain
from graphrisk.conventions import Conventions
from graphrisk.results import RESULTS
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS
from graphrisk.views.language import say

LOAN = {
    "loan_id": "L1",
    "borrower_id": "A",
    "lender_id": "F1",
    "principal": 30_000_000,
    "annual_rate": 180_000_000,
    "start_date": "2023-11-26",
}
DUE = (
    {"loan_id": "L1", "no": 1, "due_date": "2024-02-26", "principal_due": 0, "interest_due": 450_000},
    {"loan_id": "L1", "no": 2, "due_date": "2024-05-26", "principal_due": 5_000_000, "interest_due": 200_000},
)
PAID = {"loan_id": "L1", "payment_id": "Y1", "paid_date": "2024-02-26", "amount": 500_000}


def ask(*payments, conventions=None, due=DUE, rates=(), **loan):
    frames = {"loans": [LOAN | loan], "schedule": due, "payments": payments, "rates": rates}
    tables = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    settings = Conventions().changed(conventions or {})
    return explain(tables, "L1", as_of=date(2024, 6, 30), conventions=settings)


def said(result, language="en"):
    return [say(note, language, currency=result.currency) for note in (*result.headline, *result.notes)]


def test_a_row_for_each_instalment_and_for_each_that_a_payment_met():
    # 4,500.00 meet the first instalment, 500.00 go on to the second's interest.
    rows = ask(PAID).rows

    assert list(rows.columns) == [column.name for column in RESULTS["overdue_explain"]]
    assert rows["record"].tolist() == ["instalment", "instalment", "payment", "payment"]
    assert rows["no"].tolist() == [1, 2, 1, 2]
    assert rows["amount"].tolist()[2:] == [450_000, 50_000]
    assert rows["interest_overdue"].tolist()[:2] == [0, 150_000]
    assert rows["penalty"].tolist()[:2] == [0, 131_250]


def test_what_is_left_of_a_payment_has_a_row_of_its_own():
    rows = ask(PAID | {"amount": 5_650_100}).rows

    assert rows["unallocated"].tolist()[-1] == 100
    assert rows["amount"].tolist()[-1] == 100
    assert rows["no"].isna().tolist()[-1]


def test_the_penalty_is_shown_as_arithmetic_in_both_languages():
    result = ask(PAID)

    assert said(result)[1] == (
        "Penalty, instalment 2 due 2024-05-26, 2024-05-27 to 2024-06-30: "
        "50,000.00 x 18 % x 1.5 / 360 x 35 days = 1,312.50."
    )
    assert said(result, "zh")[1] == (
        "罚息，第 2 期（应还日 2024-05-26），2024-05-27 至 2024-06-30："
        "50,000.00 x 18 % x 1.5 / 360 x 35 天 = 1,312.50。"
    )


@pytest.mark.parametrize(
    ("conventions", "loan", "step"),
    [
        ({"penalty_mode": "on_top"}, {}, "18 % x (1 + 1.5) / 360 x 35 days = 2,187.50."),
        ({}, {"penalty_multiplier": 240_000_000}, "24 % / 360 x 35 days = 1,166.666667, rounded half up 1,166.67."),
        (
            {"penalty_mode": "on_top"},
            {"penalty_multiplier": 240_000_000},
            "(18 % + 24 %) / 360 x 35 days = 2,041.666667, rounded half up 2,041.67.",
        ),
        ({}, {"annual_rate": None}, "the penalty is unknown, not 0."),
    ],
)
def test_each_way_of_charging_penalty_has_its_arithmetic(conventions, loan, step):
    assert any(line.endswith(step) for line in said(ask(PAID, conventions=conventions, **loan)))


def test_a_penalty_of_several_rates_is_summed_before_it_is_rounded():
    # 18 % to 06-09, 14 days: 50,000 x 0.27 / 360 x 14 = 525.00; then 20 %, 21 days: 50,000 x 0.3 / 360 x 21 = 875.00.
    rates = [{"loan_id": "L1", "from": "2024-06-10", "annual_rate": 200_000_000}]

    lines = said(ask(PAID, rates=rates))

    assert lines[1].endswith("50,000.00 x 18 % x 1.5 / 360 x 14 days = 525.00.")
    assert lines[2].endswith("50,000.00 x 20 % x 1.5 / 360 x 21 days = 875.00.")
    assert lines[3].endswith("counted on 2024-06-30: 1,400.000000, rounded half up 1,400.00.")


def test_fees_are_told_beside():
    due = (DUE[0] | {"fee_due": 300}, DUE[1] | {"fee_due": 200})

    text = "\n".join(said(ask(PAID | {"amount": 450_300}, due=due)))

    assert "3.00 of it met the fee of instalment 1" in text
    assert "Fees overdue beside the overdue total: 2.00." in text


def test_receipts_that_do_not_count_are_named_with_the_reason():
    bounced = PAID | {"payment_id": "Y2", "amount": -500_000, "paid_date": "2024-03-01"}
    lost = PAID | {"payment_id": "Y3", "amount": -1}
    waiver = PAID | {"payment_id": "Y4", "amount": 700, "kind": "waiver"}
    late = PAID | {"payment_id": "Y5", "paid_date": "2024-07-01"}

    text = "\n".join(said(ask(PAID, PAID, bounced, lost, waiver, late)))

    for part in (
        "Payment Y1 of 2024-02-26, 5,000.00: undone by Y2",
        "Payment Y1 of 2024-02-26, 5,000.00: its id is repeated",
        "Reversal Y2 of 2024-03-01, -5,000.00: undoes Y1",
        "Reversal Y3 of 2024-02-26, -0.01: matches no payment",
        "Waiver Y4 of 2024-02-26: 7.00 off instalment 1",
        "Payment Y5 of 2024-07-01, 5,000.00: after the date asked for",
    ):
        assert part in text


def test_the_summary_has_totals_in_currency_units_and_conventions_in_words():
    summary = ask(PAID, grace_days=3).summary

    assert (str(summary["overdue_total"]), summary["days_past_due"]) == ("51500.00", 35)
    assert summary["conventions"]["grace_days"].startswith("Grace: 3 days")
    assert summary["conventions"]["penalty_multiplier"] == "Penalty: 1.5 times the contract rate."
    assert summary["conventions"]["own"].endswith("grace_days.")
    assert list(summary["conventions"])[:-1] == [name for name, _ in Conventions()]
