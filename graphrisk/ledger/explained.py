"""What the second accounting says of one loan: its instalments, its payments, its penalty day by day."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from graphrisk.ledger.explain_contract import Choices


@dataclass(frozen=True, slots=True)
class PenaltySegment:
    """Days on which one amount bore one penalty rate.

    Attributes
    ----------
    first_day, last_day : date
        Both bear penalty.
    days : int
        Calendar days.
    base : int
        Unpaid amount that bears it, minor units.
    contract_rate : Fraction or None
        Share a year; None if the tables name none.
    penalty_rate : Fraction
        Share a year, as far as it is known.
    known : bool
        Whether it is known whole.
    year : int
        Days that the day count gives a year: 360, 365 or 366.
    """

    first_day: date
    last_day: date
    days: int
    base: int
    contract_rate: Fraction | None
    penalty_rate: Fraction
    known: bool
    year: int

    @property
    def exact(self) -> Fraction:
        """Base x rate x days / year in minor units, not rounded."""
        return Fraction(self.base * self.days, self.year) * self.penalty_rate


@dataclass(frozen=True, slots=True)
class PenaltyAccrual:
    """What an instalment bore since it was last counted, rounded once.

    Attributes
    ----------
    on : date
        Payment date, or the date asked for.
    segments : tuple of PenaltySegment
        The days it covers.
    amount : int
        Sum of the segments rounded half up, minor units.
    """

    on: date
    segments: tuple[PenaltySegment, ...]
    amount: int

    @property
    def exact(self) -> Fraction:
        """Sum of the segments in minor units, not rounded."""
        return sum((segment.exact for segment in self.segments), Fraction(0))


@dataclass(frozen=True, slots=True)
class InstalmentExplained:
    """One instalment at the date; money in minor units.

    Attributes
    ----------
    no : int
        Its number; what falls due by acceleration stands after the last number, what a snapshot says at 0.
    kind : str
        ``instalment``, ``acceleration`` or ``snapshot``.
    due_date : date
        Moved where it fell on a non-working day and the convention says so.
    principal_due, interest_due, fee_due : int
        What it asks for, waived and dropped amounts taken off.
    principal_paid, interest_paid, fee_paid, penalty_paid : int
        What payments met.
    principal_unpaid, interest_unpaid, fee_unpaid : int
        What is left of the dues.
    penalty : int or None
        Accrued and not met; None if a rate is unknown.
    waived : int
        What waivers took off, penalty included.
    past_due : bool
        Whether it counts as past due at the date.
    days_past_due : int
        Of this instalment; 0 if it is not past due.
    accruals : tuple of PenaltyAccrual
        How its penalty came about.
    """

    no: int
    kind: str
    due_date: date
    principal_due: int
    interest_due: int
    fee_due: int
    principal_paid: int
    interest_paid: int
    fee_paid: int
    penalty_paid: int
    principal_unpaid: int
    interest_unpaid: int
    fee_unpaid: int
    penalty: int | None
    waived: int
    past_due: bool
    days_past_due: int
    accruals: tuple[PenaltyAccrual, ...] = ()


@dataclass(frozen=True, slots=True)
class Met:
    """What one receipt met of one instalment, in minor units."""

    no: int
    kind: str
    due_date: date
    penalty: int
    fee: int
    interest: int
    principal: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.penalty + self.fee + self.interest + self.principal


@dataclass(frozen=True, slots=True)
class PaymentExplained:
    """One receipt and where it went.

    Attributes
    ----------
    payment_id : str
        Blank if it has none.
    paid_date : date
        Day on which it was received.
    kind : str
        ``pay``, ``prepay``, ``reversal``, ``waiver``, ``recovery``, ``guarantor`` or ``insurer``.
    amount : int
        As given, minor units.
    counted : int
        What counts of it after reversals, minor units.
    fate : str
        ``counted``, ``undone``, ``reversal``, ``unmatched``, ``repeated`` or ``later``.
    partner_id : str
        The payment that it undid or the reversal that undid it; blank if none.
    met : tuple of Met
        Instalment by instalment; of a waiver: what it took off.
    unallocated : int
        What found nothing to meet, minor units; 0 for a waiver.
    """

    payment_id: str
    paid_date: date
    kind: str
    amount: int
    counted: int
    fate: str
    partner_id: str
    met: tuple[Met, ...]
    unallocated: int


@dataclass(frozen=True, slots=True)
class LoanExplained:
    """One loan's overdue total at a date and how it came about; money in minor units.

    Attributes
    ----------
    loan_id, borrower_id, lender_id, currency, status : str
        As in the tables; the currency is the book's where the loan names none.
    as_of : date
        The date.
    choices : Choices
        The conventions that held for it.
    principal : int
        Amount paid out.
    outstanding_principal : int
        Principal not yet repaid.
    overdue_principal, overdue_interest, overdue_total : int
        Unpaid principal and interest of past-due instalments, and their sum.
    overdue_fee : int
        Unpaid fees whose grace is over.
    penalty : int or None
        Accrued and not met; None if a rate is unknown.
    unallocated : int
        What was paid beyond all that the plan asks for.
    days_past_due, days_past_due_original : int
        By the plan in force, and by the first plan.
    bucket, five_class : str
        By days past due; the class at least as bad as the data say.
    overdue_since : date or None
        The due date that days past due count from.
    on_book : bool
        False if settled, written off or sold; a settled loan owes nothing.
    accelerated : bool
        Whether all of it was called due by the date.
    overdue_before_acceleration : int
        The overdue total without what fell due by acceleration.
    source : str
        ``schedule``, ``terms``, ``snapshot`` or ``none``.
    instalments : tuple of InstalmentExplained
        By due date, then number.
    payments : tuple of PaymentExplained
        By day, in the order in which they were taken.
    """

    loan_id: str
    borrower_id: str
    lender_id: str
    currency: str
    status: str
    as_of: date
    choices: Choices
    principal: int
    outstanding_principal: int
    overdue_principal: int
    overdue_interest: int
    overdue_total: int
    overdue_fee: int
    penalty: int | None
    unallocated: int
    days_past_due: int
    days_past_due_original: int
    bucket: str
    five_class: str
    overdue_since: date | None
    on_book: bool
    accelerated: bool
    overdue_before_acceleration: int
    source: str
    instalments: tuple[InstalmentExplained, ...]
    payments: tuple[PaymentExplained, ...]
