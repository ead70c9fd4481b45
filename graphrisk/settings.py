"""Settings: the value of each one, and where it came from.

A flag wins over the environment, the environment over ``graphrisk.toml`` in the data folder, that one over
``graphrisk.toml`` in the working folder, and all of them over the default.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from graphrisk.errors import InvalidDataError, UsageError

#: Name of the settings file, in a data folder or in the working folder.
FILE_NAME = "graphrisk.toml"

#: What every name of an environment variable begins with.
PREFIX = "GRAPHRISK_"

#: Variables that are no settings: the data folder, and the key of the digests that hide persons.
DATA_VARIABLE, KEY_VARIABLE = VARIABLES = (f"{PREFIX}DATA", f"{PREFIX}MASK_KEY")

#: What the name of a setting of loan arithmetic begins with.
CONVENTION = "conventions."

LANGUAGES = ("en", "zh")
UNITS = ("元", "万元", "亿元")
EXTREMES = ("greatest", "least")
TRUST_SOURCES = ("prior", "history")

#: How alike (0 to 1) a misspelt variable is to the one that is meant.
_ALIKE = 0.7

#: Longest horizon, a century: beyond it a due date leaves the calendar.
LONGEST_HORIZON = 36_500


def _date(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}", text):
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", text):
        raise ValueError(text)
    return text.upper()


def _horizon(text: str) -> str:
    if not re.fullmatch(r"-?\d{1,9}d?", text):
        raise ValueError(text)
    days = int(text.removesuffix("d"))
    if days < 1:
        raise UsageError("horizon", value=text)
    if days > LONGEST_HORIZON:
        raise ValueError(text)
    return f"{days}d"


def _count(least: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
            raise ValueError(text)
        return str(int(text))

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def _unknown_cash(text: str) -> str:
    plain = text.replace("_", "-")
    if plain not in ("just-solvent", "zero", "refuse") and not re.fullmatch(r"\d{1,5}d", plain):
        raise ValueError(text)
    return plain


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that exists.

    Attributes
    ----------
    default : str
        Its value if nobody sets it; blank: it comes from the data.
    allowed : str
        What it may be, in words.
    read : callable
        Text to the text in its usual form; raises ValueError if it is none.
    """

    default: str
    allowed: str
    read: Callable[[str], str]


#: Every setting but the conventions, which know their own values.
KNOWN: dict[str, Known] = {
    "as_of": Known("", "a date such as 2024-06-30", _date),
    "currency": Known("", "three letters such as CNY (ISO 4217)", _currency),
    "lang": Known("en", "en, zh", _one_of(*LANGUAGES)),
    "unit": Known("元", "元, 万元, 亿元", _one_of(*UNITS)),
    "top": Known("20", "a whole number, 0 for all rows", _count(0)),
    "horizon": Known("90d", f"1d to {LONGEST_HORIZON}d", _horizon),
    "extreme": Known("greatest", "greatest, least", _one_of(*EXTREMES)),
    "unknown_cash": Known("just-solvent", "just-solvent, zero, refuse, or days of outflow such as 30d", _unknown_cash),
    "trust": Known("prior", ", ".join(TRUST_SOURCES), _one_of(*TRUST_SOURCES)),
    "max_rounds": Known("10000", "a whole number of at least 1", _count(1)),
}


