"""The words for how an entity's row of a spread came about: each column, then its largest contracts."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import NOISE, Asked, named, project_sentence, reactions_numbers
from graphrisk.analyzers.spread_contracts import Contracts, loss_given_default
from graphrisk.analyzers.spread_explained import SUMMED, Covenant, Explained
from graphrisk.results import Sentence

#: Most contracts of a column that are told of one by one.
TOLD = 5


def notes(told: Explained, asked: Asked, promises: list[Covenant]) -> Iterator[Sentence]:
    """Say how each column of a row came about, and what was assumed.

    Parameters
    ----------
    told : Explained
        The entity's part of the spread.
    asked : Asked
        The question.
    promises : list of Covenant
        Covenants on its projects.

    Yields
    ------
    Sentence
    """
    whole = _by_contract(told)
    for column in ("overdue_total", *SUMMED):
        yield from _column_notes(told, whole, column)
    if told.found.run.distrust[told.entity] > told.found.baseline.distrust[told.entity]:
        yield _distrust(told)
    yield from _given(told)
    for project in told.projects():
        yield project_sentence(project)
    for promise in promises:
        yield _covenant(promise)
    network = told.network
    yield Sentence("spread_assumed", {"days": network.horizon_days, "reactions": told.posed.rules.source})
    numbers = reactions_numbers(told.posed.rules)
    yield Sentence("reactions_numbers", {"reactions": told.posed.rules.source, **numbers})
    if not asked.feedback:
        yield Sentence("spread_no_feedback")
    if asked.extreme == "least":
        yield Sentence("spread_least", {"certificate": told.found.certificate})
    if network.cash_unknown[told.entity]:
        yield Sentence("explain_spread_unknown_cash", {**named(network, told.entity), "convention": asked.unknown_cash})


def tripped(told: Explained, promises: list[Covenant]) -> Iterator[Sentence]:
    """Say what changes for an entity beside its losses: distrust, its projects' coverage, what that trips.

    Parameters
    ----------
    told : Explained
        The entity's part of the spread.
    promises : list of Covenant
        Covenants on its projects.

    Yields
    ------
    Sentence
        Part of a sentence for each.
    """
    before, after = (state.distrust[told.entity] for state in (told.found.baseline, told.found.run))
    if after - before > NOISE:
        yield Sentence("trips_distrust", {"before": float(before), "after": float(after)})
    for project in told.projects():
        ratios = {key: f"{project[key]:.4g}" for key in ("dscr_before", "dscr_after") if project[key] is not None}
        fields = {"project_id": project["project_id"], **ratios}
        fell = len(set(ratios.values())) > 1
        if fell:
            yield Sentence("trips_dscr", fields)
        if fell and (project["drawstop"] or project["lockup"]):
            yield Sentence("trips_drawstop" if project["drawstop"] else "trips_lockup", fields)
    for promise in promises:
        if promise.clause == "covenant_breached":
            yield Sentence("trips_covenant", {"covenant_id": promise.id})


def _by_contract(told: Explained) -> pd.DataFrame:
    """Return a row for each contract: all rounds together."""
    grouped = told.shown().groupby(["place", "at"], sort=False)
    return grouped.agg(
        before=("before", "first"),
        after=("after", "last"),
        amount=("amount", "sum"),
        round=("round", "min"),
        clause=("clause", "last"),
    ).reset_index()


def _column_notes(told: Explained, whole: pd.DataFrame, column: str) -> Iterator[Sentence]:
    """Say what a column adds up from, then its largest contracts one by one."""
    parts = np.array([part.column == column for part in told.contracts], dtype=np.bool_)
    rows = whole[parts[whole["place"]]]
    if rows.empty:
        return
    total = told.found.withheld if column == "overdue_total" else told.row(column)
    records = np.array([part.record for part in told.contracts], dtype=object)[rows["place"]]
    sums = rows["amount"].groupby(records, sort=False).sum()
    added = tuple(Sentence("explain_part", {"record": str(name), "amount": float(part)}) for name, part in sums.items())
    if any(sums != 0):
        yield Sentence("explain_sum", {"column": column, "total": total, "parts": added})
    ranked = rows.iloc[np.argsort(-rows["amount"].abs().round(6).to_numpy(), kind="stable")]
    for row in ranked.head(TOLD).to_dict("records"):
        yield _contract(told, told.contracts[int(row["place"])], row)
    rest = ranked.iloc[TOLD:]
    if len(rest):
        fields = {"column": column, "count": len(rest), "amount": float(rest["amount"].sum())}
        yield Sentence("explain_more", fields)


def _contract(told: Explained, part: Contracts, row: Mapping[Hashable, Any]) -> Sentence:
    """Say what became of one contract."""
    at = int(row["at"])
    kind, id_, other = str(part.kind[at]), part.id[at], int(part.counterparty[at])
    when = "" if pd.isna(row["round"]) else Sentence("in_round", {"round": int(row["round"])})
    fields: dict[str, object] = {
        "contract": Sentence("contract_named", {"kind": kind, "id": id_})
        if id_
        else Sentence("contract_of_kind", {"kind": kind}),
        "entity": named(told.network, other)["entity"] if other >= 0 else Sentence("somebody_outside"),
        "before": float(row["before"]),
        "after": float(row["after"]),
        "amount": float(row["amount"]),
        "when": when,
        "clause": str(row["clause"]),
    }
    if part.record in ("withheld", "shortfall", "passed_on"):
        return Sentence("explain_withheld" if part.record == "withheld" else "explain_short", fields)
    if part.record == "credit":
        return _credit(told, at, part, fields)
    if part.record == "trust":
        return _trust(told, at, part, fields)
    if part.record == "financing":
        return _line(told, at, fields)
    return _guarantee(told, at, part, fields)


def _credit(told: Explained, at: int, part: Contracts, fields: dict[str, object]) -> Sentence:
    debtor = int(part.counterparty[at])
    shares = told.focus.shares
    mine = shares[(shares["lender"] == told.entity) & (shares["loan_id"] == part.id[at])]
    numbers = {
        "ratio": float(told.found.run.overdue_ratio[debtor]),
        "loss": float(loss_given_default(told.focus)[debtor]),
        "uncovered": float(mine["uncovered"].sum()),
    }
    return Sentence("explain_credit", fields | numbers)


def _trust(told: Explained, at: int, part: Contracts, fields: dict[str, object]) -> Sentence:
    belief = float(told.network.trust[int(part.counterparty[at]), told.entity])
    before, after = told.found.baseline.distrust[told.entity], told.found.run.distrust[told.entity]
    worth = float(part.level(told.start)[at]) / (1 - before) if before < 1 else 0.0
    stake = worth / belief if belief > 0 else 0.0
    return Sentence("explain_trust", fields | {"stake": stake, "trust": belief, "rise": float(after - before)})


def _line(told: Explained, at: int, fields: dict[str, object]) -> Sentence:
    """Say whether a line is kept or cut, and the comparison that decides."""
    clause = str(fields["clause"])
    line = int(told.lines.position[at])
    system, tests = told.posed.system, told.line_tests
    equity = float(np.append(system.equity, np.nan)[min(int(told.lines.giver[at]), system.n)])
    numbers: dict[str, object] = {
        "unpaid": float(tests.unpaid_elsewhere[at]),
        "threshold": told.threshold(line),
        "share": float(tests.by_table[at]),
        "distrust": float(tests.distrust[at]),
        "able": float(tests.able[at]),
        "loss": float(tests.loss[at]),
        "equity": None if np.isnan(equity) else equity,
        "clause": clause,
    }
    why = Sentence(_WHY.get(clause, f"why_{clause}"), numbers)
    whole = {"whole": float(system.line_amount[line]), "why": why}
    return Sentence("explain_line_cut" if fields["amount"] else "explain_line_kept", fields | whole)


#: The sentences of clauses that share one.
_WHY = dict.fromkeys(("keep_by", "keep_kind", "keep_role"), "why_table")


def _guarantee(told: Explained, at: int, part: Contracts, fields: dict[str, object]) -> Sentence:
    """Say what a guarantee pays, and what limits it."""
    shares, system = told.guarantees, told.posed.system
    of_shares = int((shares.reaching if part.record == "guarantee_received" else shares.paid_by_entity)[at])
    member, calls = int(shares.member[of_shares]), told.guarantee_calls
    cap = float(system.guarantee_cap[member])
    numbers = {
        "unpaid": float(calls.unpaid[of_shares]),
        "still": float(calls.still[of_shares]),
        "share": float(system.guarantee_share[member]),
        "cap": Sentence("without_cap") if np.isinf(cap) else cap,
        "limit": Sentence("limited_by", {"clause": fields["clause"]}) if calls.bound[of_shares] != "all_unpaid" else "",
    }
    return Sentence("explain_received" if part.record == "guarantee_received" else "explain_paid", fields | numbers)


def _distrust(told: Explained) -> Sentence:
    """Say how distrust in the entity came about."""
    found, entity = told.found, told.entity
    delta = told.posed.behaviour.delta
    reflected = sorted(told.reflections(), key=lambda one: (-round(one[1] * one[2], 9), one[0]))[:TOLD]
    sources = tuple(
        Sentence("reflected_part", {**named(told.network, other), "weight": weight, "distrust": z})
        for other, weight, z in reflected
    )
    fields = {
        **named(told.network, entity),
        "before": float(found.baseline.distrust[entity]),
        "after": float(found.run.distrust[entity]),
        "ratio": float(found.run.overdue_ratio[entity]),
        "own": told.own_distrust,
        "delta": f"{delta:g}",
    }
    if not sources:
        return Sentence("explain_distrust_own", fields)
    return Sentence("explain_distrust", fields | {"sources": sources})


def _given(told: Explained) -> Iterator[Sentence]:
    """Say what the entity itself withdraws from others; that is in their rows, not in its own."""
    withdrawn = told.withdrawn()
    if withdrawn:
        lines = told.network.lines
        who = tuple(
            Sentence("who_amount", {**named(told.network, int(lines.holder[at])), "amount": amount})
            for at, amount in list(withdrawn.items())[:TOLD]
        )
        yield Sentence("explain_given", {"amount": sum(withdrawn.values()), "who": who})


def _covenant(promise: Covenant) -> Sentence:
    """Say what became of a covenant."""
    if promise.clause == "covenant_untested":
        return Sentence("explain_covenant_untested", {"covenant_id": promise.id, "metric": promise.metric})
    fields = {
        "covenant_id": promise.id,
        "subject_id": promise.subject_id,
        "promise": f"{promise.metric} {promise.op} {promise.level:g}",
        "value": f"{promise.after:.4g}",
        "clause": promise.clause,
        "action": promise.action or "unknown",
    }
    met = promise.clause == "covenant_met"
    return Sentence("explain_covenant_met" if met else "explain_covenant_breached", fields)
