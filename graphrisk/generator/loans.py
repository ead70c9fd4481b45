"""Loans: who borrows what from whom on which terms, and what kind of payer each one has."""

from dataclasses import dataclass

import numpy as np

from graphrisk.generator.dice import ONE, Dice, Marks, Whole, root
from graphrisk.generator.population import (
    BANK,
    COMPANY,
    PERSON,
    PLATFORM,
    PROJECT_SPV,
    SOLE_TRADER,
    Population,
)
from graphrisk.generator.terms import BULLET, DAILY, FLAT, INTEREST_FIRST, LEVEL_PAYMENT, LEVEL_PRINCIPAL, Terms

#: How a loan is paid: on time, late and made good, once bounced, always a month late, not any more; repaid early in
#: whole or in part, with interest once waived, or under a new plan.
PROMPT, ONCE_LATE, BOUNCED, CHRONIC, STOPPED, PREPAID, PART_PREPAID, WAIVED, REVISED = range(9)

#: Orders of allocation that houses have; the first is the convention.
ORDERS = ("", "principal>interest>penalty", "pro_rata")
DAY_COUNTS = ("", "ACT/360", "ACT/365", "30/360")

# Classes of loans: a person at a platform, a person at a bank, a sole trader, a company, a project.
_PERSON_PLATFORM, _PERSON_BANK, _TRADER, _COMPANY, _PROJECT = range(5)
PRODUCTS = ("consumer", "housing", "micro", "working capital", "project")
#: Chances in a hundred of each method, by class.
_METHODS = np.array(
    [[50, 8, 0, 12, 22, 8], [70, 20, 10, 0, 0, 0], [40, 10, 25, 18, 2, 5], [8, 15, 44, 30, 0, 3], [0, 0, 100, 0, 0, 0]]
).cumsum(axis=1)
#: Months of a loan, each as likely as the next, by method.
_MONTHS = np.array(
    [
        [6, 12, 12, 24, 36],
        [6, 12, 12, 24, 24],
        [6, 12, 12, 12, 24],
        [1, 3, 6, 6, 12],
        [3, 6, 6, 12, 12],
        [12, 12, 12, 12, 12],
    ]
)
_PROJECT_MONTHS = 60
#: Chance in a hundred that the schedule is in the data, by method; else it follows from the terms.
_LISTED = np.array([55, 55, 25, 10, 60, 0])
#: Least and most rate by class, at a platform and at a bank, in ten-thousandths a year.
_RATES = np.array(
    [
        [[900, 2_400], [900, 2_400]],
        [[380, 780], [380, 780]],
        [[800, 1_800], [420, 850]],
        [[700, 1_500], [330, 650]],
        [[420, 560], [420, 560]],
    ]
)
_RATE_STEP = 5
#: By class: median in currency units, least, most, and what it is rounded to.
_PRINCIPAL = np.array(
    [
        [18_000, 1_000, 300_000, 100],
        [90_000, 10_000, 1_500_000, 1_000],
        [70_000, 5_000, 3_000_000, 1_000],
        [350_000, 50_000, 2_000_000_000, 10_000],
        [1, 1, 1, 1],
    ]
)
_PLATFORM_PARTS = {PERSON: 7_000, SOLE_TRADER: 4_500, COMPANY: 1_000}
_HOME_PARTS, _PAY_DAY_PARTS, _FLOATING_PARTS = 5_500, 1_500, 2_000
_PAY_DAYS = np.array([5, 10, 15, 20, 25])
_MINOR = 100
_LEAST_DAYS_OF_MONTH = 28
_LONGEST_AGE, _DAYS_SINCE_END = 720, 90
_LEAST_MONTHS_REVISED = 6

#: Chances in a thousand of each way to pay, by health.
_WAYS = np.array(
    [
        [883, 65, 12, 0, 0, 25, 10, 5, 0],
        [180, 500, 40, 200, 0, 0, 0, 0, 80],
        [0, 100, 0, 0, 900, 0, 0, 0, 0],
    ]
).cumsum(axis=1)


@dataclass(frozen=True, slots=True)
class Houses:
    """How each financier keeps its books, one element an entity; only those of banks and platforms count.

    Attributes
    ----------
    parts : ndarray of bool
        Whether its payments come with their parts.
    grace : ndarray of int64
        Days of grace; 0: none is named.
    multiplier : ndarray of int64
        Tenths of the rate that penalty is charged at; 0: none is named.
    compound : ndarray of bool
        Whether unpaid interest bears penalty.
    order : ndarray of int64
        Position in `ORDERS`.
    day_count : ndarray of int64
        Position in `DAY_COUNTS`.
    partner : ndarray of int64
        Bank that lends along with a platform; -1 for none.
    """

    parts: Marks
    grace: Whole
    multiplier: Whole
    compound: Marks
    order: Whole
    day_count: Whole
    partner: Whole


