"""Ids as positions: text is looked up as whole numbers, many times faster than as text.

The bytes of an id are read as words of eight. The words make one hash of 64 bits, which a table of integers finds;
then all words are compared, so that a hash that two ids share changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Words = NDArray[np.uint64]

_TEXT = pa.large_string()
_WORD = 8
#: Texts at the head of a column that show whether equal ones follow each other.
_HEAD = 4_096
#: Longer ids are looked up as text.
_MOST_WORDS = 8
#: Odd constants of splitmix64 (Steele, Lea and Flood 2014, OOPSLA), which spread the bits of a product.
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFT = np.uint64(29)
#: An odd factor for each word, so that two of them cannot change places.
_ODD = _FIRST * np.arange(1, 2 * _MOST_WORDS + 3, 2, dtype=np.uint64)
#: A word of which only the first 0, 1, ... 8 bytes count, the first being the lowest.
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class _Keys:
    """Texts as numbers.

    Attributes
    ----------
    there : ndarray of bool, shape (n,)
        Which are no nulls.
    words : tuple of ndarray of uint64, shape (n,)
        Length in bytes, then the bytes by eight, the last padded with zeros: equal words, equal texts.
    """

    there: NDArray[np.bool_]
    words: tuple[Words, ...]

    def hashes(self) -> Words:
        """Return a number of 64 bits for each, equal for equal texts."""
        total = np.zeros(len(self.there), dtype=np.uint64)
        for number, word in enumerate(self.words):
            mixed = word * _ODD[number]
            mixed ^= mixed >> _SHIFT
            total += mixed * _SECOND  # a word of zeros adds nothing: texts that end in none have the same hash
        total ^= total >> _SHIFT
        return total * _FIRST


#: Where the memory of an array lies, and which part of it: equal ones have equal values.
Identity: TypeAlias = tuple[int | None, ...]


def text_array(texts: pd.Series | pd.Index) -> pa.Array:
    """Return a column of text as an Arrow array, its memory shared where it is one piece.

    Examples
    --------
    >>> text_array(pd.Series(["A", None], dtype="str")).to_pylist()
    ['A', None]
    """
    array = pa.array(texts.array)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if array.type == _TEXT else pc.cast(array, _TEXT)


def identity(array: pa.Array) -> Identity:
    """Return where the memory of an array lies; it stands for its values as long as the array is kept.

    Examples
    --------
    >>> array = pa.array(["A", "B"])
    >>> identity(array) == identity(array.slice(0)), identity(array) == identity(array.slice(1))
    (True, False)
    """
    places = (None if buffer is None else buffer.address for buffer in array.buffers())
    return (array.offset, len(array), *places)


def _keys(texts: pa.Array) -> _Keys | None:
    """Return texts as numbers; None if one is too long."""
    there = np.ones(len(texts), dtype=np.bool_)
    if texts.null_count:
        # Filled, since a null may hide bytes in the buffer of its column.
        there = texts.is_valid().to_numpy(zero_copy_only=False)
        texts = pc.fill_null(texts, "")
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    begin, length = ends[:-1], np.diff(ends)
    longest = int(length.max(initial=0))
    if longest > _MOST_WORDS * _WORD:
        return None
    size = int(ends[-1])
    padded = np.zeros((size // _WORD + 2) * _WORD, dtype=np.uint8)
    if size:
        padded[:size] = np.frombuffer(data, np.uint8)[:size]
    # A word at every byte, not only at multiples of eight.
    at_byte = np.lib.stride_tricks.as_strided(padded.view("<u8"), shape=(size + 1,), strides=(1,), writeable=False)
    words = [length.astype(np.uint64)]
    for start in range(0, longest, _WORD):
        inside = np.clip(length - start, 0, _WORD)
        words.append(at_byte[np.minimum(begin + start, size)] & _MASKS[inside])
    return _Keys(there, tuple(words))


def all_differ(texts: pa.Array) -> bool:
    """Return whether no text stands twice; blanks do not count.

    Parameters
    ----------
    texts : pyarrow.Array of large_string, shape (n,)
        From `text_array`.

    Returns
    -------
    bool

    Examples
    --------
    >>> all_differ(pa.array(["A", "B", None, None], pa.large_string()))
    True
    """
    texts = texts.drop_null()
    keys = _keys(texts) if len(texts) else None
    # Equal texts have equal hashes: where no hash stands twice, no text does.
    if keys is not None and pd.Index(keys.hashes()).is_unique:
        return True
    return bool(pc.count_distinct(texts).as_py() == len(texts))


def surely_differ(columns: Sequence[pd.Series]) -> bool:
    """Return whether no two rows of some columns are equal, blanks being equal; False may also mean: look closer.

    Parameters
    ----------
    columns : sequence of Series, each of shape (n,)
        Of text, whole numbers or dates.

    Returns
    -------
    bool

    Examples
    --------
    >>> loan, number = pd.Series(["A", "A", "B"], dtype="str"), pd.Series([1, 2, 1], dtype="Int64")
    >>> surely_differ([loan]), surely_differ([loan, number])
    (False, True)
    """
    rows = len(columns[0])
    if not rows:
        return True
    total = np.zeros(rows, dtype=np.uint64)
    for column in columns:
        hashes = _hashes(column)
        if hashes is None:
            return False
        # Multiplied in between, so that two columns cannot change places.
        total = total * _ODD[1] + hashes
    return bool(pd.Index(total).is_unique)


def _hashes(column: pd.Series) -> Words | None:
    """Return a number of 64 bits for each value, equal for equal ones; None if it cannot be said."""
    if isinstance(column.dtype, pd.StringDtype):
        keys = _keys(text_array(column))
        return None if keys is None else np.where(keys.there, keys.hashes(), np.uint64(0))
    if column.dtype.kind == "M":
        words = column.to_numpy().view(np.int64).astype(np.uint64)  # no time is one number, too
    elif column.dtype.kind in "iu":
        words = column.to_numpy(dtype=np.int64, na_value=-1).astype(np.uint64)
    else:
        return None
    mixed = words * _FIRST
    mixed ^= mixed >> _SHIFT
    return mixed * _SECOND


class Lookup:
    """Where ids stand among distinct ones.

    Parameters
    ----------
    ids : Index of str
        Each id once.

    Examples
    --------
    >>> Lookup(pd.Index(["B", "A"], dtype="str")).positions(pa.array(["A", None, "C"], pa.large_string())).tolist()
    [1, -1, -1]
    """

    def __init__(self, ids: pd.Index) -> None:
        self.ids = ids

    @cached_property
    def _known(self) -> tuple[_Keys, pd.Index] | None:
        """The ids as numbers, and their hashes; None if they cannot be told apart so."""
        keys = _keys(text_array(self.ids))
        hashes = None if keys is None else pd.Index(keys.hashes())
        if keys is None or hashes is None or not keys.there.all() or not hashes.is_unique:
            return None
        return keys, hashes

    def positions(self, texts: pa.Array) -> Positions:
        """Return where each text stands among the ids, -1 for a blank and for one that is not there.

        Equal texts that follow each other are looked up once: most files are sorted by an id.

        Parameters
        ----------
        texts : pyarrow.Array of large_string, shape (n,)
            From `text_array`.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        if not len(texts) or not len(self.ids):
            return np.full(len(texts), -1, dtype=np.int64)
        if self._known is None:
            return self._found(texts)
        head = pc.run_end_encode(texts.slice(0, _HEAD))
        runs = pc.run_end_encode(texts, pa.int64()) if 2 * len(head.values) <= min(len(texts), _HEAD) else None
        if runs is None or 2 * len(runs.values) > len(texts):
            return self._found(texts)
        return np.repeat(self._found(runs.values), np.diff(runs.run_ends.to_numpy(), prepend=0))

    def _found(self, texts: pa.Array) -> Positions:
        """Return where texts stand; a hash that is there counts only if every word is the same."""
        keys = _keys(texts)
        if self._known is None or keys is None:
            return self.ids.get_indexer(pd.Index(pd.array(texts, dtype="str"))).astype(np.int64)
        known, hashes = self._known
        found = hashes.get_indexer(pd.Index(keys.hashes())).astype(np.int64)
        same = keys.there & (found >= 0)
        for theirs, ours in zip_longest(keys.words, known.words):
            if theirs is None or ours is None:  # one side has longer texts: what is beyond the other must be empty
                same &= (ours[found] if theirs is None else theirs) == 0
            else:
                same &= theirs == ours[found]
        return np.where(same, found, -1)
