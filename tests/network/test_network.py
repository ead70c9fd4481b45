"""Tables as arrays: who loses stands in the row, who fails in the column."""

from datetime import date

import numpy as np
import pytest

from graphrisk.errors import InvalidDataError
from graphrisk.network import CHANNELS, Network
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import RATE_UNIT, SCHEMAS

AS_OF = date(2024, 6, 30)
ENTITIES = [{"entity_id": i, "kind": "company", "cash": 100_00} for i in "ABCD"]


def book(**rows) -> Tables:
    rows.setdefault("entities", ENTITIES)
    if "loans" in rows:
        rows.setdefault("payments", [])
    return Tables({name: SCHEMAS[name].frame(records) for name, records in rows.items()})


def network(**rows) -> Network:
    return Network.from_tables(book(**rows), as_of=AS_OF, horizon_days=30)


def loan(**more):
    row = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 1000_00, "start_date": "2024-01-01"}
    return {**row, "outstanding": 1000_00, **more}


def invoice(**more):
    row = {"invoice_id": "V", "seller_id": "B", "buyer_id": "A", "amount": 100_00}
    return {**row, "issue_date": "2024-06-01", "due_date": "2024-07-15", **more}


def guarantee(**more):
    row = {"guarantee_id": "G", "guarantor_id": "C", "debtor_id": "A", "amount": 500_00, "kind": "joint"}
    return {**row, **more}


def at(network: Network, channel: str, loses: str, fails: str) -> float:
    matrix = network.exposure[channel]
    found = matrix[[network.ids.get_loc(loses)], [network.ids.get_loc(fails)]]
    assert matrix.sum() == pytest.approx(found.sum()), "nothing stands anywhere else"
    return float(found.sum())


def test_a_lender_loses_if_its_borrower_fails():
    assert at(network(loans=[loan()]), "default", "B", "A") == 1000


def test_a_seller_loses_if_its_buyer_fails():
    assert at(network(invoices=[invoice()]), "default", "B", "A") == 100


def test_a_guarantor_loses_if_the_debtor_fails():
    assert at(network(guarantees=[guarantee()]), "guarantee", "C", "A") == 500


def test_a_buyer_loses_supply_if_its_supplier_fails():
    trade = [{"seller_id": "B", "buyer_id": "A", "amount": 300_00, "period": "2024-06"}]

    assert at(network(trade=trade), "supply", "A", "B") == 300


def test_a_borrower_loses_funding_if_its_provider_fails():
    facility = [{"facility_id": "C1", "borrower_id": "A", "provider_id": "B", "limit": 400_00, "drawn": 100_00}]

    assert at(network(facilities=facility), "funding", "A", "B") == 300


def test_an_owner_feels_for_what_it_owns():
    owned = [{"owner_id": "D", "owned_id": "A", "share_min": 0.6}]

    assert at(network(ownership=owned), "trust", "D", "A") == 0.6


def test_a_graph_of_networkx_has_an_edge_for_each_exposure():
    graph = network(loans=[loan()], guarantees=[guarantee()]).to_networkx()

    assert sorted(graph.edges(data="amount", keys=True)) == [("B", "A", "default", 1000), ("C", "A", "guarantee", 500)]
    assert graph.nodes["B"]["roles"] == ("financier",)


def test_every_channel_is_there_even_if_empty():
    assert list(network().exposure) == list(CHANNELS)


def test_a_co_lent_loan_counts_once():
    found = network(
        loans=[loan()],
        loan_shares=[{"loan_id": "L", "lender_id": "C", "share": 0.7}],
    )

    assert found.balance.toarray().sum() == 1000
    assert found.balance[2, 0] == pytest.approx(700)
    assert found.balance[1, 0] == pytest.approx(300)


def test_collateral_comes_off_its_loan_before_it_is_split():
    found = network(
        loans=[loan()],
        loan_shares=[{"loan_id": "L", "lender_id": "C", "share": 0.5}],
        collateral=[{"collateral_id": "K", "owner_id": "A", "loan_id": "L", "value": 1000_00, "haircut": 0.4}],
    )

    assert found.unsecured.toarray()[:, 0].tolist() == pytest.approx([0, 200, 200, 0])


def test_what_is_due_is_what_falls_due_within_the_horizon():
    schedule = [
        {"loan_id": "L", "no": 1, "due_date": "2024-05-31", "principal_due": 100_00, "interest_due": 5_00},
        {"loan_id": "L", "no": 2, "due_date": "2024-07-30", "principal_due": 200_00, "interest_due": 4_00},
        {"loan_id": "L", "no": 3, "due_date": "2024-07-31", "principal_due": 700_00, "interest_due": 3_00},
    ]
    found = network(loans=[loan()], schedule=schedule)

    assert found.due["loan"][1, 0] == 309
    assert found.overdue["loan"][1, 0] == 105
    assert found.obligation.tolist() == [309, 0, 0, 0]
    assert found.overdue_total.tolist() == [105, 0, 0, 0]
    assert found.days_past_due.tolist() == [30, 0, 0, 0]


