"""Groups of connected entities: those that the data state, and what ownership adds to them.

A bank that lends to ten subsidiaries of one owner has lent to one risk. Ownership is followed through any number of
firms and around loops: of what j distributes, the part that reaches i at some time is i's integrated ownership of j.
An entity belongs to the group of whoever owns more than half of it in this sense, of whoever the data say controls
it, and of those who together hold more than half of it and are one group already.

Source
------
The matrix of integrated ownership, (I - O)^-1 O, counts what flows round a loop more than once and so can exceed 1:
Vitali, S., Glattfelder, J. B. and Battiston, S. (2011), "The Network of Global Corporate Control", PLoS ONE 6(10),
e25995. Here each row is divided by what returns to its owner, which makes it a probability: with O as the chances of a
step from the owned to an owner, that of ever coming to i from j.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from graphrisk.network.arrays import Flags, Matrix, Positions, sum_at
from graphrisk.network.reading import Places, flags
from graphrisk.tables.book import Finding, Severity

#: Share of an entity above which its owner decides.
MAJORITY = 0.5
#: A share this close to a bound is at it: a third written as 0.3333 three times is a whole.
SLACK = 1e-9
#: Shares of one entity may add up to this much more than 1 before that is worth a finding.
TOO_MUCH = 1e-3
#: Kinds of partnership that make an entity related to a group without being of it.
RELATED = ("jv", "sponsor")


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a book at a date.

    Attributes
    ----------
    group : ndarray of shape (size,), int
        Group of each id of the network, then of those outside the data; -1 for none.
    names : ndarray of shape (groups,), object
        The stated id of each group; where there is none, the id of its head.
    stated : ndarray of shape (groups,), bool
        Whether the data name it.
    head : ndarray of shape (groups,), int
        Position of the member whom no other controls; of several the one that controls most, then by id.
    owned : csr_array of shape (size, size)
        Integrated ownership: ``owned[i, j]`` is the part of j that is i's through any chain of firms, in [0, 1].
    controls : csr_array of shape (size, size)
        1 where i controls j, by its share or because the data say so.
    related : DataFrame
        group, entity, member (positions) and kind of the partnerships that join a group to somebody else.
    findings : tuple of Finding
        Loops, shares above 1, control by several, stated groups that ownership joins.
    """

    group: Positions
    names: NDArray[np.object_]
    stated: Flags
    head: Positions
    owned: Matrix = field(repr=False)
    controls: Matrix = field(repr=False)
    related: pd.DataFrame = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)

    def members(self, group: int) -> Positions:
        """Return the positions of the members of a group, rising."""
        return np.flatnonzero(self.group == group).astype(np.int64)


def find_groups(read: Places) -> Groups:
    """Return the groups of a book at a date: those stated in ``entities``, closed under ownership.

    Parameters
    ----------
    read : Places
        The book at a date (a `Reading` is one).

    Returns
    -------
    Groups
    """
    rows = _holdings(read)
    size = len(read.ids)
    direct, found = _direct(rows, size)
    loop = csgraph.connected_components(direct, directed=True, connection="strong")[1].astype(np.int64)
    found += _loops(read, rows, loop)
    owned = integrated_ownership(direct, loop)
    controls = (owned > MAJORITY + SLACK).astype(np.float64).tocsr()
    deciding = rows[rows["control"]]
    alone = deciding.groupby("owned")["owner"].transform("size") == 1
    controls = _joined(controls, deciding[alone])
    stated = _stated(read)
    part = _closed(controls, stated, direct)
    agreed, disputed = _shared_control(deciding[~alone], part)
    if len(agreed):
        controls = _joined(controls, agreed)
        part = _closed(controls, stated, direct)
    found += _several(read, disputed)
    return _named(read, part, controls, owned, found)


