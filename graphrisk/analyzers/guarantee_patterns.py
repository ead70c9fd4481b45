"""Guarantee patterns: circles, crosses, mutual pairs, chains, stars, joint guarantees, parts, wrong-way guarantees.

What a pattern is stands in `graphrisk.models.patterns`, what makes a guarantee wrong-way in
`graphrisk.analyzers.guarantee_paths`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrisk.analyzers.guarantee_paths import MATERIAL, Paths, wrong_way_paths
from graphrisk.analyzers.guarantees import (
    InForce,
    Kind,
    Subject,
    largest_wrong_way,
    not_counted,
    sides,
    subject_named,
    wrong_way_sentence,
)
from graphrisk.models.arrays import Flags, Positions, Vector, sum_at
from graphrisk.models.dependence import LINKS
from graphrisk.models.patterns import MANY, Arrows, Sets, all_patterns, on_a_ring, parts, shortest_rings, split
from graphrisk.network import Network
from graphrisk.results import RESULTS, Result, Sentence

#: The patterns in the order of the rows: those that bind most first.
PATTERNS = ("circle", "cross", "mutual", "wrong_way", "chain", "star", "focus", "part")
#: Members of a circle that a sentence names.
NAMED = 8


@dataclass(frozen=True)
class Joined:
    """The guarantees of a network between entities, or between groups that each count as one.

    Attributes
    ----------
    held : InForce
    node : ndarray of shape (n,), int
        Position of each entity among entities and groups.
    ids, names : ndarray of shape (nodes,), object
        Id and name of each of these.
    chosen : ndarray of int
        The guarantees that join two different ones.
    arrows : Arrows
        The guarantees in ``chosen``, as arrows.
    """

    held: InForce
    node: Positions
    ids: np.ndarray
    names: np.ndarray
    chosen: Positions
    arrows: Arrows

    @classmethod
    def of(cls, held: InForce, *, by_group: bool) -> "Joined":
        """Return the guarantees in force, as between entities or between groups."""
        network, groups = held.network, held.groups
        group = groups.group[: network.n]
        node = np.arange(network.n)
        if by_group:
            node = np.where(group >= 0, network.n + group, node)
        found, count = network.guarantees, network.n + len(groups.names)
        chosen = np.flatnonzero(node[found.guarantor] != node[found.debtor])
        arrows = Arrows.of(node[found.guarantor[chosen]], node[found.debtor[chosen]], count)
        ids = np.concatenate([network.ids.to_numpy(dtype=object), groups.names])
        names = np.concatenate(
            [network.entities["name"].to_numpy(dtype=object), np.full(len(groups.names), None, dtype=object)]
        )
        return cls(held, node, ids, names, chosen, arrows)

    @property
    def amount(self) -> Vector:
        """What each chosen guarantee guarantees."""
        return self.held.amount[self.chosen]

    @property
    def debtor(self) -> Positions:
        """The debtor of each chosen guarantee, as entity or group."""
        return self.node[self.held.network.guarantees.debtor[self.chosen]]

    def by_node(self, amount: Vector) -> Vector:
        """Return the sum of an amount by entity over entities and groups."""
        return sum_at(self.node, amount, len(self.ids))


def guarantee_patterns(
    network: Network, subject: str | None = None, *, kind: Kind = "entity", by_group: bool = False
) -> Result:
    """Find the patterns of the guarantees in force, with the money on them.

    Parameters
    ----------
    network : Network
        The network.
    subject : str or None
        Id of an entity, a group, a loan or a guarantee: the patterns that one of its guarantees stands in, or that
        have it as a member; None for all.
    kind : str
        What the id is: ``entity``, ``group``, ``loan`` or ``guarantee``.
    by_group : bool
        Whether each group counts as one, so that guarantees inside it join nobody.

    Returns
    -------
    Result
        Columns of ``RESULTS["guarantees_patterns"]``; amounts in the reporting currency.

    Raises
    ------
    UsageError
        If the subject is unknown.

    Examples
    --------
    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> firms = [{"entity_id": name, "kind": "company"} for name in "ABC"]
    >>> rows = [{"guarantee_id": pair, "guarantor_id": pair[0], "debtor_id": pair[1], "amount": 1_000}
    ...         for pair in ("AB", "BC", "CA")]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(firms), "guarantees": SCHEMAS["guarantees"].frame(rows)})
    >>> found = guarantee_patterns(Network.from_tables(tables, as_of=date(2024, 6, 30))).rows
    >>> found.loc[found["pattern"] == "circle", ["pattern_id", "members", "amount"]].values.tolist()
    [['P1', ('A', 'B', 'C'), 30.0]]
    """
    held, of = InForce(network), Subject(subject, kind, by_group)
    joined = Joined.of(held, by_group=by_group)
    found = network.guarantees
    paths = wrong_way_paths(network, found.guarantor[joined.chosen], found.debtor[joined.chosen], read=held.read)
    sets = all_patterns(joined.arrows)
    rows = _ranked([*(_rows(joined, name, of_pattern) for name, of_pattern in sets.items()), _wrong_way(joined, paths)])
    rows = _inside_circles(rows, joined, sets)
    summary = _summary(joined, sets, paths)
    headline = _headline(network, summary, rows, largest_wrong_way(network, joined.chosen, joined.amount, paths))
    if subject is not None:
        rows = rows[_touching(rows, joined, of)].reset_index(drop=True)
        summary["of_subject"] = {pattern: int((rows["pattern"] == pattern).sum()) for pattern in PATTERNS}
        headline = (_of_subject(network, of, summary["of_subject"]), Sentence("patterns_of_book"), *headline)
    return Result(
        command="guarantees_patterns",
        columns=RESULTS["guarantees_patterns"],
        rows=pd.DataFrame(rows[[column.name for column in RESULTS["guarantees_patterns"]]]),
        summary=summary,
        as_of=network.as_of,
        currency=network.currency,
        parameters={
            "id": subject,
            "kind": kind if subject is not None else None,
            "patterns": True,
            "group": by_group,
        },
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=headline,
        notes=_notes(joined, by_group=by_group),
    )


def _listed(values: np.ndarray, parts_of: list[Positions]) -> list[tuple[str, ...]]:
    return [tuple(values[part].tolist()) for part in parts_of]


def _rows(joined: Joined, pattern: str, sets: Sets) -> pd.DataFrame:
    """Return a row for each set of one pattern, with its number."""
    network = joined.held.network
    of_set, debtor = sets.debtors(joined.debtor)
    main = _main(sets, joined) if pattern not in ("star", "focus") else _first(sets)
    rings = shortest_rings(joined.arrows, sets) if pattern == "circle" else [[] for _ in range(sets.count)]
    steps = {"circle": [len(ring) for ring in rings], "chain": (np.bincount(sets.set_of_member) - 1).tolist()}
    guarantee_ids = network.guarantees.id[joined.chosen]
    return pd.DataFrame(
        {
            "pattern": pattern,
            "number": np.arange(sets.count),
            "size": np.bincount(sets.set_of_member, minlength=sets.count),
            "guarantees": np.bincount(sets.set_of_guarantee, minlength=sets.count),
            "amount": sets.sums(joined.amount),
            "largest": sets.largest(joined.amount),
            "outstanding": sum_at(of_set, joined.by_node(network.outstanding)[debtor], sets.count),
            "overdue_total": sum_at(of_set, joined.by_node(network.overdue_total)[debtor], sets.count),
            "main_id": joined.ids[main],
            "main_name": joined.names[main],
            "members": _listed(joined.ids, sets.members()),
            "steps": pd.array(steps.get(pattern, [pd.NA] * sets.count), dtype="Int64"),
            "ring": [tuple(joined.ids[ring].tolist()) for ring in rings],
            "channels": [()] * sets.count,
            "dependence": np.nan,
            "guarantee_ids": _listed(guarantee_ids, split(sets.guarantee, sets.set_of_guarantee, sets.count)),
        }
    )


def _first(sets: Sets) -> Positions:
    """Return the first member of each set."""
    return sets.member[np.searchsorted(sets.set_of_member, np.arange(sets.count))]


def _main(sets: Sets, joined: Joined) -> Positions:
    """Return for whom most is guaranteed in each set."""
    width = len(joined.ids)
    pair, of_pair = np.unique(sets.set_of_guarantee * width + joined.debtor[sets.guarantee], return_inverse=True)
    amount = sum_at(of_pair, joined.amount[sets.guarantee], len(pair))
    order = np.lexsort((pair, -amount.round(6), pair // width))
    first: Positions = pair[order][np.searchsorted(pair[order] // width, np.arange(sets.count))]
    return first % width


def _wrong_way(joined: Joined, paths: Paths) -> pd.DataFrame:
    """Return a row for each wrong-way guarantee."""
    network, found = joined.held.network, joined.held.network.guarantees
    flagged = np.flatnonzero(paths.wrong_way)
    guarantee, ids = joined.chosen[flagged], found.id[joined.chosen[flagged]].tolist()
    named, channels = paths.ids(network.ids), paths.channels()
    debtor, amount = found.debtor[guarantee], joined.held.amount[guarantee]
    return pd.DataFrame(
        {
            "pattern": "wrong_way",
            "number": flagged,
            "size": paths.links[flagged] + 1,
            "guarantees": 1,
            "amount": amount,
            "largest": amount,
            "outstanding": network.outstanding[debtor],
            "overdue_total": network.overdue_total[debtor],
            "main_id": network.ids.to_numpy(dtype=object)[found.guarantor[guarantee]],
            "main_name": network.entities["name"].to_numpy(dtype=object)[found.guarantor[guarantee]],
            "members": [named[k] for k in flagged.tolist()],
            "steps": pd.array(paths.links[flagged], dtype="Int64"),
            "ring": [()] * len(flagged),
            "channels": [channels[k] for k in flagged.tolist()],
            "dependence": paths.dependence[flagged],
            "guarantee_ids": [(id_,) for id_ in ids],
        }
    )


def _ranked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all patterns with their ids: by pattern, the largest amount first."""
    rows = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    order = rows.assign(
        rank=rows["pattern"].map(PATTERNS.index),
        amount=rows["amount"].round(6),
        first=rows["members"].map(lambda members: members[0]),
        guarantee=rows["guarantee_ids"].map(lambda ids: ids[0] if ids else ""),
    ).sort_values(
        ["rank", "amount", "size", "first", "guarantee"], ascending=[True, False, False, True, True], kind="stable"
    )
    ranked = rows.loc[order.index].reset_index(drop=True)
    return ranked.assign(pattern_id=[f"P{number}" for number in range(1, len(ranked) + 1)])


