"""Rows and money: read = kept + set aside; what a header says; what was set aside, as it came."""

import numpy as np
import pandas as pd
import pytest

from graphrisk.stores.files import read_tables
from graphrisk.tables import drafts, intake
from graphrisk.tables.book import FILE_FINDINGS, Tables, default_as_of
from graphrisk.tables.raw import RawFile
from graphrisk.tables.schemas import DTYPES, SCHEMAS

LOANS = "loan_id,borrower_id,lender_id,principal,annual_rate,start_date"


def test_frames_have_every_column_in_its_dtype_and_the_place_of_each_row(book):
    tables = book()
    for name, frame in tables.frames.items():
        schema = SCHEMAS[name]
        assert list(frame) == [*schema.names, "source_file", "source_line"]
        assert {column.name: str(frame[column.name].dtype) for column in schema.columns} == {
            column.name: DTYPES[column.type] for column in schema.columns
        }
    assert tables["schedule"]["source_line"].tolist() == [2, 3]
    assert tables["schedule"]["source_file"].tolist() == ["schedule.csv"] * 2
    assert tables["loans"].loc[0, ["principal", "annual_rate"]].tolist() == [30000, 180_000_000]
    assert "covenants" not in tables


def test_a_header_alone_is_a_table_without_rows(book):
    tables = book(payments="loan_id,paid_date,amount\n")
    assert "payments" in tables
    assert len(tables["payments"]) == 0
    assert tables.tallies["payments"].rows_read == 0


def test_rows_and_money_read_are_kept_or_set_aside(book):
    rows = "L1,2024-02-01,100,60,\nL9,2024-02-01,50.5,,\nL1,never,7,,\nL1,2024-02-01,x,3,\nL1,2024-02-01\n"
    tally = book(payments="loan_id,paid_date,amount,principal,note\n" + rows).tallies["payments"]
    assert (tally.rows_read, tally.rows_kept, tally.rows_quarantined) == (5, 1, 4)
    assert tally.money_read == {("amount", "CNY"): 15750, ("principal", "CNY"): 6300}
    assert tally.money_kept == {("amount", "CNY"): 10000, ("principal", "CNY"): 6000}
    assert tally.money_quarantined == {("amount", "CNY"): 5750, ("principal", "CNY"): 300}


def test_money_is_counted_in_the_currency_of_its_row_and_of_its_loan(book):
    tables = book(
        loans=f"{LOANS},currency\nL1,A,F,300,0.18,2024-01-01,\nL2,A,F,500,0.18,2024-01-01,JPY\nL3,A,F,1.234,0.18,2024-01-01,KWD\n",
        schedule="loan_id,no,due_date,principal_due,interest_due\nL2,1,2024-02-01,500,4.5\nL3,1,2024-02-01,1.234,0\nL1,1,2024-02-01,300,1\n",
        fx="date,currency,base,rate\n2024-01-01,JPY,CNY,0.05\n2024-01-01,KWD,CNY,23\n",
    )
    assert tables.tallies["loans"].money_kept == {
        ("principal", "CNY"): 30000,
        ("principal", "JPY"): 500,
        ("principal", "KWD"): 1234,
    }
    assert tables["schedule"]["principal_due"].tolist() == [500, 1234, 30000]
    assert [(f.code, f.line, f.value) for f in tables.findings] == [("money_rounded", 2, "4.5")]
    assert tables["schedule"]["interest_due"].tolist() == [5, 0, 100]


def test_the_books_currency_is_the_set_one_else_the_one_of_every_loan_else_cny(book, tmp_path):
    assert book().currency == "CNY"
    dollars = f"{LOANS},currency\nL1,A,F,300,0.18,2024-01-01,USD\n"
    tables = book(loans=dollars)
    assert tables.currency == "USD"
    assert [finding.code for finding in tables.findings] == ["book_currency"]
    assert tables.tallies["entities"].money_read == {("cash", "USD"): 115000}
    assert book(loans=dollars + "L2,A,F,300,0.18,2024-01-01,\n").currency == "CNY"
    (tmp_path / "graphrisk.toml").write_text('currency = "eur"', encoding="utf-8")
    assert book(loans=dollars).currency == "EUR"
    assert read_tables([tmp_path], settings={"currency": "GBP"}).currency == "GBP"


