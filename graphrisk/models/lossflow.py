"""The flow of loss: through whom what one entity withholds, and what is withdrawn, reaches those who bear it.

Between the baseline and the run every contract carries a definite amount of loss: what a debtor pays less, what a
guarantor pays more or less, what is withdrawn of a line. Losses that leave an entity have the composition of those that
arrived there (proportional sharing), so the shares of the flow are those of a Markov chain, and a path carries its
first amount times the shares of its steps. With cycles there are paths without end; their amounts still add up.

Bialek, J. (1996), "Tracing the flow of electricity", IEE Proceedings - Generation, Transmission and Distribution
143(4), 313-320, https://doi.org/10.1049/ip-gtd:19960461
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from graphrisk.models.arrays import Flags, Matrix, Positions, Vector, product, sum_at
from graphrisk.models.guarantees import Level, call_levels
from graphrisk.models.spread import CHANGE, CHANNELS, REST, ROUNDING, TERMS, Spread, System

#: Channels of steps, as positions in `graphrisk.models.spread.CHANNELS`.
DEFAULT, GUARANTEE, SUPPLY, FUNDING = (CHANNELS.index(name) for name in ("default", "guarantee", "supply", "funding"))

#: Contracts that carry a step.
ITEM, CALL, LINE = range(3)

#: A share of what leaves a node below this is none.
TINY = 1e-18


@dataclass(frozen=True, slots=True)
class Flow:
    """Loss on its way between entities.

    Nodes are the positions of a system, one more (``size``) for creditors whom the data does not name, and beyond that
    the sources: what the subject withholds, which leaves it whole and unmixed, and what each giver withdraws.

    Attributes
    ----------
    size : int
        Number of positions of the system.
    owner : ndarray of shape (sources,), int
        Whose each source is: the subject, or a giver. Source s is node ``size + 1 + s``.
    withdrawn : ndarray of shape (sources,), bool
        Whether a source is financing withdrawn; else it is what the subject withholds.
    start, end, channel : ndarray of shape (steps,), int
        From which node to which position, and through which channel, sorted by all three.
    amount : ndarray of shape (steps,)
        Loss that takes each step.
    arrived, ended : ndarray of shape (size + 1,)
        What arrives at each position, and how much of it is absorbed there.
    circling : float
        Loss that only feeds itself, from no source: the least payments of a circle of debts may have some.
    carried : Carried
        The contracts behind the steps.
    """

    size: int
    owner: Positions
    withdrawn: Flags
    start: Positions
    end: Positions
    channel: Positions
    amount: Vector
    arrived: Vector
    ended: Vector
    circling: float
    carried: "Carried" = field(repr=False)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.size + 1 + len(self.owner)

    @property
    def total(self) -> float:
        """All that sets out: what is withheld and what is withdrawn."""
        return float(self.amount[self.start > self.size].sum())

    def shares(self) -> Vector:
        """Return which share of what leaves its node or stays there each step takes; of a source, of all it is.

        Returns
        -------
        ndarray of shape (steps,)
        """
        leaves = sum_at(self.start, self.amount, self.nodes)
        leaves[: self.size + 1] = np.maximum(leaves[: self.size + 1], self.arrived)
        shares: Vector = self.amount / leaves[self.start]
        return shares


@dataclass(frozen=True, slots=True)
class Carried:
    """The contracts that a flow of loss runs through.

    Items on which guarantees pay otherwise than in the baseline, and those guarantees, are nodes of their own, called
    inner: what a guarantee takes from one item to another passes through without hurting anybody on its way.

    Attributes
    ----------
    item, debtor, creditor : ndarray of shape (items,), int
        Items of which less is paid.
    passed, withheld : ndarray of shape (items,)
        What their debtors pay less beyond what they withhold, and what they withhold.
    kept : ndarray of shape (items,)
        Share of that which the creditor lacks; the rest falls on guarantors.
    line, source, holder, line_channel : ndarray of shape (lines,), int
        Lines of which something is withdrawn, and the source, a node, of each.
    lost : ndarray of shape (lines,)
        How much.
    calls : ndarray of int
        The guarantees among the inner nodes, which stand after the items.
    node : ndarray of shape (outer,), int
        The other nodes, in rising order.
    enter : csr_array of shape (outer, inner)
        Amounts from other nodes to inner ones.
    inside, leave : csr_array of shape (inner, inner) and (inner, outer)
        Shares of what leaves each inner node, to inner nodes and to others.
    """

    item: Positions
    debtor: Positions
    creditor: Positions
    passed: Vector
    withheld: Vector
    kept: Vector
    line: Positions
    source: Positions
    holder: Positions
    line_channel: Positions
    lost: Vector
    calls: Positions
    node: Positions
    enter: Matrix
    inside: Matrix
    leave: Matrix


@dataclass(frozen=True, slots=True)
class Owed:
    """What debtors owe.

    Attributes
    ----------
    obligation : ndarray of shape (n,)
        All that each owes within the horizon.
    withheld : ndarray of shape (items,)
        What the subject withholds of each item.
    by_debtor : ndarray of shape (n,)
        What each withholds in all, to creditors that the data does not name too.
    """

    obligation: Vector
    withheld: Vector
    by_debtor: Vector


@dataclass(frozen=True, slots=True)
class Shift:
    """What guarantees pay on items, where it is not the same in the baseline and in the run.

    Attributes
    ----------
    guarantee, item : ndarray of shape (k,), int
        Which guarantee, and on which item.
    more : ndarray of shape (k,)
        What it pays more in the run; below 0 where it pays less.
    """

    guarantee: Positions
    item: Positions
    more: Vector


def guarantee_shift(system: System, owed: Owed, found: Spread, hit: Positions) -> Shift:
    """Find what each guarantee pays more, or less, on each item than in the baseline.

    A guarantee pays its items in proportion to what is still unpaid of them at its turn, so the two states say all:
    what each debtor paid, and what each guarantee paid in sum.

    Parameters
    ----------
    system : System
        The contracts.
    owed : Owed
        What debtors owe.
    found : Spread
        The baseline and the run at rest.
    hit : ndarray of int
        Items of which the debtor pays less in the run.

    Returns
    -------
    Shift
    """
    called, before = found.run.called, found.baseline.called
    pays = np.flatnonzero((called > 0) | (before > 0))
    length = np.diff(system.cover_start)[pays]
    owner = np.repeat(np.arange(len(pays)), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    cover = system.cover[np.repeat(system.cover_start[pays], length) + place]
    touched = _touched(called[pays] != before[pays], owner, cover, hit, len(system.item_due))
    pays, owner, cover = pays[touched], (np.cumsum(touched) - 1)[owner[touched[owner]]], cover[touched[owner]]
    items, local = np.unique(cover, return_inverse=True)
    start = np.r_[0, np.cumsum(np.bincount(owner, minlength=len(pays)))]
    # Each guarantee its own guarantor: what a guarantor can spare is settled, only shared items keep the order.
    levels = call_levels(np.arange(len(pays)), start, local)
    unpaid = _unpaid(system, owed, found, items)
    still, total = (unpaid[0].copy(), unpaid[1].copy()), (before[pays], called[pays])
    parts = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))]
    for level in levels:
        paid = [_pay(level, left, sums[level.guarantee]) for left, sums in zip(still, total, strict=True)]
        parts.append((pays[level.guarantee[level.entry_of]], level.entry, paid[1] - paid[0]))
    guarantee, local, more = (np.concatenate(column) for column in zip(*parts, strict=True))
    real = np.abs(more) > ROUNDING * np.maximum(*unpaid)[local]
    return Shift(guarantee[real], items[local[real]], more[real])


def _touched(changed: Flags, owner: Positions, cover: Positions, hit: Positions, items: int) -> Flags:
    """Return which guarantees may pay otherwise: for their sum, an item's debtor, or another on one of their items."""
    moved = np.zeros(items, dtype=np.bool_)
    moved[hit] = True
    touched = changed
    while True:
        moved[cover[touched[owner]]] = True
        more = touched | (sum_at(owner, moved[cover].astype(np.float64), len(touched)) > 0)
        if (more == touched).all():
            return touched
        touched = more


