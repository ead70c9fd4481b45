"""What entities owe and are owed while a book is drawn, and running numbers of its rows."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from graphrisk.generator.dice import Whole

#: Days within which what falls due counts when cash is drawn: the horizon of the book's settings.
HORIZON = 90


@dataclass(slots=True)
class Accounts:
    """Sums by entity, in minor units, and counts of rows so far.

    Attributes
    ----------
    n : int
        Number of entities.
    due : ndarray of int64, shape (n,)
        What each owes within the horizon.
    receipts : ndarray of int64, shape (n,)
        What each is owed within the horizon.
    lent : ndarray of int64, shape (n,)
        Principal that each has outstanding.
    sold, bought : ndarray of int64, shape (n,)
        What each sells and buys a month.
    numbers : Counter
        Rows so far that have a number, by table.
    """

    n: int
    due: Whole = field(init=False)
    receipts: Whole = field(init=False)
    lent: Whole = field(init=False)
    sold: Whole = field(init=False)
    bought: Whole = field(init=False)
    numbers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.due, self.receipts, self.lent, self.sold, self.bought = np.zeros((5, self.n), dtype=np.int64)

    def owe(self, debtor: Whole, creditor: Whole, amount: Whole) -> None:
        """Count what falls due within the horizon.

        Parameters
        ----------
        debtor, creditor : ndarray of int64, shape (k,)
            Positions.
        amount : ndarray of int64, shape (k,)
            Minor units.
        """
        np.add.at(self.due, debtor, amount)
        np.add.at(self.receipts, creditor, amount)

    def number(self, table: str, count: int) -> Whole:
        """Return the next numbers of a table's rows, from 1.

        Examples
        --------
        >>> accounts = Accounts(1)
        >>> accounts.number("loans", 2).tolist(), accounts.number("loans", 1).tolist()
        ([1, 2], [3])
        """
        first = self.numbers[table] + 1
        self.numbers[table] += count
        return np.arange(first, first + count)
