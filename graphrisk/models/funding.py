"""Funding: which share of each line of financing is kept, by contract first, then at its giver's discretion."""

from dataclasses import dataclass

import numpy as np

from graphrisk.models.arrays import SLACK, Flags, Points, Positions, Vector, sum_at
from graphrisk.models.trust import at_first_point


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What becomes of projects while parties are late.

    Attributes
    ----------
    dscr : ndarray of shape (projects,)
        Cash flow less what late parties cost, by debt service; NaN where a figure is missing.
    lockup, drawstop : ndarray of shape (projects,), bool
        Whether distributions are locked up (reported only), and whether lenders stop draws.
    """

    dscr: Vector
    lockup: Flags
    drawstop: Flags


def project_state(
    late: Flags,
    *,
    cfads: Vector,
    debt_service: Vector,
    dscr_lockup: Vector,
    dscr_default: Vector,
    major_party_share: Vector,
    party_project: Positions,
    party: Positions,
    party_share: Vector,
    cfads_lost: float,
) -> ProjectState:
    """Return the coverage of projects and what it trips.

    Parameters
    ----------
    late : ndarray of shape (n,), bool
        Whether each entity leaves anything unpaid.
    cfads, debt_service, dscr_lockup, dscr_default, major_party_share : ndarray of shape (projects,)
        NaN switches off the test that needs it.
    party_project, party : ndarray of shape (parties,), int
        Project and entity of each party that is no lender.
    party_share : ndarray of shape (parties,)
        Its share.
    cfads_lost : float
        Share of a late party's part that is lost.

    Returns
    -------
    ProjectState

    Examples
    --------
    A contractor of 20 % is late: 1.25 x (1 - 0.2 x 0.5) = 1.125, below a lock-up at 1.15.

    >>> one = lambda x: np.array([x])
    >>> got = project_state(one(True), cfads=one(500.0), debt_service=one(400.0), dscr_lockup=one(1.15),
    ...     dscr_default=one(1.05), major_party_share=one(0.25), party_project=one(0), party=one(0),
    ...     party_share=one(0.2), cfads_lost=0.5)
    >>> got.dscr.tolist(), got.lockup.tolist(), got.drawstop.tolist()
    ([1.125], [True], [False])
    """
    behind = late[party]
    share = sum_at(party_project, party_share * behind, len(cfads))
    dscr = cfads * (1.0 - cfads_lost * share) / debt_service
    slack = SLACK * np.abs(dscr)
    major = behind & (party_share >= major_party_share[party_project])
    tripped = sum_at(party_project, major.astype(np.float64), len(cfads)) > 0
    # A comparison with NaN is false, which is how a missing figure switches its test off.
    return ProjectState(dscr, dscr < dscr_lockup - slack, (dscr < dscr_default - slack) | tripped)


def contract_keeps(
    unpaid_elsewhere: Vector,
    obligation: Vector,
    late: Flags,
    *,
    holder: Positions,
    threshold: Vector,
    recourse: Flags,
    project: Positions,
    drawstop: Flags,
) -> Flags:
    """Return which lines their contract leaves standing.

    A cross-default clause stops a facility once its holder leaves more than the threshold unpaid to others; an
    advance with recourse stops once the seller leaves anything unpaid; draws stop with their project.

    Parameters
    ----------
    unpaid_elsewhere : ndarray of shape (lines,)
        What the holder leaves unpaid to creditors other than the line's giver.
    obligation : ndarray of shape (n,)
        What each entity owes.
    late : ndarray of shape (n,), bool
        Whether each entity leaves anything unpaid.
    holder, project : ndarray of shape (lines,), int
        Position of the holder; of the project, -1 for none.
    threshold : ndarray of shape (lines,)
        Infinite without a clause.
    recourse : ndarray of shape (lines,), bool
        Whether the clause on advances holds.
    drawstop : ndarray of shape (projects,), bool
        From `project_state`.

    Returns
    -------
    ndarray of shape (lines,), bool
    """
    crossed = unpaid_elsewhere > threshold + SLACK * obligation[holder]
    called = recourse & late[holder]
    stopped = np.append(drawstop, False)[project]  # -1, no project, reads the appended value
    standing: Flags = ~(crossed | called | stopped)
    return standing


def discretion(z: Vector, points: tuple[Points, ...], of_line: Positions) -> Vector:
    """Return the share kept of each line at the distrust that governs it.

    Parameters
    ----------
    z : ndarray of shape (lines,)
        Distrust.
    points : tuple of ndarray of shape (k, 2)
        Tables of distrust and share kept.
    of_line : ndarray of shape (lines,), int
        Table of each line.

    Returns
    -------
    ndarray of shape (lines,)

    Examples
    --------
    >>> discretion(np.array([0.6]), (np.array([[0.2, 1.0], [1.0, 0.0]]),), np.array([0])).round(9).tolist()
    [0.5]
    """
    kept = np.ones(len(z))
    for table, steps in enumerate(points):
        lines = of_line == table
        kept[lines] = at_first_point(steps, z[lines])
    return kept


def capacity(loss: Vector, equity: Vector, kappa: float) -> Vector:
    """Return which share of its lines a financier can still carry after a credit loss.

    Parameters
    ----------
    loss, equity : ndarray of shape (n,)
        Credit loss, and what absorbs it; unknown equity (NaN) has no effect, none left with a loss carries nothing.
    kappa : float
        Share cut for a loss of the whole equity.

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1].

    Examples
    --------
    >>> capacity(np.array([5.0, 5.0, 5.0, 0.0]), np.array([10.0, np.nan, 0.0, 0.0]), 1.0).tolist()
    [0.5, 1.0, 0.0, 1.0]
    """
    sound = equity > 0
    ratio = np.divide(loss, equity, out=np.zeros_like(loss), where=sound)
    kept = np.clip(1.0 - kappa * ratio, 0.0, 1.0)
    return np.where(np.isnan(equity) | (loss <= 0), 1.0, np.where(sound, kept, 0.0))
