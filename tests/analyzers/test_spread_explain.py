"""`spread --explain`: rows worked by hand on the story, one small book a clause, and laws on the sample and on dice."""

from collections import defaultdict
from datetime import date

import numpy as np
import pytest
from spread_books import chain, entity, network, owes
from twin.random_books import AS_OF
from twin.tables import tables_of
from twin.test_spread_equals_twin import draw, reactions_of
from twin.test_twin_story import REACTIONS, story

from graphrisk import read
from graphrisk.analyzers.spread import Asked, spread
from graphrisk.analyzers.spread_explain import explain
from graphrisk.analyzers.spread_explained import SUMMED
from graphrisk.errors import UsageError
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions


@pytest.fixture(scope="module")
def the_story():
    found = Network.from_tables(tables_of(story()), as_of=AS_OF, horizon_days=30)
    return found, Asked("A", reactions=reactions_of(REACTIONS))


def told(result) -> list[tuple]:
    """Return the rows that change something, as (record, contract, round, amount, clause)."""
    rows = result.rows[result.rows["amount"] != 0].astype({"round": object})
    return [
        (record, contract if isinstance(contract, str) else None, int(number), round(amount, 6), clause)
        for record, contract, number, amount, clause in rows[
            ["record", "contract_id", "round", "amount", "clause"]
        ].itertuples(index=False)
        if not np.isnan(amount)
    ]


def sums(result) -> dict[str, float]:
    return result.rows.groupby("adds_to", observed=True)["amount"].sum().to_dict()


def one(result, contract: str, record: str | None = None) -> dict:
    rows = result.rows[result.rows["contract_id"] == contract]
    (row,) = (rows if record is None else rows[rows["record"] == record]).to_dict("records")
    return row


def test_the_story_of_the_bank_by_hand(the_story):
    # F2's instalment of 40,000 is missed in round 2, when A's advances and trade credit are gone; A has defaulted in
    # round 1, when it left 52,000 of 92,000 unpaid: 0.45 x 200,000.
    result = explain(*the_story, "F2")

    assert told(result) == [
        ("shortfall", "L2", 2, 40_000, "short_of_means"),
        ("credit", "L2", 1, 90_000, "defaulted"),
    ]
    assert result.detail["given"] == [
        {"contract_id": "C2", "kind": "facility", "holder": "A", "amount": 300_000.0, "withdrawn": 300_000.0}
    ]
    assert result.detail["instalments"] == [
        {
            "loan_id": "L2",
            "lender": "F2",
            "share": 1.0,
            "no": 1,
            "due_date": date(2024, 7, 20),
            "principal": 40_000.0,
            "interest": 0.0,
        }
    ]


def test_the_story_of_the_platform_by_hand(the_story):
    result = explain(*the_story, "F1")

    assert told(result) == [
        ("withheld", "L1", 1, 52_000, "withheld"),
        ("guarantee_received", "G1", 1, -52_000, "all_unpaid"),
        ("credit", "L1", 1, 135_000, "defaulted"),
    ]
    assert [(row["principal"], row["interest"]) for row in result.detail["instalments"]] == [(50_000.0, 2_000.0)]


def test_the_story_of_the_guarantor_by_hand(the_story):
    result = explain(*the_story, "P")

    assert told(result) == [("guarantee_paid", "G1", 1, 52_000, "all_unpaid")]
    (call,) = result.detail["guarantees"]
    assert (call["unpaid"], call["left_by_others"], call["cap"], call["paid"]) == (52_000, 52_000, 150_000, 52_000)


def test_the_story_of_the_firm_by_hand(the_story):
    result = explain(*the_story, "A")
    first = 52 / 92  # distrust after round 1: 52,000 of 92,000 are unpaid
    stakes = {"L1": 300_000, "L2": 200_000, None: 200_000, "G1": 150_000}

    got = told(result)
    assert [row for row in got if row[0] == "withheld"] == [("withheld", "L1", 1, 52_000, "withheld")]
    assert {row[1]: row[3] for row in got if row[0] == "trust" and row[2] == 1} == {
        contract: round(0.5 * stake * first, 6) for contract, stake in stakes.items()
    }
    assert {row[1]: row[3] for row in got if row[0] == "trust" and row[2] == 2} == {
        contract: round(0.5 * stake * (1 - first), 6) for contract, stake in stakes.items()
    }
    assert [row for row in got if row[0] == "financing"] == [
        ("financing", "C2", 1, 300_000, "cross_default"),
        ("financing", "C1", 1, 100_000, "keep_by"),
        ("financing", None, 1, 100_000, "keep_by"),
        ("financing", "V2", 1, 57_600, "recourse"),
    ]
    assert [row for row in got if row[0] == "passed_on"] == [("passed_on", "L2", 2, 40_000, "short_of_means")]
    assert one(result, "V1")["clause"] == "follows_buyer"


