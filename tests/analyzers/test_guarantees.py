"""The question `guarantees`: the list, its patterns, what is wrong-way, and who pays when called."""

from datetime import date

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import graphrisk
from graphrisk.analyzers.guarantee_calls import guarantee_calls
from graphrisk.analyzers.guarantee_patterns import PATTERNS, guarantee_patterns
from graphrisk.analyzers.guarantees import guarantees
from graphrisk.analyzers.spread import spread
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions
from graphrisk.tables.book import Tables, Tally
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)


@pytest.fixture(scope="module")
def sample() -> Network:
    return Network.from_tables(graphrisk.read(), as_of=AS_OF, horizon_days=30)


def firm(entity_id: str, cash: float | None = 0, **more) -> dict:
    money = {name: round(more.pop(name) * 100) for name in ("equity", "revenue") if name in more}
    cash_of = None if cash is None else round(cash * 100)
    return {"entity_id": entity_id, "kind": "company", "cash": cash_of, **money, **more}


def owes(debtor: str, creditor: str, amount: float, **more) -> dict:
    row = {"invoice_id": f"{debtor}{creditor}", "seller_id": creditor, "buyer_id": debtor}
    return {**row, "amount": round(amount * 100), "issue_date": "2024-06-01", "due_date": "2024-07-01", **more}


def answers(guarantor: str, debtor: str, amount: float | None = None, **more) -> dict:
    row = {"guarantee_id": f"{guarantor}{debtor}", "guarantor_id": guarantor, "debtor_id": debtor, "kind": "joint"}
    return {**row, "amount": None if amount is None else round(amount * 100), **more}


def network(entities, **tables) -> Network:
    tables["entities"] = [firm(e) if isinstance(e, str) else e for e in entities]
    if "loans" in tables:
        tables.setdefault("payments", [])
    frames = {name: SCHEMAS[name].frame(rows) for name, rows in tables.items()}
    return Network.from_tables(Tables(frames), as_of=AS_OF, horizon_days=30)


def by_id(result, key: str = "guarantee_id") -> dict[str, dict]:
    return result.rows.set_index(key).to_dict("index")


# The list


def test_the_guarantee_of_the_story_can_be_called_for_what_is_past_due(sample):
    # P answers for L1 up to 150,000; 300,000 is outstanding and 52,000 past due.
    row = by_id(guarantees(sample))["G1"]

    assert (row["guarantor_id"], row["debtor_id"], row["creditor_ids"], row["loan_id"]) == ("P", "A", ("F1",), "L1")
    assert (row["amount"], row["outstanding"], row["overdue_total"]) == (150_000, 300_000, 52_000)
    assert (row["call_now"], row["call_most"], row["days_past_due"]) == (52_000, 150_000, 35)


def test_the_whole_sample_is_summed(sample):
    result = guarantees(sample)

    # G1 to G15 as they stand in the table; G16 is settled.
    assert result.summary["amount"] == 3_460_000
    assert (result.summary["guarantees"], result.summary["not_in_force"]) == (15, {"not_active": 1})
    assert result.summary["by_kind"]["several"] == {"guarantees": 2, "amount": 500_000}
    assert result.rows["amount"].is_monotonic_decreasing


def test_a_general_guarantee_is_not_called_at_once(sample):
    row = by_id(guarantees(sample))["G10"]

    assert row["kind"] == "general"
    assert row["overdue_total"] > 0
    assert row["call_now"] == 0


def test_an_entity_has_what_it_gives_and_what_it_has_received(sample):
    result = guarantees(sample, "W1")

    assert {row["side"]: key for key, row in by_id(result).items()} == {"given": "G5", "received": "G2"}
    assert result.summary["given"] == {"guarantees": 1, "amount": 300_000}
    assert result.summary["given_to_equity"] == pytest.approx(300_000 / 260_000)
    assert result.summary["cash_and_inflow"] == 30_000 + 150_000 - 130_000


def test_a_bank_holds_the_guarantees_of_its_loans(sample):
    result = guarantees(sample, "F6")

    assert sorted(by_id(result)) == ["G2", "G3", "G4", "G5"]
    assert set(result.rows["side"]) == {"held"}
    assert result.summary["held"]["amount"] == 1_550_000