def test_what_was_set_aside_is_kept_as_it_came(book):
    text = (
        "借据编号,还款日期,还款金额,备注,备注,note\n"
        'L9,2024/2/1,"1,000.50",a,b,\n'
        "L1,2024/2/1,5,,,\n"
        "L1,2024/2/1,5,,,,x,y\n"
        "L9,soon,?,,,z\n"
    )
    tables = book(payments=text)
    aside = tables.quarantine["payments"]
    assert list(aside) == [
        *("loan_id", "paid_date", "amount", "备注", "备注 2", "note"),
        *("surplus", "source_file", "source_line", "reasons"),
    ]
    assert aside["amount"].tolist() == ["1,000.50", "5", "?"]
    assert aside["surplus"].tolist() == ["", "x,y", ""]
    assert aside["source_line"].tolist() == [2, 4, 5]
    assert aside["reasons"].tolist() == ["orphan", "too_many_fields", "unreadable_date|unreadable_money"]
    assert aside["备注 2"].tolist()[0] == "b"
    assert "备注" not in tables["payments"]


def test_rows_set_aside_written_out_can_be_repaired_and_read_again(book):
    aside = book(payments="loan_id,paid_date,amount\nL1,soon,5\n").quarantine["payments"]
    tables = book(payments=aside.replace({"paid_date": {"soon": "2024-02-01"}}).to_csv(index=False))
    assert len(tables["payments"]) == 1
    assert tables.findings == ()


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("loan_id,amount\nL1,5\nL1,6\n", "missing_column", "paid_date"),
        ("loan_id,paid_date,amount,amount\nL1,2024-02-01,5,6\nL1,2024-02-01,5,6\n", "repeated_column", "amount"),
        ("借据号,loan_id,paid_date,amount\nL1,L1,2024-02-01,5\nL1,L1,2024-02-01,5\n", "repeated_column", "loan_id"),
    ],
)
def test_a_file_that_cannot_be_used_is_read_and_set_aside_whole(book, text, code, column):
    tables = book(payments=text)
    assert [(f.severity, f.code, f.file, f.column) for f in tables.findings] == [
        ("error", code, "payments.csv", column)
    ]
    assert code in FILE_FINDINGS
    assert "payments" not in tables
    tally = tables.tallies["payments"]
    assert (tally.rows_read, tally.rows_kept, tally.rows_quarantined) == (2, 0, 2)
    assert tables.quarantine["payments"]["reasons"].tolist() == [code] * 2
    assert tables.quarantine["payments"]["source_line"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "no_header"), (b"\n ,\n", "no_header"), (b"loan_id\0\n", "not_text"), (b"a\xff\xff\n", "not_text")],
)
def test_a_file_without_text_or_header_is_said(book, content, code):
    tables = book(payments=content)
    assert [(f.severity, f.code) for f in tables.findings] == [("error", code)]
    assert code in FILE_FINDINGS
    assert "payments" not in tables
    assert tables.tallies["payments"].rows_read == 0


def test_columns_that_are_none_of_ours_are_named_and_not_kept(book):
    tables = book(payments="loan_id,paid_date,amount,colour,\nL1,2024-02-01,5,red,x\n")
    assert [(f.severity, f.code, f.column, dict(f.fields)) for f in tables.findings] == [
        ("note", "unnamed_column", "", {"number": 5}),
        ("note", "unknown_column", "colour", {}),
    ]
    assert "colour" not in tables["payments"]


def test_a_row_of_sums_is_no_record_and_is_compared(book):
    rows = "L1,2024-02-01,100\nL1,2024-02-02,50\n"
    for total, codes in (("150", ["total_row"]), ("151", ["total_row", "total_differs"]), ("", ["total_row"])):
        tables = book(payments=f"loan_id,paid_date,amount\n{rows}合 计,,{total}\n")
        assert [(f.severity, f.code) for f in tables.findings] == [("warning", code) for code in codes]
        assert tables.tallies["payments"].money_read == {("amount", "CNY"): 15000}
        assert (tables.tallies["payments"].rows_read, tables.tallies["payments"].rows_kept) == (3, 2)
        assert tables.quarantine["payments"]["reasons"].tolist() == ["total_row"]


