"""The command guarantees: who answers for whom, in which patterns, and who pays if a debtor does not."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphrisk.cli.completion import entity_ids
from graphrisk.cli.options import (
    AsOf,
    AssumeUnpaid,
    CallAmount,
    Convention,
    Currency,
    Data,
    FormatOption,
    GuaranteeGroup,
    Horizon,
    Lang,
    MaxRounds,
    Output,
    Patterns,
    Quiet,
    ReactionsFile,
    Strict,
    Top,
    UnitOption,
    UnknownCash,
    Unmask,
    Verbose,
)
from graphrisk.cli.panels.network.spread import amount_of, network_of, reactions_of
from graphrisk.cli.question import Dated, Question, Standard, busy, voice_of
from graphrisk.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from graphrisk.analyzers.guarantees import Kind
    from graphrisk.network import Network
    from graphrisk.results import Result
    from graphrisk.tables.book import Tables
    from graphrisk.views.mask import Masker

#: Members of a group that an error names.
_NAMED = 5
#: Nearest ids of guarantees that an error names, and most that an unknown one is compared with.
_NEAREST, _COMPARED = 3, 20_000


def guarantees(
    ctx: typer.Context,
    id_: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            autocompletion=entity_ids,
            help="An entity, a project, a group, a loan or a guarantee; left out: all guarantees in force.",
        ),
    ] = None,
    *,
    patterns: Patterns = False,
    call: CallAmount = None,
    group: GuaranteeGroup = False,
    horizon: Horizon = None,
    reactions: ReactionsFile = None,
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
    quiet: Quiet = False,
    verbose: Verbose = False,
    lang: Lang = None,
    unit: UnitOption = None,
    unmask: Unmask = False,
) -> None:
    r"""Show who guarantees whom, in which patterns, and who pays if called.

    \b
    Examples:
      graphrisk guarantees
      graphrisk guarantees W1
      graphrisk guarantees --patterns --lang zh
      graphrisk guarantees A --call 52000 --horizon 30d
    """
    standard = Standard(data, format_, output, quiet, verbose, lang, unit, unmask)
    dated = Dated(as_of, currency, top, convention, strict)
    flags = {"horizon": horizon, "unknown_cash": unknown_cash, "max_rounds": max_rounds}
    question = Question(voice_of(ctx, standard), standard, dated, flags)
    how = Telling(
        patterns=patterns,
        call=amount_of(call) if call is not None else None,
        by_group=group,
        reactions=reactions,
    )
    question.answer(ask(question, id_, how, assume_unpaid=assume_unpaid))


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told of the guarantees.

    Attributes
    ----------
    patterns : bool
        Whether patterns are wanted.
    call : float or None
        Amount that a debtor leaves unpaid.
    by_group : bool
        Whether a group counts as one.
    reactions : Path or None
        The reactions file; None for that of the data, else the defaults.

    Raises
    ------
    UsageError
        If two of them do not go together.
    """

    patterns: bool = False
    call: float | None = None
    by_group: bool = False
    reactions: "Path | None" = None

    def __post_init__(self) -> None:
        """Refuse what would be two answers at once."""
        for flag, given in (("--patterns", self.patterns), ("--group", self.by_group)):
            if given and self.call is not None:
                raise UsageError("flags_apart", one=flag, other="--call")


#: The list of guarantees.
LIST = Telling()


def ask(question: Question, given: str | None = None, how: Telling = LIST, *, assume_unpaid: bool = False) -> "Result":
    """Ask who guarantees whom.

    Parameters
    ----------
    question : Question
        Its data and settings.
    given : str or None
        The id of an entity, a project, a group, a loan or a guarantee, as typed; None for all guarantees.
    how : Telling
        What is to be told of them.
    assume_unpaid : bool
        Whether all that fell due is unpaid where no payments are known.

    Returns
    -------
    Result
    """
    from graphrisk.analyzers.guarantee_patterns import guarantee_patterns
    from graphrisk.analyzers.guarantees import guarantees as listed

    book, masker = question.tables, question.voice.masker
    subject = named(book, given, masker) if given is not None else None
    if how.call is not None and subject is None:
        raise UsageError("call_needs_id")
    with busy(question.voice, "computing"):
        network = network_of(question, assume_unpaid=assume_unpaid)
        if how.call is not None and subject is not None:
            result = _called(question, network, subject, how.call, how.reactions)
        else:
            solve = guarantee_patterns if how.patterns else listed
            result = (
                solve(network, by_group=how.by_group)
                if subject is None
                else solve(network, subject[1], kind=subject[0], by_group=how.by_group)
            )
    if network.findings:
        question.voice.note("network_findings", count=len(network.findings))
        if question.voice.verbose:
            question.voice.findings(list(network.findings))
    return result


