"""The question `exposure`: the reference story by hand, sums against the network, groups, guarantors, beliefs."""

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from graphrisk import exposure, read
from graphrisk.errors import UsageError
from graphrisk.network import CHANNELS, Network
from graphrisk.network.exposures import KINDS, contract_exposures
from graphrisk.network.stakes import matrix
from graphrisk.results import RESULTS
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)
STORY = Path(__file__).parents[2] / "examples" / "01-reference-story" / "tables"


@pytest.fixture(scope="module")
def story() -> Network:
    return Network.from_tables(read(STORY), as_of=AS_OF, horizon_days=30)


@pytest.fixture(scope="module")
def sample() -> Network:
    return Network.from_tables(read(), as_of=AS_OF, horizon_days=30)


def network(**tables: list[dict]) -> Network:
    tables.setdefault("entities", [{"entity_id": i, "kind": "company"} for i in "ABCDEFG"])
    if "loans" in tables:
        tables.setdefault("payments", [])
    frames = {name: SCHEMAS[name].frame(rows) for name, rows in tables.items()}
    return Network.from_tables(Tables(frames), as_of=AS_OF, horizon_days=30)


def entity(entity_id: str, kind: str = "company", **more) -> dict:
    return {"entity_id": entity_id, "kind": kind, **more}


def lent(lender: str, borrower: str, amount: float, **more) -> dict:
    row = {"loan_id": f"{lender}{borrower}", "lender_id": lender, "borrower_id": borrower}
    minor = round(amount * 100)
    return {**row, "principal": minor, "outstanding": minor, "start_date": "2024-01-01", **more}


def plain(result, *columns: str) -> list[tuple]:
    frame = result.rows[list(columns)]
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


def codes(sentences) -> list[str]:
    return [sentence.code for sentence in sentences]


def test_every_contract_of_the_story_says_who_loses_if_whom_fails(story):
    result = exposure(story)

    assert plain(result, "creditor_id", "obligor_id", "channel", "kind", "contract_id", "amount") == [
        ("J", "B2", "funding", "project", "PJ", 600_000),
        ("A", "F2", "funding", "facility", "C2", 300_000),
        ("F1", "A", "default", "loan", "L1", 300_000),
        ("F2", "A", "default", "loan", "L2", 200_000),
        ("S", "A", "default", "trade_credit", None, 200_000),
        ("P", "A", "guarantee", "guarantee", "G1", 150_000),
        ("A", "F1", "funding", "facility", "C1", 100_000),
        ("A", "S", "supply", "trade", None, 100_000),
        ("A", "F3", "funding", "advance", "V1", 97_200),
        ("F3", "K", "default", "invoice", "V1", 97_200),
        ("A", "K", "default", "invoice", "V2", 72_000),
        ("A", "F3", "funding", "advance", "V2", 57_600),
        ("A", "K", "default", "invoice", "V1", pytest.approx(10_800)),
    ]
    assert result.summary["by_channel"] == {
        "default": pytest.approx(880_000),
        "guarantee": 150_000,
        "supply": 100_000,
        "funding": 1_154_800,
    }
    assert result.summary["overdue"] == 52_000
    assert (result.summary["contracts"], result.summary["creditors"], result.summary["obligors"]) == (13, 7, 7)


def test_of_one_entity_its_own_exposures_stand_first_then_those_of_others_to_it(story):
    result = exposure(story, entity_id="A")
    rows = plain(result, "creditor_id", "obligor_id", "amount", "share_of_creditor", "overdue")

    assert [row[0] == "A" for row in rows] == [True] * 7 + [False] * 4
    assert rows[0] == ("A", "F2", 300_000, pytest.approx(300 / 554.8), None)
    assert rows[7] == ("F1", "A", 300_000, 1, 52_000)
    assert result.summary["as_creditor"]["default"] == pytest.approx(82_800)
    assert result.summary["as_obligor"]["default"] == 700_000
    assert codes(result.headline) == ["exposure_to", "exposure_through", "exposure_concentration"]
    assert result.detail["contingent"] == []


def test_what_a_guarantor_would_owe_a_creditor_is_told_beside_its_claims(story):
    (held,) = exposure(story, entity_id="F1").detail["contingent"]
    (given,) = exposure(story, entity_id="P").detail["contingent"]

    assert held == given
    assert (held["creditor_id"], held["guarantor_id"], held["debtor_id"], held["amount"]) == ("F1", "P", "A", 150_000)
    assert "exposure_contingent" in codes(exposure(story, entity_id="F1").notes)
    assert "exposure_contingent" not in codes(exposure(story, entity_id="P").notes)


