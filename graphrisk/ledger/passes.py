"""Receipts in the order of time, for many loans at once: a pass takes the next receipt of each loan."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from graphrisk.conventions import PARTS
from graphrisk.ledger.accrual import accrue, drop_held
from graphrisk.ledger.contracts import FEE, INTEREST, PENALTY, PRINCIPAL, PRO_RATA, Order
from graphrisk.ledger.dates import ALWAYS, NEVER
from graphrisk.ledger.instalments import Events, Instalments, Mask, Rows, Window, window
from graphrisk.ledger.payments import CALL, PAY, PREPAY, WAIVER
from graphrisk.ledger.rounding import scaled
from graphrisk.ledger.schedules import Money

#: Rows that a receipt most often reaches beyond those that are cleared.
_REACH = 2


def run(state: Instalments, events: Events, after: Callable[[Events], None] | None = None) -> None:
    """Take all events, the first of every loan at once, then the second, and so on.

    Parameters
    ----------
    state : Instalments
        Changed in place.
    events : Events
    after : callable or None
        Is given the events of each pass once they have been taken.
    """
    for part in _by_rank(events):
        _take(state, part)
        if after is not None:
            after(part)


def _take(state: Instalments, part: Events) -> None:
    """Take one event of each of some loans."""
    plain = ~part.whole
    if plain.all():
        _receive_plain(state, part)
        return
    _receive_plain(state, part.take(plain))
    call = part.act == CALL
    _call(state, part.take(call))
    _receive(state, part.take(part.whole & ~call))


def _by_rank(events: Events) -> Iterator[Events]:
    first = np.searchsorted(events.loan, events.loan)
    rank = np.arange(events.loan.size) - first
    ordered = events.take(np.argsort(rank.astype(np.int32), kind="stable"))
    for low, high in pairwise([0, *np.cumsum(np.bincount(rank)).tolist()]):
        yield ordered.take(slice(low, high))


def _receive_plain(state: Instalments, events: Events) -> None:
    """Put receipts of loans whose rows are cleared in order against the first rows that are not."""
    orders = state.contracts.orders
    if len(orders) == 1:
        _fill(state, events, orders[0])
        return
    number = state.contracts.order[events.loan]
    for place, order in enumerate(orders):
        _fill(state, events.take(number == place), order)


def _fill(state: Instalments, events: Events, order: Order) -> None:
    """Fill the first rows that are not cleared; what they don't hold goes on to the rows behind them."""
    loan, rest = events.loan, events.amount
    upto = np.maximum(state.next[loan] + _REACH, events.late)
    while loan.size:
        low, high = state.next[loan], state.high[loan]
        seen = window(low, np.minimum(upto, high), events.day)
        accrue(state, seen)
        parts = [state.unpaid[part][seen.row] for part in range(len(PARTS))] if state.charged else _feeless(state, seen)
        total = parts[PENALTY] + parts[FEE] + parts[INTEREST] + parts[PRINCIPAL]
        left = seen.spread(rest) - seen.before(total)
        taken = np.clip(left, 0, total)
        for part, share in _split(parts, taken, order):
            if part != FEE or state.charged:
                state.unpaid[part][seen.row] = parts[part] - share
            if part == PENALTY:
                met = np.flatnonzero(share)
                state.penalty_paid[seen.row[met]] += share[met]
        drop_held(state, seen)
        state.next[loan] += seen.sums((total <= left).astype(np.int64))
        rest = rest - seen.sums(taken)
        more = (rest > 0) & (upto < high)
        state.unallocated[loan[~more]] += rest[~more]
        events, rest = events.take(more), rest[more]
        loan, upto = events.loan, high[more]


def _feeless(state: Instalments, seen: Window) -> list[Money]:
    parts = [state.unpaid[part][seen.row] for part in (PENALTY, INTEREST, PRINCIPAL)]
    return [parts[0], np.zeros(1, dtype=np.int64), *parts[1:]]