@pytest.mark.parametrize(
    ("subject", "kind", "ids"),
    [("L24", "loan", ["G13", "G14"]), ("G7", "guarantee", ["G7"]), ("L3", "loan", [])],
)
def test_a_loan_and_a_guarantee_can_be_asked_for(sample, subject, kind, ids):
    assert sorted(by_id(guarantees(sample, subject, kind=kind))) == ids


def test_a_group_stands_for_all_its_members(sample):
    group = guarantees(sample, "GE", kind="group")

    assert {key: row["side"] for key, row in by_id(group).items()} == {
        "G13": "inside",
        "G14": "inside",
        "G12": "given",  # R10 owns most of E1
    }
    pd.testing.assert_frame_equal(guarantees(sample, "E3", by_group=True).rows, group.rows)
    assert list(by_id(guarantees(sample, "E3"))) == ["G14"]


def small(**more) -> dict:
    return by_id(guarantees(network("ABC", invoices=[owes("A", "B", 80), owes("A", "C", 20)], **more)))


def test_without_a_cap_the_share_of_what_is_outstanding_counts():
    rows = small(guarantees=[answers("C", "A", creditor_id="B", kind="several", share=0.5)])

    assert (rows["CA"]["amount"], rows["CA"]["outstanding"], rows["CA"]["creditor_ids"]) == (40, 80, ("B",))
    assert np.isnan(rows["CA"]["cap"])


def test_a_guarantee_to_nobody_in_particular_covers_all_debts():
    row = small(guarantees=[answers("C", "A", 500)])["CA"]

    assert (row["outstanding"], row["due"], row["call_most"], row["creditor_ids"]) == (100, 100, 100, ("B", "C"))


def test_what_does_not_count_is_said_by_reason():
    rows = [
        answers("B", "A", 10),
        answers("B", "A", 10, guarantee_id="1", status="settled"),
        answers("B", "A", 10, guarantee_id="2", end="2024-06-29"),
        answers("B", "A", 10, guarantee_id="3", start="2024-07-01"),
        answers("B", "A", 10, guarantee_id="4", claim_until="2024-06-29"),
        answers("B", "A", 0, guarantee_id="5"),
        answers("Z", "A", 10, guarantee_id="6"),
        answers("B", "A", 10, guarantee_id="7", loan_id="L9"),
        answers("B", "A", 10, guarantee_id="8", end="2024-06-30", claim_until="2024-06-30"),
    ]
    found = network("AB", guarantees=rows)
    tables = Tables(found.tables.frames, tallies={"guarantees": Tally(rows_read=11, rows_kept=9, rows_quarantined=2)})
    result = guarantees(Network.from_tables(tables, as_of=AS_OF, horizon_days=30))

    assert sorted(by_id(result)) == ["8", "BA"]
    assert result.summary["not_in_force"] == {
        "set_aside": 2,
        "not_active": 1,
        "ended": 1,
        "not_begun": 1,
        "claim_closed": 1,
        "without_effect": 3,
    }
    assert result.notes[-1].code == "guarantees_not_counted"


def test_a_book_without_guarantees_says_so():
    for found in (guarantees(network("AB")), guarantee_patterns(network("AB"))):
        assert found.headline[0].code == "guarantees_none"
        assert found.rows.empty


@pytest.mark.parametrize(("subject", "kind"), [("Z", "entity"), ("Z", "group"), ("Z", "guarantee")])
def test_who_is_not_there_is_refused(subject, kind):
    with pytest.raises(UsageError):
        guarantees(network("AB"), subject, kind=kind)


# Wrong-way guarantees


def path_of(found: Network, guarantee: str = "BA") -> tuple:
    row = by_id(guarantees(found))[guarantee]
    return row["path"], row["channels"], row["dependence"]


def test_a_guarantor_that_is_owed_much_by_the_debtor_is_wrong_way():
    found = network(["A", firm("B", equity=100)], invoices=[owes("A", "B", 40)], guarantees=[answers("B", "A", 5)])

    assert path_of(found) == (("B", "A"), ("default",), 0.4)


@pytest.mark.parametrize(("owed", "flagged"), [(10, True), (9.99, False)])
def test_a_tenth_is_what_counts(owed, flagged):
    found = network(["A", firm("B", equity=100)], invoices=[owes("A", "B", owed)], guarantees=[answers("B", "A", 5)])

    assert by_id(guarantees(found))["BA"]["wrong_way"] == flagged


