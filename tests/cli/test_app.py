import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import graphrisk.analyzers.check
from graphrisk.cli.app import app, main
from graphrisk.cli.topics import Topic
from graphrisk.errors import ExitCode, NotConvergedError

COMMANDS = tuple(get_command(app).commands)
HEAVY = ("pandas", "numpy", "networkx", "scipy", "pandera", "pyarrow")


def python(*arguments, **options):
    """Run the interpreter of these tests."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", **options}
    return subprocess.run([sys.executable, *arguments], check=False, **options)  # noqa: S603 -- our own code


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_of_its_own(command):
    result = CliRunner().invoke(app, [command, "--help"])

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    start = next(number for number, line in enumerate(lines) if line.strip() == "Examples:")
    assert lines[start + 1].strip().startswith(f"graphrisk {command}")
    assert "\\b" not in result.stdout


def test_the_help_names_every_command_under_its_panel():
    out = CliRunner().invoke(app, ["--help"]).stdout

    places = [out.index(f"─ {panel} ─") for panel in ("Start", "Data", "Account", "Network")]
    assert places == sorted(places)
    assert all(f"│ {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_no_example_is_broken_by_a_help_page_of_80(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, [*filter(None, [command]), "--help"]).stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == "Examples:")
    examples = [line.strip() for line in lines[start + 1 : lines.index(" " * 80, start)]]

    assert len(examples) > 1
    assert all(example.startswith("graphrisk ") for example in examples)


@pytest.mark.parametrize("arguments", [["--help"], ["spread", "--help"], ["--version"], []])
def test_help_and_version_import_nothing_heavy(arguments):
    code = (
        "import sys; from graphrisk.cli.app import main; main(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = python("-c", code, *arguments)

    assert done.stderr.strip() == "[]"


def test_importing_graphrisk_imports_nothing_heavy_and_its_names_come_when_asked_for():
    code = (
        "import sys, graphrisk;"
        f"assert not [name for name in {HEAVY} if name in sys.modules];"
        "assert set(graphrisk.__all__) <= set(dir(graphrisk));"
        "assert all(callable(getattr(graphrisk, name)) for name in graphrisk.__all__)"
    )

    done = python("-c", code)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_public_name_is_an_attribute_error():
    import graphrisk

    with pytest.raises(AttributeError, match="nothing"):
        graphrisk.nothing  # noqa: B018 -- asking for it is the test


def test_it_runs_as_a_module():
    done = python("-m", "graphrisk", "--version")

    assert done.stdout.startswith("graphrisk ")


def test_without_arguments_it_shows_its_help(run):
    code, out, _ = run()

    assert code == 2
    assert "Examples:" in out


MISTAKES = [
    (("sprea", "A"), ("'spread'",), "没有命令"),
    (("xyzzy",), ("'xyzzy'", "graphrisk --help"), "没有命令"),
    (("npl", "--as-off", "2024-06-30"), ("--as-off", "--as-of"), "没有选项"),
    (("npl", "--zzz"), ("--zzz", "graphrisk npl --help"), "没有选项"),
    (("spread",), ("'ID'", "graphrisk spread --help"), "缺少参数"),
    (("npl", "--format", "xml"), ("'xml'", "'table', 'json'"), "之一"),
    (("npl", "--unit", "千元"), ("'千元'", "'万元'"), "之一"),
    (("help", "topics"), ("'topics'", "'exit-codes'"), "之一"),
    (("npl", "--format"), ("'--format'",), "需要一个值"),
    (("npl", "--strict=yes"), ("'--strict'",), "不带值"),
    (("npl", "one", "two"), ("one two",), "参数过多"),
]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: " ".join(mistake[0]))
def test_a_misspelt_command_or_flag_is_one_line_with_a_suggestion(run, monkeypatch, mistake, lang):
    arguments, names, chinese = mistake
    monkeypatch.setenv("GRAPHRISK_LANG", lang)
    code, out, err = run(*arguments)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("graphrisk: ")
    assert err.count("\n") == 1
    for name in names:
        assert name in err
    assert (chinese in err) is (lang == "zh")


@pytest.mark.parametrize("how", ["flag", "joined", "file", "data"])
def test_mistakes_are_told_in_the_language_that_is_set(run, folder, monkeypatch, tmp_path, how):
    monkeypatch.chdir(tmp_path)
    flags = {"flag": ["--lang", "zh"], "joined": ["--lang=zh"]}.get(how, [])
    place = {"file": tmp_path, "data": folder}.get(how)
    if place:
        (place / "graphrisk.toml").write_text('lang = "zh"\n', encoding="utf-8")
    asked = ["npl", "--unit", "千元"] if how != "data" else ["npl", "--as-of", "never", "--data", folder]

    assert "不" in run(*asked, *flags)[2]


def test_help_speaks_the_language_of_the_settings_file(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graphrisk.toml").write_text('lang = "zh"\n', encoding="utf-8")
    assert "退出码" in run("help", "exit-codes")[1]

    (tmp_path / "graphrisk.toml").write_text("broken =", encoding="utf-8")
    assert run("help", "exit-codes")[0] == 0


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_no_flag_is_said_to_take_a_value(command):
    out = CliRunner().invoke(app, [*filter(None, [command]), "--help"]).stdout

    assert "<bool>" not in out
    assert "--help" in out


def test_a_phone_number_in_a_wrong_place_is_masked(run):
    assert "13800138000" not in run("spread", "A", "13800138000")[2]


@pytest.mark.parametrize("topic", list(Topic))
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_topic_is_explained_in_both_languages(run, topic, lang):
    code, out, err = run("help", topic, "--lang", lang)

    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 5
    assert any("一" <= letter <= "鿿" for letter in out) or lang == "en"


def test_the_list_of_topics_names_each(run):
    out = run("help")[1]

    assert [line.split()[0] for line in out.splitlines()] == [topic.value for topic in Topic]


def test_the_topic_of_exit_codes_lists_every_code(run):
    out = run("help", "exit-codes")[1]

    assert [line.split()[:2] for line in out.splitlines()[2:]] == [[str(int(code)), code.name] for code in ExitCode]


@pytest.fixture
def check_raises(monkeypatch):
    def install(error):
        def fail(_):
            raise error

        monkeypatch.setattr(graphrisk.analyzers.check, "check", fail)

    return install


def test_a_bug_is_a_traceback_without_variables_and_a_line_on_how_to_report_it(run, folder, check_raises):
    check_raises(RuntimeError("boom"))
    code, out, err = run("check", folder)

    assert (code, out) == (ExitCode.FAILURE, "")
    assert "Traceback" in err
    assert "boom" in err
    assert err.splitlines()[-1].startswith("graphrisk: this is a bug")


def test_a_model_that_does_not_rest_ends_with_its_own_code(run, folder, check_raises):
    class RestlessError(NotConvergedError):
        def sentence(self, language="en"):
            return language

    check_raises(RestlessError("unknown_table", name="x", nearest="y"))

    assert run("check", folder)[0] == ExitCode.NOT_CONVERGED


def test_ctrl_c_ends_with_130(run, folder, check_raises):
    check_raises(KeyboardInterrupt())

    assert run("check", folder)[0] == ExitCode.INTERRUPTED


@pytest.mark.parametrize("at", ["typer", "graphrisk.cli.voice", "graphrisk.settings"])
def test_ctrl_c_ends_with_130_before_the_command_line_is_there(at):
    code = f"""
