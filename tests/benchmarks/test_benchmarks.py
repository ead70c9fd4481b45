"""The benchmarks run, on sizes so small that their figures mean nothing; their contenders must agree all the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ledger_decimal, network_build, spread_networkx, startup
from benchmarks.measurement import Measurement
from benchmarks.run import BEGIN, END, MODULES, chosen, main, markdown, shown, table, write
from benchmarks.timing import interleaved

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", [network_build, spread_networkx, ledger_decimal], ids=lambda module: module.__name__)
def test_a_benchmark_measures_its_goals(module):
    found = module.measure(quick=True)
    assert {one.goal for one in found} <= set(MODULES[module.__name__.removeprefix("benchmarks.")])
    assert all(np.isfinite(one.value) for one in found)
    assert any(one.limit is not None for one in found)


def test_the_help_is_measured_beside_a_bare_app_with_the_same_commands(tmp_path):
    startup.bare_app(tmp_path / "bare.py")
    text = (tmp_path / "bare.py").read_text(encoding="utf-8")
    assert "'spread'" in text
    assert "'Network'" in text
    _, heavy = startup.help_measured(tmp_path, 1)
    assert (heavy.value, heavy.met) == (0, True)


def test_a_first_spread_is_measured_on_a_clean_and_on_a_spoilt_folder(tmp_path):
    clean, spoilt = startup.spread_measured(tmp_path, 100, 1)
    assert (clean.goal, spoilt.goal) == ("P15", "P15")
    assert (tmp_path / "spoilt" / "trade.csv").read_bytes() != (tmp_path / "book" / "trade.csv").read_bytes()


def test_a_loop_over_loans_that_differs_by_a_cent_is_noticed(monkeypatch):
    by_hand = ledger_decimal.by_hand

    def one_cent_more(loan):
        outstanding, *others = by_hand(loan)
        return outstanding + ledger_decimal._CENT, *others  # noqa: SLF001 -- a cent

    monkeypatch.setattr(ledger_decimal, "by_hand", one_cent_more)
    with pytest.raises(AssertionError, match="by hand"):
        ledger_decimal.by_lateness(0.5, 1.0, ledger_decimal.QUICK)


def test_a_version_with_dictionaries_that_differs_is_noticed(monkeypatch):
    monkeypatch.setattr(spread_networkx, "grow_distrust", lambda _run, at, _unpaid: at.distrust)
    with pytest.raises(AssertionError, match="differ"):
        spread_networkx.measure(quick=True)


def test_contenders_run_in_turn():
    ran = []
    times = interleaved({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, rounds=2, repeat={"b": 2})
    assert ran == ["a", "b", "b", "a", "b", "b"]
    assert [len(times[name].cpu) for name in "ab"] == [2, 4]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1 / 213.4, "ratio", "1/213"),
        (1.254, "ratio", "1.25"),
        (1536.2, "MiB", "1,536 MiB"),
        (0.0523, "s", "0.0523 s"),
        (0, "count", "0"),
    ],
)
def test_figures_are_shown_as_a_person_reads_them(value, unit, text):
    assert shown(value, unit) == text


def test_the_table_says_what_is_met_and_what_is_not():
    some = [
        Measurement("P1", "one", 1.0, 2.0, "ratio"),
        Measurement("P2", "two", 3.0, 2.0, "ratio", "how"),
        Measurement("P2", "three", 3.0, None, "s"),
    ]
    lines = table(some).splitlines()
    assert lines[0].split() == ["P1", "one", "1", "<=", "2", "met"]
    assert lines[1].endswith("NOT MET")
    assert lines[2].strip() == "how"
    assert lines[3].split() == ["P2", "three", "3", "s"]


def test_the_last_run_replaces_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(page, markdown([Measurement("P1", "a|b", 1.0, 2.0, "ratio")], "A machine."))
    text = page.read_text(encoding="utf-8")
    assert "old" not in text
    assert "| P1 | a\\|b | 1 | <= 2 | met |  |" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_a_page_without_a_place_for_the_last_run_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no lines"):
        write(page, "")


def test_the_page_has_a_place_for_the_last_run():
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_goals_choose_modules():
    assert chosen(["P15"]) == ["startup"]
    assert "ledger_decimal" in chosen([])
    with pytest.raises(SystemExit, match="P99"):
        chosen(["P99"])


def test_a_module_says_its_figures_as_json(capsys):
    assert main(["--module", "spread_networkx", "--quick"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert rows[0]["goal"] == "P3"
