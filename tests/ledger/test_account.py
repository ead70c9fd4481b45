"""One loan a convention, worked by hand; the loan is that of ``worked``."""

from datetime import date

import pandas as pd
import pytest
from worked import END_OF_MARCH, FIRST, LOAN, SECOND, book, found, ledger, owed, paid

from graphrisk.errors import InvalidDataError
from graphrisk.ledger.overdue import account
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS


def amounts(row, *names):
    return tuple(row[name] for name in names)


DUE = ("overdue_principal", "overdue_interest", "penalty")


# What is past due, and since when


@pytest.mark.parametrize(
    ("as_of", "days", "bucket", "five_class"),
    [
        (date(2024, 2, 29), 0, "M0", "normal"),
        (date(2024, 3, 1), 0, "M0", "normal"),  # due today
        (date(2024, 3, 2), 1, "M1", "special_mention"),
        (date(2024, 3, 31), 30, "M1", "special_mention"),
        (date(2024, 4, 1), 31, "M2", "special_mention"),
        (date(2024, 5, 30), 90, "M3", "special_mention"),
        (date(2024, 5, 31), 91, "M4", "substandard"),
        (date(2024, 11, 26), 270, "M7", "substandard"),
        (date(2024, 11, 27), 271, "M7", "doubtful"),
        (date(2025, 2, 25), 361, "M7", "loss"),
    ],
)
def test_days_past_due_count_from_the_oldest_due_date(as_of, days, bucket, five_class):
    row = owed(book(), as_of)

    assert amounts(row, "days_past_due", "bucket", "five_class") == (days, bucket, five_class)
    assert pd.isna(row["overdue_since"]) if days == 0 else row["overdue_since"] == pd.Timestamp("2024-03-01")


def test_nothing_paid_leaves_principal_interest_and_thirty_days_of_penalty():
    # 30 days x 4.50 = 135.00
    row = owed(book())

    assert amounts(row, *DUE, "overdue_total") == (600_000, 18_000, 13_500, 618_000)
    assert amounts(row, "outstanding_principal", "unallocated", "source") == (1_200_000, 0, "schedule")


def test_both_instalments_past_due_add_up():
    # On 2024-04-11: 41 days x 4.50 + 10 days x 4.50 = 229.50
    row = owed(book(), date(2024, 4, 11))

    assert amounts(row, *DUE, "days_past_due") == (1_200_000, 36_000, 22_950, 41)


def test_the_oldest_unpaid_instalment_gives_the_days():
    # The first is paid on its day; on 2024-04-11 the second is 10 days late.
    row = owed(book(payments=[paid("2024-03-01", 618_000)]), date(2024, 4, 11))

    assert amounts(row, *DUE, "days_past_due") == (600_000, 18_000, 4_500, 10)


def test_one_fen_left_keeps_the_days_running():
    row = owed(book(payments=[paid("2024-03-01", 617_999)]))

    assert amounts(row, "overdue_total", "days_past_due") == (1, 30)


def test_unpaid_interest_alone_gives_days_and_unpaid_penalty_alone_does_not():
    only_interest = book(payments=[paid("2024-03-01", 600_000)])
    assert owed(only_interest, allocation_order="principal>interest>penalty")["days_past_due"] == 30

    # Paid ten days late without the penalty of 45.00, which stays owed for ever but is not past due.
    only_penalty = owed(book(payments=[paid("2024-03-11", 618_000)]), allocation_order="principal>interest>penalty")
    assert amounts(only_penalty, "days_past_due", "overdue_total", "penalty") == (0, 0, 4_500)


def test_materiality_is_money_that_has_to_be_exceeded():
    # 100.00 is left of the first instalment.
    tables = book(payments=[paid("2024-03-01", 608_000)])

    assert owed(tables, materiality="99.99")["days_past_due"] == 30
    row = owed(tables, materiality="100")
    # Not past due, so it bears no penalty either; without materiality: 100 x 0.00075 x 30 = 2.25.
    assert amounts(row, "days_past_due", "overdue_total", "penalty") == (0, 0, 0)
    assert owed(tables)["penalty"] == 225


# Order of allocation


def test_a_payment_meets_penalty_then_interest_then_principal():
    # On 2024-03-11: penalty 45.00; 1,000 = 45 + 180 + 775. Then 20 days x 5,225 x 0.00075 = 78.375 = 78.38
    row = owed(book(payments=[paid("2024-03-11", 100_000)]))

    assert amounts(row, *DUE) == (522_500, 0, 7_838)
    assert ledger(book(payments=[paid("2024-03-11", 100_000)])).instalments["penalty_paid"].tolist() == [4_500, 0]


