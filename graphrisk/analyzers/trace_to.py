"""Who can hurt one entity, by amount: to first order for all at once, and by the model itself for the heaviest."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import NOISE, Asked, Posed, Shock, behaviour_of, named, position_of, system_of
from graphrisk.models.arrays import Flags, Positions, Vector
from graphrisk.models.marginal import Marginal, loss_per_unit, steps_to
from graphrisk.models.spread import State
from graphrisk.models.spread import spread as solve
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions
from graphrisk.results import RESULTS, Result, Sentence

#: For how many the model itself is asked.
EXACT = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """Who can hurt an entity.

    Attributes
    ----------
    posed : Posed
        The network as arrays, the entity asked about being the subject.
    marginal : Marginal
        What the entity loses of each unit that others do not pay.
    owed, first_order, exact : ndarray of shape (n,)
        What each owes within the horizon; what the entity loses if it pays nothing of it, to first order; and by the
        model, NaN where that was not asked.
    distance : ndarray of shape (n,), int
        Steps along which loss can travel to the entity, -1 where none lead.
    order : ndarray of int
        Who can hurt it, the worst first; those whom the model was asked about come before the others.
    short : ndarray of shape (n,), bool
        Who cannot pay all that it owes even while nobody withholds anything. A run of its own gives it the means, and
        so starts from another baseline than first order does.
    """

    posed: Posed
    marginal: Marginal
    owed: Vector
    first_order: Vector
    exact: Vector
    distance: Positions
    order: Positions
    short: Flags

    @property
    def asked_first(self) -> int:
        """How many of the order the model was asked about."""
        return int(np.isfinite(self.exact[self.order]).sum())

    @property
    def differs(self) -> bool:
        """Whether the model puts those whom it was asked about in another order than first order does."""
        first = self.first_order[self.order[: self.asked_first]]
        return bool((np.diff(first) > NOISE * self.marginal.stake).any())


def who_can_hurt(network: Network, asked: Asked, *, top: int) -> Result:
    """Find who can hurt an entity, by amount, if they pay nothing of what they owe within the horizon.

    Parameters
    ----------
    network : Network
        The network.
    asked : Asked
        The entity that is hurt, and the assumptions.
    top : int
        Most rows, at least 1.

    Returns
    -------
    Result
        Columns of ``RESULTS["trace_to"]``.

    Raises
    ------
    UsageError
        If the entity is unknown.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after the last round.

    Examples
    --------
    A, who has 1,000, owes B 1,000; B owes C 1,000 and has 300 of its own. If A pays nothing C lacks 700, which first
    order does not see, since B has 300 to spare.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> rows = [{"entity_id": e, "kind": "company", "cash": c} for e, c in [("A", 100_000), ("B", 30_000), ("C", 0)]]
    >>> owed = [{"invoice_id": s, "seller_id": s, "buyer_id": b, "amount": 100_000, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"} for b, s in [("A", "B"), ("B", "C")]]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(rows), "invoices": SCHEMAS["invoices"].frame(owed)})
    >>> result = who_can_hurt(Network.from_tables(tables, as_of=date(2024, 6, 30)), Asked("C"), top=2)
    >>> result.rows[["entity_id", "first_order", "exact"]].values.tolist()
    [['B', 1000.0, 1000.0], ['A', 0.0, 700.0]]
    """
    found = _ranked(network, asked)
    shown = found.order[:top]
    return Result(
        command="trace_to",
        columns=RESULTS["trace_to"],
        rows=_rows(network, found, shown),
        summary={
            "stake": found.marginal.stake,
            "entities": len(found.order),
            "exact_entities": found.asked_first,
            "first_order_settles": found.marginal.settles,
            "exact_order_differs": found.differs,
        },
        as_of=network.as_of,
        currency=network.currency,
        parameters={
            **asked.parameters(network, found.posed.rules),
            "entity_id": None,
            "to": asked.entity_id,
            "top": top,
        },
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(network, found),
        notes=_notes(network, found, asked, shown),
    )


def _ranked(network: Network, asked: Asked) -> Ranked:
    to = position_of(network, asked.entity_id)
    rules = asked.reactions or read_reactions()
    nothing = Shock(np.zeros(len(network.items.due)), 0.0, 0.0)
    system = system_of(network, rules, nothing, to, asked.unknown_cash)
    posed = Posed(network, rules, nothing, system, behaviour_of(network, rules, feedback=asked.feedback), to)
    owed = system.obligation
    baseline = _baseline(posed, asked)
    marginal = loss_per_unit(system, posed.behaviour, baseline, to)
    first_order = np.minimum(marginal.per_unit * owed, marginal.stake)
    first_order[to] = 0.0
    floor = NOISE * marginal.stake
    heavy = np.lexsort((np.arange(system.n), -first_order.round(6)))
    heavy = heavy[first_order[heavy] > floor]
    distance = steps_to(system, to)
    near = np.lexsort((np.arange(system.n), -owed, distance))
    near = near[(distance[near] > 0) & (owed[near] > 0) & (first_order[near] <= floor)]
    candidates = np.r_[heavy, near][:EXACT]
    exact = np.full(system.n, np.nan)
    for who in candidates.tolist():
        exact[who] = _exact(posed, asked, who)
    candidates = candidates[np.maximum(exact, first_order)[candidates] > floor]
    places = np.lexsort((candidates, -first_order[candidates].round(6), -exact[candidates].round(6)))
    order = np.r_[candidates[places], heavy[EXACT:]]
    return Ranked(posed, marginal, owed, first_order, exact, distance, order, baseline.overdue_ratio > 0)


def _baseline(posed: Posed, asked: Asked) -> State:
    """Return where everybody stands while nobody withholds anything."""
    # The subject of a run is given what it needs to pay; one that owes nothing needs nothing.
    needs = np.where(posed.system.solvent, 0.0, posed.system.obligation)
    nobody = int(np.argmin(needs))
    nothing = replace(posed, subject=nobody)
    return nothing.solve(asked).baseline


def _exact(posed: Posed, asked: Asked, who: int) -> float:
    """Return what the model says that the entity asked about loses if another pays nothing."""
    system = posed.system
    withheld = np.where(system.item_debtor == who, system.item_due, 0.0)
    found = solve(
        system,
        posed.behaviour,
        who,
        withheld,
        own_cash=float(system.cash[who]),
        extreme=asked.extreme,
        max_rounds=asked.max_rounds,
    )
    return float(found.cash_shortfall[posed.subject] + found.financing_loss[posed.subject])


def _rows(network: Network, found: Ranked, shown: Positions) -> pd.DataFrame:
    distance = pd.array(found.distance[shown], dtype="Int64")
    distance[found.distance[shown] < 0] = pd.NA
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(shown) + 1),
            "entity_id": network.ids[shown],
            "name": network.entities["name"].to_numpy()[shown],
            "distance": distance,
            "obligation": found.owed[shown],
            "per_unit": found.marginal.per_unit[shown],
            "first_order": found.first_order[shown],
            "exact": found.exact[shown],
        }
    )


def _headline(network: Network, found: Ranked) -> tuple[Sentence, ...]:
    goal = {"goal": named(network, found.posed.subject)["entity"], "stake": found.marginal.stake}
    if not len(found.order):
        return (Sentence("trace_nobody", goal),)
    asked = found.order[: found.asked_first][:3].tolist()
    who = tuple(Sentence("who_amount", {**named(network, k), "amount": float(found.exact[k])}) for k in asked)
    return (Sentence("trace_who", {**goal, "count": len(found.order), "who": who}),)


def _notes(network: Network, found: Ranked, asked: Asked, shown: Positions) -> tuple[Sentence, ...]:
    rules = found.posed.rules
    notes = [
        Sentence("trace_first_order", {"count": found.asked_first}),
        Sentence("spread_assumed", {"days": network.horizon_days, "reactions": rules.source}),
    ]
    short = shown[found.short[shown]]
    if len(short):
        notes.insert(1, Sentence("trace_short", {"ids": tuple(network.ids[short].tolist())}))
    if found.differs:
        notes.insert(1, Sentence("trace_order_differs"))
    if not found.marginal.settles:
        notes.insert(1, Sentence("trace_unsettled", {"stake": found.marginal.stake}))
    if not asked.feedback:
        notes.append(Sentence("spread_no_feedback"))
    if asked.extreme == "least":
        notes.append(Sentence("trace_to_least"))
    unknown = int(network.cash_unknown.sum())
    if unknown:
        notes.append(Sentence("trace_unknown_cash", {"count": unknown, "convention": asked.unknown_cash}))
    return tuple(notes)
