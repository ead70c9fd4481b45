import csv
import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from hand_made_results import CARD, PERSON, PHONE, book, free_text_result, overdue_result, spread_result
from rich.cells import cell_len

from graphrisk.analyzers.check import check
from graphrisk.results import Sentence
from graphrisk.tables.book import Finding
from graphrisk.views.mask import Masker
from graphrisk.views.records import harmless
from graphrisk.views.text import audit_lines, render_unit, write

FORMATS = ["table", "json", "csv", "md"]


def written(result, format_="table", **options):
    out = io.StringIO()
    options.setdefault("masker", Masker.of(book(), {}))
    write(result, format_, out, **options)
    return out.getvalue()


SENTENCES = {
    "en": {"findings": {"made_up": "{column} {value} is made up"}, "repairs": {"made_up": "mend {table}"}},
    "zh": {"findings": {"made_up": "{column} {value} 是编造的"}, "repairs": {"made_up": "修复 {table}"}},
}


@pytest.fixture(autouse=True)
def _fixed_words(monkeypatch):
    monkeypatch.setattr("graphrisk.tables.book.texts", SENTENCES.get)
    for module in ("graphrisk.views.text", "graphrisk.views.records"):
        monkeypatch.setattr(f"{module}.package_version", lambda: "0.0.0")


# The layout of a table is no promise, but a change of it should be seen.


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_spread_in_every_format(format_, lang, file_regression):
    text = written(spread_result(), format_, lang=lang, command=f"graphrisk spread {CARD}")

    file_regression.check(text, extension=f".{format_}.txt", encoding="utf-8", newline="\n")


def test_a_spread_in_a_terminal_of_80(file_regression):
    text = written(spread_result(), terminal=80, top=3, command="graphrisk spread A")

    assert max(cell_len(line) for line in text.splitlines()) <= 80
    file_regression.check(text, encoding="utf-8", newline="\n")


@pytest.mark.parametrize("format_", ["table", "md", "csv"])
def test_loans_overdue(format_, file_regression):
    file_regression.check(
        written(overdue_result(), format_, unit="万元"), extension=f".{format_}.txt", encoding="utf-8", newline="\n"
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_check_of_tables(lang, file_regression):
    tables = book()

    file_regression.check(written(check(tables), lang=lang), encoding="utf-8", newline="\n")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("terminal", [None, 80, 200])
def test_no_format_names_a_person(format_, terminal):
    spread = written(spread_result(), format_, terminal=terminal, command=f"graphrisk spread {PHONE}")

    for text in (spread, written(check(book()), format_, terminal=terminal)):
        for secret in (CARD, PHONE, PERSON, "李四"):
            assert secret not in text


@pytest.mark.parametrize("format_", FORMATS)
def test_unmasked_everything_is_shown(format_):
    text = written(spread_result(), format_, masker=None)

    assert CARD in text
    assert PERSON in text


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_result_gives_the_same_bytes(format_):
    assert written(spread_result(), format_) == written(spread_result(), format_)


def test_json_has_its_keys_in_order_and_plain_numbers():
    text = written(spread_result(), "json")
    document = json.loads(text)

    assert list(document)[:10] == [
        *("graphrisk", "schema", "command", "as_of", "currency"),
        *("parameters", "conventions", "data", "summary", "rows"),
    ]
    assert list(document["data"])[:3] == ["source", "tables", "findings"]
    assert document["data"]["tables"] == {"entities": 4}
    assert document["data"]["findings"] == {"error": 1, "warning": 0, "note": 1}
    assert '"amount": 10000000000000000.0' in text
    assert "e+" not in text
    assert "-0.0" not in text
    assert document["summary"]["amplification"] == 1.769231
    assert document["summary"]["none"] is None
    first, last = document["rows"][0], document["rows"][-1]
    assert first["roles"] == ["borrower", "partner"]
    assert first["defaulted"] is True
    assert last["distance"] is None
    assert last["credit_loss"] == 135000.123457


def test_json_amounts_of_the_ledger_are_exact_with_the_digits_of_the_currency():
    text = written(overdue_result(2, currencies=("CNY", "JPY")), "json")

    assert '"overdue_total": 52000.05' in text
    assert '"overdue_total": 5200005,' in text
    assert '"penalty": null' in text
    assert '"overdue_since": "2024-05-26"' in text


def test_csv_holds_header_and_rows_alone():
    rows = list(csv.reader(io.StringIO(written(spread_result(), "csv"))))

    assert len(rows) == 5
    assert rows[0] == [column.name for column in spread_result().columns]
    assert rows[1][2] == "borrower|partner"
    assert rows[1][-1] == "true"
    assert rows[4][1] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋"])
def test_a_cell_cannot_be_a_formula(start):
    text = f"{start}HYPERLINK(1)"
    (_, (cell,)) = csv.reader(io.StringIO(written(free_text_result(text), "csv"), newline=""))

    assert cell == f"'{text}"


def test_a_negative_number_stays_a_number():
    rows = list(csv.reader(io.StringIO(written(overdue_result(), "csv"))))

    assert [row[1] for row in rows[1:]] == ["A", "'=cmd|' /C calc'!A0", "-5"]
    assert harmless("-1,000") == "'-1,000"


@pytest.mark.parametrize("format_", ["table", "md"])
@pytest.mark.parametrize("terminal", [None, 80])
def test_a_name_cannot_steer_a_terminal(format_, terminal):
    text = written(free_text_result("a\x1b[31mb\r\nc\u202ed[red]e|f"), format_, terminal=terminal)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]" in text.replace("\\", "")
    if format_ == "md":
        assert "e\\|f" in text


