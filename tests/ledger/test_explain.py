"""Loans worked by hand, one for each convention.

The loan of most tests: 18 % a year, instalments of 10,000.00 principal and 500.00 interest due on
2024-03-01 and 2024-04-01. At 1.5 times the rate, 10,000.00 bears 10,000.00 x 0.18 x 1.5 / 360 = 7.50 a day.
Amounts are in cents.
"""

from datetime import date
from decimal import Decimal

import pytest

from graphrisk.conventions import Conventions
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.ledger.explain import bucket_of, explain_loan
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

LOAN = {
    "loan_id": "L1",
    "borrower_id": "A",
    "lender_id": "F1",
    "principal": 2_000_000,
    "annual_rate": 180_000_000,
    "start_date": "2024-02-01",
}
DUE = (
    {"no": 1, "due_date": "2024-03-01", "principal_due": 1_000_000, "interest_due": 50_000},
    {"no": 2, "due_date": "2024-04-01", "principal_due": 1_000_000, "interest_due": 50_000},
)


def tell(as_of, *payments, due=DUE, rates=(), snapshots=(), conventions=None, **loan):
    """Explain the loan of these tests; a payment is (date, amount) or a mapping."""
    rows = [
        row if isinstance(row, dict) else {"payment_id": f"Y{number}", "paid_date": row[0], "amount": row[1]}
        for number, row in enumerate(payments, 1)
    ]
    frames = {
        "loans": [LOAN | loan],
        "schedule": [{"loan_id": "L1"} | row for row in due],
        "payments": [{"loan_id": "L1"} | row for row in rows],
        "rates": [{"loan_id": "L1"} | row for row in rates],
        "snapshots": [{"loan_id": "L1"} | row for row in snapshots],
    }
    tables = Tables({name: SCHEMAS[name].frame(values) for name, values in frames.items()})
    settings = Conventions().changed(conventions or {})
    return explain_loan(tables, "L1", as_of=date.fromisoformat(as_of), conventions=settings)


def met(payment):
    """Return (no, penalty, fee, interest, principal) for each instalment that a payment met."""
    return [(item.no, item.penalty, item.fee, item.interest, item.principal) for item in payment.met]


def unpaid(told):
    """Return (principal, interest) unpaid, instalment by instalment."""
    return [(item.principal_unpaid, item.interest_unpaid) for item in told.instalments]


# Past due, days, classes


def test_the_reference_story():
    # 50,000 + 2,000 fell due on 2024-05-26, 35 days before; 50,000 x 0.18 x 1.5 / 360 x 35 = 1,312.50.
    story = (
        {"no": 1, "due_date": "2024-02-26", "principal_due": 0, "interest_due": 450_000},
        {"no": 2, "due_date": "2024-05-26", "principal_due": 5_000_000, "interest_due": 200_000},
        {"no": 3, "due_date": "2024-11-26", "principal_due": 25_000_000, "interest_due": 2_700_000},
    )
    paid = {"payment_id": "Y1", "paid_date": "2024-02-26", "amount": 450_000, "principal": 0, "interest": 450_000}

    told = tell("2024-06-30", paid, due=story, principal=30_000_000, outstanding=30_000_000, start_date="2023-11-26")

    assert (told.overdue_principal, told.overdue_interest, told.overdue_total) == (5_000_000, 200_000, 5_200_000)
    assert (told.days_past_due, told.bucket, told.five_class) == (35, "M2", "special_mention")
    assert told.overdue_since == date(2024, 5, 26)
    assert told.penalty == 131_250
    assert (told.outstanding_principal, told.unallocated, told.source) == (30_000_000, 0, "schedule")
    [accrual] = told.instalments[1].accruals
    [segment] = accrual.segments
    assert (segment.days, segment.base, segment.year, segment.exact) == (35, 5_000_000, 360, 131_250)
    assert (segment.first_day, segment.last_day) == (date(2024, 5, 27), date(2024, 6, 30))


@pytest.mark.parametrize(("as_of", "days", "total"), [("2024-03-01", 0, 0), ("2024-03-02", 1, 1_050_000)])
def test_the_day_after_the_due_date_is_the_first(as_of, days, total):
    told = tell(as_of)

    assert (told.days_past_due, told.overdue_total, told.penalty) == (days, total, 750 * days)


def test_days_count_from_the_oldest_instalment():
    # 2024-04-10 is 40 days after 03-01 and 9 after 04-01: penalty (40 + 9) x 7.50.
    told = tell("2024-04-10")

    assert (told.days_past_due, told.overdue_total, told.penalty) == (40, 2_100_000, 49 * 750)
    assert [item.days_past_due for item in told.instalments] == [40, 9]


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "M0"), (1, "M1"), (30, "M1"), (31, "M2"), (90, "M3"), (91, "M4"), (180, "M6"), (181, "M7"), (999, "M7")],
)
def test_buckets(days, bucket):
    assert bucket_of(days) == bucket


def test_a_worse_class_in_the_data_wins_and_a_better_one_does_not():
    assert tell("2024-03-10", five_class="doubtful").five_class == "doubtful"
    assert tell("2024-03-10", five_class="normal").five_class == "special_mention"


@pytest.mark.parametrize(("as_of", "days", "penalty"), [("2024-03-04", 0, 0), ("2024-03-05", 4, 3_000)])
def test_grace_that_is_overrun_is_not_free(as_of, days, penalty):
    told = tell(as_of, conventions={"grace_days": "3"})

    assert (told.days_past_due, told.penalty) == (days, penalty)


