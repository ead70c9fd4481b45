"""The pages are true: what comes from the code is what the code says, and what they show runs."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import graphrisk
from graphrisk.cli.app import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ASKED = sorted({command for command in re.findall(r"`(graphrisk [^`]+)`", README) if "YOUR" not in command})


def writer():
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "docs" / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("COLUMNS", "NO_COLOR"):  # what the writer sets is taken back
        monkeypatch.setenv(name, "100")


@pytest.mark.usefixtures("at_root")
def test_pages_from_the_code_are_as_the_code_says():
    for name, text in writer().pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} differs: run make docs"


def test_the_readme_counts_the_tests_that_there_are(request):
    if request.config.args != request.config.getini("testpaths"):
        return  # a part of the tests was asked for
    passed, skipped = map(int, re.search(r"^(\d+) passed, (\d+) skipped$", README, re.MULTILINE).groups())
    there = [item for item in request.session.items if "datasets" in item.fixturenames]

    assert len(there) == skipped, "README.md: tests of datasets"
    assert passed + skipped == len(request.session.items), "README.md: make test prints another count"


def test_the_readme_shows_what_make_prints_around_the_tests():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")

    for said in ("half a minute, once.", "Adding the tools that the tests need", "Running the tests on all cores."):
        assert said in makefile
        assert said in README
    for said in ("skipped: not everything was tested", "GRAPHRISK_DATASETS=path make test"):
        assert said in conftest
        assert said in README


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize("command", ASKED)
def test_commands_that_the_readme_names_run(command, capsys):
    arguments = shlex.split(command)[1:]
    if arguments[0] == "check":
        arguments = ["check", "examples/01-reference-story/tables"]

    assert main(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.usefixtures("at_root")
def test_the_lines_of_python_run(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]

    exec(code, {})  # noqa: S102 -- the README's own lines

    assert capsys.readouterr().out.startswith("1.769")


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_links_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (page.parent / target).exists(), target


def test_every_public_name_has_a_docstring_with_an_example_or_is_a_container():
    for name in graphrisk.__all__:
        found = getattr(graphrisk, name)
        assert found.__doc__, name
        assert ">>>" in found.__doc__ or "Attributes" in found.__doc__ or "Examples" in found.__doc__, name


def test_every_error_is_an_exit_code_of_the_help_topic(capsys):
    from graphrisk.errors import ExitCode

    main(["help", "exit-codes"])
    shown = capsys.readouterr().out

    for code in ExitCode:
        assert re.search(rf"^\W*{code.value}\b", shown, re.MULTILINE), code
