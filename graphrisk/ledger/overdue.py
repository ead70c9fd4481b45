"""The overdue total of every loan at a date, exact to the minor unit."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import Conventions
from graphrisk.errors import InvalidDataError
from graphrisk.ledger.allocation import Balances, settle
from graphrisk.ledger.columns import given
from graphrisk.ledger.contracts import Contracts, read_contracts
from graphrisk.ledger.dates import ALWAYS, NEVER, dates, day, days
from graphrisk.ledger.doubts import (
    differing,
    late_schedules,
    settled_with_debt,
    unknown_loans,
    without_schedule,
    wrong_pay_days,
)
from graphrisk.ledger.figures import Figures, cleared, figures
from graphrisk.ledger.frames import NONE, SCHEDULE, SNAPSHOT, TERMS, Standing, instalment_rows, loan_rows
from graphrisk.ledger.payments import Payments, Receipts, count_receipts, read_payments
from graphrisk.ledger.plans import Plan, Versions, from_terms, joined, read_versions, scheduled, with_calls
from graphrisk.ledger.snapshots import Snapshots, differences, latest_snapshots
from graphrisk.tables.book import Finding, Tables
from graphrisk.tables.lookup import Lookup, text_array
from graphrisk.tables.schemas import SOURCE_COLUMNS

#: What is read of the table `loans`.
_READ = (
    *("loan_id", "borrower_id", "lender_id", "currency", "product", "project_id", "facility_id", "status"),
    *("start_date", "principal", "outstanding", "annual_rate", "maturity_date", "term", "term_unit", "method"),
    *("pay_day", "day_count", "grace_days", "penalty_multiplier", "penalty_base", "allocation_order"),
    *("five_class", "accelerated_on", "write_off_date", *SOURCE_COLUMNS),
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What every loan of a book owes at a date.

    Attributes
    ----------
    as_of : date
        The date.
    conventions : Conventions
        The choices that it holds for.
    loans : DataFrame
        One row a loan that started by then, by ``loan_id`` (code points); money in minor units of its ``currency``.
        ``penalty`` is missing where ``penalty_unknown``; ``on_book`` is false for loans settled, written off or sold,
        which keep their figures except the settled; ``source`` is one of `SOURCES`.
    instalments : DataFrame
        One row an instalment in force, by loan, due date and number. ``kind`` is ``instalment``, ``acceleration`` (what
        fell due that day) or ``snapshot`` (what is overdue of a loan that only a snapshot describes).
    findings : tuple of Finding
        What in the data is wrong, by table, file and line.
    """

    as_of: date
    conventions: Conventions
    loans: pd.DataFrame
    instalments: pd.DataFrame
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the figures of a day are computed from.

    Attributes
    ----------
    frame : DataFrame
        Rows of the table ``loans`` that had started, sorted by ``loan_id``.
    contracts : Contracts
        Their conventions.
    schedule : DataFrame
        The table ``schedule``.
    versions : Versions
        Which plan each of its rows belongs to.
    payments : Payments
        The table ``payments`` as arrays.
    conventions : Conventions
        What holds where a loan's own column is blank.
    """

    frame: pd.DataFrame
    contracts: Contracts
    schedule: pd.DataFrame
    versions: Versions
    payments: Payments
    conventions: Conventions

    def plan(self, contracts: Contracts) -> tuple[Plan, NDArray[np.int8]]:
        """Return what falls due by the versions in force, and the source of each loan's plan."""
        rows = self.versions.in_force(contracts.as_of)
        plan = scheduled(self.schedule, self.versions.loan, rows, self.conventions, len(self.frame))
        source = np.where(plan.planned, SCHEDULE, NONE).astype(np.int8)
        if not plan.planned.all():
            made = from_terms(self.frame, contracts, ~plan.planned, self.conventions)
            source[made.planned] = TERMS
            plan = joined(plan, made)
        return with_calls(plan, contracts), source

    def figures(self, plan: Plan, contracts: Contracts, balances: Balances) -> Figures:
        """Return the figures of each loan."""
        from_grace_end = self.conventions.days_past_due_from == "grace_end"
        return figures(plan, contracts, balances, from_grace_end=from_grace_end)