def test_the_numbers_of_a_clause_can_be_redone(the_story):
    lines = {line["contract_id"]: line for line in explain(*the_story, "A").detail["lines"]}

    assert lines["C2"]["threshold"] == 50_000
    assert lines["C2"]["unpaid_elsewhere"] == 52_000
    assert lines["C1"]["threshold"] is None
    assert lines["C1"]["points"] == [[0, 1], [0, 0]]
    assert lines["C1"]["distrust"] == 1
    assert lines["V1"]["follows"] == "K"
    assert (lines["V1"]["amount"], lines["V1"]["kept"]) == (97_200, 1)


def test_the_project_of_the_story_by_hand(the_story):
    result = explain(*the_story, "J")
    (project,) = result.detail["projects"]

    assert project["dscr_after"] == pytest.approx(1.25 * (1 - 0.2 * 0.5))
    assert (project["late_parties"], project["late_share"], project["clause"]) == (["A"], 0.2, "lockup")
    (row,) = result.rows[result.rows["record"] == "project"].to_dict("records")
    assert (row["ratio_before"], row["ratio_after"], row["round"]) == (1.25, pytest.approx(1.125), 1)


@pytest.mark.parametrize(
    ("promise", "clause"),
    [
        ({"op": ">=", "level": 1.15}, "covenant_breached"),
        ({"op": ">=", "level": 1.125}, "covenant_met"),
        ({"op": ">", "level": 1.125}, "covenant_breached"),
        ({"op": ">=", "level": 1.3}, "covenant_breached_before"),
        ({"op": "<", "level": 2}, "covenant_met"),
        ({"op": ">=", "level": 1.15, "metric": "leverage"}, "covenant_untested"),
        ({"op": ">=", "level": 1.15, "subject_id": "J"}, "covenant_breached"),
    ],
)
def test_covenants_on_coverage_are_tested(promise, clause):
    rows = story()
    rows["covenants"] = [{"covenant_id": "N", "subject_id": "PJ", "metric": "DSCR", "action": "lockup", **promise}]
    found = Network.from_tables(tables_of(rows), as_of=AS_OF, horizon_days=30)
    result = explain(found, Asked("A", reactions=reactions_of(REACTIONS)), "J")

    assert one(result, "N")["clause"] == clause
    assert result.detail["covenants"][0]["clause"] == clause


def facility(number: str, **more) -> dict:
    return {"facility_id": number, "borrower_id": "A", "provider_id": "B", "limit": 50_000, "drawn": 0, **more}


def lender_of_a(**more) -> Network:
    """A owes C 1,000 and B 10,000 later; B gives A facilities."""
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 1_000_000, "start_date": "2024-01-01"}
    tables = {"facilities": [facility("F")], **more}
    return network(
        [entity("A"), entity("B", equity=400_000), entity("C")],
        loans=[{**loan, "outstanding": 1_000_000}],
        invoices=[owes("A", "C", 1000)],
        **tables,
    )


@pytest.mark.parametrize(
    ("line", "rules", "lost", "clause"),
    [
        ({}, "keep_by.B = [[0, 1]]", 500, "capacity"),  # B loses 0.45 x 10,000 of an equity of 4,000
        ({}, "loss_given_default = 0.2\nkeep_by.B = [[0, 1]]", 250, "capacity"),  # 2,000 of 4,000: half is kept
        ({}, "kappa = 0", 500, "keep_role"),
        ({}, "kappa = 0\nkeep.company = [[0, 1], [1, 0.2]]", 400, "keep_kind"),
        ({}, "kappa = 0\nkeep_by.B = [[0, 1], [1, 0.4]]", 300, "keep_by"),
        ({}, "kappa = 0\nkeep_by.B = [[0, 1]]", 0, "table_flat"),
        ({}, "kappa = 0\na = 0.0", 0, "no_distrust"),
        ({"cancellable": False}, "", 0, "not_cancellable"),
        ({"cross_default": True, "cross_default_threshold": 99_900}, "kappa = 0", 500, "cross_default"),
        (
            {"cross_default": True, "cross_default_threshold": 100_000},
            "kappa = 0\nkeep_by.B = [[0, 1]]",
            0,
            "threshold_not_passed",
        ),
    ],
)
def test_each_clause_is_named(line, rules, lost, clause):
    found = lender_of_a(facilities=[facility("F", **line)])
    result = explain(found, Asked("A", 1000, read_reactions(rules, source="mine.toml")), "A")

    row = one(result, "F")
    assert (row["clause"], row["amount"]) == (clause, pytest.approx(lost))
    assert any(note.code in ("explain_line_cut", "explain_line_kept") for note in result.notes)