def test_a_guarantor_that_sells_much_to_the_debtor_is_wrong_way():
    # 300 a month of 1,000: 12,000 of revenue a year, or 300 + 100 + 600 known.
    trade = [
        {"seller_id": "B", "buyer_id": buyer, "amount": amount * 100, "period": "2024-06"}
        for buyer, amount in [("A", 300), ("C", 100)]
    ]
    for seller in (firm("B", revenue=12_000), firm("B", monthly_inflow=60_000)):
        found = network(["A", seller, "C"], trade=trade, guarantees=[answers("B", "A", 5)])

        assert path_of(found) == (("B", "A"), ("sales",), pytest.approx(0.3))


def test_sales_of_a_year_are_measured_by_the_revenue_of_a_year():
    trade = [{"seller_id": "B", "buyer_id": "A", "amount": 300_00, "period": "2023"}]
    found = network(["A", firm("B", revenue=1_000)], trade=trade, guarantees=[answers("B", "A", 5)])

    assert path_of(found) == (("B", "A"), ("sales",), pytest.approx(0.3))


def test_who_is_owned_by_the_debtor_or_of_its_group_is_wrong_way():
    owned = [{"owner_id": "A", "owned_id": "B", "share_min": 0.3}]
    control = [{"owner_id": "A", "owned_id": "B", "share_min": 0.6}]
    group = [firm("A", group_id="G"), firm("B", group_id="G")]

    assert path_of(network("AB", ownership=owned, guarantees=[answers("B", "A", 5)]))[1:] == (("owned_by",), 0.3)
    assert path_of(network("AB", ownership=control, guarantees=[answers("B", "A", 5)]))[1] == ("same_group",)
    assert path_of(network(group, guarantees=[answers("B", "A", 5)])) == (("B", "A"), ("same_group",), 1)


def test_who_guarantees_itself_through_the_debtor_is_wrong_way():
    # A guarantees half of what B owes, and B guarantees A: they cannot both be worth something.
    found = network("ABC", invoices=[owes("B", "C", 100)], guarantees=[answers("B", "A", 5), answers("A", "B", 50)])

    assert path_of(found) == (("B", "A"), ("guaranteed_by",), 0.5)


def test_the_guarantee_itself_is_no_dependence_but_another_one_is():
    # B guarantees A, and C, who is owed by A: if A fails, B is called twice.
    found = network(
        ["A", firm("B", equity=100), firm("C", equity=100)],
        invoices=[owes("A", "C", 60)],
        guarantees=[answers("B", "A", 90), answers("B", "C", 50)],
    )

    assert path_of(found) == (("B", "C", "A"), ("guarantee", "default"), pytest.approx(0.3))
    assert path_of(network(["A", firm("B", equity=100)], guarantees=[answers("B", "A", 90)]))[0] == ()


def test_two_guarantors_of_one_group_do_not_hang_on_the_debtor_whom_both_guarantee():
    firms = ["A", firm("B", equity=100, group_id="G"), firm("C", equity=100, group_id="G")]
    both = [answers("B", "A", 50), answers("C", "A", 50)]

    assert path_of(network(firms, guarantees=both))[:2] == ((), ())
    owed = network(firms, guarantees=both, invoices=[owes("A", "C", 30)])
    assert path_of(owed) == (("B", "C", "A"), ("same_group", "default"), pytest.approx(0.3))


def test_a_path_has_three_links_at_most_and_its_money_is_told():
    chain = [owes("A", "K1", 50), owes("K1", "K2", 50), owes("K2", "B", 50), owes("B", "Z", 50)]
    firms = [firm(name, equity=100) for name in ("A", "K1", "K2", "B", "Z")]
    found = network(firms, invoices=chain, guarantees=[answers("B", "A", 5), answers("Z", "A", 5)])
    result = guarantees(found)

    assert by_id(result)["BA"]["path"] == ("B", "K2", "K1", "A")
    assert by_id(result)["BA"]["dependence"] == pytest.approx(0.125)
    assert not by_id(result)["ZA"]["wrong_way"]
    (told,) = result.detail["wrong_way"]
    assert told["links"][0] == {
        "entity_id": "B",
        "depends_on": "K2",
        "channel": "default",
        "amount": 50.0,
        "share": 0.5,
    }
    assert result.summary["wrong_way"] == {"guarantees": 1, "amount": 5, "share": 0.5, "dependence": 0.125}
    assert result.headline[-1].code == "wrong_way_largest"


