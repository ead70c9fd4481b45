"""Overdue: principal and interest not paid as agreed, loan by loan or by what loans have in common."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from graphrisk.analyzers.rollup import (
    apart,
    converted,
    decimals,
    in_order,
    key_columns,
    ledger_notes,
    on_book,
    reporting_currency,
    result_columns,
    summed,
    with_keys,
)
from graphrisk.conventions import Conventions
from graphrisk.errors import UsageError
from graphrisk.ledger.overdue import account
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Tables

#: What may be counted into an overdue total, and the column that holds it.
INCLUDE = {"penalty": "penalty", "fees": "overdue_fee"}
_AMOUNTS = tuple(column.name for column in RESULTS["overdue_by"] if column.type == "minor")


def overdue(
    tables: Tables,
    *,
    as_of: date,
    conventions: Conventions = Conventions(),  # noqa: B008 -- frozen, so that one for all is safe
    by: Sequence[str] = ("loan",),
    include: Sequence[str] = (),
    assume_unpaid: bool = False,
    currency: str | None = None,
) -> Result:
    """Say what is overdue at a date.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date
        The date.
    conventions : Conventions
        What holds where a loan's own column is blank.
    by : sequence of str
        ``loan``, or one or more of borrower, lender, group, project, guarantor, product, region, bucket, five_class
        and origination_month.
    include : sequence of str
        ``penalty``, ``fees``: counted into the overdue total, which is principal and interest alone without them.
    assume_unpaid : bool
        Whether an instalment counts as unpaid where nothing says if it was paid.
    currency : str, optional
        Currency of sums; without it that of all loans, else the book's.

    Returns
    -------
    Result
        Rows by overdue total, falling; by loan each in its own currency, else in the reporting currency. The summary
        is in the reporting currency. Loans written off or sold stand apart in it.

    Raises
    ------
    UsageError
        If a word of ``by`` or ``include`` is unknown.
    InvalidDataError
        If amounts of several currencies cannot be added, or nothing says what was paid.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L1", "borrower_id": "A", "lender_id": "F", "start_date": "2024-01-31"}
    >>> loan |= {"principal": 1_200_000, "annual_rate": 120_000_000, "term": 12, "method": "level_payment"}
    >>> frames = {"loans": SCHEMAS["loans"].frame([loan]), "payments": SCHEMAS["payments"].frame()}
    >>> result = overdue(Tables(frames), as_of=date(2024, 3, 1), by=["borrower"])
    >>> result.rows[["borrower_id", "overdue_total", "days_past_due"]].values.tolist()
    [['A', 106619, 1]]
    """
    by = tuple(by) or ("loan",)
    keys = [] if by == ("loan",) else key_columns(by, extra=["loan"])
    for word in include:
        if word not in INCLUDE:
            raise UsageError("include_value", value=word, allowed=", ".join(INCLUDE))
    ledger = account(tables, as_of=as_of, conventions=conventions, assume_unpaid=assume_unpaid)
    to = reporting_currency(ledger, tables, currency)
    own = on_book(ledger).assign(late=lambda loans: loans["days_past_due"] > 0)
    loans = converted(own, tables, to=to, as_of=as_of)
    if keys:
        rows = summed(_included(with_keys(loans, tables, keys, as_of), include), keys, _AMOUNTS)
        columns = result_columns(keys, RESULTS["overdue_by"])
    else:
        rows, columns = _by_value(_included(own, include), _included(loans, include)), RESULTS["overdue"]
    assumed = assume_unpaid and "payments" not in tables
    loans = _included(loans, include)
    summary = {
        "loans": len(loans),
        "loans_overdue": int(loans["late"].sum()),
        **decimals(loans, _AMOUNTS, to),
        "days_past_due": int(loans["days_past_due"].max()) if len(loans) else 0,
        "penalty_unknown": int(loans["penalty_unknown"].sum()),
        **apart(ledger, tables, to=to, as_of=as_of),
    }
    notes = ledger_notes(ledger, own, assumed=assumed, to=to)
    if "guarantor_id" in keys:
        notes.append(Sentence("guarantor_contingent"))
    if include:
        notes.append(Sentence("overdue_includes", {"parts": tuple(Sentence("included", {"part": x}) for x in include)}))
    return Result(
        command="overdue",
        columns=columns,
        rows=rows[[column.name for column in columns]],
        summary=summary,
        as_of=as_of,
        currency=to,
        parameters={
            "by": list(by),
            "include": list(include),
            "assume_unpaid": assume_unpaid,
            "currency": currency,
        },
        conventions=dict(conventions),
        tables=tables,
        headline=(_headline(summary, as_of),),
        notes=tuple(notes),
    )


def _by_value(own: pd.DataFrame, loans: pd.DataFrame) -> pd.DataFrame:
    """Return loans in their own currencies, in the order of their overdue totals in one."""
    order = in_order(loans.assign(place=range(len(loans))), ["loan_id"])["place"]
    return own.iloc[order].reset_index(drop=True)


def _included(loans: pd.DataFrame, include: Sequence[str]) -> pd.DataFrame:
    """Return loans whose overdue total counts more than principal and interest; an unknown penalty adds nothing."""
    total = loans["overdue_total"]
    for word in dict.fromkeys(include):
        total = total + loans[INCLUDE[word]].fillna(0)
    return loans.assign(overdue_total=total)


def _headline(summary: dict[str, object], as_of: date) -> Sentence:
    code = "overdue_headline" if summary["loans_overdue"] else "overdue_none"
    named = ("loans", "loans_overdue", "overdue_total", "overdue_principal", "overdue_interest", "days_past_due")
    return Sentence(code, {"as_of": as_of, **{name: summary[name] for name in named}})
