"""What counts of payment rows: dates, repeats, reversals, parts, waivers."""

from datetime import date

import pandas as pd
import pytest
from worked import END_OF_MARCH, FIRST, LOAN, SECOND, book, found, ledger, of_loan, owed, paid

from graphrisk.ledger.overdue import account
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

WHOLE = paid("2024-03-01", 618_000)


def left(payments, as_of=END_OF_MARCH, **conventions):
    """Return principal and interest past due."""
    row = owed(book(payments=payments), as_of, **conventions)
    return row["overdue_principal"], row["overdue_interest"]


# Dates


def test_a_payment_of_the_day_counts_and_one_of_the_next_does_not():
    assert owed(book(payments=[paid("2024-03-31", 100_000)]))["overdue_total"] < 618_000
    assert owed(book(payments=[paid("2024-04-01", 100_000)]))["overdue_total"] == 618_000


def test_a_payment_from_before_the_start_counts_and_is_found():
    tables = book(payments=[paid("2024-01-31", 618_000)])

    assert owed(tables)["overdue_total"] == 0
    assert "payment_before_start" in found(tables)


def test_a_payment_of_an_unknown_loan_is_left_out_and_an_error():
    frames = dict(book().frames)
    frames["payments"] = SCHEMAS["payments"].frame(of_loan([WHOLE], "L9"))

    got = account(Tables(frames), as_of=END_OF_MARCH)

    assert got.loans["overdue_total"].tolist() == [618_000]
    assert [(item.code, item.severity, item.value) for item in got.findings] == [
        ("payment_unknown_loan", "error", "L9")
    ]


def test_a_payment_of_a_loan_that_starts_later_is_no_unknown_loan():
    early = book(payments=[paid("2024-01-15", 1)], snapshots=[{"as_of": "2024-01-15", "outstanding": 1}])

    assert found(early, date(2024, 1, 31)) == []
    revised = book(schedule=[{**FIRST, "version": "revised"}], payments=[])
    assert found(revised, date(2024, 1, 31)) == []


def test_payments_of_one_day_are_one_payment():
    split = [paid("2024-03-11", 40_000), paid("2024-03-11", 60_000)]

    assert left(split) == left([paid("2024-03-11", 100_000)]) == (522_500, 0)


@pytest.mark.parametrize("kind", [None, "pay", "recovery", "guarantor", "insurer"])
def test_money_from_others_counts_as_a_payment(kind):
    assert left([{**WHOLE, "kind": kind}]) == (0, 0)


# Repeats


def test_a_repeated_id_is_taken_once():
    rows = [paid("2024-03-11", 100_000, payment_id="P1")] * 2

    assert left(rows) == left(rows[:1])
    assert [(item.code, item.severity) for item in ledger(book(payments=rows)).findings] == [
        ("repeated_payment", "warning")
    ]


def test_of_rows_that_differ_the_earliest_then_the_smaller_counts_and_it_is_an_error():
    rows = [
        paid("2024-03-12", 1, payment_id="P1"),
        paid("2024-03-11", 100_000, payment_id="P1"),
        paid("2024-03-11", 200_000, payment_id="P1"),
    ]
    findings = ledger(book(payments=rows)).findings

    assert left(rows) == left(rows[1:2])
    assert [(item.code, item.severity, item.line) for item in findings] == [
        ("repeated_payment_differs", "error", 2),
        ("repeated_payment_differs", "error", 4),
    ]


@pytest.mark.parametrize("blank", [None, ""])
def test_blank_ids_are_never_repeats(blank):
    rows = [paid("2024-03-11", 50_000, payment_id=blank)] * 2

    assert left(rows) == left([paid("2024-03-11", 100_000)])
    assert found(book(payments=rows)) == []


def test_other_loans_may_share_the_id_of_a_receipt():
    frames = dict(book().frames)
    frames["loans"] = SCHEMAS["loans"].frame([LOAN, {**LOAN, "loan_id": "L2"}])
    frames["schedule"] = SCHEMAS["schedule"].frame([*of_loan([FIRST, SECOND]), *of_loan([FIRST, SECOND], "L2")])
    receipt = {**WHOLE, "payment_id": "P1"}
    frames["payments"] = SCHEMAS["payments"].frame([*of_loan([receipt]), *of_loan([receipt], "L2")])

    got = account(Tables(frames), as_of=END_OF_MARCH)

    assert got.loans["overdue_total"].tolist() == [0, 0]
    assert got.findings == ()


# Reversals


def test_a_negative_amount_undoes_the_equal_payment_as_if_it_had_not_been_made():
    rows = [paid("2024-03-11", 100_000), paid("2024-03-20", -100_000)]

    row = owed(book(payments=rows))
    assert row[["overdue_total", "penalty"]].tolist() == [618_000, 13_500]
    assert found(book(payments=rows)) == []


def test_a_positive_reversal_undoes_too():
    rows = [paid("2024-03-11", 100_000), paid("2024-03-20", 100_000, kind="reversal")]

    assert left(rows) == (600_000, 18_000)