def test_maturities_are_given_or_those_of_the_last_instalment(story):
    rows = exposure(story, channel="default").rows.dropna(subset="contract_id")
    until = dict(zip(rows["contract_id"], rows["until"].dt.date, strict=True))

    assert until == {
        "L1": date(2025, 11, 26),
        "L2": date(2025, 7, 20),
        **dict.fromkeys(("V1", "V2"), date(2024, 10, 18)),
    }
    last = [
        {"loan_id": "BA", "no": k, "due_date": f"2024-0{k}-30", "principal_due": 1, "interest_due": 0} for k in (8, 9)
    ]
    assert exposure(network(loans=[lent("B", "A", 1)], schedule=last)).rows["until"][0].date() == date(2024, 9, 30)


@pytest.mark.parametrize("book", ["story", "sample"])
def test_rows_add_up_to_the_matrices_of_the_network(book, request):
    found = request.getfixturevalue(book)
    rows = contract_exposures(found, found.reading())

    assert set(rows["channel"]) <= set(CHANNELS)
    for channel in CHANNELS:
        part = rows[rows["channel"] == channel]
        assert set(part["kind"]) <= set(KINDS[channel])
        amount = part["share" if channel == "trust" else "amount"].fillna(0.0).to_numpy()
        summed = matrix(amount, part["creditor"].to_numpy(), part["obligor"].to_numpy(), found.n)
        assert summed.nnz == found.exposure[channel].nnz
        assert (summed != found.exposure[channel]).nnz == 0


def test_every_kind_of_contract_stands_in_the_sample(sample):
    result = exposure(sample)

    assert set(result.rows["kind"]) == {kind for kinds in KINDS.values() for kind in kinds}
    assert result.rows["overdue"].sum() == pytest.approx(sample.overdue_total.sum())
    trust = result.rows["channel"] == "trust"
    assert result.rows["amount"].isna().equals(trust)
    assert result.rows["share"].notna().equals(trust)
    shares = result.rows[~trust].groupby(["creditor_id", "channel"])["share_of_creditor"].sum()
    assert shares.to_numpy() == pytest.approx(1)


def test_a_channel_alone_is_what_it_is_among_all(sample):
    every = exposure(sample).rows
    for channel in ("default", "guarantee", "supply", "funding"):
        alone = exposure(sample, channel=channel).rows
        same = every[every["channel"] == channel].reset_index(drop=True)
        assert alone.reset_index(drop=True).equals(same)


def test_concentration_is_that_of_shares_by_name():
    # 60 + 20 on A, 40, 40, 20, 10, 10 on others: 80 / 200.
    claims = [lent("G", "A", 60), lent("G", "A", 20, loan_id="GA2")]
    claims += [lent("G", name, amount) for name, amount in zip("BCDEF", (40, 40, 20, 10, 10), strict=True)]
    found = network(loans=claims, entities=[entity(i, net_capital=1000_00 if i == "G" else None) for i in "ABCDEFG"])
    (told,) = exposure(found, entity_id="G").summary["concentration"]

    assert told["largest_id"] == "A"
    assert told["top1_share"] == pytest.approx(0.4)
    assert told["top5_share"] == pytest.approx(0.95)
    assert told["hhi"] == pytest.approx((80**2 + 2 * 40**2 + 20**2 + 2 * 10**2) / 200**2)
    assert told["top1_of_net_capital"] == told["loans_of_net_capital"] == pytest.approx(0.08)
    assert told["names"] == 6


def test_concentration_in_the_sample_is_that_of_plain_sums(sample):
    rows = exposure(sample, channel="default").rows
    claims = defaultdict(lambda: defaultdict(float))
    for row in rows.itertuples():
        claims[row.creditor_id][row.obligor_id] += row.amount
    largest = sorted(claims, key=lambda creditor: -sum(claims[creditor].values()))[:5]
    told = exposure(sample).summary["concentration"]

    assert [row["creditor_id"] for row in told] == largest
    for row in told:
        amounts = sorted(claims[row["creditor_id"]].values(), reverse=True)
        total = sum(amounts)
        assert row["amount"] == pytest.approx(total)
        assert row["top5_share"] == pytest.approx(sum(amounts[:5]) / total)
        assert row["hhi"] == pytest.approx(sum((amount / total) ** 2 for amount in amounts))


