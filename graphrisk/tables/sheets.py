"""The header of a file: which columns of its table it has, and what makes it useless."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrisk.tables import aliases
from graphrisk.tables.aliases import Heading
from graphrisk.tables.book import Finding
from graphrisk.tables.raw import TEXT, Misfit, RawFile
from graphrisk.tables.schemas import SCHEMAS, SOURCE_COLUMNS, Schema

#: Columns that the rows set aside have beside those of their files; as headers they are passed over.
ADDED_COLUMNS = (*SOURCE_COLUMNS, "reasons", "surplus")

_USUAL_ENCODINGS = ("UTF-8", "UTF-8 with BOM")
#: Leading columns that may hold the word for a row of sums: a number or a blank may stand before it.
_LABEL_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose header names the columns of its table.

    Attributes
    ----------
    file : RawFile
        Its rows, those of sums taken out.
    headings : tuple of Heading
        One a header.
    columns : mapping of str to int
        Position of each of our columns that it has.
    """

    file: RawFile
    headings: tuple[Heading, ...]
    columns: Mapping[str, int]

    @property
    def schema(self) -> Schema:
        """The schema of its table."""
        return SCHEMAS[self.file.table]

    def text(self, column: str) -> pa.ChunkedArray:
        """Return the text of one of our columns as it came; nulls if the file does not have it."""
        at = self.columns.get(column)
        return pa.chunked_array([pa.nulls(len(self.file.lines), TEXT)]) if at is None else self.file.columns[at]


def headed(file: RawFile) -> tuple[Sheet | None, list[Finding]]:
    """Read the header of a file.

    Parameters
    ----------
    file : RawFile
        A file that is named as a table.

    Returns
    -------
    sheet : Sheet or None
        None if nothing of the file can be used: it is no text, has no header, one column twice, or not all that its
        table requires.
    findings : list of Finding
        Why not, and columns that are none of ours.

    Examples
    --------
    >>> sheet, findings = headed(RawFile("fx", "fx.csv", header=("date", "币种", "currency", "base", "rate")))
    >>> sheet, [(finding.code, finding.column) for finding in findings]
    (None, [('repeated_column', 'currency')])
    """
    if file.fault == "not_text":
        guess = {"guess": file.encoding or "?"}
        return None, [Finding("error", "not_text", file.table, file.name, file.fault_line, fields=guess)]
    schema = SCHEMAS[file.table]
    if file.fault:
        required = {"required": ", ".join(schema.required)}
        return None, [Finding("error", "no_header", file.table, file.name, fields=required)]
    headings = aliases.headings(file.table, file.header)
    columns: dict[str, int] = {}
    for at, heading in enumerate(headings):
        if heading.column:
            columns.setdefault(heading.column, at)
    broken = [*_repeated(file, headings, columns), *_missing(file, schema, columns)]
    findings = [*broken, *_notes(file, headings)]
    if broken:
        return None, findings
    sheet = _without_sums(Sheet(file, headings, columns))
    return sheet, findings


def _repeated(file: RawFile, headings: tuple[Heading, ...], columns: Mapping[str, int]) -> list[Finding]:
    return [
        Finding(
            "error",
            "repeated_column",
            file.table,
            file.name,
            column=heading.column,
            value=heading.text,
            fields={"first": headings[columns[heading.column]].text},
        )
        for at, heading in enumerate(headings)
        if heading.column and columns[heading.column] != at
    ]


def _missing(file: RawFile, schema: Schema, columns: Mapping[str, int]) -> list[Finding]:
    known = aliases.alias_map()["columns"][file.table]
    return [
        Finding(
            "error",
            "missing_column",
            file.table,
            file.name,
            column=name,
            fields={"aliases": ", ".join([name, *known.get(name, [])][:4])},
        )
        for name in schema.required
        if name not in columns
    ]


def _notes(file: RawFile, headings: tuple[Heading, ...]) -> list[Finding]:
    def note(code: str, column: str = "", **fields: object) -> Finding:
        return Finding("note", code, file.table, file.name, column=column, fields=fields)

    found = []
    if file.encoding not in _USUAL_ENCODINGS:
        found.append(note("encoding", encoding=file.encoding))
    for at, heading in enumerate(headings):
        if heading.column:
            if heading.power > 0:
                found.append(note("unit_in_header", heading.column, header=heading.text, factor=10**heading.power))
            if heading.period != "year":
                found.append(note("rate_converted", heading.column, header=heading.text))
        elif heading.text and heading.text not in ADDED_COLUMNS:
            found.append(note("unknown_column", heading.text))
        elif not heading.text and _has_text(file.columns[at]):
            found.append(note("unnamed_column", number=at + 1))
    return found


def _has_text(values: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(values), "")).as_py())


def _without_sums(sheet: Sheet) -> Sheet:
    """Take rows of sums out of the rows: they lead with a word such as 合计 and lack what a row must have."""
    file = sheet.file
    if not len(file.lines):
        return sheet
    word = np.zeros(len(file.lines), bool)
    for column in file.columns[:_LABEL_COLUMNS]:
        word |= pc.match_substring_regex(column, "(?i)total|[合总小] *计").to_numpy()
    required = [file.columns[sheet.columns[name]] for name in sheet.schema.required]
    sums = []
    for row in np.flatnonzero(word).tolist():
        cells = [column[row].as_py().strip() for column in file.columns[:_LABEL_COLUMNS]]
        label = next((cell for cell in cells if cell), "")
        if aliases.normalised(label) in aliases.totals() and any(
            not column[row].as_py().strip() for column in required
        ):
            sums.append(row)
    if not sums:
        return sheet
    keep = np.ones(len(file.lines), bool)
    keep[sums] = False
    taken = tuple(
        Misfit(int(file.lines[row]), tuple(column[row].as_py() for column in file.columns), "total_row") for row in sums
    )
    rest = replace(
        file,
        columns=tuple(column.filter(pa.array(keep)) for column in file.columns),
        lines=file.lines[keep],
        misfits=(*file.misfits, *taken),
    )
    return replace(sheet, file=rest)