def test_days_may_count_from_the_end_of_grace():
    told = tell("2024-03-06", conventions={"grace_days": "3", "days_past_due_from": "grace_end"})

    assert (told.days_past_due, told.overdue_since) == (2, date(2024, 3, 1))


def test_a_loans_own_grace_wins():
    assert tell("2024-03-05", conventions={"grace_days": "30"}, grace_days=0).days_past_due == 4


def test_penalty_held_in_grace_counts_each_days_principal():
    # Paid on 03-03, inside grace: 500.00 interest, 5,000.00 principal, no penalty.
    # Overrun on 03-05: 2 days x 7.50 + 3 days x 3.75 to 03-06 = 26.25, rounded once.
    told = tell("2024-03-06", ("2024-03-03", 550_000), conventions={"grace_days": "3"})

    assert met(told.payments[0]) == [(1, 0, 0, 50_000, 500_000)]
    assert told.penalty == 2_625
    assert [segment.days for segment in told.instalments[0].accruals[0].segments] == [2, 3]


def test_an_instalment_paid_within_grace_leaves_no_penalty():
    told = tell("2024-03-20", ("2024-03-04", 1_050_000), conventions={"grace_days": "3"})

    assert (told.penalty, told.overdue_total, told.unallocated) == (0, 0, 0)


def test_held_penalty_is_rounded_once():
    # 1.00 bears 0.075 cents a day: 6 days of it and one of 0.70 make 0.45 + 0.0525 = 0.5025, so 1 cent;
    # rounded apart they would make 0 + 0.
    due = ({"no": 1, "due_date": "2024-03-01", "principal_due": 100, "interest_due": 0},)

    told = tell("2024-03-08", ("2024-03-07", 30), due=due, conventions={"grace_days": "6"})

    assert told.penalty == 1


def test_materiality_is_per_instalment_and_must_be_exceeded():
    paid = ("2024-03-01", 1_049_950)

    assert tell("2024-03-10", paid, conventions={"materiality": "0.5"}).days_past_due == 0
    assert tell("2024-03-10", paid, conventions={"materiality": "0.49"}).days_past_due == 9
    assert tell("2024-03-10", paid).overdue_total == 50


def test_materiality_counts_in_units_of_the_currency():
    due = ({"no": 1, "due_date": "2024-03-01", "principal_due": 500, "interest_due": 0},)

    assert tell("2024-03-10", due=due, currency="JPY", conventions={"materiality": "499"}).overdue_total == 500
    assert tell("2024-03-10", due=due, currency="KWD", conventions={"materiality": "0.5"}).overdue_total == 0


def test_unpaid_interest_alone_is_past_due_and_bears_nothing():
    told = tell("2024-03-10", {"paid_date": "2024-03-01", "amount": 1_000_000, "principal": 1_000_000})

    assert (told.overdue_total, told.days_past_due, told.penalty) == (50_000, 9, 0)


def test_unpaid_penalty_or_fee_alone_is_not_past_due():
    # Principal and interest paid on 03-11 in that order: 10 days x 7.50 = 75.00 penalty and the fee stay.
    due = (DUE[0] | {"fee_due": 2_000},)

    told = tell("2024-03-20", ("2024-03-11", 1_050_000), due=due, allocation_order="principal>interest>penalty")

    assert (told.days_past_due, told.overdue_total, told.penalty, told.overdue_fee) == (0, 0, 7_500, 2_000)


# Penalty


def test_penalty_is_rounded_at_each_payment_date_on_every_instalment():
    # 100.00 bears 7.5 cents a day. The payment on 04-02 meets only the first instalment, yet the second is
    # counted: 7.5, so 8; and again on 04-03: 16, not 15.
    due = (
        {"no": 1, "due_date": "2024-03-01", "principal_due": 10_000, "interest_due": 0},
        {"no": 2, "due_date": "2024-04-01", "principal_due": 10_000, "interest_due": 0},
    )

    told = tell("2024-04-03", ("2024-04-02", 1), due=due)

    assert told.instalments[1].penalty == 16


def test_the_payment_day_bears_penalty_and_the_payment_meets_it():
    # Ten days of 7.50 to 03-11 = 75.00 are met first, then 500.00 interest, then 425.00 principal;
    # 9,575.00 bears 7.18125 a day: 4 days to 03-15 = 28.725, so 28.73 (half up: 28.725).
    told = tell("2024-03-15", ("2024-03-11", 100_000))

    assert met(told.payments[0]) == [(1, 7_500, 0, 50_000, 42_500)]
    assert told.penalty == 2_873
    assert told.overdue_principal == 957_500


@pytest.mark.parametrize(
    ("multiplier", "penalty"),
    [
        (1_300_000_000, 6_500),  # 10,000 x 0.18 x 1.3 / 360 x 10
        (240_000_000, 6_667),  # the rate itself: 10,000 x 0.24 / 360 x 10 = 66.666...
        (18_250_000_000, 5_069),  # percent a year: 10,000 x 0.1825 / 360 x 10 = 50.694...
        (3_000_000_000, 15_000),  # still a multiple
        (0, 0),
    ],
)
def test_a_multiplier_is_a_multiple_a_rate_or_percent(multiplier, penalty):
    assert tell("2024-03-11", penalty_multiplier=multiplier).penalty == penalty


