"""The command spread: who loses how much because one entity does not pay."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    FailOver,
    FormatOption,
    Hops,
    Horizon,
    Lang,
    MaxRounds,
    NoFeedback,
    Output,
    OverdueAmount,
    Periods,
    Quiet,
    ReactionsFile,
    Shapley,
    SpreadExplain,
    Strict,
    Top,
    TrustFrom,
    TrustOption,
    UnitOption,
    UnknownCash,
    Unmask,
    Verbose,
)
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import InvalidDataError, LimitError, UsageError

if TYPE_CHECKING:
    from graphrisk.network import Network
    from graphrisk.policies.schema import Reactions
    from graphrisk.results import Result
    from graphrisk.tables.book import Tables
    from graphrisk.views.mask import Masker

#: Flags that do not go together.
_APART = (("--explain", "--periods"), ("--explain", "--shapley"), ("--explain", "--hops"), ("--periods", "--shapley"))

#: Most digits of a count on the command line.
_DIGITS = 9


def spread(
    ctx: typer.Context,
    entity_id: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            autocompletion=entity_ids,
            help="Entity that falls overdue; a project's id stands for its company.",
        ),
    ],
    *,
    overdue: OverdueAmount = None,
    horizon: Horizon = None,
    reactions: ReactionsFile = None,
    no_feedback: NoFeedback = False,
    extreme: ExtremeOption = None,
    unknown_cash: UnknownCash = None,
    trust: TrustOption = None,
    periods: Periods = None,
    shapley: Shapley = False,
    explain: SpreadExplain = None,
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
    hops: Hops = None,
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
      graphrisk spread A --explain F2
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
        "trust": trust,
    }
    question = Question(voice_of(ctx, standard), standard, dated, flags)
    amount = amount_of(overdue) if overdue is not None else None
    limits = limits_of(fail_over or ())
    how = Telling(
        explain=explain,
        shapley=shapley,
        periods=count_of(periods, "--periods", least=1) if periods is not None else 1,
        hops=count_of(hops, "--hops", least=0) if hops is not None else None,
    )
    result = ask(
        question,
        entity_id,
        amount,
        reactions,
        feedback=not no_feedback,
        assume_unpaid=assume_unpaid,
        how=how,
    )
    # An explanation is of all rows: its amounts add up to those of the spread.
    whole = explain is not None and question.settings.source("top") != "--top"
    question.answer(how.cut(result), top=0 if whole else None)
    for column, limit in limits.items():
        total = total_of(result, column)
        if total is not None and total > limit:
            raise LimitError("limit", column=column, total=f"{total:,.2f}", limit=f"{limit:,f}")


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told of a spread.

    Attributes
    ----------
    explain : str or None
        The entity whose row is asked about, as typed.
    shapley : bool
        Whether losses are shared among the channels.
    periods : int
        Horizons that follow each other.
    hops : int or None
        Most steps of a row that is shown.

    Raises
    ------
    UsageError
        If two of them do not go together.
    """

    explain: str | None = None
    shapley: bool = False
    periods: int = 1
    hops: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would be two answers at once."""
        given = {
            "--explain": self.explain is not None,
            "--periods": self.periods > 1,
            "--shapley": self.shapley,
            "--hops": self.hops is not None,
        }
        for one, other in _APART:
            if given[one] and given[other]:
                raise UsageError("flags_apart", one=one, other=other)

    def cut(self, result: "Result") -> "Result":
        """Return a result with the rows that are to be shown."""
        from graphrisk.analyzers.spread import within

        return result if self.hops is None else within(result, self.hops)


#: The whole spread of one horizon.
PLAIN = Telling()


def ask(
    question: Question,
    given: str,
    overdue: float | None = None,
    reactions: Path | None = None,
    *,
    feedback: bool = True,
    assume_unpaid: bool = False,
    how: Telling = PLAIN,
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
    how : Telling
        What is to be told of it; all its rows are in the result, whatever ``hops`` says.

    Returns
    -------
    Result
    """
    from graphrisk.analyzers.spread import Asked, pose, told

    book, settings, masker = question.tables, question.settings, question.voice.masker
    asked = Asked(
        entity_of(given, book, masker),
        overdue=overdue,
        reactions=reactions_of(reactions, book.reactions),
        feedback=feedback,
        extreme="least" if settings["extreme"] == Extreme.LEAST else "greatest",
        unknown_cash=settings["unknown_cash"],
        max_rounds=settings.max_rounds,
    )
    other = entity_of(how.explain, book, masker) if how.explain is not None else None
    with busy(question.voice, "computing"):
        network = network_of(question, assume_unpaid=assume_unpaid)
        if other is not None:
            from graphrisk.analyzers.spread_explain import explain

            result = explain(network, asked, other)
        elif how.periods > 1:
            from graphrisk.analyzers.spread_periods import spread_periods

            result = spread_periods(network, asked, how.periods)
        else:
            posed = pose(network, asked)
            result = told(posed, asked, posed.solve(asked), shapley=how.shapley)
    if network.findings:
        question.voice.note("network_findings", count=len(network.findings))
        if question.voice.verbose:
            question.voice.findings(list(network.findings))
    return result


def entity_of(given: str, book: "Tables", masker: "Masker | None") -> str:
    """Return the entity that an id on the command line stands for: its own, or that of a project's company.

    Parameters
    ----------
    given : str
        The id, as typed.
    book : Tables
        The book.
    masker : Masker or None
        What hid ids in outputs.

    Raises
    ------
    UsageError
        If it names nothing, or two things.
    """
    from graphrisk.cli import subjects

    return subjects.entity_of(book, subjects.find(book, given, ("entity", "project"), masker))


def network_of(question: Question, *, assume_unpaid: bool) -> "Network":
    """Return the network of a question's book at its date, as its settings say.

    Parameters
    ----------
    question : Question
        Its data and settings.
    assume_unpaid : bool
        Whether all that fell due is unpaid where no payments are known.
    """
    from graphrisk.network import Network

    return Network.from_tables(
        question.tables,
        as_of=question.as_of,
        horizon_days=question.settings.horizon_days,
        conventions=question.conventions,
        currency=question.currency,
        assume_unpaid=assume_unpaid,
        trust="history" if question.settings["trust"] == TrustFrom.HISTORY else "prior",
    )


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


def count_of(text: str, flag: str, *, least: int) -> int:
    """Return a whole number of the command line.

    Parameters
    ----------
    text : str
        As typed.
    flag : str
        Whose value it is.
    least : int
        The least that it may be.

    Raises
    ------
    UsageError
        If it is none, or less.

    Examples
    --------
    >>> count_of("3", "--hops", least=0)
    3
    """
    if not text.strip().isascii() or not text.strip().isdigit() or len(text) > _DIGITS or int(text) < least:
        raise UsageError("setting_value", name=flag, value=text, allowed=f"a whole number of at least {least}")
    return int(text)


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
    """Return the sum of a column over all rows, or the figure of that name in the summary; of periods the largest."""
    if column in result.rows:
        of_period = result.rows["period"] if "period" in result.rows else [1] * len(result.rows)
        return float(result.rows[column].groupby(of_period).sum().max())
    figure: Any = result.summary[column]
    return None if figure is None else float(figure)
