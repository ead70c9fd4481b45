"""Columns as text, as they stand in the files: the same letters on every machine."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrisk.generator.dice import Marks, Whole
from graphrisk.tables.raw import TEXT

#: One column of text, blank where there is nothing.
Texts: TypeAlias = Any
#: Some rows of a table: text by column. Columns that are left out are blank.
Rows: TypeAlias = Mapping[str, Texts]
#: A table's name, and some rows of it.
Piece: TypeAlias = tuple[str, Rows]

_MINOR_PLACES = 2


def _filled(texts: Texts, where: Marks | None) -> Texts:
    """Return texts that are blank but where marked."""
    return texts if where is None else pc.if_else(pa.array(where), texts, pa.scalar("", TEXT))


def whole(values: Whole, where: Marks | None = None) -> Texts:
    """Return whole numbers.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
    where : ndarray of bool, shape (n,), optional
        Which are there; the others are blank.

    Examples
    --------
    >>> whole(np.array([3, 5]), np.array([True, False])).to_pylist()
    ['3', '']
    """
    return _filled(pc.cast(pa.array(values), TEXT), where)


@cache
def _fractions(places: int) -> Texts:
    return pa.array([f".{part:0{places}}".rstrip("0").rstrip(".") for part in range(10**places)], TEXT)


def decimals(values: Whole, places: int, where: Marks | None = None) -> Texts:
    """Return whole numbers of ``10**-places`` as decimals without needless zeros.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
    places : int
        1 to 4.
    where : ndarray of bool, shape (n,), optional
        Which are there.

    Examples
    --------
    >>> decimals(np.array([250, -5, 12_000]), 3).to_pylist()
    ['0.25', '-0.005', '12']
    """
    above, below = np.divmod(np.abs(values), 10**places)
    sign = pa.array(["", "-"], TEXT).take(pa.array((values < 0).astype(np.int8)))
    parts = (sign, pc.cast(pa.array(above), TEXT), _fractions(places).take(pa.array(below)), pa.scalar("", TEXT))
    return _filled(pc.binary_join_element_wise(*parts), where)


def money(minor: Whole, where: Marks | None = None) -> Texts:
    """Return amounts in minor units of a currency of two places.

    Examples
    --------
    >>> money(np.array([106_619, 1_200_000])).to_pylist()
    ['1066.19', '12000']
    """
    return decimals(minor, _MINOR_PLACES, where)


def dates(days: Whole, where: Marks | None = None) -> Texts:
    """Return days since 1970-01-01 as dates.

    Examples
    --------
    >>> dates(np.array([1])).to_pylist()
    ['1970-01-02']
    """
    shown = days if where is None else np.where(where, days, 0)
    return _filled(pa.array(shown.astype(np.int32)).cast(pa.date32()).cast(pa.string()).cast(TEXT), where)


def flags(values: Marks, where: Marks | None = None) -> Texts:
    """Return true and false.

    Examples
    --------
    >>> flags(np.array([True, False])).to_pylist()
    ['true', 'false']
    """
    return _filled(pa.array(["false", "true"], TEXT).take(pa.array(values.astype(np.int8))), where)


def words(known: tuple[str, ...] | Texts, which: Whole) -> Texts:
    """Return words by position; -1 is blank.

    Examples
    --------
    >>> words(("a", "b"), np.array([1, -1, 0])).to_pylist()
    ['b', '', 'a']
    """
    every: Texts = pa.array(known, TEXT) if isinstance(known, tuple) else known
    chosen = every.take(pa.array(np.maximum(which, 0)))
    return _filled(chosen, which >= 0) if len(which) and int(which.min()) < 0 else chosen


def ids(letter: str, numbers: Whole, width: int, where: Marks | None = None) -> Texts:
    """Return ids: a letter, and a number of a fixed width.

    Examples
    --------
    >>> ids("C", np.array([7, 123]), 6).to_pylist()
    ['C000007', 'C000123']
    """
    padded = pc.utf8_lpad(pc.cast(pa.array(numbers), TEXT), width, "0")
    return _filled(joined(pa.scalar(letter, TEXT), padded), where)


def joined(*parts: Texts) -> Texts:
    """Return texts put together, row by row.

    Examples
    --------
    >>> joined(pa.scalar("A", TEXT), pa.array(["1", "2"], TEXT)).to_pylist()
    ['A1', 'A2']
    """
    return pc.binary_join_element_wise(*parts, pa.scalar("", TEXT))
