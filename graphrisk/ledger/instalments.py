"""The instalments of many loans while receipts are put against them, and the windows in which they are seen."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graphrisk.conventions import PARTS
from graphrisk.ledger.contracts import FEE, INTEREST, PRINCIPAL, Contracts
from graphrisk.ledger.dates import ALWAYS, Days
from graphrisk.ledger.payments import CALL
from graphrisk.ledger.rounding import Whole, fits
from graphrisk.ledger.schedules import Money

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Instalments:
    """The instalments of ``k`` loans while receipts are put against them.

    Attributes
    ----------
    contracts : Contracts
        Conventions of the ``k`` loans.
    low, high : ndarray of int64, shape (k,)
        First row of each loan, and the row after its last.
    next : ndarray of int64, shape (k,)
        First row of each loan that is not cleared.
    loan : ndarray of int64, shape (m,)
        Loan of each row, 0 to k - 1.
    due : ndarray of int64, shape (m,)
        Due date.
    overrun : ndarray of int64, shape (m,)
        Last day of grace.
    called : ndarray of bool, shape (m,)
        Whether the row stands for what falls due when the loan is accelerated.
    scheduled : ndarray of int64, shape (4, m)
        What falls due, by part, after waivers, prepayments and acceleration.
    unpaid : ndarray of int64, shape (4, m)
        What is left of it; the penalty is what has accrued and is not met.
    accrued_to : ndarray of int64, shape (m,)
        Last day whose penalty has accrued.
    held, held_rest : ndarray, shape (m,)
        Penalty of days inside grace, not rounded: whole minor units, and the rest over the loan's denominator. It
        counts once grace is overrun.
    penalty_paid : ndarray of int64, shape (m,)
        Penalty that payments met.
    unknown : ndarray of bool, shape (m,)
        Whether the penalty of some day is unknown.
    unallocated : ndarray of int64, shape (k,)
        What receipts left when all was paid.
    graced, charged, compound, material, unrated, small : bool
        Whether any loan has grace, fees, compound penalty, a materiality, or days without a rate; and whether no
        product of money and penalty rate can be beyond int64. They spare work that has no effect.
    """

    contracts: Contracts
    low: Rows
    high: Rows
    next: Rows
    loan: Rows
    due: Days
    overrun: Days
    called: Mask
    scheduled: Money
    unpaid: Money
    accrued_to: Days
    held: Money
    held_rest: Whole
    penalty_paid: Money
    unknown: Mask
    unallocated: Money
    graced: bool = field(init=False)
    charged: bool = field(init=False)
    compound: bool = field(init=False)
    material: bool = field(init=False)
    unrated: bool = field(init=False)
    small: bool = field(init=False)

    def __post_init__(self) -> None:
        contracts, rates = self.contracts, self.contracts.penalty
        self.graced = bool(contracts.grace.any())
        self.charged = bool(self.scheduled[FEE].any())
        self.compound = bool(contracts.compound.any())
        self.material = bool(contracts.materiality.any())
        self.unrated = bool((rates.known_from > ALWAYS).any())
        longest = np.array([int(contracts.as_of.max(initial=0)) - int(self.due.min(initial=0))])
        most = np.array([self.scheduled.sum(axis=0).max(initial=0)])
        self.small = not rates.varies.any() and fits(most, rates.numerator, longest, rates.denominator)


@dataclass(frozen=True, slots=True)
class Events:
    """Receipts and accelerations of ``k`` loans, in the order in which they are taken, loan by loan.

    Attributes
    ----------
    loan : ndarray of int64, shape (e,)
        Loan, 0 to k - 1, rising.
    day : ndarray of int64, shape (e,)
        Day.
    act : ndarray of int8, shape (e,)
        ``CALL``, ``WAIVER``, ``PAY`` or ``PREPAY``.
    amount : ndarray of int64, shape (e,)
        Minor units.
    parted : ndarray of bool, shape (e,)
        Whether parts are given.
    parts : ndarray of int64, shape (4, e)
        Given parts, at most ``amount`` in all; without columns where there are none.
    late : ndarray of int64, shape (e,)
        Row after the last row of the loan that is due before the day.
    whole : ndarray of bool, shape (e,)
        Whether rows may be cleared out of order, so that all of the loan's have to be looked at.
    """

    loan: Rows
    day: Days
    act: NDArray[np.int8]
    amount: Money
    parted: Mask
    parts: Money
    late: Rows
    whole: Mask

    def take(self, chosen: Rows | Mask | slice) -> "Events":
        """Return some of the events."""
        return Events(
            loan=self.loan[chosen],
            day=self.day[chosen],
            act=self.act[chosen],
            amount=self.amount[chosen],
            parted=self.parted[chosen],
            parts=self.parts[:, chosen] if self.parts.size else self.parts,
            late=self.late[chosen],
            whole=self.whole[chosen],
        )


def with_calls(events: Events, loan: Rows, day: Days) -> Events:
    """Return events with the accelerations of some loans, each before the receipts of its day.

    Parameters
    ----------
    events : Events
    loan : ndarray of int64, shape (c,)
        Loans, rising.
    day : ndarray of int64, shape (c,)
        Day of acceleration.
    """
    if loan.size == 0:
        return events
    nothing = np.zeros(loan.size, dtype=np.int64)
    width = events.loan.size + loan.size if events.parts.size else 0
    joined = Events(
        loan=np.append(events.loan, loan),
        day=np.append(events.day, day),
        act=np.append(events.act, np.full(loan.size, CALL, dtype=np.int8)),
        amount=np.append(events.amount, nothing),
        parted=np.append(events.parted, nothing > 0),
        parts=np.append(events.parts, np.zeros((len(PARTS), width - events.parts.shape[1]), dtype=np.int64), axis=1),
        late=np.append(events.late, nothing),
        whole=np.append(events.whole, nothing == 0),
    )
    # A stable order: receipts keep theirs, and only an acceleration goes before those of its day.
    return joined.take(np.lexsort((joined.act != CALL, joined.day, joined.loan)))


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of the loans of a pass, loan by loan, as one flat list.

    Attributes
    ----------
    count, start : ndarray of int64, shape (e,)
        Number of entries of each event, and its first entry.
    row : ndarray of int64, shape (w,)
        Row of each entry.
    day : ndarray of int64, shape (w,)
        The event's day at each entry.
    """

    count: Rows
    start: Rows
    row: Rows
    day: Days

    def before(self, values: Money) -> Money:
        """Return the sum of the event's values before each entry."""
        running: Money = np.cumsum(values) - values
        return running - self.spread(np.append(running, 0)[self.start])

    def spread(self, values: Money) -> Money:
        """Return each event's value at each of its entries."""
        return np.repeat(values, self.count)

    def marks(self, values: Mask) -> Mask:
        """Return each event's mark at each of its entries."""
        return np.repeat(values, self.count)

    def sums(self, values: Money) -> Money:
        """Return the sum of each event's values."""
        running = np.zeros(values.size + 1, dtype=np.int64)
        np.cumsum(values, out=running[1:])
        result: Money = running[self.start + self.count] - running[self.start]
        return result

    def least(self, values: Money) -> Money:
        """Return the least of each event's values; each event has entries."""
        result: Money = np.minimum.reduceat(values, self.start)
        return result


def window(low: Rows, high: Rows, day: Days) -> Window:
    """Return the rows from ``low`` to before ``high`` of each event, and its day."""
    count = np.maximum(high - low, 0)
    start = np.cumsum(count) - count
    row = np.repeat(low - start, count)
    row += np.arange(row.size)
    return Window(count, start, row, np.repeat(day, count))


def base(state: Instalments, row: Rows) -> Money:
    """Return what bears penalty of some rows: nothing where too little is unpaid to be past due.

    Parameters
    ----------
    state : Instalments
    row : ndarray of int64, shape (w,)
        Rows.
    """
    principal: Money = state.unpaid[PRINCIPAL][row]
    if not state.compound and not state.material:
        return principal
    owed: Money = principal + state.unpaid[INTEREST][row]
    loan = state.loan[row]
    bearing: Money = np.where(state.contracts.compound[loan], owed, principal)
    bearing[owed <= state.contracts.materiality[loan]] = 0
    return bearing
