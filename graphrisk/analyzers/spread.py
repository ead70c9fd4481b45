"""Spread: who loses cash, trust and financing because one entity does not pay, and who bears it in the end."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.models.arrays import Flags, Vector, product, sum_at
from graphrisk.models.spread import PROJECT, ROLLED, TERMS, UNDRAWN, Behaviour, Spread, System, hops
from graphrisk.models.spread import spread as solve
from graphrisk.models.trust import Reflection
from graphrisk.network import MONTH, Network
from graphrisk.policies.compile import keep_tables, points_array
from graphrisk.policies.schema import Reactions, read_reactions
from graphrisk.results import RESULTS, Result, Sentence

MONEY = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "passed_on", "gap")
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
        line_kind=np.array([_KIND[kind] for kind in lines.kind], dtype=np.int64),
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
    every = [*network.ids, *network.outside]
    kinds = [*network.entities["kind"].fillna(""), *[""] * len(network.outside)]
    code = pd.factorize(lines.kind)
    pair = lines.giver * (len(code[1]) + 1) + code[0]
    _, first, of_line = np.unique(pair, return_index=True, return_inverse=True)
    tables = keep_tables(
        reactions,
        [every[giver] for giver in lines.giver[first]],
        [kinds[giver] for giver in lines.giver[first]],
        [_ROLE[kind] for kind in lines.kind[first]],
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
        }


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


def solved(network: Network, asked: Asked) -> Solved:
    """Run the spread model on a network.

    Parameters
    ----------
    network : Network
        The network.
    asked : Asked
        The question.

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
    subject = int(network.ids.get_indexer(pd.Index([asked.entity_id]))[0])
    if subject < 0:
        raise UsageError("unknown_entity", id=asked.entity_id)
    if asked.overdue is not None and not 0 <= asked.overdue <= LARGEST:
        raise UsageError("overdue_amount", value=asked.overdue)
    rules = asked.reactions or read_reactions()
    shock = shock_of(network, subject, asked.overdue)
    system = system_of(network, rules, shock, subject, asked.unknown_cash)
    behaviour = behaviour_of(network, rules, feedback=asked.feedback)
    found = solve(
        system,
        behaviour,
        subject,
        shock.withheld,
        own_cash=float(system.cash[subject]),
        extreme=asked.extreme,
        max_rounds=asked.max_rounds,
    )
    return Solved(network, rules, shock, system, behaviour, subject, found)


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
    done = solved(network, asked)
    found, subject, rules = done.found, done.subject, done.rules
    rows = _rows(network, found, subject, hops(done.system, subject))
    return Result(
        command="spread",
        columns=RESULTS["spread"],
        rows=rows,
        summary=_summary(network, found),
        as_of=network.as_of,
        currency=network.currency,
        parameters=asked.parameters(network, rules),
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(network, found, subject),
        notes=_notes(network, found, done.shock, subject, rules, feedback=feedback, extreme=extreme, cash=unknown_cash),
        detail=_detail(network, found, rules),
    )


def _floor(found: Spread) -> float:
    """Return the amount below which a loss is not worth a row: a billionth of the largest total."""
    totals = (found.vanished, float(found.trust_loss.sum()), float(found.credit_loss.sum()))
    return NOISE * max(totals)


def _rows(network: Network, found: Spread, subject: int, distance: np.ndarray) -> pd.DataFrame:
    """Return the rows: the subject, then all that a money column touches, those who bear most first."""
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
        "first_round_loss": _figure(found.first_round_loss),
        "amplification": _figure(found.amplification),
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


def _figure(value: float) -> float | None:
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
            "dscr_before": _figure(before.dscr[k]),
            "dscr_after": _figure(after.dscr[k]),
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
        "reactions": rules.model_dump(),
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


def _named(network: Network, position: int) -> dict[str, object]:
    """Return an entity for a sentence: its name, if it has one, and its id, apart, so that a view can mask each."""
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
        Sentence("who_amount", {**_named(network, k), "amount": float(amounts[k])}) for k in order if amounts[k] > floor
    )
    return Sentence("mostly", {"who": who}) if who else ""


