"""One loan's rows and the choices that hold for it, as plain Python values.

The second accounting of overdue loans (`explain`) reads a loan from here: dates are `date`, money `int` in
minor units, rates and multiples exact fractions, blanks None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import pandas as pd

from graphrisk.conventions import PARTS, Conventions
from graphrisk.errors import UsageError
from graphrisk.tables.book import Tables
from graphrisk.tables.currency import exponent
from graphrisk.tables.schemas import RATE_UNIT

Row = Mapping[str, Any]

#: A ``penalty_multiplier`` above this is percent a year.
_GREATEST_MULTIPLE = 3

_TABLES = ("schedule", "payments", "rates", "snapshots")


@dataclass(frozen=True, slots=True)
class Contract:
    """All that the tables say of one loan.

    Attributes
    ----------
    loan : mapping
        Its row of ``loans``; blanks are None.
    currency : str
        Its currency, the book's where it names none (ISO 4217).
    schedule, rates, snapshots : tuple of mapping
        Its rows of these tables, in their order.
    payments : tuple of mapping or None
        Its rows of ``payments``; None if the book has no such table, so that nobody can say what was paid.
    """

    loan: Row
    currency: str
    schedule: tuple[Row, ...]
    payments: tuple[Row, ...] | None
    rates: tuple[Row, ...]
    snapshots: tuple[Row, ...]


def _plain(value: Any) -> Any:
    if pd.isna(value) or value == "":
        return None
    return value.date() if isinstance(value, pd.Timestamp) else value


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def contracts_of(tables: Tables, loan_ids: Sequence[str] | None = None) -> dict[str, Contract]:
    """Return what the tables say of each loan, by its id.

    Parameters
    ----------
    tables : Tables
        The book.
    loan_ids : sequence of str, optional
        The loans wanted; None: all.

    Returns
    -------
    dict of str to Contract
        In the order of the table ``loans``.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {
    ...     "loan_id": "L1", "borrower_id": "A", "lender_id": "F1", "principal": 100,
    ...     "start_date": "2024-01-01",
    ... }
    >>> book = Tables({"loans": SCHEMAS["loans"].frame([loan])})
    >>> contracts_of(book)["L1"].currency, contracts_of(book)["L1"].payments
    ('CNY', None)
    """
    rows: dict[str, dict[str, list[Row]]] = {name: {} for name in _TABLES}
    for name in _TABLES:
        frame = tables[name]
        for row in _rows(frame if loan_ids is None else frame[frame["loan_id"].isin(loan_ids)]):
            rows[name].setdefault(row["loan_id"], []).append(row)
    loans = tables["loans"]
    contracts = {}
    for loan in _rows(loans if loan_ids is None else loans[loans["loan_id"].isin(loan_ids)]):
        own = {name: tuple(rows[name].get(loan["loan_id"], ())) for name in _TABLES}
        contracts[loan["loan_id"]] = Contract(
            loan=loan,
            currency=loan["currency"] or tables.currency,
            schedule=own["schedule"],
            payments=own["payments"] if "payments" in tables else None,
            rates=own["rates"],
            snapshots=own["snapshots"],
        )
    return contracts


def contract_of(tables: Tables, loan_id: str) -> Contract:
    """Return what the tables say of one loan.

    Parameters
    ----------
    tables : Tables
        The book.
    loan_id : str
        The loan.

    Returns
    -------
    Contract

    Raises
    ------
    UsageError
        If no loan has that id.

    Examples
    --------
    >>> contract_of(Tables({}), "L1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    graphrisk.errors.UsageError: nothing in the data is called L1
    """
    contracts = contracts_of(tables, [loan_id])
    if loan_id not in contracts:
        raise UsageError("unknown_id", id=loan_id)
    return contracts[loan_id]


@dataclass(frozen=True, slots=True)
class Choices:
    """The conventions that hold for one loan, its own columns before the book's.

    Attributes
    ----------
    grace_days : int
        Calendar days after a due date in which nothing is past due.
    materiality : Fraction
        Unpaid principal and interest of an instalment, in minor units, up to which it is not past due.
    order : tuple of str
        The four parts of an instalment in the order in which a payment meets them.
    pro_rata : bool
        Whether a payment meets the parts of an instalment in proportion instead.
    multiplier : Fraction
        As given: 1 to 3 a multiple of the contract rate, below 1 the penalty rate itself, above 3 percent a
        year.
    penalty_base, penalty_mode, day_count, days_past_due_from : str
        As in `Conventions`.
    own : frozenset of str
        Names of the conventions that a column of the loan decided.
    """

    grace_days: int
    materiality: Fraction
    order: tuple[str, ...]
    pro_rata: bool
    multiplier: Fraction
    penalty_base: str
    penalty_mode: str
    day_count: str
    days_past_due_from: str
    own: frozenset[str]

    def penalty_rate(self, contract_rate: Fraction | None) -> Fraction:
        """Return the rate a year that past-due money bears, as far as it is known.

        Parameters
        ----------
        contract_rate : Fraction or None
            Contract rate of the day as a share a year; None if the tables name none.

        Returns
        -------
        Fraction

        Notes
        -----
        A multiple of 1.3 to 1.5 for late payment: People's Bank of China, notice 银发[2003]251.
        """
        known = Fraction(0) if contract_rate is None else contract_rate
        given = self.given_penalty_rate
        penalty = known * self.multiplier if given is None else given
        return penalty if self.penalty_mode == "replaces" else known + penalty

    @property
    def takes_contract_rate(self) -> bool:
        """Whether the penalty rate is made from the contract rate, so that it is unknown without one."""
        return self.given_penalty_rate is None or self.penalty_mode == "on_top"

    @property
    def given_penalty_rate(self) -> Fraction | None:
        """The penalty rate that ``penalty_multiplier`` gives itself; None if it is a multiple."""
        if self.multiplier < 1:
            return self.multiplier
        return self.multiplier / 100 if self.multiplier > _GREATEST_MULTIPLE else None


def full_order(order: str) -> tuple[str, ...]:
    """Return all four parts in the order in which a payment meets them.

    Parts that an order does not name come last, as penalty, interest, principal; a fee that it does not name
    stands after penalty.

    Parameters
    ----------
    order : str
        Parts joined by ``>``, or ``pro_rata``.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> full_order("penalty>interest>principal")
    ('penalty', 'fee', 'interest', 'principal')
    >>> full_order("principal")
    ('principal', 'penalty', 'fee', 'interest')
    >>> full_order("fee>principal")
    ('fee', 'principal', 'penalty', 'interest')
    """
    if order == "pro_rata":
        return PARTS
    parts = [part.strip() for part in order.split(">")]
    parts += [part for part in PARTS if part not in parts and part != "fee"]
    if "fee" not in parts:
        parts.insert(parts.index("penalty") + 1, "fee")
    return tuple(parts)


def _is_order(order: str) -> bool:
    parts = [part.strip() for part in order.split(">")]
    return order == "pro_rata" or (set(parts) <= set(PARTS) and len(set(parts)) == len(parts))


def choices_of(contract: Contract, conventions: Conventions) -> Choices:
    """Return the conventions that hold for a loan.

    Parameters
    ----------
    contract : Contract
        The loan.
    conventions : Conventions
        What holds where the loan has no column of its own.

    Returns
    -------
    Choices
    """
    loan = contract.loan
    columns = ("grace_days", "allocation_order", "penalty_multiplier", "penalty_base", "day_count")
    own = frozenset(name for name in columns if loan[name] is not None)
    multiplier = (
        Fraction(int(loan["penalty_multiplier"]), RATE_UNIT)
        if "penalty_multiplier" in own
        else Fraction(conventions.penalty_multiplier)
    )
    order = str(loan["allocation_order"] or conventions.allocation_order)
    if not _is_order(order):
        order = conventions.allocation_order
    return Choices(
        grace_days=int(loan["grace_days"] if "grace_days" in own else conventions.grace_days),
        materiality=Fraction(conventions.materiality) * 10 ** exponent(contract.currency),
        order=full_order(order),
        pro_rata=order == "pro_rata",
        multiplier=multiplier,
        penalty_base=str(loan["penalty_base"] or conventions.penalty_base),
        penalty_mode=conventions.penalty_mode,
        day_count=str(loan["day_count"] or conventions.day_count),
        days_past_due_from=conventions.days_past_due_from,
        own=own,
    )


def rate_on(contract: Contract, day: date) -> Fraction | None:
    """Return a loan's contract rate on a day, as a share a year; None if the tables name none.

    Parameters
    ----------
    contract : Contract
        The loan.
    day : date
        The day.

    Returns
    -------
    Fraction or None
        The last rate of the table ``rates`` that began by that day, else the loan's ``annual_rate``.
    """
    rate, since = contract.loan["annual_rate"], date.min
    for row in contract.rates:
        if since <= row["from"] <= day:
            rate, since = row["annual_rate"], row["from"]
    return None if rate is None else Fraction(int(rate), RATE_UNIT)
