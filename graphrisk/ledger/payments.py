"""Payment rows as what counts of them: repeats taken once, reversals undone, a day's payments as one."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import PARTS
from graphrisk.ledger.columns import codes, findings, given, offsets_of, units, whole
from graphrisk.ledger.contracts import Contracts
from graphrisk.ledger.dates import ALWAYS, NEVER, Days, days
from graphrisk.ledger.reversals import Movements, undo
from graphrisk.tables.book import Finding, Severity
from graphrisk.tables.lookup import all_differ, text_array
from graphrisk.tables.schemas import SCHEMAS

#: What a receipt does, in the order of one day.
CALL, WAIVER, PAY, PREPAY = range(4)
_KINDS = SCHEMAS["payments"]["kind"].codes
_REVERSAL = _KINDS.index("reversal")
_ACTS = np.array([{"waiver": WAIVER, "prepay": PREPAY}.get(kind, PAY) for kind in _KINDS], dtype=np.int8)
_DAY_BITS, _DAY_OFFSET = 24, 1 << 22

Money = NDArray[np.int64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Receipts:
    """What counts of the payments of ``n`` loans, by loan and in the order in which it is taken.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Position of the loan.
    day : ndarray of int64, shape (m,)
        Day of receipt.
    act : ndarray of int8, shape (m,)
        ``WAIVER``, ``PAY`` or ``PREPAY``.
    amount : ndarray of int64, shape (m,)
        Above 0, in minor units.
    parted : ndarray of bool, shape (m,)
        Whether its parts are given.
    parts : ndarray of int64, shape (4, m)
        Given parts, in the order of `PARTS`; without columns where no receipt has any.
    offsets : ndarray of int64, shape (n + 1,)
        First receipt of each loan, and the end.
    """

    loan: NDArray[np.int64]
    day: Days
    act: NDArray[np.int8]
    amount: Money
    parted: NDArray[np.bool_]
    parts: Money
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Payments:
    """The rows of the table ``payments`` as arrays.

    Attributes
    ----------
    frame : DataFrame
        The table.
    row : ndarray of int64, shape (m,)
        Position of each row in the table.
    loan : ndarray of int64, shape (m,)
        Position of the loan; below 0 where it is unknown or has not started.
    day : ndarray of int64, shape (m,)
        Day of receipt.
    amount : ndarray of int64, shape (m,)
        Minor units, below 0 for a reversal.
    kind : ndarray of int8, shape (m,)
        Position in the codes of the column ``kind``.
    parted : ndarray of bool, shape (m,)
        Whether any part is given.
    parts : ndarray of int64, shape (4, m)
        Given parts; without columns where no row has any.
    payment : ndarray of int64, shape (m,)
        Equal numbers for equal ids; below 0 where the id is blank. Empty where no id stands twice.
    currency : ndarray of str, shape (n,)
        Currency of each loan, to print amounts in.
    """

    frame: pd.DataFrame
    row: NDArray[np.int64]
    loan: NDArray[np.int64]
    day: Days
    amount: Money
    kind: NDArray[np.int8]
    parted: NDArray[np.bool_]
    parts: Money
    payment: NDArray[np.int64]
    currency: NDArray[np.object_]

    @property
    def reversal(self) -> NDArray[np.bool_]:
        """Whether each row undoes another."""
        result: NDArray[np.bool_] = (self.amount < 0) | (self.kind == _REVERSAL)
        return result

    def take(self, chosen: NDArray[np.bool_]) -> "Payments":
        """Return some of the rows."""
        if chosen.all():
            return self
        return replace(
            self,
            row=self.row[chosen],
            loan=self.loan[chosen],
            day=self.day[chosen],
            amount=self.amount[chosen],
            kind=self.kind[chosen],
            parted=self.parted[chosen],
            parts=self.parts[:, chosen] if self.parts.size else self.parts,
            payment=self.payment[chosen] if self.payment.size else self.payment,
        )


def read_payments(frame: pd.DataFrame, loan: NDArray[np.int64], currency: pd.Series) -> Payments:
    """Return the table ``payments`` as arrays.

    Parameters
    ----------
    frame : DataFrame
        The table.
    loan : ndarray of int64, shape (m,)
        Position of the loan of each row, below 0 where it does not count.
    currency : Series of str, shape (n,)
        Currency of each loan.
    """
    parted = np.zeros(len(frame), dtype=np.bool_)
    for name in PARTS:
        parted |= frame[name].notna().to_numpy()
    width = len(frame) if parted.any() else 0
    parts = np.zeros((len(PARTS), width), dtype=np.int64)
    if width:
        for number, name in enumerate(PARTS):
            parts[number] = whole(frame[name])
    ids = frame["payment_id"]
    there = given(ids)
    payment = np.zeros(0, dtype=np.int64)
    if not all_differ(text_array(ids if there.all() else ids[there])):
        payment = np.where(there, pd.factorize(ids)[0], -1)
    return Payments(
        frame=frame,
        row=np.arange(len(frame)),
        loan=loan,
        day=days(frame["paid_date"], NEVER),
        amount=whole(frame["amount"]),
        kind=codes(frame["kind"], _KINDS, _KINDS.index("pay")),
        parted=parted,
        parts=parts,
        payment=payment,
        currency=currency.to_numpy(dtype=object),
    )


def count_receipts(payments: Payments, contracts: Contracts) -> tuple[Receipts, list[Finding]]:
    """Return what counts by each loan's day, and what is wrong with the rows.

    Parameters
    ----------
    payments : Payments
    contracts : Contracts
        For ``as_of``, ``start`` and the orders of allocation.

    Returns
    -------
    Receipts
    list of Finding
    """
    until = np.append(contracts.as_of, ALWAYS)  # the last one is that of unknown loans, at -1
    counted, found = _once(payments.take(payments.day <= until[payments.loan]))
    usable, more = _usable_parts(counted)
    left, undoing = _left(counted)
    kept = left > 0
    if not kept.all():
        counted, left, usable = counted.take(kept), left[kept], usable[kept]
    early = np.flatnonzero(counted.day < contracts.start[counted.loan])
    starts = contracts.start[counted.loan[early]].astype("datetime64[D]").astype(str).tolist()
    found += more + undoing + _found(counted, early, "payment_before_start", "warning", "paid_date", start=starts)
    return _in_order(counted, left, usable, contracts.pro_rata()), found


def _found(
    payments: Payments, rows: Rows, code: str, severity: Severity, column: str, **fields: list[str]
) -> list[Finding]:
    if rows.size == 0:
        return []
    part = payments.frame.iloc[payments.row[rows]]
    days_ = part["paid_date"].dt.strftime("%Y-%m-%d").tolist()
    value = days_ if column == "paid_date" else None
    if column == "amount":
        money = payments.currency[payments.loan[rows]]
        value = [units(int(amount), code) for amount, code in zip(payments.amount[rows], money, strict=True)]
    return findings(
        part,
        np.arange(rows.size),
        code,
        severity=severity,
        table="payments",
        column=column,
        value=value,
        fields={"payment_id": part["payment_id"].fillna("").tolist(), "date": days_, **fields},
    )


def _once(payments: Payments) -> tuple[Payments, list[Finding]]:
    """Take each id of a loan once: the earliest row, then that of the smaller amount."""
    if payments.payment.size == 0:
        return payments, []
    named = np.flatnonzero(payments.payment >= 0)
    pair = payments.loan[named] * (len(payments.frame) + 1) + payments.payment[named]
    _, place, count = np.unique(pair, return_inverse=True, return_counts=True)
    named, pair = named[count[place] > 1], pair[count[place] > 1]
    frame = payments.frame.iloc[payments.row[named]]
    content = [pd.factorize(frame[name])[0] for name in ("reverses", "payer_id")]
    content += [part[named] for part in payments.parts if part.size]
    content += [payments.parted[named], payments.kind[named], payments.amount[named], payments.day[named]]
    order = np.lexsort([payments.row[named], *content, pair])
    named, pair = named[order], pair[order]
    again = np.zeros(named.size, dtype=np.bool_)
    again[1:] = pair[1:] == pair[:-1]
    first = np.maximum.accumulate(np.where(again, 0, np.arange(named.size)))
    table = np.array(content)[:, order]
    differs = (table != table[:, first]).any(axis=0)
    found = _found(payments, named[again & ~differs], "repeated_payment", "warning", "payment_id")
    found += _found(payments, named[again & differs], "repeated_payment_differs", "error", "payment_id")
    kept = np.ones(payments.row.size, dtype=np.bool_)
    kept[named[again]] = False
    return payments.take(kept), found


def _usable_parts(payments: Payments) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Return which rows have parts that their amount covers."""
    if not payments.parted.any():
        return payments.parted, []
    usable = payments.parted & ~payments.reversal
    bad = usable & ((payments.parts.sum(axis=0) > payments.amount) | (payments.parts < 0).any(axis=0))
    return usable & ~bad, _found(payments, np.flatnonzero(bad), "parts_exceed_amount", "error", "amount")