def test_penalty_on_top_keeps_the_contract_rate():
    # 10,000 x 0.18 x (1 + 1.5) / 360 x 10 = 125.00; with a rate of its own 10,000 x (0.18 + 0.24) / 360 x 10.
    on_top = {"penalty_mode": "on_top"}

    assert tell("2024-03-11", conventions=on_top).penalty == 12_500
    assert tell("2024-03-11", conventions=on_top, penalty_multiplier=240_000_000).penalty == 11_667


def test_compound_penalty_is_borne_by_unpaid_interest_too():
    # (10,000 + 500) x 0.27 / 360 x 10 = 78.75.
    assert tell("2024-03-11", penalty_base="overdue_total").penalty == 7_875


def test_the_outstanding_bears_penalty_once_all_is_called_due():
    # The first instalment bears 15 days of 7.50; what was called due on 03-11, 10,000.00, 5 more.
    before = tell("2024-03-16", penalty_base="outstanding")
    called = tell("2024-03-16", penalty_base="outstanding", accelerated_on="2024-03-11")

    assert (before.penalty, called.penalty) == (15 * 750, 15 * 750 + 5 * 750)


@pytest.mark.parametrize(
    ("day_count", "penalty"),
    [
        ("ACT/360", 1_500),  # 20 days x 100.00 x 0.27 / 360 = 1.50 x 10
        ("ACT/365", 1_479),  # 1,000 x 0.27 / 365 x 20 = 14.794...
        ("ACT/ACT", 1_477),  # 1,000 x 0.27 x (10 / 365 + 10 / 366) = 14.774...: 2024 is a leap year
        ("30/360", 1_500),  # calendar days by 360
    ],
)
def test_day_counts(day_count, penalty):
    due = ({"no": 1, "due_date": "2023-12-21", "principal_due": 100_000, "interest_due": 0},)

    told = tell("2024-01-10", due=due, start_date="2023-11-01", conventions={"day_count": day_count})

    assert told.penalty == penalty
    assert tell("2024-01-10", due=due, start_date="2023-11-01", day_count=day_count).penalty == penalty


def test_each_day_takes_the_rate_in_force():
    # 03-02 to 03-05 at 18 %: 4 x 7.50; 03-06 to 03-11 at 24 %: 6 x 10,000 x 0.24 x 1.5 / 360 = 6 x 10.00.
    told = tell("2024-03-11", rates=[{"from": "2024-03-06", "annual_rate": 240_000_000}])

    assert told.penalty == 4 * 750 + 6 * 1_000
    assert [segment.days for segment in told.instalments[0].accruals[0].segments] == [4, 6]


def test_a_rate_change_is_not_rounded_apart():
    # 1.00 at 0.075 cents a day for 4 days and 0.1 for 2: 0.3 + 0.2 = 0.5, so 1 cent; rounded apart 0.
    due = ({"no": 1, "due_date": "2024-03-01", "principal_due": 100, "interest_due": 0},)

    told = tell("2024-03-07", due=due, rates=[{"from": "2024-03-06", "annual_rate": 240_000_000}])

    assert told.penalty == 1


def test_without_a_rate_the_penalty_is_unknown_not_nil():
    assert tell("2024-03-11", annual_rate=None).penalty is None
    assert tell("2024-03-01", annual_rate=None).penalty == 0
    assert tell("2024-03-11", annual_rate=None, penalty_multiplier=240_000_000).penalty == 6_667
    assert tell("2024-03-11", annual_rate=0).penalty == 0
    assert tell("2024-03-11", annual_rate=None, rates=[{"from": "2024-03-01", "annual_rate": 0}]).penalty == 0


def test_an_unknown_penalty_takes_nothing_of_a_payment():
    told = tell("2024-03-11", ("2024-03-11", 60_000), annual_rate=None)

    assert met(told.payments[0]) == [(1, 0, 0, 50_000, 10_000)]
    assert told.penalty is None


# Payments


@pytest.mark.parametrize(
    ("order", "first"),
    [
        # On 03-11 the first asks for penalty 75.00, fee 20.00, interest 500.00, principal 10,000.00.
        ("penalty>interest>principal", (1, 7_500, 2_000, 50_000, 40_500)),
        ("fee>interest>principal", (1, 0, 2_000, 50_000, 48_000)),
        ("principal>interest>penalty", (1, 0, 0, 0, 100_000)),
        ("interest>principal>penalty>fee", (1, 0, 0, 50_000, 50_000)),
        ("interest", (1, 7_500, 2_000, 50_000, 40_500)),
        ("interest>fee", (1, 7_500, 2_000, 50_000, 40_500)),
        ("principal", (1, 0, 0, 0, 100_000)),
    ],
)
def test_allocation_orders(order, first):
    due = (DUE[0] | {"fee_due": 2_000}, DUE[1])

    told = tell("2024-03-11", ("2024-03-11", 100_000), due=due, allocation_order=order)

    assert met(told.payments[0]) == [first]


def test_a_small_payment_shows_where_the_unnamed_fee_stands():
    # Order interest, then the unnamed penalty, fee, principal: 500.00 + 75.00 + 5.00 of the fee.
    due = (DUE[0] | {"fee_due": 2_000}, DUE[1])

    told = tell("2024-03-11", ("2024-03-11", 58_000), due=due, allocation_order="interest")

    assert met(told.payments[0]) == [(1, 7_500, 500, 50_000, 0)]