import sys
class Stop:
    def find_spec(self, name, *_):
        if name == {at!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
from graphrisk.__main__ import run
sys.exit(run())
"""
    done = python("-c", code, "--version")

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_between_two_steps_ends_with_130(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("graphrisk.cli.app.language_of", stop)

    assert main(["--version"]) == ExitCode.INTERRUPTED


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["npl", "-q"], ["npl", "-q", "-f", "xlsx"], ["tables"], ["help", "exit-codes"], []]
)
def test_a_full_disk_is_one_line(arguments):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = python("-m", "graphrisk", *arguments, stdout=full)

    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("graphrisk: ")
    assert done.stderr.count("\n") == 1
    assert "--output" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_who_cannot_be_told_anything_still_gets_the_answer():
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = python("-m", "graphrisk", "npl", "-f", "csv", stderr=full)

    assert done.returncode == 0
    assert done.stdout.startswith("outstanding_principal,")


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_bug(closed):
    done = subprocess.run(  # noqa: S602 -- our own code, the shell closes its streams
        f"'{sys.executable}' -m graphrisk npl {closed}", shell=True, capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_ends_quietly(run, folder, check_raises):
    check_raises(BrokenPipeError(32, "Broken pipe"))

    assert run("check", folder) == (0, "", "")


@pytest.mark.skipif(os.name == "nt", reason="there is no head on Windows")
@pytest.mark.parametrize("arguments", [["--help"], ["tables"], ["help", "environment"]])
def test_a_reader_that_leaves_early_hears_no_complaint(arguments):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = python("-m", "graphrisk", *arguments, stdout=closed)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_failure_is_one_line_and_red_only_in_a_terminal(run, folder):
    code, out, err = run("spread", "A", "--data", folder / "nowhere", "-q")

    assert (code, out) == (ExitCode.STORE, "")
    assert err.count("\n") == 1
    assert err.startswith("graphrisk: ")
    assert "\x1b" not in err


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_failure_speaks_the_chosen_language(run, monkeypatch, how):
    if how == "environment":
        monkeypatch.setenv("GRAPHRISK_LANG", "zh")
    code, _, err = run("tables", "loan", *(["--lang", "zh"] if how == "flag" else []))

    assert code == ExitCode.USAGE
    assert "是否指 loans" in err


def test_a_console_that_cannot_show_a_character_does_not_end_the_run(monkeypatch):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, name, stream)

    assert main(["help", "exit-codes", "--lang", "zh"]) == 0
    sys.stdout.flush()
    assert b"EXIT" not in sys.stdout.buffer.getvalue()
    assert b"USAGE" in sys.stdout.buffer.getvalue()


def test_the_environment_of_the_tests_is_not_the_checkout():
    assert not Path("pyproject.toml").exists()
