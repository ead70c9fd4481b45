"""How one loan's overdue total came about: instalment by instalment, payment by payment, day by day."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from graphrisk.conventions import Conventions
from graphrisk.errors import texts
from graphrisk.ledger.explain import explain_loan
from graphrisk.ledger.explain_contract import Choices
from graphrisk.ledger.explained import (
    InstalmentExplained,
    LoanExplained,
    Met,
    PaymentExplained,
    PenaltyAccrual,
    PenaltySegment,
)
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.book import Tables
from graphrisk.tables.currency import exponent

_DTYPES = {
    "minor": "Int64",
    "integer": "Int64",
    "date": "datetime64[s]",
    "code": "str",
    "text": "str",
}

#: Digits of an amount before it is rounded, beyond those of its currency.
_MORE_DIGITS = 4


def explain(
    tables: Tables,
    loan_id: str,
    *,
    as_of: date,
    conventions: Conventions | None = None,
    assume_unpaid: bool = False,
) -> Result:
    """Show how a loan's overdue total came about.

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
    Result
        A row for each instalment, then for each payment one for each instalment that it met and one for what is
        left of it; ``amount`` is the part of the payment that the row tells of, so that the rows of a payment add
        up to it. The notes hold the arithmetic of each penalty, receipts that do not count and why, and the
        conventions in words; the summary holds the totals.

    Raises
    ------
    UsageError
        If no loan has that id.
    InvalidDataError
        If the loan starts after the date, or if something fell due and nothing says whether it was paid.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {
    ...     "loan_id": "L1",
    ...     "borrower_id": "A",
    ...     "lender_id": "F1",
    ...     "principal": 5_000_000,
    ...     "annual_rate": 180_000_000,
    ...     "start_date": "2024-02-26",
    ... }
    >>> due = {"loan_id": "L1", "no": 1, "due_date": "2024-05-26", "principal_due": 5_000_000, "interest_due": 0}
    >>> frames = {"loans": [loan], "schedule": [due], "payments": []}
    >>> book = Tables({name: SCHEMAS[name].frame(rows) for name, rows in frames.items()})
    >>> result = explain(book, "L1", as_of=date(2024, 6, 30))
    >>> step = result.notes[0].fields
    >>> f"{step['base']} x {step['rate']} / {step['year']} x {step['days']} days = {step['amount']}"
    '50,000.00 x 18 % x 1.5 / 360 x 35 days = 1,312.50'
    """
    chosen = conventions or Conventions()
    told = explain_loan(tables, loan_id, as_of=as_of, conventions=chosen, assume_unpaid=assume_unpaid)
    words = dict(convention_sentences(told.choices, chosen))
    return Result(
        command="overdue",
        columns=RESULTS["overdue_explain"],
        rows=_frame([*map(_instalment_row, told.instalments), *_payment_rows(told)], told),
        summary=_summary(told, words),
        as_of=as_of,
        currency=told.currency,
        parameters={"id": loan_id, "explain": True, "assume_unpaid": assume_unpaid},
        conventions=dict(chosen),
        tables=tables,
        headline=(_headline(told),),
        notes=(
            *(note for item in told.instalments for note in _penalty_notes(item, told)),
            *(note for payment in told.payments for note in _payment_notes(payment, told)),
            *_loan_notes(told),
            *words.values(),
        ),
    )


def _frame(rows: list[dict[str, Any]], told: LoanExplained) -> pd.DataFrame:
    return pd.DataFrame(
        {
            column.name: pd.Series([row.get(column.name) for row in rows], dtype=_DTYPES[column.type])
            for column in RESULTS["overdue_explain"]
        }
    ).assign(loan_id=told.loan_id)


def _instalment_row(item: InstalmentExplained) -> dict[str, Any]:
    return {
        "record": "instalment",
        "no": item.no,
        "due_date": item.due_date,
        "principal_due": item.principal_due,
        "interest_due": item.interest_due,
        "principal_paid": item.principal_paid,
        "interest_paid": item.interest_paid,
        "principal_overdue": item.principal_unpaid if item.past_due else 0,
        "interest_overdue": item.interest_unpaid if item.past_due else 0,
        "penalty": item.penalty,
        "days_past_due": item.days_past_due,
        "penalty_paid": item.penalty_paid,
    }


def _payment_rows(told: LoanExplained) -> Iterator[dict[str, Any]]:
    for payment in told.payments:
        if payment.kind == "waiver":  # no money: the notes tell of it
            continue
        own = {"record": "payment", "payment_id": payment.payment_id or None, "paid_date": payment.paid_date}
        for met in payment.met:
            yield own | {
                "no": met.no,
                "due_date": met.due_date,
                "principal_paid": met.principal,
                "interest_paid": met.interest,
                "amount": met.total,
                "penalty_paid": met.penalty,
                "unallocated": 0,
            }
        if payment.unallocated:
            yield own | {"amount": payment.unallocated, "unallocated": payment.unallocated}


def _money(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def _summary(told: LoanExplained, words: dict[str, Sentence]) -> dict[str, object]:
    english = texts("en")["sentences"]
    amounts = (
        *("principal", "outstanding_principal", "overdue_principal", "overdue_interest", "overdue_total"),
        *("overdue_fee", "penalty", "unallocated", "overdue_before_acceleration"),
    )
    values = {name: getattr(told, name) for name in amounts}
    return {
        **{name: None if value is None else _money(value, told.currency) for name, value in values.items()},
        "days_past_due": told.days_past_due,
        "days_past_due_original": told.days_past_due_original,
        "bucket": told.bucket,
        "five_class": told.five_class,
        "overdue_since": told.overdue_since,
        "status": told.status,
        "accelerated": told.accelerated,
        "source": told.source,
        "conventions": {name: english[sentence.code].format(**sentence.fields) for name, sentence in words.items()},
    }


def _headline(told: LoanExplained) -> Sentence:
    if not told.overdue_total:
        return Sentence("explain_current", {"loan_id": told.loan_id, "as_of": told.as_of})
    amounts = ("overdue_total", "overdue_principal", "overdue_interest")
    fields: dict[str, object] = {name: _money(getattr(told, name), told.currency) for name in amounts}
    fields["penalty"] = None if told.penalty is None else _money(told.penalty, told.currency)
    fields |= {"loan_id": told.loan_id, "as_of": told.as_of, "days": told.days_past_due}
    return Sentence("explain_headline", fields)


def _plain(value: Fraction) -> str:
    """Return a number that ends, such as a rate or a multiple, without zeros behind."""
    number = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{number.normalize():f}"


def _percent(rate: Fraction) -> str:
    return f"{_plain(rate * 100)} %"


def _amount(minor: Fraction | int, currency: str, more: int = 0) -> str:
    digits = exponent(currency)
    value = Fraction(minor) / 10**digits
    return f"{Decimal(value.numerator) / Decimal(value.denominator):,.{digits + more}f}"


def _named(item: InstalmentExplained | Met) -> Sentence:
    if item.kind == "acceleration":
        return Sentence("what_was_called_due", {"due_date": item.due_date})
    return Sentence("instalment_named", {"no": str(item.no), "due_date": item.due_date})


def _rate(segment: PenaltySegment, choices: Choices) -> str:
    """Return the penalty rate as it came about: 18 % x 1.5."""
    given, contract = choices.given_penalty_rate, segment.contract_rate
    on_top = choices.penalty_mode == "on_top"
    if given is not None:
        return f"({_percent(contract)} + {_percent(given)})" if on_top and contract else _percent(given)
    multiple = _plain(choices.multiplier)
    return f"{_percent(contract or Fraction(0))} x {f'(1 + {multiple})' if on_top else multiple}"


def _penalty_notes(item: InstalmentExplained, told: LoanExplained) -> Iterator[Sentence]:
    for accrual in item.accruals:
        steps = [_step(segment, item, told) for segment in accrual.segments]
        rounded = _rounded(accrual, item, told)
        if len(steps) == 1 and accrual.segments[0].known:
            exact = accrual.exact == accrual.amount
            yield Sentence("penalty_step" if exact else "penalty_step_rounded", steps[0] | rounded)
            continue
        for segment, step in zip(accrual.segments, steps, strict=True):
            yield Sentence("penalty_step" if segment.known else "penalty_step_unknown", step)
        yield Sentence("penalty_rounded", rounded)


def _step(segment: PenaltySegment, item: InstalmentExplained, told: LoanExplained) -> dict[str, object]:
    exact = segment.exact
    more = 0 if exact.denominator == 1 else _MORE_DIGITS
    return {
        "instalment": _named(item),
        "first_day": segment.first_day,
        "last_day": segment.last_day,
        "base": _amount(segment.base, told.currency),
        "rate": _rate(segment, told.choices),
        "year": str(segment.year),
        "days": segment.days,
        "amount": _amount(exact, told.currency, more),
    }


def _rounded(accrual: PenaltyAccrual, item: InstalmentExplained, told: LoanExplained) -> dict[str, object]:
    return {
        "instalment": _named(item),
        "on": accrual.on,
        "exact": _amount(accrual.exact, told.currency, _MORE_DIGITS),
        "amount": _amount(accrual.amount, told.currency),
    }


def _payment_notes(payment: PaymentExplained, told: LoanExplained) -> Iterator[Sentence]:
    fields: dict[str, object] = {
        "payment_id": payment.payment_id or "-",
        "paid_date": payment.paid_date,
        "amount": _money(payment.amount, told.currency),
        "counted": _money(payment.counted, told.currency),
        "partner_id": payment.partner_id or "-",
    }
    if payment.fate != "counted":
        yield Sentence(f"receipt_{payment.fate}", fields)
    elif payment.counted != payment.amount:
        yield Sentence("receipt_reduced", fields)
    for met in payment.met:
        named = fields | {"instalment": _named(met)}
        if payment.kind == "waiver":
            yield Sentence("waiver_met", named | {"amount": _money(met.total, told.currency)})
        elif met.fee:
            yield Sentence("fee_met", named | {"amount": _money(met.fee, told.currency)})


def _loan_notes(told: LoanExplained) -> Iterator[Sentence]:
    yield Sentence(f"explain_source_{told.source}")
    for item in told.instalments:
        if item.kind == "acceleration":
            amounts = {
                "principal": _money(item.principal_due, told.currency),
                "interest": _money(item.interest_due, told.currency),
                "before": _money(told.overdue_before_acceleration, told.currency),
            }
            yield Sentence("explain_called_due", {"due_date": item.due_date, **amounts})
    if told.overdue_fee:
        yield Sentence("explain_fee", {"amount": _money(told.overdue_fee, told.currency)})
    if told.days_past_due_original != told.days_past_due:
        yield Sentence("explain_first_plan", {"days": told.days_past_due_original})
    unpaid = sum(item.principal_unpaid for item in told.instalments)
    if told.source in ("schedule", "terms") and unpaid != told.outstanding_principal:
        fields = {
            "outstanding": _money(told.outstanding_principal, told.currency),
            "unpaid": _money(unpaid, told.currency),
        }
        yield Sentence("explain_outstanding_given", fields)
    if told.status == "settled":
        yield Sentence("explain_settled")
    elif not told.on_book:
        yield Sentence("explain_off_book", {"status": told.status})


def convention_sentences(choices: Choices, conventions: Conventions) -> Iterator[tuple[str, Sentence]]:
    """Say each convention that held for a loan, in the order in which they are listed.

    Parameters
    ----------
    choices : Choices
        What held for the loan.
    conventions : Conventions
        What held for the book, whose materiality and calendar no loan decides.

    Yields
    ------
    tuple of str and Sentence
        Name of the convention, and the sentence that says its value; last, under ``own``, which ones the loan's
        own columns decided.
    """
    days = str(choices.grace_days)
    order = ">".join(choices.order)
    given = choices.given_penalty_rate
    yield "grace_days", Sentence("convention_grace_days", {"value": days})
    yield "materiality", Sentence("convention_materiality", {"value": f"{conventions.materiality:f}"})
    if choices.pro_rata:
        yield "allocation_order", Sentence("convention_allocation_pro_rata")
    else:
        yield "allocation_order", Sentence("convention_allocation_order", {"value": order})
    if given is None:
        multiple = _plain(choices.multiplier)
        yield "penalty_multiplier", Sentence("convention_penalty_multiple", {"value": multiple})
    else:
        yield "penalty_multiplier", Sentence("convention_penalty_rate", {"value": _percent(given)})
    yield "penalty_base", Sentence(f"convention_penalty_base_{choices.penalty_base}")
    yield "penalty_mode", Sentence(f"convention_penalty_mode_{choices.penalty_mode}")
    day_count = choices.day_count.lower().replace("/", "_")
    yield "day_count", Sentence(f"convention_day_count_{day_count}")
    yield "days_past_due_from", Sentence(f"convention_days_past_due_from_{choices.days_past_due_from}")
    if conventions.calendar == "none":
        yield "calendar", Sentence("convention_calendar_none")
    else:
        yield "calendar", Sentence("convention_calendar", {"value": conventions.calendar})
    yield "roll", Sentence(f"convention_roll_{conventions.roll}")
    if choices.own:
        yield "own", Sentence("convention_own", {"names": ", ".join(sorted(choices.own))})
