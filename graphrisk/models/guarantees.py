"""Guarantees: who pays what another leaves unpaid, in order, each from what its own obligations leave.

A guarantor pays the least of its cap, its share of what is unpaid, what is still unpaid, and its surplus. Calls go in
a fixed order, since two guarantors of one debt, or two debts of one guarantor, share a limited amount. The order is
kept without a loop over guarantees: each has a level, above every earlier guarantee that shares a covered item and not
below an earlier one of the same guarantor. Inside a level no item is shared, so a running sum of wants by guarantor is
exact.
"""

from dataclasses import dataclass

import numpy as np

from graphrisk.models.arrays import Positions, Vector, sum_at

#: Guarantees of one guarantor in a level above which they are summed on their own.
MANY = 16


@dataclass(frozen=True, slots=True)
class Level:
    """Guarantees that share no covered item, sorted by guarantor, then order of call.

    Attributes
    ----------
    guarantee : ndarray of shape (k,), int
        Which ones.
    steps : tuple of ndarray of int
        Positions of all second guarantees of a guarantor, of all third ones, and so on, of those with few.
    runs : tuple of (int, int)
        Where the guarantees of each guarantor with many begin and end.
    entry, entry_of : ndarray of shape (covers,), int
        Their covered items, and for each the position in ``guarantee``.
    """

    guarantee: Positions
    steps: tuple[Positions, ...]
    runs: tuple[tuple[int, int], ...]
    entry: Positions
    entry_of: Positions


@dataclass(frozen=True, slots=True)
class Calls:
    """What a round of calls moved.

    Attributes
    ----------
    paid : ndarray of shape (guarantees,)
        What each guarantee paid.
    unpaid : ndarray of shape (items,)
        What is still unpaid of each item.
    """

    paid: Vector
    unpaid: Vector


def call_levels(guarantor: Positions, cover_start: Positions, cover: Positions) -> tuple[Level, ...]:
    """Sort guarantees, given in the order of call, into levels that can each be called at once.

    Parameters
    ----------
    guarantor : ndarray of shape (g,), int
        Who answers for each guarantee.
    cover_start : ndarray of shape (g + 1,), int
        The items of guarantee k are ``cover[cover_start[k]:cover_start[k + 1]]``.
    cover : ndarray of int
        Positions of covered items.

    Returns
    -------
    tuple of Level
        In the order in which they are called.

    Examples
    --------
    Two guarantors of one item must be called one after the other.

    >>> levels = call_levels(np.array([7, 8]), np.array([0, 1, 2]), np.array([0, 0]))
    >>> [level.guarantee.tolist() for level in levels]
    [[0], [1]]
    """
    level = np.zeros(len(guarantor), dtype=np.int64)
    of_item = np.full(int(cover.max(initial=-1)) + 1, -1, dtype=np.int64)
    of_guarantor: dict[int, int] = {}
    for k, who in enumerate(guarantor.tolist()):
        items = cover[cover_start[k] : cover_start[k + 1]]
        level[k] = max(int(of_item[items].max(initial=-1)) + 1, of_guarantor.get(who, 0))
        of_item[items] = level[k]
        of_guarantor[who] = int(level[k])
    counts = np.diff(cover_start)
    owner = np.repeat(np.arange(len(guarantor)), counts)
    order = np.lexsort((np.arange(len(guarantor)), guarantor, level))
    return tuple(
        _level(order[level[order] == at], guarantor, cover, owner) for at in range(int(level.max(initial=-1)) + 1)
    )


def _level(members: Positions, guarantor: Positions, cover: Positions, owner: Positions) -> Level:
    place = np.full(len(guarantor), -1, dtype=np.int64)
    place[members] = np.arange(len(members))
    inside = place[owner] >= 0
    who = guarantor[members]
    fresh = np.r_[True, who[1:] != who[:-1]] if len(who) else np.zeros(0, dtype=np.bool_)
    start = np.flatnonzero(fresh)
    length = np.diff(np.r_[start, len(who)])
    offset = np.arange(len(who)) - np.repeat(start, length)
    few = np.repeat(length <= MANY, length)
    steps = tuple(np.flatnonzero(few & (offset == step)) for step in range(1, int(offset[few].max(initial=0)) + 1))
    runs = tuple((int(first), int(first + count)) for first, count in zip(start, length, strict=True) if count > MANY)
    return Level(members, steps, runs, cover[inside], place[owner[inside]])


def call_guarantees(
    levels: tuple[Level, ...],
    unpaid: Vector,
    surplus: Vector,
    *,
    guarantor: Positions,
    share: Vector,
    cap: Vector,
) -> Calls:
    """Call all guarantees in order.

    Parameters
    ----------
    levels : tuple of Level
        From `call_levels`.
    unpaid : ndarray of shape (items,)
        What each debtor left unpaid of each item.
    surplus : ndarray of shape (n,)
        What each entity has beyond its own obligations, at least 0.
    guarantor : ndarray of shape (g,), int
        Who answers.
    share, cap : ndarray of shape (g,)
        Share of the unpaid amount answered for; most that is paid.

    Returns
    -------
    Calls

    Examples
    --------
    A debt of 52 with one guarantor for at most 150 who has 200 to spare.

    >>> levels = call_levels(np.array([1]), np.array([0, 1]), np.array([0]))
    >>> call_guarantees(levels, np.array([52.0]), np.array([0.0, 200.0]), guarantor=np.array([1]),
    ...                 share=np.array([1.0]), cap=np.array([150.0])).paid.tolist()
    [52.0]
    """
    still = unpaid.copy()
    left = surplus.copy()
    paid = np.zeros(len(guarantor))
    for level in levels:
        g, k = level.guarantee, len(level.guarantee)
        before = sum_at(level.entry_of, unpaid[level.entry], k)
        now = sum_at(level.entry_of, still[level.entry], k)
        want = np.minimum(np.minimum(cap[g], share[g] * before), now)
        pay = np.clip(left[guarantor[g]] - _wanted_before(want, level), 0.0, want)
        paid[g] = pay
        left -= sum_at(guarantor[g], pay, len(left))
        part = np.divide(pay, now, out=np.zeros(k), where=now > 0)
        still[level.entry] *= 1.0 - part[level.entry_of]
    return Calls(paid, still)


def _wanted_before(want: Vector, level: Level) -> Vector:
    """Return the sum of the earlier wants of the same guarantor; each run adds up on its own, so no digits are lost."""
    before = np.zeros(len(want))
    for at in level.steps:
        before[at] = before[at - 1] + want[at - 1]
    for start, end in level.runs:
        np.cumsum(want[start : end - 1], out=before[start + 1 : end])
    return before
