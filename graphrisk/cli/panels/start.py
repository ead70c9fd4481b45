"""The panel Start: a first look, the settings, the help topics."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from graphrisk.cli.options import (
    AsOf,
    Convention,
    Currency,
    Data,
    Format,
    FormatOption,
    Lang,
    Output,
    Quiet,
    Top,
    UnitOption,
    Unmask,
    Verbose,
)
from graphrisk.cli.panels.network.spread import ask
from graphrisk.cli.question import Dated, Question, Standard, voice_of
from graphrisk.cli.topics import Topic, lines
from graphrisk.conventions import CONVENTION_NAMES
from graphrisk.settings import CONVENTION, DATA_VARIABLE, KEY_VARIABLE, KNOWN, misspelt

if TYPE_CHECKING:
    from graphrisk.results import Result

#: The firm of the bundled sample that the demonstration is about.
DEMO_FIRM = "A"


def demo(
    ctx: typer.Context,
    *,
    format_: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Walk through the bundled sample: what one firm has overdue, and who is hurt by it.

    As JSON, CSV or Excel it gives the answer of its last step.

    \b
    Examples:
      graphrisk demo
      graphrisk demo --lang zh --unit 万元
    """
    standard = Standard(None, format_, output, quiet, verbose, lang, unit, unmask)
    question = Question(voice_of(ctx, standard), standard, sample=True)

    from graphrisk.analyzers.overdue import overdue
    from graphrisk.cli.subjects import Subject, loans_of

    if question.format in (Format.JSON, Format.CSV, Format.XLSX):
        question.answer(ask(question, DEMO_FIRM))
        return
    owed = overdue(
        loans_of(question.tables, Subject("entity", DEMO_FIRM)),
        as_of=question.as_of,
        conventions=question.conventions,
        by=(),
        include=(),
        assume_unpaid=False,
        currency=question.currency,
    )
    spread = ask(question, DEMO_FIRM)

    def walk(out: TextIO, terminal: int | None) -> None:
        _put(question, out, terminal, [*_lines(question, "demo_start"), "", *_lines(question, "demo_overdue"), ""])
        question.write(owed, out, terminal, command=f"graphrisk overdue {DEMO_FIRM}")
        _put(question, out, terminal, ["", *_lines(question, "demo_spread"), ""])
        question.write(replace(spread, notes=()), out, terminal, command=f"graphrisk spread {DEMO_FIRM}")
        _put(question, out, terminal, ["", *_lines(question, "demo_next"), ""])
        _put(question, out, terminal, [*_lines(question, "demo_assumed"), *_notes(question, spread)])

    question.put(walk)


def _lines(question: Question, code: str) -> list[str]:
    from graphrisk.views.language import render

    return render("sentences", code, {"firm": DEMO_FIRM}, question.voice.lang).split("\n")


def _notes(question: Question, result: "Result") -> list[str]:
    from graphrisk.views.language import say
    from graphrisk.views.mask import masked

    lang, unit, currency = question.voice.lang, question.settings["unit"], result.currency
    notes = masked(result, question.voice.hiding).notes
    return [f"- {say(note, lang, unit=unit, currency=currency)}" for note in notes]


def _put(question: Question, out: TextIO, terminal: int | None, lines: list[str]) -> None:
    from graphrisk.views.grids import Line, print_markdown, print_plain, print_terminal

    items = [Line(line) for line in lines]
    if question.format is Format.MD:
        print_markdown(items, out)
    elif terminal is None:
        print_plain(items, out)
    else:
        print_terminal(items, out, terminal, question.voice.lang)


def settings(
    ctx: typer.Context,
    *,
    data: Data = None,
    as_of: AsOf = None,
    currency: Currency = None,
    convention: Convention = None,
    format_: FormatOption = None,
    output: Output = None,
    top: Top = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show every setting, its value and where it came from.

    A flag wins over the environment, that over graphrisk.toml in the data folder, then in the working folder.

    \b
    Examples:
      graphrisk settings
      graphrisk settings --data ./tables --format json
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    question = Question(voice_of(ctx, standard), standard, Dated(as_of, currency, top, convention))
    for name, nearest in misspelt(question.voice.environment, CONVENTION_NAMES).items():
        if not nearest:  # of one that is nearly ours every question speaks
            question.voice.note("unknown_variable", name=name)
    question.answer(settings_result(question), top=0)


def settings_result(question: Question) -> "Result":
    """Return all settings of a run as rows.

    Parameters
    ----------
    question : Question
        Whose flags, environment and files count.

    Returns
    -------
    Result
        Name, value and source: a flag, a variable, a file, ``data`` or ``default``.
    """
    import pandas as pd

    from graphrisk.results import RESULTS, Result

    found = question.settings
    source = "--data" if question.standard.data else DATA_VARIABLE if question.data else "default"
    rows: list[tuple[str, str | None, str]] = [("data", question.data or "sample", source)]
    for name in KNOWN:
        value = found[name] or None
        rows.append((name, value, found.source(name) or ("default" if value else "data")))
    for name, value in question.conventions:
        rows.append((CONVENTION + name, value, found.source(CONVENTION + name) or "default"))
    own = bool(question.voice.environment.get(KEY_VARIABLE))
    rows.append(("mask_key", "set" if own else "derived", KEY_VARIABLE if own else "data"))
    return Result(
        command="settings",
        columns=RESULTS["settings"],
        rows=pd.DataFrame(rows, columns=[column.name for column in RESULTS["settings"]]),
    )


def help_(
    ctx: typer.Context,
    topic: Annotated[Topic | None, typer.Argument(metavar="[TOPIC]", help="Left out: the topics there are.")] = None,
    *,
    lang: Lang = None,
) -> None:
    r"""Explain a topic: exit codes, environment, tables, models, conventions, reactions.

    \b
    Examples:
      graphrisk help exit-codes
      graphrisk help conventions --lang zh
    """
    voice = voice_of(ctx, Standard(lang=lang))
    for line in lines(topic, voice.lang):
        sys.stdout.write(line + "\n")
