"""First order: against differences of the model itself, and against a dense solve."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphrisk.errors import NotConvergedError
from graphrisk.models.marginal import loss_per_unit, steps_to
from graphrisk.models.spread import TERMS, UNDRAWN, Behaviour, State, System, hops, spread
from graphrisk.models.trust import Reflection

from .systems import Drawn
from .test_lossflow import RULES, calls, hard, plain

SEEDS = st.integers(0, 10**9)
laws = settings(max_examples=120, deadline=None)

#: Tables that have a slope from the first distrust on.
SLOPED = np.array([[0.0, 1.0], [0.9, 0.2], [1.0, 0.0]])


def gentle(seed: int) -> Drawn:
    """Draw a system without thresholds, whose last entity owes nothing and is owed nothing.

    Lines are small, so that a little loss dies away as it goes round.
    """
    drawn, rng = hard(seed), np.random.default_rng(seed + 2)
    system, lines = drawn.system, len(drawn.system.line_amount)
    n = system.n
    wide = {name: np.r_[getattr(system, name), 0] for name in ("excess", "cash", "stake", "equity")}
    wide |= {"solvent": np.r_[system.solvent, False], "size": system.size + 1}
    for name in ("item_creditor", "line_giver", "line_follows"):
        values = getattr(system, name)
        wide[name] = np.where(values >= n, values + 1, values)
    projects = ("project_spv", "project_cfads", "project_debt_service", "dscr_lockup", "dscr_default", "party_share")
    wide |= {name: getattr(system, name)[:0] for name in (*projects, "major_party_share", "party_project", "party")}
    weights = sparse.csr_array(np.pad(system.reflection.direct.toarray(), (0, 1)))
    grouped = rng.random() < 0.5
    groups = np.r_[rng.integers(-1, 2, n), -1] if grouped else np.full(n + 1, -1)
    sizes = np.bincount(groups[groups >= 0], minlength=2)
    groups[(groups >= 0) & (sizes[groups] < 2)] = -1
    scale = 1 / np.maximum(1.0, np.asarray(weights.sum(axis=1)).ravel() + (groups >= 0))
    system = replace(
        system,
        **wide,
        loss_on_default=sparse.csr_array((n + 1, n + 1)),
        reflection=Reflection(weights, groups, np.maximum(2, sizes), scale),
        line_kind=np.where(system.line_kind == TERMS, TERMS, UNDRAWN),
        line_project=np.full(lines, -1),
        line_amount=0.05 * system.line_amount,
        line_threshold=np.full(lines, np.inf),
        line_recourse=np.zeros(lines, dtype=bool),
    )
    rules = replace(drawn.behaviour, points=(SLOPED, SLOPED, np.array([[0.0, 1.0]])))
    if rng.random() < 0.3:
        rules = replace(rules, phi=np.array([[0.0, 0.0], [0.5, 0.8], [1.0, 1.0]]))
    return replace(drawn, system=system, behaviour=rules)


def baseline(drawn: Drawn) -> State:
    nobody = drawn.system.n - 1
    return spread(drawn.system, drawn.behaviour, nobody, 0 * drawn.system.item_due, own_cash=0.0).baseline


@laws
@given(SEEDS)
def test_first_order_is_what_the_model_says_of_a_little(seed):
    drawn = gentle(seed)
    system, rules = drawn.system, drawn.behaviour
    try:
        base = baseline(drawn)
    except NotConvergedError:
        return
    to = seed % (system.n - 1)
    found = loss_per_unit(system, rules, base, to)
    assert found.settles
    for who in range(system.n - 1):
        owed = system.obligation[who]
        if who == to or not owed or base.payment[who] < owed * (1 - 1e-12):
            continue  # who pays its debts before it is asked about would not be as in the common baseline
        withheld = np.where(system.item_debtor == who, 1e-5 * system.item_due, 0.0)
        try:
            run = spread(system, rules, who, withheld, own_cash=float(system.cash[who]))
        except NotConvergedError:
            continue  # so little is withheld that sums go to and fro in their last digit
        arrived = (run.cash_shortfall[to] + run.financing_loss[to]) / withheld.sum()

        assert found.per_unit[who] == pytest.approx(arrived, rel=1e-4, abs=1e-4)


def test_the_draws_are_of_all_sorts():
    # Somebody hurts, guarantors pay, some have given all they can, groups feel each other.
    seen = {"hurt": 0, "called": 0, "grouped": 0, "cut": 0}
    for seed in range(60):
        drawn = gentle(seed)
        base = baseline(drawn)
        surplus = base.before_floor - drawn.system.obligation
        given_all = np.isin(drawn.system.guarantor, np.flatnonzero(surplus > 1e-6))
        used = np.bincount(drawn.system.guarantor, weights=base.called, minlength=drawn.system.n)
        seen["hurt"] += loss_per_unit(drawn.system, drawn.behaviour, base, 0).per_unit.any()
        seen["called"] += base.called.any()
        seen["grouped"] += (drawn.system.reflection.group >= 0).any()
        seen["cut"] += bool((given_all & (np.abs(used - surplus) < 1e-6)[drawn.system.guarantor]).any())

    assert min(seen.values()) >= 5, seen


def test_who_has_nothing_to_spare_passes_all_on():
    # A (0) owes B (1) 100, B owes C (2) 80 and D (3) 20 and has nothing else; D (3) owes C 50 and has plenty.
    system = plain([0, 1, 1, 3], [1, 2, 3, 2], [100, 80, 20, 50], [100, 0, 0, 900])
    base = spread(system, RULES, 2, np.zeros(4), own_cash=0.0).baseline

    assert loss_per_unit(system, RULES, base, 2).per_unit.tolist() == pytest.approx([0.8, 0.8, 0, 1])
    assert loss_per_unit(system, RULES, base, 2).stake == 130
    assert loss_per_unit(system, RULES, base, 3).per_unit.tolist() == pytest.approx([0.2, 0.2, 0, 0])


def test_a_guarantor_with_means_to_spare_takes_the_loss_over():
    # A (0) owes B (1) 100; G (2) answers for 60 % of it and has 500.
    system = plain([0], [1], [100], [100, 0, 500], **calls([2], [[0]], [np.inf], share=0.6))
    base = spread(system, RULES, 1, np.zeros(1), own_cash=0.0).baseline

    assert loss_per_unit(system, RULES, base, 1).per_unit.tolist() == pytest.approx([0.4, 0, 0])
    assert loss_per_unit(system, RULES, base, 2).per_unit.tolist() == pytest.approx([0.6, 0, 0])
    assert loss_per_unit(system, RULES, base, 2).stake == pytest.approx(60)


def test_a_guarantor_that_has_given_all_pays_so_much_less():
    # J (0) owes C (1) 100 and has nothing; G (2) answers for it with the 30 that X (3) pays it, H (4) for 20 more.
    guarantees = calls([2, 4], [[0], [0]], [np.inf, 20])
    system = plain([0, 3], [1, 2], [100, 30], [0, 0, 0, 30, 900], **guarantees)
    base = spread(system, RULES, 1, np.zeros(2), own_cash=0.0).baseline

    assert base.called.tolist() == [30, 20]
    assert loss_per_unit(system, RULES, base, 1).per_unit[3] == pytest.approx(1), "H is at its cap"
    assert loss_per_unit(system, RULES, base, 2).per_unit[3] == pytest.approx(1)
    room = replace(system, guarantee_cap=np.array([np.inf, np.inf]))
    base = spread(room, RULES, 1, np.zeros(2), own_cash=0.0).baseline
    assert loss_per_unit(room, RULES, base, 1).per_unit[3] == pytest.approx(0), "H pays what G does not"
    assert loss_per_unit(room, RULES, base, 4).per_unit[3] == pytest.approx(1)


def test_a_line_shrinks_by_the_slope_of_its_table():
    # A (0) owes B (1) 100 and is distrusted by what it does not pay; F (2) then cuts A's limit of 50.
    lines = {
        "line_kind": np.array([UNDRAWN]),
        "line_holder": np.array([0]),
        "line_giver": np.array([2]),
        "line_follows": np.array([0]),
        "line_project": np.array([-1]),
        "line_amount": np.array([50.0]),
        "line_threshold": np.array([np.inf]),
        "line_cancellable": np.array([True]),
        "line_recourse": np.array([False]),
    }
    system = plain([0], [1], [100], [500, 0, 0], **lines)
    rules = Behaviour(2.0, 0.3, 1.0, 0.5, 0.0, None, (np.array([[0.0, 1.0], [0.5, 0.6]]),), np.array([0]))
    base = spread(system, rules, 1, np.zeros(1), own_cash=0.0).baseline

    # Of 1 not paid: overdue ratio 0.01, distrust 0.02, share kept less by 0.02 x 0.8, of 50.
    assert loss_per_unit(system, rules, base, 0).per_unit[0] == pytest.approx(0.02 * 0.8 * 50)
    flat = replace(rules, points=(np.array([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0]]),))
    assert loss_per_unit(system, flat, base, 0).per_unit[0] == 0, "a table that starts flat is not seen"
    whole = replace(rules, feedback=False)
    assert loss_per_unit(system, whole, base, 0).per_unit[0] == 0


def test_a_loss_that_grows_as_it_goes_round_is_held_to_what_can_be_lost():
    # A (0) owes B (1) 100 and has just enough with a limit of 60 of F's (2), which shrinks twice as fast as distrust.
    lines = {
        "line_kind": np.array([UNDRAWN]),
        "line_holder": np.array([0]),
        "line_giver": np.array([2]),
        "line_follows": np.array([0]),
        "line_project": np.array([-1]),
        "line_amount": np.array([60.0]),
        "line_threshold": np.array([np.inf]),
        "line_cancellable": np.array([True]),
        "line_recourse": np.array([False]),
    }
    system = plain([0], [1], [100], [40, 0, 0], **lines)
    rules = Behaviour(1.0, 0.3, 1.0, 0.5, 0.0, None, (np.array([[0.0, 1.0], [0.5, 0.0]]),), np.array([0]))
    base = spread(system, rules, 1, np.zeros(1), own_cash=0.0).baseline
    found = loss_per_unit(system, rules, base, 1)

    assert not found.settles
    assert found.stake == 100
    assert np.isfinite(found.per_unit).all()
    assert found.per_unit[0] * 100 >= found.stake


@laws
@given(SEEDS)
def test_steps_backwards_are_steps_forwards_seen_from_the_other_end(seed):
    system = gentle(seed).system
    for to in range(system.n):
        back = steps_to(system, to)

        assert back.tolist() == [int(hops(system, who)[to]) for who in range(system.n)]


def test_who_is_asked_about_pays_all_it_owes_before():
    # A (0) has nothing and owes B (1) 100, of which G (2) pays 60 already, its cap; B owes C (3) 100 and has 40.
    system = plain([0, 1], [1, 3], [100, 100], [0, 40, 500, 0], **calls([2], [[0]], [60]))
    base = spread(system, RULES, 3, np.zeros(2), own_cash=0.0).baseline

    assert base.called.tolist() == [60]
    # The first 60 of what A did not pay, had it paid, G would pay.
    assert loss_per_unit(system, RULES, base, 3).per_unit[0] == 0
    assert loss_per_unit(system, RULES, base, 2).per_unit[0] == 1
    assert loss_per_unit(system, RULES, base, 3).per_unit[1] == 1


def test_a_system_is_solved_as_densely():
    # B (1) and C (2) pass on to each other, and half of it to A (0).
    system = plain([1, 1, 2, 2], [2, 0, 1, 0], [60, 40, 50, 70], [0, 50, 60])
    base = spread(system, RULES, 0, np.zeros(4), own_cash=0.0).baseline
    onward = np.array([[0, 0, 0], [40 / 100, 0, 60 / 100], [70 / 120, 50 / 120, 0]])
    value = np.linalg.solve(np.eye(3) - onward, np.eye(3)[0])

    assert isinstance(system, System)
    assert loss_per_unit(system, RULES, base, 0).per_unit == pytest.approx(onward @ value)
