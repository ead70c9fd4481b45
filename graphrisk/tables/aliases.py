"""Other names of our tables, columns and values, Chinese and English.

The map is ``aliases.toml`` beside this module. Names match without case, blanks, brackets, underscores,
hyphens and full-width forms.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from graphrisk.tables.schemas import ROLES, SCHEMAS, Column

_IGNORED = re.compile(r"[\s_\-*:()\[\]{}<>【】〔〕《》〈〉「」\u200b\ufeff]+")
_IGNORED_IN_VALUES = re.compile(r"[\s_\-()\[\]【】\u200b\ufeff]+")
_ADDED = re.compile(r"^(?P<name>.+?)[(\[【](?P<unit>[^()\[\]【】]*)[)\]】]\s*\*?$", re.DOTALL)
_JOINTS = re.compile(r"->|[>＞→、,，/|+]")


@cache
def alias_map() -> Mapping[str, Any]:
    """Return the alias map as it stands in ``aliases.toml``."""
    return tomllib.loads((files("graphrisk.tables") / "aliases.toml").read_text(encoding="utf-8"))


def normalised(name: str) -> str:
    """Return a header or name as it is compared.

    Parameters
    ----------
    name : str
        The name as it came.

    Returns
    -------
    str
        Lower case, half-width, without blanks, brackets, underscores and hyphens.

    Examples
    --------
    >>> normalised("ＬＯＡＮ＿ＩＤ "), normalised("客户 编号*")
    ('loanid', '客户编号')
    """
    return _IGNORED.sub("", unicodedata.normalize("NFKC", name)).casefold()


def normalised_value(text: str) -> str:
    """Return the value of a code column as it is compared; signs such as ``<`` stay.

    Examples
    --------
    >>> normalised_value(" Level_Payment "), normalised_value("＞＝")
    ('levelpayment', '>=')
    """
    return _IGNORED_IN_VALUES.sub("", unicodedata.normalize("NFKC", text)).casefold()


@cache
def _tables_by_name() -> Mapping[str, str]:
    names = {normalised(table): table for table in SCHEMAS}
    for table, aliases in alias_map()["tables"].items():
        names |= {normalised(alias): table for alias in aliases}
    return names


def table_named(name: str) -> str | None:
    """Return the table that a file's name without ending stands for.

    Parameters
    ----------
    name : str
        Such as ``loans``, ``LOANS`` or ``借据``.

    Returns
    -------
    str or None
        Our name of the table; None if it is none of ours.

    Examples
    --------
    >>> table_named("Loan_Shares"), table_named("还款计划"), table_named("readme")
    ('loan_shares', 'schedule', None)
    """
    return _tables_by_name().get(normalised(name))


@dataclass(frozen=True, slots=True)
class Heading:
    """What a header says about its column.

    Attributes
    ----------
    text : str
        The header as it came, trimmed.
    column : str
        Our name of the column; blank if it is none of ours.
    power : int
        Power of ten that its bare numbers are multiplied by: 4 under a header with （万元）, -2 with （%）.
    period : str
        ``year``, ``month`` or ``day``: the period of a rate.
    """

    text: str
    column: str = ""
    power: int = 0
    period: str = "year"


@cache
def _columns_by_name(table: str) -> Mapping[str, str]:
    names = {normalised(column): column for column in SCHEMAS[table].names}
    for column, aliases in alias_map()["columns"].get(table, {}).items():
        names |= {normalised(alias): column for alias in aliases}
    return names


@cache
def _fallbacks(table: str) -> Mapping[str, tuple[str, int]]:
    return {
        normalised(alias): (column, rank)
        for column, aliases in alias_map()["fallback"].get(table, {}).items()
        for rank, alias in enumerate(aliases)
    }


@cache
def _units(type_: str) -> Mapping[str, int]:
    units: Mapping[str, int] = alias_map()["units"].get("share" if type_ == "rate" else type_, {})
    return {normalised(unit): power for unit, power in units.items()}


@cache
def _periods() -> Mapping[str, str]:
    return {normalised(name): period for name, period in alias_map()["periods"].items()}


def _readings(text: str) -> list[tuple[str, str | None]]:
    """Return the ways to read a header: name alone, or name and what its brackets add."""
    ways: list[tuple[str, str | None]] = [(normalised(text), None)]
    parts = _ADDED.match(unicodedata.normalize("NFKC", text.strip()))
    if parts:
        ways.append((normalised(parts["name"]), normalised(parts["unit"])))
    return ways


def _heading(table: str, text: str, names: Mapping[str, str]) -> Heading:
    for name, unit in _readings(text):
        column = names.get(name, "")
        if not column:
            continue
        period = _periods().get(name, "year")
        if unit is None:
            return Heading(text, column, period=period)
        units = _units(SCHEMAS[table][column].type)
        if unit in units:
            return Heading(text, column, units[unit], period)
    return Heading(text)


def headings(table: str, header: Sequence[str]) -> tuple[Heading, ...]:
    """Return which columns of a table the headers of a file name.

    A header that names its column through a fallback, such as a name in place of an id, counts only where no
    other header names that column; of several the first in the alias map counts.

    Parameters
    ----------
    table : str
        Our name of the table.
    header : sequence of str
        The headers as they came.

    Returns
    -------
    tuple of Heading
        One a header, in the order of the file.

    Examples
    --------
    >>> [heading.column for heading in headings("loans", ["借据号", "客户号", "借款人", "备注"])]
    ['loan_id', 'borrower_id', '', '']
    >>> headings("loans", ["贷款余额（万元）"])[0].power
    4
    """
    found = [_heading(table, text.strip("\ufeff\u200b").strip(), _columns_by_name(table)) for text in header]
    taken = {heading.column for heading in found}
    fallbacks = _fallbacks(table)
    names = {name: column for name, (column, _) in fallbacks.items() if column not in taken}
    best: dict[str, int] = {}
    offers: dict[int, tuple[Heading, int]] = {}
    for position, heading in enumerate(found):
        offer = _heading(table, heading.text, names) if not heading.column else heading
        if offer is heading or not offer.column:
            continue
        rank = next(fallbacks[name][1] for name, _ in _readings(heading.text) if name in names)
        offers[position] = (offer, rank)
        best[offer.column] = min(best.get(offer.column, rank), rank)
    return tuple(
        offers[position][0]
        if position in offers and offers[position][1] == best[offers[position][0].column]
        else heading
        for position, heading in enumerate(found)
    )


@cache
def code_values(table: str, column: str) -> Mapping[str, str]:
    """Return what each known value of a column of codes stands for.

    Parameters
    ----------
    table, column : str
        Our names.

    Returns
    -------
    mapping of str to str
        Our code by value as `normalised_value` gives it; empty if the column takes any text.

    Examples
    --------
    >>> code_values("loans", "method")["等额本息"]
    'level_payment'
    """
    if SCHEMAS[table][column].type == "code" and column in ("currency", "base"):
        return _currencies()
    aliases = alias_map()["values"]
    mapped: Mapping[str, list[str]] = aliases.get(f"{table}.{column}", aliases.get(column, {}))
    codes = {normalised_value(code): code for code in (*codes_of(table, column), *mapped)}
    for code, values in mapped.items():
        codes |= {normalised_value(value): code for value in values}
    return codes


def codes_of(table: str, column: str) -> tuple[str, ...]:
    """Return the codes that a column is limited to; empty if it takes any text.

    Examples
    --------
    >>> codes_of("co_borrowers", "liability")
    ('joint', 'several')
    """
    if (table, column) == ("entities", "roles"):
        return ROLES
    return SCHEMAS[table][column].codes


@cache
def _currencies() -> Mapping[str, str]:
    section = alias_map()["currency"]
    codes = {code.casefold(): code for code in section["codes"].split()}
    for code, names in section["names"].items():
        codes |= {normalised_value(name): code for name in names}
    return codes


def currency_code(name: str) -> str | None:
    """Return the ISO 4217 code of a currency; None if it is none.

    Examples
    --------
    >>> currency_code("rmb"), currency_code("XYZ")
    ('CNY', None)
    """
    return _currencies().get(normalised_value(name))


@cache
def flag_values(table: str, column: str) -> Mapping[str, bool]:
    """Return what each known value of a flag stands for.

    Examples
    --------
    >>> flag_values("invoices", "confirmed")["已确权"]
    True
    """
    flags: dict[str, bool] = {}
    for section in (alias_map()["flags"], alias_map()["flags_of"].get(f"{table}.{column}", {})):
        for name, values in section.items():
            flags |= {normalised_value(value): name == "true" for value in values}
    return flags


def has_codes(column: Column, table: str) -> bool:
    """Return whether the values of a column are mapped to codes.

    Examples
    --------
    >>> has_codes(SCHEMAS["loans"]["method"], "loans"), has_codes(SCHEMAS["loans"]["product"], "loans")
    (True, False)
    """
    return column.type == "code" or bool(code_values(table, column.name))


@cache
def _allocation() -> tuple[Mapping[str, str], Mapping[str, str]]:
    section = alias_map()["allocation"]
    orders = {normalised_value(order): order for order in section["orders"]}
    for order, names in section["orders"].items():
        orders |= {normalised_value(name): order for name in names}
    parts = {part: part for part in section["parts"]}
    for part, names in section["parts"].items():
        parts |= {normalised_value(name): part for name in names}
    return orders, parts


def allocation_order(text: str) -> str | None:
    """Return an order of allocation as a code.

    Parameters
    ----------
    text : str
        One word for the whole order, or parts joined by ``>``.

    Returns
    -------
    str or None
        Parts joined by ``>``, or ``pro_rata``; None if it names none, or one part twice.

    Examples
    --------
    >>> allocation_order("罚息>利息>本金"), allocation_order("先本后息"), allocation_order("利息>利息")
    ('penalty>interest>principal', 'principal>interest', None)
    """
    orders, parts = _allocation()
    whole = orders.get(normalised_value(text))
    if whole is not None:
        return whole
    names = [parts.get(normalised_value(name), "") for name in re.split(r"->|[>→、,，/|+]", text.replace("＞", ">"))]
    known = all(names) and len(set(names)) == len(names)
    return ">".join(names) if known else None


@cache
def blanks() -> frozenset[str]:
    """Return the texts that stand for an empty cell beside a blank."""
    return frozenset(alias_map()["blank"]["values"])


@cache
def totals() -> frozenset[str]:
    """Return the texts that start a row of sums, as `normalised` gives them."""
    return frozenset(normalised(value) for value in alias_map()["totals"]["values"])
