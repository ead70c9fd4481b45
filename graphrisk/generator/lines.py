"""Facilities: limits that loans are drawn under, and limits that nobody has drawn on yet."""

import numpy as np

from graphrisk.generator.dice import ONE, TEN_THOUSAND, Dice, Marks, Whole, root
from graphrisk.generator.loans import Loans
from graphrisk.generator.population import BANK, COMPANY, PERSON, PLATFORM, SOLE_TRADER, Population
from graphrisk.generator.repayment import ACTIVE, Repayment
from graphrisk.generator.terms import RATE_PLACES
from graphrisk.generator.texts import Piece, Rows, dates, decimals, flags, ids, money
from graphrisk.generator.world import World

WIDTH = 7
_UNDER_LINE_PARTS = {COMPANY: 6_500, SOLE_TRADER: 4_500, PERSON: 1_500}
_SPARE_PARTS = {COMPANY: 4_500, SOLE_TRADER: 2_500, PERSON: 800}
_SPARE_MEDIAN = {COMPANY: 20_000_000, SOLE_TRADER: 4_000_000, PERSON: 1_000_000}
_STEP = 100_000
_LEAST_ROOM, _MOST_ROOM = 10_500, 20_000
_COMMITTED_PARTS, _EXPIRED_PARTS = 1_500, 400
_CLAUSE_PARTS = 4_500
#: Arrears elsewhere that a clause allows, in minor units; -1: a hundredth of the limit, -2: blank, which is nothing.
_THRESHOLDS = np.array([0, 5_000_000, -1, -1, -2])
_OF_LIMIT, _BLANK = -1, -2


def facilities(dice: Dice, world: World, loans: Loans, repaid: Repayment, borrowers: Whole) -> tuple[Whole, Piece]:
    """Return the number of the facility of each loan of a block (0 for none), and the facilities.

    Parameters
    ----------
    dice : Dice
        For this block.
    world : World
    loans : Loans
        Of the block.
    repaid : Repayment
        What is left of them.
    borrowers : ndarray of int64, shape (b,)
        Positions of those who borrow.
    """
    people = world.people
    pair = loans.borrower * people.n + loans.lender
    distinct, of_pair = np.unique(pair, return_inverse=True)
    borrower, provider = distinct // people.n, distinct % people.n
    under = dice.chance(_by_kind(people, borrower, _UNDER_LINE_PARTS), len(distinct))
    active = repaid.status == ACTIVE
    drawn, granted = np.zeros((2, len(distinct)), dtype=np.int64)
    np.add.at(drawn, of_pair, np.where(active, repaid.outstanding, 0))
    np.add.at(granted, of_pair, np.where(active, loans.terms.principal, 0))
    np.maximum.at(granted, of_pair, loans.terms.principal)
    spare = borrowers[dice.chance(_by_kind(people, borrowers, _SPARE_PARTS), len(borrowers))]
    need = _by_kind(people, spare, _SPARE_MEDIAN) * dice.factor("0.7", len(spare)) // ONE
    need = np.where(people.kind[spare] == PERSON, need, need * root(people.size[spare] * 1_000) // 1_000)
    kept = np.flatnonzero(under)
    number = world.accounts.number("facilities", len(kept) + len(spare))
    place = np.zeros(len(distinct), dtype=np.int64)
    place[kept] = number[: len(kept)]
    rows = _rows(
        dice,
        people,
        number,
        borrower=np.concatenate([borrower[kept], spare]),
        provider=np.concatenate([provider[kept], _spare_providers(dice, people, spare)]),
        drawn=np.concatenate([drawn[kept], np.zeros(len(spare), dtype=np.int64)]),
        need=np.concatenate([granted[kept], need]),
    )
    return place[of_pair], ("facilities", rows)


def _by_kind(people: Population, positions: Whole, values: dict[int, int]) -> Whole:
    kind = people.kind[positions]
    return np.select([kind == which for which in values], list(values.values()), 0)


def _spare_providers(dice: Dice, people: Population, borrower: Whole) -> Whole:
    platforms = people.of_kind(PLATFORM)
    drawn = platforms[dice.below(len(platforms), len(borrower))]
    return np.where(people.kind[borrower] == COMPANY, people.home[borrower], drawn)


def _rows(
    dice: Dice, people: Population, number: Whole, *, borrower: Whole, provider: Whole, drawn: Whole, need: Whole
) -> Rows:
    size = len(number)
    room = dice.between(_LEAST_ROOM, _MOST_ROOM, size)
    limit = (np.maximum(need, drawn) // 100 * room // (TEN_THOUSAND // 100) // _STEP + 1) * _STEP
    clause: Marks = (people.kind[provider] == BANK) & (people.kind[borrower] >= SOLE_TRADER)
    clause &= dice.chance(_CLAUSE_PARTS, size)
    threshold = _THRESHOLDS[dice.below(len(_THRESHOLDS), size)]
    committed = dice.chance(_COMMITTED_PARTS, size)
    expired = dice.chance(_EXPIRED_PARTS, size)
    days = np.where(expired, -dice.between(1, 90, size), dice.between(20, 400, size))
    return {
        "facility_id": ids("K", number, WIDTH),
        "borrower_id": people.named(borrower),
        "provider_id": people.named(provider),
        "limit": money(limit),
        "drawn": money(drawn),
        "committed": flags(committed),
        "expiry": dates(people.as_of + days),
        "rate": decimals(dice.between(80, 320, size) * 5, RATE_PLACES),
        "cross_default": flags(clause),
        "cross_default_threshold": money(
            np.where(threshold == _OF_LIMIT, limit // 100, np.maximum(threshold, 0)), clause & (threshold != _BLANK)
        ),
        "cancellable": flags(~committed),
    }
