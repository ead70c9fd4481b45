"""graphrisk generate: what it writes, what it says, and that every question answers on it."""

import csv
import io
import json
import subprocess
import sys
import time

import pytest

QUESTIONS = (
    ("check",),
    ("overdue",),
    ("overdue", "--by", "borrower"),
    ("overdue", "--by", "product,bucket"),
    ("npl", "--by", "lender"),
    ("spread", "{anchor}"),
    ("spread", "{anchor}", "--no-feedback"),
    ("exposure",),
    ("exposure", "--group"),
    ("guarantees", "--patterns"),
    ("trace", "{anchor}"),
    ("settings",),
)


@pytest.fixture(scope="module")
def anchor(home):
    """The large buyer that fails in the book that all questions are asked of."""
    line = next(
        line for line in (home / "graphrisk.toml").read_text("utf-8").splitlines() if "buyer that fails" in line
    )
    return line.split()[-1].removesuffix(".")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from graphrisk.generator import write_book

    return write_book(tmp_path_factory.mktemp("generated") / "book", 200).folder


def test_it_says_what_it_wrote_what_it_planted_and_what_to_type_next(run, tmp_path):
    code, out, err = run("generate", "--entities", "100", "-o", tmp_path / "book")

    assert (code, err) == (0, "")
    assert "100 entities and their contracts, from seed 1" in out.replace("\n", " ")
    for said in ("circles 1", "mutual pairs 1", "graphrisk check", "graphrisk spread C0", "as of 2024-06-30"):
        assert said in out, said
    assert (tmp_path / "book" / "loans.csv").is_file()


@pytest.mark.parametrize("typed", ["150", "1.5e2", "0,150"])
def test_numbers_are_read_as_people_type_them(run, tmp_path, typed):
    code, out, _ = run("generate", "--entities", typed, "--seed", "0", "-o", tmp_path / "book", "-f", "json")

    assert code == 0
    assert json.loads(out)["parameters"]["entities"] == 150
    assert json.loads(out)["parameters"]["seed"] == 0


def test_json_and_csv_count_what_is_in_the_files(run, tmp_path):
    code, out, _ = run("generate", "--entities", "120", "--seed", "3", "-o", tmp_path / "one", "-f", "json")
    document = json.loads(out)
    csv_code, table, _ = run("generate", "--entities", "120", "--seed", "3", "-o", tmp_path / "two", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(table)))

    assert (code, csv_code) == (0, 0)
    assert [row["table"] for row in document["rows"]] == [row["table"] for row in rows]
    for row, text in zip(document["rows"], rows, strict=True):
        content = (tmp_path / "one" / f"{row['table']}.csv").read_bytes()
        assert row["rows"] == int(text["rows"]) == content.count(b"\n") - 1
        assert row["bytes"] == int(text["bytes"]) == len(content)
    assert document["summary"]["rows"] == sum(row["rows"] for row in document["rows"])
    assert document["summary"]["planted"]["circles"] == 1


@pytest.mark.parametrize("flags", [("--format", "md"), ("--lang", "zh"), ("--format", "table"), ("-q",)])
def test_every_form_and_language_tells_it(run, tmp_path, flags):
    code, out, _ = run("generate", "--entities", "100", "-o", tmp_path / "书", *flags)

    assert code == 0
    assert "guarantees" in out
    assert str(tmp_path / "书") in out.replace("\n", "")


def test_the_date_is_not_that_of_the_environment_or_of_today(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHRISK_AS_OF", "2030-01-01")
    _, out, _ = run("generate", "--entities", "100", "-o", tmp_path / "one", "-f", "json")
    _, asked, _ = run("generate", "--entities", "100", "--as-of", "2025-12-31", "-o", tmp_path / "two", "-f", "json")

    assert json.loads(out)["as_of"] == "2024-06-30"
    assert json.loads(asked)["as_of"] == "2025-12-31"
    assert "as_of = 2025-12-31" in (tmp_path / "two" / "graphrisk.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--entities", "99"), "100 to 1,000,000"),
        (("--entities", "2e6"), "100 to 1,000,000"),
        (("--entities", "many"), "not a whole number"),
        (("--entities", "100.5"), "not a whole number"),
        (("--entities", "1e999"), "not a whole number"),
        (("--entities", "nan"), "not a whole number"),
        (("--entities", "100", "--seed", "-1"), "--seed -1"),
        (("--entities", "100", "--as-of", "2024-02-30"), "--as-of"),
        (("--entities", "100", "--as-of", "1200-01-01"), "years"),
    ],
)
def test_what_cannot_be_drawn_is_2_and_leaves_nothing(run, tmp_path, arguments, said):
    code, out, err = run("generate", *arguments, "-o", tmp_path / "book")

    assert (code, out) == (2, "")
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_2_and_stays_as_it_is(run, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = run("generate", "--entities", "100", "-o", folder)

    assert code == 2
    assert "not empty" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_must_be_named_and_one_can_be_made_there(run, tmp_path):
    missing, _, _ = run("generate", "--entities", "100")
    blank, _, _ = run("generate", "--entities", "100", "-o", "")
    nowhere, _, err = run("generate", "--entities", "100", "-o", tmp_path / "no" / "book")

    assert (missing, blank, nowhere) == (2, 2, 2)
    assert "cannot be written" in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_run_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "graphrisk", "generate", "--entities", "300000", "-o", str(tmp_path / "book")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 -- our own
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".book.*/payments.csv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(2)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, b""), err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_question_answers_on_it(run, home, anchor, question):
    arguments = [part.format(anchor=anchor) for part in question]
    code, out, err = run(*arguments, "--data", home, "--format", "json")

    assert code == 0, err
    # A clean book has no findings to list.
    assert bool(json.loads(out)["rows"]) == (question != ("check",))
