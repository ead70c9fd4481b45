"""One loan's overdue total, step by step: a second accounting, in plain loops, to be read beside a contract.

Nothing here is shared with the accounting of whole books; tests hold the two equal to the cent. Money is a
whole number of minor units, a penalty an exact fraction until the one place where it is rounded.

Sources: Civil Code of the People's Republic of China, art. 561 (order of allocation); People's Bank of China,
notice 银发[2003]251 (penalty interest); Measures for the Risk Classification of Financial Assets of
Commercial Banks, order 2023 no. 1 (five classes).
"""

from bisect import bisect_left
from calendar import isleap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from graphrisk.conventions import PARTS, Conventions
from graphrisk.errors import InvalidDataError
from graphrisk.ledger.explain_contract import Choices, Contract, Row, choices_of, contract_of, rate_on
from graphrisk.ledger.explain_plan import Planned, from_terms, half_up, in_order, scheduled
from graphrisk.ledger.explain_receipts import Receipt, receipts_of, taken_in_order
from graphrisk.ledger.explained import (
    InstalmentExplained,
    LoanExplained,
    Met,
    PaymentExplained,
    PenaltyAccrual,
    PenaltySegment,
)
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import FIVE_CLASSES

_DAY = timedelta(days=1)

#: Last day past due of each bucket but the last; M0 is not past due.
_BUCKET_ENDS = (0, 30, 60, 90, 120, 150, 180)

#: Last day past due of each class but the last.
_CLASS_ENDS = (0, 90, 270, 360)


def bucket_of(days_past_due: int) -> str:
    """Return the bucket of days past due.

    Examples
    --------
    >>> bucket_of(0), bucket_of(30), bucket_of(31), bucket_of(181)
    ('M0', 'M1', 'M2', 'M7')
    """
    return f"M{bisect_left(_BUCKET_ENDS, days_past_due)}"


def class_of(days_past_due: int, *given: str | None) -> str:
    """Return the worse of the class by days past due and those given.

    Examples
    --------
    >>> class_of(35), class_of(91), class_of(361), class_of(1, "doubtful")
    ('special_mention', 'substandard', 'loss', 'doubtful')
    """
    worst = bisect_left(_CLASS_ENDS, days_past_due)
    return FIVE_CLASSES[max([worst, *(FIVE_CLASSES.index(name) for name in given if name)])]


@dataclass(slots=True)
class _Owed:
    """One instalment while payments meet it; money in minor units, by part."""

    no: int
    kind: str
    due_date: date
    left: dict[str, int]
    accrued_to: date
    paid: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    waived: int = 0
    held: list[PenaltySegment] = field(default_factory=list)
    accruals: list[PenaltyAccrual] = field(default_factory=list)
    penalty_unknown: bool = False

    @property
    def unpaid(self) -> int:
        """Principal and interest that are unpaid: what makes it past due."""
        return self.left["principal"] + self.left["interest"]


def _owed(no: int, kind: str, due_date: date, *, principal: int, interest: int, fee: int = 0) -> _Owed:
    left = {"penalty": 0, "fee": fee, "interest": interest, "principal": principal}
    return _Owed(no=no, kind=kind, due_date=due_date, left=left, accrued_to=due_date)


def share_out(amount: int, left: dict[str, int], choices: Choices) -> dict[str, int]:
    """Return what an amount meets of the parts of one instalment.

    Parameters
    ----------
    amount : int
        Money at hand, minor units.
    left : dict of str to int
        What each part still asks for.
    choices : Choices
        Order of the parts; pro rata: in proportion to what they ask for, cumulative and half up, so that
        the last part, principal, takes the rest.

    Returns
    -------
    dict of str to int
        By part, none above what it asks for.
    """
    amount = min(amount, sum(left.values()))
    met = dict.fromkeys(PARTS, 0)
    if not choices.pro_rata:
        for part in choices.order:
            met[part] = min(amount, left[part])
            amount -= met[part]
        return met
    asked = given = 0
    for part in PARTS:
        asked += left[part]
        up_to_here = half_up(Fraction(amount * asked, sum(left.values()))) if amount else 0
        met[part] = up_to_here - given
        given = up_to_here
    return met