def test_markdown_is_not_read_into_a_mask():
    assert "张\\*\\*" in written(spread_result(), "md")


def test_a_terminal_shows_the_first_rows_and_says_how_many_more():
    text = written(overdue_result(1230), terminal=100, top=20)

    assert "L019" in text
    assert "L020" not in text
    assert "1,210 more rows" in text
    assert "1,230" in text, "the total is of all rows"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 240])
def test_no_number_is_cut_in_a_terminal(width):
    text = written(overdue_result(), terminal=width)

    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "52,000.05" in text
    assert "…" not in text
    if width < 160:
        assert "Left out" in text


def test_columns_line_up_under_chinese_headers():
    lines = written(overdue_result(), lang="zh").splitlines()
    header = next(line for line in lines if line.startswith("借据"))
    row = next(line for line in lines if line.startswith("L000"))
    ends = [cell_len(header[: header.index(word) + len(word)]) for word in ("逾期总额", "逾期天数")]

    assert [cell_len(row[: row.index(number) + len(number)]) for number in ("52,000.05", "1,035")] == ends


def test_two_currencies_have_no_total_and_keep_their_column():
    text = written(overdue_result(2, currencies=("CNY", "JPY")), terminal=60)

    assert "each row's currency" in text
    assert "JPY" in text
    assert "5,200,005" in text
    assert "total of" not in text


def test_the_unit_divides_tables_alone():
    assert "5.20" in written(overdue_result(), unit="万元")
    assert "52000.05" in written(overdue_result(), "csv", unit="万元")
    assert render_unit(("JPY",), "亿元", "en") == "Amounts in 亿 JPY."


def test_codes_are_translated_in_the_table_alone():
    assert "关注" in written(overdue_result(), lang="zh")
    assert "special_mention" in written(overdue_result(), "json", lang="zh")
    assert "special_mention" in written(overdue_result(), "csv", lang="zh")


def test_an_audit_line_names_what_made_the_result():
    lines = audit_lines(spread_result(), masker=Masker.of(book(), {}), command=f"graphrisk spread {CARD}", lang="en")

    assert len(lines) == 2
    for part in ("graphrisk 0.0.0", "0123456789ab", "2024-06-30", "CNY", "graphrisk spread m-"):
        assert part in lines[0]
    assert "grace_days=0" in lines[1]


def test_check_lists_the_first_findings_of_a_kind_and_counts_the_rest():
    findings = tuple(replace(book().findings[0], line=line, value=f"L{line}") for line in range(2, 12))
    tables = replace(book(), findings=findings)
    capped, whole = written(check(tables), top=5), written(check(tables), top=0)

    assert capped.count("loans.csv:") == 5
    assert "5 more" in capped
    assert whole.count("loans.csv:") == 10
    assert len(list(csv.reader(io.StringIO(written(check(tables), "csv", top=5))))) == 11


def test_check_counts_money_in_the_unit():
    assert "120.40" in written(check(book()), unit="万元")
    assert "each row's currency" in written(check(book()), unit="万元")


def test_check_speaks_english_to_machines():
    tables = book()

    assert written(check(tables), "json", lang="zh") == written(check(tables), "json", lang="en")


def test_an_empty_result_is_a_header_and_no_rows():
    empty = replace(overdue_result(), rows=overdue_result().rows.head(0))

    assert json.loads(written(empty, "json"))["rows"] == []
    assert written(empty, "csv").count("\n") == 1
    assert "overdue total" in written(empty)


def test_headline_and_notes_stand_in_json_too():
    result = replace(overdue_result(), notes=(Sentence("spread_no_feedback"),))

    assert len(json.loads(written(result, "json"))["notes"]) == 1


def test_a_result_of_two_kinds_of_record_shows_each_with_its_own_columns():
    result = replace(
        overdue_result(),
        columns=tuple(
            column for column in overdue_result().columns if column.name in ("loan_id", "penalty", "overdue_since")
        ),
        rows=pd.DataFrame(
            {
                "record": ["instalment", "payment"],
                "loan_id": ["L1", "L1"],
                "penalty": pd.array([100, None], dtype="Int64"),
                "overdue_since": pd.to_datetime([None, "2024-01-01"]),
            }
        ),
    )
    lines = [line.split() for line in written(result).splitlines() if "loan" in line]

    assert lines == [["loan", "penalty"], ["loan", "overdue", "since"]]


def test_findings_carry_lists_as_texts(monkeypatch):
    monkeypatch.setattr(
        "graphrisk.tables.book.texts", lambda _: {"findings": {"x": "{names} in {file}"}, "repairs": {}}
    )

    assert Finding("note", "x", file="f.csv", fields={"names": ("a", "b")}).sentence() == "a, b in f.csv"
    assert Finding("note", "x").repair() == ""
