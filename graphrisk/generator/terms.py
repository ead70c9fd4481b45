"""What falls due on a loan and when: schedules from terms, in whole minor units.

A second reading of the usual formulas, independent of the ledger's: tests hold the two together.
"""

from dataclasses import dataclass

import numpy as np

from graphrisk.generator.dice import Marks, Whole, half_up
from graphrisk.tables.schemas import METHODS

LEVEL_PAYMENT, LEVEL_PRINCIPAL, INTEREST_FIRST, BULLET, FLAT, DAILY = range(len(METHODS))
#: Rates are counted in ten-thousandths a year.
RATE_PLACES = 4
RATE_ONE = 10**RATE_PLACES
MONTHS_OF_YEAR = 12
_MONTHLY = RATE_ONE * MONTHS_OF_YEAR


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of ``m`` loans, one element a loan; none is repaid at will.

    Attributes
    ----------
    method : ndarray of int64
        Position in `METHODS`.
    principal : ndarray of int64
        Minor units.
    rate : ndarray of int64
        Ten-thousandths a year.
    start : ndarray of int64
        Day of payout.
    months : ndarray of int64
        Length of the loan, at least 1: also the number of instalments, but for a bullet, which has one.
    pay_day : ndarray of int64
        Day of the month of the instalments; 0: that of ``start``.
    base : ndarray of int64
        Days of a year, 360 or 365.
    """

    method: Whole
    principal: Whole
    rate: Whole
    start: Whole
    months: Whole
    pay_day: Whole
    base: Whole

    def take(self, chosen: Whole | Marks) -> "Terms":
        """Return the terms of some loans."""
        return Terms(
            method=self.method[chosen],
            principal=self.principal[chosen],
            rate=self.rate[chosen],
            start=self.start[chosen],
            months=self.months[chosen],
            pay_day=self.pay_day[chosen],
            base=self.base[chosen],
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Instalments, loan by loan and in order.

    Attributes
    ----------
    loan : ndarray of int64, shape (r,)
        Position of the loan.
    no : ndarray of int64, shape (r,)
        From 1.
    due : ndarray of int64, shape (r,)
        Day.
    principal, interest : ndarray of int64, shape (r,)
        Minor units.
    """

    loan: Whole
    no: Whole
    due: Whole
    principal: Whole
    interest: Whole


def month_of(days: Whole) -> Whole:
    """Return months since 1970-01.

    Examples
    --------
    >>> month_of(np.array([0, 31])).tolist()
    [0, 1]
    """
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_of(months: Whole) -> Whole:
    """Return the first day of months.

    Examples
    --------
    >>> first_of(np.array([0, 1])).tolist()
    [0, 31]
    """
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def day_of(days: Whole) -> Whole:
    """Return days of the month, from 1."""
    return days - first_of(month_of(days)) + 1


def later(days: Whole, months: Whole, day: Whole) -> Whole:
    """Return the day of the month so many months later, at the latest the month's last.

    Examples
    --------
    From the 31st of January to February 1970, which had 28 days:

    >>> later(np.array([30]), np.array([1]), np.array([31])).tolist()
    [58]
    """
    begin = first_of(month_of(days) + months)
    last = first_of(month_of(days) + months + 1) - begin
    found: Whole = begin + np.minimum(day, last) - 1
    return found


def first_due(terms: Terms) -> Whole:
    """Return the first pay day that is at least a month after the start."""
    start, one = terms.start, np.ones_like(terms.start)
    month_on = later(start, one, day_of(start))
    found = later(start, one, terms.pay_day)
    found = np.where(found < month_on, later(start, one + 1, terms.pay_day), found)
    return np.where(terms.pay_day == 0, month_on, found)


def maturity(terms: Terms) -> Whole:
    """Return the day of the last instalment."""
    day = np.where(terms.pay_day == 0, day_of(terms.start), terms.pay_day)
    monthly = later(first_due(terms), terms.months - 1, day)
    single = later(terms.start, terms.months, day_of(terms.start))
    return np.where(terms.method == BULLET, single, monthly)


def level_payment(principal: int, rate: int, months: int) -> int:
    """Return the payment of each month that repays a loan with interest, rounded half up.

    Parameters
    ----------
    principal : int
        Minor units.
    rate : int
        Ten-thousandths a year, above 0.
    months : int
        Number of payments.

    Examples
    --------
    12,000 at 12 % over 12 months:

    >>> level_payment(1_200_000, 1_200, 12)
    106619
    """
    grown, flat = (_MONTHLY + rate) ** months, _MONTHLY**months
    top, bottom = principal * rate * grown, _MONTHLY * (grown - flat)
    payment: int = (2 * top + bottom) // (2 * bottom)
    return payment


def plan(terms: Terms) -> Plan:
    """Return the instalments of each loan.

    Every amount is rounded half up on the rounded balance, and the last instalment takes what is left. Days beyond a
    month before the first due date bear interest of their own, rounded by itself.

    Examples
    --------
    >>> one = np.ones(1, dtype=np.int64)
    >>> made = plan(Terms(LEVEL_PRINCIPAL * one, 100_000 * one, 1_200 * one, 0 * one, 3 * one, 0 * one, 360 * one))
    >>> made.principal.tolist(), made.interest.tolist()
    ([33333, 33333, 33334], [1000, 667, 333])
    """
    count = np.where(terms.method == BULLET, 1, terms.months)
    begin = np.cumsum(count) - count
    loan = np.repeat(np.arange(len(count)), count)
    no = np.arange(len(loan)) - begin[loan] + 1
    day = np.where(terms.pay_day == 0, day_of(terms.start), terms.pay_day)
    due = np.where(
        terms.method[loan] == BULLET, maturity(terms)[loan], later(first_due(terms)[loan], no - 1, day[loan])
    )
    principal, interest = _amounts(terms, count, begin, len(loan))
    month_on = later(terms.start, np.ones_like(terms.start), day_of(terms.start))
    odd = np.where(terms.method == BULLET, maturity(terms) - terms.start, first_due(terms) - month_on)
    interest[begin] += half_up(terms.principal * terms.rate * odd, terms.base * RATE_ONE)
    return Plan(loan, no, due, principal, interest)


def _amounts(terms: Terms, count: Whole, begin: Whole, rows: int) -> tuple[Whole, Whole]:
    principal, interest = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    balance = terms.principal.copy()
    steady = half_up(terms.principal, count)
    steady[np.isin(terms.method, (INTEREST_FIRST, BULLET))] = 0
    level = np.flatnonzero(terms.method == LEVEL_PAYMENT)
    steady[level] = [
        level_payment(*case)
        for case in zip(
            terms.principal[level].tolist(), terms.rate[level].tolist(), terms.months[level].tolist(), strict=True
        )
    ]
    for no in range(int(count.max(initial=0))):
        loan = np.flatnonzero(count > no)
        method, left = terms.method[loan], balance[loan]
        bearing = np.where(method == FLAT, terms.principal[loan], left)
        accrued = np.where(method == BULLET, 0, half_up(bearing * terms.rate[loan], _MONTHLY))
        repaid = steady[loan] - np.where(method == LEVEL_PAYMENT, accrued, 0)
        repaid = np.where(count[loan] == no + 1, left, np.clip(repaid, 0, left))
        balance[loan] = left - repaid
        principal[begin[loan] + no], interest[begin[loan] + no] = repaid, accrued
    return principal, interest
