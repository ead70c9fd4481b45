"""Exposure: who is exposed to whom, by channel and contract, taken together by group, or as belief.

Source of the limits that are told: China Banking and Insurance Regulatory Commission, Measures for the Administration
of Large Exposures of Commercial Banks, in force since 1 July 2018: loans to one customer that is no bank at most 10 %
of net capital, all exposure to it at most 15 % of tier 1 capital.
"""

import numpy as np
import pandas as pd

from graphrisk.analyzers.exposure_book import (
    LARGEST,
    Asked,
    Book,
    amounts_by_name,
    by_channel,
    concentration,
    known,
    stakes,
)
from graphrisk.analyzers.exposure_groups import by_groups
from graphrisk.analyzers.exposure_trust import beliefs_of
from graphrisk.errors import UsageError
from graphrisk.network import CHANNELS, Network
from graphrisk.network.exposures import claimed_once, contingent_claims, contract_exposures
from graphrisk.results import RESULTS, Result, Sentence

#: Share of a bank's net capital that loans to one customer may have.
LOAN_LIMIT = 0.10
#: Share of a bank's tier 1 capital that all claims on one customer may have.
CLAIM_LIMIT = 0.15
#: Most names above these limits that are told one by one.
_NAMED = 10
#: Kinds of entities that are no customers in the sense of these limits.
EXEMPT = ("bank", "insurer", "public")


def exposure(
    network: Network,
    *,
    entity_id: str | None = None,
    group_id: str | None = None,
    by_group: bool = False,
    channel: str | None = None,
) -> Result:
    """Say who is exposed to whom: who loses if another fails, through which contract, and how much.

    Parameters
    ----------
    network : Network
        The network.
    entity_id : str or None
        The entity whose exposures are wanted, in both directions; None for everybody's.
    group_id : str or None
        The group to which exposures are wanted, as the data or ownership name it.
    by_group : bool
        Whether obligors are taken together by group: those that the data state, closed under ownership.
    channel : str or None
        default, guarantee, supply or funding; trust: beliefs and the payment history behind them.

    Returns
    -------
    Result
        Columns of ``RESULTS["exposure"]``, ``["exposure_group"]`` or ``["exposure_trust"]``; amounts in the reporting
        currency.

    Raises
    ------
    UsageError
        If the entity, the group or the channel is unknown, or beliefs are wanted of a group.

    Examples
    --------
    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> owed = [{"invoice_id": b + s, "seller_id": s, "buyer_id": b, "amount": amount, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"} for b, s, amount in [("A", "B", 30_000), ("C", "B", 10_000)]]
    >>> tables = Tables({"invoices": SCHEMAS["invoices"].frame(owed)})
    >>> result = exposure(Network.from_tables(tables, as_of=date(2024, 6, 30)))
    >>> result.rows[["creditor_id", "obligor_id", "kind", "amount", "share_of_creditor"]].values.tolist()
    [['B', 'A', 'invoice', 300.0, 0.75], ['B', 'C', 'invoice', 100.0, 0.25]]
    """
    asked = Asked(entity_id, group_id, by_group or group_id is not None, channel)
    if channel is not None and channel not in CHANNELS:
        raise UsageError("channel_value", value=channel, allowed=", ".join(CHANNELS))
    if channel == "trust" and asked.by_group:
        raise UsageError("trust_of_group")
    subject = -1
    if entity_id is not None:
        subject = int(network.ids.get_indexer(pd.Index([entity_id]))[0])
        if subject < 0:
            raise UsageError("unknown_entity", id=entity_id)
    read = network.reading()
    book = Book(network, read, asked, subject, contract_exposures(network, read))
    if channel == "trust":
        return beliefs_of(book)
    return by_groups(book) if asked.by_group else _by_contract(book)


def _by_contract(book: Book) -> Result:
    """Return exposures, one row a contract."""
    network, rows = book.network, _chosen(book)
    measured = book.asked.channel or "default"
    names = amounts_by_name(book.rows, measured)
    spread_over = concentration(names, book.net_capital())
    told = spread_over[spread_over["creditor"] == book.subject] if book.subject >= 0 else spread_over.head(LARGEST)
    large = _large(book, names) if measured == "default" else names.head(0)
    contingent = _contingent(book)
    detail: dict[str, object] = {"large": _large_ids(book, large)}
    if book.subject >= 0:
        detail["contingent"] = _contingent_ids(book, contingent)
    concentrated = _concentrated(book, told, measured)
    headline, own = _headline(book, rows), book.subject >= 0
    return Result(
        command="exposure",
        columns=RESULTS["exposure"],
        rows=_frame(book, rows),
        summary={
            "contracts": len(rows),
            "creditors": int(rows["creditor"].nunique()),
            "obligors": int(rows["obligor"].nunique()),
            "by_channel": by_channel(rows),
            **_directions(book, rows),
            "overdue": float(rows["overdue"].sum()),
            "concentration": [_concentration(book, row, measured) for _, row in told.iterrows()],
        },
        as_of=network.as_of,
        currency=network.currency,
        parameters=book.asked.parameters(),
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=(*headline, *concentrated) if own else headline,
        notes=(*(() if own else concentrated), *_notes(book, rows, large, contingent)),
        detail=detail,
    )


