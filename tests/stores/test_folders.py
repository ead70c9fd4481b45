"""Folders and files: what is read, what is named, what is refused."""

from pathlib import Path

import pytest

from graphrisk.errors import ExitCode, InvalidDataError, StoreError
from graphrisk.stores import open_store
from graphrisk.stores.files import FILE_FINDINGS, FileStore, read_tables, sample_folder

ENTITIES = "entity_id,kind\nA,company\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "entities.csv").write_text(ENTITIES, encoding="utf-8")
    return tmp_path


def test_files_that_are_no_table_are_named_once_but_for_the_known_ones(folder):
    for name in ("graphrisk.toml", "reactions.toml", "notes.md", "other.csv", "loans.xlsx", ".hidden", "借据.txt"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "inner").mkdir()
    findings = read_tables([folder]).findings
    assert [(finding.severity, finding.code, finding.file) for finding in findings] == [
        ("note", "not_csv", "loans.xlsx"),
        ("note", "not_a_table", "notes.md"),
        ("note", "not_a_table", "other.csv"),
        ("note", "not_csv", "借据.txt"),
    ]


def test_settings_and_reactions_come_along(folder):
    (folder / "graphrisk.toml").write_bytes(
        b"\xef\xbb\xbfas_of = 2024-06-30\ncurrency = 'USD'\n[conventions]\ngrace_days = 3\n"
    )
    (folder / "reactions.toml").write_text("a = 1.0 # 注\n", encoding="utf-8")
    tables = read_tables([folder])
    assert str(tables.settings["as_of"]) == "2024-06-30"
    assert tables.settings["conventions"] == {"grace_days": 3}
    assert tables.currency == "USD"
    assert tables.reactions == "a = 1.0 # 注\n"
    assert read_tables([folder], settings={"as_of": "2024-01-01"}).settings["as_of"] == "2024-01-01"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"as_of = \n", "line 1"),
        (b"a = 1\n[conventions\n", "line 2"),
        (b"a = 1\n# \xff\n", "line 2"),
        (b"no_such_key = 1\n", "no_such_key"),
    ],
)
def test_broken_settings_are_invalid_data_with_file_and_place(folder, content, part):
    (folder / "graphrisk.toml").write_bytes(content)
    with pytest.raises(InvalidDataError) as refused:
        read_tables([folder])
    assert str(folder / "graphrisk.toml") in str(refused.value)
    assert part in str(refused.value)
    assert refused.value.exit_code == ExitCode.INVALID_DATA


def test_the_books_currency_may_have_another_name_but_must_be_one(folder):
    (folder / "graphrisk.toml").write_text("currency = 'RMB'", encoding="utf-8")
    assert read_tables([folder]).currency == "CNY"
    (folder / "graphrisk.toml").write_text("currency = 'XYZ'", encoding="utf-8")
    with pytest.raises(InvalidDataError, match="XYZ"):
        read_tables([folder])


def test_settings_nested_beyond_measure_are_refused_too(folder):
    (folder / "graphrisk.toml").write_text("a = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(InvalidDataError):
        read_tables([folder])


def test_reactions_that_are_no_text_are_refused(folder):
    (folder / "reactions.toml").write_bytes(b"a = 1\n\xff\n")
    with pytest.raises(InvalidDataError, match="line 2"):
        read_tables([folder])


def test_a_folder_that_is_not_there_or_has_no_table_cannot_be_reached(tmp_path):
    for place, code in ((tmp_path / "nowhere", "no_such_path"), (tmp_path, "no_table")):
        with pytest.raises(StoreError) as refused:
            read_tables([place])
        assert refused.value.code == code
        assert str(place) in str(refused.value)
        assert refused.value.exit_code == ExitCode.STORE
    (tmp_path / "readme.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(StoreError):
        read_tables([tmp_path])


def test_a_file_that_vanishes_cannot_be_reached(folder, monkeypatch):
    def vanish(path):
        raise OSError(5, "gone", path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    with pytest.raises(StoreError, match="gone"):
        read_tables([folder])


def test_files_may_be_given_one_by_one(folder, tmp_path):
    january, february = tmp_path / "january", tmp_path / "february"
    for place, who in ((january, "B"), (february, "C")):
        place.mkdir()
        (place / "entities.csv").write_text(f"entity_id,kind\n{who},bank\n", encoding="utf-8")
    tables = read_tables([folder / "entities.csv", january / "entities.csv", february])
    assert tables["entities"]["entity_id"].tolist() == ["A", "B", "C"]
    assert tables["entities"]["source_file"].tolist()[1] == str(january / "entities.csv")
    assert read_tables([january / "entities.csv"])["entities"]["source_file"].tolist() == ["entities.csv"]
    assert tables.tallies["entities"].rows_read == 3


@pytest.mark.parametrize("name", ["ENTITIES.CSV", "Entities.csv", "客户.csv", "entities.Csv"])
def test_names_of_files_match_whatever_their_case_and_language(tmp_path, name):
    (tmp_path / name).write_text(ENTITIES, encoding="utf-8")
    assert read_tables([tmp_path])["entities"]["entity_id"].tolist() == ["A"]


def test_stores_read_what_they_were_opened_on(folder):
    store = open_store(str(folder))
    assert store.source == str(folder)
    assert store.read_tables().fingerprint == read_tables([folder]).fingerprint
    assert store.read_tables().source == str(folder)
    assert open_store(None) == FileStore(None)


def test_the_sample_is_a_clean_book():
    tables = open_store(None).read_tables()
    assert tables.source == "sample"
    assert [finding for finding in tables.findings if finding.severity != "note"] == []
    assert tables.fingerprint == read_tables([sample_folder()]).fingerprint
    assert all(tally.rows_quarantined == 0 for tally in tables.tallies.values())


def test_reading_twice_gives_the_same(folder):
    (folder / "loans.csv").write_text("loan_id,x\n1,2\n", encoding="utf-8")
    (folder / "payments.csv").write_text("loan_id,paid_date,amount\n1,2,3\n1,2,3\n", encoding="utf-8")
    one, two = read_tables([folder]), read_tables([folder])
    assert one.findings == two.findings
    assert (one.fingerprint, one.mask_key, one.tallies) == (two.fingerprint, two.mask_key, two.tallies)


def test_the_order_of_files_and_rows_does_not_change_the_fingerprint(tmp_path):
    rows = [f"E{number},company" for number in range(20)]
    prints = set()
    for name, parts in (("one", [rows]), ("two", [rows[::-1]]), ("three", [rows[7:], rows[:7]])):
        files = []
        for number, part in enumerate(parts):
            place = tmp_path / name / str(number)
            place.mkdir(parents=True)
            files.append(place / "entities.csv")
            files[-1].write_text("\n".join(["entity_id,kind", *part]), encoding="utf-8")
        prints.add(read_tables(files).fingerprint)
    assert len(prints) == 1


def test_the_codes_that_make_a_question_refuse_are_those_of_whole_files():
    assert {"not_text", "no_header", "repeated_column", "missing_column"} == FILE_FINDINGS
