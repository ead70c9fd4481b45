"""One loan's plan, instalment by instalment: the one in its schedule, or one made from its terms.

The annuity and its rounding follow the usual repayment methods of Chinese banks: level payment (等额本息),
level principal (等额本金), interest first (先息后本), bullet (到期一次还本付息) and flat (等本等息).
"""

from calendar import isleap, monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from graphrisk.conventions import Conventions
from graphrisk.ledger.explain_contract import Contract, Row, rate_on

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """What the plan says of one instalment; money in minor units."""

    no: int
    due_date: date
    principal: int
    interest: int
    fee: int


def half_up(value: Fraction) -> int:
    """Return a value of at least 0 rounded to a whole number, a half upwards.

    Examples
    --------
    >>> half_up(Fraction(5, 2)), half_up(Fraction(249, 100))
    (3, 2)
    """
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def in_months(day: date, months: int, pay_day: int) -> date:
    """Return the pay day some months later, the last of the month where the month is too short.

    Examples
    --------
    >>> in_months(date(2024, 1, 31), 1, 31), in_months(date(2024, 1, 31), 2, 31)
    (datetime.date(2024, 2, 29), datetime.date(2024, 3, 31))
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(pay_day, monthrange(year, month + 1)[1]))


def whole_months(start: date, end: date) -> int:
    """Return how many whole months lie between two days.

    Examples
    --------
    >>> whole_months(date(2024, 1, 31), date(2024, 2, 29)), whole_months(date(2024, 1, 15), date(2024, 3, 14))
    (1, 1)
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if in_months(start, months, start.day) <= end else months - 1


def years_of_interest(start: date, end: date, day_count: str) -> Fraction:
    """Return the days from one date to another as a share of the year, by the day count.

    Parameters
    ----------
    start, end : date
        First day without and last day with interest.
    day_count : str
        ``ACT/360``, ``ACT/365``, ``ACT/ACT`` (each day by the length of its own year) or ``30/360`` (months
        of 30 days, as interest is planned).

    Returns
    -------
    Fraction

    Examples
    --------
    >>> over_new_year = years_of_interest(date(2023, 12, 30), date(2024, 1, 2), "ACT/ACT")
    >>> over_new_year == Fraction(1, 365) + Fraction(2, 366)
    True
    >>> years_of_interest(date(2024, 1, 31), date(2024, 2, 29), "30/360")
    Fraction(29, 360)
    """
    if day_count == "30/360":
        months = (end.year - start.year) * 12 + end.month - start.month
        return Fraction(months * 30 + min(end.day, 30) - min(start.day, 30), 360)
    if day_count != "ACT/ACT":
        return Fraction((end - start).days, int(day_count.removeprefix("ACT/")))
    years = Fraction(0)
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year - 1, 12, 31)), min(end, date(year, 12, 31))
        years += Fraction((last - first).days, 366 if isleap(year) else 365)
    return years


def moved(day: date, conventions: Conventions) -> date:
    """Return the day on which a due date counts under the conventions ``roll`` and ``calendar``.

    Non-working days are Saturdays, Sundays and the calendar's holidays.

    Examples
    --------
    >>> moved(date(2024, 6, 29), Conventions().changed({"roll": "following"}))
    datetime.date(2024, 7, 1)
    >>> moved(date(2024, 6, 29), Conventions())
    datetime.date(2024, 6, 29)
    """
    if conventions.roll == "following":
        while day.weekday() >= _SATURDAY or day in conventions.holidays:
            day += timedelta(days=1)
    return day


def _version(row: Row) -> tuple[date, bool]:
    return (row["valid_from"] or date.min, row["version"] == "revised")


