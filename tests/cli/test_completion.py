"""The shell completes commands, flags, their values, and the ids of a book; it reads plain text for that."""

import os
import subprocess
import sys

import pytest
from small_book import CARD
from typer.main import get_command

from graphrisk.cli.app import app
from graphrisk.cli.completion import MOST, offered, table_names
from graphrisk.cli.topics import Topic
from graphrisk.tables.schemas import SCHEMAS

HEAVY = ("pandas", "numpy", "networkx", "scipy", "pandera", "pyarrow")
SCRIPT = "from graphrisk.__main__ import run; raise SystemExit(run())"


@pytest.fixture
def book(tmp_path):
    place = tmp_path / "book"
    place.mkdir()
    ids = ["A", "B0042", "B0043", "钢铁厂", "m-0123456789ab", "two words", "$(touch x)", "-b", "a;b", "'q'"]
    (place / "entities.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")
    return place


def complete(*words, shell="bash", code=SCRIPT, **environment):
    """Return what the completion of a shell prints for words, the last of which is incomplete."""
    line = {
        "bash": {"COMP_WORDS": " ".join(("graphrisk", *words)), "COMP_CWORD": str(len(words))},
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(("graphrisk", *words))},
        "fish": {"_TYPER_COMPLETE_ARGS": " ".join(("graphrisk", *words)), "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    named = {"_GRAPHRISK_COMPLETE": f"complete_{shell}", "PYTHONUTF8": "1", **line, **environment}
    return subprocess.run(  # noqa: S603 -- our own code
        [sys.executable, "-c", code],
        env={**os.environ, **named},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def completed(*words, **environment):
    done = complete(*words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


def test_ids_of_a_book_are_completed(book):
    assert completed("spread", "B", GRAPHRISK_DATA=str(book)) == ["B0042", "B0043"]
    assert completed("spread", "--data", str(book), "钢") == ["钢铁厂"]
    assert completed("overdue", "m", GRAPHRISK_DATA=str(book)) == ["m-0123456789ab"]


def test_the_flag_wins_over_the_environment(book, tmp_path):
    assert completed("spread", "-d", str(book), "A", GRAPHRISK_DATA=str(tmp_path)) == ["A"]


def test_a_raw_folder_a_missing_one_and_the_sample_complete_none(folder):
    for environment in ({"GRAPHRISK_DATA": str(folder)}, {"GRAPHRISK_DATA": "/nowhere"}, {}):
        assert completed("spread", "", **environment) == [""]


def test_a_list_that_is_no_text_completes_none(book):
    (book / "entities.txt").write_bytes(b"\xff\xfe\x00")

    assert completed("spread", "", GRAPHRISK_DATA=str(book)) == [""]


def test_ids_that_a_shell_would_take_for_more_than_a_word_are_not_offered(book):
    assert completed("spread", "", GRAPHRISK_DATA=str(book)) == ["A", "B0042", "B0043", "钢铁厂", "m-0123456789ab"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_too(book, shell):
    out = complete("spread", "B004", shell=shell, GRAPHRISK_DATA=str(book)).stdout

    assert "B0042" in out
    assert "B0043" in out
    assert "钢铁厂" not in out


def test_what_is_offered_is_what_the_list_holds(book):
    """Ids are masked where the list is written: completion opens no table."""
    (book / "entities.csv").write_text(f"entity_id,name,kind\n{CARD},x,person\n", encoding="utf-8")

    assert completed("spread", "1", GRAPHRISK_DATA=str(book)) == [""]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("overd",), ["overdue"]),
        (("npl", "--as-"), ["--as-of"]),
        (("npl", "--format", ""), ["table", "json", "csv", "md", "xlsx"]),
        (("npl", "--lang", "z"), ["zh"]),
        (("npl", "--unit", "万"), ["万元"]),
        (("spread", "A", "--extreme", ""), ["greatest", "least"]),
        (("help", ""), [topic.value for topic in Topic]),
        (("tables", "loan"), ["loan_shares", "loans"]),
        (("tables", "loans", "sch"), ["schedule"]),
    ],
)
def test_commands_flags_and_values_are_completed(words, expected):
    assert completed(*words) == expected


def test_every_table_is_completed():
    assert table_names("") == sorted(SCHEMAS)


def test_completion_imports_nothing_heavy(book):
    code = (
        "import atexit, sys;"
        f"heavy = lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr);"
        f"atexit.register(heavy);{SCRIPT}"
    )

    assert complete("spread", "B", code=code, GRAPHRISK_DATA=str(book)).stderr.strip() == "[]"


def test_many_ids_are_cut_without_hiding_how_they_begin():
    ids = [*(f"A{number:06}" for number in range(5_000)), "AB", "C"]
    found = offered(ids, "")

    assert MOST <= len(found) <= MOST + 10
    assert {"A000000", "AB", "C"} <= {*found}
    assert "AB" in offered(ids, "A")
    assert len(offered(ids, "A00000")) == 10


def parameters(group, before=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from parameters(command, (*before, name))
        else:
            for parameter in command.params:
                yield " ".join((*before, name, parameter.name)), parameter


def test_every_id_of_every_command_is_completed():
    ids = {
        name: parameter._custom_shell_complete  # noqa: SLF001 -- Typer has no other name for it
        for name, parameter in parameters(get_command(app))
        if (parameter.metavar or "").strip("[].") in ("ID", "ENTITY")
    }

    assert {"spread entity_id", "overdue id_"} <= ids.keys()
    assert [name for name, how in ids.items() if how is None] == []


def test_a_shell_is_taught_to_complete(tmp_path):
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "graphrisk", "--install-completion", "bash"],
        env={**os.environ, **home},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    script = next(path for path in tmp_path.rglob("*") if path.is_file() and "graphrisk" in path.name)

    assert done.returncode == 0, done.stderr
    assert "_GRAPHRISK_COMPLETE=complete_bash" in script.read_text(encoding="utf-8")
    assert script.name in (tmp_path / ".bashrc").read_text(encoding="utf-8")


def test_bash_completes_an_id(tmp_path, book):
    shown = subprocess.run(
        [sys.executable, "-m", "graphrisk", "--show-completion", "bash"],
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    program = tmp_path / "graphrisk"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m graphrisk \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)
    line = (
        f"{shown.stdout}\nCOMP_WORDS=(graphrisk spread B); COMP_CWORD=2; "
        f"_graphrisk_completion '{program}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(  # noqa: S603 -- our own script
        ["bash", "-c", line],  # noqa: S607 -- the bash of this machine
        env={**os.environ, "GRAPHRISK_DATA": str(book)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["B0042", "B0043"], "")
