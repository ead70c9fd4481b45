"""What was paid of each loan and when, and what is left of it.

Every receipt meets exactly what it is for: a late one brings the penalty that has accrued to its day, rounded half up
as a ledger does, so that nothing is left over by a cent.
"""

from dataclasses import dataclass

import numpy as np

from graphrisk.generator.dice import Dice, Marks, Whole, half_up
from graphrisk.generator.loans import (
    BOUNCED,
    CHRONIC,
    ONCE_LATE,
    PART_PREPAID,
    PREPAID,
    STOPPED,
    WAIVED,
    Houses,
    Loans,
)
from graphrisk.generator.population import NEVER, Population
from graphrisk.generator.terms import RATE_ONE, day_of

#: What a receipt is, in the order of the codes of the column ``kind``; the first is left blank.
RECEIPTS = ("", "prepay", "reversal", "waiver", "recovery", "guarantor", "insurer")
PAY, PREPAY, REVERSAL, WAIVER, RECOVERY, BY_GUARANTOR, BY_INSURER = range(len(RECEIPTS))

STATUSES = ("active", "settled", "written_off", "sold")
ACTIVE, SETTLED, WRITTEN_OFF, SOLD = range(len(STATUSES))

#: Penalty where a house names no multiple: that of the conventions, in tenths.
_MULTIPLIER = 15
_TENTHS = 10
_ROUND_SUM = 10_000

#: Days that a loan must be late, days after which the first is paid at the earliest, and chance in a hundred.
_GUARANTOR_PAYS, _INSURER_PAYS = (60, 40, 40), (200, 181, 70)
#: A loan as late as this may be lost; days until then; and below which lot in a hundred.
_LEAST_DAYS_LOST, _DAYS_TO_WRITE_OFF, _WRITTEN_OFF, _SOLD = 200, 181, 40, 50
#: A loan as late as this may have been called; days until then; and from which lot on.
_LEAST_DAYS_CALLED, _DAYS_TO_CALL, _CALLED = 120, 91, 85
#: Below which lot, from that of the sold on, a part was paid of the first instalment that was missed.
_PART = 75
#: A payment that bounces fell due as long before the date of the book, one before a prepayment as long.
_BOUNCE_DAYS, _PREPAY_DAYS = 16, 13
#: Instalments due later than this are not yet paid early.
_EARLY = 5


@dataclass(frozen=True, slots=True)
class Instalments:
    """Instalments of the loans of a block, loan by loan and in order.

    Attributes
    ----------
    loan : ndarray of int64, shape (r,)
        Position of the loan in the block.
    no, due : ndarray of int64, shape (r,)
        Number and day.
    principal, interest, fee : ndarray of int64, shape (r,)
        Minor units.
    """

    loan: Whole
    no: Whole
    due: Whole
    principal: Whole
    interest: Whole
    fee: Whole

    def sums(self, values: Whole, loans: int) -> Whole:
        """Return sums by loan."""
        total = np.zeros(loans, dtype=np.int64)
        np.add.at(total, self.loan, values)
        return total


@dataclass(frozen=True, slots=True)
class Receipts:
    """Rows of the table ``payments``, in no order.

    Attributes
    ----------
    loan, day : ndarray of int64, shape (p,)
        Position of the loan in the block; day of receipt.
    amount, principal, interest, penalty, fee : ndarray of int64, shape (p,)
        Minor units.
    kind : ndarray of int64, shape (p,)
        Position in `RECEIPTS`.
    payer : ndarray of int64, shape (p,)
        Position of who paid; -1 for the borrower.
    parted : ndarray of bool, shape (p,)
        Whether its parts are given.
    undoes : ndarray of int64, shape (p,)
        Receipt that a reversal undoes; -1 for none.
    """

    loan: Whole
    day: Whole
    amount: Whole
    principal: Whole
    interest: Whole
    penalty: Whole
    fee: Whole
    kind: Whole
    payer: Whole
    parted: Marks
    undoes: Whole


