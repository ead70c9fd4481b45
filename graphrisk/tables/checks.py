"""Whole-data checks, one named function each: what is wrong, in which rows, and whether they are set aside.

Each check takes the frames of the rows still kept, with the labels that they had when read, and returns marks.
It changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graphrisk.tables.book import Severity
from graphrisk.tables.currency import as_text
from graphrisk.tables.lookup import surely_differ
from graphrisk.tables.raw import TEXT
from graphrisk.tables.schemas import SCHEMAS, Column, Schema

Frames = Mapping[str, pd.DataFrame]
Labels = NDArray[np.int64]

_NO_IDS = pa.array([], TEXT)

#: Slack of a sum of shares, each the float nearest to a decimal.
_SLACK = 1e-9

#: Rows of these tables say nothing without what they refer to.
USELESS_ALONE = frozenset(
    {
        ("schedule", "loan_id"),
        ("payments", "loan_id"),
        ("snapshots", "loan_id"),
        ("rates", "loan_id"),
        ("loan_shares", "loan_id"),
        ("co_borrowers", "loan_id"),
        ("collateral", "loan_id"),
        ("project_parties", "project_id"),
        ("project_cashflows", "project_id"),
    }
)

#: The largest number that is read.
_MOST = 2**63 - 1

#: Columns whose number has bounds that its type does not have.
_BOUNDS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("fx", "rate"): (1, _MOST),
    ("loans", "pay_day"): (1, 31),
    ("loans", "stage"): (1, 3),
}

#: Two columns of a table that must not name the same entity.
_TWO_SIDES = (
    ("guarantees", "guarantor_id", "debtor_id"),
    ("loans", "borrower_id", "lender_id"),
    ("facilities", "borrower_id", "provider_id"),
    ("ownership", "owner_id", "owned_id"),
    ("invoices", "seller_id", "buyer_id"),
    ("trade", "seller_id", "buyer_id"),
    ("partnerships", "from_id", "to_id"),
)

#: Dates of a row that come in order.
_IN_ORDER = (
    ("loans", "start_date", "maturity_date", "due_before_start", "error"),
    ("invoices", "issue_date", "due_date", "due_before_start", "error"),
    ("guarantees", "start", "end", "end_before_start", "warning"),
    ("insurance", "start", "end", "end_before_start", "warning"),
    ("ownership", "start", "end", "end_before_start", "warning"),
    ("partnerships", "start", "end", "end_before_start", "warning"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The same thing, found in some rows of a table.

    Attributes
    ----------
    severity, code : str
        As in `Finding`.
    table, column : str
        Where; the column may be blank.
    rows : ndarray of int64, shape (n,)
        Labels of the rows.
    aside : bool
        Whether the rows are set aside.
    fields : mapping of str to sequence
        What the sentence names, ``n`` values each; one where the finding is about the whole table.
    whole : bool
        Whether the finding is about the whole table, not about rows.
    """

    severity: Severity
    code: str
    table: str
    column: str = ""
    rows: Labels = field(default_factory=lambda: np.empty(0, np.int64))
    aside: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What checks know beside the rows.

    Attributes
    ----------
    currency : str
        The book's.
    read_ids : mapping of str to pyarrow.Array
        Ids of all rows read, by table, those set aside too.
    unread : frozenset of str
        Tables that have a file of which no row could be read.
    """

    currency: str = "CNY"
    read_ids: Mapping[str, pa.Array] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


Check = Callable[[Frames, Scope], Iterable[Mark]]


def _labels(frame: pd.DataFrame, where: pd.Series) -> Labels:
    """Return the labels of rows; a comparison with a null holds for none."""
    mask = where.fillna(value=False).to_numpy(np.bool_)
    labels: Labels = frame.index.to_numpy(np.int64)[mask]
    return labels


@dataclass(frozen=True, slots=True)
class _Rule:
    """What every value of a column must be, beside there.

    Attributes
    ----------
    code : str
        Code of the finding where one is not.
    least, most : int
        Bounds of a number.
    codes : tuple of str
        The values that there are; empty for a number.
    """

    code: str
    least: int = 0
    most: int = _MOST
    codes: tuple[str, ...] = ()

    def broken(self, values: Any) -> NDArray[np.bool_]:
        """Return which values break it, of an extension array; one that is not there breaks no rule."""
        if self.codes:
            known = pc.is_in(pa.array(values), value_set=pa.array(self.codes, TEXT))
            strange: NDArray[np.bool_] = ~(known.to_numpy(zero_copy_only=False) | values.isna())
            return strange
        if values.min() >= self.least and values.max() <= self.most:
            return np.zeros(len(values), np.bool_)
        outside: NDArray[np.bool_] = ((values < self.least) | (values > self.most)).to_numpy(np.bool_, na_value=False)
        return outside


def _rule(table: str, column: Column) -> _Rule | None:
    """Return what a column's values must be; None where they can only be missing."""
    if column.type == "money":
        return None if column.negative else _Rule("negative_amount")
    if column.type == "share":
        return _Rule("share_range", 0, 1)
    if column.codes:
        return _Rule("unknown_code", codes=column.codes)
    if column.type in ("integer", "rate", "multiple"):
        return _Rule("out_of_range", *_BOUNDS.get((table, column.name), ()))
    return None


