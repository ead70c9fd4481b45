"""The panel Data: what the tables hold, and what is wrong with them."""

from pathlib import Path
from typing import Annotated

import typer

from graphrisk.cli.completion import table_names
from graphrisk.cli.options import Data, FormatOption, Lang, Output, Quiet, UnitOption, Unmask, Verbose
from graphrisk.cli.question import Question, Standard, busy, know, voice_of
from graphrisk.cli.voice import FIRST
from graphrisk.errors import ExitCode, UsageError


def check(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Folders or files to check; left out: --data."),
    ] = None,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 3 for a warning too.", rich_help_panel="Data")
    ] = False,
    data: Data = None,
    format_: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Say what is wrong with tables, where, and how to repair it.

    Exits with code 3 if a row was set aside or a finding is an error.

    \b
    Examples:
      graphrisk check ./tables
      graphrisk check loans.csv schedule.csv --lang zh
      graphrisk check ./tables --format csv -o findings.csv
    """
    standard = Standard(paths[0] if paths else data, format_, output, quiet, verbose, lang, unit, unmask)
    question = Question(voice_of(ctx, standard), standard)

    from graphrisk.analyzers.check import check as ask
    from graphrisk.analyzers.check import examined, unusable
    from graphrisk.stores import open_store
    from graphrisk.stores.files import read_tables
    from graphrisk.tables.book import FILE_FINDINGS, default_as_of

    with busy(question.voice, "reading"):
        if paths:
            tables = read_tables([Path(path) for path in paths])
        else:
            if question.data is None:
                question.voice.note("sample_used")
            tables = open_store(question.data).read_tables()
        as_of = question.settings.as_of or default_as_of(tables)
        if not any(finding.code in FILE_FINDINGS for finding in tables.findings):
            tables = examined(tables, as_of=as_of, conventions=question.conventions)
    know(question.voice, tables)
    question.answer(ask(tables), top=0 if verbose else FIRST)
    warned = strict and any(finding.severity == "warning" for finding in tables.findings)
    if unusable(tables) or warned:
        raise typer.Exit(ExitCode.INVALID_DATA)


def tables(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", autocompletion=table_names, help="Tables to describe; left out: all."),
    ] = None,
    *,
    format_: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
) -> None:
    r"""Describe the tables that graphrisk reads, column by column.

    With --verbose the other headers that a column may have come too.

    \b
    Examples:
      graphrisk tables
      graphrisk tables loans schedule
      graphrisk tables loans --verbose --format md
    """
    standard = Standard(None, format_, output, quiet, verbose, lang)
    question = Question(voice_of(ctx, standard), standard, sample=True)

    from graphrisk.analyzers.tables import tables as ask
    from graphrisk.tables.schemas import SCHEMAS

    for name in names or ():
        if name not in SCHEMAS:
            raise _unknown_table(name, list(SCHEMAS))
    question.answer(ask(names or (), _aliases() if verbose else None), top=0)


def _unknown_table(name: str, known: list[str]) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, cutoff=0.4) or known
    return UsageError("unknown_table", name=name, nearest=", ".join(near))


def _aliases() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the other headers of each column, those that only stand in for it last."""
    from graphrisk.tables.aliases import alias_map

    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for section in ("columns", "fallback"):
        for table, columns in alias_map()[section].items():
            for column, names in columns.items():
                known = found.setdefault(table, {})
                known[column] = (*known.get(column, ()), *names)
    return found