def _split(due: list[Money], taken: Money, order: Order) -> Iterator[tuple[int, Money]]:
    """Split what a row gets among its parts."""
    if order != PRO_RATA:
        rest = taken
        for part in order:
            share = np.minimum(due[part], rest)
            rest = rest - share
            yield part, share
        return
    # In proportion: running shares rounded half up, so that they add up; the rest is principal's.
    whole = np.maximum(due[PENALTY] + due[FEE] + due[INTEREST] + due[PRINCIPAL], 1)
    given = np.zeros_like(taken)
    upto = np.zeros_like(taken)
    for part in (PENALTY, FEE, INTEREST):
        upto = upto + due[part]
        share = scaled(taken, upto, whole) - given
        given = given + share
        yield part, share
    yield PRINCIPAL, taken - given


def _receive(state: Instalments, events: Events) -> None:
    """Put receipts of loans with parts, waivers, prepayments or an acceleration against rows in any order.

    A payment that the first rows hold whole, and each of its parts, needs no more than these; others need all rows.
    """
    if events.loan.size == 0:
        return
    low, high = state.next[events.loan], state.high[events.loan]
    near = np.minimum(np.maximum(low + _REACH, events.late), high)
    seen = window(low, near, events.day)
    accrue(state, seen)
    rooms = [seen.sums(part[seen.row]) for part in state.unpaid]
    enough = (events.act == PAY) & (events.amount <= sum(rooms))
    if events.parts.size:
        for part, room in zip(events.parts, rooms, strict=True):
            enough &= ~events.parted | (part <= room)
    for chosen, upto in ((enough, near), (~enough, high)):
        if chosen.any():
            some = events.take(chosen)
            _place(state, some, window(low[chosen], upto[chosen], some.day))


def _place(state: Instalments, events: Events, seen: Window) -> None:
    """Put receipts against the rows of a window: given parts first, then what is left of each receipt."""
    accrue(state, seen)
    rest = events.amount
    if events.parted.any():
        rest = _meet_parts(state, events, seen)
    ahead = seen.marks(events.act == PREPAY) & (state.due[seen.row] > seen.day)
    rest = rest - _meet(state, events, seen, rest, ahead)
    rest = _shorten(state, events, seen, rest, ahead)
    cash = events.act != WAIVER
    state.unallocated[events.loan[cash]] += rest[cash]
    drop_held(state, seen)
    _advance(state, events, seen)


def _pay(state: Instalments, cash: Mask, row: Rows, part: int, taken: Money) -> None:
    state.unpaid[part][row] -= taken
    if part == PENALTY:
        state.penalty_paid[row] += np.where(cash, taken, 0)
    else:
        state.scheduled[part][row] -= np.where(cash, 0, taken)


def _meet(state: Instalments, events: Events, seen: Window, amount: Money, ahead: Mask) -> Money:
    """Put amounts against the oldest rows first, inside a row by the loan's order; return what was placed."""
    parts = [np.where(ahead, 0, part[seen.row]) for part in state.unpaid]
    total = parts[PENALTY] + parts[FEE] + parts[INTEREST] + parts[PRINCIPAL]
    taken = np.clip(seen.spread(amount) - seen.before(total), 0, total)
    number = seen.spread(state.contracts.order[events.loan])
    cash = seen.marks(events.act != WAIVER)
    for place, order in enumerate(state.contracts.orders):
        chosen = np.flatnonzero((number == place) & (taken > 0))
        if chosen.size:
            for part, share in _split([due[chosen] for due in parts], taken[chosen], order):
                _pay(state, cash[chosen], seen.row[chosen], part, share)
    return seen.sums(taken)


