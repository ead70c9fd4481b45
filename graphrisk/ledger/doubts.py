"""Where the tables of a book contradict each other, seen from the loans: findings, never corrections."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.ledger.columns import findings, given, positions, units, whole
from graphrisk.ledger.dates import NEVER, Days
from graphrisk.ledger.payments import WAIVER, Receipts
from graphrisk.ledger.plans import Plan
from graphrisk.ledger.schedules import Money
from graphrisk.tables.book import Finding

_LAST_PAY_DAY = 31


def unknown_loans(
    payments: pd.DataFrame, loan: NDArray[np.int64], loans: pd.DataFrame, day: Days, as_of: int
) -> list[Finding]:
    """Return a finding for each payment, by a day, of a loan that is not in the data: it is left out.

    Parameters
    ----------
    payments : DataFrame
        The table ``payments``.
    loan : ndarray of int64, shape (m,)
        Position of the loan of each row, below 0 where it is unknown or has not started.
    loans : DataFrame
        The table ``loans``.
    day : ndarray of int64, shape (m,)
        Day of receipt.
    as_of : int
        The day.
    """
    row = np.flatnonzero((loan < 0) & (day <= as_of))
    if row.size:
        row = row[positions(pd.Index(loans["loan_id"]), payments["loan_id"].iloc[row]) < 0]
    return findings(payments, row, "payment_unknown_loan", severity="error", table="payments", column="loan_id")


def differing(
    loans: pd.DataFrame,
    rows: NDArray[np.bool_],
    code: str,
    column: str,
    found: Money,
) -> list[Finding]:
    """Return a finding for each of some loans whose column differs from what its schedule says.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    rows : ndarray of bool, shape (n,)
        Loans to compare.
    code : str
        Code of the finding.
    column : str
        The column, of money.
    found : ndarray of int64, shape (n,)
        What the schedule says.
    """
    differs = np.flatnonzero(rows & given(loans[column]) & (whole(loans[column]) != found))
    part = loans.iloc[differs]
    theirs, ours = (
        [units(int(value), currency) for value, currency in zip(values, part["currency"], strict=True)]
        for values in (part[column], found[differs])
    )
    return findings(
        loans, differs, code, severity="warning", table="loans", column=column, value=theirs, fields={"computed": ours}
    )


def settled_with_debt(loans: pd.DataFrame, rows: NDArray[np.bool_], unpaid: Money) -> list[Finding]:
    """Return a finding for each settled loan whose schedule is not paid.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    rows : ndarray of bool, shape (n,)
        Settled loans.
    unpaid : ndarray of int64, shape (n,)
        Unpaid principal and interest.
    """
    chosen = np.flatnonzero(rows & (unpaid > 0))
    amounts = [units(int(unpaid[loan]), loans["currency"].iloc[loan]) for loan in chosen]
    return findings(
        loans, chosen, "settled_unpaid", severity="warning", table="loans", column="status", fields={"unpaid": amounts}
    )


def without_schedule(loans: pd.DataFrame, rows: NDArray[np.bool_]) -> list[Finding]:
    """Return a finding for each loan that has no schedule, no snapshot, and terms that say too little.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    rows : ndarray of bool, shape (n,)
        Loans without any source.
    """
    daily = loans["method"].eq("daily").to_numpy(dtype=bool, na_value=False)
    no_method, no_rate = ~given(loans["method"]), ~given(loans["annual_rate"])
    column = np.where(no_method, "method", np.where(no_rate, "annual_rate", "term"))
    found = findings(loans, rows & daily, "daily_schedule", severity="warning", table="loans", column="method")
    for name in ("method", "annual_rate", "term"):
        found += findings(
            loans, rows & ~daily & (column == name), "no_schedule", severity="warning", table="loans", column=name
        )
    return found


def wrong_pay_days(loans: pd.DataFrame, rows: NDArray[np.bool_]) -> list[Finding]:
    """Return a finding for each loan with a pay day that no month has: that of the start counts.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    rows : ndarray of bool, shape (n,)
        Loans whose schedule is made from terms.
    """
    pay_day = whole(loans["pay_day"], 1)
    wrong = rows & ((pay_day < 1) | (pay_day > _LAST_PAY_DAY))
    return findings(loans, wrong, "pay_day_unknown", severity="warning", table="loans", column="pay_day")


def late_schedules(loans: pd.DataFrame, plan: Plan, receipts: Receipts, rows: NDArray[np.bool_]) -> list[Finding]:
    """Return a finding for each loan whose schedule starts after the month of its first payment.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    plan : Plan
    receipts : Receipts
    rows : ndarray of bool, shape (n,)
        Loans that have a schedule.
    """
    loan, paid = _first_cash(receipts)
    due = np.append(plan.due, NEVER)[plan.offsets[loan]].astype("datetime64[D]")
    late = rows[loan] & (due.astype("datetime64[M]") > paid.astype("datetime64[M]"))
    return findings(
        loans,
        loan[late],
        "schedule_starts_late",
        severity="warning",
        table="loans",
        column="loan_id",
        fields={"due": due[late].astype(str).tolist(), "paid": paid[late].astype(str).tolist()},
    )


def _first_cash(receipts: Receipts) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    """Return the loans that received cash, and the day of the first."""
    cash = receipts.act != WAIVER
    if cash.all():
        loan = np.flatnonzero(np.diff(receipts.offsets))
        return loan, receipts.day[receipts.offsets[loan]].astype("datetime64[D]")
    place = np.flatnonzero(cash)
    loan, first = np.unique(receipts.loan[place], return_index=True)
    return loan, receipts.day[place[first]].astype("datetime64[D]")
