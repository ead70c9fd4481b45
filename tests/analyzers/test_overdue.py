from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrisk.analyzers.overdue import overdue
from graphrisk.analyzers.rollup import BY
from graphrisk.conventions import Conventions
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.results import KEYS, RESULTS
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 3, 31)


def loan(name, borrower="A", lender="F", **more):
    """Return a loan of 1,000.00; of it 100.00 and 5.00 of interest fall due on a day, see `due`."""
    row = {"loan_id": name, "borrower_id": borrower, "lender_id": lender, "principal": 100_000}
    return {**row, "annual_rate": 180_000_000, "start_date": "2024-01-15", **more}


def due(name, day="2024-03-01", principal=10_000, interest=500, fee=None):
    return [
        {"loan_id": name, "no": 1, "due_date": day, "principal_due": principal, "interest_due": interest}
        | {"fee_due": fee},
        {"loan_id": name, "no": 2, "due_date": "2025-03-01", "principal_due": 100_000 - principal, "interest_due": 0},
    ]


def book(loans, *, schedule=None, payments=(), **tables):
    rows = [row for item in loans for row in due(item["loan_id"])] if schedule is None else schedule
    tables = {"loans": loans, "schedule": rows, "payments": payments, **tables}
    return Tables({name: SCHEMAS[name].frame(items) for name, items in tables.items()})


def by(tables, *words, **options):
    result = overdue(tables, as_of=AS_OF, by=words, **options)
    names = [BY[word] for word in words]
    rows = result.rows[[*names, "loans", "overdue_total"]]
    return [tuple(None if pd.isna(item) else item for item in row) for row in rows.itertuples(index=False)], result


def test_by_loan_the_columns_are_those_promised():
    result = overdue(book([loan("L1"), loan("L2")], payments=[]), as_of=AS_OF)

    assert tuple(result.rows.columns) == tuple(column.name for column in RESULTS["overdue"])
    # 30 days: 100.00 x 0.18 x 1.5 / 360 x 30 = 2.25
    first = result.rows.iloc[0]
    assert first[["loan_id", "overdue_total", "penalty", "days_past_due"]].tolist() == ["L1", 10_500, 225, 30]
    assert first["overdue_since"] == pd.Timestamp("2024-03-01")
    assert result.summary["overdue_total"] == Decimal("210.00")
    assert result.summary["penalty"] == Decimal("4.50")
    assert (result.summary["loans"], result.summary["loans_overdue"]) == (2, 2)
    assert result.headline[0].code == "overdue_headline"


def test_rows_stand_by_overdue_total_falling_then_by_key():
    schedule = [*due("L1"), *due("L2", principal=20_000), *due("L3"), *due("L4", "2024-04-01")]
    tables = book([loan(f"L{number}") for number in (4, 3, 2, 1)], schedule=schedule)

    assert overdue(tables, as_of=AS_OF).rows["loan_id"].tolist() == ["L2", "L1", "L3", "L4"]


@pytest.mark.parametrize("word", sorted(BY))
def test_any_key_gives_its_column_and_the_same_sum(word):
    entities = [{"entity_id": "A", "kind": "company", "group_id": "G", "region": "North"}]
    tables = book([loan("L1", product="car"), loan("L2", "B", project_id="P")], entities=entities)

    rows, result = by(tables, word)

    assert tuple(result.rows.columns) == (BY[word], *(column.name for column in RESULTS["overdue_by"]))
    assert result.columns[0] == KEYS[BY[word]]
    assert sum(row[-1] for row in rows) == 21_000 == result.summary["overdue_total"] * 100


