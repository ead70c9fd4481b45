"""When each instalment was met: what a loan's past says of the one who owes it.

The receipts are taken exactly as for the overdue total (`graphrisk.ledger.allocation`); an instalment counts as met
on the day of the receipt that leaves no more than the materiality of its principal and interest.
"""

from datetime import date

import numpy as np
import pandas as pd

from graphrisk.conventions import Conventions
from graphrisk.ledger.allocation import opened
from graphrisk.ledger.contracts import INTEREST, PRINCIPAL
from graphrisk.ledger.dates import NEVER, Days, dates
from graphrisk.ledger.instalments import Events, Instalments, Rows, window
from graphrisk.ledger.overdue import Book, read_book
from graphrisk.ledger.passes import run
from graphrisk.ledger.payments import count_receipts
from graphrisk.ledger.plans import Plan
from graphrisk.ledger.schedules import Money
from graphrisk.tables.book import Tables

#: Loans that are taken together: few enough for the state to stay in the processor's cache.
_BLOCK = 16_384


def payment_history(
    tables: Tables,
    *,
    as_of: date,
    conventions: Conventions = Conventions(),  # noqa: B008 -- frozen, so that one for all is safe
) -> pd.DataFrame:
    """Say of every instalment that was due by a date when it was met.

    By the plan that is in force at the date, from the loan's schedule or made from its terms. Without a table of
    payments nothing is known of the past, and there are no rows.

    Parameters
    ----------
    tables : Tables
        The book.
    as_of : date
        The date; a payment on it counts, later ones do not.
    conventions : Conventions
        What holds where a loan's own column is blank.

    Returns
    -------
    DataFrame
        One row an instalment above the materiality, by loan, due date and number: loan_id, no, called (whether it is
        what fell due when the loan was called due), due_date, amount (principal and interest, waived amounts taken
        off, in minor units of the loan's currency), met_on (missing where it is not met), days_late (calendar days
        from the due date, or from the end of grace where days past due count from there, to the day on which it was
        met, else to ``as_of``; at least 0), late (whether grace was overrun).

    Examples
    --------
    Of two instalments of 100.00 the first was paid nine days late, the second is unpaid for 30 days:

    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 20_000, "start_date": "2024-03-31"}
    >>> due = [{"loan_id": "L", "no": k, "due_date": day, "principal_due": 10_000, "interest_due": 0}
    ...        for k, day in enumerate(("2024-04-30", "2024-05-31"), 1)]
    >>> paid = {"loan_id": "L", "paid_date": "2024-05-09", "amount": 10_000}
    >>> frames = {"loans": [loan | {"annual_rate": 0}], "schedule": due, "payments": [paid]}
    >>> tables = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    >>> payment_history(tables, as_of=date(2024, 6, 30))[["no", "days_late", "late"]].values.tolist()
    [[1, 9, True], [2, 30, True]]
    """
    book, _ = read_book(tables, as_of=as_of, conventions=conventions)
    contracts = book.contracts
    plan, _ = book.plan(contracts)
    amount, met = _met(book, plan)
    counts = amount > contracts.materiality[plan.loan]  # what is less can never be past due
    known = (plan.due <= contracts.as_of[plan.loan]) & counts & ("payments" in tables)
    row = np.flatnonzero(known)
    loan, due, met_on = plan.loan[row], plan.due[row], met[row]
    passed = np.where(met_on == NEVER, contracts.as_of[loan], met_on) - due
    grace = contracts.grace[loan]
    free = grace if conventions.days_past_due_from == "grace_end" else 0
    return pd.DataFrame(
        {
            "loan_id": contracts.ids.take(loan).array,
            "no": plan.no[row],
            "called": plan.called[row],
            "due_date": dates(due),
            "amount": amount[row],
            "met_on": dates(np.where(met_on == NEVER, 0, met_on), met_on == NEVER),
            "days_late": np.maximum(0, passed - free),
            "late": passed > grace,
        }
    )


def _met(book: Book, plan: Plan) -> tuple[Money, Days]:
    """Return what fell due of each instalment, and the day on which it was met; ``NEVER`` where it is not."""
    receipts, _ = count_receipts(book.payments, book.contracts)
    amount = plan.principal + plan.interest
    met = np.full(plan.loan.size, NEVER, dtype=np.int64)
    for first in range(0, plan.offsets.size - 1, _BLOCK):
        loans = np.arange(first, min(first + _BLOCK, plan.offsets.size - 1))
        state, events, row = opened(plan, book.contracts, receipts, loans)
        met[row] = _days_met(state, events)
        amount[row] = state.scheduled[INTEREST] + state.scheduled[PRINCIPAL]
    return amount, met


def _days_met(state: Instalments, events: Events) -> Days:
    """Take all events; return the day on which each instalment was met."""
    met = np.full(state.loan.size, NEVER, dtype=np.int64)
    first: Rows = state.low.copy()
    materiality = state.contracts.materiality

    def note(part: Events) -> None:
        # Rows behind the first that is not cleared can be met only where receipts clear them out of order.
        upto = np.where(part.whole, state.high[part.loan], np.minimum(state.next[part.loan] + 1, state.high[part.loan]))
        seen = window(first[part.loan], upto, part.day)
        left = state.unpaid[INTEREST][seen.row] + state.unpaid[PRINCIPAL][seen.row]
        asked = state.scheduled[INTEREST][seen.row] + state.scheduled[PRINCIPAL][seen.row]
        done = (left <= materiality[state.loan[seen.row]]) & (asked > 0) & (met[seen.row] == NEVER)
        met[seen.row[done]] = seen.day[done]
        first[part.loan] = np.where(part.whole, first[part.loan], np.maximum(first[part.loan], state.next[part.loan]))

    run(state, events, note)
    return met