def _chosen(book: Book) -> pd.DataFrame:
    """Return the exposures that are asked for: the subject's own first, then those of others to it, by amount."""
    rows, asked, subject = book.rows, book.asked, book.subject
    if asked.channel is not None:
        rows = rows[rows["channel"] == asked.channel]
    if subject >= 0:
        rows = rows[(rows["creditor"] == subject) | (rows["obligor"] == subject)]
    # Rounded, so that a last digit of noise cannot change the order of equal rows; positions are in the order of ids.
    order = rows.assign(others=(rows["creditor"] != subject) & (subject >= 0), rounded=rows["amount"].round(6))
    return rows.loc[
        order.sort_values(
            ["others", "rounded", "creditor", "obligor", "kind", "contract_id"],
            ascending=[True, False, True, True, True, True],
            kind="stable",
        ).index
    ]


def _frame(book: Book, rows: pd.DataFrame) -> pd.DataFrame:
    """Return exposures as the rows of a result."""
    ids = book.network.ids
    total = book.rows.groupby(["creditor", "channel"])["amount"].sum()
    own = total.reindex(pd.MultiIndex.from_frame(rows[["creditor", "channel"]])).to_numpy(dtype=np.float64)
    money = (rows["channel"] != "trust").to_numpy() & (own > 0)
    amount = rows["amount"].to_numpy(dtype=np.float64)
    contract = rows["contract_id"].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "creditor_id": ids[rows["creditor"]],
            "obligor_id": ids[rows["obligor"]],
            "channel": rows["channel"].to_numpy(),
            "kind": rows["kind"].to_numpy(),
            "amount": amount,
            "currency": book.network.currency,
            "share_of_creditor": np.where(money, amount / np.where(money, own, 1.0), np.nan),
            "contract_id": contract.where(contract != ""),
            "until": rows["until"].to_numpy(),
            "overdue": rows["overdue"].to_numpy(),
            "share": rows["share"].to_numpy(),
            "creditor_name": book.names(rows["creditor"]),
            "obligor_name": book.names(rows["obligor"]),
        }
    )
    return pd.DataFrame(frame[[column.name for column in RESULTS["exposure"]]])


def _directions(book: Book, rows: pd.DataFrame) -> dict[str, object]:
    """Return the sums by channel of what the subject is exposed to, and of what others are exposed to through it."""
    if book.subject < 0:
        return {}
    own = rows["creditor"] == book.subject
    return {"as_creditor": by_channel(rows[own]), "as_obligor": by_channel(rows[~own])}


def _concentration(book: Book, row: pd.Series, channel: str) -> dict[str, object]:
    """Return the concentration of one creditor as plain values."""
    return {
        "creditor_id": book.id(row["creditor"]),
        "channel": channel,
        "amount": float(row["amount"]),
        "names": int(row["names"]),
        "largest_id": book.id(row["largest"]),
        **{name: float(row[name]) for name in ("top1_share", "top5_share", "hhi")},
        **{name: known(row[name]) for name in ("net_capital", "top1_of_net_capital", "loans_of_net_capital")},
    }


def _large(book: Book, names: pd.DataFrame) -> pd.DataFrame:
    """Return the names whose loans or claims are above the limits of a bank, as shares of its net capital."""
    kind = book.network.entities["kind"].fillna("").to_numpy(dtype=object)
    creditor, name = names["creditor"].to_numpy(dtype=np.int64), names["name"].to_numpy(dtype=np.int64)
    capital = book.net_capital()[creditor]
    bound = (kind[creditor] == "bank") & ~np.isin(kind[name].astype(str), EXEMPT)
    if book.subject >= 0:
        bound &= creditor == book.subject
    shares = names.assign(loan_share=names["loans"] / capital, claim_share=names["amount"] / capital)
    above = shares[bound & ((shares["loan_share"] > LOAN_LIMIT) | (shares["claim_share"] > CLAIM_LIMIT))]
    order = above.sort_values(["claim_share", "creditor", "name"], ascending=[False, True, True], kind="stable")
    return pd.DataFrame(order)


def _large_ids(book: Book, large: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            "creditor_id": book.id(row["creditor"]),
            "obligor_id": book.id(row["name"]),
            "loans": float(row["loans"]),
            "claims": float(row["amount"]),
            "loans_of_net_capital": float(row["loan_share"]),
            "claims_of_net_capital": float(row["claim_share"]),
        }
        for _, row in large.iterrows()
    ]


def _contingent(book: Book) -> pd.DataFrame:
    """Return the guarantees that the subject holds or has given, with what they come to if the debtor pays nothing."""
    rows = contingent_claims(book.network, book.read, book.rows)
    return pd.DataFrame(rows[(rows["creditor"] == book.subject) | (rows["obligor"] == book.subject)])