def _called(
    question: Question, network: "Network", subject: "tuple[Kind, str]", amount: float, reactions: "Path | None"
) -> "Result":
    """Return who pays if a debtor, or that of a loan or a guarantee, leaves an amount unpaid."""
    from graphrisk.analyzers.guarantee_calls import guarantee_calls
    from graphrisk.results import Sentence

    book, (kind, id_) = question.tables, subject
    if kind == "group":
        entities = book["entities"]
        members = sorted(entities.loc[entities["group_id"] == id_, "entity_id"])
        raise UsageError("call_of_group", members=", ".join(members[:_NAMED]))
    debtor = id_ if kind == "entity" else _debtor_of(book, kind, id_)
    result = guarantee_calls(
        network,
        debtor,
        amount,
        reactions=reactions_of(reactions, book.reactions),
        unknown_cash=question.settings["unknown_cash"],
        max_rounds=question.settings.max_rounds,
    )
    if kind == "entity":
        return result
    return replace(result, notes=(Sentence("call_of_debtor", {"id": id_, "debtor": debtor}), *result.notes))


def _debtor_of(book: "Tables", kind: "Kind", id_: str) -> str:
    """Return whose debt a loan or a guarantee is about."""
    table, key, column = {
        "loan": ("loans", "loan_id", "borrower_id"),
        "guarantee": ("guarantees", "guarantee_id", "debtor_id"),
    }[kind]
    rows = book[table]
    return str(rows.loc[rows[key] == id_, column].iloc[0])


def named(book: "Tables", given: str, masker: "Masker | None") -> "tuple[Kind, str]":
    """Return what an id on the command line names: a guarantee, or what it names elsewhere.

    Parameters
    ----------
    book : Tables
        The book.
    given : str
        The id as typed, as an output shows it (masked), or with its kind before it, such as ``guarantee:G1``.
    masker : Masker or None
        What hid ids in outputs.

    Returns
    -------
    tuple of str
        The kind and the id.

    Raises
    ------
    UsageError
        If it names nothing, or two things.
    """
    from graphrisk.cli.subjects import entity_of, find

    guarantee = _guarantee(book, given, masker)
    try:
        subject = find(book, given, masker=masker)
    except UsageError as error:
        if not error.code.startswith("unknown_"):
            raise
        if guarantee is None:
            raise _unknown(book, given, error) from error
        return "guarantee", guarantee
    if guarantee is not None:
        choices = f"{subject.kind}:{subject.id}, guarantee:{guarantee}"
        raise UsageError("ambiguous_id", id=given, choices=choices)
    kind: Literal["entity", "loan", "group"] = "entity" if subject.kind == "project" else subject.kind
    return kind, entity_of(book, subject) if kind == "entity" else subject.id


def _unknown(book: "Tables", given: str, error: UsageError) -> UsageError:
    """Return the error for an id of nothing, with the guarantees of the nearest ids."""
    ids = book["guarantees"]["guarantee_id"].dropna().unique()
    alike = sorted(id_ for id_ in ids if id_[:1] == given[:1])[:_COMPARED]
    near = get_close_matches(given, alike, n=_NEAREST, cutoff=0.5)
    if near:
        return UsageError("unknown_guarantee_near", id=given, nearest=", ".join(near))
    return error if "nearest" in error.fields else UsageError("unknown_guarantee", id=given)


def _guarantee(book: "Tables", given: str, masker: "Masker | None") -> str | None:
    """Return the guarantee that an id names, if it does."""
    ids = sorted(book["guarantees"]["guarantee_id"].dropna().unique())
    prefix, _, rest = given.partition(":")
    for wanted in (given, rest if prefix == "guarantee" else ""):
        if wanted in set(ids):
            return wanted
    return masker.original(given, ids) if masker else None
