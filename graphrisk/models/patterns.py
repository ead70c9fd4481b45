"""Patterns of a guarantee network: circles, crosses, mutual pairs, chains, stars, joint guarantees, parts.

A guarantee is an arrow from its guarantor to its debtor; guarantees of one pair are one arrow. All patterns are found
in time that grows with the number of arrows, but for the shortest ring of a circle, which is looked for from where the
circle branches.

Wang, Y., Zhang, Q. and Yang, X. (2020), "Evolution of the Chinese guarantee network under financial crisis and stimulus
program", Nature Communications 11, https://doi.org/10.1038/s41467-020-16535-8: mutual guarantees make it fragile.
Niu, Z., Cheng, D., Zhang, L. and Zhang, J. (2018), "Visual analytics for networked-guarantee loans risk management",
IEEE Pacific Visualization Symposium, https://doi.org/10.1109/PacificVis.2018.00028: the patterns that banks look for.
Tarjan, R. (1972), "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1(2), 146-160: strongly
connected parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from graphrisk.models.arrays import Flags, Positions, Vector, sum_at

Pattern: TypeAlias = Literal["circle", "cross", "mutual", "chain", "star", "focus", "part"]

#: Debtors of one guarantor, or guarantors of one debtor, from which on they are a pattern.
MANY = 3


@dataclass(frozen=True, slots=True)
class Sets:
    """Patterns of one kind, as sets of entities and of guarantees.

    Attributes
    ----------
    count : int
        Number of sets.
    member, set_of_member : ndarray of shape (members,), int
        Entities, and the set that each stands in; sets stand one after the other, members in their order.
    guarantee, set_of_guarantee : ndarray of shape (guarantees,), int
        Guarantees, and the set of each; sets stand one after the other.
    """

    count: int
    member: Positions
    set_of_member: Positions
    guarantee: Positions
    set_of_guarantee: Positions

    def members(self) -> list[Positions]:
        """Return the members of each set."""
        return split(self.member, self.set_of_member, self.count)

    def sums(self, amount: Vector) -> Vector:
        """Return the sum of an amount by guarantee over each set, of shape (count,)."""
        return sum_at(self.set_of_guarantee, amount[self.guarantee], self.count)

    def largest(self, amount: Vector) -> Vector:
        """Return the largest amount of a guarantee in each set, of shape (count,)."""
        largest = np.zeros(self.count)
        np.maximum.at(largest, self.set_of_guarantee, amount[self.guarantee])
        return largest

    def debtors(self, debtor: Positions) -> tuple[Positions, Positions]:
        """Return each set and each of its debtors once, sorted.

        Parameters
        ----------
        debtor : ndarray of shape (guarantees,), int
            Debtor of every guarantee of the network.

        Returns
        -------
        tuple of two ndarrays of int
            Sets, and debtors.
        """
        width = int(debtor.max(initial=0)) + 1
        pair = np.unique(self.set_of_guarantee * width + debtor[self.guarantee])
        return pair // width, pair % width


def split(values: Positions, owner: Positions, count: int) -> list[Positions]:
    """Return values by owner; owners stand one after the other.

    Examples
    --------
    >>> [part.tolist() for part in split(np.array([7, 8, 9]), np.array([0, 0, 2]), 3)]
    [[7, 8], [], [9]]
    """
    bounds = np.searchsorted(owner, np.arange(count + 1)).tolist()
    return [values[start:end] for start, end in pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class Arrows:
    """The distinct pairs of guarantor and debtor, sorted by both.

    Attributes
    ----------
    n : int
        Number of entities.
    tail, head : ndarray of shape (arrows,), int
        Guarantor and debtor.
    of_guarantee : ndarray of shape (guarantees,), int
        Arrow of each guarantee; -1 if guarantor and debtor are one.
    """

    n: int
    tail: Positions
    head: Positions
    of_guarantee: Positions

    @classmethod
    def of(cls, guarantor: Positions, debtor: Positions, n: int) -> "Arrows":
        """Return the arrows of guarantees among ``n`` entities; one who guarantees its own debt guarantees nothing."""
        apart = guarantor != debtor
        pair, arrow = np.unique(guarantor[apart] * n + debtor[apart], return_inverse=True)
        of_guarantee = np.full(len(guarantor), -1, dtype=np.int64)
        of_guarantee[apart] = arrow
        return cls(n, pair // n, pair % n, of_guarantee)

    def labels(self, connection: Literal["weak", "strong"]) -> Positions:
        """Return the number of the weakly or strongly connected part of each entity, of shape (n,)."""
        one = np.ones(len(self.tail), dtype=np.int8)
        graph = sparse.csr_array((one, (self.tail, self.head)), shape=(self.n, self.n))
        found = csgraph.connected_components(graph, directed=True, connection=connection)[1]
        return np.asarray(found, dtype=np.int64)

    def back(self) -> Positions:
        """Return the arrow that leads back for each arrow, -1 for none, of shape (arrows,)."""
        key = self.tail * self.n + self.head
        wanted = self.head * self.n + self.tail
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        return np.where(key[place] == wanted, place, -1) if len(key) else place

    def gather(self, member: Positions, set_of_member: Positions, count: int, set_of_arrow: Positions) -> Sets:
        """Return sets from their members and from the set of each arrow, -1 for none."""
        owner = np.append(set_of_arrow, -1)[self.of_guarantee]
        guarantee = np.flatnonzero(owner >= 0)
        guarantee = guarantee[np.argsort(owner[guarantee], kind="stable")]
        return Sets(count, member, set_of_member, guarantee, owner[guarantee])


def _parts(arrows: Arrows, label: Positions, least: int) -> Sets:
    """Return the parts that a label tells apart and that have at least so many members, with the arrows inside."""
    size = np.bincount(label, minlength=arrows.n)
    number = np.full(len(size), -1, dtype=np.int64)
    number[size >= least] = np.arange(int((size >= least).sum()))
    of_entity = number[label]
    member = np.flatnonzero(of_entity >= 0)
    member = member[np.argsort(of_entity[member], kind="stable")]
    inside = label[arrows.tail] == label[arrows.head]
    return arrows.gather(
        member, of_entity[member], int((size >= least).sum()), np.where(inside, of_entity[arrows.tail], -1)
    )


def circles(arrows: Arrows) -> Sets:
    """Return the circles: strongly connected parts of at least three, where each answers for each, by detours or not.

    Parameters
    ----------
    arrows : Arrows
        The guarantees.

    Returns
    -------
    Sets

    Examples
    --------
    A ring of three, and a fourth that guarantees one of them.

    >>> arrows = Arrows.of(np.array([0, 1, 2, 3]), np.array([1, 2, 0, 0]), 4)
    >>> [part.tolist() for part in circles(arrows).members()]
    [[0, 1, 2]]
    """
    return _parts(arrows, arrows.labels("strong"), MANY)


def parts(arrows: Arrows, *, least: int = MANY) -> Sets:
    """Return the weakly connected parts of at least so many entities: all whom a call can reach, and all who answer.

    Examples
    --------
    >>> arrows = Arrows.of(np.array([0, 1, 3]), np.array([1, 2, 4]), 5)
    >>> [part.tolist() for part in parts(arrows).members()]
    [[0, 1, 2]]
    """
    return _parts(arrows, arrows.labels("weak"), least)


def crosses(arrows: Arrows) -> Sets:
    """Return where rings meet: in each circle with more than one ring, the members on more than one of them.

    A strongly connected part that is one ring has as many arrows as members. Each arrow more closes another ring, and a
    member that gives, or receives, more than one guarantee inside stands on two. One set a circle: such members, and
    the guarantees inside that they give or receive.

    Examples
    --------
    Two mutual pairs that share a firm.

    >>> arrows = Arrows.of(np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1]), 3)
    >>> [part.tolist() for part in crosses(arrows).members()]
    [[1]]
    """
    label = arrows.labels("strong")
    size = np.bincount(label, minlength=arrows.n)
    inside = (label[arrows.tail] == label[arrows.head]) & (size[label[arrows.tail]] >= MANY)
    gives = np.bincount(arrows.tail[inside], minlength=arrows.n)
    receives = np.bincount(arrows.head[inside], minlength=arrows.n)
    meets = (gives > 1) | (receives > 1)
    member = np.flatnonzero(meets)
    member = member[np.argsort(label[member], kind="stable")]
    named, of_member = np.unique(label[member], return_inverse=True)
    number = np.full(len(size) + 1, -1, dtype=np.int64)
    number[named] = np.arange(len(named))
    touched = inside & (meets[arrows.tail] | meets[arrows.head])
    return arrows.gather(member, of_member, len(named), np.where(touched, number[label[arrows.tail]], -1))


def mutual_pairs(arrows: Arrows) -> Sets:
    """Return the mutual pairs: two that guarantee each other, inside a circle or not.

    Examples
    --------
    >>> arrows = Arrows.of(np.array([0, 1, 1]), np.array([1, 0, 2]), 3)
    >>> [pair.tolist() for pair in mutual_pairs(arrows).members()]
    [[0, 1]]
    """
    back = arrows.back()
    there = np.flatnonzero((back >= 0) & (arrows.tail < arrows.head))
    number = np.full(len(back), -1, dtype=np.int64)
    number[there] = number[back[there]] = np.arange(len(there))
    both = np.stack([arrows.tail[there], arrows.head[there]], axis=1).ravel()
    return arrows.gather(both, np.repeat(np.arange(len(there)), 2), len(there), number)


def chains(arrows: Arrows) -> Sets:
    """Return the chains: longest runs of at least two guarantees, one behind the other, that do not branch.

    Each entity between the ends has one guarantor and one debtor in the whole network and stands on no ring. So a
    guarantee is part of one chain at most, whatever larger part the chain is a branch of. Members run from the last
    guarantor to the debtor that all of them answer for.

    Examples
    --------
    >>> arrows = Arrows.of(np.array([0, 1, 2, 4]), np.array([1, 2, 3, 3]), 5)
    >>> [chain.tolist() for chain in chains(arrows).members()]
    [[0, 1, 2, 3]]
    """
    m = len(arrows.tail)
    gives = np.bincount(arrows.tail, minlength=arrows.n)
    receives = np.bincount(arrows.head, minlength=arrows.n)
    label = arrows.labels("strong")
    alone = np.bincount(label, minlength=arrows.n)[label] == 1
    between = (gives == 1) & (receives == 1) & alone
    into = np.full(arrows.n, -1, dtype=np.int64)
    into[arrows.head] = np.arange(m)  # the only arrow into one that stands between
    behind = np.where(between[arrows.tail], into[arrows.tail], np.arange(m))
    steps = (behind != np.arange(m)).astype(np.int64)
    while (steps[behind] > 0).any():  # doubling: the way back to a chain's first arrow, in rounds of its logarithm
        steps += steps[behind]
        behind = behind[behind]
    length = np.bincount(behind, minlength=m)
    number = np.full(m, -1, dtype=np.int64)
    number[length > 1] = np.arange(int((length > 1).sum()))
    of_arrow = number[behind]
    order = np.lexsort((steps, of_arrow))
    order = order[of_arrow[order] >= 0]
    first = steps[order] == 0
    # A chain of k guarantees has k + 1 members: each one's guarantor, and the last one's debtor.
    ends = np.r_[first[1:], True] if len(order) else first
    member = np.stack([arrows.tail[order], np.where(ends, arrows.head[order], -1)], axis=1).ravel()
    owner = np.repeat(of_arrow[order], 2)
    return arrows.gather(member[member >= 0], owner[member >= 0], int((length > 1).sum()), of_arrow)


def stars(arrows: Arrows, side: Literal["guarantor", "debtor"]) -> Sets:
    """Return the stars: one guarantor of many debtors, or one debtor of many guarantors; the centre stands first.

    Parameters
    ----------
    arrows : Arrows
        The guarantees.
    side : str
        ``guarantor`` or ``debtor``: what the centre is.

    Returns
    -------
    Sets

    Examples
    --------
    >>> arrows = Arrows.of(np.array([3, 3, 3, 0]), np.array([0, 1, 2, 1]), 4)
    >>> [star.tolist() for star in stars(arrows, "guarantor").members()]
    [[3, 0, 1, 2]]
    """
    centre, ray = (arrows.tail, arrows.head) if side == "guarantor" else (arrows.head, arrows.tail)
    degree = np.bincount(centre, minlength=arrows.n)
    middle = np.flatnonzero(degree >= MANY)
    number = np.full(arrows.n, -1, dtype=np.int64)
    number[middle] = np.arange(len(middle))
    of_arrow = number[centre]
    arrow = np.flatnonzero(of_arrow >= 0)
    member = np.r_[middle, ray[arrow]]
    owner = np.r_[np.arange(len(middle)), of_arrow[arrow]]
    order = np.lexsort((member, np.arange(len(member)) >= len(middle), owner))
    return arrows.gather(member[order], owner[order], len(middle), of_arrow)


def all_patterns(arrows: Arrows) -> Mapping[Pattern, Sets]:
    """Return every pattern of a guarantee network, those that bind most first.

    Parameters
    ----------
    arrows : Arrows
        The guarantees.

    Returns
    -------
    mapping of str to Sets
    """
    return {
        "circle": circles(arrows),
        "cross": crosses(arrows),
        "mutual": mutual_pairs(arrows),
        "chain": chains(arrows),
        "star": stars(arrows, "guarantor"),
        "focus": stars(arrows, "debtor"),
        "part": parts(arrows),
    }


def on_a_ring(arrows: Arrows) -> Flags:
    """Return which guarantees stand on a ring, mutual pairs included, of shape (guarantees,).

    Examples
    --------
    >>> on_a_ring(Arrows.of(np.array([0, 1, 1]), np.array([1, 0, 2]), 3)).tolist()
    [True, True, False]
    """
    label = arrows.labels("strong")
    inside = np.append(label[arrows.tail] == label[arrows.head], False)
    return np.asarray(inside[arrows.of_guarantee])


def shortest_rings(arrows: Arrows, found: Sets) -> list[list[int]]:
    """Return a shortest ring of each circle, from its smallest entity on, guarantor by guarantor.

    Of several the one is taken that the search meets first: it goes from the smallest entity, and to the smallest
    first. Every ring of a circle that is no single ring passes an entity with two debtors inside, so only from those
    a search starts, and none goes farther than the shortest ring so far.

    Parameters
    ----------
    arrows : Arrows
        The guarantees.
    found : Sets
        Circles.

    Returns
    -------
    list of list of int

    Examples
    --------
    >>> arrows = Arrows.of(np.array([0, 1, 2, 2, 3]), np.array([1, 2, 0, 3, 0]), 4)
    >>> shortest_rings(arrows, circles(arrows))
    [[0, 1, 2]]
    """
    of_entity = np.full(arrows.n, -1, dtype=np.int64)
    of_entity[found.member] = found.set_of_member
    inside = np.flatnonzero((of_entity[arrows.tail] >= 0) & (of_entity[arrows.tail] == of_entity[arrows.head]))
    pair = inside[(arrows.back()[inside] >= 0) & (arrows.tail[inside] < arrows.head[inside])]
    rings: list[list[int]] = [[] for _ in range(found.count)]
    _, first = np.unique(of_entity[arrows.tail[pair]], return_index=True)
    for tail, head in zip(arrows.tail[pair[first]].tolist(), arrows.head[pair[first]].tolist(), strict=True):
        rings[of_entity[tail]] = [tail, head]
    longer = np.array([not ring for ring in rings], dtype=np.bool_)
    rest = inside[longer[of_entity[arrows.tail[inside]]]] if found.count else inside
    debtors: dict[int, list[int]] = {}
    for tail, head in zip(arrows.tail[rest].tolist(), arrows.head[rest].tolist(), strict=True):
        debtors.setdefault(tail, []).append(head)
    for number, members in enumerate(found.members()):
        if longer[number]:
            rings[number] = _shortest_ring(members.tolist(), debtors)
    return rings


def _shortest_ring(members: list[int], debtors: dict[int, list[int]]) -> list[int]:
    """Return a shortest ring among the members of one circle."""
    branching = [member for member in members if len(debtors[member]) > 1]
    best: list[int] = []
    for start in branching or members[:1]:
        ring = _ring_through(start, debtors, len(best) - 1 if best else len(members))
        best = ring or best
    turn = best.index(min(best))
    return best[turn:] + best[:turn]


def _ring_through(start: int, debtors: dict[int, list[int]], most: int) -> list[int]:
    """Return a shortest ring through an entity that has at most so many members; blank if there is none."""
    before = {start: -1}
    front = [start]
    for _ in range(most):
        reached: list[int] = []
        for entity in front:
            for debtor in debtors[entity]:
                if debtor == start:
                    return _way(entity, before)
                if debtor not in before:
                    before[debtor] = entity
                    reached.append(debtor)
        front = reached
    return []


def _way(entity: int, before: dict[int, int]) -> list[int]:
    way = []
    while entity >= 0:
        way.append(entity)
        entity = before[entity]
    return way[::-1]
