"""Groups of connected entities: worked cases, and ownership against chances of a walk from the owned to its owners."""

from datetime import date

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from graphrisk import read
from graphrisk.network.groups import find_groups, integrated_ownership, listed
from graphrisk.network.reading import Places
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)


def owns(owner: str, owned: str, share: float | None = None, **more) -> dict:
    return {"owner_id": owner, "owned_id": owned, "share_min": share, "share_max": share, **more}


def places(*ownership: dict, ids: str = "ABCDEFG", stated: dict | None = None, **tables) -> Places:
    groups = stated or {}
    tables["entities"] = [{"entity_id": i, "kind": "company", "group_id": groups.get(i)} for i in ids]
    tables["ownership"] = list(ownership)
    return Places.at(Tables({name: SCHEMAS[name].frame(rows) for name, rows in tables.items()}), AS_OF)


def members(at: Places) -> dict[str, str]:
    """Return the members of each group, joined, by its name."""
    groups = find_groups(at)
    return {str(name): "".join(at.ids[groups.members(number)]) for number, name in enumerate(groups.names)}


def found(at: Places) -> list[tuple]:
    return [(finding.code, finding.value, finding.fields) for finding in find_groups(at).findings]


def test_a_majority_makes_a_group_and_half_does_not():
    assert members(places(owns("A", "B", 0.51))) == {"A": "AB"}
    assert members(places(owns("A", "B", 0.5))) == {}


def test_control_runs_down_a_chain_whatever_its_shares_multiply_to():
    # 0.6 x 0.6 is less than a half, but A decides over B, and B over C.
    assert members(places(owns("A", "B", 0.6), owns("B", "C", 0.6))) == {"A": "ABC"}


def test_shares_through_several_firms_add_up():
    # 30 % held, and 60 % of C, which holds half: 0.3 + 0.3.
    at = places(owns("A", "B", 0.3), owns("A", "C", 0.6), owns("C", "B", 0.5))
    groups = find_groups(at)

    assert groups.owned[[0], [1]] == pytest.approx(0.6)
    assert members(at) == {"A": "ABC"}


def test_firms_of_one_group_vote_together():
    # A owns 0.26 + 0.51 x 0.3 = 0.413 of B, but decides over 0.26 + 0.3 = 0.56 of its votes.
    at = places(owns("A", "B", 0.26), owns("A", "C", 0.51), owns("C", "B", 0.3))

    assert find_groups(at).owned[[0], [1]] == pytest.approx(0.413)
    assert members(at) == {"A": "ABC"}


def test_votes_are_counted_again_when_a_group_has_grown():
    # A and C hold 60 % of D; only with D have they 55 % of E.
    at = places(
        owns("A", "C", 0.9), owns("A", "D", 0.3), owns("C", "D", 0.3), owns("C", "E", 0.25), owns("D", "E", 0.3)
    )

    assert members(at) == {"A": "ACDE"}


def test_who_decides_without_owning_is_said_by_the_data():
    assert members(places(owns("A", "B", control=True), owns("C", "B", 0.4))) == {"A": "AB"}
    assert members(places(owns("A", "B", 0.6, control=False))) == {"A": "AB"}, "a majority decides all the same"


def test_joint_control_makes_nobody_a_member_unless_the_owners_are_one():
    joint = (owns("A", "C", 0.5, control=True), owns("B", "C", 0.5, control=True))

    assert members(places(*joint)) == {}
    assert found(places(*joint)) == [("joint_control", "C", {"owners": ("A", "B")})]
    assert members(places(*joint, owns("A", "B", 0.8))) == {"A": "ABC"}
    assert found(places(*joint, owns("A", "B", 0.8))) == []


def test_a_stated_group_keeps_its_name_and_takes_in_what_ownership_adds():
    at = places(owns("C", "D", 0.9), owns("E", "A", 0.7), stated={"A": "G", "B": "G", "C": "G"})

    assert members(at) == {"G": "ABCDE"}
    assert find_groups(at).stated.tolist() == [True]


