"""The flow of loss: against a plain reading of the same contracts, and against walks told one by one."""

from collections import defaultdict
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphrisk.errors import NotConvergedError
from graphrisk.models.lossflow import (
    CALL,
    DEFAULT,
    FUNDING,
    GUARANTEE,
    ITEM,
    LINE,
    SUPPLY,
    Flow,
    contracts_of,
    loss_flow,
)
from graphrisk.models.paths import arrivals_after, by_first_step, by_last_channel, heaviest, stays, total_of
from graphrisk.models.spread import TERMS, Behaviour, Spread, System
from graphrisk.models.trust import Reflection

from .systems import Drawn, draw

SEEDS = st.integers(0, 10**9)
laws = settings(max_examples=60, deadline=None)


def plain(debtor, creditor, due, cash, **more) -> System:
    """Return a system of items alone, but for what is given besides."""
    n = len(cash)
    none, nobody = np.zeros(0), np.zeros(0, dtype=np.int64)
    parts = {
        "size": n,
        "item_debtor": np.array(debtor, dtype=np.int64),
        "item_creditor": np.array(creditor, dtype=np.int64),
        "item_due": np.array(due, dtype=float),
        "excess": np.zeros(n),
        "cash": np.array(cash, dtype=float),
        "solvent": np.zeros(n, dtype=bool),
        **dict.fromkeys(("line_kind", "line_holder", "line_giver", "line_follows", "line_project"), nobody),
        **dict.fromkeys(("line_amount", "line_threshold", "guarantee_share", "guarantee_cap"), none),
        **dict.fromkeys(("line_cancellable", "line_recourse"), none > 0),
        **dict.fromkeys(("guarantor", "cover", "project_spv", "party_project", "party"), nobody),
        **dict.fromkeys(("project_cfads", "project_debt_service", "dscr_lockup", "dscr_default"), none),
        **dict.fromkeys(("major_party_share", "party_share"), none),
        "cover_start": np.zeros(1, dtype=np.int64),
        "loss_on_default": sparse.csr_array((n, n)),
        "equity": np.full(n, np.nan),
        "stake": np.zeros(n),
        "reflection": Reflection(sparse.csr_array((n, n)), np.full(n, -1), nobody, np.ones(n)),
    }
    return System(**{**parts, **more})


def calls(guarantor, covers, cap, share=1.0) -> dict:
    return {
        "guarantor": np.array(guarantor),
        "guarantee_share": np.full(len(covers), share),
        "guarantee_cap": np.array(cap, dtype=float),
        "cover_start": np.r_[0, np.cumsum([len(cover) for cover in covers])],
        "cover": np.concatenate(covers),
    }


RULES = Behaviour(1.0, 0.3, 1.0, 0.5, 0.0, None, (np.array([[0.0, 1.0]]),), np.zeros(0, dtype=np.int64))


def asked(system: System, subject: int, withheld, **changes) -> tuple[Drawn, Spread, Flow]:
    drawn = Drawn(system, RULES, subject, np.array(withheld, dtype=float))
    found = drawn.ask(**changes)
    return drawn, found, loss_flow(system, subject, drawn.withheld, found)


def told(flow: Flow, path) -> tuple:
    """Return a path as positions and channels."""
    steps = list(path.steps)
    return (int(flow.owner[path.source]), *zip(flow.end[steps].tolist(), flow.channel[steps].tolist(), strict=True))


def paths(flow: Flow, count: int = 50, **more) -> list[tuple]:
    return [(told(flow, path), pytest.approx(path.amount)) for path in heaviest(flow, count, **more)]


def hard(seed: int) -> Drawn:
    """Draw a system in which guarantees cover any of a debtor's items, and overlap."""
    drawn, rng = draw(seed), np.random.default_rng(seed + 1)
    system = drawn.system
    covers = []
    for _ in range(int(rng.integers(1, 2 * system.n + 2))):
        own = np.flatnonzero(system.item_debtor == rng.integers(0, system.n))
        covers.append(own[rng.random(len(own)) < 0.7])
    covers = [cover for cover in covers if len(cover)]
    g = len(covers)
    parts = calls(rng.integers(0, system.n, g), [*covers, np.zeros(0, dtype=np.int64)][: max(g, 1)], np.zeros(g))
    parts["guarantee_cap"] = np.where(rng.random(g) < 0.3, np.inf, rng.random(g) * 300)
    parts["guarantee_share"] = np.where(rng.random(g) < 0.5, 1.0, rng.random(g))
    if not g:
        parts["cover_start"] = np.zeros(1, dtype=np.int64)
    system = replace(system, cash=system.cash * rng.choice([0.2, 1.0, 3.0]), **parts)
    of_subject = system.item_debtor == drawn.subject
    withheld = np.where(of_subject, system.item_due * rng.random(len(of_subject)), 0.0)
    return replace(drawn, system=system, withheld=withheld)


