from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worked import LOAN, book, found, ledger

from graphrisk.ledger.dates import THIRTY_360, dates, day, following, interest_days, measure, months_after, year_base
from graphrisk.ledger.schedules import level_payments

LATE = date(2034, 1, 1)


def plan(as_of=LATE, *, rates=(), **terms):
    """Return (due date, principal, interest) of each instalment that the terms give."""
    rows = ledger(book(loan=terms, schedule=(), rates=rates), as_of).instalments
    days = rows["due_date"].dt.strftime("%Y-%m-%d")
    return list(zip(days, rows["principal_due"], rows["interest_due"], strict=True))


def test_a_level_payment_is_the_same_every_month_and_the_last_takes_the_rest():
    # i = 1 %; A = 12,000 x 0.01 x 1.01^12 / (1.01^12 - 1) = 1,066.185... = 1,066.19
    rows = plan(method="level_payment", annual_rate=120_000_000, term=12)

    assert [principal + interest for _, principal, interest in rows] == [106_619] * 11 + [106_614]
    assert rows[0] == ("2024-03-01", 94_619, 12_000)
    assert sum(principal for _, principal, _ in rows) == LOAN["principal"]


def test_a_level_principal_is_the_same_every_month_and_the_last_takes_the_rest():
    # 1,000.00 / 7 = 142.857... = 142.86; 1,000.00 - 6 x 142.86 = 142.84
    rows = plan(method="level_principal", annual_rate=0, term=7, principal=100_000)

    assert [principal for _, principal, _ in rows] == [14_286] * 6 + [14_284]


def test_interest_of_level_principal_is_on_the_rounded_balance():
    # 1 % a month on 1,200,000, 800,000, 400,000 fen
    rows = plan(method="level_principal", annual_rate=120_000_000, term=3)

    assert [interest for _, _, interest in rows] == [12_000, 8_000, 4_000]


def test_interest_first_pays_the_principal_at_the_end():
    rows = plan(method="interest_first", annual_rate=120_000_000, term=3)

    assert rows == [("2024-03-01", 0, 12_000), ("2024-04-01", 0, 12_000), ("2024-05-01", 1_200_000, 12_000)]


def test_flat_interest_is_on_the_whole_principal_every_month():
    rows = plan(method="flat", annual_rate=120_000_000, term=3)

    assert [row[1:] for row in rows] == [(400_000, 12_000)] * 3


@pytest.mark.parametrize(
    ("day_count", "interest"),
    [
        # 12,000 at 18 % from 2024-02-01 to 2025-02-01: 366 days, 30/360: 360
        ("ACT/360", 219_600),  # 2,160.00 x 366 / 360
        ("ACT/365", 216_592),  # 2,160.00 x 366 / 365 = 2,165.918
        ("ACT/ACT", 216_052),  # 2,160.00 x (334 / 366 + 32 / 365) = 2,160.517: the days after the start
        ("30/360", 216_000),
    ],
)
def test_a_bullet_pays_all_at_maturity_for_the_days(day_count, interest):
    rows = plan(method="bullet", maturity_date="2025-02-01", day_count=day_count)

    assert rows == [("2025-02-01", 1_200_000, interest)]


@pytest.mark.parametrize(
    ("terms", "maturity"),
    [
        ({"term": 90, "term_unit": "day"}, "2024-05-01"),
        ({"term": 6}, "2024-08-01"),
        ({"term": 6, "term_unit": "month"}, "2024-08-01"),
        ({"term": 1, "term_unit": "year"}, "2025-02-01"),
        ({"term": 1, "term_unit": "year", "maturity_date": "2025-01-15"}, "2025-01-15"),
    ],
)
def test_a_bullet_matures_by_its_term(terms, maturity):
    assert plan(method="bullet", **terms)[0][0] == maturity


@pytest.mark.parametrize(
    ("terms", "count"),
    [
        ({"term": 24}, 24),
        ({"term": 2, "term_unit": "year"}, 24),
        ({"term": 90, "term_unit": "day"}, 3),  # 2024-02-01 to 2024-05-01
        ({"term": 89, "term_unit": "day"}, 2),
        ({"maturity_date": "2024-08-01"}, 6),
        ({"maturity_date": "2024-07-31"}, 5),
        ({"term": 3, "maturity_date": "2024-08-01"}, 3),
        ({"term": 1}, 1),
    ],
)
def test_the_number_of_instalments_is_the_term_in_months(terms, count):
    assert len(plan(method="level_principal", **terms)) == count


def test_a_due_day_of_31_returns_after_shorter_months():
    rows = plan(method="interest_first", annual_rate=0, term=5, start_date="2023-12-31")

    assert [row[0] for row in rows] == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]


def test_a_loan_of_the_31st_falls_due_on_the_31st_though_its_first_month_is_short():
    rows = plan(method="interest_first", annual_rate=0, term=3, start_date="2024-01-31")

    assert [row[0] for row in rows] == ["2024-02-29", "2024-03-31", "2024-04-30"]


def test_the_first_due_date_is_the_first_pay_day_a_month_after_the_start():
    # From 2024-02-01, a month on is 2024-03-01; the first 15th from there on is 2024-03-15.
    assert plan(method="interest_first", annual_rate=0, term=2, pay_day=15)[0][0] == "2024-03-15"
    # Paid out on the 20th, a month on is 2024-03-20; the first 15th from there on is 2024-04-15.
    late = plan(method="interest_first", annual_rate=0, term=2, pay_day=15, start_date="2024-02-20")
    assert late[0][0] == "2024-04-15"


