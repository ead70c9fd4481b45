"""The panel Account: what is overdue, and which share of the book is non-performing."""

from dataclasses import replace
from typing import Annotated

import typer

from graphrisk.cli.completion import entity_ids
from graphrisk.cli.options import (
    AsOf,
    AssumeUnpaid,
    By,
    Convention,
    Currency,
    Data,
    Explain,
    FormatOption,
    Include,
    Lang,
    Output,
    Quiet,
    Strict,
    Top,
    UnitOption,
    Unmask,
    Verbose,
)
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import UsageError


def overdue(
    ctx: typer.Context,
    id_: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", autocompletion=entity_ids, help="A loan, borrower, group or project; left out: all loans."
        ),
    ] = None,
    *,
    by: By = None,
    include: Include = None,
    explain: Explain = False,
    as_of: AsOf = None,
    currency: Currency = None,
    convention: Convention = None,
    data: Data = None,
    assume_unpaid: AssumeUnpaid = False,
    strict: Strict = False,
    format_: FormatOption = None,
    output: Output = None,
    top: Top = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show principal and interest past due, to the cent, by loan or by what you name.

    \b
    Examples:
      graphrisk overdue --data ./tables --as-of 2024-06-30
      graphrisk overdue --by product,bucket --format csv -o overdue.csv
      graphrisk overdue L1 --explain
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    dated = Dated(as_of, currency, top, convention, strict)
    question = Question(voice_of(ctx, standard), standard, dated)

    from graphrisk.analyzers.overdue import overdue as ask
    from graphrisk.analyzers.overdue_explain import explain as ask_why
    from graphrisk.cli.subjects import find, loans_of

    book = question.tables
    subject = find(book, id_, masker=question.voice.masker) if id_ is not None else None
    with busy(question.voice, "computing"):
        if explain:
            if subject is None or subject.kind != "loan":
                raise UsageError("explain_needs_loan")
            result = ask_why(
                book,
                subject.id,
                as_of=question.as_of,
                conventions=question.conventions,
                assume_unpaid=assume_unpaid,
            )
            if question.currency not in (None, result.currency):
                question.voice.note("explain_own_currency", currency=result.currency)
        else:
            result = ask(
                loans_of(book, subject) if subject else book,
                as_of=question.as_of,
                conventions=question.conventions,
                by=words(by),
                include=words(include),
                assume_unpaid=assume_unpaid,
                currency=question.currency,
            )
            # The answer is on some loans; what it was asked of is the whole book.
            result = replace(result, tables=book, parameters={"id": subject and subject.id, **result.parameters})
    question.answer(result)


def npl(
    ctx: typer.Context,
    *,
    by: By = None,
    as_of: AsOf = None,
    currency: Currency = None,
    convention: Convention = None,
    data: Data = None,
    assume_unpaid: AssumeUnpaid = False,
    strict: Strict = False,
    format_: FormatOption = None,
    output: Output = None,
    top: Top = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show the non-performing ratio: the whole balance of bad loans, not its overdue part.

    \b
    Examples:
      graphrisk npl --data ./tables --as-of 2024-06-30
      graphrisk npl --by lender --format md
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    dated = Dated(as_of, currency, top, convention, strict)
    question = Question(voice_of(ctx, standard), standard, dated)

    from graphrisk.analyzers.npl import npl as ask

    with busy(question.voice, "computing"):
        result = ask(
            question.tables,
            as_of=question.as_of,
            conventions=question.conventions,
            by=words(by),
            assume_unpaid=assume_unpaid,
            currency=question.currency,
        )
    question.answer(result)


def words(text: str | None) -> tuple[str, ...]:
    """Return the parts of a list on the command line.

    Examples
    --------
    >>> words("product, bucket"), words(None)
    (('product', 'bucket'), ())
    """
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
