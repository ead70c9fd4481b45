"""A table while it is read and checked: values, the text that they came from, and which rows are kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from graphrisk.tables.book import Finding
from graphrisk.tables.checks import Labels
from graphrisk.tables.currency import as_text, exponent
from graphrisk.tables.quarantine import raw_rows
from graphrisk.tables.raw import TEXT, Misfit
from graphrisk.tables.schemas import Schema
from graphrisk.tables.sheets import Sheet
from graphrisk.tables.values import Fault, Reading, blank, read_code, read_column, read_money, read_text

#: Days by which a day's rate becomes a year's: the base of the loan's own day count, so that a day costs the same.
_DAYS_A_YEAR = {"ACT/365": 365, "ACT/ACT": 365}
_USUAL_DAYS_A_YEAR = 360
_MONTHS_A_YEAR = 12


def exact_sum(values: NDArray[np.int64]) -> int:
    """Return a sum that may be beyond int64: upper and lower halves apart, at most 2^31 values.

    Examples
    --------
    >>> exact_sum(np.array([2**63 - 1, 1, -3]))
    9223372036854775805
    """
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


@dataclass(frozen=True, slots=True)
class Currencies:
    """The currency of each row.

    Attributes
    ----------
    names : tuple of str
        Currencies (ISO 4217).
    codes : ndarray of int64, shape (rows,)
        Position in ``names``.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, values: pd.Series, book: str) -> "Currencies":
        """Return the currencies of rows; those that name none have the book's."""
        codes, names = pd.factorize(values.fillna(book), sort=True)
        return cls(tuple(names), codes.astype(np.int64))

    @classmethod
    def constant(cls, name: str, rows: int) -> "Currencies":
        """Return one currency for all rows."""
        return cls((name,), np.zeros(rows, np.int64))

    @property
    def exponents(self) -> NDArray[np.int8]:
        """Digits of the minor unit of each row's currency."""
        return np.array([*map(exponent, self.names), 0], np.int8)[self.codes]

    @property
    def series(self) -> pd.Series:
        """The name of each row's currency."""
        return pd.Series(np.array([*self.names, ""], object)[self.codes], dtype="str")


@dataclass(slots=True)
class Draft:
    """A table while it is checked.

    Attributes
    ----------
    schema : Schema
        Its schema.
    sheets : sequence of Sheet
        The files that it comes from.
    frame : DataFrame
        All rows read, under the labels 0, 1, ...
    currencies : Currencies
        Of each row.
    kept : ndarray of bool, shape (rows,)
        Which rows are kept.
    unread : mapping of str to ndarray of int64
        Rows whose value in a column could not be read.
    reasons : dict of int to list of str
        Codes for which a row was set aside.
    """

    schema: Schema
    sheets: Sequence[Sheet]
    frame: pd.DataFrame
    currencies: Currencies
    kept: NDArray[np.bool_]
    unread: Mapping[str, Labels]
    reasons: dict[int, list[str]] = field(default_factory=dict)
    _rows: pd.DataFrame | None = None

    @property
    def rows(self) -> pd.DataFrame:
        """The rows still kept."""
        if self._rows is None:
            self._rows = self.frame if self.kept.all() else self.frame[self.kept]
        return self._rows

    def set_aside(self, rows: Labels, code: str) -> None:
        """Set rows aside, for one more reason."""
        self.kept[rows] = False
        self._rows = None
        for row in rows.tolist():
            self.reasons.setdefault(row, []).append(code)

    def text(self, column: str, rows: Labels) -> list[str]:
        """Return the text of some rows in a column, as it came; blank where there was none."""
        if not column or column not in self.schema.names:
            return [""] * len(rows)
        chunks = [chunk for sheet in self.sheets for chunk in sheet.text(column).chunks]
        return [text or "" for text in pa.chunked_array(chunks, TEXT).take(pa.array(rows)).to_pylist()]

    def aside(self) -> list[pa.Table]:
        """Return the rows set aside as they came, with the reasons, by file."""
        rows = np.flatnonzero(~self.kept)
        pieces, first = [], 0
        for sheet in self.sheets:
            last = first + len(sheet.file.lines)
            here = rows[(rows >= first) & (rows < last)]
            reasons = ["|".join(dict.fromkeys(self.reasons[row])) for row in here.tolist()]
            pieces.append(raw_rows(sheet.file, here - first, reasons))
            first = last
        return pieces

    def money(self, rows: NDArray[np.bool_] | None = None) -> dict[tuple[str, str], int]:
        """Return the sums of the amounts that could be read, by column and currency, of all rows or of some."""
        sums = {}
        for name in self.schema.money:
            values = self.frame[name].array
            there = ~values.isna()
            if not there.any():
                continue
            amounts = values.to_numpy(np.int64, na_value=0)
            for code, currency in enumerate(self.currencies.names):
                known = there & (self.currencies.codes == code)
                if known.any():
                    sums[name, currency] = exact_sum(amounts[known if rows is None else known & rows])
        return sums


