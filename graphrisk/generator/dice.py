"""Random numbers that are the same on every machine: whole numbers from the raw bits of PCG64, and nothing else.

NumPy keeps the raw stream of a bit generator and of `SeedSequence` from version to version, but not the numbers that
``Generator`` makes of them; and ``exp``, ``log`` and ``power`` may differ in the last digit from one processor to the
next. So all draws here are integer arithmetic on raw bits, or float64 arithmetic that IEEE 754 rounds exactly (sum,
product, quotient, square root, element by element), and curves are tables made with `decimal`, straight in between.
"""

from decimal import Context, Decimal, localcontext
from functools import cache

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Marks = NDArray[np.bool_]

#: What `Dice.chance` counts in.
TEN_THOUSAND = 10_000
#: What `Dice.factor` is counted in: 1 is this many.
ONE = 1_000_000
#: What `Dice.pareto` is counted in: the least is this many.
LEAST_SIZE = 1_000

#: Twelve uniform numbers of 16 bits add up to nearly a normal one of this mean and this standard deviation.
_UNIFORMS, _MEAN, _SIGMA = 12, 12 * 65_535 // 2, 65_536
_STEP_BITS = 10
_OCTAVES = 60
_MANTISSA_BITS = 53
#: Whatever a caller has set for its own decimals.
_CONTEXT = Context(prec=28)


