"""Classes of loans by days past due.

Source
------
China, Measures for the Risk Classification of Financial Assets of Commercial Banks (order 2023 no. 1): overdue is at
least special mention, more than 90 days substandard, more than 270 doubtful, more than 360 loss.
"""

import numpy as np
from numpy.typing import NDArray

from graphrisk.tables.schemas import FIVE_CLASSES

#: Last day past due of each class and of each bucket but the last.
_CLASS_DAYS = np.array([0, 90, 270, 360])
_BUCKET_DAYS = np.array([0, 30, 60, 90, 120, 150, 180])
#: Classes whose whole balance is non-performing.
NON_PERFORMING = FIVE_CLASSES[2:]


def buckets(days_past_due: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the bucket of each loan, as a position in `BUCKETS`: M0 none, M1 1 to 30 days, M7 over 180.

    Parameters
    ----------
    days_past_due : ndarray of int64, shape (n,)
        Days.

    Examples
    --------
    >>> from graphrisk.tables.schemas import BUCKETS
    >>> [BUCKETS[place] for place in buckets(np.array([0, 1, 30, 31, 180, 181]))]
    ['M0', 'M1', 'M1', 'M2', 'M6', 'M7']
    """
    return np.searchsorted(_BUCKET_DAYS, days_past_due).astype(np.int8)


def bucket_days(bucket: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the least days past due of each bucket.

    Examples
    --------
    >>> bucket_days(np.array([0, 1, 7], dtype=np.int8)).tolist()
    [0, 1, 181]
    """
    least = np.concatenate([[0], _BUCKET_DAYS + 1])
    result: NDArray[np.int64] = least[bucket].astype(np.int64)
    return result


def five_classes(days_past_due: NDArray[np.int64], given: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the class of each loan, the worse of the given one and that of its days past due.

    Parameters
    ----------
    days_past_due : ndarray of int64, shape (n,)
        Days.
    given : ndarray of int8, shape (n,)
        Position in `FIVE_CLASSES`; below 0 where none is given.

    Returns
    -------
    ndarray of int8
        Positions in `FIVE_CLASSES`.

    Examples
    --------
    >>> classes = five_classes(np.array([90, 91, 0]), np.array([-1, -1, 4], dtype=np.int8))
    >>> [FIVE_CLASSES[place] for place in classes]
    ['special_mention', 'substandard', 'loss']
    """
    return np.maximum(np.searchsorted(_CLASS_DAYS, days_past_due), given).astype(np.int8)


def named(places: NDArray[np.int8], names: tuple[str, ...]) -> NDArray[np.object_]:
    """Return positions as names.

    Examples
    --------
    >>> named(np.array([1], dtype=np.int8), FIVE_CLASSES).tolist()
    ['special_mention']
    """
    result: NDArray[np.object_] = np.array(names, dtype=object)[places]
    return result