def _unpaid(system: System, owed: Owed, found: Spread, items: Positions) -> tuple[Vector, Vector]:
    """Return what debtors leave unpaid of items before any guarantor pays, in the baseline and in the run."""
    debtor, due = system.item_debtor[items], system.item_due[items]

    def left(open_due: Vector, payment: Vector, payable: Vector) -> Vector:
        ratio = np.divide(payment[debtor], payable[debtor], out=np.zeros(len(items)), where=payable[debtor] > 0)
        unpaid: Vector = np.maximum(0.0, due - open_due * ratio)
        return unpaid

    before = left(due, found.baseline.payment, owed.obligation)
    return before, left(due - owed.withheld[items], found.run.payment, owed.obligation - owed.by_debtor)


def _pay(level: Level, still: Vector, total: Vector) -> Vector:
    """Return what each guarantee of a level pays on each of its items, and take it off what is still unpaid."""
    now = sum_at(level.entry_of, still[level.entry], len(total))
    part = np.divide(total, now, out=np.zeros_like(total), where=now > 0)
    paid: Vector = still[level.entry] * part[level.entry_of]
    still[level.entry] -= paid
    return paid


@dataclass(frozen=True, slots=True)
class _Less:
    """Items of which less is paid, or on which guarantees pay otherwise."""

    item: Positions
    passed: Vector
    withheld: Vector
    guaranteed: Flags


