"""Guarantees in force: who answers for whom, with how much, and which guarantor hangs on its own debtor.

What is read into a guarantee follows the Civil Code of China: a silent contract makes a general guarantee (art. 686),
whose guarantor pays only after enforcement against the debtor has failed (art. 687); a joint one is called at once
(art. 688); several guarantors answer for their shares (art. 699).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from graphrisk.analyzers.guarantee_paths import KINDS, MATERIAL, Paths, wrong_way_paths
from graphrisk.analyzers.spread import named
from graphrisk.errors import UsageError
from graphrisk.models.arrays import Flags, Positions, Vector, sum_at
from graphrisk.models.dependence import LINKS
from graphrisk.network import Network
from graphrisk.network.groups import Groups, find_groups
from graphrisk.network.reading import Reading
from graphrisk.results import RESULTS, Result, Sentence

Kind = Literal["entity", "group", "loan", "guarantee"]

#: Why a guarantee does not count, the first that holds.
OUT_OF_FORCE = ("not_active", "ended", "not_begun", "claim_closed", "without_effect")
#: What a guarantee is to the subject of the question.
SIDES = ("given", "received", "inside", "held")


@dataclass(frozen=True)
class InForce:
    """The guarantees in force of a network, with all that is asked of each.

    Attributes
    ----------
    network : Network
    """

    network: Network

    @cached_property
    def read(self) -> Reading:
        """The book that the network was built from."""
        return self.network.reading()

    @cached_property
    def groups(self) -> Groups:
        """The groups of the book: those that the data state, closed under ownership."""
        return find_groups(self.read)

    @property
    def count(self) -> int:
        """Number of guarantees."""
        return len(self.network.guarantees.id)

    @cached_property
    def amount(self) -> Vector:
        """What each guarantees: its cap; without one its share of the outstanding that it covers."""
        found = self.network.guarantees
        return np.where(np.isinf(found.cap), found.share * found.outstanding, found.cap)

    @cached_property
    def call_most(self) -> Vector:
        """What is paid at most if nothing is paid of the outstanding that it covers."""
        found = self.network.guarantees
        return np.minimum(found.cap, found.share * found.outstanding)

    @cached_property
    def call_now(self) -> Vector:
        """What can be called at once: of what is past due; nothing of a general guarantee."""
        found = self.network.guarantees
        at_once = np.minimum(found.cap, found.share * self.covered(self.network.items.overdue))
        return np.where(found.kind == "general", 0.0, at_once)

    @cached_property
    def terms(self) -> pd.DataFrame:
        """The row of each in the table of guarantees."""
        rows = self.network.tables["guarantees"].drop_duplicates("guarantee_id").set_index("guarantee_id")
        return rows.reindex(pd.Index(self.network.guarantees.id, dtype="str"))

    def covered(self, amount: Vector) -> Vector:
        """Return the sum of an amount by item over what each covers."""
        found = self.network.guarantees
        owner = np.repeat(np.arange(self.count), np.diff(found.cover_start))
        return sum_at(owner, amount[found.cover], self.count)

    @cached_property
    def creditors(self) -> tuple[Positions, Positions]:
        """Each guarantee and each creditor that it pays, sorted: those of what falls due, else that of its contract."""
        found, items = self.network.guarantees, self.network.items
        every = self.network.ids.append(self.network.outside)
        loans = self.network.tables["loans"].drop_duplicates("loan_id").set_index("loan_id")["lender_id"]
        of_loan = self.terms["loan_id"].map(loans)
        stated = every.get_indexer(pd.Index(of_loan.where(self.terms["loan_id"].notna(), self.terms["creditor_id"])))
        covers = np.diff(found.cover_start)
        lone = np.flatnonzero((covers == 0) & (stated >= 0))
        owner = np.concatenate([np.repeat(np.arange(self.count), covers), lone])
        creditor = np.concatenate([items.creditor[found.cover], stated[lone]])
        pair = np.unique(owner * len(every) + creditor)
        return pair // max(len(every), 1), pair % max(len(every), 1)

    def creditor_ids(self, chosen: Positions) -> list[tuple[str, ...]]:
        """Return the ids of the creditors that each chosen guarantee pays."""
        owner, creditor = self.creditors
        names = self.network.ids.append(self.network.outside).to_numpy(dtype=object)
        starts, ends = np.searchsorted(owner, chosen), np.searchsorted(owner, chosen, side="right")
        return [
            tuple(names[creditor[start:end]].tolist())
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]

    @cached_property
    def why_not(self) -> pd.Series:
        """Why each guarantee of the data does not count, by its id; blank where it does."""
        rows, now = self.network.tables["guarantees"], pd.Timestamp(self.network.as_of)
        ids = pd.Index(rows["guarantee_id"].to_numpy(dtype=object))
        counted = pd.Index(self.network.guarantees.id).get_indexer(ids) >= 0
        reasons: dict[str, Flags] = {
            "not_active": (rows["status"].notna() & (rows["status"] != "active")).to_numpy(dtype=bool),
            "ended": (rows["end"] < now).to_numpy(dtype=bool),
            "not_begun": (rows["start"] > now).to_numpy(dtype=bool),
            "claim_closed": (rows["claim_until"] < now).to_numpy(dtype=bool),
            "without_effect": np.ones(len(rows), dtype=np.bool_),
        }
        first = np.select([counted, *reasons.values()], ["", *reasons], default="").astype(object)
        return pd.Series(first, index=ids)

    @cached_property
    def out_of_force(self) -> dict[str, int]:
        """How many guarantees of the data do not count, by reason."""
        tally = self.network.tables.tallies.get("guarantees")
        found = {"set_aside": tally.rows_quarantined if tally else 0}
        found |= {reason: int((self.why_not == reason).sum()) for reason in OUT_OF_FORCE}
        return {reason: count for reason, count in found.items() if count}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose guarantees are asked for.

    Attributes
    ----------
    id : str or None
        Its id; None for the whole book.
    kind : str
        ``entity``, ``group``, ``loan`` or ``guarantee``.
    by_group : bool
        Whether an entity stands for its whole group.
    """

    id: str | None = None
    kind: Kind = "entity"
    by_group: bool = False

    def members(self, held: InForce) -> Positions:
        """Return the positions of the entities that it stands for, those outside the data included.

        Raises
        ------
        UsageError
            If the data have no such entity or group.
        """
        groups = held.groups
        if self.kind == "group":
            number = np.flatnonzero(groups.names == self.id)
            if not len(number):
                raise UsageError("unknown_entity", id=self.id)
            return groups.members(int(number[0]))
        every = held.network.ids.append(held.network.outside)
        position = int(every.get_indexer(pd.Index([self.id]))[0])
        if position < 0:
            raise UsageError("unknown_entity", id=self.id)
        if self.by_group and groups.group[position] >= 0:
            return groups.members(int(groups.group[position]))
        return np.array([position], dtype=np.int64)


