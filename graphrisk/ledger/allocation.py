"""Where each payment goes: to the oldest instalment first, inside it by the loan's order.

Penalty accrues between payments and is met by them, so payments are taken in the order of time. Loans that are
never late at a payment need no such order: what they paid in all decides (`_pay_in_time`). The others go in passes,
the first payment of every loan at once, then the second (`graphrisk.ledger.passes`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graphrisk.conventions import PARTS
from graphrisk.ledger.accrual import close
from graphrisk.ledger.contracts import FEE, INTEREST, PENALTY, PRINCIPAL, Contracts
from graphrisk.ledger.dates import NEVER, Days
from graphrisk.ledger.instalments import Events, Instalments, with_calls
from graphrisk.ledger.passes import run
from graphrisk.ledger.payments import PAY, Receipts
from graphrisk.ledger.plans import Plan, sums
from graphrisk.ledger.rounding import Whole, scaled
from graphrisk.ledger.schedules import Money

#: Loans that are taken together: few enough for the state to stay in the processor's cache.
_BLOCK = 16_384
_DAY_BITS, _DAY_OFFSET = 24, 1 << 22


@dataclass(frozen=True, slots=True)
class Balances:
    """What is left of the instalments of a plan at each loan's day.

    Attributes
    ----------
    principal_due, interest_due, fee_due : ndarray of int64, shape (m,)
        What falls due of each instalment, after waivers, prepayments and an acceleration.
    principal, interest, fee : ndarray of int64, shape (m,)
        What is unpaid, in minor units.
    penalty : ndarray of int64, shape (m,)
        Penalty accrued and not met.
    penalty_paid : ndarray of int64, shape (m,)
        Penalty that payments met.
    unknown : ndarray of bool, shape (m,)
        Whether the penalty of some day is unknown, for want of a rate.
    unallocated : ndarray of int64, shape (n,)
        What payments of each loan are left when all is paid.
    """

    principal_due: Money
    interest_due: Money
    fee_due: Money
    principal: Money
    interest: Money
    fee: Money
    penalty: Money
    penalty_paid: Money
    unknown: NDArray[np.bool_]
    unallocated: Money


def settle(plan: Plan, contracts: Contracts, receipts: Receipts) -> Balances:
    """Put what was paid against what falls due, loan by loan in the order of time.

    Parameters
    ----------
    plan : Plan
        Instalments of ``n`` loans.
    contracts : Contracts
        Their conventions.
    receipts : Receipts
        What counts of their payments.

    Returns
    -------
    Balances
    """
    rows, loans = plan.loan.size, plan.offsets.size - 1
    balances = Balances(
        principal_due=plan.principal,
        interest_due=plan.interest,
        fee_due=plan.fee,
        principal=np.empty(rows, dtype=np.int64),
        interest=np.empty(rows, dtype=np.int64),
        fee=np.zeros(rows, dtype=np.int64),
        # Filled, not `zeros`: what is then written here and there would fetch the memory in pieces of 4 KiB.
        penalty=np.full(rows, 0),
        penalty_paid=np.full(rows, 0),
        unknown=np.zeros(rows, dtype=np.bool_),
        unallocated=np.zeros(loans, dtype=np.int64),
    )
    moves = bool(plan.called.any() or (receipts.act != PAY).any())
    if moves:
        balances = replace(
            balances,
            principal_due=plan.principal.copy(),
            interest_due=plan.interest.copy(),
            fee_due=plan.fee.copy(),
        )
    charged = bool(plan.fee.any())
    hard = []
    for first in range(0, loans, _BLOCK):
        block = _block(plan, contracts, receipts, slice(first, min(first + _BLOCK, loans)))
        left_over = _hard(block)
        hard.append(first + np.flatnonzero(left_over))
        if not left_over.all():
            _pay_in_time(block, balances, charged=charged)
    rest = np.concatenate([np.zeros(0, dtype=np.int64), *hard])
    for first in range(0, rest.size, _BLOCK):
        _pay_in_passes(plan, contracts, receipts, rest[first : first + _BLOCK], balances, moves=moves, charged=charged)
    return balances


@dataclass(frozen=True, slots=True)
class _Block:
    """Some loans that stand together, and their rows and receipts, counted from the first of each."""

    contracts: Contracts
    plan: Plan
    receipts: Receipts
    loans: slice
    rows: slice
    grace: NDArray[np.int64]
    running: Money
    late: NDArray[np.int64]

    @property
    def count(self) -> int:
        return int(self.loans.stop) - int(self.loans.start)


def _block(plan: Plan, contracts: Contracts, receipts: Receipts, loans: slice) -> _Block:
    first, last = loans.start, loans.stop
    rows = slice(int(plan.offsets[first]), int(plan.offsets[last]))
    paid = slice(int(receipts.offsets[first]), int(receipts.offsets[last]))
    part = Plan(
        plan.loan[rows] - first,
        plan.no[rows],
        plan.due[rows],
        plan.principal[rows],
        plan.interest[rows],
        plan.fee[rows],
        plan.called[rows],
        plan.offsets[first : last + 1] - rows.start,
    )
    received = Receipts(
        receipts.loan[paid] - first,
        receipts.day[paid],
        receipts.act[paid],
        receipts.amount[paid],
        receipts.parted[paid],
        receipts.parts[:, paid],
        receipts.offsets[first : last + 1] - paid.start,
    )
    running = np.zeros(part.loan.size + 1, dtype=np.int64)
    np.cumsum(part.principal + part.interest + part.fee, out=running[1:])
    late = _rows_before_each(part, received)
    return _Block(contracts, part, received, loans, rows, contracts.grace[loans], running, late)


def _rows_before(loan_of_row: NDArray[np.int64], due: Days, loan: NDArray[np.int64], day: Days) -> NDArray[np.int64]:
    """Return the row after the last one of a loan that is due before a day."""
    rows = (loan_of_row << _DAY_BITS) + due + _DAY_OFFSET
    return np.searchsorted(rows, (loan << _DAY_BITS) + day + _DAY_OFFSET)


def _rows_before_each(plan: Plan, receipts: Receipts) -> NDArray[np.int64]:
    """Return what `_rows_before` does for all receipts of a block.

    Most loans pay instalment by instalment, so that as many rows are due before a receipt as it has receipts before it:
    that is looked at first, and only where it is wrong are the rows searched.
    """
    count = np.diff(receipts.offsets)
    first, end = np.repeat(plan.offsets[:-1], count), np.repeat(plan.offsets[1:], count)
    row = first + np.arange(receipts.loan.size) - np.repeat(receipts.offsets[:-1], count)
    np.minimum(row, end, out=row)
    due = np.append(plan.due, NEVER)
    right = ((row == first) | (due[row - 1] < receipts.day)) & ((row == end) | (due[row] >= receipts.day))
    wrong = np.flatnonzero(~right)
    row[wrong] = _rows_before(plan.loan, plan.due, receipts.loan[wrong], receipts.day[wrong])
    return row


def _hard(block: _Block) -> NDArray[np.bool_]:
    """Return the loans whose payments have to be taken one after the other.

    The others, at each payment, have paid before all that is past due, and with it all that is late inside grace: no
    penalty is ever met, and none is held.
    """
    contracts, receipts = block.contracts, block.receipts
    hard = contracts.pro_rata(block.loans) | (contracts.accelerated_on[block.loans] < NEVER)
    before = np.cumsum(receipts.amount) - receipts.amount
    base = np.append(before, 0)[receipts.offsets[:-1]]
    opening = block.running[block.plan.offsets[:-1]]
    paid = before - base[receipts.loan]
    due = block.running[block.late] - opening[receipts.loan]
    behind = (receipts.act != PAY) | receipts.parted
    if block.grace.any():
        until = receipts.day - block.grace[receipts.loan]
        overrun = _rows_before(block.plan.loan, block.plan.due, receipts.loan, until)
        behind |= paid < block.running[overrun] - opening[receipts.loan]
        behind |= paid + receipts.amount < due
    else:
        behind |= paid < due
    hard[receipts.loan[behind]] = True
    return hard


def _pay_in_time(block: _Block, balances: Balances, *, charged: bool) -> None:
    """Put the sum of what each loan paid against its dues; the rows of loans that need passes are put right later."""
    plan, contracts = block.plan, block.contracts
    cash = sums(block.receipts.amount, block.receipts.offsets)
    total = np.diff(block.running)
    width = np.diff(plan.offsets)
    upto = np.repeat(cash + block.running[plan.offsets[:-1]], width)
    paid = np.clip(upto - block.running[:-1], 0, total)
    whole = paid == 0
    dues = {INTEREST: plan.interest, PRINCIPAL: plan.principal}
    if charged:  # else what is left of fees stays nothing, as it began
        dues[FEE] = plan.fee
    left = {part: np.where(whole, due, 0) for part, due in dues.items()}
    row = np.flatnonzero(~whole & (paid < total))
    number = contracts.order[block.loans][plan.loan[row]]
    for place, order in enumerate(contracts.orders):
        chosen = row[number == place]
        rest = paid[chosen]
        for part in order:
            if part in dues:
                due = dues[part][chosen]
                share = np.minimum(due, rest)
                left[part][chosen] = due - share
                rest = rest - share
    balances.interest[block.rows], balances.principal[block.rows] = left[INTEREST], left[PRINCIPAL]
    if FEE in left:
        balances.fee[block.rows] = left[FEE]
    balances.unallocated[block.loans] = np.maximum(cash - sums(total, plan.offsets), 0)
    _accrue_once(block, left[PRINCIPAL], left[INTEREST], balances)


def _accrue_once(block: _Block, principal: Money, interest: Money, balances: Balances) -> None:
    """Penalty since the due date, in one term: nothing was paid while the row was late."""
    plan, contracts = block.plan, block.contracts
    overrun = contracts.as_of[block.loans] - block.grace
    late = np.flatnonzero((plan.due < overrun.max()) & ((principal | interest) != 0))
    late = late[plan.due[late] < overrun[plan.loan[late]]]
    which = plan.loan[late] + block.loans.start
    owed, base = principal[late] + interest[late], principal[late]
    base = np.where(contracts.compound[which], owed, base)
    bears = (owed > contracts.materiality[which]) & (base > 0)
    late, which, base = late[bears], which[bears], base[bears]
    weights = contracts.penalty.weights(which, plan.due[late], contracts.as_of[which])
    balances.penalty[block.rows.start + late] = scaled(base, weights, contracts.penalty.denominator[which])
    unknown = plan.due[late] + 1 < contracts.penalty.known_from[which]
    balances.unknown[block.rows.start + late] = unknown


def _pay_in_passes(
    plan: Plan,
    contracts: Contracts,
    receipts: Receipts,
    loans: NDArray[np.int64],
    balances: Balances,
    *,
    moves: bool,
    charged: bool,
) -> None:
    """Take the receipts of some loans one after the other; ``moves``: dues may change, ``charged``: there are fees."""
    state, events, row = opened(plan, contracts, receipts, loans)
    run(state, events)
    close(state)
    if charged:
        balances.fee[row] = state.unpaid[FEE]
    balances.interest[row] = state.unpaid[INTEREST]
    balances.principal[row] = state.unpaid[PRINCIPAL]
    balances.penalty[row] = state.unpaid[PENALTY]
    balances.penalty_paid[row] = state.penalty_paid
    balances.unknown[row] = state.unknown
    balances.unallocated[loans] = state.unallocated
    if moves:
        balances.fee_due[row] = state.scheduled[FEE]
        balances.interest_due[row] = state.scheduled[INTEREST]
        balances.principal_due[row] = state.scheduled[PRINCIPAL]


def opened(
    plan: Plan, contracts: Contracts, receipts: Receipts, loans: NDArray[np.int64]
) -> tuple[Instalments, Events, NDArray[np.int64]]:
    """Return the instalments of some loans before anything is paid, and what happens to them.

    Parameters
    ----------
    plan : Plan
        Instalments of ``n`` loans.
    contracts : Contracts
        Their conventions.
    receipts : Receipts
        What counts of their payments.
    loans : ndarray of int64, shape (k,)
        Positions of the loans to open.

    Returns
    -------
    Instalments
    Events
        Receipts and accelerations, loan by loan in the order of time.
    ndarray of int64
        The row of the plan that each instalment stands for.
    """
    row, loan = _spans(plan.offsets, loans)
    high = np.cumsum(np.diff(plan.offsets)[loans])
    low = high - np.diff(plan.offsets)[loans]
    due = plan.due[row]
    own = contracts.take(loans)
    scheduled = np.zeros((len(PARTS), row.size), dtype=np.int64)
    scheduled[FEE], scheduled[INTEREST], scheduled[PRINCIPAL] = plan.fee[row], plan.interest[row], plan.principal[row]
    held_rest: Whole = np.zeros(row.size, dtype=np.int64)
    state = Instalments(
        contracts=own,
        low=low,
        high=high,
        next=low.copy(),
        loan=loan,
        due=due,
        overrun=due + own.grace[loan],
        called=plan.called[row],
        scheduled=scheduled,
        unpaid=scheduled.copy(),
        accrued_to=due.copy(),
        held=np.zeros(row.size, dtype=np.int64),
        held_rest=held_rest.astype(object) if own.penalty.denominator.dtype == object else held_rest,
        penalty_paid=np.zeros(row.size, dtype=np.int64),
        unknown=np.zeros(row.size, dtype=np.bool_),
        unallocated=np.zeros(loans.size, dtype=np.int64),
    )
    return state, _events(receipts, loans, state), row


def _spans(offsets: NDArray[np.int64], chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all positions between the offsets of some loans, and to which of them each belongs."""
    width = np.diff(offsets)[chosen]
    start = np.cumsum(width) - width
    owner = np.repeat(np.arange(chosen.size), width)
    return np.arange(owner.size) + (offsets[chosen] - start)[owner], owner


def _events(receipts: Receipts, loans: NDArray[np.int64], state: Instalments) -> Events:
    """Return receipts and accelerations of some loans, an acceleration before the receipts of its day."""
    chosen, loan = _spans(receipts.offsets, loans)
    on = state.contracts.accelerated_on
    calls = np.flatnonzero((on < NEVER) & (state.high > state.low))
    whole = np.zeros(loans.size, dtype=np.bool_)
    whole[calls] = True
    whole[loan[(receipts.act[chosen] != PAY) | receipts.parted[chosen]]] = True
    events = Events(
        loan=loan,
        day=receipts.day[chosen],
        act=receipts.act[chosen],
        amount=receipts.amount[chosen],
        parted=receipts.parted[chosen],
        parts=receipts.parts[:, chosen] if receipts.parts.size else receipts.parts[:, :0],
        late=_rows_before(state.loan, state.due, loan, receipts.day[chosen]),
        whole=whole[loan],
    )
    return with_calls(events, calls, on[calls])
