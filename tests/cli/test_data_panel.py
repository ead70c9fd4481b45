import csv
import io
import json
from dataclasses import replace

import pytest
from small_book import CARD

import graphrisk.stores.files
from graphrisk.tables.book import Finding
from graphrisk.tables.schemas import SCHEMAS


def test_a_clean_folder_is_checked_with_0(run, folder):
    code, out, err = run("check", folder)

    assert (code, err) == (0, "")
    assert "All 15 rows can be used." in out


def test_rows_read_are_kept_or_set_aside_and_so_is_their_money(run, folder):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P2,L1,2024-06-01,12.00\nP3,NOLOAN,2024-06-01,5.00\nP4,L1,never,7.00\n")
    code, out, _ = run("check", folder, "--format", "json")
    summary = json.loads(out)["summary"]

    assert code == 3
    assert summary["rows_read"] == summary["rows_kept"] + summary["rows_quarantined"] == 18
    assert summary["rows_quarantined"] >= 1
    assert summary["tables"]["payments"]["rows_read"] == 4
    assert summary["money_read"]["payments"]["CNY"]["amount"] == 164.0
    assert summary["money_kept"]["payments"]["CNY"]["amount"] < 164.0
    assert sum(summary["by_severity"].values()) == len(json.loads(out)["rows"])


def test_findings_in_csv_name_file_line_column_value_and_repair(run, folder):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P4,L1,never,7.00\n")
    code, out, err = run("check", folder, "-f", "csv")
    (row,) = (row for row in csv.DictReader(io.StringIO(out)) if row["severity"] == "error")

    assert code == 3
    assert (row["table"], row["file"], row["line"], row["column"], row["value"]) == (
        *("payments", "payments.csv", "3", "paid_date", "never"),
    )
    assert row["repair"]
    assert row["detail"]
    assert "graphrisk check" in err, "the audit line"


def test_files_can_be_checked_alone(run, folder):
    code, out, _ = run("check", folder / "entities.csv", "-f", "json")

    assert code == 0
    assert list(json.loads(out)["summary"]["tables"]) == ["entities"]


@pytest.mark.parametrize("empty", [False, True])
def test_no_folder_or_no_table_is_4(run, tmp_path, empty):
    if empty:
        (tmp_path / "none").mkdir()

    code, out, err = run("check", tmp_path / "none")

    assert (code, out) == (4, "")
    assert err.count("\n") == 1


def test_strict_counts_a_warning(run, folder, monkeypatch):
    plain = graphrisk.stores.files.read_tables
    warned = Finding("warning", "made_up")
    monkeypatch.setattr(graphrisk.stores.files, "read_tables", lambda paths: replace(plain(paths), findings=(warned,)))
    monkeypatch.setattr(Finding, "sentence", lambda *_: "made up")
    monkeypatch.setattr(Finding, "repair", lambda *_: "")

    assert run("check", folder)[0] == 0
    assert run("check", folder, "--strict")[0] == 3


def test_a_person_in_a_finding_is_masked(run, folder):
    with (folder / "entities.csv").open("a", encoding="utf-8") as out:
        out.write(f"{CARD},张小三,person,,\n")
    for format_ in ("table", "json", "csv", "md"):
        code, out, err = run("check", folder, "-f", format_)

        assert code == 3
        assert CARD not in out + err
        assert "张小三" not in out + err


def test_the_table_reference_lists_every_column(run):
    code, out, _ = run("tables", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 0
    assert len(rows) == sum(len(schema.columns) for schema in SCHEMAS.values())
    assert {row["table"] for row in rows} == set(SCHEMAS)


def test_some_tables_with_their_aliases(run):
    out = run("tables", "loans", "fx", "--verbose", "-f", "json")[1]
    rows = json.loads(out)["rows"]

    assert {row["table"] for row in rows} == {"loans", "fx"}
    assert "借据号" in next(row for row in rows if row["column"] == "loan_id")["aliases"]


def test_an_unknown_table_gets_its_nearest(run):
    code, _, err = run("tables", "lones")

    assert code == 2
    assert "loans" in err
