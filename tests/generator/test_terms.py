"""Schedules from terms, a second time: the generator's own are the ledger's, to the cent and to the day."""

from datetime import date, timedelta

import numpy as np
import pytest

from graphrisk.conventions import DAY_COUNTS
from graphrisk.generator.terms import BULLET, FLAT, Terms, first_due, later, maturity, plan
from graphrisk.ledger import schedules

LOANS = 3_000


@pytest.mark.parametrize("seed", range(4))
def test_plans_are_those_of_the_ledger(seed):
    rng = np.random.default_rng(seed)
    method = rng.integers(0, FLAT + 1, LOANS)
    start = rng.integers(18_000, 21_000, LOANS)
    year = rng.choice([360, 365], LOANS)
    terms = Terms(
        method=method,
        principal=rng.integers(1_00, 5_000_000_00, LOANS),
        rate=rng.integers(1, 2_400, LOANS),
        start=start,
        months=rng.integers(1, 61, LOANS),
        pay_day=np.where((method == BULLET) | (rng.random(LOANS) < 0.5), 0, rng.integers(1, 32, LOANS)),
        base=year,
    )
    mine = plan(terms)
    theirs = schedules.make_schedule(
        schedules.Terms(
            method=method.astype(np.int8),
            principal=terms.principal,
            annual_rate=terms.rate * 100_000,
            start=start,
            instalments=np.where(method == BULLET, 1, terms.months),
            pay_day=terms.pay_day,
            maturity=maturity(terms),
            day_count=np.where(year == 360, DAY_COUNTS.index("ACT/360"), DAY_COUNTS.index("ACT/365")).astype(np.int8),
        )
    )

    for name in ("loan", "no", "due", "principal", "interest"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)


def plain_months_later(day: date, months: int, of_month: int) -> date:
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    after = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=of_month - 1), after - timedelta(days=1))


def test_months_later_are_those_of_a_calendar():
    rng = np.random.default_rng(9)
    days = [date(2019, 1, 1) + timedelta(days=int(step)) for step in rng.integers(0, 2_500, 500)]
    months, of_month = rng.integers(0, 60, 500), rng.integers(1, 32, 500)
    numbers = np.array([(day - date(1970, 1, 1)).days for day in days])

    got = later(numbers, months, of_month).astype("datetime64[D]").tolist()

    expected = [plain_months_later(*case) for case in zip(days, months.tolist(), of_month.tolist(), strict=True)]
    assert got == expected


def test_the_first_due_date_is_the_first_pay_day_a_month_on():
    start = (date(2024, 1, 25) - date(1970, 1, 1)).days
    one = np.ones(3, dtype=np.int64)
    terms = Terms(one, one, one, start * one, 12 * one, np.array([20, 25, 28]), 360 * one)

    got = first_due(terms).astype("datetime64[D]").tolist()

    assert got == [date(2024, 3, 20), date(2024, 2, 25), date(2024, 2, 28)]