def _left(payments: Payments) -> tuple[Money, list[Finding]]:
    """Return what reversals leave of each row; of a reversal nothing."""
    reversal = payments.reversal
    if not reversal.any():
        return payments.amount, []
    touched = np.zeros(payments.currency.size, dtype=np.bool_)
    touched[payments.loan[reversal]] = True
    chosen = np.flatnonzero(touched[payments.loan])
    frame = payments.frame.iloc[payments.row[chosen]]
    undone = undo(
        Movements(
            loan=payments.loan[chosen],
            day=payments.day[chosen],
            amount=np.abs(payments.amount[chosen]),
            reversal=reversal[chosen],
            waiver=_ACTS[payments.kind[chosen]] == WAIVER,
            rank=_ranks(payments, chosen),
            payment_id=frame["payment_id"].reset_index(drop=True),
            reverses=frame["reverses"].reset_index(drop=True),
        )
    )
    left = payments.amount.copy()
    left[chosen] -= undone.amount
    left[reversal] = 0
    found = _found(payments, np.sort(chosen[undone.unmatched]), "reversal_unmatched", "warning", "amount")
    found += _found(payments, np.sort(chosen[undone.excess]), "reversal_exceeds", "warning", "amount")
    return left, found


def _ranks(payments: Payments, rows: Rows) -> NDArray[np.int64]:
    """Return an order of some rows by payment_id, blank ones last, that does not depend on where rows stand."""
    ids = payments.frame["payment_id"].iloc[payments.row[rows]]
    named = pd.factorize(ids.where(ids != ""), sort=True)[0]
    named = np.where(named < 0, rows.size, named)
    parts = [part[rows] for part in payments.parts if part.size]
    order = np.lexsort([*parts, payments.kind[rows], payments.amount[rows], named])
    ranks = np.empty(rows.size, dtype=np.int64)
    ranks[order] = np.arange(rows.size)
    return ranks