def _inside_circles(rows: pd.DataFrame, joined: Joined, sets: Mapping[Any, Sets]) -> pd.DataFrame:
    """Return the rows with the circle that a mutual pair or a cross stands in."""
    circle = rows[rows["pattern"] == "circle"].set_index("number")["pattern_id"]
    of_node = np.full(len(joined.ids), -1, dtype=np.int64)
    of_node[sets["circle"].member] = sets["circle"].set_of_member
    part_of = pd.Series(np.full(len(rows), None, dtype=object), index=rows.index)
    for pattern in ("mutual", "cross"):
        where = rows.index[rows["pattern"] == pattern]
        numbers = of_node[_first(sets[pattern])][rows.loc[where, "number"].to_numpy(dtype=np.int64)]
        part_of[where] = circle.reindex(numbers).astype(object).where(numbers >= 0, None).to_numpy()
    return rows.assign(part_of=part_of)


def _touching(rows: pd.DataFrame, joined: Joined, subject: Subject) -> Flags:
    """Return which rows a subject has to do with."""
    side = sides(joined.held, subject)
    mine = set(joined.held.network.guarantees.id[(side == "given") | (side == "received") | (side == "inside")])
    flags = [not mine.isdisjoint(ids) for ids in rows["guarantee_ids"]]
    return np.array(flags, dtype=np.bool_)