def solved(seed: int, extreme: str = "greatest") -> tuple[Drawn, Spread, Flow]:
    drawn = hard(seed)
    found = drawn.ask(extreme=extreme)
    return drawn, found, loss_flow(drawn.system, drawn.subject, drawn.withheld, found)


def read_plainly(drawn: Drawn, found: Spread) -> dict[tuple, float]:
    """Return the steps of the flow of loss, read contract by contract without any of the package's own functions.

    Keys are (kind of start, position, end, channel): D of the subject, what a giver withdraws, or loss passed on.
    """
    system, base, run = drawn.system, found.baseline, found.run
    n, edges = system.n, defaultdict(float)
    obligation = [sum(system.item_due[system.item_debtor == j]) for j in range(n)]
    held = [sum(drawn.withheld[system.item_debtor == j]) for j in range(n)]
    unpaid = {"base": [], "run": []}
    for k, j in enumerate(system.item_debtor):
        due, open_due = system.item_due[k], system.item_due[k] - drawn.withheld[k]
        before = due * base.payment[j] / obligation[j]
        payable = obligation[j] - held[j]
        after = open_due * run.payment[j] / payable if payable else 0.0
        unpaid["base"].append(due - before)
        unpaid["run"].append(due - after)
        edges["D", drawn.subject, "item", k] += drawn.withheld[k]
        edges["at", j, "item", k] += before - after - drawn.withheld[k]
    paid = {"base": defaultdict(float), "run": defaultdict(float)}
    for name, called in (("base", base.called), ("run", run.called)):
        still = list(unpaid[name])
        for g in range(len(called)):
            items = system.cover[system.cover_start[g] : system.cover_start[g + 1]]
            whole = sum(still[k] for k in items)
            for k in items:
                paid[name][g, k] = called[g] * still[k] / whole if whole > 1e-9 else 0.0
                still[k] -= paid[name][g, k]
    lacks = [unpaid["run"][k] - unpaid["base"][k] for k in range(len(system.item_due))]
    for g, k in paid["run"]:
        more = paid["run"][g, k] - paid["base"][g, k]
        lacks[k] -= more
        edges["item", k, "call", g] += max(0.0, more)
        edges["call", g, "item", k] += max(0.0, -more)
    for g, who in enumerate(system.guarantor):
        more = run.called[g] - base.called[g]
        edges["call", g, "at", who] += max(0.0, more)
        edges["at", who, "call", g] += max(0.0, -more)
    for k, c in enumerate(system.item_creditor):
        edges["item", k, "at", c] += lacks[k]
    edges = {edge: amount for edge, amount in edges.items() if abs(amount) > 1e-7}
    assert min(edges.values(), default=0) > 0
    steps = without_inner(edges)
    for line, giver in enumerate(system.line_giver):
        lost = system.line_amount[line] * (base.kept[line] - run.kept[line])
        channel = SUPPLY if system.line_kind[line] == TERMS else FUNDING
        steps["line", giver, system.line_holder[line], channel] += lost
    return {step: amount for step, amount in steps.items() if amount > 1e-6}


def without_inner(edges: dict) -> dict[tuple, float]:
    """Return steps between entities, by walking through items and guarantees until nothing is left on its way."""
    leaves = defaultdict(float)
    for (sort, at, _, _), amount in edges.items():
        leaves[sort, at] += amount
    onward = defaultdict(list)
    for (sort, at, to_sort, to), amount in edges.items():
        onward[sort, at].append((to_sort, to, amount / leaves[sort, at]))
    steps = defaultdict(float)
    for (sort, at, to_sort, to), amount in edges.items():
        if sort in ("D", "at"):
            walk_through(onward, {(to_sort, to, sort == "at" and to_sort == "call"): amount}, (sort, at), steps)
    return steps


def walk_through(onward: dict, todo: dict, start: tuple, steps: dict) -> None:
    while todo:
        after = defaultdict(float)
        for (inner, place, by_call), part in todo.items():
            called = by_call or inner == "call"
            for sort, at, share in onward[inner, place]:
                if sort == "at":
                    steps[*start, at, GUARANTEE if called else DEFAULT] += part * share
                elif part * share > 1e-13:
                    after[sort, at, called] += part * share
        todo = after


