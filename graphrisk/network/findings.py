"""What a network leaves out of a book, said row by row."""

import numpy as np
import pandas as pd

from graphrisk.network.arrays import Flags
from graphrisk.network.contracts import guarantee_astray, is_lender
from graphrisk.network.reading import Reading
from graphrisk.tables.book import Finding


def _rows(code: str, table: str, frame: pd.DataFrame, where: Flags | pd.Series, column: str) -> list[Finding]:
    chosen = np.flatnonzero(where)
    if not len(chosen):
        return []
    frame = frame[["source_file", "source_line", column]].take(chosen)
    return [
        Finding(
            "warning",
            code,
            table=table,
            file=str(file),
            line=int(line),
            column=column,
            value="" if pd.isna(value) else str(value),
        )
        for file, line, value in zip(frame["source_file"], frame["source_line"], frame[column], strict=True)
    ]


def left_out(read: Reading) -> tuple[Finding, ...]:
    """Return what the network could not place: debtors outside the data, guarantees of nothing, unsized advances.

    Parameters
    ----------
    read : Reading
        The book at a date.

    Returns
    -------
    tuple of Finding
        In the order of tables and rows.
    """
    tables = read.tables
    found: list[Finding] = []
    must_be_inside = (
        ("loans", "borrower_id"),
        ("facilities", "borrower_id"),
        ("invoices", "buyer_id"),
        ("guarantees", "guarantor_id"),
        ("guarantees", "debtor_id"),
        ("projects", "spv_id"),
    )
    for table, column in must_be_inside:
        rows = tables[table]
        found += _rows("outside_left_out", table, rows, read.position(rows[column]) >= read.n, column)
    guarantees = tables["guarantees"]
    nothing = guarantees["amount"].eq(0).to_numpy(dtype=bool, na_value=False)
    found += _rows("guarantee_of_nothing", "guarantees", guarantees, nothing, "amount")
    found += _rows("guarantee_of_other_loan", "guarantees", guarantees, guarantee_astray(read), "loan_id")
    invoices = tables["invoices"]
    financier = read.position(invoices["financed_by"])
    unsized = (financier >= 0) & invoices["advance_rate"].isna().to_numpy()
    found += _rows("advance_rate_missing", "invoices", invoices, unsized, "advance_rate")
    parties = tables["project_parties"]
    lenders = parties[is_lender(parties)]
    found += _rows("lender_share_missing", "project_parties", lenders, lenders["share"].isna(), "share")
    owed_to_itself = (financier >= 0) & (financier == read.position(invoices["buyer_id"]))
    found += _rows("financed_by_buyer", "invoices", invoices, owed_to_itself, "financed_by")
    projects = tables["projects"]
    unfunded = ~projects["project_id"].isin(lenders["project_id"])
    found += _rows("project_without_lender", "projects", projects, unfunded, "project_id")
    return tuple(found)
