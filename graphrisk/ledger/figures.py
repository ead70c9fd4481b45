"""What is past due of each loan, from what is left of its instalments."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graphrisk.ledger.allocation import Balances
from graphrisk.ledger.contracts import Contracts
from graphrisk.ledger.dates import ALWAYS, NEVER, Days
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
    width = np.diff(plan.offsets)
    overrun = contracts.as_of - contracts.grace
    # Most that is unpaid is not due yet: one day for all loans leaves few rows to be looked at loan by loan.
    row = np.flatnonzero((plan.due < overrun.max(initial=ALWAYS)) & ((balances.principal | balances.interest) > 0))
    row = row[plan.due[row] < overrun[plan.loan[row]]]
    row = row[balances.principal[row] + balances.interest[row] > contracts.materiality[plan.loan[row]]]
    which = plan.loan[row]
    passed = contracts.as_of[which] - plan.due[row]
    if from_grace_end:
        passed -= contracts.grace[which]
    past_due = np.zeros(plan.loan.size, dtype=np.bool_)
    past_due[row] = True
    row_days = np.full(plan.loan.size, 0)  # filled, as in `settle`
    row_days[row] = passed
    since = np.full(width.size, NEVER, dtype=np.int64)
    longest = np.zeros(width.size, dtype=np.int64)
    # Rows stand by due date: of each loan the first one written last stays.
    since[which[::-1]] = plan.due[row[::-1]]
    longest[which[::-1]] = passed[::-1]
    unknown = np.zeros(width.size, dtype=np.bool_)
    unknown[plan.loan[balances.unknown]] = True
    principal, interest = balances.principal[row], balances.interest[row]
    penalised, charged = np.flatnonzero(balances.penalty), np.flatnonzero(balances.fee)
    charged = charged[plan.due[charged] < overrun[plan.loan[charged]]]
    return Figures(
        past_due=past_due,
        row_days=row_days,
        outstanding=plan.sums(balances.principal),
        overdue_principal=_by_loan(which, principal, width.size),
        overdue_interest=_by_loan(which, interest, width.size),
        overdue_fee=_by_loan(plan.loan[charged], balances.fee[charged], width.size),
        uncalled=_by_loan(which, np.where(plan.called[row], 0, principal + interest), width.size),
        penalty=_by_loan(plan.loan[penalised], balances.penalty[penalised], width.size),
        unknown=unknown,
        since=since,
        days_past_due=longest,
    )


def _by_loan(loan: NDArray[np.int64], values: Money, loans: int) -> Money:
    """Return the sums of values by loan; equal loans stand together."""
    result = np.zeros(loans, dtype=np.int64)
    first = np.flatnonzero(np.diff(loan, prepend=-1))
    if first.size:
        result[loan[first]] = np.add.reduceat(values, first)
    return result


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
