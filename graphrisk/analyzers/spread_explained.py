"""One entity's part of a spread, by contract: the model is run, and every round is looked at."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import Asked, Posed, figure, pose, position_of
from graphrisk.analyzers.spread_clauses import (
    GuaranteeCalls,
    GuaranteeShares,
    LineClauses,
    LineTests,
    guarantee_contracts,
    project_contracts,
)
from graphrisk.analyzers.spread_contracts import (
    LINE_KINDS,
    Contracts,
    Focus,
    Moment,
    Watch,
    credit_contracts,
    due_contracts,
    line_contracts,
    moment_of,
    own_distrust,
    trust_contracts,
)
from graphrisk.models.arrays import SLACK
from graphrisk.models.spread import CHANGE, Spread
from graphrisk.network import Network

#: Columns of a row of the spread that rows of contracts add up to.
SUMMED = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "passed_on")


@dataclass(frozen=True, slots=True)
class Explained:
    """One entity's part of a spread, by contract.

    Attributes
    ----------
    focus : Focus
        The entity and its book.
    found : Spread
        What the model found.
    contracts : tuple of Contracts
        All that were watched.
    rows : DataFrame
        From `Watch.rows`.
    lines : LineClauses
        Its lines.
    guarantees : GuaranteeShares
        Its guarantees.
    start, end : Moment
        The baseline at rest, and the run at rest.
    """

    focus: Focus
    found: Spread
    contracts: tuple[Contracts, ...]
    rows: pd.DataFrame
    lines: LineClauses
    guarantees: GuaranteeShares
    start: Moment
    end: Moment

    @property
    def posed(self) -> Posed:
        """The question."""
        return self.focus.posed

    @property
    def network(self) -> Network:
        """The network that it was asked of."""
        return self.focus.posed.network

    @property
    def entity(self) -> int:
        """Position of the entity."""
        return self.focus.entity

    def id_of(self, position: int) -> str | None:
        """Return the id at a position, which may stand outside the data; None for -1, which is nobody."""
        return str(self.focus.read.ids[position]) if position >= 0 else None

    @property
    def line_tests(self) -> LineTests:
        """The tests of the entity's lines in the run at rest."""
        return self.lines.tests(self.end)

    @property
    def guarantee_calls(self) -> GuaranteeCalls:
        """How the guarantees of the entity were called in the run at rest."""
        return self.guarantees.at(self.end)

    def projects(self) -> list[dict[str, object]]:
        """Return the projects of the entity: project_id, dscr_before, dscr_after, lockup, drawstop."""
        (part,) = (every for every in self.contracts if every.record == "project")
        before, after = part.level(self.start), part.level(self.end)
        clause = part.clause(self.end)
        return [
            {
                "project_id": project_id,
                "dscr_before": figure(float(before[k])),
                "dscr_after": figure(float(after[k])),
                "lockup": clause[k] == "lockup",
                "drawstop": clause[k] in ("dscr", "major_party"),
            }
            for k, project_id in enumerate(part.id)
        ]

    @property
    def own_distrust(self) -> float:
        """The distrust that its own overdue ratio makes."""
        return own_distrust(self.end, self.posed.behaviour.a, self.posed.behaviour.phi, self.entity)

    def row(self, name: str) -> float:
        """Return a money column of its row of the spread; what rounding alone can make is 0."""
        amount = float(getattr(self.found, name)[self.entity])
        return amount if abs(amount) > float(self.found.rounding[self.entity]) else 0.0

    def shown(self) -> pd.DataFrame:
        """Return the rows but those that are rounding, all of which together are rounding too."""
        slack = float(self.found.rounding[self.entity]) / max(1, len(self.rows))
        kept = np.array([every.always for every in self.contracts], dtype=np.bool_)[self.rows["place"]]
        return self.rows[kept | (self.rows["amount"].abs() > slack).to_numpy()].reset_index(drop=True)

    def line_kind(self, at: int) -> str:
        """Return what the contract of a line is called."""
        return LINE_KINDS[str(self.network.lines.kind[at])]

    def threshold(self, at: int) -> float | None:
        """Return the threshold of a line's cross-default clause; None without one."""
        threshold = float(self.posed.system.line_threshold[at])
        return None if np.isinf(threshold) else threshold

    def withdrawn(self) -> dict[int, float]:
        """Return what the entity itself withdraws of the lines that it gives, by line, the most first."""
        lines, found = self.network.lines, self.found
        lost = lines.amount * (found.baseline.kept - found.run.kept)
        own = np.flatnonzero((lines.giver == self.entity) & (lost > CHANGE * lines.amount))
        return {int(at): float(lost[at]) for at in own[np.argsort(-lost[own], kind="stable")]}

    def reflections(self) -> list[tuple[int, float, float]]:
        """Return whose distrust reflects on the entity: position, weight, distrust; those that are trusted left out."""
        influence, z = self.network.influence, self.found.run.distrust
        weight = influence.direct[[self.entity]].toarray().ravel()
        group = influence.group[self.entity]
        if group >= 0:
            mates = influence.group == group
            mates[self.entity] = False
            weight = weight + mates / (influence.group_size[group] - 1)
        weight = weight * influence.scale[self.entity]
        return [(int(k), float(weight[k]), float(z[k])) for k in np.flatnonzero((weight > 0) & (z > 0))]

    def loans_told(self) -> dict[str, set[int]]:
        """Return the loans of which rows tell that less is paid, each with the lenders whose share it is."""
        rows = self.shown()
        found: dict[str, set[int]] = {}
        for place, at in zip(rows["place"], rows["at"], strict=True):
            part = self.contracts[place]
            if part.record in ("withheld", "shortfall", "passed_on") and part.kind[at] == "loan":
                lender = self.entity if part.column == "cash_shortfall" else int(part.counterparty[at])
                found.setdefault(str(part.id[at]), set()).add(lender)
        return found


