"""The table of entities, drawn last: cash is what their contracts need, and a margin."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphrisk.generator.accounts import HORIZON, Accounts
from graphrisk.generator.dice import LEAST_SIZE, ONE, Dice, Marks, Whole, root
from graphrisk.generator.names import SURNAMES, SYLLABLES, THREE, firm_names, person_names
from graphrisk.generator.population import (
    BANK,
    COMPANY,
    FAILING,
    GUARANTOR_CO,
    INSURER,
    KINDS,
    PERSON,
    PLATFORM,
    PROJECT_SPV,
    PUBLIC,
    REGIONS,
    SECTORS,
    SOLE_TRADER,
    SOUND,
    STRAINED,
    Population,
)
from graphrisk.generator.relations import group_ids
from graphrisk.generator.terms import RATE_PLACES
from graphrisk.generator.texts import Piece, Rows, Texts, dates, decimals, money, whole, words
from graphrisk.generator.world import World
from graphrisk.tables.raw import TEXT

_BLOCK = 100_000
_MONTHS = HORIZON // 30
#: Median spending a month outside the tables, in minor units, by kind.
_SPENDING = {PERSON: 450_000, SOLE_TRADER: 900_000, COMPANY: 4_000_000}
#: What a sound entity has beyond what it owes within the horizon, in hundredths of it: the median; a strained one has
#: a third of that. A failing one has cash for so much of what it owes at most.
_MARGIN, _FAILING_CASH = 12, 25
_UNKNOWN_PARTS, _GIVEN_PARTS = 400, 7_500
_ROUND = 10_000
#: Cash of those that lend: so many hundredths of it, and for their size something from outside the tables, in minor
#: units for the smallest; and how many times that their equity has.
_LENT_CASH, _SIZE_CASH, _SIZE_EQUITY = 8, 300_000_000, 15
_TITLES: dict[int, tuple[str, str]] = {
    BANK: ("银行", "Bank"),
    PLATFORM: ("数科", "Platform"),
    INSURER: ("保险", "Insurance"),
    GUARANTOR_CO: ("担保", "Guarantee"),
    PUBLIC: ("公用事业", "Public Works"),
    PROJECT_SPV: ("项目", "Project"),
}
_SHOPS = (
    ("小吃店", "Snacks"),
    ("果蔬店", "Greens"),
    ("五金店", "Hardware"),
    ("服饰店", "Clothes"),
    ("修配铺", "Repairs"),
    ("便利店", "Store"),
    ("茶庄", "Teas"),
    ("家电行", "Appliances"),
)
_SIZES = ("small", "medium", "large")
_MEDIUM, _LARGE = 3 * LEAST_SIZE, 15 * LEAST_SIZE
_RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
#: Least and most chance of default within a year, in ten-thousandths, by health.
_CHANCES = np.array([[20, 300], [400, 1_200], [2_500, 6_000]])


@dataclass(frozen=True, slots=True)
class _Means:
    """Money of some entities, in minor units."""

    cash: Whole
    inflow: Whole
    outflow: Whole
    equity: Whole
    known: Marks


def entities(world: World, groups: Whole) -> Iterator[Piece]:
    """Yield all entities, kind by kind.

    Parameters
    ----------
    world : World
        Its accounts say what their contracts come to.
    groups : ndarray of int64, shape (n,)
        Number of the group of each; 0 for none.
    """
    people = world.people
    for kind in range(len(KINDS)):
        for block, first in enumerate(range(int(people.first[kind]), int(people.first[kind + 1]), _BLOCK)):
            which = np.arange(first, min(first + _BLOCK, int(people.first[kind + 1])))
            yield "entities", _rows(Dice(people.seed, 14, kind, block), world, groups[which], which, kind)


def _rows(dice: Dice, world: World, groups: Whole, which: Whole, kind: int) -> Rows:
    people, accounts = world.people, world.accounts
    size = len(which)
    pays = kind in _SPENDING
    means = _payers(dice, people, accounts, which, kind) if pays else _houses(dice, people, accounts, which)
    low, high = _CHANCES[people.health[which]].T
    chance = dice.between(low, high, size)
    firm = kind in (SOLE_TRADER, COMPANY)
    large = (people.size[which] >= _MEDIUM).astype(np.int64) + (people.size[which] >= _LARGE)
    given = dice.chance(_GIVEN_PARTS, size)
    rated = given & (large > 0) & (kind == COMPANY)
    none = np.zeros(size, dtype=np.bool_)
    sold = 12 * (accounts.sold[which] + means.inflow)
    age = dice.between(365, 40 * 365, size)
    return {
        "entity_id": people.named(which),
        "name": _names(dice, people, which, kind),
        "kind": words(tuple(KINDS), np.full(size, kind)),
        "group_id": group_ids(groups),
        "country": words(("CN",), np.zeros(size, dtype=np.int64)),
        "region": words(tuple(f"{chinese} {english}" for chinese, english in REGIONS), people.region[which]),
        "sector": words(tuple(sector[0] for sector in SECTORS), people.sector[which] if firm else np.full(size, -1)),
        "size": words(_SIZES, np.full(size, -1) if kind == PERSON else large),
        "founded": dates(people.as_of - age, none if kind == PERSON else ~none),
        "as_of": dates(np.full(size, people.as_of)),
        "equity": money(means.equity, (given & (large > 0)) if pays else ~none),
        "cash": money(means.cash, means.known),
        "monthly_inflow": money(means.inflow, ~none if pays else none),
        "monthly_outflow": money(means.outflow, ~none if pays else none),
        "revenue": money(sold, given if firm else none),
        "net_capital": money(means.equity * 9 // 10, ~none if kind in (BANK, PLATFORM, GUARANTOR_CO) else none),
        "score": whole(800 - root(chance * 20) - dice.below(60, size), given if pays else none),
        "pd": decimals(chance, RATE_PLACES, given if pays else none),
        "rating": words(_RATINGS, np.where(rated, np.minimum(root(chance // 20), len(_RATINGS) - 1), -1)),
        "loss_given_default": decimals(dice.between(5, 13, size) * 500, RATE_PLACES, dice.chance(2_000, size)),
    }


def _payers(dice: Dice, people: Population, accounts: Accounts, which: Whole, kind: int) -> _Means:
    """Return means of persons and firms: what is due within the horizon can be paid, with a margin, by the sound."""
    size = len(which)
    due, receipts, health = accounts.due[which], accounts.receipts[which], people.health[which]
    scale = root(people.size[which] * LEAST_SIZE) if kind == COMPANY else np.full(size, LEAST_SIZE)
    spending = _up(_SPENDING[kind] * dice.factor("0.5", size) // ONE * scale // LEAST_SIZE)
    margin = due // 10_000 * _MARGIN * (dice.factor("0.9", size) // 10_000)
    margin = np.where(health == STRAINED, margin // 3, margin)
    need = due + margin - receipts
    lacks = need > 0
    in_cash = np.maximum(need, 0) // 100 * dice.between(30, 100, size)
    cash = np.where(lacks, in_cash, spending * dice.between(10, 100, size) // 100)
    failing = health == FAILING
    cash = np.where(failing, due // 100 * dice.below(_FAILING_CASH, size), cash)
    cash = _up(cash)
    missing = np.where(lacks & ~failing, _up(np.maximum(need - cash, 0) // _MONTHS), 0)
    # Who is owed more than it owes spends most of the rest.
    spent = np.where(lacks | failing, 0, np.minimum(-need // _MONTHS * 4 // 5, spending * 9 // 10))
    return _Means(
        cash=cash,
        inflow=spending + missing - spent // _ROUND * _ROUND,
        outflow=spending,
        equity=(accounts.sold[which] + spending) * dice.between(100, 500, size) // 100,
        known=~((health == SOUND) & (people.size[which] < _LARGE) & dice.chance(_UNKNOWN_PARTS, size)),
    )


def _houses(dice: Dice, people: Population, accounts: Accounts, which: Whole) -> _Means:
    """Return means of those that lend, insure and guarantee, of public bodies and project companies."""
    size = len(which)
    lent, due = accounts.lent[which], accounts.due[which]
    own = _SIZE_CASH // LEAST_SIZE * people.size[which]
    nothing = np.zeros(size, dtype=np.int64)
    return _Means(
        cash=_up(lent * _LENT_CASH // 100 + own + due * dice.between(105, 150, size) // 100),
        inflow=nothing,
        outflow=nothing,
        equity=_up(lent * dice.between(8, 13, size) // 100 + _SIZE_EQUITY * own),
        known=np.ones(size, dtype=np.bool_),
    )


def _up(minor: Whole) -> Whole:
    """Round amounts up to hundreds of currency units."""
    return -(-minor // _ROUND) * _ROUND


def _names(dice: Dice, people: Population, which: Whole, kind: int) -> Texts:
    size = len(which)
    if kind == PERSON:
        second = np.where(dice.chance(8_000, size), dice.below(len(SYLLABLES), size), -1)
        return person_names(dice.below(len(SURNAMES), size), dice.below(len(SYLLABLES), size), second)
    number = which - people.first[kind]
    start = int(Dice(people.seed, 15, kind).below(THREE, 1)[0])
    if kind in _TITLES:
        chinese, english = _TITLES[kind]
        return firm_names(number, start, pa.scalar(chinese, TEXT), pa.scalar(english, TEXT))
    titles = _SHOPS if kind == SOLE_TRADER else tuple(sector[1:3] for sector in SECTORS)
    of = dice.below(len(_SHOPS), size) if kind == SOLE_TRADER else people.sector[which]
    return firm_names(number, start, *(words(tuple(title[language] for title in titles), of) for language in range(2)))


def events(world: World) -> Iterator[Piece]:
    """Yield what is known of those who stopped paying: lawsuits, defaults, limits cut, news of the large one.

    Parameters
    ----------
    world : World
        Its accounts say what their contracts come to.
    """
    people, accounts = world.people, world.accounts
    failing = np.flatnonzero(people.health == FAILING)
    since = people.as_of - people.stopped[failing]
    dice = Dice(people.seed, 16)
    lots = dice.below(100, len(failing))
    for kind, least, below in (("default", 91, 101), ("lawsuit", 60, 35), ("limit_cut", 20, 50)):
        chosen = failing[(since >= least) & (lots < below)]
        yield (
            "events",
            {
                "entity_id": people.named(chosen),
                "date": dates(people.stopped[chosen] + least),
                "kind": words((kind,), np.zeros(len(chosen), dtype=np.int64)),
                "amount": money(accounts.due[chosen]),
            },
        )
    anchor = np.array([people.anchor])
    yield (
        "events",
        {
            "entity_id": people.named(anchor),
            "date": dates(people.stopped[anchor] + 14),
            "kind": words(("news",), np.zeros(1, dtype=np.int64)),
            "note": words(("pays its suppliers late",), np.zeros(1, dtype=np.int64)),
        },
    )
