"""Spread: who loses cash, trust and financing because one entity does not pay, and who bears it in the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread_shapley import shapley_notes, shapley_shares
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.models.arrays import Flags, Positions, Vector, product, sum_at
from graphrisk.models.spread import PROJECT, ROLLED, TERMS, UNDRAWN, Behaviour, Spread, State, System
from graphrisk.models.spread import hops as hops_from
from graphrisk.models.spread import spread as solve
from graphrisk.models.trust import Reflection
from graphrisk.network import MONTH, Network
from graphrisk.policies.compile import keep_tables, points_array
from graphrisk.policies.schema import KINDS, ROLES, Reactions, read_reactions
from graphrisk.results import RESULTS, Result, Sentence

MONEY = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "passed_on", "gap")
#: Takes the number and the state of a round.
OnRound = Callable[[int, State], None]

_KIND = {"undrawn": UNDRAWN, "rolled": ROLLED, "terms": TERMS, "project": PROJECT}
_ROLE = {"undrawn": "financier", "rolled": "financier", "terms": "supplier", "project": "project"}
#: The largest amount that int64 minor units hold, about.
LARGEST = 9e16
#: An amount below this share of what vanished is not shown.
NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Shock:
    """What the subject does not pay.

    Attributes
    ----------
    withheld : ndarray of shape (items,)
        By item of the network.
    excess : float
        What it withholds beyond all that it owes in the data.
    owed : float
        All that it owes in the data within the horizon.
    """

    withheld: Vector
    excess: float
    owed: float

    @property
    def total(self) -> float:
        """D."""
        return float(self.withheld.sum()) + self.excess


def shock_of(network: Network, subject: int, overdue: float | None) -> Shock:
    """Place an overdue amount on what an entity owes.

    What is past due in the data comes first, in proportion; the rest falls on what else is due; an excess is owed
    outside the data.

    Parameters
    ----------
    network : Network
        The network.
    subject : int
        Position of the entity.
    overdue : float or None
        Amount in the reporting currency; None for all that is past due in the data.

    Returns
    -------
    Shock
    """
    items = network.items
    of_subject = items.debtor == subject
    late = np.where(of_subject, items.overdue, 0.0)
    other = np.where(of_subject, items.due - items.overdue, 0.0)
    owed = float(late.sum() + other.sum())
    if overdue is None:
        return Shock(late, 0.0, owed)
    first = min(overdue, float(late.sum()))
    second = min(overdue - first, float(other.sum()))
    withheld = np.minimum(_pro_rata(late, first) + _pro_rata(other, second), items.due)
    excess = overdue - first - second
    return Shock(withheld, excess if excess > NOISE * owed else 0.0, owed)


def _pro_rata(amount: Vector, part: float) -> Vector:
    total = float(amount.sum())
    if part >= total:
        return amount
    return amount * (part / total)


def cash_by_convention(network: Network, unknown_cash: str) -> tuple[Vector, Flags]:
    """Return everyone's cash within the horizon, and whose is to be just what the baseline needs.

    Parameters
    ----------
    network : Network
        The network.
    unknown_cash : str
        ``just-solvent``, ``zero``, ``refuse``, or days of outflow such as ``30d``.

    Returns
    -------
    tuple of ndarray of shape (n,) and ndarray of shape (n,), bool

    Raises
    ------
    UsageError
        If the convention is not known.
    InvalidDataError
        If cash is unknown and the convention is ``refuse``.
    """
    unknown, known = network.cash_unknown, network.cash
    if unknown_cash == "just-solvent":
        return known, unknown
    if unknown_cash == "refuse":
        if unknown.any():
            first = ", ".join(network.ids[unknown][:5])
            raise InvalidDataError("cash_unknown", count=int(unknown.sum()), entities=first)
        return known, unknown
    days = 0 if unknown_cash == "zero" else _days(unknown_cash)
    assumed = np.maximum(0.0, network.monthly_outflow * days / MONTH + network.net_inflow)
    return np.where(unknown, assumed, known), np.zeros_like(unknown)


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not (text.endswith("d") and number.isdecimal()):
        raise UsageError("unknown_cash", value=text)
    return int(number)


def callable_guarantees(network: Network, reactions: Reactions) -> Flags:
    """Return which guarantees can pay within the horizon: they cover something, and a general one is not too slow.

    Returns
    -------
    ndarray of shape (guarantees,), bool
    """
    answers = (np.diff(network.guarantees.cover_start) > 0) & (network.guarantees.share > 0)
    in_time: Flags = (network.guarantees.kind != "general") | (reactions.general_delay_days <= network.horizon_days)
    return in_time & answers


def system_of(network: Network, reactions: Reactions, shock: Shock, subject: int, unknown_cash: str) -> System:
    """Return the arrays that the model needs, from a network, reactions and a shock."""
    items, lines, projects = network.items, network.lines, network.projects
    kind, kinds = pd.factorize(lines.kind)
    cash, solvent = cash_by_convention(network, unknown_cash)
    excess = np.zeros(network.n)
    excess[subject] = shock.excess
    lost = np.where(np.isnan(network.loss_given_default), reactions.loss_given_default, network.loss_given_default)
    loss_on_default = network.unsecured.copy()
    loss_on_default.data = loss_on_default.data * lost[loss_on_default.indices]
    stake: Vector = np.asarray(network.relation.multiply(network.trust).sum(axis=0)).ravel()
    guarantees = network.guarantees
    able = callable_guarantees(network, reactions)
    covers = np.repeat(able, np.diff(guarantees.cover_start))
    influence = network.influence
    return System(
        size=network.n + len(network.outside),
        item_debtor=items.debtor,
        item_creditor=items.creditor,
        item_due=items.due,
        excess=excess,
        cash=cash,
        solvent=solvent,
        line_kind=np.array([_KIND[name] for name in kinds], dtype=np.int64)[kind],
        line_holder=lines.holder,
        line_giver=lines.giver,
        line_follows=lines.follows,
        line_project=lines.project,
        line_amount=lines.amount,
        line_threshold=lines.threshold,
        line_cancellable=lines.cancellable,
        line_recourse=lines.recourse,
        guarantor=guarantees.guarantor[able],
        guarantee_share=guarantees.share[able],
        guarantee_cap=guarantees.cap[able],
        cover_start=np.r_[0, np.cumsum(np.diff(guarantees.cover_start)[able])],
        cover=guarantees.cover[covers],
        project_spv=projects.spv,
        project_cfads=projects.cfads,
        project_debt_service=projects.debt_service,
        dscr_lockup=projects.dscr_lockup,
        dscr_default=projects.dscr_default,
        major_party_share=projects.major_party_share,
        party_project=projects.party_project,
        party=projects.party,
        party_share=projects.party_share,
        loss_on_default=loss_on_default,
        equity=network.equity,
        stake=stake,
        reflection=Reflection(influence.direct, influence.group, influence.group_size, influence.scale),
    )


def behaviour_of(network: Network, reactions: Reactions, *, feedback: bool) -> Behaviour:
    """Return reactions as numbers and tables by line."""
    lines = network.lines
    ids = network.ids.append(network.outside)
    kinds = pd.concat([network.entities["kind"].fillna(""), pd.Series([""] * len(network.outside), dtype="str")])
    # Givers are told apart only by what decides the table of a line: a name that the reactions have, and a kind.
    named = pd.Index(list(reactions.keep_by), dtype="str").get_indexer(ids)
    kind, names = pd.factorize(kinds)
    role, _ = pd.factorize(lines.kind)
    of_giver = (named * len(names) + kind)[lines.giver]
    _, first, of_line = np.unique(of_giver * len(_ROLE) + role, return_index=True, return_inverse=True)
    giver = lines.giver[first]
    tables = keep_tables(
        reactions,
        ids[giver].tolist(),
        kinds.iloc[giver].tolist(),
        [_ROLE[name] for name in lines.kind[first]],
    )
    return Behaviour(
        a=reactions.a,
        delta=reactions.delta,
        kappa=reactions.kappa,
        cfads_lost=reactions.cfads_lost,
        materiality=reactions.materiality,
        phi=None if reactions.phi is None else points_array(reactions.phi),
        points=tables.points,
        of_line=tables.of_line[of_line],
        feedback=feedback,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the spread model, and under which assumptions.

    Attributes
    ----------
    entity_id : str
        The entity that does not pay.
    overdue : float or None
        Amount it does not pay, in the reporting currency; None for all that it has past due.
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
    """

    entity_id: str
    overdue: float | None = None
    reactions: Reactions | None = None
    feedback: bool = True
    extreme: Literal["greatest", "least"] = "greatest"
    unknown_cash: str = "just-solvent"
    max_rounds: int = 10_000

    def parameters(self, network: Network, rules: Reactions) -> dict[str, object]:
        """Return what was asked, by flag name."""
        return {
            "entity_id": self.entity_id,
            "overdue": self.overdue,
            "horizon_days": network.horizon_days,
            "reactions": rules.source,
            "feedback": self.feedback,
            "extreme": self.extreme,
            "unknown_cash": self.unknown_cash,
            **({"trust": network.trust_source} if network.trust_source != "prior" else {}),
        }