class _Walk:
    """The loan from day to day: dues, payments in their order, penalty."""

    def __init__(self, contract: Contract, choices: Choices, plan: Iterable[Planned]) -> None:
        self.contract = contract
        self.choices = choices
        self.owed = [
            _owed(
                item.no,
                "instalment",
                item.due_date,
                principal=item.principal,
                interest=item.interest,
                fee=item.fee,
            )
            for item in plan
        ]
        self.unallocated = 0
        self.payments: list[PaymentExplained] = []

    def run(self, receipts: Sequence[Receipt], accelerated_on: date | None, as_of: date) -> "_Walk":
        """Take all receipts in order, and count the penalty up to the date."""
        waiting = accelerated_on
        for receipt in taken_in_order(receipts, pro_rata=self.choices.pro_rata):
            if waiting and waiting <= receipt.paid_date:
                self._accelerate(waiting)
                waiting = None
            self._accrue(receipt.paid_date)
            self._take(receipt)
        if waiting:
            self._accelerate(waiting)
        self._accrue(as_of)
        return self

    def past_due(self, item: _Owed, day: date) -> bool:
        """Whether grace is over and more than an immaterial amount of principal and interest is unpaid."""
        return day > item.due_date + self.choices.grace_days * _DAY and item.unpaid > self.choices.materiality

    def _accrue(self, day: date) -> None:
        """Count each instalment's penalty up to and including a day; round it where grace is overrun.

        Inside grace the days are held: they count if grace is overrun, and are forgotten if it is not.
        """
        for item in self.owed:
            if day <= item.accrued_to:
                continue
            base = item.left["principal"]
            if self.choices.penalty_base == "overdue_total":
                base += item.left["interest"]
            if base:
                item.held += self._segments(base, item.accrued_to + _DAY, day)
            item.accrued_to = day
            if item.held and self.past_due(item, day):
                exact = sum((segment.exact for segment in item.held), Fraction(0))
                accrual = PenaltyAccrual(day, tuple(item.held), half_up(exact))
                item.penalty_unknown |= not all(segment.known for segment in item.held)
                item.accruals.append(accrual)
                item.left["penalty"] += accrual.amount
                item.held = []

    def _segments(self, base: int, first: date, last: date) -> Iterator[PenaltySegment]:
        """Cut a run of days where the rate changes and, under ACT/ACT, where the year does."""
        starts = {row["from"] for row in self.contract.rates}
        if self.choices.day_count == "ACT/ACT":
            starts |= {date(year, 1, 1) for year in range(first.year, last.year + 1)}
        for start in [*sorted(day for day in starts if first < day <= last), last + _DAY]:
            rate = rate_on(self.contract, first)
            yield PenaltySegment(
                first_day=first,
                last_day=start - _DAY,
                days=(start - first).days,
                base=base,
                contract_rate=rate,
                penalty_rate=self.choices.penalty_rate(rate),
                known=rate is not None or not self.choices.takes_contract_rate,
                year=self._year(first),
            )
            first = start

    def _year(self, day: date) -> int:
        """Return the days of a year: 30/360 divides calendar days by 360 where penalty is counted."""
        if self.choices.day_count == "ACT/ACT":
            return 366 if isleap(day.year) else 365
        return 365 if self.choices.day_count == "ACT/365" else 360

    def _accelerate(self, day: date) -> None:
        """Call due all principal that is left and the interest of the running period up to that day."""
        later = [item for item in self.owed if item.due_date > day]
        if not later:
            return
        earlier = [item for item in self.owed if item.due_date <= day]
        running = [item for item in later if item.due_date == later[0].due_date]
        since = earlier[-1].due_date if earlier else self.contract.loan["start_date"]
        elapsed, period = max((day - since).days, 0), max((later[0].due_date - since).days, 1)
        paid = sum(item.paid["interest"] for item in running)
        interest = paid + sum(item.left["interest"] for item in running)
        accrued = max(half_up(Fraction(interest * elapsed, period)) - paid, 0)
        principal = sum(item.left["principal"] for item in later)
        number = max(item.no for item in self.owed) + 1
        for item in later:
            item.left["principal"] = item.left["interest"] = 0
        self.owed = [
            *earlier,
            _owed(number, "acceleration", day, principal=principal, interest=accrued),
            *later,
        ]

    def _take(self, receipt: Receipt) -> None:
        """Let one receipt meet what it meets."""
        met: list[tuple[_Owed, dict[str, int]]] = []
        due = [item for item in self.owed if item.due_date <= receipt.paid_date]
        not_due = self.owed[len(due) :]
        backwards = due + not_due[::-1]
        prepay = receipt.kind == "prepay"
        parts = receipt.parts_left
        rest = receipt.left - sum(parts.values())
        unplaced = 0
        for part, amount in parts.items():
            targets = backwards if prepay and part == "principal" else self.owed
            unplaced += self._meet(amount, targets, met, (part,), receipt)
        rest = self._meet(rest, due if prepay else self.owed, met, PARTS, receipt)
        if prepay:
            rest = self._meet(rest, not_due[::-1], met, ("principal",), receipt)
            if not any(item.left["principal"] for item in self.owed):
                for item in not_due:
                    item.left["interest"] = 0
        unallocated = 0 if receipt.is_waiver else unplaced + rest
        self.unallocated += unallocated
        self.payments.append(_explained(receipt, met, unallocated))

    def _meet(
        self,
        amount: int,
        targets: Iterable[_Owed],
        met: list[tuple[_Owed, dict[str, int]]],
        parts: Sequence[str],
        receipt: Receipt,
    ) -> int:
        """Meet some parts of instalments, one after the other; return what is left of the amount."""
        for item in targets:
            if amount <= 0:
                break
            share = share_out(amount, {part: item.left[part] if part in parts else 0 for part in PARTS}, self.choices)
            taken = sum(share.values())
            if not taken:
                continue
            amount -= taken
            met.append((item, share))
            for part in PARTS:
                item.left[part] -= share[part]
                if not receipt.is_waiver:
                    item.paid[part] += share[part]
            if receipt.is_waiver:
                item.waived += taken
        return amount


