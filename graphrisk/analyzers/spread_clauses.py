"""Why a line is kept or cut, what binds a guarantee, what trips a project: the tests of a round, one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from graphrisk.analyzers.spread import callable_guarantees
from graphrisk.analyzers.spread_contracts import Codes, Contracts, Focus, Moment
from graphrisk.models.arrays import SLACK, Flags, Positions, Vector, product, sum_at
from graphrisk.models.funding import ProjectState, capacity, contract_keeps, discretion, project_state
from graphrisk.models.guarantees import Level, call_levels
from graphrisk.models.spread import Behaviour, State, System

#: A share kept above this is the whole line.
_WHOLE = 1 - 1e-12


def sums_by(keys: Positions, wanted: Positions, amounts: Vector) -> Vector:
    """Return, for each wanted key, the sum of the amounts that have it.

    Parameters
    ----------
    keys : ndarray of shape (k,), int
        Key of each amount.
    wanted : ndarray of shape (w,), int
        Keys, each as often as one likes.
    amounts : ndarray of shape (k,)

    Returns
    -------
    ndarray of shape (w,)

    Examples
    --------
    >>> sums_by(np.array([7, 9, 7]), np.array([7, 8, 7]), np.array([1.0, 2.0, 4.0])).tolist()
    [5.0, 0.0, 5.0]
    """
    known, place = np.unique(wanted, return_inverse=True)
    found = np.isin(keys, known)
    return sum_at(np.searchsorted(known, keys[found]), amounts[found], len(known))[place]


@dataclass(frozen=True, slots=True)
class LineTests:
    """The tests of ``k`` lines at a moment.

    Attributes
    ----------
    unpaid_elsewhere : ndarray of shape (k,)
        What the holder leaves unpaid to creditors other than the giver.
    distrust : ndarray of shape (k,)
        In whoever governs the line.
    by_table, able : ndarray of shape (k,)
        Share that the giver's table keeps at that distrust, and share that its losses leave it able to carry.
    loss : ndarray of shape (k,)
        Credit loss of the giver.
    crossed, called, below, major : ndarray of shape (k,), bool
        Whether a cross-default clause stops it, recourse does, its project's DSCR does, a late major party does.
    clause : ndarray of shape (k,), object
        What decides, as a code.
    """

    unpaid_elsewhere: Vector
    distrust: Vector
    by_table: Vector
    able: Vector
    loss: Vector
    crossed: Flags
    called: Flags
    below: Flags
    major: Flags
    clause: Codes


class LineClauses:
    """The lines of an entity, and why each is kept or cut.

    Parameters
    ----------
    focus : Focus
        The entity.
    """

    def __init__(self, focus: Focus) -> None:
        posed = focus.posed
        network, system = posed.network, posed.system
        self.focus = focus
        self.position: Positions = np.flatnonzero(system.line_holder == focus.entity)
        self.giver = system.line_giver[self.position]
        self.holder = system.line_holder[self.position]
        self.follows = system.line_follows[self.position]
        self.project = system.line_project[self.position]
        self._owes: Positions = np.flatnonzero(system.item_debtor == focus.entity)
        self.obligation = float(system.item_due[self._owes].sum()) + float(system.excess[focus.entity])
        ids = focus.read.ids
        kinds = network.entities["kind"].fillna("")
        self.table: Codes = np.array(
            [
                "keep_by"
                if ids[giver] in posed.rules.keep_by
                else "keep_kind"
                if project < 0 and giver < network.n and kinds.iloc[giver] in posed.rules.keep
                else "keep_role"
                for giver, project in zip(self.giver.tolist(), self.project.tolist(), strict=True)
            ],
            dtype=object,
        )

    def clause(self, moment: Moment) -> Codes:
        """Return what decides on each line, as a code."""
        return self.tests(moment).clause

    def tests(self, moment: Moment) -> LineTests:
        """Return the tests of each line at a moment."""
        system, rules = self.focus.posed.system, self.focus.posed.behaviour
        state, at, outside = moment.state, self.position, system.n
        unpaid = self._unpaid_elsewhere(moment)
        late = state.overdue_ratio > 0
        project = project_tests(system, rules, state)
        failed = (state.overdue_ratio > rules.materiality + SLACK).astype(np.float64)
        inside = np.minimum(self.giver, outside - 1)
        loss = np.where(self.giver < outside, product(system.loss_on_default[inside], failed), 0.0)
        governing = np.append(state.distrust, 0.0)[np.minimum(self.follows, outside)]
        found = LineTests(
            unpaid_elsewhere=unpaid,
            distrust=governing,
            by_table=discretion(governing, rules.points, rules.of_line[at]),
            able=np.where(self.giver < outside, capacity(loss, system.equity[inside], rules.kappa), 1.0),
            loss=loss,
            crossed=~self._keeps(unpaid, late, threshold=system.line_threshold[at]),
            called=~self._keeps(unpaid, late, recourse=system.line_recourse[at]),
            below=~self._keeps(unpaid, late, drawstop=project.below),
            major=~self._keeps(unpaid, late, drawstop=project.state.drawstop & ~project.below),
            clause=np.zeros(0, dtype=object),
        )
        return replace(found, clause=self._decides(found, state))

    def _unpaid_elsewhere(self, moment: Moment) -> Vector:
        system, entity, items = self.focus.posed.system, self.focus.entity, self._owes
        unpaid: Vector = system.item_due[items] - moment.open[items] * moment.ratio[entity]
        to_giver = sums_by(system.item_creditor[items], self.giver, unpaid)
        elsewhere: Vector = self.obligation - float(moment.state.payment[entity]) - to_giver
        return elsewhere

    def _keeps(
        self,
        unpaid: Vector,
        late: Flags,
        *,
        threshold: Vector | None = None,
        recourse: Flags | None = None,
        drawstop: Flags | None = None,
    ) -> Flags:
        """Return which lines stand if one clause alone is in the contract."""
        system, k = self.focus.posed.system, len(self.position)
        return contract_keeps(
            unpaid,
            np.array([self.obligation]),
            late[[self.focus.entity]],
            holder=np.zeros(k, dtype=np.int64),  # the only one
            threshold=np.full(k, np.inf) if threshold is None else threshold,
            recourse=np.zeros(k, dtype=np.bool_) if recourse is None else recourse,
            project=self.project,
            drawstop=np.zeros(len(system.project_spv), dtype=np.bool_) if drawstop is None else drawstop,
        )

    def _decides(self, tests: LineTests, state: State) -> Codes:
        """Return the code of what decides on each line: the clause that stops it, else what cuts, else what keeps."""
        posed, k = self.focus.posed, len(self.position)
        free = posed.system.line_cancellable[self.position]
        cut = state.kept[self.position] < _WHOLE
        chosen = np.minimum(tests.by_table, tests.able)
        within = np.isfinite(posed.system.line_threshold[self.position]) & (tests.unpaid_elsewhere > SLACK)
        holder_doubted = state.distrust[self.focus.entity] > 0
        plan: tuple[tuple[Flags, str | Codes], ...] = (
            (np.full(k, not posed.behaviour.feedback), "no_feedback"),
            (tests.crossed, "cross_default"),
            (tests.called, "recourse"),
            (tests.below, "dscr"),
            (tests.major, "major_party"),
            (cut & free & (tests.able < tests.by_table), "capacity"),
            (cut & free & (chosen < 1), self.table),
            (cut, "earlier_round"),
            (~free & (chosen < 1), "not_cancellable"),
            (within, "threshold_not_passed"),
            (tests.distrust > 0, "table_flat"),
            ((self.follows != self.holder) & holder_doubted, "follows_buyer"),
        )
        return _first_true(plan, "no_distrust", k)


def _first_true(plan: Sequence[tuple[Flags, str | Codes]], otherwise: str, size: int) -> Codes:
    """Return the first code whose flag is set, else another."""
    code = np.full(size, otherwise, dtype=object)
    for true, name in reversed(plan):
        code = np.where(true, name, code)
    return code


@dataclass(frozen=True, slots=True)
class ProjectTests:
    """What becomes of projects, and why.

    Attributes
    ----------
    state : ProjectState
    late : ndarray of shape (parties,), bool
        Which parties leave anything unpaid.
    below : ndarray of shape (projects,), bool
        Whether draws stop because coverage is too low; a project whose draws stop without is stopped by a late party.
    """

    state: ProjectState
    late: Flags
    below: Flags


def project_tests(system: System, rules: Behaviour, state: State) -> ProjectTests:
    """Return the tests of all projects in a state.

    Parameters
    ----------
    system : System
        The contracts.
    rules : Behaviour
        The reactions.
    state : State
        Where the run stands.

    Returns
    -------
    ProjectTests
    """
    late = state.overdue_ratio > 0

    def tested(major_party_share: Vector) -> ProjectState:
        return project_state(
            late,
            cfads=system.project_cfads,
            debt_service=system.project_debt_service,
            dscr_lockup=system.dscr_lockup,
            dscr_default=system.dscr_default,
            major_party_share=major_party_share,
            party_project=system.party_project,
            party=system.party,
            party_share=system.party_share,
            cfads_lost=rules.cfads_lost,
        )

    never = np.full(len(system.project_spv), np.nan)
    return ProjectTests(tested(system.major_party_share), late[system.party], tested(never).drawstop)


@dataclass(frozen=True, slots=True)
class GuaranteeCalls:
    """How ``k`` guarantees were called at a moment.

    Attributes
    ----------
    received : ndarray of shape (k,)
        What reaches the entity in focus.
    unpaid, still : ndarray of shape (k,)
        What the debtor left unpaid of the covered items, and what earlier guarantees left of that.
    bound : ndarray of shape (k,), object
        Code of what limited the payment: cap, share, what others had paid, the guarantor's means, or nothing.
    """

    received: Vector
    unpaid: Vector
    still: Vector
    bound: Codes


@dataclass(frozen=True, slots=True)
class LevelCall:
    """What the guarantees of one level pay on each item that they cover.

    Attributes
    ----------
    level : Level
    still : ndarray of shape (guarantees of the level,)
        What earlier levels left unpaid of the items of each.
    paid : ndarray of shape (entries of the level,)
        What is paid on each covered item.
    """

    level: Level
    still: Vector
    paid: Vector


def calls_in_order(levels: Sequence[Level], unpaid: Vector, called: Vector) -> Iterator[LevelCall]:
    """Take what guarantees paid apart by item: each pays in proportion to what is still unpaid of its items.

    Parameters
    ----------
    levels : sequence of Level
        From `graphrisk.models.guarantees.call_levels`.
    unpaid : ndarray of shape (items,)
        What debtors left unpaid of each item.
    called : ndarray of shape (guarantees,)
        What each guarantee paid.

    Yields
    ------
    LevelCall
    """
    left = unpaid.copy()
    for level in levels:
        g, size = level.guarantee, len(level.guarantee)
        still = sum_at(level.entry_of, left[level.entry], size)
        part = np.divide(called[g], still, out=np.zeros(size), where=still > 0)[level.entry_of]
        yield LevelCall(level, still, left[level.entry] * part)
        left[level.entry] *= 1.0 - part


class GuaranteeShares:
    """The guarantees that reach an entity or are its own, and all those that share a covered item with them.

    Parameters
    ----------
    focus : Focus
        The entity.
    """

    def __init__(self, focus: Focus) -> None:
        system, entity = focus.posed.system, focus.entity
        self.focus = focus
        covers = np.diff(system.cover_start)
        owner = np.repeat(np.arange(len(system.guarantor)), covers)
        own = system.guarantor == entity
        touched = np.zeros(len(own), dtype=np.bool_)
        touched[owner[system.item_creditor[system.cover] == entity]] = True
        self.member: Positions = _connected(owner, system.cover, own | touched)
        inside = np.isin(owner, self.member)
        self.items, self._cover = np.unique(system.cover[inside], return_inverse=True)
        self._start = np.r_[0, np.cumsum(covers[self.member])]
        self._levels = call_levels(system.guarantor[self.member], self._start, self._cover)
        self._mine = system.item_creditor[self.items] == entity
        self.paid_by_entity: Positions = np.flatnonzero(own[self.member])
        self.reaching: Positions = np.flatnonzero(touched[self.member])
        able = np.flatnonzero(callable_guarantees(focus.posed.network, focus.posed.rules))
        self.in_network: Positions = able[self.member]

    def at(self, moment: Moment) -> GuaranteeCalls:
        """Return how each was called at a moment."""
        system, items, k = self.focus.posed.system, self.items, len(self.member)
        debtor = system.item_debtor[items]
        unpaid = np.maximum(0.0, system.item_due[items] - moment.open[items] * moment.ratio[debtor])
        called = moment.state.called[self.member]
        received, before, still = np.zeros(k), np.zeros(k), np.zeros(k)
        for call in calls_in_order(self._levels, unpaid, called):
            g, size = call.level.guarantee, len(call.level.guarantee)
            before[g] = sum_at(call.level.entry_of, unpaid[call.level.entry], size)
            still[g] = call.still
            received[g] = sum_at(call.level.entry_of, call.paid * self._mine[call.level.entry], size)
        return GuaranteeCalls(received, before, still, self._bound(called, before, still))

    def _bound(self, called: Vector, before: Vector, still: Vector) -> Codes:
        system = self.focus.posed.system
        share, cap = system.guarantee_share[self.member], system.guarantee_cap[self.member]
        wanted = np.minimum(np.minimum(cap, share * before), still)
        slack = SLACK * before
        plan = (
            (called < wanted - slack, "guarantor_means"),
            (cap <= wanted + slack, "guarantee_cap"),
            (still < share * before - slack, "others_paid"),
            (share < 1, "guarantee_share"),
        )
        return _first_true(plan, "all_unpaid", len(called))


def _connected(owner: Positions, cover: Positions, wanted: Flags) -> Positions:
    """Return the guarantees that are wanted, and those joined to them by covered items."""
    count = len(wanted)
    if not wanted.any():
        return np.zeros(0, dtype=np.int64)
    size = count + int(cover.max(initial=-1)) + 1
    joined = sparse.coo_array((np.ones(len(owner)), (owner, count + cover)), shape=(size, size))
    _, part = connected_components(joined, directed=False)
    return np.flatnonzero(np.isin(part[:count], part[:count][wanted]))


def guarantee_contracts(focus: Focus, shares: GuaranteeShares) -> list[Contracts]:
    """Return what guarantors pay an entity, and what it pays as a guarantor: more, and less, than in the baseline.

    Parameters
    ----------
    focus : Focus
        The entity.
    shares : GuaranteeShares
        Its guarantees.
    """
    guarantees = focus.posed.network.guarantees
    reaching, own = shares.reaching, shares.paid_by_entity
    base = Remembered(lambda moment: moment.state.called[shares.member[own]])
    plan: tuple[tuple[str, str, Positions, Callable[[Moment], Vector], float], ...] = (
        ("guarantee_received", "cash_shortfall", reaching, lambda moment: shares.at(moment).received[reaching], 1.0),
        ("guarantee_paid", "cash_shortfall", own, lambda moment: np.maximum(*base.both(moment)), -1.0),
        ("guarantee_paid", "passed_on", own, lambda moment: np.minimum(*base.both(moment)), 1.0),
    )
    found = []
    for record, column, members, level, sign in plan:
        ids = guarantees.id[shares.in_network[members]]
        other = guarantees.guarantor if record == "guarantee_received" else guarantees.debtor
        found.append(
            Contracts(
                record=record,
                column=column,
                counterparty=other[shares.in_network[members]],
                kind=np.full(len(members), "guarantee", dtype=object),
                id=ids,
                date=focus.days_of("guarantees", "guarantee_id", "start", ids),
                level=level,
                clause=_bound(shares, members),
                sign=sign,
            )
        )
    return found


def _bound(shares: GuaranteeShares, members: Positions) -> Callable[[Moment], Codes]:
    return lambda moment: shares.at(moment).bound[members]


class Remembered:
    """A level, and what it was in the baseline.

    Parameters
    ----------
    level : callable
        Moment to an array.
    """

    def __init__(self, level: Callable[[Moment], Vector]) -> None:
        self._level = level
        self._baseline: Vector | None = None

    def both(self, moment: Moment) -> tuple[Vector, Vector]:
        """Return the level at a moment and in the baseline, which must be the first moment that is asked for."""
        now = self._level(moment)
        if self._baseline is None:
            self._baseline = now.copy()
        return now, self._baseline


def project_contracts(focus: Focus) -> Contracts:
    """Return the projects whose company an entity is, or in which it takes part, with their coverage as the level."""
    posed, entity = focus.posed, focus.entity
    projects, system, rules = posed.network.projects, posed.system, posed.behaviour
    takes_part = np.zeros(len(projects.id), dtype=np.bool_)
    takes_part[projects.party_project[projects.party == entity]] = True
    lends = np.zeros(len(projects.id), dtype=np.bool_)
    lines = posed.network.lines
    lends[lines.project[(lines.kind == "project") & (lines.giver == entity)]] = True
    at = np.flatnonzero((projects.spv == entity) | takes_part | lends)

    def clause(moment: Moment) -> Codes:
        tests = project_tests(system, rules, moment.state)
        plan = (
            (tests.below, "dscr"),
            (tests.state.drawstop, "major_party"),
            (tests.state.lockup, "lockup"),
        )
        return _first_true(plan, "nothing_tripped", len(projects.id))[at]

    return Contracts(
        record="project",
        column="",
        counterparty=np.where(projects.spv[at] == entity, -1, projects.spv[at]),
        kind=np.full(len(at), "project", dtype=object),
        id=projects.id[at],
        date=np.full(len(at), "NaT", dtype="datetime64[s]"),
        level=lambda moment: project_tests(system, rules, moment.state).state.dscr[at],
        clause=clause,
        always=True,
    )
