"""Plain rows in currency units as the tables that the product reads."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import RATE_UNIT, SCHEMAS

if TYPE_CHECKING:
    from . import spread_twin as twin


def stored(value: object, type_: str) -> object:
    """Return a plain value as a table stores it."""
    if value is None:
        return None
    if type_ == "money":
        return int((Decimal(str(value)) * 100).to_integral_value())
    if type_ in {"rate", "multiple"}:
        return int(Decimal(str(value)) * RATE_UNIT)
    return value


def tables_of(rows: twin.Rows) -> Tables:
    """Return a book of CNY with the tables that have rows, and the payments table always."""
    frames = {}
    for name, records in rows.items():
        if not records and name != "payments":
            continue
        schema = SCHEMAS[name]
        frames[name] = schema.frame(
            [{column: stored(value, schema[column].type) for column, value in row.items()} for row in records]
        )
    return Tables(frames)
