"""The heaviest paths of a flow of loss, and how much of each source ends where.

A walk through the flow carries its first amount times the shares of its steps, times the share that stays at its end.
The heaviest walk that begins with any given steps is known beforehand (the most probable path of a Markov chain, by
Dijkstra's algorithm on the logarithms of the shares), so walks come best first, each the heaviest of all that are left,
and none is looked at that is not shown. How much of a source arrives somewhere, over all walks, is a linear solve.

Dijkstra, E. W. (1959), "A Note on Two Problems in Connexion with Graphs", Numerische Mathematik 1, 269-271.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu

from graphrisk.models.arrays import Vector, product, sum_at
from graphrisk.models.lossflow import Flow

#: Decimals of a walk's logarithm: two walks whose amounts differ by less count as equal, and ids decide.
ALIKE = 10

#: Sweeps after which a system is solved at once.
SWEEPS = 2_000

#: A solve leaves out at most this share of all that arrives.
CERTAIN = 1e-13


@dataclass(frozen=True, slots=True)
class Path:
    """One way that loss takes.

    Attributes
    ----------
    source : int
        Position of its source among the flow's.
    steps : tuple of int
        Positions of its steps in the flow.
    amount : float
        What takes this way from its first step to its end.
    """

    source: int
    steps: tuple[int, ...]
    amount: float


def stays(flow: Flow, to: int | None) -> Vector:
    """Return which share of what arrives at each position ends a path there.

    Parameters
    ----------
    flow : Flow
        The flow.
    to : int or None
        Position at each arrival at which a path ends (what goes on from there counts again when it is back); None:
        paths end where loss is absorbed.

    Returns
    -------
    ndarray of shape (size + 1,)
    """
    if to is None:
        return np.divide(flow.ended, flow.arrived, out=np.zeros(flow.size + 1), where=flow.arrived > 0)
    ends = np.zeros(flow.size + 1)
    ends[to] = 1.0
    return ends


def total_of(flow: Flow, to: int | None) -> float:
    """Return what all paths carry together: all that sets out, or all that arrives at a position."""
    return flow.total if to is None else float(flow.arrived[to])


def by_last_channel(flow: Flow, to: int | None) -> dict[int, float]:
    """Return what all paths carry, by the channel of their last step."""
    amount = flow.amount * stays(flow, to)[flow.end]
    sums = sum_at(flow.channel, amount, int(flow.channel.max(initial=-1)) + 1)
    return {channel: float(sums[channel]) for channel in np.unique(flow.channel[amount > 0]).tolist()}


def by_first_step(flow: Flow, to: int | None) -> Vector:
    """Return what all paths carry that begin with each step from a source.

    Parameters
    ----------
    flow : Flow
        The flow.
    to : int or None
        As in `stays`.

    Returns
    -------
    ndarray of shape (steps,)
        0 for other steps.
    """
    first = flow.start > flow.size
    if to is None:
        return np.where(first, flow.amount, 0.0)
    return np.where(first, flow.amount * (stays(flow, to) + arrivals_after(flow, to))[flow.end], 0.0)


def arrivals_after(flow: Flow, to: int) -> Vector:
    """Return how much arrives at a position, later, of a unit of loss at each position.

    The solution of ``a = T (a + e)``, T being shares of steps and e the position's unit vector. Rounds add up arrivals
    by number of steps; what they leave out is known exactly, since the flow says how much passes each position.

    Parameters
    ----------
    flow : Flow
        The flow.
    to : int
        The position.

    Returns
    -------
    ndarray of shape (size + 1,)
        Above 1 where more comes back than sets out: loss that goes round counts each time.
    """
    inner = flow.start <= flow.size
    nodes, place = np.unique(np.r_[flow.start[inner], flow.end[inner]], return_inverse=True)
    count = int(inner.sum())
    shape = (len(nodes), len(nodes))
    shares = sparse.coo_array((flow.shares()[inner], (place[:count], place[count:])), shape=shape).tocsr()
    direct = product(shares, (nodes == to).astype(np.float64))
    passes = flow.arrived[nodes]
    after, rest = direct.copy(), direct
    for _ in range(SWEEPS):
        rest = product(shares, rest)
        after += rest
        if float(passes @ rest) <= CERTAIN * float(flow.arrived[to]):
            break
    else:
        after = splu(sparse.csc_array(sparse.eye_array(len(nodes)) - shares)).solve(direct)
    found = np.zeros(flow.size + 1)
    found[nodes] = after
    return found


def _costs(flow: Flow, ends: Vector) -> Vector:
    """Return minus the logarithm of the share that the heaviest way on from each position carries to an end.

    Infinite where none leads on.
    """
    inner = flow.start <= flow.size
    share = flow.shares()[inner]
    stop = np.flatnonzero(ends > 0)
    nodes, place = np.unique(np.r_[flow.start[inner], flow.end[inner], stop], return_inverse=True)
    count, sink = int(inner.sum()), len(nodes)
    # Loss runs against these edges, from the ends back. Steps of one pair through several channels: the widest counts.
    start = np.r_[place[count : 2 * count], np.full(len(stop), sink)]
    end = np.r_[place[:count], place[2 * count :]]
    cost = -np.log(np.minimum(1.0, np.r_[share, ends[stop]]))
    order = np.lexsort((cost, end, start))
    start, end, cost = start[order], end[order], cost[order]
    first = np.r_[True, (np.diff(start) != 0) | (np.diff(end) != 0)][: len(start)]
    graph = sparse.coo_array((cost[first], (start[first], end[first])), shape=(sink + 1, sink + 1)).tocsr()
    found = np.full(flow.size + 1, np.inf)
    found[nodes] = dijkstra(graph, indices=[sink])[0, :sink]
    return found


@dataclass(frozen=True, slots=True)
class _Way:
    """The beginning of walks: where it stands, how it came there, and what it carries."""

    node: int
    steps: tuple[int, ...]
    key: tuple[int, ...]
    amount: float
    cost: float


#: A way on: the cost of the heaviest walk by it, the step (-1: it ends here), and what decides among equals.
_Option = tuple[float, int, tuple[int, ...]]


class _Options:
    """The ways on from each node, heaviest first, sorted when they are first asked for."""

    def __init__(self, flow: Flow, ends: Vector) -> None:
        self.shares = flow.shares()
        self.ends = ends
        self._flow = flow
        self._cost = -np.log(np.minimum(1.0, self.shares)) + _costs(flow, ends)[flow.end]
        self._known: dict[int, list[_Option]] = {}

    def first(self) -> list[_Option]:
        """Return the first steps of all sources."""
        flow = self._flow
        steps = np.flatnonzero(flow.start > flow.size)
        cost = self._cost[steps] - np.log(flow.amount[steps] / self.shares[steps])
        source = flow.start[steps] - flow.size - 1
        owner, kind = flow.owner[source], flow.withdrawn[source].astype(np.int64)
        keys = np.stack([owner, kind, flow.end[steps], flow.channel[steps]], axis=1)
        return self._sorted(cost, steps, keys)

    def after(self, node: int) -> list[_Option]:
        """Return the ways on from a position."""
        if node not in self._known:
            flow = self._flow
            steps = np.arange(*np.searchsorted(flow.start, [node, node + 1]))
            found = self._sorted(self._cost[steps], steps, np.stack([flow.end[steps], flow.channel[steps]], axis=1))
            if self.ends[node] > 0:
                found.append((-float(np.log(min(1.0, self.ends[node]))), -1, (-1,)))
                found.sort(key=lambda option: (round(option[0], ALIKE), option[2]))
            self._known[node] = found
        return self._known[node]

    @staticmethod
    def _sorted(cost: Vector, steps: np.ndarray, keys: np.ndarray) -> list[_Option]:
        leads = np.isfinite(cost)
        cost, steps, keys = cost[leads], steps[leads], keys[leads]
        order = np.lexsort((*keys.T[::-1], np.round(cost, ALIKE)))
        return list(zip(cost[order].tolist(), steps[order].tolist(), map(tuple, keys[order].tolist()), strict=True))


def heaviest(flow: Flow, count: int, *, to: int | None = None, least: float = 0.0) -> list[Path]:
    """Return the heaviest paths, in falling order of what they carry; ids, in their order, decide among equals.

    Parameters
    ----------
    flow : Flow
        The flow.
    count : int
        How many.
    to : int or None
        Where paths end, as in `stays`.
    least : float
        Amount below which a path is not worth showing.

    Returns
    -------
    list of Path
    """
    ends = stays(flow, to)
    options = _Options(flow, ends)
    root = _Way(-1, (), (), 1.0, 0.0)
    heap: list[tuple[float, tuple[int, ...], int, _Way, list[_Option]]] = []
    found: list[Path] = []

    def offer(way: _Way, ways_on: list[_Option], number: int) -> None:
        if number < len(ways_on):
            cost, _, key = ways_on[number]
            heapq.heappush(heap, (round(way.cost + cost, ALIKE), way.key + key, number, way, ways_on))

    offer(root, options.first(), 0)
    while heap and len(found) < count:
        _, key, number, way, ways_on = heapq.heappop(heap)
        _, step, _ = ways_on[number]
        if step < 0:
            amount = way.amount * float(ends[way.node])
            if amount < least:
                break
            found.append(Path(int(flow.start[way.steps[0]]) - flow.size - 1, way.steps, amount))
        else:
            first = way is root
            part = float(flow.amount[step] if first else options.shares[step])
            node = int(flow.end[step])
            longer = _Way(node, (*way.steps, step), key, way.amount * part, way.cost - float(np.log(part)))
            offer(longer, options.after(node), 0)
        offer(way, ways_on, number + 1)
    return found
