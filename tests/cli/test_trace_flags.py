"""The command `trace`: its forms, its flags, and what it refuses."""

import csv
import io
import json
import sys

import pytest
from small_book import CARD

from graphrisk.errors import ExitCode
from graphrisk.results import RESULTS

SECRETS = (CARD, "张小三")


@pytest.fixture
def ask(run):
    """Ask about the sample as JSON; returns the document."""

    def ask(*arguments):
        code, out, err = run("trace", *arguments, "--format", "json", "--quiet")
        assert code == 0, err
        return json.loads(out)

    return ask


def test_paths_of_the_sample(ask):
    document = ask("A", "--to", "F2", "--horizon", "30d")
    first = document["rows"][0]

    assert document["command"] == "trace"
    assert list(first) == [column.name for column in RESULTS["trace"]]
    assert (first["path"], first["channels"]) == (["F2", "A", "F2"], ["funding", "default"])
    assert first["amount"] == pytest.approx(40_000 * 300 / 557.6)
    assert document["summary"]["total"] == 40_000
    assert {"explained_share", "overdue_total", "sources", "by_channel"} <= set(document["summary"])
    assert document["detail"]["paths"][0]["steps"][0]["contracts"] == [
        {"kind": "facility", "id": "C2", "amount": 300_000.0}
    ]


def test_who_can_hurt_one_entity(ask):
    document = ask("--to", "F4", "--horizon", "30d", "--top", "3")

    assert document["command"] == "trace_to"
    assert list(document["rows"][0]) == [column.name for column in RESULTS["trace_to"]]
    assert [row["rank"] for row in document["rows"]] == [1, 2, 3]
    assert document["parameters"]["to"] == "F4"


def test_a_projects_id_stands_for_its_company(ask):
    assert ask("PJ", "--overdue", "100")["parameters"]["entity_id"] == "J"
    assert ask("A", "--to", "PJ")["parameters"]["to"] == "J"
    assert ask("--to", "PJ")["parameters"]["to"] == "J"


def test_csv_joins_lists(run):
    code, out, err = run("trace", "A", "--horizon", "30d", "--top", "6", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 0, err
    assert [row["path"] for row in rows][-2:] == ["A|P", "F2|A|F2"]
    assert rows[-1]["channels"] == "funding|default"


def test_twenty_paths_in_a_pipe_too_and_as_many_as_asked_for(ask, run, folder):
    def count(*arguments):
        return len(ask("W1", "--overdue", "500000", "--horizon", "90d", *arguments)["rows"])

    assert count() == 20
    assert count("--top", "21") == 21
    code, out, err = run("trace", "A", "--top", "0")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "at least 1" in err
    (folder / "graphrisk.toml").write_text("top = 0\n", encoding="utf-8")
    assert run("trace", "A", "--data", folder)[0] == 0, "a file that wants all rows wants no paths without end"


def test_assumptions_are_those_of_the_spread(ask):
    frozen = ask("A", "--horizon", "30d", "--no-feedback")
    assert [(row["path"], row["amount"]) for row in frozen["rows"]] == [(["A", "P"], 52_000.0)]
    assert ask("A", "--overdue", "1,000")["summary"]["overdue_total"] == 1000
    assert ask("A", "--trust", "history")["parameters"]["trust"] == "history"
    least = ask("A", "--extreme", "least")
    assert least["parameters"]["extreme"] == "least"
    assert any("bound of a run" in note for note in least["notes"])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("NOBODY",),
        ("A", "--to", "NOBODY"),
        ("--to", "NOBODY"),
        ("--to", "F1", "--overdue", "5"),
        ("A", "--overdue", "-5"),
        ("A", "--top", "none"),
        ("A", "--top", "-1"),
        ("",),
        ("--to", ""),
        ("A", "--horizon", "0d"),
        ("L1",),
    ],
)
def test_a_wrong_question_is_2(run, arguments):
    code, out, err = run("trace", *arguments)

    assert (code, out) == (ExitCode.USAGE, "")
    assert "Traceback" not in err


def test_what_is_wrong_with_a_number_of_paths_or_an_id_is_said(run):
    assert "at least 1 path, not -1" in run("trace", "A", "--top", "-1")[2]
    assert "ID is blank" in run("trace", "")[2]
    assert "--to is blank" in run("trace", "--to", "")[2]


def test_financing_is_named_only_where_some_is_withdrawn(run):
    kept = run("trace", "A", "--horizon", "30d", "--no-feedback", "-q")[1].splitlines()[0]

    assert "financing" not in kept
    assert "financing" in run("trace", "A", "--horizon", "30d", "-q")[1].splitlines()[0]


def test_creditors_whom_the_data_does_not_name_are_named_in_the_readers_language(run):
    zh = run("trace", "A", "--overdue", "9,000,000", "-q", "--lang", "zh")[1]

    assert "A, (数据之外)" in zh
    assert "(outside)" not in zh
    assert "A|(outside)" in run("trace", "A", "--overdue", "9,000,000", "-q", "-f", "csv")[1]


def test_unknown_cash_may_be_refused(run, folder):
    assert run("trace", "A", "--data", folder, "--unknown-cash", "refuse")[0] == ExitCode.INVALID_DATA


@pytest.mark.parametrize("format_", ["table", "json", "csv", "md"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_form_names_no_person_and_comes_twice_alike(run, folder, format_, lang):
    for asked in ((CARD, "--overdue", "500"), ("A", "--to", "F1"), (CARD, "--to", "F1"), ("--to", "F1")):
        arguments = ("trace", *asked, "--data", folder, "--format", format_, "--lang", lang)
        code, out, err = run(*arguments)

        assert code == 0, err
        assert out
        for secret in SECRETS:
            assert secret not in out + err
    assert run(*arguments)[1] == out, "the same bytes"


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_terminal_shows_ranks_paths_and_amounts(run, monkeypatch, width, lang):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = run("trace", "A", "--horizon", "30d", "--lang", lang)

    assert code == 0, err
    assert "278,479.20" in out
    assert "F2, A, F2" in out
