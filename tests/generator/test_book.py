"""A generated book: clean, coherent, of the shape that its page states, and the same bytes for the same seed."""

import hashlib
from collections import Counter
from datetime import date

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graphrisk.analyzers.check import check, examined
from graphrisk.analyzers.spread import Asked, solved, spread
from graphrisk.errors import UsageError
from graphrisk.generator import AS_OF, book, write_book
from graphrisk.generator.books import HEADERS, REACTIONS_FILE
from graphrisk.ledger.explain import explain
from graphrisk.ledger.explain_contract import contracts_of
from graphrisk.ledger.overdue import account
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions
from graphrisk.stores import files
from graphrisk.stores.files import read_tables
from graphrisk.tables.schemas import SCHEMAS

#: Digest of the book of 100 entities and seed 1. It changes with what is drawn, which is a new `EDITION` and a line
#: under "Numbers" in the changelog.
DIGEST = "404bfa573557becec1075da0b579b5128a1fe7aab8c4d27deaec2fc5eadfb50e"


def digest(folder):
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("home") / "book", 1_000)


@pytest.fixture(scope="module")
def tables(written):
    return read_tables([written.folder])


@pytest.fixture(scope="module")
def middling():
    return book(4_000, seed=5)


@pytest.fixture(scope="module")
def network(tables):
    return Network.from_tables(tables, as_of=AS_OF)


# The same


def test_one_seed_gives_one_book_and_another_seed_another(tmp_path):
    folders = [write_book(tmp_path / str(number), 150, seed=seed).folder for number, seed in enumerate((7, 7, 8))]
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]

    assert contents[0] == contents[1]
    assert all(contents[0][f"{name}.csv"] != contents[2][f"{name}.csv"] for name in ("entities", "loans", "invoices"))


def test_the_bytes_are_those_of_every_other_machine(tmp_path):
    assert digest(write_book(tmp_path / "book", 100).folder) == DIGEST


def test_a_book_in_memory_is_what_reading_its_folder_gives(written, tables):
    held = book(1_000)

    assert held.fingerprint == tables.fingerprint
    assert held.mask_key == tables.mask_key
    assert dict(held.settings) == dict(tables.settings)
    assert (held.reactions, held.currency, held.findings) == (tables.reactions, tables.currency, tables.findings)
    assert held.tallies == tables.tallies
    assert set(held.frames) == set(tables.frames) == set(HEADERS)
    for name in HEADERS:
        pd.testing.assert_frame_equal(held[name], tables[name])
    assert {name: len(frame) for name, frame in held.frames.items()} == dict(written.rows)


# Clean


@pytest.mark.parametrize(("entities", "seed"), [(100, 1), (100, 2), (137, 3), (1_000, 4), (2_500, 6)])
def test_nothing_is_found_but_the_rings_of_owners(entities, seed, tmp_path):
    made = write_book(tmp_path / "book", entities, seed=seed)
    tables = examined(read_tables([made.folder]), as_of=AS_OF)
    rows = check(tables).rows

    assert set(rows["severity"]) <= {"warning"}
    assert Counter(rows["finding"]) == Counter({"ownership_loop": made.planted["ownership_rings"]})
    assert all(tally.rows_quarantined == 0 for tally in tables.tallies.values())


@pytest.mark.parametrize("as_of", [date(2024, 2, 29), date(2023, 12, 31), date(2031, 3, 15), date(1999, 1, 1)])
def test_it_is_clean_at_any_date(as_of):
    tables = examined(book(200, seed=2, as_of=as_of), as_of=as_of)

    assert tables.findings == ()
    assert tables.settings["as_of"] == as_of
    for table, column in (("payments", "paid_date"), ("loans", "start_date"), ("invoices", "issue_date")):
        assert tables[table][column].max() <= pd.Timestamp(as_of)


def test_every_table_but_exchange_rates_has_rows(tables):
    assert set(HEADERS) == set(SCHEMAS) - {"fx"}
    assert all(len(tables[name]) for name in HEADERS)


def test_columns_of_the_files_are_those_of_the_schemas():
    for name, header in HEADERS.items():
        order = [SCHEMAS[name].names.index(column) for column in header]
        assert order == sorted(order), name


