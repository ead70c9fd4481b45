"""Direct trust: trials worked by hand, and a second count by plain loops over what `explain` says of each loan."""

from collections import defaultdict
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphrisk import read
from graphrisk.conventions import Conventions
from graphrisk.ledger.explain import explain
from graphrisk.ledger.explain_contract import contracts_of
from graphrisk.network import Network
from graphrisk.network.evidence import Evidence, payment_evidence, severity
from graphrisk.network.reading import Reading
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)
ENTITIES = [{"entity_id": i, "kind": "company"} for i in "ABCD"]


def book(**rows) -> Tables:
    rows.setdefault("entities", ENTITIES)
    if "loans" in rows:
        rows.setdefault("payments", [])
    return Tables({name: SCHEMAS[name].frame(records) for name, records in rows.items()})


def evidence(tables: Tables, as_of=AS_OF, **conventions) -> dict[tuple[str, str], tuple]:
    rules = Conventions().changed(conventions)
    read_at = Reading.of(tables, as_of=as_of, horizon_days=30, conventions=rules, currency="CNY")
    found = payment_evidence(read_at)
    pairs = zip(read_at.ids[found.creditor], read_at.ids[found.obligor], strict=True)
    figures = zip(found.trials.tolist(), found.good.tolist(), found.bad.tolist(), strict=True)
    return dict(zip(pairs, figures, strict=True))


def loan(**more):
    row = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 200_00, "start_date": "2023-06-30"}
    return {**row, "annual_rate": 0, **more}


def due(no: int, day: str, principal: float = 100) -> dict:
    return {"loan_id": "L", "no": no, "due_date": day, "principal_due": round(principal * 100), "interest_due": 0}


def paid(day: str, amount: float) -> dict:
    return {"loan_id": "L", "paid_date": day, "amount": round(amount * 100)}


def invoice(**more):
    row = {"invoice_id": "V", "seller_id": "B", "buyer_id": "A", "amount": 100_00}
    return {**row, "issue_date": "2024-01-01", "due_date": "2024-05-31", **more}


def faded(days: float) -> float:
    return 2 ** (-days / 30.4375 / 12)


def test_a_trial_in_time_is_good_and_a_late_one_bad_by_its_severity():
    # Paid on its day 61 days ago; paid 9 days late, 30 days ago: bad by 0.1.
    found = evidence(
        book(
            loans=[loan()],
            schedule=[due(1, "2024-04-30"), due(2, "2024-05-31")],
            payments=[paid("2024-04-30", 100), paid("2024-06-09", 100)],
        )
    )

    assert found["B", "A"] == (2, pytest.approx(faded(61)), pytest.approx(0.1 * faded(30)))


def test_a_trial_weighs_its_amount_by_the_mean_of_the_pair():
    # 50 and 150, mean 100: weights 0.5 and 1.5; the larger is unpaid for 30 days.
    found = evidence(
        book(
            loans=[loan()],
            schedule=[due(1, "2024-04-30", 50), due(2, "2024-05-31", 150)],
            payments=[paid("2024-04-30", 50)],
        )
    )

    assert found["B", "A"] == (2, pytest.approx(0.5 * faded(61)), pytest.approx(1.5 * 0.1 * faded(30)))


def test_half_is_forgotten_after_a_year():
    found = evidence(
        book(invoices=[invoice(due_date="2023-06-30", settled_date="2023-06-30", issue_date="2023-01-01")])
    )

    assert found["B", "A"][1] == pytest.approx(0.5, abs=0.001)  # 366 days, a year is 365.25


