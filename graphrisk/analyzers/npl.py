"""The non-performing loan ratio: the whole balance of bad loans over all that is outstanding.

Source
------
China, Measures for the Risk Classification of Financial Assets of Commercial Banks (order 2023 no. 1): substandard,
doubtful and lost assets are non-performing.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from graphrisk.analyzers.rollup import (
    apart,
    converted,
    decimals,
    key_columns,
    ledger_notes,
    on_book,
    reporting_currency,
    result_columns,
    summed,
    with_keys,
)
from graphrisk.conventions import Conventions
from graphrisk.ledger.overdue import account
from graphrisk.ledger.ratios import at_risk, npl_balance, ratio
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Tables

_SUMS = ("outstanding_principal", "npl_balance", "overdue_total", "penalty_total")
_RATIOS = {"npl_ratio": "npl_balance", "par30_ratio": "par30_balance", "par90_ratio": "par90_balance"}
#: All that is added up.
_ADDED = tuple(dict.fromkeys((*_SUMS, *_RATIOS.values())))


def npl(
    tables: Tables,
    *,
    as_of: date,
    conventions: Conventions = Conventions(),  # noqa: B008 -- frozen, so that one for all is safe
    by: Sequence[str] = (),
    assume_unpaid: bool = False,
    currency: str | None = None,
) -> Result:
    """Say which share of what is outstanding is non-performing at a date.

    Non-performing is the whole outstanding principal of a loan that is substandard, doubtful or lost, not its overdue
    part. PAR30 and PAR90 take loans strictly more than 30 and 90 days past due. Loans settled, written off or sold
    are in neither part of a ratio.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date
        The date.
    conventions : Conventions
        What holds where a loan's own column is blank.
    by : sequence of str
        None for the whole book, or one or more of borrower, lender, group, project, guarantor, product, region,
        bucket, five_class and origination_month.
    assume_unpaid : bool
        Whether an instalment counts as unpaid where nothing says if it was paid.
    currency : str, optional
        Currency of sums; without it that of all loans, else the book's.

    Returns
    -------
    Result
        Rows by overdue total, falling; ratios have six decimals and are empty where nothing is outstanding.

    Raises
    ------
    UsageError
        If a word of ``by`` is unknown.
    InvalidDataError
        If amounts of several currencies cannot be added, or nothing says what was paid.

    Examples
    --------
    Of 12,000 lent, 1,000 fell due 91 days ago; all that is outstanding is non-performing:

    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L1", "borrower_id": "A", "lender_id": "F", "start_date": "2024-01-31"}
    >>> loan |= {"principal": 1_200_000, "annual_rate": 0, "term": 12, "method": "level_principal"}
    >>> frames = {"loans": SCHEMAS["loans"].frame([loan]), "payments": SCHEMAS["payments"].frame()}
    >>> result = npl(Tables(frames), as_of=date(2024, 5, 30))
    >>> result.rows[["npl_balance", "npl_ratio", "overdue_total"]].values.tolist()
    [[1200000, 1.0, 300000]]
    """
    keys = key_columns(by)
    ledger = account(tables, as_of=as_of, conventions=conventions, assume_unpaid=assume_unpaid)
    to = reporting_currency(ledger, tables, currency)
    own = on_book(ledger).query("on_book").assign(late=lambda loans: loans["days_past_due"] > 0)
    loans = _with_balances(converted(own, tables, to=to, as_of=as_of))
    whole = _rated(_total(loans))
    columns = result_columns(keys, RESULTS["npl"])
    rows = whole
    if keys:
        split = _with_balances(with_keys(loans, tables, keys, as_of))
        rows = _rated(summed(split, keys, _ADDED))
    notes = ledger_notes(ledger, own, assumed=assume_unpaid and "payments" not in tables, to=to)
    if "guarantor_id" in keys:
        notes.append(Sentence("guarantor_contingent"))
    ratios = {name: None if whole[name].isna().iloc[0] else float(whole[name].iloc[0]) for name in _RATIOS}
    summary = {"loans": len(loans), **decimals(loans, _SUMS, to), **ratios, **apart(ledger, tables, to=to, as_of=as_of)}
    code = "npl_empty" if ratios["npl_ratio"] is None else "npl_headline"
    return Result(
        command="npl",
        columns=columns,
        rows=rows[[column.name for column in columns]],
        summary=summary,
        as_of=as_of,
        currency=to,
        parameters={"by": list(by), "assume_unpaid": assume_unpaid, "currency": currency},
        conventions=dict(conventions),
        tables=tables,
        headline=(Sentence(code, {"as_of": as_of, **{name: summary[name] for name in (*_SUMS, *_RATIOS)}}),),
        notes=tuple(notes),
    )


def _with_balances(loans: pd.DataFrame) -> pd.DataFrame:
    """Return loans with the balance that counts for each ratio."""
    outstanding = loans["outstanding_principal"].to_numpy(dtype=np.int64)
    late = loans["days_past_due"].to_numpy(dtype=np.int64)
    return loans.assign(
        npl_balance=pd.array(npl_balance(outstanding, loans["five_class"]), dtype="Int64"),
        par30_balance=pd.array(at_risk(outstanding, late, 30), dtype="Int64"),
        par90_balance=pd.array(at_risk(outstanding, late, 90), dtype="Int64"),
        penalty_total=loans["penalty"],
    )


def _total(loans: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of the whole book as one row."""
    sums = {name: loans[name].sum(min_count=0 if loans.empty else 1) for name in _ADDED}
    return pd.DataFrame({name: pd.array([value], dtype="Int64") for name, value in sums.items()})


def _rated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return sums with their ratios."""
    outstanding = rows["outstanding_principal"].fillna(0)
    return rows.assign(**{name: ratio(rows[part].fillna(0), outstanding) for name, part in _RATIOS.items()})