@pytest.mark.parametrize(
    ("order", "left"),
    [
        # On 2024-03-11 penalty 45.00, fee 20.00, interest 180.00 and principal 6,000.00 stand against 300.00; the
        # penalty of 20 more days is 0.015 of the principal left, half up.
        ("penalty>interest>principal", (594_500, 0, 0, 8_918)),  # 45, fee 20, 180, 55
        ("interest>principal>penalty", (588_000, 0, 2_000, 4_500 + 8_820)),  # 180, 120
        ("principal>interest>penalty", (570_000, 18_000, 2_000, 4_500 + 8_550)),  # 300
        ("fee>interest>principal", (590_000, 0, 0, 4_500 + 8_850)),  # 20, 180, 100; penalty last
        ("principal", (570_000, 18_000, 2_000, 4_500 + 8_550)),
        ("interest>penalty", (594_500, 0, 0, 8_918)),  # 180, 45, fee 20 after the penalty, 55
        ("penalty>interest>principal>fee", (592_500, 0, 2_000, 8_888)),  # 45, 180, 75: 5,925 x 0.015 = 88.875
    ],
)
def test_the_order_decides_which_part_is_left(order, left):
    schedule = [{**FIRST, "fee_due": 2_000}, SECOND]
    payments = [paid("2024-03-11", 30_000)]

    by_convention = owed(book(schedule=schedule, payments=payments), allocation_order=order)
    by_loan = owed(book(loan={"allocation_order": order}, schedule=schedule, payments=payments))

    names = ("overdue_principal", "overdue_interest", "overdue_fee", "penalty")
    assert amounts(by_convention, *names) == left
    assert amounts(by_loan, *names) == left


def test_pro_rata_splits_an_instalment_by_running_shares():
    # On 2024-03-11: penalty 45, interest 180, principal 6,000, in all 6,225. Of 100.00: penalty
    # 100 x 45 / 6,225 = 0.7229 = 0.72; penalty and interest 100 x 225 / 6,225 = 3.6145 = 3.61; principal 96.39.
    row = owed(book(payments=[paid("2024-03-11", 10_000)]), date(2024, 3, 11), allocation_order="pro_rata")

    assert amounts(row, *DUE) == (600_000 - 9_639, 18_000 - 289, 4_500 - 72)


def test_an_unknown_order_is_found_and_the_convention_holds():
    tables = book(loan={"allocation_order": "interest first"}, payments=[paid("2024-03-11", 100_000)])

    assert found(tables) == ["allocation_order_unknown"]
    assert owed(tables)["overdue_principal"] == 522_500


def test_an_early_payment_goes_to_the_next_instalments_in_order():
    # On 2024-02-15: 180 + 6,000 of the first, 180 + 140 of the second.
    rows = ledger(book(payments=[paid("2024-02-15", 650_000)]), date(2024, 2, 15)).instalments

    assert rows["interest_unpaid"].tolist() == [0, 0]
    assert rows["principal_unpaid"].tolist() == [0, 600_000 - 14_000]


def test_what_is_left_when_all_is_paid_is_unallocated():
    row = owed(book(payments=[paid("2024-02-15", 1_236_001)]))

    assert amounts(row, "outstanding_principal", "overdue_total", "unallocated") == (0, 0, 1)


def test_two_instalments_of_one_day_are_met_by_number():
    schedule = [{**FIRST, "no": 2, "principal_due": 100_000, "interest_due": 0}, {**FIRST, "no": 1}]
    rows = ledger(book(schedule=schedule, payments=[paid("2024-03-01", 618_000)])).instalments

    assert rows[["no", "principal_unpaid"]].to_numpy().tolist() == [[1, 0], [2, 100_000]]


# Rounding


def test_penalty_is_rounded_at_each_payment_of_every_past_due_instalment():
    # 10.00 at 0.00075 a day: 3 days 0.0225 = 0.02, and again after a payment that reaches the first instalment
    # alone: 0.02 + 0.02 = 0.04 after 6 days; without the payment 0.045 = 0.05.
    schedule = [{**FIRST, "interest_due": 0}, {**FIRST, "no": 2, "principal_due": 1_000, "interest_due": 0}]

    with_payment = ledger(book(schedule=schedule, payments=[paid("2024-03-04", 100)]), date(2024, 3, 7))
    without = ledger(book(schedule=schedule), date(2024, 3, 7))

    assert with_payment.instalments["penalty"].tolist()[1] == 4
    assert without.instalments["penalty"].tolist()[1] == 5


