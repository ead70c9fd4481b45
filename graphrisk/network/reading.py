"""What the builders of a network share: ids as positions, minor units as float64, contracts in force."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphrisk.ledger.overdue import Ledger
from graphrisk.network.arrays import Flags, Positions, Vector
from graphrisk.tables.book import Tables
from graphrisk.tables.currency import conversion, exponent
from graphrisk.tables.schemas import SCHEMAS


@dataclass(frozen=True, slots=True)
class Reading:
    """A book read at a date.

    Attributes
    ----------
    tables : Tables
        The book.
    ledger : Ledger
        Its overdue figures at the date.
    as_of, until : Timestamp
        The date, and the last day of the horizon.
    ids : Index
        Ids of all entities, then those outside the data.
    n : int
        How many of them are entities.
    units : mapping of str to float
        Minor units of a currency for one unit of the reporting currency.
    """

    tables: Tables
    ledger: Ledger
    as_of: pd.Timestamp
    until: pd.Timestamp
    ids: pd.Index
    n: int
    units: Mapping[str, float]

    def position(self, ids: pd.Series) -> Positions:
        """Return the positions of ids; -1 for a blank."""
        return self.ids.get_indexer(pd.Index(ids)).astype(np.int64)

    def money(self, amounts: pd.Series, currency: pd.Series | None = None) -> Vector:
        """Return amounts in units of the reporting currency; NaN where blank.

        A division by a power of ten is correctly rounded, so an amount of the reporting currency is the float64
        nearest to it.
        """
        minor = amounts.to_numpy(dtype=np.float64, na_value=np.nan)
        if currency is None:
            return minor / self.units[self.tables.currency]
        return minor / currency.fillna(self.tables.currency).map(self.units).to_numpy(dtype=np.float64)

    def in_force(self, frame: pd.DataFrame) -> Flags:
        """Return which rows hold at the date: start <= date <= end, a blank being open."""
        begun = frame["start"].isna() | (frame["start"] <= self.as_of)
        ended = frame["end"].notna() & (frame["end"] < self.as_of)
        return (begun & ~ended).to_numpy(dtype=bool)


def flags(column: pd.Series, *, blank: bool) -> Flags:
    """Return a column of true and false, a blank being as said.

    Examples
    --------
    >>> flags(pd.Series([True, None], dtype="boolean"), blank=False).tolist()
    [True, False]
    """
    return column.to_numpy(dtype=np.bool_, na_value=blank)


def entity_columns() -> tuple[tuple[str, str], ...]:
    """Return each (table, column) that holds an entity's id.

    Examples
    --------
    >>> ("loans", "borrower_id") in entity_columns()
    True
    """
    named = (
        (name, column.name)
        for name, schema in SCHEMAS.items()
        for column in schema.columns
        if column.refers == "entities"
    )
    return (("entities", "entity_id"), *named)


def known_ids(tables: Tables) -> tuple[pd.Index, pd.Index]:
    """Return the ids of a book's entities, and those that its contracts name and no entity row describes.

    Without a table of entities every id is an entity.

    Examples
    --------
    >>> loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 1, "start_date": "2024-01-01"}
    >>> [list(ids) for ids in known_ids(Tables({"loans": SCHEMAS["loans"].frame([loan])}))]
    [['A', 'B'], []]
    """
    named = [tables[name][column].dropna() for name, column in entity_columns() if name in tables]
    every = pd.Index(pd.unique(pd.concat(named))) if named else pd.Index([], dtype="str")
    inside = pd.Index(tables["entities"]["entity_id"]) if "entities" in tables else every
    return inside.sort_values(), every.difference(inside).sort_values()


def currency_units(tables: Tables, ledger: Ledger, currency: str, as_of: pd.Timestamp) -> dict[str, float]:
    """Return the minor units of each currency in use that make one unit of the reporting currency.

    Raises
    ------
    InvalidDataError
        If the table ``fx`` has no rate for one of them.
    """
    used = {tables.currency, *ledger.loans["currency"]}
    for name, schema in SCHEMAS.items():
        if schema.currency == "column" and name in tables:
            used |= set(tables[name]["currency"].dropna())
    rates = conversion(tables["fx"], used, to=currency, as_of=as_of.date())
    return {code: 10 ** exponent(currency) / float(rate) for code, rate in rates.items()}