def test_pro_rata_is_cumulative_and_half_up():
    # On 03-11: 75 penalty, 20 fee, 500 interest, 10,000 principal, 10,595 in all; 100.00 is paid:
    # penalty 0.7079, so 0.71; with fee 0.8967, so 0.90, fee 0.19; with interest 5.6158, so 5.62, interest
    # 4.72; principal takes the rest, 94.38.
    due = (DUE[0] | {"fee_due": 2_000}, DUE[1])

    told = tell("2024-03-11", ("2024-03-11", 10_000), due=due, allocation_order="pro_rata")

    assert met(told.payments[0]) == [(1, 71, 19, 472, 9_438)]


def test_given_parts_meet_their_own_kind_oldest_first():
    # 600.00 interest: 500.00 of the first, 100.00 of the second; the missing rest of 75.00 follows the order.
    paid = {"paid_date": "2024-03-11", "amount": 667_500, "principal": 600_000, "interest": 60_000}

    told = tell("2024-03-11", paid)

    assert met(told.payments[0]) == [(1, 7_500, 0, 50_000, 600_000), (2, 0, 0, 10_000, 0)]
    assert told.unallocated == 0


def test_what_a_part_cannot_place_is_unallocated():
    paid = {"paid_date": "2024-03-11", "amount": 10_000, "penalty": 10_000}

    told = tell("2024-03-11", paid)

    assert (told.unallocated, told.penalty, told.overdue_total) == (2_500, 0, 1_050_000)


def test_parts_above_the_amount_are_not_used():
    paid = {"paid_date": "2024-03-11", "amount": 10_000, "principal": 10_001}

    assert met(tell("2024-03-11", paid).payments[0]) == [(1, 7_500, 0, 2_500, 0)]


def test_an_early_payment_goes_on_to_the_next_instalments_and_then_nowhere():
    told = tell("2024-03-01", ("2024-02-20", 2_110_000))

    assert met(told.payments[0]) == [(1, 0, 0, 50_000, 1_000_000), (2, 0, 0, 50_000, 1_000_000)]
    assert told.unallocated == 10_000


def test_a_payment_counts_on_its_day_and_not_before():
    assert tell("2024-03-10", ("2024-03-11", 1_050_000)).overdue_total == 1_050_000
    assert tell("2024-03-11", ("2024-03-11", 1_057_500)).overdue_total == 0


def test_a_payment_before_the_start_counts():
    assert unpaid(tell("2024-03-01", ("2024-01-15", 50_000)))[0] == (1_000_000, 0)


def test_a_prepayment_meets_what_is_due_and_then_the_last_principal():
    # Due on 03-01: 10,500.00; 3,000.00 more come off the last instalment, 2,000.00 of which stood there.
    due = (*DUE, {"no": 3, "due_date": "2024-05-01", "principal_due": 200_000, "interest_due": 1_000})
    paid = {"paid_date": "2024-03-01", "amount": 1_350_000, "kind": "prepay"}

    assert unpaid(tell("2024-03-01", paid, due=due)) == [(0, 0), (900_000, 50_000), (0, 1_000)]


def test_a_prepayment_of_all_principal_ends_interest_not_yet_due():
    paid = {"paid_date": "2024-03-01", "amount": 2_055_000, "kind": "prepay"}

    told = tell("2024-04-20", paid)

    assert unpaid(told) == [(0, 0), (0, 0)]
    assert (told.unallocated, told.instalments[1].interest_due) == (5_000, 0)


def test_payments_of_one_day_meet_what_is_due_before_a_prepayment():
    # By id the prepayment would come first; the day's ordinary payment meets the first instalment.
    early = {"payment_id": "Y1", "paid_date": "2024-03-01", "amount": 100_000, "kind": "prepay"}
    usual = {"payment_id": "Y2", "paid_date": "2024-03-01", "amount": 1_050_000}

    assert unpaid(tell("2024-03-01", early, usual)) == [(0, 0), (900_000, 50_000)]


def test_with_parts_the_payments_of_one_day_are_taken_one_by_one():
    # Now Y1 meets what is due: 500.00 interest, 500.00 principal; Y2's interest part goes to the next.
    early = {"payment_id": "Y1", "paid_date": "2024-03-01", "amount": 100_000, "kind": "prepay"}
    usual = {"payment_id": "Y2", "paid_date": "2024-03-01", "amount": 50_000, "interest": 50_000}

    assert unpaid(tell("2024-03-01", early, usual)) == [(950_000, 0), (1_000_000, 0)]


@pytest.mark.parametrize("kind", ["recovery", "guarantor", "insurer"])
def test_money_from_others_counts_as_payment(kind):
    paid = {"paid_date": "2024-03-01", "amount": 1_050_000, "kind": kind}

    assert tell("2024-03-20", paid).overdue_total == 0


def test_a_waiver_lowers_dues_and_earlier_penalty_stays():
    # 10 days on 10,000.00 = 75.00; from 03-12 on 6,000.00: 4 days x 4.50 = 18.00.
    waiver = {"paid_date": "2024-03-11", "amount": 400_000, "kind": "waiver", "principal": 400_000}

    told = tell("2024-03-15", waiver)

    assert (told.overdue_principal, told.overdue_interest) == (600_000, 50_000)
    assert told.penalty == 7_500 + 1_800
    assert (told.instalments[0].principal_due, told.instalments[0].principal_paid) == (600_000, 0)
    assert told.instalments[0].waived == 400_000


