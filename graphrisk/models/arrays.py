"""Words for arrays, and the sum by position that every model needs."""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Vector: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Points: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = "sparse.csr_array[np.float64]"

#: Slack of a threshold, as a share: below it a difference is rounding.
SLACK = 1e-9


def sum_at(positions: Positions, amounts: Vector, size: int) -> Vector:
    """Return the sums of amounts by position.

    Parameters
    ----------
    positions : ndarray of shape (k,), int
        Where each amount belongs, in [0, size).
    amounts : ndarray of shape (k,)
        The amounts.
    size : int
        Number of positions.

    Returns
    -------
    ndarray of shape (size,)

    Examples
    --------
    >>> sum_at(np.array([0, 0, 2]), np.array([1.0, 2.0, 4.0]), 3).tolist()
    [3.0, 0.0, 4.0]
    """
    # Without entries bincount counts, in integers, instead of adding.
    return np.bincount(positions, weights=amounts, minlength=size).astype(np.float64, copy=False)


def product(matrix: Matrix, vector: Vector) -> Vector:
    """Return ``matrix @ vector`` as an array.

    Parameters
    ----------
    matrix : csr_array of shape (m, n)
    vector : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (m,)

    Examples
    --------
    >>> from scipy import sparse
    >>> product(sparse.csr_array([[1.0, 2.0]]), np.array([1.0, 0.5])).tolist()
    [2.0]
    """
    return np.asarray(matrix @ vector)