def draw_houses(people: Population) -> Houses:
    """Draw how financiers keep their books.

    Parameters
    ----------
    people : Population
    """
    dice, n = Dice(people.seed, 3), people.n
    platform = people.kind == PLATFORM
    order = dice.pick((90, 6, 4), n)
    return Houses(
        parts=dice.chance(5_000, n),
        grace=np.where(platform & dice.chance(5_000, n), 3, 0),
        multiplier=np.where(dice.chance(3_000, n), 13, 0),
        compound=dice.chance(2_000, n),
        order=np.where(platform, order, 0),
        day_count=dice.pick((50, 25, 15, 10), n),
        # The first platform always has one, so that every book has loans that are shared.
        partner=np.where(
            platform & (dice.chance(6_000, n) | (np.arange(n) == people.first[PLATFORM])), people.home, -1
        ),
    )


@dataclass(frozen=True, slots=True)
class Loans:
    """Loans of a block, one element a loan, borrower by borrower.

    Attributes
    ----------
    borrower, lender : ndarray of int64
        Positions of entities.
    leading : ndarray of bool
        Whether it is its borrower's first, which runs beyond the date of the book.
    terms : Terms
        Those of loans repaid at will too, which have no plan.
    kind : ndarray of int64
        Position in `PRODUCTS`.
    listed : ndarray of bool
        Whether its schedule is in the data.
    floating : ndarray of bool
        Whether its rate moves.
    way : ndarray of int64
        How it is paid.
    shared : ndarray of bool
        Whether a bank lends along with the platform.
    """

    borrower: Whole
    lender: Whole
    leading: Marks
    terms: Terms
    kind: Whole
    listed: Marks
    floating: Marks
    way: Whole
    shared: Marks

    @property
    def size(self) -> int:
        """Number of loans."""
        return len(self.borrower)

    @property
    def planned(self) -> Marks:
        """Which have instalments."""
        planned: Marks = self.terms.method != DAILY
        return planned


