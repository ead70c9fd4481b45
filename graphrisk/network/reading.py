"""What the builders of a network share: ids as positions, minor units as float64, contracts in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from graphrisk.conventions import Conventions
from graphrisk.ledger.overdue import Ledger, account
from graphrisk.network.arrays import Flags, Positions, Vector
from graphrisk.tables.book import Tables
from graphrisk.tables.currency import conversion, exponent
from graphrisk.tables.lookup import Identity, Lookup, identity, text_array
from graphrisk.tables.schemas import SCHEMAS


@dataclass(frozen=True, slots=True)
class Places:
    """Ids of a book as positions, and which of its rows hold at a date.

    Attributes
    ----------
    tables : Tables
        The book.
    as_of : Timestamp
        The date.
    ids : Index
        Ids of all entities, then those outside the data.
    n : int
        How many of them are entities.
    """

    tables: Tables
    as_of: pd.Timestamp
    ids: pd.Index
    n: int
    _lookup: Lookup = field(init=False, repr=False, compare=False)
    _found: dict[Identity, tuple[pa.Array, Positions]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lookup", Lookup(self.ids))
        object.__setattr__(self, "_found", {})

    @classmethod
    def at(cls, tables: Tables, as_of: date) -> "Places":
        """Return the positions of a book's ids at a date.

        Parameters
        ----------
        tables : Tables
            The book.
        as_of : date
            The date.
        """
        ids, outside = known_ids(tables)
        return cls(tables, pd.Timestamp(as_of), ids.append(outside), len(ids))

    def position(self, ids: pd.Series) -> Positions:
        """Return the positions of ids; -1 for a blank.

        A column is looked up once, however often it is asked for: what it returns must not be changed.
        """
        texts = text_array(ids)
        known = self._found.get(identity(texts))
        if known is None:
            known = texts, self._lookup.positions(texts)  # the texts too, so that their memory is not used again
            known[1].flags.writeable = False
            self._found[identity(texts)] = known
        return known[1]

    def entities(self) -> pd.DataFrame:
        """Return the rows of the table ``entities`` in the order of the ids; blank rows where there is no table."""
        rows = self.tables["entities"]
        if not len(rows):
            return rows.reindex(range(self.n))
        row = np.empty(self.n, dtype=np.int64)
        row[self.position(rows["entity_id"])] = np.arange(len(rows))
        return rows.take(row).reset_index(drop=True)

    def in_force(self, frame: pd.DataFrame) -> Flags:
        """Return which rows hold at the date: start <= date <= end, a blank being open."""
        begun = frame["start"].isna() | (frame["start"] <= self.as_of)
        ended = frame["end"].notna() & (frame["end"] < self.as_of)
        return (begun & ~ended).to_numpy(dtype=bool)


@dataclass(frozen=True, slots=True)
class Reading(Places):
    """A book read at a date.

    Attributes
    ----------
    ledger : Ledger
        Its overdue figures at the date.
    until : Timestamp
        The last day of the horizon.
    units : mapping of str to float
        Minor units of a currency for one unit of the reporting currency.
    """

    ledger: Ledger
    until: pd.Timestamp
    units: Mapping[str, float]
    _loans: Lookup = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        Places.__post_init__(self)
        object.__setattr__(self, "_loans", Lookup(pd.Index(self.ledger.loans["loan_id"])))

    @classmethod
    def of(
        cls,
        tables: Tables,
        *,
        as_of: date,
        horizon_days: int,
        conventions: Conventions,
        currency: str,
        assume_unpaid: bool = False,
    ) -> "Reading":
        """Read a book at a date: its overdue figures, its ids, its currencies.

        Parameters
        ----------
        tables : Tables
            The book.
        as_of : date
            The date; nothing later counts.
        horizon_days : int
            Days within which amounts fall due.
        conventions : Conventions
            Those of the ledger.
        currency : str
            Reporting currency.
        assume_unpaid : bool
            Count instalments without any payment record as unpaid instead of refusing.

        Returns
        -------
        Reading

        Raises
        ------
        InvalidDataError
            If currencies cannot be converted or the overdue total cannot be known.
        """
        ledger = account(tables, as_of=as_of, conventions=conventions, assume_unpaid=assume_unpaid)
        places = Places.at(tables, as_of)
        return cls(
            tables=tables,
            as_of=places.as_of,
            ids=places.ids,
            n=places.n,
            ledger=ledger,
            until=places.as_of + timedelta(days=horizon_days),
            units=currency_units(tables, ledger, currency, places.as_of),
        )

    def loan(self, ids: pd.Series) -> Positions:
        """Return the positions of ids among the ledger's loans; -1 for a blank and for a loan that is not there."""
        return self._loans.positions(text_array(ids))

    def money(self, amounts: pd.Series, currency: pd.Series | None = None) -> Vector:
        """Return amounts in units of the reporting currency; NaN where blank.

        A division by a power of ten is correctly rounded, so an amount of the reporting currency is the float64
        nearest to it.
        """
        minor = amounts.to_numpy(dtype=np.float64, na_value=np.nan)
        if currency is None or len(self.units) == 1:  # all that is in use
            return minor / self.units[self.tables.currency]
        return minor / currency.fillna(self.tables.currency).map(self.units).to_numpy(dtype=np.float64)


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
    named = [tables[name][column] for name, column in entity_columns() if name in tables]
    inside = pd.Index(tables["entities"]["entity_id"] if "entities" in tables else _distinct(named)).sort_values()
    lookup = Lookup(inside)
    strange = [ids[lookup.positions(text_array(ids)) < 0] for ids in named]
    return inside, _distinct(strange).sort_values()


def _distinct(columns: Sequence[pd.Series]) -> pd.Index:
    """Return each text of some columns once, blanks left out."""
    empty = pd.Series([], dtype="str")
    distinct: pd.Index = pd.Index(pd.concat([empty, *columns], ignore_index=True).dropna().unique())
    return distinct


def currency_units(tables: Tables, ledger: Ledger, currency: str, as_of: pd.Timestamp) -> dict[str, float]:
    """Return the minor units of each currency in use that make one unit of the reporting currency.

    Raises
    ------
    InvalidDataError
        If the table ``fx`` has no rate for one of them.
    """
    used = {tables.currency, *ledger.loans["currency"].unique()}
    for name, schema in SCHEMAS.items():
        if schema.currency == "column" and name in tables:
            used |= set(tables[name]["currency"].dropna().unique())
    rates = conversion(tables["fx"], used, to=currency, as_of=as_of.date())
    return {code: 10 ** exponent(currency) / float(rate) for code, rate in rates.items()}
