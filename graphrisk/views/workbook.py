"""A result as an Excel workbook, whose cells have types: numbers, dates, shares, truth values, texts.

Its sheets: ``rows``; ``summary``; ``detail``, where there is more; one for each table inside those two; ``columns``,
which says what a column means; and ``audit``, which says what made it all.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import numpy as np
from rich.cells import cell_len
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from graphrisk.errors import UsageError, texts
from graphrisk.results import KEYS, RESULTS, Result, ResultColumn, Sentence, package_version
from graphrisk.tables.currency import exponent
from graphrisk.views.amounts import plain_float, plain_minor
from graphrisk.views.grids import clean, each, listed, plain_values, row_digits
from graphrisk.views.language import label, say
from graphrisk.views.mask import Masker
from graphrisk.views.records import data_of, to_json
from graphrisk.views.text import as_shown

#: Rows of a sheet, and UTF-16 units of a cell (Excel specifications and limits).
MOST_ROWS = 1_048_576
_LONGEST = 32_767

#: Numbers from here on have more digits than Excel keeps; they are written as texts.
_INEXACT = 10**15

#: The first day from which on Excel counts as the calendar does: it believes in a 29 February 1900.
_FIRST_DAY, _DAY_ZERO = date(1900, 3, 1), date(1899, 12, 30)

#: When every workbook was made, so that the same answer has the same bytes.
_CREATED = datetime(1980, 1, 1)  # noqa: DTZ001 -- a file holds no zone

_TEXT, _DATE, _SHARE, _COUNT, _PLACE = "@", "yyyy-mm-dd", "0.00%", "#,##0", "0"

#: Integers that name a place; their digits are not grouped.
_PLACES = ("line", "no", "rank", "round")

_IS_SHARE = re.compile(r"(^|_)(ratio|share)(_|$)")

#: Figures of a summary that are amounts under any key.
_AMOUNTS = ("by_channel",)

#: Least and greatest width of a column, in characters, and rows that are looked at for it.
_WIDTHS, _LOOKED_AT = (8, 48), 1_000

_TYPES = {column.name: column.type for columns in (*RESULTS.values(), KEYS.values()) for column in columns}

Cell = None | bool | int | float | str


def write_workbook(
    result: Result,
    out: BinaryIO,
    *,
    lang: str = "en",
    top: int = 0,
    masker: Masker | None = None,
    command: str = "",
) -> None:
    """Write a result as an Excel workbook (Office Open XML, ECMA-376).

    Row 1 of the sheet ``rows`` holds the keys of the columns; in Chinese row 2 holds their words. Amounts are in
    currency units, exact to 15 digits, beyond that as texts; codes are never translated.

    Parameters
    ----------
    result : Result
        As an analyzer made it.
    out : binary stream
        Where to.
    lang : str
        Language of sentences and words.
    top : int
        Most rows to write; 0 for all.
    masker : Masker or None
        What hides persons; None shows them.
    command : str
        The command as typed, for the audit sheet.

    Raises
    ------
    UsageError
        If a sheet cannot hold all rows.

    Examples
    --------
    >>> import io
    >>> import pandas as pd
    >>> from graphrisk.results import ResultColumn
    >>> out = io.BytesIO()
    >>> rows = pd.DataFrame({"loan_id": ["007"], "penalty": pd.array([5_200_050], "Int64")})
    >>> columns = (ResultColumn("loan_id", "text"), ResultColumn("penalty", "minor"))
    >>> write_workbook(Result("overdue", columns, rows, currency="CNY"), out)
    >>> out.getvalue()[:2]
    b'PK'
    """
    shown = as_shown(result, masker, lang)
    if top and shown.command != "check":
        shown = replace(shown, rows=shown.rows.head(top))
    sheets = list(_sheets(shown, lang, masker.text(command) if masker else command))
    for sheet in sheets:
        if sheet.rows > MOST_ROWS:
            heads = sheet.rows - sheet.records
            raise UsageError("too_many_rows", rows=sheet.records, most=MOST_ROWS - heads, sheet=sheet.name)
    with tempfile.TemporaryDirectory() as folder:
        options = {"constant_memory": True, "tmpdir": folder, "strings_to_urls": False}
        book = Workbook(out, options)
        book.use_zip64()
        book.set_properties({"title": f"graphrisk {shown.command}", "created": _CREATED})
        try:
            formats = _Formats(book)
            for sheet in sheets:
                _put(book, sheet, formats)
            book.close()
        except FileCreateError as error:
            raise error.args[0] from None


@dataclass(frozen=True, slots=True)
class _Column:
    """Cells of one column, how they are shown, and by which format where that differs from row to row."""

    header: str
    cells: Sequence[Cell]
    format: str = ""
    formats: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    columns: Sequence[_Column]
    #: The words of the headers, in a row of their own.
    words: Sequence[str] = ()

    @property
    def heads(self) -> list[Sequence[str]]:
        """The rows of headers."""
        return [[column.header for column in self.columns], *([self.words] if self.words else [])]

    @property
    def records(self) -> int:
        """How many rows stand under the headers."""
        return len(self.columns[0].cells) if self.columns else 0

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return len(self.heads) + self.records


@dataclass
class _Formats:
    """The formats of one workbook, each made once."""

    book: Workbook
    made: dict[tuple[str, bool], Format] = field(default_factory=dict)

    def of(self, number_format: str, *, bold: bool = False) -> Format | None:
        if not number_format and not bold:
            return None
        key = (number_format, bold)
        if key not in self.made:
            how = {"num_format": number_format} if number_format else {}
            self.made[key] = self.book.add_format({**how, **({"bold": True} if bold else {})})
        return self.made[key]


def _put(book: Workbook, sheet: _Sheet, formats: _Formats) -> None:
    page: Worksheet = book.add_worksheet(sheet.name)
    last_head = len(sheet.heads) - 1
    for number, head in enumerate(sheet.heads):
        for at, text in enumerate(head):
            page.write_string(number, at, text, formats.of("", bold=True))
    page.freeze_panes(last_head + 1, 0)
    page.ignore_errors({"number_stored_as_text": f"A1:XFD{MOST_ROWS}"})
    for at, column in enumerate(sheet.columns):
        words = sheet.words[at] if sheet.words else ""
        page.set_column(at, at, _width(column, words), formats.of(column.format))
    if sheet.columns:
        page.autofilter(last_head, 0, sheet.rows - 1, len(sheet.columns) - 1)
    _put_cells(page, sheet, last_head + 1, formats)


def _put_cells(page: Worksheet, sheet: _Sheet, first: int, formats: _Formats) -> None:
    """Write row by row: each is given away before the next one."""
    ways = [
        [formats.of(one) for one in column.formats] or [formats.of(column.format)] * len(column.cells)
        for column in sheet.columns
    ]
    for number, row in enumerate(zip(*(column.cells for column in sheet.columns), strict=True)):
        for at, cell in enumerate(row):
            if cell is None:
                continue
            way = ways[at][number]
            if isinstance(cell, bool):
                page.write_boolean(first + number, at, cell, way)
            elif isinstance(cell, str):
                page.write_string(first + number, at, _fitting(cell), way)
            else:
                page.write_number(first + number, at, cell, way)


def _fitting(text: str) -> str:
    """Return a text that stays on its line and is no longer than a cell."""
    text = clean(text)
    if len(text) <= _LONGEST // 2:
        return text
    units = text.encode("utf-16-le")
    return text if len(units) <= 2 * _LONGEST else units[: 2 * (_LONGEST - 1)].decode("utf-16-le", "ignore") + "…"


def _width(column: _Column, words: str) -> int:
    seen = column.cells[:_LOOKED_AT]
    widest = max((cell_len(cell) if isinstance(cell, str) else len(_roughly(cell)) for cell in seen), default=0)
    least, most = _WIDTHS
    return min(max(least, widest + 1, cell_len(column.header) + 3, cell_len(words) + 3), most)


def _roughly(cell: Cell) -> str:
    return "" if cell is None else f"{cell:,.2f}" if isinstance(cell, int | float) else str(cell)


# What the sheets hold


def _sheets(result: Result, lang: str, command: str) -> Iterator[_Sheet]:
    words = [label(column.name, lang) for column in result.columns] if lang != "en" else ()
    yield _Sheet("rows", [_column(column, result) for column in result.columns], words)
    taken = {"rows", "columns", "audit"}
    for name, inside in (("summary", result.summary), ("detail", result.detail)):
        pairs, tables = _apart(inside)
        if pairs:
            yield _pairs(_sheet_name(name, taken), pairs, result.currency, lang)
        for key, rows in tables.items():
            yield _table(_sheet_name(f"{name}.{key}", taken), rows, result.currency)
    yield _meanings(result, lang)
    yield _pairs("audit", list(_audit(result, lang, command)), result.currency)


def _column(column: ResultColumn, result: Result) -> _Column:
    values = plain_values(result.rows[column.name])
    if column.type == "minor":
        digits = row_digits(result.rows, result.currency)
        cells = [None if value is None else _minor(value, count) for value, count in zip(values, digits, strict=True)]
        several = len(set(digits)) > 1
        formats = [_money(count) for count in digits] if several else ()
        return _Column(column.name, cells, _money(digits[0] if digits else exponent(result.currency)), formats)
    if column.type in ("list", "codes"):
        return _Column(column.name, [None if value is None else "|".join(listed(value)) for value in values], _TEXT)
    write, way = _WRITERS.get(column.type, (str, _TEXT))
    if column.type == "money":
        way = _money(exponent(result.currency))
    elif column.name in _PLACES:
        way = _PLACE
    return _Column(column.name, each(values, write), way)


def _money(digits: int) -> str:
    return f"#,##0.{'0' * digits}" if digits else _COUNT


def _minor(value: int, digits: int) -> Cell:
    """Return an amount in minor units as the number that Excel reads as the same amount, or as a text."""
    return plain_minor(value, digits) if abs(value) >= _INEXACT else value / 10**digits


def _integer(value: int) -> Cell:
    return int(value) if abs(value) < _INEXACT else str(int(value))


def _float(value: float) -> Cell:
    """Return a number with the decimals that it has in JSON; one that is not finite is blank."""
    text = plain_float(float(value))
    return None if text is None else float(text)


def _day(day: date) -> Cell:
    return (day - _DAY_ZERO).days if day >= _FIRST_DAY else day.isoformat()


#: How a value of each type of column becomes a cell, and how that is shown, where it is no text.
_WRITERS: dict[str, tuple[Callable[[Any], Cell], str]] = {
    "integer": (_integer, _COUNT),
    "money": (_float, ""),
    "number": (_float, ""),
    "ratio": (_float, _SHARE),
    "date": (lambda text: _day(date.fromisoformat(text)), _DATE),
    "flag": (bool, ""),
}


def _apart(
    inside: Mapping[str, object], before: str = ""
) -> tuple[list[tuple[str, object]], dict[str, Sequence[Mapping[str, object]]]]:
    """Return the figures of a nested mapping by keys joined with dots, and its lists of rows by theirs."""
    pairs: list[tuple[str, object]] = []
    tables: dict[str, Sequence[Mapping[str, object]]] = {}
    for name, value in inside.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping):
            more, others = _apart(value, f"{key}.")
            pairs += more
            tables |= others
        elif isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            tables[key] = value
        else:
            pairs.append((key, value))
    return pairs, tables


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name that a sheet may have: of 31 characters at most, without signs of a path, each once."""
    plain = re.sub(r"[\[\]:*?/\\']", "_", clean(name))[:31]
    numbered = (f"{plain[:28]}~{number}" for number in range(2, len(taken) + 3))
    chosen = plain if plain.casefold() not in taken else next(one for one in numbered if one.casefold() not in taken)
    taken.add(chosen.casefold())
    return chosen