def test_names_above_a_banks_limits_are_told():
    owed = {"invoice_id": "V", "seller_id": "F", "buyer_id": "C", "amount": 151_00, "issue_date": "2024-06-01"}
    found = network(
        entities=[
            entity("F", "bank", net_capital=1000_00),
            entity("G", "company", net_capital=1000_00),
            *(entity(i, kind) for i, kind in zip("ABCD", ("company", "person", "company", "bank"), strict=True)),
        ],
        loans=[lent("F", "A", 101), lent("F", "B", 100), lent("F", "D", 900), lent("G", "A", 900)],
        invoices=[{**owed, "due_date": "2024-08-01"}],
    )
    result = exposure(found)

    assert [(row["creditor_id"], row["obligor_id"]) for row in result.detail["large"]] == [("F", "C"), ("F", "A")]
    assert result.detail["large"][1]["loans_of_net_capital"] == pytest.approx(0.101)
    assert codes(result.notes).count("exposure_above_limit") == 2
    assert exposure(found, entity_id="G").detail["large"] == []
    assert exposure(found, channel="supply").detail["large"] == []


def test_the_village_bank_of_the_sample_is_above_its_limits(sample):
    large = exposure(sample).detail["large"]

    assert {row["creditor_id"] for row in large} == {"F6"}
    assert large[0]["loans_of_net_capital"] == pytest.approx(500_000 / 2_600_000)


def group_book() -> Network:
    # A owns 60 % of B; F lent A 100, B 50 (5 late), C 30; C guarantees nothing; A guarantees C at F up to 20,
    # B guarantees A at F up to 90; D guarantees A at F up to 40; F promises B another 70; A lends B 7.
    return network(
        entities=[entity("F", "bank", net_capital=1000_00), *(entity(i) for i in "ABCD")],
        ownership=[{"owner_id": "A", "owned_id": "B", "share_min": 0.6}],
        loans=[lent("F", "A", 100), lent("F", "B", 50), lent("F", "C", 30), lent("A", "B", 7)],
        schedule=[
            {"loan_id": "FB", "no": 1, "due_date": "2024-06-01", "principal_due": 5_00, "interest_due": 0},
            {"loan_id": "FB", "no": 2, "due_date": "2024-12-01", "principal_due": 45_00, "interest_due": 0},
        ],
        guarantees=[
            {"guarantee_id": "1", "guarantor_id": "A", "debtor_id": "C", "creditor_id": "F", "amount": 20_00},
            {"guarantee_id": "2", "guarantor_id": "B", "debtor_id": "A", "creditor_id": "F", "amount": 90_00},
            {"guarantee_id": "3", "guarantor_id": "D", "debtor_id": "A", "creditor_id": "F", "amount": 40_00},
        ],
        facilities=[{"facility_id": "X", "borrower_id": "B", "provider_id": "F", "limit": 70_00, "drawn": 0}],
        trade=[{"seller_id": "B", "buyer_id": "D", "amount": 3_00, "period": "2024-06"}],
    )


def test_a_group_is_summed_up_by_creditor():
    result = exposure(group_book(), group_id=None, by_group=True)

    names = ("creditor_id", "group_id", "amount", "claims", "guaranteed", "undrawn", "contingent", "supply", "overdue")
    assert plain(result, *names) == [
        ("F", "A", 240, 150, 0, 70, 20, 0, 5),  # B's guarantee for A counts once, as the claim on A
        ("D", "A", 40, 0, 40, 0, 0, 3, 0),
    ]
    assert plain(result, "share_of_creditor", "share_of_net_capital", "obligors") == [
        (pytest.approx(150 / 180), pytest.approx(0.24), 2),
        (None, None, 2),
    ]
    assert result.summary["within"] == 7
    assert result.detail["groups"] == [
        {"group_id": "A", "stated": False, "head_id": "A", "members": ["A", "B"], "related": []}
    ]


def test_a_group_is_asked_by_its_name_or_by_a_member():
    stated = network(
        entities=[entity(i, group_id="G" if i in "AB" else None) for i in "ABCD"],
        loans=[lent("C", "A", 1), lent("C", "B", 2), lent("C", "D", 4), lent("A", "D", 8)],
    )
    by_name, by_member = exposure(stated, group_id="G"), exposure(stated, entity_id="B", by_group=True)

    assert plain(by_name, "creditor_id", "group_id", "claims") == [("C", "G", 3)]
    assert plain(by_member, "creditor_id", "group_id", "claims") == [("C", "G", 3)]
    assert by_name.headline[0].fields["members"] == ("A", "B")
    assert plain(exposure(stated, entity_id="C", by_group=True), "group_id", "claims") == [("G", 3)]
    assert plain(exposure(stated, entity_id="D", by_group=True), "group_id") == []


