"""An Excel workbook says what the JSON of the same answer says, in cells that have types."""

import io
import json
import time
import zipfile
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphrisk.views.workbook
from graphrisk.errors import ExitCode, UsageError
from graphrisk.results import KEYS, RESULTS, Result, ResultColumn, Sentence
from graphrisk.views.workbook import write_workbook

QUESTIONS = (
    ("overdue",),
    ("overdue", "--by", "borrower,bucket"),
    ("overdue", "L1", "--explain"),
    ("npl",),
    ("npl", "--by", "lender"),
    ("spread", "A"),
    ("check",),
    ("tables",),
    ("settings",),
    ("demo",),
)


def read(source):
    content = source if isinstance(source, io.BytesIO) else io.BytesIO(source.read_bytes())
    content.seek(0)
    return openpyxl.load_workbook(content)


def written(result, **options):
    out = io.BytesIO()
    write_workbook(result, out, **options)
    return read(out)


def rows_of(sheet, skipped=0):
    """Return the rows of a sheet under its keys."""
    keys, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(keys, row, strict=True)) for row in rows[skipped:]]


def pairs_of(sheet):
    return {row["key"]: row["value"] for row in rows_of(sheet)}


def lines_of(book):
    return rows_of(book["detail.lines"])


def plain(value):
    """Return a cell as JSON has it."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value


def flat(value):
    """Return a value of JSON as a cell has it."""
    if isinstance(value, list):
        return "|".join(map(str, value)) or None
    return None if value == "" else value


def frame(**columns):
    specs, values = zip(*columns.values(), strict=True)
    rows = pd.DataFrame(dict(zip(columns, values, strict=True)))
    return tuple(ResultColumn(name, kind) for name, kind in zip(columns, specs, strict=True)), rows


def one_column(kind, values, **result):
    columns, rows = frame(x=(kind, values))
    return Result("overdue", columns, rows, **{"currency": "CNY", **result})


def cells(kind, values, **result):
    return [cell for (cell,) in written(one_column(kind, values, **result))["rows"].iter_rows(min_row=2)]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_the_rows_are_those_of_json(run, tmp_path, question):
    path = tmp_path / "answer.xlsx"
    code, out, _ = run(*question, "-o", path)
    document = json.loads(run(*question, "--format", "json")[1])
    book = read(path)

    assert (code, out) == (0, "")
    assert rows_of(book["rows"]) or not document["rows"]
    for row, expected in zip(rows_of(book["rows"]), document["rows"], strict=True):
        assert {key: plain(cell) for key, cell in row.items()} == {key: flat(cell) for key, cell in expected.items()}


def test_the_summary_is_that_of_json_by_keys_joined_with_dots_and_its_tables_are_rows(run, tmp_path):
    run("spread", "A", "-o", tmp_path / "a.xlsx")
    document = json.loads(run("spread", "A", "--format", "json")[1])
    book, summary = read(tmp_path / "a.xlsx"), document["summary"]
    pairs = pairs_of(book["summary"])

    for name, value in summary.items():
        if name not in ("by_channel", "by_round", "projects"):
            assert pairs[name] == value
    assert {f"by_channel.{name}": amount for name, amount in summary["by_channel"].items()}.items() <= pairs.items()
    assert rows_of(book["summary.by_round"]) == summary["by_round"]
    assert rows_of(book["summary.projects"]) == summary["projects"]
    assert [{key: cell or "" for key, cell in row.items() if key in ("id", "giver")} for row in lines_of(book)] == [
        {key: row[key] for key in ("id", "giver")} for row in document["detail"]["lines"]
    ]
    assert [row["amount"] for row in lines_of(book)] == [row["amount"] for row in document["detail"]["lines"]]
    assert pairs_of(book["detail"])["reactions.delta"] == document["detail"]["reactions"]["delta"]


def test_the_audit_sheet_says_what_made_it(run, folder, tmp_path):
    path = tmp_path / "a.xlsx"
    run("npl", "--data", folder, "--convention", "grace_days=3", "-o", path)
    document = json.loads(run("npl", "--data", folder, "--convention", "grace_days=3", "--format", "json")[1])
    audit = pairs_of(read(path)["audit"])

    assert audit["graphrisk"] == document["graphrisk"]
    assert audit["command"] == f"graphrisk npl --data {folder} --convention grace_days=3 -o {path}"
    assert audit["as_of"] == datetime(2024, 6, 30)  # noqa: DTZ001 -- a cell has no zone
    assert audit["data.fingerprint"] == document["data"]["fingerprint"]
    assert audit["data.source"] == str(folder)
    assert audit["data.tables.loans"] == 4
    assert {f"conventions.{name}": value for name, value in document["conventions"].items()}.items() <= audit.items()
    assert audit["headline.1"] == document["headline"][0]


def test_cells_have_types(run, folder, tmp_path):
    run("overdue", "--data", folder, "-o", tmp_path / "a.xlsx")
    sheet = read(tmp_path / "a.xlsx")["rows"]
    row = {key.value: cell for key, cell in zip(sheet[1], sheet[2], strict=True)}

    assert (row["overdue_total"].data_type, row["overdue_total"].number_format) == ("n", "#,##0.00")
    assert (row["days_past_due"].data_type, row["days_past_due"].number_format) == ("n", "#,##0")
    assert (row["overdue_since"].data_type, row["overdue_since"].number_format) == ("d", "yyyy-mm-dd")
    assert (row["loan_id"].data_type, row["loan_id"].number_format) == ("s", "@")
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:O5"
    assert all(8 <= sheet.column_dimensions[key.column_letter].width <= 50 for key in sheet[1])
    run("spread", "A", "-o", tmp_path / "b.xlsx")
    assert read(tmp_path / "b.xlsx")["rows"]["M2"].value is True
    run("npl", "-o", tmp_path / "c.xlsx")
    assert read(tmp_path / "c.xlsx")["rows"]["C2"].number_format == "0.00%"


def test_in_chinese_words_stand_under_the_keys_and_sentences_are_chinese(run, folder, tmp_path):
    run("overdue", "--data", folder, "--lang", "zh", "-o", tmp_path / "zh.xlsx")
    run("overdue", "--data", folder, "-o", tmp_path / "en.xlsx")
    zh, en = read(tmp_path / "zh.xlsx"), read(tmp_path / "en.xlsx")

    assert [cell.value for cell in zh["rows"][1]] == [cell.value for cell in en["rows"][1]]
    assert zh["rows"]["I2"].value == "逾期总额"
    assert rows_of(zh["rows"], skipped=1) == rows_of(en["rows"])
    assert (zh["rows"].freeze_panes, zh["rows"].auto_filter.ref) == ("A3", "A2:O6")
    assert "逾期" in pairs_of(zh["audit"])["headline.1"]
    meanings = {row["column"]: row for row in rows_of(zh["columns"])}
    assert "special_mention = 关注" in meanings["five_class"]["codes"]
    assert meanings["overdue_total"]["unit"] == "CNY"


@pytest.mark.parametrize(
    ("currency", "minor", "value", "number_format"),
    [
        ("CNY", 5_200_005, 52000.05, "#,##0.00"),
        ("JPY", 1_500, 1500, "#,##0"),
        ("KWD", 1_234_567, 1234.567, "#,##0.000"),
        ("CNY", -5, -0.05, "#,##0.00"),
        ("CNY", 999_999_999_999_999, 9_999_999_999_999.99, "#,##0.00"),
        ("CNY", 2**63 - 1, "92233720368547758.07", "#,##0.00"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency_and_is_exact(currency, minor, value, number_format):
    (cell,) = cells("minor", pd.array([minor], "Int64"), currency=currency)

    assert (cell.value, cell.number_format) == (value, number_format)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=20))
def test_the_nearest_cent_to_a_cell_is_the_amount(minors):
    found = [cell.value for cell in cells("minor", pd.array(minors, "Int64"))]

    assert [round(Decimal(repr(value)) * 100) for value in found] == minors


def test_rows_of_several_currencies_have_each_their_own_digits():
    columns, rows = frame(currency=("text", ["CNY", "JPY", None]), x=("minor", pd.array([150, 150, 150], "Int64")))
    sheet = written(Result("overdue", columns, rows, currency="CNY"))["rows"]

    assert [(cell.value, cell.number_format) for (cell,) in sheet.iter_rows(min_row=2, min_col=2)] == [
        (1.5, "#,##0.00"),
        (150, "#,##0"),
        (1.5, "#,##0.00"),
    ]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+86", "-5", "@SUM(A1)", "007", "1E5", "TRUE", "http://a.b", "", "张", "{=1}", "#REF!", "2024-06-30"],
)
def test_a_text_stays_a_text(text):
    (cell,) = cells("text", [text])

    assert (cell.value or "") == text
    assert cell.data_type in ("s", "inlineStr") or not text
    assert cell.number_format == "@"


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30))
def test_any_text_can_be_read(text):
    (cell,) = cells("text", [text])
    shown = "" if cell.value is None else cell.value

    if text.isprintable() and "_x" not in text:
        assert shown == text


def test_a_text_longer_than_a_cell_is_cut_and_says_so():
    (cell,) = cells("text", ["𠮷" * 20_000])

    assert len(cell.value.encode("utf-16-le")) // 2 <= 32_767
    assert cell.value.endswith("𠮷…")
    assert cells("text", ["a" * 32_767])[0].value == "a" * 32_767


def test_what_is_missing_or_no_number_is_blank():
    assert [cell.value for cell in cells("money", [float("nan"), float("inf"), 0.1 + 0.2])] == [None, None, 0.3]
    assert [cell.value for cell in cells("integer", pd.array([None, 3], "Int64"))] == [None, 3]
    assert [cell.value for cell in cells("flag", pd.array([None, True, False], "boolean"))] == [None, True, False]


def test_dates_are_dates_as_far_back_as_excel_counts():
    days = ["2024-02-29", "1900-03-01", "9999-12-31", "1899-12-31"]
    found = [cell.value for cell in cells("date", pd.to_datetime(pd.Series(days)).astype("datetime64[s]"))]

    assert [plain(value) for value in found] == days
    assert isinstance(found[-1], str)


def test_figures_of_a_summary_have_types_and_deep_keys():
    result = replace(
        one_column("text", ["a"]),
        summary={
            "overdue_total": Decimal("1.50"),
            "npl_ratio": 0.0131,
            "by": {"a": {"b": 1}},
            "none": None,
            "flag": True,
            "day": date(2024, 6, 30),
            "ids": ["001", "002"],
            "points": [[0.0, 1.0]],
            "huge": Decimal("12345678901234567890.12"),
            "empty": [],
        },
        detail={"a/very:long[name]*of?a\\table " * 2: [{"x": 1}, {"y": "=2"}], "rows": [{"x": 1}]},
        notes=(Sentence("more_rows", {"rows": 3}),),
    )
    book = written(result)
    found = {row[0].value: row[1] for row in book["summary"].iter_rows(min_row=2)}

    assert (found["overdue_total"].value, found["overdue_total"].number_format) == (1.5, "#,##0.00")
    assert (found["npl_ratio"].value, found["npl_ratio"].number_format) == (0.0131, "0.00%")
    assert found["by.a.b"].value == 1
    assert (found["none"].value, found["flag"].value) == (None, True)
    assert found["day"].number_format == "yyyy-mm-dd"
    assert (found["ids"].value, found["points"].value) == ("001|002", "[[0.0, 1.0]]")
    assert found["huge"].value == "12345678901234567890.12"
    assert [len(name) <= 31 for name in book.sheetnames] == [True] * len(book.sheetnames)
    assert rows_of(book[book.sheetnames[2]]) == [{"x": 1, "y": None}, {"x": None, "y": "=2"}]
    assert pairs_of(book["audit"])["notes.1"].startswith("... and 3 more rows")


def test_no_rows_are_a_header():
    for command in ("check", "spread", "npl"):
        rows = pd.DataFrame({column.name: pd.Series(dtype=object) for column in RESULTS[command]})
        sheet = written(Result("overdue", RESULTS[command], rows))["rows"]

        assert [cell.value for cell in sheet[1]] == [column.name for column in RESULTS[command]]
    assert "region" in KEYS


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="time zones cannot be set on Windows")
@pytest.mark.parametrize("question", [("overdue",), ("spread", "A"), ("check",)])
def test_the_same_question_gets_the_same_bytes(run, monkeypatch, tmp_path, question):
    path = tmp_path / "a.xlsx"
    found = []
    for zone in ("Asia/Shanghai", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        run(*question, "-o", path)
        found.append(path.read_bytes())
    monkeypatch.undo()
    time.tzset()

    assert found[0] == found[1]
    assert {part.date_time for part in zipfile.ZipFile(path).infolist()} == {(1980, 1, 31, 0, 0, 0)}


def test_it_goes_to_a_pipe_but_not_to_a_terminal(monkeypatch, capfdbinary):
    from graphrisk.cli.app import main

    assert main(["npl", "--format", "xlsx", "--quiet"]) == 0
    assert read(io.BytesIO(capfdbinary.readouterr().out))["rows"]["A1"].value == "outstanding_principal"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["npl", "--format", "xlsx"]) == ExitCode.USAGE
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"-o" in err


def test_a_flag_cuts_and_wins_over_the_ending(run, tmp_path):
    run("overdue", "-o", tmp_path / "a.dat", "-f", "xlsx", "--top", "2", "--unit", "万元")
    run("overdue", "-o", tmp_path / "b.xlsx", "--top", "2")

    assert len(rows_of(read(tmp_path / "a.dat")["rows"])) == 2
    assert rows_of(read(tmp_path / "a.dat")["rows"]) == rows_of(read(tmp_path / "b.xlsx")["rows"])


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(run, monkeypatch, tmp_path):
    monkeypatch.setattr(graphrisk.views.workbook, "MOST_ROWS", 100)
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"before")
    code, out, err = run("tables", "-o", path)

    assert (code, out) == (ExitCode.USAGE, "")
    assert "more than the 99 that" in err
    assert ".csv" in err
    assert path.read_bytes() == b"before"
    assert [item.name for item in tmp_path.iterdir()] == ["a.xlsx"]
    with pytest.raises(UsageError, match=r"detail\.many"):
        written(replace(one_column("text", ["a"]), detail={"many": [{"x": 1}] * 100}))
    assert run("tables", "loans", "trade", "-o", path)[0] == 0


def test_rows_set_aside_are_named_in_the_file_that_is_kept(run, folder, tmp_path):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P4,L1,never,7.00\n")
    run("npl", "--data", folder, "-q", "-o", tmp_path / "a.xlsx")
    audit = pairs_of(read(tmp_path / "a.xlsx")["audit"])

    assert audit["data.set_aside.payments"] == 1
    assert any("rows set aside: 1, payments 1 (amount 7.00 CNY)" in str(text) for text in audit.values())