@dataclass(frozen=True, slots=True)
class Posed:
    """A question about a network as the arrays that the spread model takes.

    Attributes
    ----------
    network : Network
    rules : Reactions
    shock : Shock
    system : System
    behaviour : Behaviour
    subject : int
        Position of the entity that does not pay.
    """

    network: Network
    rules: Reactions
    shock: Shock
    system: System
    behaviour: Behaviour
    subject: int

    def solve(self, asked: Asked, *, on_round: OnRound | None = None, off: frozenset[str] = frozenset()) -> Spread:
        """Run the model.

        Parameters
        ----------
        asked : Asked
            Which fixed point, and after how many rounds to give up.
        on_round : callable or None
            Is given the number and the state of each round of the run, 0 being its start; a state may be used again
            for the next round, so what is to be kept must be copied.
        off : frozenset of str
            Channels that are switched off, see `graphrisk.models.spread.Behaviour`.

        Returns
        -------
        Spread

        Raises
        ------
        NotConvergedError
            If amounts still move after the last round.
        """
        return solve(
            self.system,
            replace(self.behaviour, off=off) if off else self.behaviour,
            self.subject,
            self.shock.withheld,
            own_cash=float(self.system.cash[self.subject]),
            extreme=asked.extreme,
            max_rounds=asked.max_rounds,
            on_round=on_round,
        )


