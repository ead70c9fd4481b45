import json
import re
from datetime import date

import pytest
from typer.main import get_command

from graphrisk.cli.app import app
from graphrisk.conventions import CONVENTION_NAMES, Conventions
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


#: Another value of each setting than its default.
OTHERS = {
    "as_of": "2024-05-31",
    "currency": "USD",
    "lang": "zh",
    "unit": "万元",
    "top": "7",
    "horizon": "30d",
    "extreme": "least",
    "unknown_cash": "zero",
    "max_rounds": "99",
    "trust": "history",
    "periods": "3",
}


def value_of(name):
    """Return a value of a setting that is not its default."""
    if name in OTHERS:
        return OTHERS[name]
    default, allowed = KNOWN[name].default, re.split(r",? ", KNOWN[name].allowed)
    for word in (*allowed, "1", "2"):
        try:
            value = KNOWN[name].read(word.strip(","))
        except (ValueError, UsageError):
            continue
        if value != default:
            return value
    return pytest.fail(f"say another value of {name} in OTHERS")


@pytest.mark.parametrize("name", KNOWN)
def test_every_setting_takes_the_strongest_place_that_has_it(run, folder, tmp_path, monkeypatch, name):
    """The places are named from the weakest to the strongest; each wins over those before it."""
    value, variable = value_of(name), f"GRAPHRISK_{name.upper()}"
    monkeypatch.chdir(tmp_path)

    def found(*flags):
        code, out, err = run("settings", "--data", folder, "-f", "json", *flags)
        assert code == 0, err
        row = next(row for row in json.loads(out)["rows"] if row["name"] == name)
        return row["value"], row["source"]

    default = KNOWN[name].default
    assert found() == (default or None, "default" if default else "data")
    (tmp_path / "graphrisk.toml").write_text(f'{name} = "{value}"\n', encoding="utf-8")
    assert found() == (value, "graphrisk.toml")
    (folder / "graphrisk.toml").write_text(f'{name} = "{value}"\n', encoding="utf-8")
    assert found() == (value, str(folder / "graphrisk.toml"))
    monkeypatch.setenv(variable, value)
    assert found() == (value, variable)
    if any(
        f"--{name.replace('_', '-')}" in parameter.opts for parameter in get_command(app).commands["settings"].params
    ):
        assert found(f"--{name.replace('_', '-')}", value) == (value, f"--{name.replace('_', '-')}")


@pytest.mark.parametrize("name", CONVENTION_NAMES)
def test_every_convention_takes_the_strongest_place_that_has_it(run, folder, tmp_path, monkeypatch, name):
    value = dict(Conventions())[name]
    monkeypatch.chdir(tmp_path)

    def source(*flags):
        code, out, err = run("settings", "--data", folder, "-f", "json", *flags)
        assert code == 0, err
        return next(row["source"] for row in json.loads(out)["rows"] if row["name"] == f"conventions.{name}")

    assert source() == "default"
    (tmp_path / "graphrisk.toml").write_text(f'[conventions]\n{name} = "{value}"\n', encoding="utf-8")
    assert source() == "graphrisk.toml"
    (folder / "graphrisk.toml").write_text(f'[conventions]\n{name} = "{value}"\n', encoding="utf-8")
    assert source() == str(folder / "graphrisk.toml")
    monkeypatch.setenv(f"GRAPHRISK_CONVENTIONS_{name.upper()}", value)
    assert source() == f"GRAPHRISK_CONVENTIONS_{name.upper()}"
    assert source("--convention", f"{name}={value}") == f"--convention {name}"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("GRAPHRISK_LNAG", "GRAPHRISK_LANG"),
        ("GRAPHRISK_CURENCY", "GRAPHRISK_CURRENCY"),
        ("graphrisk_top", "GRAPHRISK_TOP"),
        ("GRAPHRISK_MASKKEY", "GRAPHRISK_MASK_KEY"),
        ("GRAPHRISK_GRACE_DAYS", "GRAPHRISK_CONVENTIONS_GRACE_DAYS"),
        ("GRAPHRISK_CONVENTION_ROLL", "GRAPHRISK_CONVENTIONS_ROLL"),
        ("GRAPHRISK_COLOUR", ""),
    ],
)
def test_a_misspelt_variable_is_told(run, folder, monkeypatch, name, nearest):
    monkeypatch.setenv(name, "5")
    err = run("settings", "--data", folder)[2]

    assert name in err
    assert (nearest in err) if nearest else ("did you mean" not in err)
    assert (name in run("npl", "--data", folder)[2]) is bool(nearest)
    assert name not in run("settings", "--data", folder, "-q")[2]


def test_variables_that_are_read_are_not_told(run, folder, monkeypatch):
    monkeypatch.setenv("GRAPHRISK_TOP", "5")
    monkeypatch.setenv("GRAPHRISK_CONVENTIONS_GRACE_DAYS", "1")
    monkeypatch.setenv("GRAPHRISK_DATA", str(folder))
    monkeypatch.setenv("GRAPHRISK_MASK_KEY", "k")
    monkeypatch.setenv("OTHER_LNAG", "k")

    assert run("settings")[2] == ""


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
