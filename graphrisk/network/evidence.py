"""Direct trust: what a creditor's own experience says of an obligor, from payment history.

Every instalment and invoice that has fallen due is a trial. The belief that the next one is met is the mean of a Beta
distribution: with good evidence r and bad evidence s, (r + 1) / (r + s + 2). Evidence fades, so that a year old trial
weighs half.

Source
------
Josang, A. and Ismail, R. (2002), "The Beta Reputation System", 15th Bled Electronic Commerce Conference, Bled. The
weights of amounts, the severities of lateness and the speed of forgetting are settings of this module, not the
paper's.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.ledger.history import payment_history
from graphrisk.network.arrays import Positions, Vector, sum_at
from graphrisk.network.contracts import loan_shares
from graphrisk.network.reading import Reading, flags

#: Days of a month: the mean of the Gregorian calendar's, 365.25 / 12.
MONTH_DAYS = 30.4375
#: Months after which a trial weighs half.
HALF_LIFE_MONTHS = 12
#: Days late up to which a trial is bad by a part alone, and that part; later than that it is wholly bad.
SEVERITIES = ((30, 0.1), (60, 0.25), (90, 0.5), (180, 0.75))
#: Probability that the interval holds, half of the rest on either side.
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Evidence:
    """What payment history says of pairs of entities, by creditor and obligor.

    Attributes
    ----------
    creditor, obligor : ndarray of shape (pairs,), int
        Positions in the network.
    trials : ndarray of shape (pairs,), int
        Instalments and invoices that have fallen due.
    good, bad : ndarray of shape (pairs,)
        Evidence: trials by amount (one of mean amount is 1), age and severity.
    newest : ndarray of shape (pairs,), datetime64[s]
        Latest due date among them.
    """

    creditor: Positions
    obligor: Positions
    trials: Positions
    good: Vector
    bad: Vector
    newest: NDArray[np.datetime64]

    @property
    def trust(self) -> Vector:
        """Direct trust: the belief that the next obligation is met, in (0, 1), of shape (pairs,)."""
        return (self.good + 1) / (self.good + self.bad + 2)

    @property
    def variance(self) -> Vector:
        """Variance of that belief, of shape (pairs,)."""
        trust = self.trust
        return trust * (1 - trust) / (self.good + self.bad + 3)

    @property
    def interval(self) -> tuple[Vector, Vector]:
        """The central interval of the Beta distribution that holds with probability `LEVEL`: its lower and upper ends.

        Examples
        --------
        Two trials, both good, and two hundred:

        >>> none, day = np.zeros(2), np.zeros(2, dtype="datetime64[s]")
        >>> pair = np.zeros(2, dtype=np.int64)
        >>> seen = Evidence(pair, pair, np.array([2, 200]), np.array([2.0, 200.0]), none, day)
        >>> [np.round(end, 3).tolist() for end in (seen.trust, *seen.interval)]
        [[0.75, 0.995], [0.368, 0.985], [0.983, 1.0]]
        """
        from scipy import special  # noqa: PLC0415 -- slow to import, and most networks are built without evidence

        tail = (1 - LEVEL) / 2
        good, bad = self.good + 1, self.bad + 1
        low, high = (special.betaincinv(good, bad, share) for share in (tail, 1 - tail))
        return low.astype(np.float64), high.astype(np.float64)

    def find(self, creditor: Positions, obligor: Positions) -> Positions:
        """Return where each pair stands, -1 if there is no evidence of it.

        Parameters
        ----------
        creditor, obligor : ndarray of shape (m,), int
            Positions in the network.
        """
        width = 1 + max(self.obligor.max(initial=0), obligor.max(initial=0))
        known, asked = self.creditor * width + self.obligor, creditor * width + obligor
        place = np.searchsorted(known, asked)
        found: Positions = np.where(np.append(known, -1)[place] == asked, place, -1)
        return found


def severity(days_late: Positions) -> Vector:
    """Return how bad a late trial is: a part of a trial that was never met.

    Parameters
    ----------
    days_late : ndarray of int
        Days from the due date to the payment, or to the date of the figures.

    Examples
    --------
    >>> severity(np.array([1, 30, 31, 90, 180, 181])).tolist()
    [0.1, 0.1, 0.25, 0.5, 0.75, 1.0]
    """
    ends = np.array([end for end, _ in SEVERITIES])
    parts = np.array([*(part for _, part in SEVERITIES), 1.0])
    return parts[np.searchsorted(ends, days_late)]


def payment_evidence(read: Reading) -> Evidence:
    """Return what payment history says of each pair of entities in the data.

    Parameters
    ----------
    read : Reading
        The book at a date.

    Returns
    -------
    Evidence
        Sorted by creditor, then obligor.
    """
    parts = pd.concat([_loan_trials(read), _invoice_trials(read)], ignore_index=True)
    inside = (parts["creditor"] >= 0) & (parts["creditor"] < read.n) & (parts["obligor"] >= 0)
    inside &= (parts["obligor"] < read.n) & (parts["creditor"] != parts["obligor"]) & (parts["amount"] > 0)
    parts = parts[inside]
    keys, pair = np.unique(parts["creditor"].to_numpy() * read.n + parts["obligor"].to_numpy(), return_inverse=True)
    amount = parts["amount"].to_numpy()
    trials = np.bincount(pair, weights=parts["first"].to_numpy(dtype=np.float64), minlength=len(keys))
    mean = sum_at(pair, amount, len(keys)) / np.maximum(1.0, trials)
    age = (read.as_of - parts["due_date"]).dt.days.to_numpy() / MONTH_DAYS
    weight = amount / mean[pair] * 2.0 ** (-age / HALF_LIFE_MONTHS)
    bad = parts["bad"].to_numpy(dtype=np.float64)
    newest = parts.groupby(pair)["due_date"].max().to_numpy().astype("datetime64[s]")
    return Evidence(
        creditor=keys // max(1, read.n),
        obligor=keys % max(1, read.n),
        trials=trials.astype(np.int64),
        good=sum_at(pair, np.where(bad > 0, 0.0, weight), len(keys)),
        bad=sum_at(pair, weight * bad, len(keys)),
        newest=newest,
    )


def _loan_trials(read: Reading) -> pd.DataFrame:
    """Return the instalments that have fallen due, one row a lender: bad is 0 where it was met in time.

    What is not known is no trial: an instalment still within grace, one that a loan sold or settled leaves unpaid, one
    of a loan that only a snapshot describes.
    """
    rows = payment_history(read.tables, as_of=read.as_of.date(), conventions=read.ledger.conventions)
    loans = read.ledger.loans
    place = pd.Index(loans["loan_id"]).get_indexer(pd.Index(rows["loan_id"]))
    accelerated = loans["accelerated"].to_numpy(dtype=bool)
    written_off = ((loans["status"] == "written_off") & ~loans["on_book"]).to_numpy(dtype=bool)
    gone = loans["status"].isin(("settled", "sold")).to_numpy()[place]
    planned = loans["source"].isin(("schedule", "terms")).to_numpy()[place]
    met, late = rows["met_on"].notna().to_numpy(), rows["late"].to_numpy(dtype=bool)
    defaulted = ~met & (written_off | accelerated)[place]
    bad = np.where(defaulted, 1.0, np.where(late, severity(rows["days_late"].to_numpy(dtype=np.int64)), 0.0))
    known = planned & (met | ((late | defaulted) & ~gone))
    trials = pd.DataFrame(
        {
            "loan": place,
            "amount": read.money(rows["amount"], loans["currency"].iloc[place].reset_index(drop=True)),
            "due_date": rows["due_date"],
            "bad": bad,
        }
    )[known]
    shares = loan_shares(read, off_book=True)[["loan", "borrower", "lender", "share"]]
    shared = trials.merge(shares, on="loan")
    return pd.DataFrame(
        {
            "creditor": shared["lender"],
            "obligor": shared["borrower"],
            "due_date": shared["due_date"],
            "amount": shared["amount"] * shared["share"],
            "bad": shared["bad"],
            "first": 1,
        }
    )


def _invoice_trials(read: Reading) -> pd.DataFrame:
    """Return the invoices that have fallen due and are not disputed: what was settled, and what is open.

    Both parts of an invoice are one trial, the first of them counts. What was settled nobody knows when is no trial.
    The advanced part of an invoice sold without recourse is the financier's.
    """
    rows = read.tables["invoices"]
    rows = rows[((rows["due_date"] <= read.as_of) & ~flags(rows["disputed"], blank=False)).to_numpy(dtype=bool)]
    amount = read.money(rows["amount"], rows["currency"])
    dated = rows["settled_date"].notna().to_numpy()
    in_time = dated & (rows["settled_date"] <= read.as_of).to_numpy(dtype=bool)
    told = read.money(rows["settled_amount"], rows["currency"])
    settled = np.where(np.isnan(told), np.where(in_time, amount, 0.0), told)
    settled = np.minimum(amount, np.where(dated & ~in_time, 0.0, settled))
    days_paid = (rows["settled_date"] - rows["due_date"]).dt.days.fillna(0).to_numpy().astype(np.int64)
    days_open = (read.as_of - rows["due_date"]).dt.days.to_numpy().astype(np.int64)
    known = in_time & (settled > 0)
    paid = pd.DataFrame(
        {
            "amount": np.where(known, settled, 0.0),
            "bad": np.where(days_paid > 0, severity(days_paid), 0.0),
            "first": known,
        }
    )
    # On its due date an invoice is not late yet.
    left = np.where(days_open > 0, amount - settled, 0.0)
    open_ = pd.DataFrame({"amount": left, "bad": severity(days_open), "first": ~known})
    whose = _creditors(read, rows)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "creditor": creditor,
                    "obligor": read.position(rows["buyer_id"]),
                    "due_date": rows["due_date"].to_numpy(),
                    "amount": part["amount"] * share,
                    "bad": part["bad"],
                    "first": part["first"].astype("int64"),
                }
            )
            for part in (paid, open_)
            for creditor, share in whose
        ],
        ignore_index=True,
    )


def _creditors(read: Reading, rows: pd.DataFrame) -> tuple[tuple[Positions, Vector], tuple[Positions, Vector]]:
    """Return who is owed invoices, and which share of each: the seller, and the financier that bought a part."""
    confirmed = flags(rows["confirmed"], blank=False) & ~(rows["confirmed_date"] > read.as_of).to_numpy(dtype=bool)
    recourse = np.where(rows["recourse"].isna(), ~confirmed, flags(rows["recourse"], blank=False))
    financier = read.position(rows["financed_by"])
    rate = rows["advance_rate"].to_numpy(dtype=np.float64, na_value=1.0)
    sold = np.where((financier >= 0) & ~recourse, rate, 0.0)
    return (read.position(rows["seller_id"]), 1.0 - sold), (financier, sold)
