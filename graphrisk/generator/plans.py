"""Instalments of a block of loans: fees, rates that move, plans that replace others."""

from dataclasses import dataclass, replace

import numpy as np

from graphrisk.generator.dice import Marks, Whole, half_up
from graphrisk.generator.loans import PROMPT, REVISED, Loans
from graphrisk.generator.population import NEVER
from graphrisk.generator.repayment import Instalments
from graphrisk.generator.terms import FLAT, LEVEL_PRINCIPAL, MONTHS_OF_YEAR, RATE_ONE, Plan, Terms, plan

#: Days after which a rate that moves is set anew, and by how much it falls, in ten-thousandths a year.
_RESET_DAYS, _RESET_FALL = 183, 25
#: A plan is replaced after a third of it, so many days before the date of the book.
_REVISED_AFTER, _REVISED_DAYS = 3, 20
#: A loan at a flat rate costs a fee of one in so many of its principal, with the first instalment.
_FEE_ONE_IN = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of the table ``schedule``, loan by loan.

    Attributes
    ----------
    rows : Instalments
        The rows.
    revised : ndarray of bool, shape (r,)
        Whether it belongs to a plan that replaced the first.
    valid_from : ndarray of int64, shape (r,)
        Day from which that plan holds; `NEVER` for the first one.
    """

    rows: Instalments
    revised: Marks
    valid_from: Whole


@dataclass(frozen=True, slots=True)
class Planned:
    """The instalments of a block.

    Attributes
    ----------
    loans : Loans
        The loans; one whose plan could not be replaced pays on time.
    rows : Instalments
        What holds: the newest plan of each loan.
    listing : Listing
        What the data show of it.
    reset : ndarray of int64, shape (m,)
        Day from which the second rate of a loan holds; `NEVER` where it does not move.
    second_rate : ndarray of int64, shape (m,)
        That rate, in ten-thousandths a year.
    """

    loans: Loans
    rows: Instalments
    listing: Listing
    reset: Whole
    second_rate: Whole


def draw_up(loans: Loans, as_of: int) -> Planned:
    """Return the instalments of some loans.

    Parameters
    ----------
    loans : Loans
        Of a block.
    as_of : int
        Day of the book.
    """
    planned = np.flatnonzero(loans.planned)
    made = plan(loans.terms.take(planned))
    first = _with_fees(loans, replace(made, loan=planned[made.loan]))
    set_anew = loans.terms.start + _RESET_DAYS
    reset = np.where(loans.floating & (set_anew <= as_of), set_anew, NEVER)
    second = loans.terms.rate - _RESET_FALL
    first = _reset(loans, first, reset, second)
    revised, cut = _revisions(loans, first, as_of)
    loans = replace(loans, way=np.where((loans.way == REVISED) & (cut < 0), PROMPT, loans.way))
    replaced = np.isin(first.loan, np.unique(revised.loan))
    rows = _stacked([_chosen(first, ~replaced), revised])
    listing = Listing(
        rows=_stacked([_chosen(first, loans.listed[first.loan]), revised], sort=False),
        revised=np.repeat([False, True], [int(loans.listed[first.loan].sum()), len(revised.loan)]),
        valid_from=np.concatenate(
            [np.full(int(loans.listed[first.loan].sum()), NEVER), (cut + 1)[revised.loan]],
        ),
    )
    order = np.lexsort((listing.rows.no, listing.revised, listing.rows.loan))
    return Planned(
        loans=loans,
        rows=rows,
        listing=Listing(_chosen(listing.rows, order), listing.revised[order], listing.valid_from[order]),
        reset=reset,
        second_rate=second,
    )


def _with_fees(loans: Loans, made: Plan) -> Instalments:
    charged = (loans.terms.method[made.loan] == FLAT) & loans.listed[made.loan] & (made.no == 1)
    fee = np.where(charged, loans.terms.principal[made.loan] // _FEE_ONE_IN, 0)
    return Instalments(made.loan, made.no, made.due, made.principal, made.interest, fee)


def _reset(loans: Loans, rows: Instalments, reset: Whole, second: Whole) -> Instalments:
    """Return instalments whose interest follows the rate at the beginning of their month."""
    moved = loans.floating[rows.loan]
    if not moved.any():
        return rows
    before = np.cumsum(rows.principal) - rows.principal
    start = np.searchsorted(rows.loan, rows.loan)
    balance = loans.terms.principal[rows.loan] - (before - before[start])
    begun = np.where(rows.no == 1, loans.terms.start[rows.loan], np.append(0, rows.due[:-1]))
    later = moved & (begun >= reset[rows.loan])
    interest = half_up(balance * second[rows.loan], RATE_ONE * MONTHS_OF_YEAR)
    return replace(rows, interest=np.where(later, interest, rows.interest))


def _revisions(loans: Loans, rows: Instalments, as_of: int) -> tuple[Instalments, Whole]:
    """Return the plans that replaced others, whole, and the due date after which each loan's holds; -1 for none.

    What is left after a third of the instalments is spread over twice as many as were left, in equal parts.
    """
    size = loans.size
    count = np.bincount(rows.loan, minlength=size)
    start = np.cumsum(count) - count
    kept = count // _REVISED_AFTER
    wanted = (loans.way == REVISED) & (kept > 0)
    due = np.append(rows.due, 0)[np.where(wanted, start + kept - 1, len(rows.due))]
    wanted &= due <= as_of - _REVISED_DAYS
    cut = np.where(wanted, due, -1)
    loan = np.flatnonzero(wanted)
    kept_rows = _chosen(rows, wanted[rows.loan] & (rows.no <= kept[rows.loan]))
    left = loans.terms.principal[loan] - kept_rows.sums(kept_rows.principal, size)[loan]
    ones = np.ones_like(loan)
    rest = plan(
        Terms(
            method=LEVEL_PRINCIPAL * ones,
            principal=left,
            rate=loans.terms.rate[loan],
            start=due[loan],
            months=2 * (count - kept)[loan],
            pay_day=0 * ones,
            base=360 * ones,
        )
    )
    new = Instalments(
        loan=loan[rest.loan],
        no=rest.no + kept[loan[rest.loan]],
        due=rest.due,
        principal=rest.principal,
        interest=rest.interest,
        fee=np.zeros_like(rest.no),
    )
    return _stacked([kept_rows, new]), cut


def _chosen(rows: Instalments, which: Whole | Marks) -> Instalments:
    return Instalments(
        rows.loan[which], rows.no[which], rows.due[which], rows.principal[which], rows.interest[which], rows.fee[which]
    )


def _stacked(pieces: list[Instalments], *, sort: bool = True) -> Instalments:
    """Return instalments as one, by loan and number unless as they come."""
    joined = Instalments(
        loan=np.concatenate([piece.loan for piece in pieces]),
        no=np.concatenate([piece.no for piece in pieces]),
        due=np.concatenate([piece.due for piece in pieces]),
        principal=np.concatenate([piece.principal for piece in pieces]),
        interest=np.concatenate([piece.interest for piece in pieces]),
        fee=np.concatenate([piece.fee for piece in pieces]),
    )
    return _chosen(joined, np.lexsort((joined.no, joined.loan))) if sort else joined