def test_a_waiver_without_parts_follows_the_order_and_is_never_unallocated():
    waiver = {"paid_date": "2024-03-11", "amount": 60_000, "kind": "waiver"}
    all_of_it = {"paid_date": "2024-03-11", "amount": 9_000_000, "kind": "waiver"}

    told = tell("2024-03-11", waiver)
    assert (told.penalty, told.overdue_interest, told.overdue_principal) == (0, 0, 997_500)

    told = tell("2024-03-11", all_of_it)
    assert (told.overdue_total, told.unallocated, told.outstanding_principal) == (0, 0, 0)


def test_a_negative_waiver_undoes_a_waiver_and_no_payment():
    waiver = {"payment_id": "W1", "paid_date": "2024-03-05", "amount": 300, "kind": "waiver"}
    undone = {"payment_id": "W2", "paid_date": "2024-03-08", "amount": -300, "kind": "waiver"}

    told = tell("2024-03-11", waiver, ("2024-03-05", 300), undone)

    assert {item.payment_id: item.fate for item in told.payments} == {
        "W1": "undone",
        "W2": "reversal",
        "Y2": "counted",
    }


def test_what_was_waived_or_dropped_is_no_longer_due():
    # 400.00 of the first interest waived; the prepayment leaves no principal, so the second interest is 0.
    waiver = {"paid_date": "2024-02-20", "amount": 40_000, "kind": "waiver", "interest": 40_000}
    early = {"paid_date": "2024-02-25", "amount": 2_000_000, "kind": "prepay"}

    told = tell("2024-03-01", waiver, early)

    assert [item.interest_due for item in told.instalments] == [0, 0]
    assert [item.principal_due for item in told.instalments] == [1_000_000, 1_000_000]
    assert tell("2024-03-01", waiver).instalments[0].interest_due == 10_000


def test_fees_are_reported_beside_the_total():
    told = tell("2024-03-11", due=(DUE[0] | {"fee_due": 2_000},))

    assert (told.overdue_total, told.overdue_fee) == (1_050_000, 2_000)


# Reversals and repeats


def test_a_negative_amount_undoes_the_latest_equal_payment_wholly():
    # As if the payment of 03-05 had never been made: penalty for 10 whole days.
    told = tell("2024-03-11", ("2024-03-03", 100), ("2024-03-05", 300_000), ("2024-03-08", -300_000))

    assert [item.fate for item in told.payments] == ["counted", "undone", "reversal"]
    assert (told.overdue_total, told.penalty) == (1_050_000, 7_500 - 100)
    assert told.payments[1].partner_id == "Y3"


def test_of_two_equal_payments_the_later_is_undone():
    told = tell("2024-03-11", ("2024-03-03", 300), ("2024-03-05", 300), ("2024-03-08", -300))

    assert [item.fate for item in told.payments] == ["counted", "undone", "reversal"]


def test_a_reversal_without_match_changes_nothing():
    told = tell("2024-03-11", ("2024-03-05", 300), ("2024-03-08", -301))

    assert [item.fate for item in told.payments] == ["counted", "unmatched"]


def test_a_reversal_before_its_payment_has_no_match():
    told = tell("2024-03-11", ("2024-03-05", 300), ("2024-03-04", -300))

    assert {item.amount: item.fate for item in told.payments} == {300: "counted", -300: "unmatched"}


def test_on_one_day_payments_stand_before_reversals():
    told = tell("2024-03-11", ("2024-03-05", -300), ("2024-03-05", 300))

    assert {item.amount: item.fate for item in told.payments} == {300: "undone", -300: "reversal"}


def test_a_reversal_after_the_date_does_not_count_yet():
    payments = (("2024-03-01", 1_050_000), ("2024-03-12", -1_050_000))

    assert tell("2024-03-11", *payments).overdue_total == 0
    assert tell("2024-03-12", *payments).overdue_total == 1_050_000


def test_the_kind_reversal_may_carry_a_positive_amount():
    bounced = {"payment_id": "Y2", "paid_date": "2024-03-08", "amount": 300, "kind": "reversal"}

    assert [item.fate for item in tell("2024-03-11", ("2024-03-05", 300), bounced).payments] == [
        "undone",
        "reversal",
    ]


def test_a_reversal_that_names_its_payment_wins():
    named = {"payment_id": "Y3", "paid_date": "2024-03-08", "amount": -300, "reverses": "Y1"}

    told = tell("2024-03-11", ("2024-03-03", 300), ("2024-03-05", 300), named)

    assert [item.fate for item in told.payments] == ["undone", "counted", "reversal"]


def test_a_partial_reversal_leaves_the_first_of_the_given_parts():
    # Of 300.00 interest and 700.00 principal 400.00 stay: the interest, and 100.00 principal.
    paid = {"payment_id": "Y1", "paid_date": "2024-03-01", "amount": 100_000, "interest": 30_000, "principal": 70_000}
    named = {"payment_id": "Y2", "paid_date": "2024-03-01", "amount": -60_000, "reverses": "Y1"}

    assert met(tell("2024-03-01", paid, named).payments[0]) == [(1, 0, 0, 30_000, 10_000)]