@pytest.mark.parametrize(
    ("more", "trials", "good", "bad"),
    [
        ({}, 1, 0, 0.1),  # open, 30 days late
        ({"settled_date": "2024-05-31"}, 1, 1, 0),
        ({"settled_date": "2024-06-01"}, 1, 0, 0.1),
        ({"settled_date": "2024-05-01", "settled_amount": 40_00}, 1, 0.4, 0.6 * 0.1),  # the rest is open
        ({"settled_date": "2024-06-30", "settled_amount": 40_00}, 1, 0, 0.1),  # 30 days late, both parts
        ({"settled_amount": 40_00}, 1, 0, 0.1),  # nobody knows when: only the rest is a trial, of mean 60
        ({"settled_amount": 100_00}, 0, 0, 0),
        ({"settled_date": "2024-07-02"}, 1, 0, 0.1),  # not yet known
        ({"settled_date": "2024-07-02", "settled_amount": 10_00}, 1, 0, 0.1),
        ({"settled_date": "2024-05-20", "settled_amount": 200_00}, 1, 1, 0),
        ({"disputed": True}, 0, 0, 0),
        ({"due_date": "2024-07-01"}, 0, 0, 0),  # not due yet
    ],
)
def test_an_invoice_is_one_trial_whose_parts_count(more, trials, good, bad):
    found = evidence(book(invoices=[invoice(**more)])).get(("B", "A"), (0, 0, 0))

    assert found == (trials, pytest.approx(good * faded(30)), pytest.approx(bad * faded(30)))


def test_on_its_due_date_an_invoice_is_late_for_nobody():
    assert evidence(book(invoices=[invoice()]), as_of=date(2024, 5, 31)) == {}
    assert evidence(book(invoices=[invoice(settled_date="2024-05-31")]), as_of=date(2024, 5, 31))["B", "A"] == (1, 1, 0)


def test_what_was_sold_without_recourse_is_the_financiers_experience():
    # C bought 80 of 100: both have seen one trial of their own mean.
    found = evidence(
        book(invoices=[invoice(settled_date="2024-05-31", financed_by="C", advance_rate=0.8, recourse=False)])
    )

    assert found == {("B", "A"): (1, pytest.approx(faded(30)), 0), ("C", "A"): (1, pytest.approx(faded(30)), 0)}


def test_lenders_of_a_loan_share_its_trials():
    found = evidence(
        book(
            loans=[loan()],
            loan_shares=[{"loan_id": "L", "lender_id": "C", "share": 0.7}],
            schedule=[due(1, "2024-05-31")],
            payments=[paid("2024-05-31", 100)],
            invoices=[invoice(seller_id="C", amount=30_00)],
        )
    )

    # C: 70 of the instalment and an invoice of 30, mean 50, so 1.4 good and 0.6 x 0.1 bad.
    assert found["B", "A"] == (1, pytest.approx(faded(30)), 0)
    assert found["C", "A"] == (2, pytest.approx(1.4 * faded(30)), pytest.approx(0.06 * faded(30)))


@pytest.mark.parametrize(
    ("more", "bad"),
    [
        ({}, 0.1),
        ({"accelerated_on": "2024-06-29"}, None),
        ({"status": "written_off", "write_off_date": "2024-06-20"}, 1),
        ({"status": "written_off", "write_off_date": "2024-07-20"}, 0.1),
        ({"status": "sold"}, 0),
        ({"status": "settled"}, 0),
    ],
)
def test_what_a_loan_in_default_leaves_unpaid_is_wholly_bad_and_what_nobody_knows_is_no_trial(more, bad):
    tables = book(
        loans=[loan(**more)],
        schedule=[due(1, "2024-04-30"), due(2, "2024-05-31"), due(3, "2024-12-31")],
        payments=[paid("2024-04-30", 100)],
    )
    found = evidence(tables)["B", "A"]

    if bad is None:  # the second instalment, and what was called due yesterday
        assert found == (3, pytest.approx(faded(61)), pytest.approx(faded(30) + faded(1)))
    else:
        assert found == (1 + (bad > 0), pytest.approx(faded(61)), pytest.approx(bad * faded(30)))


def test_inside_grace_an_unpaid_instalment_is_no_trial_yet():
    tables = book(loans=[loan()], schedule=[due(1, "2024-06-25")])

    assert evidence(tables, grace_days="5") == {}
    assert evidence(tables, grace_days="4")["B", "A"][2] == pytest.approx(0.1 * faded(5))


