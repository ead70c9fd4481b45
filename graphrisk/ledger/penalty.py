"""Penalty interest: what one minor unit bears for each day, loan by loan.

Source
------
PBoC notice Yinfa [2003] 251: penalty of 1.3 to 1.5 times the contract rate for late payment.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from graphrisk.ledger.dates import ACT_ACT, ALWAYS, NEVER, Days, measure, year_base
from graphrisk.ledger.rounding import Whole, narrow, product
from graphrisk.tables.schemas import RATE_UNIT

#: Below it a penalty multiplier is the penalty rate itself, above the other it is percent a year.
LEAST_MULTIPLE, MOST_MULTIPLE = 1, 3
#: A (loan, day) pair as one number: day numbers fit 24 bits around 1970.
_DAY_BITS, _DAY_OFFSET = 24, 1 << 22


def _keys(loan: NDArray[np.int64], day: Days) -> NDArray[np.int64]:
    return (loan << _DAY_BITS) + np.clip(day, -_DAY_OFFSET, _DAY_OFFSET) + _DAY_OFFSET


@dataclass(frozen=True, slots=True)
class RateSteps:
    """The contract rates of the loans whose daily weight varies, by loan and first day.

    Attributes
    ----------
    key : ndarray of int64, shape (m,)
        Loan and first day, rising.
    rate : ndarray, shape (m,)
        Penalty of one minor unit for a day of the day count's scale, over the loan's denominator.
    since : ndarray of int64, shape (m,)
        The day before the first, on the day count's scale; a loan's first step counts from its second.
    weight : ndarray, shape (m,)
        Sum of rate x days from the loan's second step to ``since``.
    """

    key: NDArray[np.int64]
    rate: Whole
    since: Days
    weight: Whole


@dataclass(frozen=True, slots=True)
class PenaltyRates:
    """What one minor unit of ``n`` loans bears as penalty, as exact fractions.

    Attributes
    ----------
    numerator, denominator : ndarray, shape (n,)
        Penalty of one minor unit for one day, in minor units; for a loan that varies the numerator is 0.
    varies : ndarray of bool, shape (n,)
        Whether days weigh differently: the rate changes, or years of 366 days count apart.
    by_year : ndarray of bool, shape (n,)
        Whether the day count is ACT/ACT.
    known_from : ndarray of int64, shape (n,)
        First day whose rate is known.
    number : ndarray of int64, shape (n,)
        The loan's number in ``steps``.
    steps : RateSteps
        Rates of the loans that vary.
    """

    numerator: Whole
    denominator: Whole
    varies: NDArray[np.bool_]
    by_year: NDArray[np.bool_]
    known_from: Days
    number: NDArray[np.int64]
    steps: RateSteps

    def take(self, loans: NDArray[np.int64]) -> "PenaltyRates":
        """Return the rates of some loans."""
        return PenaltyRates(
            numerator=narrow(self.numerator[loans]),
            denominator=narrow(self.denominator[loans]),
            varies=self.varies[loans],
            by_year=self.by_year[loans],
            known_from=self.known_from[loans],
            number=self.number[loans],
            steps=self.steps,
        )

    def weights(self, loan: NDArray[np.int64], after: Days, through: Days) -> Whole:
        """Return the penalty of one minor unit over some days, times the loan's denominator.

        Parameters
        ----------
        loan : ndarray of int64, shape (k,)
            Positions of loans.
        after, through : ndarray of int64, shape (k,)
            The days after the first through the second count.
        """
        result = product(self.numerator[loan], through - after)
        varies = np.flatnonzero(self.varies[loan])
        if varies.size:
            chosen = loan[varies]
            sums = self._sums(chosen, through[varies]) - self._sums(chosen, after[varies])
            if sums.dtype == object:
                result = result.astype(object)
            result[varies] = sums
        return result

    def _sums(self, loan: NDArray[np.int64], through: Days) -> Whole:
        step = np.searchsorted(self.steps.key, _keys(self.number[loan], through), side="right") - 1
        day_count = np.where(self.by_year[loan], ACT_ACT, 0).astype(np.int8)
        passed = measure(through, day_count) - self.steps.since[step]
        return self.steps.weight[step] + product(self.steps.rate[step], passed)


@dataclass(frozen=True, slots=True)
class RateTable:
    """Contract rates of ``n`` loans from some days on.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Positions, rising.
    first : ndarray of int64, shape (m,)
        First day of the rate, rising inside a loan.
    rate : ndarray of int64, shape (m,)
        Parts per 10^9.
    """

    loan: NDArray[np.int64]
    first: Days
    rate: NDArray[np.int64]

    def at(self, when: Days) -> NDArray[np.int64]:
        """Return the rate of each of ``n`` loans on a day, below 0 where the table has none by then.

        Parameters
        ----------
        when : ndarray of int64, shape (n,)
            Day, one a loan.

        Examples
        --------
        >>> table = RateTable(np.array([1, 1]), np.array([10, 20]), np.array([40_000_000, 50_000_000]))
        >>> table.at(np.array([15, 15])).tolist()
        [-1, 40000000]
        """
        keys = _keys(self.loan, self.first)
        loan = np.arange(when.size)
        step = np.searchsorted(keys, _keys(loan, when), side="right") - 1
        place = np.maximum(step, 0)
        there = (step >= 0) & (np.append(self.loan, -1)[place] == loan)
        return np.where(there, np.append(self.rate, -1)[place], -1)


def penalty_rates(
    annual_rate: NDArray[np.int64],
    rate_known: NDArray[np.bool_],
    table: RateTable,
    *,
    multiplier: NDArray[np.int64],
    default: Decimal,
    on_top: bool,
    day_count: NDArray[np.int8],
) -> PenaltyRates:
    """Return what one minor unit of each loan bears as penalty.

    Parameters
    ----------
    annual_rate : ndarray of int64, shape (n,)
        Contract rate until the first day of ``table``, in parts per 10^9.
    rate_known : ndarray of bool, shape (n,)
        Whether ``annual_rate`` is given.
    table : RateTable
        Rates that follow.
    multiplier : ndarray of int64, shape (n,)
        In parts per 10^9, below 0 where not given: 1 to 3 a multiple of the contract rate, below 1 the penalty rate
        itself, above 3 percent a year.
    default : Decimal
        The multiplier where none is given.
    on_top : bool
        Whether the contract rate is charged too.
    day_count : ndarray of int8, shape (n,)
        Position in `graphrisk.conventions.DAY_COUNTS`.

    Returns
    -------
    PenaltyRates

    Examples
    --------
    18 % a year, half as much again, on 360 days: 0.00075 a day.

    >>> none = np.zeros(0, dtype=np.int64)
    >>> rates = penalty_rates(
    ...     np.array([180_000_000]),
    ...     np.array([True]),
    ...     RateTable(none, none, none),
    ...     multiplier=np.array([-1]),
    ...     default=Decimal("1.5"),
    ...     on_top=False,
    ...     day_count=np.array([0], dtype=np.int8),
    ... )
    >>> rates.numerator.tolist(), rates.denominator.tolist()
    ([3], [4000])
    """
    times, fixed, below = _charges(multiplier, default, on_top=on_top)
    base = product(below, year_base(day_count) * RATE_UNIT)
    stepped = np.zeros(annual_rate.size, dtype=np.bool_)
    stepped[table.loan] = True
    stepped &= times != 0
    by_year = day_count == ACT_ACT
    varies = stepped | by_year
    numerator = product(times, annual_rate) + fixed
    common = np.gcd(numerator, base)
    steps = _steps(annual_rate, table, varies=varies, times=times, fixed=fixed, by_year=by_year)
    known_from = np.where(rate_known | (times == 0), ALWAYS, NEVER)
    first = np.unique(table.loan, return_index=True)[1]
    unknown = first[known_from[table.loan[first]] == NEVER]
    known_from[table.loan[unknown]] = table.first[unknown]
    return PenaltyRates(
        numerator=narrow(np.where(varies, 0, numerator // common)),
        denominator=narrow(np.where(varies, base, base // common)),
        varies=varies,
        by_year=by_year,
        known_from=known_from,
        number=np.arange(annual_rate.size),
        steps=steps,
    )


def _charges(multiplier: NDArray[np.int64], default: Decimal, *, on_top: bool) -> tuple[Whole, Whole, Whole]:
    """Return each loan's penalty rate as (times x contract rate + fixed) / below, rates in parts per 10^9."""
    distinct, position = np.unique(multiplier, return_inverse=True)
    rows = [_charge(Fraction(int(value), RATE_UNIT) if value >= 0 else Fraction(default)) for value in distinct]
    table = np.array([(times + below * on_top, fixed, below) for times, fixed, below in rows], dtype=object)
    columns = table.reshape(-1, 3)[position]
    return narrow(columns[:, 0]), narrow(columns[:, 1]), narrow(columns[:, 2])