def drafted(sheets: Sequence[Sheet], *, currency: str, loans: Draft | None) -> tuple[Draft, list[Finding]]:
    """Read the values of the files of one table.

    Parameters
    ----------
    sheets : sequence of Sheet
        At least one, all of one table.
    currency : str
        The book's.
    loans : Draft or None
        The loans, whose currency the amounts of other tables have.

    Returns
    -------
    draft : Draft
        Rows with a value that could not be read are set aside.
    findings : list of Finding
        A finding for each such value, and for what else the files say.

    Examples
    --------
    >>> from graphrisk.tables.raw import RawFile
    >>> from graphrisk.tables.sheets import headed
    >>> header = ("date", "currency", "base", "rate")
    >>> columns = tuple(pa.chunked_array([[text]], TEXT) for text in ("2024-06-28", "USD", "CNY", "?"))
    >>> sheet, _ = headed(RawFile("fx", "fx.csv", header=header, columns=columns, lines=np.array([2])))
    >>> draft, findings = drafted([sheet], currency="CNY", loans=None)
    >>> draft.kept.tolist(), [(finding.code, finding.line, finding.value) for finding in findings]
    ([False], [('unreadable_multiple', 2, '?')])
    """
    frames, currencies = [], []
    findings: list[Finding] = []
    unread: dict[str, list[Labels]] = {}
    aside: list[tuple[Labels, str]] = []
    first = 0
    for sheet in sheets:
        rows = _currencies(sheet, currency, loans)
        readings = _readings(sheet, rows)
        for name, reading in readings.items():
            for at, fault in enumerate(reading.faults, 1):
                found = np.flatnonzero(reading.fault == at)
                if len(found):
                    findings += _in_cells(sheet, name, found, fault)
                if len(found) and fault.severity == "error":
                    aside.append((found + first, fault.code))
                    unread.setdefault(name, []).append(found + first)
        findings += _misfits(sheet, readings, rows)
        frames.append(_frame(sheet, readings))
        currencies.append(rows)
        first += len(sheet.file.lines)
    draft = Draft(
        schema=sheets[0].schema,
        sheets=sheets,
        frame=frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True),
        currencies=_joined(currencies, currency),
        kept=np.ones(first, bool),
        unread={name: np.concatenate(found) for name, found in unread.items()},
    )
    for labels, code in aside:
        draft.set_aside(labels, code)
    return draft, findings


def _frame(sheet: Sheet, readings: Mapping[str, Reading]) -> pd.DataFrame:
    file = sheet.file
    columns = {name: reading.array for name, reading in readings.items()}
    columns["source_file"] = pd.array(pa.repeat(pa.scalar(file.name, TEXT), len(file.lines)), dtype="str")
    columns["source_line"] = file.lines
    return pd.DataFrame(columns, index=pd.RangeIndex(len(file.lines)), copy=False)


def _joined(parts: Sequence[Currencies], book: str) -> Currencies:
    if len(parts) == 1:
        return parts[0]
    return Currencies.of(pd.concat([part.series for part in parts], ignore_index=True), book)


