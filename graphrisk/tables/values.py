"""Text to money, rates, dates and codes; what cannot be read is a fault, never a guess.

Each distinct text of a column is read once. Amounts, rates and multiples never pass through a float.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graphrisk.tables import aliases
from graphrisk.tables.aliases import Heading
from graphrisk.tables.book import Severity
from graphrisk.tables.raw import TEXT
from graphrisk.tables.schemas import DTYPES, SCHEMAS, Column

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + _ZERO_WIDTH
#: Full-width forms, such as those of １２，３４５．６ and ￥, to their half-width ones.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFFE5: 0xA5, 0x3000: 0x20}
_PLAIN = r"^-?[0-9]{1,%d}(\.[0-9]{1,%d})?$"
_WHOLE = r"^-?[0-9]{1,18}$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]+))?")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_TIME = r"(?:[ T]+([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?)?"
_DATE = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2})| *年 *(\d{1,2}) *月 *(\d{1,2}) *日)" + _TIME, re.ASCII
)
_MONTH = re.compile(r"(\d{4})(?:[-/.](\d{1,2})|(\d{2})| *年 *(\d{1,2}) *月)?年?", re.ASCII)
_SCIENTIFIC = r"^[0-9](\.[0-9]+)?[eE]\+[0-9]+$"

_DIGITS_OF_INT64 = 18
_MORE_THAN_INT64 = 20
_LARGEST = 2**63 - 1
_EPOCH = date(1970, 1, 1).toordinal()
_SECONDS_A_DAY = 86_400
_FIRST_YEAR, _LAST_YEAR = 1800, 9999
_MONTHS = 12

Int64s = NDArray[np.int64]
Faulty = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a value cannot be taken as it stands.

    Attributes
    ----------
    code : str
        Code of the finding.
    severity : str
        ``error`` sets the row aside; ``warning`` keeps it.
    fields : mapping
        What the sentence names beside the place and the value.
    """

    code: str
    severity: Severity = "error"
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A column of text, read.

    Attributes
    ----------
    array : ExtensionArray or ndarray, shape (rows,)
        In the dtype of the column; null where blank or not readable.
    fault : ndarray of int8, shape (rows,)
        0 where a value could be read, else 1 + position in ``faults``.
    faults : tuple of Fault
    """

    array: Any
    fault: Faulty
    faults: tuple[Fault, ...] = ()


def trimmed(texts: pa.Array) -> pa.Array:
    """Return texts without blanks of any width at either end; empty ones and those that stand for it are null.

    Examples
    --------
    >>> trimmed(pa.array([" 007　", "", "#N/A"], pa.large_string())).to_pylist()
    ['007', None, None]
    """
    cut = pc.utf8_trim(texts, characters=_BLANK)
    empty = pc.is_in(cut, value_set=pa.array(["", *aliases.blanks()], TEXT))
    return pc.if_else(empty, pa.scalar(None, TEXT), cut)


def _half_width(texts: pa.Array) -> pa.Array:
    """Turn full-width forms into half-width ones where there are any."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    return pc.utf8_trim(pa.array([text.translate(_HALF_WIDTH) for text in texts.to_pylist()], TEXT), characters=_BLANK)


@dataclass(frozen=True, slots=True)
class _Distinct:
    """The distinct texts of a column, and which of them each row has (-1: none)."""

    texts: pa.Array
    rows: Int64s

    def spread(self, values: NDArray[np.generic], fault: Faulty) -> tuple[NDArray[Any], NDArray[np.bool_], Faulty]:
        """Return values and faults by row; where the row is blank is the second."""
        return (
            np.append(values, np.zeros(1, values.dtype))[self.rows],
            self.rows < 0,
            np.append(fault, 0)[self.rows].astype(np.int8),
        )


def _distinct(raw: pa.ChunkedArray) -> _Distinct:
    encoded = raw.combine_chunks().dictionary_encode()
    rows = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    every = _filled(encoded.dictionary)
    return _Distinct(every.texts, np.append(every.rows, -1)[rows])