def _explained(
    receipt: Receipt, met: Sequence[tuple[_Owed, dict[str, int]]] = (), unallocated: int = 0
) -> PaymentExplained:
    by_item: dict[int, tuple[_Owed, dict[str, int]]] = {}
    for item, share in met:
        _, sums = by_item.setdefault(id(item), (item, dict.fromkeys(PARTS, 0)))
        for part in PARTS:
            sums[part] += share[part]
    return PaymentExplained(
        payment_id=receipt.payment_id,
        paid_date=receipt.paid_date,
        kind=receipt.kind,
        amount=receipt.amount,
        counted=receipt.left if receipt.fate == "counted" else 0,
        fate=receipt.fate,
        partner_id=receipt.partner.payment_id if receipt.partner else "",
        met=tuple(Met(item.no, item.kind, item.due_date, **sums) for item, sums in by_item.values()),
        unallocated=unallocated,
    )


def _instalment(item: _Owed, *, past_due: bool, days_past_due: int) -> InstalmentExplained:
    left, paid = item.left, item.paid
    return InstalmentExplained(
        no=item.no,
        kind=item.kind,
        due_date=item.due_date,
        principal_due=paid["principal"] + left["principal"],
        interest_due=paid["interest"] + left["interest"],
        fee_due=paid["fee"] + left["fee"],
        principal_paid=paid["principal"],
        interest_paid=paid["interest"],
        fee_paid=paid["fee"],
        penalty_paid=paid["penalty"],
        principal_unpaid=left["principal"],
        interest_unpaid=left["interest"],
        fee_unpaid=left["fee"],
        penalty=None if item.penalty_unknown else left["penalty"],
        waived=item.waived,
        past_due=past_due,
        days_past_due=days_past_due,
        accruals=tuple(item.accruals),
    )


