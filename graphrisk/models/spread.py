"""Spread: an overdue total, and what it does to everybody else.

An entity withholds D of what it owes within a horizon. A round does four steps in order, each with the newest values:
what everyone can pay (`liquidity`), which guarantees are called (`call_guarantees`), how distrust grows (`distrust`)
and which financing is kept (`keep_lines`). The map is monotone on a complete lattice, so a greatest and a least fixed
point exist (Tarski 1955); rounds that start from no distress fall to the greatest, which is the least loss. One corner
is not monotone: see `next_round`.

Without feedback the model is that of Eisenberg and Noe, with default costs that of Rogers and Veraart:

Eisenberg, L. and Noe, T. H. (2001), "Systemic Risk in Financial Systems", Management Science 47(2), 236-249.
Rogers, L. C. G. and Veraart, L. A. M. (2013), "Failure and Rescue in an Interbank Network", Management Science 59(4),
882-898.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy import sparse

from graphrisk.errors import NotConvergedError
from graphrisk.models.arrays import SLACK, Flags, Matrix, Points, Positions, Vector, product, sum_at
from graphrisk.models.funding import ProjectState, capacity, contract_keeps, discretion, project_state
from graphrisk.models.guarantees import Level, call_guarantees, call_levels
from graphrisk.models.trust import Reflection, distrust

#: Kinds of lines: an undrawn limit, an advance to roll over, trade credit, a project's draws.
UNDRAWN, ROLLED, TERMS, PROJECT = range(4)

#: Ways in which a loss travels, each of which can be switched off.
CHANNELS = ("default", "guarantee", "supply", "funding", "trust")

#: Which way rounds may go.
Course = Literal["down", "up", "free"]

#: A round that moves less than this share of D beyond rounding, and no distrust by more than this, is at rest.
REST = 1e-12
#: A change below this share of an amount does not count as a change.
CHANGE = 1e-9
#: Rounding of sums, as a share of what is summed.
ROUNDING = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The numbers of the reactions.

    Attributes
    ----------
    a, delta, kappa, cfads_lost, materiality : float
        As in `graphrisk.policies.schema.Reactions`.
    phi : ndarray of shape (k, 2) or None
        Points of distrust by overdue ratio, in place of ``a``.
    points : tuple of ndarray of shape (k, 2)
        Tables of distrust and share kept.
    of_line : ndarray of shape (lines,), int
        Table of each line.
    feedback : bool
        Whether lines react at all.
    cash_recovery, claim_recovery : float
        Share of means and of receipts that is left to an entity that cannot pay all it owes (Rogers and Veraart's
        alpha and beta).
    off : frozenset of str
        Channels that are switched off, in the baseline and in the run alike. ``default``: no creditor lacks anything,
        those outside included; each counts as paid in full by its obligors, and what guarantors pay is not counted for
        it (guarantors still pay). ``guarantee``: none is called. ``supply``: trade credit stays whole. ``funding``:
        limits, advances and draws stay whole. ``trust``: distrust stays 0; contract clauses, and what losses leave of
        a financier's equity, still act.

    Raises
    ------
    ValueError
        If a name is none of `CHANNELS`.
    """

    a: float
    delta: float
    kappa: float
    cfads_lost: float
    materiality: float
    phi: Points | None
    points: tuple[Points, ...]
    of_line: Positions
    feedback: bool = True
    cash_recovery: float = 1.0
    claim_recovery: float = 1.0
    off: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse channels that do not exist."""
        if unknown := self.off.difference(CHANNELS):
            raise ValueError(f"no channel is called {', '.join(sorted(unknown))}; take from {', '.join(CHANNELS)}")


@dataclass(frozen=True, slots=True)
class System:
    """The contracts of ``n`` entities as arrays; positions at or beyond ``n`` stand outside the data.

    Attributes
    ----------
    size : int
        Number of positions, those outside included.
    item_debtor, item_creditor : ndarray of shape (items,), int
        Who owes, and whom.
    item_due : ndarray of shape (items,)
        Amount due within the horizon.
    excess : ndarray of shape (n,)
        What an entity owes outside beyond all items.
    cash : ndarray of shape (n,)
        Means from outside the network, at least 0.
    solvent : ndarray of shape (n,), bool
        Whose cash is raised, in the baseline, to what it needs to pay all it owes.
    line_kind, line_holder, line_giver, line_follows, line_project : ndarray of shape (lines,), int
    line_amount, line_threshold : ndarray of shape (lines,)
    line_cancellable, line_recourse : ndarray of shape (lines,), bool
        As in `graphrisk.network.Lines`; kinds are `UNDRAWN`, `ROLLED`, `TERMS`, `PROJECT`.
    guarantor : ndarray of shape (g,), int
    guarantee_share, guarantee_cap : ndarray of shape (g,)
    cover_start, cover : ndarray of int
        As in `graphrisk.network.Guarantees`; only guarantees that can pay within the horizon.
    project_spv : ndarray of shape (projects,), int
    project_cfads, project_debt_service, dscr_lockup, dscr_default, major_party_share : ndarray of shape (projects,)
    party_project, party : ndarray of shape (parties,), int
    party_share : ndarray of shape (parties,)
        As in `graphrisk.network.Projects`.
    loss_on_default : csr_array of shape (n, n)
        ``loss_on_default[i, j]``: what lender i loses of its claims when j defaults; an entry of 0 where collateral
        covers all.
    equity : ndarray of shape (n,)
        NaN where unknown.
    stake : ndarray of shape (n,)
        Money that others have at stake in each entity, times their trust in it.
    reflection : Reflection
        Whose distrust reflects on whom.
    """

    size: int
    item_debtor: Positions
    item_creditor: Positions
    item_due: Vector
    excess: Vector
    cash: Vector
    solvent: Flags
    line_kind: Positions
    line_holder: Positions
    line_giver: Positions
    line_follows: Positions
    line_project: Positions
    line_amount: Vector
    line_threshold: Vector
    line_cancellable: Flags
    line_recourse: Flags
    guarantor: Positions
    guarantee_share: Vector
    guarantee_cap: Vector
    cover_start: Positions
    cover: Positions
    project_spv: Positions
    project_cfads: Vector
    project_debt_service: Vector
    dscr_lockup: Vector
    dscr_default: Vector
    major_party_share: Vector
    party_project: Positions
    party: Positions
    party_share: Vector
    loss_on_default: Matrix
    equity: Vector
    stake: Vector
    reflection: Reflection

    @property
    def n(self) -> int:
        """Number of entities."""
        return len(self.cash)

    @property
    def obligation(self) -> Vector:
        """All that each entity owes within the horizon, of shape (n,)."""
        return sum_at(self.item_debtor, self.item_due, self.n) + self.excess


@dataclass(frozen=True, slots=True)
class State:
    """Where a system stands after a round.

    Attributes
    ----------
    payment : ndarray of shape (n,)
        What each entity pays.
    received, receipts : ndarray of shape (size,)
        What its obligors, and its guarantors, pay each creditor.
    called : ndarray of shape (g,)
        What each guarantee pays.
    distrust : ndarray of shape (n,)
    kept : ndarray of shape (lines,)
        Share kept of each line.
    before_floor : ndarray of shape (n,)
        Means before they are floored at 0; below 0 is a need that nothing covers.
    overdue_ratio : ndarray of shape (n,)
        Share of its obligation that each entity leaves unpaid; differences below 1e-9 are none.
    """

    payment: Vector
    received: Vector
    receipts: Vector
    called: Vector
    distrust: Vector
    kept: Vector
    before_floor: Vector
    overdue_ratio: Vector


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a system: what is withheld, and the products that its rounds need.

    Attributes
    ----------
    system : System
    behaviour : Behaviour
    levels : tuple of Level
        Guarantees in the order of call.
    obligation, payable : ndarray of shape (n,)
        What each entity owes, and that less what it withholds.
    cash : ndarray of shape (n,)
    solvent : ndarray of shape (n,), bool
        Whose cash is raised to what it needs.
    open_due : csr_array of shape (size, n)
        Due less withheld, by creditor and debtor.
    item_open : ndarray of shape (items,)
        The same by item.
    to_giver, to_giver_open : ndarray of shape (lines,)
        What a line's holder owes its giver, and that less what it withholds.
    """

    system: System
    behaviour: Behaviour
    levels: tuple[Level, ...]
    obligation: Vector
    payable: Vector
    cash: Vector
    solvent: Flags
    open_due: Matrix
    item_open: Vector
    to_giver: Vector
    to_giver_open: Vector


