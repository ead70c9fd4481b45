"""The command spread: who loses how much because one entity does not pay."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrisk.cli.options import (
    AsOf,
    AssumeUnpaid,
    Convention,
    Currency,
    Data,
    Extreme,
    ExtremeOption,
    FailOver,
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
    Top,
    UnitOption,
    UnknownCash,
    Unmask,
    Verbose,
)
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import InvalidDataError, LimitError, UsageError

if TYPE_CHECKING:
    from graphrisk.policies.schema import Reactions
    from graphrisk.results import Result


def spread(
    ctx: typer.Context,
    entity_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Entity that falls overdue; a project's id stands for its company."),
    ],
    *,
    overdue: OverdueAmount = None,
    horizon: Horizon = None,
    reactions: ReactionsFile = None,
    no_feedback: NoFeedback = False,
    extreme: ExtremeOption = None,
    unknown_cash: UnknownCash = None,
    max_rounds: MaxRounds = None,
    as_of: AsOf = None,
    currency: Currency = None,
    convention: Convention = None,
    data: Data = None,
    assume_unpaid: AssumeUnpaid = False,
    strict: Strict = False,
    format_: FormatOption = None,
    output: Output = None,
    top: Top = None,
    fail_over: FailOver = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show who loses how much, and through whom, when one entity does not pay.

    \b
    Examples:
      graphrisk spread A
      graphrisk spread A --overdue 52000 --horizon 30d --lang zh
      graphrisk spread A --format json | jq .summary.amplification
      graphrisk spread A --data ./tables --fail-over financing_loss=1e6
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    dated = Dated(as_of, currency, top, convention, strict)
    flags = {
        "horizon": horizon,
        "extreme": extreme,
        "unknown_cash": unknown_cash,
        "max_rounds": max_rounds,
    }
    question = Question(voice_of(ctx, standard), standard, dated, flags)
    amount = amount_of(overdue) if overdue is not None else None
    limits = limits_of(fail_over or ())
    result = ask(
        question,
        entity_id,
        amount,
        reactions,
        feedback=not no_feedback,
        assume_unpaid=assume_unpaid,
    )
    question.answer(result)
    for column, limit in limits.items():
        total = total_of(result, column)
        if total is not None and total > limit:
            raise LimitError("limit", column=column, total=f"{total:,.2f}", limit=f"{limit:,f}")


def ask(
    question: Question,
    given: str,
    overdue: float | None = None,
    reactions: Path | None = None,
    *,
    feedback: bool = True,
    assume_unpaid: bool = False,
) -> "Result":
    """Ask what an overdue total does to everybody else.

    Parameters
    ----------
    question : Question
        Its data and settings.
    given : str
        The entity's id, as typed.
    overdue : float or None
        Amount it does not pay, in the reporting currency; None for what the data has.
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
    from graphrisk.analyzers.spread import spread as solve
    from graphrisk.cli.subjects import entity_of, find
    from graphrisk.network import Network

    book, settings = question.tables, question.settings
    subject = entity_of(book, find(book, given, ("entity", "project"), question.voice.masker))
    rules = reactions_of(reactions, book.reactions)
    with busy(question.voice, "computing"):
        network = Network.from_tables(
            book,
            as_of=question.as_of,
            horizon_days=settings.horizon_days,
            conventions=question.conventions,
            currency=question.currency,
            assume_unpaid=assume_unpaid,
        )
        result = solve(
            network,
            subject,
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


def reactions_of(path: Path | None, in_folder: str) -> "Reactions":
    """Return the reactions of a file, else of the data folder, else the defaults.

    Parameters
    ----------
    path : Path or None
        The file that the user named.
    in_folder : str
        Text of the data folder's ``reactions.toml``; blank if it has none.

    Returns
    -------
    Reactions
    """
    from graphrisk.policies.schema import read_reactions

    if path is None:
        return read_reactions(in_folder, source="reactions.toml") if in_folder else read_reactions()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError("reactions_file", file=str(path), problem=error.strerror or error) from None
    except UnicodeDecodeError as error:
        raise InvalidDataError("toml", file=str(path), problem=error) from None
    return read_reactions(text, source=path.name)


def amount_of(text: str) -> float:
    """Return an amount of the command line; thousands may be grouped.

    Examples
    --------
    >>> amount_of("52,000.50"), amount_of("1e6")
    (52000.5, 1000000.0)
    """
    try:
        amount = Decimal(text.replace(",", "").strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise UsageError("amount", value=text)
    if amount < 0:
        raise UsageError("negative_amount", value=text)
    return float(amount)


def limits_of(texts: "list[str] | tuple[str, ...]") -> dict[str, float]:
    """Return the limits of ``--fail-over`` by column.

    Parameters
    ----------
    texts : list of str
        Each ``COLUMN=AMOUNT``.

    Returns
    -------
    dict of str to float

    Raises
    ------
    UsageError
        If one is not of this form, or names no amount of the answer.
    """
    from graphrisk.results import RESULTS

    known = [column.name for column in RESULTS["spread"] if column.type == "money"]
    known += ["overdue_total", "first_round_loss", "vanished", "absorbed_outside", "amplification"]
    limits = {}
    for text in texts:
        column, _, amount = text.partition("=")
        if column not in known or not amount:
            raise UsageError("limit_flag", value=text, allowed=", ".join(known))
        limits[column] = amount_of(amount)
    return limits


def total_of(result: "Result", column: str) -> float | None:
    """Return the sum of a column over all rows, or the figure of that name in the summary."""
    if column in result.rows:
        return float(result.rows[column].sum())
    figure: Any = result.summary[column]
    return None if figure is None else float(figure)
