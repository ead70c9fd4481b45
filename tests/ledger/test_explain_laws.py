"""What holds for every loan explained, whatever the conventions: money is neither made nor lost."""

from itertools import pairwise

import numpy as np
import pytest
from random_loans import AS_OF, random_book, random_conventions

from graphrisk.analyzers.overdue_explain import explain as ask
from graphrisk.errors import InvalidDataError, texts
from graphrisk.ledger.explain import explain
from graphrisk.ledger.explain_contract import contracts_of
from graphrisk.views.language import say


def random_loans(seed, loans=250):
    rng = np.random.default_rng(seed)
    book, conventions = random_book(rng, loans), random_conventions(rng)
    for contract in contracts_of(book).values():
        if contract.loan["start_date"] <= AS_OF:
            yield contract, conventions


@pytest.mark.parametrize("seed", range(4))
def test_what_was_paid_is_what_was_met_and_what_is_left(seed):
    for contract, conventions in random_loans(seed):
        told = explain(contract, as_of=AS_OF, conventions=conventions)

        for payment in told.payments:
            met = sum(item.total for item in payment.met)
            assert met + payment.unallocated == payment.counted or payment.kind == "waiver"
            assert met <= payment.counted
        assert told.unallocated == sum(payment.unallocated for payment in told.payments)
        paid = sum(item.total for payment in told.payments if payment.kind != "waiver" for item in payment.met)
        assert paid == sum(
            item.principal_paid + item.interest_paid + item.fee_paid + item.penalty_paid for item in told.instalments
        )


@pytest.mark.parametrize("seed", range(4))
def test_an_instalment_owes_what_it_asks_for_less_what_was_paid(seed):
    for contract, conventions in random_loans(seed):
        told = explain(contract, as_of=AS_OF, conventions=conventions)

        for item in told.instalments if told.status != "settled" else ():
            assert item.principal_due - item.principal_paid == item.principal_unpaid >= 0
            assert item.interest_due - item.interest_paid == item.interest_unpaid >= 0
            assert item.fee_due - item.fee_paid == item.fee_unpaid >= 0
            accrued = sum(accrual.amount for accrual in item.accruals)
            assert item.penalty is None or 0 <= item.penalty <= accrued - item.penalty_paid
            assert item.past_due == (item.days_past_due > 0) or item.kind == "snapshot"
            assert all(abs(accrual.amount - accrual.exact) <= 0.5 for accrual in item.accruals)
            days = [segment for accrual in item.accruals for segment in accrual.segments]
            assert all(before.last_day < after.first_day for before, after in pairwise(days))
        assert told.overdue_total == told.overdue_principal + told.overdue_interest
        assert (told.overdue_since is None) == (told.days_past_due == 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_rows_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    book, conventions = random_book(rng, 100), random_conventions(rng)
    turned = type(book)({name: frame.iloc[::-1].reset_index(drop=True) for name, frame in book.frames.items()})
    others = contracts_of(turned)

    for loan_id, contract in contracts_of(book).items():
        if contract.loan["start_date"] <= AS_OF:
            told, again = (explain(item, as_of=AS_OF, conventions=conventions) for item in (contract, others[loan_id]))
            assert told.instalments == again.instalments
            assert told.penalty == again.penalty


def test_every_word_exists_in_both_languages_and_every_row_adds_up():
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(3):
        book, conventions = random_book(rng, 40), random_conventions(rng)
        for loan_id in book["loans"]["loan_id"]:
            try:
                result = ask(book, loan_id, as_of=AS_OF, conventions=conventions)
            except InvalidDataError:
                continue
            words = (*result.headline, *result.notes)
            seen |= {note.code for note in words}
            for language in ("en", "zh"):
                assert all(say(note, language, currency=result.currency) for note in words)
            instalments = result.rows[result.rows["record"] == "instalment"]
            payments = result.rows[result.rows["record"] == "payment"]
            for name in ("principal_paid", "interest_paid", "penalty_paid"):
                assert instalments[name].sum() == payments[name].sum()
    known = {name for name in texts("en")["sentences"] if name.startswith(("receipt_", "penalty_step"))}
    assert known <= seen
