"""The command exposure: who is exposed to whom, by channel and contract."""

from typing import TYPE_CHECKING, Annotated

import typer

from graphrisk.cli.completion import entity_ids
from graphrisk.cli.options import (
    AsOf,
    AssumeUnpaid,
    ByGroup,
    ChannelOption,
    Convention,
    Currency,
    Data,
    FormatOption,
    Lang,
    Output,
    Quiet,
    Strict,
    Top,
    TrustOption,
    UnitOption,
    Unmask,
    Verbose,
)
from graphrisk.cli.panels.network.spread import network_of
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import UsageError

if TYPE_CHECKING:
    from graphrisk.cli.subjects import Subject
    from graphrisk.results import Result
    from graphrisk.tables.book import Tables
    from graphrisk.views.mask import Masker


def exposure(
    ctx: typer.Context,
    id_: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            autocompletion=entity_ids,
            help="An entity, whose exposures are shown both ways, or a group; left out: everybody's.",
        ),
    ] = None,
    *,
    group: ByGroup = False,
    channel: ChannelOption = None,
    trust: TrustOption = None,
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
    r"""Show who is exposed to whom: through which contract, and how much.

    \b
    Examples:
      graphrisk exposure A
      graphrisk exposure --channel default --format csv -o exposure.csv
      graphrisk exposure --group GE
      graphrisk exposure F1 --channel trust
    """
    if trust is not None and (channel is None or channel.value != "trust"):
        raise UsageError("trust_without_channel")
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    dated = Dated(as_of, currency, top, convention, strict)
    question = Question(voice_of(ctx, standard), standard, dated, {"trust": trust})
    result = ask(
        question, id_, by_group=group, channel=None if channel is None else channel.value, assume_unpaid=assume_unpaid
    )
    question.answer(result)


def ask(
    question: Question,
    given: str | None = None,
    *,
    by_group: bool = False,
    channel: str | None = None,
    assume_unpaid: bool = False,
) -> "Result":
    """Ask who is exposed to whom.

    Parameters
    ----------
    question : Question
        Its data and settings.
    given : str or None
        The id of an entity, a project or a group, as typed; None for everybody.
    by_group : bool
        Whether obligors are taken together by group.
    channel : str or None
        The only channel that is wanted.
    assume_unpaid : bool
        Whether all that fell due is unpaid where no payments are known.

    Returns
    -------
    Result
    """
    from graphrisk.analyzers.exposure import exposure as solve
    from graphrisk.cli.subjects import entity_of

    book = question.tables
    entity = group = None
    if given is not None:
        subject = _subject(book, given, question.voice.masker)
        if subject.kind == "group":
            group = subject.id
        else:
            entity = entity_of(book, subject)
    with busy(question.voice, "computing"):
        network = network_of(question, assume_unpaid=assume_unpaid)
        result = solve(network, entity_id=entity, group_id=group, by_group=by_group, channel=channel)
    if network.findings:
        question.voice.note("network_findings", count=len(network.findings))
        if question.voice.verbose:
            question.voice.findings(list(network.findings))
    return result


def _subject(book: "Tables", given: str, masker: "Masker | None") -> "Subject":
    """Return whose exposures an id asks for; a loan has none itself, but its two sides do."""
    from graphrisk.cli.subjects import find

    try:
        return find(book, given, ("entity", "group", "project"), masker)
    except UsageError as error:
        loans = book["loans"]
        of = loans[loans["loan_id"] == given.removeprefix("loan:")]
        if of.empty or not error.code.startswith("unknown_"):
            raise
        sides = {"borrower": str(of["borrower_id"].iloc[0]), "lender": str(of["lender_id"].iloc[0])}
        raise UsageError("exposure_of_loan", id=given, **sides) from error