def _charge(multiplier: Fraction) -> tuple[int, int, int]:
    if LEAST_MULTIPLE <= multiplier <= MOST_MULTIPLE:
        return multiplier.numerator, 0, multiplier.denominator
    rate = multiplier if multiplier < LEAST_MULTIPLE else multiplier / 100
    parts = rate * RATE_UNIT
    return 0, parts.numerator, parts.denominator


def _steps(
    annual_rate: NDArray[np.int64],
    table: RateTable,
    *,
    varies: NDArray[np.bool_],
    times: Whole,
    fixed: Whole,
    by_year: NDArray[np.bool_],
) -> RateSteps:
    """Return the steps of the loans that vary; each begins with the rate before its first entry of the table."""
    starts = np.flatnonzero(varies)
    entries = varies[table.loan]
    loan = np.concatenate([starts, table.loan[entries]])
    first = np.concatenate([np.full(starts.size, -_DAY_OFFSET), table.first[entries]])
    key = _keys(loan, first)
    order = np.argsort(key, kind="stable")
    loan, key = loan[order], key[order]
    rate = np.concatenate([annual_rate[starts], table.rate[entries]])[order]
    charge = product(times[loan], rate) + fixed[loan]
    since = measure(first[order] - 1, np.where(by_year[loan], ACT_ACT, 0).astype(np.int8))
    opens = np.ones(loan.size, dtype=np.bool_)
    opens[1:] = loan[1:] != loan[:-1]
    opening = np.flatnonzero(opens)
    last = np.append(opens[1:], True)[opening]
    since[opening] = np.where(last, 0, since[np.minimum(opening + 1, loan.size - 1)])
    added = np.zeros(loan.size, dtype=charge.dtype)
    added[1:] = np.where(opens[1:], 0, product(charge[:-1], np.where(opens[1:], 0, np.diff(since))))
    weight = np.cumsum(added)
    weight = weight - np.repeat(weight[opening], np.diff(opening, append=loan.size))
    return RateSteps(key=key, rate=charge, since=since, weight=weight)