def _contingent_ids(book: Book, rows: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            "creditor_id": book.id(row["creditor"]),
            "guarantor_id": book.id(row["obligor"]),
            "debtor_id": book.id(row["debtor"]),
            "contract_id": str(row["contract_id"]),
            "amount": float(row["amount"]),
        }
        for _, row in _by_guarantee(rows).iterrows()
    ]


def _by_guarantee(contingent: pd.DataFrame) -> pd.DataFrame:
    """Return what each guarantee comes to for each creditor, over all debts that it covers."""
    keys = ["contract_id", "creditor", "obligor", "debtor"]
    return contingent.groupby(keys, sort=False)["amount"].sum().reset_index()


def _headline(book: Book, rows: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return how many are exposed to how many, or what the subject stands to lose and what others do through it."""
    if book.subject < 0:
        counts = {"creditors": int(rows["creditor"].nunique()), "obligors": int(rows["obligor"].nunique())}
        said = {"contracts": len(rows), **counts, "stakes": stakes(rows)}
        return (Sentence("exposure_book", said) if rows["amount"].sum() > 0 else Sentence("exposure_nothing"),)
    named, own = {"entity": book.entity(book.subject)}, rows["creditor"] == book.subject
    sides = (("exposure_to", rows[own], "obligor"), ("exposure_through", rows[~own], "creditor"))
    told = tuple(
        Sentence(code, {**named, "others": int(part[other].nunique()), "stakes": stakes(part)})
        for code, part, other in sides
        if part["amount"].sum() > 0
    )
    return told or (Sentence("exposure_alone", named), *_insured(book))


def _insured(book: Book) -> tuple[Sentence, ...]:
    """Say that the subject is a party to insurance, which is no exposure here, if it is."""
    policies, id_ = book.read.tables["insurance"], book.id(book.subject)
    count = int((policies[["insurer_id", "insured_id", "debtor_id"]] == id_).any(axis=1).sum())
    return (Sentence("exposure_insured", {"entity": book.entity(book.subject), "count": count}),) if count else ()


def _concentrated(book: Book, told: pd.DataFrame, channel: str) -> tuple[Sentence, ...]:
    """Say how concentrated it is what creditors have at stake, and what part of net capital the largest has."""
    said = []
    for _, row in told.iterrows():
        entity = book.entity(row["creditor"])
        figures = {name: float(row[name]) for name in ("amount", "top1_share", "top5_share")}
        names = {"entity": entity, "what": Sentence(f"stake_{channel}"), "largest": book.entity(row["largest"])}
        said.append(
            Sentence(
                "exposure_concentration",
                {**names, **figures, "names": int(row["names"]), "hhi": f"{row['hhi']:.4f}"},
            )
        )
        if channel == "default" and known(row["net_capital"]) is not None:
            shares = {name: float(row[name]) for name in ("net_capital", "top1_of_net_capital", "loans_of_net_capital")}
            said.append(Sentence("exposure_net_capital", {"entity": entity, **shares}))
    return tuple(said)


def _guaranteed(book: Book, contingent: pd.DataFrame) -> list[Sentence]:
    """Say what guarantors answer for to the subject, each debt once, and who answers for most, taken alone."""
    held = contingent[contingent["creditor"] == book.subject]
    if held.empty:
        return []
    together = claimed_once(held, np.zeros(len(held), dtype=np.int64))
    held = claimed_once(held, held["obligor"].to_numpy(dtype=np.int64))
    of_guarantor = held.groupby("obligor")["amount"].sum().sort_values(ascending=False, kind="stable").head(3)
    who = tuple(
        Sentence("who_amount", {"entity": book.entity(guarantor), "amount": float(amount)})
        for guarantor, amount in zip(of_guarantor.index.tolist(), of_guarantor.tolist(), strict=True)
    )
    fields = {"entity": book.entity(book.subject), "amount": float(together["amount"].sum())}
    return [Sentence("exposure_contingent", {**fields, "who": who})]


def _notes(book: Book, rows: pd.DataFrame, large: pd.DataFrame, contingent: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return which names are above a bank's limits, what a share is a share of, and what is not in the rows."""
    notes = _guaranteed(book, contingent)
    notes += [
        Sentence(
            "exposure_above_limit",
            {
                "creditor": book.entity(row["creditor"]),
                "obligor": book.entity(row["name"]),
                "loans": float(row["loan_share"]),
                "claims": float(row["claim_share"]),
            },
        )
        for _, row in large.head(_NAMED).iterrows()
    ]
    if len(large) > _NAMED:
        notes.append(Sentence("exposure_more_above", {"count": len(large) - _NAMED}))
    if len(large):
        notes.append(Sentence("exposure_limits", {"loans": LOAN_LIMIT, "claims": CLAIM_LIMIT}))
    notes += [Sentence("exposure_share"), Sentence("exposure_not_counted")]
    implied = float(rows[rows["kind"] == "trade_credit"]["amount"].sum())
    if implied > 0:
        notes.append(Sentence("exposure_trade_credit", {"amount": implied}))
    if len(book.network.outside):
        notes.append(Sentence("exposure_outside", {"count": len(book.network.outside)}))
    return tuple(notes)
