"""What every command keeps to, whatever it answers: units, currencies, byte order marks, the audit line, strictness."""

import io
import json
import re

import openpyxl
import pytest
from typer.main import get_command

from graphrisk.cli.app import app
from graphrisk.errors import ExitCode


def commands(group, before=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name)), {flag for parameter in command.params for flag in parameter.opts}


COMMANDS = dict(commands(get_command(app)))
ANSWERS = sorted(name for name, flags in COMMANDS.items() if {"--data", "--format"} <= flags)
DATED = [name for name in ANSWERS if "--as-of" in COMMANDS[name] and name != "settings"]

#: What a command is asked about, where it needs to be told.
ABOUT = {"spread": ["A"], "trace": ["A"]}
MORE = [
    ("spread", "A", "--explain", "P"),
    ("trace", "--to", "P"),
    ("overdue", "L1", "--explain"),
    ("overdue", "--by", "lender"),
]
QUESTIONS = [*((*name.split(), *ABOUT.get(name, [])) for name in ANSWERS), *MORE]
DATED_QUESTIONS = [question for question in QUESTIONS if question[0] in DATED]

#: Amounts in two currencies; the rate after the last payment does not count.
TWO_CURRENCIES = {
    "entities.csv": (
        "entity_id,name,kind,cash\nA,Anvil,company,100\nB,Bolt,company,50\nP,Prop,company,10\nF1,First,bank,1000000\n"
    ),
    "loans.csv": (
        "loan_id,borrower_id,lender_id,principal,annual_rate,start_date,currency,method,term\n"
        "L1,A,F1,1000.00,0.12,2024-01-01,USD,bullet,3\n"
        "L2,B,F1,50000.00,0.12,2024-01-01,CNY,bullet,3\n"
    ),
    "guarantees.csv": "guarantee_id,guarantor_id,debtor_id,loan_id,amount,kind\nG1,P,A,L1,500,joint\n",
    "payments.csv": "payment_id,loan_id,paid_date,amount\nP1,L2,2024-06-30,140.00\n",
    "fx.csv": "date,currency,base,rate\n2024-06-28,USD,CNY,8\n2024-07-01,USD,CNY,9\n",
}


@pytest.fixture
def two(tmp_path):
    place = tmp_path / "two"
    place.mkdir()
    for name, text in TWO_CURRENCIES.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def numbers(text):
    """Return the grouped amounts of a text."""
    return {float(number.replace(",", "")) for number in re.findall(r"(?<![\d.])-?\d[\d,]*\.\d\d(?![\d%])", text)}


@pytest.mark.parametrize("question", DATED_QUESTIONS, ids=" ".join)
def test_a_unit_divides_every_amount_of_a_table(run, question):
    plain = run(*question)[1]
    code, out, err = run(*question, "--unit", "万元")

    assert code == 0, err
    if "Amounts in CNY." not in plain:
        assert "Amounts in" not in plain
        return
    assert "Amounts in 万元." in out
    table = plain[plain.index("Amounts in CNY.") :].split("\n\n")[0]
    scaled = numbers(out[out.index("Amounts in 万元.") :].split("\n\n")[0])
    large = {number for number in numbers(table) if abs(number) >= 1_000}
    assert all(any(abs(number / 10_000 - other) <= 0.0051 for other in scaled) for number in large)


@pytest.mark.parametrize("question", DATED_QUESTIONS, ids=" ".join)
def test_a_unit_changes_nothing_that_machines_read(run, question):
    plain, scaled = (run(*question, "--format", "json", *unit)[1] for unit in ([], ["--unit", "亿元"]))

    assert plain == scaled