def test_a_partial_reversal_needs_a_name():
    named = {"payment_id": "Y2", "paid_date": "2024-03-08", "amount": -100, "reverses": "Y1"}

    told = tell("2024-03-01", ("2024-03-01", 300), named | {"paid_date": "2024-03-01"})
    assert met(told.payments[0]) == [(1, 0, 0, 200, 0)]

    told = tell("2024-03-08", ("2024-03-01", 300), named | {"reverses": None})
    assert told.payments[1].fate == "unmatched"


def test_a_repeated_id_is_taken_once_the_earliest_then_the_smaller():
    rows = [
        {"payment_id": "Y1", "paid_date": "2024-03-05", "amount": 700},
        {"payment_id": "Y1", "paid_date": "2024-03-03", "amount": 900},
        {"payment_id": "Y1", "paid_date": "2024-03-03", "amount": 800},
    ]

    told = tell("2024-03-11", *rows)

    assert {item.amount: item.fate for item in told.payments} == {
        700: "repeated",
        900: "repeated",
        800: "counted",
    }


def test_blank_ids_are_never_repeats():
    row = {"paid_date": "2024-03-01", "amount": 25_000}

    assert unpaid(tell("2024-03-01", row, row))[0] == (1_000_000, 0)


# Plans


def test_acceleration_calls_principal_and_accrued_interest_due():
    # Called on 03-16, 15 of the 31 days from 03-01 to 04-01: 500.00 x 15 / 31 = 241.935..., so 241.94.
    # On 03-20: 10,500.00 + 10,000.00 + 241.94; penalty 19 x 7.50 + 4 x 7.50.
    told = tell("2024-03-20", accelerated_on="2024-03-16")

    assert [(item.no, item.kind) for item in told.instalments] == [(1, "instalment"), (3, "acceleration")]
    assert unpaid(told) == [(1_000_000, 50_000), (1_000_000, 24_194)]
    assert told.overdue_total == 1_050_000 + 1_024_194
    assert told.overdue_before_acceleration == 1_050_000
    assert told.penalty == 23 * 750
    assert told.accelerated
    assert tell("2024-03-16", accelerated_on="2024-03-16").overdue_total == 1_050_000
    assert not tell("2024-03-15", accelerated_on="2024-03-16").accelerated


def test_acceleration_in_the_first_period_counts_from_the_start():
    # Called on 02-16, 15 of the 29 days from 02-01 to 03-01: 500.00 x 15 / 29 = 258.62; no later interest.
    told = tell("2024-02-17", accelerated_on="2024-02-16")

    assert unpaid(told) == [(2_000_000, 25_862)]


def test_interest_paid_ahead_is_taken_off_what_accrued():
    # 241.94 accrued by 03-16, 100.00 of it paid ahead on 03-01.
    told = tell("2024-03-20", ("2024-03-01", 1_060_000), accelerated_on="2024-03-16")

    assert unpaid(told)[1] == (1_000_000, 14_194)


def test_what_was_paid_ahead_stays_where_it_was_paid():
    # 100.00 principal of the second instalment was paid by its part; 9,900.00 are called due.
    told = tell(
        "2024-03-20",
        {"paid_date": "2024-02-20", "amount": 1_010_000, "principal": 1_010_000},
        accelerated_on="2024-03-16",
    )

    assert [(item.kind, item.principal_due) for item in told.instalments] == [
        ("instalment", 1_000_000),
        ("acceleration", 990_000),
        ("instalment", 10_000),
    ]


def test_waived_interest_of_the_running_period_does_not_accrue():
    # Of the 250.00 that are left of it 15 of 31 days: 120.967..., so 120.97.
    waiver = {"paid_date": "2024-02-20", "amount": 75_000, "kind": "waiver", "interest": 75_000}

    assert unpaid(tell("2024-03-20", waiver, accelerated_on="2024-03-16"))[1] == (1_000_000, 12_097)


def test_fees_keep_their_due_dates_when_a_loan_is_called_due():
    due = (DUE[0], DUE[1] | {"fee_due": 2_000})

    told = tell("2024-03-20", due=due, accelerated_on="2024-03-16")

    assert [(item.kind, item.fee_due) for item in told.instalments][1:] == [("acceleration", 0), ("instalment", 2_000)]


def test_a_payment_on_the_day_of_acceleration_meets_what_was_called():
    told = tell("2024-03-16", ("2024-03-01", 1_050_000), ("2024-03-16", 24_195), accelerated_on="2024-03-16")

    assert met(told.payments[1]) == [(3, 0, 0, 24_194, 1)]


def test_a_given_outstanding_is_used_always():
    assert tell("2024-03-11", ("2024-03-01", 1_050_000)).outstanding_principal == 1_000_000
    assert tell("2024-03-11", ("2024-03-01", 1_050_000), outstanding=5).outstanding_principal == 5


def test_the_latest_plan_holds_and_the_first_is_shown_beside_it():
    later = tuple(
        row | {"due_date": f"2024-0{number}-01", "version": "revised", "valid_from": "2024-03-10"}
        for number, row in zip((5, 6), DUE, strict=True)
    )

    told = tell("2024-03-11", due=(*DUE, *later))
    assert (told.days_past_due, told.days_past_due_original) == (0, 10)

    told = tell("2024-03-09", due=(*DUE, *later))
    assert (told.days_past_due, told.days_past_due_original) == (8, 8)