def test_borrowers_groups_regions_products_projects_and_months():
    entities = [
        {"entity_id": "A", "kind": "company", "group_id": "G", "region": "North"},
        {"entity_id": "B", "kind": "company", "group_id": "G", "region": ""},
    ]
    loans = [
        loan("L1", product="car", project_id="P"),
        loan("L2", "B", product="home", start_date="2023-12-31"),
        loan("L3", "C"),
    ]
    tables = book(loans, entities=entities)

    assert by(tables, "borrower")[0] == [("A", 1, 10_500), ("B", 1, 10_500), ("C", 1, 10_500)]
    assert by(tables, "group")[0] == [("G", 2, 21_000), (None, 1, 10_500)]
    assert by(tables, "region")[0] == [(None, 2, 21_000), ("North", 1, 10_500)]
    assert by(tables, "product")[0] == [("car", 1, 10_500), ("home", 1, 10_500), (None, 1, 10_500)]
    assert by(tables, "project")[0] == [(None, 2, 21_000), ("P", 1, 10_500)]
    assert by(tables, "origination_month")[0] == [("2024-01", 2, 21_000), ("2023-12", 1, 10_500)]
    assert by(tables, "bucket", "five_class")[0] == [("M1", "special_mention", 3, 31_500)]


def test_several_keys_make_a_row_each():
    tables = book([loan("L1", product="car"), loan("L2", "B", product="car"), loan("L3", product="home")])

    assert by(tables, "product", "borrower")[0] == [
        ("car", "A", 1, 10_500),
        ("car", "B", 1, 10_500),
        ("home", "A", 1, 10_500),
    ]


def test_a_co_lent_loan_is_split_and_adds_up():
    # A third to G and a third to H; F keeps the rest: 10,500 = 3,500 + 3,500 + 3,500.
    shares = [{"loan_id": "L1", "lender_id": name, "share": 0.333333333} for name in ("G", "H")]
    tables = book([loan("L1"), loan("L2")], loan_shares=shares)

    rows, result = by(tables, "lender")
    assert rows == [("F", 2, 14_000), ("G", 1, 3_500), ("H", 1, 3_500)]
    assert result.rows["principal"].sum() == 200_000
    assert result.rows["loans_overdue"].tolist() == [2, 1, 1]
    assert overdue(tables, as_of=AS_OF).summary["loans"] == 2


def test_shares_that_sum_to_one_leave_the_lender_without_a_row():
    shares = [{"loan_id": "L1", "lender_id": "G", "share": 0.3}, {"loan_id": "L1", "lender_id": "H", "share": 0.7}]

    rows, _ = by(book([loan("L1")], loan_shares=shares), "lender")

    assert rows == [("H", 1, 7_350), ("G", 1, 3_150)]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=4).filter(lambda shares: sum(shares) <= 10**9),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
)
def test_shares_of_any_size_add_up_to_the_loan(parts, principal, interest):
    shares = [{"loan_id": "L1", "lender_id": f"G{n}", "share": part / 10**9} for n, part in enumerate(parts)]
    schedule = due("L1", principal=principal, interest=interest)
    tables = book([loan("L1")], schedule=schedule, loan_shares=shares)

    result = by(tables, "lender")[1]
    whole = overdue(tables, as_of=AS_OF).rows.iloc[0]

    for name in ("principal", "overdue_principal", "overdue_interest", "overdue_total", "penalty"):
        assert result.rows[name].sum() == whole[name]
    assert (result.rows["overdue_principal"] >= 0).all()