def _instalments(walk: _Walk, as_of: date) -> tuple[InstalmentExplained, ...]:
    choices = walk.choices
    free = choices.grace_days if choices.days_past_due_from == "grace_end" else 0
    instalments = []
    called_on = min((item.due_date for item in walk.owed if item.kind == "acceleration"), default=date.max)
    for item in walk.owed:
        empty = not any(item.left.values()) and not any(item.paid.values())
        if empty and (item.kind == "acceleration" or item.due_date > called_on):
            continue  # called due with the rest
        past_due = walk.past_due(item, as_of)
        days = (as_of - item.due_date).days - free if past_due else 0
        instalments.append(_instalment(item, past_due=past_due, days_past_due=days))
    settled = walk.contract.loan["status"] == "settled"
    return tuple(map(_cleared, instalments)) if settled else tuple(instalments)


def _days_past_due(instalments: Sequence[InstalmentExplained]) -> int:
    return max((item.days_past_due for item in instalments), default=0)


def _overdue_total(instalments: Iterable[InstalmentExplained]) -> int:
    return sum(item.principal_unpaid + item.interest_unpaid for item in instalments if item.past_due)


def _penalty(instalments: Sequence[InstalmentExplained]) -> int | None:
    amounts = [item.penalty for item in instalments]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)


def _cleared(item: InstalmentExplained) -> InstalmentExplained:
    """Return an instalment of a settled loan: nothing of it is owed."""
    return replace(
        item,
        principal_unpaid=0,
        interest_unpaid=0,
        fee_unpaid=0,
        penalty=0,
        past_due=False,
        days_past_due=0,
    )


def _latest_snapshot(contract: Contract, as_of: date) -> Row | None:
    known = [row for row in contract.snapshots if row["as_of"] <= as_of]
    return max(known, key=lambda row: row["as_of"], default=None)


def _outstanding(contract: Contract, otherwise: int) -> int:
    """Return the outstanding principal given in the loan, always, else another; nothing of a settled loan."""
    if contract.loan["status"] == "settled":
        return 0
    given = contract.loan["outstanding"]
    return otherwise if given is None else int(given)


def _called_on(contract: Contract, as_of: date) -> date | None:
    """Return the day on which all of the loan was called due, if it has come."""
    day: date | None = contract.loan["accelerated_on"]
    return day if day is not None and day <= as_of else None


def _on_book(loan: Row, as_of: date) -> bool:
    """Whether the loan is on the book: one that is written off only after the date still is."""
    if loan["status"] == "written_off" and loan["write_off_date"] is not None and loan["write_off_date"] > as_of:
        return True
    return loan["status"] not in ("settled", "written_off", "sold")


