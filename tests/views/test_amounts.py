from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrisk.views.amounts import grouped, percent, plain_float, plain_minor


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 2, 3, 4]))
def test_minor_units_become_the_exact_decimal_number(value, digits):
    text = plain_minor(value, digits)

    assert Decimal(text) == Decimal(value).scaleb(-digits)
    assert "E" not in text
    assert len(text.partition(".")[2]) == digits


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_a_float_is_plain_and_right_to_six_decimals(value):
    text = plain_float(value)

    assert "e" not in text.lower()
    assert text != "-0.0"
    assert float(text) == pytest.approx(value, abs=5.1e-7)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (Decimal("1234567.895"), "元", "1,234,567.90"),  # half up, not half even
        (Decimal("0.125"), "元", "0.13"),
        (1e15, "亿元", "10,000,000.00"),
        (49.99, "万元", "0.00"),
        (-50.0, "万元", "-0.01"),
        (float("nan"), "元", "-"),
    ],
)
def test_amounts_for_people_are_grouped_and_rounded_half_up(value, unit, expected):
    assert grouped(value, 2, unit) == expected


def test_a_currency_without_a_minor_unit_has_no_digits():
    assert grouped(Decimal(1500), 0) == "1,500"


def test_a_share_is_a_percentage():
    assert [percent(share) for share in (0.85, 1.0, 0.00005, float("inf"))] == ["85.00%", "100.00%", "0.01%", "-"]