def test_a_stated_group_of_one_is_a_group():
    assert members(places(stated={"A": "G"})) == {"G": "A"}


def test_ownership_joins_two_stated_groups_under_the_name_of_their_head():
    at = places(owns("C", "A", 0.8), stated={"A": "G1", "B": "G1", "C": "G2"})

    assert members(at) == {"G2": "ABC"}
    assert found(at) == [("groups_joined", "G2", {"groups": ("G1", "G2")})]


def test_a_group_named_by_its_head_is_told_from_a_stated_one():
    at = places(owns("A", "B", 0.8), stated={"C": "A"})

    assert members(at) == {"entity:A": "AB", "A": "C"}


def test_the_head_is_whom_no_other_controls_and_who_controls_most():
    at = places(owns("F", "B", 0.8), owns("B", "A", 0.7), owns("G", "A", control=True), owns("F", "C", 0.9))
    groups = find_groups(at)

    assert [at.ids[head] for head in groups.head] == ["F"]


def test_a_share_is_the_middle_of_its_bounds_and_one_bound_is_enough():
    assert members(places(owns("A", "B") | {"share_min": 0.25, "share_max": 0.75})) == {}
    assert members(places(owns("A", "B") | {"share_min": 0.25, "share_max": 0.76})) == {"A": "AB"}
    assert members(places(owns("A", "B") | {"share_max": 0.6})) == {"A": "AB"}
    assert members(places(owns("A", "B") | {"share_min": 0.6})) == {"A": "AB"}


def test_the_latest_row_of_a_pair_counts_and_one_that_ended_does_not():
    first, second = owns("A", "B", 0.8, start="2020-01-01"), owns("A", "B", 0.3, start="2023-01-01")

    assert members(places(first, second)) == members(places(second, first)) == {}
    assert members(places(first, second | {"start": "2024-07-01"})) == {"A": "AB"}
    assert members(places(first | {"end": "2024-06-29"})) == {}


def test_an_owner_outside_the_data_joins_those_it_owns():
    at = places(owns("X", "A", 0.8), owns("X", "B", 0.9))

    assert members(at) == {"X": "ABX"}


def test_a_loop_is_a_finding_and_ends():
    at = places(owns("A", "B", 0.8), owns("B", "C", 0.7), owns("C", "A", 0.1), owns("D", "A", 0.3))

    assert members(at) == {"A": "ABC"}
    assert found(at) == [("ownership_loop", "A", {"members": ("A", "B", "C")})]


def test_a_closed_loop_owns_itself():
    at = places(owns("A", "B", 1), owns("B", "A", 1), owns("B", "C", 0.6))
    groups = find_groups(at)

    assert members(at) == {"A": "ABC"}
    assert groups.owned.toarray()[:2, :3] == pytest.approx(np.array([[0, 1, 0.6], [1, 0, 0.6]]), abs=1e-6)


def test_shares_above_one_are_scaled_to_a_whole_and_said():
    at = places(owns("A", "C", 0.6), owns("B", "C", 0.6))

    assert members(at) == {}, "half each"
    assert found(at) == [("ownership_above_one", "C", {"total": "1.2"})]
    assert found(places(owns("A", "C", 0.5005), owns("B", "C", 0.5))) == [], "100.05 % is rounding"
    wide = [owns(i, "C") | {"share_min": 0.25, "share_max": 0.75} for i in "ABD"]
    assert found(places(*wide)) == [], "ranges may add up to more"


def test_partners_are_related_but_no_members():
    at = places(
        owns("A", "B", 0.9),
        partnerships=[
            {"from_id": "B", "to_id": "C", "kind": "jv"},
            {"from_id": "D", "to_id": "A", "kind": "sponsor"},
            {"from_id": "A", "to_id": "E", "kind": "distributor"},
            {"from_id": "A", "to_id": "B", "kind": "jv"},
            {"from_id": "F", "to_id": "A", "kind": "jv", "end": "2023-12-31"},
        ],
    )
    (group,) = listed(find_groups(at), [0], at.ids)

    assert group["members"] == ["A", "B"]
    assert [(row["entity_id"], row["kind"], row["member_id"]) for row in group["related"]] == [
        ("C", "jv", "B"),
        ("D", "sponsor", "A"),
    ]


