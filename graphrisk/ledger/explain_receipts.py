"""Which of one loan's receipts count at a date, and how much of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from graphrisk.conventions import PARTS
from graphrisk.ledger.explain_contract import Contract, Row

#: ``counted`` (at what is left of it), ``undone`` by a reversal, ``reversal`` that undid something,
#: ``unmatched`` reversal, ``repeated`` id, or dated ``later`` than the date asked for.
Fate = Literal["counted", "undone", "reversal", "unmatched", "repeated", "later"]


@dataclass(slots=True)
class Receipt:
    """One row of ``payments`` and what became of it.

    Attributes
    ----------
    payment_id : str
        Blank if it has none.
    paid_date : date
        Day on which it was received.
    kind : str
        As in the table; ``pay`` if blank.
    amount : int
        As given, minor units.
    left : int
        What counts of it after reversals, minor units.
    parts : dict of str to int
        The parts that the row gives; none, for the order to decide, if they exceed the amount or one is
        negative.
    reverses : str
        The payment that a reversal names; blank if none.
    fate : str
        What became of it, see `Fate`.
    partner : Receipt or None
        The reversal that undid it; of a reversal: what it undid.
    """

    payment_id: str
    paid_date: date
    kind: str
    amount: int
    left: int
    parts: dict[str, int]
    reverses: str
    fate: Fate
    partner: "Receipt | None" = field(default=None, repr=False)

    @property
    def is_reversal(self) -> bool:
        """Whether it undoes another receipt: a negative amount, or the kind ``reversal``."""
        return self.amount < 0 or self.kind == "reversal"

    @property
    def is_waiver(self) -> bool:
        """Whether it lowers what is due instead of paying it."""
        return self.kind == "waiver"

    @property
    def parts_left(self) -> dict[str, int]:
        """The given parts as far as what counts of the amount reaches: penalty, fee, interest, principal."""
        left, parts = self.left, {}
        for part in PARTS:
            if part in self.parts:
                parts[part] = min(self.parts[part], left)
                left -= parts[part]
        return parts

    @property
    def place(self) -> tuple[bool, str, int, str, list[int]]:
        """What orders the receipts of one day: the id, those without one last, then what the row says."""
        parts = [self.parts.get(part, 0) for part in PARTS]
        return (not self.payment_id, self.payment_id, self.amount, self.kind, parts)


def _receipt(row: Row, as_of: date) -> Receipt:
    amount = int(row["amount"])
    parts = {part: int(row[part]) for part in PARTS if row[part] is not None}
    if sum(parts.values()) > amount or min(parts.values(), default=0) < 0:
        parts = {}
    return Receipt(
        payment_id=row["payment_id"] or "",
        paid_date=row["paid_date"],
        kind=row["kind"] or "pay",
        amount=amount,
        left=max(amount, 0),
        parts=parts,
        reverses=row["reverses"] or "",
        fate="counted" if row["paid_date"] <= as_of else "later",
    )


def _mark_repeats(receipts: Sequence[Receipt]) -> None:
    """Let one row of each id count: the earliest date, then the smallest amount."""
    kept: dict[str, Receipt] = {}
    for receipt in sorted(receipts, key=lambda item: (item.paid_date, item.amount, item.place)):
        if receipt.payment_id and receipt.payment_id in kept:
            receipt.fate = "repeated"
        elif receipt.payment_id:
            kept[receipt.payment_id] = receipt


def _undo(reversal: Receipt, payment: Receipt) -> None:
    payment.left -= min(abs(reversal.amount), payment.left)
    payment.partner, reversal.partner = reversal, payment
    reversal.fate = "reversal"
    if payment.left == 0:
        payment.fate = "undone"


def _undo_payments(receipts: Sequence[Receipt]) -> None:
    """Match the reversals: those that name their payment first, then those of an equal amount, by day."""
    known = [item for item in receipts if item.fate == "counted"]
    payments = [item for item in known if not item.is_reversal]
    reversals = [item for item in known if item.is_reversal]
    for reversal in sorted(reversals, key=lambda item: (not item.reverses, item.paid_date, item.place)):
        open_ = [item for item in payments if item.fate == "counted" and item.paid_date <= reversal.paid_date]
        if reversal.reverses:
            found = [item for item in open_ if item.payment_id == reversal.reverses]
        else:
            alike = [item for item in open_ if item.is_waiver == reversal.is_waiver]
            found = [item for item in alike if item.left == abs(reversal.amount)]
        if found:
            _undo(reversal, max(found, key=lambda item: (item.paid_date, item.place)))
        else:
            reversal.fate = "unmatched"


def receipts_of(contract: Contract, as_of: date) -> list[Receipt]:
    """Return a loan's receipts, each with what became of it.

    A repeated id counts once; a reversal undoes its payment as if it had not been made; a receipt dated
    after the date does not count yet.

    Parameters
    ----------
    contract : Contract
        The loan.
    as_of : date
        The date.

    Returns
    -------
    list of Receipt
        In the order of the table.
    """
    receipts = [_receipt(row, as_of) for row in contract.payments or ()]
    _mark_repeats(receipts)
    _undo_payments(receipts)
    return receipts


def taken_in_order(receipts: Sequence[Receipt], *, pro_rata: bool) -> list[Receipt]:
    """Return the receipts that count, in the order in which they are taken.

    Parameters
    ----------
    receipts : sequence of Receipt
        The loan's receipts.
    pro_rata : bool
        Whether a payment meets the parts of an instalment in proportion.

    Returns
    -------
    list of Receipt
        By day; inside a day waivers come first, since they lower what is due from their day on. Payments of
        one day are one payment, which meets what is due before any prepayment; where a payment gives parts,
        or the loan is paid pro rata, they are taken one by one by id.
    """
    counted = [item for item in receipts if item.fate == "counted" and item.left]
    one_by_one = pro_rata or any(item.parts for item in counted if not item.is_waiver)
    return sorted(
        counted,
        key=lambda item: (
            item.paid_date,
            not item.is_waiver,
            item.kind == "prepay" and not one_by_one,
            item.place,
        ),
    )