def pose(network: Network, asked: Asked) -> Posed:
    """Put a question about a network as the arrays that the spread model takes.

    Parameters
    ----------
    network : Network
        The network.
    asked : Asked
        The question.

    Returns
    -------
    Posed

    Raises
    ------
    UsageError
        If the entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused.
    """
    subject = position_of(network, asked.entity_id)
    if asked.overdue is not None and not 0 <= asked.overdue <= LARGEST:
        raise UsageError("overdue_amount", value=asked.overdue)
    rules = asked.reactions or read_reactions()
    shock = shock_of(network, subject, asked.overdue)
    system = system_of(network, rules, shock, subject, asked.unknown_cash)
    return Posed(network, rules, shock, system, behaviour_of(network, rules, feedback=asked.feedback), subject)


def position_of(network: Network, entity_id: str) -> int:
    """Return the position of an entity.

    Raises
    ------
    UsageError
        If the data describes no entity of that id.
    """
    position = int(network.ids.get_indexer(pd.Index([entity_id]))[0])
    if position < 0:
        raise UsageError("unknown_entity", id=entity_id)
    return position


@dataclass(frozen=True, slots=True)
class Solved:
    """The spread model at rest, with all that it was given.

    Attributes
    ----------
    network : Network
    rules : Reactions
    shock : Shock
    system : System
    behaviour : Behaviour
    subject : int
        Position of the entity that does not pay.
    found : Spread
        What the model found.
    """

    network: Network
    rules: Reactions
    shock: Shock
    system: System
    behaviour: Behaviour
    subject: int
    found: Spread