def _filled(texts: pa.Array) -> _Distinct:
    """Take each text that is not blank by itself: amounts seldom repeat, and telling them apart takes longest."""
    texts = trimmed(texts)
    filled = texts.is_valid().to_numpy(zero_copy_only=False)
    return _Distinct(_half_width(texts.drop_null()), np.where(filled, np.cumsum(filled) - 1, -1))


def fixed_point(texts: pa.Array, places: int) -> tuple[Int64s, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return plain decimals as integers of a number of places, rounded half away from zero.

    Parameters
    ----------
    texts : pyarrow.Array of text, shape (n,)
        Without blanks; thousands may be grouped by commas.
    places : int
        Decimal places that the integers have, at least 0.

    Returns
    -------
    values : ndarray of int64, shape (n,)
        The text times ``10**places``; 0 where it could not be read.
    rounded, unreadable, too_large : ndarray of bool, shape (n,)

    Examples
    --------
    >>> fixed_point(pa.array(["1,234.5", "-0.005"], pa.large_string()), 2)[0].tolist()
    [123450, -1]
    """
    size = len(texts)
    values = np.zeros(size, np.int64)
    rounded, unreadable, too_large = np.zeros((3, size), bool)
    if _any_has(texts, ","):
        texts = pc.if_else(pc.match_substring_regex(texts, _GROUPED), pc.replace_substring(texts, ",", ""), texts)
    whole = max(_DIGITS_OF_INT64 - places, 1)
    pattern = _PLAIN % (whole, places) if places else _WHOLE
    plain = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    easy = texts.filter(pa.array(plain))
    dot = pc.find_substring(easy, ".").to_numpy()
    length = pc.binary_length(easy).to_numpy()
    decimals = np.where(dot < 0, 0, length - dot - 1)
    digits = pc.cast(pc.replace_substring(easy, ".", ""), pa.int64()).to_numpy()
    values[plain] = digits * np.power(10, np.maximum(places - decimals, 0), dtype=np.int64)
    rest = texts.filter(pa.array(~plain)).dictionary_encode()
    scaled = [_scaled(text, places) for text in rest.dictionary.to_pylist()]
    at = rest.indices.to_numpy()
    large = np.array([value is not None and abs(value) > _LARGEST for value, _ in scaled], bool)
    values[~plain] = np.array(
        [0 if value is None or abs(value) > _LARGEST else value for value, _ in scaled], np.int64
    )[at]
    unreadable[~plain] = np.array([value is None for value, _ in scaled], bool)[at]
    too_large[~plain] = large[at]
    rounded[~plain] = (np.array([not exact for _, exact in scaled], bool) & ~large)[at]
    return values, rounded, unreadable, too_large


def _scaled(text: str, places: int) -> tuple[int | None, bool]:
    """Return one decimal as an integer of a number of places, and whether that is exact."""
    parts = _DECIMAL.fullmatch(text)
    if parts is None or not (parts[2] or parts[3]):
        return None, True
    decimals = parts[3] or ""
    digits = ((parts[2] or "0") + decimals[:places].ljust(places, "0")).lstrip("0")
    # Beyond int64 it does not matter by how much, and Python refuses to read thousands of digits.
    scaled = int(digits[:_MORE_THAN_INT64] or "0")
    rest = decimals[places:]
    scaled += rest[:1] >= "5"
    return -scaled if parts[1] == "-" else scaled, not rest.strip("0")


def _any_has(texts: pa.Array, sign: str) -> bool:
    return bool(pc.any(pc.match_substring(texts, sign)).as_py())


def _without_sign_of_currency(texts: pa.Array) -> pa.Array:
    if not _any_has(texts, "¥"):
        return texts
    return pc.replace_substring_regex(texts, r"^([+-]?)\s*¥\s*([+-]?)", r"\1\2")


def read_money(raw: pa.ChunkedArray, *, exponents: NDArray[np.int8], power: int = 0) -> Reading:
    """Read amounts as integers of their currency's minor unit.

    Parameters
    ----------
    raw : pyarrow.ChunkedArray of text, shape (rows,)
        Plain decimals; thousands may be grouped by ``,`` or ``，``, and ￥ or ¥ may stand before.
    exponents : ndarray of int8, shape (rows,)
        Digits of the minor unit of each row's currency (ISO 4217).
    power : int
        Power of ten of the unit that the header gives: 4 for 万元.

    Returns
    -------
    Reading
        int64 minor units. More decimals than the currency has are rounded half away from zero, a warning.

    Examples
    --------
    >>> raw = pa.chunked_array([["1,234.5", "１，０００", ""]], pa.large_string())
    >>> read_money(raw, exponents=np.full(3, 2, np.int8)).array.tolist()
    [123450, 100000, <NA>]
    """
    size = len(raw)
    values, null, fault = np.zeros(size, np.int64), np.ones(size, bool), np.zeros(size, np.int8)
    distinct = np.unique(exponents)
    for exponent in distinct:
        rows = np.flatnonzero(exponents == exponent)
        part = _filled((raw if len(distinct) == 1 else raw.take(pa.array(rows))).combine_chunks())
        texts = _without_sign_of_currency(part.texts)
        read, rounded, unreadable, too_large = fixed_point(texts, int(exponent) + power)
        kind = np.select([unreadable, too_large, rounded], [1, 2, 3], 0).astype(np.int8)
        values[rows], null[rows], fault[rows] = part.spread(read, kind)
    faults = (Fault("unreadable_money"), Fault("money_too_large"), Fault("money_rounded", "warning"))
    return Reading(_integers(values, null | (fault == 1) | (fault == 2)), fault, faults)  # noqa: PLR2004 -- see kind


def _integers(values: NDArray[np.generic], null: NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.where(null, 0, values).astype(np.int64), null)


def _read_parts(raw: pa.ChunkedArray, heading: Heading, *, type_: str, places: int, limit: int | None) -> Reading:
    """Read rates, multiples and shares as integers of a number of places; %, ‰ and the header scale them.

    A bare number above ``limit`` is a fault, since it may be meant in percent.
    """
    part = _distinct(raw)
    marks = {"%": 2, "‰": 3}
    size = len(part.texts)
    values, fault = np.zeros(size, np.int64), np.zeros(size, np.int8)
    mark = pc.utf8_slice_codeunits(part.texts, start=-1)
    bare = ~pc.is_in(mark, value_set=pa.array(list(marks), TEXT)).to_numpy(zero_copy_only=False)
    groups = [(bare, -heading.power)]
    groups += [(pc.equal(mark, sign).to_numpy(zero_copy_only=False), shift) for sign, shift in marks.items()]
    for number, (mask, shift) in enumerate(groups):
        if not mask.any():
            continue
        texts = part.texts.filter(pa.array(mask))
        if number:
            texts = pc.utf8_rtrim(pc.utf8_slice_codeunits(texts, start=0, stop=-1), characters=_BLANK)
        read, _, unreadable, too_large = fixed_point(texts, places - shift)
        fault[mask] = np.where(unreadable | too_large, 1, 0)
        if not shift and limit is not None:
            fault[mask] = np.where((read > limit) & (fault[mask] == 0), 2, fault[mask])
        values[mask] = read
    read_values, null, faulty = part.spread(values, fault)
    faults = (
        Fault(f"unreadable_{type_}"),
        Fault("rate_above_one"),
    )
    return Reading(_integers(read_values, null | (faulty > 0)), faulty, faults)


def read_rate(raw: pa.ChunkedArray, heading: Heading) -> Reading:
    """Read rates as parts per 10^9: ``0.18``, ``18%`` and ``18`` under a header with （%） are 180,000,000.

    Parameters
    ----------
    raw : pyarrow.ChunkedArray of text, shape (rows,)
    heading : Heading
        What the header says of percent; its period is not looked at here.

    Returns
    -------
    Reading
        Digits beyond the ninth are rounded half away from zero. A bare number above 1 is a fault.

    Examples
    --------
    >>> raw = pa.chunked_array([["0.18", "18%", "18"]], pa.large_string())
    >>> read_rate(raw, Heading("annual_rate")).array.tolist()
    [180000000, 180000000, <NA>]
    """
    return _read_parts(raw, heading, type_="rate", places=9, limit=10**9)


def read_multiple(raw: pa.ChunkedArray, heading: Heading) -> Reading:
    """Read multiples as parts per 10^9: ``1.5`` and ``150%`` are 1,500,000,000.

    Examples
    --------
    >>> read_multiple(pa.chunked_array([["1.5"]], pa.large_string()), Heading("")).array.tolist()
    [1500000000]
    """
    return _read_parts(raw, heading, type_="multiple", places=9, limit=None)


def read_share(raw: pa.ChunkedArray, heading: Heading) -> Reading:
    """Read shares as floats: ``0.3`` and ``30%`` are 0.3, each the float nearest to its decimal of twelve places.

    Examples
    --------
    >>> read_share(pa.chunked_array([["0.2", "30%"]], pa.large_string()), Heading("")).array.tolist()
    [0.2, 0.3]
    """
    reading = _read_parts(raw, heading, type_="share", places=12, limit=None)
    parts, null = reading.array.to_numpy(np.int64, na_value=0), reading.array.isna()
    return Reading(pd.arrays.FloatingArray(parts / 10**12, null), reading.fault, reading.faults)


def read_integer(raw: pa.ChunkedArray) -> Reading:
    """Read whole numbers; ``12.0`` is 12.

    Examples
    --------
    >>> read_integer(pa.chunked_array([["12", "3.0", "1.5"]], pa.large_string())).array.tolist()
    [12, 3, <NA>]
    """
    part = _distinct(raw)
    read, rounded, unreadable, too_large = fixed_point(part.texts, 0)
    values, null, fault = part.spread(read, (rounded | unreadable | too_large).astype(np.int8))
    fault_of = Fault("unreadable_integer")
    return Reading(_integers(values, null | (fault > 0)), fault, (fault_of,))


def read_number(raw: pa.ChunkedArray) -> Reading:
    """Read numbers as floats.

    Examples
    --------
    >>> read_number(pa.chunked_array([["1.15", "nan"]], pa.large_string())).array.tolist()
    [1.15, <NA>]
    """
    part = _distinct(raw)
    texts = part.texts.to_pylist()
    values = np.array([float(text) if _NUMBER.fullmatch(text) else np.inf for text in texts], np.float64)
    read, null, fault = part.spread(values, (~np.isfinite(values)).astype(np.int8))
    null |= fault > 0
    numbers = pd.arrays.FloatingArray(np.where(null, 0.0, read.astype(np.float64)), null)
    return Reading(numbers, fault, (Fault("unreadable_number"),))


def _day(text: str) -> int | None:
    parts = _DATE.fullmatch(text)
    if parts is None or not _FIRST_YEAR <= int(parts[1]) <= _LAST_YEAR:
        return None
    month, day = parts[3] or parts[5] or parts[7], parts[4] or parts[6] or parts[8]
    try:
        return date(int(parts[1]), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None


def read_date(raw: pa.ChunkedArray) -> Reading:
    """Read dates, year first; a time of day after it is left out.

    Examples
    --------
    >>> raw = pa.chunked_array([["2024-06-30", "2024年6月30日", "2024-02-30"]], pa.large_string())
    >>> read_date(raw).array.astype("str").tolist()
    ['2024-06-30T00:00:00', '2024-06-30T00:00:00', 'NaT']
    """
    part = _distinct(raw)
    days = [_day(text) for text in part.texts.to_pylist()]
    seconds = np.array([0 if day is None else day * _SECONDS_A_DAY for day in days], np.int64)
    values, null, fault = part.spread(seconds, np.array([day is None for day in days], np.int8))
    moments = values.astype("datetime64[s]")
    moments[null | (fault > 0)] = np.datetime64("NaT")
    return Reading(moments, fault, (Fault("unreadable_date"),))


def _month(text: str) -> str | None:
    parts = _MONTH.fullmatch(text)
    if parts is None or not _FIRST_YEAR <= int(parts[1]) <= _LAST_YEAR:
        return None
    month = parts[2] or parts[3] or parts[4]
    if month is None:
        return parts[1]
    return f"{parts[1]}-{int(month):02}" if 1 <= int(month) <= _MONTHS and not text.endswith("年") else None


def _texts(part: _Distinct, read: Sequence[str | None], fault: Fault) -> Reading:
    values = pa.array(read, TEXT).take(pa.array(part.rows, mask=part.rows < 0))
    unread = np.array([text is None for text in read], np.int8)
    return Reading(pd.array(values, dtype="str"), part.spread(unread, unread)[2], (fault,))


def read_month(raw: pa.ChunkedArray) -> Reading:
    """Read months and years as ``2024-06`` and ``2024``.

    Examples
    --------
    >>> read_month(pa.chunked_array([["202406", "2024年6月", "2024"]], pa.large_string())).array.tolist()
    ['2024-06', '2024-06', '2024']
    """
    part = _distinct(raw)
    fault = Fault("unreadable_month")
    return _texts(part, [_month(text) for text in part.texts.to_pylist()], fault)


def read_flag(raw: pa.ChunkedArray, *, table: str, column: str) -> Reading:
    """Read yes and no in the spellings of the alias map.

    Examples
    --------
    >>> raw = pa.chunked_array([["是", "N", "已确权"]], pa.large_string())
    >>> read_flag(raw, table="invoices", column="confirmed").array.tolist()
    [True, False, True]
    """
    part = _distinct(raw)
    flags = aliases.flag_values(table, column)
    read = [flags.get(aliases.normalised_value(text)) for text in part.texts.to_pylist()]
    unread = np.array([flag is None for flag in read], np.int8)
    values, null, fault = part.spread(np.array([flag is True for flag in read], bool), unread)
    null |= fault > 0
    flagged = pd.arrays.BooleanArray(values & ~null, null)
    return Reading(flagged, fault, (Fault("unreadable_flag"),))


def read_code(raw: pa.ChunkedArray, *, table: str, column: str) -> Reading:
    """Read codes in the spellings of the alias map; text that is no code stays where any text is allowed.

    Examples
    --------
    >>> raw = pa.chunked_array([["等额本息", "BULLET", "?"]], pa.large_string())
    >>> read_code(raw, table="loans", column="method").array.tolist()
    ['level_payment', 'bullet', nan]
    """
    part = _distinct(raw)
    known = aliases.code_values(table, column)
    allowed = aliases.codes_of(table, column)
    currency = column in ("currency", "base")
    read = [
        known.get(aliases.normalised_value(text), None if allowed or currency else text)
        for text in part.texts.to_pylist()
    ]
    fault = Fault("unknown_currency") if currency else Fault("unknown_code", fields={"allowed": ", ".join(allowed)})
    return _texts(part, read, fault)


def read_roles(raw: pa.ChunkedArray) -> Reading:
    """Read roles joined by ``|``, in the order of the schema.

    Examples
    --------
    >>> read_roles(pa.chunked_array([["供应商、借款人"]], pa.large_string())).array.tolist()
    ['borrower|supplier']
    """
    part = _distinct(raw)
    known = aliases.code_values("entities", "roles")
    allowed = aliases.codes_of("entities", "roles")

    def roles(text: str) -> str | None:
        named = {
            known.get(aliases.normalised_value(role), "") for role in re.split(r"[|,、;/，；]", text) if role.strip()
        }
        return None if "" in named else "|".join(role for role in allowed if role in named)

    fault = Fault("unknown_code", fields={"allowed": ", ".join(allowed)})
    return _texts(part, [roles(text) for text in part.texts.to_pylist()], fault)


def read_allocation_order(raw: pa.ChunkedArray) -> Reading:
    """Read orders of allocation as parts joined by ``>``, or ``pro_rata``.

    Examples
    --------
    >>> raw = pa.chunked_array([["罚息>利息>本金", "先本后息"]], pa.large_string())
    >>> read_allocation_order(raw).array.tolist()
    ['penalty>interest>principal', 'principal>interest']
    """
    part = _distinct(raw)
    read = [aliases.allocation_order(text) for text in part.texts.to_pylist()]
    return _texts(part, read, Fault("unreadable_order"))


def read_text(raw: pa.ChunkedArray, *, identifier: bool = False) -> Reading:
    """Read text: trimmed, case and leading zeros kept.

    Parameters
    ----------
    raw : pyarrow.ChunkedArray of text, shape (rows,)
    identifier : bool
        Whether it is an id: then ``1.81E+11``, which a spreadsheet made of a long number, is a fault.

    Returns
    -------
    Reading

    Examples
    --------
    >>> read_text(pa.chunked_array([[" 007"]], pa.large_string())).array.tolist()
    ['007']
    """
    texts = trimmed(raw.combine_chunks())
    fault = np.zeros(len(texts), np.int8)
    if identifier:
        shortened = pc.match_substring_regex(texts, _SCIENTIFIC).fill_null(False)  # noqa: FBT003 -- Arrow's
        fault = shortened.to_numpy(zero_copy_only=False).astype(np.int8)
        texts = pc.if_else(shortened, pa.scalar(None, TEXT), texts)
    return Reading(pd.array(texts, dtype="str"), fault, (Fault("id_scientific"),))


@cache
def _is_identifier(table: str, column: str) -> bool:
    schema = SCHEMAS[table]
    return bool(schema[column].refers) or column in schema.key or column.endswith("_id") or column == "reg_no"


_BY_TYPE: Mapping[str, Callable[[pa.ChunkedArray, Heading], Reading]] = {
    "rate": read_rate,
    "multiple": read_multiple,
    "share": read_share,
    "integer": lambda raw, _: read_integer(raw),
    "number": lambda raw, _: read_number(raw),
    "date": lambda raw, _: read_date(raw),
    "month": lambda raw, _: read_month(raw),
}


def read_column(raw: pa.ChunkedArray, *, table: str, column: Column, heading: Heading) -> Reading:
    """Read a column by its type; money, which needs its currency, has `read_money`.

    Parameters
    ----------
    raw : pyarrow.ChunkedArray of text, shape (rows,)
        As it came.
    table : str
        Our name of the table.
    column : Column
        Its schema.
    heading : Heading
        What its header says.

    Returns
    -------
    Reading
        In the dtype of the column.

    Examples
    --------
    >>> raw = pa.chunked_array([["2024/6/30"]], pa.large_string())
    >>> column = SCHEMAS["loans"]["start_date"]
    >>> read_column(raw, table="loans", column=column, heading=Heading("")).array.astype(str).tolist()
    ['2024-06-30T00:00:00']
    """
    if column.name == "allocation_order":
        return read_allocation_order(raw)
    if (table, column.name) == ("entities", "roles"):
        return read_roles(raw)
    if column.type == "flag":
        return read_flag(raw, table=table, column=column.name)
    if aliases.has_codes(column, table):
        return read_code(raw, table=table, column=column.name)
    if column.type == "text":
        return read_text(raw, identifier=_is_identifier(table, column.name))
    return _BY_TYPE[column.type](raw, heading)


def blank(column: Column, rows: int) -> Reading:
    """Return a column of nulls, in its dtype.

    Examples
    --------
    >>> blank(SCHEMAS["loans"]["outstanding"], 1).array.tolist()
    [<NA>]
    """
    null, dtype = np.ones(rows, bool), DTYPES[column.type]
    arrays: Mapping[str, Callable[[], Any]] = {
        "str": lambda: pd.array(pa.nulls(rows, TEXT), dtype="str"),
        "Int64": lambda: pd.arrays.IntegerArray(np.zeros(rows, np.int64), null),
        "Float64": lambda: pd.arrays.FloatingArray(np.zeros(rows, np.float64), null),
        "boolean": lambda: pd.arrays.BooleanArray(np.zeros(rows, bool), null),
        "datetime64[s]": lambda: np.full(rows, np.datetime64("NaT"), "datetime64[s]"),
    }
    return Reading(arrays[dtype](), np.zeros(rows, np.int8))
