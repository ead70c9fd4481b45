"""The panel Data: a synthetic book, to try things on and to measure with."""

import shlex
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrisk.cli.options import FormatOption, Lang, Quiet, Verbose
from graphrisk.cli.question import Question, Standard, busy, voice_of
from graphrisk.errors import UsageError
from graphrisk.settings import read_value

if TYPE_CHECKING:
    from graphrisk.generator import Written
    from graphrisk.results import Result

_BOOK = "Book"

Entities = Annotated[
    str,
    typer.Option(
        "--entities",
        metavar="N",
        help="Entities of the book, 100 to 1,000,000; also as 1e5.",
        rich_help_panel=_BOOK,
        show_default=False,
    ),
]
Seed = Annotated[
    str,
    typer.Option(
        "--seed",
        metavar="N",
        help="Seed: the same one gives the same bytes; default: 1.",
        rich_help_panel=_BOOK,
        show_default=False,
    ),
]
BookDate = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="Date that the book holds for; default: 2024-06-30.", rich_help_panel=_BOOK
    ),
]
Folder = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Folder to write; it must not be there yet, or be empty.",
        rich_help_panel=_BOOK,
        show_default=False,
    ),
]


def generate(
    ctx: typer.Context,
    *,
    entities: Entities,
    output: Folder,
    seed: Seed = "1",
    as_of: BookDate = None,
    format_: FormatOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
) -> None:
    r"""Write a synthetic book as a folder of tables: loans, trade, guarantees.

    Everything in it is invented. The same entities, seed and date give the
    same bytes on every machine, whatever day it is. --output names the folder;
    what it holds is said on stdout, as --format says.

    \b
    Examples:
      graphrisk generate --entities 1000 -o ./book
      graphrisk generate --entities 1e5 --seed 7 -o ./large --format json
      graphrisk generate --entities 100 --as-of 2025-12-31 -o ./small
    """
    standard = Standard(None, format_, None, quiet, verbose, lang)
    question = Question(voice_of(ctx, standard), standard, sample=True)
    if not output.strip():
        raise UsageError("blank_path", flag="--output")
    count, number = whole_number("--entities", entities), whole_number("--seed", seed)

    from graphrisk.generator import AS_OF, write_book

    day = AS_OF if as_of is None else date.fromisoformat(read_value("as_of", as_of, source="--as-of"))
    with busy(question.voice, "generating"):
        written = write_book(Path(output), count, seed=number, as_of=day)
    question.answer(told(written, entities=count, seed=number, as_of=day), top=0)


def whole_number(flag: str, text: str) -> int:
    """Return a whole number as people type it.

    Parameters
    ----------
    flag : str
        Whose value it is, for what is said of it.
    text : str
        Such as ``100000``, ``100,000`` or ``1e5``.

    Raises
    ------
    UsageError
        If it is no whole number of at most nineteen digits.

    Examples
    --------
    >>> whole_number("--entities", "1e5"), whole_number("--entities", "1,000")
    (100000, 1000)
    """
    try:
        number = Decimal(text.replace(",", "").replace("_", "").strip())
    except InvalidOperation:
        raise UsageError("whole_number", flag=flag, value=text) from None
    if not number.is_finite() or number.adjusted() > 18 or number != number.to_integral_value():  # noqa: PLR2004 -- see Raises
        raise UsageError("whole_number", flag=flag, value=text)
    return int(number)


def told(written: "Written", *, entities: int, seed: int, as_of: date) -> "Result":
    """Return what a generated book has, a row a table.

    Parameters
    ----------
    written : Written
        The book.
    entities, seed : int
        What was asked.
    as_of : date
        Its date.

    Returns
    -------
    Result
    """
    import pandas as pd

    from graphrisk.generator import EDITION
    from graphrisk.results import RESULTS, Result, Sentence

    columns = RESULTS["generate"]
    rows = [(name, count, written.sizes[name]) for name, count in written.rows.items()]
    summary = {
        "entities": entities,
        "edition": EDITION,
        "rows": sum(written.rows.values()),
        "bytes": sum(written.sizes.values()),
        "planted": dict(written.planted),
        "failing_buyer": written.anchor,
    }
    folder = str(written.folder)
    return Result(
        command="generate",
        columns=columns,
        rows=pd.DataFrame(rows, columns=[column.name for column in columns]),
        summary=summary,
        as_of=as_of,
        parameters={"entities": entities, "seed": seed, "as_of": as_of, "output": folder},
        headline=(
            Sentence(
                "generated",
                {"folder": folder, "rows": summary["rows"], "tables": len(rows), "entities": entities, "seed": seed},
            ),
        ),
        notes=(
            Sentence("generated_planted", dict(written.planted)),
            Sentence("generated_failing", {"failing": written.planted["failing"], "id": written.anchor}),
            Sentence("generated_next", {"folder": shlex.quote(folder), "id": written.anchor}),
        ),
    )
