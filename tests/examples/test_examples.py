"""Every example gives, from its own tables, exactly what its folder shows."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9][0-9]-*"))
VERSION = re.compile(rb'("graphrisk": |graphrisk )"?\d+\.\d+[\w.+-]*"?')


def without_version(content: bytes) -> bytes:
    return VERSION.sub(rb"\1VERSION", content)


def run(example: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRAPHRISK_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603  (the script is ours)
        [shutil.which("sh") or "sh", "run.sh"],
        cwd=example,
        env={**kept, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_examples():
    assert [example.name for example in EXAMPLES] == ["01-reference-story", "02-your-own-folder"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_gives_what_it_shows(example, tmp_path, request):
    copy = shutil.copytree(example, tmp_path / example.name, ignore=shutil.ignore_patterns("out"))

    run(copy)

    if request.config.getoption("force_regen"):  # as pytest-regressions does: write, then ask for a look
        shutil.rmtree(example / "expected")
        shutil.copytree(copy / "out", example / "expected")
        pytest.fail(f"{example.name}/expected was written anew; read the difference")
    got = {file.name: without_version(file.read_bytes()) for file in (copy / "out").iterdir()}
    expected = {file.name: without_version(file.read_bytes()) for file in (example / "expected").iterdir()}
    assert sorted(got) == sorted(expected)
    for name in sorted(expected):
        assert got[name] == expected[name], name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_commands_of_the_page_are_those_that_run(example):
    page = (example / "README.md").read_text(encoding="utf-8")
    script = (example / "run.sh").read_text(encoding="utf-8").splitlines()
    shown = [line for line in page.splitlines() if line.startswith("graphrisk ")]

    assert shown
    assert set(shown) <= set(script)


def shown(example, name):
    return json.loads((EXAMPLES[example] / "expected" / name).read_text(encoding="utf-8"))


def test_the_reference_story_shows_what_a_pocket_calculator_gives():
    loan = shown(0, "overdue-L1.json")["summary"]
    assert loan["overdue_total"] == 50_000 + 2_000
    assert loan["penalty"] == 37.50 * 35

    summary = shown(0, "spread-A.json")["summary"]
    assert summary["amplification"] == round((52_000 + 40_000) / 52_000, 6)
    assert summary["vanished"] == 52_000 + 100_000 + 300_000 + 57_600 + 100_000
    assert summary["absorbed"] == (557_600 - 40_000) + 52_000 + 40_000

    without = shown(0, "spread-A-no-feedback.json")["summary"]
    assert (without["amplification"], without["vanished"]) == (1, 52_000)


def test_your_own_folder_shows_what_a_pocket_calculator_gives():
    loans = {row["loan_id"]: row for row in shown(1, "overdue.json")["rows"]}
    figures = {
        name: (row["overdue_total"], row["penalty"], row["days_past_due"], row["bucket"]) for name, row in loans.items()
    }

    assert figures == {
        "J001": (21_050 + 30_000 + 30_000 + 600 + 300, 694.65 + 690 + 225, 76, "M3"),
        "J002": (0, 0, 0, "M0"),
        "J003": (3_969.06 + 243.55, 8.93, 3, "M1"),
    }

    rows = {row["entity_id"]: row for row in shown(1, "spread-1001.json")["rows"]}
    assert set(rows) == {"1001", "9001"}
    assert rows["9001"]["cash_shortfall"] == 81_050 + 900
    assert rows["9001"]["credit_loss"] == 0.45 * 81_050
    assert rows["1001"]["trust_loss"] == 0.5 * 81_050
    assert rows["1001"]["financing_loss"] == 0