def test_the_reactions_are_read_where_a_folder_keeps_them(tables):
    assert REACTIONS_FILE == files.REACTIONS_FILE
    assert set(read_reactions(tables.reactions).keep_by) == {"F000001", "B000001"}


# Paid to the cent


def test_what_is_outstanding_is_what_both_accountings_say(tables):
    ledger = account(tables, as_of=AS_OF)
    loans = ledger.loans.set_index("loan_id")
    stated = tables["loans"].set_index("loan_id")["outstanding"]
    on_book = loans.index[loans["on_book"]]

    pd.testing.assert_series_equal(
        loans.loc[on_book, "outstanding_principal"], stated[on_book], check_names=False, check_dtype=False
    )
    names = [
        "overdue_principal",
        "overdue_interest",
        "overdue_total",
        "penalty",
        "outstanding_principal",
        "unallocated",
    ]
    for loan_id, contract in contracts_of(tables).items():
        told = explain(contract, as_of=AS_OF, conventions=ledger.conventions)
        theirs = [None if pd.isna(value) else value for value in loans.loc[loan_id, names].tolist()]
        assert [getattr(told, name) for name in names] == theirs, loan_id


def test_nothing_is_left_over_and_who_pays_late_pays_the_penalty_to_the_cent(middling):
    loans = account(middling, as_of=AS_OF).loans
    clear = loans[(loans["days_past_due"] == 0) & (loans["source"] != "snapshot")]

    assert (loans["unallocated"] == 0).all()
    # A penalty short by a cent would leave a cent of principal overdue.
    assert loans.loc[loans["overdue_total"] > 0, "overdue_total"].min() > 1_00
    # Cents remain only where several instalments were late at once, and each rounds by itself.
    assert (clear["penalty"] == 0).mean() > 0.98
    assert clear["penalty"].max() < 200


def test_a_facility_has_drawn_what_its_loans_owe_and_its_limit_covers_it(tables):
    loans, lines = tables["loans"], tables["facilities"].set_index("facility_id")
    active = loans[(loans["status"] == "active") & loans["facility_id"].notna()]
    owed = active.groupby("facility_id")["outstanding"].sum().reindex(lines.index, fill_value=0)

    assert (owed == lines["drawn"]).all()
    assert (lines["drawn"] <= lines["limit"]).all()
    assert (lines["drawn"] == 0).any()
    assert set(loans["facility_id"].dropna()) <= set(lines.index)
    under = lines.loc[active["facility_id"]]
    assert (under["borrower_id"].to_numpy() == active["borrower_id"].to_numpy()).all()
    assert (under["provider_id"].to_numpy() == active["lender_id"].to_numpy()).all()


def test_guarantors_and_insurers_who_paid_had_promised_to():
    tables = book(4_000, seed=1)
    payments, loans = tables["payments"], tables["loans"].set_index("loan_id")
    guarantees, insurance = tables["guarantees"], tables["insurance"]
    promised = set(zip(guarantees["loan_id"], guarantees["guarantor_id"], strict=True))
    insured = set(zip(insurance["loan_id"], insurance["insurer_id"], strict=True))
    by = payments[payments["kind"].isin(["guarantor", "insurer"])]

    assert (by["kind"] == "guarantor").any()
    for row in by.itertuples():
        assert (row.loan_id, row.payer_id) in (promised if row.kind == "guarantor" else insured)
    known = guarantees[guarantees["loan_id"].notna()]
    assert (loans.loc[known["loan_id"], "borrower_id"].to_numpy() == known["debtor_id"].to_numpy()).all()
    assert (loans.loc[known["loan_id"], "lender_id"].to_numpy() == known["creditor_id"].to_numpy()).all()
    assert (loans.loc[known["loan_id"], "status"] != "settled").all()


# Of the stated shape


