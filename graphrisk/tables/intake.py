"""Files of text to the tables of a book: every row read is kept or set aside, and both are counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from graphrisk.tables import checks
from graphrisk.tables.book import Finding, Tables, Tally
from graphrisk.tables.checks import Check, Labels, Mark, Scope
from graphrisk.tables.drafts import Draft, drafted
from graphrisk.tables.fingerprint import digests
from graphrisk.tables.quarantine import gathered, misfit_rows, raw_rows
from graphrisk.tables.raw import RawFile
from graphrisk.tables.schemas import SCHEMAS, SOURCE_COLUMNS
from graphrisk.tables.sheets import Sheet, headed
from graphrisk.tables.values import read_code

_DEFAULT_CURRENCY = "CNY"


@dataclass(slots=True)
class _Intake:
    """A book while it is read."""

    sheets: list[Sheet] = field(default_factory=list)
    refused: list[RawFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)


def checked(files: Sequence[RawFile], *, currency: str | None = None) -> Tables:
    """Read the values of files, check them, and return the tables of the book.

    A value that cannot be read sets its row aside; nothing is dropped or guessed.

    Parameters
    ----------
    files : sequence of RawFile
        The rows as they came; several files may hold one table.
    currency : str, optional
        The book's currency (ISO 4217), of amounts that name none. Left out, it is the one that every contract names, if
        that is one, else CNY.

    Returns
    -------
    Tables
        With findings in the order of table, file, line, column and code.

    Raises
    ------
    RuntimeError
        If a row or an amount that was read is neither kept nor set aside: a fault of this module.

    Examples
    --------
    >>> columns = [pa.chunked_array([[text]], pa.large_string()) for text in ("2024-06-28", "USD", "CNY", "7.25")]
    >>> header = ("date", "currency", "base", "rate")
    >>> file = RawFile("fx", "fx.csv", header=header, columns=tuple(columns), lines=np.array([2]))
    >>> checked([file])["fx"]["rate"].tolist()
    [7250000000]
    """
    intake = _Intake()
    for file in files:
        sheet, findings = headed(file)
        intake.findings += findings
        if sheet is None:
            intake.refused.append(file)
        else:
            intake.sheets.append(sheet)
    book = currency or _only_currency(intake)
    for table in sorted({sheet.file.table for sheet in intake.sheets}, key=lambda name: (name != "loans", name)):
        sheets = [sheet for sheet in intake.sheets if sheet.file.table == table]
        draft, findings = drafted(sheets, currency=book, loans=intake.drafts.get("loans"))
        intake.drafts[table] = draft
        intake.findings += findings
    money = {table: draft.money() for table, draft in intake.drafts.items()}
    _run_checks(intake, book)
    frames = {table: intake.drafts[table].rows.reset_index(drop=True) for table in SCHEMAS if table in intake.drafts}
    fingerprint, key = digests(frames, currency=book)
    return Tables(
        frames=frames,
        currency=book,
        findings=tuple(sorted(intake.findings, key=_place)),
        tallies={table: _tally(table, files, intake, money) for table in SCHEMAS if table in {f.table for f in files}},
        fingerprint=fingerprint,
        mask_key=key,
        quarantine=_quarantine(intake),
        encodings={file.name: file.encoding for file in files if file.fault != "not_text"},
    )


def _place(finding: Finding) -> tuple[str, str, int, str, str, str]:
    line = -1 if finding.line is None else finding.line
    return finding.table, finding.file, line, finding.column, finding.code, finding.value


def _only_currency(intake: _Intake) -> str:
    """Return the currency that every contract names which can name one, else the usual one."""
    sheets = [sheet for sheet in intake.sheets if SCHEMAS[sheet.file.table].currency == "column"]
    named = [read_code(sheet.text("currency"), table=sheet.file.table, column="currency").array for sheet in sheets]
    every = {name for array in named for name in array.unique()}
    only = str(every.pop()) if len(every) == 1 and not any(array.isna().any() for array in named) else _DEFAULT_CURRENCY
    if only != _DEFAULT_CURRENCY:
        intake.findings.append(Finding("note", "book_currency", column="currency", value=only))
    return only


# Checks


def _run_checks(intake: _Intake, book: str) -> None:
    """Run every check, and set aside what it says."""
    drafts = intake.drafts
    keys = {table: draft.frame[draft.schema.key[0]] for table, draft in drafts.items() if draft.schema.key}
    scope = Scope(
        currency=book,
        read_ids={table: pa.array(ids.array) for table, ids in keys.items()},
        unread=frozenset(file.table for file in intake.refused),
    )
    every = {table: draft.frame for table, draft in drafts.items()}
    for mark in checks.schema_breaks(every, scope):
        known = drafts[mark.table].unread.get(mark.column)
        # A cell that could not be read is blank now, and has its finding.
        fresh = mark if known is None else _without(mark, known)
        _apply(fresh, intake)
    for check in checks.ROW_CHECKS:
        _apply_all(check(_kept(drafts), scope), intake)
    for check in checks.REFERENCE_CHECKS:
        _settle(check, scope, intake)
    for check in checks.FINAL_CHECKS:
        _apply_all(check(_kept(drafts), scope), intake)


def _kept(drafts: Mapping[str, Draft]) -> dict[str, pd.DataFrame]:
    return {table: draft.rows for table, draft in drafts.items()}


def _settle(check: Check, scope: Scope, intake: _Intake) -> None:
    """Run a check until it sets nothing more aside, then take what it says of the rows that are left."""
    while True:
        marks = list(check(_kept(intake.drafts), scope))
        aside = [mark for mark in marks if mark.aside]
        _apply_all(aside or marks, intake)
        if not aside:
            return


def _without(mark: Mark, rows: Labels) -> Mark:
    fresh = ~np.isin(mark.rows, rows)
    fields = {
        name: [value for value, is_fresh in zip(values, fresh, strict=True) if is_fresh]
        for name, values in mark.fields.items()
    }
    return replace(mark, rows=mark.rows[fresh], fields=fields)


def _apply_all(marks: Iterable[Mark], intake: _Intake) -> None:
    for mark in list(marks):
        _apply(mark, intake)


def _apply(mark: Mark, intake: _Intake) -> None:
    """Turn a mark into findings, and set its rows aside if it says so."""
    draft = intake.drafts[mark.table]
    if mark.whole:
        intake.findings.append(
            Finding(mark.severity, mark.code, mark.table, column=mark.column, fields=dict(mark.fields))
        )
        return
    places = draft.frame[list(SOURCE_COLUMNS)].iloc[mark.rows]
    values = draft.text(mark.column, mark.rows)
    fields = [dict(zip(mark.fields, row, strict=True)) for row in zip(*mark.fields.values(), strict=True)]
    for file, line, value, named in zip(
        places["source_file"], places["source_line"].tolist(), values, fields or [{}] * len(mark.rows), strict=True
    ):
        intake.findings.append(Finding(mark.severity, mark.code, mark.table, file, line, mark.column, value, named))
    if mark.aside:
        draft.set_aside(mark.rows, mark.code)


# Counts


def _tally(
    table: str, files: Sequence[RawFile], intake: _Intake, money: Mapping[str, dict[tuple[str, str], int]]
) -> Tally:
    """Count the rows and money of a table, and hold read against kept and set aside."""
    read = sum(file.rows_read for file in files if file.table == table)
    lost = sum(file.rows_read for file in intake.refused if file.table == table)
    lost += sum(len(sheet.file.misfits) for sheet in intake.sheets if sheet.file.table == table)
    draft = intake.drafts.get(table)
    if draft is None:
        tally = Tally(read, 0, lost)
    else:
        aside = int((~draft.kept).sum())
        tally = Tally(
            read, len(draft.rows), lost + aside, money[table], draft.money(draft.kept), draft.money(~draft.kept)
        )
    whole = all(
        amount == tally.money_kept[key] + tally.money_quarantined[key] for key, amount in tally.money_read.items()
    )
    if tally.rows_read != tally.rows_kept + tally.rows_quarantined or not whole:
        raise RuntimeError(f"table {table}: rows or amounts were lost: {tally}")
    return tally


def _quarantine(intake: _Intake) -> dict[str, pd.DataFrame]:
    """Return the rows set aside, by table, as they came."""
    pieces: dict[str, list[pa.Table]] = {}
    for table, draft in intake.drafts.items():
        if not draft.kept.all():
            pieces.setdefault(table, []).extend(draft.aside())
    for sheet in intake.sheets:
        if sheet.file.misfits:
            pieces.setdefault(sheet.file.table, []).append(misfit_rows(sheet.file, sheet.file.misfits))
    for file in intake.refused:
        if file.rows_read:
            why = "|".join(sorted({found.code for found in headed(file)[1] if found.severity == "error"}))
            every = np.arange(len(file.lines))
            pieces.setdefault(file.table, []).append(raw_rows(file, every, [why] * len(every)))
            if file.misfits:
                pieces[file.table].append(misfit_rows(file, file.misfits, why))
    return {table: gathered(table, pieces[table]) for table in SCHEMAS if table in pieces}
