"""The overdue total of many loans against one loan after the other in exact decimals.

Both take the same book in memory. The loop is what one writes by hand for one loan: its instalments as decimals, its
payments in the order of time, penalty accrued at each of them; it gets the decimals ready made. It runs on a sample,
must say the same to the cent, and its time is projected on all loans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.measurement import Measurement
from benchmarks.timing import Times, interleaved
from graphrisk.conventions import Conventions
from graphrisk.ledger.allocation import Balances, settle
from graphrisk.ledger.figures import Figures
from graphrisk.ledger.overdue import Book as LedgerBook
from graphrisk.ledger.overdue import account, read_book
from graphrisk.ledger.payments import count_receipts
from graphrisk.stores.files import read_tables
from graphrisk.tables.book import Tables
from graphrisk.tables.lookup import Lookup, text_array
from graphrisk.tables.schemas import DTYPES, SCHEMAS

SOME_LATE_LIMIT, ALL_LATE_LIMIT, SLOPE_LIMIT = 1 / 50, 1 / 15, 1.1
AS_OF = date(2024, 6, 30)
INSTALMENTS = 12

_CENT, _NOTHING = Decimal("0.01"), Decimal(0)
_RATE_UNIT = 10**9
_SECONDS_A_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_NOW = AS_OF.toordinal() - _EPOCH

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Book:
    """A book of loans as arrays, by loan.

    Attributes
    ----------
    rate : ndarray of int64, shape (n,)
        Parts per 10^9 a year.
    start : ndarray of int64, shape (n,)
        Day.
    due : ndarray of int64, shape (n, instalments)
        Day.
    principal, interest : ndarray of int64, shape (n, instalments)
        Minor units.
    paid_loan, paid_day, paid : ndarray of int64, shape (m,)
        Payments, by loan and day.
    """

    rate: Whole
    start: Whole
    due: Whole
    principal: Whole
    interest: Whole
    paid_loan: Whole
    paid_day: Whole
    paid: Whole


def made(loans: int, late: float, *, seed: int = 1) -> Book:
    """Make a book in which a share of the loans is ever late.

    A late loan pays its first instalment late, others on time, late, in two parts or not at all.

    Parameters
    ----------
    loans : int
        Number of loans.
    late : float
        Share of loans that are ever late.
    seed : int
        Of the random numbers.

    Returns
    -------
    Book
    """
    rng = np.random.default_rng(seed)
    start = _NOW - rng.integers(60, 350, loans)
    rate = rng.integers(30, 240, loans) * 1_000_000
    borrowed = rng.integers(100_000, 50_000_000, loans)
    number = np.arange(1, INSTALMENTS + 1)
    due = start[:, None] + 30 * number
    each = borrowed // INSTALMENTS
    principal = np.repeat(each[:, None], INSTALMENTS, axis=1)
    principal[:, -1] = borrowed - each * (INSTALMENTS - 1)
    left = borrowed[:, None] - each[:, None] * (number - 1)
    interest = left * rate[:, None] // (12 * _RATE_UNIT)
    asked = due <= _NOW
    delay, whole = np.zeros(due.shape, dtype=np.int64), np.ones(due.shape, dtype=np.bool_)
    tardy = rng.random(loans) < late
    draw = rng.random(due.shape)
    draw[:, 0] = 0.5
    delay[tardy] = np.where(draw > 0.4, rng.integers(1, 75, due.shape), 0)[tardy]  # noqa: PLR2004 -- shares, as below
    whole[tardy] = (draw < 0.85)[tardy]  # noqa: PLR2004
    missed = tardy[:, None] & (draw > 0.95)  # noqa: PLR2004
    amount = principal + interest
    first = np.where(whole, amount, amount * 2 // 3)
    rows = [_payments(due + delay, first, asked & ~missed)]
    rows.append(_payments(due + delay + 20, amount - first, asked & ~missed & ~whole))
    loan, day, paid = (np.concatenate(columns) for columns in zip(*rows, strict=True))
    order = np.lexsort((day, loan))
    return Book(rate, start, due, principal, interest, loan[order], day[order], paid[order])


def _payments(day: Whole, amount: Whole, there: NDArray[np.bool_]) -> tuple[Whole, Whole, Whole]:
    loan, number = np.nonzero(there & (day <= _NOW))
    return loan, day[loan, number], amount[loan, number]


def _ids(letter: str, numbers: Whole) -> pd.arrays.ArrowStringArray:
    texts = pa.array([f"{letter}{number:09}" for number in range(int(numbers.max(initial=-1)) + 1)], pa.large_string())
    return pd.array(texts.take(pa.array(numbers)), dtype="str")


def _frame(table: str, given: dict[str, object], rows: int) -> pd.DataFrame:
    columns = {}
    for column in SCHEMAS[table].columns:
        values = given.get(column.name)
        dtype = DTYPES[column.type]
        if values is None:
            columns[column.name] = pd.Series([None], dtype=dtype).reindex(range(rows)).astype(dtype)
        elif dtype == "datetime64[s]":
            columns[column.name] = pd.Series((np.asarray(values) * _SECONDS_A_DAY).astype(dtype))
        else:
            columns[column.name] = pd.Series(values, dtype=dtype)
    columns["source_file"] = pd.Series([f"{table}.csv"], dtype="str").reindex(range(rows), method="ffill")
    columns["source_line"] = pd.Series(np.arange(2, rows + 2))
    return pd.DataFrame(columns, copy=False)


def tables_of(book: Book) -> Tables:
    """Return a book as tables, as a store returns them."""
    loans = len(book.rate)
    every = np.arange(loans)
    of_row = np.repeat(every, INSTALMENTS)
    given = {
        "loan_id": _ids("L", every),
        "borrower_id": _ids("B", every // 2),
        "lender_id": _ids("F", every % 7),
        "principal": book.principal.sum(axis=1),
        "annual_rate": book.rate,
        "start_date": book.start,
    }
    schedule = {
        "loan_id": _ids("L", of_row),
        "no": np.tile(np.arange(1, INSTALMENTS + 1), loans),
        "due_date": book.due.ravel(),
        "principal_due": book.principal.ravel(),
        "interest_due": book.interest.ravel(),
    }
    payments = {"loan_id": _ids("L", book.paid_loan), "paid_date": book.paid_day, "amount": book.paid}
    return Tables(
        {
            "loans": _frame("loans", given, loans),
            "schedule": _frame("schedule", schedule, of_row.size),
            "payments": _frame("payments", payments, book.paid.size),
        }
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides the arithmetic of one loan; a loop over loans reads it from each loan's row."""

    annual_rate: Decimal
    multiplier: Decimal = Decimal("1.5")
    days_a_year: int = 360
    order: tuple[str, ...] = ("penalty", "fee", "interest", "principal")
    grace_days: int = 0
    materiality: Decimal = Decimal(0)
    compound: bool = False


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as a person writes it down, amounts in currency units.

    Attributes
    ----------
    terms : Terms
    rows : list of (date, int, Decimal, Decimal, Decimal)
        Due date, number, principal, interest and fee of each instalment.
    payments : list of (date, str, Decimal)
        Day, id and amount of each; a negative one undoes an equal one before it.
    """

    terms: Terms
    rows: list[tuple[date, int, Decimal, Decimal, Decimal]]
    payments: list[tuple[date, str, Decimal]]


@dataclass(slots=True)
class Row:
    """What is left of an instalment."""

    due: date
    since: date
    principal: Decimal
    interest: Decimal
    fee: Decimal
    penalty: Decimal = _NOTHING
    held: Decimal = _NOTHING

    def accrue(self, day: date, terms: Terms) -> None:
        """Let penalty accrue to a day, rounded to the cent; within grace it is held."""
        base = self.principal + self.interest if terms.compound else self.principal
        if base and self.principal + self.interest > terms.materiality:
            days = (day - self.since).days
            # Divided last: a product of decimals is exact, a daily rate is not.
            self.held += base * terms.annual_rate * terms.multiplier * days / terms.days_a_year
        self.since = day
        if (day - self.due).days > terms.grace_days:
            self.penalty += self.held.quantize(_CENT, ROUND_HALF_UP)
            self.held = _NOTHING

    def meet(self, amount: Decimal, terms: Terms) -> Decimal:
        """Put an amount against the parts in their order; return what is left of it."""
        for part in terms.order:
            owed = getattr(self, part)
            met = min(owed, amount)
            setattr(self, part, owed - met)
            amount -= met
        if self.held and not self.principal and not self.interest:
            self.held = _NOTHING
        return amount


def counted(payments: list[tuple[date, str, Decimal]]) -> dict[date, Decimal]:
    """Return what counts of payments by day: an id once, without what a negative amount undoes."""
    seen: set[str] = set()
    kept: list[tuple[date, Decimal]] = []
    for day, name, amount in sorted(payments):
        if name in seen or day > AS_OF:
            continue
        seen.add(name)
        if amount >= 0:
            kept.append((day, amount))
            continue
        undone = next((at for at in reversed(range(len(kept))) if kept[at][1] == -amount), None)
        if undone is not None:
            del kept[undone]
    received: dict[date, Decimal] = {}
    for day, amount in kept:
        received[day] = received.get(day, _NOTHING) + amount
    return received


def by_hand(loan: Loan) -> tuple[Decimal, Decimal, Decimal, Decimal, int]:
    """Return what one loan owes, payment by payment.

    A payment meets the oldest instalment first. Penalty accrues on each late instalment from the day after it fell
    due, rounded at each payment and at the end.

    Parameters
    ----------
    loan : Loan

    Returns
    -------
    tuple of (Decimal, Decimal, Decimal, Decimal, int)
        Outstanding principal, overdue principal and interest, penalty, days past due.
    """
    terms = loan.terms
    rows = [Row(due, due, principal, interest, fee) for due, _, principal, interest, fee in sorted(loan.rows)]
    received = counted(loan.payments)
    for day in sorted(received):
        for row in rows:
            if row.due < day:
                row.accrue(day, terms)
        left = received[day]
        for row in rows:
            left = row.meet(left, terms)
            if not left:
                break
    for row in rows:
        if row.due < AS_OF:
            row.accrue(AS_OF, terms)
    late = [
        row
        for row in rows
        if (AS_OF - row.due).days > terms.grace_days and row.principal + row.interest > terms.materiality
    ]
    return (
        sum((row.principal for row in rows), _NOTHING),
        sum((row.principal for row in late), _NOTHING),
        sum((row.interest for row in late), _NOTHING),
        sum((row.penalty for row in rows), _NOTHING),
        (AS_OF - late[0].due).days if late else 0,
    )


def sample_of(book: Book, count: int) -> tuple[Whole, list[Loan]]:
    """Return some loans of a book, evenly spread, and what they are as a person writes them down."""
    chosen = np.unique(np.linspace(0, len(book.rate) - 1, count).astype(np.int64))
    bounds = np.searchsorted(book.paid_loan, [chosen, chosen + 1])
    loans = [
        Loan(
            Terms(Decimal(int(book.rate[loan])) / _RATE_UNIT),
            [
                (_date(day), number, _money(principal), _money(interest), _NOTHING)
                for number, (day, principal, interest) in enumerate(
                    zip(*(rows[loan].tolist() for rows in (book.due, book.principal, book.interest)), strict=True), 1
                )
            ],
            [
                (_date(day), f"P{low + number}", _money(amount))
                for number, (day, amount) in enumerate(
                    zip(book.paid_day[low:high].tolist(), book.paid[low:high].tolist(), strict=True)
                )
            ],
        )
        for loan, low, high in zip(chosen.tolist(), *bounds.tolist(), strict=True)
    ]
    return chosen, loans


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + day)


def _money(minor: int) -> Decimal:
    return Decimal(minor) / 100


def calculated(book: LedgerBook) -> tuple[Balances, Figures]:
    """Return what each loan owes, from positions on: what the loop by hand does, too."""
    plan, _ = book.plan(book.contracts)
    receipts, _ = count_receipts(book.payments, book.contracts)
    balances = settle(plan, book.contracts, receipts)
    return balances, book.figures(plan, book.contracts, balances)


def check(figures: Figures, chosen: Whole, answers: Sequence[tuple[Decimal, Decimal, Decimal, Decimal, int]]) -> int:
    """Return how many loans of a sample owe anything overdue; all must be the same to the cent.

    Raises
    ------
    AssertionError
        If one differs.
    """
    ours = zip(
        *(
            values[chosen].tolist()
            for values in (
                figures.outstanding,
                figures.overdue_principal,
                figures.overdue_interest,
                figures.penalty,
                figures.days_past_due,
            )
        ),
        strict=True,
    )
    late = 0
    for loan, mine, (*amounts, days) in zip(chosen.tolist(), ours, answers, strict=True):
        theirs = (*(int(amount * 100) for amount in amounts), days)
        if mine != theirs:
            raise AssertionError(f"loan {loan}: {mine} here, {theirs} by hand")
        late += days > 0
    return late


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many loans: in all, by hand, in the smaller book that the slope starts from, and in the CSV files."""

    loans: int = 1_000_000
    sample: int = 10_000
    small: int = 10_000
    files: int = 20_000
    rounds: int = 3


