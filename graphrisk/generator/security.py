"""What stands behind a block of loans: who answers for them, what is pledged, what is insured."""

from dataclasses import dataclass

import numpy as np

from graphrisk.generator.dice import Dice, Marks, Whole
from graphrisk.generator.loans import Loans
from graphrisk.generator.population import BANK, COMPANY, INSURER, PERSON, PLATFORM, SOLE_TRADER, Population
from graphrisk.generator.repayment import ACTIVE, SETTLED
from graphrisk.generator.terms import RATE_PLACES, maturity
from graphrisk.generator.texts import Piece, dates, decimals, ids, money, whole, words
from graphrisk.generator.world import World

_FIRST_PARTS, _LOAN_PARTS, _BLANK_PARTS = 7_000, 6_000, 300
_KINDS = ("joint", "general", "several", "")
_KIND_WEIGHTS = (70, 14, 6, 10)
_SEVERAL = 2
_SHARES = np.array([3_000, 5_000, 10_000])
_GUARANTEE_STEP = 100_000
#: Days after the end of a guarantee until which a claim can be made.
_CLAIM_DAYS = 180
_INSURED_PARTS = 300
_COVERS = np.array([7_000, 8_000, 9_000])
_PLEDGED_PARTS = {COMPANY: 3_000, SOLE_TRADER: 2_000, PERSON: 500}
_PLEDGES = ("house", "land", "equipment", "machine", "shop")
_HAIRCUTS = np.array([2_000, 3_000, 4_000, 5_000])
LOAN_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answers for the loans of a block, one element a guarantee.

    Attributes
    ----------
    guarantor : ndarray of int64, shape (g,)
        Position of the entity.
    leading, loan : ndarray of int64, shape (g,)
        First loan of the debtor, and the loan that it is for, in the block.
    named : ndarray of bool, shape (g,)
        Whether the contract names the loan; else it holds for all debt to its lender.
    by_loan : ndarray of int64, shape (m,)
        Who answers for each loan by name; -1 for none.
    insurer : ndarray of int64, shape (m,)
        Who insures each loan; -1 for none.
    """

    guarantor: Whole
    leading: Whole
    loan: Whole
    named: Marks
    by_loan: Whole
    insurer: Whole


def draw_answers(dice: Dice, world: World, loans: Loans, *, borrowers: Whole, counts: Whole) -> Answers:
    """Draw for which loans of a block guarantors and insurers answer.

    Parameters
    ----------
    dice : Dice
        For this block.
    world : World
    loans : Loans
        Of the block.
    borrowers, counts : ndarray of int64, shape (b,)
        Positions of those who borrow, and how many loans each has in the block.
    """
    people, links = world.people, world.links
    begin = np.cumsum(counts) - counts
    low = np.searchsorted(links.debtor, borrowers, side="left")
    high = np.searchsorted(links.debtor, borrowers, side="right")
    of = np.repeat(np.arange(len(borrowers)), high - low)
    link = np.arange(len(of)) + (low - (np.cumsum(high - low) - (high - low)))[of]
    size = len(of)
    other = begin[of] + dice.below(counts[of], size) if size else of
    loan = np.where(dice.chance(_FIRST_PARTS, size), begin[of], other)
    named = dice.chance(_LOAN_PARTS, size)
    by_loan = np.full(loans.size, -1)
    by_loan[loan[named][::-1]] = links.guarantor[link][named][::-1]
    insured = (people.kind[loans.lender] == PLATFORM) & ~loans.shared & dice.chance(_INSURED_PARTS, loans.size)
    insurers = people.of_kind(INSURER)
    insurer = np.where(insured, insurers[dice.below(len(insurers), loans.size)], -1)
    return Answers(links.guarantor[link], begin[of], loan, named, by_loan, insurer)


def guarantees(dice: Dice, world: World, loans: Loans, answers: Answers, *, status: Whole, numbers: Whole) -> Piece:
    """Return guarantees of a block; one of a loan that is repaid stands for the debtor's first loan instead."""
    size = len(answers.loan)
    loan = np.where(status[answers.loan] == SETTLED, answers.leading, answers.loan)
    terms = loans.terms
    amount = terms.principal[loan] * dice.between(50, 120, size) // 100
    amount = np.maximum(amount // _GUARANTEE_STEP, 1) * _GUARANTEE_STEP
    kind = dice.pick(_KIND_WEIGHTS, size)
    end = maturity(terms)[loan]
    claim = dice.chance(6_000, size)
    return "guarantees", {
        "guarantee_id": ids("G", world.accounts.number("guarantees", size), LOAN_WIDTH),
        "guarantor_id": world.people.named(answers.guarantor),
        "debtor_id": world.people.named(loans.borrower[loan]),
        "creditor_id": world.people.named(loans.lender[loan]),
        "loan_id": ids("L", numbers[loan], LOAN_WIDTH, answers.named),
        "amount": money(amount, ~dice.chance(_BLANK_PARTS, size)),
        "kind": words(_KINDS, kind),
        "share": decimals(_SHARES[dice.below(len(_SHARES), size)], RATE_PLACES, kind == _SEVERAL),
        "start": dates(terms.start[loan]),
        "end": dates(end + 365, claim),
        "claim_until": dates(end + 365 + _CLAIM_DAYS, claim),
        "status": words(("active",), np.zeros(size, dtype=np.int64)),
    }


def pledged(dice: Dice, people: Population, loans: Loans, status: Whole) -> Whole:
    """Return the value pledged for each loan of a block, 0 for none."""
    kind = people.kind[loans.borrower]
    parts = np.select([kind == which for which in _PLEDGED_PARTS], list(_PLEDGED_PARTS.values()), 0)
    parts = np.where((kind == PERSON) & (people.kind[loans.lender] == BANK), 5_000, parts)
    there = dice.chance(parts, loans.size) & (status == ACTIVE)
    value = loans.terms.principal * dice.between(90, 200, loans.size) // 100
    return np.where(there, np.maximum(value // _GUARANTEE_STEP, 1) * _GUARANTEE_STEP, 0)


def collateral(dice: Dice, world: World, loans: Loans, *, value: Whole, numbers: Whole) -> Piece:
    """Return what is pledged, given its value by loan."""
    loan = np.flatnonzero(value)
    size = len(loan)
    return "collateral", {
        "collateral_id": ids("D", world.accounts.number("collateral", size), LOAN_WIDTH),
        "owner_id": world.people.named(loans.borrower[loan]),
        "loan_id": ids("L", numbers[loan], LOAN_WIDTH),
        "value": money(value[loan]),
        "kind": words(_PLEDGES, dice.below(len(_PLEDGES), size)),
        "haircut": decimals(_HAIRCUTS[dice.below(len(_HAIRCUTS), size)], RATE_PLACES),
        "valued_on": dates(loans.terms.start[loan]),
    }


def loan_insurance(dice: Dice, world: World, loans: Loans, *, insurer: Whole, numbers: Whole) -> Piece:
    """Return policies on loans: the lender is insured against its borrower."""
    loan = np.flatnonzero(insurer >= 0)
    size = len(loan)
    return "insurance", {
        "policy_id": ids("I", world.accounts.number("insurance", size), LOAN_WIDTH),
        "insurer_id": world.people.named(insurer[loan]),
        "insured_id": world.people.named(loans.lender[loan]),
        "debtor_id": world.people.named(loans.borrower[loan]),
        "loan_id": ids("L", numbers[loan], LOAN_WIDTH),
        "limit": money(loans.terms.principal[loan]),
        "cover": decimals(_COVERS[dice.below(len(_COVERS), size)], RATE_PLACES),
        "deductible": money(np.zeros(size, dtype=np.int64)),
        "deductible_kind": words(("each",), np.zeros(size, dtype=np.int64)),
        "waiting_days": whole(np.full(size, 90)),
        "start": dates(loans.terms.start[loan]),
        "end": dates(maturity(loans.terms)[loan] + 365),
        "max_extension_days": whole(np.full(size, 60)),
    }