def _tally(which: Flags, amount: Vector) -> dict[str, Any]:
    total, part = float(amount.sum()), float(amount[which].sum())
    return {"guarantees": int(which.sum()), "amount": part, "share": part / total if total > 0 else None}


def _summary(joined: Joined, sets: Mapping[Any, Sets], paths: Paths) -> dict[str, Any]:
    amount, held = joined.amount, joined.held
    by_pattern: dict[str, Any] = {}
    for pattern in PATTERNS:
        if pattern == "wrong_way":
            strongest = float(paths.dependence.max(initial=0.0))
            told = {"count": int(paths.wrong_way.sum()), **_tally(paths.wrong_way, amount)}
            by_pattern[pattern] = {**told, "dependence": strongest}
            continue
        of = sets[pattern]
        within = np.zeros(len(amount), dtype=np.bool_)
        within[of.guarantee] = True
        by_pattern[pattern] = {"count": of.count, "entities": len(np.unique(of.member)), **_tally(within, amount)}
    every = parts(joined.arrows, least=2)
    sizes = np.bincount(every.set_of_member, minlength=every.count)
    inside = np.ones(held.count, dtype=np.bool_)
    inside[joined.chosen] = False
    return {
        "guarantees": len(amount),
        "entities": len(every.member),
        "amount": float(amount.sum()),
        "by_pattern": by_pattern,
        "in_circles": _tally(on_a_ring(joined.arrows), amount),
        "parts": {
            "count": every.count,
            "of_two": int((sizes == 2).sum()),  # noqa: PLR2004 -- two
            "largest": int(sizes.max(initial=0)),
        },
        "within_groups": {"guarantees": int(inside.sum()), "amount": float(held.amount[inside].sum())},
        "not_in_force": held.out_of_force,
    }


