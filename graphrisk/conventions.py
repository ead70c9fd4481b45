"""The disputed choices of loan arithmetic as one frozen, printable object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation

from graphrisk.errors import UsageError

DAY_COUNTS = ("ACT/360", "ACT/365", "ACT/ACT", "30/360")
PENALTY_BASES = ("overdue_principal", "overdue_total", "outstanding")
PENALTY_MODES = ("replaces", "on_top")
DAYS_FROM = ("due_date", "grace_end")
ROLLS = ("unmoved", "following")
#: No convention is a larger number than this.
LARGEST = 1_000_000_000
PARTS = ("penalty", "fee", "interest", "principal")


def _choice(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise UsageError("convention_value", name=name, value=text, allowed=", ".join(allowed))
    return text


def _order(name: str, text: str) -> str:
    parts = text.split(">")
    if text != "pro_rata" and (not set(parts) <= set(PARTS) or len(set(parts)) != len(parts)):
        raise UsageError(
            "convention_value", name=name, value=text, allowed="pro_rata, or parts joined by >: " + ", ".join(PARTS)
        )
    return text


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number <= LARGEST:
        raise UsageError("convention_value", name=name, value=text, allowed=f"a number from 0 to {LARGEST:,}")
    return number


@dataclass(frozen=True, slots=True)
class Conventions:
    """The named choices that decide an overdue total; printed with each result.

    A loan's own column wins over the convention of the same name.

    Attributes
    ----------
    grace_days : int
        Calendar days after the due date in which nothing is past due.
    materiality : Decimal
        Unpaid amount of an instalment, in currency units, up to which it is not past due.
    allocation_order : str
        Order in which a payment meets the parts of an instalment, joined by ``>``, or ``pro_rata``.
    penalty_multiplier : Decimal
        Multiple of the contract rate that unpaid principal bears when past due.
    penalty_base : str
        ``overdue_principal``, ``overdue_total`` (compound) or ``outstanding`` (once accelerated).
    penalty_mode : str
        ``replaces`` the contract rate on past-due principal, or is charged ``on_top`` of it.
    day_count : str
        ``ACT/360``, ``ACT/365``, ``ACT/ACT`` or ``30/360``.
    days_past_due_from : str
        Count days past due from the ``due_date`` or from the ``grace_end``.
    calendar : str
        ``none``, or the file that lists the holidays.
    roll : str
        ``unmoved``, or ``following``: a due date on a non-working day moves to the next working day.
    holidays : tuple of date
        The dates read from ``calendar``; not a setting of its own.

    Examples
    --------
    >>> Conventions().changed({"grace_days": "3"}).grace_days
    3
    """

    grace_days: int = 0
    materiality: Decimal = Decimal(0)
    allocation_order: str = "penalty>interest>principal"
    penalty_multiplier: Decimal = Decimal("1.5")
    penalty_base: str = "overdue_principal"
    penalty_mode: str = "replaces"
    day_count: str = "ACT/360"
    days_past_due_from: str = "due_date"
    calendar: str = "none"
    roll: str = "unmoved"
    holidays: tuple[date, ...] = field(default=(), repr=False)

    def changed(self, values: Mapping[str, str]) -> "Conventions":
        """Return these conventions with some set from text.

        Parameters
        ----------
        values : mapping of str to str
            New values by name.

        Returns
        -------
        Conventions

        Raises
        ------
        UsageError
            If a name or a value is not known; the message lists those that are.

        Examples
        --------
        >>> Conventions().changed({"penalty_multiplier": "1.3"}).penalty_multiplier
        Decimal('1.3')
        """
        changes: dict[str, object] = {}
        for name, text in values.items():
            changes[name] = _read(name, str(text))
        return replace(self, **changes)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for item in fields(self):
            if item.name != "holidays":
                yield item.name, str(getattr(self, item.name))


CONVENTION_NAMES = tuple(name for name, _ in Conventions())


def _read(name: str, text: str) -> object:
    choices = {
        "penalty_base": PENALTY_BASES,
        "penalty_mode": PENALTY_MODES,
        "day_count": DAY_COUNTS,
        "days_past_due_from": DAYS_FROM,
        "roll": ROLLS,
    }
    if name in choices:
        return _choice(name, text, choices[name])
    if name == "allocation_order":
        return _order(name, text)
    if name == "grace_days":
        days = _number(name, text)
        if days != int(days):
            raise UsageError("convention_value", name=name, value=text, allowed="a whole number of days")
        return int(days)
    if name in ("materiality", "penalty_multiplier"):
        return _number(name, text)
    if name == "calendar":
        return text
    raise UsageError("convention_name", name=name, allowed=", ".join(CONVENTION_NAMES))