QUICK = Sizes(300, 100, 100, 100, 1)


def by_lateness(late: float, limit: float, sizes: Sizes) -> list[Measurement]:
    """Measure a book of which a share of the loans is ever late."""
    book = made(sizes.loans, late)
    chosen, sample = sample_of(book, sizes.sample)
    tables = tables_of(book)
    payments = book.paid.size
    del book
    before = _resident()
    read, _ = read_book(tables, as_of=AS_OF, conventions=Conventions())
    answers: dict[str, Any] = {}

    def ours() -> None:
        answers["ours"] = calculated(read)

    def by_loop() -> None:
        answers["by hand"] = [by_hand(loan) for loan in sample]

    times = interleaved({"ours": ours, "by hand": by_loop}, rounds=sizes.rounds)
    overdue = check(answers.pop("ours")[1], chosen, answers["by hand"])
    loop = times["by hand"].median * sizes.loans / len(sample)
    small = _small(late, sizes)
    slope = log(times["ours"].least / small.least) / log(sizes.loans / sizes.small)
    whole, peak = _accounted(tables, sizes.rounds)
    lookup = interleaved({"ids": lambda: _looked_up(tables)}, rounds=sizes.rounds)["ids"]
    name = f"{late:.0%} of loans late"
    size = f"{sizes.loans:,} loans, {sizes.loans * INSTALMENTS:,} instalments, {payments:,} payments"
    hand = f"by hand {times['by hand'].text} for {len(sample):,} loans ({overdue:,} overdue), {loop:,.1f} s projected"
    return [
        Measurement(
            "L1",
            f"{name}: calculation",
            times["ours"].median / loop,
            limit,
            "ratio",
            f"{size}; ours {times['ours'].text}, {hand}",
        ),
        Measurement(
            "L1",
            f"{name}: slope in the number of loans",
            slope,
            SLOPE_LIMIT,
            "slope",
            f"{sizes.small:,} loans {small.text}; best of {sizes.rounds} at each size",
        ),
        Measurement(
            "L1",
            f"{name}: whole account with look-up of ids and frames",
            whole.median / loop,
            None,
            "ratio",
            whole.text,
        ),
        Measurement("L1", f"{name}: look-up of ids", lookup.median, None, "s", lookup.text),
        Measurement(
            "L1",
            f"{name}: memory of account at its peak, beyond its tables",
            (peak - before) / 1024,
            None,
            "MiB",
            f"tables and all {before / 1024:,.0f} MiB",
        ),
    ]