def as_read(flow: Flow) -> dict[tuple, float]:
    steps = {}
    for start, end, channel, amount in zip(flow.start, flow.end, flow.channel, flow.amount, strict=True):
        source = int(start) - flow.size - 1
        sort = "at" if source < 0 else "line" if flow.withdrawn[source] else "D"
        steps[sort, int(start) if source < 0 else int(flow.owner[source]), int(end), int(channel)] = float(amount)
    return steps


@laws
@given(SEEDS, st.sampled_from(["greatest", "least"]))
def test_the_flow_is_what_a_plain_reading_of_the_contracts_gives(seed, extreme):
    try:
        drawn, found, flow = solved(seed, extreme)
    except NotConvergedError:
        return
    mine = {step: amount for step, amount in as_read(flow).items() if amount > 1e-6}

    read = read_plainly(drawn, found)

    assert mine == {step: pytest.approx(amount, rel=1e-6, abs=1e-6) for step, amount in read.items()}


@laws
@given(SEEDS)
def test_loss_sets_out_and_ends_and_passes_everybody_as_the_spread_says(seed):
    drawn, found, flow = solved(seed)
    n, close = drawn.system.n, {"abs": 1e-8 * max(1.0, found.vanished)}
    leaves = np.bincount(flow.start, weights=flow.amount, minlength=flow.nodes)

    assert flow.total == pytest.approx(found.vanished, **close)
    assert flow.arrived[:n] == pytest.approx(found.cash_shortfall + found.financing_loss, **close)
    assert flow.ended[:n] == pytest.approx(found.absorbed, **close)
    assert leaves[:n] == pytest.approx(found.passed_on, **close)
    assert flow.ended[n:].sum() == pytest.approx(found.absorbed_outside, **close)
    assert flow.circling == pytest.approx(0, **close)


def walks(flow: Flow, ends: np.ndarray, least: float) -> dict[tuple, float]:
    """Return all walks that carry at least an amount, told one by one, and none that is cut short."""
    onward = defaultdict(list)
    leaves = np.bincount(flow.start, weights=flow.amount, minlength=flow.nodes)
    for start, end, channel, amount in zip(flow.start, flow.end, flow.channel, flow.amount, strict=True):
        onward[int(start)].append((int(end), int(channel), float(amount)))
    found, todo = {}, []
    for source, owner in enumerate(flow.owner):
        for end, channel, amount in onward[flow.size + 1 + source]:
            todo.append(((int(owner), (end, channel)), end, amount))
    while todo:
        steps, at, amount = todo.pop()
        if amount < least:
            continue
        if amount * ends[at] >= least:
            found[steps] = found.get(steps, 0.0) + amount * ends[at]
        through = max(flow.arrived[at], leaves[at])
        for end, channel, part in onward[at]:
            todo.append(((*steps, (end, channel)), end, amount * part / through))
    return found


@laws
@given(SEEDS, st.booleans())
def test_the_heaviest_paths_are_the_heaviest_of_all_walks(seed, anywhere):
    drawn, _, flow = solved(seed)
    if not flow.total:
        return
    to = None if anywhere else int(np.argmax(flow.arrived[: drawn.system.n]))
    least = 2e-3 * flow.total
    every = walks(flow, stays(flow, to), least)
    found = heaviest(flow, len(every) + 5, to=to, least=least)
    # A walk of a source that is the subject's own and one that it withdraws may read alike.
    amounts = defaultdict(float)
    for path in found:
        amounts[told(flow, path)] += path.amount
    falling = [path.amount for path in found]

    assert amounts == {steps: pytest.approx(amount) for steps, amount in every.items()}
    assert all(one >= other * (1 - 1e-9) for one, other in pairwise(falling))


@laws
@given(SEEDS)
def test_paths_add_up_to_the_total_as_more_are_told(seed):
    drawn, _, flow = solved(seed)
    for to in (None, *range(drawn.system.n)):
        total = total_of(flow, to)
        many = heaviest(flow, 400, to=to)
        told = sum(path.amount for path in many)
        few = sum(path.amount for path in heaviest(flow, 3, to=to))

        assert few <= told * (1 + 1e-9)
        assert told <= total * (1 + 1e-9)
        if len(many) < 400:  # there are no more: nothing goes round
            assert told == pytest.approx(total, rel=1e-9, abs=1e-9)