def solved(network: Network, asked: Asked, *, on_round: OnRound | None = None) -> Solved:
    """Run the spread model on a network.

    Parameters
    ----------
    network : Network
        The network.
    asked : Asked
        The question.
    on_round : callable or None
        As in `Posed.solve`.

    Returns
    -------
    Solved

    Raises
    ------
    UsageError
        If the entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after the last round.
    """
    posed = pose(network, asked)
    found = posed.solve(asked, on_round=on_round)
    return Solved(network, posed.rules, posed.shock, posed.system, posed.behaviour, posed.subject, found)


def spread(
    network: Network,
    entity_id: str,
    *,
    overdue: float | None = None,
    reactions: Reactions | None = None,
    feedback: bool = True,
    extreme: Literal["greatest", "least"] = "greatest",
    unknown_cash: str = "just-solvent",
    max_rounds: int = 10_000,
    shapley: bool = False,
    hops: int | None = None,
) -> Result:
    """Find who loses what because an entity does not pay its overdue total within the horizon.

    Parameters
    ----------
    network : Network
        The network.
    entity_id : str
        The entity.
    overdue : float or None
        Amount it does not pay, in the reporting currency; None for all that it has past due.
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
    shapley : bool
        Whether to share the losses among the channels, whatever their order; up to 32 runs instead of one.
    hops : int or None
        Most steps from the entity of a row that is shown; None for all rows. Nothing else changes.

    Returns
    -------
    Result
        Columns of ``RESULTS["spread"]``; amounts in the reporting currency.

    Raises
    ------
    UsageError
        If the entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after ``max_rounds``.

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
    >>> result = spread(Network.from_tables(tables, as_of=date(2024, 6, 30)), "A", overdue=800)
    >>> result.summary["amplification"]
    1.625
    """
    asked = Asked(entity_id, overdue, reactions, feedback, extreme, unknown_cash, max_rounds)
    posed = pose(network, asked)
    result = told(posed, asked, posed.solve(asked), shapley=shapley)
    return result if hops is None else within(result, hops)


def told(posed: Posed, asked: Asked, found: Spread, *, shapley: bool = False) -> Result:
    """Tell what the spread model found.

    Parameters
    ----------
    posed, asked : Posed, Asked
        The question.
    found : Spread
        What the model found.
    shapley : bool
        Whether to share the losses among the channels, whatever their order.

    Returns
    -------
    Result
        Columns of ``RESULTS["spread"]``.
    """
    network, subject, rules = posed.network, posed.subject, posed.rules
    found = without_rounding(found)
    parameters, summary = asked.parameters(network, rules), _summary(network, found)
    notes = _notes(posed, asked, found)
    if shapley:
        shares = shapley_shares(posed, asked, found)
        summary["shapley"], parameters["shapley"] = shares, True
        notes += shapley_notes(shares)
    return Result(
        command="spread",
        columns=RESULTS["spread"],
        rows=rows_of(network, found, subject, hops_from(posed.system, subject)),
        summary=summary,
        as_of=network.as_of,
        currency=network.currency,
        parameters=parameters,
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(posed, asked, found),
        notes=notes,
        detail=_detail(network, found, rules),
    )


def without_rounding(found: Spread) -> Spread:
    """Return what the model found, the totals of a run in which nobody loses anything being 0.

    Parameters
    ----------
    found : Spread
        What the model found. If nothing is withheld and no more vanishes than the rounding of sums can make, what it
        has of amounts is rounding.
    """
    floor = float(found.rounding.sum())
    if found.withheld or found.vanished > floor:
        return found
    amounts = {name: np.asarray(getattr(found, name)) for name in MONEY}
    settled: dict[str, Any] = {name: np.where(np.abs(amount) > floor, amount, 0.0) for name, amount in amounts.items()}
    return replace(
        found,
        **settled,
        vanished=0.0,
        first_round_loss=found.first_round_loss * 0.0,  # what is not known stays so
        absorbed_outside=0.0,
        by_channel=dict.fromkeys(found.by_channel, 0.0),
    )


