"""Exposures by group: what each creditor has at stake in a group of connected entities."""

from collections import Counter

import numpy as np
import pandas as pd

from graphrisk.analyzers.exposure_book import LARGEST, Book, amounts_by_name, concentration, known
from graphrisk.errors import UsageError
from graphrisk.network.exposures import claimed_once, contingent_claims
from graphrisk.network.groups import Groups, find_groups, listed
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Finding

#: What a row sums up; the first four are what a creditor could lose in money through the group.
PARTS = ("claims", "guaranteed", "undrawn", "contingent", "supply", "funding")
_AT_STAKE = PARTS[:4]
#: Which sum of a row is asked for by a channel.
_OF_CHANNEL = {"default": "claims", "guarantee": "guaranteed", "supply": "supply", "funding": "funding"}
#: Which sum a kind of line, read from its giver's side, belongs to: what it may have to lend.
_PROMISED = ("facility", "project")


def by_groups(book: Book) -> Result:
    """Return what creditors have at stake in groups, one row a creditor and group.

    Parameters
    ----------
    book : Book
        Exposures and the question.

    Returns
    -------
    Result
        Columns of ``RESULTS["exposure_group"]``.

    Raises
    ------
    UsageError
        If the group is unknown.
    """
    network = book.network
    groups = find_groups(book.read)
    wanted = _wanted(book, groups)
    every, within = _sums(book, groups)
    rows = _chosen(book, every, wanted)
    numbers = sorted(set(rows["group"]) if wanted is None else {wanted, *rows["group"]})
    group = groups.group[: network.n]
    # An entity without a group is a name of its own, numbered after the groups.
    of = np.where(group >= 0, group, len(groups.names) + np.arange(network.n))
    spread_over = concentration(amounts_by_name(book.rows, "default", of), book.net_capital())
    told = spread_over[spread_over["creditor"] == book.subject] if book.subject >= 0 else spread_over.head(LARGEST)
    return Result(
        command="exposure_group",
        columns=RESULTS["exposure_group"],
        rows=_frame(book, groups, rows),
        summary={
            "groups": int(rows["group"].nunique()),
            "creditors": int(rows["creditor"].nunique()),
            **{part: float(rows[part].sum()) for part in PARTS},
            "within": float(within[within["group"].isin(numbers)]["amount"].sum()),
            "concentration": [_concentration(book, groups, row) for _, row in told.iterrows()],
        },
        as_of=network.as_of,
        currency=network.currency,
        parameters=book.asked.parameters(),
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(book, groups, rows, wanted),
        notes=_notes(groups, numbers, within),
        detail={
            "groups": listed(groups, numbers, book.read.ids),
            "findings": [_found(finding) for finding in groups.findings],
        },
    )


def _wanted(book: Book, groups: Groups) -> int | None:
    """Return the number of the group that is asked about; None where it is none, or all are."""
    name = book.asked.group_id
    if name is None:
        number = int(groups.group[book.subject]) if book.subject >= 0 else -1
        return None if number < 0 else number
    own = book.read.tables["entities"]
    stated = own.loc[own["group_id"] == name, "entity_id"]
    hits = np.flatnonzero(groups.names == name)
    if len(stated):  # a group that ownership joined to another has the other's name
        hits = groups.group[book.read.position(stated.iloc[[0]])]
    if not len(hits):
        raise UsageError("unknown_group", id=name)
    return int(hits[0])