def test_every_way_to_borrow_and_to_pay_occurs(middling):
    loans, payments, invoices = middling["loans"], middling["payments"], middling["invoices"]

    assert set(loans["method"]) == set(SCHEMAS["loans"]["method"].codes)
    assert {"active", "settled"} < set(loans["status"])
    assert set(payments["kind"].dropna()) >= {"prepay", "reversal", "waiver", "guarantor"}
    assert (payments["amount"] < 0).any()
    assert payments["reverses"].notna().any()
    assert set(middling["schedule"]["version"].dropna()) == {"revised"}
    assert loans["rate_type"].eq("floating").any()
    open_ = invoices[invoices["settled_date"].isna()]
    assert (open_["due_date"] < pd.Timestamp(AS_OF)).any()
    for column in ("disputed", "confirmed", "recourse"):
        assert open_[column].fillna(value=False).any(), column
    assert (middling["facilities"]["cross_default"]).any()
    sums = middling["loan_shares"].groupby("loan_id")["share"].sum()
    assert sums.to_numpy() == pytest.approx(1)


def test_most_are_sound_and_some_are_overdue_for_long(middling):
    loans = account(middling, as_of=AS_OF).loans
    on_book = loans[loans["on_book"]]
    outstanding = on_book["outstanding_principal"].sum()
    bad = on_book["five_class"].isin(["substandard", "doubtful", "loss"])

    assert 0.03 < (on_book["days_past_due"] > 0).mean() < 0.07
    assert 0.008 < (on_book["days_past_due"] > 90).mean() < 0.035
    assert 0.003 < on_book["overdue_total"].sum() / outstanding < 0.04
    assert 0.003 < on_book.loc[bad, "outstanding_principal"].sum() / outstanding < 0.04
    assert set(on_book["bucket"]) == {"M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7"}


def test_about_one_loan_in_seven_was_ever_late(middling):
    ledger = account(middling, as_of=AS_OF)
    due = ledger.instalments[ledger.instalments["due_date"] <= pd.Timestamp(AS_OF)]
    late = set(due.loc[due["past_due"], "loan_id"])
    late |= set(due.loc[due["penalty_paid"] > 0, "loan_id"])
    due_at_all = due["loan_id"].nunique()

    assert 0.11 < len(late) / due_at_all < 0.22


def test_contracts_are_ten_an_entity_and_degrees_have_heavy_tails(middling):
    tables = middling
    contracts = ("loans", "loan_shares", "co_borrowers", "facilities", "trade", "invoices", "guarantees", "collateral")
    contracts += ("insurance", "ownership", "partnerships", "project_parties")
    count = sum(len(tables[name]) for name in contracts)
    pairs = tables["trade"].drop_duplicates(["seller_id", "buyer_id"])

    assert count / len(tables["entities"]) == pytest.approx(10, rel=0.1)
    for side in ("seller_id", "buyer_id"):
        degree = pairs[side].value_counts().to_numpy()
        largest = degree[: len(degree) // 100].sum() / degree.sum()
        assert degree[0] > 20 * np.median(degree), side
        assert largest > 0.1, side


def test_most_trade_stays_within_a_community(middling):
    entities = middling["entities"].set_index("entity_id")
    trade = middling["trade"].drop_duplicates(["seller_id", "buyer_id"])
    place = entities["region"].astype(str) + entities["sector"].astype(str)
    firms = trade[entities["sector"].reindex(trade["buyer_id"]).notna().to_numpy()]
    same = place.reindex(firms["seller_id"]).to_numpy() == place.reindex(firms["buyer_id"]).to_numpy()

    assert 0.55 < same.mean() < 0.8


def test_planted_rings_of_owners_are_found_and_nobody_is_owned_twice(written, tables):
    owned = tables["ownership"]
    graph = nx.DiGraph(zip(owned["owner_id"], owned["owned_id"], strict=True))
    rings = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]

    assert len(rings) == written.planted["ownership_rings"] == 1
    assert owned.groupby("owned_id")["share_max"].sum().max() <= 1
    groups = tables["entities"].dropna(subset="group_id").groupby("group_id").size()
    assert groups.min() >= 2