def test_a_stated_name_finds_the_group_that_ownership_joined_it_to():
    joined = network(
        entities=[entity(i, group_id={"A": "G1", "B": "G2"}.get(i)) for i in "ABC"],
        ownership=[{"owner_id": "A", "owned_id": "B", "share_min": 0.9}],
        loans=[lent("C", "B", 2)],
    )
    result = exposure(joined, group_id="G2")

    assert plain(result, "group_id", "claims") == [("G1", 2)]
    assert [finding["code"] for finding in result.detail["findings"]] == ["groups_joined"]
    assert "ledger_doubts" in codes(result.notes)


def test_a_channel_narrows_a_group_to_those_who_have_something_in_it():
    assert plain(exposure(group_book(), by_group=True, channel="guarantee"), "creditor_id") == [("D",)]
    assert plain(exposure(group_book(), by_group=True, channel="supply"), "creditor_id") == [("D",)]
    assert plain(exposure(group_book(), by_group=True, channel="funding"), "creditor_id") == []


def test_a_cap_is_split_among_those_whom_a_guarantee_covers():
    # D answers for all that A owes, 30 and 60, up to 45: a third and two thirds of it; the half of 90 for several.
    cover = {"guarantor_id": "D", "debtor_id": "A"}
    found = network(
        loans=[lent("B", "A", 30), lent("C", "A", 60)],
        guarantees=[
            {"guarantee_id": "1", **cover, "amount": 45_00},
            {"guarantee_id": "2", **cover, "kind": "several", "share": 0.5},
            {"guarantee_id": "3", **cover, "loan_id": "BA"},
        ],
    )
    rows = exposure(found, entity_id="D").detail["contingent"]

    assert [(row["contract_id"], row["creditor_id"], row["amount"]) for row in rows] == [
        ("1", "B", pytest.approx(15)),
        ("1", "C", pytest.approx(30)),
        ("2", "B", pytest.approx(15)),
        ("2", "C", pytest.approx(30)),
        ("3", "B", pytest.approx(30)),
    ]


def test_guarantors_of_one_debt_owe_no_more_than_the_debt():
    # D and E are of one group, C of none; all three answer for the 100 that A owes F, and D for B's 40 too.
    cover = {"debtor_id": "A", "creditor_id": "F", "kind": "joint", "amount": 100_00}
    found = network(
        entities=[entity(i, group_id="G" if i in "DE" else None) for i in "ABCDEF"],
        loans=[lent("F", "A", 100), lent("F", "B", 40)],
        guarantees=[
            *({"guarantee_id": who, "guarantor_id": who, **cover} for who in "CDE"),
            {"guarantee_id": "2", "guarantor_id": "D", "debtor_id": "B", "kind": "joint"},
        ],
    )
    asked = exposure(found, entity_id="F")
    (said,) = [note for note in asked.notes if note.code == "exposure_contingent"]

    assert plain(exposure(found, group_id="G"), "creditor_id", "contingent", "amount", "obligors") == [
        ("F", 140, 140, 2),
    ]
    assert said.fields["amount"] == pytest.approx(140)
    assert [who.fields["amount"] for who in said.fields["who"]] == pytest.approx([140, 100, 100])
    assert sorted(row["amount"] for row in asked.detail["contingent"]) == pytest.approx([40, 100, 100, 100])


def test_nothing_at_stake_is_not_said_of_everybody_and_insurance_is_told(sample):
    (of_bank,) = exposure(sample, entity_id="F6", by_group=True).headline
    alone, insured = exposure(sample, entity_id="IN").headline
    (supplied,) = exposure(sample, entity_id="M05", by_group=True).headline
    policies = sample.tables["insurance"]

    assert of_bank.code == "exposure_to_no_group"
    assert (alone.code, insured.fields["count"]) == ("exposure_alone", int((policies["insurer_id"] == "IN").sum()))
    assert [(part.code, part.fields["amount"]) for part in supplied.fields["stakes"]] == [("group_supply", 20_000)]


def test_creditors_are_counted_part_by_part(sample):
    result = exposure(sample, group_id="GE")
    stakes = {part.code: part.fields["count"] for part in result.headline[1].fields["stakes"]}

    for part in ("claims", "undrawn", "contingent", "supply"):
        assert stakes[f"group_{part}"] == int((result.rows[part] > 0).sum())
    assert stakes["group_claims"] < len(result.rows)


