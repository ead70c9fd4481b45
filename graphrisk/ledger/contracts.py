"""What decides each loan's arithmetic: its own columns, else the conventions."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import DAY_COUNTS, PARTS, PENALTY_BASES, Conventions
from graphrisk.ledger.columns import codes, findings, given, positions, whole
from graphrisk.ledger.dates import ALWAYS, NEVER, Days, day, days
from graphrisk.ledger.penalty import MOST_MULTIPLE, PenaltyRates, RateTable, penalty_rates
from graphrisk.tables.book import Finding, Tables
from graphrisk.tables.currency import exponent
from graphrisk.tables.schemas import RATE_UNIT

PENALTY, FEE, INTEREST, PRINCIPAL = range(len(PARTS))
#: The parts of an instalment in the order in which a payment meets them; empty: in proportion.
Order = tuple[int, ...]
PRO_RATA: Order = ()
_LONGEST_GRACE = 36_500
_NOT_NAMED: Order = (PENALTY, FEE, INTEREST, PRINCIPAL)


@dataclass(frozen=True, slots=True)
class Contracts:
    """The conventions that hold for each of ``n`` loans, one element a loan.

    Attributes
    ----------
    ids : Index of str
        Loans, by code points.
    as_of : ndarray of int64
        Day that the figures of the loan hold for.
    start : ndarray of int64
        Day of payout.
    grace : ndarray of int64
        Days after the due date in which nothing is past due.
    materiality : ndarray of int64
        Unpaid amount of an instalment up to which it is not past due, in minor units.
    order : ndarray of int64
        Position in ``orders``.
    orders : tuple of Order
        The orders of allocation that occur.
    compound : ndarray of bool
        Whether unpaid interest bears penalty too.
    accelerated_on : ndarray of int64
        Day on which all of it was called due; ``NEVER`` if not by ``as_of``.
    day_count : ndarray of int8
        Position in `graphrisk.conventions.DAY_COUNTS`.
    rates : RateTable
        Contract rates that follow that of the loan.
    penalty : PenaltyRates
        What one minor unit bears a day.
    """

    ids: pd.Index
    as_of: Days
    start: Days
    grace: NDArray[np.int64]
    materiality: NDArray[np.int64]
    order: NDArray[np.int64]
    orders: tuple[Order, ...]
    compound: NDArray[np.bool_]
    accelerated_on: Days
    day_count: NDArray[np.int8]
    rates: RateTable
    penalty: PenaltyRates

    def pro_rata(self, loans: slice = slice(None)) -> NDArray[np.bool_]:
        """Return whether each loan's payments, or those of some, meet the parts of an instalment in proportion."""
        of_order = np.array([order == PRO_RATA for order in self.orders], dtype=np.bool_)
        result: NDArray[np.bool_] = of_order[self.order[loans]]
        return result

    def take(self, loans: NDArray[np.int64]) -> "Contracts":
        """Return the contracts of some loans."""
        return replace(
            self,
            ids=self.ids[loans],
            as_of=self.as_of[loans],
            start=self.start[loans],
            grace=self.grace[loans],
            materiality=self.materiality[loans],
            order=self.order[loans],
            compound=self.compound[loans],
            accelerated_on=self.accelerated_on[loans],
            day_count=self.day_count[loans],
            penalty=self.penalty.take(loans),
        )

    def at(self, as_of: Days) -> "Contracts":
        """Return the same contracts at other days, one a loan."""
        known = np.where(self.accelerated_on <= as_of, self.accelerated_on, NEVER)
        return replace(self, as_of=as_of, accelerated_on=known)


def allocation_order(text: str) -> Order | None:
    """Return the parts of an instalment in the order of a text, all four, or None if it is none.

    A fee stands after the penalty unless the text names it; other parts that it does not name come last.

    Parameters
    ----------
    text : str
        Names of parts joined by ``>``, or ``pro_rata``.

    Examples
    --------
    >>> [PARTS[part] for part in allocation_order("penalty>interest>principal")]
    ['penalty', 'fee', 'interest', 'principal']
    >>> [PARTS[part] for part in allocation_order("principal")]
    ['principal', 'penalty', 'fee', 'interest']
    """
    if text == "pro_rata":
        return PRO_RATA
    names = [name.strip() for name in text.split(">")]
    if not set(names) <= set(PARTS) or len(set(names)) != len(names):
        return None
    named = [PARTS.index(name) for name in names]
    if PENALTY in named and FEE not in named:
        named.insert(named.index(PENALTY) + 1, FEE)
    return (*named, *(part for part in _NOT_NAMED if part not in named))