def test_the_circle_of_the_sample_is_wrong_way_all_around(sample):
    rows = by_id(guarantees(sample))

    # V35: W1 owes W2 110,000 of an equity of 310,000. V37: W4 sells 40,000 a month to W3, of 2,700,000 / 12.
    assert rows["G2"]["dependence"] == pytest.approx(110 / 310)
    assert (rows["G4"]["channels"], rows["G4"]["dependence"]) == (("sales",), pytest.approx(40_000 * 12 / 2_700_000))
    assert all(rows[key]["wrong_way"] for key in ("G2", "G3", "G4", "G5", "G6", "G7", "G13", "G14", "G15"))
    assert not any(rows[key]["wrong_way"] for key in ("G1", "G8", "G9", "G10", "G11", "G12"))


# Patterns


def test_the_circle_and_the_pair_of_the_sample_have_their_amounts(sample):
    result = guarantee_patterns(sample)
    rows = result.rows[result.rows["pattern"] != "wrong_way"].set_index("pattern")

    # 400,000 + 350,000 + 500,000 + 300,000; loans 400,000 + 350,000 + 500,000 + 300,000.01, invoices 250,000.
    assert rows.loc["circle", "members"] == ("W1", "W2", "W3", "W4")
    assert (rows.loc["circle", "amount"], rows.loc["circle", "largest"]) == (1_550_000, 500_000)
    assert rows.loc["circle", "outstanding"] == pytest.approx(1_550_000.01 + 250_000)
    assert (rows.loc["circle", "ring"], rows.loc["circle", "steps"]) == (("W1", "W4", "W3", "W2"), 4)
    assert rows.loc["circle", "guarantee_ids"] == ("G2", "G3", "G4", "G5")
    assert (rows.loc["mutual", "members"], rows.loc["mutual", "amount"]) == (("X1", "X2"), 450_000)
    assert (rows.loc["star", "members"], rows.loc["star", "amount"]) == (("DB", "M04", "M05", "M06", "T04"), 410_000)
    assert result.summary["in_circles"] == {
        "guarantees": 6,
        "amount": 2_000_000,
        "share": pytest.approx(2_000_000 / 3_460_000),
    }
    assert result.summary["parts"] == {"count": 7, "of_two": 4, "largest": 5}


def test_rows_stand_by_pattern_then_amount_and_are_numbered_in_that_order(sample):
    rows = guarantee_patterns(sample).rows
    ranks = rows["pattern"].map(PATTERNS.index)

    assert ranks.is_monotonic_increasing
    assert rows["pattern_id"].tolist() == [f"P{k}" for k in range(1, len(rows) + 1)]
    assert all(part["amount"].is_monotonic_decreasing for _, part in rows.groupby("pattern"))


def test_mutual_pairs_and_crosses_name_their_circle():
    rows = [answers(*pair, 10) for pair in ("AB", "BC", "CA", "AD", "DA", "XY", "YX")]
    result = guarantee_patterns(network("ABCDXY", guarantees=rows))
    found = {(row.pattern, row.members): row for row in result.rows.itertuples()}
    circle = found["circle", ("A", "B", "C", "D")]

    assert (circle.amount, circle.ring) == (50, ("A", "D"))
    assert found["mutual", ("A", "D")].part_of == circle.pattern_id
    assert found["mutual", ("X", "Y")].part_of is None
    assert found["cross", ("A",)].part_of == circle.pattern_id
    assert result.summary["by_pattern"]["mutual"]["amount"] == 40
    assert result.summary["in_circles"]["amount"] == 70


def test_guarantees_of_a_pair_are_one_arrow_and_all_count():
    rows = [answers("A", "B", 10), answers("A", "B", 5, guarantee_id="x"), answers("B", "A", None)]
    result = guarantee_patterns(network("ABC", invoices=[owes("A", "C", 7)], guarantees=rows))
    pair = result.rows[result.rows["pattern"] == "mutual"].iloc[0]

    assert (pair["amount"], pair["guarantees"], pair["largest"]) == (22, 3, 10)
    assert (pair["main_id"], pair["outstanding"]) == ("B", 7)


