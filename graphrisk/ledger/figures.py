"""What is past due of each loan, from what is left of its instalments."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graphrisk.ledger.allocation import Balances
from graphrisk.ledger.contracts import Contracts
from graphrisk.ledger.dates import NEVER, Days
from graphrisk.ledger.plans import Plan
from graphrisk.ledger.schedules import Money


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of ``n`` loans with ``m`` instalments, at each loan's day.

    Attributes
    ----------
    past_due : ndarray of bool, shape (m,)
        Whether grace is overrun and more than the materiality of principal and interest is unpaid.
    row_days : ndarray of int64, shape (m,)
        Days past due of each instalment.
    outstanding : ndarray of int64, shape (n,)
        Unpaid principal, due or not.
    overdue_principal, overdue_interest : ndarray of int64, shape (n,)
        Unpaid principal and interest of the instalments that are past due.
    overdue_fee : ndarray of int64, shape (n,)
        Unpaid fees whose grace is overrun.
    uncalled : ndarray of int64, shape (n,)
        Overdue principal and interest without what fell due through acceleration.
    penalty : ndarray of int64, shape (n,)
        Penalty accrued and not met.
    unknown : ndarray of bool, shape (n,)
        Whether some penalty is unknown.
    since : ndarray of int64, shape (n,)
        Due date of the oldest past-due instalment; ``NEVER`` where there is none.
    days_past_due : ndarray of int64, shape (n,)
        Days, 0 where nothing is past due.
    """

    past_due: NDArray[np.bool_]
    row_days: NDArray[np.int64]
    outstanding: Money
    overdue_principal: Money
    overdue_interest: Money
    overdue_fee: Money
    uncalled: Money
    penalty: Money
    unknown: NDArray[np.bool_]
    since: Days
    days_past_due: NDArray[np.int64]


def figures(plan: Plan, contracts: Contracts, balances: Balances, *, from_grace_end: bool) -> Figures:
    """Return the figures of each loan.

    Parameters
    ----------
    plan : Plan
    contracts : Contracts
    balances : Balances
        What is left of the plan.
    from_grace_end : bool
        Whether days count from the end of grace, not from the due date.
    """
    loans = np.diff(plan.offsets)
    late = plan.due < np.repeat(contracts.as_of - contracts.grace, loans)
    owed = balances.principal + balances.interest
    past_due = late & (owed > np.repeat(contracts.materiality, loans))
    row = np.flatnonzero(past_due)
    which = plan.loan[row]
    passed = contracts.as_of[which] - plan.due[row]
    if from_grace_end:
        passed -= contracts.grace[which]
    row_days = np.zeros(plan.loan.size, dtype=np.int64)
    row_days[row] = passed
    since = np.full(loans.size, NEVER, dtype=np.int64)
    longest = np.zeros(loans.size, dtype=np.int64)
    # Rows stand by due date: of each loan the first one written last stays.
    since[which[::-1]] = plan.due[row[::-1]]
    longest[which[::-1]] = passed[::-1]
    unknown = np.zeros(loans.size, dtype=np.bool_)
    unknown[plan.loan[balances.unknown]] = True
    return Figures(
        past_due=past_due,
        row_days=row_days,
        outstanding=plan.sums(balances.principal),
        overdue_principal=plan.sums(np.where(past_due, balances.principal, 0)),
        overdue_interest=plan.sums(np.where(past_due, balances.interest, 0)),
        overdue_fee=plan.sums(np.where(late, balances.fee, 0)),
        uncalled=plan.sums(np.where(past_due & ~plan.called, owed, 0)),
        penalty=plan.sums(balances.penalty),
        unknown=unknown,
        since=since,
        days_past_due=longest,
    )


def cleared(plan: Plan, balances: Balances, loans: NDArray[np.bool_]) -> Balances:
    """Return balances in which nothing is left of some loans.

    Parameters
    ----------
    plan : Plan
    balances : Balances
    loans : ndarray of bool, shape (n,)
        Loans that are settled.
    """
    if not loans.any():
        return balances
    gone = loans[plan.loan]
    return replace(
        balances,
        principal=np.where(gone, 0, balances.principal),
        interest=np.where(gone, 0, balances.interest),
        fee=np.where(gone, 0, balances.fee),
        penalty=np.where(gone, 0, balances.penalty),
        unknown=balances.unknown & ~gone,
    )
