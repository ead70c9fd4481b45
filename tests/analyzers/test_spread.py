"""The question `spread`: worked cases, and what small print decides."""

from dataclasses import replace

import pytest
from spread_books import chain, entity, network, owes, rows

from graphrisk.analyzers.spread import Asked, pose, spread, told, without_rounding
from graphrisk.errors import ExitCode, InvalidDataError, NotConvergedError, UsageError
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions


def test_a_loss_grows_along_a_chain():
    # A pays 200 of 1,000; B has 300 of its own, so it pays 500 of 1,000: 800 + 500 not paid for D = 800.
    result = spread(chain(), "A", overdue=800)

    assert result.summary["amplification"] == 1.625
    assert rows(result)["B"]["absorbed"] == 300
    assert rows(result)["C"]["absorbed"] == 500
    assert [row["cash_shortfall"] for row in result.summary["by_round"]] == [800, 500]


def test_all_of_it_is_overdue_by_default_only_if_the_data_say_so():
    result = spread(chain(), "A")

    assert result.summary["overdue_total"] == 0
    assert result.summary["amplification"] is None
    assert result.rows["entity_id"].tolist() == ["A"]
    assert result.headline[0].code == "spread_no_shock"


def test_rounding_is_no_loss_where_nothing_is_withheld():
    posed = pose(chain(), asked := Asked("A"))
    found = posed.solve(asked)
    # A tenth of what the rounding of sums can make here; the engine itself leaves as much on large books.
    grain = float(found.rounding.sum()) / 10
    speck = replace(found, vanished=grain, absorbed=found.absorbed + grain, by_channel={"default": grain})
    result = told(posed, asked, speck)

    assert grain > 0
    assert result.headline[0].code == "spread_no_shock"
    assert (result.summary["vanished"], result.summary["absorbed"]) == (0, 0)
    assert result.summary["by_channel"] == {"default": 0}
    real = replace(speck, withheld=1.0)
    assert without_rounding(real) is real


def test_an_amount_above_what_is_owed_is_owed_outside_and_said():
    result = spread(chain(), "A", overdue=1500)

    assert result.summary["absorbed_outside"] == 500
    (said,) = [note for note in result.notes if note.code == "spread_excess"]
    assert (said.fields["owed"], said.fields["excess"]) == (1000, 500)


def test_rounding_is_no_amount_above_what_is_owed():
    found = network([entity("A"), entity("B")], invoices=[owes("A", "B", 0.10), owes("A", "B", 0.70, invoice_id="V")])

    assert not [note for note in spread(found, "A", overdue=0.8).notes if note.code == "spread_excess"]


def test_an_entity_that_owes_nothing_hurts_nobody_in_the_data():
    result = spread(chain(), "C", overdue=10)

    assert result.rows["entity_id"].tolist() == ["C"]
    assert result.summary["absorbed_outside"] == 10


def test_a_debt_cycle_comes_to_rest():
    # A owes B owes C owes A 100 each, nobody has cash, A withholds 100: nobody pays anything.
    circle = network(
        [entity(i) for i in "ABC"], invoices=[owes("A", "B", 100), owes("B", "C", 100), owes("C", "A", 100)]
    )
    result = spread(circle, "A", overdue=100)

    assert result.summary["absorbed"] == pytest.approx(100)
    assert result.summary["amplification"] == pytest.approx(3)


@pytest.mark.parametrize("other", [0, 99_999_999_999, 9_999_999_999_999])
def test_a_large_amount_elsewhere_changes_nothing(other):
    # B owes A and C, A owes B: what B withholds goes round and shrinks by 1 % each time.
    found = network(
        [entity("A"), entity("B"), entity("C"), entity("K"), entity("F")],
        invoices=[owes("A", "B", 1000), owes("B", "A", 990), owes("B", "C", 10)],
        facilities=[
            {"facility_id": "F1", "borrower_id": "K", "provider_id": "F", "limit": other * 100, "drawn": 0},
        ],
    )
    result = spread(found, "B", overdue=100)

    assert result.summary["vanished"] == 100
    assert sum(result.rows["absorbed"]) == pytest.approx(100)
    assert result.summary["certificate"] < 1e-9
    assert rows(result)["C"]["cash_shortfall"] > 0


@pytest.mark.parametrize("amount", [1e6, 1e8, 1e10])
def test_a_small_shock_beside_large_claims_is_no_bug(amount):
    found = network(
        [entity("A"), entity("B"), entity("C", round(2 * amount))],
        invoices=[owes("A", "B", 1000.37), owes("C", "B", amount + 0.1)],
    )

    assert spread(found, "A", overdue=325.52).summary["absorbed"] == pytest.approx(325.52, abs=1e-4)


def test_guarantees_that_cross_come_to_rest():
    # The less X pays Q, the more the blanket guarantee pays B, which then confirms an advance again, and so on.
    found = network(
        [
            entity("X"),
            entity("B", 0),
            entity("Q"),
            entity("Z"),
            entity("G0", 10_000),
            entity("G1", 10_000),
            entity("F"),
        ],
        invoices=[
            owes("X", "B", 1010, due_date="2024-06-01"),
            owes("X", "Q", 100),
            owes("B", "Z", 530),
            owes("B", "X", 100, due_date="2024-12-31", financed_by="F", advance_rate=1.0, confirmed=True),
        ],
        guarantees=[
            {"guarantee_id": "g0", "guarantor_id": "G0", "debtor_id": "X", "creditor_id": "Q", "kind": "joint"},
            {"guarantee_id": "g1", "guarantor_id": "G1", "debtor_id": "X", "kind": "several", "share": 0.5},
        ],
    )
    rules = read_reactions("[keep]\nfinancier = [[0, 1], [0, 0]]", source="mine.toml")
    result = spread(found, "X", overdue=1000, reactions=rules)

    assert result.summary["rounds"] < 20
    assert result.summary["absorbed"] == pytest.approx(result.summary["vanished"])