def _pairs(name: str, pairs: Sequence[tuple[str, object]], currency: str, lang: str = "en") -> _Sheet:
    cells = [_typed(key, value, currency) for key, value in pairs]
    columns = [
        _Column("key", [key for key, _ in pairs], _TEXT),
        _Column("value", [cell for cell, _ in cells], "", [way for _, way in cells]),
    ]
    if lang != "en":
        words = texts(lang)["labels"]
        columns.append(_Column("label", [words.get(key.rpartition(".")[2]) for key, _ in pairs]))
    return _Sheet(name, columns)


def _table(name: str, rows: Sequence[Mapping[str, object]], currency: str) -> _Sheet:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = []
    for key in keys:
        cells = [_typed(f"{name}.{key}", row.get(key), currency) for row in rows]
        columns.append(_Column(str(key), [cell for cell, _ in cells], "", [way for _, way in cells]))
    return _Sheet(name, columns)


def _typed(key: str, value: object, currency: str) -> tuple[Cell, str]:
    """Return a figure that stands under a key as a cell, and how it is shown."""
    for types, write in _FIGURES:
        if isinstance(value, types):
            return write(value), _shown_as(key, value, currency)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "|".join(value), _TEXT
    return to_json(value), _TEXT


def _decimal(value: Decimal) -> Cell:
    if not value.is_finite():
        return None
    return float(value) if len(value.as_tuple().digits) < len(str(_INEXACT)) else f"{value:f}"


