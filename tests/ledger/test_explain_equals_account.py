"""The two accountings are equal to the cent: whole books by arrays, and one loan at a time by plain loops.

10,000 random loans with every convention in play, all totals and every figure of every instalment.
"""

import numpy as np
import pandas as pd
import pytest
from random_loans import AS_OF, random_book, random_conventions

from graphrisk.errors import InvalidDataError
from graphrisk.ledger.explain import explain
from graphrisk.ledger.explain_contract import contracts_of
from graphrisk.ledger.overdue import account

BLOCKS, LOANS = 50, 200

TOTALS = (
    *("borrower_id", "lender_id", "currency", "status", "principal", "outstanding_principal"),
    *("overdue_principal", "overdue_interest", "overdue_total", "overdue_fee", "penalty", "unallocated"),
    *("days_past_due", "days_past_due_original", "bucket", "five_class", "overdue_since", "on_book"),
    *("accelerated", "overdue_before_acceleration", "source"),
)
FIGURES = (
    *("no", "kind", "due_date", "principal_due", "interest_due", "fee_due"),
    *("principal_unpaid", "interest_unpaid", "fee_unpaid", "penalty", "penalty_paid"),
    *("past_due", "days_past_due"),
)


def plain(frame, names):
    """Return the rows of a frame as tuples of plain values, blanks as None."""

    def value(item):
        if pd.isna(item):
            return None
        return item.date() if isinstance(item, pd.Timestamp) else item

    columns = [[value(item) for item in frame[name].tolist()] for name in names]
    return list(zip(*columns, strict=True))


def explained(told, names):
    return tuple(getattr(told, name) for name in names)


def differences(book, conventions, *, assume_unpaid=False):
    """Return (loan, figure, by plain loops, by arrays) for each figure that differs, and how many loans agree."""
    ledger = account(book, as_of=AS_OF, conventions=conventions, assume_unpaid=assume_unpaid)
    ids = ledger.loans["loan_id"].tolist()
    totals = dict(zip(ids, plain(ledger.loans, TOTALS), strict=True))
    unknown = dict(zip(ids, ledger.loans["penalty_unknown"].tolist(), strict=True))
    rows = {
        loan_id: sorted(plain(part, FIGURES), key=str)
        for loan_id, part in ledger.instalments.groupby("loan_id", sort=False)
    }
    found, agreed = [], 0
    for loan_id, contract in contracts_of(book).items():
        if contract.loan["start_date"] > AS_OF:
            assert loan_id not in totals
            continue
        told = explain(contract, as_of=AS_OF, conventions=conventions, assume_unpaid=assume_unpaid)
        mine = explained(told, TOTALS)
        found += [
            (loan_id, name, here, there)
            for name, here, there in zip(TOTALS, mine, totals[loan_id], strict=True)
            if here != there
        ]
        if unknown[loan_id] != (told.penalty is None):
            found.append((loan_id, "penalty_unknown", told.penalty is None, unknown[loan_id]))
        here = sorted((explained(item, FIGURES) for item in told.instalments), key=str)
        there = rows.get(loan_id, [])
        if here != there:
            found.append((loan_id, "instalments", here, there))
        agreed += 1
    return found, agreed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(BLOCKS))
def test_both_accountings_agree_on_random_loans(seed):
    rng = np.random.default_rng(seed)
    book, conventions = random_book(rng, LOANS), random_conventions(rng)

    found, agreed = differences(book, conventions)

    assert not found, found[0]
    assert agreed > LOANS * 0.9


@pytest.mark.parametrize("seed", range(2))
def test_both_accountings_agree_where_nobody_knows_what_was_paid(seed):
    rng = np.random.default_rng(100 + seed)
    book, conventions = random_book(rng, LOANS, payments=False), random_conventions(rng)

    found, _ = differences(book, conventions, assume_unpaid=True)

    assert not found, found[0]
    with pytest.raises(InvalidDataError):
        account(book, as_of=AS_OF, conventions=conventions)