def sides(held: InForce, subject: Subject) -> np.ndarray:
    """Return what each guarantee is to a subject: given, received, inside, held, or None for nothing.

    Parameters
    ----------
    held : InForce
        The guarantees.
    subject : Subject
        Whose; of a loan or a guarantee all its guarantees are received.

    Returns
    -------
    ndarray of shape (guarantees,), object
    """
    found = held.network.guarantees
    side = np.full(held.count, None, dtype=object)
    if subject.kind == "guarantee":
        side[found.id == subject.id] = "received"
        if not (found.id == subject.id).any():
            raise _out_of_force(held, str(subject.id))
        return side
    if subject.kind == "loan":
        owner = np.repeat(np.arange(held.count), np.diff(found.cover_start))
        items = held.network.items
        covers = (items.id[found.cover] == subject.id) & (items.kind[found.cover] == "loan")
        side[owner[covers]] = "received"
        side[(held.terms["loan_id"] == subject.id).to_numpy(dtype=bool)] = "received"
        return side
    among = np.zeros(held.network.n + len(held.network.outside), dtype=np.bool_)
    among[subject.members(held)] = True
    gives, receives = among[found.guarantor], among[found.debtor]
    owner, creditor = held.creditors
    side[owner[among[creditor]]] = "held"
    side[receives] = "received"
    side[gives] = "given"
    side[gives & receives] = "inside"
    return side