#: How a figure of each type becomes a cell; the first that fits counts (a truth value is an integer too).
_FIGURES: tuple[tuple[tuple[type, ...], Callable[[Any], Cell]], ...] = (
    ((str, type(None)), lambda value: value),
    ((bool, np.bool_), bool),
    ((int, np.integer), _integer),
    ((float, np.floating), _float),
    ((Decimal,), _decimal),
    ((date,), _day),
)


def _shown_as(key: str, value: object, currency: str) -> str:
    *places, last = key.split(".")
    if isinstance(value, bool | np.bool_):
        return ""
    if isinstance(value, int | np.integer):
        return _PLACE if last in _PLACES else _COUNT
    if isinstance(value, float | np.floating | Decimal):
        is_money = _TYPES.get(last) in ("money", "minor") or not {*places}.isdisjoint(_AMOUNTS)
        if is_money or isinstance(value, Decimal):
            return _money(exponent(currency))
        return _SHARE if _IS_SHARE.search(last) else ""
    return _DATE if isinstance(value, date) else _TEXT


def _meanings(result: Result, lang: str) -> _Sheet:
    rows = [
        (column.name, label(column.name, lang), column.type, _unit(column, result, lang), _codes(column, result, lang))
        for column in result.columns
    ]
    headers = ("column", "label", "type", "unit", "codes")
    cells: Iterable[Sequence[str]] = zip(*rows, strict=True) if rows else [()] * len(headers)
    return _Sheet("columns", [_Column(header, list(one), _TEXT) for header, one in zip(headers, cells, strict=True)])