def test_of_two_plans_from_one_day_the_revised_is_the_later():
    late = tuple(row | {"due_date": f"2025-0{row['no']}-01", "version": "revised"} for row in DUE)

    assert tell("2024-03-11", due=(*late, *DUE)).overdue_total == 0


def test_due_dates_move_to_the_next_working_day():
    # 2024-03-30 is a Saturday, 04-01 a holiday here: due on 04-02.
    due = ({"no": 1, "due_date": "2024-03-30", "principal_due": 1_000_000, "interest_due": 0},)
    frames = {"loans": [LOAN], "schedule": [{"loan_id": "L1"} | due[0]], "payments": []}
    tables = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    holiday = Conventions(roll="following", holidays=(date(2024, 4, 1),))

    told = explain_loan(tables, "L1", as_of=date(2024, 4, 4), conventions=holiday)

    assert (told.days_past_due, told.penalty, told.overdue_since) == (2, 1_500, date(2024, 4, 2))
    assert tell("2024-04-04", due=due).days_past_due == 5


def test_instalments_of_one_day_are_met_by_number():
    due = (DUE[1] | {"due_date": "2024-03-01"}, DUE[0])

    assert [item.no for item in tell("2024-03-05", due=due).instalments] == [1, 2]


def dues(told):
    return [(item.due_date.isoformat(), item.principal_due, item.interest_due) for item in told.instalments]


def terms(as_of="2024-01-31", **loan):
    return tell(
        as_of, due=(), **({"principal": 1_200_000, "annual_rate": 120_000_000, "start_date": "2024-01-31"} | loan)
    )


def test_level_payment_of_the_textbook():
    # 12,000.00 at 12 %, 12 months: 1,066.19 a month, the last 1,066.14.
    told = terms(method="level_payment", term=12)

    assert told.source == "terms"
    assert [principal + interest for _, principal, interest in dues(told)] == [106_619] * 11 + [106_614]
    assert dues(told)[0] == ("2024-02-29", 94_619, 12_000)
    assert [day for day, _, _ in dues(told)][1:4] == ["2024-03-31", "2024-04-30", "2024-05-31"]


def test_level_payment_without_interest_is_equal_parts():
    # 1,000.00 in 7 parts: six of 142.86, the last 142.84.
    told = terms(method="level_payment", term=7, principal=100_000, annual_rate=0)

    assert [principal for _, principal, _ in dues(told)] == [14_286] * 6 + [14_284]


def test_level_principal():
    # 4,000.00 a month; 1 % of 12,000.00, 8,000.00 and 4,000.00.
    told = terms(method="level_principal", term=3)

    assert dues(told) == [
        ("2024-02-29", 400_000, 12_000),
        ("2024-03-31", 400_000, 8_000),
        ("2024-04-30", 400_000, 4_000),
    ]


def test_interest_first_with_days_beyond_a_month():
    # Pay day 10: the first at least a month after 01-31 is 03-10, ten days beyond 02-29:
    # 120.00 + 12,000 x 0.12 x 10 / 360 = 160.00. Maturity 04-30 is three whole months off.
    told = terms(method="interest_first", maturity_date="2024-04-30", pay_day=10)

    assert dues(told) == [
        ("2024-03-10", 0, 16_000),
        ("2024-04-10", 0, 12_000),
        ("2024-05-10", 1_200_000, 12_000),
    ]


def test_level_payment_keeps_its_principal_in_a_long_first_period():
    told = terms(method="level_payment", term=12, pay_day=10)

    assert dues(told)[0] == ("2024-03-10", 94_619, 16_000)


@pytest.mark.parametrize(
    ("day_count", "interest"),
    [
        (None, 24_000 + 400),  # 61 days from 01-31 to 04-01: 12,000 x 0.12 x 61 / 360 = 244.00
        ("ACT/365", 24_066),  # x 61 / 365 = 240.657...
        ("ACT/ACT", 24_000),  # x 61 / 366, a leap year
        ("30/360", 24_400),  # two months and a day of 30-day months: 61 days
    ],
)
def test_bullet(day_count, interest):
    told = terms(method="bullet", maturity_date="2024-04-01", day_count=day_count)

    assert dues(told) == [("2024-04-01", 1_200_000, interest)]


def test_the_rate_of_the_start_day_makes_the_plan():
    # From 2024-01-01 the contract rate is 6 %: 0.5 % of 12,000.00 a month.
    told = tell(
        "2024-01-31",
        due=(),
        rates=[{"from": "2024-01-01", "annual_rate": 60_000_000}],
        principal=1_200_000,
        annual_rate=120_000_000,
        start_date="2024-01-31",
        method="interest_first",
        term=2,
    )

    assert [interest for _, _, interest in dues(told)] == [6_000, 6_000]


def test_a_bullet_falls_due_at_the_end_of_its_term_whatever_the_pay_day():
    assert dues(terms(method="bullet", term=2, pay_day=5))[0][0] == "2024-03-31"


def test_flat_interest_stays_on_the_whole_principal():
    told = terms(method="flat", term=3)

    assert [interest for _, _, interest in dues(told)] == [12_000] * 3


def test_terms_in_years_and_days():
    assert len(dues(terms(method="level_principal", term=1, term_unit="year"))) == 12
    assert dues(terms(method="bullet", term=61, term_unit="day")) == [("2024-04-01", 1_200_000, 24_400)]


