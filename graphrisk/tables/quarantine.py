"""The rows set aside, as they came."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from graphrisk.tables.aliases import headings
from graphrisk.tables.raw import TEXT, Misfit, RawFile
from graphrisk.tables.schemas import SCHEMAS
from graphrisk.tables.sheets import ADDED_COLUMNS


def column_names(file: RawFile) -> tuple[str, ...]:
    """Return a name for each header of a file: ours, else the header as it came, numbered where it repeats.

    Examples
    --------
    >>> column_names(RawFile("fx", "fx.csv", header=("币种", "note", "note", "")))
    ('currency', 'note', 'note 2', 'column 4')
    """
    names: list[str] = []
    for number, heading in enumerate(headings(file.table, file.header), 1):
        name = heading.column or heading.text or f"column {number}"
        taken = {*names, *ADDED_COLUMNS}
        repeats = (f"{name} {count}" for count in range(2, len(taken) + 3))
        names.append(name if name not in taken else next(other for other in repeats if other not in taken))
    return tuple(names)


def raw_rows(file: RawFile, rows: NDArray[np.int64], reasons: Sequence[str]) -> pa.Table:
    """Return rows of a file that fit its header, as they came, with the place and the reasons of each.

    Parameters
    ----------
    file : RawFile
    rows : ndarray of int64, shape (n,)
        Positions of the rows.
    reasons : sequence of str, shape (n,)
        Codes of the findings, joined by ``|``.

    Returns
    -------
    pyarrow.Table

    Examples
    --------
    >>> raw_rows(RawFile("fx", "fx.csv"), np.empty(0, np.int64), []).column_names
    ['surplus', 'source_file', 'source_line', 'reasons']
    """
    chosen = pa.array(rows)
    columns = [column.take(chosen) for column in file.columns]
    return _with_place(file, columns, [""] * len(rows), file.lines[rows], reasons)


def misfit_rows(file: RawFile, misfits: Sequence[Misfit], reason: str = "") -> pa.Table:
    """Return rows that do not fit the header of their file, with the reasons.

    Examples
    --------
    >>> file = RawFile("fx", "fx.csv", header=("date", "rate"))
    >>> misfit_rows(file, [Misfit(2, ("a", "b", "c"), "too_many_fields")]).to_pylist()[0]["surplus"]
    'c'
    """
    width = len(file.header)
    padded = [(*misfit.fields, *[None] * width)[:width] for misfit in misfits]
    columns = [pa.array(column, TEXT) for column in zip(*padded, strict=True)]
    surplus = [",".join(misfit.fields[width:]) for misfit in misfits]
    lines = np.array([misfit.line for misfit in misfits], np.int64)
    reasons = [f"{reason}|{misfit.code}" if reason else misfit.code for misfit in misfits]
    return _with_place(file, columns, surplus, lines, reasons)


def _with_place(
    file: RawFile, columns: Sequence[object], surplus: Sequence[str], lines: NDArray[np.int64], reasons: Sequence[str]
) -> pa.Table:
    place = {
        "surplus": pa.array(surplus, TEXT),
        "source_file": pa.array([file.name] * len(lines), TEXT),
        "source_line": pa.array(lines),
        "reasons": pa.array(reasons, TEXT),
    }
    return pa.table({**dict(zip(column_names(file), columns, strict=True)), **place})


def gathered(table: str, pieces: Sequence[pa.Table]) -> pd.DataFrame:
    """Return the rows set aside of one table in one frame, in the order of file and line.

    Parameters
    ----------
    table : str
        Our name of the table, whose columns come first.
    pieces : sequence of pyarrow.Table
        As `raw_rows` and `misfit_rows` return them.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> file = RawFile("rates", "rates.csv", header=("note", "loan_id"))
    >>> piece = misfit_rows(file, [Misfit(2, ("x",), "too_few_fields")])
    >>> gathered("rates", [piece]).columns.tolist()
    ['loan_id', 'note', 'surplus', 'source_file', 'source_line', 'reasons']
    """
    rows = pa.concat_tables(pieces, promote_options="default")
    ours = [name for name in SCHEMAS[table].names if name in rows.column_names]
    added = ["surplus", "source_file", "source_line", "reasons"]
    others = [name for name in rows.column_names if name not in {*ours, *added}]
    rows = rows.sort_by([("source_file", "ascending"), ("source_line", "ascending")])
    return pd.DataFrame(
        {
            name: rows[name].to_numpy() if name == "source_line" else pd.array(rows[name], dtype="str")
            for name in (*ours, *others, *added)
        }
    )