@dataclass(frozen=True, slots=True)
class Repayment:
    """What became of the loans of a block.

    Attributes
    ----------
    receipts : Receipts
        What was paid.
    paid_day : ndarray of int64, shape (r,)
        Day on which each instalment was paid in full; `NEVER` if not.
    part_day, part_principal, part_interest : ndarray of int64, shape (r,)
        Day and amounts of a part payment; `NEVER` and 0 without.
    outstanding : ndarray of int64, shape (m,)
        Principal left.
    status : ndarray of int64, shape (m,)
        Position in `STATUSES`.
    write_off_day, written_off, accelerated : ndarray of int64, shape (m,)
        Day and amount of the write-off, and day on which all was called; `NEVER` and 0 without.
    plain : ndarray of bool, shape (m,)
        Whether instalments and payments say all that there is to say.
    """

    receipts: Receipts
    paid_day: Whole
    part_day: Whole
    part_principal: Whole
    part_interest: Whole
    outstanding: Whole
    status: Whole
    write_off_day: Whole
    written_off: Whole
    accelerated: Whole
    plain: Marks


def repay(
    dice: Dice,
    people: Population,
    houses: Houses,
    loans: Loans,
    rows: Instalments,
    *,
    guarantor: Whole,
    insurer: Whole,
) -> Repayment:
    """Draw what was paid of the loans of a block.

    Parameters
    ----------
    dice : Dice
        For this block.
    people : Population
    houses : Houses
    loans : Loans
        Of the block.
    rows : Instalments
        That hold: the newest plan of each loan.
    guarantor, insurer : ndarray of int64, shape (m,)
        Position of who answers for each loan; -1 for none.
    """
    course = _Course(dice, people, houses, loans, rows, guarantor=guarantor, insurer=insurer)
    course.fall_late()
    course.stop()
    course.bounce()
    course.prepay()
    course.waive()
    return course.told()