def test_a_loan_counts_under_each_of_its_guarantors_and_one_without_apart():
    guarantees = [
        {"guarantee_id": "1", "guarantor_id": "P", "debtor_id": "A", "loan_id": "L1"},
        {"guarantee_id": "2", "guarantor_id": "P", "debtor_id": "A", "creditor_id": "F"},  # L1 and L2
        {"guarantee_id": "3", "guarantor_id": "Q", "debtor_id": "A"},  # all of A: L1, L2, L3
        {"guarantee_id": "4", "guarantor_id": "R", "debtor_id": "B", "loan_id": "L1"},  # not B's loan
        {"guarantee_id": "5", "guarantor_id": "S", "debtor_id": "A", "end": "2024-03-30"},
        {"guarantee_id": "6", "guarantor_id": "S", "debtor_id": "A", "start": "2024-04-01"},
        {"guarantee_id": "7", "guarantor_id": "S", "debtor_id": "A", "status": "settled"},
        {"guarantee_id": "8", "guarantor_id": "S", "debtor_id": "A", "amount": 0},
        {"guarantee_id": "9", "guarantor_id": "S", "debtor_id": "A", "claim_until": "2024-03-30"},
    ]
    tables = book([loan("L1"), loan("L2"), loan("L3", lender="G"), loan("L4", "B")], guarantees=guarantees)

    rows, result = by(tables, "guarantor")

    assert rows == [("Q", 3, 31_500), ("P", 2, 21_000), (None, 1, 10_500)]
    assert result.summary["overdue_total"] == Decimal("420.00")
    assert "guarantor_contingent" in [note.code for note in result.notes]


def test_a_guarantee_to_one_lender_covers_that_lenders_share():
    guarantees = [{"guarantee_id": "1", "guarantor_id": "P", "debtor_id": "A", "creditor_id": "G"}]
    shares = [{"loan_id": "L1", "lender_id": "G", "share": 0.4}]

    rows, _ = by(book([loan("L1")], guarantees=guarantees, loan_shares=shares), "guarantor")

    assert rows == [(None, 1, 6_300), ("P", 1, 4_200)]


def test_penalty_and_fees_are_counted_in_on_demand():
    tables = book([loan("L1")], schedule=due("L1", fee=300))

    plain = overdue(tables, as_of=AS_OF)
    assert plain.rows["overdue_total"].tolist() == [10_500]
    more = overdue(tables, as_of=AS_OF, include=["penalty", "fees"])
    assert more.rows["overdue_total"].tolist() == [10_500 + 225 + 300]
    assert more.summary["overdue_total"] == Decimal("110.25")
    assert more.summary["overdue_principal"] + more.summary["overdue_interest"] == Decimal("105.00")
    assert more.parameters["include"] == ["penalty", "fees"]
    assert "overdue_includes" in [note.code for note in more.notes]
    assert by(tables, "borrower", include=["fees"])[0] == [("A", 1, 10_800)]


@pytest.mark.parametrize("words", [["rating"], ["loan", "borrower"], ["borrower", "borrower"]])
def test_unknown_keys_are_refused_and_the_known_ones_named(words):
    with pytest.raises(UsageError, match=r"borrower.*origination_month"):
        overdue(book([loan("L1")]), as_of=AS_OF, by=words)


def test_an_unknown_include_is_refused():
    with pytest.raises(UsageError, match="penalty, fees"):
        overdue(book([loan("L1")]), as_of=AS_OF, include=["tax"])


def test_no_key_at_all_is_by_loan():
    assert overdue(book([loan("L1")]), as_of=AS_OF, by=()).parameters["by"] == ["loan"]


# Currencies


FX = [
    {"date": "2024-03-01", "currency": "USD", "base": "CNY", "rate": 7_000_000_000},
    {"date": "2024-03-31", "currency": "USD", "base": "CNY", "rate": 7_123_456_789},
    {"date": "2024-04-01", "currency": "USD", "base": "CNY", "rate": 9_000_000_000},
]


def test_by_loan_each_stands_in_its_own_currency_and_sums_are_converted():
    # 105.00 dollars are more than 105.00 yuan; 100.00 x 7.123456789 = 712.35, 5.00 x 7.123456789 = 35.62
    tables = book([loan("L1"), loan("L2", currency="USD")], fx=FX)
    result = overdue(tables, as_of=AS_OF)

    assert result.rows[["loan_id", "currency", "overdue_total"]].to_numpy().tolist() == [
        ["L2", "USD", 10_500],
        ["L1", "CNY", 10_500],
    ]
    assert result.currency == "CNY"
    assert result.summary["overdue_principal"] == Decimal("812.35")
    assert result.summary["overdue_total"] == Decimal("852.97")
    assert [note.fields["currencies"] for note in result.notes if note.code == "converted"] == [("USD",)]
    assert by(tables, "borrower")[0] == [("A", 2, 85_297)]


