"""The command `exposure` as typed: its three tables in every format and language, masked."""

import csv
import io
import json
import re
import sys

import pytest
from rich.cells import cell_len
from small_book import CARD

from graphrisk.results import RESULTS


@pytest.fixture
def book(folder):
    """Add guarantees and ownership to the small book: its person owns A and answers for B."""
    (folder / "guarantees.csv").write_text(
        f"guarantee_id,guarantor_id,debtor_id,creditor_id,amount,kind\nG1,{CARD},B,F1,90.00,joint\n", encoding="utf-8"
    )
    (folder / "ownership.csv").write_text(
        f"owner_id,owned_id,share_min,share_max\n{CARD},A,0.8,0.8\nB,SPV,0.6,0.6\n", encoding="utf-8"
    )
    return folder


def asked(run, folder, *arguments):
    code, out, err = run("exposure", *arguments, "--data", folder, "--as-of", "2024-06-30", "--format", "json")
    assert code == 0, err
    return json.loads(out)


def test_rows_are_contracts_with_who_loses_and_who_fails(run, book):
    answer = asked(run, book)
    keys = [column.name for column in RESULTS["exposure"]]

    assert answer["command"] == "exposure"
    assert all(list(row) == keys for row in answer["rows"])
    assert keys[:7] == [
        *("creditor_id", "obligor_id", "channel", "kind", "amount"),
        *("currency", "share_of_creditor"),
    ]
    first = answer["rows"][0]
    # Of 140.00 paid after 60 days, 30.00 met penalty (1,000 x 0.12 x 1.5 / 360 a day), 40.00 interest, 70.00 principal.
    assert (first["creditor_id"], first["obligor_id"], first["amount"], first["overdue"]) == ("F1", "A", 930, 930)
    assert answer["summary"]["by_channel"] == {"default": 1930, "guarantee": 90, "supply": 0, "funding": 0}


def test_csv_has_the_rows_and_the_sums_are_those_of_json(run, book):
    code, out, _ = run("exposure", "--data", book, "--as-of", "2024-06-30", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 0
    assert len(rows) == len(asked(run, book)["rows"])
    assert sum(float(row["amount"] or 0) for row in rows) == pytest.approx(2020)


def test_an_entity_is_shown_both_ways(run, book):
    rows = asked(run, book, "A")["rows"]

    assert {(row["creditor_id"] == "A", row["obligor_id"] == "A") for row in rows} == {(False, True)}
    assert asked(run, book, "F1")["summary"]["as_creditor"]["default"] == 1930


@pytest.mark.parametrize("arguments", [("--group", "G1"), ("G1", "--group"), ("G1",), ("group:G1",), ("A", "--group")])
def test_a_group_is_asked_in_any_way(run, book, arguments):
    answer = asked(run, book, *arguments)
    (group,) = answer["detail"]["groups"]

    assert answer["command"] == "exposure_group"
    assert group["group_id"] == "G1"
    assert group["members"][1:] == ["A", "B", "SPV"]
    assert answer["rows"][0]["claims"] == 930 + 200 + 300 + 500


def test_all_groups_are_summed_up_without_an_id(run, book):
    answer = asked(run, book, "--group")

    assert [(row["creditor_id"], row["group_id"]) for row in answer["rows"]] == [("F1", "G1")]
    assert answer["summary"]["claims"] == 1930


def test_beliefs_come_with_their_evidence(run, book):
    prior = asked(run, book, "--channel", "trust")
    history = asked(run, book, "--channel", "trust", "--trust", "history")
    of = {row["obligor_id"]: row for row in history["rows"] if row["creditor_id"] == "F1"}

    assert prior["command"] == "exposure_trust"
    assert {row["source"] for row in prior["rows"]} == {"neutral"}
    assert of["A"]["source"] == "history"
    assert of["A"]["trials"] == 1
    assert of["A"]["low"] < of["A"]["trust"] == of["A"]["prior"] < of["A"]["high"]
    assert (of["B"]["source"], of["B"]["trust"], of["B"]["trials"]) == ("neutral", None, 0)


@pytest.mark.parametrize(
    ("format_", "lang"), [("table", "en"), ("table", "zh"), ("json", "en"), ("csv", "en"), ("md", "zh")]
)
@pytest.mark.parametrize("arguments", [(), ("F1",), ("--group",), ("--channel", "trust")])
def test_nobody_is_named_in_any_format(run, book, arguments, format_, lang):
    code, out, err = run(
        "exposure", *arguments, "--data", book, "--as-of", "2024-06-30", "--format", format_, "--lang", lang, "-v"
    )

    assert code == 0
    for hidden in (CARD, "张小三", "13800138000"):
        assert hidden not in out + err
    assert ("张**" in out.replace("\\", "")) == (arguments != ("--group",)), "a group has no person among its creditors"


def test_unmasked_they_are_shown(run, book):
    code, out, err = run("exposure", "--data", book, "--as-of", "2024-06-30", "--unmask")

    assert code == 0
    assert CARD in out
    assert "张小三" in out
    assert "--unmask" in err


def test_rows_of_equal_amount_stand_by_the_ids_as_shown(run, tmp_path):
    persons = [f"13800{k:06d}"[:11] for k in range(138000, 138006)]
    lines = [f"{person},张{'甲乙丙丁戊己'[k]},person" for k, person in enumerate(persons)]
    (tmp_path / "entities.csv").write_text(
        "\n".join(["entity_id,name,kind", *lines, "F,First Bank,bank", "S,Shop,company"]) + "\n", encoding="utf-8"
    )
    invoices = [f"V{k},S,{person},10.00,2024-06-01,2024-07-01" for k, person in enumerate(persons)]
    own = ["W1,F,S,5.00,2024-06-01,2024-07-01"]
    head = "invoice_id,seller_id,buyer_id,amount,issue_date,due_date"
    (tmp_path / "invoices.csv").write_text("\n".join([head, *invoices, *own]) + "\n", encoding="utf-8")
    for arguments in ((), ("S",)):
        shown = [(row["amount"], row["obligor_id"]) for row in asked(run, tmp_path, *arguments)["rows"]]
        ids = [obligor for amount, obligor in shown if amount == 10]
        assert len(ids) == 6
        assert ids == sorted(ids)
        assert all(id_.startswith("m-") for id_ in ids)
        assert shown[-1] == (5, "S")


@pytest.mark.parametrize(("width", "lang"), [(80, "en"), (80, "zh"), (120, "en")])
@pytest.mark.parametrize("arguments", [(), ("F1",), ("--group",), ("--channel", "trust")])
def test_a_terminal_of_any_width_shows_who_and_how_much(run, book, monkeypatch, arguments, *, width, lang):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    code, out, _ = run("exposure", *arguments, "--data", book, "--as-of", "2024-06-30", "--lang", lang)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]

    assert code == 0
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith("F1 ") for line in lines)