# Grace


def test_inside_grace_nothing_is_past_due_and_afterwards_all_days_count():
    assert amounts(owed(book(), date(2024, 3, 6), grace_days=5), *DUE, "days_past_due") == (0, 0, 0, 0)
    # The sixth day: 6 days x 4.50
    assert amounts(owed(book(), date(2024, 3, 7), grace_days=5), *DUE, "days_past_due") == (600_000, 18_000, 2_700, 6)


def test_days_may_count_from_the_end_of_grace():
    row = owed(book(), date(2024, 3, 7), grace_days=5, days_past_due_from="grace_end")

    assert row["days_past_due"] == 1
    assert row["overdue_since"] == pd.Timestamp("2024-03-01")


def test_an_instalment_paid_inside_grace_has_no_penalty():
    row = owed(book(payments=[paid("2024-03-05", 618_000)]), grace_days=5)

    assert amounts(row, *DUE, "unallocated") == (0, 0, 0, 0)


def test_a_payment_inside_grace_meets_no_penalty_but_its_days_count_once_grace_is_overrun():
    # On the third day 180 + 3,000. Then 3 days x 4.50 + 27 days x 2.25 = 74.25
    tables = book(payments=[paid("2024-03-04", 318_000)])

    assert amounts(owed(tables, grace_days=5), *DUE) == (300_000, 0, 7_425)
    assert amounts(owed(tables, date(2024, 3, 6), grace_days=5), *DUE) == (0, 0, 0)


def test_inside_grace_nothing_is_rounded():
    # 2 days x 10.00 + 4 days x 9.00 at 0.00075 = 0.015 + 0.027 = 0.042 = 0.04; rounded apart 0.02 + 0.03 = 0.05.
    schedule = [{**FIRST, "principal_due": 1_000, "interest_due": 0}]
    tables = book(loan={"principal": 1_000}, schedule=schedule, payments=[paid("2024-03-03", 100)])

    assert owed(tables, date(2024, 3, 7), grace_days=5)["penalty"] == 4
    # Without grace the payment meets the 0.02; then 4 days x 9.02: 0.027 = 0.03.
    assert owed(tables, date(2024, 3, 7), grace_days=0)["penalty"] == 3


def test_a_loan_may_have_grace_of_its_own():
    assert owed(book(loan={"grace_days": 30}))["days_past_due"] == 0
    assert owed(book(loan={"grace_days": 29}), grace_days=100)["days_past_due"] == 30


# Penalty


@pytest.mark.parametrize(
    ("conventions", "penalty"),
    [
        # 30 days on 6,000.00
        ({}, 13_500),
        ({"penalty_multiplier": "1"}, 9_000),
        ({"penalty_multiplier": "3"}, 27_000),
        ({"penalty_multiplier": "0"}, 0),
        ({"penalty_multiplier": "0.24"}, 12_000),  # 24 % a year
        ({"penalty_multiplier": "18"}, 9_000),  # 18 % a year
        ({"penalty_multiplier": "0.24", "penalty_mode": "on_top"}, 21_000),  # 18 % + 24 %
        ({"penalty_mode": "on_top"}, 22_500),  # 18 % x 2.5
        ({"penalty_base": "overdue_total"}, 13_905),  # on 6,180.00
        ({"penalty_base": "outstanding"}, 13_500),  # holds only once the loan is accelerated
        ({"day_count": "ACT/365"}, 13_315),  # 6,000 x 0.27 x 30 / 365 = 133.1507
        ({"day_count": "ACT/ACT"}, 13_279),  # ... x 30 / 366 = 132.7869
        ({"day_count": "30/360"}, 13_500),
    ],
)
def test_penalty_follows_the_conventions(conventions, penalty):
    assert owed(book(), **conventions)["penalty"] == penalty


