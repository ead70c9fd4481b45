"""Bytes to rows: encodings, quotes, line ends, and the line that each row begins on."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plain_rows import rows_of

from graphrisk.stores import delimited
from graphrisk.stores.delimited import NotTextError, decoded, split


def read(text):
    file = split(text, table="fx", name="fx.csv")
    rows = list(
        zip(file.lines.tolist(), zip(*(column.to_pylist() for column in file.columns), strict=True), strict=True)
    )
    return file.header, rows, [(misfit.line, misfit.fields, misfit.code) for misfit in file.misfits]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("借据号,a".encode(), ("借据号,a", "UTF-8")),
        (b"\xef\xbb\xbf" + "借据号".encode(), ("借据号", "UTF-8 with BOM")),
        ("借据号,放款金额".encode("gb18030"), ("借据号,放款金额", "GB18030")),
        ("㐀𠀀".encode("gb18030"), ("㐀𠀀", "GB18030")),
        ("借据号".encode("utf-16"), ("借据号", "UTF-16")),
        (b"plain", ("plain", "UTF-8")),
        (b"", ("", "UTF-8")),
    ],
)
def test_encodings(content, expected):
    assert decoded(content) == expected


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a\nb\0c", 2),
        (bytes(range(256)), 1),
        (b"PK\x03\x04\n\0", 2),
        (b"a,b\n\xff\xff\xff\n", 2),
        ("借据号,客户编号,放款金额\n".encode() + b"1,\xe5\n", 2),
        (b"\xef\xbb\xbfa\n\xff", 2),
        ("借据号".encode("utf-16") + b"\x00", 1),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(content, line):
    with pytest.raises(NotTextError) as refused:
        decoded(content)
    assert refused.value.line == line


def test_damaged_utf8_is_not_taken_for_gb18030():
    content = "客户,放款,日期,".encode() + b"\xe5\xae,1\n"
    assert content.decode("gb18030").startswith("瀹㈡埛")
    with pytest.raises(NotTextError):
        decoded(content)


def test_another_encoding_is_guessed_for_the_repair():
    content = "Кредит,Заёмщик,Сумма\n".encode("koi8-r") * 20 + b"\xff"
    with pytest.raises(NotTextError) as refused:
        decoded(content)
    assert refused.value.guess


@pytest.mark.parametrize(
    ("text", "rows", "misfits"),
    [
        ("a,b\n1,2\n", [(2, ("1", "2"))], []),
        ("a,b\n1,2", [(2, ("1", "2"))], []),
        ("a,b\r\n1,2\r\n3,4\r\n", [(2, ("1", "2")), (3, ("3", "4"))], []),
        ("a,b\r1,2\r3,4\r", [(2, ("1", "2")), (3, ("3", "4"))], []),
        ("\n,\na,b\n\n , \n1,2\n\n", [(6, ("1", "2"))], []),
        ('a,b\n"1\n\n1",2\n3,4\n', [(2, ("1\n\n1", "2")), (5, ("3", "4"))], []),
        ('a,b\n"1\r\n1",2\r\n3,4\r\n', [(2, ("1\r\n1", "2")), (4, ("3", "4"))], []),
        ('a,b\n"1,""x""",2\n', [(2, ('1,"x"', "2"))], []),
        ("a,b\n 1 , 2 \n", [(2, (" 1 ", " 2 "))], []),
        (
            "a,b\n1\n1,2,3\n4,5\n",
            [(4, ("4", "5"))],
            [(2, ("1",), "too_few_fields"), (3, ("1", "2", "3"), "too_many_fields")],
        ),
        ("a,b\n1,2,\n", [], [(2, ("1", "2", ""), "too_many_fields")]),
        (
            'a,b\n1,2\n3,"4\n5,6\n7,8\n',
            [(2, ("1", "2")), (4, ("5", "6")), (5, ("7", "8"))],
            [(3, ("3", "4"), "unclosed_quote")],
        ),
        ('a,b\n1,"2', [], [(2, ("1", "2"), "unclosed_quote")]),
        ("a,b\n\x0b1,2\u2028\n", [(2, ("\x0b1", "2\u2028"))], []),
    ],
)
def test_rows_and_their_lines(text, rows, misfits):
    assert read(text) == (("a", "b"), rows, misfits)


