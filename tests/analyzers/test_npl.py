from datetime import date
from decimal import Decimal

import pytest

from graphrisk.analyzers.npl import npl
from graphrisk.errors import UsageError
from graphrisk.results import RESULTS
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)
#: Due dates that are so many days before.
LATE = {0: "2024-07-01", 30: "2024-05-31", 31: "2024-05-30", 90: "2024-04-01", 91: "2024-03-31", 400: "2023-05-27"}


def loan(name, days, principal=100_000, **more):
    """Return a loan and its schedule: a tenth fell due some days ago, the rest falls due in a year."""
    row = {"loan_id": name, "borrower_id": "A", "lender_id": "F", "principal": principal, "annual_rate": 0}
    dues = [
        {"loan_id": name, "no": 1, "due_date": LATE[days], "principal_due": principal // 10, "interest_due": 0},
        {"loan_id": name, "no": 2, "due_date": "2025-07-01", "principal_due": principal * 9 // 10, "interest_due": 0},
    ]
    return {**row, "start_date": "2023-01-01", **more}, dues


def book(*items, **tables):
    frames = {"loans": [item[0] for item in items], "schedule": [row for item in items for row in item[1]]}
    return Tables({name: SCHEMAS[name].frame(rows) for name, rows in {**frames, "payments": [], **tables}.items()})


def test_the_whole_balance_of_a_bad_loan_counts_not_its_overdue_part():
    # 1,000.00 each; one is 91 days late with 100.00: 1,000 of 3,000 is non-performing.
    result = npl(book(loan("L1", 0), loan("L2", 90), loan("L3", 91)), as_of=AS_OF)

    row = result.rows.iloc[0]
    assert tuple(result.rows.columns) == tuple(column.name for column in RESULTS["npl"])
    assert row[["outstanding_principal", "npl_balance", "overdue_total"]].tolist() == [300_000, 100_000, 20_000]
    assert row["npl_ratio"] == 0.333333
    assert result.summary["npl_balance"] == Decimal("1000.00")
    assert result.summary["npl_ratio"] == 0.333333
    assert result.headline[0].code == "npl_headline"


def test_par_is_strictly_more_than_its_days():
    row = npl(book(*(loan(f"L{days}", days) for days in (0, 30, 31, 90, 91))), as_of=AS_OF).rows.iloc[0]

    assert (row["par30_ratio"], row["par90_ratio"]) == (0.6, 0.2)


def test_ratios_are_rounded_half_up_to_six_decimals():
    # 2 of 3: 0.666667; 1 of 64: 0.015625
    two_of_three = book(loan("L1", 91, 200), loan("L2", 0, 100))
    assert npl(two_of_three, as_of=AS_OF).rows["npl_ratio"].tolist() == [0.666667]
    # 1 of 2,000,000: 0.0000005 rounds up.
    tiny = book(loan("L1", 91, 10), loan("L2", 0, 19_999_990))
    assert npl(tiny, as_of=AS_OF).rows["npl_ratio"].tolist() == [0.000001]


def test_a_given_class_makes_a_loan_non_performing():
    result = npl(book(loan("L1", 0, five_class="doubtful"), loan("L2", 0, five_class="special_mention")), as_of=AS_OF)

    assert result.rows["npl_ratio"].tolist() == [0.5]
    assert result.rows["par90_ratio"].tolist() == [0]


def test_loans_written_off_sold_or_settled_are_in_neither_part():
    tables = book(
        loan("L1", 0),
        loan("L2", 400, status="written_off"),
        loan("L3", 400, status="sold"),
        loan("L4", 400, status="settled", five_class="loss"),
    )
    result = npl(tables, as_of=AS_OF)

    assert result.rows[["outstanding_principal", "npl_balance"]].to_numpy().tolist() == [[100_000, 0]]
    assert result.summary["written_off"]["outstanding_principal"] == Decimal("1000.00")
    assert (result.summary["loans"], result.summary["sold"]["loans"]) == (1, 1)


@pytest.mark.parametrize("tables", [Tables({}), book(loan("L1", 91, status="settled"))])
def test_without_anything_outstanding_a_ratio_is_empty_not_nought(tables):
    result = npl(tables, as_of=AS_OF)

    assert len(result.rows) == 1
    assert result.rows["npl_ratio"].isna().all()
    assert result.summary["npl_ratio"] is None
    assert result.headline[0].code == "npl_empty"


def test_by_keys_each_row_has_its_own_ratio_and_the_summary_that_of_the_book():
    items = [loan("L1", 91, lender_id="F"), loan("L2", 0, lender_id="F"), loan("L3", 0, lender_id="G", product="car")]
    result = npl(book(*items), as_of=AS_OF, by=["lender"])

    assert result.rows[["lender_id", "npl_ratio", "overdue_total"]].to_numpy().tolist() == [
        ["F", 0.5, 10_000],
        ["G", 0, 0],
    ]
    assert result.summary["npl_ratio"] == 0.333333
    rows = npl(book(*items), as_of=AS_OF, by=["product", "bucket"]).rows
    assert rows[["product", "bucket"]].fillna("-").to_numpy().tolist() == [["-", "M4"], ["car", "M0"], ["-", "M0"]]


def test_co_lenders_share_the_bad_balance():
    shares = [{"loan_id": "L1", "lender_id": "G", "share": 0.25}]
    rows = npl(book(loan("L1", 91), loan_shares=shares), as_of=AS_OF, by=["lender"]).rows

    assert rows[["lender_id", "npl_balance"]].to_numpy().tolist() == [["F", 75_000], ["G", 25_000]]


def test_sums_are_in_one_currency():
    fx = [{"date": "2024-06-30", "currency": "USD", "base": "CNY", "rate": 7_000_000_000}]
    tables = book(loan("L1", 91, currency="USD"), loan("L2", 0), fx=fx)
    result = npl(tables, as_of=AS_OF)

    # 7,000 of 8,000
    assert result.rows[["npl_balance", "npl_ratio"]].to_numpy().tolist() == [[700_000, 0.875]]
    assert "converted" in [note.code for note in result.notes]


def test_an_unknown_key_is_refused():
    with pytest.raises(UsageError):
        npl(book(loan("L1", 0)), as_of=AS_OF, by=["loan"])


def test_a_guarantors_share_of_the_book_is_contingent():
    guarantees = [{"guarantee_id": "1", "guarantor_id": "P", "debtor_id": "A"}]
    result = npl(book(loan("L1", 91), guarantees=guarantees), as_of=AS_OF, by=["guarantor"])

    assert result.rows["guarantor_id"].tolist() == ["P"]
    assert "guarantor_contingent" in [note.code for note in result.notes]


def test_penalty_of_unknown_rate_is_empty_in_the_sum():
    result = npl(book(loan("L1", 91, annual_rate=None)), as_of=AS_OF)

    assert result.rows["penalty_total"].isna().all()
    assert result.summary["penalty_total"] is None
