"""Repayment schedules from the terms of a loan, exact in minor units.

Level payment is the annuity A = P i (1 + i)^n / ((1 + i)^n - 1) with i = annual rate / 12.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphrisk.ledger.dates import Days, interest_days, months_after, whole_months, year_base
from graphrisk.ledger.rounding import scaled
from graphrisk.tables.schemas import METHODS, RATE_UNIT

LEVEL_PAYMENT, LEVEL_PRINCIPAL, INTEREST_FIRST, BULLET, FLAT, DAILY = range(len(METHODS))
#: Methods with one instalment a month.
MONTHLY = (LEVEL_PAYMENT, LEVEL_PRINCIPAL, INTEREST_FIRST, FLAT)
_MONTHS = 12

Money = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of ``n`` loans that a schedule is made from, one element a loan.

    Attributes
    ----------
    method : ndarray of int8
        Position in `METHODS`; ``daily`` has no schedule and is not allowed.
    principal : ndarray of int64
        Minor units.
    annual_rate : ndarray of int64
        Parts per 10^9.
    start : ndarray of int64
        Day of payout.
    instalments : ndarray of int64
        Number of instalments, at least 1; 1 for a bullet.
    pay_day : ndarray of int64
        Day of the month on which instalments fall due, 1 to 31; 0: that of ``start``.
    maturity : ndarray of int64
        Due date of a bullet.
    day_count : ndarray of int8
        Position in `graphrisk.conventions.DAY_COUNTS`.
    """

    method: NDArray[np.int8]
    principal: Money
    annual_rate: NDArray[np.int64]
    start: Days
    instalments: NDArray[np.int64]
    pay_day: NDArray[np.int64]
    maturity: Days
    day_count: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The instalments of ``n`` loans, by loan and number.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Position of the loan.
    no : ndarray of int64, shape (m,)
        Number of the instalment, from 1.
    due : ndarray of int64, shape (m,)
        Day on which it falls due.
    principal, interest : ndarray of int64, shape (m,)
        What falls due, in minor units.
    """

    loan: NDArray[np.int64]
    no: NDArray[np.int64]
    due: Days
    principal: Money
    interest: Money


def level_payments(principal: Money, annual_rate: NDArray[np.int64], instalments: NDArray[np.int64]) -> Money:
    """Return the level payment of each loan, rounded half up.

    Exact: computed in whole numbers of any size, once for each distinct (principal, rate, n).

    Parameters
    ----------
    principal : ndarray of int64, shape (n,)
        Minor units.
    annual_rate : ndarray of int64, shape (n,)
        Parts per 10^9; at 0 the payment is principal / n.
    instalments : ndarray of int64, shape (n,)
        Number of monthly payments, at least 1.

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    12,000 at 12 % over 12 months: 1,066.19.

    >>> level_payments(np.array([1_200_000]), np.array([120_000_000]), np.array([12])).tolist()
    [106619]
    """
    cases = np.stack([principal, annual_rate, instalments], axis=1)
    distinct, position = np.unique(cases, axis=0, return_inverse=True)
    payment = np.array([_level_payment(*case) for case in distinct.tolist()], dtype=np.int64)
    return payment[position.ravel()]


def _level_payment(principal: int, annual_rate: int, instalments: int) -> int:
    year = RATE_UNIT * _MONTHS
    if annual_rate == 0:
        top, bottom = principal, instalments
    else:
        grown, flat = (year + annual_rate) ** instalments, year**instalments
        top, bottom = principal * annual_rate * grown, year * (grown - flat)
    return (2 * top + bottom) // (2 * bottom)


def first_due_dates(start: Days, pay_day: NDArray[np.int64]) -> Days:
    """Return the first pay day at least one month after the start.

    Parameters
    ----------
    start : ndarray of int64, shape (n,)
        Day of payout.
    pay_day : ndarray of int64, shape (n,)
        1 to 31; 0: the day of ``start``.

    Examples
    --------
    Paid out on 2024-01-05, due on the 20th: the first time on 2024-02-20.

    >>> from graphrisk.ledger.dates import dates
    >>> start = np.array(["2024-01-05"], dtype="datetime64[D]").astype(np.int64)
    >>> dates(first_due_dates(start, np.array([20]))).astype("datetime64[D]").astype(str).tolist()
    ['2024-02-20']
    """
    month = np.ones_like(start)
    least = months_after(start, month)
    wanted = np.where(pay_day == 0, 32, pay_day)
    candidate = np.where(pay_day == 0, least, months_after(start, month, wanted))
    late = candidate < least
    return np.where(late, months_after(start, month + late, wanted), candidate)


def monthly_instalments(term: NDArray[np.int64], start: Days, maturity: Days) -> NDArray[np.int64]:
    """Return the number of monthly instalments: the term in months, or whole months to the maturity.

    Parameters
    ----------
    term : ndarray of int64, shape (n,)
        Months; below 0: not given.
    start, maturity : ndarray of int64, shape (n,)
        Days.

    Examples
    --------
    >>> monthly_instalments(np.array([24, -1]), np.array([0, 0]), np.array([0, 365])).tolist()
    [24, 12]
    """
    return np.where(term >= 0, term, whole_months(start, np.where(term >= 0, start, maturity)))


def make_schedule(terms: Terms) -> Schedule:
    """Make the schedule of each loan from its terms.

    Each amount is rounded half up on the rounded balance; the last instalment takes the remaining principal.
    Days between one month after the start and the first due date bear interest that the first instalment adds,
    rounded by itself.

    Parameters
    ----------
    terms : Terms

    Returns
    -------
    Schedule

    Examples
    --------
    >>> one = np.ones(1, dtype=np.int64)
    >>> schedule = make_schedule(
    ...     Terms(
    ...         method=np.array([LEVEL_PRINCIPAL], dtype=np.int8),
    ...         principal=100_000 * one,
    ...         annual_rate=0 * one,
    ...         start=0 * one,
    ...         instalments=7 * one,
    ...         pay_day=0 * one,
    ...         maturity=0 * one,
    ...         day_count=np.zeros(1, dtype=np.int8),
    ...     )
    ... )
    >>> schedule.principal.tolist()
    [14286, 14286, 14286, 14286, 14286, 14286, 14284]
    """
    count = terms.instalments
    first_row = np.cumsum(count) - count
    loan = np.repeat(np.arange(count.size), count)
    no = np.arange(loan.size) - first_row[loan] + 1
    principal, interest = _amounts(terms, first_row, loan.size)
    bullet = terms.method == BULLET
    first_due = first_due_dates(terms.start, terms.pay_day)
    wanted = np.where(terms.pay_day == 0, _start_day(terms.start), terms.pay_day)
    due = np.where(bullet[loan], terms.maturity[loan], months_after(first_due[loan], no - 1, wanted[loan]))
    odd_days = interest_days(months_after(terms.start, np.ones_like(terms.start)), first_due, terms.day_count)
    odd_days = np.where(bullet, interest_days(terms.start, terms.maturity, terms.day_count), odd_days)
    interest[first_row] += _interest(terms, odd_days)
    return Schedule(loan, no, due, principal, interest)


def _start_day(start: Days) -> NDArray[np.int64]:
    # A month after the 31st is due on the 31st again where the month has one.
    return start - months_after(start, np.zeros_like(start), np.ones_like(start)) + 1


def _interest(terms: Terms, odd_days: Days) -> Money:
    base = year_base(terms.day_count) * RATE_UNIT
    return scaled(terms.principal, terms.annual_rate * odd_days, base)


def _amounts(terms: Terms, first_row: NDArray[np.int64], rows: int) -> tuple[Money, Money]:
    """Return principal and monthly interest of each instalment, one pass a number of instalment."""
    principal, interest = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    balance = terms.principal.copy()
    share = scaled(terms.principal, 1, terms.instalments)
    share[terms.method == INTEREST_FIRST] = 0
    level = terms.method == LEVEL_PAYMENT
    payment = np.zeros_like(share)
    payment[level] = level_payments(terms.principal[level], terms.annual_rate[level], terms.instalments[level])
    year = RATE_UNIT * _MONTHS
    for no in range(int(terms.instalments.max(initial=0))):
        loan = np.flatnonzero(terms.instalments > no)
        method = terms.method[loan]
        base = np.where(method == FLAT, terms.principal[loan], balance[loan])
        accrued = np.where(method == BULLET, 0, scaled(base, terms.annual_rate[loan], year))
        repaid = np.where(method == LEVEL_PAYMENT, payment[loan] - accrued, share[loan])
        last = terms.instalments[loan] == no + 1
        repaid = np.where(last, balance[loan], np.clip(repaid, 0, balance[loan]))
        balance[loan] -= repaid
        principal[first_row[loan] + no] = repaid
        interest[first_row[loan] + no] = accrued
    return principal, interest