def _case(
    system: System,
    behaviour: Behaviour,
    levels: tuple[Level, ...],
    *,
    cash: Vector,
    solvent: Flags,
    withheld: Vector | None,
) -> Case:
    """Prepare a run in which items are withheld; None for the baseline, where nothing is."""
    item_open = system.item_due if withheld is None else system.item_due - withheld
    excess = system.excess if withheld is None else np.zeros(system.n)
    shape = (system.size, system.n)
    open_due = sparse.coo_array((item_open, (system.item_creditor, system.item_debtor)), shape=shape).tocsr()
    payable = sum_at(system.item_debtor, item_open, system.n) + excess
    return Case(
        system,
        behaviour,
        levels,
        obligation=system.obligation,
        payable=payable,
        cash=cash,
        solvent=solvent,
        open_due=open_due,
        item_open=item_open,
        to_giver=owed_to_giver(system, system.item_due),
        to_giver_open=owed_to_giver(system, item_open),
    )


def owed_to_giver(system: System, amount: Vector) -> Vector:
    """Return the part of an amount by item that each line's holder owes the line's giver.

    Parameters
    ----------
    system : System
        The contracts.
    amount : ndarray of shape (items,)
        Any amount by item.

    Returns
    -------
    ndarray of shape (lines,)
    """
    pair = system.line_giver * system.n + system.line_holder
    pairs, of_line = np.unique(pair, return_inverse=True)
    key = system.item_creditor * system.n + system.item_debtor
    place = np.minimum(np.searchsorted(pairs, key), max(len(pairs) - 1, 0))
    found = pairs[place] == key if len(pairs) else np.zeros(len(key), dtype=np.bool_)
    return sum_at(place[found], amount[found], len(pairs))[of_line]