def account(
    tables: Tables,
    *,
    as_of: date,
    conventions: Conventions = Conventions(),  # noqa: B008 -- frozen, so that one for all is safe
    assume_unpaid: bool = False,
) -> Ledger:
    """Say to the minor unit what every loan owes at a date.

    Of each loan a schedule counts, else one made from its terms, else a snapshot.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date
        The date; a payment on it counts.
    conventions : Conventions
        What holds where a loan's own column is blank.
    assume_unpaid : bool
        Whether an instalment counts as unpaid where nothing says if it was paid.

    Returns
    -------
    Ledger

    Raises
    ------
    InvalidDataError
        If an instalment is due by the date and there is neither a table of payments nor a snapshot of the loan.

    Examples
    --------
    50,000.00 and 2,000.00 of interest fell due 35 days ago, and nothing was paid:

    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L1", "borrower_id": "A", "lender_id": "F", "principal": 5_000_000}
    >>> loan |= {"annual_rate": 180_000_000, "start_date": "2023-11-26"}
    >>> due = {"loan_id": "L1", "no": 1, "due_date": "2024-05-26", "principal_due": 5_000_000}
    >>> frames = {
    ...     "loans": SCHEMAS["loans"].frame([loan]),
    ...     "schedule": SCHEMAS["schedule"].frame([due | {"interest_due": 200_000}]),
    ...     "payments": SCHEMAS["payments"].frame(),
    ... }
    >>> ledger = account(Tables(frames), as_of=date(2024, 6, 30))
    >>> ledger.loans[["overdue_total", "penalty", "days_past_due", "five_class"]].values.tolist()
    [[5200000, 131250, 35, 'special_mention']]
    """
    book, found = read_book(tables, as_of=as_of, conventions=conventions)
    contracts, told = book.contracts, "payments" in tables
    snapshots = latest_snapshots(tables["snapshots"], contracts.ids, contracts.as_of)
    plan, source = book.plan(contracts)
    standing = _standing(book.frame, contracts, _with_snapshots(plan, contracts, source, snapshots, told=told))
    if not told and not assume_unpaid:
        _refuse(plan, contracts, standing)
    receipts, more = count_receipts(book.payments, contracts)
    balances = settle(plan, contracts, receipts)
    found += more + _doubts(book, plan, receipts, standing)
    if told:
        found += _contradictions(book, plan, balances, standing)
        found += _second_opinions(book, plan, balances, snapshots, standing)
    balances = cleared(plan, balances, standing.settled)
    now = book.figures(plan, contracts, balances)
    return Ledger(
        as_of=as_of,
        conventions=conventions,
        loans=loan_rows(
            book.frame,
            contracts,
            now,
            snapshots,
            standing,
            unallocated=balances.unallocated,
            original_days=_original_days(book, receipts, now),
        ),
        instalments=instalment_rows(contracts, plan, balances, now, snapshots=snapshots, standing=standing),
        findings=tuple(sorted(found, key=lambda item: (item.table, item.file, item.line or 0))),
    )


def read_book(tables: Tables, *, as_of: date, conventions: Conventions) -> tuple[Book, list[Finding]]:
    """Return a book as arrays, and what in it is wrong.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date
        The date that figures are wanted for.
    conventions : Conventions
        What holds where a loan's own column is blank.

    Returns
    -------
    Book
    list of Finding
    """
    loans = tables["loans"]
    frame = loans.loc[(loans["start_date"] <= pd.Timestamp(as_of)).to_numpy(), list(_READ)]
    if not frame["loan_id"].is_monotonic_increasing:
        frame = frame.sort_values("loan_id")
    currency = frame["currency"].where(given(frame["currency"]), tables.currency)
    status = frame["status"].where(given(frame["status"]), "active")
    frame = frame.assign(currency=currency, status=status)
    contracts, found = read_contracts(frame, tables, as_of=as_of, conventions=conventions)
    lookup = Lookup(contracts.ids)
    loan = lookup.positions(text_array(tables["payments"]["loan_id"]))
    payments = read_payments(tables["payments"], loan, frame["currency"])
    found += unknown_loans(payments.frame, loan, loans, payments.day, day(as_of))
    schedule = tables["schedule"]
    versions = read_versions(schedule, lookup.positions(text_array(schedule["loan_id"])))
    return Book(frame, contracts, schedule, versions, payments, conventions), found