def test_amounts_of_several_currencies_without_a_rate_are_not_added():
    tables = book([loan("L1"), loan("L2", currency="USD")])

    with pytest.raises(InvalidDataError, match="USD"):
        overdue(tables, as_of=AS_OF)


def test_a_book_of_one_currency_is_summed_in_it_or_in_another_if_asked():
    tables = book([loan("L1", currency="USD")], fx=FX)

    assert overdue(tables, as_of=AS_OF).currency == "USD"
    asked = overdue(tables, as_of=AS_OF, currency="CNY")
    assert (asked.currency, asked.summary["overdue_total"]) == ("CNY", Decimal("747.97"))
    assert asked.rows["overdue_total"].tolist() == [10_500]


# What is not in the sums, and what was assumed


def test_loans_written_off_or_sold_stand_apart():
    loans = [loan("L1"), loan("L2", status="written_off"), loan("L3", status="sold"), loan("L4", status="settled")]
    result = overdue(book(loans), as_of=AS_OF)

    assert result.rows["loan_id"].tolist() == ["L1", "L4"]
    assert result.rows["overdue_total"].tolist() == [10_500, 0]
    assert result.summary["overdue_total"] == Decimal("105.00")
    assert result.summary["written_off"] == {
        "loans": 1,
        "outstanding_principal": Decimal("1000.00"),
        "overdue_total": Decimal("105.00"),
    }
    assert result.summary["sold"]["loans"] == 1
    assert {note.code: note.fields.get("count") for note in result.notes}["off_book"] == 2


def test_an_unknown_penalty_is_counted_and_never_nought():
    result = overdue(book([loan("L1", annual_rate=None), loan("L2")]), as_of=AS_OF)

    assert result.rows["penalty"].isna().tolist() == [True, False]
    assert result.summary["penalty"] == Decimal("2.25")
    assert result.summary["penalty_unknown"] == 1
    assert "penalty_unknown" in [note.code for note in result.notes]

    alone, by_borrower = by(book([loan("L1", annual_rate=None)]), "borrower")
    assert alone == [("A", 1, 10_500)]
    assert by_borrower.rows["penalty"].isna().all()
    assert by_borrower.summary["penalty"] is None


def test_what_was_assumed_is_said():
    frames = dict(book([loan("L1")]).frames)
    del frames["payments"]
    with pytest.raises(InvalidDataError):
        overdue(Tables(frames), as_of=AS_OF)

    result = overdue(Tables(frames), as_of=AS_OF, assume_unpaid=True)
    assert "assumed_unpaid" in [note.code for note in result.notes]
    assert result.summary["overdue_total"] == Decimal("105.00")


def test_doubts_about_the_data_are_counted_by_kind():
    payments = [{"loan_id": "L1", "paid_date": "2024-03-05", "amount": -1}] * 2
    result = overdue(book([loan("L1")], payments=payments), as_of=AS_OF)

    doubts = next(note for note in result.notes if note.code == "ledger_doubts")
    assert doubts.fields["count"] == 2
    assert [kind.fields for kind in doubts.fields["kinds"]] == [{"code": "reversal_unmatched", "count": 2}]


def test_conventions_are_printed_and_a_percentage_is_said():
    result = overdue(book([loan("L1")]), as_of=AS_OF, conventions=Conventions().changed({"penalty_multiplier": "24"}))

    assert result.conventions["penalty_multiplier"] == "24"
    assert "penalty_percent" in [note.code for note in result.notes]


def test_an_empty_book_has_an_empty_answer():
    for word in ("loan", "borrower", "lender", "guarantor", "region"):
        result = overdue(Tables({}), as_of=AS_OF, by=[word])
        assert len(result.rows) == 0
        assert result.summary["overdue_total"] == 0
        assert result.headline[0].code == "overdue_none"
