"""Projects: their companies, lenders and other parties, cash flows, promises and loans."""

from collections.abc import Iterator
from dataclasses import replace
from math import isqrt

import numpy as np

from graphrisk.generator.accounts import Accounts
from graphrisk.generator.dice import ONE, TEN_THOUSAND, Dice, Whole
from graphrisk.generator.lending import lend_block
from graphrisk.generator.loans import PROMPT, draw_loans
from graphrisk.generator.population import BANK, COMPANY, PROJECT_SPV, PUBLIC, Population
from graphrisk.generator.terms import RATE_PLACES
from graphrisk.generator.texts import Piece, dates, decimals, ids, money, words
from graphrisk.generator.world import World

WIDTH = 6
#: Median cost in currency units, for each unit of the square root of the entities at most; what costs are rounded to.
_MEDIAN_COST, _COST_OF_ROOT, _STEP = 60_000_000, 600_000, 1_000_000
_MINOR = 100
_DEBT_SHARE = 70
_LOCKUPS = np.array([110, 115, 120])
_DEFAULT = 105
_MAJOR = 2_500
#: Shares of lenders and of contractors, in ten-thousandths; -1 for nobody.
_LENDER_SHARES = np.array([[10_000, 0, 0], [6_000, 4_000, 0], [5_000, 3_000, 2_000]])
_CONTRACTOR_SHARES = np.array([[6_000, 4_000, 0], [5_000, 3_000, 2_000], [8_000, 2_000, 0]])
#: Projects are funded by one in so many banks, the largest.
_LARGE_BANKS, _LEAST_LENDERS = 3, 4
_HALF_YEARS, _HALF_YEAR = 4, 182
_ROLES = ("lender", "sponsor", "contractor", "offtaker")
_STAGES = ("construction", "operation")


def build_projects(world: World) -> Iterator[Piece]:
    """Draw the project of each project company, and the loan from its first lender.

    Parameters
    ----------
    world : World
        What falls due is added to its accounts.

    Yields
    ------
    Piece
    """
    people = world.people
    dice = Dice(people.seed, 13)
    spv = people.of_kind(PROJECT_SPV)
    size = len(spv)
    number = 1 + np.arange(size)
    median = min(_MEDIAN_COST, _COST_OF_ROOT * isqrt(people.n))
    cost = (median * dice.factor("0.8", size) // ONE // _STEP + 1) * _STEP * _MINOR
    committed = cost * _DEBT_SHARE // 100
    drawn = committed * dice.between(30, 95, size) // 100
    service = committed * dice.between(7, 11, size) // 100
    cover = dice.between(106, 165, size)
    lockup = _LOCKUPS[dice.below(len(_LOCKUPS), size)]
    cash_flow = service * cover // 100
    yield (
        "projects",
        {
            "project_id": ids("Q", number, WIDTH),
            "spv_id": people.named(spv),
            "cost": money(cost),
            "debt_committed": money(committed),
            "debt_drawn": money(drawn),
            "cfads": money(cash_flow),
            "debt_service": money(service),
            "dscr_lockup": decimals(lockup, 2),
            "dscr_default": decimals(np.full(size, _DEFAULT), 2),
            "major_party_share": decimals(np.full(size, _MAJOR), RATE_PLACES),
            "stage": words(_STAGES, dice.below(len(_STAGES), size)),
        },
    )
    lenders, parties = _parties(dice, people, number)
    yield parties
    yield _cash_flows(dice, people, number, cash_flow, service)
    yield _covenants(world.accounts, number, lockup)
    loans = draw_loans(dice, people, world.houses, spv, np.ones(size, dtype=np.bool_))
    terms = replace(loans.terms, principal=drawn // (_MINOR * _MINOR) * (_MINOR * _MINOR))
    on_time = np.full(size, PROMPT)
    yield from lend_block(dice, world, replace(loans, lender=lenders, terms=terms, way=on_time), number)


def _some(dice: Dice, candidates: Whole, size: int) -> Whole:
    """Return three different candidates each, of shape (size, 3)."""
    count = len(candidates)
    first = dice.below(count, size)
    second = (first + 1 + dice.below(max(count // 2 - 1, 1), size)) % count
    third = (second + 1 + dice.below(max(count // 2 - 1, 1), size)) % count
    return candidates[np.stack([first, second, third], axis=1)]


def _parties(dice: Dice, people: Population, number: Whole) -> tuple[Whole, Piece]:
    """Return the first lender of each project, and who takes part in it."""
    size = len(number)
    banks = people.of_kind(BANK)
    banks = banks[np.argsort(-people.size[banks], kind="stable")]
    lenders = _some(dice, banks[: max(_LEAST_LENDERS, len(banks) // _LARGE_BANKS)], size)
    builders = _some(dice, people.of_kind(COMPANY), size)
    buyers = people.of_kind(PUBLIC, COMPANY)
    lent = _LENDER_SHARES[dice.below(len(_LENDER_SHARES), size)]
    built = _CONTRACTOR_SHARES[dice.below(len(_CONTRACTOR_SHARES), size)]
    companies = people.of_kind(COMPANY)
    sponsor = companies[dice.below(len(companies), size)]
    buyer = buyers[dice.below(len(buyers), size)]
    sponsored = dice.between(50, 100, size) * 100
    entity = np.concatenate([lenders, sponsor[:, None], builders, buyer[:, None]], axis=1)
    whole = np.full((size, 1), TEN_THOUSAND)
    share = np.concatenate([lent, sponsored[:, None], built, whole], axis=1)
    role = np.tile(np.repeat(np.arange(len(_ROLES)), (3, 1, 3, 1)), (size, 1))
    project = np.repeat(number, entity.shape[1])
    there = share.ravel() > 0
    return lenders[:, 0], (
        "project_parties",
        {
            "project_id": ids("Q", project[there], WIDTH),
            "entity_id": people.named(entity.ravel()[there]),
            "role": words(_ROLES, role.ravel()[there]),
            "share": decimals(share.ravel()[there], RATE_PLACES),
        },
    )


def _cash_flows(dice: Dice, people: Population, number: Whole, cash_flow: Whole, service: Whole) -> Piece:
    size = len(number) * _HALF_YEARS
    row = np.repeat(np.arange(len(number)), _HALF_YEARS)
    half = np.tile(1 + np.arange(_HALF_YEARS), len(number))
    return "project_cashflows", {
        "project_id": ids("Q", number[row], WIDTH),
        "date": dates(people.as_of + _HALF_YEAR * half),
        "cfads": money(cash_flow[row] // 2 * dice.between(95, 110, size) // 100),
        "debt_service": money(service[row] // 2),
    }


def _covenants(accounts: Accounts, number: Whole, lockup: Whole) -> Piece:
    row = np.repeat(np.arange(len(number)), 2)
    second = np.tile([False, True], len(number))
    return "covenants", {
        "covenant_id": ids("X", accounts.number("covenants", len(row)), WIDTH),
        "subject_id": ids("Q", number[row], WIDTH),
        "metric": words(("dscr",), np.zeros(len(row), dtype=np.int64)),
        "op": words((">=",), np.zeros(len(row), dtype=np.int64)),
        "level": decimals(np.where(second, _DEFAULT, lockup[row]), 2),
        "action": words(("lockup", "drawstop"), second.astype(np.int64)),
    }
