"""Rows of text in columns: for a terminal of some width, for a pipe, for Markdown."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from graphrisk.results import Result, ResultColumn, Sentence
from graphrisk.tables.currency import exponent
from graphrisk.views.amounts import grouped, grouped_minor, percent
from graphrisk.views.language import label, say

_NUMBERS = ("integer", "number", "ratio", "money", "minor")

#: Lists of which people are shown the beginning, and how many items of it: the whole stands in JSON and CSV.
_SETS = ("members", "creditor_ids", "behind")
_SHOWN = 12

#: Integers that name a place; their digits are not grouped.
_PLACES = ("line", "no")

#: Cells between two columns of a terminal, and the least that a text is folded to.
_GAP = 2
_FOLDED = 14

# What moves a cursor, ends a line or turns the direction of writing: a name must not be able to.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


_MARKDOWN = re.compile(r"([\\|*`\[\]])")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text and its style in a terminal."""

    text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells in columns.

    Attributes
    ----------
    keys, headers : tuple of str
        Name and label of each column.
    cells : list of list of str
        By column, then row.
    right : tuple of bool
        Whether a column is numbers.
    expendable : tuple of str
        Names of columns that a narrow terminal does without, the first one first.
    total : tuple of str
        The last row, if there is one.
    """

    keys: tuple[str, ...]
    headers: tuple[str, ...]
    cells: list[list[str]]
    right: tuple[bool, ...]
    expendable: tuple[str, ...] = ()
    total: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Its rows, the total being the last."""
        rows = list(zip(*self.cells, strict=True))
        return [*rows, self.total] if self.total else rows

    def without(self, key: str) -> "Grid":
        """Return the grid without a column."""
        kept = [number for number, name in enumerate(self.keys) if name != key]
        return replace(
            self,
            keys=tuple(self.keys[number] for number in kept),
            headers=tuple(self.headers[number] for number in kept),
            cells=[self.cells[number] for number in kept],
            right=tuple(self.right[number] for number in kept),
            total=tuple(self.total[number] for number in kept) if self.total else (),
        )

    def with_total(self, result: Result, lang: str, unit: str) -> "Grid":
        """Return the grid with a last row of what a summary has under the names of its columns."""
        one_currency = "currency" not in result.rows or len(result.rows["currency"].unique()) == 1
        if len(result.rows) <= 1 or not one_currency or result.command not in ("overdue", "npl"):
            return self
        types = {column.name: column.type for column in result.columns}
        cells = [_sum(result.summary.get(key), types[key], result.currency, unit) for key in self.keys[1:]]
        if not any(cells):
            return self
        return replace(self, total=(say(Sentence("total_row", {"rows": len(result.rows)}), lang), *cells))


Item = Line | Grid


def _sum(value: Any, type_: str, currency: str, unit: str) -> str:
    if type_ not in _NUMBERS or value is None:
        return ""
    if type_ == "ratio":
        return percent(value)
    return f"{value:,}" if type_ == "integer" else grouped(value, exponent(currency), unit)


def clean(text: str) -> str:
    r"""Return a text that stays on its line: what steers a terminal is shown by its number.

    Examples
    --------
    >>> clean("A\x1b[31mB")
    'A\\x1b[31mB'
    """
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda hit: hit.group().encode("unicode_escape").decode(), text)


def grid(result: Result, rows: pd.DataFrame, lang: str, unit: str, expendable: tuple[str, ...] = ()) -> Grid:
    """Return rows of a result as people read them.

    Parameters
    ----------
    result : Result
        Whose columns are shown.
    rows : DataFrame
        The rows to show.
    lang, unit : str
        Language of labels, and 元, 万元 or 亿元.
    expendable : tuple of str
        Columns that a narrow terminal does without.

    Returns
    -------
    Grid
    """
    if "currency" in rows and len(rows["currency"].unique()) > 1:
        expendable = tuple(name for name in expendable if name != "currency")
    cells = [_cells(column, rows, result.currency, lang, unit) for column in result.columns]
    return Grid(
        tuple(column.name for column in result.columns),
        tuple(label(column.name, lang) for column in result.columns),
        cells,
        tuple(column.type in _NUMBERS for column in result.columns),
        expendable,
    )


def _cells(column: ResultColumn, rows: pd.DataFrame, currency: str, lang: str, unit: str) -> list[str]:
    values = plain_values(rows[column.name])
    digits = exponent(currency)
    if column.type == "minor":
        pairs = zip(values, row_digits(rows, currency), strict=True)
        return ["-" if value is None else grouped_minor(value, count, unit) for value, count in pairs]
    if column.type == "money":
        shown = each(values, lambda value: grouped(value, digits, unit))
    elif column.type == "integer" and column.name not in _PLACES:
        shown = each(values, lambda value: f"{value:,}")
    else:
        write = _beginning if column.name in _SETS else _WRITERS.get(column.type, _as_it_is)
        shown = each(values, lambda value: clean(write(value, lang)))
    blank = "-" if column.type in _NUMBERS else ""
    return [blank if cell is None else cell for cell in shown]


def _beginning(value: Any, _: str) -> str:
    items = listed(value)
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f", ... +{more:,}" if more > 0 else "")


def _as_it_is(value: Any, _: str) -> str:
    return str(value)


#: What stands in a list of ids for those whom the data does not name.
_UNNAMED = "(outside)"

#: How a value of each type of column reads, where it is no amount.
_WRITERS: dict[str, Callable[[Any, str], str]] = {
    "code": label,
    "list": lambda value, lang: ", ".join(
        f"({label('outside', lang)})" if item == _UNNAMED else item for item in listed(value)
    ),
    "codes": lambda value, lang: ", ".join(label(item, lang) for item in listed(value)),
    "number": lambda value, _: f"{value:,.2f}",
    "ratio": lambda value, _: percent(value),
    "flag": lambda value, lang: label("true" if value else "false", lang),
}


