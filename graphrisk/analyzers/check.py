"""What is wrong with the tables, where, and how to repair it; every row read is kept or set aside."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pandas as pd

from graphrisk.conventions import Conventions
from graphrisk.errors import InvalidDataError
from graphrisk.ledger.overdue import account
from graphrisk.network import Network
from graphrisk.network.groups import find_groups
from graphrisk.network.reading import Places
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Finding, Severity, Tables
from graphrisk.tables.currency import exponent

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
#: The date of a book in which nothing has a date.
UNDATED = date(1970, 1, 1)


def examined(tables: Tables, *, as_of: date | None, conventions: Conventions | None = None) -> Tables:
    """Return a book with what shows only when it is used: in its payments, its plans, its network, its groups.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date or None
        The date at which it is used; None where the book has none: then its groups alone, as the newest ownership has
        them.
    conventions : Conventions or None
        Those of the ledger; None for the defaults.

    Returns
    -------
    Tables
        The same book; its findings are those it had, then those of the ledger, the network and its groups.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 1, "start_date": "2024-01-01"}
    >>> book = Tables({"loans": SCHEMAS["loans"].frame([loan])})
    >>> [finding.code for finding in examined(book, as_of=date(2024, 6, 30)).findings]
    ['no_schedule']
    """
    if as_of is None:
        newest = tables["ownership"]["start"].max()
        groups = find_groups(Places.at(tables, UNDATED if pd.isna(newest) else newest.date()))
        return replace(tables, findings=(*tables.findings, *groups.findings))
    rules = conventions or Conventions()
    try:
        found = Network.from_tables(tables, as_of=as_of, conventions=rules, assume_unpaid=True).findings
    except InvalidDataError:  # amounts without a rate between them, which reading the book has found
        found = account(tables, as_of=as_of, conventions=rules, assume_unpaid=True).findings
    found = (*found, *find_groups(Places.at(tables, as_of)).findings)
    known = {_place(finding) for finding in tables.findings}
    return replace(tables, findings=(*tables.findings, *(new for new in found if _place(new) not in known)))


def check(tables: Tables) -> Result:
    """List what the checks found in a book.

    Parameters
    ----------
    tables : Tables
        The book; reading it ran the checks, and `examined` adds what using it shows.

    Returns
    -------
    Result
        One row a finding, by table, file and line; the index is its position in ``tables.findings``.
        The summary counts rows read, kept and set aside, and the money in them, by table.

    Examples
    --------
    >>> from graphrisk.tables.book import Tally
    >>> book = Tables({}, tallies={"loans": Tally(3, 3, 0)})
    >>> result = check(book)
    >>> len(result.rows), result.summary["rows_read"], result.headline[0].code
    (0, 3, 'check_clean')
    """
    order = sorted(range(len(tables.findings)), key=lambda position: _place(tables.findings[position]))
    rows = pd.DataFrame(
        [_row(tables.findings[position]) for position in order],
        index=order,
        columns=[column.name for column in RESULTS["check"]],
    )
    rows["line"] = rows["line"].astype("Int64")
    summary = _summary(tables)
    return Result(
        command="check",
        columns=RESULTS["check"],
        rows=rows,
        summary=summary,
        currency=tables.currency,
        tables=tables,
        headline=(_headline(summary),),
    )


def unusable(tables: Tables) -> bool:
    """Return whether rows were set aside or a finding is an error.

    Parameters
    ----------
    tables : Tables
        The book.

    Returns
    -------
    bool

    Examples
    --------
    >>> from graphrisk.tables.book import Tally
    >>> unusable(Tables({}, tallies={"loans": Tally(3, 2, 1)}))
    True
    """
    aside = any(tally.rows_quarantined for tally in tables.tallies.values())
    return aside or any(finding.severity == "error" for finding in tables.findings)


def _place(finding: Finding) -> tuple[str, str, int, str, str, str]:
    line = -1 if finding.line is None else finding.line
    return finding.table, finding.file, line, finding.column, finding.code, finding.value


def _row(finding: Finding) -> dict[str, object]:
    return {
        "severity": finding.severity,
        "table": finding.table or None,
        "file": finding.file or None,
        "line": finding.line,
        "column": finding.column or None,
        "value": finding.value or None,
        "finding": finding.code,
        "repair": finding.repair(),
        "detail": finding.sentence(),
    }


def _summary(tables: Tables) -> dict[str, object]:
    severities = [finding.severity for finding in tables.findings]
    tallies = tables.tallies
    return {
        "tables": {
            name: {
                "rows_read": tally.rows_read,
                "rows_kept": tally.rows_kept,
                "rows_quarantined": tally.rows_quarantined,
            }
            for name, tally in tallies.items()
        },
        "rows_read": sum(tally.rows_read for tally in tallies.values()),
        "rows_kept": sum(tally.rows_kept for tally in tallies.values()),
        "rows_quarantined": sum(tally.rows_quarantined for tally in tallies.values()),
        "by_severity": {severity: severities.count(severity) for severity in SEVERITIES},
        "money_read": {name: _money(tally.money_read) for name, tally in tallies.items() if tally.money_read},
        "money_kept": {name: _money(tally.money_kept) for name, tally in tallies.items() if tally.money_read},
    }


def _money(sums: Mapping[tuple[str, str], int]) -> dict[str, dict[str, Decimal]]:
    by_currency: dict[str, dict[str, Decimal]] = {}
    for (column, currency), minor in sums.items():
        by_currency.setdefault(currency, {})[column] = Decimal(minor).scaleb(-exponent(currency))
    return by_currency


def _headline(summary: Mapping[str, object]) -> Sentence:
    fields = {name: summary[name] for name in ("rows_read", "rows_kept", "rows_quarantined")}
    return Sentence("check_set_aside" if summary["rows_quarantined"] else "check_clean", fields)