def _ratio(payment: Vector, payable: Vector) -> Vector:
    """Return the share that each entity pays of what it does not withhold; 0 where nothing is left."""
    return np.divide(payment, payable, out=np.zeros_like(payment), where=payable > 0)


def means_from_others(case: Case, state: State) -> tuple[Vector, Vector, Vector]:
    """Return what each entity has beside its cash: receipts, kept limits, and less withdrawals.

    Returns
    -------
    tuple of three ndarrays of shape (n,)
        What obligors and guarantors pay; what is kept of limits; what is withdrawn of advances and trade credit.
    """
    system = case.system
    kept = system.line_amount * state.kept
    limit = (system.line_kind == UNDRAWN) | (system.line_kind == PROJECT)
    drawable = sum_at(system.line_holder, kept * limit, system.n)
    lost = (system.line_amount - kept) * ~limit
    withdrawn = sum_at(system.line_holder, lost, system.n)
    return (state.received + state.receipts)[: system.n], drawable, withdrawn


def liquidity(case: Case, state: State) -> tuple[Vector, Vector]:
    """Step 1: what everyone has, and what it pays.

    Returns
    -------
    tuple of two ndarrays of shape (n,)
        Means before they are floored at 0, and payments.
    """
    received, drawable, withdrawn = means_from_others(case, state)
    cash = case.cash
    if case.solvent.any():
        needed = case.obligation - (received + drawable - withdrawn)
        cash = np.where(case.solvent, np.maximum(cash, needed), cash)
    before_floor = cash + drawable + received - withdrawn
    means = np.maximum(0.0, before_floor)
    costs = case.behaviour
    if min(costs.cash_recovery, costs.claim_recovery) < 1:
        short = before_floor < case.payable * (1 - SLACK)
        left = costs.cash_recovery * (cash + drawable) + costs.claim_recovery * received - withdrawn
        means = np.where(short, np.maximum(0.0, left), means)
    payment = np.minimum(case.payable, means)
    return before_floor, np.where(case.solvent, case.payable, payment)


def overdue_ratio(case: Case, payment: Vector) -> Vector:
    """Return the share of its obligation that each entity leaves unpaid; below 1e-9 it is rounding, and 0."""
    paid = np.divide(payment, case.obligation, out=np.ones_like(payment), where=case.obligation > 0)
    h = 1.0 - paid
    ratio: Vector = np.where(h < SLACK, 0.0, h)
    return ratio


def in_default(case: Case, state: State) -> Flags:
    """Return who leaves more than the material share unpaid; a tie, within rounding, is no default."""
    return state.overdue_ratio > case.behaviour.materiality + SLACK