def within(result: Result, hops: int) -> Result:
    """Return a spread with the rows up to some steps from the entity that does not pay.

    Parameters
    ----------
    result : Result
        A spread, of one period or of several.
    hops : int
        Most steps of a row that is shown; what no step leads to is not shown.

    Returns
    -------
    Result
        All else is that of the whole; a note says how much lies beyond.
    """
    near = (result.rows["distance"] <= hops).fillna(value=False).to_numpy(dtype=bool)
    beyond = result.rows[~near]
    columns = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss")
    amounts: dict[str, object] = {name: float(beyond[name].sum()) for name in columns}
    note = Sentence("spread_hops", {"hops": hops, "rows": len(beyond), **amounts})
    return replace(
        result,
        rows=result.rows[near].reset_index(drop=True),
        parameters={**result.parameters, "hops": hops},
        notes=(note, *result.notes),
    )


def _floor(found: Spread) -> float:
    """Return the amount below which a loss is not worth a row: a billionth of the largest total."""
    totals = (found.vanished, float(found.trust_loss.sum()), float(found.credit_loss.sum()))
    return NOISE * max(totals)


def rows_of(
    network: Network, found: Spread, subject: int, distance: Positions, also: Flags | None = None
) -> pd.DataFrame:
    """Return the rows: the subject, then all that a money column touches, those who bear most first.

    Parameters
    ----------
    network : Network
        The network.
    found : Spread
        What the model found.
    subject : int
        Position of the entity that does not pay.
    distance : ndarray of shape (n,), int
        Steps from the subject, -1 where none leads.
    also : ndarray of shape (n,), bool, or None
        Who else has a row.
    """
    frame = pd.DataFrame(
        {
            "entity_id": network.ids,
            "name": network.entities["name"],
            "roles": network.entities["roles"],
            "distance": pd.array(distance, dtype="Int64"),
            "first_round": pd.array(found.first_round, dtype="Int64"),
            **{name: getattr(found, name) for name in MONEY},
            "defaulted": found.defaulted,
        }
    )
    amounts = frame[list(MONEY)].to_numpy()
    frame[list(MONEY)] = np.where(np.abs(amounts) > found.rounding[:, None], amounts, 0.0)
    frame.loc[frame["distance"] < 0, "distance"] = pd.NA
    frame.loc[frame["first_round"] < 0, "first_round"] = pd.NA
    shown = (np.abs(amounts) > np.maximum(_floor(found), found.rounding)[:, None]).any(axis=1)
    shown[subject] = True
    if also is not None:
        shown |= also
    frame["is_subject"] = np.arange(len(frame)) == subject
    frame = frame[shown]
    # Rounded, so that a last digit of noise cannot change the order of equal rows.
    order = frame.assign(**{name: frame[name].round(6) for name in MONEY}).sort_values(
        ["is_subject", "absorbed", "trust_loss", "credit_loss", "entity_id"],
        ascending=[False, False, False, False, True],
        kind="stable",
    )
    return pd.DataFrame(frame.loc[order.index].drop(columns="is_subject").reset_index(drop=True))


def _summary(network: Network, found: Spread) -> dict[str, object]:
    unknown = network.cash_unknown
    names = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss")
    before, after = _npl_ratios(network, found)
    return {
        "overdue_total": found.withheld,
        "first_round_loss": figure(found.first_round_loss),
        "amplification": figure(found.amplification),
        "rounds": found.rounds,
        "certificate": found.certificate,
        "vanished": found.vanished,
        "absorbed": float(found.absorbed.sum()),
        "absorbed_outside": found.absorbed_outside,
        "by_channel": found.by_channel,
        "by_round": [
            {"round": number, **dict(zip(names, map(float, row), strict=True))}
            for number, row in enumerate(found.by_round, 1)
        ],
        "projects": _projects(network, found),
        "unknown_cash_entities": int(unknown.sum()),
        "unknown_cash_passed_on": float(found.passed_on[unknown].sum()),
        "npl_ratio_before": before,
        "npl_ratio_after": after,
    }


