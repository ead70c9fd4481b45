"""Two thousand broken books: no traceback, and every row that is in a file is kept or set aside."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_rows import rows_of, text_of

from graphrisk.errors import GraphriskError
from graphrisk.stores.files import read_tables

STORY = Path(__file__).parents[2] / "examples" / "01-reference-story" / "tables"
FILES = {path.stem: path.read_bytes() for path in sorted(STORY.glob("*.csv"))}

CELLS = [
    *(
        "",
        " ",
        "0",
        "-1",
        "1e5",
        "1.81E+11",
        "NaN",
        "NULL",
        "#N/A",
        "１２，３４５",
        "1,234.5",
        "¥5",
        "12%",
        "18",
        "0.005",
    ),
    *(
        "9" * 19,
        "9" * 400,
        "-92233720368547758.08",
        "2024-02-30",
        "2024年6月30日",
        "20240630",
        "9999-12-31",
        "0000-00-00",
    ),
    *(
        "是",
        "否",
        "等额本息",
        "?",
        "USD",
        "JPY",
        "XXX",
        "A",
        "F1",
        "L1",
        "L9",
        "合计",
        '"',
        '""',
        '"x',
        "a\nb",
        "a\r\nb",
        "=1+1",
    ),
    *(
        "\ufeff",
        "\u200b",
        "\x0b",
        "\x1a",
        "\ud7ff",
        "😀",
        "甲" * 50,
        "x,y",
        "penalty>interest",
        "M0",
        "true",
        "1.5",
        "-0",
    ),
]
HEADERS = [
    "loan_id",
    "借据号",
    "客户编号",
    "金额",
    "amount",
    "",
    " ",
    "x",
    "Name",
    "月利率",
    "贷款余额（万元）",
    "到期日",
    "source_line",
]
LINES = [
    b"",
    b",",
    b",,,,,,,,",
    b'"',
    b'"",""',
    b"\xff\xfe",
    b"a\0b",
    "合计,,1".encode(),
    "制表人：甲".encode(),
    b"L1,1",
]


def _cell(lines, at, column, text):
    row = lines[at % len(lines)].split(b",")
    row[column % len(row)] = text
    lines[at % len(lines)] = b",".join(row)


def _in_bytes(content, kind, at, other):
    start, stop = sorted((at % len(content), other % len(content)))
    return {
        "replace byte": content[:start] + bytes([other % 256]) + content[start + 1 :],
        "insert byte": content[:start] + bytes([other % 256]) + content[start:],
        "delete bytes": content[:start] + content[min(stop, start + 9) :],
        "cut": content[:start],
        "repeat": content[:stop] + content[start:],
    }.get(kind)


def _as_a_whole(content, kind, other):
    if kind == "encoding":
        codec = ("gb18030", "utf-8-sig", "utf-16", "latin-1", "big5")[other % 5]
        return content.decode("utf-8", "replace").encode(codec, "replace")
    return content.replace(b"\n", (b"\r\n", b"\r", b"\n\n", b"\r\r\n")[other % 4]) if kind == "line ends" else None


def _in_lines(lines, kind, at, other, text):
    one, two = at % len(lines), other % len(lines)
    if kind == "delete line":
        del lines[one]
    elif kind == "repeat line":
        lines.insert(two, lines[one])
    elif kind == "swap lines":
        lines[one], lines[two] = lines[two], lines[one]
    elif kind == "insert line":
        lines.insert(one, LINES[other % len(LINES)])
    elif kind == "join lines":
        lines[one : one + 2] = [b"".join(lines[one : one + 2])]
    elif kind == "header":
        _cell(lines, 0, at, HEADERS[other % len(HEADERS)].encode())
    else:
        _cell(lines, at, other, text)


def mutated(content, kind, at, other, text):
    """Return a file with one thing changed."""
    if not content:
        return text
    changed = _in_bytes(content, kind, at, other)
    changed = _as_a_whole(content, kind, other) if changed is None else changed
    if changed is not None:
        return changed
    lines = content.split(b"\n")
    _in_lines(lines, kind, at, other, text)
    return b"\n".join(lines)


KINDS = [
    *("replace byte", "insert byte", "delete bytes", "cut", "repeat", "encoding", "line ends", "delete line"),
    *("repeat line", "swap lines", "insert line", "join lines", "header", "cell", "cell", "cell"),
]
TEXTS = [cell.encode("utf-8", "surrogatepass") for cell in CELLS] + [
    b"\xff",
    b"\x80\x81",
    b"\0",
    b"\xe4\xbd",
    b"\r",
    b"\n",
]

# One number a change: drawing its parts apart takes longer than reading the book.
CHANGES = st.lists(st.integers(0, len(KINDS) * 400 * 400 * len(TEXTS) - 1), min_size=1, max_size=4)


def change(number):
    """Return the parts of a change: its kind, two places, and a text."""
    number, kind = divmod(number, len(KINDS))
    number, at = divmod(number, 400)
    number, other = divmod(number, 400)
    return KINDS[kind], at, other, TEXTS[number]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("book")


def held_to_account(tables, written):
    """Count rows and money of each table apart from the reader."""
    unread = {finding.table for finding in tables.findings if finding.code == "not_text"}
    for name, content in written.items():
        tally = tables.tallies[name]
        text = text_of(content)
        if name in unread:
            assert text is None or "\ufffd" in content.decode("utf-8", "replace")
            expected = 0
        else:
            expected = max(len(rows_of(text)) - 1, 0)
        assert tally.rows_read == expected
        assert tally.rows_read == tally.rows_kept + tally.rows_quarantined
        assert len(tables[name]) == tally.rows_kept
        assert len(tables.quarantine.get(name, ())) == tally.rows_quarantined
        for key, amount in tally.money_read.items():
            assert amount == tally.money_kept[key] + tally.money_quarantined[key]
        for column in ("principal", "amount", "principal_due", "limit"):
            if column in tables[name]:
                kept = sum(amount for (counted, _), amount in tally.money_kept.items() if counted == column)
                assert kept == sum(map(int, tables[name][column].dropna()))


@pytest.mark.parametrize("half", [0, 1])  # two halves of the tables, so that two processes can share them
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, len(FILES) // 2 - 1),
    st.lists(st.sampled_from(["loans", "entities", "schedule"]), max_size=1),
    CHANGES,
)
def test_a_broken_file_makes_no_traceback_and_loses_no_row(folder, half, number, others, changes):
    name = sorted(FILES)[half + 2 * number]
    content = FILES[name]
    for drawn in changes:
        content = mutated(content, *change(drawn))
    written = {other: FILES[other] for other in others} | {name: content}
    for path in folder.iterdir():
        path.unlink()
    for table, text in written.items():
        (folder / f"{table}.csv").write_bytes(text)
    try:
        tables = read_tables([folder])
    except GraphriskError:
        return
    held_to_account(tables, written)
    for finding in tables.findings[:3]:
        assert finding.sentence("en")
        assert finding.sentence("zh")