def _from_plan(
    contract: Contract, plan: Sequence[Planned], source: str, as_of: date, conventions: Conventions
) -> LoanExplained:
    """Account a loan by its plan, and its days past due by its first plan."""
    loan, choices = contract.loan, choices_of(contract, conventions)
    snapshot = _latest_snapshot(contract, as_of)
    receipts = receipts_of(contract, as_of)
    called_on = _called_on(contract, as_of)

    def walk(instalments: Iterable[Planned]) -> _Walk:
        return _Walk(contract, choices, instalments).run(receipts, called_on, as_of)

    main = walk(plan)
    instalments = _instalments(main, as_of)
    first_plan = in_order(scheduled(contract, as_of, original=True), conventions)
    by_first_plan = instalments if first_plan in ([], plan) else _instalments(walk(first_plan), as_of)
    not_taken = [_explained(item) for item in receipts if item.fate != "counted"]
    grace_over = [item for item in instalments if as_of > item.due_date + choices.grace_days * _DAY]
    past_due = [item for item in instalments if item.past_due]
    days = _days_past_due(instalments)
    return LoanExplained(
        **_identity(contract, as_of, choices),
        outstanding_principal=_outstanding(
            contract,
            sum(item.principal_unpaid for item in instalments) if source != "none" else int(loan["principal"]),
        ),
        overdue_principal=sum(item.principal_unpaid for item in past_due),
        overdue_interest=sum(item.interest_unpaid for item in past_due),
        overdue_total=_overdue_total(instalments),
        overdue_fee=sum(item.fee_unpaid for item in grace_over),
        penalty=_penalty(instalments),
        unallocated=main.unallocated,
        days_past_due=days,
        days_past_due_original=_days_past_due(by_first_plan),
        bucket=bucket_of(days),
        five_class=class_of(days, loan["five_class"], snapshot["five_class"] if snapshot else None),
        overdue_since=min((item.due_date for item in past_due), default=None),
        accelerated=called_on is not None,
        overdue_before_acceleration=_overdue_total(item for item in instalments if item.kind == "instalment"),
        source=source,
        instalments=instalments,
        payments=tuple(sorted(main.payments + not_taken, key=lambda item: item.paid_date)),
    )


def _identity(contract: Contract, as_of: date, choices: Choices) -> dict[str, Any]:
    loan = contract.loan
    return {
        "loan_id": loan["loan_id"],
        "borrower_id": loan["borrower_id"],
        "lender_id": loan["lender_id"],
        "currency": contract.currency,
        "status": loan["status"] or "active",
        "as_of": as_of,
        "choices": choices,
        "principal": int(loan["principal"]),
        "on_book": _on_book(loan, as_of),
    }


def _snapshot_days(snapshot: Row, overdue_total: int) -> int:
    """Return the days past due of a snapshot: given, the least of its bucket, or one if anything is overdue."""
    if snapshot["days_past_due"] is not None:
        return int(snapshot["days_past_due"])
    if snapshot["bucket"] is not None:
        return (0, *(end + 1 for end in _BUCKET_ENDS))[int(snapshot["bucket"][1:])]
    return 1 if overdue_total else 0


def _from_snapshot(
    contract: Contract, snapshot: Row, plan: Sequence[Planned], as_of: date, conventions: Conventions
) -> LoanExplained:
    """Take a loan's state from a snapshot as it stands; of a plan only what falls due later is left."""
    choices = choices_of(contract, conventions)
    principal, interest = int(snapshot["overdue_principal"] or 0), int(snapshot["overdue_interest"] or 0)
    if contract.loan["status"] == "settled":
        principal = interest = 0
    total = principal + interest
    bears = total if choices.penalty_base == "overdue_total" else principal
    days = 0 if contract.loan["status"] == "settled" else _snapshot_days(snapshot, total)
    since = snapshot["as_of"] - days * _DAY if days else None
    item = _owed(0, "snapshot", since or snapshot["as_of"], principal=principal, interest=interest)
    item.penalty_unknown = bears > 0
    called_on = _called_on(contract, as_of)
    walk = _Walk(contract, choices, plan).run((), called_on, as_of)
    to_come = [later for later in _instalments(walk, as_of) if later.due_date > as_of]
    return LoanExplained(
        **_identity(contract, as_of, choices),
        outstanding_principal=_outstanding(contract, int(snapshot["outstanding"])),
        overdue_principal=principal,
        overdue_interest=interest,
        overdue_total=total,
        overdue_fee=0,
        penalty=None if bears else 0,
        unallocated=0,
        days_past_due=days,
        days_past_due_original=days,
        bucket=bucket_of(days),
        five_class=class_of(days, contract.loan["five_class"], snapshot["five_class"]),
        overdue_since=since,
        accelerated=called_on is not None,
        overdue_before_acceleration=total,
        source="snapshot",
        instalments=(*([_instalment(item, past_due=True, days_past_due=days)] if total else []), *to_come),
        payments=(),
    )