def test_days_beyond_a_month_add_interest_to_the_first_instalment():
    # One month: 12,000 x 1 % = 120.00; 14 days from 2024-03-01 to 2024-03-15: 12,000 x 0.12 x 14 / 360 = 56.00
    rows = plan(method="interest_first", annual_rate=120_000_000, term=2, pay_day=15)

    assert [row[2] for row in rows] == [17_600, 12_000]


def test_a_rate_of_the_table_that_holds_at_the_start_makes_the_schedule():
    rates = [{"from": "2024-01-01", "annual_rate": 120_000_000}, {"from": "2024-03-01", "annual_rate": 0}]

    assert plan(method="interest_first", term=1, rates=rates)[0][2] == 12_000
    assert plan(method="interest_first", term=1, rates=rates, annual_rate=None)[0][2] == 12_000


def test_a_tiny_principal_is_never_repaid_twice():
    # 5 fen over 10 months: each tenth rounds to 1 fen, so five months repay all of it.
    rows = plan(method="level_principal", annual_rate=0, term=10, principal=5)

    assert [row[1] for row in rows] == [1] * 5 + [0] * 5


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({}, "no_schedule"),
        ({"method": "level_payment"}, "no_schedule"),
        ({"method": "level_payment", "term": 0}, "no_schedule"),
        ({"method": "level_payment", "term": 12, "annual_rate": None}, "no_schedule"),
        ({"method": "daily", "term": 12}, "daily_schedule"),
        ({"method": "bullet", "maturity_date": "2024-01-01"}, "no_schedule"),
    ],
)
def test_terms_that_say_too_little_make_no_schedule(terms, code):
    tables = book(loan=terms, schedule=())

    row = ledger(tables).loans.iloc[0]
    assert found(tables) == [code]
    assert (row["source"], row["overdue_total"], row["outstanding_principal"]) == ("none", 0, 1_200_000)


def test_a_pay_day_that_no_month_has_is_that_of_the_start():
    tables = book(loan={"method": "interest_first", "term": 1, "pay_day": 32}, schedule=())

    assert found(tables) == ["pay_day_unknown"]
    assert ledger(tables).instalments["due_date"].dt.day.tolist() == [1]


@given(
    st.integers(1, 10**12),
    st.integers(0, 2_000_000_000),
    st.integers(1, 480),
)
def test_a_level_payment_is_the_annuity(principal, annual_rate, count):
    got = int(level_payments(np.array([principal]), np.array([annual_rate]), np.array([count]))[0])

    month = Fraction(annual_rate, 12 * 10**9)
    # Present value of count payments of 1: what they are worth at the start.
    worth = Fraction(count) if month == 0 else (1 - (1 + month) ** -count) / month
    assert abs(got - principal / worth) <= Fraction(1, 2)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 600))
def test_months_later_is_the_same_day_or_the_last_of_the_month(start, months):
    got = dates(months_after(np.array([day(start)]), np.array([months]))).astype("datetime64[D]")[0].item()

    years, month = divmod(start.month - 1 + months, 12)
    assert (got.year, got.month) == (start.year + years, month + 1)
    assert got.day == start.day or (got.day < start.day and day(got) + 1 == day(_first_of_next(got)))


def _first_of_next(when):
    return date(when.year + when.month // 12, when.month % 12 + 1, 1)


@given(st.dates(date(1890, 1, 1), date(2110, 1, 1)), st.dates(date(1890, 1, 1), date(2110, 1, 1)))
def test_act_act_weighs_each_day_by_its_year(one, other):
    first, last = sorted((one, other))
    ends = np.array([day(first), day(last)])
    code = np.array([2, 2], dtype=np.int8)

    got = Fraction(int(np.diff(measure(ends, code))[0]), int(year_base(code)[0]))

    expected = Fraction(0)
    for year in range(first.year, last.year + 1):
        leap = (date(year + 1, 1, 1) - date(year, 1, 1)).days == 366
        begin, end = max(first, date(year - 1, 12, 31)), min(last, date(year, 12, 31))
        expected += Fraction(max((end - begin).days, 0), 366 if leap else 365)
    assert got == expected


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.dates(date(2000, 1, 1), date(2050, 1, 1)))
def test_30_360_counts_a_month_as_30_days(one, other):
    first, last = sorted((one, other))

    got = interest_days(np.array([day(first)]), np.array([day(last)]), np.array([THIRTY_360], dtype=np.int8))

    months = 12 * (last.year - first.year) + last.month - first.month
    assert got.tolist() == [30 * months + min(last.day, 30) - min(first.day, 30)]


def test_a_working_day_stays_and_a_holiday_moves_on():
    # 2024-05-01 is a holiday, a Wednesday; 05-02 too; 05-03 a Friday. 2024-05-04 is a Saturday.
    days = np.array([day(date(2024, 5, number)) for number in (1, 3, 4)])

    got = dates(following(days, (date(2024, 5, 1), date(2024, 5, 2)))).astype("datetime64[D]")

    assert got.astype(str).tolist() == ["2024-05-03", "2024-05-03", "2024-05-06"]
