"""A result for machines: one JSON object, or CSV rows."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TextIO

import numpy as np
import pandas as pd

from graphrisk.results import SCHEMA_VERSION, Result, ResultColumn, Sentence, package_version
from graphrisk.tables.book import Tables
from graphrisk.views.amounts import plain_float, plain_minors
from graphrisk.views.grids import each, listed, plain_values, row_digits
from graphrisk.views.language import say

_SEVERITIES = ("error", "warning", "note")

# Excel and its like take a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_TO_QUOTE = re.compile(r'[,"\r\n]')
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def write_json(result: Result, out: TextIO) -> None:
    """Write a result as one JSON object, a row a line.

    Parameters
    ----------
    result : Result
        What to write; amounts come as decimal numbers, dates in ISO form, codes in English.
    out : text stream
        Where to.
    """
    parts: dict[str, str] = {
        "graphrisk": to_json(package_version()),
        "schema": to_json(SCHEMA_VERSION),
        "command": to_json(result.command),
        "as_of": to_json(result.as_of),
        "currency": to_json(result.currency or None),
        "parameters": to_json(result.parameters),
        "conventions": to_json(result.conventions),
        "data": to_json(data_of(result.tables)),
        "summary": to_json(result.summary),
        "rows": _json_rows(result),
    }
    if result.detail:
        parts["detail"] = to_json(result.detail)
    if result.headline:
        parts["headline"] = to_json(_said(result, result.headline))
    if result.notes:
        parts["notes"] = to_json(_said(result, result.notes))
    out.write("{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n")


def _said(result: Result, sentences: Iterable[Sentence]) -> list[str]:
    return [say(sentence, "en", currency=result.currency) for sentence in sentences]


def data_of(tables: Tables | None) -> dict[str, object]:
    """Return what JSON says of the book that was asked.

    Parameters
    ----------
    tables : Tables or None
        The book, if there is one.

    Returns
    -------
    dict of str to object
        Source, rows by table, findings by severity, fingerprint, rows set aside by table.

    Examples
    --------
    >>> data_of(None)["fingerprint"] is None
    True
    """
    counts = dict.fromkeys(_SEVERITIES, 0)
    if tables is None:
        return {"source": None, "tables": {}, "findings": counts, "fingerprint": None, "set_aside": {}}
    for finding in tables.findings:
        counts[finding.severity] += 1
    aside = {name: tally.rows_quarantined for name, tally in tables.tallies.items() if tally.rows_quarantined}
    return {
        "source": tables.source,
        "tables": {name: len(frame) for name, frame in tables.frames.items()},
        "findings": counts,
        "fingerprint": tables.fingerprint or None,
        "set_aside": aside,
    }


def to_json(value: object) -> str:
    """Return a value as JSON: numbers plain, never scientific; what is no number is null.

    Parameters
    ----------
    value : object
        None, a truth value, a number, a text, a date, a mapping or a list of them.

    Returns
    -------
    str

    Examples
    --------
    >>> to_json({"a": Decimal("1E+3"), "b": [1e-9, float("inf"), True, None], "c": "张"})
    '{"a": 1000, "b": [0.0, null, true, null], "c": "张"}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_json(str(key))}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_json, value)) + "]"
    for types, write in _JSON:
        if isinstance(value, types):
            return write(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


#: How a value of each type stands in JSON; the first that fits counts (a truth value is an integer too).
_JSON: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((type(None), type(pd.NA), type(pd.NaT)), lambda _: "null"),
    ((str,), lambda value: json.dumps(value, ensure_ascii=False)),
    ((bool, np.bool_), lambda value: "true" if value else "false"),
    ((int, np.integer), lambda value: str(int(value))),
    ((float, np.floating), lambda value: plain_float(float(value)) or "null"),
    ((Decimal,), lambda value: f"{value:f}" if value.is_finite() else "null"),
    ((date,), lambda value: f'"{value.isoformat()[:10]}"'),
)


def _json_rows(result: Result) -> str:
    if result.rows.empty:
        return "[]"
    columns = [_json_column(column, result) for column in result.columns]
    keys = [json.dumps(column.name) for column in result.columns]
    rows = (
        " {" + ", ".join(f"{key}: {cell}" for key, cell in zip(keys, row, strict=True)) + "}"
        for row in zip(*columns, strict=True)
    )
    return "[\n" + ",\n".join(rows) + "\n]"


def _json_column(column: ResultColumn, result: Result) -> list[str]:
    values = _plain_column(column, result)
    if column.type not in ("integer", "number", "ratio", "money", "minor", "flag"):
        values = each(values, to_json)
    return ["null" if value is None else value for value in values]


def _plain_column(column: ResultColumn, result: Result) -> list[Any]:
    """Return a column's values: numbers and truth values as their text, lists as tuples, the rest as texts."""
    values = plain_values(result.rows[column.name])
    if column.type == "minor":
        return list(plain_minors(values, row_digits(result.rows, result.currency)))
    if column.type in ("list", "codes"):
        return [() if value is None else listed(value) for value in values]
    return each(values, _WRITERS.get(column.type, str))


#: How a value of each type of column is written, where it is no text.
_WRITERS: dict[str, Callable[[Any], str | None]] = {
    "money": plain_float,
    "number": plain_float,
    "ratio": plain_float,
    "integer": lambda value: str(int(value)),
    "flag": lambda value: "true" if value else "false",
}


def write_csv(result: Result, out: TextIO) -> None:
    """Write the rows of a result as CSV with a header; what is missing is empty, lists are joined by ``|``.

    Parameters
    ----------
    result : Result
        Whose rows to write.
    out : text stream
        Where to.
    """
    columns = [_csv_column(column, result) for column in result.columns]
    out.write(",".join(column.name for column in result.columns) + "\n")
    out.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def _csv_column(column: ResultColumn, result: Result) -> list[str]:
    values = _plain_column(column, result)
    if column.type in ("list", "codes"):
        values = ["|".join(value) for value in values]
    if column.type in ("text", "name", "code", "list", "codes"):
        values = each(values, lambda value: _quoted(harmless(value)))
    return ["" if value is None else value for value in values]


def _quoted(text: str) -> str:
    """Return a CSV field (RFC 4180); `csv.writer` leaves a carriage return bare."""
    return '"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text


def harmless(text: str) -> str:
    """Return a text that a spreadsheet takes for a text; a number may stay one.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    str
        With a leading apostrophe if it begins like a formula.

    Examples
    --------
    >>> harmless("=HYPERLINK(1)"), harmless("-5.00"), harmless("安")
    ("'=HYPERLINK(1)", '-5.00', '安')
    """
    return f"'{text}" if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text
