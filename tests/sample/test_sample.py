"""The bundled sample: clean, invented, connected, and the reference story's own figures in the midst of it."""

import csv
import re
import tomllib
from collections import defaultdict
from datetime import date
from decimal import Decimal

import networkx as nx
import pytest

from graphrisk.analyzers.spread import spread
from graphrisk.ledger.overdue import account
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions
from graphrisk.stores.files import read_tables, sample_folder
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)

# Every figure was worked out with a pocket calculator; examples/01-reference-story/README.md shows how.
STORY_ROWS = {
    "A": {
        "distance": 0,
        "first_round": 0,
        "cash_shortfall": 0,
        "credit_loss": 0,
        "trust_loss": 425_000,
        "financing_loss": 557_600,
        "absorbed": 517_600,
        "passed_on": 40_000,
        "gap": 92_600,
        "defaulted": True,
    },
    "P": {
        "distance": 1,
        "first_round": 1,
        "cash_shortfall": 52_000,
        "credit_loss": 0,
        "trust_loss": 0,
        "financing_loss": 0,
        "absorbed": 52_000,
        "passed_on": 0,
        "gap": 0,
        "defaulted": False,
    },
    "F2": {
        "distance": 1,
        "first_round": 1,
        "cash_shortfall": 40_000,
        "credit_loss": 90_000,
        "trust_loss": 0,
        "financing_loss": 0,
        "absorbed": 40_000,
        "passed_on": 0,
        "gap": 0,
        "defaulted": False,
    },
    "F1": {
        "distance": 1,
        "first_round": 1,
        "cash_shortfall": 0,
        "credit_loss": 135_000,
        "trust_loss": 0,
        "financing_loss": 0,
        "absorbed": 0,
        "passed_on": 0,
        "gap": 0,
        "defaulted": False,
    },
}
STORY_SUMMARY = {
    "overdue_total": 52_000,
    "first_round_loss": 52_000,
    "amplification": 92_000 / 52_000,
    "rounds": 2,
    "vanished": 609_600,
    "absorbed": 609_600,
    "absorbed_outside": 0,
    "unknown_cash_entities": 0,
    "unknown_cash_passed_on": 0,
}
STORY_CHANNELS = {"default": 40_000, "guarantee": 52_000, "supply": 100_000, "funding": 457_600, "trust": 425_000}
STORY_ROUNDS = [
    {
        "round": 1,
        "cash_shortfall": 52_000,
        "credit_loss": 225_000,
        "trust_loss": 425_000 * 52 / 92,
        "financing_loss": 557_600,
    },
    {"round": 2, "cash_shortfall": 40_000, "credit_loss": 0, "trust_loss": 425_000 * 40 / 92, "financing_loss": 0},
]


