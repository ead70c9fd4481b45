"""The command guarantees: what is typed, what is shown, in which form and language."""

import csv
import io
import json
import re
import sys

import pytest

from graphrisk.cli.app import main
from graphrisk.errors import ExitCode

CARD = "110101199003071234"
PHONE = "13800138000"

BOOK = {
    "entities.csv": (
        "entity_id,name,kind,group_id,cash,equity\n"
        "A,Anvil Steel,company,G1,0,\n"
        "B,Bolt Works,company,G1,100,500\n"
        f"{CARD},张小三,person,,30,\n"
        "C,Crane Hire,company,,0,\n"
        "F1,First Bank,bank,,,\n"
        "SPV,Bridge Co,project_spv,,0,\n"
    ),
    "loans.csv": (
        "loan_id,borrower_id,lender_id,principal,annual_rate,start_date\n"
        "L1,A,F1,1000.00,0.12,2024-01-01\n"
        "L2,SPV,F1,300.00,0.12,2024-01-01\n"
    ),
    "schedule.csv": (
        "loan_id,no,due_date,principal_due,interest_due\nL1,1,2024-06-01,1000.00,0.00\nL2,1,2024-07-10,300.00,0.00\n"
    ),
    "payments.csv": "payment_id,loan_id,paid_date,amount\n",
    "guarantees.csv": (
        "guarantee_id,guarantor_id,debtor_id,creditor_id,loan_id,amount,kind,status\n"
        "Z1,B,A,F1,L1,400.00,joint,active\n"
        f"Z2,{CARD},A,F1,L1,200.00,joint,active\n"
        f"Z-{PHONE},{CARD},SPV,F1,L2,50.00,general,active\n"
        "Z4,A,B,,,10.00,joint,active\n"
        "Z5,C,A,,,10.00,joint,settled\n"
    ),
    "projects.csv": "project_id,spv_id\nPJ,SPV\n",
}
AS_OF = ("--as-of", "2024-06-30")
QUESTIONS = (
    (),
    ("A",),
    ("G1",),
    ("--patterns",),
    ("--patterns", "--group"),
    ("A", "--call", "900"),
    ("PJ", "--call", "300", "--horizon", "30d"),
)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "book"
    place.mkdir()
    for name, text in BOOK.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def ask(run, folder):
    def ask(*arguments):
        code, out, err = run("guarantees", *arguments, "--data", folder, *AS_OF, "-f", "json")
        assert code == 0, err
        return json.loads(out)

    return ask


def test_the_list_has_every_guarantee_in_force(ask):
    answer = ask()
    rows = {row["guarantee_id"]: row for row in answer["rows"]}

    assert answer["command"] == "guarantees"
    assert [row["amount"] for row in answer["rows"]] == [400, 200, 50, 10]
    assert (rows["Z1"]["cap"], rows["Z1"]["overdue_total"], rows["Z1"]["call_now"]) == (400, 1000, 400)
    assert rows["Z1"]["path"] == ["B", "A"]
    assert rows["Z1"]["channels"] == ["same_group"]
    assert rows["Z2"]["path"] == []
    assert answer["summary"]["not_in_force"] == {"not_active": 1}


def test_a_call_says_who_pays_in_order_and_what_is_left(ask):
    answer = ask("A", "--call", "900")
    b, person = answer["rows"]

    # B has 100 and owes nothing; the person has 30; 900 - 130 stays with the bank.
    assert (b["guarantor_id"], b["wanted"], b["paid"], b["unmet"]) == ("B", 400, 100, 300)
    assert (person["wanted"], person["paid"], person["status"]) == (200, 30, "paid_in_part")
    assert answer["summary"]["left_to_creditors"] == 770
    assert answer["detail"]["creditors"][0]["entity_id"] == "F1"
    assert answer["parameters"]["call"] == 900


def test_a_call_on_a_project_a_loan_or_a_guarantee_is_one_on_its_debtor(ask, run, folder):
    for given in ("PJ", "SPV", "L2"):
        answer = ask(given, "--call", "300", "--horizon", "30d")

        assert answer["parameters"]["entity_id"] == "SPV"
        assert [row["status"] for row in answer["rows"]] == ["later"]
    assert ask("Z1", "--call", "100")["parameters"]["entity_id"] == "A"
    for form in ("table", "json", "md"):
        out = run("guarantees", "Z1", "--call", "1", "--data", folder, *AS_OF, "-f", form)[1]
        assert "Z1 is about debts of A" in out


def test_patterns_have_amounts_and_members(ask):
    answer = ask("--patterns")
    (pair,) = [row for row in answer["rows"] if row["pattern"] == "mutual"]

    assert (pair["members"], pair["amount"], pair["outstanding"]) == (["A", "B"], 410, 1000)
    assert answer["summary"]["in_circles"]["share"] == pytest.approx(410 / 660)
    assert [row["pattern"] for row in ask("--patterns", "--group")["rows"]] == ["part"]


