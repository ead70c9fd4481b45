"""Loans by what they have in common: borrower, lender, group, product and the rest, in one currency."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from graphrisk.errors import UsageError
from graphrisk.ledger.overdue import Ledger
from graphrisk.ledger.penalty import MOST_MULTIPLE
from graphrisk.ledger.rounding import narrow, scaled
from graphrisk.results import KEYS, ResultColumn, Sentence
from graphrisk.tables.book import Tables
from graphrisk.tables.currency import conversion, exponent

#: The key column of each word of ``--by``.
BY = {name.removesuffix("_id"): name for name in KEYS}

_SHARE_UNIT = 10**9
#: What is added up, each in minor units; an overdue total is the sum of its principal and interest.
_AMOUNTS = [
    *("principal", "outstanding_principal", "overdue_principal", "overdue_interest", "overdue_fee"),
    *("penalty", "unallocated", "overdue_total"),
]


def key_columns(by: Sequence[str], extra: Sequence[str] = ()) -> list[str]:
    """Return the key column of each word.

    Parameters
    ----------
    by : sequence of str
        Words such as ``lender``.
    extra : sequence of str
        Words that the question knows beside those of `BY`, for the message.

    Raises
    ------
    UsageError
        If a word is unknown or stands twice.

    Examples
    --------
    >>> key_columns(["lender", "bucket"])
    ['lender_id', 'bucket']
    """
    for place, word in enumerate(by):
        if word not in BY or word in by[:place]:
            raise UsageError("by_key", value=",".join(by), allowed=", ".join([*extra, *BY]))
    return [BY[word] for word in by]


def result_columns(keys: Sequence[str], columns: tuple[ResultColumn, ...]) -> tuple[ResultColumn, ...]:
    """Return columns of a result with its key columns before them.

    Examples
    --------
    >>> [column.name for column in result_columns(["product"], ())]
    ['product']
    """
    return (*(KEYS[key] for key in keys), *columns)


def reporting_currency(ledger: Ledger, tables: Tables, currency: str | None) -> str:
    """Return the currency of sums: the one asked for, else that of all loans, else the book's.

    Parameters
    ----------
    ledger : Ledger
    tables : Tables
    currency : str or None
        The one asked for.
    """
    if currency:
        return currency
    known = ledger.loans["currency"].unique()
    return str(known[0]) if len(known) == 1 else tables.currency


def on_book(ledger: Ledger) -> pd.DataFrame:
    """Return the loans that are neither written off nor sold."""
    loans = ledger.loans
    return loans[loans["on_book"] | (loans["status"] == "settled")].reset_index(drop=True)


def off_book(ledger: Ledger, status: str) -> pd.DataFrame:
    """Return the loans that are off the book, ``written_off`` or ``sold``."""
    loans = ledger.loans
    return loans[~loans["on_book"] & (loans["status"] == status)].reset_index(drop=True)


def converted(loans: pd.DataFrame, tables: Tables, *, to: str, as_of: date) -> pd.DataFrame:
    """Return loans with their amounts in one currency, each rounded half up.

    Parameters
    ----------
    loans : DataFrame
        Rows of `Ledger.loans`.
    tables : Tables
        For the table ``fx``.
    to : str
        The currency.
    as_of : date
        Rates after it do not count.

    Raises
    ------
    InvalidDataError
        If there is no rate for a currency.
    """
    rates = conversion(tables["fx"], loans["currency"].unique().tolist(), to=to, as_of=as_of)
    if set(rates) <= {to}:
        return loans
    rate = [rates[currency] for currency in loans["currency"]]
    top = narrow(np.array([value.numerator for value in rate], dtype=object))
    bottom = narrow(np.array([value.denominator for value in rate], dtype=object))
    result = loans.assign(currency=to)
    for name in _AMOUNTS[:-1]:
        amounts = scaled(loans[name].fillna(0).to_numpy(dtype=np.int64), top, bottom)
        result[name] = pd.Series(amounts, index=loans.index, dtype="Int64").mask(loans[name].isna())
    result["overdue_total"] = result["overdue_principal"] + result["overdue_interest"]
    return result


def with_keys(loans: pd.DataFrame, tables: Tables, keys: Sequence[str], as_of: date) -> pd.DataFrame:
    """Return loans with the key columns asked for; a loan of several lenders or guarantors has several rows.

    Amounts are split among lenders by their shares, and add up to the loan. A guarantor answers for all of what it
    covers, so that a loan under two guarantors counts under each.

    Parameters
    ----------
    loans : DataFrame
        Rows of `Ledger.loans`.
    tables : Tables
        For shares, guarantees and the borrowers' groups and regions.
    keys : sequence of str
        Key columns.
    as_of : date
        For the guarantees in force.
    """
    rows = loans.assign(loan=np.arange(len(loans)))
    if "lender_id" in keys or "guarantor_id" in keys:
        rows = _by_lender(rows, tables["loan_shares"])
    if "guarantor_id" in keys:
        rows = _by_guarantor(rows, tables["guarantees"], pd.Timestamp(as_of))
    if "origination_month" in keys:
        rows = rows.assign(origination_month=rows["start_date"].dt.strftime("%Y-%m"))
    for name in ("group_id", "region"):
        if name in keys:
            of_entity = tables["entities"].drop_duplicates("entity_id").set_index("entity_id")[name]
            rows = rows.assign(**{name: rows["borrower_id"].map(of_entity).astype("str")})
    for name in keys:
        rows[name] = rows[name].where(rows[name] != "")
    return rows


def _by_lender(rows: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Split co-lent loans; running shares are rounded half up, so that the parts add up to the loan."""
    shares = shares.merge(rows[["loan_id", "loan"]], on="loan_id").sort_values(["loan", "lender_id"])
    if shares.empty:
        return rows
    part = (shares["share"].to_numpy(dtype=np.float64) * _SHARE_UNIT).round().astype(np.int64)
    upto = pd.Series(part, index=shares.index).groupby(shares["loan"]).cumsum().to_numpy()
    loan = shares["loan"].to_numpy()
    last = np.append(loan[1:] != loan[:-1], True)
    pieces = rows.iloc[loan].assign(lender_id=shares["lender_id"].to_numpy())
    rest = rows.iloc[loan[last]]
    for name in _AMOUNTS[:-1]:
        known = pieces[name].notna().to_numpy()
        whole = pieces[name].fillna(0).to_numpy(dtype=np.int64)
        pieces[name] = pd.array(
            scaled(whole, upto, _SHARE_UNIT) - scaled(whole, upto - part, _SHARE_UNIT), dtype="Int64"
        )
        pieces.loc[~known, name] = pd.NA
        rest = rest.assign(**{name: rest[name] - scaled(whole[last], upto[last], _SHARE_UNIT)})
    kept = rest[upto[last] != _SHARE_UNIT]
    split = pd.concat([pieces, kept])
    split["overdue_total"] = split["overdue_principal"] + split["overdue_interest"]
    unsplit = rows.drop(index=rows.index[np.unique(loan)])
    everything: pd.DataFrame = pd.concat([unsplit, split], ignore_index=True)
    return everything