def test_without_feedback_every_line_is_kept_and_that_is_why():
    result = explain(lender_of_a(), Asked("A", 1000, feedback=False), "A")

    assert one(result, "F")["clause"] == "no_feedback"
    assert one(result, "F")["amount"] == 0


def of_project(share: float, cfads: int) -> Network:
    project = {"project_id": "PJ", "spv_id": "J", "debt_committed": 300_000, "debt_drawn": 100_000}
    tests = {"cfads": cfads, "debt_service": 100_000, "dscr_default": 1.05, "major_party_share": 0.25}
    return network(
        [entity("A"), entity("J"), entity("B"), entity("C")],
        invoices=[owes("A", "C", 1000)],
        projects=[project | tests],
        project_parties=[
            {"project_id": "PJ", "entity_id": "A", "role": "contractor", "share": share},
            {"project_id": "PJ", "entity_id": "B", "role": "lender", "share": 1.0},
        ],
    )


@pytest.mark.parametrize(("share", "cfads", "clause"), [(0.2, 110_000, "dscr"), (0.25, 200_000, "major_party")])
def test_draws_stop_by_coverage_or_by_a_party(share, cfads, clause):
    for who in ("J", "A", "B"):
        result = explain(of_project(share, cfads), Asked("A", 1000), who)
        assert one(result, "PJ", "project")["clause"] == clause
    line = one(explain(of_project(share, cfads), Asked("A", 1000), "J"), "PJ", "financing")
    assert (line["amount"], line["clause"], line["round"]) == (2000, clause, 1)


def guaranteed(*guarantees: dict, cash: int = 500) -> Network:
    rows = [
        {"guarantor_id": "G", "debtor_id": "A", "kind": "joint", "guarantee_id": f"g{number}", **row}
        for number, row in enumerate(guarantees)
    ]
    people = [entity("A"), entity("B"), entity("G", cash), entity("H", 9000)]
    return network(people, invoices=[owes("A", "B", 1000)], guarantees=rows)


@pytest.mark.parametrize(
    ("found", "paid", "clause"),
    [
        (guaranteed({}), {"g0": 500}, "guarantor_means"),
        (guaranteed({}, cash=5000), {"g0": 1000}, "all_unpaid"),
        (guaranteed({"amount": 20_000}), {"g0": 200}, "guarantee_cap"),
        (guaranteed({"kind": "several", "share": 0.3}), {"g0": 300}, "guarantee_share"),
        (guaranteed({"guarantor_id": "H", "amount": 80_000}, {}), {"g0": 800, "g1": 200}, "others_paid"),
    ],
)
def test_what_limits_a_guarantee_is_named(found, paid, clause):
    result = explain(found, Asked("A", 1000), "B")
    received = result.rows[result.rows["record"] == "guarantee_received"].set_index("contract_id")

    assert (-received["amount"]).to_dict() == pytest.approx(paid)
    assert received.loc[max(paid), "clause"] == clause
    own = explain(found, Asked("A", 1000), "G")
    assert sums(own)["cash_shortfall"] == pytest.approx(paid.get("g1", paid["g0"]))
    assert own.rows[own.rows["record"] == "guarantee_paid"]["clause"].iloc[-1] == clause


def test_what_is_owed_outside_has_a_row_of_the_subject():
    result = explain(chain(), Asked("A", 1500), "A")
    withheld = result.rows[result.rows["record"] == "withheld"]

    assert dict(zip(withheld["kind"], withheld["amount"], strict=True)) == {"invoice": 1000, "outside": 500}
    assert sums(result)["overdue_total"] == result.summary["overdue_total"] == 1500


def test_the_bound_of_a_run_has_no_rounds(the_story):
    found, asked = the_story
    result = explain(found, Asked("A", reactions=asked.reactions, extreme="least"), "A")

    assert result.rows["round"].isna().all()
    assert sums(result)["financing_loss"] == pytest.approx(result.summary["financing_loss"])


def test_nothing_reaches_a_bystander(the_story):
    result = explain(*the_story, "K")

    assert [sentence.code for sentence in result.headline] == ["explain_spread_nothing"]
    assert result.rows.empty