def figure(value: float) -> float | None:
    """Return a figure; None where it has no meaning."""
    return None if np.isnan(value) else float(value)


def _npl_ratios(network: Network, found: Spread) -> tuple[float | None, float | None]:
    """Return the share of all balances that is owed by entities in default, in the baseline and in the run."""
    owed: Vector = np.asarray(network.balance.sum(axis=0)).ravel()
    if not owed.sum() > 0:
        return None, None
    total = owed.sum()
    return float(owed[found.defaulted_before].sum() / total), float(owed[found.defaulted].sum() / total)


def _projects(network: Network, found: Spread) -> list[dict[str, object]]:
    """Return the projects whose coverage fell or that are tripped."""
    before, after = found.projects_before, found.projects_after

    fell = before.dscr - after.dscr > NOISE * np.abs(before.dscr)
    touched = fell | after.lockup | after.drawstop
    return [
        {
            "project_id": network.projects.id[k],
            "dscr_before": figure(before.dscr[k]),
            "dscr_after": figure(after.dscr[k]),
            "lockup": bool(after.lockup[k]),
            "drawstop": bool(after.drawstop[k]),
        }
        for k in np.flatnonzero(touched)
    ]


def _detail(network: Network, found: Spread, rules: Reactions) -> dict[str, object]:
    """Return the lines whose governing entity lost trust, and the guarantees called, in the run."""
    lines, run, base = network.lines, found.run, found.baseline
    able = network.guarantees.id[callable_guarantees(network, rules)]
    every = [*network.ids, *network.outside]
    fallen = np.append(run.distrust > base.distrust + NOISE, False)
    outside = network.n
    cut = base.kept - run.kept > NOISE
    touched = fallen[np.minimum(lines.follows, outside)] | fallen[lines.holder] | cut
    return {
        "lines": [
            {
                "kind": "undrawn" if lines.kind[k] == "project" else lines.kind[k],
                "id": lines.id[k],
                "giver": str(every[lines.giver[k]]),
                "holder": str(every[lines.holder[k]]),
                "amount": float(lines.amount[k]),
                "kept": float(lines.amount[k] * run.kept[k]),
            }
            for k in np.flatnonzero(touched)
        ],
        "trust": _trust(network, found),
        "lenders": _lenders(network, found),
        "reactions": rules.shown(),
        "guarantees": [
            {"guarantee_id": able[k], "paid": float(run.called[k]), "paid_before": float(base.called[k])}
            for k in np.flatnonzero(np.abs(run.called - base.called) > _floor(found))
        ],
    }


def _trust(network: Network, found: Spread) -> list[dict[str, object]]:
    """Return the plain fall in trust: the mean belief of those who have a stake in an entity, before and after."""
    of = network.trust.indices.astype(np.int64)
    holders = np.bincount(of, minlength=network.n)
    mean = sum_at(of, network.trust.data, network.n) / np.maximum(1, holders)
    fell = found.run.distrust - found.baseline.distrust > NOISE
    return [
        {
            "entity_id": str(network.ids[k]),
            "holders": int(holders[k]),
            "trust_before": float(mean[k] * (1 - found.baseline.distrust[k])),
            "trust_after": float(mean[k] * (1 - found.run.distrust[k])),
        }
        for k in np.flatnonzero(fell & (holders > 0)).tolist()
    ]


def _lenders(network: Network, found: Spread) -> list[dict[str, object]]:
    """Return the NPL ratio, before and after, of each lender whose claims lose."""
    lent: Vector = np.asarray(network.balance.sum(axis=1)).ravel()
    before = product(network.balance, found.defaulted_before.astype(np.float64))
    after = product(network.balance, found.defaulted.astype(np.float64))
    return [
        {
            "entity_id": str(network.ids[k]),
            "npl_ratio_before": float(before[k] / lent[k]),
            "npl_ratio_after": float(after[k] / lent[k]),
        }
        for k in np.flatnonzero(np.abs(after - before) > found.rounding).tolist()
    ]