Origin = Literal["default", "file", "environment", "flag"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its value as text, and where it came from.

    Attributes
    ----------
    name, value : str
        Such as ``lang`` and ``zh``.
    source : str
        The flag, the environment variable or the file; blank for the default.
    origin : str
        ``default``, ``file``, ``environment`` or ``flag``.
    """

    name: str
    value: str
    source: str = ""
    origin: Origin = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run.

    Attributes
    ----------
    items : mapping of str to Setting
        By name; conventions only where somebody set them.
    """

    items: Mapping[str, Setting]

    def __getitem__(self, name: str) -> str:
        return self.items[name].value

    def source(self, name: str) -> str:
        """Return where a setting came from; blank for the default."""
        item = self.items.get(name)
        return item.source if item else ""

    @property
    def as_of(self) -> date | None:
        """The date that was set, if any."""
        return date.fromisoformat(self["as_of"]) if self["as_of"] else None

    @property
    def top(self) -> int:
        """Rows shown in a terminal; 0 for all."""
        return int(self["top"])

    @property
    def horizon_days(self) -> int:
        """The horizon, in days."""
        return int(self["horizon"].removesuffix("d"))

    @property
    def max_rounds(self) -> int:
        """Rounds after which a model gives up."""
        return int(self["max_rounds"])

    @property
    def conventions(self) -> dict[str, str]:
        """The conventions that were set, by name."""
        return {
            name.removeprefix(CONVENTION): item.value
            for name, item in self.items.items()
            if name.startswith(CONVENTION)
        }


def read_file(path: Path) -> dict[str, str]:
    """Read a settings file.

    Parameters
    ----------
    path : Path
        A ``graphrisk.toml``; one that is not there is empty.

    Returns
    -------
    dict of str to str
        Values by name, in their usual form; those of the table ``conventions`` as ``conventions.NAME``.

    Raises
    ------
    InvalidDataError
        If it is no TOML, holds a key that is no setting, or a value that its setting cannot have.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text, parse_float=str)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidDataError("settings_file", file=str(path), problem=error.strerror or error) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidDataError("toml", file=str(path), problem=error) from None
    return parse(document, source=str(path))


def parse(document: Mapping[str, object], *, source: str) -> dict[str, str]:
    """Return the settings that a TOML document holds.

    Parameters
    ----------
    document : mapping
        As ``tomllib`` reads it.
    source : str
        The file's name, for what is said of it.

    Returns
    -------
    dict of str to str

    Raises
    ------
    InvalidDataError
        If a key is no setting, or a value none of its setting.

    Examples
    --------
    >>> parse({"as_of": date(2024, 6, 30), "conventions": {"grace_days": 3}}, source="graphrisk.toml")
    {'as_of': '2024-06-30', 'conventions.grace_days': '3'}
    """
    values: dict[str, str] = {}
    for key, value in document.items():
        if key == "conventions" and isinstance(value, Mapping):
            for name, inner in value.items():
                values[CONVENTION + name] = _text(inner, key=CONVENTION + name, source=source)
        elif key in KNOWN:
            text = _text(value, key=key, source=source)
            values[key] = read_value(key, text, source=source, in_file=True)
        else:
            allowed = ", ".join((*KNOWN, "[conventions]"))
            raise InvalidDataError("settings_key", file=source, key=key, allowed=allowed)
    return values


def _text(value: object, *, key: str, source: str) -> str:
    # bool is an int, and no setting is one; a list or a table is no single value either.
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        raise InvalidDataError("settings_value", file=source, key=key, value=value, allowed="a text or a number")
    return value.isoformat() if isinstance(value, date) else str(value)


def read_value(name: str, text: str, *, source: str, in_file: bool = False) -> str:
    """Return the value of a setting in its usual form.

    Parameters
    ----------
    name : str
        One of `KNOWN`.
    text : str
        As the user wrote it.
    source : str
        The flag, variable or file, for what is said of it.
    in_file : bool
        Whether it comes from a file: then a wrong value is wrong data, not wrong usage.

    Returns
    -------
    str

    Raises
    ------
    UsageError, InvalidDataError
        If the setting cannot have this value.

    Examples
    --------
    >>> read_value("horizon", "30", source="--horizon")
    '30d'
    """
    known = KNOWN[name]
    try:
        return known.read(text.strip())
    except ValueError:
        pass
    except UsageError:
        if not in_file:
            raise
    if in_file:
        raise InvalidDataError("settings_value", file=source, key=name, value=text, allowed=known.allowed)
    raise UsageError("setting_value", name=source, value=text, allowed=known.allowed)


def read_environment(environment: Mapping[str, str], conventions: Iterable[str] = ()) -> dict[str, str]:
    """Return the settings that the environment holds; a blank variable counts as unset.

    Parameters
    ----------
    environment : mapping of str to str
        Such as ``os.environ``.
    conventions : iterable of str
        Names of the conventions that may be set there.

    Returns
    -------
    dict of str to str

    Raises
    ------
    UsageError
        If a variable has a value that its setting cannot have.

    Examples
    --------
    >>> read_environment({"GRAPHRISK_LANG": "zh", "GRAPHRISK_TOP": ""})
    {'lang': 'zh'}
    """
    values = {}
    for name in KNOWN:
        variable = variable_of(name)
        if environment.get(variable):
            values[name] = read_value(name, environment[variable], source=variable)
    for name in conventions:
        if text := environment.get(variable_of(CONVENTION + name)):
            values[CONVENTION + name] = text
    return values


def misspelt(environment: Mapping[str, str], conventions: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables that look like ours and are none.

    Parameters
    ----------
    environment : mapping of str to str
        Such as ``os.environ``.
    conventions : iterable of str
        Names of the conventions that may be set there.

    Returns
    -------
    dict of str to str
        By name, the variable of ours that is written alike; blank if none is.

    Examples
    --------
    >>> misspelt({"GRAPHRISK_LNAG": "zh", "GRAPHRISK_DATASETS": "x", "GRAPHRISK_TOP": "5"})
    {'GRAPHRISK_LNAG': 'GRAPHRISK_LANG', 'GRAPHRISK_DATASETS': ''}
    """
    known = {variable_of(name) for name in (*KNOWN, *(CONVENTION + name for name in conventions))} | {*VARIABLES}
    others = [name for name in environment if name.upper().startswith(PREFIX) and name not in known]
    if not others:
        return {}
    from difflib import get_close_matches  # noqa: PLC0415 -- for what is nearly never there

    ends = sorted(name.removeprefix(PREFIX) for name in known)
    found = {}
    for name in others:
        end = name.upper().removeprefix(PREFIX)
        longer = [known_end for known_end in ends if known_end.endswith(f"_{end}")]
        near = longer or get_close_matches(end, ends, n=1, cutoff=_ALIKE)
        found[name] = PREFIX + near[0] if near else ""
    return found


def language_of(flag: str | None, environment: Mapping[str, str], paths: Iterable[Path]) -> str:
    """Return the language to speak before all settings are known.

    Parameters
    ----------
    flag : str or None
        What the flag says.
    environment : mapping of str to str
        Such as ``os.environ``.
    paths : iterable of Path
        The settings files, the strongest first; one that cannot be read says nothing.

    Returns
    -------
    str
        ``en`` or ``zh``; what no language is counts as not said.

    Examples
    --------
    >>> language_of(None, {"GRAPHRISK_LANG": "zh"}, []), language_of("fr", {}, [])
    ('zh', 'en')
    """
    said = [flag, environment.get(variable_of("lang"))]
    for path in paths:
        with suppress(InvalidDataError):
            said.append(read_file(path).get("lang"))
    return next((lang for lang in said if lang in LANGUAGES), KNOWN["lang"].default)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting.

    Examples
    --------
    >>> variable_of("conventions.grace_days")
    'GRAPHRISK_CONVENTIONS_GRACE_DAYS'
    """
    return PREFIX + name.replace(".", "_").upper()


def flag_of(name: str) -> str:
    """Return the flag of a setting.

    Examples
    --------
    >>> flag_of("as_of"), flag_of("conventions.roll")
    ('--as-of', '--convention roll')
    """
    if name.startswith(CONVENTION):
        return f"--convention {name.removeprefix(CONVENTION)}"
    return "--" + name.replace("_", "-")


def resolve(
    flags: Mapping[str, str | None],
    *,
    environment: Mapping[str, str],
    files: Iterable[tuple[str, Mapping[str, str]]],
) -> Settings:
    """Join all places that settings come from; the first that has a value wins.

    Parameters
    ----------
    flags : mapping of str to str or None
        Values given on the command line, in any form; None is not given.
    environment : mapping of str to str
        As `read_environment` returns it.
    files : iterable of (str, mapping)
        Name and content of each settings file, the strongest first.

    Returns
    -------
    Settings

    Raises
    ------
    UsageError
        If a flag has a value that its setting cannot have.

    Examples
    --------
    >>> found = resolve({"top": "5"}, environment={"top": "7", "lang": "zh"}, files=[])
    >>> found.top, found.source("top"), found["lang"], found.source("lang"), found.source("unit")
    (5, '--top', 'zh', 'GRAPHRISK_LANG', '')
    """
    items = {name: Setting(name, known.default) for name, known in KNOWN.items()}
    for source, values in reversed(list(files)):
        items.update({name: Setting(name, value, source, "file") for name, value in values.items()})
    items.update({name: Setting(name, value, variable_of(name), "environment") for name, value in environment.items()})
    for name, text in flags.items():
        if text is not None:
            value = read_value(name, text, source=flag_of(name)) if name in KNOWN else text
            items[name] = Setting(name, value, flag_of(name), "flag")
    return Settings(items)


def read_holidays(path: Path) -> tuple[date, ...]:
    """Read the days of a calendar file on which nothing falls due.

    Parameters
    ----------
    path : Path
        A text file with one date a line, such as ``2024-02-12``; what follows a ``#`` does not count.

    Returns
    -------
    tuple of date
        In order, each once.

    Raises
    ------
    InvalidDataError
        If the file cannot be read or a line is no date.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InvalidDataError("calendar_file", file=str(path)) from None
    days = set()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                days.add(date.fromisoformat(_date(text)))
            except ValueError:
                raise InvalidDataError("calendar_line", file=str(path), line=number, value=text) from None
    return tuple(sorted(days))