def test_without_a_table_of_payments_loans_tell_nothing():
    frames = {"loans": [loan()], "schedule": [due(1, "2024-05-31")], "entities": ENTITIES}
    tables = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    read_at = Reading.of(
        tables, as_of=AS_OF, horizon_days=30, conventions=Conventions(), currency="CNY", assume_unpaid=True
    )

    assert payment_evidence(read_at).trials.tolist() == []


def test_money_of_another_currency_weighs_by_its_worth():
    # USD 10 at 7 is 70 and CNY 30: mean 50.
    found = evidence(
        book(
            invoices=[
                invoice(invoice_id="U", amount=10_00, currency="USD", settled_date="2024-05-31"),
                invoice(invoice_id="V", amount=30_00, currency="CNY"),
            ],
            fx=[{"date": "2024-06-28", "currency": "USD", "base": "CNY", "rate": 7_000_000_000}],
        )
    )

    assert found["B", "A"] == (2, pytest.approx(1.4 * faded(30)), pytest.approx(0.06 * faded(30)))


def test_trust_and_its_interval_are_those_of_the_beta_distribution():
    rng = np.random.default_rng(1)
    good, bad = rng.uniform(0, 30, 50), rng.uniform(0, 30, 50)
    pair, day = np.arange(50), np.zeros(50, dtype="datetime64[s]")
    found = Evidence(pair, pair, pair, good, bad, day)
    beta = stats.beta(good + 1, bad + 1)

    assert found.trust == pytest.approx(beta.mean())
    assert found.variance == pytest.approx(beta.var())
    assert np.array(found.interval) == pytest.approx(np.array(beta.interval(0.9)))


def test_severity_grows_with_the_buckets():
    assert severity(np.array([1, 30, 31, 60, 61, 90, 91, 180, 181, 999])).tolist() == [
        *[0.1, 0.1, 0.25, 0.25, 0.5],
        *[0.5, 0.75, 0.75, 1, 1],
    ]


def test_history_stands_between_what_is_stated_and_the_default_probability():
    tables = book(
        entities=[{"entity_id": i, "kind": "company", "pd": 0.1 if i == "A" else None} for i in "ABCD"],
        invoices=[
            invoice(invoice_id="1", seller_id="B", settled_date="2024-05-31"),
            invoice(invoice_id="2", seller_id="B", due_date="2024-08-01"),
            invoice(invoice_id="3", seller_id="C", settled_date="2024-05-31"),
            invoice(invoice_id="4", seller_id="C", due_date="2024-08-01"),
            invoice(invoice_id="5", seller_id="D", due_date="2024-08-01"),
            invoice(invoice_id="6", seller_id="D", buyer_id="C", due_date="2024-08-01"),
        ],
        partnerships=[{"from_id": "C", "to_id": "A", "trust": 0.3}],
    )
    prior = Network.from_tables(tables, as_of=AS_OF).trust.toarray()
    history = Network.from_tables(tables, as_of=AS_OF, trust="history").trust.toarray()

    # Rows B, C, D trust A; one good trial, 30 days old: (r + 1) / (r + 2).
    assert prior[1:, 0].tolist() == [0.9, 0.3, 0.9]
    assert history[1:, 0].tolist() == [pytest.approx((faded(30) + 1) / (faded(30) + 2)), 0.3, 0.9]
    assert prior[3, 2] == history[3, 2] == 0.5


def test_history_changes_nothing_but_trust():
    tables = read()
    prior = Network.from_tables(tables, as_of=AS_OF)
    history = Network.from_tables(tables, as_of=AS_OF, trust="history")

    assert (prior.trust_source, history.trust_source) == ("prior", "history")
    assert (prior.trust.indices == history.trust.indices).all()
    assert (prior.trust.data != history.trust.data).sum() == 54
    assert (prior.relation != history.relation).nnz == 0
    assert (prior.exposure["default"] != history.exposure["default"]).nnz == 0