def rows_of(table):
    with (sample_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_of_tables():
    return sorted(file.stem for file in sample_folder().glob("*.csv"))


@pytest.fixture(scope="module")
def tables():
    return read_tables(None)


@pytest.fixture(scope="module")
def network(tables):
    return Network.from_tables(tables, as_of=AS_OF, horizon_days=30)


def ask(tables, network, entity_id, **options):
    return spread(network, entity_id, reactions=read_reactions(tables.reactions), **options)


def test_it_says_its_date_horizon_and_currency():
    settings = tomllib.loads((sample_folder() / "graphrisk.toml").read_text(encoding="utf-8"))

    assert settings == {"as_of": AS_OF, "horizon": "30d", "currency": "CNY"}


def test_it_has_some_dozens_of_entities(tables):
    assert 40 <= len(tables["entities"]) <= 90


def test_every_table_but_exchange_rates_is_there_and_read_whole(tables):
    assert files_of_tables() == sorted(set(SCHEMAS) - {"fx"})
    for name in files_of_tables():
        tally = tables.tallies[name]
        assert tally.rows_read == tally.rows_kept == len(rows_of(name)) > 0, name


def test_no_check_finds_an_error_or_a_warning(tables, network):
    ledger = account(tables, as_of=AS_OF)
    found = (*tables.findings, *ledger.findings, *network.findings)

    assert [finding for finding in found if finding.severity != "note"] == []


def test_it_shows_every_bucket_and_every_class(tables):
    loans = account(tables, as_of=AS_OF).loans
    on_book = loans[loans["on_book"]]

    assert set(on_book["bucket"]) == {"M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7"}
    assert set(on_book["five_class"]) == {"normal", "special_mention", "substandard", "doubtful", "loss"}


def test_all_methods_come_with_and_without_a_schedule():
    planned = {row["loan_id"] for row in rows_of("schedule")}
    seen = {(row["method"], row["loan_id"] in planned) for row in rows_of("loans") if row["method"]}

    methods = ("level_payment", "level_principal", "interest_first")
    assert seen >= {(method, has) for method in methods for has in (True, False)} | {("bullet", False)}


def test_what_a_facility_has_drawn_is_what_its_loans_owe():
    owed = defaultdict(Decimal)
    for loan in rows_of("loans"):
        owed[loan["facility_id"]] += Decimal(loan["outstanding"] or 0)

    assert {row["facility_id"]: Decimal(row["drawn"]) for row in rows_of("facilities")} == {
        row["facility_id"]: owed[row["facility_id"]] for row in rows_of("facilities")
    }


def test_nothing_in_it_looks_like_an_identity_card_or_a_phone():
    long_number = re.compile(r"\d{9,}")
    for path in sample_folder().glob("*.csv"):
        assert not long_number.search(path.read_text(encoding="utf-8")), path.name


def test_everybody_hangs_together():
    graph = nx.Graph()
    home = {row["loan_id"]: row["borrower_id"] for row in rows_of("loans")}
    home |= {row["project_id"]: row["spv_id"] for row in rows_of("projects")}
    for name in files_of_tables():
        refers = [column.name for column in SCHEMAS[name].columns if column.refers]
        for row in rows_of(name):
            nx.add_path(graph, [home.get(row[column], row[column]) for column in refers if row.get(column)])

    entities = {row["entity_id"] for row in rows_of("entities")}
    assert entities <= set(graph)
    assert entities <= nx.node_connected_component(graph, "A")


def test_the_overdue_total_of_the_story_is_exact_to_the_cent(tables):
    loan = account(tables, as_of=AS_OF).loans.set_index("loan_id").loc["L1"]

    assert loan["overdue_principal"] == 50_000_00
    assert loan["overdue_interest"] == 2_000_00
    assert loan["overdue_total"] == 52_000_00
    assert loan["penalty"] == 1_312_50
    assert loan["days_past_due"] == 35
    assert (loan["bucket"], loan["five_class"]) == ("M2", "special_mention")


def test_the_figures_of_the_story_hold_among_all_the_others(tables, network):
    result = ask(tables, network, "A")
    rows = {row.pop("entity_id"): row for row in result.rows.to_dict("records")}

    assert set(rows) == set(STORY_ROWS)
    for entity_id, expected in STORY_ROWS.items():
        got = {name: rows[entity_id][name] for name in expected}
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-6), entity_id


def test_the_sums_of_the_story_hold_among_all_the_others(tables, network):
    summary = ask(tables, network, "A").summary

    assert {name: summary[name] for name in STORY_SUMMARY} == pytest.approx(STORY_SUMMARY, rel=1e-9, abs=1e-6)
    assert summary["certificate"] == pytest.approx(0, abs=1e-6)
    assert summary["by_channel"] == pytest.approx(STORY_CHANNELS, rel=1e-9, abs=1e-6)
    assert len(summary["by_round"]) == len(STORY_ROUNDS)
    for got, expected in zip(summary["by_round"], STORY_ROUNDS, strict=True):
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-6)
    project = next(row for row in summary["projects"] if row["project_id"] == "PJ")
    assert project["dscr_before"] == pytest.approx(1.25)
    assert project["dscr_after"] == pytest.approx(1.125)
    assert (project["lockup"], project["drawstop"]) == (True, False)


def test_a_late_anchor_reaches_the_third_tier_of_suppliers(tables, network):
    rows = ask(tables, network, "H").rows.set_index("entity_id")

    # H owes H1, H1 owes H11, H11 owes H21: each lacks what the one before it cannot pay.
    assert rows.loc[["H1", "H11", "H21"], "distance"].tolist() == [1, 2, 3]
    assert (rows.loc[["H1", "H11", "H21"], "cash_shortfall"] > 0).all()


def test_a_late_contractor_stops_the_draws_of_the_second_project(tables, network):
    summary = ask(tables, network, "N1").summary
    project = next(row for row in summary["projects"] if row["project_id"] == "PQ")

    # N1 does 40 % of the works, and 25 % is enough.
    assert project["drawstop"] is True


def test_the_weakest_of_the_guarantee_circle_makes_its_guarantors_pay(tables, network):
    result = ask(tables, network, "W1")
    rows = result.rows.set_index("entity_id")

    # W2 answers for W1 and fails itself; W3, which answers for W2, pays all that W2 owes the bank in these 30 days:
    # 50,000 of principal and 350,000 x 7.05 % / 12 of interest.
    assert rows.loc["W3", "cash_shortfall"] == pytest.approx(52_056.25 + 70_000)
    assert result.summary["by_channel"]["guarantee"] == pytest.approx(52_056.25)
