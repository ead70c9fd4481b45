"""When each instalment was met: worked cases, and the plain loops of `explain` cut off after each receipt."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from random_loans import AS_OF, random_book, random_conventions
from worked import book
from worked import paid as paid_minor

from graphrisk.conventions import Conventions
from graphrisk.ledger.explain import explain
from graphrisk.ledger.explain_contract import contracts_of
from graphrisk.ledger.history import payment_history
from graphrisk.ledger.overdue import account

END = date(2024, 6, 30)
DUE = [
    {"no": 1, "due_date": "2024-04-30", "principal_due": 100_00, "interest_due": 10_00},
    {"no": 2, "due_date": "2024-05-31", "principal_due": 100_00, "interest_due": 10_00},
    {"no": 3, "due_date": "2024-07-31", "principal_due": 100_00, "interest_due": 10_00},
]


def paid(when, amount):
    return paid_minor(when, round(amount * 100))


def history(*payments, loan=None, as_of=END, **conventions):
    tables = book(loan={"start_date": "2024-03-31", **(loan or {})}, schedule=DUE, payments=payments)
    return payment_history(tables, as_of=as_of, conventions=Conventions().changed(conventions))


def met(frame):
    days = [None if pd.isna(day) else day.date().isoformat() for day in frame["met_on"]]
    return list(zip(frame["no"].tolist(), days, frame["days_late"].tolist(), frame["late"].tolist(), strict=True))


def test_what_is_paid_on_its_day_is_not_late_and_what_is_not_yet_due_is_no_row():
    assert met(history(paid("2024-04-30", 110), paid("2024-05-20", 110))) == [
        (1, "2024-04-30", 0, False),
        (2, "2024-05-20", 0, False),
    ]


def test_one_cent_left_is_not_met_unless_the_materiality_allows_it():
    # The interest of 10.00 and 99.99 of principal; no penalty, since nothing was late.
    rows = history(paid("2024-04-30", 109.99))
    slack = history(paid("2024-04-30", 109.99), materiality="0.01")

    assert met(rows) == [(1, None, 61, True), (2, None, 30, True)]
    assert met(slack)[0] == (1, "2024-04-30", 0, False)


def test_penalty_comes_first_so_a_late_payment_of_the_instalment_does_not_meet_it():
    # Nine days of penalty on 100.00 at 18 % x 1.5 / 360: 67.5 cents, so 0.68 of the 110 met penalty.
    assert met(history(paid("2024-05-09", 110)))[0] == (1, None, 61, True)
    assert met(history(paid("2024-05-09", 110), paid("2024-05-10", 1)))[0] == (1, "2024-05-10", 10, True)
    assert met(history(paid("2024-05-09", 110), allocation_order="principal>interest>penalty"))[0][1] == "2024-05-09"


def test_inside_grace_nothing_is_late():
    within = history(paid("2024-05-09", 110), grace_days="9")
    behind = history(paid("2024-05-10", 120), grace_days="9", days_past_due_from="grace_end")

    assert met(within)[0] == (1, "2024-05-09", 9, False)
    assert met(behind)[0] == (1, "2024-05-10", 1, True)


def test_what_fell_due_by_acceleration_is_called():
    rows = history(loan={"accelerated_on": "2024-06-15"})

    assert rows["called"].tolist() == [False, False, True]
    assert rows["days_late"].tolist() == [61, 30, 15]


def test_later_receipts_and_a_missing_table_say_nothing():
    late = paid("2024-07-01", 500)
    tables = book(schedule=DUE)
    untold = replace(tables, frames={name: frame for name, frame in tables.frames.items() if name != "payments"})

    assert history(late)["met_on"].isna().all()
    assert history(late, as_of=date(2024, 7, 1))["met_on"].notna().all()
    assert payment_history(untold, as_of=END).empty


def by_plain_loops(contract, conventions):
    """Return the first day after whose receipts no more than the materiality of an instalment is unpaid."""
    called_on = contract.loan["accelerated_on"]
    days = {row["paid_date"] for row in contract.payments if row["paid_date"] <= AS_OF}
    if called_on is not None and called_on <= AS_OF:
        days.add(called_on)
    found = {}
    for day in sorted(days):
        loan = {**contract.loan, "accelerated_on": called_on if called_on and called_on <= day else None}
        until = [row for row in contract.payments if row["paid_date"] <= day]
        told = explain(
            replace(contract, loan=loan, payments=tuple(until), snapshots=()), as_of=AS_OF, conventions=conventions
        )
        for item in told.instalments:
            owed = item.principal_due + item.interest_due
            left = item.principal_unpaid + item.interest_unpaid
            if owed > 0 and left <= told.choices.materiality:
                found.setdefault((item.no, item.kind == "acceleration"), day)
    return found


def test_the_day_is_that_after_which_the_second_accounting_finds_nothing_unpaid():
    compared = 0
    for seed in range(6):
        rng = np.random.default_rng(300 + seed)
        tables, conventions = random_book(rng, 120), random_conventions(rng)
        rows = payment_history(tables, as_of=AS_OF, conventions=conventions)
        of_loan = dict(list(rows.groupby("loan_id")))
        for loan_id, contract in contracts_of(tables).items():
            undone = any(row["kind"] == "reversal" or row["amount"] < 0 for row in contract.payments)
            if undone or loan_id not in of_loan or contract.loan["status"] == "settled":
                continue  # a reversal undoes what the day of its payment still knew
            known = by_plain_loops(contract, conventions)
            frame = of_loan[loan_id]
            for row in frame.itertuples(index=False):
                day = None if pd.isna(row.met_on) else row.met_on.date()
                assert known.get((row.no, row.called)) == day, (seed, loan_id, row)
                compared += day is not None
    assert compared > 300


@pytest.mark.parametrize("seed", range(4))
def test_what_is_not_met_is_what_the_ledger_finds_unpaid(seed):
    rng = np.random.default_rng(400 + seed)
    tables, conventions = random_book(rng, 200), random_conventions(rng)
    ledger = account(tables, as_of=AS_OF, conventions=conventions)
    planned = ledger.loans[ledger.loans["source"].isin(["schedule", "terms"]) & (ledger.loans["status"] != "settled")]
    due = ledger.instalments[ledger.instalments["loan_id"].isin(planned["loan_id"])]
    rows = payment_history(tables, as_of=AS_OF, conventions=conventions)
    rows = rows[rows["loan_id"].isin(planned["loan_id"])]
    late = rows[rows["met_on"].isna() & rows["late"]]

    assert set(zip(late["loan_id"], late["no"], strict=True)) == set(
        zip(due["loan_id"][due["past_due"]], due["no"][due["past_due"]], strict=True)
    )
    days = due[due["past_due"]].set_index(["loan_id", "no"])["days_past_due"]
    assert late.set_index(["loan_id", "no"])["days_late"].sort_index().equals(days.sort_index().rename("days_late"))