def test_a_firm_called_total_is_a_firm(book):
    tables = book(entities="entity_id,kind,cash\nA,company,1\nF,bank,\nP,person,\nTotal,company,5\n")
    assert "Total" in tables["entities"]["entity_id"].tolist()


def test_units_of_a_header_are_taken_and_said(book):
    tables = book(entities="entity_id,kind,现金（万元）\nA,company,1.23456789\nF,bank,\nP,person,0.5\n")
    assert tables["entities"]["cash"].tolist() == [1234568, pd.NA, 500000]
    assert [(f.code, f.line) for f in tables.findings] == [("unit_in_header", None), ("money_rounded", 2)]


@pytest.mark.parametrize(
    ("header", "text", "day_count", "rate"),
    [
        ("月利率", "1%", "", 120_000_000),
        ("日利率", "0.05%", "", 180_000_000),
        ("日利率", "0.05%", "ACT/365", 182_500_000),
        ("日利率", "0.05%", "30/360", 180_000_000),
        ("执行利率(%)", "4.35", "", 43_500_000),
    ],
)
def test_rates_become_rates_of_a_year(book, header, text, day_count, rate):
    row = f"L1,A,F,300,{text},2024-01-01,{day_count}\n"
    tables = book(loans=f"loan_id,borrower_id,lender_id,principal,{header},start_date,day_count\n{row}")
    assert tables["loans"]["annual_rate"].tolist() == [rate]


def test_files_of_one_table_are_one_table(book, tmp_path):
    whole = book()
    (tmp_path / "payments.csv").unlink()
    (tmp_path / "还款明细.csv").write_text(
        "借据号,还款日期,还款金额,流水号\nL1,2024年2月1日,104.5,Y1\n", encoding="gb18030"
    )
    (tmp_path / "SCHEDULE.CSV").write_text("loan_id,no,due_date,principal_due,interest_due\n", encoding="utf-8")
    split = read_tables([tmp_path])
    assert split.fingerprint == whole.fingerprint
    assert split["payments"]["source_file"].tolist() == ["还款明细.csv"]
    assert split.encodings["还款明细.csv"] == "GB18030"
    assert [finding.code for finding in split.findings] == ["encoding"]


def test_findings_stand_by_table_file_line_column_and_code(book):
    tables = book(payments="loan_id,paid_date,amount\nL9,x,y\nL8,z,1\n", loans=f"{LOANS}\nL1,A,F,-300,18,2024-01-01\n")
    places = [(f.table, f.file, f.line or -1, f.column, f.code) for f in tables.findings]
    assert len(places) > 5
    assert places == sorted(places)


def test_a_row_that_goes_astray_is_noticed(book, monkeypatch):
    monkeypatch.setattr(RawFile, "rows_read", property(lambda file: len(file.lines) + 1))
    with pytest.raises(RuntimeError, match="were lost"):
        book()


def test_an_amount_that_goes_astray_is_noticed(book, monkeypatch):
    money = drafts.Draft.money
    monkeypatch.setattr(
        drafts.Draft,
        "money",
        lambda draft, rows=None: money(draft, rows) if rows is None else dict.fromkeys(money(draft), 0),
    )
    with pytest.raises(RuntimeError, match="were lost"):
        book()


def test_the_sum_of_amounts_may_be_beyond_int64():
    values = np.array([2**63 - 1, 2**63 - 1, -(2**63), 17, -1])
    assert drafts.exact_sum(values) == sum(map(int, values))
    assert drafts.exact_sum(np.array([], np.int64)) == 0


def test_the_date_is_the_settings_else_the_latest_of_payments_and_snapshots(book):
    snapshots = "loan_id,as_of,outstanding\nL1,2024-05-31,200\n"
    assert str(default_as_of(book())) == "2024-02-01"
    assert str(default_as_of(book(snapshots=snapshots))) == "2024-05-31"
    assert default_as_of(Tables({})) is None
    for stated in ("2024-06-30", pd.Timestamp("2024-06-30").date(), pd.Timestamp("2024-06-30 10:00").to_pydatetime()):
        assert str(default_as_of(Tables({}, settings={"as_of": stated}))) == "2024-06-30"


def test_no_files_make_no_book():
    assert intake.checked([]).frames == {}
