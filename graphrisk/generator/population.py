"""Who there is: kinds, sizes, communities, health, and ids."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
import pyarrow as pa

from graphrisk.generator.dice import LEAST_SIZE, Dice, Whole, zipf
from graphrisk.generator.texts import Texts, ids, words

#: Kinds in the order in which entities stand, each with the letter of its ids.
KINDS: dict[str, str] = {
    "bank": "B",
    "platform": "F",
    "insurer": "N",
    "guarantor_co": "U",
    "public": "O",
    "project_spv": "J",
    "person": "P",
    "sole_trader": "T",
    "company": "C",
}
(BANK, PLATFORM, INSURER, GUARANTOR_CO, PUBLIC, PROJECT_SPV, PERSON, SOLE_TRADER, COMPANY) = range(len(KINDS))
_WIDTH = 6

#: How entities pay.
SOUND, STRAINED, FAILING = range(3)
#: A day that never comes.
NEVER = 2**40

REGIONS: tuple[tuple[str, str], ...] = (
    ("东区", "East"),
    ("南区", "South"),
    ("西区", "West"),
    ("北区", "North"),
    ("中区", "Central"),
    ("东南区", "Southeast"),
    ("西南区", "Southwest"),
    ("西北区", "Northwest"),
    ("东北区", "Northeast"),
)
#: Sectors of firms: code, name of a firm in it in both languages, what it sells.
SECTORS: tuple[tuple[str, str, str, tuple[str, str, str]], ...] = (
    ("wholesale", "商贸", "Trading", ("groceries", "household goods", "paper goods")),
    ("machinery", "机械", "Machinery", ("pumps", "bearings", "tools")),
    ("textiles", "纺织", "Textiles", ("yarn", "cloth", "garments")),
    ("chemicals", "化工", "Chemicals", ("resin", "solvent", "paint")),
    ("food", "食品", "Foods", ("flour", "oil", "sauces")),
    ("electronics", "电子", "Electronics", ("boards", "sensors", "cables")),
    ("construction", "建设", "Construction", ("works", "fittings", "scaffolds")),
    ("logistics", "物流", "Logistics", ("haulage", "storage", "parcels")),
    ("farming", "农业", "Farming", ("grain", "fruit", "feed")),
    ("packaging", "包装", "Packaging", ("cartons", "film", "labels")),
    ("furniture", "家居", "Furniture", ("tables", "cabinets", "beds")),
    ("services", "服务", "Services", ("cleaning", "design", "repair")),
    ("materials", "建材", "Materials", ("cement", "tiles", "steel bars")),
)

#: Days since an entity stopped paying: chances in a hundred up to so many days.
_STOPPED = ((40, 1, 90), (75, 91, 270), (100, 271, 540))
_LARGEST_TRADER = 8 * LEAST_SIZE
_LEAST_COMMUNITIES, _FIRMS_A_COMMUNITY = 12, 2_000
_STRAINED_PARTS, _FAILING_PARTS = 700, 400
#: The failing anchor stopped paying this many days ago, and stands at this rank among companies by size.
_ANCHOR_DAYS, _ANCHOR_RANK = 40, 2
#: One in so many of the largest companies is an anchor, and each of them but one is sound.
_ANCHORS_ONE_IN = 100


@dataclass(frozen=True, slots=True)
class Population:
    """The ``n`` entities of a book, by position: kind by kind, in the order of `KINDS`.

    Attributes
    ----------
    seed : int
        Seed of the book.
    as_of : int
        Day of the book, since 1970-01-01.
    first : ndarray of int64, shape (kinds + 1,)
        First position of each kind, and the end.
    kind : ndarray of int64, shape (n,)
        Position in `KINDS`.
    size : ndarray of int64, shape (n,)
        In thousandths of the smallest, with a heavy tail.
    community : ndarray of int64, shape (n,)
        Whom one mostly deals with.
    communities : int
        How many there are.
    health : ndarray of int64, shape (n,)
        `SOUND`, `STRAINED` or `FAILING`.
    stopped : ndarray of int64, shape (n,)
        Day after which nothing is paid; `NEVER` but for the failing.
    home : ndarray of int64, shape (n,)
        Position of the bank that one mostly borrows from.
    anchor : int
        Position of the large buyer that fails.
    ids : text, shape (n,)
        Ids.
    """

    seed: int
    as_of: int
    first: Whole
    kind: Whole
    size: Whole
    community: Whole
    communities: int
    health: Whole
    stopped: Whole
    home: Whole
    anchor: int
    ids: Texts

    @property
    def n(self) -> int:
        """Number of entities."""
        return len(self.kind)

    def of_kind(self, *kinds: int) -> Whole:
        """Return the positions of all entities of some kinds."""
        return np.concatenate([np.arange(self.first[kind], self.first[kind + 1]) for kind in kinds])

    def named(self, positions: Whole) -> Texts:
        """Return ids by position; -1 is blank."""
        return words(self.ids, positions)

    @property
    def region(self) -> Whole:
        """Position in `REGIONS` of each entity: that of its community."""
        return self.community % len(REGIONS)

    @property
    def sector(self) -> Whole:
        """Position in `SECTORS` of each entity: that of its community."""
        return self.community % len(SECTORS)


def census(entities: int) -> tuple[int, ...]:
    """Return how many entities of each kind there are, in the order of `KINDS`.

    Parameters
    ----------
    entities : int
        In all, at least 100.

    Examples
    --------
    >>> dict(zip(KINDS, census(10_000), strict=True))["company"], sum(census(10_000))
    (4951, 10000)
    """
    scale = isqrt(entities)
    few = (2 + scale // 4, 1 + scale // 8, 1 + scale // 40, 1 + scale // 12, 1 + entities // 2_000, 1 + entities // 250)
    rest = entities - sum(few)
    persons, traders = rest * 36 // 100, rest * 14 // 100
    return (*few, persons, traders, rest - persons - traders)


def populate(entities: int, seed: int, as_of: int) -> Population:
    """Draw the entities of a book.

    Parameters
    ----------
    entities : int
        How many, at least 100.
    seed : int
        Seed of the book.
    as_of : int
        Day of the book, since 1970-01-01.

    Examples
    --------
    >>> people = populate(100, 1, 19904)
    >>> people.n, people.ids[0].as_py()
    (100, 'B000001')
    """
    dice = Dice(seed, 1)
    counts = census(entities)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    kind = np.repeat(np.arange(len(counts)), counts)
    size = dice.pareto(_largest(entities), entities)
    size = np.where(kind == SOLE_TRADER, np.minimum(size, _LARGEST_TRADER), size)
    communities = max(_LEAST_COMMUNITIES, entities // _FIRMS_A_COMMUNITY)
    community = dice.weighted(zipf(communities, "0.7"), entities)
    firms = np.arange(first[COMPANY], first[COMPANY + 1])
    by_size = firms[np.argsort(-size[firms], kind="stable")]
    anchor = int(by_size[_ANCHOR_RANK])
    health = _health(dice, kind, by_size[: max(_ANCHOR_RANK + 2, len(firms) // _ANCHORS_ONE_IN)], anchor)
    stopped = np.where(health == FAILING, as_of - _days_stopped(dice, entities), NEVER)
    stopped[anchor] = as_of - _ANCHOR_DAYS
    weight = np.cumsum(size[first[BANK] : first[BANK + 1]])
    return Population(
        seed=seed,
        as_of=as_of,
        first=first,
        kind=kind,
        size=size,
        community=community,
        communities=communities,
        health=health,
        stopped=stopped,
        home=first[BANK] + dice.weighted(weight, entities),
        anchor=anchor,
        ids=pa.concat_arrays(
            [ids(letter, np.arange(1, count + 1), _WIDTH) for letter, count in zip(KINDS.values(), counts, strict=True)]
        ),
    )


def _largest(entities: int) -> int:
    """Return the largest size: that of the tail among so many, by four."""
    chance = entities.bit_length()
    return max(10 * LEAST_SIZE, int(LEAST_SIZE * _power(entities, chance)) // 4)


def _power(entities: int, bits: int) -> int:
    """Return about entities^(5/6), by whole numbers: the sixth root of the fifth power."""
    low, high = 1, 1 << bits
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**6 <= entities**5 else (low, middle)
    return low


def _health(dice: Dice, kind: Whole, anchors: Whole, anchor: int) -> Whole:
    pays = np.isin(kind, (PERSON, SOLE_TRADER, COMPANY))
    health = np.where(dice.chance(_STRAINED_PARTS, len(kind)), STRAINED, SOUND)
    health = np.where(dice.chance(_FAILING_PARTS, len(kind)), FAILING, health)
    health = np.where(pays, health, SOUND)
    health[anchors] = SOUND
    health[anchor] = FAILING
    return health


def _days_stopped(dice: Dice, size: int) -> Whole:
    lot = dice.below(100, size)
    days = np.zeros(size, dtype=np.int64)
    least = 0
    for below, low, high in _STOPPED:
        days = np.where((lot >= least) & (lot < below), dice.between(low, high, size), days)
        least = below
    return days
