"""The flags of `spread` that ask more of it: --explain, --shapley, --hops, --trust, and what goes with what."""

import csv
import io
import json
import re
import sys

import pytest
from rich.cells import cell_len
from small_book import CARD

from graphrisk.errors import ExitCode
from graphrisk.results import RESULTS

SECRETS = (CARD, "张小三")


@pytest.fixture
def ask(run):
    """Ask about the sample as JSON; returns the document."""

    def ask(*arguments):
        code, out, err = run("spread", "A", *arguments, "--format", "json", "--quiet")
        assert code == 0, err
        return json.loads(out)

    return ask


def test_explain_prints_the_contracts_of_one_entity(ask):
    document = ask("--explain", "F2")

    assert document["command"] == "spread_explain"
    assert document["parameters"]["explain"] == "F2"
    assert list(document["rows"][0]) == [column.name for column in RESULTS["spread_explain"]]
    assert [(row["record"], row["contract_id"], row["amount"]) for row in document["rows"]] == [
        ("shortfall", "L2", 40000.0),
        ("credit", "L2", 90000.0),
    ]
    row = next(row for row in ask()["rows"] if row["entity_id"] == "F2")
    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "passed_on", "absorbed", "gap"):
        assert document["summary"][name] == row[name]


def test_a_projects_id_stands_for_its_company_in_explain_too(ask):
    assert ask("--explain", "PJ")["summary"]["entity_id"] == "J"