def named(network: Network, position: int) -> dict[str, object]:
    """Return an entity for a sentence: its name, if it has one, and its id, apart, so that a view can mask each.

    Parameters
    ----------
    network : Network
        The network.
    position : int
        Its position; one at or beyond ``n`` stands outside the data.

    Returns
    -------
    dict of str to Sentence
        Under ``entity``.
    """
    if position >= network.n:
        return {"entity": Sentence("entity_unnamed", {"id": str(network.outside[position - network.n])})}
    name, entity_id = network.entities["name"].iloc[position], str(network.ids[position])
    if pd.isna(name):
        return {"entity": Sentence("entity_unnamed", {"id": entity_id})}
    return {"entity": Sentence("entity_named", {"name": str(name), "id": entity_id})}


def _amounts(network: Network, amounts: Vector, floor: float) -> Sentence | str:
    """Return the three largest amounts and whose they are; blank if there are none above a floor."""
    order = np.argsort(-amounts, kind="stable")[:3]
    who = tuple(
        Sentence("who_amount", {**named(network, k), "amount": float(amounts[k])}) for k in order if amounts[k] > floor
    )
    return Sentence("mostly", {"who": who}) if who else ""


def nothing_withheld(posed: Posed, asked: Asked, found: Spread) -> Sentence:
    """Say that an entity leaves nothing unpaid: since nothing is overdue in the data, or since 0 was asked about.

    Parameters
    ----------
    posed, asked : Posed, Asked
        The question.
    found : Spread
        Its answer; the bound of a run on everybody has losses all the same.
    """
    overdue = 0.0 if asked.overdue is None else overdue_in_data(posed)
    fields = {**named(posed.network, posed.subject), "overdue": overdue}
    if asked.extreme == "least" and without_rounding(found).vanished > 0:
        return Sentence("spread_run_of_zero" if overdue > 0 else "spread_run_without_shock", fields)
    return Sentence("spread_zero_asked" if overdue > 0 else "spread_no_shock", fields)


def overdue_in_data(posed: Posed) -> float:
    """Return what the entity asked about has past due in the data."""
    items = posed.network.items
    return float(items.overdue[items.debtor == posed.subject].sum())


def _headline(posed: Posed, asked: Asked, found: Spread) -> tuple[Sentence, ...]:
    """Return who loses how much through whom in one sentence, who bears it in the end, and how it grew."""
    network = posed.network
    who = named(network, posed.subject)
    if not found.withheld:
        return (nothing_withheld(posed, asked, found),)
    lines, floor = network.lines, _floor(found)
    lost = lines.amount * (found.baseline.kept - found.run.kept)
    outside = Sentence("outside_amount", {"amount": found.absorbed_outside}) if found.absorbed_outside > floor else ""
    losses = {
        "overdue_total": found.withheld,
        "cash_shortfall": float(found.cash_shortfall.sum()) + found.absorbed_outside,
        "losers": _amounts(network, found.cash_shortfall, floor),
        "outside": outside,
        "financing_loss": float(found.financing_loss.sum()),
        "givers": _amounts(network, sum_at(lines.giver, lost, network.n + len(network.outside)), floor),
        "trust_loss": float(found.trust_loss.sum()),
        "credit_loss": float(found.credit_loss.sum()),
    }
    growth = {"rounds": found.rounds, "amplification": f"{found.amplification:.3f}", "first": found.withheld}
    return (
        Sentence("spread_headline", {**who, **losses}),
        Sentence("spread_borne", {"vanished": found.vanished, "bearers": _bearers(network, found)}),
        Sentence("spread_growth", growth),
    )


def _bearers(network: Network, found: Spread) -> tuple[Sentence, ...]:
    """Return who bears most of what vanished, and with which share of it."""
    order = np.argsort(-found.absorbed, kind="stable")[:3]
    bearers = [
        Sentence("bearer", {**named(network, k), "share": float(found.absorbed[k]) / found.vanished})
        for k in order
        if found.absorbed[k] > _floor(found)
    ]
    if found.absorbed_outside > _floor(found):
        bearers.append(Sentence("bearer_outside", {"share": found.absorbed_outside / found.vanished}))
    return tuple(bearers)


