"""Trace: through whom, and by which contracts, one entity's overdue total reaches those who bear it.

Losses that leave an entity have the composition of those that arrived there (proportional sharing, as in tracing of
power flows); the model is `graphrisk.models.lossflow`.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import NOISE, Asked, Solved, callable_guarantees, named, solved, without_rounding
from graphrisk.analyzers.spread_contracts import LINE_KINDS
from graphrisk.analyzers.trace_to import who_can_hurt
from graphrisk.errors import UsageError
from graphrisk.models.lossflow import CALL, ITEM, Flow, contracts_of, loss_flow
from graphrisk.models.paths import Path, by_first_step, by_last_channel, heaviest, total_of
from graphrisk.models.spread import CHANNELS
from graphrisk.network import Network
from graphrisk.policies.schema import Reactions
from graphrisk.results import RESULTS, Result, Sentence

#: What stands in a path for creditors whom the data does not name, in machines' files too.
UNNAMED = "(outside)"


@dataclass(frozen=True, slots=True)
class Traced:
    """A flow of loss, where its paths end, and the heaviest of them.

    Attributes
    ----------
    done : Solved
        The spread that it comes from.
    flow : Flow
    to : int or None
        Position at which paths end; None: where loss is absorbed.
    paths : list of Path
        The heaviest first.
    """

    done: Solved
    flow: Flow
    to: int | None
    paths: list[Path]

    @property
    def total(self) -> float:
        """What all paths carry together."""
        if not self.done.found.vanished:
            return 0.0
        return total_of(self.flow, self.to)

    def id_of(self, position: int) -> str:
        """Return the id at a position."""
        network = self.done.network
        if position >= self.flow.size:
            return UNNAMED
        return str(network.ids[position] if position < network.n else network.outside[position - network.n])

    def ids(self, path: Path) -> tuple[str, ...]:
        """Return the ids along a path; of a withdrawal the giver comes first."""
        ends = (int(self.flow.end[step]) for step in path.steps)
        return tuple(self.id_of(position) for position in (int(self.flow.owner[path.source]), *ends))

    def channels(self, path: Path) -> tuple[str, ...]:
        """Return the channel of each step of a path."""
        return tuple(CHANNELS[self.flow.channel[step]] for step in path.steps)


def trace(
    network: Network,
    entity_id: str | None = None,
    *,
    to: str | None = None,
    top: int = 20,
    overdue: float | None = None,
    reactions: Reactions | None = None,
    feedback: bool = True,
    extreme: Literal["greatest", "least"] = "greatest",
    unknown_cash: str = "just-solvent",
    max_rounds: int = 10_000,
) -> Result:
    """Find the heaviest paths along which an overdue total, and the financing withdrawn for it, hurts others.

    Parameters
    ----------
    network : Network
        The network.
    entity_id : str or None
        The entity that does not pay; None: who can hurt ``to``, by amount.
    to : str or None
        Entity at each arrival at which a path ends; None: paths end where loss is absorbed.
    top : int
        Most paths, or most entities that can hurt; at least 1, since in a circle paths have no end.
    overdue : float or None
        Amount that the entity does not pay, in the reporting currency; None for all that it has past due.
    reactions : Reactions or None
        What financiers, suppliers and projects do; None for the defaults.
    feedback : bool
        Whether financing reacts at all.
    extreme : str
        ``greatest`` payments (the mechanical loss) or ``least`` (the bound of a run on everybody).
    unknown_cash : str
        ``just-solvent``, ``zero``, ``refuse`` or days of outflow such as ``30d``.
    max_rounds : int
        Rounds after which to give up.

    Returns
    -------
    Result
        Columns of ``RESULTS["trace"]``, without an entity those of ``RESULTS["trace_to"]``; amounts in the reporting
        currency.

    Raises
    ------
    UsageError
        If an entity is unknown, none is given, the amount is negative, or ``top`` below 1.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after the last round.

    Examples
    --------
    A owes B 1,000 and pays 200 of it; B, who has 300 of its own, then lacks 500 of the 1,000 that it owes C.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> rows = [{"entity_id": e, "kind": "company", "cash": c} for e, c in [("A", 0), ("B", 30_000), ("C", 0)]]
    >>> owed = [{"invoice_id": s, "seller_id": s, "buyer_id": b, "amount": 100_000, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"} for b, s in [("A", "B"), ("B", "C")]]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(rows), "invoices": SCHEMAS["invoices"].frame(owed)})
    >>> result = trace(Network.from_tables(tables, as_of=date(2024, 6, 30)), "A", overdue=800)
    >>> [(path, round(amount)) for path, amount in zip(result.rows["path"], result.rows["amount"])]
    [(('A', 'B', 'C'), 500), (('A', 'B'), 300)]
    """
    if top < 1:
        raise UsageError("trace_top", value=top)
    for which, given in (("ID", entity_id), ("--to", to)):
        if given is not None and not given.strip():
            raise UsageError("trace_blank", which=which)
    if entity_id is None:
        if to is None:
            raise UsageError("trace_whom")
        if overdue is not None:
            raise UsageError("trace_to_overdue", to=to)
        asked = Asked(to, None, reactions, feedback, extreme, unknown_cash, max_rounds)
        return who_can_hurt(network, asked, top=top)
    asked = Asked(entity_id, overdue, reactions, feedback, extreme, unknown_cash, max_rounds)
    goal = None if to is None else _place_of(network, to)
    found = _trace(solved(network, asked), goal, top)
    return Result(
        command="trace",
        columns=RESULTS["trace"],
        rows=_rows(found),
        summary=_summary(found, top),
        as_of=network.as_of,
        currency=network.currency,
        parameters={**asked.parameters(network, found.done.rules), "to": to, "top": top},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(found),
        notes=_notes(found, asked),
        detail={"paths": _detail(found)},
    )


def _place_of(network: Network, entity_id: str) -> int:
    """Return the position of an entity; a creditor outside the data has one too."""
    place = int(network.ids.append(network.outside).get_indexer(pd.Index([entity_id]))[0])
    if place < 0:
        raise UsageError("unknown_entity", id=entity_id)
    return place


def _trace(done: Solved, to: int | None, top: int) -> Traced:
    flow = loss_flow(done.system, done.subject, done.shock.withheld, done.found)
    rest = without_rounding(done.found)
    if not rest.vanished:
        return Traced(replace(done, found=rest), flow, to, [])
    return Traced(done, flow, to, heaviest(flow, top, to=to, least=NOISE * total_of(flow, to)))


def _rows(found: Traced) -> pd.DataFrame:
    amounts = np.array([path.amount for path in found.paths])
    share = amounts / (found.total or 1.0)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(amounts) + 1),
            "path": pd.Series([found.ids(path) for path in found.paths], dtype=object),
            "channels": pd.Series([found.channels(path) for path in found.paths], dtype=object),
            "amount": amounts,
            "share": share,
            "cumulative_share": np.cumsum(share),
        }
    )


def _explained(found: Traced) -> float | None:
    """Return the share of the total that the paths shown carry; None where there is nothing to carry."""
    return sum(path.amount for path in found.paths) / found.total if found.total > 0 else None


def _summary(found: Traced, top: int) -> dict[str, object]:
    flow, to, spread = found.flow, found.to, found.done.found
    arrived = {}
    if to is not None and to < found.done.network.n:
        arrived = {name: float(getattr(spread, name)[to]) for name in ("cash_shortfall", "financing_loss")}
    by_channel = by_last_channel(flow, to) if found.total else {}
    return {
        "total": found.total,
        "explained_share": _explained(found),
        "overdue_total": spread.withheld,
        "vanished": spread.vanished,
        **arrived,
        "sources": [
            {"source": kind, "entity_id": found.id_of(owner), "channel": channel, "amount": amount, "share": share}
            for kind, owner, channel, amount, share in _sources(found)[:top]
        ],
        "by_channel": {CHANNELS[channel]: amount for channel, amount in by_channel.items()},
        "circling": flow.circling,
    }


def _sources(found: Traced) -> list[tuple[str, int, str | None, float, float]]:
    """Return where the total starts, what starts most first: at the overdue total, at a giver's withdrawals.

    Returns
    -------
    list of (kind, position, channel, amount, share)
        The channel of a withdrawal; None for the overdue total.
    """
    flow = found.flow
    if not found.total:
        return []
    carried = by_first_step(flow, found.to)
    steps = np.flatnonzero(carried > NOISE * found.total)
    source = flow.start[steps] - flow.size - 1
    channel = np.where(flow.withdrawn[source], flow.channel[steps], -1)
    keys, place = np.unique(np.stack([source, channel]), axis=1, return_inverse=True)
    sums = np.bincount(place.ravel(), weights=carried[steps], minlength=keys.shape[1])
    order = np.lexsort((np.arange(len(sums)), -sums.round(6)))
    return [
        (
            "withdrawal" if flow.withdrawn[keys[0, k]] else "overdue",
            int(flow.owner[keys[0, k]]),
            None if keys[1, k] < 0 else CHANNELS[keys[1, k]],
            float(sums[k]),
            float(sums[k]) / found.total,
        )
        for k in order.tolist()
    ]


def _detail(found: Traced) -> list[dict[str, object]]:
    """Return the steps of each path, with all that takes each step and the contracts that carry it."""
    flow, network = found.flow, found.done.network
    steps = np.unique([step for path in found.paths for step in path.steps]).astype(np.int64)
    shares = flow.shares()
    callable_ids = network.guarantees.id[callable_guarantees(network, found.done.rules)]
    told = {}
    for step, (sort, which, amount) in zip(steps.tolist(), contracts_of(flow, steps), strict=True):
        node = int(flow.start[step])
        order = np.lexsort((which, -amount.round(6)))
        contracts = [(*_contract(network, callable_ids, sort, int(which[k])), float(amount[k])) for k in order]
        told[step] = {
            "from": found.id_of(int(flow.owner[node - flow.size - 1]) if node > flow.size else node),
            "to": found.id_of(int(flow.end[step])),
            "channel": CHANNELS[flow.channel[step]],
            "amount": float(flow.amount[step]),
            "share": float(shares[step]),
            "contracts": [{"kind": kind, "id": id_, "amount": part} for kind, id_, part in contracts],
        }
    return [
        {"rank": rank, "amount": path.amount, "steps": [told[step] for step in path.steps]}
        for rank, path in enumerate(found.paths, 1)
    ]


def _contract(network: Network, callable_ids: np.ndarray, sort: int, which: int) -> tuple[str, str]:
    """Return the kind and the id of a contract; trade credit has no id of its own."""
    if sort == ITEM:
        return str(network.items.kind[which]), str(network.items.id[which])
    if sort == CALL:
        return "guarantee", str(callable_ids[which])
    return LINE_KINDS[str(network.lines.kind[which])], str(network.lines.id[which])


def _who(found: Traced, position: int) -> object:
    """Return an entity for a sentence."""
    if position >= found.flow.size:
        return Sentence("trace_unnamed")
    return named(found.done.network, position)["entity"]


def _told(found: Traced, path: Path) -> object:
    """Return a path as a sentence: who, and through which channel to whom, step by step."""
    flow = found.flow
    said = _who(found, int(flow.owner[path.source]))
    for step in path.steps:
        channel = CHANNELS[flow.channel[step]]
        said = Sentence("path_on", {"before": said, "channel": channel, "entity": _who(found, int(flow.end[step]))})
    return said


def _headline(found: Traced) -> tuple[Sentence, ...]:
    """Return how much there is to trace, where it starts, and the heaviest way."""
    spread, subject = found.done.found, _who(found, found.done.subject)
    goal = {} if found.to is None else {"goal": _who(found, found.to)}
    if not found.paths:
        code = "trace_nothing_arrives" if goal else "trace_nothing"
        return (Sentence(code, {"entity": subject, "overdue_total": spread.withheld, **goal}),)
    figures = {"overdue_total": spread.withheld, "total": found.total}
    code = "trace_to_headline" if goal else "trace_headline"
    if not any(kind == "withdrawal" for kind, *_ in _sources(found)):
        code += "_unpaid"
    starts = tuple(_starts(found, source) for source in _sources(found)[:3])
    heavy = {"path": _told(found, found.paths[0]), "amount": found.paths[0].amount}
    shown = {"count": len(found.paths), "share": _explained(found)}
    return (
        Sentence(code, {"entity": subject, **figures, **goal}),
        Sentence("trace_starts", {"starts": starts}),
        Sentence("trace_heaviest", {**heavy, **shown}),
    )


def _starts(found: Traced, source: tuple[str, int, str | None, float, float]) -> Sentence:
    kind, owner, channel, amount, share = source
    figures = {"entity": _who(found, owner), "amount": amount, "share": share}
    if kind == "overdue":
        return Sentence("starts_overdue", figures)
    return Sentence("starts_withdrawn", {**figures, "what": "trade_credit" if channel == "supply" else channel})


def _notes(found: Traced, asked: Asked) -> tuple[Sentence, ...]:
    """Return what was assumed, and what a reader of paths should know."""
    network, spread, rules = found.done.network, found.done.found, found.done.rules
    channels = tuple(
        Sentence("channel_amount", {"channel": CHANNELS[channel], "amount": amount})
        for channel, amount in (by_last_channel(found.flow, found.to) if found.total else {}).items()
    )
    notes = [
        Sentence("trace_shared"),
        Sentence("spread_assumed", {"days": network.horizon_days, "reactions": rules.source}),
    ]
    if channels:
        notes.insert(1, Sentence("trace_channels", {"channels": channels}))
    if any(len(set(found.ids(path)[1:])) < len(path.steps) for path in found.paths):
        notes.append(Sentence("trace_rounds"))
    if found.flow.circling > NOISE * spread.vanished:
        notes.append(Sentence("trace_circling", {"amount": found.flow.circling}))
    if not asked.feedback:
        notes.append(Sentence("spread_no_feedback"))
    if asked.extreme == "least":
        notes.append(Sentence("spread_least", {"certificate": spread.certificate}))
    if found.done.shock.excess > 0:
        excess = {"owed": found.done.shock.owed, "days": network.horizon_days, "excess": found.done.shock.excess}
        notes.append(Sentence("spread_excess", {"entity": _who(found, found.done.subject), **excess}))
    unknown = network.cash_unknown
    if unknown.any():
        through = float(spread.passed_on[unknown].sum())
        share = through / spread.vanished if spread.vanished else 0.0
        convention = {"count": int(unknown.sum()), "convention": asked.unknown_cash}
        notes.append(Sentence("spread_unknown_cash", {**convention, "through": through, "share": share}))
    return tuple(notes)
