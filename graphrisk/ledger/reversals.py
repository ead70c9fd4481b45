"""Which payments a reversal undoes, as if they had not been made."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.ledger.dates import Days

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Movements:
    """Payments and reversals of some loans, one element a row.

    Attributes
    ----------
    loan : ndarray of int64, shape (m,)
        Position of the loan.
    day : ndarray of int64, shape (m,)
        Day of the row.
    amount : ndarray of int64, shape (m,)
        Size, at least 0, of a payment or of a reversal.
    reversal : ndarray of bool, shape (m,)
        Whether the row undoes another.
    waiver : ndarray of bool, shape (m,)
        Whether it is about a waiver: a waiver's negative undoes a waiver.
    rank : ndarray of int64, shape (m,)
        Order of the rows of one day.
    payment_id, reverses : Series of str
        Own id, and the id that a reversal names.
    """

    loan: NDArray[np.int64]
    day: Days
    amount: NDArray[np.int64]
    reversal: NDArray[np.bool_]
    waiver: NDArray[np.bool_]
    rank: NDArray[np.int64]
    payment_id: pd.Series
    reverses: pd.Series


@dataclass(frozen=True, slots=True)
class Undone:
    """What reversals undo.

    Attributes
    ----------
    amount : ndarray of int64, shape (m,)
        What is undone of each row.
    unmatched : ndarray of int64
        Reversals that match no payment.
    excess : ndarray of int64
        Reversals of more than is left of the payment that they name.
    """

    amount: NDArray[np.int64]
    unmatched: Rows
    excess: Rows


def undo(rows: Movements) -> Undone:
    """Find what each reversal undoes.

    One that names a payment undoes it as far as its amount reaches, and comes first. Another undoes the latest
    payment of equal amount, not undone yet, on or before its day; on one day payments stand before reversals.

    Parameters
    ----------
    rows : Movements

    Returns
    -------
    Undone

    Examples
    --------
    Two payments of 100 and one that bounced: the later one is undone.

    >>> text = pd.Series([None] * 3, dtype="str")
    >>> undo(
    ...     Movements(
    ...         loan=np.zeros(3, dtype=np.int64),
    ...         day=np.array([1, 2, 3]),
    ...         amount=np.array([100, 100, 100]),
    ...         reversal=np.array([False, False, True]),
    ...         waiver=np.zeros(3, dtype=np.bool_),
    ...         rank=np.arange(3),
    ...         payment_id=text,
    ...         reverses=text,
    ...     )
    ... ).amount.tolist()
    [0, 100, 0]
    """
    names = rows.reverses.notna().to_numpy() & (rows.reverses != "").to_numpy(dtype=bool, na_value=False)
    named = np.flatnonzero(rows.reversal & names)
    undone = np.zeros(rows.loan.size, dtype=np.int64)
    unmatched, excess = _undo_named(rows, named, undone)
    nameless = rows.reversal & ~names & (rows.amount > 0)
    return Undone(undone, np.concatenate([unmatched, _undo_equal(rows, nameless, undone)]), excess)


def _undo_named(rows: Movements, named: Rows, undone: NDArray[np.int64]) -> tuple[Rows, Rows]:
    targets = pd.DataFrame(
        {"loan": rows.loan, "id": rows.payment_id, "target": np.arange(rows.loan.size), "due": rows.day}
    )
    targets = targets[~rows.reversal & targets["id"].notna()].drop_duplicates(["loan", "id"])
    pairs = pd.DataFrame({"loan": rows.loan[named], "id": rows.reverses.iloc[named], "row": named})
    pairs["day"], pairs["rank"], pairs["amount"] = rows.day[named], rows.rank[named], rows.amount[named]
    pairs = pairs.merge(targets, on=["loan", "id"], how="left")
    early = ~(pairs["due"] <= pairs["day"])
    unmatched = pairs.loc[early, "row"].to_numpy(dtype=np.int64)
    pairs = pairs[~early].sort_values(["target", "day", "rank"], kind="stable")
    target = pairs["target"].to_numpy(dtype=np.int64)
    amount = pairs["amount"].to_numpy(dtype=np.int64)
    before = pairs.groupby("target")["amount"].cumsum().to_numpy(dtype=np.int64) - amount
    taken = np.clip(rows.amount[target] - before, 0, amount)
    np.add.at(undone, target, taken)
    row = pairs["row"].to_numpy(dtype=np.int64)
    gone = (taken == 0) & (amount > 0)
    return np.concatenate([unmatched, row[gone]]), row[(taken < amount) & ~gone]


def _undo_equal(rows: Movements, reversal: NDArray[np.bool_], undone: NDArray[np.int64]) -> Rows:
    """Pair reversals with payments like closing with opening brackets; return those without a match."""
    left = rows.amount - undone
    some = np.flatnonzero(reversal | (~rows.reversal & (left > 0)))
    ways = (rows.rank[some], reversal[some], rows.day[some], left[some], rows.waiver[some], rows.loan[some])
    chosen = some[np.lexsort(ways)]
    closing = reversal[chosen]
    frame = pd.DataFrame({"loan": rows.loan[chosen], "waiver": rows.waiver[chosen], "size": left[chosen]})
    stack = frame.groupby(["loan", "waiver", "size"], sort=False).ngroup()
    height = pd.Series(np.where(closing, -1, 1)).groupby(stack).cumsum()
    floor = height.groupby(stack).cummin().clip(upper=0)
    alone = closing & (height < floor.groupby(stack).shift(fill_value=0)).to_numpy()
    depth = (height - floor).to_numpy() + closing
    paired = np.flatnonzero(~alone)
    paired = paired[np.lexsort((paired, depth[paired], stack.to_numpy()[paired]))]
    same = (np.diff(stack.to_numpy()[paired]) == 0) & (np.diff(depth[paired]) == 0)
    gone = chosen[paired[np.flatnonzero(same & ~closing[paired[:-1]] & closing[paired[1:]])]]
    undone[gone] += left[gone]
    return chosen[alone]