class _Course:
    """A block of loans while its payments are drawn."""

    def __init__(
        self,
        dice: Dice,
        people: Population,
        houses: Houses,
        loans: Loans,
        rows: Instalments,
        *,
        guarantor: Whole,
        insurer: Whole,
    ) -> None:
        self.dice, self.people, self.houses, self.loans, self.rows = dice, people, houses, loans, rows
        self.guarantor, self.insurer = guarantor, insurer
        count, size = len(rows.loan), loans.size
        self.as_of = people.as_of
        self.way = loans.way[rows.loan]
        self.late = np.zeros(count, dtype=np.int64)
        self.never = np.zeros(count, dtype=np.bool_)
        self.kind = np.full(count, PAY)
        self.dropped = np.zeros(count, dtype=np.bool_)
        self.waived = np.zeros(count, dtype=np.bool_)
        self.bounced = np.zeros(count, dtype=np.bool_)
        self.part_day = np.full(count, NEVER)
        self.part_principal = np.zeros(count, dtype=np.int64)
        self.part_interest = np.zeros(count, dtype=np.int64)
        self.part_kind = np.full(count, PAY)
        self.status = np.full(size, ACTIVE)
        self.write_off_day = np.full(size, NEVER)
        self.accelerated = np.full(size, NEVER)
        self.prepaid = np.zeros(size, dtype=np.int64)
        self.prepay_day = np.full(size, NEVER)

    def fall_late(self) -> None:
        """Draw how many days after its due date each instalment is paid, below 0 before it."""
        dice, rows, count = self.dice, self.rows, len(self.rows.loan)
        early = np.where(dice.chance(2_500, count), dice.between(1, 3, count), 0)
        # Not in the month before: a schedule that begins after its first payment looks like an overwritten one.
        early = np.minimum(early, day_of(rows.due) - 1)
        some_days = dice.between(1, 20, count)
        again = (self.way == ONCE_LATE) & dice.chance(800, count)
        once = self._one_of((self.way == ONCE_LATE) & (rows.due <= self.as_of))
        again[once[once >= 0]] = True
        self.late = np.where(again, some_days, -early)
        self.late = np.where(self.way == CHRONIC, dice.between(31, 55, count), self.late)

    def stop(self) -> None:
        """Let those who failed pay nothing more, and draw what became of it."""
        rows, loans = self.rows, self.loans
        self.never = (self.way == STOPPED) & (rows.due > self.people.stopped[loans.borrower][rows.loan])
        first = self._first(self.never & (rows.due <= self.as_of))
        loan = np.flatnonzero(first >= 0)
        row = first[loan]
        late = self.as_of - rows.due[row]
        lot, days = self.dice.below(100, len(loan)), self.dice.below(20, len(loan))
        helped = np.zeros(len(loan), dtype=np.bool_)
        for who, kind, (least, after, chance) in (
            (self.guarantor, BY_GUARANTOR, _GUARANTOR_PAYS),
            (self.insurer, BY_INSURER, _INSURER_PAYS),
        ):
            pays = ~helped & (who[loan] >= 0) & (late > least) & (lot < chance)
            self.never[row[pays]] = False
            self.kind[row[pays]] = kind
            self.late[row[pays]] = after + days[pays]
            helped |= pays
        lost = ~helped & ~loans.leading[loan] & (late > _LEAST_DAYS_LOST)
        written_off, sold = lost & (lot < _WRITTEN_OFF), lost & (lot >= _WRITTEN_OFF) & (lot < _SOLD)
        self.status[loan[written_off]], self.status[loan[sold]] = WRITTEN_OFF, SOLD
        self.write_off_day[loan[written_off]] = rows.due[row[written_off]] + _DAYS_TO_WRITE_OFF + days[written_off] // 2
        left = ~helped & ~written_off & ~sold
        called = left & (late > _LEAST_DAYS_CALLED) & (lot >= _CALLED)
        called &= rows.due[row] + _DAYS_TO_CALL < rows.due[self._last()[loan]]
        self.accelerated[loan[called]] = rows.due[row[called]] + _DAYS_TO_CALL
        part = left & ~called & (lot >= _SOLD) & (lot < _PART) & (rows.fee[row] == 0)
        self._pay_part(row[part], rows.due[row[part]])
        self._recover(loan[written_off], row[written_off])

    def _pay_part(self, row: Whole, day: Whole) -> None:
        """Pay a part of instalments on the day: interest first, then principal."""
        rows = self.rows
        amount = (rows.principal[row] + rows.interest[row]) * self.dice.between(10, 70, len(row)) // 100
        self.part_day[row] = day
        self.part_interest[row] = np.minimum(amount, rows.interest[row])
        self.part_principal[row] = amount - self.part_interest[row]

    def _recover(self, loan: Whole, row: Whole) -> None:
        """Bring in some principal of half of the loans written off."""
        chosen = self.dice.chance(5_000, len(loan)) & (self.rows.principal[row] > 0)
        loan, row = loan[chosen], row[chosen]
        self.part_day[row] = self.dice.between(self.write_off_day[loan] + 1, np.full(len(loan), self.as_of), len(loan))
        self.part_principal[row] = self.rows.principal[row] * self.dice.between(10, 40, len(row)) // 100
        self.part_kind[row] = RECOVERY

    def bounce(self) -> None:
        """Let one payment of some loans be returned, and be made good with penalty."""
        eligible = (self.way == BOUNCED) & (self.rows.due <= self.as_of - _BOUNCE_DAYS)
        row = self._one_of(eligible)
        row = row[row >= 0]
        self.bounced[row] = True
        self.late[row] = self.dice.between(5, 12, len(row))

    def prepay(self) -> None:
        """Repay some loans before their time, in whole or in part."""
        rows, size = self.rows, self.loans.size
        place = np.arange(len(rows.loan))
        for way in (PREPAID, PART_PREPAID):
            eligible = (self.way == way) & (rows.due <= self.as_of - _PREPAY_DAYS)
            eligible &= (way == PART_PREPAID) | (place < self._last()[rows.loan])
            row = self._one_of(eligible)
            loan = np.flatnonzero(row >= 0)
            # After a due date that was met, and before the next one: nothing is due that day.
            self.prepay_day[loan] = rows.due[row[loan]] + self.dice.between(3, _PREPAY_DAYS - 1, len(loan))
            if way == PREPAID:
                dropped = place > np.where(row >= 0, row, len(place))[rows.loan]
                self.dropped |= dropped
                self.prepaid[loan] = rows.sums(np.where(dropped, rows.principal, 0), size)[loan]
            else:
                to_come = rows.sums(np.where(rows.due > self.as_of + _EARLY, rows.principal, 0), size)[loan]
                share = to_come * self.dice.between(20, 60, len(loan)) // 100
                self.prepaid[loan] = share // _ROUND_SUM * _ROUND_SUM
        self.prepay_day[self.prepaid == 0] = NEVER

    def waive(self) -> None:
        """Waive the interest of one instalment of some loans."""
        rows = self.rows
        row = self._one_of((self.way == WAIVED) & (rows.due <= self.as_of) & (rows.interest > 0))
        row = row[row >= 0]
        self.waived[row] = True
        self.late[row] = 0

    def told(self) -> Repayment:
        """Return what became of the loans."""
        rows, size = self.rows, self.loans.size
        paid_day = rows.due + self.late
        paid = ~self.never & ~self.dropped & (paid_day <= self.as_of)
        met = np.where(paid | self.dropped, rows.principal, self.part_principal)
        part_prepaid = np.where(self.loans.way == PART_PREPAID, self.prepaid, 0)
        outstanding = self.loans.terms.principal - rows.sums(met, size) - part_prepaid
        open_rows = rows.sums((~paid & ~self.dropped).astype(np.int64), size)
        settled = (open_rows == 0) & (self.status == ACTIVE) & self.loans.planned
        status = np.where(settled, SETTLED, self.status)
        recovered = rows.sums(np.where(self.part_kind == RECOVERY, self.part_principal, 0), size)
        return Repayment(
            receipts=self._receipts(paid, paid_day),
            paid_day=np.where(paid, paid_day, np.where(self.dropped, self.prepay_day[rows.loan], NEVER)),
            part_day=self.part_day,
            part_principal=self.part_principal,
            part_interest=self.part_interest,
            outstanding=outstanding,
            status=status,
            write_off_day=self.write_off_day,
            written_off=np.where(self.status == WRITTEN_OFF, outstanding + recovered, 0),
            accelerated=self.accelerated,
            plain=(status == ACTIVE)
            & (self.accelerated == NEVER)
            & ~np.isin(self.loans.way, (BOUNCED, PREPAID, PART_PREPAID, WAIVED)),
        )

    def _penalty(self) -> Whole:
        """Return the penalty that each instalment brings, of those paid late."""
        rows, houses, terms = self.rows, self.houses, self.loans.terms
        lender = self.loans.lender[rows.loan]
        tenths = np.where(houses.multiplier[lender] > 0, houses.multiplier[lender], _MULTIPLIER)
        bearing = rows.principal + np.where(houses.compound[lender], rows.interest, 0)
        overrun = self.late > houses.grace[lender]
        days = np.where(overrun, np.maximum(self.late, 0), 0)
        top = bearing * terms.rate[rows.loan] * tenths * days
        bottom = terms.base[rows.loan] * RATE_ONE * _TENTHS
        # Where several instalments are late at once the ledger rounds more often: a little less is sure to be due.
        return np.where(self.way == CHRONIC, np.maximum(top // bottom - 2, 0), half_up(top, bottom))

    def _receipts(self, paid: Marks, paid_day: Whole) -> Receipts:
        rows = self.rows
        own = self.kind == PAY
        penalty = np.where(own, self._penalty(), 0)
        fee = np.where(own, rows.fee, 0)
        interest = np.where(self.waived, 0, rows.interest)
        answers = np.where(self.kind == BY_GUARANTOR, self.guarantor[rows.loan], self.insurer[rows.loan])
        parted = self.houses.parts[self.loans.lender[rows.loan]] | ~own | (self.way == CHRONIC) | self.waived
        pieces = [
            self._rows(
                np.flatnonzero(paid),
                paid_day,
                principal=rows.principal,
                interest=interest,
                penalty=penalty,
                fee=fee,
                kind=self.kind,
                payer=np.where(own, -1, answers),
                parted=parted,
            )
        ]
        waived = np.flatnonzero(self.waived & paid)
        pieces.append(self._rows(waived, paid_day, interest=rows.interest, kind=WAIVER, parted=True))
        part = np.flatnonzero(self.part_day < NEVER)
        pieces.append(
            self._rows(
                part,
                self.part_day,
                principal=self.part_principal,
                interest=self.part_interest,
                kind=self.part_kind,
                parted=True,
            )
        )
        pieces += self._bounces(np.flatnonzero(self.bounced), before=sum(len(piece["loan"]) for piece in pieces))
        pieces.append(self._prepayments())
        joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
        there = joined["amount"] != 0
        moved = np.cumsum(there) - 1
        undoes = np.where(joined["undoes"] >= 0, moved[joined["undoes"]], -1)
        joined["undoes"] = undoes
        return Receipts(**{name: values[there] for name, values in joined.items()})

    def _bounces(self, row: Whole, before: int) -> list[dict[str, Whole]]:
        """Return the payments that were returned, and their returns."""
        rows, count = self.rows, len(row)
        first = self._rows(
            row, rows.due, principal=rows.principal, interest=rows.interest, fee=rows.fee, kind=PAY, parted=False
        )
        back = {name: values.copy() for name, values in first.items()}
        back["day"] = back["day"] + self.dice.between(1, 3, count)
        back["amount"] = -back["amount"]
        back["kind"] = np.full(count, REVERSAL)
        named = self.dice.chance(7_000, count)
        back["undoes"] = np.where(named, before + np.arange(count), -1)
        return [first, back]

    def _prepayments(self) -> dict[str, Whole]:
        loan = np.flatnonzero(self.prepay_day < NEVER)
        nothing = np.zeros(len(loan), dtype=np.int64)
        return {
            "loan": loan,
            "day": self.prepay_day[loan],
            "amount": self.prepaid[loan],
            **dict.fromkeys(("principal", "interest", "penalty", "fee"), nothing),
            "kind": np.full(len(loan), PREPAY),
            "payer": nothing - 1,
            "parted": nothing > 0,
            "undoes": nothing - 1,
        }

    def _rows(
        self,
        row: Whole,
        day: Whole,
        *,
        kind: int | Whole,
        parted: bool | Marks,
        principal: int | Whole = 0,
        interest: int | Whole = 0,
        penalty: int | Whole = 0,
        fee: int | Whole = 0,
        payer: int | Whole = -1,
    ) -> dict[str, Whole]:
        """Return receipts of some instalments; what is one number holds for all of them."""

        def of_row(values: int | Whole | Marks) -> Whole:
            found: Whole = np.broadcast_to(np.asarray(values), len(self.rows.loan))[row]
            return found

        parts = {
            "principal": of_row(principal),
            "interest": of_row(interest),
            "penalty": of_row(penalty),
            "fee": of_row(fee),
        }
        return {
            "loan": self.rows.loan[row],
            "day": day[row],
            "amount": parts["principal"] + parts["interest"] + parts["penalty"] + parts["fee"],
            **parts,
            "kind": of_row(kind),
            "payer": of_row(payer),
            "parted": of_row(parted),
            "undoes": np.full(len(row), -1),
        }

    def _first(self, marked: Marks) -> Whole:
        """Return the first marked row of each loan; -1 for none."""
        row = np.flatnonzero(marked)
        found = np.full(self.loans.size, -1)
        found[self.rows.loan[row][::-1]] = row[::-1]
        return found

    def _last(self) -> Whole:
        """Return the last row of each loan; -1 for none."""
        found = np.full(self.loans.size, -1)
        found[self.rows.loan] = np.arange(len(self.rows.loan))
        return found

    def _one_of(self, eligible: Marks) -> Whole:
        """Return one of the eligible rows of each loan, each as likely as the next; -1 where there is none."""
        row = np.flatnonzero(eligible)
        loan = self.rows.loan[row]
        count = np.bincount(loan, minlength=self.loans.size)
        start = np.cumsum(count) - count
        drawn = start + self.dice.below(np.maximum(count, 1), self.loans.size)
        return np.where(count > 0, np.append(row, -1)[np.minimum(drawn, len(row))], -1)
