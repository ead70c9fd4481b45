"""Snapshots: the state of a loan where there is no schedule, and a second opinion where there is one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.ledger.classes import bucket_days, buckets
from graphrisk.ledger.columns import codes, findings, given, positions, units, whole
from graphrisk.ledger.dates import ALWAYS, Days, days
from graphrisk.ledger.schedules import Money
from graphrisk.tables.book import Finding
from graphrisk.tables.schemas import BUCKETS, FIVE_CLASSES


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The latest snapshot of each of ``n`` loans by its day.

    Attributes
    ----------
    frame : DataFrame
        The table ``snapshots``.
    row : ndarray of int64, shape (n,)
        Row of the snapshot, below 0 where there is none.
    day : ndarray of int64, shape (n,)
        Its day; ``ALWAYS`` where there is none.
    outstanding, overdue_principal, overdue_interest : ndarray of int64, shape (n,)
        Minor units; 0 where blank.
    days_past_due : ndarray of int64, shape (n,)
        Days; of a bucket alone its least, where both are blank 1 if anything is overdue.
    five_class : ndarray of int8, shape (n,)
        Position in `FIVE_CLASSES`; below 0 where blank.
    """

    frame: pd.DataFrame
    row: NDArray[np.int64]
    day: Days
    outstanding: Money
    overdue_principal: Money
    overdue_interest: Money
    days_past_due: NDArray[np.int64]
    five_class: NDArray[np.int8]

    @property
    def there(self) -> NDArray[np.bool_]:
        """Whether each loan has a snapshot."""
        return self.row >= 0


def latest_snapshots(frame: pd.DataFrame, ids: pd.Index, as_of: Days) -> Snapshots:
    """Return the latest snapshot of each loan by a day.

    Parameters
    ----------
    frame : DataFrame
        The table ``snapshots``.
    ids : Index of str, shape (n,)
        Loans.
    as_of : ndarray of int64, shape (n,)
        Day, one a loan.
    """
    loan, when = positions(ids, frame["loan_id"]), days(frame["as_of"], ALWAYS)
    known = np.flatnonzero((loan >= 0) & (when <= np.append(as_of, ALWAYS)[loan]))
    order = known[np.lexsort((when[known], loan[known]))]
    row = np.full(len(ids), -1, dtype=np.int64)
    row[loan[order]] = order  # the last of equal loans stays
    there = row >= 0
    chosen = frame.iloc[row[there]]
    late = whole(chosen["days_past_due"], -1)
    bucket = codes(chosen["bucket"], BUCKETS, -1)
    overdue = whole(chosen["overdue_principal"]) + whole(chosen["overdue_interest"]) > 0
    least = np.where(bucket >= 0, bucket_days(np.maximum(bucket, 0)), overdue)

    def spread(values: NDArray[np.int64] | NDArray[np.int8], blank: int) -> NDArray[np.int64]:
        result = np.full(len(ids), blank, dtype=np.int64)
        result[there] = values
        return result

    return Snapshots(
        frame=frame,
        row=row,
        day=spread(when[row[there]], ALWAYS),
        outstanding=spread(whole(chosen["outstanding"]), 0),
        overdue_principal=spread(whole(chosen["overdue_principal"]), 0),
        overdue_interest=spread(whole(chosen["overdue_interest"]), 0),
        days_past_due=spread(np.where(late >= 0, late, least), 0),
        five_class=spread(codes(chosen["five_class"], FIVE_CLASSES, -1), -1).astype(np.int8),
    )


def differences(
    snapshots: Snapshots,
    compared: NDArray[np.bool_],
    computed: dict[str, NDArray[np.int64]],
    currency: pd.Series,
) -> list[Finding]:
    """Return a finding for each figure of a snapshot that differs from the one computed for its day.

    Parameters
    ----------
    snapshots : Snapshots
    compared : ndarray of bool, shape (n,)
        Loans to compare.
    computed : dict of str to ndarray
        The figures of each loan on its snapshot's day, by column of the table ``snapshots``.
    currency : Series of str, shape (n,)
        Currency of each loan.
    """
    loan = np.flatnonzero(compared & snapshots.there)
    frame = snapshots.frame.iloc[snapshots.row[loan]]
    found: list[Finding] = []
    for name in ("outstanding", "overdue_principal", "overdue_interest", "days_past_due", "bucket"):
        ours = buckets(computed["days_past_due"]) if name == "bucket" else computed[name]
        theirs = codes(frame[name], BUCKETS, 0) if name == "bucket" else whole(frame[name])
        differs = np.flatnonzero(given(frame[name]) & (theirs != ours[loan]))
        texts = [
            _texts(name, values, currency.iloc[loan[differs]]) for values in (theirs[differs], ours[loan[differs]])
        ]
        found += findings(
            frame,
            differs,
            "snapshot_differs",
            severity="warning",
            table="snapshots",
            column=name,
            value=texts[0],
            fields={"column": [name] * differs.size, "snapshot": texts[0], "computed": texts[1]},
        )
    return found


def _texts(name: str, values: NDArray[np.int64] | NDArray[np.int8], currency: pd.Series) -> list[str]:
    if name == "bucket":
        return [BUCKETS[value] for value in values]
    if name == "days_past_due":
        return [str(value) for value in values]
    return [units(int(value), code) for value, code in zip(values, currency, strict=True)]