@pytest.mark.parametrize(
    ("column", "value", "penalty"),
    [
        ("penalty_multiplier", 1_300_000_000, 11_700),
        ("penalty_multiplier", 240_000_000, 12_000),
        ("penalty_multiplier", 18_000_000_000, 9_000),
        ("penalty_base", "overdue_total", 13_905),
        ("day_count", "ACT/365", 13_315),
    ],
)
def test_a_loans_own_column_wins(column, value, penalty):
    assert owed(book(loan={column: value}))["penalty"] == penalty


def test_a_multiplier_read_as_percent_is_said():
    assert found(book(loan={"penalty_multiplier": 18_000_000_000})) == ["penalty_multiplier_percent"]
    assert found(book(loan={"penalty_multiplier": 3_000_000_000})) == []


def test_30_360_takes_calendar_days_for_penalty():
    # 31 days of March, not 30.
    assert owed(book(), date(2024, 4, 1), day_count="30/360")["penalty"] == 13_950


def test_act_act_weighs_a_day_by_its_year():
    # Due 2023-12-22; to 2024-01-11: 9 days of 2023 and 11 of 2024.
    # 6,000 x 0.27 x (9 / 365 + 11 / 366) = 39.9452 + 48.6885 = 88.6337
    schedule = [{**FIRST, "due_date": "2023-12-22"}, SECOND]
    row = owed(book(loan={"start_date": "2023-11-22"}, schedule=schedule), date(2024, 1, 11), day_count="ACT/ACT")

    assert row["penalty"] == 8_863


def test_each_day_takes_the_rate_in_force_that_day():
    # 18 % until 2024-03-15: 14 days x 4.50; 12 % from 2024-03-16: 16 days x 3.00
    rates = [{"from": "2024-03-16", "annual_rate": 120_000_000}]

    assert owed(book(rates=rates))["penalty"] == 6_300 + 4_800


def test_a_rate_change_between_two_payments_is_rounded_once():
    # 10.00: 2 days at 18 % x 1.5 and 1 at 12 % x 1.5: 0.015 + 0.005 = 0.02; apart 0.02 + 0.01 = 0.03.
    schedule = [{**FIRST, "principal_due": 1_000, "interest_due": 0}]
    rates = [{"from": "2024-03-04", "annual_rate": 120_000_000}]

    assert owed(book(schedule=schedule, rates=rates), date(2024, 3, 4))["penalty"] == 2


def test_without_a_rate_the_penalty_is_unknown_not_nought():
    row = owed(book(loan={"annual_rate": None}))
    assert row["penalty"] is pd.NA
    assert row["penalty_unknown"]

    # No day was late, or the penalty rate is given itself: then nothing is unknown.
    assert owed(book(loan={"annual_rate": None}), date(2024, 3, 1))["penalty"] == 0
    assert owed(book(loan={"annual_rate": None}), penalty_multiplier="0.24")["penalty"] == 12_000


def test_a_rate_known_from_a_later_day_leaves_the_days_before_unknown():
    rates = [{"from": "2024-03-11", "annual_rate": 180_000_000}]
    tables = book(loan={"annual_rate": None}, rates=rates)
    assert owed(tables)["penalty"] is pd.NA

    rates = [{"from": "2024-03-02", "annual_rate": 180_000_000}]
    assert owed(book(loan={"annual_rate": None}, rates=rates))["penalty"] == 13_500


def test_amounts_and_rates_of_any_size_are_exact():
    # 900,000,000,000,000.00 at 12.3456789 % x 1.333333331 over 30 days / 360: far beyond int64 in between.
    principal = 90_000_000_000_000_000
    schedule = [{**FIRST, "principal_due": principal, "interest_due": 0}]
    loan = {"principal": principal, "annual_rate": 123_456_789, "penalty_multiplier": 1_333_333_331}

    top = 2 * principal * 123_456_789 * 1_333_333_331 * 30 + 360 * 10**18
    assert owed(book(loan=loan, schedule=schedule))["penalty"] == top // (2 * 360 * 10**18)


# Acceleration


def test_acceleration_makes_all_principal_and_accrued_interest_due():
    # On 2024-03-16: 6,000 more, and of the running month's 180.00 15 of 31 days: 87.0968 = 87.10.
    # Penalty to 2024-03-31: 30 days x 4.50 + 15 days x 4.50 = 202.50
    row = owed(book(loan={"accelerated_on": "2024-03-16"}))

    assert amounts(row, *DUE) == (1_200_000, 18_000 + 8_710, 20_250)
    assert amounts(row, "overdue_before_acceleration", "accelerated", "days_past_due") == (618_000, True, 30)