def amounts(value):
    """Yield every float of a JSON value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from amounts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from amounts(inner)
    elif isinstance(value, float):
        yield value


@pytest.mark.parametrize("question", DATED_QUESTIONS, ids=" ".join)
def test_a_currency_is_that_of_the_answer_at_the_rate_of_the_day(run, two, question):
    answers = {}
    for currency in ("CNY", "USD"):
        code, out, err = run(*question, "--data", two, "--currency", currency, "--format", "json")
        assert code == 0, err
        answers[currency] = json.loads(out)
    cny, usd = answers["CNY"], answers["USD"]

    if "--explain" in question and question[0] == "overdue":
        assert (cny["currency"], usd["currency"]) == ("USD", "USD"), "a loan is explained in its own currency"
        assert cny["rows"] == usd["rows"]
        return
    assert (cny["currency"], usd["currency"]) == ("CNY", "USD")
    inside = [(a, b) for a, b in zip(amounts(cny["summary"]), amounts(usd["summary"]), strict=True) if abs(b) > 2]
    assert inside
    assert all(a == pytest.approx(8 * b, abs=0.05) for a, b in inside)


@pytest.mark.parametrize("question", DATED_QUESTIONS, ids=" ".join)
def test_a_currency_without_a_rate_is_refused_with_what_is_missing(run, two, question):
    if "--explain" in question and question[0] == "overdue":
        return
    code, out, err = run(*question, "--data", two, "--currency", "EUR")

    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert "EUR" in err
    assert "fx" in err


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_csv_has_a_mark_in_a_file_and_none_on_stdout_and_they_are_the_same_else(run, tmp_path, question):
    path = tmp_path / "a.csv"
    code, out, err = run(*question, "-o", path)
    piped = run(*question, "--format", "csv")[1]

    assert (code, out) == (0, ""), err
    assert path.read_bytes() == b"\xef\xbb\xbf" + piped.encode()
    assert not piped.startswith("\ufeff")


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_way_out_says_what_made_it(run, tmp_path, question):
    document = json.loads(run(*question, "--format", "json")[1])
    print_, command = (document["data"]["fingerprint"] or "")[:12], " ".join(["graphrisk", *question])
    marks = [f"graphrisk {document['graphrisk']}", print_, document["as_of"] or "", *document["conventions"].values()]

    assert document["command"].startswith(question[0])
    for format_ in ("table", "md"):
        end = "\n".join(run(*question, "--format", format_)[1].rstrip().split("\n\n")[-2:]).replace("\\", "")
        assert [mark for mark in [*marks, command] if mark not in end] == []
    out, err = run(*question, "--format", "csv")[1:]
    assert [mark for mark in [*marks, command] if mark not in err] == []
    assert command not in out
    run(*question, "-o", tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO((tmp_path / "a.xlsx").read_bytes()))["audit"]
    audit = dict(sheet.iter_rows(values_only=True))
    assert audit["command"].startswith(command)
    assert (audit["graphrisk"], audit["data.fingerprint"]) == (document["graphrisk"], document["data"]["fingerprint"])
    assert {f"conventions.{name}": value for name, value in document["conventions"].items()}.items() <= audit.items()


def test_of_all_commands_those_that_answer_are_tested():
    assert {"check", "npl", "overdue", "settings", "spread"} <= {*ANSWERS}


STRICT = sorted(name for name in DATED if "--strict" in COMMANDS[name])


@pytest.mark.parametrize("name", STRICT)
def test_strict_refuses_an_error_for_which_no_row_was_set_aside(run, folder, name):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P1,L1,2024-06-29,141.00\n")
    question = [*name.split(), *ABOUT.get(name, [])]
    code, out, err = run(*question, "--data", folder, "--strict")

    assert run(*question, "--data", folder)[0] == 0
    assert run("check", "--data", folder)[0] == ExitCode.INVALID_DATA
    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert "payments.csv" in err
    assert "--strict" in err.splitlines()[-1]


@pytest.mark.parametrize("name", STRICT)
def test_strict_passes_what_check_passes(run, folder, name):
    question = [*name.split(), *ABOUT.get(name, [])]

    assert run("check", "--data", folder)[0] == 0
    assert run(*question, "--data", folder, "--strict")[0] == 0


@pytest.mark.parametrize("format_", ["table", "md", "json"])
@pytest.mark.parametrize("name", DATED)
def test_an_answer_that_is_kept_says_which_rows_are_missing(run, folder, tmp_path, name, format_):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P4,L1,never,7.00\n")
    path = tmp_path / "kept"
    code, out, err = run(*name.split(), *ABOUT.get(name, []), "--data", folder, "-q", "-f", format_, "-o", path)

    assert (code, out, err) == (0, "", "")
    assert "rows set aside: 1, payments 1 (amount 7.00 CNY)" in path.read_text(encoding="utf-8")
    if format_ == "json":
        assert json.loads(path.read_text(encoding="utf-8"))["data"]["set_aside"] == {"payments": 1}


def test_a_loan_is_explained_in_its_own_currency_and_a_flag_that_says_another_is_told_so(run, two):
    assert "USD" in run("overdue", "L1", "--explain", "--data", two, "--currency", "CNY")[2]
    assert run("overdue", "L1", "--explain", "--data", two, "--currency", "USD")[2] == ""
