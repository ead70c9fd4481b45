"""The app: its commands by panel, and how a run ends."""

import errno
import inspect
import io
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from graphrisk.cli.panels import account, data, generate, start
from graphrisk.cli.panels.network import exposure, guarantees, spread, trace
from graphrisk.cli.usage import usage_error
from graphrisk.cli.voice import Voice
from graphrisk.errors import ExitCode, GraphriskError, UsageError
from graphrisk.settings import FILE_NAME, language_of

#: Errors of the system for which there is no room to write to.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


class _Command(TyperCommand):
    """A command whose flags are not said to take a value: ``<bool>`` stands beside them else."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


class _Group(TyperGroup):
    """As `_Command`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


app = typer.Typer(
    name="graphrisk",
    cls=_Group,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Start": {"demo": start.demo, "settings": start.settings, "help": start.help_},
    "Data": {"check": data.check, "tables": data.tables, "generate": generate.generate},
    "Account": {"overdue": account.overdue, "npl": account.npl},
    "Network": {
        "exposure": exposure.exposure,
        "guarantees": guarantees.guarantees,
        "spread": spread.spread,
        "trace": trace.trace,
    },
}


def _help(command: Callable[..., None]) -> str:
    r"""Return a command's docstring as help.

    Typer keeps the lines of an Examples block only after a line with a backspace, which a docstring cannot hold
    as it is; there it is written ``\b``.
    """
    return inspect.cleandoc(command.__doc__ or "").replace("\\b", "\b")


for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        app.command(name=_name, cls=_Command, rich_help_panel=_panel, help=_help(_command))(_command)


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"graphrisk {version('graphrisk')}")
        except PackageNotFoundError:
            typer.echo("graphrisk unknown")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    r"""Find out who gets hurt, and by how much, when one entity does not pay.

    \b
    Examples:
      graphrisk demo
      graphrisk check ./tables
      graphrisk overdue --data ./tables --by borrower
      graphrisk spread A --overdue 52000
    """


app.callback(help=_help(_root))(_root)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; an expected failure becomes one line and an exit code.

    Parameters
    ----------
    argv : sequence of str or None
        Arguments without the program's name; None for those of the process.

    Returns
    -------
    int
        The exit code, one of `ExitCode` or a command's own.
    """
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _main(arguments: list[str]) -> int:
    environment = dict(os.environ)
    voice = Voice(command=" ".join(["graphrisk", *map(_quoted, arguments)]), environment=environment)
    voice.lang = language_of(_typed_language(arguments), environment, [Path(FILE_NAME)])
    _bear_any_text()
    try:
        code = _run(arguments, voice)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        return ExitCode.OK
    except OSError as error:
        _let_go()
        return _unwritable(error, voice)
    return code


def _typed_language(arguments: list[str]) -> str | None:
    """Return the language flag's value, for what is wrong with the other arguments."""
    for number, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag == "--lang":
            return value if equals else next(iter(arguments[number + 1 :]), None)
    return None


def _unwritable(error: OSError, voice: Voice) -> int:
    failure = UsageError("unwritable", problem=error.strerror or error)
    voice.failure(failure)
    return failure.exit_code


def _quoted(word: str) -> str:
    """Return a word as one types it; unlike `shlex.quote` Chinese needs no quotes."""
    return word if re.fullmatch(r"[\w@%+=:,./~-]+", word) else shlex.quote(word)


def _run(arguments: list[str], voice: Voice) -> int:
    try:
        code = get_command(app).main(arguments, prog_name="graphrisk", standalone_mode=False, obj=voice)
    except GraphriskError as error:
        voice.failure(error)
        return error.exit_code
    except typer.TyperException as error:
        if message := error.format_message().strip():  # without one it was a call for help, which was given
            where = getattr(getattr(error, "ctx", None), "command_path", "graphrisk")
            voice.failure(usage_error(message, where))
        return error.exit_code
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise BrokenPipeError from None
        return end.code if isinstance(end.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # the last door: a bug becomes a report, not silence
        if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) in _NO_ROOM:
            raise
        voice.bug(traceback.format_exc())
        return ExitCode.FAILURE
    return code if isinstance(code, int) else ExitCode.OK


def _bear_any_text() -> None:
    """Let a console that cannot show a character show another one, and one that is closed none at all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 -- for the whole run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _let_go() -> None:
    """Leave a closed pipe alone: the interpreter would complain of it when it flushes at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