@laws
@given(SEEDS)
def test_what_arrives_by_source_is_a_linear_solve(seed):
    drawn, _, flow = solved(seed)
    n = flow.size + 1
    shares = np.zeros((n, n))
    inner = flow.start < n
    np.add.at(shares, (flow.start[inner], flow.end[inner]), flow.shares()[inner])
    for to in range(drawn.system.n):
        if not flow.arrived[to]:
            continue
        unit = np.eye(n)[to]
        dense = np.linalg.solve(np.eye(n) - shares, shares @ unit)
        by_step = by_first_step(flow, to)

        assert arrivals_after(flow, to) == pytest.approx(dense, rel=1e-9, abs=1e-9)
        assert by_step.sum() == pytest.approx(flow.arrived[to])
        assert sum(by_last_channel(flow, to).values()) == pytest.approx(flow.arrived[to])
    assert by_first_step(flow, None).sum() == pytest.approx(flow.total)
    assert sum(by_last_channel(flow, None).values()) == pytest.approx(flow.total)


@laws
@given(SEEDS)
def test_contracts_add_up_to_the_steps_that_they_carry(seed):
    _, _, flow = solved(seed)
    every = contracts_of(flow, np.arange(len(flow.start)))

    assert [amount.sum() for _, _, amount in every] == pytest.approx(flow.amount.tolist(), rel=1e-6, abs=1e-6)


def test_a_loss_that_goes_round_comes_back_smaller_each_time():
    # A owes B 1,000, B owes A 900 and C 100; A withholds 100 of B. B then lacks 100 and pays A 90 less, who pays B 90
    # less, and so on: nobody is left with anything to pay, C bears the 100 in parts of 10, 9, 8.1, ...
    _, _, flow = asked(plain([0, 1, 1], [1, 0, 2], [1000, 900, 100], [0, 0, 0]), 0, [100, 0, 0])
    once = ((0, DEFAULT), (1, DEFAULT))

    assert paths(flow, 3) == [
        ((0, (1, DEFAULT), (2, DEFAULT)), 10),
        ((0, (1, DEFAULT), *once, (2, DEFAULT)), 9),
        ((0, (1, DEFAULT), *once, *once, (2, DEFAULT)), 8.1),
    ]
    assert paths(flow, 2, to=1) == [((0, (1, DEFAULT)), 100), ((0, (1, DEFAULT), *once), 90)]
    assert flow.arrived.tolist() == pytest.approx([900, 1000, 100, 0])
    assert sum(path.amount for path in heaviest(flow, 300)) == pytest.approx(100)
    assert sum(path.amount for path in heaviest(flow, 400, to=1)) == pytest.approx(1000)


def test_a_guarantee_that_moves_to_another_creditor_hurts_nobody_on_its_way():
    # X (0) owes G1 (1) 50 and pays nothing; G1 has nothing else. J (2) owes C1 (3) 100 and C2 (4) 100 and pays nothing,
    # before and after. G1 answers for C1's with up to 50, G2 (5) for both with up to 60. Before: G1 pays C1 50, G2
    # the open 50 and 100 with 20 and 40. After: G1 pays nothing, G2 the open 100 and 100 with 30 and 30.
    guarantees = calls([1, 5], [[1], [1, 2]], [50, 60])
    system = plain([0, 2, 2], [1, 3, 4], [50, 100, 100], [50, 0, 0, 0, 0, 1000], **guarantees)
    drawn, _, flow = asked(system, 0, [50, 0, 0])
    step = {(int(s), int(e)): k for k, (s, e) in enumerate(zip(flow.start, flow.end, strict=True))}
    carried = [contracts_of(flow, np.array([step[pair]]))[0] for pair in [(1, 3), (1, 4), (flow.size + 1, 1)]]

    assert paths(flow) == [
        ((0, (1, DEFAULT), (3, GUARANTEE)), 40),
        ((0, (1, DEFAULT), (4, GUARANTEE)), 10),
    ]
    assert [(sort, which.tolist(), amount.round(9).tolist()) for sort, which, amount in carried] == [
        (CALL, [0], [40]),
        (CALL, [1], [10]),
        (ITEM, [0], [50]),
    ]
    assert drawn.system.guarantor[1] == 5
    assert flow.arrived[5] == 0