def _less_paid(system: System, withheld: Vector, found: Spread, dust: Vector) -> tuple[_Less, Shift]:
    """Return what debtors pay less by item, what the subject withholds apart, and what guarantees shift."""
    some = np.flatnonzero(withheld)
    by_debtor = sum_at(system.item_debtor[some], withheld[some], system.n) + system.excess
    owed = Owed(system.obligation, withheld, by_debtor)
    fall = found.baseline.payment - found.run.payment - by_debtor
    falls = fall > dust
    hit = np.union1d(np.flatnonzero(falls[system.item_debtor]), some)
    shift = guarantee_shift(system, owed, found, hit)
    item = np.union1d(hit, shift.item)
    debtor, held = system.item_debtor[item], withheld[item]
    payable = (owed.obligation - by_debtor)[debtor]
    part = np.divide(system.item_due[item] - held, payable, out=np.zeros(len(item)), where=payable > 0)
    passed = np.where(falls[debtor], fall[debtor], 0.0) * part
    return _Less(item, passed, held, np.isin(item, shift.item)), shift


@dataclass(frozen=True, slots=True)
class _Edges:
    """Amounts between nodes: positions and sources, which are outer, then items and guarantees, which are inner.

    Attributes
    ----------
    start, end : ndarray of shape (edges,), int
        Positions in ``node``.
    amount : ndarray of shape (edges,)
    node : ndarray of int
        The outer nodes that have edges, and all sources; inner ones have no other number.
    sources : int
        How many sources there are, the last of the outer nodes.
    items, inner : int
        How many inner nodes are items, and how many there are.
    """

    start: Positions
    end: Positions
    amount: Vector
    node: Positions
    sources: int
    items: int
    inner: int

    @property
    def outer(self) -> int:
        """Number of outer nodes."""
        return len(self.node)

    @property
    def subject(self) -> int:
        """Where the first of the sources stands, what the subject withholds."""
        return len(self.node) - self.sources

    def block(self, *, from_inner: bool, to_inner: bool) -> Matrix:
        """Return the amounts between two of the sorts of nodes as a matrix."""
        inside = ((self.start >= self.outer) == from_inner) & ((self.end >= self.outer) == to_inner)
        row = self.start[inside] - self.outer * from_inner
        column = self.end[inside] - self.outer * to_inner
        shape = (self.inner if from_inner else self.outer, self.inner if to_inner else self.outer)
        return sparse.coo_array((self.amount[inside], (row, column)), shape=shape).tocsr()

    def of(self, chosen: Flags) -> "_Edges":
        """Return some of the edges."""
        return replace(self, start=self.start[chosen], end=self.end[chosen], amount=self.amount[chosen])


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """Lines of which something is withdrawn, by node of their givers' sources."""

    line: Positions
    giver: Positions
    source: Positions
    holder: Positions
    channel: Positions
    lost: Vector