def _meet_parts(state: Instalments, events: Events, seen: Window) -> Money:
    """Put given parts against their own kind, oldest first; return what of each receipt has no part given."""
    parts = np.where(events.parted, events.parts, 0) if events.parts.size else events.parts
    cash = events.act != WAIVER
    for part in range(len(PARTS)):
        if not parts.size or not parts[part].any():
            continue
        due = state.unpaid[part][seen.row]
        prepaid = (events.act == PREPAY) & (part == PRINCIPAL)
        ahead = seen.marks(prepaid) & (state.due[seen.row] > seen.day)
        near = np.where(ahead, 0, due)
        taken = np.clip(seen.spread(parts[part]) - seen.before(near), 0, near)
        _pay(state, seen.marks(cash), seen.row, part, taken)
        rest = parts[part] - seen.sums(taken)
        if ahead.any():
            rest -= _from_the_last(state, seen, rest, ahead)
        state.unallocated[events.loan[cash]] += rest[cash]
    result: Money = events.amount - parts.sum(axis=0)
    return result


def _from_the_last(state: Instalments, seen: Window, amount: Money, ahead: Mask) -> Money:
    """Put amounts against principal not yet due, from the last instalment backwards; return what was placed."""
    due = np.where(ahead, state.unpaid[PRINCIPAL][seen.row], 0)
    behind = seen.spread(seen.sums(due)) - seen.before(due) - due
    taken = np.clip(seen.spread(amount) - behind, 0, due)
    state.unpaid[PRINCIPAL][seen.row] -= taken
    return seen.sums(taken)


def _shorten(state: Instalments, events: Events, seen: Window, rest: Money, ahead: Mask) -> Money:
    """Put what a prepayment has left against the last principal; without principal no later interest is due."""
    if not ahead.any():
        return rest
    prepaid = events.act == PREPAY
    placed = _from_the_last(state, seen, np.where(prepaid, rest, 0), ahead)
    principal = seen.sums(state.unpaid[PRINCIPAL][seen.row])
    done = seen.row[ahead & seen.marks(principal == 0)]
    state.scheduled[INTEREST][done] -= state.unpaid[INTEREST][done]
    state.unpaid[INTEREST][done] = 0
    return rest - placed


def _advance(state: Instalments, events: Events, seen: Window) -> None:
    """Move each loan's pointer to its first row that is not cleared."""
    owner = seen.spread(np.arange(events.loan.size))
    penalty, fee, interest, principal = (part[seen.row] for part in state.unpaid)
    open_ = np.flatnonzero(penalty | fee | interest | principal)
    place = np.searchsorted(owner[open_], np.arange(events.loan.size))
    first = np.append(open_, seen.row.size)[place]
    state.next[events.loan] += np.minimum(first - seen.start, seen.count)


def _call(state: Instalments, events: Events) -> None:
    """Let all remaining principal and the interest accrued so far fall due.

    The interest of the running period accrues by its days; what was paid of it already comes off. Interest of later
    periods is dropped; fees, and what was paid early, stay with their instalments.
    """
    if events.loan.size == 0:
        return
    seen = window(state.low[events.loan], state.high[events.loan], events.day)
    row, due = seen.row, state.due[seen.row]
    called, later = row[state.called[row]], due > seen.day
    principal = seen.sums(np.where(later, state.unpaid[PRINCIPAL][row], 0))
    until = seen.least(np.where(later, due, NEVER))
    since = -seen.least(np.where(later | state.called[row], NEVER, -due))
    since = np.where(since == ALWAYS, state.contracts.start[events.loan], since)
    running = later & (due == seen.spread(until))
    full = seen.sums(np.where(running, state.scheduled[INTEREST][row], 0))
    left = seen.sums(np.where(running, state.unpaid[INTEREST][row], 0))
    period = np.maximum(until - since, 1)
    accrued = scaled(full, np.clip(events.day - since, 0, period), period)
    interest = np.maximum(accrued - (full - left), 0)
    for part, amount in ((PRINCIPAL, principal), (INTEREST, interest)):
        state.scheduled[part][row[later]] -= state.unpaid[part][row[later]]
        state.unpaid[part][row[later]] = 0
        state.scheduled[part][called] = amount
        state.unpaid[part][called] = amount
    state.next[events.loan] = np.minimum(state.next[events.loan], called)