def _small(late: float, sizes: Sizes) -> Times:
    read, _ = read_book(tables_of(made(sizes.small, late)), as_of=AS_OF, conventions=Conventions())
    return interleaved({"small": lambda: calculated(read)}, rounds=sizes.rounds)["small"]


def _looked_up(tables: Tables) -> None:
    lookup = Lookup(pd.Index(tables["loans"]["loan_id"]))
    for table in ("schedule", "payments"):
        lookup.positions(text_array(tables[table]["loan_id"]))


def _accounted(tables: Tables, rounds: int) -> tuple[Times, int]:
    """Return the times of a whole account, and the most memory that this process then had, in KiB."""
    _forget_peak()
    times = interleaved({"account": lambda: account(tables, as_of=AS_OF)}, rounds=rounds)["account"]
    return times, _peak()


def _status(name: str) -> int:
    """Return a figure of this process from Linux, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _peak() -> int:
    return _status("VmHWM:")


def _resident() -> int:
    return _status("VmRSS:")


def reading(sizes: Sizes) -> list[Measurement]:
    """Measure reading and checking the same tables from CSV files, which the calculation above leaves out."""
    tables = tables_of(made(sizes.files, 0.15))
    with TemporaryDirectory(prefix="graphrisk-ledger-") as home:
        rows = 0
        for name in ("loans", "schedule", "payments"):
            rows += write_csv(tables[name], name, Path(home) / f"{name}.csv")
        times = interleaved({"reading": lambda: read_tables([Path(home)])}, rounds=sizes.rounds)["reading"]
    return [
        Measurement(
            "L1",
            "reading and checking CSV, for a million rows",
            times.median / rows * 1e6,
            None,
            "s",
            f"{rows:,} rows {times.text}",
        )
    ]


def write_csv(frame: pd.DataFrame, table: str, path: Path) -> int:
    """Write the filled columns of a table as a file; return its rows."""
    shown = {}
    for column in SCHEMAS[table].columns:
        values = frame[column.name]
        if values.isna().all():
            continue
        if column.type == "money":
            values = values / 100
        elif column.type == "rate":
            values = values / _RATE_UNIT
        elif column.type == "date":
            values = values.dt.strftime("%Y-%m-%d")
        shown[column.name] = values
    pd.DataFrame(shown).to_csv(path, index=False)
    return len(frame)


def measure(*, quick: bool = False) -> list[Measurement]:
    """Measure L1: the ledger by a loop over loans, its slope, its memory, and what stands apart.

    Parameters
    ----------
    quick : bool
        Whether a few hundred loans will do.

    Returns
    -------
    list of Measurement
    """
    sizes = QUICK if quick else Sizes()
    return [
        *by_lateness(0.15, SOME_LATE_LIMIT, sizes),
        *by_lateness(1.0, ALL_LATE_LIMIT, sizes),
        *reading(sizes),
    ]