def test_acceleration_counts_from_its_day_on_and_not_before():
    tables = book(loan={"accelerated_on": "2024-03-16"})

    before = owed(tables, date(2024, 3, 15))
    assert amounts(before, "accelerated", "overdue_total") == (False, 618_000)
    on_the_day = owed(tables, date(2024, 3, 16))
    assert amounts(on_the_day, "accelerated", "overdue_total") == (True, 618_000)
    assert owed(tables, date(2024, 3, 17))["overdue_total"] == 618_000 + 608_710


def test_the_row_of_an_acceleration_stands_for_the_later_instalments():
    rows = ledger(book(loan={"accelerated_on": "2024-03-16"})).instalments

    assert rows["kind"].tolist() == ["instalment", "acceleration"]
    assert rows["due_date"].dt.strftime("%m-%d").tolist() == ["03-01", "03-16"]
    assert rows[["principal_due", "interest_due"]].to_numpy().tolist() == [[600_000, 18_000], [600_000, 8_710]]


def test_in_the_first_period_interest_accrues_from_the_start():
    # From 2024-02-01 to 2024-02-11: 10 of 29 days of 180.00: 62.069 = 62.07
    row = owed(book(loan={"accelerated_on": "2024-02-11"}), date(2024, 2, 12))

    assert amounts(row, "overdue_principal", "overdue_interest") == (1_200_000, 6_207)


def test_what_was_paid_early_of_the_running_interest_comes_off():
    # 6,180 pay the first instalment on its day, 50.00 go to the second's interest: 87.10 - 50.00
    payments = [paid("2024-03-01", 618_000), paid("2024-03-05", 5_000)]
    row = owed(book(loan={"accelerated_on": "2024-03-16"}, payments=payments))

    assert amounts(row, "overdue_principal", "overdue_interest") == (600_000, 3_710)


def test_a_payment_of_that_day_finds_all_of_it_due():
    payments = [paid("2024-03-01", 618_000), paid("2024-03-16", 608_710)]
    row = owed(book(loan={"accelerated_on": "2024-03-16"}, payments=payments))

    assert amounts(row, "overdue_total", "outstanding_principal", "unallocated") == (0, 0, 0)


def test_fees_stay_with_their_instalments_when_a_loan_is_accelerated():
    schedule = [FIRST, {**SECOND, "fee_due": 2_000}]
    rows = ledger(book(loan={"accelerated_on": "2024-03-16"}, schedule=schedule)).instalments

    assert rows["kind"].tolist() == ["instalment", "acceleration", "instalment"]
    assert rows[["principal_due", "interest_due", "fee_due"]].to_numpy().tolist()[2] == [0, 0, 2_000]


# Prepayment


def test_a_prepayment_meets_what_is_due_then_the_last_principal():
    # On 2024-03-01: 6,180 due; 1,000 off the last instalment's principal. Its interest stays.
    rows = ledger(book(payments=[paid("2024-03-01", 718_000, kind="prepay")])).instalments

    assert rows["principal_unpaid"].tolist() == [0, 500_000]
    assert rows["interest_unpaid"].tolist() == [0, 18_000]


def test_without_principal_no_later_interest_is_due():
    row = owed(book(payments=[paid("2024-03-01", 1_218_000, kind="prepay")]), date(2024, 4, 30))

    assert amounts(row, "overdue_total", "outstanding_principal", "unallocated") == (0, 0, 0)


def test_a_prepayment_goes_backwards_over_several_instalments():
    schedule = [{**FIRST, "no": number, "due_date": f"2024-0{number + 2}-01"} for number in (1, 2, 3, 4)]
    payments = [paid("2024-03-01", 618_000 + 900_000, kind="prepay")]
    rows = ledger(book(loan={"principal": 2_400_000}, schedule=schedule, payments=payments)).instalments

    assert rows["principal_unpaid"].tolist() == [0, 600_000, 300_000, 0]


# Versions and working days


REVISED = {"version": "revised", "valid_from": "2024-03-10"}


def test_the_latest_version_in_force_counts_and_the_days_of_the_first_stand_beside_it():
    later = [
        {**FIRST, "due_date": "2024-05-01", **REVISED},
        {**SECOND, "due_date": "2024-06-01", **REVISED},
    ]
    tables = book(schedule=[FIRST, SECOND, *later])

    row = owed(tables)
    assert amounts(row, "days_past_due", "days_past_due_original", "overdue_total") == (0, 30, 0)
    before = owed(tables, date(2024, 3, 9))
    assert amounts(before, "days_past_due", "days_past_due_original", "overdue_total") == (8, 8, 618_000)