def read_contracts(
    loans: pd.DataFrame, tables: Tables, *, as_of: date, conventions: Conventions
) -> tuple[Contracts, list[Finding]]:
    """Return the conventions of each loan, and what could not be read.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans`` with ``currency`` filled, sorted by ``loan_id``.
    tables : Tables
        The book, for the table ``rates``.
    as_of : date
        Day that the figures hold for.
    conventions : Conventions
        What holds where a loan's column is blank.

    Returns
    -------
    Contracts
    list of Finding
        Orders of allocation that are none, and multipliers taken as percent.
    """
    ids = pd.Index(loans["loan_id"])
    when = np.full(len(loans), day(as_of))
    order, orders, found = _orders(loans, conventions)
    day_count = codes(loans["day_count"], DAY_COUNTS, DAY_COUNTS.index(conventions.day_count))
    base = codes(loans["penalty_base"], PENALTY_BASES, PENALTY_BASES.index(conventions.penalty_base))
    multiplier = whole(loans["penalty_multiplier"], -1)
    found += _percents(loans, multiplier)
    rates = _rate_table(ids, tables["rates"])
    penalty = penalty_rates(
        whole(loans["annual_rate"]),
        given(loans["annual_rate"]),
        rates,
        multiplier=multiplier,
        default=conventions.penalty_multiplier,
        on_top=conventions.penalty_mode == "on_top",
        day_count=day_count,
    )
    called = days(loans["accelerated_on"], NEVER)
    contracts = Contracts(
        ids=ids,
        as_of=when,
        start=days(loans["start_date"], ALWAYS),
        grace=np.clip(whole(loans["grace_days"], conventions.grace_days), 0, _LONGEST_GRACE),
        materiality=_materiality(loans["currency"], conventions.materiality),
        order=order,
        orders=orders,
        compound=base == PENALTY_BASES.index("overdue_total"),
        accelerated_on=np.where(called <= when, called, NEVER),
        day_count=day_count,
        rates=rates,
        penalty=penalty,
    )
    return contracts, found


def _orders(
    loans: pd.DataFrame, conventions: Conventions
) -> tuple[NDArray[np.int64], tuple[Order, ...], list[Finding]]:
    seen, texts = pd.factorize(loans["allocation_order"])
    default = allocation_order(conventions.allocation_order) or PRO_RATA
    read = [allocation_order(text) if text else default for text in texts]
    orders = tuple(dict.fromkeys([default, *(order for order in read if order is not None)]))
    place = np.array([0 if order is None else orders.index(order) for order in [*read, default]], dtype=np.int64)
    unknown = np.array([order is None for order in [*read, default]], dtype=np.bool_)
    found = findings(
        loans,
        unknown[seen],
        "allocation_order_unknown",
        severity="error",
        table="loans",
        column="allocation_order",
    )
    return place[seen], orders, found


def _percents(loans: pd.DataFrame, multiplier: NDArray[np.int64]) -> list[Finding]:
    high = multiplier > MOST_MULTIPLE * RATE_UNIT
    texts = [f"{Decimal(int(value)) / RATE_UNIT:f}" for value in multiplier[high]]
    return findings(
        loans,
        high,
        "penalty_multiplier_percent",
        severity="note",
        table="loans",
        column="penalty_multiplier",
        value=texts,
        fields={"percent": texts},
    )


def _materiality(currency: pd.Series, amount: Decimal) -> NDArray[np.int64]:
    seen, known = pd.factorize(currency)
    minor = [int(amount.scaleb(exponent(str(code)))) for code in known]
    return np.array([*minor, 0], dtype=np.int64)[seen]


def _rate_table(ids: pd.Index, rates: pd.DataFrame) -> RateTable:
    loan = positions(ids, rates["loan_id"])
    first = days(rates["from"], ALWAYS)
    order = np.lexsort((first, loan))
    order = order[loan[order] >= 0]
    return RateTable(loan[order], first[order], whole(rates["annual_rate"])[order])
