"""Who guarantees whom: chains, stars, mutual pairs, circles and crosses, in planted numbers.

The numbers follow a bank's guarantee network whose counts were published with a contest entry of 2020-21
(https://github.com/FutureXZC/nxpy-d3js-analysis; none of its data is used): 19,665 firms and 14,307 pairs in 7,406
components, 6,786 of them of two firms, the largest of 539; at most 75 guaranteed by one and 89 guarantors of one;
15,364 contracts, by their own labels 8,661 in chains, 4,538 in crosses, 2,146 around a focus, 19 in circles. Other
sizes of book have these numbers in proportion, and at least one of each pattern.
"""

from dataclasses import dataclass, field

import numpy as np

from graphrisk.generator.dice import Dice, Whole
from graphrisk.generator.population import (
    COMPANY,
    FAILING,
    GUARANTOR_CO,
    PERSON,
    SOLE_TRADER,
    Population,
)

#: Patterns in the order of the summary.
PATTERNS = ("pairs", "chains", "out_stars", "in_stars", "mutual_pairs", "circles", "crosses")

#: Firms of the published network, and how many components of each pattern it is given.
PUBLISHED_FIRMS = 19_665
_PUBLISHED = {
    "pairs": 6_586,
    "chains": 425,
    "out_stars": 84,
    "in_stars": 83,
    "mutual_pairs": 200,
    "circles": 4,
    "crosses": 24,
}
_LARGEST_PARTS, _PARTS = 274, 10_000
#: Most that one firm guarantees, and most that guarantee one.
MOST_OUT, MOST_IN = 75, 89
#: Entities in the guarantee network, in a hundred of all.
_TAKING_PART = 40
_PERSON_PARTS, _TWICE_PARTS = 4_000, 740
#: In a small book no star has more leaves than one in so many of those who take part.
_SMALL = 8
_CHAIN_WEIGHTS = (40, 25, 15, 10, 6, 4)
_CIRCLE_SIZES = (3, 4, 5, 7)
_LEAST_CROSS, _MOST_CROSS = 4, 300
#: Links of a cross beside those that hold it together, in a hundred of its firms.
_MORE_LINKS = 75


@dataclass(frozen=True, slots=True)
class Links:
    """Who guarantees whom, one element a contract, by debtor.

    Attributes
    ----------
    guarantor, debtor : ndarray of int64, shape (m,)
        Positions of entities.
    planted : dict of str to int
        How many components of each pattern there are, then ``firms``, ``contracts``, ``largest`` (firms of the largest
        component).
    """

    guarantor: Whole
    debtor: Whole
    planted: dict[str, int]


@dataclass(slots=True)
class _Bed:
    """Links while they are planted; nodes are numbered as they are taken."""

    taken: int = 0
    largest: int = 2
    guarantors: list[Whole] = field(default_factory=list)
    debtors: list[Whole] = field(default_factory=list)

    def pairs(self, count: int) -> Whole:
        """Return the first nodes of so many pairs of new ones; the second node is the next."""
        first = self.taken + 2 * np.arange(count)
        self.taken += 2 * count
        return first

    def component(self, size: int) -> int:
        """Return the first of the new nodes of a component."""
        self.taken += size
        self.largest = max(self.largest, size)
        return self.taken - size

    def link(self, guarantor: Whole, debtor: Whole) -> None:
        """Add links."""
        self.guarantors.append(np.asarray(guarantor, dtype=np.int64))
        self.debtors.append(np.asarray(debtor, dtype=np.int64))