def test_the_groups_of_the_sample():
    at = Places.at(read(), AS_OF)
    groups = find_groups(at)
    told = {str(n): list(at.ids[groups.members(k)]) for k, n in enumerate(groups.names)}

    assert told == {"GE": ["E1", "E2", "E3", "Q", "R10"], "GH": ["H", "H4"], "R11": ["M01", "R11"]}
    assert [at.ids[head] for head in groups.head] == ["R10", "H", "R11"]
    # R10 owns 0.55 of E1, which owns 0.8 of E2, 0.6 of E3 and 0.9 of Q; N1 the rest of Q.
    row = groups.owned[[at.ids.get_loc("R10")], :].toarray().ravel()
    assert {at.ids[k]: round(row[k], 6) for k in np.flatnonzero(row)} == {
        "E1": 0.55,
        "E2": 0.44,
        "E3": 0.33,
        "Q": 0.495,
    }
    assert groups.findings == ()


def chances(direct: np.ndarray) -> np.ndarray:
    """Return the chance of ever coming to i from j, each owner in turn made the end of all walks."""
    size = len(direct)
    result = np.zeros((size, size))
    for owner in range(size):
        others = [k for k in range(size) if k != owner]
        inner, into = direct[np.ix_(others, others)], direct[owner, others]
        result[owner, others] = np.linalg.solve(np.eye(size - 1) - inner.T, into)
    return result


@pytest.mark.parametrize("seed", range(40))
def test_integrated_ownership_is_the_chance_of_coming_to_an_owner(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 12))
    direct = rng.uniform(0, 1, (size, size)) * (rng.random((size, size)) < rng.uniform(0.1, 0.7))
    np.fill_diagonal(direct, 0)
    direct /= np.maximum(1.0, direct.sum(axis=0) / rng.uniform(0.3, 0.999, size))
    owned = integrated_ownership(sparse.csr_array(direct)).toarray()

    assert owned == pytest.approx(chances(direct), abs=1e-9)
    assert (owned <= 1 + 1e-9).all()
    # Where nothing comes back to its owner it is the sum over all chains.
    if nx.is_directed_acyclic_graph(nx.from_numpy_array(direct, create_using=nx.DiGraph)):
        walks = np.linalg.inv(np.eye(size) - direct) @ direct
        assert owned == pytest.approx(walks)


@pytest.mark.parametrize("seed", range(20))
def test_with_clear_majorities_groups_are_the_connected_parts(seed):
    rng = np.random.default_rng(seed)
    ids = [f"N{k:02d}" for k in range(30)]
    # Each has at most one owner, with more than half: groups are the trees that networkx finds.
    edges = [(ids[int(rng.integers(0, k))], ids[k]) for k in range(1, 30) if rng.random() < 0.6]
    rows = [owns(owner, owned, float(rng.uniform(0.51, 1))) for owner, owned in edges]
    order = rng.permutation(len(rows))
    tables = {
        "entities": SCHEMAS["entities"].frame([{"entity_id": i, "kind": "company"} for i in rng.permutation(ids)]),
        "ownership": SCHEMAS["ownership"].frame([rows[k] for k in order]),
    }
    at = Places.at(Tables(tables), AS_OF)
    groups = find_groups(at)
    graph = nx.Graph(edges)

    mine = {frozenset(at.ids[groups.members(number)]) for number in range(len(groups.names))}
    assert mine == {frozenset(part) for part in nx.connected_components(graph)}
    tops = {i for i in graph if not any(owned == i for _, owned in edges)}
    assert set(groups.names) == tops
