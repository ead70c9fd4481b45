"""Small books for tests: one loan whose figures a reader can follow by hand, amounts in fen.

The loan of most tests: 12,000.00 at 18 % on ACT/360, in two instalments of 6,000.00 and 180.00 of interest, due on
2024-03-01 and 2024-04-01. Half as much again as penalty on 6,000.00 is 6,000 x 0.18 x 1.5 / 360 = 4.50 a day.
"""

from datetime import date

from graphrisk.conventions import Conventions
from graphrisk.ledger.overdue import account
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

LOAN = {
    "loan_id": "L1",
    "borrower_id": "A",
    "lender_id": "F",
    "principal": 1_200_000,
    "annual_rate": 180_000_000,
    "start_date": "2024-02-01",
}
FIRST = {"no": 1, "due_date": "2024-03-01", "principal_due": 600_000, "interest_due": 18_000}
SECOND = {"no": 2, "due_date": "2024-04-01", "principal_due": 600_000, "interest_due": 18_000}
END_OF_MARCH = date(2024, 3, 31)


def of_loan(rows, loan_id="L1"):
    return [{"loan_id": loan_id, **row} for row in rows]


def book(*, loan=None, schedule=(FIRST, SECOND), payments=(), **tables):
    """Return a book of one loan; ``payments=None`` leaves that table out."""
    frames = {"loans": SCHEMAS["loans"].frame([{**LOAN, **(loan or {})}])}
    if schedule:
        frames["schedule"] = SCHEMAS["schedule"].frame(of_loan(schedule))
    if payments is not None:
        frames["payments"] = SCHEMAS["payments"].frame(of_loan(payments))
    for name, rows in tables.items():
        frames[name] = SCHEMAS[name].frame(of_loan(rows))
    return Tables(frames)


def paid(when, amount, **more):
    return {"paid_date": when, "amount": amount, **more}


def owed(tables, as_of=END_OF_MARCH, **conventions):
    """Return the row of the only loan."""
    return ledger(tables, as_of, **conventions).loans.iloc[0]


def ledger(tables, as_of=END_OF_MARCH, **conventions):
    values = {name: str(value) for name, value in conventions.items() if name != "holidays"}
    chosen = Conventions(holidays=conventions.get("holidays", ())).changed(values)
    return account(tables, as_of=as_of, conventions=chosen)


def found(tables, as_of=END_OF_MARCH, **conventions):
    """Return the codes of what was found."""
    return [item.code for item in ledger(tables, as_of, **conventions).findings]