def _sums(book: Book, groups: Groups) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each creditor has at stake in each group, and what members have at stake in their own group."""
    rows = book.rows[book.rows["channel"] != "trust"]
    part = rows["channel"].map(_OF_CHANNEL)
    promised = rows[rows["kind"].isin(_PROMISED)]
    contingent = contingent_claims(book.network, book.read, book.rows)
    every = pd.concat(
        [
            rows[["creditor", "obligor", "amount", "overdue"]].assign(part=part),
            promised.rename(columns={"creditor": "obligor", "obligor": "creditor"})[
                ["creditor", "obligor", "amount"]
            ].assign(part="undrawn"),
            _elsewhere(contingent, groups),
        ],
        ignore_index=True,
    )
    every["group"] = groups.group[every["obligor"]]
    own = (groups.group[every["creditor"]] == every["group"]).to_numpy()
    in_group = (every["group"] >= 0).to_numpy()
    return every[in_group & ~own], every[in_group & own & (every["part"] == "claims").to_numpy()]


def _elsewhere(contingent: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """Return guarantees for debtors outside the guarantor's group: inside it the debt counts once, as a claim.

    However many of a group answer for one debt, they owe its creditor no more than the debt.
    """
    of_guarantor, of_debtor = groups.group[contingent["obligor"]], groups.group[contingent["debtor"]]
    apart = (of_guarantor != of_debtor) & (of_guarantor >= 0)
    once = claimed_once(contingent[apart], of_guarantor[apart])
    return pd.DataFrame(once[["creditor", "obligor", "amount"]]).assign(part="contingent")


def _chosen(book: Book, every: pd.DataFrame, wanted: int | None) -> pd.DataFrame:
    """Return one row a creditor and group: its sums, what is overdue of it, and how many members are behind it."""
    keys = ["creditor", "group"]
    if book.subject >= 0:
        every = every[(every["creditor"] == book.subject) | (every["group"] == (-1 if wanted is None else wanted))]
    elif wanted is not None:
        every = every[every["group"] == wanted]
    sums = every.pivot_table(index=keys, columns="part", values="amount", aggfunc="sum", fill_value=0.0)
    sums = sums.reindex(columns=list(PARTS), fill_value=0.0)
    of_pair = every.groupby(keys)
    rows = sums.assign(
        amount=sums[list(_AT_STAKE)].sum(axis=1),
        overdue=of_pair["overdue"].sum(),
        obligors=of_pair["obligor"].nunique(),
    ).reset_index()
    if book.asked.channel is not None:
        rows = rows[rows[_OF_CHANNEL[book.asked.channel]] > 0]
    order = rows.assign(rounded=rows["amount"].round(6)).sort_values(
        ["rounded", "creditor", "group"], ascending=[False, True, True], kind="stable"
    )
    return pd.DataFrame(rows.loc[order.index])


def _frame(book: Book, groups: Groups, rows: pd.DataFrame) -> pd.DataFrame:
    """Return sums as the rows of a result."""
    claims = book.rows[book.rows["channel"] == "default"].groupby("creditor")["amount"].sum()
    own = claims.reindex(rows["creditor"]).to_numpy(dtype=np.float64)
    capital = book.net_capital()[rows["creditor"]]
    frame = pd.DataFrame(
        {
            "creditor_id": book.network.ids[rows["creditor"]],
            "group_id": groups.names[rows["group"]],
            "amount": rows["amount"].to_numpy(),
            "currency": book.network.currency,
            "share_of_creditor": rows["claims"].to_numpy() / own,
            "share_of_net_capital": rows["amount"].to_numpy() / capital,
            **{part: rows[part].to_numpy() for part in PARTS},
            "overdue": rows["overdue"].to_numpy(),
            "obligors": rows["obligors"].to_numpy(dtype=np.int64),
            "creditor_name": book.names(rows["creditor"]),
        }
    )
    return frame[[column.name for column in RESULTS["exposure_group"]]]


def _name(book: Book, groups: Groups, number: int) -> str:
    """Return the name of a group, or the id of an entity without one, by the numbers of `by_groups`."""
    count = len(groups.names)
    return str(groups.names[number]) if number < count else book.id(number - count)


def _concentration(book: Book, groups: Groups, row: pd.Series) -> dict[str, object]:
    return {
        "creditor_id": book.id(row["creditor"]),
        "amount": float(row["amount"]),
        "names": int(row["names"]),
        "largest_id": _name(book, groups, int(row["largest"])),
        **{name: float(row[name]) for name in ("top1_share", "top5_share", "hhi")},
        **{name: known(row[name]) for name in ("net_capital", "top1_of_net_capital")},
    }


def _headline(book: Book, groups: Groups, rows: pd.DataFrame, wanted: int | None) -> tuple[Sentence, ...]:
    """Return what is at stake in groups in one sentence; of one group also who its members are."""
    if wanted is None and book.subject >= 0:
        of = {"entity": book.entity(book.subject), "stakes": _parts(rows, "group")}
        return (Sentence("exposure_to_groups" if len(rows) else "exposure_to_no_group", of),)
    if wanted is None:
        counts = {"groups": int(rows["group"].nunique()), "creditors": int(rows["creditor"].nunique())}
        said = {**counts, "stakes": _parts(rows)}
        return (Sentence("exposure_groups" if len(rows) else "exposure_no_group", said),)
    own = rows[rows["group"] == wanted]
    members = tuple(book.read.ids[groups.members(wanted)])
    named = {"group_id": str(groups.names[wanted]), "members": members, "count": len(members)}
    stakes = _parts(own)
    at_stake = Sentence("exposure_in_group", {"stakes": stakes}) if stakes else Sentence("exposure_nothing_in_group")
    return (Sentence("exposure_of_group", named), at_stake, *_first_creditors(book, own))


def _parts(rows: pd.DataFrame, of: str = "creditor") -> tuple[Sentence, ...]:
    """Return what is at stake in groups: each part of which there is something, and of how many creditors or groups."""
    return tuple(
        Sentence(
            f"group_{part}",
            {"amount": float(rows[part].sum()), "count": int(rows.loc[rows[part] > 0, of].nunique())},
        )
        for part in PARTS
        if (rows[part] > 0).any()
    )


def _first_creditors(book: Book, rows: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return who has most at stake in a group."""
    first = rows[rows["amount"] > 0].head(3)
    who = tuple(
        Sentence("who_amount", {"entity": book.entity(row["creditor"]), "amount": float(row["amount"])})
        for _, row in first.iterrows()
    )
    return (Sentence("exposure_most", {"who": who}),) if who else ()


def _notes(groups: Groups, numbers: list[int], within: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return what the columns add up, what was left out, who is related, and what is wrong with the ownership."""
    notes = [Sentence("exposure_group_columns"), Sentence("exposure_not_counted")]
    inside = float(within[within["group"].isin(numbers)]["amount"].sum())
    if inside > 0:
        notes.append(Sentence("exposure_within", {"amount": inside}))
    related = groups.related[groups.related["group"].isin(numbers)]
    if len(related):
        notes.append(Sentence("exposure_related", {"count": len(related[["group", "entity"]].drop_duplicates())}))
    if groups.findings:
        codes = Counter(finding.code for finding in groups.findings)
        kinds = tuple(Sentence("doubt_kind", {"code": code, "count": codes[code]}) for code in sorted(codes))
        notes.append(Sentence("ledger_doubts", {"count": len(groups.findings), "kinds": kinds}))
    return tuple(notes)


def _found(finding: Finding) -> dict[str, object]:
    """Return a finding as plain values."""
    names = ("severity", "code", "file", "line", "value")
    return {**{name: getattr(finding, name) for name in names}, **finding.fields}