def _withdrawn(system: System, found: Spread, floor: float) -> _Withdrawn:
    cut = np.flatnonzero(found.run.kept < found.baseline.kept)
    amount = system.line_amount[cut]
    lost = amount * (found.baseline.kept - found.run.kept)[cut]
    real = lost > np.maximum(ROUNDING * amount, floor)
    line, lost = cut[real], lost[real]
    giver, source = np.unique(system.line_giver[line], return_inverse=True)
    channel = np.where(system.line_kind[line] == TERMS, SUPPLY, FUNDING)
    return _Withdrawn(line, giver, system.size + 2 + source, system.line_holder[line], channel, lost)


def _edges(system: System, less: _Less, shift: Shift, lines: _Withdrawn, *, outer: int) -> _Edges:
    """Return all edges: of payments, of guarantees, of financing."""
    calls, call = np.unique(shift.guarantee, return_inverse=True)
    own = np.flatnonzero(less.guaranteed)
    inner_item = np.full(len(less.item), -1)
    inner_item[own] = outer + np.arange(len(own))
    inner_call = outer + len(own) + np.arange(len(calls))
    debtor, creditor = system.item_debtor[less.item], system.item_creditor[less.item]
    goal = np.where(less.guaranteed, inner_item, creditor)
    subject = system.size + 1
    place = np.searchsorted(less.item, shift.item)
    rise = sum_at(call, shift.more, len(calls))
    lacks = less.passed + less.withheld - sum_at(place, shift.more, len(less.item))
    parts = [
        (debtor, goal, less.passed),
        (np.full(len(goal), subject), goal, less.withheld),
        (np.array([subject]), np.array([system.size]), np.array([system.excess.sum()])),
        (inner_item[place], inner_call[call], shift.more),
        (inner_call[call], inner_item[place], -shift.more),
        (inner_call, system.guarantor[calls], rise),
        (system.guarantor[calls], inner_call, -rise),
        (inner_item[own], creditor[own], lacks[own]),
        (lines.source, lines.holder, lines.lost),
    ]
    start, end, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    some = amount > 0
    inner = len(own) + len(calls)
    fixed = np.arange(subject, outer + inner)
    node, place = np.unique(np.r_[start[some], end[some], fixed], return_inverse=True)
    count = int(some.sum())
    return _Edges(
        start=place[:count],
        end=place[count : 2 * count],
        amount=amount[some],
        node=node[: len(node) - inner].astype(np.int64),
        sources=outer - subject,
        items=len(own),
        inner=inner,
    )


def loss_flow(system: System, subject: int, withheld: Vector, found: Spread) -> Flow:
    """Build the flow of loss from the baseline and the run of a spread.

    Parameters
    ----------
    system : System
        The contracts, as the spread had them.
    subject : int
        Position of the entity that withholds.
    withheld : ndarray of shape (items,)
        What it withholds of each item.
    found : Spread
        What `graphrisk.models.spread.spread` found.

    Returns
    -------
    Flow

    Raises
    ------
    ArithmeticError
        If what arrives at and leaves some entity is not what the spread says: a bug, not a property of the data.
    """
    floor = REST * found.vanished
    less, shift = _less_paid(system, withheld, found, np.maximum(found.rounding, floor))
    lines = _withdrawn(system, found, floor)
    owner = np.r_[subject, lines.giver].astype(np.int64)
    every = _edges(system, less, shift, lines, outer=system.size + 1 + len(owner))
    _assert_columns(system, every, found)
    reached = _reached(every)[every.start]
    edges = every.of(reached)
    carried = _carried(system, less, shift, edges, lines)
    start, end, channel, amount = _steps(edges, carried, lines)
    arrived = sum_at(end, amount, system.size + 1)
    leaves = sum_at(start, amount, system.size + 1 + len(owner))[: system.size + 1]
    return Flow(
        size=system.size,
        owner=owner,
        withdrawn=np.arange(len(owner)) > 0,
        start=start,
        end=end,
        channel=channel,
        amount=amount,
        arrived=arrived,
        ended=np.maximum(0.0, arrived - leaves),
        circling=float(every.amount[~reached & (every.end < every.subject)].sum()),
        carried=carried,
    )