def explain(
    contract: Contract,
    *,
    as_of: date,
    conventions: Conventions,
    assume_unpaid: bool = False,
) -> LoanExplained:
    """Account one loan at a date, step by step.

    A schedule wins over a plan made from the terms, and that over a snapshot; where no payments are known and
    something fell due, a snapshot says what is overdue.

    Parameters
    ----------
    contract : Contract
        What the tables say of the loan.
    as_of : date
        The date.
    conventions : Conventions
        What holds where the loan has no column of its own.
    assume_unpaid : bool
        Whether a book without payments means that nothing was paid.

    Returns
    -------
    LoanExplained

    Raises
    ------
    InvalidDataError
        If the loan starts after the date, or if something of a loan on the book fell due and nothing says
        whether it was paid.
    """
    loan = contract.loan
    if loan["start_date"] > as_of:
        raise InvalidDataError("loan_starts_later", loan_id=loan["loan_id"], start=loan["start_date"], as_of=as_of)
    source, plan = "schedule", scheduled(contract, as_of)
    if not plan:
        source, plan = "terms", from_terms(contract, choices_of(contract, conventions).day_count)
    plan = in_order(plan, conventions)
    snapshot = _latest_snapshot(contract, as_of)
    due = [item.due_date for item in plan if item.due_date <= as_of]
    blind = contract.payments is None and bool(due)
    if snapshot is not None and (not plan or blind):
        return _from_snapshot(contract, snapshot, plan, as_of, conventions)
    if blind and not assume_unpaid and _on_book(loan, as_of):
        raise InvalidDataError("no_payments", loan_id=loan["loan_id"], due_date=due[0])
    return _from_plan(contract, plan, source if plan else "none", as_of, conventions)


def explain_loan(
    tables: Tables,
    loan_id: str,
    *,
    as_of: date,
    conventions: Conventions | None = None,
    assume_unpaid: bool = False,
) -> LoanExplained:
    """Account one loan of a book at a date, step by step.

    Parameters
    ----------
    tables : Tables
        The book.
    loan_id : str
        The loan.
    as_of : date
        The date.
    conventions : Conventions, optional
        What holds where the loan has no column of its own; None: the defaults.
    assume_unpaid : bool
        Whether a book without payments means that nothing was paid.

    Returns
    -------
    LoanExplained

    Raises
    ------
    UsageError
        If no loan has that id.
    InvalidDataError
        If the loan starts after the date, or if something fell due and nothing says whether it was paid.

    Examples
    --------
    50,000.00 fell due 35 days ago at 18 % a year: 50,000.00 x 18 % x 1.5 / 360 x 35 days = 1,312.50.

    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {
    ...     "loan_id": "L1", "borrower_id": "A", "lender_id": "F1", "principal": 5_000_000,
    ...     "annual_rate": 180_000_000, "start_date": "2024-02-26",
    ... }
    >>> due = {
    ...     "loan_id": "L1", "no": 1, "due_date": "2024-05-26", "principal_due": 5_000_000,
    ...     "interest_due": 200_000,
    ... }
    >>> frames = {"loans": [loan], "schedule": [due], "payments": []}
    >>> book = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    >>> told = explain_loan(book, "L1", as_of=date(2024, 6, 30))
    >>> told.overdue_total, told.days_past_due, told.penalty, told.five_class
    (5200000, 35, 131250, 'special_mention')
    """
    contract = contract_of(tables, loan_id)
    return explain(contract, as_of=as_of, conventions=conventions or Conventions(), assume_unpaid=assume_unpaid)
