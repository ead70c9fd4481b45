"""Days as whole numbers: month ends, day counts, working days."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import DAY_COUNTS

#: Days since 1970-01-01.
Days = NDArray[np.int64]

#: A day that never comes, and the one before all: where a date is blank.
NEVER = 2**40
ALWAYS = -(2**40)

ACT_360, ACT_365, ACT_ACT, THIRTY_360 = range(len(DAY_COUNTS))
_DAY_SECONDS = 86_400
#: One day is 365 x 366 parts of an ACT/ACT year's length, or of either year: 1/366 is 365 of them.
_ACT_ACT_BASE = 365 * 366
_BASES = np.array([360, 365, _ACT_ACT_BASE, 360], dtype=np.int64)


def day(when: date) -> int:
    """Return a date as a day number.

    Examples
    --------
    >>> day(date(1970, 1, 2))
    1
    """
    return when.toordinal() - date(1970, 1, 1).toordinal()


def days(column: pd.Series, blank: int) -> Days:
    """Return a column of dates as day numbers.

    Parameters
    ----------
    column : Series of datetime64[s]
        Dates.
    blank : int
        What a missing date becomes.

    Examples
    --------
    >>> days(pd.Series(pd.to_datetime(["1970-01-02", None])).astype("datetime64[s]"), NEVER).tolist()
    [1, 1099511627776]
    """
    seconds = column.to_numpy(dtype="datetime64[s]").view(np.int64)
    missing = column.isna().to_numpy()
    result: Days = seconds // _DAY_SECONDS
    if missing.any():
        result[missing] = blank
    return result


def dates(numbers: Days, blank: NDArray[np.bool_] | None = None) -> NDArray[np.datetime64]:
    """Return day numbers as datetime64[s], not-a-time where ``blank``.

    Examples
    --------
    >>> dates(np.array([1]))
    array(['1970-01-02T00:00:00'], dtype='datetime64[s]')
    """
    result = (numbers * _DAY_SECONDS).view("datetime64[s]")
    if blank is not None:
        result[blank] = np.datetime64("NaT", "s")
    return result


def _month(numbers: Days) -> Days:
    return numbers.view("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _month_start(months: Days) -> Days:
    return months.view("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def day_of_month(numbers: Days) -> Days:
    """Return the day of the month, 1 to 31.

    Examples
    --------
    >>> day_of_month(np.array([day(date(2024, 2, 29))])).tolist()
    [29]
    """
    return numbers - _month_start(_month(numbers)) + 1


def months_after(numbers: Days, months: Days, on: Days | None = None) -> Days:
    """Return the day some months later, on a day of the month, at the latest the month's last.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        Days to start from.
    months : ndarray of int64, shape (n,)
        Months to go on, at least 0.
    on : ndarray of int64, shape (n,), optional
        Day of the month, 1 to 31; without it the one that ``numbers`` has.

    Examples
    --------
    Due on the 31st, a date returns to the 31st after a shorter month:

    >>> start = np.full(3, day(date(2024, 1, 31)))
    >>> dates(months_after(start, np.arange(3))).astype("datetime64[D]").tolist()
    [datetime.date(2024, 1, 31), datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    """
    month = _month(numbers) + months
    first = _month_start(month)
    length = _month_start(month + 1) - first
    wanted = day_of_month(numbers) if on is None else on
    result: Days = first + np.minimum(wanted, length) - 1
    return result


def whole_months(first: Days, last: Days) -> Days:
    """Return how many whole months lie between two days, below 0 as 0.

    Examples
    --------
    >>> start, end = np.array([day(date(2024, 1, 31))]), np.array([day(date(2024, 2, 29))])
    >>> whole_months(start, end).tolist()
    [1]
    """
    months = np.maximum(_month(last) - _month(first), 0)
    result: Days = np.maximum(months - (months_after(first, months) > last), 0)
    return result


def _leap_days(numbers: Days) -> Days:
    """Count the days of leap years from the year 0 through each day."""
    year = numbers.view("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    past = (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    first = (year - 1970).view("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    result: Days = past * 366 + np.where(leap, numbers - first + 1, 0)
    return result


def measure(numbers: Days, day_count: NDArray[np.int8]) -> Days:
    """Return a scale on which the difference of two days, over `year_base`, is a share of a year.

    It counts the days after the first through the second; under ACT/ACT a day weighs 1/365, in a leap year
    1/366; under 30/360 a calendar day weighs 1/360.

    Examples
    --------
    >>> ends = np.array([day(date(2023, 12, 31)), day(date(2024, 12, 31))])
    >>> np.diff(measure(ends, np.array([ACT_ACT, ACT_ACT]))) / year_base(np.array([ACT_ACT]))
    array([1.])
    """
    by_year = day_count == ACT_ACT
    if not by_year.any():
        return numbers
    leap = _leap_days(numbers)
    result: Days = np.where(by_year, 366 * (numbers - leap) + 365 * leap, numbers)
    return result


def year_base(day_count: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the length of a year on the scale of `measure`.

    Examples
    --------
    >>> year_base(np.array([ACT_360, ACT_365])).tolist()
    [360, 365]
    """
    result: NDArray[np.int64] = _BASES[day_count]
    return result


def interest_days(first: Days, last: Days, day_count: NDArray[np.int8]) -> Days:
    """Return the days for which interest runs between two days, over `year_base`.

    As `measure`, but 30/360 counts each month as 30 days and a 31st as the 30th (30E/360).

    Examples
    --------
    >>> first, last = np.array([day(date(2024, 1, 31))]), np.array([day(date(2024, 3, 31))])
    >>> interest_days(first, last, np.array([THIRTY_360])).tolist()
    [60]
    """
    calendar = measure(last, day_count) - measure(first, day_count)
    of_month = np.minimum(day_of_month(last), 30) - np.minimum(day_of_month(first), 30)
    thirty = 30 * (_month(last) - _month(first)) + of_month
    return np.where(day_count == THIRTY_360, thirty, calendar)


def following(numbers: Days, holidays: tuple[date, ...]) -> Days:
    """Return each day, or the next working day if it is a Saturday, a Sunday or a holiday.

    Examples
    --------
    >>> saturday = np.array([day(date(2024, 6, 29))])
    >>> dates(following(saturday, (date(2024, 7, 1),))).astype("datetime64[D]").tolist()
    [datetime.date(2024, 7, 2)]
    """
    known, position = np.unique(numbers, return_inverse=True)
    closed = np.array(sorted(holidays), dtype="datetime64[D]")
    moved = np.busday_offset(known.view("datetime64[D]"), 0, roll="following", holidays=closed)
    return moved.astype(np.int64)[position]
