"""Random books of loans in which every convention is in play, often several at once."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from graphrisk.conventions import DAY_COUNTS, DAYS_FROM, PENALTY_BASES, PENALTY_MODES, Conventions
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import BUCKETS, FIVE_CLASSES, SCHEMAS

AS_OF = date(2024, 6, 30)

ORDERS = (
    "penalty>interest>principal",
    "principal>interest>penalty",
    "fee>interest>principal",
    "interest>principal>penalty>fee",
    "interest>penalty",
    "principal",
    "interest>fee",
    "fee>penalty",
    "pro_rata",
)
METHODS = ("level_payment", "level_principal", "interest_first", "bullet", "flat", "daily")
PARTS = ("principal", "interest", "penalty", "fee")


class Dice:
    """Short names for what a generator is asked most."""

    def __init__(self, rng):
        self.rng = rng

    def chance(self, share):
        return self.rng.random() < share

    def number(self, low, high):
        """Return a whole number from low to high, both among them."""
        return int(self.rng.integers(low, high, endpoint=True))

    def one(self, values):
        return values[self.number(0, len(values) - 1)]

    def day(self, first, last):
        return first + timedelta(days=self.number(0, max((last - first).days, 0)))

    def or_blank(self, share, value):
        """Return the value with a probability, else a blank."""
        return value if self.chance(share) else None


def random_conventions(rng):
    """Return conventions of which most are not the default."""
    dice = Dice(rng)
    holidays = tuple(dice.day(date(2023, 6, 1), AS_OF) for _ in range(12))
    return Conventions(
        grace_days=dice.one((0, 0, 1, 3, 10, 30)),
        materiality=Decimal(dice.one(("0", "0", "0.01", "1", "250.5"))),
        allocation_order=dice.one(ORDERS),
        penalty_multiplier=Decimal(dice.one(("1.5", "1.3", "2", "0.24", "18.25", "0"))),
        penalty_base=dice.one(PENALTY_BASES),
        penalty_mode=dice.one(PENALTY_MODES),
        day_count=dice.one(DAY_COUNTS),
        days_past_due_from=dice.one(DAYS_FROM),
        calendar=dice.one(("none", "holidays.csv")),
        roll=dice.one(("unmoved", "following")),
        holidays=holidays if dice.chance(0.5) else (),
    )


def random_book(rng, loans, *, payments=True):
    """Return a book of that many loans; without payments it has no such table at all.

    Parameters
    ----------
    rng : Generator
        The only source of chance.
    loans : int
        How many.
    payments : bool
        Whether the book has a table of payments.

    Returns
    -------
    Tables
    """
    dice = Dice(rng)
    rows = {name: [] for name in ("loans", "schedule", "payments", "rates", "snapshots")}
    for number in range(loans):
        for name, values in random_loan(dice, f"L{number:05d}").items():
            rows[name] += values
    if not payments:
        del rows["payments"]
    for values in rows.values():  # the order of rows means nothing
        rng.shuffle(values)
    return Tables({name: SCHEMAS[name].frame(values) for name, values in rows.items()})


def random_loan(dice, loan_id):
    """Return one loan's rows by table."""
    scale = dice.one((1_000, 1_000_000, 1_000_000, 100_000_000, 10**14))
    principal = dice.number(scale // 100, scale)
    start = dice.day(date(2023, 1, 1), date(2024, 7, 10 if dice.chance(0.1) else 1) - timedelta(days=20))
    loan = _loan(dice, loan_id, principal, start)
    plan = dice.one(("schedule", "schedule", "schedule", "schedule", "terms", "snapshot"))
    if plan == "terms":
        loan |= _terms(dice, start)
    schedule = _schedule(dice, principal, start) if plan == "schedule" else []
    dues = sorted({date.fromisoformat(row["due_date"]) for row in schedule}) or [
        start + timedelta(days=30 * month) for month in range(1, 6)
    ]
    typical = [row["principal_due"] + row["interest_due"] for row in schedule] or [max(principal // 6, 1)]
    tables = {
        "loans": [loan],
        "schedule": schedule + (_revised(dice, schedule) if dice.chance(0.15) else []),
        "payments": _payments(dice, dues, typical),
        "rates": _rates(dice, start) if dice.chance(0.25) else [],
        "snapshots": _snapshots(dice, principal, start) if plan == "snapshot" or dice.chance(0.1) else [],
    }
    return {name: [row | {"loan_id": loan_id} for row in rows] for name, rows in tables.items()}


def _loan(dice, loan_id, principal, start):
    status = dice.one(("active",) * 12 + (None, "settled", "written_off", "sold"))
    return {
        "loan_id": loan_id,
        "borrower_id": f"B{dice.number(1, 30)}",
        "lender_id": f"F{dice.number(1, 5)}",
        "principal": principal,
        "outstanding": dice.or_blank(0.15, dice.number(0, principal)),
        "currency": dice.one((None, "CNY", "USD", "JPY", "KWD")),
        "annual_rate": dice.or_blank(0.93, dice.one((0, 43_500_000, 180_000_000, 123_456_789, 365_000_000))),
        "start_date": start.isoformat(),
        "day_count": dice.or_blank(0.3, dice.one(DAY_COUNTS)),
        "grace_days": dice.or_blank(0.4, dice.one((0, 3, 7, 20))),
        "penalty_multiplier": dice.or_blank(
            0.3,
            dice.one((1_300_000_000, 2_000_000_000, 240_000_000, 18_250_000_000, 1_000_000_000, 3_000_000_000)),
        ),
        "penalty_base": dice.or_blank(0.3, dice.one(PENALTY_BASES)),
        "allocation_order": dice.or_blank(0.5, dice.one(ORDERS)),
        "five_class": dice.or_blank(0.15, dice.one(FIVE_CLASSES)),
        "status": status,
        "write_off_date": dice.or_blank(0.5 if status == "written_off" else 0, dice.day(start, AS_OF).isoformat()),
        "accelerated_on": dice.or_blank(
            0.15, dice.day(start - timedelta(days=3), AS_OF + timedelta(days=30)).isoformat()
        ),
    }


def _terms(dice, start):
    unit, longest = dice.one(((None, 18), ("month", 18), ("month", 18), ("year", 3), ("day", 400)))
    maturity = start + timedelta(days=dice.number(20, 500))
    by_term = dice.chance(0.7)
    return {
        "method": dice.or_blank(0.95, dice.one(METHODS)),
        "term": dice.number(0 if dice.chance(0.1) else 1, longest) if by_term else None,
        "term_unit": unit if by_term else None,
        "maturity_date": None if by_term and dice.chance(0.8) else maturity.isoformat(),
        "pay_day": dice.or_blank(0.5, dice.number(1, 31)),
    }


def _schedule(dice, principal, start):
    n = dice.number(1, 8)
    cuts = sorted(dice.number(0, principal) for _ in range(n - 1))
    parts = np.diff([0, *cuts, principal]).tolist()
    due, rows = start, []
    no_principal_yet = dice.chance(0.15)
    for number, part in enumerate(parts, 1):
        due += timedelta(days=0 if number > 1 and dice.chance(0.05) else dice.one((7, 28, 30, 31, 31, 61)))
        last = number == n
        rows.append(
            {
                "no": number,
                "due_date": due.isoformat(),
                "principal_due": (principal if last else 0) if no_principal_yet else part,
                "interest_due": dice.one((0, dice.number(0, principal // 50 + 1), dice.number(0, principal // 50 + 1))),
                "fee_due": dice.one((None, None, 0, dice.number(1, principal // 200 + 2))),
            }
        )
    if dice.chance(0.1):  # numbers that do not follow the dates
        numbers = dice.rng.permutation(n).tolist()
        rows = [row | {"no": number + 1} for row, number in zip(rows, numbers, strict=True)]
    return rows


def _revised(dice, schedule):
    shift = timedelta(days=dice.number(5, 120))
    valid_from = dice.one((None, dice.day(date(2023, 6, 1), AS_OF + timedelta(days=40)).isoformat()))
    later = [
        row
        | {
            "due_date": (date.fromisoformat(row["due_date"]) + shift).isoformat(),
            "interest_due": row["interest_due"] + dice.number(0, 50),
            "version": "revised",
            "valid_from": valid_from,
        }
        for row in schedule
    ]
    if dice.chance(0.3):
        third = AS_OF - timedelta(days=dice.number(0, 20))
        later += [row | {"valid_from": third.isoformat()} for row in later if row["valid_from"] != third.isoformat()]
    return later


def _rates(dice, start):
    days = {dice.day(start - timedelta(days=20), AS_OF) for _ in range(dice.number(1, 3))}
    return [
        {"from": day.isoformat(), "annual_rate": dice.one((0, 100_000_000, 215_000_000, 99_999_999))}
        for day in sorted(days)
    ]


def _snapshots(dice, principal, start):
    days = {dice.day(start, AS_OF + timedelta(days=20)) for _ in range(dice.number(1, 3))}
    rows = []
    for day in sorted(days):
        known = dice.one(("days", "bucket", "none"))
        rows.append(
            {
                "as_of": day.isoformat(),
                "outstanding": dice.number(0, principal),
                "overdue_principal": dice.one((None, 0, dice.number(0, principal))),
                "overdue_interest": dice.one((None, 0, dice.number(0, principal // 10))),
                "days_past_due": dice.one((0, dice.number(0, 400))) if known == "days" else None,
                "bucket": dice.one(BUCKETS) if known == "bucket" else None,
                "five_class": dice.or_blank(0.4, dice.one(FIVE_CLASSES)),
            }
        )
    return rows


def _payments(dice, dues, typical):
    """Return a loan's receipts: about half of the loans pay roughly on time."""
    with_parts = dice.chance(0.25)
    rows = [_payment(dice, dues, typical, with_parts) for _ in range(dice.number(0, 8))]
    rows += [dict(rows[-1])] if rows and dice.chance(0.05) else []
    rows += [_waiver(dice, dues, typical) for _ in range(dice.one((0, 0, 0, 0, 1, 2)))]
    names = [f"Y{number:02d}" for number in dice.rng.permutation(99).tolist()]
    for row in rows:
        row["payment_id"] = names.pop()
    rows += _reversals(dice, rows, names)
    rows += _repeats(dice, rows)
    if not any(row.get("reverses") for row in rows) and dice.chance(0.2):
        for row in rows:
            row["payment_id"] = dice.or_blank(0.3, row["payment_id"])
    return rows


def _payment(dice, dues, typical, with_parts):
    due = dice.one(dues)
    day = due + timedelta(days=dice.one((0, 0, 0, 1, 2, 3, 5, 10, 31, -1, -10, -40, dice.number(-60, 200))))
    if dice.chance(0.05):  # on a day with others
        day = dues[0]
    amount = dice.one(
        (dice.one(typical), dice.one(typical), dice.number(1, max(typical) + 1), dice.number(0, 20), sum(typical))
    )
    row = {"paid_date": day.isoformat(), "amount": max(amount, 0 if dice.chance(0.1) else 1)}
    row["kind"] = dice.one((None, "pay", "pay", "pay", "prepay", "recovery", "guarantor", "insurer"))
    if with_parts and dice.chance(0.6):
        row |= _parts(dice, row["amount"])
    return row


def _parts(dice, amount):
    named = [part for part in PARTS if dice.chance(0.5)]
    cuts = sorted(dice.number(0, amount) for _ in named)
    parts = dict(zip(named, np.diff([0, *cuts]).tolist(), strict=True))
    if named and dice.chance(0.1):  # above the amount
        parts[named[0]] += amount + 1
    if named and dice.chance(0.03):
        parts[named[-1]] = -1
    return parts


def _waiver(dice, dues, typical):
    day = dice.one(dues) + timedelta(days=dice.number(-5, 90))
    amount = dice.number(1, max(typical) + 1)
    parts = _parts(dice, amount) if dice.chance(0.5) else {}
    return {"paid_date": day.isoformat(), "amount": amount, "kind": "waiver"} | parts


def _reversals(dice, rows, names):
    """Undo some payments: wholly, in part, by name or by amount, too early, or what was never paid."""
    made = []
    for row in rows:
        if not dice.chance(0.12):
            continue
        day = date.fromisoformat(row["paid_date"]) + timedelta(days=dice.one((0, 1, 3, 20, 60, -2)))
        way = dice.one(("amount", "amount", "kind", "name", "part", "nameless part", "unmatched"))
        amount = row["amount"]
        undo = {"paid_date": day.isoformat(), "payment_id": names.pop(), "amount": -amount}
        undo["kind"] = "waiver" if row["kind"] == "waiver" and dice.chance(0.8) else None
        if way == "kind":
            undo |= {"kind": "reversal", "amount": dice.one((amount, -amount))}
        elif way in ("name", "part"):
            undo["reverses"] = row["payment_id"]
        if way in ("part", "nameless part"):
            undo["amount"] = -dice.number(1, max(amount, 1) * 2)
        elif way == "unmatched":
            undo |= {"amount": -amount - 1, "reverses": dice.one((None, "Y-none"))}
        made.append(undo)
    return made


def _repeats(dice, rows):
    made = []
    for row in rows:
        if not dice.chance(0.04):
            continue
        repeat = dict(row)
        if dice.chance(0.5):
            day = date.fromisoformat(row["paid_date"]) + timedelta(days=dice.one((-7, -1, 1, 7)))
            repeat["paid_date"] = day.isoformat()
        elif dice.chance(0.5) and row["amount"] > 1:
            repeat["amount"] -= 1
        made.append(repeat)
    return made