def integrated_ownership(direct: Matrix, loop: Positions | None = None) -> Matrix:
    """Return which part of each entity is each owner's through any chain of firms.

    Parameters
    ----------
    direct : csr_array of shape (size, size)
        ``direct[i, j]`` is the share of j that i holds itself; a column adds up to at most 1.
    loop : ndarray of shape (size,), int, or None
        Number of the strongly connected part of each entity; None: it is computed.

    Returns
    -------
    csr_array of shape (size, size)
        In [0, 1], without a diagonal.

    Examples
    --------
    0 owns 60 % of 1, which owns half of 2; 0 holds another 30 % of 2 itself:

    >>> direct = sparse.csr_array([[0.0, 0.6, 0.3], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    >>> integrated_ownership(direct).toarray().round(6).tolist()
    [[0.0, 0.6, 0.6], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]

    Two firms that own each other: of 0's profit 1 gets 90 %, and of that 0 gets back its part, which counts once.

    >>> integrated_ownership(sparse.csr_array([[0.0, 0.4], [0.9, 0.0]])).toarray().round(6).tolist()
    [[0.0, 0.4], [0.9, 0.0]]
    """
    if loop is None:
        loop = csgraph.connected_components(direct, directed=True, connection="strong")[1].astype(np.int64)
    places = direct.tocoo()
    inside = loop[places.row] == loop[places.col]
    inner = sparse.coo_array((places.data[inside], (places.row[inside], places.col[inside])), shape=direct.shape)
    outer = sparse.coo_array((places.data[~inside], (places.row[~inside], places.col[~inside])), shape=direct.shape)
    around = _around(inner.tocsr(), loop)
    step = (around @ outer.tocsr()).tocsr()
    walks, longer = around, (step @ around).tocsr()
    while longer.nnz:  # between loops there is an order, so this ends
        walks = (walks + longer).tocsr()
        longer = (step @ longer).tocsr()
        longer.eliminate_zeros()
    scale = sparse.diags_array(1.0 / walks.diagonal())
    owned = (scale @ walks).tocoo()
    apart = (owned.row != owned.col) & (owned.data > 0)
    kept = (owned.data[apart], (owned.row[apart], owned.col[apart]))
    return sparse.coo_array(kept, shape=direct.shape).tocsr()