class Dice:
    """One stream of random numbers.

    Parameters
    ----------
    seed : int
        Seed of the book, at least 0.
    *place : int
        What the stream is for: other places have independent streams.

    Examples
    --------
    >>> Dice(1, 2).below(6, 5).tolist() == Dice(1, 2).below(6, 5).tolist()
    True
    """

    def __init__(self, seed: int, *place: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, *place]))

    def raw(self, size: int) -> NDArray[np.uint64]:
        """Return 64 random bits each."""
        bits: NDArray[np.uint64] = self._bits.random_raw(size)
        return bits

    def below(self, bound: int | Whole, size: int) -> Whole:
        """Return whole numbers from 0 to below a bound.

        Parameters
        ----------
        bound : int or ndarray of int64, shape (size,)
            At least 1, and far below 2^64, so that each number is as likely as the next to within bound / 2^64.
        size : int
            How many.

        Examples
        --------
        >>> bool((Dice(1).below(np.array([1, 2, 3]), 3) < [1, 2, 3]).all())
        True
        """
        most = np.asarray(bound, dtype=np.uint64)
        return (self.raw(size) % most).astype(np.int64)

    def between(self, low: int | Whole, high: int | Whole, size: int) -> Whole:
        """Return whole numbers from ``low`` to ``high``, both among them."""
        drawn: Whole = low + self.below(np.asarray(high, dtype=np.int64) - low + 1, size)
        return drawn

    def chance(self, parts: int | Whole, size: int) -> Marks:
        """Return true with a chance of so many parts in ten thousand.

        Examples
        --------
        >>> Dice(1).chance(0, 3).any(), Dice(1).chance(10_000, 3).all()
        (np.False_, np.True_)
        """
        marks: Marks = self.below(TEN_THOUSAND, size) < parts
        return marks

    def pick(self, weights: tuple[int, ...], size: int) -> Whole:
        """Return positions, each as likely as its weight says.

        Examples
        --------
        >>> Dice(1).pick((0, 5, 0), 3).tolist()
        [1, 1, 1]
        """
        return self.weighted(np.cumsum(np.array(weights, dtype=np.int64)), size)

    def weighted(self, cumulated: Whole, size: int) -> Whole:
        """Return positions by cumulated weights.

        Parameters
        ----------
        cumulated : ndarray of int64, shape (n,)
            Sums of the weights up to each position; the last is above 0.
        size : int
            How many.
        """
        drawn = self.below(int(cumulated[-1]), size)
        return np.searchsorted(cumulated, drawn, side="right").astype(np.int64)

    def order(self, size: int) -> Whole:
        """Return the positions from 0 to below ``size`` in random order.

        Examples
        --------
        >>> sorted(Dice(1).order(4).tolist())
        [0, 1, 2, 3]
        """
        return np.argsort(self.raw(size), kind="stable").astype(np.int64)

    def factor(self, sigma: str, size: int) -> Whole:
        """Return log-normal factors of median 1, in parts of `ONE`.

        Parameters
        ----------
        sigma : str
            Standard deviation of the logarithm, such as ``"0.5"``.
        size : int
            How many.

        Examples
        --------
        >>> drawn = Dice(1).factor("0.5", 10_001)
        >>> bool(abs(np.median(drawn) / 1_000_000 - 1) < 0.03)
        True
        """
        uniforms = self.raw(size * _UNIFORMS // 4).view(np.uint16).reshape(size, _UNIFORMS)
        total = uniforms.astype(np.int64).sum(axis=1)
        curve = _exponential(sigma)
        low = total >> _STEP_BITS
        rest = total & ((1 << _STEP_BITS) - 1)
        value: Whole = curve[low] + ((curve[low + 1] - curve[low]) * rest >> _STEP_BITS)
        return value

    def pareto(self, most: int, size: int) -> Whole:
        """Return sizes with a Pareto tail of index 1.2, in parts of `LEAST_SIZE`: half of them below 1.8.

        Parameters
        ----------
        most : int
            The largest there is, in the same parts.
        size : int
            How many.

        Examples
        --------
        >>> drawn = Dice(1).pareto(10**9, 10_000)
        >>> int(drawn.min()) >= 1_000, 1_700 < int(np.median(drawn)) < 1_900
        (True, True)
        """
        above = (self.raw(size) >> np.uint64(64 - _MANTISSA_BITS)).astype(np.float64) + 1.0
        mantissa, exponent = np.frexp(above / 2.0**_MANTISSA_BITS)
        octave = -exponent.astype(np.int64)
        curve = _tail()
        low, high = curve[octave], curve[octave + 1]
        value = low + np.floor((high - low) * ((1.0 - mantissa) * 2.0)).astype(np.int64)
        return np.minimum(value, most)


@cache
def _exponential(sigma: str) -> Whole:
    steps = (_UNIFORMS * 65_535 >> _STEP_BITS) + 2
    with localcontext(_CONTEXT):
        deviation = Decimal(sigma)
        at = [(Decimal(step << _STEP_BITS) - _MEAN) / _SIGMA for step in range(steps)]
        return np.array([int(((deviation * z).exp() * ONE).to_integral_value()) for z in at], dtype=np.int64)


@cache
def _tail() -> Whole:
    """Return size by octaves of the chance to be larger: 2^-k of all are above entry k."""
    with localcontext(_CONTEXT):
        growth = Decimal(2) ** (Decimal(5) / Decimal(6))
        return np.array([min(int(LEAST_SIZE * growth**octave), 2**60) for octave in range(_OCTAVES)], dtype=np.int64)


def root(values: Whole) -> Whole:
    """Return square roots, rounded down.

    Examples
    --------
    >>> root(np.array([0, 15, 16, 10**12])).tolist()
    [0, 3, 4, 1000000]
    """
    return np.floor(np.sqrt(values.astype(np.float64))).astype(np.int64)


def zipf(count: int, power: str) -> Whole:
    """Return cumulated weights that fall as a power of the rank.

    Parameters
    ----------
    count : int
        Number of ranks.
    power : str
        The power, such as ``"0.7"``.

    Examples
    --------
    >>> zipf(3, "1").tolist()
    [1000000, 1500000, 1833333]
    """
    with localcontext(_CONTEXT):
        weights = [int(ONE / Decimal(rank) ** Decimal(power)) for rank in range(1, count + 1)]
    return np.cumsum(np.array(weights, dtype=np.int64))


def half_up(top: Whole, bottom: int | Whole) -> Whole:
    """Return quotients of whole numbers, rounded half up.

    Examples
    --------
    >>> half_up(np.array([5, 7]), 2).tolist()
    [3, 4]
    """
    quotient: Whole = (2 * top + bottom) // (2 * np.asarray(bottom, dtype=np.int64))
    return quotient
