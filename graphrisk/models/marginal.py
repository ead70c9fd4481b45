"""Who can hurt one entity, to first order: what arrives there of each unit that another does not pay.

The spread is a fixed point; near its baseline it is linear, and one transposed system, solved backwards from the entity
asked about, says for all others at once what a little less paid by each would make it lose. An entity with means to
spare absorbs a little, one without passes all of it on; guarantors with means to spare pay what they answer for, one
that has given all it can spare pays so much less of its last call; lines shrink by the slope of their tables. What
happens only at a threshold is not seen: clauses, tables that start flat, means that are used up on the way.

Christianson, B. (1994), "Reverse accumulation and attractive fixed points", Optimization Methods and Software 3(4),
311-326.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order

from graphrisk.models.arrays import SLACK, Flags, Matrix, Points, Positions, Vector, product, sum_at
from graphrisk.models.funding import discretion
from graphrisk.models.guarantees import Level, call_levels
from graphrisk.models.spread import Behaviour, State, System

#: Sweeps after which a loss counts as one that does not die away, and after which values held to limits are left.
SWEEPS, HELD_SWEEPS = 3_000, 300
#: A sweep that moves less than this share of a value is at rest.
STILL = 1e-10
#: A value so many times its limit grows without end.
RUNAWAY = 1e6


@dataclass(frozen=True, slots=True)
class Marginal:
    """What one entity loses, to first order.

    Attributes
    ----------
    per_unit : ndarray of shape (n,)
        What arrives at it, in cash lacked and financing lost, of each unit that another does not pay.
    stake : float
        All that it can lose: what is due to it, the lines that it holds, and what it may have to pay for others.
    settles : bool
        Whether a little loss dies away, and soon, as it goes round. If not, first order has no answer: what an entity
        can do is then held to ``stake``, for all that it owes, at each step.
    """

    per_unit: Vector
    stake: float
    settles: bool


def loss_per_unit(system: System, behaviour: Behaviour, base: State, to: int) -> Marginal:
    """Find what an entity loses of each unit that others do not pay, to first order around a baseline.

    Parameters
    ----------
    system : System
        The contracts.
    behaviour : Behaviour
        The reactions.
    base : State
        The baseline at rest.
    to : int
        Position of the entity asked about.

    Returns
    -------
    Marginal
    """
    obligation = system.obligation
    levels = call_levels(system.guarantor, system.cover_start, system.cover)
    calls = _calls(system, base, levels)
    linear = _linear(system, behaviour, base, calls)
    stake = _stake(system, to)
    n = system.n
    limit = np.full(linear.matrix.shape[0], np.inf)
    owed = np.divide(stake, obligation, out=np.full(n, np.inf), where=obligation > 0)
    limit[:n] = np.where(linear.passes, owed + (np.arange(n) == to), np.inf)
    limit[n : 2 * n] = stake
    worth, settles = _settled(linear.matrix, limit, to)
    arrives = np.append(worth[:n], 0.0)
    lacked = calls.left_first * arrives[np.minimum(system.item_creditor, n)]
    # Who is asked about pays all it owes before: what it does not pay in the baseline starts from 0 again.
    fresh = np.where(base.overdue_ratio > 0, _phi_slope(behaviour, np.zeros(n)), 0.0)
    distrust = np.divide(fresh, obligation, out=linear.distrust.copy(), where=(fresh > 0) & (obligation > 0))
    per_unit = (
        sum_at(system.item_debtor, lacked, n)
        + sum_at(calls.debtor, calls.taken_first * arrives[system.guarantor], n)
        + distrust * worth[n : 2 * n]
    )
    return Marginal(per_unit, stake, settles)


def _stake(system: System, to: int) -> float:
    """Return all that an entity can lose: what is due to it, its lines, what it may have to pay for others."""
    due = float(system.item_due[system.item_creditor == to].sum())
    lines = float(system.line_amount[system.line_holder == to].sum())
    owner = np.repeat(np.arange(len(system.guarantor)), np.diff(system.cover_start))
    covered = sum_at(owner, system.item_due[system.cover], len(system.guarantor))
    answers = np.minimum(system.guarantee_cap, system.guarantee_share * covered)[system.guarantor == to]
    return due + lines + float(answers.sum())


@dataclass(frozen=True, slots=True)
class _Calls:
    """How guarantees answer, to first order.

    Attributes
    ----------
    debtor : ndarray of shape (g,), int
        For whom each answers.
    taken : ndarray of shape (g,)
        What each pays more per unit that its debtor does not pay.
    left : ndarray of shape (items,)
        What the creditor of each item lacks of it then.
    taken_first, left_first : ndarray of shape (g,) and (items,)
        The same where the debtor paid all it owes before.
    guarantor, loser : ndarray of shape (k,), int
        Guarantors who have given all they can spare, and who loses when they can spare less: creditors, and those
        who are called after them.
    part : ndarray of shape (k,)
        How much, per unit.
    """

    debtor: Positions
    taken: Vector
    left: Vector
    taken_first: Vector
    left_first: Vector
    guarantor: Positions
    loser: Positions
    part: Vector


def _calls(system: System, base: State, levels: Iterable[Level]) -> _Calls:
    n, g = system.n, len(system.guarantor)
    obligation = system.obligation
    owed = obligation[system.item_debtor]
    ratio = np.divide(base.payment, obligation, out=np.zeros(n), where=obligation > 0)
    unpaid = system.item_due * (1.0 - ratio)[system.item_debtor]
    unpaid[unpaid <= SLACK * system.item_due] = 0.0
    debtor = np.zeros(g, dtype=np.int64)
    covers = np.diff(system.cover_start) > 0
    debtor[covers] = system.item_debtor[system.cover[system.cover_start[:-1][covers]]]
    surplus = np.maximum(0.0, base.before_floor - obligation)
    surplus[surplus <= SLACK * obligation] = 0.0
    room = surplus - sum_at(system.guarantor, base.called, n) > SLACK * surplus
    last = np.full(n, -1)
    paying = np.flatnonzero(base.called > 0)
    last[system.guarantor[paying]] = paying  # of several the last one is written last
    able = room[system.guarantor] | (np.arange(g) < last[system.guarantor])
    rise, uncut = system.item_due / owed, np.zeros(g)
    at_rest = _At(levels, unpaid, base.called, able)
    before = _At(levels, np.zeros_like(unpaid), np.zeros(g), able | (base.called > 0))
    taken, left = _respond(system, at_rest, rise=rise, cut=uncut)
    taken_first, left_first = _respond(system, before, rise=rise, cut=uncut)
    exhausted = np.flatnonzero((surplus > 0) & ~room & (last >= 0))
    parts = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))]
    cuts = last[exhausted]
    while len(cuts):
        # One exhausted guarantor of each debtor at a time: what two of them move would not be told apart.
        _, first = np.unique(debtor[cuts], return_index=True)
        cut = np.zeros(g)
        cut[cuts[first]] = 1.0
        by_debtor = np.full(n, -1)
        by_debtor[debtor[cuts[first]]] = system.guarantor[cuts[first]]
        more, lacks = _respond(system, at_rest, rise=np.zeros_like(unpaid), cut=cut)
        item, call = np.flatnonzero(lacks), np.flatnonzero((more != 0) & (cut == 0))
        parts.append((by_debtor[system.item_debtor[item]], system.item_creditor[item], lacks[item]))
        parts.append((by_debtor[debtor[call]], system.guarantor[call], more[call]))
        cuts = np.delete(cuts, first)
    guarantor, loser, part = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Calls(debtor, taken, left, taken_first, left_first, guarantor, loser, part)


@dataclass(frozen=True, slots=True)
class _At:
    """Where guarantees stand.

    Attributes
    ----------
    levels : iterable of Level
        In the order of call, each time that it is gone through.
    unpaid : ndarray of shape (items,)
        What debtors leave unpaid.
    called : ndarray of shape (g,)
        What each guarantee pays.
    able : ndarray of shape (g,), bool
        Whether its guarantor could pay more.
    """

    levels: Iterable[Level]
    unpaid: Vector
    called: Vector
    able: Flags


def _respond(system: System, stand: _At, *, rise: Vector, cut: Vector) -> tuple[Vector, Vector]:
    """Return what guarantees pay more, and what creditors lack of items, where a little more is left unpaid of items.

    Parameters
    ----------
    system : System
        The contracts.
    stand : _At
        Where guarantees stand.
    rise : ndarray of shape (items,)
        How fast what debtors leave unpaid rises.
    cut : ndarray of shape (g,)
        How fast guarantees pay less, whatever they answer for.
    """
    unpaid, able = stand.unpaid, stand.able
    still, lacks, taken = unpaid.copy(), rise.copy(), np.zeros(len(able))
    for level in stand.levels:
        g, at, of, k = level.guarantee, level.entry, level.entry_of, len(level.guarantee)
        before, now = sum_at(of, unpaid[at], k), sum_at(of, still[at], k)
        now_rises = sum_at(of, lacks[at], k)
        share = system.guarantee_share[g]
        wants = np.stack([system.guarantee_cap[g], share * before, now])
        slopes = np.stack([np.zeros(k), share * sum_at(of, rise[at], k), now_rises])
        binds = wants <= wants.min(axis=0) + SLACK * before
        more = np.where(able[g], np.where(binds, slopes, np.inf).min(axis=0), 0.0) - cut[g]
        some = now > SLACK * before
        part = np.divide(stand.called[g], now, out=np.zeros(k), where=some)
        part_rises = np.divide(more - part * now_rises, now, out=np.zeros(k), where=some)
        fresh = np.divide(more, now_rises, out=np.zeros(k), where=~some & (now_rises > 0))
        lacks[at] -= lacks[at] * np.where(some, part, fresh)[of] + still[at] * part_rises[of]
        still[at] *= 1.0 - part[of]
        taken[g] = more
    return taken, lacks


@dataclass(frozen=True, slots=True)
class _Linear:
    """The spread near its baseline.

    Attributes
    ----------
    matrix : csr_array
        Value of a unit at each node as a sum of values at others. Nodes: loss that arrives at each entity, distrust
        of each entity, then the distrust of each group.
    passes : ndarray of shape (n,), bool
        Who has nothing to spare, and something left to pay with.
    distrust : ndarray of shape (n,)
        Rise of distrust per unit that an entity does not pay.
    """

    matrix: Matrix
    passes: Flags
    distrust: Vector


def _linear(system: System, behaviour: Behaviour, base: State, calls: _Calls) -> _Linear:
    n, reflection = system.n, system.reflection
    obligation = system.obligation
    passes = (base.before_floor > 0) & (base.before_floor <= obligation * (1 + SLACK)) & (obligation > 0)
    moves = base.distrust < 1.0 - SLACK
    slope = _phi_slope(behaviour, base.overdue_ratio) * moves
    distrust = np.divide(slope, obligation, out=np.zeros(n), where=obligation > 0)
    item = np.flatnonzero(passes[system.item_debtor] & (system.item_creditor < n))
    call = np.flatnonzero(passes[calls.debtor] & (calls.taken != 0))
    own = np.flatnonzero(passes & (distrust > 0))
    inside = np.flatnonzero(calls.loser < n)
    line, shrinks = _line_slopes(system, behaviour, base)
    direct = reflection.direct.tocoo()
    member = np.flatnonzero(reflection.group >= 0)
    group = reflection.group[member]
    by_group = behaviour.delta / (reflection.group_size[group] - 1)
    # A member feels the others of its group, not itself: what the group's sum has of itself is taken to the other side.
    itself = np.ones(n)
    itself[member] += by_group * (reflection.scale * moves)[member]
    felt = behaviour.delta * (reflection.scale * moves)[direct.row] * direct.data
    parts = [
        (system.item_debtor[item], system.item_creditor[item], calls.left[item]),
        (calls.debtor[call], system.guarantor[call], calls.taken[call]),
        (calls.guarantor[inside], calls.loser[inside], calls.part[inside]),
        (own, n + own, distrust[own]),
        (n + system.line_follows[line], system.line_holder[line], shrinks / itself[system.line_follows[line]]),
        (n + direct.col, n + direct.row, felt / itself[direct.col]),
        (n + member, 2 * n + group, by_group / itself[member]),
        (2 * n + group, n + member, (reflection.scale * moves)[member]),
    ]
    row, column, value = (np.concatenate(part) for part in zip(*parts, strict=True))
    some = value != 0
    size = 2 * n + len(reflection.group_size)
    matrix = sparse.coo_array((value[some], (row[some], column[some])), shape=(size, size)).tocsr()
    return _Linear(matrix, passes, distrust)


def _slope(points: Points, x: Vector) -> Vector:
    """Return how fast a table falls or rises just beyond an abscissa; a step is a threshold and has no slope."""
    last = len(points) - 1
    place = np.searchsorted(points[:, 0], x + SLACK, side="right") - 1
    inside = (place >= 0) & (place < last)
    at = np.clip(place, 0, max(last - 1, 0))
    if not inside.any():
        return np.zeros(len(x))
    width = np.diff(points[:, 0])[at]
    return np.divide(np.diff(points[:, 1])[at], width, out=np.zeros(len(x)), where=inside & (width > 0))


def _phi_slope(behaviour: Behaviour, h: Vector) -> Vector:
    """Return how fast distrust of oneself rises with the overdue ratio."""
    if behaviour.phi is None:
        return np.where(behaviour.a * h < 1.0 - SLACK, behaviour.a, 0.0)
    return _slope(behaviour.phi, h)


def _line_slopes(system: System, behaviour: Behaviour, base: State) -> tuple[Positions, Vector]:
    """Return the lines that shrink with distrust, and how fast, in money per unit of distrust."""
    follows = system.line_follows
    governed = np.flatnonzero(system.line_cancellable & (follows < system.n)) if behaviour.feedback else follows[:0]
    z = base.distrust[follows[governed]]
    of_line = behaviour.of_line[governed]
    falls = np.zeros(len(governed))
    for table, points in enumerate(behaviour.points):
        own = of_line == table
        falls[own] = -_slope(points, z[own])
    # What a contract has stopped, or what a giver's losses hold below its table, does not move with distrust.
    free = np.abs(base.kept[governed] - discretion(z, behaviour.points, of_line)) <= SLACK
    some = free & (falls > 0)
    return governed[some], (falls * system.line_amount[governed])[some]


def _settled(matrix: Matrix, limit: Vector, to: int) -> tuple[Vector, bool]:
    """Return the values ``y = matrix @ y + e``, e being the unit vector of a node, and whether they are finite.

    Where a little loss would grow without end, as it goes round, values stop at their limits instead.
    """
    found = np.zeros(len(limit))
    nodes = np.sort(breadth_first_order(sparse.csr_array(matrix.T), to, return_predecessors=False))
    part = matrix[nodes][:, nodes]
    unit, most = (nodes == to).astype(np.float64), limit[nodes]
    for held, sweeps in ((np.full(len(nodes), np.inf), SWEEPS), (most, HELD_SWEEPS)):
        y, moved = unit, np.inf
        for _ in range(sweeps):
            new = np.minimum(held, product(part, y) + unit)
            moved = float(np.max((new - y) / np.maximum(new, 1.0), initial=0.0))
            y = new
            if moved <= STILL or (y > RUNAWAY * most).any():
                break
        if moved <= STILL:
            break
    found[nodes] = y
    return found, held is not most


def steps_to(system: System, to: int) -> Positions:
    """Return how many steps along which loss can travel lead from everyone else to an entity.

    The steps are those of `graphrisk.models.spread.hops`, walked backwards.

    Parameters
    ----------
    system : System
        The contracts.
    to : int
        Position of the entity.

    Returns
    -------
    ndarray of shape (n,), int
        -1 where no step leads.
    """
    n, reflection = system.n, system.reflection
    lending, felt = system.loss_on_default.tocoo(), reflection.direct.tocoo()
    member = np.flatnonzero(reflection.group >= 0)
    group = reflection.group[member]
    answers = np.repeat(system.guarantor, np.diff(system.cover_start))
    pairs = [
        (system.item_debtor, system.item_creditor),
        (lending.col, lending.row),
        (system.item_debtor[system.cover], answers),
        (answers, system.item_creditor[system.cover]),
        (system.line_giver, system.line_holder),
        (system.line_follows, system.line_holder),
        (system.party, system.project_spv[system.party_project]),
        (felt.col[felt.data != 0], felt.row[felt.data != 0]),
    ]
    start, end = (np.concatenate(column) for column in zip(*pairs, strict=True))
    inside = (start < n) & (end < n) & (start != end)
    back = sparse.coo_array((np.ones(int(inside.sum())), (start[inside], end[inside])), shape=(n, n)).tocsr()
    distance = np.full(n, -1, dtype=np.int64)
    front, step = np.zeros(n), 0
    front[to] = 1.0
    while front.any():
        distance[front > 0] = step
        reached = product(back, front)
        reached[member] += sum_at(group, front[member], len(reflection.group_size))[group]
        front = ((reached > 0) & (distance < 0)).astype(np.float64)
        step += 1
    return distance