@pytest.mark.parametrize(
    "loan", [{"term": 12}, {"method": "daily", "term": 12}, {"method": "level_payment", "term": 0}]
)
def test_without_method_or_term_there_is_no_plan(loan):
    told = terms(**loan)

    assert (told.source, told.instalments, told.outstanding_principal) == ("none", (), 1_200_000)


# Which input wins


SNAPSHOT = {
    "as_of": "2024-02-20",
    "outstanding": 900_000,
    "overdue_principal": 30_000,
    "overdue_interest": 2_000,
    "days_past_due": 40,
    "five_class": "substandard",
}


def test_a_snapshot_alone_is_used_as_it_stands():
    told = tell("2024-03-11", due=(), snapshots=[SNAPSHOT, SNAPSHOT | {"as_of": "2024-03-12", "days_past_due": 60}])

    assert (told.source, told.overdue_total, told.days_past_due, told.bucket) == ("snapshot", 32_000, 40, "M2")
    assert (told.outstanding_principal, told.five_class) == (900_000, "substandard")
    assert (told.overdue_since, told.penalty) == (date(2024, 1, 11), None)
    assert [(item.kind, item.principal_unpaid) for item in told.instalments] == [("snapshot", 30_000)]


def test_a_snapshot_may_give_a_bucket_only():
    told = tell("2024-03-11", due=(), snapshots=[SNAPSHOT | {"days_past_due": None, "bucket": "M4"}])

    assert (told.days_past_due, told.bucket) == (91, "M4")


@pytest.mark.parametrize(
    ("given", "days", "five_class", "penalty"),
    [
        ({"overdue_principal": 5}, 1, "special_mention", None),
        ({"overdue_interest": 5}, 1, "special_mention", 0),
        ({}, 0, "normal", 0),
    ],
)
def test_what_is_overdue_by_a_snapshot_is_a_day_past_due_at_least(given, days, five_class, penalty):
    told = tell("2024-03-11", due=(), snapshots=[{"as_of": "2024-02-20", "outstanding": 900_000} | given])

    assert (told.days_past_due, told.five_class, told.penalty) == (days, five_class, penalty)


def test_the_worst_class_that_the_data_give_counts():
    assert tell("2024-03-02", snapshots=[SNAPSHOT], five_class="normal").five_class == "substandard"


def test_a_schedule_wins_over_terms_and_both_over_a_snapshot():
    assert tell("2024-03-11", snapshots=[SNAPSHOT], method="bullet", term=1).overdue_total == 1_050_000
    assert terms(method="bullet", term=1, five_class=None).source == "terms"


def without_payments(as_of, *, snapshots=(), assume_unpaid=False):
    frames = {"loans": [LOAN], "schedule": [{"loan_id": "L1"} | row for row in DUE]}
    frames["snapshots"] = [{"loan_id": "L1"} | row for row in snapshots]
    tables = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    return explain_loan(tables, "L1", as_of=date.fromisoformat(as_of), assume_unpaid=assume_unpaid)


def test_without_a_table_of_payments_an_instalment_that_fell_due_is_refused():
    with pytest.raises(InvalidDataError, match=r"L1 was due on 2024-03-01.*--assume-unpaid"):
        without_payments("2024-03-01")

    assert without_payments("2024-03-02", assume_unpaid=True).overdue_total == 1_050_000
    assert without_payments("2024-02-29").overdue_total == 0
    told = without_payments("2024-03-02", snapshots=[SNAPSHOT])
    assert told.source == "snapshot"
    assert [(item.kind, item.due_date.month) for item in told.instalments] == [("snapshot", 1), ("instalment", 4)]


@pytest.mark.parametrize(
    ("loan", "on_book"),
    [
        ({}, True),
        ({"status": "settled"}, False),
        ({"status": "sold"}, False),
        ({"status": "written_off"}, False),
        ({"status": "written_off", "write_off_date": "2024-03-11"}, False),
        ({"status": "written_off", "write_off_date": "2024-03-12"}, True),
        ({"status": None}, True),
    ],
)
def test_what_is_settled_written_off_or_sold_is_off_the_book(loan, on_book):
    assert tell("2024-03-11", **loan).on_book is on_book


def test_a_settled_loan_owes_nothing():
    told = tell("2024-03-11", ("2024-03-01", 100), status="settled", outstanding=5)

    assert (told.overdue_total, told.outstanding_principal, told.penalty, told.days_past_due) == (0, 0, 0, 0)
    assert unpaid(told) == [(0, 0), (0, 0)]


def test_a_loan_that_starts_later_or_is_unknown_is_refused():
    with pytest.raises(InvalidDataError, match="starts on 2024-02-01"):
        tell("2024-01-31")
    with pytest.raises(UsageError, match="L9"):
        explain_loan(Tables({"loans": SCHEMAS["loans"].frame([LOAN])}), "L9", as_of=date(2024, 3, 1))


def test_large_amounts_are_exact():
    # 10^12.00 bears 10^12 x 0.27 / 360 = 750,000,000.00 a day.
    due = ({"no": 1, "due_date": "2024-03-01", "principal_due": 10**14, "interest_due": 1},)

    assert tell("2024-03-08", due=due, principal=10**14).penalty == 7 * 75_000_000_000


def test_the_conventions_that_a_loan_decides_are_named():
    told = tell("2024-03-01", grace_days=2, conventions={"penalty_multiplier": "1.3"})

    assert told.choices.own == {"grace_days"}
    assert told.choices.multiplier == Decimal("1.3")