def test_several_guarantors_of_one_loan_share_it_whatever_creditor_they_name():
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    guarantees = [
        {"guarantee_id": "G1", "guarantor_id": "C", "debtor_id": "A", "loan_id": "L", "kind": "several"},
        {
            "guarantee_id": "G2",
            "guarantor_id": "D",
            "debtor_id": "A",
            "loan_id": "L",
            "creditor_id": "B",
            "kind": "several",
        },
    ]
    found = network([entity(i) for i in "ABCD"], loans=[{**loan, "outstanding": 100_000}], guarantees=guarantees)

    assert found.guarantees.share.tolist() == [0.5, 0.5]


def test_nobody_owes_itself():
    invoice = owes("A", "B", 1000, financed_by="A", advance_rate=0.8, recourse=False)
    found = network([entity("A"), entity("B")], invoices=[invoice])

    assert (found.items.debtor != found.items.creditor).all()
    assert (found.lines.giver != found.lines.holder).all()
    assert "financed_by_buyer" in {finding.code for finding in found.findings}


def balance_of_a(**reactions) -> tuple[Network, object]:
    loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 500_000, "start_date": "2024-01-01"}
    found = network(
        [entity("A"), entity("B"), entity("C")],
        loans=[{**loan, "outstanding": 500_000}],
        invoices=[owes("A", "C", 1000)],
        facilities=[{"facility_id": "F", "borrower_id": "A", "provider_id": "B", "limit": 50_000, "drawn": 0}],
    )
    lines = "\n".join(f"{name} = {value}" for name, value in reactions.items())
    return found, read_reactions(lines, source="mine.toml")


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
def test_a_tie_is_no_default_and_no_step(share):
    found, rules = balance_of_a(materiality=share, keep_by=f"{{B = [[0, 1], [{share}, 1], [{share}, 0]]}}")
    at = spread(found, "A", overdue=1000 * share, reactions=rules)
    above = spread(found, "A", overdue=1000 * share + 1, reactions=rules)

    assert at.summary["by_channel"]["funding"] == 0
    assert not rows(at)["A"]["defaulted"]
    assert above.summary["by_channel"]["funding"] == 500
    assert rows(above)["A"]["defaulted"]
    assert above.rows["credit_loss"].sum() == pytest.approx(0.45 * 5000)


def test_the_npl_ratio_moves_with_those_that_default():
    found, rules = balance_of_a(materiality=0.1)
    result = spread(found, "A", overdue=200, reactions=rules)

    assert (result.summary["npl_ratio_before"], result.summary["npl_ratio_after"]) == (0, 1)
    assert result.detail["lenders"] == [{"entity_id": "B", "npl_ratio_before": 0.0, "npl_ratio_after": 1.0}]
    assert result.detail["trust"][0]["trust_before"] == 0.5
    assert result.detail["trust"][0]["trust_after"] == pytest.approx(0.5 * (1 - 0.2))


def test_without_feedback_every_line_stays_whole():
    found, rules = balance_of_a()
    result = spread(found, "A", overdue=1000, reactions=rules, feedback=False)

    assert result.summary["by_channel"]["funding"] == 0
    assert result.summary["by_channel"]["default"] == 1000
    assert "spread_no_feedback" in {note.code for note in result.notes}


@pytest.mark.parametrize(
    ("convention", "passed_on"),
    [("just-solvent", 100), ("zero", 100), ("30d", 50), ("60d", 0)],
)
def test_unknown_cash_follows_its_convention(convention, passed_on):
    # B is owed 100 by A and owes C 100; of its outflow of 50 a month, 30 days are 50 of cash, 60 days 100.
    found = network(
        [entity("A", 100), entity("B", None, monthly_outflow=5_000, monthly_inflow=5_000), entity("C")],
        invoices=[owes("A", "B", 100), owes("B", "C", 100)],
    )
    result = spread(found, "A", overdue=100, unknown_cash=convention)

    assert result.summary["unknown_cash_entities"] == 1
    assert result.summary["unknown_cash_passed_on"] == pytest.approx(passed_on)


def test_unknown_cash_can_be_refused():
    found = network([entity("A"), entity("B", None)], invoices=[owes("A", "B", 100)])

    with pytest.raises(InvalidDataError, match="B") as caught:
        spread(found, "A", overdue=100, unknown_cash="refuse")
    assert caught.value.exit_code == ExitCode.INVALID_DATA


def test_the_least_payments_tell_no_rounds():
    result = spread(chain(), "A", overdue=800, extreme="least")

    assert result.summary["by_round"] == []
    assert result.summary["first_round_loss"] is None
    assert result.rows["first_round"].isna().sum() == len(result.rows) - 1


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf"), 1e300])
def test_an_impossible_amount_is_refused(amount):
    with pytest.raises(UsageError, match="at least 0"):
        spread(chain(), "A", overdue=amount)


def test_an_unknown_entity_is_refused():
    with pytest.raises(UsageError, match="no entity Z"):
        spread(chain(), "Z")


def test_too_few_rounds_are_said():
    with pytest.raises(NotConvergedError, match="--max-rounds"):
        spread(chain(), "A", overdue=800, max_rounds=1)


def test_reactions_for_givers_that_are_not_there_are_said():
    rules = read_reactions("[keep_by]\nF9 = [[0, 1]]", source="mine.toml")
    (said,) = [n for n in spread(chain(), "A", overdue=1, reactions=rules).notes if n.code == "reactions_of_strangers"]

    assert said.fields["ids"] == ("F9",)