def test_a_revised_version_stands_after_the_original_of_the_same_day():
    schedule = [{**FIRST, "principal_due": 500_000, "version": "revised"}, {**FIRST, "version": "original"}]

    assert owed(book(schedule=schedule))["overdue_principal"] == 500_000


def test_a_due_date_may_move_to_the_next_working_day():
    # 2024-03-02 is a Saturday, 2024-03-04 the Monday; if that is a holiday, 2024-03-05.
    tables = book(schedule=[{**FIRST, "due_date": "2024-03-02"}, SECOND])

    assert owed(tables)["days_past_due"] == 29
    assert owed(tables, roll="following")["days_past_due"] == 27
    row = owed(tables, roll="following", holidays=(date(2024, 3, 4),))
    assert amounts(row, "days_past_due", "penalty") == (26, 26 * 450)


# Snapshots, and what is not known


def test_a_snapshot_is_used_as_it_stands_where_there_is_nothing_else():
    snapshots = [
        {"as_of": "2024-02-29", "outstanding": 1_200_000, "days_past_due": 0},
        {"as_of": "2024-03-15", "outstanding": 1_100_000, "overdue_principal": 50_000, "days_past_due": 14},
        {"as_of": "2024-04-15", "outstanding": 900_000, "days_past_due": 0},
    ]
    tables = book(schedule=(), snapshots=snapshots)

    row = owed(tables)
    assert amounts(row, "outstanding_principal", "overdue_total", "days_past_due") == (1_100_000, 50_000, 14)
    assert amounts(row, "source", "overdue_since") == ("snapshot", pd.Timestamp("2024-03-01"))
    assert row["penalty"] is pd.NA
    assert ledger(tables).instalments["kind"].tolist() == ["snapshot"]


@pytest.mark.parametrize(("bucket", "days"), [("M0", 0), ("M1", 1), ("M3", 61), ("M7", 181), (None, 1)])
def test_a_bucket_alone_gives_its_least_days(bucket, days):
    snapshots = [{"as_of": "2024-03-15", "outstanding": 1, "overdue_principal": 1, "bucket": bucket}]

    assert owed(book(schedule=(), snapshots=snapshots))["days_past_due"] == days


def test_a_snapshot_beside_a_schedule_is_compared_for_its_own_day():
    right = {"as_of": "2024-03-15", "outstanding": 1_200_000, "overdue_principal": 600_000, "days_past_due": 14}
    assert found(book(snapshots=[{**right, "overdue_interest": 18_000, "bucket": "M1"}])) == []

    wrong = {**right, "overdue_principal": 1, "days_past_due": 13}
    findings = ledger(book(snapshots=[wrong])).findings
    assert [(item.code, item.column, item.value) for item in findings] == [
        ("snapshot_differs", "overdue_principal", "0.01"),
        ("snapshot_differs", "days_past_due", "13"),
    ]
    assert findings[0].fields["computed"] == "6000.00"


def test_it_refuses_to_guess_what_was_paid():
    with pytest.raises(InvalidDataError, match=r"loan L1 .*2024-03-01.*--assume-unpaid"):
        ledger(book(payments=None))
    # Nothing is due yet, a header alone says that nothing was paid, and it may be assumed.
    assert ledger(book(payments=None), date(2024, 2, 28)).loans["overdue_total"].tolist() == [0]
    assert owed(book(payments=[]))["overdue_total"] == 618_000
    assumed = account(book(payments=None), as_of=END_OF_MARCH, assume_unpaid=True)
    assert assumed.loans["overdue_total"].tolist() == [618_000]


def test_a_snapshot_says_what_was_paid_of_a_schedule_where_no_table_does():
    snapshots = [{"as_of": "2024-03-15", "outstanding": 700_000, "overdue_principal": 100_000, "days_past_due": 14}]
    got = ledger(book(payments=None, snapshots=snapshots))

    assert got.loans[["source", "overdue_total"]].to_numpy().tolist() == [["snapshot", 100_000]]
    # What falls due later is still known from the schedule.
    assert got.instalments["kind"].tolist() == ["snapshot", "instalment"]
    assert got.instalments["due_date"].tolist() == [pd.Timestamp("2024-03-01"), pd.Timestamp("2024-04-01")]