def test_an_accelerated_loan_is_due_whole_without_what_accrued_since():
    schedule = [
        {"loan_id": "L", "no": 1, "due_date": "2024-05-31", "principal_due": 100_00, "interest_due": 5_00},
        {"loan_id": "L", "no": 2, "due_date": "2024-12-31", "principal_due": 900_00, "interest_due": 60_00},
    ]
    found = network(loans=[loan(accelerated_on="2024-06-20", outstanding=None)], schedule=schedule)

    assert found.obligation[0] == 1005
    assert found.overdue_total[0] == 1005


@pytest.mark.parametrize("status", ["settled", "written_off", "sold"])
def test_a_loan_off_the_book_owes_nothing(status):
    found = network(loans=[loan(status=status, accelerated_on="2024-05-01")])

    assert found.obligation.sum() == 0
    assert found.balance.sum() == 0


def test_a_creditor_outside_the_data_keeps_its_id():
    found = network(loans=[loan(lender_id="X", accelerated_on="2024-06-01")])

    assert list(found.outside) == ["X"]
    assert found.items.creditor.tolist() == [4]
    assert found.obligation[0] == 1000
    assert found.balance.nnz == 0


def test_without_a_table_of_entities_every_id_is_one():
    tables = Tables({"loans": SCHEMAS["loans"].frame([loan(borrower_id="Z", accelerated_on="2024-06-01")])})
    found = Network.from_tables(tables, as_of=AS_OF)

    assert list(found.ids) == ["B", "Z"]
    assert found.cash_unknown.all()


def test_a_debtor_outside_the_data_is_left_out_and_said():
    found = network(loans=[loan(borrower_id="X")])

    assert found.balance.nnz == 0
    assert ("outside_left_out", "X") in {(finding.code, finding.value) for finding in found.findings}


@pytest.mark.parametrize(
    ("more", "seller", "financier", "rolled"),
    [
        ({}, 100, 0, 0),
        ({"financed_by": "C", "advance_rate": 0.8}, 100, 0, 80),  # unconfirmed: with recourse
        ({"financed_by": "C", "advance_rate": 0.8, "recourse": False}, 20, 80, 80),
        ({"financed_by": "C", "advance_rate": 0.8, "confirmed": True}, 20, 80, 80),
        ({"financed_by": "C", "advance_rate": 0.8, "confirmed": True, "confirmed_date": "2024-07-01"}, 100, 0, 80),
        ({"financed_by": "C"}, 100, 0, 100),
        ({"settled_amount": 40_00}, 60, 0, 0),
        ({"settled_amount": 40_00, "settled_date": "2024-07-01"}, 100, 0, 0),
        ({"settled_date": "2024-06-20"}, 0, 0, 0),
        ({"disputed": True}, 0, 0, 0),
        ({"issue_date": "2024-07-01"}, 0, 0, 0),
    ],
)
def test_an_invoice_is_owed_to_its_seller_or_its_financier(more, seller, financier, rolled):
    found = network(invoices=[invoice(**more)])

    assert found.due["invoice"].toarray()[:, 0].tolist() == [0, seller, financier, 0]
    assert found.rolled.sum() == rolled


def test_a_disputed_invoice_stays_at_stake():
    assert network(invoices=[invoice(disputed=True)]).relation[1, 0] == 100


@pytest.mark.parametrize(
    ("more", "amount"),
    [
        ({}, 200),
        ({"period": "2024-07"}, 0),
        ({"period": "2023"}, 100 / 365 * 60),
        ({"terms_days": None}, 0),
    ],
)
def test_trade_credit_is_sales_of_a_day_times_days_of_terms(more, amount):
    trade = {"seller_id": "B", "buyer_id": "A", "amount": 100_00, "period": "2024-06", "terms_days": 60, **more}
    found = network(trade=[trade])

    assert found.terms.sum() == pytest.approx(amount)
    assert found.relation.sum() == pytest.approx(amount)
    assert found.obligation.sum() == 0, "it is renewed, not due"


def test_trade_credit_counts_for_what_exceeds_the_invoices_of_the_pair():
    trade = [{"seller_id": "B", "buyer_id": "A", "amount": 100_00, "period": "2024-06", "terms_days": 60}]

    assert network(trade=trade, invoices=[invoice()]).relation.sum() == 200


def test_only_the_last_period_of_a_pair_and_product_counts():
    row = {"seller_id": "B", "buyer_id": "A", "terms_days": 30}
    trade = [
        {**row, "amount": 300_00, "period": "2024-05", "product": "steel"},
        {**row, "amount": 100_00, "period": "2024-06", "product": "steel"},
        {**row, "amount": 50_00, "period": "2024-06", "product": "steel"},
        {**row, "amount": 62_00, "period": "2024-05", "product": "coal"},
    ]

    assert network(trade=trade).terms[0, 1] == pytest.approx(150 + 60)


