"""The figures of a ledger as frames."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.ledger.allocation import Balances
from graphrisk.ledger.classes import buckets, five_classes, named
from graphrisk.ledger.columns import codes, given, whole
from graphrisk.ledger.contracts import Contracts
from graphrisk.ledger.dates import NEVER, dates
from graphrisk.ledger.figures import Figures
from graphrisk.ledger.plans import Plan
from graphrisk.ledger.schedules import Money
from graphrisk.ledger.snapshots import Snapshots
from graphrisk.tables.schemas import BUCKETS, FIVE_CLASSES

#: Where a loan's figures come from.
SOURCES = ("none", "schedule", "terms", "snapshot")
NONE, SCHEDULE, TERMS, SNAPSHOT = range(len(SOURCES))

_COPIED = (
    "loan_id",
    "borrower_id",
    "lender_id",
    "currency",
    "product",
    "project_id",
    "facility_id",
    "status",
    "start_date",
    "principal",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where ``n`` loans stand at a day.

    Attributes
    ----------
    source : ndarray of int8
        Position in `SOURCES`.
    settled : ndarray of bool
        Whether nothing is owed, the data say.
    on_book : ndarray of bool
        Whether a loan is neither settled, written off nor sold.
    """

    source: NDArray[np.int8]
    settled: NDArray[np.bool_]
    on_book: NDArray[np.bool_]


def amounts(values: Money, missing: NDArray[np.bool_] | None = None) -> pd.Series:
    """Return amounts as a column of Int64, some of them missing.

    Examples
    --------
    >>> amounts(np.array([1, 2]), np.array([False, True])).tolist()
    [1, <NA>]
    """
    mask = np.zeros(values.size, dtype=np.bool_) if missing is None else missing
    return pd.Series(pd.arrays.IntegerArray(values, mask.copy()))


def loan_rows(
    loans: pd.DataFrame,
    contracts: Contracts,
    now: Figures,
    snapshots: Snapshots,
    standing: Standing,
    *,
    unallocated: Money,
    original_days: NDArray[np.int64],
) -> pd.DataFrame:
    """Return one row a loan.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``, in the order of ``contracts``.
    contracts : Contracts
    now : Figures
    snapshots : Snapshots
    standing : Standing
    unallocated : ndarray of int64, shape (n,)
        What payments are left when all is paid.
    original_days : ndarray of int64, shape (n,)
        Days past due under the first version of the schedule.
    """
    shot, settled = standing.source == SNAPSHOT, standing.settled
    alive = shot & ~settled

    def either(seen: Money, computed: Money) -> Money:
        return np.where(alive, seen, np.where(shot, 0, computed))

    principal = either(snapshots.overdue_principal, now.overdue_principal)
    interest = either(snapshots.overdue_interest, now.overdue_interest)
    late = either(snapshots.days_past_due, now.days_past_due)
    unknown = np.where(shot, np.where(contracts.compound, principal + interest, principal) > 0, now.unknown)
    since = np.where(alive & (late > 0), snapshots.day - late, np.where(shot, NEVER, now.since))
    of_loan = codes(loans["five_class"], FIVE_CLASSES, -1)
    five_class = five_classes(late, np.maximum(of_loan, snapshots.five_class))
    frame = loans[list(_COPIED)].reset_index(drop=True)
    return frame.assign(
        outstanding_principal=amounts(_outstanding(loans, now, snapshots, standing)),
        overdue_principal=amounts(principal),
        overdue_interest=amounts(interest),
        overdue_total=amounts(principal + interest),
        overdue_fee=amounts(np.where(shot, 0, now.overdue_fee)),
        penalty=amounts(np.where(shot | unknown, 0, now.penalty), unknown),
        penalty_unknown=unknown,
        unallocated=amounts(np.where(shot, 0, unallocated)),
        days_past_due=late,
        days_past_due_original=np.where(shot | settled, late, original_days),
        bucket=pd.array(named(buckets(late), BUCKETS), dtype="str"),
        five_class=pd.array(named(five_class, FIVE_CLASSES), dtype="str"),
        overdue_since=dates(np.where(since == NEVER, 0, since), since == NEVER),
        on_book=standing.on_book,
        accelerated=contracts.accelerated_on < NEVER,
        overdue_before_acceleration=amounts(np.where(shot, principal + interest, now.uncalled)),
        source=pd.array(named(standing.source, SOURCES), dtype="str"),
    )