def _out_of_force(held: InForce, id_: str) -> UsageError:
    """Return the error for a guarantee that does not count, with what would help."""
    why = held.why_not.get(id_, "")
    if why == "not_active":
        rows = held.network.tables["guarantees"]
        status = rows.loc[rows["guarantee_id"] == id_, "status"].iloc[0]
        return UsageError("guarantee_not_active", id=id_, status=status)
    code = "guarantee_without_effect" if why == "without_effect" else "guarantee_not_in_force"
    return UsageError(code, id=id_)


def guarantees(
    network: Network, subject: str | None = None, *, kind: Kind = "entity", by_group: bool = False
) -> Result:
    """List the guarantees in force: of the whole book, or those that a subject gives, has received or holds.

    Parameters
    ----------
    network : Network
        The network.
    subject : str or None
        Id of an entity, a group, a loan or a guarantee; None for all guarantees.
    kind : str
        What the id is: ``entity``, ``group``, ``loan`` or ``guarantee``.
    by_group : bool
        Whether an entity stands for all members of its group.

    Returns
    -------
    Result
        Columns of ``RESULTS["guarantees"]``; amounts in the reporting currency.

    Raises
    ------
    UsageError
        If the subject is unknown.

    Examples
    --------
    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> firms = [{"entity_id": name, "kind": "company"} for name in "AB"]
    >>> rows = [{"guarantee_id": "G", "guarantor_id": "B", "debtor_id": "A", "amount": 15_000, "kind": "joint"}]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(firms), "guarantees": SCHEMAS["guarantees"].frame(rows)})
    >>> found = guarantees(Network.from_tables(tables, as_of=date(2024, 6, 30)), "B")
    >>> found.rows[["guarantee_id", "debtor_id", "amount", "side"]].values.tolist()
    [['G', 'A', 150.0, 'given']]
    """
    held, of = InForce(network), Subject(subject, kind, by_group)
    side = sides(held, of) if subject is not None else np.full(held.count, None, dtype=object)
    chosen = np.flatnonzero(side != None) if subject is not None else np.arange(held.count)  # noqa: E711 -- elementwise
    found = network.guarantees
    paths = wrong_way_paths(network, found.guarantor[chosen], found.debtor[chosen], read=held.read)
    rows = _rows(held, chosen, side, paths)
    summary = _summary(held, chosen, side, paths, of)
    order = rows.assign(amount=rows["amount"].round(6)).sort_values(
        ["amount", "guarantee_id"], ascending=[False, True], kind="stable"
    )
    flagged = np.flatnonzero(paths.wrong_way)
    return Result(
        command="guarantees",
        columns=RESULTS["guarantees"],
        rows=pd.DataFrame(rows.loc[order.index].reset_index(drop=True)),
        summary=summary,
        as_of=network.as_of,
        currency=network.currency,
        parameters={"id": subject, "kind": kind if subject is not None else None, "group": by_group},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=(*_headline(network, summary, of), *largest_wrong_way(network, chosen, held.amount[chosen], paths)),
        notes=_notes(held),
        detail={
            "wrong_way": [
                {"guarantee_id": str(found.id[chosen[k]]), "links": paths.steps(k, network.ids)}
                for k in flagged.tolist()
            ]
        },
    )