def test_projects_add_up(tables):
    parties, projects = tables["project_parties"], tables["projects"].set_index("project_id")
    shares = parties.pivot_table(index="project_id", columns="role", values="share", aggfunc="sum")
    loans = tables["loans"].dropna(subset="project_id").set_index("project_id")

    for role in ("lender", "contractor", "offtaker"):
        assert shares[role].to_numpy() == pytest.approx(1), role
    assert (projects["debt_drawn"] < projects["debt_committed"]).all()
    assert (projects["cfads"] > projects["debt_service"]).all()
    assert (loans["borrower_id"] == projects["spv_id"].reindex(loans.index)).all()
    assert set(tables["covenants"]["subject_id"]) == set(projects.index)


# Used


def test_who_falls_overdue_hurts_others_whichever_of_the_ten_largest_borrowers_it_is(tables, network):
    reactions = read_reactions(tables.reactions)
    largest = tables["loans"].groupby("borrower_id")["outstanding"].sum().nlargest(10).index

    for entity_id in largest:
        owed = float(network.obligation[network.ids.get_loc(entity_id)])
        result = spread(network, entity_id, overdue=0.5 * owed, reactions=reactions)
        summary = result.summary
        assert summary["first_round_loss"] == pytest.approx(0.5 * owed, rel=1e-9)
        assert summary["absorbed"] + summary["absorbed_outside"] == pytest.approx(summary["vanished"], rel=1e-9)
        assert len(result.rows) > 1


def test_the_large_buyer_that_fails_hurts_suppliers_of_its_suppliers(written, tables, network):
    result = spread(network, written.anchor, reactions=read_reactions(tables.reactions))
    lacking = result.rows[result.rows["cash_shortfall"] > 0]

    assert result.summary["overdue_total"] > 0
    assert result.summary["amplification"] > 1.5
    assert (lacking["distance"] >= 2).any()
    assert result.rows["defaulted"].sum() > 1


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_large_buyer_that_fails_is_overdue_in_small_books_too(seed, tmp_path):
    made = write_book(tmp_path / "book", 100, seed=seed)
    loans = account(read_tables([made.folder]), as_of=AS_OF).loans
    due = loans[loans["borrower_id"] == made.anchor]

    assert due["overdue_principal"].sum() > 0
    assert due["days_past_due"].max() <= 40


def test_before_anything_happens_few_are_late_and_fewer_cannot_pay(tables, network):
    asked = Asked(
        network.ids[int(np.argmax(network.obligation))], overdue=1.0, reactions=read_reactions(tables.reactions)
    )
    short = solved(network, asked).found.baseline.overdue_ratio > 0
    late = network.overdue_total > 0

    assert 0.03 < late.mean() < 0.15
    assert 0.005 < short[: network.n].mean() < 0.05
    assert 0.005 < network.cash_unknown.mean() < 0.06


# Written whole or not at all


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "mine.csv").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="not empty"):
        write_book(tmp_path / "book", 100)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty"):
        write_book(tmp_path / "file", 100)

    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["book", "mine.csv", "file"]


def test_an_empty_folder_is_filled_but_not_the_one_that_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    write_book(tmp_path / "book", 100)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert (tmp_path / "book" / "loans.csv").is_file()
    with pytest.raises(UsageError, match="working folder"):
        write_book(tmp_path / "here", 100)


@pytest.mark.parametrize("end", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("a fault")])
def test_a_run_that_ends_early_leaves_nothing(end, tmp_path, monkeypatch):
    from graphrisk.generator import books

    def broken(_world):
        yield "covenants", {}
        raise end

    monkeypatch.setattr(books, "trade", broken)
    monkeypatch.setattr(books, "_columns", lambda *_: ([], 0))

    with pytest.raises(UsageError if isinstance(end, OSError) else type(end)):
        write_book(tmp_path / "book", 100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("entities", "seed", "as_of"),
    [(99, 1, AS_OF), (1_000_001, 1, AS_OF), (100, -1, AS_OF), (100, 2**63, AS_OF), (100, 1, date(1900, 1, 1))],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(entities, seed, as_of, tmp_path):
    with pytest.raises(UsageError):
        write_book(tmp_path / "book", entities, seed=seed, as_of=as_of)
    with pytest.raises(UsageError):
        book(entities, seed=seed, as_of=as_of)
    assert list(tmp_path.iterdir()) == []
