"""Laws that hold for any loan, on random small books with every kind of payment."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrisk.conventions import Conventions
from graphrisk.ledger import allocation
from graphrisk.ledger.overdue import account
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

START = date(2024, 1, 1)
DAYS = st.integers(0, 200).map(lambda days: START + timedelta(days))
MONEY = st.integers(0, 5_000)
#: A book costs the same whether it holds one loan or ten: few books of several loans each.
FEW = settings(deadline=None, max_examples=12)
ORDERS = ("penalty>interest>principal", "principal>interest>penalty", "interest>fee", "fee>principal")


@st.composite
def books(draw, *, kinds=("pay", "prepay", "waiver", "reversal"), parts=True, pro_rata=True):
    """Return frames of one to ten loans."""
    loans, schedule, payments = [], [], []
    for number in range(draw(st.integers(1, 10))):
        name = f"L{number}"
        order = draw(st.sampled_from((*ORDERS, "pro_rata") if pro_rata else ORDERS))
        loans.append(
            {
                "loan_id": name,
                "borrower_id": "A",
                "lender_id": "F",
                "start_date": START,
                "principal": draw(st.integers(1, 20_000)),
                "annual_rate": draw(st.sampled_from([None, 0, 180_000_000, 365_000_001])),
                "allocation_order": order,
                "grace_days": draw(st.sampled_from([None, 0, 5])),
                "penalty_base": draw(st.sampled_from([None, "overdue_total"])),
                "accelerated_on": draw(st.none() | DAYS) if "prepay" in kinds else None,
            }
        )
        for row in range(draw(st.integers(0, 4))):
            dues = {"principal_due": draw(MONEY), "interest_due": draw(MONEY), "fee_due": draw(st.none() | MONEY)}
            schedule.append({"loan_id": name, "no": row, "due_date": draw(DAYS), **dues})
        for row in range(draw(st.integers(0, 5))):
            amount = draw(st.integers(1, 9_000))
            paid = {"loan_id": name, "paid_date": draw(DAYS), "amount": amount, "kind": draw(st.sampled_from(kinds))}
            paid["payment_id"] = draw(st.sampled_from([None, f"P{row}", "P0"]))
            if parts and draw(st.booleans()):
                paid["principal"] = draw(st.integers(0, amount))
            payments.append(paid)
    return {"loans": loans, "schedule": schedule, "payments": payments}


def tables_of(frames):
    return Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})


CONVENTIONS = st.builds(
    Conventions,
    grace_days=st.sampled_from([0, 3]),
    penalty_mode=st.sampled_from(["replaces", "on_top"]),
    day_count=st.sampled_from(["ACT/360", "ACT/ACT"]),
    days_past_due_from=st.sampled_from(["due_date", "grace_end"]),
)


def same(left, right):
    pd.testing.assert_frame_equal(left.loans, right.loans)
    pd.testing.assert_frame_equal(left.instalments, right.instalments)


@FEW
@given(books(), DAYS, CONVENTIONS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_files_they_stand_in_change_nothing(frames, as_of, conventions, random):
    mixed = {name: random.sample(rows, len(rows)) for name, rows in frames.items()}
    moved = {name: [{**row, "source_file": f"{row['loan_id']}.csv"} for row in rows] for name, rows in mixed.items()}

    first = account(tables_of(frames), as_of=as_of, conventions=conventions)
    second = account(tables_of(moved), as_of=as_of, conventions=conventions)

    same(first, second)
    assert sorted(item.code for item in first.findings) == sorted(item.code for item in second.findings)


@FEW
@given(books(), DAYS, CONVENTIONS)
def test_other_loans_change_nothing(frames, as_of, conventions):
    together = account(tables_of(frames), as_of=as_of, conventions=conventions)

    alone = []
    for loan in frames["loans"][:3]:
        own = {name: [row for row in rows if row["loan_id"] == loan["loan_id"]] for name, rows in frames.items()}
        alone.append(account(tables_of(own), as_of=as_of, conventions=conventions))
    loans = pd.concat([ledger.loans for ledger in alone], ignore_index=True)
    pd.testing.assert_frame_equal(together.loans.head(3), loans)


@FEW
@given(books(), DAYS, CONVENTIONS)
def test_loans_paid_in_time_come_out_of_the_passes_alike(frames, as_of, conventions):
    quick = account(tables_of(frames), as_of=as_of, conventions=conventions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation, "_hard", lambda block: np.ones(block.count, dtype=np.bool_))
        slow = account(tables_of(frames), as_of=as_of, conventions=conventions)
    same(quick, slow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation, "_BLOCK", 1)
        blocks = account(tables_of(frames), as_of=as_of, conventions=conventions)
    same(quick, blocks)


@FEW
@given(books(kinds=("pay",), parts=False, pro_rata=False), DAYS, CONVENTIONS, st.data())
def test_more_payment_never_raises_the_overdue_total(frames, as_of, conventions, data):
    if not frames["payments"]:
        return
    place = data.draw(st.integers(0, len(frames["payments"]) - 1))
    frames["payments"] = [{**row, "payment_id": None} for row in frames["payments"]]
    before = account(tables_of(frames), as_of=as_of, conventions=conventions).loans
    more = frames["payments"][place]["amount"] + data.draw(st.integers(1, 5_000))
    frames["payments"][place] = {**frames["payments"][place], "amount": more}
    after = account(tables_of(frames), as_of=as_of, conventions=conventions).loans

    assert (after["overdue_total"] <= before["overdue_total"]).all()
    assert (after["days_past_due"] <= before["days_past_due"]).all()
    assert (after["outstanding_principal"] <= before["outstanding_principal"]).all()


@FEW
@given(books(kinds=("pay", "prepay"), parts=True), DAYS, CONVENTIONS)
def test_money_received_is_money_placed_or_left(frames, as_of, conventions):
    ledger = account(tables_of(frames), as_of=as_of, conventions=conventions)

    seen, received = set(), 0
    for row in sorted(frames["payments"], key=lambda row: (row["paid_date"], row["amount"])):
        key = (row["loan_id"], row["payment_id"])
        if row["paid_date"] <= as_of and (row["payment_id"] is None or key not in seen):
            received += row["amount"]
        if row["paid_date"] <= as_of:
            seen.add(key)
    rows = ledger.instalments
    placed = sum(int((rows[f"{part}_due"] - rows[f"{part}_unpaid"]).sum()) for part in ("principal", "interest", "fee"))
    assert placed + int(rows["penalty_paid"].sum()) + int(ledger.loans["unallocated"].sum()) == received


@FEW
@given(books(), DAYS, CONVENTIONS)
def test_the_loan_is_the_sum_of_its_instalments(frames, as_of, conventions):
    ledger = account(tables_of(frames), as_of=as_of, conventions=conventions)

    for loan in ledger.loans.itertuples():
        rows = ledger.instalments[ledger.instalments["loan_id"] == loan.loan_id]
        late = rows[rows["past_due"]]
        assert loan.overdue_principal == late["principal_unpaid"].sum()
        assert loan.overdue_interest == late["interest_unpaid"].sum()
        assert loan.overdue_total == loan.overdue_principal + loan.overdue_interest
        assert loan.days_past_due == late["days_past_due"].max() if len(late) else loan.days_past_due == 0
        assert loan.penalty_unknown or loan.penalty == rows["penalty"].sum()
        if loan.source == "schedule":
            assert loan.outstanding_principal == rows["principal_unpaid"].sum()
    unpaid = ledger.instalments[["principal_unpaid", "interest_unpaid", "fee_unpaid", "penalty_paid"]]
    assert (unpaid.to_numpy() >= 0).all()


@FEW
@given(books(), DAYS, CONVENTIONS)
def test_a_later_date_without_payments_never_owes_less(frames, as_of, conventions):
    frames = {**frames, "payments": []}

    first = account(tables_of(frames), as_of=as_of, conventions=conventions).loans
    later = account(tables_of(frames), as_of=as_of + timedelta(7), conventions=conventions).loans

    assert (later["overdue_total"] >= first["overdue_total"]).all()
    known = ~later["penalty_unknown"]
    assert (later["penalty"][known] >= first["penalty"][known]).all()