def loans_of_each(people: Population, guaranteed: Whole) -> Whole:
    """Return how many loans each entity has, of shape (n,): more for the large, at least one where guaranteed.

    Parameters
    ----------
    people : Population
    guaranteed : ndarray of int64
        Positions of those for whom somebody answers.
    """
    dice, n = Dice(people.seed, 4), people.n
    of_person = dice.pick((25, 60, 15), n)
    of_firm = dice.pick((22, 60, 18), n) + np.minimum(root(people.size // 1_000) - 1, 9)
    count = np.select(
        [people.kind == PERSON, people.kind == SOLE_TRADER, people.kind == COMPANY],
        [of_person, np.minimum(of_firm, 3), of_firm],
        0,
    )
    count[guaranteed] = np.maximum(count[guaranteed], 1)
    count[people.anchor] = np.maximum(count[people.anchor], 2)
    return count


def draw_loans(dice: Dice, people: Population, houses: Houses, borrower: Whole, leading: Marks) -> Loans:
    """Draw loans of some borrowers.

    Parameters
    ----------
    dice : Dice
        For this block.
    people : Population
    houses : Houses
    borrower : ndarray of int64, shape (m,)
        Position of who borrows, once a loan.
    leading : ndarray of bool, shape (m,)
        Whether it is the borrower's first.
    """
    size = len(borrower)
    kind = people.kind[borrower]
    lender = _lenders(dice, people, borrower)
    at_bank = people.kind[lender] == BANK
    group = np.select(
        [kind == PERSON, kind == SOLE_TRADER, kind == PROJECT_SPV],
        [np.where(at_bank, _PERSON_BANK, _PERSON_PLATFORM), _TRADER, _PROJECT],
        _COMPANY,
    )
    method = (dice.below(100, size)[:, None] >= _METHODS[group]).sum(axis=1)
    # The first loan of the large buyer that fails falls due every month, so that something of it is overdue.
    fails = leading & (borrower == people.anchor)
    method[fails] = LEVEL_PRINCIPAL
    months = np.where(group == _PROJECT, _PROJECT_MONTHS, _MONTHS[method, dice.below(_MONTHS.shape[1], size)])
    low, high = _RATES[group, at_bank.astype(np.int64)].T
    monthly = ~np.isin(method, (BULLET, DAILY))
    pay_day = np.where(monthly & dice.chance(_PAY_DAY_PARTS, size), _PAY_DAYS[dice.below(len(_PAY_DAYS), size)], 0)
    floating = np.isin(method, (LEVEL_PRINCIPAL, INTEREST_FIRST)) & (group == _COMPANY) & at_bank
    floating &= dice.chance(_FLOATING_PARTS, size)
    way = (dice.below(1_000, size)[:, None] >= _WAYS[people.health[borrower]]).sum(axis=1)
    way[fails] = STOPPED
    way = _possible(way, months=months, method=method, floating=floating, leading=leading)
    listed = dice.below(100, size) < _LISTED[method]
    age = _ages(dice, months, leading, group == _PROJECT)
    # Who does not pay any more had the loan before, and still had it then.
    since = np.where(way == STOPPED, people.as_of - people.stopped[borrower], 0)
    before = since + dice.between(_LEAST_DAYS_OF_MONTH, _LEAST_DAYS_OF_MONTH * months, size) - 1
    age = np.where(way == STOPPED, before, age)
    return Loans(
        borrower=borrower,
        lender=lender,
        leading=leading,
        terms=Terms(
            method=method,
            principal=_principals(dice, people, borrower, group),
            rate=low + _RATE_STEP * dice.below((high - low) // _RATE_STEP + 1, size),
            start=people.as_of - age,
            months=months,
            pay_day=pay_day,
            base=np.where(DAY_COUNTS.index("ACT/365") == houses.day_count[lender], 365, 360),
        ),
        kind=group,
        listed=listed | floating | (way == REVISED),
        floating=floating,
        way=way,
        shared=(houses.partner[lender] >= 0) & (kind == PERSON) & dice.chance(5_000, size),
    )


def _lenders(dice: Dice, people: Population, borrower: Whole) -> Whole:
    size = len(borrower)
    kind = people.kind[borrower]
    parts = np.select([kind == which for which in _PLATFORM_PARTS], list(_PLATFORM_PARTS.values()), 0)

    def large(of: int) -> Whole:
        first, end = people.first[of], people.first[of + 1]
        found: Whole = first + dice.weighted(np.cumsum(people.size[first:end]), size)
        return found

    bank = np.where(dice.chance(_HOME_PARTS, size), people.home[borrower], large(BANK))
    return np.where(dice.chance(parts, size), large(PLATFORM), bank)


def _principals(dice: Dice, people: Population, borrower: Whole, group: Whole) -> Whole:
    """Return principals in minor units: larger for larger borrowers, in round figures."""
    median, least, most, step = _PRINCIPAL[group].T
    drawn = median * dice.factor("0.8", len(borrower)) // ONE
    scaled = drawn * root(people.size[borrower] * 1_000) // 1_000
    units = np.where(np.isin(group, (_PERSON_PLATFORM, _PERSON_BANK)), drawn, scaled)
    principal: Whole = np.clip(units, least, most) // step * step * _MINOR
    return principal


def _ages(dice: Dice, months: Whole, leading: Marks, project: Marks) -> Whole:
    """Return days since payout: within the term for a borrower's first loan, at most somewhat after it for others."""
    within = _LEAST_DAYS_OF_MONTH * months - 5
    most = np.minimum(np.where(leading, within, within + _DAYS_SINCE_END), np.where(project, 1_200, _LONGEST_AGE))
    return dice.between(np.minimum(5, most), most, len(months))


def _possible(way: Whole, *, months: Whole, method: Whole, floating: Marks, leading: Marks) -> Whole:
    """Return ways to pay that the terms allow; who cannot pay so pays on time."""
    monthly = ~np.isin(method, (BULLET, DAILY))
    amortising = np.isin(method, (LEVEL_PAYMENT, LEVEL_PRINCIPAL, FLAT))
    impossible = (way == REVISED) & (~monthly | (months < _LEAST_MONTHS_REVISED) | floating)
    impossible |= np.isin(way, (PREPAID, PART_PREPAID)) & ~monthly
    impossible |= (way == WAIVED) & ~amortising
    impossible |= (way == PREPAID) & leading
    # Penalty over a change of rate is the ledger's to work out: such a loan is paid on time or not at all.
    impossible |= floating & (way != STOPPED)
    return np.where(impossible, PROMPT, way)