def schema_breaks(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark values that break a table's schema: missing, negative, out of bounds, an unknown code.

    Names of the findings: ``missing_value``, ``negative_amount``, ``share_range``, ``out_of_range``,
    ``unknown_code``.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Rows by table.
    scope : Scope
        Not looked at.

    Yields
    ------
    Mark
        All are errors, their rows set aside.

    Examples
    --------
    >>> frame = SCHEMAS["fx"].frame([{"date": "2024-06-30", "base": "CNY", "rate": 1}])
    >>> [(mark.code, mark.column) for mark in schema_breaks({"fx": frame}, Scope())]
    [('missing_value', 'currency')]
    """
    del scope
    for table, frame in frames.items():
        for column in sorted(SCHEMAS[table].columns, key=lambda column: column.name):
            values, rule = frame[column.name].array, _rule(table, column)
            null = values.isna()
            broken = rule.broken(values) if rule is not None and not null.all() else np.zeros(len(null), np.bool_)
            for code, where in (("missing_value", null & column.required), (rule.code if rule else "", broken)):
                rows = frame.index.to_numpy(np.int64)[where]
                if len(rows):
                    fields = {"allowed": [_allowed(table, column.name)] * len(rows)} if code == "out_of_range" else {}
                    yield Mark("error", code, table, column.name, rows, aside=True, fields=fields)


def _allowed(table: str, column: str) -> str:
    bounds = _BOUNDS.get((table, column))
    return f"{bounds[0]}-{bounds[1]}" if bounds else "≥ 0"


def _key(frame: pd.DataFrame, schema: Schema) -> dict[str, pd.Series]:
    """Return the columns of a table's key; a version that is not named is the original."""
    key = {name: frame[name] for name in schema.key}
    if "version" in key and key["version"].notna().any():
        key["version"] = key["version"].fillna("original")
    return key


def duplicate_key(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark rows that share a key.

    Of identical copies the first is kept and the others are set aside, a warning. Rows of one key that differ
    are all set aside, an error: none is known to be the right one.

    Examples
    --------
    >>> row = {"date": "2024-06-30", "currency": "USD", "base": "CNY", "rate": 7}
    >>> frame = SCHEMAS["fx"].frame([row, row, {**row, "currency": "EUR"}, {**row, "currency": "EUR", "rate": 8}])
    >>> [(mark.severity, mark.rows.tolist()) for mark in duplicate_key({"fx": frame}, Scope())]
    [('warning', [1]), ('error', [2, 3])]
    """
    del scope
    for table, frame in frames.items():
        schema = SCHEMAS[table]
        if not schema.key or not len(frame):
            continue
        columns = _key(frame, schema)
        if surely_differ(list(columns.values())):
            continue
        key = pd.DataFrame(columns)
        shared = key.duplicated(keep=False)
        if not shared.any():
            continue
        rows = frame.loc[shared, list(schema.names)].assign(**key.loc[shared])
        group = key[shared].groupby(list(schema.key), dropna=False, sort=False).ngroup()
        copy = rows.duplicated()
        contents = group[~copy]
        differing = group.isin(contents[contents.duplicated()])
        first = group.map(frame.loc[shared, "source_line"].groupby(group).first())
        for severity, code, where in (
            ("warning", "identical_row", copy & ~differing),
            ("error", "duplicate_key", differing),
        ):
            found = _labels(rows, where)
            if len(found):
                fields = {"key": ["+".join(schema.key)] * len(found), "first_line": first.reindex(found).tolist()}
                yield Mark(severity, code, table, schema.key[0], found, aside=True, fields=fields)  # type: ignore[arg-type] # one of the three


def self_loop(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark contracts of an entity with itself: an error, their rows set aside.

    Examples
    --------
    >>> frame = SCHEMAS["ownership"].frame([{"owner_id": "A", "owned_id": "A"}])
    >>> [mark.rows.tolist() for mark in self_loop({"ownership": frame}, Scope())]
    [[0]]
    """
    del scope
    for table, one, other in _TWO_SIDES:
        frame = frames.get(table)
        if frame is None:
            continue
        rows = _labels(frame, frame[one] == frame[other])
        if len(rows):
            yield Mark("error", "self_loop", table, other, rows, aside=True, fields={"other_column": [one] * len(rows)})


def orphan(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark rows that refer to a loan, project, facility or entity that is not there.

    Rows that say nothing without it are set aside. An entity that the table ``entities`` lacks is a warning, since a
    creditor outside the data is legal; so is a replaced loan, since closed loans are often left out. If the data
    lack a whole table, rows that can do without it are left alone (`absent_table`); if its file could not be
    read, all are.

    Examples
    --------
    >>> payments = SCHEMAS["payments"].frame([{"loan_id": "L9", "paid_date": "2024-06-30", "amount": 1}])
    >>> [(mark.code, mark.aside) for mark in orphan({"payments": payments}, Scope())]
    [('orphan', True)]
    """
    there = {
        refers: pa.array(frames[refers][SCHEMAS[refers].key[0]].array) if refers in frames else _NO_IDS
        for refers in ("entities", "loans", "facilities", "projects")
    }
    for table, frame in frames.items():
        for column in SCHEMAS[table].columns:
            useless = (table, column.name) in USELESS_ALONE
            if not column.refers or column.refers in scope.unread or not (useless or column.refers in frames):
                continue
            values = pa.array(frame[column.name].array)
            if values.null_count == len(values):
                continue
            missing = pc.and_(values.is_valid(), pc.invert(pc.is_in(values, value_set=there[column.refers])))
            if not pc.any(missing).as_py():
                continue
            mild = column.refers == "entities" or column.name == "restructured_from"
            known = pc.is_in(values, value_set=scope.read_ids.get(column.refers, _NO_IDS))
            for code, where in (
                ("orphan", pc.and_not(missing, known)),
                ("orphan_of_set_aside", pc.and_(missing, known)),
            ):
                rows = frame.index.to_numpy(np.int64)[where.to_numpy(zero_copy_only=False)]
                if len(rows):
                    fields = {"refers": [column.refers] * len(rows)}
                    yield Mark(
                        "warning" if mild else "error", code, table, column.name, rows, aside=useless, fields=fields
                    )


def absent_table(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Note columns that name rows of a table that the data do not have, once a column.

    Examples
    --------
    >>> guarantee = {"guarantee_id": "G", "guarantor_id": "P", "debtor_id": "A", "loan_id": "L1"}
    >>> frames = {"guarantees": SCHEMAS["guarantees"].frame([guarantee])}
    >>> [(mark.column, mark.fields) for mark in absent_table(frames, Scope())]
    [('guarantor_id', {'refers': 'entities'}), ('debtor_id', {'refers': 'entities'}), ('loan_id', {'refers': 'loans'})]
    """
    for table, frame in frames.items():
        for column in SCHEMAS[table].columns:
            away = column.refers and column.refers not in frames and column.refers not in scope.unread
            if away and (table, column.name) not in USELESS_ALONE and not frame[column.name].array.isna().all():
                yield Mark("note", "absent_table", table, column.name, fields={"refers": column.refers}, whole=True)


def _days(values: pd.Series) -> list[str]:
    return [str(value) for value in values.dt.strftime("%Y-%m-%d")]


def due_before_start(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark dates that come before the start of their loan, invoice, guarantee or policy; the rows are kept.

    Names of the findings: ``due_before_start`` (an error) and, of a contract's last day, ``end_before_start`` (a
    warning).

    Examples
    --------
    >>> invoice = {"invoice_id": "V", "issue_date": "2024-06-30", "due_date": "2024-06-01"}
    >>> frames = {"invoices": SCHEMAS["invoices"].frame([invoice])}
    >>> [(mark.code, mark.fields["start"]) for mark in due_before_start(frames, Scope())]
    [('due_before_start', ['2024-06-30'])]
    """
    del scope
    for table, start, end, code, severity in _IN_ORDER:
        if table in frames:
            frame = frames[table]
            rows = _labels(frame, frame[end] < frame[start])
            if len(rows):
                fields = {"start": _days(frame[start].reindex(rows))}
                yield Mark(severity, code, table, end, rows, fields=fields)  # type: ignore[arg-type] # one of the three
    yield from _before_loan(frames, "schedule", "due_date", "due_before_start", "error")


def payment_before_start(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark payments dated before their loan was paid out: a warning, since they count.

    Examples
    --------
    >>> loan = SCHEMAS["loans"].frame([{"loan_id": "L1", "start_date": "2024-06-30"}])
    >>> payment = SCHEMAS["payments"].frame([{"loan_id": "L1", "paid_date": "2024-06-29", "amount": 1}])
    >>> [mark.code for mark in payment_before_start({"loans": loan, "payments": payment}, Scope())]
    ['payment_before_start']
    """
    del scope
    yield from _before_loan(frames, "payments", "paid_date", "payment_before_start", "warning")


def _before_loan(frames: Frames, table: str, column: str, code: str, severity: Severity) -> Iterable[Mark]:
    if table not in frames or "loans" not in frames:
        return
    frame = frames[table]
    loans = frames["loans"].drop_duplicates("loan_id")
    at = pc.index_in(pa.array(frame["loan_id"].array), value_set=pa.array(loans["loan_id"].array))
    starts = np.append(loans["start_date"].to_numpy("datetime64[s]"), np.datetime64("NaT"))
    start = pd.Series(starts[pc.fill_null(at, -1).to_numpy()], frame.index)
    rows = _labels(frame, frame[column] < start)
    if len(rows):
        yield Mark(severity, code, table, column, rows, fields={"start": _days(start.reindex(rows))})


def _by_loan(loans: pd.DataFrame, column: str) -> pd.Series:
    return loans.drop_duplicates("loan_id").set_index("loan_id")[column]


def schedule_sum(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark loans whose scheduled principal is not what was paid out, plan by plan: a warning.

    Examples
    --------
    >>> loan = SCHEMAS["loans"].frame([{"loan_id": "L1", "principal": 500}])
    >>> plan = SCHEMAS["schedule"].frame([{"loan_id": "L1", "no": 1, "principal_due": 300}])
    >>> [mark.fields["scheduled"] for mark in schedule_sum({"loans": loan, "schedule": plan}, Scope())]
    [['3.00']]
    """
    if "schedule" not in frames or "loans" not in frames:
        return
    schedule, loans = frames["schedule"], frames["loans"]
    plans = ["loan_id", "version", "valid_from"]
    keyed = schedule.assign(version=schedule["version"].fillna("original"))
    sums = keyed.groupby(plans, dropna=False, sort=True)["principal_due"].sum().reset_index()
    owed = sums["loan_id"].map(_by_loan(loans, "principal"))
    wrong = sums[(sums["principal_due"] != owed).fillna(value=False)]
    if not len(wrong):
        return
    label = pd.Series(loans.index.to_numpy(), index=loans["loan_id"])
    label = label[~label.index.duplicated()]
    currencies = wrong["loan_id"].map(_by_loan(loans, "currency")).fillna(scope.currency)
    fields = {
        "version": wrong["version"].tolist(),
        "scheduled": [
            as_text(int(minor), currency) for minor, currency in zip(wrong["principal_due"], currencies, strict=True)
        ],
    }
    rows = wrong["loan_id"].map(label).to_numpy(np.int64)
    yield Mark("warning", "schedule_sum", "loans", "principal", rows, fields=fields)


def shares_sum(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark shares of a whole that do not add up to it.

    Shares of a loan above 1 are an error and set aside, since they would lend more than there is; below 1 a note (the
    rest is its lender's); shares in an entity above 1 are a warning.

    Examples
    --------
    >>> shares = [{"loan_id": "L1", "lender_id": lender, "share": 0.6} for lender in "FG"]
    >>> frames = {"loan_shares": SCHEMAS["loan_shares"].frame(shares)}
    >>> [(mark.severity, mark.fields["total"]) for mark in shares_sum(frames, Scope())]
    [('error', ['1.2', '1.2'])]
    """
    del scope
    for table, whole, share, more, less in (
        ("loan_shares", "loan_id", "share", "", "note"),
        ("ownership", "owned_id", "share_min", "warning", ""),
    ):
        frame = frames.get(table)
        if frame is None or not len(frame):
            continue
        first = frame.drop_duplicates(whole).index.to_numpy(np.int64)
        of_row = frame.groupby(whole, sort=False)[share].transform("sum").to_numpy(np.float64)
        over = np.flatnonzero(of_row > 1 + _SLACK)
        if table == "loan_shares" and len(over):
            fields = {"total": [f"{total:.6f}".rstrip("0").rstrip(".") for total in of_row[over]]}
            yield Mark(
                "error",
                "shares_above_one",
                table,
                share,
                frame.index.to_numpy(np.int64)[over],
                aside=True,
                fields=fields,
            )
        totals = frame.groupby(whole, sort=False)[share].sum().to_numpy(np.float64)
        for code, severity, where in (
            ("shares_above_one", more, totals > 1 + _SLACK),
            ("shares_below_one", less, totals < 1 - _SLACK),
        ):
            if severity and where.any():
                fields = {"total": [f"{total:.6f}".rstrip("0").rstrip(".") for total in totals[where]]}
                yield Mark(severity, code, table, share, first[where], fields=fields)  # type: ignore[arg-type] # a severity


def currencies_in_use(frames: Frames, currency: str) -> dict[str, str]:
    """Return the currencies that amounts are in, each with the first table that has it.

    Parameters
    ----------
    frames : mapping of str to DataFrame
    currency : str
        The book's, of amounts that name none.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> currencies_in_use({"trade": SCHEMAS["trade"].frame([{"amount": 1, "currency": "USD"}])}, "CNY")
    {'USD': 'trade'}
    """
    found: dict[str, str] = {}
    for table in sorted(frames):
        frame, schema = frames[table], SCHEMAS[table]
        if schema.currency == "loan" or not schema.money:
            continue
        used = ~np.logical_and.reduce([frame[name].array.isna() for name in schema.money])
        if schema.currency == "column":
            names = set(frame["currency"].array[used].dropna().unique())
            names |= {currency} if frame["currency"].array[used].isna().any() else set()
        else:
            names = {currency} if used.any() else set()
        for name in sorted(names):
            found.setdefault(name, table)
    return found


def mixed_currency(frames: Frames, scope: Scope) -> Iterable[Mark]:
    """Mark currencies that no row of ``fx`` joins with the book's: an error, since amounts cannot be added.

    Examples
    --------
    >>> rows = [{"amount": 1, "currency": "USD"}, {"amount": 1}]
    >>> [mark.fields for mark in mixed_currency({"trade": SCHEMAS["trade"].frame(rows)}, Scope())]
    [{'currency': 'USD', 'other': 'CNY'}]
    """
    used = currencies_in_use(frames, scope.currency)
    fx = frames.get("fx")
    pairs = set() if fx is None else set(zip(fx["currency"], fx["base"], strict=True))
    for name, table in used.items():
        joined = (name, scope.currency) in pairs or (scope.currency, name) in pairs
        if name != scope.currency and len(used) > 1 and not joined:
            fields = {"currency": name, "other": scope.currency}
            yield Mark("error", "mixed_currency", table, "currency", fields=fields, whole=True)


#: Checks of rows within their table, after `schema_breaks`, in this order.
ROW_CHECKS: tuple[Check, ...] = (self_loop, duplicate_key)

#: Checks that may set aside rows because others were: they run until nothing changes.
REFERENCE_CHECKS: tuple[Check, ...] = (orphan,)

#: Checks of the rows that are kept in the end.
FINAL_CHECKS: tuple[Check, ...] = (
    absent_table,
    due_before_start,
    payment_before_start,
    schedule_sum,
    shares_sum,
    mixed_currency,
)
