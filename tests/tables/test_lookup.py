"""Ids as positions, against a dictionary."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphrisk.tables.lookup import Lookup, all_differ, surely_differ, text_array

ids_and_others = st.tuples(st.lists(st.text(max_size=30), unique=True, max_size=20), st.lists(st.text(max_size=30)))


def column(texts):
    return pd.Series(texts, dtype="str")


def expected(ids, texts):
    places = {text: place for place, text in enumerate(ids)}
    return [places.get(text, -1) for text in texts]


@given(drawn=ids_and_others, data=st.data())
@example(drawn=(["a", "a\0", "", "a" * 8, "a" * 8 + "\0", "a" * 9], ["a" * 16, "\0"]), data=None)
def test_every_text_stands_where_a_dictionary_says(drawn, data):
    ids, others = drawn
    pool = [*ids, *others, None]
    texts = pool if data is None else data.draw(st.lists(st.sampled_from(pool), max_size=60))
    assert Lookup(pd.Index(column(ids))).positions(text_array(column(texts))).tolist() == expected(ids, texts)


@given(ids=st.lists(st.text(min_size=60, max_size=90), unique=True, max_size=6), others=st.lists(st.text(max_size=99)))
def test_texts_that_are_too_long_for_numbers_are_looked_up_as_text(ids, others):
    texts = [*ids, *others]
    assert Lookup(pd.Index(column(ids))).positions(text_array(column(texts))).tolist() == expected(ids, texts)


def test_equal_texts_side_by_side_are_found_as_if_each_were_looked_up():
    texts = ["b"] * 5 + [None] * 3 + ["x"] * 4 + ["a"] * 6
    found = Lookup(pd.Index(column(["a", "b"]))).positions(text_array(column(texts)))
    assert found.tolist() == expected(["a", "b"], texts)


def test_a_column_in_pieces_and_a_part_of_a_column_are_read_as_they_stand():
    ids = Lookup(pd.Index(column(["first", "second one", "third"])))
    pieces = pa.chunked_array([["third", None], ["second one"]], pa.large_string())
    whole = pd.Series(pd.array(pieces, dtype="str"))
    assert ids.positions(text_array(whole)).tolist() == [2, -1, 1]
    assert ids.positions(text_array(whole.iloc[1:])).tolist() == [-1, 1]


def test_a_null_that_hides_bytes_is_not_found():
    hiding = pa.Array.from_buffers(
        pa.large_string(),
        2,
        [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([0, 1, 2], np.int64).tobytes()), pa.py_buffer(b"aa")],
    )
    assert Lookup(pd.Index(column(["a"]))).positions(hiding).tolist() == [0, -1]


@pytest.mark.parametrize("shared", [True, False])
def test_ids_and_texts_that_share_a_hash_are_told_apart(monkeypatch, shared):
    def few_hashes(keys):
        length = keys.words[0]
        return length % np.uint64(2) if shared else length

    monkeypatch.setattr("graphrisk.tables.lookup._Keys.hashes", few_hashes)
    ids = ["a", "bb", "ccc"]
    texts = ["a", "b", "cc", "bb", "ccc", "ddd"]
    assert Lookup(pd.Index(column(ids))).positions(text_array(column(texts))).tolist() == expected(ids, texts)


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(pd.errors.InvalidIndexError):
        Lookup(pd.Index(column(["a", "a"]))).positions(text_array(column(["a"])))


@given(texts=st.lists(st.none() | st.text(max_size=3) | st.text(min_size=60, max_size=70), max_size=12))
def test_texts_all_differ_where_a_set_has_as_many(texts):
    there = [text for text in texts if text is not None]
    assert all_differ(text_array(column(texts))) == (len(set(there)) == len(there))


def test_texts_that_share_a_hash_may_still_differ(monkeypatch):
    monkeypatch.setattr("graphrisk.tables.lookup._Keys.hashes", lambda keys: keys.words[0])
    assert all_differ(text_array(column(["a", "b"])))
    assert not all_differ(text_array(column(["a", "a"])))


KEYS = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["", "a", "b", "a" * 9]),
        st.none() | st.sampled_from([-1, 0, 1, 2**63 - 1]),
        st.none() | st.sampled_from(["1970-01-01", "2024-06-30"]),
    ),
    max_size=8,
)


@given(rows=KEYS)
def test_rows_that_surely_differ_are_no_two_alike(rows):
    texts, numbers, dates = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    columns = [
        column(texts),
        pd.Series(numbers, dtype="Int64"),
        pd.Series(pd.to_datetime(pd.Series(dates, dtype="object")).astype("datetime64[s]")),
    ]
    if surely_differ(columns):
        assert len(set(rows)) == len(rows)
    else:
        # A blank counts as no text and as -1: such rows are looked at closer.
        assert len({(text or "", -1 if number is None else number, day) for text, number, day in rows}) < len(rows)


def test_columns_that_change_places_differ():
    one, other = column(["a", "b"]), column(["b", "a"])
    assert surely_differ([one, other])
    assert not surely_differ([column(["a", "a"]), column(["b", "b"])])
    assert not surely_differ([pd.Series([True, False])])