def test_sums_of_a_group_are_those_of_its_members_contracts(sample):
    group = exposure(sample, group_id="GE")
    members = set(group.detail["groups"][0]["members"])
    rows = exposure(sample).rows
    outside = rows[rows["obligor_id"].isin(members) & ~rows["creditor_id"].isin(members)]
    for part, channel in (("claims", "default"), ("guaranteed", "guarantee"), ("supply", "supply")):
        assert group.summary[part] == pytest.approx(outside[outside["channel"] == channel]["amount"].sum())
    promised = rows[rows["creditor_id"].isin(members) & ~rows["obligor_id"].isin(members)]
    promised = promised[promised["kind"].isin(["facility", "project"])]
    assert members == {"E1", "E2", "E3", "Q", "R10"}
    assert group.summary["undrawn"] == pytest.approx(promised["amount"].sum())
    assert group.summary["contingent"] == 200_000, "R10 answers for M02"


def test_beliefs_stand_beside_what_payment_history_says(story):
    result = exposure(story, channel="trust")
    rows = {(row.creditor_id, row.obligor_id): row for row in result.rows.itertuples()}
    row = rows["F1", "A"]

    # Mean due 28,250. In time: 4,500 due 125 days ago; 35 days late: 52,000 due 35 days ago, bad by a quarter.
    good = 4_500 / 28_250 * 2 ** (-125 / 365.25)
    bad = 52_000 / 28_250 * 0.25 * 2 ** (-35 / 365.25)
    assert (row.source, row.prior, row.trials, row.relation) == ("neutral", 0.5, 2, 300_000)
    assert (row.good, row.bad) == (pytest.approx(good), pytest.approx(bad))
    assert row.trust == pytest.approx((good + 1) / (good + bad + 2))
    assert row.low < row.trust < row.high
    assert row.newest.date() == date(2024, 5, 26)
    assert np.isnan(rows["F2", "A"].trust)
    assert rows["F2", "A"].trials == 0
    assert result.summary["pairs_with_history"] == 1
    assert result.summary["relation"] == pytest.approx(story.relation.sum())


def test_beliefs_are_those_that_the_network_holds():
    tables = read()
    for source in ("prior", "history"):
        found = Network.from_tables(tables, as_of=AS_OF, trust=source)
        result = exposure(found, channel="trust")
        place = {id_: k for k, id_ in enumerate(found.ids)}
        at_stake = result.rows[result.rows["relation"] > 0]
        held = found.trust.toarray()[at_stake["creditor_id"].map(place), at_stake["obligor_id"].map(place)]
        assert (at_stake["prior"].to_numpy() == held).all()
        assert (result.rows["source"] == "history").sum() == {"prior": 0, "history": 56}[source]
        assert len(result.rows) == 102


def test_of_one_entity_beliefs_are_shown_both_ways(sample):
    rows = exposure(sample, entity_id="H", channel="trust").rows

    assert ((rows["creditor_id"] == "H") | (rows["obligor_id"] == "H")).all()
    assert {"H"} < set(rows["creditor_id"]) | set(rows["obligor_id"])


def test_who_has_no_exposure_is_told_so():
    alone = exposure(network(), entity_id="A")

    assert codes(alone.headline) == ["exposure_alone"]
    assert codes(exposure(network()).headline) == ["exposure_nothing"]
    assert codes(exposure(network(), by_group=True).headline) == ["exposure_no_group"]
    assert codes(exposure(network(), channel="trust").headline) == ["trust_counts"]
    assert alone.rows.columns.tolist() == [column.name for column in RESULTS["exposure"]]


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"entity_id": "Z"}, "no entity Z"),
        ({"group_id": "Z"}, "no group Z"),
        ({"channel": "rumour"}, "default, guarantee"),
        ({"channel": "trust", "by_group": True}, "leave out --group"),
    ],
)
def test_what_cannot_be_answered_is_refused(asked, match):
    with pytest.raises(UsageError, match=match):
        exposure(network(), **asked)


def test_currencies_are_converted_and_the_order_of_rows_is_nothing():
    loans = [lent("B", "A", 70), lent("C", "A", 10, currency="USD"), lent("D", "A", 70)]
    fx = [{"date": "2024-06-28", "currency": "USD", "base": "CNY", "rate": 7_000_000_000}]
    one, other = (exposure(network(loans=rows, fx=fx)) for rows in (loans, loans[::-1]))

    assert plain(one, "creditor_id", "amount", "currency") == [("B", 70, "CNY"), ("C", 70, "CNY"), ("D", 70, "CNY")]
    assert one.rows.equals(other.rows)