def _notes(posed: Posed, asked: Asked, found: Spread) -> tuple[Sentence, ...]:
    """Return what was assumed, what stands outside the data, what projects trip."""
    network, rules, shock, subject = posed.network, posed.rules, posed.shock, posed.subject
    channels = tuple(
        Sentence("channel_amount", {"channel": channel, "amount": amount})
        for channel, amount in found.by_channel.items()
    )
    notes = [
        Sentence("spread_assumed", {"days": network.horizon_days, "reactions": rules.source}),
        Sentence("reactions_numbers", {"reactions": rules.source, **reactions_numbers(rules)}),
        Sentence("spread_channels", {"channels": channels}),
    ]
    if not asked.feedback:
        notes.append(Sentence("spread_no_feedback"))
    if asked.extreme == "least":
        notes.append(Sentence("spread_least", {"certificate": found.certificate}))
    if shock.excess > 0:
        fields = {
            **named(network, subject),
            "owed": shock.owed,
            "days": network.horizon_days,
            "excess": shock.excess,
        }
        notes.append(Sentence("spread_excess", fields))
    unknown = network.cash_unknown
    if unknown.any():
        through = float(found.passed_on[unknown].sum())
        share = through / found.vanished if found.vanished else 0.0
        convention = {"count": int(unknown.sum()), "convention": asked.unknown_cash, "through": through, "share": share}
        notes.append(Sentence("spread_unknown_cash", convention))
    else:
        notes.append(Sentence("spread_known_cash"))
    if network.trust_source == "history":
        notes.append(Sentence("spread_trust_history"))
    notes += _guarantor_notes(network, found, rules)
    if network.implied_receivables > 0:
        notes.append(Sentence("trade_terms_implied", {"amount": network.implied_receivables}))
    notes += _project_notes(network, found)
    of_ids = {*rules.keep_by, *(set(rules.rate_rise) - {*KINDS, *ROLES})}
    strangers = sorted(of_ids - set(network.ids) - set(network.outside))
    if strangers:
        notes.append(Sentence("reactions_of_strangers", {"reactions": rules.source, "ids": tuple(strangers)}))
    notes.append(Sentence("spread_columns"))
    return tuple(notes)


def reactions_numbers(rules: Reactions) -> dict[str, object]:
    """Return the numbers of the reactions as text; the tables stand in the detail."""
    numbers = rules.model_dump(exclude={"keep", "keep_by", "rate_rise", "source", "phi"})
    return {name: f"{value:g}" if name != "a" or rules.phi is None else "phi" for name, value in numbers.items()}


def _guarantor_notes(network: Network, found: Spread, rules: Reactions) -> list[Sentence]:
    """Say which guarantors of unknown cash answer for something that is unpaid."""
    guarantees = network.guarantees
    able = callable_guarantees(network, rules)
    asked = able & (found.run.overdue_ratio > 0)[guarantees.debtor] & network.cash_unknown[guarantees.guarantor]
    who = sorted(set(network.ids[guarantees.guarantor[asked]]))
    return [Sentence("guarantor_cash_unknown", {"ids": tuple(who)})] if who else []


def _project_notes(network: Network, found: Spread) -> list[Sentence]:
    return [project_sentence(project) for project in _projects(network, found)]


def project_sentence(project: Mapping[str, object]) -> Sentence:
    """Say what a project's coverage is, and what it trips.

    Parameters
    ----------
    project : mapping
        project_id, dscr_before, dscr_after, lockup, drawstop.
    """
    code = "project_drawstop" if project["drawstop"] else "project_lockup" if project["lockup"] else "project_dscr"
    ratios = {key: _ratio_text(project[key]) for key in ("dscr_before", "dscr_after")}
    return Sentence(code, {"project_id": project["project_id"], **ratios})


def _ratio_text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-"
