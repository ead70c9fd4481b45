"""What is wrong with the tables, where, and how to repair it; every row read is kept or set aside."""

from collections.abc import Mapping
from decimal import Decimal

import pandas as pd

from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Finding, Severity, Tables
from graphrisk.tables.currency import exponent

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


def check(tables: Tables) -> Result:
    """List what the checks found in a book.

    Parameters
    ----------
    tables : Tables
        The book; reading it ran the checks.

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