def test_a_group_as_one_hides_what_its_members_promise_each_other():
    firms = [firm("A", group_id="G"), firm("B", group_id="G"), "C"]
    found = network(firms, guarantees=[answers("A", "B", 10), answers("B", "C", 20), answers("C", "A", 5)])
    alone, joined = guarantee_patterns(found), guarantee_patterns(found, by_group=True)

    assert alone.rows.iloc[0]["members"] == ("A", "B", "C")
    assert (joined.rows.iloc[0]["pattern"], joined.rows.iloc[0]["members"]) == ("mutual", ("C", "G"))
    assert joined.rows.iloc[0]["amount"] == 25
    assert joined.summary["within_groups"] == {"guarantees": 1, "amount": 10}


def test_a_subject_has_the_patterns_it_stands_in(sample):
    patterns = guarantee_patterns(sample, "X1")

    assert set(patterns.rows["pattern"]) == {"mutual", "wrong_way"}
    book = guarantee_patterns(sample).summary
    assert {key: patterns.summary[key] for key in book} == book, "the rest of the summary stays that of the book"
    counted = {key: count for key, count in patterns.summary["of_subject"].items() if count}
    assert counted == patterns.rows["pattern"].value_counts().to_dict()
    assert patterns.headline[0].fields["subject"].fields["id"] == "X1"
    assert set(guarantee_patterns(sample, "G8", kind="guarantee").rows["pattern"]) == {"star", "part"}


@pytest.mark.parametrize("seed", range(5))
def test_circles_and_their_amounts_are_those_of_networkx(seed):
    rng = np.random.default_rng(seed)
    ids = [f"E{k:02}" for k in range(25)]
    rows = [
        answers(ids[g], ids[d], float(rng.integers(1, 100)), guarantee_id=f"{number:03}")
        for number, (g, d) in enumerate(rng.integers(0, 25, (45, 2)).tolist())
        if g != d
    ]
    found = guarantee_patterns(network(ids, guarantees=rows))
    graph = nx.MultiDiGraph()
    for row in rows:
        graph.add_edge(row["guarantor_id"], row["debtor_id"], amount=row["amount"] / 100)
    circles = found.rows[found.rows["pattern"] == "circle"]
    expected = {
        tuple(sorted(part)): graph.subgraph(part).size("amount")
        for part in nx.strongly_connected_components(graph)
        if len(part) > 2
    }
    on_rings = sum(
        graph.subgraph(part).size("amount") for part in nx.strongly_connected_components(graph) if len(part) > 1
    )

    assert dict(zip(circles["members"], circles["amount"], strict=True)) == pytest.approx(expected)
    assert found.summary["in_circles"]["amount"] == pytest.approx(on_rings)
    assert found.summary["amount"] == pytest.approx(graph.size("amount"))


def test_the_order_of_rows_changes_no_pattern(sample):
    frames = dict(sample.tables.frames)
    for name in ("guarantees", "entities", "invoices", "trade", "loans"):
        frames[name] = frames[name].sample(frac=1, random_state=3)
    turned = Network.from_tables(Tables(frames), as_of=AS_OF, horizon_days=30)

    pd.testing.assert_frame_equal(guarantee_patterns(turned).rows, guarantee_patterns(sample).rows)
    pd.testing.assert_frame_equal(guarantees(turned).rows, guarantees(sample).rows)


# Calls


def test_guarantors_pay_in_order_to_their_cap_and_from_what_they_have():
    # A leaves 100 unpaid. C answers up to 50 and has 30, D for all of it and has 200 but owes 190 itself.
    found = network(
        ["A", "B", firm("C", 30), firm("D", 200), "E"],
        invoices=[owes("A", "B", 100), owes("D", "E", 190)],
        guarantees=[answers("C", "A", 50, guarantee_id="1"), answers("D", "A", guarantee_id="2")],
    )
    result = guarantee_calls(found, "A", 100)
    one, two = (row._asdict() for row in result.rows.itertuples(index=False))

    assert (one["order"], one["wanted"], one["surplus"], one["paid"], one["unmet"]) == (1, 50, 30, 30, 20)
    assert (two["order"], two["wanted"], two["surplus"], two["paid"], two["unmet"]) == (2, 70, 10, 10, 60)
    assert (one["status"], two["status"], two["recourse"]) == ("paid_in_part", "paid_in_part", 10)
    assert np.isnan(two["cap"])
    assert (result.summary["called"], result.summary["unmet"]) == (40, 80)
    assert result.summary["left_to_creditors"] == pytest.approx(60)
    (creditor,) = result.detail["creditors"]
    assert creditor == pytest.approx({"entity_id": "B", "unpaid": 100, "from_guarantors": 40, "left": 60})