def _by_guarantor(rows: pd.DataFrame, guarantees: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give each loan a row for each of its guarantors, or one without."""
    active = guarantees[
        (guarantees["start"].isna() | (guarantees["start"] <= as_of))
        & (guarantees["end"].isna() | (guarantees["end"] >= as_of))
        & (guarantees["claim_until"].isna() | (guarantees["claim_until"] >= as_of))
        & guarantees["status"].fillna("").isin(["", "active"])
        & (guarantees["amount"].isna() | (guarantees["amount"] > 0))
    ]
    places = rows[["loan_id", "borrower_id", "lender_id"]].assign(place=np.arange(len(rows)))
    of_loan = active["loan_id"].fillna("") != ""
    named = active[of_loan].merge(places, on="loan_id")
    named = named[named["borrower_id"] == named["debtor_id"]]
    general = active[~of_loan].drop(columns="loan_id").merge(places, left_on="debtor_id", right_on="borrower_id")
    creditor = general["creditor_id"].fillna("")
    general = general[(creditor == "") | (creditor == general["lender_id"])]
    pairs = pd.concat([named[["place", "guarantor_id"]], general[["place", "guarantor_id"]]]).drop_duplicates()
    alone = np.setdiff1d(places["place"].to_numpy(), pairs["place"].to_numpy())
    without = rows.iloc[alone].assign(guarantor_id=pd.Series(pd.NA, index=rows.index[alone], dtype="str"))
    covered = rows.iloc[pairs["place"].to_numpy(dtype=np.int64)].assign(guarantor_id=pairs["guarantor_id"].array)
    return pd.concat([covered, without], ignore_index=True)


def summed(rows: pd.DataFrame, keys: Sequence[str], amounts: Sequence[str]) -> pd.DataFrame:
    """Return one row a key: sums of amounts, loans counted once, the most days past due; the largest first.

    Parameters
    ----------
    rows : DataFrame
        What `with_keys` gives.
    keys : sequence of str
        Key columns; a blank key is a row of its own.
    amounts : sequence of str
        Columns to add up. Where all of a key's penalties are unknown, so is their sum.
    """
    group = rows.groupby(list(keys), dropna=False, sort=False)
    sums = group[list(amounts)].sum(min_count=1)
    once = rows.drop_duplicates([*keys, "loan"]).groupby(list(keys), dropna=False, sort=False)
    sums["loans"] = once.size()
    sums["loans_overdue"] = once["late"].sum()
    sums["days_past_due"] = group["days_past_due"].max()
    return in_order(sums.reset_index(), keys)


def in_order(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return rows by overdue total falling, then by their keys, blank ones last."""
    ordered: pd.DataFrame = rows.sort_values(list(keys), kind="stable", na_position="last")
    largest: pd.DataFrame = ordered.sort_values("overdue_total", ascending=False, kind="stable")
    return largest.reset_index(drop=True)


def decimals(loans: pd.DataFrame, amounts: Sequence[str], currency: str) -> dict[str, object]:
    """Return sums of amounts in currency units; None where nothing of an amount is known.

    Parameters
    ----------
    loans : DataFrame
        Loans in one currency.
    amounts : sequence of str
        Columns.
    currency : str
        The currency.
    """
    return {
        name: Decimal(int(loans[name].sum())).scaleb(-exponent(currency))
        if loans[name].notna().any() or loans.empty
        else None
        for name in amounts
    }


def apart(ledger: Ledger, tables: Tables, *, to: str, as_of: date) -> dict[str, object]:
    """Return what loans written off and sold are, which no sum holds: count, outstanding principal, overdue total.

    Parameters
    ----------
    ledger : Ledger
    tables : Tables
        For the table ``fx``.
    to : str
        The reporting currency.
    as_of : date
        Rates after it do not count.
    """
    result: dict[str, object] = {}
    for status in ("written_off", "sold"):
        loans = converted(off_book(ledger, status), tables, to=to, as_of=as_of)
        sums = decimals(loans, ("outstanding_principal", "overdue_total"), to)
        result[status] = {"loans": len(loans), **sums}
    return result


def ledger_notes(ledger: Ledger, loans: pd.DataFrame, *, assumed: bool, to: str) -> list[Sentence]:
    """Return what was assumed of the loans, one sentence each.

    Parameters
    ----------
    ledger : Ledger
    loans : DataFrame
        The loans on the book, in their own currencies.
    assumed : bool
        Whether instalments count as unpaid for want of a table of payments.
    to : str
        The reporting currency.
    """
    live = loans[loans["on_book"]]
    off = ledger.loans.loc[~ledger.loans["on_book"], "status"]
    multiplier = ledger.conventions.penalty_multiplier
    percents = sum(item.code == "penalty_multiplier_percent" for item in ledger.findings)
    others = tuple(sorted(set(loans["currency"]) - {to}))
    counted = (
        ("penalty_unknown", int(loans["penalty_unknown"].sum())),
        ("from_snapshots", int((live["source"] == "snapshot").sum())),
        ("no_source", int((live["source"] == "none").sum())),
        ("penalty_percents", percents),
        ("off_book", int(off.isin(["written_off", "sold"]).sum())),
    )
    notes = [Sentence("assumed_unpaid")] if assumed else []
    if multiplier > MOST_MULTIPLE:
        notes.append(Sentence("penalty_percent", {"value": f"{multiplier:f}"}))
    notes += [Sentence(code, {"count": count}) for code, count in counted if count]
    if others:
        notes.append(Sentence("converted", {"currencies": others, "to": to, "as_of": ledger.as_of}))
    kinds = pd.Series([item.code for item in ledger.findings if item.severity != "note"], dtype="str")
    if len(kinds):
        parts = [Sentence("doubt_kind", {"code": code, "count": int(n)}) for code, n in kinds.value_counts().items()]
        parts.sort(key=lambda part: str(part.fields["code"]))
        notes.append(Sentence("ledger_doubts", {"count": len(kinds), "kinds": tuple(parts)}))
    return notes
