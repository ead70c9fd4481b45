"""What a network leaves out of a book, said row by row."""

import pandas as pd

from graphrisk.network.contracts import guarantee_astray, is_lender
from graphrisk.network.reading import Reading
from graphrisk.tables.book import Finding, Severity


def _rows(severity: Severity, code: str, table: str, frame: pd.DataFrame, column: str) -> list[Finding]:
    return [
        Finding(
            severity,
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
        found += _rows("warning", "outside_left_out", table, rows[read.position(rows[column]) >= read.n], column)
    guarantees = tables["guarantees"]
    found += _rows(
        "warning",
        "guarantee_of_nothing",
        "guarantees",
        guarantees[guarantees["amount"].eq(0).to_numpy(dtype=bool, na_value=False)],
        "amount",
    )
    found += _rows("warning", "guarantee_of_other_loan", "guarantees", guarantees[guarantee_astray(read)], "loan_id")
    invoices = tables["invoices"]
    unsized = invoices[(invoices["financed_by"].notna() & invoices["advance_rate"].isna()).to_numpy(dtype=bool)]
    found += _rows("warning", "advance_rate_missing", "invoices", unsized, "advance_rate")
    parties = tables["project_parties"]
    lenders = parties[is_lender(parties)]
    found += _rows("warning", "lender_share_missing", "project_parties", lenders[lenders["share"].isna()], "share")
    owed_to_itself = invoices[
        (invoices["financed_by"].notna() & (invoices["financed_by"] == invoices["buyer_id"])).to_numpy(dtype=bool)
    ]
    found += _rows("warning", "financed_by_buyer", "invoices", owed_to_itself, "financed_by")
    projects = tables["projects"]
    unfunded = projects[~projects["project_id"].isin(lenders["project_id"])]
    found += _rows("warning", "project_without_lender", "projects", unfunded, "project_id")
    return tuple(found)
