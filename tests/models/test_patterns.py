"""Patterns of guarantees: worked by hand, and against networkx on random networks."""

import networkx as nx
import numpy as np
import pytest

from graphrisk.models.patterns import (
    MANY,
    Arrows,
    all_patterns,
    chains,
    circles,
    crosses,
    mutual_pairs,
    on_a_ring,
    parts,
    shortest_rings,
    stars,
)


def arrows(*pairs: str, n: int = 10) -> Arrows:
    """Return arrows from pairs of digits: "01" is a guarantee of 0 for 1."""
    ends = np.array([[int(digit) for digit in pair] for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return Arrows.of(*ends.T, n)


def members(sets) -> list[list[int]]:
    return [part.tolist() for part in sets.members()]


def guarantees(sets) -> list[list[int]]:
    return [sets.guarantee[sets.set_of_guarantee == k].tolist() for k in range(sets.count)]


def graph_of(guarantor, debtor, n) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((g, d) for g, d in zip(guarantor.tolist(), debtor.tolist(), strict=True) if g != d)
    return graph


def drawn(seed: int, n: int, m: int):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n, m), rng.integers(0, n, m)


def plain_chains(graph: nx.DiGraph) -> list[list[int]]:
    """Return the longest paths whose inner members have one guarantor and one debtor and stand on no ring."""
    on_ring = {v for part in nx.strongly_connected_components(graph) if len(part) > 1 for v in part}
    inner = {v for v in graph if graph.in_degree(v) == graph.out_degree(v) == 1 and v not in on_ring}
    found = []
    for tail, head in graph.edges:
        if tail in inner:
            continue
        path = [tail, head]
        while path[-1] in inner:
            path.append(next(graph.successors(path[-1])))
        if len(path) > 2:
            found.append(path)
    return sorted(found)


def same_as_networkx(guarantor, debtor, n) -> None:
    found, graph = Arrows.of(guarantor, debtor, n), graph_of(guarantor, debtor, n)
    strong = sorted(sorted(part) for part in nx.strongly_connected_components(graph) if len(part) >= MANY)
    weak = sorted(sorted(part) for part in nx.weakly_connected_components(graph) if len(part) >= MANY)
    pairs = sorted([u, v] for u, v in graph.edges if u < v and graph.has_edge(v, u))
    rings = [graph.subgraph(part) for part in strong]

    assert sorted(members(circles(found))) == strong
    assert sorted(members(parts(found))) == weak
    assert sorted(members(mutual_pairs(found))) == pairs
    assert sorted(members(chains(found))) == plain_chains(graph)
    assert sorted(members(stars(found, "guarantor"))) == sorted(
        [v, *sorted(graph.successors(v))] for v in graph if graph.out_degree(v) >= MANY
    )
    assert sorted(members(stars(found, "debtor"))) == sorted(
        [v, *sorted(graph.predecessors(v))] for v in graph if graph.in_degree(v) >= MANY
    )
    meeting = [sorted(v for v in part if part.in_degree(v) > 1 or part.out_degree(v) > 1) for part in rings]
    assert sorted(members(crosses(found))) == sorted(part for part in meeting if part)
    ringed = {v for part in nx.strongly_connected_components(graph) if len(part) > 1 for v in part}
    label = {v: k for k, part in enumerate(nx.strongly_connected_components(graph)) for v in part}
    assert on_a_ring(found).tolist() == [
        g != d and g in ringed and label[g] == label[d]
        for g, d in zip(guarantor.tolist(), debtor.tolist(), strict=True)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_patterns_of_small_networks_are_those_of_networkx(seed):
    n = 3 + seed % 9
    same_as_networkx(*drawn(seed, n, (seed * 7) % 25), n)


def test_patterns_of_twenty_thousand_guarantees_are_those_of_networkx():
    same_as_networkx(*drawn(1, 12_000, 20_000), 12_000)


@pytest.mark.parametrize("seed", range(60))
def test_the_shortest_ring_is_the_shortest_simple_cycle(seed):
    n = 4 + seed % 8
    guarantor, debtor = drawn(seed, n, 2 * n)
    found, graph = Arrows.of(guarantor, debtor, n), graph_of(guarantor, debtor, n)
    of = circles(found)
    for part, ring in zip(of.members(), shortest_rings(found, of), strict=True):
        inside = graph.subgraph(part.tolist())

        assert len(ring) == min(map(len, nx.simple_cycles(inside)))
        assert ring[0] == min(ring)
        assert nx.is_path(inside, [*ring, ring[0]])


def test_a_ring_of_a_thousand_with_one_short_cut_is_found_at_once():
    ring = np.arange(1000)
    found = Arrows.of(np.r_[ring, 400], np.r_[(ring + 1) % 1000, 0], 1000)

    assert shortest_rings(found, circles(found)) == [list(range(401))]


def test_every_guarantee_of_a_pair_counts_and_a_self_guarantee_never():
    found = arrows("01", "10", "01", "00")
    (pair,) = guarantees(mutual_pairs(found))

    assert pair == [0, 1, 2]
    assert on_a_ring(found).tolist() == [True, True, True, False]


def test_amounts_are_summed_by_set():
    found = circles(arrows("01", "12", "20", "30", "34"))

    assert found.sums(np.array([5.0, 7.0, 11.0, 100.0, 1000.0])).tolist() == [23]
    assert found.largest(np.array([5.0, 7.0, 11.0, 100.0, 1000.0])).tolist() == [11]


def test_a_cross_holds_the_guarantees_that_touch_where_rings_meet():
    # A ring 0-1-2-3 and a mutual pair 0-4: they meet at 0.
    found = crosses(arrows("01", "12", "23", "30", "04", "40"))

    assert members(found) == [[0]]
    assert guarantees(found) == [[0, 3, 4, 5]]
    assert members(crosses(arrows("01", "12", "20"))) == []


def test_a_chain_ends_where_it_branches_and_may_lead_out_of_a_ring():
    found = arrows("01", "10", "12", "23", "34", "35")

    assert members(chains(found)) == [[1, 2, 3]]
    assert guarantees(chains(found)) == [[2, 3]]


def test_two_chains_may_end_at_one_debtor():
    assert members(chains(arrows("01", "12", "32", "43"))) == [[0, 1, 2], [4, 3, 2]]


@pytest.mark.parametrize("pairs", [(), ("00",), ("01",)])
def test_few_guarantees_make_no_pattern(pairs):
    assert {name: sets.count for name, sets in all_patterns(arrows(*pairs)).items()} == dict.fromkeys(
        ("circle", "cross", "mutual", "chain", "star", "focus", "part"), 0
    )


def test_the_order_of_guarantees_changes_nothing():
    guarantor, debtor = drawn(5, 30, 60)
    turn = np.random.default_rng(0).permutation(60)
    one, other = Arrows.of(guarantor, debtor, 30), Arrows.of(guarantor[turn], debtor[turn], 30)

    for before, after in zip(all_patterns(one).values(), all_patterns(other).values(), strict=True):
        assert members(before) == members(after)
        assert [sorted(turn[k] for k in part) for part in guarantees(after)] == guarantees(before)