def guarantee_round(case: Case, payment: Vector, before_floor: Vector) -> tuple[Vector, Vector]:
    """Step 2: who pays for whom, in order.

    A guarantor pays only from what its whole obligation leaves, so a call never makes it default.

    Returns
    -------
    tuple of ndarray of shape (g,) and ndarray of shape (size,)
        What each guarantee pays, and what each creditor receives from guarantors.
    """
    system, off = case.system, case.behaviour.off
    if "guarantee" in off:
        return np.zeros(len(system.guarantor)), np.zeros(system.size)
    ratio = _ratio(payment, case.payable)
    unpaid = np.maximum(0.0, system.item_due - case.item_open * ratio[system.item_debtor])
    surplus = np.maximum(0.0, before_floor - case.obligation)
    calls = call_guarantees(
        case.levels,
        unpaid,
        surplus,
        guarantor=system.guarantor,
        share=system.guarantee_share,
        cap=system.guarantee_cap,
    )
    if "default" in off:
        return calls.paid, np.zeros(system.size)
    return calls.paid, sum_at(system.item_creditor, unpaid - calls.unpaid, system.size)


def receive(case: Case, payment: Vector) -> Vector:
    """Return what obligors pay each creditor; all that is due to it where the channel of default is off.

    Returns
    -------
    ndarray of shape (size,)
    """
    system = case.system
    if "default" in case.behaviour.off:
        return sum_at(system.item_creditor, system.item_due, system.size)
    return product(case.open_due, _ratio(payment, case.payable))


def reacting(case: Case) -> Flags:
    """Return which lines can be cut at all: none without feedback, and none of a channel that is off.

    Returns
    -------
    ndarray of shape (lines,), bool
    """
    trade = case.system.line_kind == TERMS
    rules = case.behaviour
    lines: Flags = np.where(trade, "supply" not in rules.off, "funding" not in rules.off)
    return lines & rules.feedback


def projects(case: Case, h: Vector) -> ProjectState:
    """Return the coverage of all projects while those with an overdue ratio above 0 are late."""
    system = case.system
    return project_state(
        h > 0,
        cfads=system.project_cfads,
        debt_service=system.project_debt_service,
        dscr_lockup=system.dscr_lockup,
        dscr_default=system.dscr_default,
        major_party_share=system.major_party_share,
        party_project=system.party_project,
        party=system.party,
        party_share=system.party_share,
        cfads_lost=case.behaviour.cfads_lost,
    )


def keep_lines(case: Case, payment: Vector, h: Vector, z: Vector) -> Vector:
    """Step 4: the share kept of each line, by contract first, then at discretion and by what its giver can carry.

    Returns
    -------
    ndarray of shape (lines,)
        In [0, 1]; 1 where a line cannot react.
    """
    system, rules = case.system, case.behaviour
    reacts = reacting(case)
    if not reacts.any():
        return np.ones(len(system.line_amount))
    holder = system.line_holder
    ratio = _ratio(payment, case.payable)
    to_giver = case.to_giver - case.to_giver_open * ratio[holder]
    standing = contract_keeps(
        (case.obligation - payment)[holder] - to_giver,
        case.obligation,
        h > 0,
        holder=holder,
        threshold=system.line_threshold,
        recourse=system.line_recourse,
        project=system.line_project,
        drawstop=projects(case, h).drawstop,
    )
    outside = system.n
    governing = np.append(z, 0.0)[np.minimum(system.line_follows, outside)]
    loss = product(system.loss_on_default, (h > rules.materiality + SLACK).astype(np.float64))
    able = np.append(capacity(loss, system.equity, rules.kappa), 1.0)[np.minimum(system.line_giver, outside)]
    chosen = np.minimum(discretion(governing, rules.points, rules.of_line), able)
    return np.where(reacts, np.where(system.line_cancellable, chosen, 1.0) * standing, 1.0)


def next_distrust(case: Case, state: State, h: Vector) -> Vector:
    """Step 3: how distrust grows with overdue ratios; it stays 0 where the channel of trust is off.

    Returns
    -------
    ndarray of shape (n,)
    """
    rules = case.behaviour
    if "trust" in rules.off:
        return np.zeros(case.system.n)
    return distrust(h, state.distrust, case.system.reflection, a=rules.a, phi=rules.phi, delta=rules.delta)