def plant(population: Population) -> Links:
    """Draw the guarantee network of a book.

    Parameters
    ----------
    population : Population
        Its entities.

    Returns
    -------
    Links
        No entity is in two components; chains, stars and crosses have no circle.

    Examples
    --------
    >>> from graphrisk.generator.population import populate
    >>> plant(populate(100, 1, 19904)).planted["circles"]
    1
    """
    dice = Dice(population.seed, 2)
    firms = population.of_kind(SOLE_TRADER, COMPANY)
    firms = firms[firms != population.anchor]
    taking_part = population.n * _TAKING_PART // 100
    counts = {name: max(1, count * taking_part // PUBLISHED_FIRMS) for name, count in _PUBLISHED.items()}
    counts["crosses"] += 1  # the largest
    bed = _Bed()
    stars = _stars(dice, bed, counts, max(2, taking_part // _SMALL))
    _chains(dice, bed, counts["chains"])
    _circles(bed, counts["circles"])
    for size in _cross_sizes(dice, counts["crosses"], taking_part):
        _cross(dice, bed, size)
    mutual = bed.pairs(counts["mutual_pairs"])
    bed.link(np.concatenate([mutual, mutual + 1]), np.concatenate([mutual + 1, mutual]))
    counts["pairs"] = min(counts["pairs"], (len(firms) - bed.taken) // 2)
    pairs = bed.pairs(counts["pairs"])
    bed.link(pairs, pairs + 1)
    return _placed(dice, population, bed, counts, firms=firms, stars=stars, pairs=pairs)


def _placed(
    dice: Dice, population: Population, bed: _Bed, counts: dict[str, int], *, firms: Whole, stars: Whole, pairs: Whole
) -> Links:
    """Put entities at the nodes: guarantee companies where one guarantees many, persons for one firm only."""
    entity = firms[dice.order(len(firms))][: bed.taken]
    companies = population.of_kind(GUARANTOR_CO)[: len(stars)]
    entity[stars[: len(companies)]] = companies
    persons = population.of_kind(PERSON)
    persons = persons[population.health[persons] != FAILING]
    persons = persons[dice.order(len(persons))]
    by_person = pairs[dice.chance(_PERSON_PARTS, len(pairs))][: len(persons)]
    entity[by_person] = persons[: len(by_person)]
    guarantor, debtor = entity[np.concatenate(bed.guarantors)], entity[np.concatenate(bed.debtors)]
    twice = dice.chance(_TWICE_PARTS, len(guarantor))
    guarantor, debtor = np.concatenate([guarantor, guarantor[twice]]), np.concatenate([debtor, debtor[twice]])
    order = np.argsort(debtor, kind="stable")
    planted = {name: counts[name] for name in PATTERNS}
    planted |= {"firms": bed.taken, "contracts": len(guarantor), "largest": bed.largest}
    return Links(guarantor[order], debtor[order], planted)


def _stars(dice: Dice, bed: _Bed, counts: dict[str, int], largest: int) -> Whole:
    """Plant stars of so many leaves at most; return the nodes that guarantee many."""
    centres = []
    for name, most in (("out_stars", MOST_OUT), ("in_stars", MOST_IN)):
        # From three leaves on, with a tail: the mean is about twelve, some have the most there may be.
        leaves = np.minimum(7 * dice.pareto(1_000_000, counts[name]) // 2_000, min(most, largest))
        for count in leaves.tolist():
            centre = bed.component(1 + count)
            others = centre + 1 + np.arange(count)
            middle = np.full(count, centre)
            bed.link(middle, others) if name == "out_stars" else bed.link(others, middle)
            centres += [centre] if name == "out_stars" else []
    return np.array(centres, dtype=np.int64)


def _chains(dice: Dice, bed: _Bed, count: int) -> None:
    for size in (3 + dice.pick(_CHAIN_WEIGHTS, count)).tolist():
        node = bed.component(size) + np.arange(size)
        bed.link(node[:-1], node[1:])


def _circles(bed: _Bed, count: int) -> None:
    for number in range(count):
        size = _CIRCLE_SIZES[number % len(_CIRCLE_SIZES)]
        node = bed.component(size) + np.arange(size)
        bed.link(node, np.roll(node, -1))


def _cross_sizes(dice: Dice, count: int, taking_part: int) -> list[int]:
    largest = max(_LEAST_CROSS + 1, taking_part * _LARGEST_PARTS // _PARTS)
    others = np.minimum(18 * dice.pareto(1_000_000, count - 1) // 1_000, min(_MOST_CROSS, largest - 1))
    return [largest, *np.maximum(others, _LEAST_CROSS).tolist()]


def _cross(dice: Dice, bed: _Bed, size: int) -> None:
    """Plant a web without a circle: every link goes from an earlier node to a later one.

    The first node guarantees many, and many guarantee the last one; each other node hangs on an earlier one. Two that
    the first one guarantees both guarantee the last one, so that the smallest web is a cross as well.
    """
    later = np.arange(1, size)
    earlier = dice.below(later, size - 1)
    more = size * _MORE_LINKS // 100
    low = dice.below(max(1, size - 3), more)
    high = low + 1 + dice.below(np.maximum(size - 3 - low, 1), more)
    out, into = min(MOST_OUT, max(2, size // 4)), min(MOST_IN, max(2, size // 4))
    low = np.concatenate([earlier, [0, 1, 2], low, np.zeros(out, dtype=np.int64), dice.below(size - 1, into)])
    high = np.concatenate(
        [later, [2, size - 1, size - 1], high, 1 + dice.below(size - 1, out), np.full(into, size - 1)]
    )
    _, kept = np.unique(low * size + high, return_index=True)
    kept.sort()
    low, high = low[kept], high[kept]
    # What holds the web together stands first, so that only other links are left out where there are too many.
    fits = (_rank(low) < MOST_OUT) & (_rank(high) < MOST_IN)
    first = bed.component(size)
    bed.link(first + low[fits], first + high[fits])


def _rank(values: Whole) -> Whole:
    """Return how many equal values stand before each.

    Examples
    --------
    >>> _rank(np.array([5, 3, 5, 5])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    start = np.maximum.accumulate(np.where(begins, np.arange(len(values)), 0))
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values)) - start
    return rank