def loan_trials(told, lenders: dict[str, float]) -> list[tuple]:
    """Return (creditor, obligor, amount, due date, bad) of each trial of a loan."""
    found = []
    defaulted = told.status == "written_off" or told.accelerated
    for item in told.instalments:
        owed = item.principal_due + item.interest_due
        met = day_met(told, item, owed)
        late = ((met or AS_OF) - item.due_date).days
        in_time = late <= told.choices.grace_days
        if item.due_date > AS_OF or not owed or (met is None and (in_time or told.status in ("settled", "sold"))):
            continue
        bad = 1.0 if met is None and defaulted else 0.0 if in_time else lateness(late)
        found += [(lender, told.borrower_id, owed * share, item.due_date, bad) for lender, share in lenders.items()]
    return found


def day_met(told, item, owed: int) -> date | None:
    """Return the day of the receipt that left nothing of an instalment."""
    for payment in sorted(told.payments, key=lambda one: one.paid_date):
        for part in payment.met:
            if (part.no, part.kind) == (item.no, item.kind) and payment.kind != "waiver":
                owed -= part.principal + part.interest
        if owed == 0:
            return payment.paid_date
    return None


def by_plain_loops(tables: Tables) -> dict[tuple[str, str], list]:
    """Return (amount, due date, bad) of each part of a trial by pair, from one loan and one invoice at a time."""
    found, shares = [], defaultdict(dict)
    for row in tables["loan_shares"].itertuples():
        shares[row.loan_id][row.lender_id] = row.share
    for loan_id, contract in contracts_of(tables).items():
        told = explain(contract, as_of=AS_OF, conventions=Conventions())
        lenders = shares[loan_id] or {told.lender_id: 1}
        assert sum(lenders.values()) == pytest.approx(1)
        found += loan_trials(told, lenders) if told.source in ("schedule", "terms") else []
    for row in tables["invoices"].itertuples():
        found += invoice_trials(row)
    trials = defaultdict(list)
    for creditor, obligor, amount, due_on, bad in found:
        trials[creditor, obligor].append((amount, due_on, bad))
    return trials


def invoice_trials(row) -> list[tuple]:
    """Return (seller, buyer, amount, due date, bad) of each part of an invoice."""
    due_on, whole = row.due_date.date(), row.amount
    known = row.settled_date is not pd.NaT and row.settled_date.date() <= AS_OF
    settled = 0 if not known else whole if pd.isna(row.settled_amount) else row.settled_amount
    parts = [(settled, row.settled_date.date())] if known else []
    parts += [(whole - settled, AS_OF)] if due_on < AS_OF else []
    if due_on > AS_OF or (not pd.isna(row.disputed) and row.disputed):
        return []
    late = [(amount, lateness((day - due_on).days)) for amount, day in parts if amount]
    return [(row.seller_id, row.buyer_id, amount, due_on, bad) for amount, bad in late]


def lateness(days: int) -> float:
    if days <= 0:
        return 0.0
    return next((part for end, part in ((30, 0.1), (60, 0.25), (90, 0.5), (180, 0.75)) if days <= end), 1.0)


def test_the_evidence_of_the_sample_is_that_of_a_second_count():
    tables = read()
    found = evidence(tables)
    expected = {}
    for pair, rows in by_plain_loops(tables).items():
        count = len(rows) - (pair == ("H3", "H"))  # one of its invoices is settled in part: two parts of one trial
        mean = sum(amount for amount, _, _ in rows) / count
        weights = [(amount / mean * faded((AS_OF - due_on).days), bad) for amount, due_on, bad in rows]
        good = sum(weight for weight, bad in weights if bad == 0)
        expected[pair] = (count, pytest.approx(good), pytest.approx(sum(w * bad for w, bad in weights)))

    assert len(found) == 56
    assert found == expected