def _around(inner: Matrix, loop: Positions) -> Matrix:
    """Return (I - B)^-1 for the shares B within loops: the sum over all ways around, block by block."""
    size = inner.shape[0]
    count = np.bincount(loop, minlength=1)
    single = np.flatnonzero(count[loop] == 1)
    rows, columns, values = [single], [single], [np.ones(len(single), dtype=np.float64)]
    order = np.argsort(loop, kind="stable")
    first = np.searchsorted(loop[order], np.flatnonzero(count > 1))
    for start, many in zip(first, count[count > 1], strict=True):
        members = order[start : start + many]
        block = inner[members][:, members].toarray()
        if (block.sum(axis=0) >= 1 - SLACK).all():
            block = block * (1 - SLACK)  # nobody else owns any of it: what flows round would flow for ever
        inverse = np.linalg.inv(np.eye(many) - block)
        rows.append(np.repeat(members, many))
        columns.append(np.tile(members, many))
        values.append(inverse.ravel().astype(np.float64, copy=False))
    places = (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_array((np.concatenate(values), places), shape=(size, size)).tocsr()


def _holdings(read: Places) -> pd.DataFrame:
    """Return the ownership in force, one row a pair: owner, owned (positions), share, least, control.

    Of several rows of a pair the latest begun counts. A share is the middle of its least and its greatest.
    """
    rows = read.tables["ownership"]
    rows = rows[read.in_force(rows)].sort_values(
        ["start", "source_file", "source_line"], kind="stable", na_position="first"
    )
    bounds = rows[["share_min", "share_max"]].to_numpy(dtype=np.float64, na_value=np.nan)
    least = np.where(np.isnan(bounds[:, 0]), bounds[:, 1], bounds[:, 0])
    most = np.where(np.isnan(bounds[:, 1]), bounds[:, 0], bounds[:, 1])
    frame = pd.DataFrame(
        {
            "owner": read.position(rows["owner_id"]),
            "owned": read.position(rows["owned_id"]),
            "share": np.nan_to_num((least + most) / 2),
            "least": np.nan_to_num(least),
            "control": flags(rows["control"], blank=False),
            "file": rows["source_file"].to_numpy(),
            "line": rows["source_line"].to_numpy(),
            "owned_id": rows["owned_id"].to_numpy(),
        }
    )
    frame = frame[frame["owner"] != frame["owned"]].drop_duplicates(["owner", "owned"], keep="last")
    return frame.sort_values(["owned", "owner"], kind="stable").reset_index(drop=True)


def _direct(rows: pd.DataFrame, size: int) -> tuple[Matrix, list[Finding]]:
    """Return the shares as a matrix of owner by owned whose columns add up to at most 1, and which did not."""
    owner, owned = rows["owner"].to_numpy(dtype=np.int64), rows["owned"].to_numpy(dtype=np.int64)
    share = rows["share"].to_numpy(dtype=np.float64)
    total = sum_at(owned, share, size)
    share = share / np.maximum(1.0, total)[owned]
    held = share > 0
    direct = sparse.coo_array((share[held], (owner[held], owned[held])), shape=(size, size)).tocsr()
    least = sum_at(owned, rows["least"].to_numpy(dtype=np.float64), size)
    over = rows[least[owned] > 1 + TOO_MUCH].drop_duplicates("owned")
    found = [
        _finding("warning", "ownership_above_one", row, total=f"{least[row['owned']]:.4g}")
        for _, row in over.iterrows()
    ]
    return direct, found


def _finding(severity: Severity, code: str, row: pd.Series, **fields: object) -> Finding:
    """Return a finding about a row of `_holdings`."""
    return Finding(
        severity,
        code,
        table="ownership",
        file=str(row["file"]),
        line=int(row["line"]),
        column="owned_id",
        value=str(row["owned_id"]),
        fields=fields,
    )


def _loops(read: Places, rows: pd.DataFrame, loop: Positions) -> list[Finding]:
    """Return a finding for each loop of ownership."""
    within = rows[(loop[rows["owner"]] == loop[rows["owned"]]) & (rows["share"] > 0).to_numpy()]
    of_loop = within.groupby(loop[within["owned"]], sort=True)
    return [
        _finding("warning", "ownership_loop", part.iloc[0], members=tuple(_ids(read, part["owned"].unique())))
        for _, part in of_loop
    ]


def _ids(read: Places, positions: Iterable[int]) -> list[str]:
    """Return the ids at some positions, sorted."""
    return sorted(map(str, read.ids[np.asarray(list(positions), dtype=np.int64)]))


def _joined(controls: Matrix, rows: pd.DataFrame) -> Matrix:
    """Return who controls whom, with what the data say of it."""
    places = (rows["owner"].to_numpy(dtype=np.int64), rows["owned"].to_numpy(dtype=np.int64))
    both = controls + sparse.coo_array((np.ones(len(rows)), places), shape=controls.shape).tocsr()
    united: Matrix = (both > 0).astype(np.float64).tocsr()
    return united


def _stated(read: Places) -> pd.Series:
    """Return the stated group of the entities that have one, by position."""
    entities = read.tables["entities"]
    entities = entities[entities["group_id"].notna()]
    return pd.Series(entities["group_id"].to_numpy(), index=read.position(entities["entity_id"])).sort_index()


def _closed(controls: Matrix, stated: pd.Series, direct: Matrix) -> Positions:
    """Return the part of each entity: joined by control, by a stated group, or held by members of one together."""
    size = controls.shape[0]
    places, shares = controls.tocoo(), direct.tocoo()
    first = pd.Series(stated.index, index=stated.index).groupby(stated.to_numpy()).transform("first")
    one = np.concatenate([places.row, first.to_numpy(dtype=np.int64)])
    other = np.concatenate([places.col, stated.index.to_numpy(dtype=np.int64)])
    while True:
        graph = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(size, size))
        part = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
        held = sparse.coo_array((shares.data, (part[shares.row], shares.col)), shape=(size, size)).tocsr().tocoo()
        won = (held.data > MAJORITY + SLACK) & (held.row != part[held.col])
        if not won.any():
            return part
        leader = np.zeros(size, dtype=np.int64)
        leader[part[::-1]] = np.arange(size)[::-1]
        one = np.concatenate([one, leader[held.row[won]]])
        other = np.concatenate([other, held.col[won]])