def _rows(held: InForce, chosen: Positions, side: np.ndarray, paths: Paths) -> pd.DataFrame:
    """Return a row for each chosen guarantee, in the order of call."""
    network, found = held.network, held.network.guarantees
    terms = held.terms.iloc[chosen]
    names = network.entities["name"].to_numpy()
    return pd.DataFrame(
        {
            "guarantee_id": found.id[chosen],
            "guarantor_id": network.ids[found.guarantor[chosen]],
            "guarantor_name": names[found.guarantor[chosen]],
            "debtor_id": network.ids[found.debtor[chosen]],
            "debtor_name": names[found.debtor[chosen]],
            "creditor_ids": held.creditor_ids(chosen),
            "loan_id": terms["loan_id"].to_numpy(),
            "kind": found.kind[chosen],
            "share": found.share[chosen],
            "cap": np.where(np.isinf(found.cap), np.nan, found.cap)[chosen],
            "amount": held.amount[chosen],
            "outstanding": found.outstanding[chosen],
            "due": held.covered(network.items.due)[chosen],
            "overdue_total": held.covered(network.items.overdue)[chosen],
            "days_past_due": network.days_past_due[found.debtor[chosen]],
            "call_now": held.call_now[chosen],
            "call_most": held.call_most[chosen],
            "end": terms["end"].to_numpy(),
            "wrong_way": paths.wrong_way,
            "path": paths.ids(network.ids),
            "channels": paths.channels(),
            "dependence": np.where(paths.wrong_way, paths.dependence, np.nan),
            "side": side[chosen],
        }
    )


def _tally(amount: Vector, which: Flags) -> dict[str, object]:
    return {"guarantees": int(which.sum()), "amount": float(amount[which].sum())}


def _summary(held: InForce, chosen: Positions, side: np.ndarray, paths: Paths, subject: Subject) -> dict[str, Any]:
    found = held.network.guarantees
    amount = held.amount[chosen]
    total = float(amount.sum())
    wrong = {**_tally(amount, paths.wrong_way), "dependence": float(paths.dependence.max(initial=0.0))}
    summary: dict[str, Any] = {
        "guarantees": len(chosen),
        "guarantors": len(np.unique(found.guarantor[chosen])),
        "debtors": len(np.unique(found.debtor[chosen])),
        "amount": total,
        "without_cap": int(np.isinf(found.cap[chosen]).sum()),
        "by_kind": {kind: _tally(amount, found.kind[chosen] == kind) for kind in ("general", "joint", "several")},
        "wrong_way": {**wrong, "share": float(amount[paths.wrong_way].sum()) / total if total > 0 else None},
        "not_in_force": held.out_of_force,
    }
    if subject.id is None or subject.kind in ("loan", "guarantee"):
        return summary
    summary |= {name: _tally(amount, side[chosen] == name) for name in SIDES}
    return {**summary, **_means(held, subject, float(amount[side[chosen] == "given"].sum()))}


def _means(held: InForce, subject: Subject, given: float) -> dict[str, object]:
    """Return equity, and cash with the net inflow of the horizon, of those who give guarantees; None where unknown."""
    network, members = held.network, subject.members(held)
    known = members[members < network.n]
    equity = float(network.equity[known].sum()) if len(known) == len(members) else float("nan")
    blank = network.cash_unknown[known].any() or len(known) < len(members)
    means = float("nan") if blank else float(network.cash[known].sum())
    return {
        "equity": None if np.isnan(equity) else equity,
        "cash_and_inflow": None if np.isnan(means) else means,
        "given_to_equity": given / equity if equity > 0 else None,
        "given_to_cash_and_inflow": given / means if means > 0 else None,
    }


def _headline(network: Network, summary: Mapping[str, Any], subject: Subject) -> tuple[Sentence, ...]:
    """Return who answers for how much, and how much of it is wrong-way."""
    if not summary["guarantees"]:
        code = "guarantees_none" if subject.id is None else "guarantees_none_of"
        return (Sentence(code, subject_named(network, subject)),)
    figures = {name: summary[name] for name in ("guarantees", "guarantors", "debtors", "amount")}
    said = wrong_way_sentence(summary["wrong_way"])
    if subject.id is None:
        return Sentence("guarantees_headline", {"as_of": network.as_of.isoformat(), **figures}), said
    if subject.kind in ("loan", "guarantee"):
        return Sentence(f"guarantees_of_{subject.kind}", {"id": subject.id, **figures}), said
    fields = {f"{side}_{name}": value for side in SIDES for name, value in summary[side].items()}
    known = [name for name in ("equity", "cash_and_inflow") if summary[f"given_to_{name}"] is not None]
    measured = {f"given_to_{name}": summary[f"given_to_{name}"] for name in known}
    code = "guarantees_against_" + "_and_".join(name.removesuffix("_and_inflow") for name in known)
    days = {"days": network.horizon_days}
    against = Sentence(code, {**measured, **days}) if measured and fields["given_guarantees"] else ""
    inside = Sentence("guarantees_inside", fields) if fields["inside_guarantees"] else ""
    sentence = Sentence("guarantees_of_subject", {**subject_named(network, subject), **fields, "against": against})
    return (sentence, *([inside] if isinstance(inside, Sentence) else []), said)