def _headline(
    network: Network, summary: Mapping[str, Any], rows: pd.DataFrame, wrong_way: tuple[Sentence, ...]
) -> tuple[Sentence, ...]:
    """Return how the guarantees hang together, what stands on rings, and the largest circle."""
    as_of = network.as_of.isoformat()
    if not summary["guarantees"]:
        return (Sentence("guarantees_none", {"as_of": as_of}),)
    figures = {name: summary[name] for name in ("guarantees", "entities", "amount")}
    shape = {"parts": summary["parts"]["count"], "largest": summary["parts"]["largest"]}
    found = summary["by_pattern"]
    told = [Sentence("patterns_headline", {"as_of": as_of, **figures, **shape})]
    on_rings = {"circles": found["circle"]["count"], "pairs": found["mutual"]["count"], **summary["in_circles"]}
    told.append(Sentence("patterns_rings" if on_rings["guarantees"] else "patterns_no_ring", on_rings))
    circles = rows[rows["pattern"] == "circle"]
    if len(circles):
        first = circles.iloc[0]
        members = tuple(first["members"][:NAMED])
        more = len(first["members"]) - len(members)
        sums = {name: float(first[name]) for name in ("amount", "outstanding", "overdue_total")}
        fields = {"members": members, "more": Sentence("and_more", {"count": more}) if more else ""}
        ring = tuple(first["ring"][:NAMED])
        told.append(Sentence("patterns_circle", {"pattern_id": first["pattern_id"], **sums, **fields, "ring": ring}))
    told += [wrong_way_sentence(found["wrong_way"]), *wrong_way]
    others = tuple(
        Sentence("pattern_count", {"pattern": pattern, "count": found[pattern]["count"]})
        for pattern in ("cross", "chain", "star", "focus", "part")
        if found[pattern]["count"]
    )
    return (*told, *([Sentence("patterns_others", {"patterns": others})] if others else []))


def _of_subject(network: Network, subject: Subject, count: Mapping[str, int]) -> Sentence:
    """Return which patterns the subject stands in."""
    counts = tuple(Sentence("pattern_count", {"pattern": name, "count": n}) for name, n in count.items() if n)
    fields: dict[str, object] = {**subject_named(network, subject), "patterns": counts}
    return Sentence("patterns_of_subject" if counts else "patterns_of_subject_none", fields)


def _notes(joined: Joined, *, by_group: bool) -> tuple[Sentence, ...]:
    notes = [
        Sentence("patterns_means", {"many": MANY}),
        Sentence("patterns_columns"),
        Sentence("wrong_way_means", {"links": LINKS, "share": MATERIAL}),
    ]
    if by_group:
        inside = joined.held.count - len(joined.chosen)
        notes.append(Sentence("patterns_by_group", {"count": inside}))
    return (*notes, *not_counted(joined.held))
