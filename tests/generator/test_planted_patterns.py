"""The guarantee network: what was planted is what networkx finds, in the numbers of the published network."""

from collections import Counter

import networkx as nx
import pytest

from graphrisk.generator.patterns import MOST_IN, MOST_OUT, PATTERNS, PUBLISHED_FIRMS, plant
from graphrisk.generator.population import COMPANY, GUARANTOR_CO, PERSON, SOLE_TRADER, populate

#: A book of this size has as many entities in its guarantee network as the published one has firms.
AS_PUBLISHED = 49_163


def graph_of(links):
    return nx.DiGraph(zip(links.guarantor.tolist(), links.debtor.tolist(), strict=True))


def pattern_of(part):
    """Name the pattern of a component by its shape alone."""
    rings = sorted(map(len, nx.strongly_connected_components(part)), reverse=True)
    out = max(degree for _, degree in part.out_degree())
    into = max(degree for _, degree in part.in_degree())
    if rings[0] > 2:
        return "circles" if rings[0] == len(part) == part.number_of_edges() else "unknown"
    if rings[0] == 2:
        return "mutual_pairs" if len(part) == 2 else "unknown"
    if out == into == 1:
        return "pairs" if len(part) == 2 else "chains"
    leaves = part.number_of_edges() == len(part) - 1 == max(out, into)
    if leaves and min(out, into) == 1:
        return "out_stars" if out > into else "in_stars"
    return "crosses" if out > 1 and into > 1 else "unknown"


def parts_of(graph):
    return [graph.subgraph(part) for part in nx.weakly_connected_components(graph)]


@pytest.mark.parametrize("entities", [100, 137, 500, 1_000, 5_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_planted_is_found(entities, seed):
    links = plant(populate(entities, seed, 19_904))
    graph = graph_of(links)
    parts = parts_of(graph)

    found = Counter(map(pattern_of, parts))
    assert {name: found.pop(name, 0) for name in PATTERNS} == {name: links.planted[name] for name in PATTERNS}
    assert not found
    assert all(links.planted[name] >= 1 for name in PATTERNS)
    assert links.planted["firms"] == len(graph)
    assert links.planted["contracts"] == len(links.debtor)
    assert links.planted["largest"] == max(map(len, parts))


def test_the_numbers_are_those_of_the_published_network():
    graph = graph_of(links := plant(populate(AS_PUBLISHED, 1, 19_904)))
    parts = parts_of(graph)
    label = {"pairs": "chain", "chains": "chain", "out_stars": "focus", "in_stars": "focus", "circles": "circle"}
    patterns = [pattern_of(part) for part in parts]
    of_entity = {node: label.get(name, "cross") for part, name in zip(parts, patterns, strict=True) for node in part}
    labels = Counter(of_entity[guarantor] for guarantor in links.guarantor.tolist())

    assert Counter(patterns) == {name: links.planted[name] for name in PATTERNS}
    assert len(graph) == pytest.approx(PUBLISHED_FIRMS, rel=0.05)
    assert graph.number_of_edges() == pytest.approx(14_307, rel=0.06)
    assert len(links.debtor) == pytest.approx(15_364, rel=0.06)
    assert len(parts) == pytest.approx(7_406, rel=0.01)
    assert sum(len(part) == 2 for part in parts) == pytest.approx(6_786, rel=0.01)
    assert max(map(len, parts)) == pytest.approx(539, rel=0.01)
    assert max(degree for _, degree in graph.out_degree()) == MOST_OUT == 75
    assert max(degree for _, degree in graph.in_degree()) == MOST_IN == 89
    assert labels["chain"] == pytest.approx(8_661, rel=0.03)
    assert labels["cross"] == pytest.approx(4_538, rel=0.2)
    assert labels["focus"] == pytest.approx(2_146, rel=0.2)
    assert labels["circle"] == pytest.approx(19, abs=4)


def test_guarantee_companies_stand_in_the_middle_of_stars_and_persons_answer_for_one_firm():
    people = populate(20_000, 1, 19_904)
    graph = graph_of(plant(people))
    kinds = dict(enumerate(people.kind.tolist()))
    companies = [node for node in graph if kinds[node] == GUARANTOR_CO]
    persons = [node for node in graph if kinds[node] == PERSON]

    assert companies
    assert all(graph.out_degree(node) > 1 and graph.in_degree(node) == 0 for node in companies)
    assert len(persons) > 500
    assert all(graph.out_degree(node) == 1 and graph.in_degree(node) == 0 for node in persons)
    assert {kinds[node] for node in graph} == {GUARANTOR_CO, PERSON, SOLE_TRADER, COMPANY}
    assert people.anchor not in graph