# Outstanding, class and state


def test_a_given_outstanding_is_used_and_its_difference_found():
    tables = book(loan={"outstanding": 1_000_000})

    assert owed(tables)["outstanding_principal"] == 1_000_000
    assert found(tables) == ["outstanding_differs"]
    assert found(book(loan={"outstanding": 1_200_000})) == []


def test_a_schedule_of_another_principal_is_found():
    tables = book(loan={"principal": 1_300_000})

    assert [(item.code, item.fields["computed"]) for item in ledger(tables).findings] == [
        ("schedule_principal", "12000.00")
    ]


def test_a_schedule_that_starts_after_the_month_of_the_first_payment_is_found():
    assert found(book(payments=[paid("2024-02-29", 100)])) == ["schedule_starts_late"]
    assert found(book(payments=[paid("2024-03-31", 100)])) == []


@pytest.mark.parametrize(
    ("given", "as_of", "expected"),
    [
        ("doubtful", date(2024, 3, 1), "doubtful"),
        ("normal", date(2024, 3, 31), "special_mention"),
        ("special_mention", date(2024, 5, 31), "substandard"),
        ("loss", date(2024, 5, 31), "loss"),
    ],
)
def test_the_worse_class_counts(given, as_of, expected):
    assert owed(book(loan={"five_class": given}), as_of)["five_class"] == expected


@pytest.mark.parametrize(
    ("loan", "on_book"),
    [
        ({}, True),
        ({"status": "active"}, True),
        ({"status": "settled"}, False),
        ({"status": "sold"}, False),
        ({"status": "written_off"}, False),
        ({"status": "written_off", "write_off_date": "2024-03-31"}, False),
        ({"status": "written_off", "write_off_date": "2024-04-01"}, True),
    ],
)
def test_loans_settled_sold_or_written_off_are_off_the_book(loan, on_book):
    assert owed(book(loan=loan))["on_book"] == on_book


def test_a_settled_loan_owes_nothing_and_unpaid_instalments_are_found():
    tables = book(loan={"status": "settled"})

    row = owed(tables)
    assert amounts(row, "overdue_total", "outstanding_principal", "penalty", "days_past_due") == (0, 0, 0, 0)
    assert [(item.code, item.fields["unpaid"]) for item in ledger(tables).findings] == [("settled_unpaid", "12360.00")]


def test_a_loan_that_starts_later_is_left_out():
    assert len(ledger(book(), date(2024, 1, 31)).loans) == 0
    assert len(ledger(book(), date(2024, 2, 1)).loans) == 1


def test_a_co_borrower_does_not_count_a_loan_twice():
    tables = book(co_borrowers=[{"entity_id": "B", "liability": "joint"}])

    assert ledger(tables).loans["overdue_total"].tolist() == [618_000]


def test_minor_units_are_those_of_the_loans_currency():
    # Materiality 100: 100 yen, or 100,000 thousandths of a dinar.
    tables = book(loan={"currency": "JPY"}, payments=[paid("2024-03-01", 617_899)])
    assert owed(tables, materiality=100)["days_past_due"] == 30

    tables = book(loan={"currency": "KWD"}, payments=[paid("2024-03-01", 518_000)])
    assert owed(tables, materiality=100)["days_past_due"] == 0
    assert owed(tables, materiality="99.999")["days_past_due"] == 30


def test_an_empty_book_has_an_empty_ledger():
    got = account(Tables({}), as_of=END_OF_MARCH)

    assert (len(got.loans), len(got.instalments), got.findings) == (0, 0, ())


def test_a_book_of_several_loans_is_sorted_by_id():
    loans = [{**LOAN, "loan_id": name} for name in ("L2", "L10", "l1", "L1")]
    frames = {"loans": SCHEMAS["loans"].frame(loans), "payments": SCHEMAS["payments"].frame()}
    schedule = [{"loan_id": name, **row} for name in ("L2", "L1") for row in (SECOND, FIRST)]
    frames["schedule"] = SCHEMAS["schedule"].frame(schedule)

    got = account(Tables(frames), as_of=END_OF_MARCH)

    assert got.loans["loan_id"].tolist() == ["L1", "L10", "L2", "l1"]
    assert got.instalments[["loan_id", "no"]].to_numpy().tolist() == [["L1", 1], ["L1", 2], ["L2", 1], ["L2", 2]]