def next_round(case: Case, state: State, course: Course = "free") -> State:
    """Do steps 1 to 4 once, each with the newest values.

    Parameters
    ----------
    case : Case
        The run.
    state : State
        Where it stands.
    course : str
        ``down``: nothing recovers, ``up``: nothing worsens, ``free``: the map as it is. Where the map is monotone,
        rounds from the best (worst) state go down (up) by themselves. A guarantee that covers several creditors, of
        whom another guarantee pays some, can break that; then the course keeps rounds from going to and fro for ever,
        and the certificate says how far the state is from a fixed point.

    Returns
    -------
    State
    """
    worse = {"down": np.minimum, "up": np.maximum}.get(course)
    better = {"down": np.maximum, "up": np.minimum}.get(course)
    before_floor, payment = liquidity(case, state)
    if worse is not None:
        payment = worse(payment, state.payment)
    h = overdue_ratio(case, payment)
    called, receipts = guarantee_round(case, payment, before_floor)
    z = next_distrust(case, state, h)
    if better is not None:
        z = better(z, state.distrust)
    received = receive(case, payment)
    kept = keep_lines(case, payment, h, z)
    if worse is not None:
        kept = worse(kept, state.kept)
    return State(payment, received, receipts, called, z, kept, before_floor, h)


def _no_distress(case: Case) -> State:
    system = case.system
    nothing = np.zeros(system.n)
    return State(
        payment=case.payable,
        received=receive(case, case.payable),
        receipts=np.zeros(system.size),
        called=np.zeros(len(system.guarantor)),
        distrust=nothing,
        kept=np.ones(len(system.line_amount)),
        before_floor=nothing,
        overdue_ratio=nothing,
    )


def _all_distress(case: Case) -> State:
    system = case.system
    start, nothing = _no_distress(case), np.zeros(system.n)
    return replace(
        start,
        payment=nothing,
        received=receive(case, nothing),
        distrust=nothing if "trust" in case.behaviour.off else np.ones(system.n),
        kept=np.where(reacting(case), 0.0, 1.0),
        overdue_ratio=(case.obligation > 0).astype(np.float64),
    )


def moved(case: Case, old: State, new: State, *, rounding: float = 0.0) -> tuple[float, float]:
    """Return the largest change of an amount between two states, in money, and of distrust.

    Parameters
    ----------
    case : Case
        The run.
    old, new : State
        The states.
    rounding : float
        Share of an amount that its change is lessened by.

    Returns
    -------
    tuple of float
    """
    lines = case.system.line_amount
    pairs = (
        (old.payment, new.payment),
        (old.received, new.received),
        (old.receipts, new.receipts),
        (old.called, new.called),
        (lines * old.kept, lines * new.kept),
    )
    largest = max(float(np.max(np.abs(after - before) - rounding * after, initial=0.0)) for before, after in pairs)
    return largest, float(np.max(np.abs(new.distrust - old.distrust), initial=0.0))


@dataclass(frozen=True, slots=True)
class Columns:
    """The losses of a state against the baseline.

    Attributes
    ----------
    cash_shortfall, credit_loss, trust_loss, financing_loss, passed_on : ndarray of shape (n,)
    outside : float
        Shortfall of creditors outside the data.
    """

    cash_shortfall: Vector
    credit_loss: Vector
    trust_loss: Vector
    financing_loss: Vector
    passed_on: Vector
    outside: float

    def four(self) -> Points:
        """Return the four columns as an array of shape (4, n)."""
        return np.stack([self.cash_shortfall, self.credit_loss, self.trust_loss, self.financing_loss])

    def totals(self) -> Vector:
        """Return the sums of the four columns, the shortfall outside included."""
        sums: Vector = self.four().sum(axis=1)
        sums[0] += self.outside
        return sums


