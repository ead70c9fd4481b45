"""Ratios of a loan book, exact to six decimals."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from graphrisk.ledger.classes import NON_PERFORMING
from graphrisk.ledger.rounding import scaled

_DECIMALS = 10**6


def ratio(part: ArrayLike, whole: ArrayLike) -> pd.Series:
    """Return part / whole, rounded half up to six decimals, empty where the whole is 0.

    Parameters
    ----------
    part, whole : array_like of int, shape (n,)
        Minor units.

    Returns
    -------
    Series of Float64

    Examples
    --------
    >>> ratio([1, 5], [3, 0]).tolist()
    [0.333333, <NA>]
    """
    bottom = np.asarray(whole, dtype=np.int64)
    there = bottom > 0
    millionths = scaled(np.asarray(part, dtype=np.int64), _DECIMALS, np.where(there, bottom, 1))
    result = pd.Series(millionths / _DECIMALS, dtype="Float64")
    return result.mask(~there)


def npl_balance(outstanding: NDArray[np.int64], five_class: pd.Series) -> NDArray[np.int64]:
    """Return the non-performing balance: of a substandard, doubtful or lost loan all that is outstanding.

    Parameters
    ----------
    outstanding : ndarray of int64, shape (n,)
        Principal not yet repaid, in minor units.
    five_class : Series of str, shape (n,)
        Class of each loan.

    Examples
    --------
    >>> npl_balance(np.array([100, 50]), pd.Series(["substandard", "normal"], dtype="str")).tolist()
    [100, 0]
    """
    return np.where(five_class.isin(NON_PERFORMING).to_numpy(), outstanding, 0)


def at_risk(outstanding: NDArray[np.int64], days_past_due: NDArray[np.int64], days: int) -> NDArray[np.int64]:
    """Return the balance at risk: all that is outstanding of a loan strictly more than some days past due.

    Parameters
    ----------
    outstanding, days_past_due : ndarray of int64, shape (n,)
        Minor units; days.
    days : int
        30 for PAR30.

    Examples
    --------
    >>> at_risk(np.array([100, 50]), np.array([30, 31]), 30).tolist()
    [0, 50]
    """
    return np.where(days_past_due > days, outstanding, 0)