@pytest.mark.parametrize(("subject", "other"), [("Z", "A"), ("A", "Z")])
def test_an_unknown_entity_is_refused(the_story, subject, other):
    with pytest.raises(UsageError, match="no entity Z"):
        explain(the_story[0], Asked(subject), other)


def test_distrust_is_taken_apart(the_story):
    distrust = explain(*the_story, "J").detail["distrust"]

    (part,) = distrust["reflected"]
    assert (part["entity_id"], part["weight"], part["distrust"]) == ("A", 0.2, 1)
    assert distrust["after"] == pytest.approx(distrust["own"] + part["part"]) == pytest.approx(0.3 * 0.2)


def assert_rows_add_up(found: Network, asked: Asked) -> dict[str, object]:
    """Check the sums of all entities' rows against the spread, and each contract from both of its ends."""
    whole = spread(
        found,
        asked.entity_id,
        overdue=asked.overdue,
        reactions=asked.reactions,
        feedback=asked.feedback,
        extreme=asked.extreme,
        unknown_cash=asked.unknown_cash,
    )
    rows = whole.rows.set_index("entity_id")
    results = {who: explain(found, asked, who) for who in found.ids}
    size = max(1.0, whole.summary["vanished"], float(whole.rows["trust_loss"].sum()))
    for who, result in results.items():
        got = sums(result)
        for name in SUMMED:
            expected = rows.loc[who, name] if who in rows.index else 0.0
            assert got.get(name, 0.0) == pytest.approx(expected, rel=1e-9, abs=1e-9 * size), (who, name)
    assert_both_ends(results, size)
    if asked.extreme == "greatest":
        assert_rounds(results, whole.summary["by_round"], size)
    return results


def assert_both_ends(results: dict, size: float) -> None:
    """What one entity passes on by a contract is what the other side lacks by it; so with guarantees."""
    paid, received = defaultdict(float), defaultdict(float)
    for who, result in results.items():
        for row in result.rows.to_dict("records"):
            key = (row["contract_id"], row["round"])
            if row["record"] == "passed_on" and row["counterparty_id"] in results:
                paid[row["counterparty_id"], who, *key] += row["amount"]
            if row["record"] == "shortfall":
                received[who, row["counterparty_id"], *key] += row["amount"]
    for key in paid.keys() | received.keys():
        assert paid[key] == pytest.approx(received[key], rel=1e-6, abs=1e-8 * size), key


def assert_rounds(results: dict, by_round: list[dict], size: float) -> None:
    """Rows of all entities add up to what each round added; what creditors outside lack is not in any row."""
    for name in ("credit_loss", "trust_loss", "financing_loss"):
        got = np.zeros(max(len(by_round), 1) + 1)
        for result in results.values():
            mine = result.rows[(result.rows["adds_to"] == name) & (result.rows["amount"] != 0)]
            for number, amount in zip(mine["round"], mine["amount"], strict=True):
                got[min(int(number), len(got) - 1)] += amount
        expected = np.array([0.0, *[row[name] for row in by_round]])
        assert np.abs(np.cumsum(got)[: len(expected)] - np.cumsum(expected)).max() <= 1e-6 * size, name


def test_rows_add_up_on_the_story(the_story):
    results = assert_rows_add_up(*the_story)

    total = sum(sums(result).get("cash_shortfall", 0.0) for result in results.values())
    assert total == 92_000


@pytest.mark.parametrize("subject", ["A", "S", "K"])
def test_rows_add_up_on_the_sample(subject):
    tables = read()
    found = Network.from_tables(tables, as_of=date(2024, 6, 30), horizon_days=30)
    rules = read_reactions(tables.reactions, source="reactions.toml")
    asked = Asked(subject, None if subject == "A" else 150_000, rules)
    rows = spread(found, subject, overdue=asked.overdue, reactions=rules).rows.set_index("entity_id")

    for who in [*rows.index[:8], "J"]:
        got = sums(explain(found, asked, who))
        for name in SUMMED:
            expected = rows.loc[who, name] if who in rows.index else 0.0
            assert got.get(name, 0.0) == pytest.approx(expected, rel=1e-9), (who, name)


@pytest.mark.parametrize("block", range(4))
def test_rows_add_up_on_random_books(block):
    for seed in range(5000 + 4 * block, 5004 + 4 * block):
        (rows, reactions, subject, as_of, horizon, overdue), options = draw(seed)
        found = Network.from_tables(tables_of(rows), as_of=as_of, horizon_days=horizon)
        asked = Asked(
            subject,
            overdue,
            reactions_of(reactions),
            options.feedback,
            options.extreme,
            options.unknown_cash,
        )
        assert_rows_add_up(found, asked)
