"""Distrust: how an overdue ratio, one's own or a neighbour's, lowers the belief that obligations are met."""

from dataclasses import dataclass

import numpy as np

from graphrisk.models.arrays import SLACK, Matrix, Points, Positions, Vector, product, sum_at


def at_first_point(points: Points, x: Vector) -> Vector:
    """Read a table straight between its points, flat beyond them; at a step the first of two points holds.

    So the table is continuous from the left, and rounds that fall from above reach the greatest fixed point. Less than
    1e-9 beyond a step is rounding, and stands on it.

    Parameters
    ----------
    points : ndarray of shape (k, 2)
        Abscissas that do not fall, and ordinates.
    x : ndarray
        Where to read.

    Returns
    -------
    ndarray
        Of the shape of ``x``.

    Examples
    --------
    >>> step = np.array([[0.0, 1.0], [0.0, 0.5]])
    >>> at_first_point(step, np.array([0.0, 1e-12, 1e-6, 1.0])).tolist()
    [1.0, 1.0, 0.5, 0.5]
    """
    for at in points[1:][np.diff(points[:, 0]) == 0, 0]:
        x = np.where((x > at) & (x <= at + SLACK), at, x)
    # Turned round, the first of two points of a step is the last, which is the one that interp returns.
    return np.interp(-x, -points[::-1, 0], points[::-1, 1])


@dataclass(frozen=True, slots=True)
class Reflection:
    """How much of one entity's distrust reflects on another; rows sum to at most 1.

    Attributes
    ----------
    direct : csr_array of shape (n, n)
        Weights, not yet scaled.
    group : ndarray of shape (n,), int
        Group of each entity, -1 for none; each member feels the mean of the others.
    group_size : ndarray of shape (groups,), int
        Members, at least 2.
    scale : ndarray of shape (n,)
        What each row is multiplied by.
    """

    direct: Matrix
    group: Positions
    group_size: Positions
    scale: Vector

    def of(self, z: Vector) -> Vector:
        """Return ``influence @ z``.

        Examples
        --------
        >>> from scipy import sparse
        >>> none = sparse.csr_array((3, 3))
        >>> pair = Reflection(none, np.array([0, 0, -1]), np.array([2]), np.ones(3))
        >>> pair.of(np.array([1.0, 0.0, 0.5])).tolist()
        [0.0, 1.0, 0.0]
        """
        felt = product(self.direct, z)
        member = self.group >= 0
        if member.any():
            group = self.group[member]
            total = sum_at(group, z[member], len(self.group_size))
            felt[member] += (total[group] - z[member]) / (self.group_size[group] - 1)
        return self.scale * felt


def distrust(h: Vector, z: Vector, reflection: Reflection, *, a: float, phi: Points | None, delta: float) -> Vector:
    """Return everyone's distrust after one more round: own overdue ratio plus what reflects of the last round's.

    Parameters
    ----------
    h : ndarray of shape (n,)
        Overdue ratio of each entity, in [0, 1].
    z : ndarray of shape (n,)
        Distrust of the last round, in [0, 1].
    reflection : Reflection
        Who reflects on whom.
    a : float
        Slope of distrust in the overdue ratio.
    phi : ndarray of shape (k, 2) or None
        Points of distrust by overdue ratio, in place of ``a``.
    delta : float
        Share that reflects, in [0, 1).

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1].

    Examples
    --------
    >>> from scipy import sparse
    >>> alone = Reflection(sparse.csr_array((1, 1)), np.array([-1]), np.zeros(0, dtype=int), np.ones(1))
    >>> distrust(np.array([0.4]), np.zeros(1), alone, a=2.0, phi=None, delta=0.3).tolist()
    [0.8]
    """
    own = np.minimum(1.0, a * h) if phi is None else at_first_point(phi, h)
    return np.minimum(1.0, own + delta * reflection.of(z))