def _outstanding(loans: pd.DataFrame, now: Figures, snapshots: Snapshots, standing: Standing) -> Money:
    """Return the outstanding principal: as given, else as computed; without any source all of the principal."""
    principal = whole(loans["principal"])
    computed = np.select(
        [standing.source == SNAPSHOT, standing.source == NONE], [snapshots.outstanding, principal], now.outstanding
    )
    told = np.where(given(loans["outstanding"]), whole(loans["outstanding"]), computed)
    return np.where(standing.settled, 0, told)


def instalment_rows(
    contracts: Contracts,
    plan: Plan,
    balances: Balances,
    now: Figures,
    *,
    snapshots: Snapshots,
    standing: Standing,
) -> pd.DataFrame:
    """Return one row an instalment in force, and one for what is overdue by a snapshot.

    Parameters
    ----------
    contracts : Contracts
        Of ``n`` loans.
    plan : Plan
    balances : Balances
    now : Figures
    snapshots : Snapshots
    standing : Standing
    """
    kinds = pd.array(["instalment", "acceleration"], dtype="str")
    frame = pd.DataFrame(
        {
            "loan_id": contracts.ids.take(plan.loan).array,
            "no": plan.no,
            "kind": kinds.take(plan.called.astype(np.int64)),
            "due_date": dates(plan.due),
            "principal_due": balances.principal_due,
            "interest_due": balances.interest_due,
            "fee_due": balances.fee_due,
            "principal_unpaid": balances.principal,
            "interest_unpaid": balances.interest,
            "fee_unpaid": balances.fee,
            "penalty": amounts(balances.penalty, balances.unknown),
            "penalty_paid": balances.penalty_paid,
            "past_due": now.past_due,
            "days_past_due": now.row_days,
        },
        copy=False,
    )
    shot = np.flatnonzero(_overdue_by_snapshot(snapshots, standing))
    kept = np.flatnonzero(~_replaced(contracts, plan, balances, standing))
    if kept.size < len(frame):
        frame = frame.take(kept)
    if shot.size:
        frame = pd.concat([frame, _snapshot_rows(contracts, snapshots, shot)])
        loan = np.concatenate([plan.loan[kept], shot])
        frame = frame.take(np.lexsort((frame["no"], frame["due_date"], loan)))
    return frame.reset_index(drop=True)


def _overdue_by_snapshot(snapshots: Snapshots, standing: Standing) -> NDArray[np.bool_]:
    overdue = snapshots.overdue_principal + snapshots.overdue_interest > 0
    result: NDArray[np.bool_] = overdue & (standing.source == SNAPSHOT) & ~standing.settled
    return result


def _replaced(contracts: Contracts, plan: Plan, balances: Balances, standing: Standing) -> NDArray[np.bool_]:
    """Return the rows that hold no longer: called due with the rest, or what a snapshot says instead."""
    replaced = np.zeros(plan.loan.size, dtype=np.bool_)
    if plan.called.any():
        empty = (balances.principal_due == 0) & (balances.interest_due == 0) & (balances.fee_due == 0)
        replaced = empty & (plan.called | (plan.due > contracts.accelerated_on[plan.loan]))
    shot = standing.source == SNAPSHOT
    if shot.any():
        replaced |= shot[plan.loan] & (plan.due <= contracts.as_of[plan.loan])
    return replaced


def _snapshot_rows(contracts: Contracts, snapshots: Snapshots, shot: NDArray[np.int64]) -> pd.DataFrame:
    principal, interest = snapshots.overdue_principal[shot], snapshots.overdue_interest[shot]
    nothing = np.zeros(shot.size, dtype=np.int64)
    return pd.DataFrame(
        {
            "loan_id": contracts.ids.take(shot).array,
            "no": nothing,
            "kind": pd.array(["snapshot"] * shot.size, dtype="str"),
            "due_date": dates(snapshots.day[shot] - snapshots.days_past_due[shot]),
            "principal_due": principal,
            "interest_due": interest,
            "fee_due": nothing,
            "principal_unpaid": principal,
            "interest_unpaid": interest,
            "fee_unpaid": nothing,
            "penalty": amounts(nothing, np.where(contracts.compound[shot], principal + interest, principal) > 0),
            "penalty_paid": nothing,
            "past_due": nothing == 0,
            "days_past_due": snapshots.days_past_due[shot],
        }
    )
