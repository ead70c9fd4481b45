"""Every spelling of an amount, rate, date and code, as literals."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrisk.tables import values
from graphrisk.tables.aliases import Heading
from graphrisk.tables.schemas import DTYPES, SCHEMAS


def raw(*texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def one(reading):
    """Return the value of a one-row reading, or the code of its fault."""
    fault = int(reading.fault[0])
    if fault and reading.faults[fault - 1].severity == "error":
        return reading.faults[fault - 1].code
    value = reading.array[0]
    return None if pd.isna(value) else value


def money(text, exponent=2, power=0):
    return values.read_money(raw(text), exponents=np.array([exponent], np.int8), power=power)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1234.50", 123450),
        ("0", 0),
        ("-0", 0),
        pytest.param("0" * 5000 + "7.5", 750, id="many zeros"),
        ("007.5", 750),
        (".5", 50),
        ("+12", 1200),
        ("-12.34", -1234),
        ("1,234,567.89", 123456789),
        ("-1,234.5", -123450),
        ("１２，３４５．６", 1234560),
        ("  1234　", 123400),
        ("\ufeff1234\u200b", 123400),
        ("¥1,000", 100000),
        ("￥ 1，000.00", 100000),
        ("-￥5", -500),
        ("￥-5", -500),
        ("92233720368547758.07", 2**63 - 1),
        ("-92233720368547758.07", -(2**63 - 1)),
        ("", None),
        ("   ", None),
        ("NULL", None),
        ("#N/A", None),
    ],
)
def test_amounts_become_minor_units(text, minor):
    reading = money(text)
    assert one(reading) == minor
    assert reading.fault[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        *("abc", "1.2.3", "1,23", "12,34,567", "1,2345", ",5", "1,", "--5", "-￥-5", "(123)", "1e5", "1.81E+11"),
        *("100元", "12万", "1 234", "5.", ".", "-", "nan", "inf", "0x10", "１２３a", "1\n2", "=1+1", "٣"),
    ],
)
def test_what_is_no_plain_decimal_is_no_amount(text):
    assert one(money(text)) == "unreadable_money"


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1.005", 101), ("1.004", 100), ("-1.005", -101), ("1.0000000001", 100), ("0.0049999", 0), ("-0.001", 0)],
)
def test_more_decimals_than_the_currency_has_are_rounded_half_up_and_said(text, minor):
    reading = money(text)
    assert one(reading) == minor
    assert reading.faults[reading.fault[0] - 1] == values.Fault("money_rounded", "warning")


@pytest.mark.parametrize("text", ["1.500", "1.50000000000000000000", "-2.000"])
def test_zeros_beyond_the_minor_unit_are_nothing_to_say(text):
    assert money(text).fault[0] == 0


@pytest.mark.parametrize(
    "text", ["92233720368547758.08", "-92233720368547758.08", "1" + "0" * 40, pytest.param("9" * 5000, id="many nines")]
)
def test_an_amount_beyond_int64_is_no_amount(text):
    assert one(money(text)) == "money_too_large"


@pytest.mark.parametrize(
    ("text", "exponent", "power", "minor"),
    [
        ("1200", 0, 0, 1200),
        ("1.234", 3, 0, 1234),
        ("1.2", 2, 4, 1200000),
        ("0.000001", 2, 4, 1),
        ("3", 0, 8, 3 * 10**8),
    ],
)
def test_the_exponent_is_the_currencys_and_the_unit_the_headers(text, exponent, power, minor):
    reading = money(text, exponent, power)
    assert (one(reading), reading.fault[0]) == (minor, 0)


def test_each_row_has_its_own_exponent():
    reading = values.read_money(raw("1.5", "1.5", "", "1.5"), exponents=np.array([2, 3, 0, 0], np.int8))
    assert reading.array.tolist() == [150, 1500, pd.NA, 2]
    assert reading.fault.tolist() == [0, 0, 0, 3]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_any_decimal_equals_decimals_own_rounding(number):
    text = f"{number:f}"
    expected = int((number * 100).to_integral_value(ROUND_HALF_UP))
    assert one(money(text)) == expected
    assert one(money(f"{number:,f}")) == expected
    assert values.fixed_point(raw(text).combine_chunks(), 9)[0][0] == int(number * 10**9)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.18", 180_000_000),
        ("18%", 180_000_000),
        ("18 ％", 180_000_000),
        ("1.5‰", 1_500_000),
        ("1", 1_000_000_000),
        ("0", 0),
        ("120%", 1_200_000_000),
        ("0.123456789", 123_456_789),
        ("0.0333333333333", 33_333_333),
        ("4.35%", 43_500_000),
        ("-0.5%", -5_000_000),
        ("", None),
    ],
)
def test_rates_are_parts_of_a_billion(text, parts):
    assert one(values.read_rate(raw(text), Heading(""))) == parts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("18", "rate_above_one"),
        ("1.0000001", "rate_above_one"),
        ("月息1分", "unreadable_rate"),
        ("万5", "unreadable_rate"),
        ("18%%", "unreadable_rate"),
        ("%", "unreadable_rate"),
        ("1e-2", "unreadable_rate"),
    ],
)
def test_a_bare_rate_above_one_may_be_meant_in_percent_and_is_refused(text, code):
    assert one(values.read_rate(raw(text), Heading(""))) == code


def test_under_a_header_in_percent_bare_numbers_are_percent():
    reading = values.read_rate(raw("18", "0.5", "18%"), Heading("利率（%）", "annual_rate", power=-2))
    assert reading.array.tolist() == [180_000_000, 5_000_000, 180_000_000]


@pytest.mark.parametrize(("text", "parts"), [("1.5", 1_500_000_000), ("150%", 1_500_000_000), ("50", 50_000_000_000)])
def test_multiples(text, parts):
    assert one(values.read_multiple(raw(text), Heading(""))) == parts


@pytest.mark.parametrize(
    ("text", "share"), [("0.2", 0.2), ("30%", 0.3), ("1", 1.0), ("1.5", 1.5), ("x", "unreadable_share")]
)
def test_shares(text, share):
    assert one(values.read_share(raw(text), Heading(""))) == share


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.15", 1.15), ("-2", -2.0), ("1e3", 1000.0), ("1e999", "unreadable_number"), ("nan", "unreadable_number")],
)
def test_numbers(text, number):
    assert one(values.read_number(raw(text))) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("12.0", 12),
        ("1,200", 1200),
        ("1.5", "unreadable_integer"),
        ("9" * 30, "unreadable_integer"),
        ("一", "unreadable_integer"),
    ],
)
def test_whole_numbers(text, number):
    assert one(values.read_integer(raw(text))) == number


@pytest.mark.parametrize(
    "text",
    [
        *("2024-06-30", "2024/6/30", "2024/06/30", "20240630", "2024年6月30日", "2024 年 6 月 30 日"),
        *("2024.6.30", "2024-06-30 00:00:00", "2024/6/30 0:00", "2024-06-30T00:00:00", "２０２４年６月３０日"),
        *(" 2024-6-30 ", "2024-06-30 14:05:59", "20240630 00:00:00.000"),
    ],
)
def test_dates(text):
    assert one(values.read_date(raw(text))) == np.datetime64("2024-06-30")


@pytest.mark.parametrize(
    "text",
    [
        *("2024-02-30", "2024-13-01", "30/06/2024", "06-30-2024", "2024-06", "2024", "45473", "0000-00-00"),
        *("1024-01-01", "24-06-30", "2024/6-30", "2024-06-30 25:00", "2024063", "2024-06-30x", "今天", "2024年6月"),
    ],
)
def test_what_is_no_date_or_not_year_first_is_refused(text):
    assert one(values.read_date(raw(text))) == "unreadable_date"


@given(st.dates(min_value=date(1800, 1, 1)))
def test_any_day_reads_as_itself(day):
    for text in (f"{day:%Y-%m-%d}", f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日"):
        assert one(values.read_date(raw(text))) == np.datetime64(day)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2024-06", "2024-06"),
        ("2024/6", "2024-06"),
        ("202406", "2024-06"),
        ("2024年6月", "2024-06"),
        ("2024", "2024"),
        ("2024年", "2024"),
        ("2024-13", "unreadable_month"),
        ("2024-00", "unreadable_month"),
        ("2024-06-30", "unreadable_month"),
        ("202406年", "unreadable_month"),
        ("六月", "unreadable_month"),
    ],
)
def test_months(text, month):
    assert one(values.read_month(raw(text))) == month


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "Y", "是", "有", "√", "已确权"])
def test_yes(text):
    assert one(values.read_flag(raw(text), table="invoices", column="confirmed")) is np.True_


@pytest.mark.parametrize("text", ["false", "False", "0", "NO", "n", "否", "无", "未确权"])
def test_no(text):
    assert one(values.read_flag(raw(text), table="invoices", column="confirmed")) is np.False_


def test_neither_yes_nor_no_is_refused():
    assert one(values.read_flag(raw("maybe"), table="invoices", column="confirmed")) == "unreadable_flag"
    assert one(values.read_flag(raw("2"), table="invoices", column="confirmed")) == "unreadable_flag"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CNY", "CNY"),
        ("cny", "CNY"),
        ("156", "CNY"),
        ("001", "CNY"),
        ("人民币", "CNY"),
        ("RMB", "CNY"),
        ("美元", "USD"),
        ("USD", "USD"),
        ("XYZ", "unknown_currency"),
    ],
)
def test_currencies(text, code):
    assert one(values.read_code(raw(text), table="loans", column="currency")) == code
    assert one(values.read_code(raw(text), table="fx", column="base")) == code


def test_ids_keep_case_and_leading_zeros_and_lose_blanks():
    texts = raw(" 00123 ", "aB", "　甲（集团）", "")
    assert values.read_text(texts).array.tolist()[:3] == ["00123", "aB", "甲（集团）"]
    assert pd.isna(values.read_text(texts).array[3])


@pytest.mark.parametrize(
    ("text", "value"), [("1.81E+11", "id_scientific"), ("1.81e+11", "id_scientific"), ("1E5", "1E5"), ("E+11", "E+11")]
)
def test_an_id_that_a_spreadsheet_cut_short_is_refused(text, value):
    assert (
        one(values.read_column(raw(text), table="loans", column=SCHEMAS["loans"]["loan_id"], heading=Heading("")))
        == value
    )
    assert (
        one(values.read_column(raw(text), table="loans", column=SCHEMAS["loans"]["product"], heading=Heading("")))
        == text
    )


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("penalty>interest>principal", "penalty>interest>principal"),
        ("罚息>利息>本金", "penalty>interest>principal"),
        ("罚息 ＞ 利息 → 本金", "penalty>interest>principal"),
        ("费用、利息、本金", "fee>interest>principal"),
        ("先本后息", "principal>interest"),
        ("先息后本", "interest>principal"),
        ("按比例", "pro_rata"),
        ("PRO_RATA", "pro_rata"),
        ("本金", "principal"),
        ("利息>利息", "unreadable_order"),
        ("利息>?", "unreadable_order"),
        (">", "unreadable_order"),
    ],
)
def test_orders_of_allocation(text, order):
    column = SCHEMAS["loans"]["allocation_order"]
    assert one(values.read_column(raw(text), table="loans", column=column, heading=Heading(""))) == order


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("borrower", "borrower"),
        ("供应商|借款人", "borrower|supplier"),
        ("buyer, partner", "partner|buyer"),
        ("hero", "unknown_code"),
    ],
)
def test_roles(text, roles):
    assert (
        one(values.read_column(raw(text), table="entities", column=SCHEMAS["entities"]["roles"], heading=Heading("")))
        == roles
    )


@pytest.mark.parametrize("table", SCHEMAS)
@pytest.mark.parametrize("texts", [("1",), (), ("", "")])
def test_every_column_has_its_dtype_whatever_it_holds(table, texts):
    for column in SCHEMAS[table].columns:
        if column.type == "money":
            reading = values.read_money(raw(*texts), exponents=np.full(len(texts), 2, np.int8))
        else:
            reading = values.read_column(raw(*texts), table=table, column=column, heading=Heading(""))
        for array in (reading.array, values.blank(column, len(texts)).array):
            assert pd.Series(array).dtype == DTYPES[column.type], column.name
            assert len(array) == len(reading.fault) == len(texts)


def test_a_value_is_read_alike_in_whichever_row_and_chunk_it_stands():
    chunks = pa.chunked_array([["1", "x"], [], ["", "1,000", "x"]], pa.large_string())
    reading = values.read_money(chunks, exponents=np.full(5, 2, np.int8))
    assert reading.array.tolist() == [100, pd.NA, pd.NA, 100000, pd.NA]
    assert reading.fault.tolist() == [0, 1, 0, 0, 1]


def test_half_up_is_what_decimal_calls_half_up():
    assert [int((Decimal(text) * 100).to_integral_value(ROUND_HALF_UP)) for text in ("1.005", "-1.005")] == [101, -101]
