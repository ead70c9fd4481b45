"""Dependence: whom an entity hangs on, step by step, and along which links.

A link says what share of one entity's business hangs on another. The dependence along a path is the product of the
shares of its links: of what the first has, so much hangs on the last. Among the paths from one entity to another the
one with the fewest links counts, of these the one of the greatest dependence, of equal ones the one through the
smallest positions.

Basel Committee on Banking Supervision, "LEX10: Definitions and application" (2019), on economic interdependence: two
counterparties are one risk where the troubles of one would make the other fail too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graphrisk.models.arrays import Flags, Positions, Vector, sum_at

#: Most links of a path that is looked for.
LINKS = 3
#: Steps that are followed at a time, so that memory stays bounded.
AT_A_TIME = 4_000_000


@dataclass(frozen=True, slots=True)
class Links:
    """Who hangs on whom, sorted by both; one link a pair, and no link of an entity to itself.

    Attributes
    ----------
    start : ndarray of shape (n + 1,), int
        The links of entity i are those from ``start[i]`` to ``start[i + 1]``.
    to : ndarray of shape (links,), int
        Whom it hangs on.
    kind : ndarray of shape (links,), int
        What the link is.
    amount : ndarray of shape (links,)
        Money behind it; NaN where it is none.
    share : ndarray of shape (links,)
        Share of the first one's business that hangs on the other, in (0, 1].
    group : ndarray of shape (n,), int
        Group of each entity, -1 for none: members hang on each other altogether.
    group_start, members : ndarray of int
        The members of group g are ``members[group_start[g]:group_start[g + 1]]``.
    """

    start: Positions
    to: Positions
    kind: Positions
    amount: Vector
    share: Vector
    group: Positions
    group_start: Positions
    members: Positions

    @classmethod
    def of(
        cls, one: Positions, other: Positions, *, kind: Positions, amount: Vector, share: Vector, group: Positions
    ) -> "Links":
        """Return links from all that joins two entities; of several the one with the greatest share counts.

        Parameters
        ----------
        one, other : ndarray of shape (k,), int
            Who hangs on whom.
        kind : ndarray of shape (k,), int
        amount, share : ndarray of shape (k,)
            As in the attributes; a share above 1 counts as 1.
        group : ndarray of shape (n,), int
            Group of each entity, -1 for none.

        Returns
        -------
        Links
        """
        n = len(group)
        part = np.minimum(share, 1.0)
        order = np.lexsort((kind, -part, other, one))
        order = order[one[order] != other[order]]
        pair = one[order] * n + other[order]
        first = order[np.r_[True, pair[1:] != pair[:-1]]] if len(order) else order
        start = np.searchsorted(one[first], np.arange(n + 1))
        joined = np.flatnonzero(group >= 0)
        members = joined[np.argsort(group[joined], kind="stable")]
        bounds = np.searchsorted(group[members], np.arange(int(group.max(initial=-1)) + 2))
        return cls(start, other[first], kind[first], amount[first], part[first], group, bounds, members)

    @property
    def n(self) -> int:
        """Number of entities."""
        return len(self.group)

    def find(self, one: Positions, other: Positions) -> Positions:
        """Return the link of each pair of entities, -1 for none."""
        low, high = self.start[one], self.start[one + 1]
        to = np.append(self.to, -1)
        # Halving inside the few links of each one touches less memory than a search among all links.
        for _ in range(int(np.max(high - low, initial=0)).bit_length()):
            middle = (low + high) // 2
            below = to[middle] < other
            low, high = np.where(below & (low < high), middle + 1, low), np.where(below, high, middle)
        return np.where((low < self.start[one + 1]) & (to[low] == other), low, -1)

    def shares(self, one: Positions, other: Positions) -> Vector:
        """Return what share of each entity hangs on another at once: all of it inside a group; 0 for none."""
        link = self.find(one, other)
        share = np.append(self.share, 0.0)[link]
        return np.where(self._together(one, other), 1.0, share)

    def _together(self, one: Positions, other: Positions) -> Flags:
        return np.asarray((self.group[one] >= 0) & (self.group[one] == self.group[other]))

    def degree(self) -> Positions:
        """Return on how many others each entity hangs, links and group taken alone, of shape (n,)."""
        size = np.append(np.diff(self.group_start), 0)
        degree: Positions = np.diff(self.start) + size[self.group]
        return degree

    def steps_within_two(self) -> Vector:
        """Return how many others are met within two links of each entity, at most, of shape (n,)."""
        degree = self.degree().astype(np.float64)
        by_links = sum_at(np.repeat(np.arange(self.n), np.diff(self.start)), degree[self.to], self.n)
        joined = self.group >= 0
        total = sum_at(self.group[joined], degree[joined], len(self.group_start) - 1)
        reached: Vector = degree + by_links + np.append(total, 0.0)[self.group]
        return reached

    def follow(self, entity: Positions) -> tuple[Positions, Positions, Vector]:
        """Return every other that entities hang on at once.

        Parameters
        ----------
        entity : ndarray of shape (k,), int

        Returns
        -------
        tuple of ndarrays
            Place in ``entity``, the other, and the share.
        """
        row, link = _spread_out(self.start[entity], self.start[entity + 1])
        start = np.append(self.group_start, self.group_start[-1])
        group = self.group[entity]
        place, member = _spread_out(start[group], np.where(group >= 0, start[group + 1], start[group]))
        apart = self.members[member] != entity[place]
        place, member = place[apart], member[apart]
        return (
            np.concatenate([row, place]),
            np.concatenate([self.to[link], self.members[member]]),
            np.concatenate([self.share[link], np.ones(len(member))]),
        )


def _spread_out(start: Positions, end: Positions) -> tuple[Positions, Positions]:
    """Return the numbers from each start up to its end, and the place that each comes from."""
    count = end - start
    place = np.repeat(np.arange(len(start)), count)
    offset = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    return place, start[place] + offset


@dataclass(frozen=True, slots=True)
class Ways:
    """The path of each pair.

    Attributes
    ----------
    links : ndarray of shape (pairs,), int
        Number of its links; 0 where there is no path.
    stops : ndarray of shape (pairs, LINKS - 1), int
        Entities between the two, -1 beyond the last.
    dependence : ndarray of shape (pairs,)
        Product of the shares; 0 where there is no path.
    """

    links: Positions
    stops: Positions
    dependence: Vector


def ways(one: Positions, other: Positions, links: Links, at_once: Links) -> Ways:
    """Return how each entity hangs on another, along at most `LINKS` links.

    Parameters
    ----------
    one, other : ndarray of shape (pairs,), int
        Who hangs on whom, if at all; different entities.
    links : Links
        All links.
    at_once : Links
        The links that count into the last, from the first or from a stop.

    Returns
    -------
    Ways

    Examples
    --------
    0 hangs on 1 with half of its business, 1 on 2 with a fifth.

    >>> group = np.full(3, -1)
    >>> share = np.array([0.5, 0.2])
    >>> one, other, kind = np.array([0, 1]), np.array([1, 2]), np.array([0, 0])
    >>> links = Links.of(one, other, kind=kind, amount=share, share=share, group=group)
    >>> found = ways(np.array([0]), np.array([2]), links, links)
    >>> found.links.tolist(), found.stops.tolist(), found.dependence.tolist()
    ([2], [[1, -1]], [0.1])
    """
    pairs = len(one)
    dependence = at_once.shares(one, other)
    number = (dependence > 0).astype(np.int64)
    stops = np.full((pairs, LINKS - 1), -1, dtype=np.int64)
    open_pairs = np.flatnonzero(number == 0)
    for pair in _portions(open_pairs, links.steps_within_two()[one[open_pairs]]):
        number[pair], stops[pair], dependence[pair] = _longer(one[pair], other[pair], links, at_once)
    return Ways(number, stops, dependence)


def _portions(pair: Positions, cost: Vector) -> Iterator[Positions]:
    """Yield pairs in portions that can be followed at a time."""
    portion = (np.cumsum(cost) // AT_A_TIME).astype(np.int64)
    yield from np.split(pair, np.flatnonzero(np.diff(portion)) + 1) if len(pair) else ()


def _longer(one: Positions, other: Positions, links: Links, last_link: Links) -> tuple[Positions, Positions, Vector]:
    """Return number of links, stops and dependence of pairs that no single link joins."""
    k = len(one)
    number, stops, dependence = np.zeros(k, dtype=np.int64), np.full((k, LINKS - 1), -1, dtype=np.int64), np.zeros(k)
    pair, at, share, trail = np.arange(k), one, np.ones(k), np.zeros((k, 0), dtype=np.int64)
    for count in range(2, LINKS + 1):
        place, reached, part = links.follow(at)
        kept = (reached != one[pair[place]]) & (reached != other[pair[place]]) & (number[pair[place]] == 0)
        place, reached, part = place[kept], reached[kept], part[kept]
        trail = np.column_stack([trail[place], reached])
        share, pair, at = share[place] * part, pair[place], reached
        last = last_link.shares(at, other[pair])
        there = np.flatnonzero(last > 0)
        whole = share[there] * last[there]
        # The strongest way counts, of equal ones that through the smallest positions.
        order = there[np.lexsort((*trail[there].T[::-1], -whole, pair[there]))]
        best = order[np.r_[True, pair[order][1:] != pair[order][:-1]][: len(order)]]
        number[pair[best]] = count
        stops[pair[best], : count - 1] = trail[best]
        dependence[pair[best]] = (share * last)[best]
    return number, stops, dependence
