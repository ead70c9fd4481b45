"""The same rows have the same digest, whatever their order; any other value has another."""

import hashlib
import struct

import numpy as np
import pandas as pd
import pytest

from graphrisk.tables.fingerprint import digests
from graphrisk.tables.schemas import SCHEMAS

ROWS = [
    {"loan_id": "L1", "paid_date": "2024-02-01", "amount": 100, "kind": "pay"},
    {"loan_id": "L1", "paid_date": "2024-02-01", "amount": 100},
    {"loan_id": "L2", "paid_date": "2024-02-03", "amount": -5, "payer_id": "企业"},
    {"loan_id": "L2", "paid_date": "2024-02-03", "amount": -5, "payer_id": "企业"},
]


def of(rows, table="payments", currency="CNY"):
    return digests({table: SCHEMAS[table].frame(rows)}, currency=currency)[0]


def test_order_and_place_of_rows_do_not_count():
    rng = np.random.default_rng(5)
    for _ in range(10):
        rows = [{**ROWS[at], "source_file": "other", "source_line": 99} for at in rng.permutation(len(ROWS))]
        assert of(rows) == of(ROWS)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:-1],
        [*ROWS, ROWS[0]],
        [{**ROWS[0], "kind": "prepay"}, *ROWS[1:]],
        [{**ROWS[0], "kind": None}, *ROWS[1:]],
        [{**ROWS[0], "paid_date": "2024-02-02"}, *ROWS[1:]],
        [{**ROWS[0], "amount": 101}, *ROWS[1:]],
        [{**ROWS[0], "payment_id": "pay", "kind": None}, *ROWS[1:]],
        [],
    ],
)
def test_any_other_row_counts(rows):
    assert of(rows) != of(ROWS)


def test_where_one_text_ends_and_the_next_begins_counts():
    pairs = [{"from_id": "ab", "to_id": "c"}, {"from_id": "a", "to_id": "bc"}]
    assert of(pairs[:1], "partnerships") != of(pairs[1:], "partnerships")
    rows = [[{"from_id": "a", "to_id": "x"}, {"from_id": "bb", "to_id": "y"}]]
    rows.append([{"from_id": "ab", "to_id": "x"}, {"from_id": "b", "to_id": "y"}])
    assert of(rows[0], "partnerships") != of(rows[1], "partnerships")


def test_null_false_zero_and_blank_differ():
    flags = [{"owner_id": "A", "owned_id": "B", "control": value} for value in (None, False, True)]
    assert len({of([row], "ownership") for row in flags}) == 3
    shares = [{"owner_id": "A", "owned_id": "B", "share_min": value} for value in (None, 0.0, 1.0)]
    assert len({of([row], "ownership") for row in shares}) == 3
    assert of([{**shares[1], "share_min": -0.0}], "ownership") == of([shares[1]], "ownership")
    mixed = [flags[0] | {"control": True, "start": "2024-01-01"}, flags[0]]
    assert of(mixed, "ownership") == of(mixed[::-1], "ownership")


def test_an_absent_table_is_not_an_empty_one_and_currency_counts():
    assert digests({}, currency="CNY")[0] != of([])
    assert of(ROWS, currency="USD") != of(ROWS)


def test_the_key_is_another_digest_of_the_same_rows():
    frame = SCHEMAS["payments"].frame(ROWS)
    fingerprint, key = digests({"payments": frame}, currency="CNY")
    turned = digests({"payments": frame[::-1]}, currency="CNY")
    assert turned == (fingerprint, key)
    assert len(fingerprint) == 64
    assert len(key) == 32
    assert key.hex() != fingerprint
    assert key != hashlib.sha256(fingerprint.encode()).digest()


def test_slices_and_chunks_of_a_frame_digest_as_fresh_ones():
    frame = SCHEMAS["payments"].frame(ROWS)
    parts = pd.concat([frame[:1], frame[1:3], frame[3:]], ignore_index=True)
    assert digests({"payments": parts}, currency="CNY") == digests({"payments": frame}, currency="CNY")
    part = frame[1:3]
    assert digests({"payments": part}, currency="CNY")[0] == of(ROWS[1:3])


def packed(bits):
    """Return bits as bytes, the first bit the highest of the first byte."""
    text = "".join("01"[bit] for bit in bits)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def test_the_digest_is_that_of_the_bytes_written_by_hand():
    # Sorted by loan_id, paid_date, amount, kind with null last; columns that are wholly blank are left out.
    day = 1_706_745_600  # 2024-02-01 in seconds since 1970
    columns = {
        "loan_id": ("text", ["L1", "L1", "L2", "L2"]),
        "paid_date": ("date", [day, day, day + 2 * 86_400, day + 2 * 86_400]),
        "amount": ("money", [100, 100, -5, -5]),
        "kind": ("code", ["pay", None, None, None]),
        "payer_id": ("text", [None, None, "企业", "企业"]),
    }
    data = b"CNY\0payments\x004\0"
    for name, (type_, values) in columns.items():
        data += f"{name}\0{type_}\0".encode() + packed(value is not None for value in values)
        if type_ in ("text", "code"):
            texts = [(value or "").encode() for value in values]
            data += b"".join(struct.pack("<q", len(text)) for text in texts) + b"".join(texts)
        else:
            data += struct.pack("<4q", *values)
    got = digests({"payments": SCHEMAS["payments"].frame(ROWS)}, currency="CNY")
    assert got[0] == hashlib.sha256(b"graphrisk fingerprint 1\0" + data).hexdigest()
    assert got[1] == hashlib.sha256(b"graphrisk mask key 1\0" + data).digest()