def _assert_columns(system: System, edges: _Edges, found: Spread) -> None:
    """Check that what arrives at and leaves each entity is what the spread says it lacks and passes on."""
    n, nodes = system.n, edges.outer + edges.inner
    arrived, left = np.zeros(system.size + 1), np.zeros(system.size + 1)
    positions = edges.node[: edges.subject]
    arrived[positions] = sum_at(edges.end, edges.amount, nodes)[: edges.subject]
    left[positions] = sum_at(edges.start, edges.amount, nodes)[: edges.subject]
    wrong = (
        np.max(np.abs(arrived[:n] - found.cash_shortfall - found.financing_loss), initial=0.0),
        np.max(np.abs(left[:n] - found.passed_on), initial=0.0),
        abs(float(arrived[n:].sum()) - found.absorbed_outside),
    )
    # What is too little to be followed is left out of the flow, contract by contract.
    dust = REST * (len(system.item_due) + len(system.line_amount))
    if max(wrong) > (CHANGE + dust) * found.vanished + float(found.rounding.sum()):
        raise ArithmeticError(f"the flow of loss differs from the losses by {max(wrong)!r}")


def _reached(edges: _Edges) -> Flags:
    """Return which nodes loss gets to from the sources."""
    size = edges.outer + edges.inner
    sources = np.arange(edges.subject, edges.outer)
    start = np.r_[edges.start, np.full(len(sources), size)]
    end = np.r_[edges.end, sources]
    graph = sparse.coo_array((np.ones(len(start)), (start, end)), shape=(size + 1, size + 1)).tocsr()
    reached = np.zeros(size + 1, dtype=np.bool_)
    reached[breadth_first_order(graph, size, return_predecessors=False)] = True
    return reached


def _carried(system: System, less: _Less, shift: Shift, edges: _Edges, lines: _Withdrawn) -> Carried:
    """Return the contracts behind a flow; amounts that leave inner nodes become shares."""
    inside = edges.block(from_inner=True, to_inner=True)
    leave = edges.block(from_inner=True, to_inner=False)
    out: Vector = np.asarray(inside.sum(axis=1)).ravel() + np.asarray(leave.sum(axis=1)).ravel()
    scale = sparse.diags_array(np.divide(1.0, out, out=np.zeros_like(out), where=out > 0))
    leave = (scale @ leave).tocsr()
    kept = np.ones(len(less.item))
    kept[less.guaranteed] = np.asarray(leave[: edges.items].sum(axis=1)).ravel()
    return Carried(
        item=less.item,
        debtor=system.item_debtor[less.item],
        creditor=system.item_creditor[less.item],
        passed=less.passed,
        withheld=less.withheld,
        kept=kept,
        line=lines.line,
        source=lines.source,
        holder=lines.holder,
        line_channel=lines.channel,
        lost=lines.lost,
        calls=np.unique(shift.guarantee),
        node=edges.node,
        enter=edges.block(from_inner=False, to_inner=True),
        inside=(scale @ inside).tocsr(),
        leave=leave,
    )