def _shared_control(rows: pd.DataFrame, part: Positions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows in which several are said to control one: into those whose owners are one group, and others."""
    parts = pd.Series(part[rows["owner"]], index=rows.index).groupby(rows["owned"]).transform("nunique")
    return rows[parts == 1], rows[parts > 1]


def _several(read: Places, rows: pd.DataFrame) -> list[Finding]:
    """Return a finding for each entity that several who are not of one group are said to control."""
    return [
        _finding("note", "joint_control", part.iloc[0], owners=tuple(_ids(read, part["owner"])))
        for _, part in rows.groupby("owned", sort=True)
    ]


def _named(read: Places, part: Positions, controls: Matrix, owned: Matrix, found: list[Finding]) -> Groups:
    """Return the parts that are groups, those of two or more members and those stated, with number and name."""
    stated = _stated(read)
    real = np.bincount(part, minlength=len(part)) > 1
    real[part[stated.index]] = True
    group: Positions = np.where(real, np.cumsum(real) - 1, -1)[part].astype(np.int64)
    head = _heads(group, controls, int(real.sum()))
    own = pd.DataFrame({"group": group[stated.index], "name": stated.to_numpy()}).drop_duplicates()
    names, joined = _names(read, head, own.sort_values(["group", "name"]))
    return Groups(
        group=group,
        names=names,
        stated=np.isin(np.arange(len(head)), own["group"]),
        head=head,
        owned=owned,
        controls=controls,
        related=_related(read, group),
        findings=tuple(sorted([*found, *joined], key=lambda item: (item.table, item.file, item.line or 0))),
    )


def _heads(group: Positions, controls: Matrix, groups: int) -> Positions:
    """Return the head of each group: controlled by no other member, then controlling most, then by id."""
    places = controls.tocoo()
    above = sum_at(places.col.astype(np.int64), np.ones(places.nnz), len(group))
    below = sum_at(places.row.astype(np.int64), np.ones(places.nnz), len(group))
    member = np.flatnonzero(group >= 0)
    order = member[np.lexsort((member, -below[member], above[member] > 0, group[member]))]
    first = np.searchsorted(group[order], np.arange(groups))
    return order[first].astype(np.int64) if groups else np.zeros(0, dtype=np.int64)


def _names(read: Places, head: Positions, own: pd.DataFrame) -> tuple[NDArray[np.object_], list[Finding]]:
    """Return the name of each group, and a finding for each that has several.

    Parameters
    ----------
    read : Places
        The book at a date (a `Reading` is one).
    head : ndarray of shape (groups,), int
        Head of each group.
    own : DataFrame
        group and name of the stated names, sorted.
    """
    ids = read.ids[head].to_numpy(dtype=object)
    names = np.where(pd.Index(ids).isin(own["name"]), "entity:" + ids, ids)
    of_head = _stated(read).reindex(head)
    first = own.drop_duplicates("group")
    names[first["group"]] = first["name"]
    known = of_head.notna().to_numpy()
    names[known] = of_head[known]
    several = own[own["group"].duplicated(keep=False)].groupby("group")["name"].agg(tuple)
    joined = [
        Finding("note", "groups_joined", table="ownership", value=str(names[number]), fields={"groups": given})
        for number, given in zip(several.index.to_numpy(dtype=np.int64), several, strict=True)
    ]
    return names, joined


def _related(read: Places, group: Positions) -> pd.DataFrame:
    """Return those who are joined to a group by a partnership that makes nobody a member."""
    rows = read.tables["partnerships"]
    rows = rows[read.in_force(rows) & rows["kind"].isin(RELATED).to_numpy(dtype=bool)]
    one, other = read.position(rows["from_id"]), read.position(rows["to_id"])
    both = pd.concat(
        [
            pd.DataFrame({"group": group[member], "entity": entity, "member": member, "kind": rows["kind"].to_numpy()})
            for member, entity in ((one, other), (other, one))
        ],
        ignore_index=True,
    )
    apart = (both["group"] >= 0).to_numpy() & (group[both["entity"]] != both["group"].to_numpy())
    related = both[apart].sort_values(["group", "entity", "member", "kind"], kind="stable")
    return pd.DataFrame(related.reset_index(drop=True))


def listed(groups: Groups, numbers: Iterable[int], ids: pd.Index) -> list[dict[str, object]]:
    """Return groups as plain values: their name, head, members and those related to them.

    Parameters
    ----------
    groups : Groups
    numbers : iterable of int
        The groups to list.
    ids : Index
        Ids by position, those outside the data last.

    Returns
    -------
    list of dict
    """
    return [
        {
            "group_id": str(groups.names[number]),
            "stated": bool(groups.stated[number]),
            "head_id": str(ids[groups.head[number]]),
            "members": ids[groups.members(number)].tolist(),
            "related": _related_ids(groups.related[groups.related["group"] == number], ids),
        }
        for number in numbers
    ]


def _related_ids(related: pd.DataFrame, ids: pd.Index) -> list[dict[str, str]]:
    columns = (ids[related["entity"]], related["kind"], ids[related["member"]])
    return [
        {"entity_id": str(entity), "kind": str(kind), "member_id": str(member)}
        for entity, kind, member in zip(*columns, strict=True)
    ]