@pytest.mark.parametrize(
    ("format_", "lang"), [("table", "en"), ("table", "zh"), ("md", "zh"), ("json", "en"), ("csv", "en")]
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_persons_are_masked_in_every_form(run, folder, question, format_, lang):
    code, out, err = run("guarantees", *question, "--data", folder, *AS_OF, "-f", format_, "--lang", lang)

    assert code == 0, err
    assert "m-" in out
    for secret in (CARD, PHONE, "张小三"):
        assert secret not in out + err


def test_a_masked_id_can_be_asked_for(ask):
    shown = next(row["guarantor_id"] for row in ask()["rows"] if row["guarantor_id"].startswith("m-"))
    guarantee = next(row["guarantee_id"] for row in ask()["rows"] if row["guarantee_id"].startswith("Z-m-"))

    assert len(ask(shown)["rows"]) == 2
    assert len(ask(guarantee)["rows"]) == 1


def test_csv_has_a_header_and_lists_joined(run, folder):
    out = run("guarantees", "--patterns", "--data", folder, *AS_OF, "-f", "csv")[1]
    rows = list(csv.DictReader(io.StringIO(out)))

    assert rows[0]["pattern"] == "mutual"
    assert rows[0]["members"] == "A|B"
    assert rows[0]["amount"] == "410.0"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ((), ("有效担保 4 笔", "连带责任保证", "错向")),
        (("--patterns",), ("互保", "连通片", "处于环上")),
        (("A", "--call", "900"), ("保证人代偿 130.00", "770.00 由债权人承担", "部分代偿")),
    ],
)
def test_it_speaks_chinese(run, folder, question, said):
    out = run("guarantees", *question, "--data", folder, *AS_OF, "--lang", "zh")[1]

    for part in said:
        assert part in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--call", "5"), "--call does not say whose"),
        (("G1", "--call", "5"), "such as A, B"),
        (("A", "--call", "5", "--patterns"), "--patterns and --call"),
        (("A", "--call", "5", "--group"), "--group and --call"),
        (("A", "--call", "-5"), "below zero"),
        (("A", "--call", "much"), "is no amount"),
        (("NOBODY",), "NOBODY"),
        (("Z5",), "has the status settled"),
        (("Z9",), "did you mean Z5"),
        (("A", "--call", "5", "--horizon", "0d"), "horizon"),
    ],
)
def test_what_cannot_be_answered_is_2_and_says_why(run, folder, arguments, said):
    code, out, err = run("guarantees", *arguments, "--data", folder, *AS_OF)

    assert (code, out) == (ExitCode.USAGE, "")
    assert said in err
    assert "Traceback" not in err


def test_an_id_of_two_things_names_both(run, folder):
    text = (folder / "guarantees.csv").read_text(encoding="utf-8").replace("Z1,", "A,", 1)
    (folder / "guarantees.csv").write_text(text, encoding="utf-8")
    code, _, err = run("guarantees", "A", "--data", folder, *AS_OF)

    assert code == ExitCode.USAGE
    assert "entity:A, guarantee:A" in err
    assert run("guarantees", "guarantee:A", "--data", folder, *AS_OF)[0] == 0


def test_a_folder_without_guarantees_answers(run, folder):
    (folder / "guarantees.csv").unlink()
    for question in ((), ("--patterns",), ("A", "--call", "5")):
        code, out, err = run("guarantees", *question, "--data", folder, *AS_OF)

        assert code == 0, err
        assert "no guarantee" in out.lower()


def test_rows_can_be_cut(run):
    out = run("guarantees", "--top", "3")[1]

    assert "12 more rows" in out


def test_a_long_list_of_members_is_abridged_for_people_alone(run, tmp_path):
    rows = [f"G{k:03},A,D{k:03},joint" for k in range(40)]
    (tmp_path / "guarantees.csv").write_text("guarantee_id,guarantor_id,debtor_id,kind\n" + "\n".join(rows) + "\n")
    shown, machine = (
        run("guarantees", "--patterns", "--data", tmp_path, "--as-of", "2024-06-30", "-f", form)[1]
        for form in ("table", "json")
    )

    assert "+29" in shown
    assert "D020" not in shown
    assert len(json.loads(machine)["rows"][0]["members"]) == 41


def test_the_examples_of_the_help_run():
    for arguments in (["W1"], ["--patterns", "--lang", "zh"], ["A", "--call", "52000", "--horizon", "30d"]):
        assert main(["guarantees", *arguments, "-q"]) == 0


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("W4", "--call", "300000"), ("status", "asked", "pays", "cannot")),
        (("W1",), ("amount", "wrong", "side")),
    ],
)
def test_a_narrow_terminal_keeps_what_matters_most(run, monkeypatch, arguments, kept):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    out = run("guarantees", *arguments)[1]
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]
    rule = next(place for place, line in enumerate(lines) if line.startswith("──"))
    header = " ".join(lines[lines.index("Amounts in CNY.") : rule]).split()

    assert set(kept) <= set(header), out


def test_what_links_is_named_alike_in_the_list_and_the_patterns(run):
    for arguments in ((), ("--patterns",)):
        out = run("guarantees", *arguments)[1]
        rows = [line for line in out.splitlines() if not line.startswith("- ")]
        assert any(line.rstrip().endswith("%") and " sales " in line for line in rows)
        assert not any("sells to " in line for line in rows if line.rstrip().endswith("%"))