def test_who_is_met_already_pays_nothing_and_who_has_nothing_cannot():
    found = network(
        ["A", "B", firm("C", 500), firm("D", 500), "E"],
        invoices=[owes("A", "B", 100)],
        guarantees=[
            answers("E", "A", guarantee_id="1"),
            answers("C", "A", guarantee_id="2"),
            answers("D", "A", guarantee_id="3"),
        ],
    )
    rows = guarantee_calls(found, "A", 60).rows

    assert rows["status"].tolist() == ["unable", "paid_in_full", "met"]
    assert rows["paid"].tolist() == [0, 60, 0]


def test_several_guarantors_pay_their_shares(sample):
    rows = by_id(guarantee_calls(sample, "E2", 40_000))

    assert rows["G13"]["paid"] / rows["G14"]["paid"] == pytest.approx(0.6 / 0.4)
    assert rows["G13"]["share"] == 0.6


def test_a_general_guarantee_pays_later_and_the_day_is_told():
    found = network(
        ["A", "B", firm("C", 90), firm("D", 90)],
        invoices=[owes("A", "B", 100)],
        guarantees=[
            answers("C", "A", 60, guarantee_id="1", kind="general"),
            answers("D", "A", 30, guarantee_id="2"),
            answers("D", "A", None, guarantee_id="3", kind="general"),
        ],
    )
    result = guarantee_calls(found, "A", 100)
    rows = by_id(result)

    assert [rows[key]["status"] for key in "123"] == ["later", "paid_in_full", "later"]
    assert [rows[key]["wanted"] for key in "123"] == pytest.approx([60, 30, 10])
    assert rows["1"]["pays_from"] == pd.Timestamp("2024-12-27")
    assert pd.isna(rows["2"]["pays_from"])
    assert (result.summary["later"], result.summary["left_to_creditors"]) == pytest.approx((70, 70))
    quick = read_reactions("general_delay_days = 30", source="mine.toml")
    assert by_id(guarantee_calls(found, "A", 100, reactions=quick))["1"]["paid"] == 60


def test_a_creditor_that_lacks_cash_has_its_own_guarantors_called_in_the_next_round():
    # A owes B 100, B owes C 100, C owes D 100; nobody has cash. G answers for A up to 20, H for B, K for C.
    found = network(
        ["A", "B", "C", "D", firm("G", 500), firm("H", 30), firm("K", 500)],
        invoices=[owes("A", "B", 100), owes("B", "C", 100), owes("C", "D", 100)],
        guarantees=[answers("G", "A", 20, guarantee_id="3"), answers("H", "B"), answers("K", "C", 10)],
    )
    result = guarantee_calls(found, "A", 100)
    rows = result.rows

    assert rows["guarantor_id"].tolist() == ["G", "H", "K"]
    assert rows["round"].tolist() == [1, 2, 3]
    assert rows["unpaid"].tolist() == pytest.approx([100, 80, 50])
    assert rows["paid"].tolist() == pytest.approx([20, 30, 10])
    assert result.summary["called_first_round"] == pytest.approx(20)
    assert result.summary["called_later_rounds"] == pytest.approx(40)
    assert result.summary["left_first_round"] == pytest.approx(80)
    assert result.summary["unpaid_later_rounds"] == pytest.approx(130)
    assert result.summary["left_later_rounds"] == pytest.approx(50 + 40)
    first, later, short = result.headline
    assert (first.fields["called"], first.fields["left"]) == pytest.approx((20, 80))
    (payer,) = first.fields["who"].fields["who"]
    assert payer.fields["entity"].fields["id"] == "G"
    assert later.fields == pytest.approx({"unpaid": 130, "called": 40, "left": 90})
    assert short.code == "call_short"
    assert result.summary["left_to_creditors"] == pytest.approx(80 + 50 + 40)
    assert [row["guarantors"] for row in result.detail["debtors"]] == [["G"], ["H"], ["K"]]


def test_who_stands_behind_a_guarantor_is_named_but_not_called(sample):
    rows = by_id(guarantee_calls(sample, "W1", 150_000))

    assert rows["G2"]["behind"] == ("W3",)
    assert rows["G2"]["paid"] == 0


