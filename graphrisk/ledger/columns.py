"""Columns of checked frames as arrays, and rows of frames as findings."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.tables.book import Finding, Severity
from graphrisk.tables.currency import exponent
from graphrisk.tables.lookup import Lookup, text_array

Positions = NDArray[np.int64]


def positions(ids: pd.Index, column: pd.Series) -> Positions:
    """Return where each id of a column stands in an index, -1 where it does not.

    Parameters
    ----------
    ids : Index of str
        Each id once.
    column : Series of str
        Ids to look up; a blank one is not found.

    Examples
    --------
    >>> positions(pd.Index(["L1", "L2"], dtype="str"), pd.Series(["L2", "L2", "L9"], dtype="str")).tolist()
    [1, 1, -1]
    """
    return Lookup(ids).positions(text_array(column))


def offsets_of(owner: Positions, owners: int) -> Positions:
    """Return where the entries of each owner begin, and where the last ones end.

    Parameters
    ----------
    owner : ndarray of int64, shape (m,)
        Owner of each entry, rising.
    owners : int
        Number of owners.

    Returns
    -------
    ndarray of int64, shape (owners + 1,)

    Examples
    --------
    >>> offsets_of(np.array([0, 0, 2]), 3).tolist()
    [0, 2, 2, 3]
    """
    offsets = np.zeros(owners + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=owners), out=offsets[1:])
    return offsets


def whole(column: pd.Series, blank: int = 0) -> NDArray[np.int64]:
    """Return a column of whole numbers as int64, with a value for the missing ones.

    Examples
    --------
    >>> whole(pd.Series([1, None], dtype="Int64"), -1).tolist()
    [1, -1]
    """
    return column.to_numpy(dtype=np.int64, na_value=blank)


def given(column: pd.Series) -> NDArray[np.bool_]:
    """Return which values of a column are there; empty text is not.

    Examples
    --------
    >>> given(pd.Series(["a", "", None], dtype="str")).tolist()
    [True, False, False]
    """
    there = column.notna().to_numpy()
    if pd.api.types.is_string_dtype(column.dtype) and there.any():
        return there & (column != "").to_numpy(dtype=bool, na_value=False)
    return there


def codes(column: pd.Series, allowed: Sequence[str], blank: int) -> NDArray[np.int8]:
    """Return a column of codes as positions in the allowed ones; what is not among them is ``blank``.

    Examples
    --------
    >>> codes(pd.Series(["flat", None], dtype="str"), ["bullet", "flat"], -1).tolist()
    [1, -1]
    """
    seen, known = pd.factorize(column)
    index = {code: position for position, code in enumerate(allowed)}
    found = [index.get(str(code), blank) for code in known]
    return np.array([*found, blank], dtype=np.int8)[seen]


def units(minor: int, currency: str) -> str:
    """Return an amount in currency units, as plain text.

    Examples
    --------
    >>> units(106619, "CNY"), units(-5, "JPY")
    ('1066.19', '-5')
    """
    return f"{Decimal(int(minor)).scaleb(-exponent(currency)):f}"


def findings(
    frame: pd.DataFrame,
    rows: NDArray[np.int64] | NDArray[np.bool_],
    code: str,
    *,
    severity: Severity,
    table: str,
    column: str = "",
    value: Sequence[str] | None = None,
    fields: Mapping[str, Sequence[object]] | None = None,
) -> list[Finding]:
    """Return one finding for each of some rows of a table.

    Parameters
    ----------
    frame : DataFrame
        The table, or rows of it, with ``source_file`` and ``source_line``.
    rows : ndarray
        Positions of the rows, or a mask of them.
    code, severity, table, column : str
        As in `Finding`.
    value : sequence of str, optional
        The value of each row; without it the text of ``column``.
    fields : mapping of str to sequence, optional
        What the sentence names beside the loan's id, for each row.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loans = SCHEMAS["loans"].frame([{"loan_id": "L1", "method": "daily"}])
    >>> found = findings(loans, np.array([0]), "no_schedule", severity="warning", table="loans", column="method")
    >>> found[0].value, found[0].fields["loan_id"]
    ('daily', 'L1')
    """
    chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
    if chosen.size == 0:
        return []
    part = frame.iloc[chosen]
    if value is None:
        value = ["" if pd.isna(item) else str(item) for item in part[column]] if column else [""] * len(part)
    named = {"loan_id": part["loan_id"].tolist(), **(fields or {})}
    return [
        Finding(
            severity,
            code,
            table=table,
            file=file,
            line=int(line),
            column=column,
            value=text,
            fields={name: items[number] for name, items in named.items()},
        )
        for number, (file, line, text) in enumerate(
            zip(part["source_file"].tolist(), part["source_line"].tolist(), value, strict=True)
        )
    ]
