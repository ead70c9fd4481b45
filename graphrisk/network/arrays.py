"""The arrays of a network: contracts by position, money as float64, nothing changed once it is built."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Vector: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Matrix: TypeAlias = "sparse.csr_array[np.float64]"
Channel: TypeAlias = Literal["default", "guarantee", "supply", "funding", "trust"]

CHANNELS: tuple[Channel, ...] = ("default", "guarantee", "supply", "funding", "trust")


@dataclass(frozen=True, slots=True)
class Items:
    """What falls due within the horizon: one entry a share of a loan or part of an invoice.

    Attributes
    ----------
    kind : ndarray of shape (items,), object
        ``loan`` or ``invoice``.
    id : ndarray of shape (items,), object
        The contract's id.
    debtor, creditor : ndarray of shape (items,), int
        Positions; a creditor at or beyond ``n`` stands outside the data.
    due, overdue : ndarray of shape (items,)
        Amount due within the horizon, and the part of it past due.
    """

    kind: NDArray[np.object_]
    id: NDArray[np.object_]
    debtor: Positions
    creditor: Positions
    due: Vector
    overdue: Vector


@dataclass(frozen=True, slots=True)
class Lines:
    """Financing that can be withdrawn: undrawn limits, advances to roll over, trade credit, project draws.

    Attributes
    ----------
    kind : ndarray of shape (lines,), object
        ``undrawn``, ``rolled``, ``terms`` or ``project``.
    id : ndarray of shape (lines,), object
        The facility's, invoice's or project's id; blank for terms.
    giver, holder : ndarray of shape (lines,), int
        Positions; a giver may stand outside the data.
    amount : ndarray of shape (lines,)
        Size of the line.
    follows : ndarray of shape (lines,), int
        Position whose distrust governs it: the holder, or the buyer of a confirmed invoice; at or beyond ``n``: none.
    cancellable : ndarray of shape (lines,), bool
        Whether the giver may cut it at will.
    threshold : ndarray of shape (lines,)
        Arrears to others above which a cross-default clause stops it; infinite without the clause.
    recourse : ndarray of shape (lines,), bool
        Whether it stops once its holder leaves anything unpaid.
    project : ndarray of shape (lines,), int
        Position in `Projects`, -1 for other lines.
    """

    kind: NDArray[np.object_]
    id: NDArray[np.object_]
    giver: Positions
    holder: Positions
    amount: Vector
    follows: Positions
    cancellable: Flags
    threshold: Vector
    recourse: Flags
    project: Positions


@dataclass(frozen=True, slots=True)
class Guarantees:
    """Guarantees in force, in the order in which they are called.

    Attributes
    ----------
    id, kind : ndarray of shape (guarantees,), object
        Id; ``general``, ``joint`` or ``several``.
    guarantor, debtor : ndarray of shape (guarantees,), int
        Positions.
    share, cap : ndarray of shape (guarantees,)
        Share of the unpaid amount answered for, and the most that is paid (infinite without a cap).
    outstanding : ndarray of shape (guarantees,)
        Principal and open invoices that it covers, due or not, before share and cap.
    cover_start : ndarray of shape (guarantees + 1,), int
        The covered items of guarantee g are ``cover[cover_start[g]:cover_start[g + 1]]``.
    cover : ndarray of int
        Positions in `Items`.
    """

    id: NDArray[np.object_]
    kind: NDArray[np.object_]
    guarantor: Positions
    debtor: Positions
    share: Vector
    cap: Vector
    outstanding: Vector
    cover_start: Positions
    cover: Positions


@dataclass(frozen=True, slots=True)
class Projects:
    """Projects, their tests, and their parties that are no lenders.

    Attributes
    ----------
    id : ndarray of shape (projects,), object
        Ids.
    spv : ndarray of shape (projects,), int
        Position of the project's company.
    cfads, debt_service, dscr_lockup, dscr_default, major_party_share : ndarray of shape (projects,)
        As in the table; NaN where blank or zero, which switches off the test.
    party_project, party : ndarray of shape (parties,), int
        Project and entity of each party.
    party_share : ndarray of shape (parties,)
        Its share, 0 where blank.
    """

    id: NDArray[np.object_]
    spv: Positions
    cfads: Vector
    debt_service: Vector
    dscr_lockup: Vector
    dscr_default: Vector
    major_party_share: Vector
    party_project: Positions
    party: Positions
    party_share: Vector


@dataclass(frozen=True, slots=True)
class Influence:
    """How much of one's distress reflects on another; rows sum to at most 1.

    Groups stay factored: each member feels the mean of the others, so a group of m needs m numbers, not m squared.

    Attributes
    ----------
    direct : csr_array of shape (n, n)
        Partnerships both ways, and project parties on the project's company; not yet scaled.
    group : ndarray of shape (n,), int
        Group of each entity, -1 for none.
    group_size : ndarray of shape (groups,), int
        Members of each group.
    scale : ndarray of shape (n,)
        What each row is multiplied by, so that it sums to at most 1.
    """

    direct: Matrix
    group: Positions
    group_size: Positions
    scale: Vector


def sum_at(positions: Positions, amounts: Vector, size: int) -> Vector:
    """Return the sums of amounts by position, of shape (size,).

    Examples
    --------
    >>> sum_at(np.array([0, 0, 2]), np.array([1.0, 2.0, 4.0]), 3).tolist()
    [3.0, 0.0, 4.0]
    """
    # Without entries bincount counts, in integers, instead of adding.
    return np.bincount(positions, weights=amounts, minlength=size).astype(np.float64, copy=False)