def _headline(network: Network, found: Spread, subject: int) -> tuple[Sentence, ...]:
    """Return who loses how much through whom in one sentence, who bears it in the end, and how it grew."""
    named = _named(network, subject)
    if not found.withheld:
        return (Sentence("spread_no_shock" if found.vanished <= 0 else "spread_run_without_shock", named),)
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
        Sentence("spread_headline", {**named, **losses}),
        Sentence("spread_borne", {"vanished": found.vanished, "bearers": _bearers(network, found)}),
        Sentence("spread_growth", growth),
    )


def _bearers(network: Network, found: Spread) -> tuple[Sentence, ...]:
    """Return who bears most of what vanished, and with which share of it."""
    order = np.argsort(-found.absorbed, kind="stable")[:3]
    bearers = [
        Sentence("bearer", {**_named(network, k), "share": float(found.absorbed[k]) / found.vanished})
        for k in order
        if found.absorbed[k] > _floor(found)
    ]
    if found.absorbed_outside > _floor(found):
        bearers.append(Sentence("bearer_outside", {"share": found.absorbed_outside / found.vanished}))
    return tuple(bearers)


def _notes(
    network: Network,
    found: Spread,
    shock: Shock,
    subject: int,
    rules: Reactions,
    *,
    feedback: bool,
    extreme: str,
    cash: str,
) -> tuple[Sentence, ...]:
    """Return what was assumed, what stands outside the data, what projects trip."""
    channels = tuple(
        Sentence("channel_amount", {"channel": channel, "amount": amount})
        for channel, amount in found.by_channel.items()
    )
    notes = [
        Sentence("spread_assumed", {"days": network.horizon_days, "reactions": rules.source}),
        Sentence("reactions_numbers", {"reactions": rules.source, **_numbers(rules)}),
        Sentence("spread_channels", {"channels": channels}),
    ]
    if not feedback:
        notes.append(Sentence("spread_no_feedback"))
    if extreme == "least":
        notes.append(Sentence("spread_least", {"certificate": found.certificate}))
    if shock.excess > 0:
        fields = {
            **_named(network, subject),
            "owed": shock.owed,
            "days": network.horizon_days,
            "excess": shock.excess,
        }
        notes.append(Sentence("spread_excess", fields))
    unknown = network.cash_unknown
    if unknown.any():
        through = float(found.passed_on[unknown].sum())
        share = through / found.vanished if found.vanished else 0.0
        convention = {"count": int(unknown.sum()), "convention": cash, "through": through, "share": share}
        notes.append(Sentence("spread_unknown_cash", convention))
    else:
        notes.append(Sentence("spread_known_cash"))
    notes += _guarantor_notes(network, found, rules)
    if network.implied_receivables > 0:
        notes.append(Sentence("trade_terms_implied", {"amount": network.implied_receivables}))
    notes += _project_notes(network, found)
    strangers = sorted(set(rules.keep_by) - set(network.ids) - set(network.outside))
    if strangers:
        notes.append(Sentence("reactions_of_strangers", {"reactions": rules.source, "ids": tuple(strangers)}))
    notes.append(Sentence("spread_columns"))
    return tuple(notes)


def _numbers(rules: Reactions) -> dict[str, object]:
    """Return the numbers of the reactions as text; the tables stand in the detail."""
    numbers = rules.model_dump(exclude={"keep", "keep_by", "source", "phi"})
    return {name: f"{value:g}" if name != "a" or rules.phi is None else "phi" for name, value in numbers.items()}


def _guarantor_notes(network: Network, found: Spread, rules: Reactions) -> list[Sentence]:
    """Say which guarantors of unknown cash answer for something that is unpaid."""
    guarantees = network.guarantees
    able = callable_guarantees(network, rules)
    asked = able & (found.run.overdue_ratio > 0)[guarantees.debtor] & network.cash_unknown[guarantees.guarantor]
    who = sorted(set(network.ids[guarantees.guarantor[asked]]))
    return [Sentence("guarantor_cash_unknown", {"ids": tuple(who)})] if who else []


def _project_notes(network: Network, found: Spread) -> list[Sentence]:
    notes = []
    for project in _projects(network, found):
        code = "project_drawstop" if project["drawstop"] else "project_lockup" if project["lockup"] else "project_dscr"
        ratios = {key: _ratio_text(project[key]) for key in ("dscr_before", "dscr_after")}
        notes.append(Sentence(code, {"project_id": project["project_id"], **ratios}))
    return notes


def _ratio_text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-"