def scheduled(contract: Contract, as_of: date, *, original: bool = False) -> list[Planned]:
    """Return the plan of a loan's schedule that holds at a date.

    Parameters
    ----------
    contract : Contract
        The loan.
    as_of : date
        Plans valid from a later day do not count yet.
    original : bool
        Whether to return the first plan instead of the last.

    Returns
    -------
    list of Planned
        Empty if the schedule holds no plan by that date. Of two plans from one day, the revised one is the
        later.
    """
    versions = sorted({_version(row) for row in contract.schedule if _version(row)[0] <= as_of})
    if not versions:
        return []
    version = versions[0] if original else versions[-1]
    return [
        Planned(
            no=int(row["no"]),
            due_date=row["due_date"],
            principal=int(row["principal_due"]),
            interest=int(row["interest_due"]),
            fee=int(row["fee_due"] or 0),
        )
        for row in contract.schedule
        if _version(row) == version
    ]


def _end_of_term(loan: Row) -> date | None:
    """Return the day on which the term ends; None without a term."""
    start: date = loan["start_date"]
    if loan["term"] is None:
        return None
    if loan["term_unit"] == "day":
        return start + timedelta(days=int(loan["term"]))
    return in_months(start, int(loan["term"]) * (12 if loan["term_unit"] == "year" else 1), start.day)


def _number_of_instalments(loan: Row) -> int:
    """Return the whole months of the term, or without a term of the time to maturity."""
    last = _end_of_term(loan) or loan["maturity_date"]
    return 0 if last is None else whole_months(loan["start_date"], last)


def _principal_parts(method: str, principal: int, monthly: Fraction, n: int) -> list[int]:
    """Return the principal of each instalment; the last takes what remains."""
    parts: list[int] = []
    if method == "interest_first":
        return [0] * (n - 1) + [principal]
    growth = (1 + monthly) ** n
    equal = half_up(Fraction(principal, n))
    level = half_up(principal * monthly * growth / (growth - 1)) if monthly else equal
    balance = principal
    for _ in range(n - 1):
        part = level - half_up(balance * monthly) if method == "level_payment" else equal
        parts.append(min(part, balance))
        balance -= parts[-1]
    return [*parts, balance]


def _bullet(loan: Row, rate: Fraction, day_count: str) -> list[Planned]:
    due_date: date | None = loan["maturity_date"] or _end_of_term(loan)
    if due_date is None or due_date <= loan["start_date"]:
        return []
    principal = int(loan["principal"])
    interest = principal * rate * years_of_interest(loan["start_date"], due_date, day_count)
    return [Planned(1, due_date, principal, half_up(interest), 0)]


def from_terms(contract: Contract, day_count: str) -> list[Planned]:
    """Return the plan that a loan's method and terms make; empty if they make none.

    The first instalment falls due on the first pay day at least a month after the start; days beyond that
    month add interest, rounded by itself, to the first instalment. Each interest is rounded half up, on the
    rounded balance.

    Parameters
    ----------
    contract : Contract
        The loan.
    day_count : str
        Day count of days beyond a month, and of a bullet loan.

    Returns
    -------
    list of Planned
    """
    loan = contract.loan
    start: date = loan["start_date"]
    rate, method, n = rate_on(contract, start), loan["method"], _number_of_instalments(loan)
    if rate is None or method in (None, "daily"):
        return []
    if method == "bullet":
        return _bullet(loan, rate, day_count)
    if n < 1:
        return []
    pay_day = int(loan["pay_day"] or start.day)
    month_after = in_months(start, 1, start.day)
    first_in = 1 if in_months(start, 1, pay_day) >= month_after else 2
    extra = years_of_interest(month_after, in_months(start, first_in, pay_day), day_count)
    principal = balance = int(loan["principal"])
    plan = []
    for number, part in enumerate(_principal_parts(method, principal, rate / 12, n), 1):
        bearing = principal if method == "flat" else balance
        interest = half_up(bearing * rate / 12) + (half_up(principal * rate * extra) if number == 1 else 0)
        due_date = in_months(start, first_in + number - 1, pay_day)
        plan.append(Planned(number, due_date, part, interest, 0))
        balance -= part
    return plan


def in_order(plan: Sequence[Planned], conventions: Conventions) -> list[Planned]:
    """Return a plan with its due dates moved, in the order of payments: by due date, then number."""
    rolled = [
        Planned(item.no, moved(item.due_date, conventions), item.principal, item.interest, item.fee) for item in plan
    ]
    return sorted(rolled, key=lambda item: (item.due_date, item.no))
