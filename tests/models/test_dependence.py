"""Dependence: the path of the fewest links, against all paths tried one by one."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from graphrisk.models import dependence
from graphrisk.models.dependence import LINKS, Links, ways


def links(one, other, share, group) -> Links:
    share = np.asarray(share, dtype=np.float64)
    return Links.of(
        np.asarray(one, np.int64),
        np.asarray(other, np.int64),
        kind=np.zeros(len(one), np.int64),
        amount=share,
        share=share,
        group=group,
    )


def table(one, other, share, group) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for i, j, part in zip(one.tolist(), other.tolist(), share.tolist(), strict=True):
        if i != j:
            found[i, j] = max(found.get((i, j), 0.0), min(1.0, part))
    for i in range(len(group)):
        for j in range(len(group)):
            if i != j and group[i] >= 0 and group[i] == group[j]:
                found[i, j] = 1.0
    return found


def best_path(i, j, n, every, at_once):
    """Return links, stops and dependence of the best path, every path being tried."""
    others = [k for k in range(n) if k not in (i, j)]
    for count in range(1, LINKS + 1):
        found = []
        for stops in permutations(others, count - 1):
            steps = pairwise((i, *stops, j))
            product = np.prod([(at_once if step[1] == j else every).get(step, 0.0) for step in steps])
            if product > 0:
                found.append((-round(product, 12), stops))
        if found:
            product, stops = min(found)
            return count, list(stops), -product
    return 0, [], 0.0


@pytest.mark.parametrize("portion", [1, dependence.AT_A_TIME])
@pytest.mark.parametrize("seed", range(40))
def test_the_path_is_the_best_of_all(seed, portion, monkeypatch):
    monkeypatch.setattr(dependence, "AT_A_TIME", portion)
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 8)), int(rng.integers(0, 15))
    one, other, share = rng.integers(0, n, k), rng.integers(0, n, k), rng.integers(1, 20, k) / 16
    group = np.where(rng.random(n) < 0.3, rng.integers(0, 3, n), -1)
    kept = rng.random(k) < 0.7
    found = ways(
        *(pairs := np.argwhere(~np.eye(n, dtype=bool)).T),
        links(one, other, share, group),
        links(one[kept], other[kept], share[kept], group),
    )
    every, at_once = table(one, other, share, group), table(one[kept], other[kept], share[kept], group)
    for place, (i, j) in enumerate(pairs.T.tolist()):
        count, stops, product = best_path(i, j, n, every, at_once)

        assert found.links[place] == count
        assert [stop for stop in found.stops[place].tolist() if stop >= 0] == stops
        assert found.dependence[place] == pytest.approx(product)


def test_a_group_is_one_step_however_large():
    group = np.zeros(1000, dtype=np.int64)
    group[-1] = -1
    found = ways(np.array([0, 0]), np.array([500, 999]), *[links([700], [999], [0.4], group)] * 2)

    assert found.links.tolist() == [1, 2]
    assert found.stops.tolist() == [[-1, -1], [700, -1]]
    assert found.dependence.tolist() == [1, 0.4]


def test_of_several_links_of_a_pair_the_strongest_counts():
    found = links([0, 0, 0], [1, 1, 0], [0.2, 0.7, 1.0], np.full(2, -1))

    assert found.share.tolist() == [0.7]
    assert found.find(np.array([0, 1]), np.array([1, 0])).tolist() == [0, -1]


def test_nothing_hangs_on_anything_without_links():
    found = ways(np.array([0]), np.array([1]), *[links([], [], [], np.full(3, -1))] * 2)

    assert (found.links.tolist(), found.dependence.tolist()) == ([0], [0])
