"""Loans block by block, with everything that hangs on them: instalments, payments, lines, guarantees."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from graphrisk.generator.accounts import HORIZON, Accounts
from graphrisk.generator.dice import Dice, Marks, Whole, half_up
from graphrisk.generator.lines import WIDTH as LINE_WIDTH
from graphrisk.generator.lines import facilities
from graphrisk.generator.loans import (
    CHRONIC,
    DAY_COUNTS,
    ORDERS,
    PRODUCTS,
    REVISED,
    STOPPED,
    Houses,
    Loans,
    draw_loans,
    loans_of_each,
)
from graphrisk.generator.plans import Planned, draw_up
from graphrisk.generator.population import BANK, FAILING, NEVER, PERSON, Population
from graphrisk.generator.repayment import ACTIVE, RECEIPTS, STATUSES, WRITTEN_OFF, Repayment, repay
from graphrisk.generator.security import (
    LOAN_WIDTH,
    collateral,
    draw_answers,
    guarantees,
    loan_insurance,
    pledged,
)
from graphrisk.generator.terms import BULLET, RATE_ONE, RATE_PLACES, first_of, maturity, month_of
from graphrisk.generator.texts import Piece, dates, decimals, flags, ids, money, whole, words
from graphrisk.generator.world import World
from graphrisk.tables.schemas import BUCKETS, FIVE_CLASSES, METHODS

#: Borrowers of a block.
_BLOCK = 8_000
_PAYMENT_WIDTH = 8
_PROJECT_WIDTH = 6
#: Share of a loan that the partner of a platform lends, in ten-thousandths.
_PARTNER_SHARE = 8_000
_CO_BORROWER_PARTS = 2_400
_SNAPSHOT_PARTS, _LABEL_PARTS = 500, 1_200
_DAYS_OF_LABEL = 180
_DEFAULT_DAYS = 90
_BUCKET_DAYS = 30
#: Where a loan repaid at will is overdue, a fifth of it is.
_FIFTH = 5


@dataclass(frozen=True, slots=True)
class _State:
    """Loans at a day, one element a loan: outstanding, overdue amounts in minor units, and days past due."""

    outstanding: Whole
    principal: Whole
    interest: Whole
    days: Whole


@dataclass(frozen=True, slots=True)
class _Block:
    """Loans of a block, and all that is known of them."""

    people: Population
    houses: Houses
    loans: Loans
    planned: Planned
    repaid: Repayment
    numbers: Whole
    now: _State

    @property
    def plain(self) -> Marks:
        """Whose state at any day follows from instalments and payments."""
        plain: Marks = self.repaid.plain & (self.loans.way != REVISED)
        return plain

    def state(self, day: int) -> _State:
        """Return the state of the loans that have a plan at a day."""
        rows, repaid, size = self.planned.rows, self.repaid, self.loans.size
        met = repaid.paid_day <= day
        part = repaid.part_day <= day
        principal = np.where(met, rows.principal, np.where(part, repaid.part_principal, 0))
        interest = np.where(met, rows.interest, np.where(part, repaid.part_interest, 0))
        grace = self.houses.grace[self.loans.lender[rows.loan]]
        late = ~met & (rows.due + grace < day)
        oldest = np.full(size, day)
        np.minimum.at(oldest, rows.loan[late], rows.due[late])
        return _State(
            outstanding=self.loans.terms.principal - rows.sums(principal, size),
            principal=rows.sums(np.where(late, rows.principal - principal, 0), size),
            interest=rows.sums(np.where(late, rows.interest - interest, 0), size),
            days=day - oldest,
        )


def lend(world: World) -> Iterator[Piece]:
    """Draw the loans of persons and firms.

    Parameters
    ----------
    world : World
        What falls due is added to its accounts.

    Yields
    ------
    Piece
        Rows of a table; each block of borrowers has some of every table.
    """
    people = world.people
    counts = loans_of_each(people, np.unique(world.links.debtor))
    borrowers = np.flatnonzero(counts)
    borrowers = borrowers[Dice(people.seed, 5).order(len(borrowers))]
    for block, first in enumerate(range(0, len(borrowers), _BLOCK)):
        chunk = borrowers[first : first + _BLOCK]
        dice = Dice(people.seed, 6, block)
        borrower = np.repeat(chunk, counts[chunk])
        leading = np.concatenate([[True], borrower[1:] != borrower[:-1]])
        loans = draw_loans(dice, people, world.houses, borrower, leading)
        yield from lend_block(dice, world, loans)


def lend_block(
    dice: Dice,
    world: World,
    loans: Loans,
    projects: Whole | None = None,
) -> Iterator[Piece]:
    """Draw what hangs on the loans of a block.

    Parameters
    ----------
    dice : Dice
        For this block.
    world : World
        What falls due is added to its accounts.
    loans : Loans
        Of the block, borrower by borrower.
    projects : ndarray of int64, shape (m,), optional
        Number of the project that each loan funds.

    Yields
    ------
    Piece
    """
    people, accounts = world.people, world.accounts
    begin = np.flatnonzero(loans.leading)
    borrowers = loans.borrower[begin]
    planned = draw_up(loans, people.as_of)
    loans = planned.loans
    counts = np.diff(np.append(begin, loans.size))
    answers = draw_answers(dice, world, loans, borrowers=borrowers, counts=counts)
    repaid = repay(dice, people, world.houses, loans, planned.rows, guarantor=answers.by_loan, insurer=answers.insurer)
    repaid, at_will = _at_will(dice, people, loans, repaid)
    block = _Block(people, world.houses, loans, planned, repaid, accounts.number("loans", loans.size), at_will)
    _count(accounts, block)
    of_loan, lines = facilities(dice, world, loans, repaid, borrowers)
    value = pledged(dice, people, loans, repaid.status)
    yield lines
    yield _loans(block, facility=of_loan, value=value, projects=projects)
    yield _schedule(block)
    yield _payments(accounts, block)
    yield from _snapshots(dice, block)
    yield _rates(block)
    yield _shares(block)
    yield _co_borrowers(dice, block)
    yield guarantees(dice, world, loans, answers, status=repaid.status, numbers=block.numbers)
    yield collateral(dice, world, loans, value=value, numbers=block.numbers)
    yield loan_insurance(dice, world, loans, insurer=answers.insurer, numbers=block.numbers)
    yield _labels(dice, block)


def _at_will(dice: Dice, people: Population, loans: Loans, repaid: Repayment) -> tuple[Repayment, _State]:
    """Return what is left of loans repaid at will, which have no plan, and what of it is overdue."""
    size = loans.size
    left = loans.terms.principal * dice.between(20, 100, size) // 100
    outstanding = np.where(loans.planned, repaid.outstanding, left)
    stopped = (loans.way == STOPPED) & ~loans.planned
    since = np.maximum(people.stopped[loans.borrower], loans.terms.start)
    days = np.where(stopped, np.maximum(people.as_of - since, 0), 0)
    return replace(repaid, outstanding=outstanding), _State(
        outstanding=outstanding,
        principal=np.where(days > 0, outstanding // _FIFTH, 0),
        interest=half_up(outstanding * loans.terms.rate * days, 360 * RATE_ONE),
        days=days,
    )


def _count(accounts: Accounts, block: _Block) -> None:
    """Add up what falls due within the horizon, and what is lent."""
    rows, repaid, loans = block.planned.rows, block.repaid, block.loans
    as_of = block.people.as_of
    called = (repaid.accelerated < NEVER)[rows.loan]
    unpaid = repaid.paid_day == NEVER
    principal = np.where(unpaid & ~called & (rows.due <= as_of + HORIZON), rows.principal - repaid.part_principal, 0)
    by = np.where(called, as_of, as_of + HORIZON)
    interest = np.where(unpaid & (rows.due <= by), rows.interest - repaid.part_interest, 0)
    due = rows.sums(principal + interest, loans.size)
    due += np.where(repaid.accelerated < NEVER, repaid.outstanding, 0)
    due += np.where(loans.planned, 0, block.now.principal + block.now.interest)
    due[repaid.status != ACTIVE] = 0
    partner = np.where(loans.shared, block.houses.partner[loans.lender], loans.lender)
    theirs = np.where(loans.shared, due * _PARTNER_SHARE // RATE_ONE, 0)
    accounts.owe(loans.borrower, loans.lender, due - theirs)
    accounts.owe(loans.borrower, partner, theirs)
    lent = np.where(repaid.status == ACTIVE, repaid.outstanding, 0)
    theirs = np.where(loans.shared, lent * _PARTNER_SHARE // RATE_ONE, 0)
    np.add.at(accounts.lent, loans.lender, lent - theirs)
    np.add.at(accounts.lent, partner, theirs)


def _loans(block: _Block, *, facility: Whole, value: Whole, projects: Whole | None) -> Piece:
    loans, terms, houses, repaid = block.loans, block.loans.terms, block.houses, block.repaid
    lender, planned = loans.lender, loans.planned
    count_of = houses.day_count[lender]
    # 30/360 counts odd days in its own way, and a bullet's whole term is odd days.
    monthly = (terms.pay_day == 0) & (terms.method != BULLET)
    count_of = np.where((count_of == DAY_COUNTS.index("30/360")) & ~monthly, 0, count_of)
    lost = repaid.status == WRITTEN_OFF
    bad = lost | ((repaid.status == ACTIVE) & (loans.way == STOPPED))
    nothing = np.zeros(loans.size, dtype=np.int64)
    project = nothing if projects is None else projects
    ending = np.where(planned, maturity(terms), terms.start + 365)
    return "loans", {
        "loan_id": ids("L", block.numbers, LOAN_WIDTH),
        "borrower_id": block.people.named(loans.borrower),
        "lender_id": block.people.named(lender),
        "principal": money(terms.principal),
        "outstanding": money(repaid.outstanding),
        "annual_rate": decimals(terms.rate, RATE_PLACES),
        "rate_type": words(("fixed", "floating"), loans.floating.astype(np.int64)),
        "start_date": dates(terms.start),
        "maturity_date": dates(ending),
        "term": whole(terms.months),
        "term_unit": words(("month",), nothing),
        "method": words(METHODS, terms.method),
        "pay_day": whole(terms.pay_day, terms.pay_day > 0),
        "day_count": words(DAY_COUNTS, count_of),
        "grace_days": whole(houses.grace[lender], houses.grace[lender] > 0),
        "penalty_multiplier": decimals(houses.multiplier[lender], 1, houses.multiplier[lender] > 0),
        "penalty_base": words(("overdue_total",), np.where(houses.compound[lender], 0, -1)),
        "allocation_order": words(ORDERS, houses.order[lender]),
        "facility_id": ids("K", facility, LINE_WIDTH, facility > 0),
        "project_id": ids("Q", project, _PROJECT_WIDTH, project > 0),
        "product": words(PRODUCTS, loans.kind),
        "secured": flags(value > 0),
        "collateral_value": money(value, value > 0),
        "five_class": words(FIVE_CLASSES, np.where(loans.way == REVISED, 1, -1)),
        "status": words(STATUSES, repaid.status),
        "accelerated_on": dates(repaid.accelerated, repaid.accelerated < NEVER),
        "written_off": money(repaid.written_off, lost),
        "write_off_date": dates(repaid.write_off_day, lost),
        "allowance": money(repaid.outstanding * 3 // 10, bad),
    }


def _schedule(block: _Block) -> Piece:
    listing = block.planned.listing
    rows = listing.rows
    return "schedule", {
        "loan_id": ids("L", block.numbers[rows.loan], LOAN_WIDTH),
        "no": whole(rows.no),
        "due_date": dates(rows.due),
        "principal_due": money(rows.principal),
        "interest_due": money(rows.interest),
        "fee_due": money(rows.fee, rows.fee > 0),
        "version": words(("revised",), np.where(listing.revised, 0, -1)),
        "valid_from": dates(listing.valid_from, listing.revised),
    }


def _payments(accounts: Accounts, block: _Block) -> Piece:
    """Return payments by day, as a journal has them."""
    got = block.repaid.receipts
    size = len(got.loan)
    order = np.lexsort((np.arange(size), got.loan, got.day))
    number = accounts.number("payments", size)
    of_row = np.zeros(size + 1, dtype=np.int64)
    of_row[order] = number
    undone = of_row[got.undoes[order]]
    parted = got.parted[order]
    return "payments", {
        "payment_id": ids("Y", number, _PAYMENT_WIDTH),
        "loan_id": ids("L", block.numbers[got.loan[order]], LOAN_WIDTH),
        "paid_date": dates(got.day[order]),
        "amount": money(got.amount[order]),
        "principal": money(got.principal[order], parted),
        "interest": money(got.interest[order], parted),
        "penalty": money(got.penalty[order], parted),
        "fee": money(got.fee[order], parted),
        "kind": words(RECEIPTS, got.kind[order]),
        "payer_id": block.people.named(got.payer[order]),
        "reverses": ids("Y", undone, _PAYMENT_WIDTH, undone > 0),
    }


def _snapshots(dice: Dice, block: _Block) -> Iterator[Piece]:
    """Yield states of loans repaid at will, of late ones, and of some others, at two month ends."""
    loans, as_of = block.loans, block.people.as_of
    shown = block.plain & loans.planned
    shown &= np.isin(loans.way, (STOPPED, CHRONIC)) | dice.chance(_SNAPSHOT_PARTS, loans.size)
    before = int(first_of(month_of(np.array([as_of])))[0]) - 1
    for day in (before, as_of):
        state = block.state(day)
        if day == as_of:
            which = np.flatnonzero(shown | ~loans.planned)
            state = _State(
                *(
                    np.where(loans.planned, then, now)
                    for then, now in (
                        (state.outstanding, block.now.outstanding),
                        (state.principal, block.now.principal),
                        (state.interest, block.now.interest),
                        (state.days, block.now.days),
                    )
                )
            )
        else:
            which = np.flatnonzero(shown & (loans.terms.start <= day))
        days = state.days[which]
        yield (
            "snapshots",
            {
                "loan_id": ids("L", block.numbers[which], LOAN_WIDTH),
                "as_of": dates(np.full(len(which), day)),
                "outstanding": money(state.outstanding[which]),
                "overdue_principal": money(state.principal[which]),
                "overdue_interest": money(state.interest[which]),
                "days_past_due": whole(days),
                "bucket": words(BUCKETS, np.minimum(-(-days // _BUCKET_DAYS), len(BUCKETS) - 1)),
            },
        )


def _rates(block: _Block) -> Piece:
    loan = np.flatnonzero(block.planned.reset < NEVER)
    both = np.repeat(loan, 2)
    second = np.tile([False, True], len(loan))
    terms = block.loans.terms
    return "rates", {
        "loan_id": ids("L", block.numbers[both], LOAN_WIDTH),
        "from": dates(np.where(second, block.planned.reset[both], terms.start[both])),
        "annual_rate": decimals(np.where(second, block.planned.second_rate[both], terms.rate[both]), RATE_PLACES),
    }


def _shares(block: _Block) -> Piece:
    loans = block.loans
    both = np.repeat(np.flatnonzero(loans.shared), 2)
    partner = np.tile([False, True], len(both) // 2)
    return "loan_shares", {
        "loan_id": ids("L", block.numbers[both], LOAN_WIDTH),
        "lender_id": block.people.named(
            np.where(partner, block.houses.partner[loans.lender[both]], loans.lender[both])
        ),
        "share": decimals(np.where(partner, _PARTNER_SHARE, RATE_ONE - _PARTNER_SHARE), RATE_PLACES),
    }


def _co_borrowers(dice: Dice, block: _Block) -> Piece:
    people, loans = block.people, block.loans
    from_bank = (people.kind[loans.borrower] == PERSON) & (people.kind[loans.lender] == BANK)
    loan = np.flatnonzero(from_bank & dice.chance(_CO_BORROWER_PARTS, loans.size))
    persons = people.of_kind(PERSON)
    # The next person but one or more, never the borrower.
    step = dice.between(1, len(persons) - 1, len(loan))
    other = persons[(loans.borrower[loan] - persons[0] + step) % len(persons)]
    several = dice.chance(2_000, len(loan))
    return "co_borrowers", {
        "loan_id": ids("L", block.numbers[loan], LOAN_WIDTH),
        "entity_id": people.named(other),
        "liability": words(("joint", "several"), several.astype(np.int64)),
        "share": decimals(dice.between(20, 50, len(loan)) * 100, RATE_PLACES, several),
    }


def _labels(dice: Dice, block: _Block) -> Piece:
    people, loans = block.people, block.loans
    observed = people.as_of - _DAYS_OF_LABEL
    loan = np.flatnonzero(dice.chance(_LABEL_PARTS, loans.size) & (loans.terms.start <= observed))
    failed = people.health[loans.borrower[loan]] == FAILING
    bad = failed & (people.stopped[loans.borrower[loan]] + _DEFAULT_DAYS <= people.as_of)
    return "labels", {
        "entity_id": people.named(loans.borrower[loan]),
        "loan_id": ids("L", block.numbers[loan], LOAN_WIDTH),
        "observed": dates(np.full(len(loan), observed)),
        "bad": whole(bad.astype(np.int64)),
    }