def test_the_latest_equal_payment_is_undone():
    rows = [paid("2024-03-01", 100_000), paid("2024-03-21", 100_000), paid("2024-03-25", -100_000)]

    assert left(rows) == left(rows[:1])
    assert owed(book(payments=rows))["penalty"] == owed(book(payments=rows[:1]))["penalty"]


def test_reversals_undo_one_payment_each_the_latest_first():
    rows = [
        paid("2024-03-01", 100_000),
        paid("2024-03-05", 100_000),
        paid("2024-03-06", -100_000),
        paid("2024-03-07", 100_000),
        paid("2024-03-08", -100_000),
        paid("2024-03-09", -100_000),
    ]

    assert left(rows) == (600_000, 18_000)
    assert found(book(payments=rows)) == []
    assert found(book(payments=[*rows, paid("2024-03-10", -100_000)])) == ["reversal_unmatched"]


def test_on_one_day_payments_stand_before_reversals():
    rows = [paid("2024-03-11", -100_000), paid("2024-03-11", 100_000)]

    assert left(rows) == (600_000, 18_000)
    assert found(book(payments=rows)) == []


def test_a_reversal_dated_before_its_payment_matches_nothing():
    rows = [paid("2024-03-10", -100_000, payment_id="R1"), paid("2024-03-11", 100_000, payment_id="P1")]
    findings = ledger(book(payments=rows)).findings

    assert left(rows) == left(rows[1:])
    assert [(item.code, item.line, item.value) for item in findings] == [("reversal_unmatched", 2, "-1000.00")]
    assert found(book(payments=[{**rows[0], "reverses": "P1"}, rows[1]])) == ["reversal_unmatched"]


def test_a_reversal_after_the_date_does_not_count_yet():
    rows = [paid("2024-03-11", 100_000), paid("2024-04-01", -100_000)]

    assert left(rows) == left(rows[:1])
    assert left(rows, date(2024, 4, 1)) == (600_000, 18_000)


def test_a_reversal_names_the_payment_it_undoes():
    rows = [
        paid("2024-03-01", 100_000, payment_id="P1"),
        paid("2024-03-21", 100_000, payment_id="P2"),
        paid("2024-03-25", -100_000, reverses="P1"),
    ]

    assert left(rows) == left(rows[1:2])


def test_a_partial_reversal_needs_a_name():
    named = [paid("2024-03-11", 100_000, payment_id="P1"), paid("2024-03-25", -40_000, reverses="P1")]
    assert left(named) == left([paid("2024-03-11", 60_000)])

    nameless = [named[0], paid("2024-03-25", -40_000)]
    assert left(nameless) == left(named[:1])
    assert found(book(payments=nameless)) == ["reversal_unmatched"]


def test_more_is_not_undone_than_was_paid():
    rows = [
        paid("2024-03-11", 100_000, payment_id="P1"),
        paid("2024-03-25", -60_000, payment_id="R1", reverses="P1"),
        paid("2024-03-26", -60_000, payment_id="R2", reverses="P1"),
        paid("2024-03-27", -60_000, payment_id="R3", reverses="P1"),
    ]

    assert left(rows) == (600_000, 18_000)
    assert found(book(payments=rows)) == ["reversal_exceeds", "reversal_unmatched"]


def test_a_reversal_that_names_nobody_known_changes_nothing():
    rows = [paid("2024-03-11", 100_000, payment_id="P1"), paid("2024-03-25", -100_000, reverses="P9")]

    assert left(rows) == left(rows[:1])
    assert found(book(payments=rows)) == ["reversal_unmatched"]


# Parts


def test_given_parts_meet_their_own_kind_and_the_rest_follows_the_order():
    # On 2024-03-11 of 1,000: 600 to principal as told; of the other 400, 45 penalty, 180 interest, 175 principal.
    row = owed(book(payments=[paid("2024-03-11", 100_000, principal=60_000)]), date(2024, 3, 11))

    assert row[["overdue_principal", "overdue_interest", "penalty"]].tolist() == [600_000 - 77_500, 0, 0]


def test_parts_go_to_the_oldest_instalment_of_their_kind_and_on():
    # 300.00 of interest: 180 of the first instalment, 120 of the second.
    rows = ledger(book(payments=[paid("2024-03-01", 30_000, interest=30_000)])).instalments

    assert rows["interest_unpaid"].tolist() == [0, 6_000]
    assert rows["principal_unpaid"].tolist() == [600_000, 600_000]


def test_what_a_part_cannot_place_is_unallocated():
    # No penalty has accrued on the due date, and there are no fees.
    row = owed(book(payments=[paid("2024-03-01", 10_000, penalty=7_000, fee=1_000, interest=2_000)]))

    assert row[["overdue_principal", "overdue_interest", "unallocated"]].tolist() == [600_000, 16_000, 8_000]