@pytest.mark.parametrize("amount", [300_000, 1e12])
def test_what_is_not_due_is_told_apart_from_what_creditors_lose(sample, amount):
    # W4 has 65,020.83 to pay within 30 days, 35,020.83 of it for the loan that W1 guarantees.
    result = guarantee_calls(sample, "W4", amount)
    (said,) = [note for note in result.notes if note.code == "call_excess"]
    summary = result.summary

    assert said.fields["excess"] == summary["excess"] == pytest.approx(amount - 65_020.83)
    assert (summary["called_first_round"], summary["left_first_round"]) == pytest.approx((0, 65_020.83))
    assert summary["called_later_rounds"] + summary["left_later_rounds"] == pytest.approx(
        summary["unpaid_later_rounds"]
    )
    assert summary["left_to_creditors"] == pytest.approx(65_020.83 + summary["left_later_rounds"])
    assert summary["called"] == pytest.approx(summary["called_later_rounds"])
    assert len(result.rows) == 3


def test_what_a_debtor_leaves_unpaid_since_others_pay_it_less_is_told():
    # A owes B and C 100 each and lives on what B pays it: half of what A pays. So p = p / 2 of the other 100: nothing.
    debts = [owes("A", "B", 100), owes("A", "C", 100), owes("B", "A", 200)]
    found = network("ABC", invoices=debts, guarantees=[answers("B", "A", 5)])
    result = guarantee_calls(found, "A", 100)
    summary = result.summary

    assert summary["unpaid_more"] == pytest.approx(100)
    assert result.headline[0].fields["more"].fields == {"more": pytest.approx(100)}
    assert (summary["called_first_round"], summary["left_first_round"]) == pytest.approx((0, 200))
    assert (summary["unpaid_later_rounds"], summary["left_later_rounds"]) == pytest.approx((100, 100))


def test_nobody_is_called_where_nothing_is_covered(sample):
    assert guarantee_calls(sample, "S", 1_000).headline[0].code == "call_uncovered"
    assert guarantee_calls(sample, "S", 0).headline[0].code == "call_nothing"


def test_who_cannot_be_asked_is_refused(sample):
    with pytest.raises(UsageError, match="no entity"):
        guarantee_calls(sample, "Z9", 1)
    with pytest.raises(UsageError, match="at least 0"):
        guarantee_calls(sample, "A", -1)
    with pytest.raises(InvalidDataError):
        guarantee_calls(network([firm("A", None), "B"]), "A", 1, unknown_cash="refuse")


def test_an_unknown_cash_of_a_guarantor_is_said():
    found = network(["A", "B", firm("C", None)], invoices=[owes("A", "B", 10)], guarantees=[answers("C", "A", 5)])
    result = guarantee_calls(found, "A", 10)

    assert result.rows["status"].tolist() == ["unable"]
    assert {note.code for note in result.notes} >= {"guarantor_cash_unknown", "call_unknown_cash"}


@pytest.mark.parametrize("debtor", ["A", "W1", "W2", "X1", "M06", "E2", "M04"])
def test_figures_are_those_of_the_spread_without_feedback(sample, debtor):
    called = guarantee_calls(sample, debtor, 90_000)
    run = spread(sample, debtor, overdue=90_000, feedback=False)
    told = {row["guarantee_id"]: row for row in run.detail["guarantees"]}

    assert called.summary["called"] == run.summary["by_channel"]["guarantee"]
    left = called.summary["left_to_creditors"] + called.summary["excess"]
    assert left == pytest.approx(run.summary["by_channel"]["default"])
    for row in called.rows.itertuples():
        if row.paid != row.paid_before:
            assert row.paid == pytest.approx(told[row.guarantee_id]["paid"])
            assert row.paid_before == pytest.approx(told[row.guarantee_id]["paid_before"])
    assert {key for key, row in by_id(called).items() if row["paid"] > 1e-6} >= set(told)


