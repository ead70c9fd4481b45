from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrisk.ledger.rounding import divided, fits, product, scaled

AMOUNTS = st.one_of(st.integers(-(10**6), 10**6), st.integers(-(10**17), 10**17))
NUMERATORS = st.one_of(st.integers(-(10**4), 10**4), st.integers(-(10**13), 10**13))
DENOMINATORS = st.one_of(st.integers(1, 10**4), st.integers(1, 10**18))
INT64 = 2**63


def half_up(value):
    """Return the whole number at or below the value plus one half."""
    return (value + Fraction(1, 2)).__floor__()


@given(st.lists(st.tuples(AMOUNTS, NUMERATORS, DENOMINATORS), min_size=1, max_size=20))
def test_scaled_equals_python_integers(rows):
    rows = [row for row in rows if abs(row[0] * row[1]) // row[2] < INT64 - 1]
    if not rows:
        return
    amount, numerator, denominator = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))

    got = scaled(amount, numerator, denominator)

    assert got.dtype == np.int64
    assert got.tolist() == [half_up(Fraction(a * n, d)) for a, n, d in rows]


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 10**30), st.integers(10**24, 10**30)), min_size=1, max_size=10))
def test_scaled_takes_fractions_beyond_int64(rows):
    rows = [row for row in rows if abs(row[0] * row[1]) // row[2] < INT64 - 1]
    if not rows:
        return
    amount, numerator, denominator = (np.array(column, dtype=object) for column in zip(*rows, strict=True))

    assert scaled(amount, numerator, denominator).tolist() == [half_up(Fraction(a * n, d)) for a, n, d in rows]


@pytest.mark.parametrize(
    ("amount", "expected"), [(5, 3), (-5, -2), (3, 2), (-3, -1), (1, 1), (-1, 0), (0, 0), (4, 2), (-4, -2)]
)
def test_a_half_goes_up_whatever_the_sign(amount, expected):
    assert int(scaled(amount, 1, 2)) == expected


def test_a_result_beyond_int64_is_refused():
    with pytest.raises(OverflowError):
        scaled([2**62], [4], [1])


def test_floating_point_would_have_been_wrong():
    # 90,071,992,547,409.93 x 1/1: float64 has no such number.
    amount = 2**53 + 1
    assert int(scaled(amount, 1, 1)) == amount
    assert int(float(amount)) != amount


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**6), st.integers(10**3, 10**9)), min_size=1))
def test_divided_gives_whole_part_and_rest(rows):
    amount, numerator, denominator = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))

    whole, rest = divided(amount, numerator, denominator)

    assert [(w, r) for w, r in zip(whole.tolist(), rest.tolist(), strict=True)] == [
        divmod(a * n, d) for a, n, d in rows
    ]


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62))
def test_what_fits_is_multiplied_in_int64(left, right, added):
    factors = np.array([left]), np.array([right])

    assert product(*factors).tolist() == [left * right]
    assert fits(*factors, np.array([added])) == (left * right + added < INT64)