@dataclass(frozen=True, slots=True)
class Covenant:
    """A covenant on the coverage of a project.

    Attributes
    ----------
    id, subject_id, metric, op : str
        As in the table; the promise is that metric op level.
    level, before, after : float
        The level, and the coverage in the baseline and in the run; NaN for another figure than coverage.
    clause : str
        ``covenant_met``, ``covenant_breached``, ``covenant_breached_before`` or ``covenant_untested``.
    action : str
        What a breach does.
    """

    id: str
    subject_id: str
    metric: str
    op: str
    level: float
    before: float
    after: float
    clause: str
    action: str

    def shown(self) -> dict[str, object]:
        """Return it by the names of the table, with what became of it."""
        return {
            "covenant_id": self.id,
            "subject_id": self.subject_id,
            "metric": self.metric,
            "op": self.op,
            "level": self.level,
            "before": figure(self.before),
            "after": figure(self.after),
            "clause": self.clause,
            "action": self.action or None,
        }


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


def kept_to(value: float, op: str, level: float) -> bool:
    """Return whether a value keeps a promise; a tie, within rounding, is on the level.

    Examples
    --------
    >>> kept_to(1.15 - 1e-12, ">=", 1.15), kept_to(1.125, ">=", 1.15)
    (True, False)
    """
    return _COMPARE[op](level if abs(value - level) <= SLACK * abs(level) else value, level)


def covenants(told: Explained) -> list[Covenant]:
    """Return the covenants on the projects of an entity, tested on the coverage in the baseline and in the run.

    Parameters
    ----------
    told : Explained
        The entity's part of the spread.

    Returns
    -------
    list of Covenant
        In the order of their ids. The model knows no other figure than ``dscr``; covenants on others stay untested.
    """
    (part,) = (every for every in told.contracts if every.record == "project")
    before, after = part.level(told.start).tolist(), part.level(told.end).tolist()
    company = dict(zip(told.network.projects.id, told.network.ids[told.network.projects.spv], strict=True))
    rows = told.network.tables["covenants"]
    found = []
    for place, project_id in enumerate(part.id):
        own = rows[rows["subject_id"].isin([project_id, company[project_id]])]
        for row in own.itertuples(index=False):
            tested = str(row.metric).strip().lower() == "dscr"
            levels = (before[place], after[place]) if tested else (float("nan"), float("nan"))
            found.append(_tested(row, levels))
    return sorted(found, key=lambda promise: promise.id)


def _tested(row: Any, levels: tuple[float, float]) -> Covenant:
    level = float(row.level)
    before, after = (np.isnan(value) or kept_to(value, row.op, level) for value in levels)
    clause = "covenant_met" if after else "covenant_breached" if before else "covenant_breached_before"
    return Covenant(
        id=str(row.covenant_id),
        subject_id=str(row.subject_id),
        metric=str(row.metric),
        op=str(row.op),
        level=level,
        before=levels[0],
        after=levels[1],
        clause="covenant_untested" if np.isnan(levels[1]) else clause,
        action="" if pd.isna(row.action) else str(row.action),
    )


def explained(network: Network, asked: Asked, entity_id: str) -> Explained:
    """Run the spread model and keep what reaches one entity, by contract and round.

    Parameters
    ----------
    network, asked, entity_id
        As in `explain`.

    Returns
    -------
    Explained
    """
    posed = pose(network, asked)
    focus = Focus.on(posed, position_of(network, entity_id))
    lines, guarantees = LineClauses(focus), GuaranteeShares(focus)
    contracts = (
        *due_contracts(focus),
        *guarantee_contracts(focus, guarantees),
        credit_contracts(focus),
        trust_contracts(focus),
        line_contracts(focus, lines.clause),
        project_contracts(focus),
    )
    watch = Watch(posed, contracts)
    timed = asked.extreme == "greatest"
    found = posed.solve(asked, on_round=watch if timed else None)
    if not timed:  # rounds up from the worst start say nothing of how a loss travels
        watch(0, found.baseline)
        watch(1, found.run)
    rows = watch.rows(found.run)
    told = Explained(
        focus,
        found,
        contracts,
        rows if timed else rows.assign(round=pd.array([pd.NA] * len(rows), dtype="Int64")),
        lines,
        guarantees,
        moment_of(posed, found.baseline, baseline=True),
        moment_of(posed, found.run, baseline=False),
    )
    _assert_sums(told)
    return told


def _assert_sums(told: Explained) -> None:
    """Check that the amounts of contracts add up to the row of the spread: a difference is a bug."""
    column = np.array([every.column for every in told.contracts], dtype=object)[told.rows["place"]]
    slack = float(told.found.rounding[told.entity])
    for name in SUMMED:
        total = float(told.rows["amount"].to_numpy()[column == name].sum())
        expected = float(getattr(told.found, name)[told.entity])
        if abs(total - expected) > CHANGE * abs(expected) + slack:
            raise ArithmeticError(f"{name} by contract {total!r} differs from {expected!r}")