def test_what_one_guarantor_no_longer_pays_the_next_one_pays():
    # As above, but G2 answers for all that G1 leaves of C1's 100: loss goes from one guarantor to the other.
    guarantees = calls([1, 3], [[1], [1]], [50, np.inf])
    system = plain([0, 2], [1, 4], [50, 100], [50, 0, 0, 1000, 0], **guarantees)
    _, _, flow = asked(system, 0, [50, 0])

    assert paths(flow) == [((0, (1, DEFAULT), (3, GUARANTEE)), 50)]


def test_withdrawn_lines_start_paths_at_their_givers():
    # X (0) withholds all of 100 from F (1); it holds a limit of F's of 30 and terms of S's (2) of 20, both gone then.
    # It owes S 40 too. With D not paid it has 10 of its own left, and 20 to pay for what S does not sell on credit.
    lines = {
        "line_kind": np.array([0, TERMS]),
        "line_holder": np.array([0, 0]),
        "line_giver": np.array([1, 2]),
        "line_follows": np.array([0, 0]),
        "line_project": np.array([-1, -1]),
        "line_amount": np.array([30.0, 20.0]),
        "line_threshold": np.full(2, np.inf),
        "line_cancellable": np.ones(2, dtype=bool),
        "line_recourse": np.zeros(2, dtype=bool),
    }
    gone = replace(RULES, a=10.0, points=(np.array([[0.0, 1.0], [1.0, 0.0]]),), of_line=np.zeros(2, dtype=np.int64))
    system = plain([0, 0], [1, 2], [100, 40], [10, 0, 0], **lines)
    drawn = Drawn(system, gone, 0, np.array([100.0, 0.0]))
    found = drawn.ask()
    flow = loss_flow(system, 0, drawn.withheld, found)
    # So X pays nothing of the 40.
    from_f, from_s = 30 * 40 / 50, 20 * 40 / 50

    assert paths(flow) == [
        ((0, (1, DEFAULT)), 100),
        ((1, (0, FUNDING), (2, DEFAULT)), from_f),
        ((2, (0, SUPPLY), (2, DEFAULT)), from_s),
        ((1, (0, FUNDING)), 30 - from_f),
        ((2, (0, SUPPLY)), 20 - from_s),
    ]
    (kind, which, amount) = contracts_of(flow, np.array([int(np.argmax(flow.channel == SUPPLY))]))[0]
    assert (kind, which.tolist(), amount.tolist()) == (LINE, [1], [20.0])


def test_what_is_owed_to_nobody_known_ends_outside():
    system = plain([0], [1], [100], [0, 0], excess=np.array([40.0, 0.0]))
    _, found, flow = asked(system, 0, [100])

    assert found.absorbed_outside == 40
    assert paths(flow) == [((0, (1, DEFAULT)), 100), ((0, (flow.size, DEFAULT)), 40)]


def test_losses_that_only_feed_each_other_are_in_no_path():
    # B and C owe each other 100 and have nothing: if nobody believes anybody (least), neither pays, for no reason.
    system = plain([0, 1, 2], [3, 2, 1], [50, 100, 100], [0, 0, 0, 0])
    _, found, flow = asked(system, 0, [50, 0, 0], extreme="least")

    assert found.cash_shortfall.tolist() == [0, 100, 100, 50]
    assert flow.circling == 200
    assert paths(flow) == [((0, (3, DEFAULT)), 50)]
    assert heaviest(flow, 5, to=1) == []


def test_equal_paths_stand_in_the_order_of_their_ids():
    count = 12
    system = plain([0] * count, list(range(count, 0, -1)), [10] * count, [0] * (count + 1))
    _, _, flow = asked(system, 0, [10] * count)

    assert [told(flow, path)[1][0] for path in heaviest(flow, 5)] == [1, 2, 3, 4, 5]


def test_nothing_withheld_has_no_paths():
    _, _, flow = asked(plain([0], [1], [100], [0, 0]), 0, [0])

    assert flow.total == 0
    assert heaviest(flow, 5) == []
    assert by_last_channel(flow, None) == {}
    assert by_first_step(flow, 1).tolist() == []


def test_a_flow_that_is_not_that_of_the_spread_is_refused():
    drawn, found, _ = asked(plain([0], [1], [100], [0, 0]), 0, [100])
    build = partial(loss_flow, drawn.system, 0, drawn.withheld)

    with pytest.raises(ArithmeticError, match="differs from the losses"):
        build(replace(found, cash_shortfall=found.cash_shortfall + 1))
