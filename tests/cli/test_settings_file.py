import json
from datetime import date

import pytest

from graphrisk.conventions import CONVENTION_NAMES
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.settings import KNOWN, read_environment, read_file, read_holidays, read_value, resolve


def test_a_flag_wins_over_the_environment_that_over_the_files_in_order_that_over_the_default():
    files = [("data", {"top": "3", "unit": "万元", "lang": "zh"}), ("working", {"top": "4", "horizon": "7d"})]
    found = resolve({"top": "1"}, environment={"top": "2", "unit": "亿元"}, files=files)

    got = {name: (found[name], found.source(name)) for name in ("top", "unit", "lang", "horizon", "extreme")}
    assert got == {
        "top": ("1", "--top"),
        "unit": ("亿元", "GRAPHRISK_UNIT"),
        "lang": ("zh", "data"),
        "horizon": ("7d", "working"),
        "extreme": ("greatest", ""),
    }


def test_values_have_their_types():
    found = resolve({"as_of": "20240630", "horizon": "30"}, environment={}, files=[])

    assert (found.as_of, found.horizon_days, found.max_rounds, found.top) == (date(2024, 6, 30), 30, 10_000, 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("as_of", "2024-02-30"),
        ("as_of", "2024-W01-1"),
        ("as_of", "today"),
        ("currency", "RMB yuan"),
        ("lang", "fr"),
        ("unit", "千元"),
        ("top", "-1"),
        ("top", "many"),
        ("horizon", "0d"),
        ("horizon", "-3d"),
        ("horizon", "1w"),
        ("horizon", "36501d"),
        ("extreme", "worst"),
        ("unknown_cash", "none"),
        ("max_rounds", "0"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_refused(name, value, tmp_path):
    with pytest.raises(UsageError):
        read_value(name, value, source="--flag")
    with pytest.raises(UsageError, match=r"GRAPHRISK_|horizon"):
        read_environment({f"GRAPHRISK_{name.upper()}": value})
    path = tmp_path / "graphrisk.toml"
    path.write_text(f'{name} = "{value}"', encoding="utf-8")
    with pytest.raises(InvalidDataError, match=r"graphrisk\.toml") as caught:
        read_file(path)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 'red'", "colour"),
        ("lang = true", "lang"),
        ("top = [1]", "top"),
        ("[conventions]\ngrace_days = true", "grace_days"),
        ("conventions = 3", "conventions"),
        ("as_of 2024", "not valid TOML"),
        ("as_of = 2024-06-30T00:00:00", "as_of"),
    ],
)
def test_a_settings_file_with_a_mistake_names_it(text, says, tmp_path):
    path = tmp_path / "graphrisk.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InvalidDataError, match=says):
        read_file(path)


def test_a_settings_file_may_have_a_byte_order_mark_and_numbers_keep_their_digits(tmp_path):
    path = tmp_path / "graphrisk.toml"
    path.write_text("\ufefftop = 5\nas_of = 2024-06-30\n[conventions]\npenalty_multiplier = 1.50", encoding="utf-8")

    assert read_file(path) == {"top": "5", "as_of": "2024-06-30", "conventions.penalty_multiplier": "1.50"}
    assert read_file(tmp_path / "absent.toml") == {}


def test_a_settings_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "graphrisk.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidDataError, match=r"graphrisk\.toml"):
        read_file(path)


def test_a_calendar_is_one_date_a_line(tmp_path):
    path = tmp_path / "days.txt"
    path.write_text("2024-02-12  # New Year\n\n20240210\n2024-02-12\n", encoding="utf-8")

    assert read_holidays(path) == (date(2024, 2, 10), date(2024, 2, 12))
    path.write_text("2024-02-12\nFebruary\n", encoding="utf-8")
    with pytest.raises(InvalidDataError, match="line 2"):
        read_holidays(path)
    with pytest.raises(InvalidDataError, match="nowhere"):
        read_holidays(tmp_path / "nowhere.txt")


def test_settings_prints_each_value_and_where_it_came_from(run, folder, monkeypatch):
    (folder / "graphrisk.toml").write_text('horizon = "30d"\n[conventions]\ngrace_days = 3\n', encoding="utf-8")
    monkeypatch.setenv("GRAPHRISK_UNIT", "万元")
    monkeypatch.setenv("GRAPHRISK_MASK_KEY", "secret-key")

    code, out, _ = run("settings", "--data", folder, "--lang", "en", "--convention", "roll=following", "-f", "json")

    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(out)["rows"]}
    assert code == 0
    assert rows["horizon"] == ("30d", str(folder / "graphrisk.toml"))
    assert rows["conventions.grace_days"] == ("3", str(folder / "graphrisk.toml"))
    assert rows["conventions.roll"] == ("following", "--convention roll")
    assert rows["unit"] == ("万元", "GRAPHRISK_UNIT")
    assert rows["lang"] == ("en", "--lang")
    assert rows["as_of"] == (None, "data")
    assert rows["data"] == (str(folder), "--data")
    assert rows["mask_key"] == ("set", "GRAPHRISK_MASK_KEY")
    assert "secret-key" not in out
    assert set(rows) == {*KNOWN, *(f"conventions.{name}" for name in CONVENTION_NAMES), "data", "mask_key"}


@pytest.mark.parametrize(
    ("text", "key"),
    [("[conventions]\ngrace = 3", "conventions.grace"), ("[conventions]\nroll = 'back'", "conventions.roll")],
)
def test_a_convention_in_a_file_is_checked_and_its_place_named(run, folder, text, key):
    (folder / "graphrisk.toml").write_text(text, encoding="utf-8")

    code, out, err = run("settings", "--data", folder)

    assert (code, out) == (3, "")
    assert "graphrisk.toml" in err
    assert key in err


def test_a_calendar_lies_beside_the_file_that_names_it(run, folder):
    (folder / "graphrisk.toml").write_text("[conventions]\ncalendar = 'days.txt'\n", encoding="utf-8")
    assert run("settings", "--data", folder)[0] == 3

    (folder / "days.txt").write_text("2024-05-01\n", encoding="utf-8")
    assert run("settings", "--data", folder)[0] == 0