def plain_cascade(cash, debts, promises, subject, amount):
    """Call guarantees with plain loops until nothing moves: the baseline, then the run.

    debts: (debtor, creditor, amount); promises: (guarantor, debtor, share, cap) in the order of call.
    """
    n = len(cash)
    total = [sum(a for d, _, a in debts if d == i) for i in range(n)]
    of_subject = total[subject]

    def rest(own, withheld):
        received, receipts = [0.0] * n, [0.0] * n
        for d, c, a in debts:
            received[c] += a - (a / of_subject * withheld if d == subject else 0.0)
        for _ in range(10_000):
            means = [own[i] + received[i] + receipts[i] for i in range(n)]
            payable = [total[i] - (withheld if i == subject else 0.0) for i in range(n)]
            if withheld == 0.0:
                means[subject] = max(means[subject], total[subject])
            paid = [min(payable[i], max(0.0, means[i])) for i in range(n)]
            unpaid = []
            for d, _, a in debts:
                opened = a - (a / of_subject * withheld if d == subject else 0.0)
                unpaid.append(a - (opened * paid[d] / payable[d] if payable[d] > 0 else 0.0))
            still, spare = list(unpaid), [max(0.0, means[i] - total[i]) for i in range(n)]
            wants, pays = [], []
            for g, d, share, cap in promises:
                items = [k for k, debt in enumerate(debts) if debt[0] == d]
                now = sum(still[k] for k in items)
                want = min(cap, share * sum(unpaid[k] for k in items), now)
                pay = min(want, spare[g])
                spare[g] -= pay
                for k in items:
                    still[k] -= pay * still[k] / now if now > 0 else 0.0
                wants.append(want)
                pays.append(pay)
            new_received, new_receipts = [0.0] * n, [0.0] * n
            for k, (_, c, a) in enumerate(debts):
                new_received[c] += a - unpaid[k]
                new_receipts[c] += unpaid[k] - still[k]
            moved = max(abs(a - b) for a, b in zip(received + receipts, new_received + new_receipts, strict=True))
            received, receipts = new_received, new_receipts
            if moved < 1e-12:
                return means, wants, pays, unpaid, still
        raise AssertionError("no rest")

    base = rest(list(cash), 0.0)
    own = list(cash)
    lacking = total[subject] - sum(a - base[4][k] for k, (_, c, a) in enumerate(debts) if c == subject)
    own[subject] = max(cash[subject], max(cash[subject], lacking) - amount)
    return base, rest(own, amount)


@pytest.mark.parametrize("seed", range(40))
def test_a_cascade_in_plain_loops_calls_the_same_guarantees(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 8))
    cash = [float(rng.integers(0, 60)) for _ in range(n)]
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    debts = [(*pairs[k], float(rng.integers(10, 90))) for k in rng.permutation(len(pairs))[: 2 * n]]
    promises = [
        (*pairs[k], float(rng.choice([1.0, 0.5])), float(rng.choice([np.inf, 25.0])))
        for k in rng.permutation(len(pairs))[:n]
    ]
    subject = debts[0][0]
    amount = sum(a for d, _, a in debts if d == subject) * float(rng.choice([0.4, 1.0]))
    ids = [f"E{k}" for k in range(n)]
    found = network(
        [firm(ids[k], cash[k]) for k in range(n)],
        invoices=[owes(ids[d], ids[c], a) for d, c, a in debts],
        guarantees=[
            answers(
                ids[g],
                ids[d],
                None if np.isinf(cap) else cap,
                guarantee_id=f"{k:02}",
                kind="several",
                share=share,
            )
            for k, (g, d, share, cap) in enumerate(promises)
        ],
    )
    base, run = plain_cascade(cash, debts, promises, subject, amount)
    result = guarantee_calls(found, ids[subject], amount)
    rows = by_id(result)
    rise = {
        f"{k:02}": sum(run[3][m] - base[3][m] for m, debt in enumerate(debts) if debt[0] == d)
        for k, (_, d, _, _) in enumerate(promises)
    }

    assert set(rows) == {key for key, more in rise.items() if more > 1e-6}
    for key, row in rows.items():
        assert row["wanted"] == pytest.approx(run[1][int(key)], abs=1e-6)
        assert row["paid"] == pytest.approx(run[2][int(key)], abs=1e-6)
        assert row["paid_before"] == pytest.approx(base[2][int(key)], abs=1e-6)
        assert row["unmet"] == pytest.approx(run[1][int(key)] - run[2][int(key)], abs=1e-6)
    assert sum(row["left"] for row in result.detail["creditors"]) == pytest.approx(sum(run[4]) - sum(base[4]), abs=1e-6)
