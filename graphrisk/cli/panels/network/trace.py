"""The command trace: through whom an overdue total hurts others, or who can hurt one of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrisk.cli.completion import entity_ids
from graphrisk.cli.options import (
    AsOf,
    AssumeUnpaid,
    Convention,
    Currency,
    Data,
    Extreme,
    ExtremeOption,
    FormatOption,
    Horizon,
    Lang,
    MaxRounds,
    NoFeedback,
    Output,
    OverdueAmount,
    Quiet,
    ReactionsFile,
    Strict,
    ToEntity,
    TopPaths,
    TrustOption,
    UnitOption,
    UnknownCash,
    Unmask,
    Verbose,
)
from graphrisk.cli.panels.network.spread import amount_of, entity_of, network_of, reactions_of
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import UsageError

if TYPE_CHECKING:
    from graphrisk.results import Result

#: Paths that are shown if nobody says how many.
PATHS = 20


def trace(
    ctx: typer.Context,
    entity_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            autocompletion=entity_ids,
            help="Entity that falls overdue; left out: who can hurt the one after --to.",
            show_default=False,
        ),
    ] = None,
    *,
    to: ToEntity = None,
    overdue: OverdueAmount = None,
    horizon: Horizon = None,
    reactions: ReactionsFile = None,
    no_feedback: NoFeedback = False,
    extreme: ExtremeOption = None,
    unknown_cash: UnknownCash = None,
    trust: TrustOption = None,
    max_rounds: MaxRounds = None,
    as_of: AsOf = None,
    currency: Currency = None,
    convention: Convention = None,
    data: Data = None,
    assume_unpaid: AssumeUnpaid = False,
    strict: Strict = False,
    format_: FormatOption = None,
    output: Output = None,
    top: TopPaths = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show the heaviest paths along which an overdue total hurts others.

    \b
    Examples:
      graphrisk trace A
      graphrisk trace A --to F2 --horizon 30d
      graphrisk trace A --overdue 52000 --top 5 --format json
      graphrisk trace --to F2
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    paths = top is None or (top.strip().isdecimal() and int(top) >= 1)
    dated = Dated(as_of, currency, top if paths else None, convention, strict)
    flags = {
        "horizon": horizon,
        "extreme": extreme,
        "unknown_cash": unknown_cash,
        "max_rounds": max_rounds,
        "trust": trust,
    }
    question = Question(voice_of(ctx, standard), standard, dated, flags)
    if entity_id is None and to is None:
        raise UsageError("trace_whom")
    if not paths:
        raise UsageError("trace_top", value=top)
    for flag, given in (("ID", entity_id), ("--to", to)):
        if given is not None and not given.strip():
            raise UsageError("trace_blank", which=flag)
    amount = amount_of(overdue) if overdue is not None else None
    result = ask(question, (entity_id, to), amount, reactions, feedback=not no_feedback, assume_unpaid=assume_unpaid)
    question.answer(result, top=0)


def ask(
    question: Question,
    given: tuple[str | None, str | None],
    overdue: float | None = None,
    reactions: Path | None = None,
    *,
    feedback: bool = True,
    assume_unpaid: bool = False,
) -> "Result":
    """Ask through whom an overdue total hurts others, or who can hurt one of them.

    Parameters
    ----------
    question : Question
        Its data and settings.
    given : tuple of str or None
        The ids, as typed, of the entity that does not pay and of the one that is hurt; not both None.
    overdue : float or None
        Amount that the first does not pay, in the reporting currency; None for what the data has.
    reactions : Path or None
        The reactions file; None for that of the data, else the defaults.
    feedback : bool
        Whether financing reacts.
    assume_unpaid : bool
        Whether all that fell due is unpaid where no payments are known.

    Returns
    -------
    Result
    """
    from graphrisk.analyzers.trace import trace as solve

    book, settings, masker = question.tables, question.settings, question.voice.masker
    subject, goal = (None if id_ is None else entity_of(id_, book, masker) for id_ in given)
    rules = reactions_of(reactions, book.reactions)
    # What a file says of rows in a terminal is no wish for paths without end; what the flag says is.
    top = settings.top if settings.source("top") == "--top" else settings.top or PATHS
    with busy(question.voice, "computing"):
        network = network_of(question, assume_unpaid=assume_unpaid)
        result = solve(
            network,
            subject,
            to=goal,
            top=top,
            overdue=overdue,
            reactions=rules,
            feedback=feedback,
            extreme="least" if settings["extreme"] == Extreme.LEAST else "greatest",
            unknown_cash=settings["unknown_cash"],
            max_rounds=settings.max_rounds,
        )
    if network.findings:
        question.voice.note("network_findings", count=len(network.findings))
        if question.voice.verbose:
            question.voice.findings(list(network.findings))
    return result
