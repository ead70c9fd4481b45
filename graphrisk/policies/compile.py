"""Rules as arrays: which table of kept shares governs each line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphrisk.policies.schema import Points, Reactions


@dataclass(frozen=True, slots=True)
class KeepTables:
    """Tables of kept shares and the line that each governs.

    Attributes
    ----------
    points : tuple of ndarray of shape (k, 2)
        Each table's points: distrust, share kept.
    of_line : ndarray of shape (lines,), int
        Position in ``points`` of the table of each line.
    """

    points: tuple[NDArray[np.float64], ...]
    of_line: NDArray[np.int64]


def points_array(points: Points) -> NDArray[np.float64]:
    """Return points as an array of shape (k, 2).

    Examples
    --------
    >>> points_array([(0.0, 1.0), (1.0, 0.0)]).shape
    (2, 2)
    """
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def keep_tables(
    reactions: Reactions, giver: Sequence[str], giver_kind: Sequence[str], role: Sequence[str]
) -> KeepTables:
    r"""Find the table of each line: the giver's id, else the giver's kind, else the line's role.

    A project's lines skip the kind: a bank's habit with traders says nothing of its project lending.

    Parameters
    ----------
    reactions : Reactions
        The rules.
    giver, giver_kind, role : sequence of str, each of length lines
        Id and kind (blank if it has none in the data) of who gives the line; ``financier``, ``supplier`` or
        ``project``.

    Returns
    -------
    KeepTables

    Examples
    --------
    >>> from graphrisk.policies.schema import read_reactions
    >>> rules = read_reactions('[keep_by]\nF1 = [[0, 1], [0, 0]]')
    >>> keep_tables(rules, ["F1", "F2"], ["bank", "bank"], ["financier", "financier"]).of_line.tolist()
    [0, 1]
    """
    names = [
        ("by", giver_id)
        if giver_id in reactions.keep_by
        else ("", kind if line_role != "project" and kind in reactions.keep else line_role)
        for giver_id, kind, line_role in zip(giver, giver_kind, role, strict=True)
    ]
    order = {name: position for position, name in enumerate(dict.fromkeys(names))}
    points = tuple(
        points_array(reactions.keep_by[key] if where == "by" else reactions.keep[key]) for where, key in order
    )
    return KeepTables(points, np.array([order[name] for name in names], dtype=np.int64))