def _currencies(sheet: Sheet, book: str, loans: Draft | None) -> Currencies:
    """Return the currency of each row of a file: its own, its loan's, or the book's."""
    rule, rows = sheet.schema.currency, len(sheet.file.lines)
    if rule == "column" and "currency" in sheet.columns:
        named = read_code(sheet.text("currency"), table=sheet.file.table, column="currency").array
        return Currencies.of(pd.Series(named), book)
    if rule != "loan" or loans is None or loans.currencies.names in ((), (book,)):
        return Currencies.constant(book, rows)
    of_loan = pd.Series(loans.currencies.series.to_numpy(), index=loans.frame["loan_id"])
    of_loan = of_loan[~of_loan.index.duplicated()]
    ids = pd.Series(read_text(sheet.text("loan_id")).array)
    return Currencies.of(ids.map(of_loan).astype("str"), book)


def _readings(sheet: Sheet, currencies: Currencies) -> dict[str, Reading]:
    """Read every column of a table; those that the file does not have are null."""
    readings = {}
    for column in sheet.schema.columns:
        at = sheet.columns.get(column.name)
        if at is None:
            readings[column.name] = blank(column, len(sheet.file.lines))
            continue
        raw, heading = sheet.text(column.name), sheet.headings[at]
        if column.type == "money":
            reading = read_money(raw, exponents=currencies.exponents, power=heading.power)
        else:
            reading = read_column(raw, table=sheet.file.table, column=column, heading=heading)
        readings[column.name] = reading
    for name, at in sheet.columns.items():
        if sheet.headings[at].period != "year":
            readings[name] = _yearly(readings[name], sheet.headings[at].period, readings.get("day_count"))
    return readings


def _yearly(reading: Reading, period: str, day_counts: Reading | None) -> Reading:
    """Turn the rates of a month or a day into a year's."""
    if period == "month":
        return replace(reading, array=reading.array * _MONTHS_A_YEAR)
    counts = pd.Series(None if day_counts is None else day_counts.array, range(len(reading.fault)), dtype="str")
    days = counts.map(_DAYS_A_YEAR).fillna(_USUAL_DAYS_A_YEAR).to_numpy(np.int64)
    return replace(reading, array=reading.array * days)


def _in_cells(sheet: Sheet, column: str, rows: Labels, fault: Fault) -> Iterator[Finding]:
    """Yield one finding for each of some cells of a file."""
    table, file = sheet.file.table, sheet.file.name
    values = sheet.text(column).take(pa.array(rows)).to_pylist()
    for line, value in zip(sheet.file.lines[rows].tolist(), values, strict=True):
        yield Finding(fault.severity, fault.code, table, file, line, column, value, fault.fields)


def _misfits(sheet: Sheet, readings: Mapping[str, Reading], currencies: Currencies) -> Iterator[Finding]:
    """Yield the rows that do not fit their header, and stated sums that are not those of the rows."""
    file = sheet.file
    for misfit in file.misfits:
        fields = {"fields": len(misfit.fields), "expected": len(file.header)}
        severity, value = ("warning" if misfit.code == "total_row" else "error"), ",".join(misfit.fields)
        yield Finding(severity, misfit.code, file.table, file.name, misfit.line, value=value, fields=fields)  # type: ignore[arg-type] # a severity
        if misfit.code == "total_row" and len(currencies.names) == 1:
            yield from _wrong_sums(sheet, misfit, readings, currencies.names[0])


def _wrong_sums(sheet: Sheet, misfit: Misfit, readings: Mapping[str, Reading], currency: str) -> Iterator[Finding]:
    """Yield the amounts of a row of sums that are not the sum of their column; sums of a part are not looked at."""
    text = "".join(misfit.fields).casefold()
    if "小计" in text or "subtotal" in text:
        return
    for name in sheet.schema.money:
        at = sheet.columns.get(name)
        if at is None:
            continue
        cell = pa.chunked_array([[misfit.fields[at]]], TEXT)
        exponents = np.array([exponent(currency)], np.int8)
        stated = read_money(cell, exponents=exponents, power=sheet.headings[at].power).array[0]
        total = exact_sum(readings[name].array.to_numpy(np.int64, na_value=0))
        if not pd.isna(stated) and stated != total:
            file, value = sheet.file, misfit.fields[at]
            fields = {"total": as_text(total, currency)}
            yield Finding("warning", "total_differs", file.table, file.name, misfit.line, name, value, fields)
