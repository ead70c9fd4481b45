"""Which instalments hold for each loan: of its schedule's latest version, else made from its terms."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import Conventions
from graphrisk.ledger.columns import codes, offsets_of, whole
from graphrisk.ledger.contracts import Contracts
from graphrisk.ledger.dates import ALWAYS, NEVER, Days, days, following, months_after
from graphrisk.ledger.schedules import (
    BULLET,
    DAILY,
    MONTHLY,
    Money,
    Terms,
    make_schedule,
    monthly_instalments,
)
from graphrisk.tables.schemas import METHODS

_LONGEST_MONTH, _YEAR_MONTHS = 31, 12
_TERM_UNITS = ("day", "month", "year")
_DAY, _MONTH, _YEAR = range(len(_TERM_UNITS))


@dataclass(frozen=True, slots=True)
class Plan:
    """The instalments of ``n`` loans, by loan, due date and number.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Position of the loan.
    no : ndarray of int64, shape (m,)
        Number of the instalment.
    due : ndarray of int64, shape (m,)
        Day on which it falls due, moved to a working day where the conventions say so.
    principal, interest, fee : ndarray of int64, shape (m,)
        What falls due, in minor units.
    called : ndarray of bool, shape (m,)
        Whether the row stands for what falls due when the loan is accelerated.
    offsets : ndarray of int64, shape (n + 1,)
        First row of each loan, and the end.
    """

    loan: NDArray[np.int64]
    no: NDArray[np.int64]
    due: Days
    principal: Money
    interest: Money
    fee: Money
    called: NDArray[np.bool_]
    offsets: NDArray[np.int64]

    @property
    def planned(self) -> NDArray[np.bool_]:
        """Whether each loan has instalments."""
        result: NDArray[np.bool_] = np.diff(self.offsets) > 0
        return result

    def sums(self, values: Money) -> Money:
        """Return the sum of some value of the instalments, a loan."""
        return sums(values, self.offsets)


def sums(values: Money, offsets: NDArray[np.int64]) -> Money:
    """Return the sums of values between offsets.

    Examples
    --------
    >>> sums(np.array([1, 2, 3]), np.array([0, 2, 2, 3])).tolist()
    [3, 0, 3]
    """
    running = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=running[1:])
    # Differences of a running sum are right even where the running sum itself has gone round.
    result: Money = np.diff(running[offsets])
    return result


def plan_of(
    loan: NDArray[np.int64],
    no: NDArray[np.int64],
    due: Days,
    *,
    principal: Money,
    interest: Money,
    fee: Money,
    loans: int,
    called: NDArray[np.bool_] | None = None,
) -> Plan:
    """Return instalments as a plan, sorted if they are not.

    Parameters
    ----------
    loan, no, due, principal, interest, fee : ndarray of int64, shape (m,)
        As in `Plan`, in any order.
    loans : int
        Number of loans.
    called : ndarray of bool, shape (m,), optional
        As in `Plan`; without it no row is.
    """
    rows = (loan, no, due, principal, interest, fee)
    marks = np.zeros(loan.size, dtype=np.bool_) if called is None else called
    if not _rising(loan, due, no):
        order = np.lexsort((no, due, loan))
        rows = (loan[order], no[order], due[order], principal[order], interest[order], fee[order])
        marks = marks[order]
    return Plan(*rows, marks, offsets_of(rows[0], loans))


def _rising(loan: NDArray[np.int64], due: Days, no: NDArray[np.int64]) -> bool:
    if (loan[1:] < loan[:-1]).any():
        return False
    # Of a loan's last row and the next one's first the due dates mean nothing.
    same_loan = loan[1:] == loan[:-1]
    if (same_loan & (due[1:] < due[:-1])).any():
        return False
    same_due = np.flatnonzero(same_loan & (due[1:] == due[:-1]))
    return not (no[same_due + 1] < no[same_due]).any()


@dataclass(frozen=True, slots=True)
class Versions:
    """The rows of the table ``schedule``, each with the day from which its version holds.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Position of the loan; below 0 where the loan is unknown or has not started.
    since : ndarray of int64, shape (m,)
        Twice the first day of the version, one more for a revised one; ``None`` where each loan has one version.
    """

    loan: NDArray[np.int64]
    since: NDArray[np.int64] | None

    def in_force(self, as_of: Days) -> NDArray[np.int64]:
        """Return the rows of each loan's latest version by a day.

        Parameters
        ----------
        as_of : ndarray of int64, shape (n,)
            Day, one a loan.
        """
        return self._chosen(as_of, latest=True)

    def original(self, as_of: Days) -> NDArray[np.int64]:
        """Return the rows of the first version of the loans that have a later one by a day.

        Parameters
        ----------
        as_of : ndarray of int64, shape (n,)
            Day, one a loan.
        """
        if self.since is None:
            return np.zeros(0, dtype=np.int64)
        first, last = self._chosen(as_of, latest=False), self._chosen(as_of, latest=True)
        replaced = np.ones(as_of.size, dtype=np.bool_)
        replaced[self.loan[np.intersect1d(first, last)]] = False
        result: NDArray[np.int64] = first[replaced[self.loan[first]]]
        return result

    def _chosen(self, as_of: Days, *, latest: bool) -> NDArray[np.int64]:
        known = self.loan >= 0
        if self.since is None:
            return np.flatnonzero(known)
        known &= self.since <= 2 * np.append(as_of, ALWAYS)[self.loan] + 1
        rows = np.flatnonzero(known)
        best = np.full(as_of.size, 4 * (ALWAYS if latest else NEVER))
        choose = np.maximum if latest else np.minimum
        choose.at(best, self.loan[rows], self.since[rows])
        result: NDArray[np.int64] = rows[self.since[rows] == best[self.loan[rows]]]
        return result


def read_versions(schedule: pd.DataFrame, loan: NDArray[np.int64]) -> Versions:
    """Return which version each row of the schedule belongs to.

    Parameters
    ----------
    schedule : DataFrame
        The table ``schedule``.
    loan : ndarray of int64, shape (m,)
        Position of the loan of each row, below 0 where it is unknown.
    """
    revised = schedule["version"].eq("revised").to_numpy(dtype=bool, na_value=False)
    if not revised.any() and schedule["valid_from"].isna().all():
        return Versions(loan, None)
    return Versions(loan, 2 * days(schedule["valid_from"], ALWAYS) + revised)


def scheduled(
    schedule: pd.DataFrame, loan: NDArray[np.int64], rows: NDArray[np.int64], conventions: Conventions, loans: int
) -> Plan:
    """Return some rows of the table ``schedule`` as a plan.

    Parameters
    ----------
    schedule : DataFrame
        The table ``schedule``.
    loan : ndarray of int64, shape (m,)
        Position of the loan of each row.
    rows : ndarray of int64
        The rows to take.
    conventions : Conventions
        For ``roll``.
    loans : int
        Number of loans.
    """
    everything = rows.size == len(schedule)
    columns = {name: whole(schedule[name]) for name in ("no", "principal_due", "interest_due", "fee_due")}
    columns["due"] = days(schedule["due_date"], NEVER)
    columns["loan"] = loan
    if not everything:
        columns = {name: values[rows] for name, values in columns.items()}
    return plan_of(
        columns["loan"],
        columns["no"],
        moved(columns["due"], conventions),
        principal=columns["principal_due"],
        interest=columns["interest_due"],
        fee=columns["fee_due"],
        loans=loans,
    )


def moved(due: Days, conventions: Conventions) -> Days:
    """Return due dates, moved to working days if the conventions say so."""
    if conventions.roll == "following" and due.size:
        return following(due, conventions.holidays)
    return due


def from_terms(loans: pd.DataFrame, contracts: Contracts, wanted: NDArray[np.bool_], conventions: Conventions) -> Plan:
    """Return the plan of the loans whose terms say enough.

    Parameters
    ----------
    loans : DataFrame
        Rows of the table ``loans``.
    contracts : Contracts
        Their conventions.
    wanted : ndarray of bool, shape (n,)
        Loans without a schedule.
    conventions : Conventions
        For ``roll``.
    """
    method = codes(loans["method"], METHODS, -1)
    in_table = contracts.rates.at(contracts.start)
    rate = np.where(in_table >= 0, in_table, whole(loans["annual_rate"], -1))
    instalments, maturity = _lengths(loans, contracts.start, method)
    chosen = np.flatnonzero(wanted & (method >= 0) & (method != DAILY) & (rate >= 0) & (instalments > 0))
    pay_day = whole(loans["pay_day"])
    pay_day[(pay_day < 1) | (pay_day > _LONGEST_MONTH)] = 0
    made = make_schedule(
        Terms(
            method=method[chosen],
            principal=whole(loans["principal"])[chosen],
            annual_rate=rate[chosen],
            start=contracts.start[chosen],
            instalments=instalments[chosen],
            pay_day=pay_day[chosen],
            maturity=maturity[chosen],
            day_count=contracts.day_count[chosen],
        )
    )
    return plan_of(
        chosen[made.loan],
        made.no,
        moved(made.due, conventions),
        principal=made.principal,
        interest=made.interest,
        fee=np.zeros(made.no.size, dtype=np.int64),
        loans=len(loans),
    )


def _lengths(loans: pd.DataFrame, start: Days, method: NDArray[np.int8]) -> tuple[NDArray[np.int64], Days]:
    """Return number of instalments (0 where unknown) and maturity of each loan, by its method."""
    term = whole(loans["term"], -1)
    unit = codes(loans["term_unit"], _TERM_UNITS, _MONTH)
    months = np.where(unit == _DAY, 0, np.maximum(term, 0) * np.where(unit == _YEAR, _YEAR_MONTHS, 1))
    by_term = np.where(unit == _DAY, start + term, months_after(start, months))
    by_term[term < 0] = ALWAYS
    matures = days(loans["maturity_date"], ALWAYS)
    in_months = np.where((term >= 0) & (unit != _DAY), months, -1)
    last = np.where((unit == _DAY) & (term >= 0), by_term, matures)
    monthly = monthly_instalments(in_months, start, np.where(last == ALWAYS, start, last))
    maturity = np.where(matures == ALWAYS, by_term, matures)
    single = (maturity > start).astype(np.int64)
    count = np.where(method == BULLET, single, np.where(np.isin(method, MONTHLY), monthly, 0))
    return count, maturity


def joined(first: Plan, second: Plan) -> Plan:
    """Return two plans of different loans as one."""
    if second.loan.size == 0:
        return first
    if first.loan.size == 0:
        return second
    return plan_of(
        np.concatenate([first.loan, second.loan]),
        np.concatenate([first.no, second.no]),
        np.concatenate([first.due, second.due]),
        principal=np.concatenate([first.principal, second.principal]),
        interest=np.concatenate([first.interest, second.interest]),
        fee=np.concatenate([first.fee, second.fee]),
        called=np.concatenate([first.called, second.called]),
        loans=first.offsets.size - 1,
    )


def with_calls(plan: Plan, contracts: Contracts) -> Plan:
    """Return the plan with a row, still empty, for what falls due when a loan is accelerated.

    It stands after the instalments of that day.

    Parameters
    ----------
    plan : Plan
    contracts : Contracts
        For ``accelerated_on``.
    """
    loan = np.flatnonzero((contracts.accelerated_on < NEVER) & plan.planned)
    if loan.size == 0:
        return plan
    day = contracts.accelerated_on[loan]
    by_then = plan.sums((plan.due <= contracts.accelerated_on[plan.loan]).astype(np.int64))
    place = plan.offsets[loan] + by_then[loan]
    highest = np.zeros(plan.offsets.size - 1, dtype=np.int64)
    np.maximum.at(highest, plan.loan, plan.no)
    added = np.zeros(plan.offsets.size, dtype=np.int64)
    added[loan + 1] = 1
    return Plan(
        loan=np.insert(plan.loan, place, loan),
        no=np.insert(plan.no, place, highest[loan] + 1),
        due=np.insert(plan.due, place, day),
        principal=np.insert(plan.principal, place, 0),
        interest=np.insert(plan.interest, place, 0),
        fee=np.insert(plan.fee, place, 0),
        called=np.insert(plan.called, place, values=True),
        offsets=plan.offsets + np.cumsum(added),
    )