def columns(case: Case, base: State, state: State, withheld: Vector) -> Columns:
    """Return what everyone has lost in a state, the baseline being 0.

    Parameters
    ----------
    case : Case
        The run.
    base, state : State
        The baseline at rest, and the state.
    withheld : ndarray of shape (n,)
        What each entity withholds, excess included.
    """
    system, n = case.system, case.system.n
    rise = np.maximum(0.0, state.called - base.called)
    fall = np.maximum(0.0, base.called - state.called)
    paid_more = sum_at(system.guarantor, rise, n)
    paid_less = sum_at(system.guarantor, fall, n)
    short = (base.received - state.received) - (state.receipts - base.receipts)
    failed = in_default(case, state).astype(np.float64) - in_default(case, base)
    lost = system.line_amount * (base.kept - state.kept)
    return Columns(
        cash_shortfall=short[:n] + paid_more,
        credit_loss=product(system.loss_on_default, failed),
        trust_loss=system.stake * (state.distrust - base.distrust),
        financing_loss=sum_at(system.line_holder, lost, n),
        passed_on=(base.payment - state.payment - withheld) + paid_less,
        outside=0.0 if "default" in case.behaviour.off else float(short[n:].sum() + system.excess.sum()),
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """What one entity's overdue total does to all ``n`` entities: the run less the baseline.

    Attributes
    ----------
    cash_shortfall, credit_loss, trust_loss, financing_loss : ndarray of shape (n,)
        Four losses, never added together: what creditors and guarantors lack, what lenders lose of their claims,
        what the distrusted lose of others' trust (money-weighted), what financing is withdrawn.
    absorbed, passed_on, gap : ndarray of shape (n,)
        What each bears in the end, hands on, and needs without any cover.
    defaulted, defaulted_before : ndarray of shape (n,), bool
        Whether it leaves more than the material share unpaid, in the run and in the baseline.
    first_round : ndarray of shape (n,), int
        First round that changed one of its columns; -1 for none, and for the least payments.
    absorbed_outside : float
        What creditors outside the data lack.
    withheld, first_round_loss, vanished : float
        D; what is unpaid after round 1 more than in the baseline, NaN for the least payments; D and all financing
        withdrawn.
    amplification : float
        Payments not made, by D; NaN if D is 0.
    rounds : int
        Last round that changed a column.
    certificate : float
        Largest change, in money, that one more round of the map makes.
    rounding : ndarray of shape (n,)
        What the rounding of sums can make of the amounts that touch each entity; a loss below it is none.
    made_good : float
        What creditors would lack, less what guarantors pay more, were the channel of default not off; else 0.
    by_channel : dict of str to float
        default, guarantee, supply (trade credit), funding, trust.
    by_round : ndarray of shape (rounds, 4)
        Cash shortfall (outside included), credit, trust and financing loss that each round added; empty for the
        least payments.
    baseline, run : State
        Both at rest.
    projects_before, projects_after : ProjectState
    """

    cash_shortfall: Vector
    credit_loss: Vector
    trust_loss: Vector
    financing_loss: Vector
    absorbed: Vector
    passed_on: Vector
    gap: Vector
    defaulted: Flags
    defaulted_before: Flags
    first_round: Positions
    absorbed_outside: float
    withheld: float
    first_round_loss: float
    vanished: float
    amplification: float
    rounds: int
    certificate: float
    rounding: Vector
    made_good: float
    by_channel: dict[str, float]
    by_round: Points
    baseline: State = field(repr=False)
    run: State = field(repr=False)
    projects_before: ProjectState = field(repr=False)
    projects_after: ProjectState = field(repr=False)


def spread(
    system: System,
    behaviour: Behaviour,
    subject: int,
    withheld: Vector,
    *,
    own_cash: float,
    extreme: Literal["greatest", "least"] = "greatest",
    max_rounds: int = 10_000,
    on_round: Callable[[int, State], None] | None = None,
) -> Spread:
    """Find what happens when one entity withholds part of what it owes.

    Parameters
    ----------
    system : System
        The contracts; ``system.excess`` is what the subject withholds beyond all it owes in the data.
    behaviour : Behaviour
        The reactions.
    subject : int
        Position of the entity.
    withheld : ndarray of shape (items,)
        D by item, at most what is due, 0 where the subject is not the debtor.
    own_cash : float
        The subject's own cash, 0 if unknown.
    extreme : str
        ``greatest`` payments (least loss), or ``least``: a bound from the worst start, in which all trust is gone.
    max_rounds : int
        Rounds after which to give up.
    on_round : callable or None
        Is given the number and the state of each round of the run, that of 0 being its start. Arrays may be used
        again for the next round, so copy what is to be kept.

    Returns
    -------
    Spread

    Raises
    ------
    NotConvergedError
        If amounts still move after ``max_rounds``.
    """
    levels = call_levels(system.guarantor, system.cover_start, system.cover)
    raised = system.solvent.copy()
    raised[subject] = True
    before = _case(system, behaviour, levels, cash=system.cash, solvent=raised, withheld=None)
    d = float(withheld.sum() + system.excess.sum())
    rounding = _rounding(system)
    still = REST * (d or float(np.max(system.obligation, initial=0.0)))
    base = _to_rest(before, _no_distress(before), still, max_rounds)
    cash = _cash_of_run(before, base, subject, own_cash, d)
    nobody = np.zeros(system.n, dtype=np.bool_)
    case = _case(system, behaviour, levels, cash=cash, solvent=nobody, withheld=withheld)
    by_entity = np.zeros(system.n)
    by_entity[subject] = d
    start = base if extreme == "greatest" else _all_distress(case)
    course: Course = "down" if extreme == "greatest" else "up"
    floor = rounding + still
    tell = on_round or (lambda _number, _state: None)
    limits = _Limits(floor, still, max_rounds)
    track = _run(case, base, start, course, by_entity=by_entity, limits=limits, tell=tell)
    if extreme == "least":
        track.forget_rounds()
    track.first_round[subject] = 0
    return _outcome(case, before, base, track, by_entity=by_entity, rounding=rounding)


def _rounding(system: System) -> Vector:
    """Return, for each entity, what the rounding of sums can make of the amounts that touch it."""
    n = system.n
    touching = (
        sum_at(system.item_creditor, system.item_due, system.size)[:n]
        + system.obligation
        + sum_at(system.line_holder, system.line_amount, n)
        + product(system.loss_on_default, np.ones(n))
        + system.stake
    )
    return ROUNDING * touching


def _to_rest(case: Case, state: State, still: float, max_rounds: int) -> State:
    """Do rounds until nothing moves by more than an amount."""
    money = belief = float("inf")
    for _ in range(max_rounds):
        new = next_round(case, state, "down")
        money, belief = moved(case, state, new, rounding=ROUNDING)
        state = new
        if money <= still and belief <= REST:
            return state
    raise _not_converged(max_rounds, money, belief)


def _not_converged(rounds: int, money: float, belief: float) -> NotConvergedError:
    return NotConvergedError("not_converged", rounds=rounds, certificate=f"{money:.6g}", belief=f"{belief:.3g}")


def _cash_of_run(case: Case, base: State, subject: int, own_cash: float, withheld: float) -> Vector:
    """Return the cash of the run: what the baseline needed where it was raised, and for the subject that less D."""
    received, drawable, withdrawn = means_from_others(case, base)
    needed = np.maximum(0.0, case.obligation - (received + drawable - withdrawn))
    cash = np.where(case.solvent, np.maximum(case.cash, needed), case.cash)
    cash[subject] = max(own_cash, cash[subject] - withheld)
    return cash


@dataclass(slots=True)
class _Track:
    """What is kept of the rounds: the columns of the last two, when each entity was first hit, the sums."""

    state: State
    columns: Columns
    first_round: Positions
    rounds: int = 0
    first_round_loss: float = 0.0
    certificate: float = float("inf")
    sums: list[Vector] = field(default_factory=list)

    def add(self, number: int, new: Columns, floor: Vector) -> None:
        """Note which entities a round changed by more than a billionth of the amount, and than rounding."""
        old = self.columns
        changed = np.abs(new.four() - old.four()) > np.maximum(CHANGE * np.abs(new.four()), floor)
        touched = changed.any(axis=0)
        self.first_round[touched & (self.first_round < 0)] = number
        lost_outside = abs(new.outside - old.outside)
        if touched.any() or lost_outside > max(CHANGE * abs(new.outside), float(np.max(floor, initial=0.0))):
            self.rounds = number
        self.sums.append(new.totals())
        self.columns = new

    def forget_rounds(self) -> None:
        """Drop what came when: rounds up from the worst start say nothing of how a loss travels."""
        self.first_round[:] = -1
        self.first_round_loss = float("nan")
        self.sums.clear()


@dataclass(frozen=True, slots=True)
class _Limits:
    """When a run is at rest: nothing moves by more than ``still``; changes below ``floor`` are rounding."""

    floor: Vector
    still: float
    max_rounds: int


def _run(
    case: Case,
    base: State,
    start: State,
    course: Course,
    *,
    by_entity: Vector,
    limits: _Limits,
    tell: Callable[[int, State], None],
) -> _Track:
    """Do rounds from a start until nothing moves, and tell each."""
    n = case.system.n
    zero = np.zeros(n)
    nothing = Columns(zero, zero, zero, zero, zero, outside=0.0)
    track = _Track(start, nothing, np.full(n, -1, dtype=np.int64))
    money = belief = float("inf")
    tell(0, start)
    for number in range(1, limits.max_rounds + 1):
        new = next_round(case, track.state, course)
        tell(number, new)
        track.add(number, columns(case, base, new, by_entity), limits.floor)
        if number == 1:
            track.first_round_loss = float((base.payment - new.payment).sum())
        money, belief = moved(case, track.state, new, rounding=ROUNDING)
        track.state = new
        if money <= limits.still and belief <= REST:
            track.certificate, _ = moved(case, new, next_round(case, new))
            return track
    raise _not_converged(limits.max_rounds, money, belief)


def _outcome(case: Case, before: Case, base: State, track: _Track, *, by_entity: Vector, rounding: Vector) -> Spread:
    """Gather what a run at rest has changed."""
    state, found = track.state, track.columns
    d = float(by_entity.sum())
    absorbed = found.cash_shortfall + found.financing_loss - found.passed_on
    vanished = d + float(found.financing_loss.sum())
    made_good = _made_good(case, base, state)
    _assert_identity(float(absorbed.sum()) + found.outside + made_good, vanished, float(rounding.sum()))
    sums = (
        np.array([*track.sums[: track.rounds - 1], found.totals()]) if track.sums and track.rounds else np.zeros((0, 4))
    )
    return Spread(
        cash_shortfall=found.cash_shortfall,
        credit_loss=found.credit_loss,
        trust_loss=found.trust_loss,
        financing_loss=found.financing_loss,
        absorbed=absorbed,
        passed_on=found.passed_on,
        gap=np.maximum(0.0, -state.before_floor) - np.maximum(0.0, -base.before_floor),
        defaulted=in_default(case, state),
        defaulted_before=in_default(before, base),
        first_round=track.first_round,
        absorbed_outside=found.outside,
        withheld=d,
        first_round_loss=track.first_round_loss,
        vanished=vanished,
        amplification=float((base.payment - state.payment).sum()) / d if d > 0 else float("nan"),
        rounds=track.rounds,
        certificate=track.certificate,
        rounding=rounding,
        made_good=made_good,
        by_channel=_by_channel(case.system, base, state, found),
        by_round=np.diff(sums, axis=0, prepend=np.zeros((1, 4))),
        baseline=base,
        run=state,
        projects_before=projects(before, base.overdue_ratio),
        projects_after=projects(case, state.overdue_ratio),
    )


def _made_good(case: Case, base: State, state: State) -> float:
    """Return what is not paid and yet lacked by nobody, since the channel of default is off."""
    if "default" not in case.behaviour.off:
        return 0.0
    return float((base.payment - state.payment).sum() - (state.called - base.called).sum())


def _assert_identity(absorbed: float, vanished: float, rounding: float) -> None:
    """Check that what vanished is borne by somebody: a law of the model, so a difference is a bug."""
    if abs(absorbed - vanished) > CHANGE * abs(vanished) + rounding:
        raise ArithmeticError(f"absorbed {absorbed!r} differs from vanished {vanished!r}")


def _by_channel(system: System, base: State, state: State, found: Columns) -> dict[str, float]:
    guarantee = float(np.maximum(0.0, state.called - base.called).sum())
    lost = system.line_amount * (base.kept - state.kept)
    trade = system.line_kind == TERMS
    return {
        "default": float(found.cash_shortfall.sum()) + found.outside - guarantee,
        "guarantee": guarantee,
        "supply": float(lost[trade].sum()),
        "funding": float(lost[~trade].sum()),
        "trust": float(found.trust_loss.sum()),
    }


def hops(system: System, subject: int) -> Positions:
    """Return how many steps along which loss can travel lie between the subject and everyone else.

    Steps: debtor to creditor, lender or guarantor; guarantor to the creditor it would pay; giver of a line to its
    holder; buyer to the seller whose advance it confirmed; along influence; project party to the project's company.

    Parameters
    ----------
    system : System
        The contracts.
    subject : int
        Position of the entity.

    Returns
    -------
    ndarray of shape (n,), int
        -1 where no step leads.
    """
    n, lending = system.n, system.loss_on_default.tocoo()
    spv = system.project_spv[system.party_project]
    owner = np.repeat(np.arange(len(system.guarantor)), np.diff(system.cover_start))
    answers = system.guarantor[owner]
    start = np.concatenate(
        [
            system.item_debtor,
            lending.col,
            system.item_debtor[system.cover],
            answers,
            system.line_giver,
            system.line_follows,
            system.party,
        ]
    )
    end = np.concatenate(
        [
            system.item_creditor,
            lending.row,
            answers,
            system.item_creditor[system.cover],
            system.line_holder,
            system.line_holder,
            spv,
        ]
    )
    inside = (start < n) & (end < n) & (start != end)
    steps = sparse.coo_array((np.ones(int(inside.sum())), (end[inside], start[inside])), shape=(n, n)).tocsr()
    distance = np.full(n, -1, dtype=np.int64)
    front = np.zeros(n)
    front[subject] = 1.0
    step = 0
    while front.any():
        distance[front > 0] = step
        reached = product(steps, front) + system.reflection.of(front)
        front = ((reached > 0) & (distance < 0)).astype(np.float64)
        step += 1
    return distance