@pytest.mark.parametrize("text", ["", "\n\n", " , ,\n\n"])
def test_no_header_is_a_fault(text):
    assert split(text, table="fx", name="fx.csv").fault == "no_header"


def test_a_field_of_a_million_characters_is_a_field():
    assert read("a,b\n" + "x" * 1_000_000 + ",1\n")[1][0][1][0] == "x" * 1_000_000


ALPHABET = st.text(st.sampled_from('ab ,,"\n\n\r"'), max_size=40)


@given(ALPHABET, st.integers(1, 3))
@example('a\n"\n', 1)
@example('"a\nb', 1)
@example('a,b\nx"1,2\n"3""4\n5",6\n', 2)
@example('a\n""\n"""\n', 1)
def test_rows_are_those_that_a_reader_of_characters_finds(text, block):
    before, delimited._BLOCK = delimited._BLOCK, block  # noqa: SLF001 -- rows may end anywhere in a block
    try:
        header, rows, misfits = read(text)
    finally:
        delimited._BLOCK = before  # noqa: SLF001 -- as above
    expected = rows_of(text)
    assert bool(header) == bool(expected)
    got = sorted([*rows, *((line, fields) for line, fields, _ in misfits)])
    assert [line for line, _ in got] == [line for line, _ in expected[1:]]
    whole = {line: tuple(fields) for line, fields in expected}
    assert all(whole[line] == fields for line, fields, code in misfits if code != "unclosed_quote")
    assert all(whole[line] == fields for line, fields in rows)


PLAIN_FIELDS = st.text(alphabet="a1 .\t\x0b\x1c\x85\u2028\u3000\ufeff借😀'", max_size=4)


@st.composite
def plain_texts(draw):
    """Return text without quotes in which most rows have as many fields as the header."""
    width = draw(st.integers(1, 4))
    row = st.lists(PLAIN_FIELDS, min_size=width, max_size=width)
    rows = draw(st.lists(row | st.just([""] * width), min_size=1, max_size=6))
    if draw(st.integers(0, 5)) == 0:
        rows.append(draw(st.lists(PLAIN_FIELDS, min_size=0, max_size=5)))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    return end.join(",".join(fields) for fields in rows) + draw(st.sampled_from([end, end, "", end + end]))


@given(text=plain_texts())
@example(text="a,b\n1,2")
@example(text="a,b\n\ufeff1,2\n")
@example(text="a,b\n1,2\n,\n3,4\n")
@example(text="a,b,c\n1,2\n1,2,3,4\n")
@example(text=" ,\n1,2\n")
def test_text_without_quotes_has_the_rows_that_are_there(text):
    header, rows, misfits = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_plain", lambda *_, **__: None)
        assert read(text) == (header, rows, misfits)
    found = [(line, list(fields)) for line, fields in rows]
    found += [(line, list(fields)) for line, fields, _ in misfits]
    assert sorted(found) == rows_of(text)[1:]


def test_a_line_longer_than_what_is_read_at_a_time_is_a_row():
    file = split("a,b\n1,2\n" + "1" * 5_000_000 + ",2\n", table="fx", name="fx.csv")
    assert file.lines.tolist() == [2, 3]
    assert file.columns[0][1].as_py() == "1" * 5_000_000


@pytest.mark.parametrize(("text", "by_arrow"), [("a,b\n1,2\n", True), ('a,b\n1,"2"\n', False), ("a\n1\n", False)])
def test_arrow_reads_what_has_no_quotes(monkeypatch, text, by_arrow):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(delimited, "_blocks" if by_arrow else "_uniform", refuse)
    assert split(text, table="fx", name="fx.csv").lines.tolist() == [2]
