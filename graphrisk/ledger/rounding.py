"""Exact products of whole numbers: every rounding of the ledger happens here."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Whole numbers: int64, or Python integers in an object array where a row is beyond int64.
Whole = NDArray[np.int64] | NDArray[np.object_]

_LIMIT = 2**63 - 1
#: Half of the limit, as a float: what is below it in float64 is below the limit in integers.
_SAFE = 2.0**62


def _largest(values: Whole) -> int:
    if values.size == 0:
        return 0
    return max(abs(int(values.max())), abs(int(values.min())))


def narrow(values: Whole) -> Whole:
    """Return whole numbers as int64 if each of them fits, else as they are.

    Examples
    --------
    >>> narrow(np.array([1, 2], dtype=object)).dtype, narrow(np.array([2**70], dtype=object)).dtype
    (dtype('int64'), dtype('O'))
    """
    if values.dtype != object or _largest(values) <= _LIMIT:
        return values.astype(np.int64, copy=False)
    return values


def product(left: Whole, right: Whole) -> Whole:
    """Return the product of whole numbers, as Python integers where int64 does not hold it.

    Parameters
    ----------
    left, right : ndarray of int64 or object
        Factors, of shapes that broadcast.

    Returns
    -------
    ndarray
        int64, or object if any product may be beyond int64.

    Examples
    --------
    >>> product(np.array([2**40]), np.array([2**40])).tolist()
    [1208925819614629174706176]
    """
    if object in (left.dtype, right.dtype) or _largest(left) * _largest(right) > _LIMIT:
        wide: Whole = left.astype(object) * right.astype(object)
        return narrow(wide)
    return left * right


def _exact(amount: Whole, numerator: Whole, denominator: Whole) -> NDArray[np.int64]:
    rows = zip(amount.tolist(), numerator.tolist(), denominator.tolist(), strict=True)
    return np.array([(2 * a * n + d) // (2 * d) for a, n, d in rows], dtype=np.int64)


def _split(
    amount: NDArray[np.int64], numerator: NDArray[np.int64], denominator: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Take whole part and remainder apart; rows that are still beyond int64 go to Python integers."""
    common = np.gcd(numerator, denominator)
    numerator, denominator = numerator // common, denominator // common
    quotient, remainder = np.divmod(amount, denominator)
    factor = np.abs(numerator.astype(np.float64))
    fits = (np.abs(quotient.astype(np.float64)) + denominator + 1) * factor + denominator < _SAFE
    rest = np.where(fits, remainder * numerator, 0)
    result: NDArray[np.int64] = quotient * numerator + (rest + denominator // 2) // denominator
    beyond = np.flatnonzero(~fits)
    if beyond.size:
        result[beyond] = _exact(amount[beyond], numerator[beyond], denominator[beyond])
    return result


def fits(*values: Whole) -> bool:
    """Return whether int64 holds every product of values, one of each array, with the last one added.

    Parameters
    ----------
    *values : ndarray
        Factors; the last array is added to their product.

    Examples
    --------
    >>> large = np.array([2**32])
    >>> fits(large, large // 2, large), fits(large, large // 4, large)
    (False, True)
    """
    most = 1
    for factor in values[:-1]:
        most *= _largest(factor)
    return most + _largest(values[-1]) <= _LIMIT


def scaled(
    amount: ArrayLike, numerator: ArrayLike, denominator: ArrayLike, *, small: bool = False
) -> NDArray[np.int64]:
    """Return amount x numerator / denominator, exact, rounded half up once.

    Half up is the whole number at or below the value plus one half, for negative values too: 2.5 gives 3,
    -2.5 gives -2. int64 products are used where they cannot overflow, Python integers for the rows where
    they could.

    Parameters
    ----------
    amount : array_like of int
        Money in minor units, of any sign.
    numerator : array_like of int
        Numerator, of any sign.
    denominator : array_like of int
        Denominator, above 0.
    small : bool
        Whether the caller knows that no product is beyond int64, so that nothing has to be looked for.

    Returns
    -------
    ndarray of int64
        Of the shape to which the three broadcast.

    Raises
    ------
    OverflowError
        If a result is itself beyond int64.

    Examples
    --------
    30 days of 18 % a year, half as much again as penalty, on 50,000.00:

    >>> int(scaled(5_000_000, 18 * 3 * 30, 100 * 2 * 360))
    112500
    >>> scaled([5, -5, 10**17], 1, 2).tolist()
    [3, -2, 50000000000000000]
    """
    if small:
        top = np.asarray(amount) * np.asarray(numerator)
        quotient: NDArray[np.int64] = (top + np.asarray(denominator) // 2) // denominator
        return quotient
    arrays = np.broadcast_arrays(*(_whole(values) for values in (amount, numerator, denominator)))
    shape = arrays[0].shape
    amounts, numerators, denominators = (array.ravel() for array in arrays)
    if any(array.dtype == object for array in arrays):
        return _exact(amounts, numerators, denominators).reshape(shape)
    if fits(amounts, numerators, denominators):
        return scaled(amounts, numerators, denominators, small=True).reshape(shape)
    return _split(amounts, numerators, denominators).reshape(shape)


def _whole(values: ArrayLike) -> Whole:
    array = np.asarray(values)
    return array if array.dtype == object else array.astype(np.int64, copy=False)


def divided(amount: Whole, numerator: Whole, denominator: Whole) -> tuple[NDArray[np.int64], Whole]:
    """Return amount x numerator / denominator as whole part and remainder, for sums that are rounded once.

    Parameters
    ----------
    amount, numerator, denominator : ndarray, shape (n,)
        At least 0; the denominator above 0, and the whole part below 2^63.

    Returns
    -------
    ndarray of int64
        The whole part.
    ndarray
        What is left of it, in parts of ``denominator``.

    Examples
    --------
    >>> whole, rest = divided(np.array([100]), np.array([7]), np.array([300]))
    >>> whole.tolist(), rest.tolist()
    ([2], [100])
    """
    top = product(amount, numerator)
    whole = top // denominator
    return whole.astype(np.int64), top - whole * denominator