def _steps(edges: _Edges, carried: Carried, lines: _Withdrawn) -> tuple[Positions, Positions, Positions, Vector]:
    """Return the steps between outer nodes, those through inner nodes among them, one for each channel."""
    plain = (edges.end < edges.outer) & (edges.start <= edges.subject)
    by_item = sparse.csr_array(carried.enter[:, : edges.items] @ carried.leave[: edges.items])
    through = _through(carried.inside, carried.leave)
    called = carried.enter @ (carried.inside @ through)
    called = called + carried.enter[:, edges.items :] @ carried.leave[edges.items :]
    default, guarantee = by_item.tocoo(), sparse.csr_array(called).tocoo()
    node = edges.node
    parts = [
        (node[edges.start[plain]], node[edges.end[plain]], np.full(int(plain.sum()), DEFAULT), edges.amount[plain]),
        (node[default.row], node[default.col], np.full(default.nnz, DEFAULT), default.data),
        (node[guarantee.row], node[guarantee.col], np.full(guarantee.nnz, GUARANTEE), guarantee.data),
        (lines.source, lines.holder, lines.channel, lines.lost),
    ]
    start = np.concatenate([part[0] for part in parts]).astype(np.int64)
    end = np.concatenate([part[1] for part in parts]).astype(np.int64)
    channel = np.concatenate([part[2] for part in parts])
    amount = np.concatenate([part[3] for part in parts])
    order = np.lexsort((channel, end, start))
    start, end, channel, amount = start[order], end[order], channel[order], amount[order]
    fresh = np.r_[True, (np.diff(start) != 0) | (np.diff(end) != 0) | (np.diff(channel) != 0)][: len(start)]
    first = np.flatnonzero(fresh)
    sums = np.add.reduceat(amount, first) if len(first) else amount
    some = sums > 0
    return start[first][some], end[first][some], channel[first][some], sums[some]


def _through(inside: Matrix, leave: Matrix) -> Matrix:
    """Return which share of what is at each inner node leaves for each outer one, whatever it passes on its way.

    The sum of ``inside ** k @ leave`` over all k; each turn doubles the number of terms, so that a circle that loses
    little on each round takes few turns.
    """
    sums, power = leave, inside
    while power.nnz:
        sums = sparse.csr_array(sums + power @ sums)
        power = sparse.csr_array(power @ power)
        power.data[power.data < TINY] = 0.0
        power.eliminate_zeros()
    return sums


def contracts_of(flow: Flow, steps: Positions) -> list[tuple[int, Positions, Vector]]:
    """Return the contracts that carry steps of a flow.

    Parameters
    ----------
    flow : Flow
        The flow.
    steps : ndarray of int
        Positions of steps.

    Returns
    -------
    list of (int, ndarray of int, ndarray of float)
        For each step `ITEM`, `CALL` or `LINE`, and which of them, and how much each carries: together what takes the
        step, but for what a creditor that the data does not name is owed. A guarantee carries what it takes to its
        guarantor, and what it no longer pays a creditor.
    """
    carried = flow.carried
    solve = None
    found = []
    for step in steps.tolist():
        node, end, channel = (int(of[step]) for of in (flow.start, flow.end, flow.channel))
        if node > flow.size + 1:
            own = (carried.source == node) & (carried.holder == end) & (carried.line_channel == channel)
            found.append((LINE, carried.line[own], carried.lost[own]))
        elif channel == DEFAULT:
            debtor = int(flow.owner[0]) if node > flow.size else node
            own = (carried.debtor == debtor) & (carried.creditor == end)
            amount = (carried.withheld if node > flow.size else carried.passed)[own] * carried.kept[own]
            found.append((ITEM, carried.item[own][amount > 0], amount[amount > 0]))
        else:
            if solve is None:
                solve = splu(sparse.csc_array(sparse.eye_array(carried.inside.shape[0]) - carried.inside.T)).solve
            row, column = np.searchsorted(carried.node, [node, end])
            found.append((CALL, *_calls(carried, solve(carried.enter[[row]].toarray().ravel()), int(column))))
    return found


def _calls(carried: Carried, visits: Vector, end: int) -> tuple[Positions, Vector]:
    """Return the last guarantees on the way to a position, and what each of them carries there."""
    items = len(visits) - len(carried.calls)
    arrives = carried.leave[:, [end]].toarray().ravel()
    calls = slice(items, None)
    amount = visits[calls] * (arrives[calls] + product(carried.inside[calls, :items], arrives[:items]))
    return carried.calls[amount > 0], amount[amount > 0]