def wrong_way_sentence(found: Mapping[str, Any]) -> Sentence:
    """Return how much of the guarantees is wrong-way.

    Parameters
    ----------
    found : mapping
        Number of guarantees, amount, share of all, and the greatest dependence.
    """
    return Sentence("guarantees_wrong_way", found) if found["guarantees"] else Sentence("guarantees_right_way")


def largest_wrong_way(network: Network, guarantee: Positions, amount: Vector, paths: Paths) -> tuple[Sentence, ...]:
    """Return the sentence on the wrong-way guarantee of the largest amount, if there is one.

    Parameters
    ----------
    network : Network
        The network.
    guarantee : ndarray of shape (k,), int
        Guarantees, by position among those in force.
    amount : ndarray of shape (k,)
        What each guarantees.
    paths : Paths
        How their guarantors hang on their debtors.
    """
    flagged = np.flatnonzero(paths.wrong_way)
    if not len(flagged):
        return ()
    first = int(flagged[np.argmax(amount[flagged].round(6))])
    links = tuple(
        Sentence(
            "wrong_way_link",
            {
                "one": named(network, int(paths.stops[first, k]))["entity"],
                "kind": f"link_{KINDS[paths.kind[first, k]]}",
                "other": named(network, int(paths.stops[first, k + 1]))["entity"],
                "amount": ""
                if np.isnan(paths.amount[first, k])
                else Sentence("wrong_way_amount", {"amount": float(paths.amount[first, k])}),
                "share": float(paths.share[first, k]),
            },
        )
        for k in range(int(paths.links[first]))
    )
    id_ = str(network.guarantees.id[guarantee[first]])
    return (Sentence("wrong_way_largest", {"guarantee_id": id_, "amount": float(amount[first]), "links": links}),)


def subject_named(network: Network, subject: Subject) -> dict[str, object]:
    """Return the subject and the date for a sentence.

    Parameters
    ----------
    network : Network
        The network.
    subject : Subject
        Whose guarantees are asked for.
    """
    of: object = Sentence("entity_unnamed", {"id": subject.id})
    if subject.kind == "entity" and subject.id is not None:
        every = network.ids.append(network.outside)
        of = named(network, int(every.get_indexer(pd.Index([subject.id]))[0]))["entity"]
    if subject.kind == "group":
        of = Sentence("group_named", {"id": subject.id})
    elif subject.by_group and subject.kind == "entity":
        of = Sentence("group_of", {"of": of})
    return {"subject": of, "as_of": network.as_of.isoformat()}


def _notes(held: InForce) -> tuple[Sentence, ...]:
    """Return what the columns mean, and what does not count."""
    notes = [
        Sentence("guarantees_columns"),
        Sentence("guarantees_calls"),
        Sentence("wrong_way_means", {"links": LINKS, "share": MATERIAL}),
    ]
    return (*notes, *not_counted(held))


def not_counted(held: InForce) -> tuple[Sentence, ...]:
    """Return the sentence on the guarantees that do not count, if there are any."""
    reasons = tuple(
        Sentence("guarantee_reason", {"reason": reason, "count": count}) for reason, count in held.out_of_force.items()
    )
    as_of = held.network.as_of.isoformat()
    return (Sentence("guarantees_not_counted", {"as_of": as_of, "reasons": reasons}),) if reasons else ()