def _standing(frame: pd.DataFrame, contracts: Contracts, source: NDArray[np.int8]) -> Standing:
    status = frame["status"].to_numpy(dtype=object)
    settled = status == "settled"
    written_off = (status == "written_off") & (days(frame["write_off_date"], ALWAYS) <= contracts.as_of)
    return Standing(source, settled, ~settled & ~written_off & (status != "sold"))


def _with_snapshots(
    plan: Plan, contracts: Contracts, source: NDArray[np.int8], snapshots: Snapshots, *, told: bool
) -> NDArray[np.int8]:
    """Return the source of each loan's figures; a snapshot also where nobody said what was paid of a plan."""
    untold = _due_by_now(plan, contracts) & (not told)
    return np.where(snapshots.there & ((source == NONE) | untold), SNAPSHOT, source).astype(np.int8)


def _due_by_now(plan: Plan, contracts: Contracts) -> NDArray[np.bool_]:
    first = np.append(plan.due, NEVER)[plan.offsets[:-1]]
    result: NDArray[np.bool_] = plan.planned & (first <= contracts.as_of)
    return result


def _refuse(plan: Plan, contracts: Contracts, standing: Standing) -> None:
    untold = _due_by_now(plan, contracts) & standing.on_book & (standing.source != SNAPSHOT)
    if untold.any():
        loan = int(np.argmax(untold))
        due = dates(plan.due[[plan.offsets[loan]]]).astype("datetime64[D]")[0]
        raise InvalidDataError("no_payments", loan_id=contracts.ids[loan], due_date=str(due))


def _doubts(book: Book, plan: Plan, receipts: Receipts, standing: Standing) -> list[Finding]:
    """Return what the terms and the schedule of a loan leave open or get wrong."""
    frame, listed = book.frame, standing.source == SCHEDULE
    return [
        *differing(frame, listed, "schedule_principal", "principal", plan.sums(plan.principal)),
        *without_schedule(frame, (standing.source == NONE) & ~standing.settled),
        *wrong_pay_days(frame, standing.source == TERMS),
        *late_schedules(frame, plan, receipts, listed),
    ]


def _contradictions(book: Book, plan: Plan, balances: Balances, standing: Standing) -> list[Finding]:
    """Return where a loan's own row does not fit what was paid of its instalments."""
    known = np.isin(standing.source, (SCHEDULE, TERMS))
    unpaid = plan.sums(balances.principal)
    owed = unpaid + plan.sums(balances.interest)
    return [
        *differing(book.frame, known & ~standing.settled, "outstanding_differs", "outstanding", unpaid),
        *settled_with_debt(book.frame, known & standing.settled, owed),
    ]


def _second_opinions(
    book: Book, plan: Plan, balances: Balances, snapshots: Snapshots, standing: Standing
) -> list[Finding]:
    """Compare the snapshots of loans that have a plan with what the plan gives on the snapshot's own day."""
    compared = snapshots.there & np.isin(standing.source, (SCHEDULE, TERMS)) & standing.on_book
    if not compared.any():
        return []
    contracts = book.contracts
    if (snapshots.day[compared] < contracts.as_of[compared]).any():
        contracts = contracts.at(np.where(compared, snapshots.day, ALWAYS))
        plan, _ = book.plan(contracts)
        receipts, _ = count_receipts(book.payments, contracts)
        balances = settle(plan, contracts, receipts)
    then = book.figures(plan, contracts, balances)
    computed = {
        "outstanding": then.outstanding,
        "overdue_principal": then.overdue_principal,
        "overdue_interest": then.overdue_interest,
        "days_past_due": then.days_past_due,
    }
    return differences(snapshots, compared, computed, book.frame["currency"])


def _original_days(book: Book, receipts: Receipts, now: Figures) -> NDArray[np.int64]:
    """Return days past due under the first version of each loan's schedule."""
    contracts = book.contracts
    rows = book.versions.original(contracts.as_of)
    if rows.size == 0:
        return now.days_past_due
    plan = scheduled(book.schedule, book.versions.loan, rows, book.conventions, contracts.start.size)
    plan = with_calls(plan, contracts)
    then = book.figures(plan, contracts, settle(plan, contracts, receipts))
    return np.where(plan.planned, then.days_past_due, now.days_past_due)