@pytest.mark.parametrize(
    ("more", "covered"),
    [
        ({}, 2),
        ({"creditor_id": "B"}, 1),
        ({"creditor_id": "D"}, 0),
        ({"loan_id": "L"}, 1),
        ({"loan_id": "L", "creditor_id": "D"}, 1),
    ],
)
def test_a_guarantee_covers_its_loan_its_creditor_or_all(more, covered):
    loans = [loan(accelerated_on="2024-06-01"), loan(loan_id="M", lender_id="X", accelerated_on="2024-06-01")]
    found = network(loans=loans, guarantees=[guarantee(**more)])

    assert len(found.guarantees.cover) == covered


@pytest.mark.parametrize(
    "more",
    [
        {"amount": 0},
        {"status": "settled"},
        {"start": "2024-07-01"},
        {"end": "2024-06-29"},
        {"claim_until": "2024-06-29"},
        {"loan_id": "unknown"},
        {"guarantor_id": "X"},
    ],
)
def test_what_is_no_guarantee_is_none(more):
    found = network(loans=[loan(accelerated_on="2024-06-01")], guarantees=[guarantee(**more)])

    assert len(found.guarantees.id) == 0
    assert found.exposure["guarantee"].nnz == 0


def test_several_guarantors_without_a_share_answer_equally():
    rows = [guarantee(guarantee_id=f"G{k}", guarantor_id=who, kind="several") for k, who in enumerate("BCD")]
    found = network(loans=[loan(lender_id="X")], guarantees=[*rows, guarantee(guarantee_id="H")])

    assert found.guarantees.share.tolist() == pytest.approx([1 / 3] * 3 + [1])


def test_a_guarantee_without_a_cap_has_its_share_of_the_debt_at_stake():
    rows = [guarantee(amount=None), guarantee(guarantee_id="H", amount=None, kind="several", share=0.25)]
    found = network(loans=[loan()], guarantees=rows)

    assert found.exposure["guarantee"][2, 0] == 1250
    assert np.isinf(found.guarantees.cap).all()


def test_trust_is_stated_else_one_less_pd_else_a_half():
    entities = [{"entity_id": i, "kind": "company", "pd": pd} for i, pd in [("A", 0.1), ("B", None), ("C", None)]]
    loans = [loan(), loan(loan_id="M", borrower_id="B", lender_id="C"), loan(loan_id="N", borrower_id="C")]
    said = [
        {"from_id": "B", "to_id": "C", "trust": 0.3, "start": "2020-01-01"},
        {"from_id": "B", "to_id": "C", "trust": 0.8, "start": "2022-01-01"},
        {"from_id": "B", "to_id": "C", "trust": 0.1, "start": "2025-01-01"},
    ]
    found = network(entities=entities, loans=loans, partnerships=said)

    assert found.trust.toarray().round(9).tolist() == [[0, 0, 0], [0.9, 0, 0.8], [0, 0.5, 0]]


def test_influence_is_partnership_both_ways_and_the_mean_of_the_group():
    entities = [
        {"entity_id": i, "kind": "company", "group_id": g} for i, g in zip("ABCD", ["g", "g", "g", "h"], strict=True)
    ]
    joined = [{"from_id": "A", "to_id": "D", "weight": 0.4}]
    found = network(entities=entities, partnerships=joined).influence

    assert found.direct.toarray()[[0, 3], [3, 0]].tolist() == [0.4, 0.4]
    assert found.group.tolist() == [0, 0, 0, -1], "a group of one is none"
    assert found.scale.tolist() == pytest.approx([1 / 1.4, 1, 1, 1])


def test_a_project_draws_on_its_lenders_and_feels_its_parties():
    found = network(
        projects=[{"project_id": "P", "spv_id": "D", "debt_committed": 900_00, "debt_drawn": 300_00}],
        project_parties=[
            {"project_id": "P", "entity_id": "B", "role": "lender", "share": 0.5},
            {"project_id": "P", "entity_id": "C", "role": "lender"},
            {"project_id": "P", "entity_id": "A", "role": "contractor", "share": 0.2},
        ],
    )

    assert found.undrawn[3, 1] == 300
    assert found.undrawn.sum() == 300
    assert found.influence.direct[3, 0] == 0.2
    assert ("lender_share_missing", "project_parties") in {(f.code, f.table) for f in found.findings}


def test_amounts_of_two_currencies_need_a_rate():
    loans = [loan(), loan(loan_id="M", currency="USD", principal=100_00, outstanding=100_00)]

    with pytest.raises(InvalidDataError, match="fx"):
        network(loans=loans)

    fx = [{"date": "2024-06-28", "currency": "USD", "base": "CNY", "rate": 7 * RATE_UNIT}]
    assert network(loans=loans, fx=fx).balance[1, 0] == 1700


def test_the_order_of_rows_changes_nothing():
    loans = [loan(loan_id=f"L{k}", borrower_id=b, lender_id=c) for k, (b, c) in enumerate([("A", "B"), ("C", "B")])]
    one = network(loans=loans, entities=ENTITIES)
    other = network(loans=loans[::-1], entities=ENTITIES[::-1])

    assert list(one.ids) == list(other.ids)
    assert (one.balance != other.balance).nnz == 0
