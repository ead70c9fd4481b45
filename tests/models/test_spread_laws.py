"""Laws of the spread model, on random systems with every channel."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from graphrisk.errors import NotConvergedError
from graphrisk.models.spread import PROJECT, UNDRAWN, Spread, State

from .systems import Drawn, draw

SEEDS = st.integers(0, 10**9)
#: Share of the largest amount that two orders of the same sums may differ by.
CLOSE = 1e-8

laws = settings(max_examples=100, deadline=None)


def largest(drawn: Drawn) -> float:
    system = drawn.system
    return max(1.0, system.obligation.max(), system.line_amount.max(initial=0), system.loss_on_default.max())


def received_of(state: State, n: int) -> np.ndarray:
    """What comes in; at rest it is also what came in during the last round."""
    return (state.received + state.receipts)[:n]


@laws
@given(SEEDS)
def test_nobody_spends_more_than_it_has(seed):
    drawn = draw(seed)
    found, slack = drawn.ask(), CLOSE * largest(drawn)
    system = drawn.system
    called = np.bincount(system.guarantor, weights=found.run.called, minlength=system.n)

    assert (found.run.payment + called <= np.maximum(0, found.run.before_floor) + slack).all()


@laws
@given(SEEDS)
def test_what_is_not_paid_is_what_creditors_lack(seed):
    drawn = draw(seed)
    found = drawn.ask()
    not_paid = (found.baseline.payment - found.run.payment).sum()
    lacked = (found.baseline.received - found.run.received).sum()

    assert lacked == pytest.approx(not_paid, abs=CLOSE * largest(drawn))


@laws
@given(SEEDS)
def test_guarantees_move_a_loss_and_make_none(seed):
    drawn = draw(seed)
    run = drawn.ask().run

    assert run.receipts.sum() == pytest.approx(run.called.sum(), abs=CLOSE * largest(drawn))


@laws
@given(SEEDS)
def test_what_vanished_is_borne_by_somebody(seed):
    drawn = draw(seed)
    found, slack = drawn.ask(), CLOSE * largest(drawn)
    lost = found.financing_loss.sum()
    short = found.cash_shortfall.sum() + found.absorbed_outside
    channel = found.by_channel

    assert found.absorbed.sum() + found.absorbed_outside == pytest.approx(found.withheld + lost, abs=slack)
    assert short == pytest.approx(found.withheld + found.passed_on.sum(), abs=slack)
    assert channel["default"] + channel["guarantee"] == pytest.approx(short, abs=slack)
    assert channel["supply"] + channel["funding"] == pytest.approx(lost, abs=slack)
    totals = [short, found.credit_loss.sum(), found.trust_loss.sum(), lost]
    assert found.by_round.sum(axis=0) == pytest.approx(totals, abs=slack)


@laws
@given(SEEDS)
def test_losses_stay_within_what_can_be_lost(seed):
    drawn = draw(seed)
    found, slack, system = drawn.ask(), CLOSE * largest(drawn), drawn.system
    due = np.bincount(system.item_creditor, weights=system.item_due, minlength=system.size)

    assert (found.baseline.received - found.run.received <= due + slack).all()
    assert (found.trust_loss >= -slack).all()
    assert (found.trust_loss <= system.stake + slack).all()
    assert found.financing_loss.min() >= -slack
    assert found.financing_loss.sum() <= system.line_amount.sum() + slack


@laws
@given(SEEDS)
def test_the_first_round_loses_exactly_what_is_withheld(seed):
    drawn = draw(seed)

    assert drawn.ask().first_round_loss == pytest.approx(drawn.withheld.sum(), abs=CLOSE * largest(drawn))


@laws
@given(SEEDS)
def test_nothing_withheld_changes_nothing(seed):
    drawn = draw(seed)
    found = drawn.ask(withheld=0 * drawn.withheld)

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "passed_on", "gap"):
        assert np.abs(getattr(found, name)).max() <= CLOSE * largest(drawn)
    assert np.isnan(found.amplification)
    assert found.rounds == 0


def worse(one: Spread, other: Spread, slack: float) -> bool:
    """Whether no level of the second is better than in the first."""
    return bool(
        (other.run.payment <= one.run.payment + slack).all()
        and (other.run.distrust >= one.run.distrust - 1e-9).all()
        and (other.run.kept <= one.run.kept + 1e-9).all()
    )


def just_able(drawn: Drawn) -> Drawn:
    """Give everyone the cash that it needs to pay if all others do, and the subject plenty.

    Cash that follows from the baseline would move with what is made worse, and hide it.
    """
    system, n = drawn.system, drawn.system.n
    base = drawn.ask(solvent=np.ones(n, dtype=bool)).baseline
    limit = np.isin(system.line_kind, (UNDRAWN, PROJECT))
    kept = system.line_amount * base.kept
    line = np.where(limit, kept, kept - system.line_amount)
    others = received_of(base, n) + np.bincount(system.line_holder, weights=line, minlength=n)
    cash = np.maximum(system.cash, system.obligation - others)
    cash[drawn.subject] += 2 * system.obligation[drawn.subject]
    return replace(drawn, system=replace(system, cash=cash, solvent=np.zeros(n, dtype=bool)))


@laws
@given(SEEDS, st.sampled_from(["a", "delta", "kappa", "cash", "equity", "withheld"]))
def test_levels_worsen_with_what_is_worse(seed, what):
    # Guarantees are left out: what one pays depends on which of the covered items an earlier one has filled.
    drawn = just_able(draw(seed, guarantees=False))
    system, rules = drawn.system, drawn.behaviour
    poorer = np.where(np.arange(system.n) == drawn.subject, 1.0, 0.9)
    worsened = {
        "a": {"a": 2 * rules.a},
        "delta": {"delta": min(0.95, 0.2 + rules.delta)},
        "kappa": {"kappa": 1.0 + rules.kappa},
        "cash": {"cash": poorer * system.cash},
        "equity": {"equity": 0.5 * system.equity},
        "withheld": {"withheld": np.minimum(system.item_due, 1.2 * drawn.withheld)},
    }[what]

    assert worse(drawn.ask(), drawn.ask(**worsened), CLOSE * largest(drawn))


@laws
@given(SEEDS, st.sampled_from([0.01, 3.0, 1e6]))
def test_a_change_of_unit_changes_nothing_else(seed, factor):
    drawn = draw(seed)
    one = drawn.ask()
    money = ("item_due", "cash", "line_amount", "line_threshold", "guarantee_cap", "equity", "stake")
    scaled = {name: factor * getattr(drawn.system, name) for name in money}
    scaled["loss_on_default"] = factor * drawn.system.loss_on_default
    other = drawn.ask(withheld=factor * drawn.withheld, **scaled)

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed"):
        assert getattr(other, name) / factor == pytest.approx(getattr(one, name), abs=CLOSE * largest(drawn))


@laws
@given(SEEDS)
def test_the_order_of_entities_and_contracts_changes_nothing(seed):
    drawn = draw(seed)
    rng = np.random.default_rng(seed)
    system, n = drawn.system, drawn.system.n
    one = drawn.ask()
    place = rng.permutation(n)  # entity i becomes place[i]
    back = np.argsort(place)
    at = np.r_[place, np.arange(n, system.size)]
    items = rng.permutation(len(system.item_due))
    lines = rng.permutation(len(system.line_amount))
    item_at = np.argsort(items)
    moved = {name: getattr(system, name)[back] for name in ("excess", "cash", "solvent", "equity", "stake")}
    moved |= {name: getattr(system, name)[lines] for name in vars_of_lines()}
    moved |= {name: at[moved[name]] for name in ("line_holder", "line_giver", "line_follows")}
    moved |= {"item_debtor": at[system.item_debtor[items]], "item_creditor": at[system.item_creditor[items]]}
    moved |= {"item_due": system.item_due[items], "guarantor": at[system.guarantor], "cover": item_at[system.cover]}
    moved |= {"party": at[system.party], "project_spv": at[system.project_spv]}
    moved["loss_on_default"] = system.loss_on_default[back][:, back]
    moved["reflection"] = replace(system.reflection, direct=system.reflection.direct[back][:, back])
    rules = replace(drawn.behaviour, of_line=drawn.behaviour.of_line[lines])
    other = Drawn(replace(system, **moved), rules, int(at[drawn.subject]), drawn.withheld[items]).ask()

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "gap"):
        assert getattr(other, name)[place] == pytest.approx(getattr(one, name), abs=CLOSE * largest(drawn))


def vars_of_lines() -> list[str]:
    names = ["kind", "holder", "giver", "follows", "project", "amount", "threshold", "cancellable", "recourse"]
    return [f"line_{name}" for name in names]


def cash_of_run(drawn: Drawn, found: Spread, lines: np.ndarray) -> np.ndarray:
    """Return everyone's own cash, and the subject's as the run has it: raised to what it needs, less D."""
    system, x = drawn.system, drawn.subject
    cash = system.cash.copy()
    needed = system.obligation[x] - lines[x] - received_of(found.baseline, system.n)[x]
    cash[x] = max(cash[x], max(cash[x], needed) - drawn.withheld.sum())
    return cash


@laws
@given(SEEDS)
def test_without_feedback_payments_are_the_greatest_that_clear(seed):
    # Eisenberg and Noe (2001), theorem 2 and lemma 4: the clearing vector maximises what is paid in all.
    drawn = draw(seed, feedback=False)
    drawn = replace(drawn, system=replace(drawn.system, solvent=np.zeros(drawn.system.n, dtype=bool)))
    found, system = drawn.ask(), drawn.system
    open_due = system.item_due - drawn.withheld
    payable = np.bincount(system.item_debtor, weights=open_due, minlength=system.n)
    n = system.n
    shares = np.zeros((n, n))
    for debtor, creditor, amount in zip(system.item_debtor, system.item_creditor, open_due, strict=True):
        if creditor < n and payable[debtor] > 0:
            shares[creditor, debtor] += amount / payable[debtor]
    limits = np.isin(system.line_kind, (UNDRAWN, PROJECT))
    lines = np.bincount(system.line_holder, weights=system.line_amount * limits, minlength=n)
    cash = cash_of_run(drawn, found, lines)
    means = cash + lines + found.run.receipts[:n]
    best = linprog(
        -np.ones(n), A_ub=np.eye(n) - shares, b_ub=means, bounds=list(zip(np.zeros(n), payable, strict=True))
    )

    assert best.success
    assert found.run.payment == pytest.approx(best.x, abs=1e-6 * largest(drawn))


@laws
@given(SEEDS, st.floats(0.3, 0.99), st.floats(0.3, 0.99))
def test_default_costs_are_those_of_rogers_and_veraart(seed, alpha, beta):
    # Rogers and Veraart (2013), section 2: from full payment down, an insolvent entity pays alpha e + beta of claims.
    drawn = draw(seed, feedback=False, guarantees=False)
    drawn = replace(drawn, system=replace(drawn.system, solvent=np.zeros(drawn.system.n, dtype=bool)))
    found = drawn.ask(cash_recovery=alpha, claim_recovery=beta)
    system, n = drawn.system, drawn.system.n
    open_due = system.item_due - drawn.withheld
    payable = np.bincount(system.item_debtor, weights=open_due, minlength=n)
    limits = np.isin(system.line_kind, (UNDRAWN, PROJECT))
    lines = np.bincount(system.line_holder, weights=system.line_amount * limits, minlength=n)
    outside = lines + cash_of_run(drawn, found, lines)
    payment = payable.copy()
    for _ in range(10_000):
        ratio = np.divide(payment, payable, out=np.zeros(n), where=payable > 0)
        claims = np.bincount(system.item_creditor, weights=open_due * ratio[system.item_debtor], minlength=system.size)[
            :n
        ]
        solvent = outside + claims >= payable * (1 - 1e-9)
        new = np.where(solvent, payable, np.minimum(payable, alpha * outside + beta * claims))
        if np.abs(new - payment).max() <= 1e-12 * largest(drawn):
            break
        payment = new

    assert found.run.payment == pytest.approx(payment, abs=1e-6 * largest(drawn))


@laws
@given(SEEDS)
def test_the_least_payments_are_no_better_than_the_greatest(seed):
    drawn = draw(seed)

    assert worse(drawn.ask(), drawn.ask(extreme="least"), CLOSE * largest(drawn))


@laws
@given(SEEDS)
def test_the_newly_failed_could_spare_no_more_than_the_shock(seed):
    # After Glasserman and Young (2015): a shock D cannot make entities fail whose spare means exceed D.
    drawn = draw(seed, feedback=False)
    found, system = drawn.ask(), drawn.system
    called = np.bincount(system.guarantor, weights=found.baseline.called, minlength=system.n)
    spare = np.maximum(0, found.baseline.before_floor - system.obligation - called)
    newly = (found.run.overdue_ratio > 0) & (found.baseline.overdue_ratio == 0)
    newly[drawn.subject] = False

    assert spare[newly].sum() <= found.withheld + CLOSE * largest(drawn)


@laws
@given(SEEDS)
def test_an_entity_without_contracts_feels_nothing(seed):
    drawn = draw(seed)
    system, n = drawn.system, drawn.system.n
    alone = {name: np.r_[getattr(system, name), 0] for name in ("excess", "stake", "equity")}
    alone |= {"cash": np.r_[system.cash, 5.0], "solvent": np.r_[system.solvent, False], "size": system.size + 1}
    for name in ("item_creditor", "line_giver", "line_follows"):
        values = getattr(system, name)
        alone[name] = np.where(values >= n, values + 1, values)
    wide = system.loss_on_default.copy()
    wide.resize((n + 1, n + 1))
    weights = system.reflection.direct.copy()
    weights.resize((n + 1, n + 1))
    alone |= {"loss_on_default": wide}
    alone["reflection"] = replace(system.reflection, direct=weights, group=np.full(n + 1, -1), scale=np.ones(n + 1))
    found, before = drawn.ask(**alone), drawn.ask()

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "gap"):
        assert getattr(found, name)[:n] == pytest.approx(getattr(before, name), abs=CLOSE * largest(drawn))
        assert getattr(found, name)[n] == 0


@laws
@given(SEEDS)
def test_two_items_of_one_pair_are_one(seed):
    drawn = draw(seed)
    system = drawn.system
    count = len(system.item_due)
    twice = {
        "item_debtor": np.tile(system.item_debtor, 2),
        "item_creditor": np.tile(system.item_creditor, 2),
        "item_due": np.tile(system.item_due / 2, 2),
        "cover": np.concatenate(
            [np.r_[part, part + count] for part in np.split(system.cover, system.cover_start[1:-1])]
        )
        if len(system.cover)
        else system.cover,
        "cover_start": 2 * system.cover_start,
    }
    found = drawn.ask(withheld=np.tile(drawn.withheld / 2, 2), **twice)
    before = drawn.ask()

    for name in ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss", "absorbed", "gap"):
        assert getattr(found, name) == pytest.approx(getattr(before, name), abs=CLOSE * largest(drawn))


def test_it_says_how_to_go_on_when_rounds_run_out():
    seed = next(s for s in range(100) if draw(s).ask().rounds > 3)

    with pytest.raises(NotConvergedError, match=r"raise --max-rounds"):
        draw(seed).ask(max_rounds=2)