@pytest.mark.parametrize("parts", [{"principal": 100_001}, {"principal": 60_000, "interest": 40_001}, {"interest": -1}])
def test_parts_above_the_amount_are_an_error_and_the_order_holds(parts):
    tables = book(payments=[paid("2024-03-11", 100_000, **parts)])

    assert owed(tables)["overdue_principal"] == 522_500
    assert [(item.code, item.severity, item.value) for item in ledger(tables).findings] == [
        ("parts_exceed_amount", "error", "1000.00")
    ]


def test_parts_of_a_payment_undone_in_part_are_kept_as_far_as_it_reaches():
    # Of 1,000 (100 interest, 900 principal) 500 are undone: 100 interest and 400 principal stay.
    rows = [
        paid("2024-03-01", 100_000, payment_id="P1", interest=10_000, principal=90_000),
        paid("2024-03-05", -50_000, reverses="P1"),
    ]

    assert left(rows) == (600_000 - 40_000, 8_000)


def test_payments_with_parts_are_taken_one_by_one_by_id():
    # P1 brings 10.00 for interest; P2 pays on by the order. The file's order does not matter.
    rows = [
        paid("2024-03-01", 10_000, payment_id="P2"),
        paid("2024-03-01", 1_000, payment_id="P1", interest=1_000),
    ]

    assert left(rows) == left(rows[::-1]) == (600_000, 7_000)


def test_a_prepayments_principal_part_goes_to_the_last_principal():
    payments = [paid("2024-03-01", 718_000, kind="prepay", principal=700_000, interest=18_000)]
    rows = ledger(book(payments=payments)).instalments

    assert rows["principal_unpaid"].tolist() == [0, 500_000]
    assert rows["interest_unpaid"].tolist() == [0, 18_000]


# Waivers


def test_a_waiver_lowers_what_is_due_and_is_not_cash():
    # On 2024-03-11: penalty 45.00, interest 180.00 and 75.00 of principal are waived.
    rows = ledger(book(payments=[paid("2024-03-11", 30_000, kind="waiver")]), date(2024, 3, 11)).instalments

    first = rows.iloc[0]
    assert first[["principal_due", "interest_due", "principal_unpaid"]].tolist() == [592_500, 0, 592_500]
    assert first[["penalty", "penalty_paid"]].tolist() == [0, 0]


def test_a_waiver_lowers_its_own_parts():
    tables = book(payments=[paid("2024-03-11", 18_000, kind="waiver", interest=18_000)])

    # The penalty that has accrued stays: 30 days x 4.50.
    assert owed(tables)[["overdue_principal", "overdue_interest", "penalty"]].tolist() == [600_000, 0, 13_500]


def test_earlier_penalty_stays_when_principal_is_waived():
    # 10 days x 4.50; from then on nothing bears penalty.
    tables = book(payments=[paid("2024-03-11", 600_000, kind="waiver", principal=600_000)])

    assert owed(tables)[["overdue_principal", "penalty"]].tolist() == [0, 4_500]


def test_a_waiver_never_becomes_unallocated():
    row = owed(book(payments=[paid("2024-03-01", 2_000_000, kind="waiver")]))

    assert row[["outstanding_principal", "unallocated"]].tolist() == [0, 0]


def test_a_waiver_comes_before_the_payments_of_its_day():
    # The settlement of 2024-03-11: the penalty of 45.00 is waived, the rest paid.
    rows = [paid("2024-03-11", 618_000), paid("2024-03-11", 4_500, kind="waiver", penalty=4_500)]

    row = owed(book(payments=rows))
    assert row[["overdue_total", "penalty", "unallocated"]].tolist() == [0, 0, 0]


def test_a_negative_waiver_undoes_a_waiver_and_no_payment():
    rows = [
        paid("2024-03-11", 100_000),
        paid("2024-03-12", 100_000, kind="waiver"),
        paid("2024-03-13", -100_000, kind="waiver"),
    ]

    assert left(rows) == left(rows[:1])
    assert found(book(payments=rows)) == []


def test_every_finding_has_its_sentence_in_both_languages():
    rows = [
        paid("2024-01-15", 1, payment_id="P1"),
        paid("2024-03-11", 100_000, payment_id="P2", principal=200_000),
        paid("2024-03-12", -5, payment_id="R1"),
        paid("2024-03-13", 7, payment_id="P2"),
    ]
    loan = {"penalty_multiplier": 18_000_000_000, "outstanding": 1, "principal": 7, "allocation_order": "x"}
    snapshots = [{"as_of": "2024-03-15", "outstanding": 3}]
    findings = ledger(book(loan=loan, payments=rows, snapshots=snapshots)).findings

    assert len({item.code for item in findings}) == 10
    for item in findings:
        for language in ("en", "zh"):
            assert item.sentence(language) != item.repair(language)
            assert "{" not in item.sentence(language) + item.repair(language)
    assert pd.Series([item.file for item in findings]).eq("").all()
