"""The twin against figures worked out by hand, and against laws that hold whatever the numbers are."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pytest

from . import spread_twin as twin
from .random_books import AS_OF, Book, random_book, what_is_owed

BOOKS = 300
COLUMNS = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "passed_on", "gap")

REACTIONS: twin.Row = {
    "a": 1.0,
    "delta": 0.3,
    "kappa": 1.0,
    "loss_given_default": 0.45,
    "cfads_lost": 0.5,
    "keep": {
        "financier": [[0, 1], [0.2, 1], [1, 0]],
        "supplier": [[0, 1], [0.2, 1], [1, 0]],
        "project": [[0, 1]],
    },
    "keep_by": {"F1": [[0, 1], [0, 0]], "F2": [[0, 1]], "F3": [[0, 1]], "S": [[0, 1], [0, 0.5]]},
}


def entity(i: str, kind: str = "company", **more: Any) -> twin.Row:
    return {"entity_id": i, "kind": kind, **more}


def loan(loan_id: str, borrower: str, lender: str, principal: float, **more: Any) -> twin.Row:
    row = {"loan_id": loan_id, "borrower_id": borrower, "lender_id": lender, "principal": principal}
    return row | {"outstanding": principal, "start_date": date(2023, 1, 1)} | more


def instalment(loan_id: str, no: int, day: date, principal: float, interest: float = 0.0) -> twin.Row:
    due = {"principal_due": principal, "interest_due": interest}
    return {"loan_id": loan_id, "no": no, "due_date": day, **due}


def bullet(loan_id: str, borrower: str, lender: str, amount: float, **more: Any) -> twin.Rows:
    """A loan whose whole principal falls due inside 30 days."""
    return {
        "loans": [loan(loan_id, borrower, lender, amount, **more)],
        "schedule": [instalment(loan_id, 1, date(2024, 7, 20), amount)],
    }


def book(*parts: twin.Rows) -> twin.Rows:
    rows: twin.Rows = {"payments": []}
    for part in parts:
        for name, found in part.items():
            rows.setdefault(name, []).extend(copy.deepcopy(found))
    return rows


def ask(rows: twin.Rows, subject: str = "A", overdue: float | None = None, **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"as_of": AS_OF, "horizon_days": 30, "reactions": {}}
    return twin.spread(rows, subject=subject, overdue=overdue, **(settings | more))


def story() -> twin.Rows:
    """A trading firm that is 52,000 late, and those who deal with it."""
    v1 = {"invoice_id": "V1", "amount": 108_000.0, "confirmed": True, "advance_rate": 0.9, "recourse": False}
    v2 = {"invoice_id": "V2", "amount": 72_000.0, "confirmed": False, "advance_rate": 0.8, "recourse": True}
    days = {"issue_date": date(2024, 6, 20), "due_date": date(2024, 10, 18)}
    deal = {"seller_id": "A", "buyer_id": "K", "financed_by": "F3", **days}
    clause = {"cross_default": True, "cross_default_threshold": 50_000.0}
    guarantee = {"guarantee_id": "G1", "guarantor_id": "P", "debtor_id": "A", "creditor_id": "F1"}
    debt = {"debt_committed": 3_000_000.0, "debt_drawn": 2_400_000.0, "cfads": 500_000.0, "debt_service": 400_000.0}
    tests = {"dscr_lockup": 1.15, "dscr_default": 1.05, "major_party_share": 0.25}
    return {
        "entities": [
            entity("A", cash=60_000.0, monthly_inflow=45_000.0, monthly_outflow=40_000.0),
            entity("F1", "platform", cash=1_000_000.0),
            entity("F2", "bank", cash=1_000_000.0),
            entity("F3", "bank", cash=1_000_000.0),
            entity("S", cash=50_000.0),
            entity("K", cash=900_000.0),
            entity("P", "person", cash=200_000.0),
            entity("J", "project_spv", cash=0.0),
            entity("B2", "bank", cash=1_000_000.0),
        ],
        "loans": [
            loan("L1", "A", "F1", 300_000.0, start_date=date(2023, 11, 26)),
            loan("L2", "A", "F2", 200_000.0, start_date=date(2024, 4, 20)),
        ],
        "schedule": [
            instalment("L1", 1, date(2024, 2, 26), 0.0, 4_500.0),
            instalment("L1", 2, date(2024, 5, 26), 50_000.0, 2_000.0),
            instalment("L1", 3, date(2024, 11, 26), 50_000.0, 27_000.0),
            instalment("L1", 4, date(2025, 5, 26), 100_000.0, 22_500.0),
            instalment("L1", 5, date(2025, 11, 26), 100_000.0, 9_000.0),
            instalment("L2", 1, date(2024, 7, 20), 40_000.0),
            instalment("L2", 2, date(2024, 10, 20), 40_000.0, 2_000.0),
            instalment("L2", 3, date(2025, 1, 20), 40_000.0, 1_500.0),
            instalment("L2", 4, date(2025, 4, 20), 40_000.0, 1_000.0),
            instalment("L2", 5, date(2025, 7, 20), 40_000.0, 500.0),
        ],
        "payments": [
            {"loan_id": "L1", "paid_date": date(2024, 2, 26), "amount": 4_500.0, "principal": 0.0, "interest": 4_500.0}
        ],
        "facilities": [
            {"facility_id": "C1", "borrower_id": "A", "provider_id": "F1", "limit": 400_000.0, "drawn": 300_000.0},
            {"facility_id": "C2", "borrower_id": "A", "provider_id": "F2", "limit": 500_000.0, "drawn": 200_000.0}
            | clause,
        ],
        "invoices": [deal | v1, deal | v2],
        "trade": [{"seller_id": "S", "buyer_id": "A", "amount": 100_000.0, "period": "2024-06", "terms_days": 60}],
        "guarantees": [guarantee | {"loan_id": "L1", "amount": 150_000.0, "kind": "joint", "status": "active"}],
        "projects": [{"project_id": "PJ", "spv_id": "J", **debt, **tests}],
        "project_parties": [
            {"project_id": "PJ", "entity_id": "A", "role": "contractor", "share": 0.20},
            {"project_id": "PJ", "entity_id": "B2", "role": "lender", "share": 1.0},
        ],
    }


#: What the story's arithmetic by hand gives, by entity; columns that are not named are 0.
STORY_ROWS = {
    "A": {"distance": 0, "first_round": 0, "trust_loss": 425_000, "financing_loss": 557_600, "absorbed": 517_600}
    | {"passed_on": 40_000, "gap": 92_600, "defaulted": True},
    "F1": {"distance": 1, "first_round": 1, "credit_loss": 135_000},
    "F2": {"distance": 1, "first_round": 1, "cash_shortfall": 40_000, "credit_loss": 90_000, "absorbed": 40_000},
    "P": {"distance": 1, "first_round": 1, "cash_shortfall": 52_000, "absorbed": 52_000},
}
STORY_LINES = [
    ("rolled", "F3", "A", 97_200, 97_200),
    ("rolled", "F3", "A", 57_600, 0),
    ("undrawn", "F1", "A", 100_000, 0),
    ("undrawn", "F2", "A", 300_000, 0),
    ("terms", "S", "A", 200_000, 100_000),
    ("undrawn", "B2", "J", 600_000, 600_000),
]


def test_the_story_summary_is_the_one_by_hand() -> None:
    summary = ask(story(), reactions=REACTIONS)["summary"]
    # 52,000 withheld, then F2's 40,000 missed: 92,000 / 52,000
    expected = {
        "overdue_total": 52_000,
        "first_round_loss": 52_000,
        "amplification": 92_000 / 52_000,
        "rounds": 2,
        "certificate": 0,
        "vanished": 609_600,
        "absorbed": 609_600,
        "absorbed_outside": 0,
        "unknown_cash_entities": 0,
    }
    assert {key: summary[key] for key in expected} == pytest.approx(expected)
    assert summary["by_channel"] == pytest.approx(
        {"default": 40_000, "guarantee": 52_000, "supply": 100_000, "funding": 457_600, "trust": 425_000}
    )
    # distrust is 52 / 92 after round 1, when P has paid and every line is cut, and 1 after round 2
    first = {"round": 1, "cash_shortfall": 52_000, "credit_loss": 225_000, "financing_loss": 557_600}
    second = {"round": 2, "cash_shortfall": 40_000, "credit_loss": 0, "financing_loss": 0}
    assert summary["by_round"] == [
        pytest.approx(first | {"trust_loss": 425_000 * 52 / 92}),
        pytest.approx(second | {"trust_loss": 425_000 * 40 / 92}),
    ]


def test_the_story_rows_are_the_ones_by_hand() -> None:
    result = ask(story(), reactions=REACTIONS)
    assert result["shown"] == ["A", "F1", "F2", "P"]
    nothing = dict.fromkeys(COLUMNS, 0) | {"defaulted": False}
    for i, row in STORY_ROWS.items():
        expected = nothing | row
        assert {key: result["entities"][i][key] for key in expected} == pytest.approx(expected)
    assert result["rows"] == [result["entities"][i] for i in result["shown"]]


def test_the_story_detail_is_the_one_by_hand() -> None:
    detail = ask(story(), reactions=REACTIONS)["detail"]
    lines = [(line["kind"], line["giver"], line["holder"], line["amount"], line["kept"]) for line in detail["lines"]]
    assert Counter(lines) == Counter(STORY_LINES)
    assert [(row["guarantee_id"], row["paid"]) for row in detail["guarantees"]] == [("G1", 52_000)]
    (project,) = detail["projects"]
    assert project["dscr_before"] == pytest.approx(1.25)
    assert project["dscr"] == pytest.approx(1.25 * 0.9)
    assert (project["lockup"], project["drawstop"]) == (True, False)


def test_the_story_with_90_days_differs_in_the_gap_only() -> None:
    month, quarter = (ask(story(), horizon_days=days, reactions=REACTIONS) for days in (30, 90))
    # 60,000 + 3 x 5,000 - 157,600
    assert quarter["entities"]["A"]["gap"] == pytest.approx(82_600)
    for i, row in month["entities"].items():
        for column in set(COLUMNS) - {"gap"}:
            assert quarter["entities"][i][column] == pytest.approx(row[column])


@pytest.mark.parametrize("accelerated_on", [date(2024, 6, 1), date(2024, 6, 30)])
def test_the_story_with_an_accelerated_loan(accelerated_on: date) -> None:
    rows = story()
    rows["loans"][0]["accelerated_on"] = accelerated_on
    result = ask(rows, reactions=REACTIONS)
    # 300,000 of principal and the 2,000 that were late; P's cap is 150,000, F1 lacks the rest
    assert result["summary"]["overdue_total"] == 302_000
    assert result["entities"]["P"]["cash_shortfall"] == pytest.approx(150_000)
    assert result["entities"]["F1"]["cash_shortfall"] == pytest.approx(152_000)


def chain(cash: float = 300.0) -> twin.Rows:
    """A owes B 1,000, B owes C 1,000."""
    entities = {"entities": [entity("A", cash=1000.0), entity("B", cash=cash), entity("C")]}
    return book(entities, bullet("L1", "A", "B", 1000.0), bullet("L2", "B", "C", 1000.0))


def test_a_chain_of_two_debts() -> None:
    result = ask(chain(), overdue=800.0)
    # B has 300 + 200 of the 1,000 it owes: 800 + 500 are not paid
    assert result["summary"]["amplification"] == pytest.approx(1.625)
    assert column(result, "absorbed") == pytest.approx({"A": 0, "B": 300, "C": 500})
    assert column(result, "distance") == {"A": 0, "B": 1, "C": 2}
    assert column(result, "first_round") == {"A": 0, "B": 1, "C": 2}


def column(result: dict[str, Any], name: str) -> dict[str, Any]:
    return {i: row[name] for i, row in result["entities"].items()}


def test_a_share_lent_from_outside_is_lost_outside() -> None:
    shares = [{"loan_id": "L1", "lender_id": i, "share": 0.25} for i in ("X", "C")]
    result = ask(book(chain(500.0), {"loan_shares": shares}), overdue=800.0)
    # B, who lent what the shares leave, gets 100 of 500 and has 600 of the 1,000 that it owes
    assert column(result, "cash_shortfall") == pytest.approx({"A": 0, "B": 400, "C": 200 + 400})
    assert result["summary"]["absorbed_outside"] == pytest.approx(200)


def test_what_is_withheld_beyond_all_debts_is_owed_outside() -> None:
    summary = ask(chain(), overdue=1500.0)["summary"]
    assert summary["first_round_loss"] == pytest.approx(1500)
    assert summary["absorbed_outside"] == pytest.approx(500)


def test_what_is_late_is_withheld_first() -> None:
    late = {"loans": [loan("L3", "A", "C", 400.0)], "schedule": [instalment("L3", 1, date(2024, 6, 1), 400.0)]}
    # 400 of 700 are C's late loan; the other 300 come from B's 1,000
    result = ask(book(chain(1000.0), late), overdue=700.0)
    assert column(result, "cash_shortfall") == pytest.approx({"A": 0, "B": 300, "C": 400})


def test_payments_meet_the_oldest_instalment_of_the_plan_in_force() -> None:
    plan = [instalment("L1", 1, date(2024, 5, 1), 100.0, 10.0), instalment("L1", 2, date(2024, 6, 1), 100.0, 9.0)]
    late = {"version": "revised", "valid_from": date(2024, 7, 1)}
    paid = {"loan_id": "L1", "paid_date": AS_OF, "amount": 155.0, "principal": 140.0, "interest": 15.0}
    rows = {
        "loans": [loan("L1", "A", "B", 200.0)],
        "schedule": [*plan, *(row | late | {"due_date": date(2025, 1, 1)} for row in plan)],
        "payments": [paid, paid | {"paid_date": date(2024, 7, 1)}],
    }
    assert twin.unpaid_instalments(rows, "L1", AS_OF) == [(date(2024, 5, 1), 0, 0), (date(2024, 6, 1), 60, 4)]


def guaranteed(*guarantees: twin.Row, **more: Any) -> dict[str, Any]:
    """A withholds 1,000 from B, and P and Q, who have 600 each, answer for it."""
    rows = book(chain(1000.0), {"entities": [entity("P", cash=600.0), entity("Q", cash=600.0)]})
    rows["guarantees"] = [{"debtor_id": "A", "guarantee_id": f"G{n}"} | row for n, row in enumerate(guarantees)]
    return ask(rows, overdue=1000.0, **more)


P, Q = {"guarantor_id": "P"}, {"guarantor_id": "Q"}


@pytest.mark.parametrize(
    ("guarantees", "paid"),
    [
        ([P | {"kind": "joint"}, Q | {"kind": "joint"}], [600, 400]),  # in order, each with all it has
        ([P | {"kind": "joint", "amount": 250.0}, Q | {"kind": "joint"}], [250, 600]),  # up to the cap
        ([P | {"kind": "several"}, Q | {"kind": "several"}], [500, 500]),  # no share: equal parts
        ([P | {"kind": "several", "share": 0.3}, Q | {"kind": "several"}], [300, 500]),
        ([P, Q | {"kind": "joint"}], [0, 600]),  # a blank kind is general, and general ones wait
        ([P | {"kind": "joint", "loan_id": "L2"}, Q | {"kind": "joint"}], [600]),  # a loan of another
        ([P | {"kind": "joint", "end": date(2024, 6, 29)}, Q | {"kind": "joint", "amount": 0.0}], []),
        ([P | {"kind": "joint", "creditor_id": "C"}, Q | {"kind": "joint", "loan_id": "L1"}], [0, 600]),
    ],
)
def test_a_guarantee_pays_its_part_in_its_turn(guarantees: list[twin.Row], paid: list[float]) -> None:
    result = guaranteed(*guarantees)
    assert [row["paid"] for row in result["detail"]["guarantees"]] == pytest.approx(paid)
    assert result["entities"]["B"]["cash_shortfall"] == pytest.approx(1000 - sum(paid))


def test_a_general_guarantee_pays_once_its_delay_fits_the_horizon() -> None:
    result = guaranteed(P, reactions={"general_delay_days": 30})
    assert [row["paid"] for row in result["detail"]["guarantees"]] == [600]


@pytest.mark.parametrize(("recourse", "creditors"), [(True, {"A": 1000}), (False, {"A": 200, "B": 800})])
def test_without_recourse_the_financier_is_the_creditor(*, recourse: bool, creditors: dict[str, float]) -> None:
    days = {"issue_date": date(2024, 6, 1), "due_date": date(2024, 7, 1)}
    invoice = {"seller_id": "A", "buyer_id": "K", "amount": 1000.0, "financed_by": "B", "advance_rate": 0.8}
    claims = twin.invoice_claims(invoice | days | {"recourse": recourse}, AS_OF)
    assert {claim.creditor: claim.amount for claim in claims} == pytest.approx(creditors)


@pytest.mark.parametrize(
    ("settlement", "amount"),
    [
        ({}, 100),
        ({"settled_date": AS_OF}, 0),
        ({"settled_date": date(2024, 7, 1)}, 100),
        ({"settled_amount": 30.0}, 70),
        ({"settled_date": AS_OF, "settled_amount": 30.0}, 70),
        ({"issue_date": date(2024, 7, 1)}, 0),
    ],
)
def test_an_invoice_is_open_for_what_is_not_settled(settlement: twin.Row, amount: float) -> None:
    assert twin.open_amount({"amount": 100.0, "issue_date": AS_OF} | settlement, AS_OF) == amount


def test_terms_come_from_the_last_period_that_has_begun() -> None:
    sale = {"seller_id": "S", "buyer_id": "A", "terms_days": 60}
    rows = {
        "trade": [
            sale | {"period": "2023", "amount": 9999.0},
            sale | {"period": "2024-06", "amount": 300.0},
            sale | {"period": "2024-06", "amount": 60.0, "terms_days": 30},
            sale | {"period": "2024-07", "amount": 9999.0},
            sale | {"period": "2024", "amount": 366.0, "product": "steel"},
        ]
    }
    # 300 / 30 x 60 + 60 / 30 x 30 + 366 / 366 x 60
    assert twin.trade_terms(rows, AS_OF) == pytest.approx({("S", "A"): 720})


@pytest.mark.parametrize(
    ("distrust", "kept"), [(0, 1), (0.1, 0.95), (0.2, 0.9), (0.201, 0.5), (0.5, 0.5), (0.75, 0.25), (1, 0)]
)
def test_a_table_is_straight_between_points_and_late_at_a_step(distrust: float, kept: float) -> None:
    points: twin.Table = [[0, 1], [0.2, 0.9], [0.2, 0.5], [0.5, 0.5], [1, 0]]
    assert twin.read_off(points, distrust) == pytest.approx(kept, abs=1e-9)


def test_unknown_cash_is_what_the_baseline_needs() -> None:
    rows = chain()
    del rows["entities"][1]["cash"]
    rows["entities"][1]["monthly_outflow"] = 90.0
    # B is owed 1,000 and owes 1,000: it needs no cash, and passes on all that it lacks
    just, zero, days = (ask(rows, overdue=800.0, unknown_cash=kind) for kind in ("just_solvent", "zero", "60d"))
    assert just["entities"]["B"]["passed_on"] == pytest.approx(800)
    assert just["summary"]["unknown_cash_entities"] == 2
    assert just["summary"]["unknown_cash_passed_on"] == pytest.approx(800)
    assert zero["entities"]["B"]["level"]["cash"] == 0
    # 60 days of outflow are 180, less the 90 that flow out inside the horizon
    assert days["entities"]["B"]["level"]["cash"] == pytest.approx(90)
    with pytest.raises(twin.UnknownCashError, match="B"):
        ask(rows, overdue=800.0, unknown_cash="refuse")


def test_a_financier_that_loses_its_equity_lends_no_more() -> None:
    limit = {"facility_id": "C1", "borrower_id": "C", "provider_id": "B", "limit": 400.0, "drawn": 0.0}
    rows = book(chain(1000.0), {"facilities": [limit]})
    rows["entities"][1]["equity"] = 900.0
    # half of 0.45 x 1,000 of B's 900 is gone: collateral of 600 x (1 - 0.5) comes off first
    rows["collateral"] = [{"loan_id": "L1", "value": 600.0, "haircut": 0.5}]
    result = ask(rows, overdue=800.0)
    assert result["entities"]["B"]["credit_loss"] == pytest.approx(0.45 * 700)
    assert result["entities"]["C"]["financing_loss"] == pytest.approx(400 * 0.45 * 700 / 900)
    limit["cancellable"] = False
    held = ask(book({**rows, "facilities": [limit]}), overdue=800.0)
    assert held["entities"]["C"]["financing_loss"] == 0


def test_a_giver_s_id_wins_over_its_kind_and_that_over_the_role() -> None:
    limits = [
        {"facility_id": f"C-{i}", "borrower_id": "A", "provider_id": i, "limit": 100.0, "drawn": 0.0}
        for i in ("B", "C", "X")
    ]
    rows = book(chain(1000.0), {"facilities": limits})
    rows["entities"][2]["kind"] = "bank"
    keep = {"financier": [[0, 1], [0, 0.5]], "bank": [[0, 1], [0, 0.25]]}
    result = ask(rows, overdue=800.0, reactions={"keep": keep, "keep_by": {"B": [[0, 1]]}})
    kept = {line["giver"]: line["kept"] for line in result["detail"]["lines"]}
    assert kept == pytest.approx({"B": 100, "C": 25, "X": 50})


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({}, False),  # 1.2 x (1 - 0.5 x 0.3) = 1.02
        ({"dscr_default": 1.03}, True),
        ({"dscr_default": 1.02}, False),  # equal is not below
        ({"dscr_default": 1.03, "debt_service": 0.0}, False),
        ({"major_party_share": 0.3}, True),
        ({"major_party_share": 0.31}, False),
        ({"major_party_share": 0.3, "cfads": None}, True),
    ],
)
def test_draws_stop_by_the_ratio_or_by_a_major_party(changes: twin.Row, *, stops: bool) -> None:
    project = {"project_id": "PJ", "spv_id": "J", "debt_committed": 900.0, "debt_drawn": 400.0}
    parties = [("A", "contractor", 0.3), ("B", "lender", 0.6), ("C", "sponsor", 0.5)]
    rows = book(
        chain(1000.0),
        {
            "entities": [entity("J", "project_spv", cash=0.0)],
            "projects": [project | {"cfads": 1200.0, "debt_service": 1000.0} | changes],
            "project_parties": [
                {"project_id": "PJ", "entity_id": i, "role": role, "share": share} for i, role, share in parties
            ],
        },
    )
    result = ask(rows, overdue=800.0)
    assert result["detail"]["projects"][0]["drawstop"] is stops
    assert result["entities"]["J"]["financing_loss"] == pytest.approx(500 * 0.6 if stops else 0)


def test_distrust_reflects_on_groups_partners_and_projects() -> None:
    rows = book(chain(1000.0), {"entities": [entity("J", "project_spv", cash=0.0), entity("N", cash=0.0)]})
    for place in (0, 3, 4):
        rows["entities"][place]["group_id"] = "N1"
    rows["partnerships"] = [
        {"from_id": "A", "to_id": "C", "weight": 0.4},
        {"from_id": "N", "to_id": "C", "weight": 0.9, "end": date(2024, 6, 29)},
    ]
    rows["projects"] = [{"project_id": "PJ", "spv_id": "J"}]
    rows["project_parties"] = [{"project_id": "PJ", "entity_id": "A", "role": "contractor", "share": 0.3}]
    result = ask(rows, overdue=800.0)
    # the fixed point of z = own + 0.3 x influence z, with J's row 1/2 (A), 1/2 (N) and 0.3 (A) scaled to 1
    order = ["A", "C", "J", "N"]
    influence = np.array([[0, 0.4, 0.5, 0.5], [0.4, 0, 0, 0], [0.8, 0, 0, 0.5], [0.5, 0, 0.5, 0]])
    influence /= np.maximum(1, influence.sum(axis=1))[:, None]
    expected = np.linalg.solve(np.eye(4) - 0.3 * influence, [0.8, 0, 0, 0])
    found = [result["entities"][i]["level"]["distrust"] for i in order]
    assert found == pytest.approx(np.minimum(1, expected))


def test_without_a_table_of_entities_every_id_is_one() -> None:
    rows = chain()
    del rows["entities"]
    result = ask(rows, overdue=800.0)
    assert column(result, "absorbed") == pytest.approx({"A": 0, "B": 0, "C": 800})


@pytest.mark.parametrize(
    ("day", "due", "overdue"),
    [
        (date(2024, 6, 29), 100, 100),
        (AS_OF, 100, 0),
        (date(2024, 7, 30), 100, 0),
        (date(2024, 7, 31), 0, 0),
    ],
)
def test_what_is_due_and_what_is_late_at_their_edges(day: date, due: float, overdue: float) -> None:
    invoice = {"seller_id": "B", "buyer_id": "A", "amount": 100.0, "issue_date": date(2024, 6, 1), "due_date": day}
    rows = {
        "loans": [loan("L1", "A", "B", 100.0)],
        "schedule": [instalment("L1", 1, day, 100.0)],
        "invoices": [invoice, invoice | {"disputed": True}],
    }
    last_day = date(2024, 7, 30)
    loans = twin.read_loans(rows, {"A": {}}, AS_OF, last_day)
    items = twin.read_items(rows, loans, {"A": {}}, AS_OF, last_day)
    assert [(item.amount, item.overdue) for item in items] == ([(due, overdue)] * 2 if due else [])


@pytest.mark.parametrize(("valid_from", "dues"), [(AS_OF, [100]), (date(2024, 7, 1), [60, 40])])
def test_a_revised_plan_holds_from_its_day(valid_from: date, dues: list[float]) -> None:
    plan = [instalment("L1", 1, AS_OF, 60.0), instalment("L1", 2, AS_OF, 40.0)]
    revised = instalment("L1", 1, AS_OF, 100.0) | {"version": "revised", "valid_from": valid_from}
    unpaid = twin.unpaid_instalments({"schedule": [*plan, revised]}, "L1", AS_OF)
    assert [principal for _, principal, _ in unpaid] == dues


@pytest.mark.parametrize("status", ["settled", "written_off", "sold"])
def test_a_loan_that_is_over_owes_nothing(status: str) -> None:
    over = loan("L1", "A", "B", 100.0, status=status, accelerated_on=AS_OF)
    assert twin.read_loans({"loans": [over]}, {"A": {}}, AS_OF, AS_OF) == []
    assert twin.outstanding_of({}, over, AS_OF) == 0


def test_an_expired_facility_has_nothing_to_draw() -> None:
    row = {"facility_id": "C1", "borrower_id": "A", "provider_id": "B", "limit": 500.0}
    rows = {"loans": [loan("L1", "A", "B", 100.0, facility_id="C1")], "facilities": [row]}
    assert [line.amount for line in twin.undrawn_lines(rows, {"A": {}}, AS_OF)] == [400]
    rows["facilities"] = [row | {"expiry": AS_OF}]
    assert twin.undrawn_lines(rows, {"A": {}}, AS_OF) == []


@pytest.mark.parametrize(("own", "left_in_run"), [(None, 200), (100.0, 200), (300.0, 300), (5000.0, 5000)])
def test_the_subject_can_pay_all_but_what_it_withholds(own: float | None, left_in_run: float) -> None:
    rows = chain(1000.0)
    rows["entities"][0]["cash"] = own
    levels = ask(rows, overdue=800.0)["entities"]["A"]
    assert levels["level_before"]["payment"] == 1000
    assert levels["level"]["cash"] == pytest.approx(left_in_run)


def test_cash_that_is_withheld_pays_for_nobody_else() -> None:
    rows = chain(0.0)
    rows["guarantees"] = [{"guarantee_id": "G", "guarantor_id": "A", "debtor_id": "B", "kind": "joint"}]
    result = ask(rows, overdue=1000.0)
    assert result["detail"]["guarantees"][0]["paid"] == 0
    rows["entities"][0]["cash"] = 1700.0
    assert ask(rows, overdue=1000.0)["detail"]["guarantees"][0]["paid"] == pytest.approx(700)


@pytest.mark.parametrize(("provider", "threshold", "kept"), [("B", 0, 100), ("C", 800, 100), ("C", 799, 0)])
def test_cross_default_looks_at_what_is_unpaid_elsewhere(provider: str, threshold: float, kept: float) -> None:
    limit = {"facility_id": "C1", "borrower_id": "A", "provider_id": provider, "limit": 100.0, "drawn": 0.0}
    clause = {"cross_default": True, "cross_default_threshold": threshold}
    rows = book(chain(1000.0), {"facilities": [limit | clause]})
    result = ask(rows, overdue=800.0, reactions={"keep": {"financier": [[0, 1]]}})
    assert result["detail"]["lines"][0]["kept"] == kept


@pytest.mark.parametrize(
    ("invoice", "kept"),
    [
        ({"confirmed": True}, 100),  # it follows the buyer, who pays
        ({"confirmed": True, "recourse": True}, 100),
        ({"confirmed": True, "confirmed_date": date(2024, 7, 1)}, 0),  # not yet: with recourse
        ({"recourse": False}, 25),  # no clause, but the seller is distrusted: 1 - (0.8 - 0.2) / 0.8
        ({"recourse": True}, 0),
        ({}, 0),
    ],
)
def test_what_is_left_of_an_advance(invoice: twin.Row, kept: float) -> None:
    deal = {"invoice_id": "V", "seller_id": "A", "buyer_id": "C", "amount": 125.0, "financed_by": "F"}
    days = {"issue_date": AS_OF, "due_date": date(2025, 1, 1), "advance_rate": 0.8}
    rows = book(chain(1000.0), {"entities": [entity("F")], "invoices": [deal | days | invoice]})
    result = ask(rows, overdue=800.0)
    assert result["detail"]["lines"][0]["kept"] == pytest.approx(kept)


def test_distance_goes_from_the_buyer_of_a_confirmed_advance_to_its_seller() -> None:
    deal = {"invoice_id": "V", "seller_id": "S", "buyer_id": "A", "amount": 100.0, "financed_by": "F"}
    days = {"issue_date": AS_OF, "due_date": date(2025, 1, 1), "confirmed": True}
    more = {"entities": [entity("F"), entity("S")], "invoices": [deal | days]}
    limit = {"facility_id": "C1", "borrower_id": "N", "provider_id": "C", "limit": 100.0, "drawn": 0.0}
    more |= {"facilities": [limit]}
    more["entities"].append(entity("N"))
    late = {"guarantee_id": "G", "guarantor_id": "F", "debtor_id": "A"}  # general: too late to be called
    result = ask(book(chain(1000.0), more, {"guarantees": [late]}), overdue=800.0)
    assert column(result, "distance") == {"A": 0, "B": 1, "C": 2, "F": None, "S": 1, "N": 3}
    # confirmed: the advance follows A's distrust of 0.8, although S owes nothing
    assert result["entities"]["S"]["financing_loss"] == pytest.approx(75)


def test_stakes_and_beliefs() -> None:
    rows = book(chain(1000.0), {"entities": [entity("S"), entity("F"), entity("P")]})
    rows["entities"][0]["pd"] = 0.1
    sale = {"seller_id": "S", "buyer_id": "A", "amount": 300.0, "period": "2024-06", "terms_days": 60}
    deal = {"invoice_id": "V", "seller_id": "S", "buyer_id": "A", "amount": 200.0, "financed_by": "F"}
    days = {"issue_date": AS_OF, "due_date": date(2025, 1, 1), "recourse": False, "advance_rate": 0.8}
    rows |= {"trade": [sale], "invoices": [deal | days]}
    rows["guarantees"] = [
        {"guarantee_id": "G1", "guarantor_id": "P", "debtor_id": "A", "amount": 70.0},
        {"guarantee_id": "G2", "guarantor_id": "P", "debtor_id": "A", "kind": "several", "share": 0.5},
    ]
    rows["partnerships"] = [{"from_id": "P", "to_id": "A", "trust": 0.6}, {"from_id": "A", "to_id": "B", "trust": 0.1}]
    model = twin.build(rows, AS_OF, 30, "A", reactions={}, overdue=None)
    # S: 40 of the invoice and 600 of terms less the 200 invoiced; P: 70 and half of 1,000 + 200
    stakes = {"B": 1000, "S": 40 + 400, "F": 160, "P": 70 + 600}
    assert {i: amount for (i, j), amount in model.relation.items() if j == "A"} == pytest.approx(stakes)
    beliefs = {i: belief for (i, j), belief in model.trust.items() if j == "A"}
    assert beliefs == pytest.approx({"B": 0.9, "S": 0.9, "F": 0.9, "P": 0.6})


def test_project_debt_is_cut_by_contract_only() -> None:
    project = {"project_id": "PJ", "spv_id": "A", "debt_committed": 900.0, "debt_drawn": 400.0}
    party = {"project_id": "PJ", "entity_id": "C", "role": "lender", "share": 1.0}
    rows = book(chain(1000.0), {"projects": [project], "project_parties": [party]})
    rows["entities"][2]["kind"] = "bank"
    cut = [[0, 1], [0, 0]]
    assert ask(rows, overdue=800.0, reactions={"keep": {"bank": cut}})["entities"]["A"]["financing_loss"] == 0
    assert ask(rows, overdue=800.0, reactions={"keep_by": {"C": cut}})["entities"]["A"]["financing_loss"] == 500


def test_collateral_comes_off_a_loan_before_it_is_shared() -> None:
    rows = chain(1000.0)
    rows["loan_shares"] = [{"loan_id": "L1", "lender_id": "C", "share": 0.5}]
    rows["collateral"] = [{"loan_id": "L1", "value": 600.0}]
    result = ask(rows, overdue=800.0)
    assert column(result, "credit_loss") == pytest.approx({"A": 0, "B": 0.45 * 200, "C": 0.45 * 200})
    assert result["entities"]["C"]["npl_after"] == pytest.approx(500 / 1500)


# --- Laws, on random books ---

Asked = tuple[Book, dict[str, Any]]


def question(found: Book, **changes: Any) -> dict[str, Any]:
    rows, reactions, subject, as_of, horizon_days, overdue = found
    settings = {"reactions": reactions, "overdue": overdue} | changes
    return twin.spread(settings.pop("rows", rows), as_of=as_of, horizon_days=horizon_days, subject=subject, **settings)


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    found = []
    for seed in range(BOOKS):
        rng = np.random.default_rng(seed)
        drawn = random_book(rng, int(rng.integers(2, 9)))
        found.append((drawn, question(drawn)))
    return found


def scale(result: dict[str, Any]) -> float:
    """The largest money in a result, which rounding is measured against."""
    lines = [line["amount"] for line in result["detail"]["lines"]]
    owed = [row["level"]["obligation"] for row in result["entities"].values()]
    return float(max([1.0, result["summary"]["overdue_total"], *lines, *owed]))


def near(value: float, result: dict[str, Any]) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9 * scale(result))


def total(result: dict[str, Any], name: str) -> float:
    return float(sum(row[name] for row in result["entities"].values()))


def newly_failed(result: dict[str, Any], subject: str) -> list[str]:
    return [
        i
        for i, row in result["entities"].items()
        if i != subject and row["level"]["defaulted"] > row["level_before"]["defaulted"]
    ]


def left(level: dict[str, float]) -> float:
    """What an entity has once it has paid its debts and its guarantees."""
    sources = level["cash"] + level["kept_undrawn"] + level["received"] + level["guarantee_receipts"]
    return max(0.0, sources - level["withdrawn"]) - level["payment"] - level["guarantees_paid"]


def test_the_books_let_losses_travel(asked: list[Asked]) -> None:
    counts: Counter[str] = Counter()
    for (_, _, subject, _, _, _), result in asked:
        counts.update(name for name, amount in result["summary"]["by_channel"].items() if amount > 1)
        counts["newly failed"] += bool(newly_failed(result, subject))
        counts["gap"] += any(row["gap"] > 1 for row in result["entities"].values())
        counts["outside"] += result["summary"]["absorbed_outside"] > 1
        assert result["converged"]
    assert counts["newly failed"] >= BOOKS // 4
    assert min(counts[name] for name in ("guarantee", "supply", "funding", "trust", "gap", "outside")) > BOOKS // 6


def test_law_cash_is_neither_made_nor_lost(asked: list[Asked]) -> None:
    for _, result in asked:
        for when in ("level_before", "level"):
            levels = [row[when] for row in result["entities"].values()]
            outside = result["outside" if when == "level" else "outside_before"]
            for level in levels:
                assert left(level) >= -1e-9 * scale(result)
                assert -1e-9 <= level["payment"] <= level["obligation"] + 1e-9
            for paid, got in (("payment", "received"), ("guarantees_paid", "guarantee_receipts")):
                arrived = sum(level[got] for level in levels) + outside[got]
                assert sum(level[paid] for level in levels) == near(arrived, result)


def test_law_what_is_not_paid_is_what_creditors_lack(asked: list[Asked]) -> None:
    for _, result in asked:
        levels = [(row["level_before"], row["level"]) for row in result["entities"].values()]
        missing = sum(before["payment"] - after["payment"] for before, after in levels)
        gross = sum(before["received"] - after["received"] for before, after in levels)
        gross += result["outside_before"]["received"] - result["outside"]["received"]
        assert missing == near(gross, result)
        amplification = result["summary"]["amplification"]
        assert missing == near((amplification or 0.0) * result["summary"]["overdue_total"], result)


def test_law_identities_of_the_four_columns(asked: list[Asked]) -> None:
    for _, result in asked:
        summary = result["summary"]
        channel = summary["by_channel"]
        outside = summary["absorbed_outside"]
        assert summary["first_round_loss"] == near(summary["overdue_total"], result)
        assert summary["absorbed"] + outside == near(summary["vanished"], result)
        assert summary["vanished"] == near(summary["overdue_total"] + total(result, "financing_loss"), result)
        arrived = total(result, "cash_shortfall") + outside
        assert arrived == near(summary["overdue_total"] + total(result, "passed_on"), result)
        assert arrived == near(channel["default"] + channel["guarantee"], result)
        assert total(result, "financing_loss") == near(channel["supply"] + channel["funding"], result)
        assert total(result, "trust_loss") == near(channel["trust"], result)
        by_round = summary["by_round"]
        assert [row["round"] for row in by_round] == list(range(1, summary["rounds"] + 1))
        assert sum(row["cash_shortfall"] for row in by_round) == near(arrived, result)
        for name in ("credit_loss", "trust_loss", "financing_loss"):
            assert sum(row[name] for row in by_round) == near(total(result, name), result)


def test_law_withdrawn_lines_are_the_financing_loss(asked: list[Asked]) -> None:
    for _, result in asked:
        lines = result["detail"]["lines"]
        for i, row in result["entities"].items():
            cut = sum(line["kept_before"] - line["kept"] for line in lines if line["holder"] == i)
            whole = sum(line["amount"] for line in lines if line["holder"] == i)
            assert row["financing_loss"] == near(cut, result)
            assert -1e-9 * scale(result) <= cut <= whole + 1e-9 * scale(result)


def test_law_bounds(asked: list[Asked]) -> None:
    for _, result in asked:
        slack = 1e-9 * scale(result)
        for row in result["entities"].values():
            before, after = row["level_before"], row["level"]
            assert before["received"] - after["received"] <= after["receivable"] + slack
            assert -slack <= row["trust_loss"] <= after["trust_at_stake"] + slack
            assert row["credit_loss"] >= -slack
            assert all(row[name] >= -slack for name in ("absorbed", "passed_on", "gap"))


def worse_by(good: dict[str, Any], bad: dict[str, Any]) -> float:
    """How far some level of the run that ought to be worse is better, in money; at most 0 if none is."""
    better = [0.0]
    for i, row in good["entities"].items():
        one, other = row["level"], bad["entities"][i]["level"]
        better += [other[name] - one[name] for name in ("payment", "kept_undrawn")]
        better += [one["withdrawn"] - other["withdrawn"]]
        better += [(one["distrust"] - other["distrust"]) * scale(good)]
    return max(better)


def same_cash(one: dict[str, Any], other: dict[str, Any], but: str = "") -> bool:
    """Whether cash that follows from the baseline is the same in both, so that levels can be compared."""
    pairs = [(row, other["entities"][i]) for i, row in one["entities"].items() if i != but]
    return all(abs(a["level_before"]["cash"] - b["level_before"]["cash"]) < 1e-9 for a, b in pairs)


@pytest.mark.parametrize(("name", "step"), [("a", 1.0), ("delta", 0.09), ("kappa", 1.0)])
def test_law_stronger_reactions_make_no_level_better(asked: list[Asked], name: str, step: float) -> None:
    compared = moved = 0
    for found, _ in asked:
        values = {"a": 1.0, "delta": 0.3, "kappa": 1.0} | found[1]
        mild, harsh = question(found), question(found, reactions=values | {name: values[name] + step})
        if same_cash(mild, harsh):
            compared += 1
            moved += mild["entities"] != harsh["entities"]
            assert worse_by(mild, harsh) <= 1e-8 * scale(mild)
    assert compared > BOOKS // 2
    assert moved > BOOKS // 30


@pytest.mark.parametrize("name", ["cash", "equity"])
def test_law_more_cash_or_equity_makes_no_level_worse(asked: list[Asked], name: str) -> None:
    compared = 0
    for found, poor in asked:
        for place, row in enumerate(found[0]["entities"][:3]):
            if row.get(name) is None:
                continue
            entities = copy.deepcopy(found[0]["entities"])
            entities[place][name] += 1500.0
            rich = question(found, rows=found[0] | {"entities": entities})
            if same_cash(poor, rich, but=row["entity_id"]):
                compared += 1
                assert worse_by(rich, poor) <= 1e-8 * scale(poor)
    assert compared > BOOKS // 2


def test_law_a_greater_shock_in_proportion_makes_no_level_better(asked: list[Asked]) -> None:
    compared = 0
    for found, _ in asked:
        owed, late = what_is_owed(found[0], found[4])[found[2]]
        if owed > 0 and late == 0:
            mild, harsh = (question(found, overdue=part * owed) for part in (0.3, 0.7))
            compared += 1
            assert worse_by(mild, harsh) <= 1e-8 * scale(mild)
    assert compared > BOOKS // 6


def test_law_no_shock_no_loss(asked: list[Asked]) -> None:
    calm = 0
    for found, _ in asked:
        result = question(found, overdue=0.0)
        for row in result["entities"].values():
            assert [row[name] for name in COLUMNS] == pytest.approx([0.0] * len(COLUMNS), abs=1e-9 * scale(result))
        assert result["summary"]["amplification"] is None
        before = [row["level_before"] for row in result["entities"].values()]
        if not any(level["distrust"] or level["defaulted"] for level in before):
            stopped = {row["project_id"] for row in result["detail"]["projects"] if row["drawstop"]}
            thirsty = {row["spv_id"] for row in found[0]["projects"] if row["project_id"] in stopped}
            calm += 1
            for line in result["detail"]["lines"]:
                assert line["kept"] == line["amount"] or line["holder"] in thirsty
    assert calm > BOOKS // 3


def test_law_without_feedback_spare_means_of_the_failed_are_within_the_shock(asked: list[Asked]) -> None:
    failed = 0
    for found, _ in asked:
        result = question(found, feedback=False)
        assert total(result, "financing_loss") == 0
        new = newly_failed(result, found[2])
        spare = sum(left(result["entities"][i]["level_before"]) for i in new)
        failed += bool(new)
        assert spare <= result["summary"]["overdue_total"] + 1e-9 * scale(result)
    assert failed > BOOKS // 6


def test_law_the_worst_start_loses_no_less(asked: list[Asked]) -> None:
    apart = 0
    for found, best in asked:
        worst = question(found, extreme="least")
        assert worst["converged"]
        slack = 1e-8 * scale(best)
        assert worse_by(best, worst) <= slack
        guarantors = {row["guarantor_id"] for row in found[0]["guarantees"]}
        for i, row in best["entities"].items():
            loses = worst["entities"][i]
            assert all(loses[name] >= row[name] - slack for name in COLUMNS[1:4])
            # a guarantor that is hit itself pays less for others
            assert i in guarantors or loses["cash_shortfall"] >= row["cash_shortfall"] - slack
        apart += worst["summary"]["vanished"] > best["summary"]["vanished"] + 1
    assert apart > BOOKS // 20


MONEY = {
    "amount",
    "limit",
    "drawn",
    "cash",
    "equity",
    "monthly_inflow",
    "monthly_outflow",
    "principal",
    "outstanding",
    "principal_due",
    "interest_due",
    "interest",
    "value",
    "settled_amount",
    "cross_default_threshold",
    "debt_committed",
    "debt_drawn",
    "cfads",
    "debt_service",
}


def scaled(rows: twin.Rows, factor: float) -> twin.Rows:
    def grown(row: twin.Row) -> twin.Row:
        return {name: value * factor if name in MONEY else value for name, value in row.items()}

    return {table: [grown(row) for row in found] for table, found in rows.items()}


def test_law_a_change_of_unit_changes_nothing_else(asked: list[Asked]) -> None:
    for found, result in asked[:100]:
        overdue = found[5] if found[5] is None else 4 * found[5]
        greater = question(found, rows=scaled(found[0], 4.0), overdue=overdue)
        for i, row in result["entities"].items():
            expected = [4 * row[name] for name in COLUMNS]
            assert [greater["entities"][i][name] for name in COLUMNS] == pytest.approx(expected)


def test_law_names_and_order_change_nothing(asked: list[Asked]) -> None:
    rng = np.random.default_rng(7)
    for found, result in asked[:100]:
        rows, reactions, subject, as_of, horizon_days, overdue = found
        ids = [row["entity_id"] for row in rows["entities"]]
        names = dict(zip(ids, [f"Z{place}" for place in rng.permutation(len(ids))], strict=True))
        renamed = {
            table: [{c: names.get(v, v) if isinstance(v, str) else v for c, v in row.items()} for row in own]
            for table, own in rows.items()
        }
        for own in renamed.values():
            rng.shuffle(own)
        keep_by = {names.get(i, i): points for i, points in reactions.get("keep_by", {}).items()}
        other = twin.spread(
            renamed,
            as_of=as_of,
            horizon_days=horizon_days,
            subject=names[subject],
            reactions=reactions | {"keep_by": keep_by},
            overdue=overdue,
        )
        for i, row in result["entities"].items():
            expected = [row[name] for name in COLUMNS]
            assert [other["entities"][names[i]][name] for name in COLUMNS] == near_list(expected, result)


def near_list(values: list[float], result: dict[str, Any]) -> Any:
    return pytest.approx(values, rel=1e-8, abs=1e-8 * scale(result))
