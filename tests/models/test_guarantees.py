"""Calls of guarantees: by levels, as in the product, against one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrisk.models.guarantees import call_guarantees, call_levels


def one_after_the_other(guarantor, covers, share, cap, *, unpaid, surplus):
    """Call guarantees in their order with plain loops."""
    still, left, paid = list(unpaid), list(surplus), []
    for who, cover, part, most in zip(guarantor, covers, share, cap, strict=True):
        before = sum(unpaid[item] for item in cover)
        now = sum(still[item] for item in cover)
        pay = max(0.0, min(most, part * before, now, left[who]))
        left[who] -= pay
        for item in cover:
            still[item] -= pay * still[item] / now if now > 0 else 0.0
        paid.append(pay)
    return paid, still


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9))
def test_levels_pay_what_one_after_the_other_pays(seed):
    rng = np.random.default_rng(seed)
    items, entities, count = int(rng.integers(1, 8)), int(rng.integers(1, 6)), int(rng.integers(0, 12))
    covers = [rng.permutation(items)[: rng.integers(1, items + 1)] for _ in range(count)]
    guarantor = rng.integers(0, entities, count)
    share = rng.choice([1.0, 0.5, 1 / 3], count)
    cap = rng.choice([np.inf, 50.0, 10.0], count)
    unpaid = rng.integers(0, 100, items).astype(float)
    surplus = rng.integers(0, 150, entities).astype(float)
    start = np.r_[0, np.cumsum([len(cover) for cover in covers])].astype(np.int64)
    levels = call_levels(guarantor, start, np.concatenate([*covers, np.zeros(0)]).astype(np.int64))
    got = call_guarantees(levels, unpaid, surplus, guarantor=guarantor, share=share, cap=cap)
    paid, still = one_after_the_other(guarantor, covers, share, cap, unpaid=unpaid, surplus=surplus)

    assert got.paid == pytest.approx(paid, abs=1e-9)
    assert got.unpaid == pytest.approx(still, abs=1e-9)
    assert sorted(np.concatenate([level.guarantee for level in levels] or [np.zeros(0)])) == list(range(count))


def test_two_firms_that_guarantee_each_other_pay_at_most_what_they_have():
    # A and B each owe 100 and pay nothing; each guarantees the other and has 30 and 20 to spare.
    levels = call_levels(np.array([1, 0]), np.array([0, 1, 2]), np.array([0, 1]))
    got = call_guarantees(
        levels,
        np.array([100.0, 100.0]),
        np.array([30.0, 20.0]),
        guarantor=np.array([1, 0]),
        share=np.ones(2),
        cap=np.full(2, np.inf),
    )

    assert got.paid.tolist() == [20, 30]
    assert got.unpaid.tolist() == [80, 70]


def test_a_cap_above_the_debt_pays_the_debt():
    levels = call_levels(np.array([0]), np.array([0, 1]), np.array([0]))
    got = call_guarantees(
        levels, np.array([52.0]), np.array([500.0]), guarantor=np.array([0]), share=np.ones(1), cap=np.array([150.0])
    )

    assert got.paid.tolist() == [52]