def _unit(column: ResultColumn, result: Result, lang: str) -> str:
    if column.type == "ratio":
        return label("share", lang)
    if column.type not in ("money", "minor"):
        return ""
    several = column.type == "minor" and "currency" in result.rows and result.rows["currency"].nunique() > 1
    return say(Sentence("own_currency", {"scale": ""}), lang) if several else result.currency


def _codes(column: ResultColumn, result: Result, lang: str) -> str:
    """Return the words of the codes that stand in a column."""
    if column.type not in ("code", "codes"):
        return ""
    stand = {value for value in plain_values(result.rows[column.name]) if value is not None}
    found = {code for value in stand for code in listed(value)}
    return ", ".join(f"{code} = {label(code, lang)}" for code in sorted(found))


def _audit(result: Result, lang: str, command: str) -> Iterator[tuple[str, object]]:
    """Yield what made a result, by key: as the audit line says it, and as JSON has it."""
    yield "graphrisk", package_version()
    yield "command", command or f"graphrisk {result.command}"
    yield "as_of", result.as_of
    yield "currency", result.currency or None
    for name, inside in (
        ("parameters", result.parameters),
        ("conventions", result.conventions),
        ("data", data_of(result.tables)),
    ):
        pairs, tables = _apart(inside, f"{name}.")
        yield from pairs
        yield from ((key, to_json(rows)) for key, rows in tables.items())
    for name, sentences in (("headline", result.headline), ("notes", result.notes)):
        for number, sentence in enumerate(sentences, 1):
            yield f"{name}.{number}", say(sentence, lang, currency=result.currency)