@pytest.mark.parametrize("format_", ["table", "json", "csv", "md"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_explain_in_every_form_names_no_person(run, folder, format_, lang):
    for subject, other in ((CARD, "F1"), ("A", CARD), (CARD, CARD)):
        arguments = ("spread", subject, "--overdue", "500", "--explain", other, "--data", folder)
        code, out, err = run(*arguments, "--format", format_, "--lang", lang)

        assert code == 0, err
        for secret in SECRETS:
            assert secret not in out + err
        assert out
        assert run(*arguments, "--format", format_, "--lang", lang)[1] == out, "the same bytes"


def test_a_masked_id_can_be_explained(run, folder):
    code, out, _ = run("spread", CARD, "--data", folder, "--explain", "F1", "--format", "csv", "--quiet")
    shown = next(csv.DictReader(io.StringIO(out)))["counterparty_id"]

    assert code == 0
    assert shown.startswith("m-")
    code, out, _ = run("spread", shown, "--data", folder, "--explain", shown, "--format", "json", "--quiet")
    assert (code, json.loads(out)["summary"]["entity_id"]) == (0, shown)


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_explain_fits_a_terminal(run, monkeypatch, width, lang):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = run("spread", "A", "--explain", "A", "--lang", lang, "--quiet")

    assert code == 0
    assert "─" in out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert max(map(cell_len, plain.splitlines())) <= int(width)


def test_shapley_adds_up_to_the_plain_totals(ask):
    plain, shared = ask()["summary"], ask("--shapley")["summary"]
    shares = shared.pop("shapley")

    assert shared == plain
    assert list(shares) == ["default", "guarantee", "supply", "funding", "trust"]
    by_channel = plain["by_channel"]
    totals = {
        "cash_shortfall": by_channel["default"] + by_channel["guarantee"],
        "financing_loss": by_channel["supply"] + by_channel["funding"],
        "trust_loss": by_channel["trust"],
    }
    for name, total in totals.items():
        assert sum(share[name] for share in shares.values()) == pytest.approx(total, abs=1e-4)


def test_shapley_is_said_in_words(run):
    out = run("spread", "A", "--shapley", "--quiet")[1]
    zh = run("spread", "A", "--shapley", "--quiet", "--lang", "zh")[1]

    assert "Shapley" in out
    assert "与次序无关" in zh


def test_hops_show_less_and_compute_the_same(ask):
    whole, near = ask(), ask("--hops", "0")

    assert [row["entity_id"] for row in near["rows"]] == ["A"]
    assert near["summary"] == whole["summary"]
    assert near["parameters"] == {**whole["parameters"], "hops": 0}
    # Beyond lie P's 52,000 and F2's 40,000; 135,000 and 90,000 of claims.
    assert any("3 rows" in note and "92,000.00" in note and "225,000.00" in note for note in near["notes"])
    assert ask("--hops", "1")["rows"] == whole["rows"]


def test_a_row_that_no_step_reaches_is_not_shown_with_hops(ask):
    rows = ask("--hops", "99")["rows"]

    assert all(row["distance"] is not None for row in rows)


def test_limits_hold_for_the_whole_whatever_is_shown(run):
    code, out, err = run("spread", "A", "--hops", "0", "--fail-over", "cash_shortfall=90000", "-f", "json")

    assert code == ExitCode.LIMIT
    assert "92,000.00" in err.splitlines()[-1]
    assert len(json.loads(out)["rows"]) == 1


def test_limits_hold_for_the_row_that_is_explained(run):
    assert run("spread", "A", "--explain", "F2", "--fail-over", "cash_shortfall=40000")[0] == 0
    assert run("spread", "A", "--explain", "F2", "--fail-over", "cash_shortfall=39999")[0] == ExitCode.LIMIT
    assert run("spread", "A", "--explain", "F2", "--fail-over", "vanished=600000")[0] == ExitCode.LIMIT


def test_trust_can_come_from_payments_seen(run, ask, monkeypatch):
    prior, history = ask("--trust", "prior"), ask("--trust", "history")

    assert prior == ask()
    assert "trust" not in prior["parameters"]
    assert history["parameters"]["trust"] == "history"
    assert history["summary"]["by_channel"]["trust"] != prior["summary"]["by_channel"]["trust"]
    assert history["summary"]["by_channel"]["default"] == prior["summary"]["by_channel"]["default"]
    monkeypatch.setenv("GRAPHRISK_TRUST", "history")
    assert ask()["parameters"] == history["parameters"]
    assert "trust" in run("settings")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--explain", "NOBODY"),
        ("--explain", "L1"),
        ("--hops", "-1"),
        ("--hops", "far"),
        ("--hops", "1.5"),
        ("--periods", "0"),
        ("--periods", "two"),
        ("--trust", "blind"),
        ("--explain", "F2", "--shapley"),
        ("--explain", "F2", "--hops", "1"),
        ("--explain", "F2", "--periods", "2"),
        ("--shapley", "--periods", "2"),
    ],
)
def test_a_wrong_or_contradictory_flag_is_2(run, arguments):
    code, out, err = run("spread", "A", *arguments)

    assert (code, out) == (ExitCode.USAGE, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("graphrisk: ")


def test_flags_apart_are_both_named(run):
    err = run("spread", "A", "--shapley", "--periods", "2", "--lang", "zh")[2]

    assert "--shapley" in err
    assert "--periods" in err


def test_periods_follow_each_other(ask):
    document = ask("--periods", "3")
    told = document["summary"]["periods"]

    assert document["command"] == "spread_periods"
    assert document["parameters"]["periods"] == 3
    assert [row["as_of"] for row in told] == ["2024-06-30", "2024-07-30", "2024-08-29"]
    assert [row["overdue_total"] for row in told] == [52000.0, 92000.0, 92000.0]
    assert list(document["rows"][0]) == [column.name for column in RESULTS["spread_periods"]]
    first = [row for row in document["rows"] if row["period"] == 1]
    assert first == [{"period": 1, **row, "extra_cost": 0.0} for row in ask()["rows"]]
    assert [row["cash_before"] for row in document["detail"]["cash"]] == pytest.approx(
        [row["cash_after"] + row["outside"] for row in document["detail"]["cash"]]
    )


def test_where_no_loss_arrives_what_trips_is_said(run):
    out = run("spread", "A", "--explain", "PJ", "-q")[1].splitlines()[0]

    assert "No loss" in out
    assert all(what in out for what in ("6.00%", "1.125", "locked up", "N01 is breached"))
    assert "N02" not in out, "this covenant holds"


@pytest.mark.parametrize("more", [(), ("--shapley",), ("--explain", "H1")])
def test_an_amount_of_0_is_not_nothing_overdue(run, more):
    out = run("spread", "H", "--overdue", "0", *more, "-q")[1].splitlines()[0]

    assert "586,000.00 overdue" in out
    assert "nothing spreads" in out


def test_one_period_is_the_plain_answer(run):
    plain = run("spread", "A", "-f", "csv", "-q")[1]

    assert run("spread", "A", "-f", "csv", "-q", "--periods", "1")[1] == plain


def test_limits_of_periods_look_at_the_largest(run):
    # 557,600 and 50,000 are withdrawn in two periods; 92,000 is the larger amount overdue.
    assert run("spread", "A", "--periods", "2", "--fail-over", "financing_loss=557600")[0] == 0
    assert run("spread", "A", "--periods", "2", "--fail-over", "financing_loss=557599")[0] == ExitCode.LIMIT
    assert run("spread", "A", "--periods", "2", "--fail-over", "overdue_total=91999")[0] == ExitCode.LIMIT


def test_hops_cut_the_rows_of_every_period(ask):
    rows = ask("--periods", "2", "--hops", "0")["rows"]

    assert [(row["period"], row["entity_id"]) for row in rows] == [(1, "A"), (2, "A")]


@pytest.mark.parametrize("format_", ["table", "json", "csv", "md"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_periods_in_every_form_name_no_person(run, folder, format_, lang):
    arguments = ("spread", CARD, "--data", folder, "--periods", "2", "--format", format_, "--lang", lang)
    code, out, err = run(*arguments)

    assert code == 0, err
    assert not any(secret in out + err for secret in SECRETS)
    assert run(*arguments)[1] == out