def plain_values(values: pd.Series) -> list[Any]:
    """Return a column as Python values: dates in ISO form, None for what is missing."""
    if values.dtype.kind == "M":
        plain: list[Any] = np.datetime_as_string(values.to_numpy(), unit="D").tolist()
    else:
        plain = values.tolist()
        if values.dtype == object:  # lists can be no keys
            plain = [tuple(value) if isinstance(value, list) else value for value in plain]
    for position in np.flatnonzero(values.isna().to_numpy(dtype=bool)):
        plain[position] = None
    return plain


def each(values: list[Any], write: Callable[[Any], Any]) -> list[Any]:
    """Return what is written for each value; None stays. A value that comes often is written once."""
    written = {value: write(value) for value in dict.fromkeys(values) if value is not None}
    return [None if value is None else written[value] for value in values]


def listed(value: Any) -> tuple[str, ...]:
    """Return a list cell as texts; it may be joined by ``|`` already."""
    if isinstance(value, str):
        return tuple(value.split("|")) if value else ()
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)


def row_digits(rows: pd.DataFrame, currency: str) -> Sequence[int]:
    """Return the digits of each row's minor unit: that of its own currency, else the result's."""
    if "currency" not in rows:
        return [exponent(currency)] * len(rows)
    own = rows["currency"].fillna(currency)
    return own.map({name: exponent(name) for name in own.unique()}).tolist()


def print_plain(items: Sequence[Item], out: TextIO) -> None:
    """Write for a pipe or a file: columns by blanks, nothing cut, no colour, no boxes.

    Parameters
    ----------
    items : sequence of Line or Grid
        What to write.
    out : text stream
        Where to.
    """
    for item in items:
        if isinstance(item, Line):
            out.write(clean(item.text) + "\n")
            continue
        rows = [item.headers, *item.rows]
        widths = [max(cell_len(row[number]) for row in rows) for number in range(len(item.headers))]
        for row in rows:
            parts = zip(row, widths, item.right, strict=True)
            padded = [_padded(cell, width, right=right) for cell, width, right in parts]
            out.write("  ".join(padded).rstrip() + "\n")


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def print_terminal(items: Sequence[Item], out: TextIO, width: int, lang: str) -> None:
    """Write for a terminal: as wide as it is; columns that do not fit are named under the table.

    Parameters
    ----------
    items : sequence of Line or Grid
        What to write.
    out : text stream
        The terminal.
    width : int
        Its width, in cells.
    lang : str
        ``en`` or ``zh``.
    """
    console = Console(file=out, width=width, highlight=False, emoji=False, markup=False)
    for item in items:
        if isinstance(item, Line):
            console.print(Text(clean(item.text), style=item.style))
            continue
        table, left_out = _fitting(item, width)
        console.print(table)
        if left_out:
            names = tuple(label(name, lang) for name in left_out)
            console.print(Text(say(Sentence("columns_left_out", {"columns": names}), lang), style="dim"))


def _fitting(item: Grid, width: int) -> tuple[Table, list[str]]:
    left_out: list[str] = []
    for key in item.expendable:
        if _least_width(item) <= width:
            break
        if key in item.keys:
            left_out.append(key)
            item = item.without(key)
    return _table(item), left_out


def _least_width(item: Grid) -> int:
    """Return how wide a grid is when its numbers are whole and its texts are folded."""
    widths = []
    for cells, header, right in zip(item.cells, item.headers, item.right, strict=True):
        whole = max(map(cell_len, cells), default=0)
        words = max(map(cell_len, header.split()), default=0)
        widths.append(max(words, whole if right else min(whole, _FOLDED)))
    for number, cell in enumerate(item.total[1:], 1):
        widths[number] = max(widths[number], cell_len(cell))
    return sum(widths) + _GAP * (len(widths) - 1)


def _table(item: Grid) -> Table:
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_footer=bool(item.total)
    )
    for number, header in enumerate(item.headers):
        right = item.right[number]
        cells = [*item.cells[number], item.total[number] if item.total else ""]
        table.add_column(
            _stacked(header, max(map(cell_len, cells))) if right else Text(header),
            Text(item.total[number]) if item.total else "",
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
        )
    for row in zip(*item.cells, strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _stacked(header: str, width: int) -> Text:
    """Return a header in lines no wider than its column's cells, if its words allow."""
    lines: list[str] = []
    for word in header.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return Text("\n".join(lines))


def print_markdown(items: Sequence[Item], out: TextIO) -> None:
    """Write Markdown: sentences as paragraphs, grids as tables.

    Parameters
    ----------
    items : sequence of Line or Grid
        What to write.
    out : text stream
        Where to.
    """
    in_list = False
    for item in items:
        if isinstance(item, Grid):
            head = [_row(item.headers), _row(["--:" if right else ":--" for right in item.right])]
            body = (_row([_escaped(cell) for cell in row]) for row in item.rows)
            out.writelines([*head, *body, "\n"])
            continue
        text = clean(item.text).strip()
        if in_list and not text.startswith("- "):
            out.write("\n")
        in_list = text.startswith("- ")
        if text:
            out.write(f"- {_escaped(text[2:])}\n" if in_list else f"{_escaped(text)}\n\n")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _escaped(text: str) -> str:
    """Take from Markdown what it would read into a cell."""
    return _MARKDOWN.sub(r"\\\1", text).replace("<", "&lt;")