def _in_order(payments: Payments, left: Money, usable: NDArray[np.bool_], pro_rata: NDArray[np.bool_]) -> Receipts:
    """Sort what counts; a day's payments are one, but on a loan with parts or in proportion each is taken."""
    loan, act = payments.loan, _ACTS[payments.kind]
    single = waiver = act == WAIVER
    key = (((loan << _DAY_BITS) + payments.day + _DAY_OFFSET) << 2) + act
    if pro_rata.any() or usable.any():
        each = pro_rata.copy()
        each[loan[usable & ~waiver]] = True
        single = each[loan] | waiver
        key += np.where(single & ~waiver, PAY, act) - act
    order = None
    if not (key[1:] >= key[:-1]).all():
        order = np.argsort(key, kind="stable")
        key, single = key[order], single[order]
    again = np.zeros(key.size, dtype=np.bool_)
    again[1:] = key[1:] == key[:-1]
    if again.any():
        alike = np.flatnonzero((again | np.append(again[1:], False)) & single)
        if alike.size:
            order = np.arange(key.size) if order is None else order
            ranks = _ranks(payments, order[alike])
            order[alike] = order[alike][np.lexsort((ranks, key[alike]))]
        heads = np.flatnonzero(~again | single)
        left = np.add.reduceat(left if order is None else left[order], heads)
        order = heads if order is None else order[heads]
    elif order is not None:
        left = left[order]
    everything = slice(None) if order is None else order
    parted = usable[everything]
    parts = np.zeros((len(PARTS), 0), dtype=np.int64)
    if parted.any():
        parts = _parts(payments.parts[:, everything], left)
    return Receipts(
        loan=loan[everything],
        day=payments.day[everything],
        act=act[everything],
        amount=left,
        parted=parted,
        parts=parts,
        offsets=offsets_of(loan[everything], payments.currency.size),
    )


def _parts(parts: Money, amount: Money) -> Money:
    """Return the given parts as far as the amount reaches that a partial reversal has left."""
    before = np.cumsum(parts, axis=0) - parts
    result: Money = np.clip(amount - before, 0, parts)
    return result