def test_what_is_unknown_is_refused_with_what_there_is(run, book):
    code, _, err = run("exposure", "F9", "--data", book, "--as-of", "2024-06-30")
    assert code == 2
    assert "F1" in err

    with (book / "loans.csv").open(encoding="utf-8") as file:
        of_person = next(row["loan_id"] for row in csv.DictReader(file) if row["borrower_id"] == CARD)
    code, _, err = run("exposure", of_person, "--data", book, "--as-of", "2024-06-30")
    assert code == 2
    assert "is a loan, of borrower m-" in err
    assert CARD not in err

    code, _, err = run("exposure", "A", "--trust", "history", "--data", book, "--as-of", "2024-06-30")
    assert code == 2
    assert "--channel trust" in err

    code, _, err = run("exposure", "--channel", "rumour", "--data", book)
    assert code == 2
    assert "guarantee" in err

    code, _, err = run("exposure", "--group", "--channel", "trust", "--data", book, "--as-of", "2024-06-30")
    assert code == 2
    assert "leave out --group" in err


def test_a_loop_of_ownership_is_found_by_check(run, book):
    (book / "ownership.csv").write_text(
        "owner_id,owned_id,share_min,share_max\nA,B,0.8,0.8\nB,A,0.7,0.7\nF1,A,0.5,0.5\n", encoding="utf-8"
    )
    code, out, _ = run("check", book, "--format", "json")
    found = {row["finding"]: row for row in json.loads(out)["rows"]}

    assert code == 0
    assert found["ownership_loop"]["file"] == "ownership.csv"
    assert "A, B" in found["ownership_loop"]["detail"]
    assert found["ownership_above_one"]["value"] == "A"
    answer = asked(run, book, "--group")
    assert {finding["code"] for finding in answer["detail"]["findings"]} == {"ownership_loop", "ownership_above_one"}


def test_a_loop_of_ownership_is_found_in_data_without_a_date(run, tmp_path):
    (tmp_path / "ownership.csv").write_text(
        "owner_id,owned_id,share_min,share_max\nA,B,0.9,0.9\nB,C,0.9,0.9\nC,A,0.9,0.9\n", encoding="utf-8"
    )
    rows = json.loads(run("check", tmp_path, "--format", "json")[1])["rows"]

    (loop,) = [row for row in rows if row["finding"] == "ownership_loop"]
    assert "A, B, C" in loop["detail"]
