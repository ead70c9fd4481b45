"""Penalty that accrues on late instalments between receipts."""

import numpy as np

from graphrisk.ledger.contracts import INTEREST, PENALTY, PRINCIPAL
from graphrisk.ledger.dates import Days
from graphrisk.ledger.instalments import Instalments, Rows, Window, base, window
from graphrisk.ledger.rounding import Whole, divided, scaled
from graphrisk.ledger.schedules import Money


def accrue(state: Instalments, seen: Window) -> None:
    """Let penalty accrue to each entry's day, on every late row, rounded row by row.

    Inside grace a row is not past due: its penalty is held, exact, until grace is overrun.

    Parameters
    ----------
    state : Instalments
        Changed in place.
    seen : Window
        Rows of the loans, and their days.
    """
    entry = np.flatnonzero(seen.day > state.accrued_to[seen.row])
    if entry.size == 0:
        return
    row, day = seen.row[entry], seen.day[entry]
    bearing = base(state, row)
    bears = np.flatnonzero(bearing)
    if bears.size:
        _add(state, row[bears], day[bears], bearing[bears])
    if state.graced:
        held = (state.held[row] > 0) | (state.held_rest[row] > 0)
        _release(state, row[held & (day > state.overrun[row])])


def _add(state: Instalments, row: Rows, day: Days, bearing: Money) -> None:
    loan, after = state.loan[row], state.accrued_to[row]
    rates = state.contracts.penalty
    state.accrued_to[row] = day
    if state.unrated:
        state.unknown[row] |= after + 1 < rates.known_from[loan]
    if state.small:
        weights: Whole = rates.numerator[loan] * (day - after)
    else:
        weights = rates.weights(loan, after, day)
    below = rates.denominator[loan]
    if state.graced:
        exact = (day <= state.overrun[row]) | (state.held[row] > 0) | (state.held_rest[row] > 0)
        if exact.any():
            _hold(state, row[exact], divided(bearing[exact], weights[exact], below[exact]), below[exact])
            row, bearing, weights, below = row[~exact], bearing[~exact], weights[~exact], below[~exact]
    state.unpaid[PENALTY][row] += scaled(bearing, weights, below, small=state.small)


def _hold(state: Instalments, row: Rows, amount: tuple[Money, Whole], below: Whole) -> None:
    whole, rest = amount
    rest = rest + state.held_rest[row]
    carried = rest // below
    state.held[row] += whole + carried.astype(np.int64)
    state.held_rest[row] = rest - carried * below


def _release(state: Instalments, row: Rows) -> None:
    below = state.contracts.penalty.denominator[state.loan[row]]
    rounded = (state.held_rest[row] + below // 2) // below
    state.unpaid[PENALTY][row] += state.held[row] + rounded.astype(np.int64)
    state.held[row] = 0
    state.held_rest[row] = 0


def drop_held(state: Instalments, seen: Window) -> None:
    """Drop the penalty held of rows that were paid inside grace: grace was not overrun.

    Parameters
    ----------
    state : Instalments
        Changed in place.
    seen : Window
        Rows of the loans, and their days.
    """
    if not state.graced:
        return
    inside = (seen.day > state.due[seen.row]) & (seen.day <= state.overrun[seen.row])
    row = seen.row[inside]
    left = state.unpaid[PRINCIPAL][row] + state.unpaid[INTEREST][row]
    row = row[left <= state.contracts.materiality[state.loan[row]]]
    state.held[row] = 0
    state.held_rest[row] = 0
    state.unknown[row] = False


def close(state: Instalments) -> None:
    """Let penalty accrue to each loan's day; what is held inside grace is none yet.

    Parameters
    ----------
    state : Instalments
        Changed in place.
    """
    everything = window(state.low, state.high, state.contracts.as_of)
    accrue(state, everything)
    state.unknown[everything.row[everything.day <= state.overrun[everything.row]]] = False
