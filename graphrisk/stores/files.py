"""Folders of CSV files, and the bundled sample."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from graphrisk.errors import InvalidDataError, StoreError
from graphrisk.settings import FILE_NAME as SETTINGS_FILE
from graphrisk.settings import parse
from graphrisk.stores.delimited import read
from graphrisk.tables.aliases import currency_code, table_named
from graphrisk.tables.book import FILE_FINDINGS, Finding, Tables
from graphrisk.tables.intake import checked

if TYPE_CHECKING:
    from graphrisk.tables.raw import RawFile

__all__ = ["FILE_FINDINGS", "REACTIONS_FILE", "FileStore", "read_tables", "sample_folder"]

#: The file of a folder that says how lenders and suppliers react.
REACTIONS_FILE = "reactions.toml"


def sample_folder() -> Path:
    """Return the folder of the tables that come with graphrisk.

    Examples
    --------
    >>> sample_folder().name
    'sample'
    """
    return Path(str(files("graphrisk") / "sample"))


@dataclass(frozen=True, slots=True)
class FileStore:
    """Files of one book.

    Attributes
    ----------
    paths : sequence of Path or None
        A folder, or files; None for the bundled sample.
    source : str
        As the user named them.
    """

    paths: Sequence[Path] | None
    source: str = ""

    def read_tables(self) -> Tables:
        """Read and check all tables; see `read_tables`."""
        return read_tables(self.paths, source=self.source)


def read_tables(
    paths: Sequence[Path] | None, *, settings: Mapping[str, object] | None = None, source: str = ""
) -> Tables:
    r"""Read and check the tables of a folder, or of some files.

    A file is the table that its name without ending is, ours or one of the alias map, whatever its case; others
    are named in a note. A folder's ``graphrisk.toml`` is its settings, its ``reactions.toml`` is kept as text.

    Parameters
    ----------
    paths : sequence of Path or None
        Folders and files, together one book; None for the bundled sample.
    settings : mapping, optional
        Settings that win over those of the folder; ``currency`` is that of amounts that name none.
    source : str
        How the user named the data; left out, the paths.

    Returns
    -------
    Tables

    Raises
    ------
    StoreError
        If a path is not there or cannot be read, or none of the files is a table.
    InvalidDataError
        If ``graphrisk.toml`` or ``reactions.toml`` is no text, or the first is no TOML or holds a setting that is none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "汇率.csv").write_text("日期,币种,本币,汇率\n2024-06-28,USD,CNY,7.25\n", "utf-8")
    ...     read_tables([Path(folder)])["fx"]["rate"].tolist()
    [7250000000]
    """
    chosen = [sample_folder()] if paths is None else list(paths)
    named = source or ("sample" if paths is None else ", ".join(map(str, chosen)))
    found = [(path, name) for place in chosen for path, name in _listed(place, alone=len(chosen) == 1)]
    raw: list[RawFile] = []
    notes: list[Finding] = []
    document: dict[str, object] = {}
    reactions = ""
    for path, name in found:
        table = table_named(path.stem) if path.suffix.lower() == ".csv" else None
        if path.name == SETTINGS_FILE:
            document |= _settings(path)
        elif path.name == REACTIONS_FILE:
            reactions = _text(path)
        elif table is not None:
            raw.append(read(_bytes(path), table=table, name=name))
        else:
            notes.append(Finding("note", "not_csv" if table_named(path.stem) else "not_a_table", file=name))
    if not raw:
        raise StoreError("no_table", path=named)
    merged = document | dict(settings or {})
    tables = checked(raw, currency=_currency(merged))
    return replace(
        tables,
        findings=(*notes, *tables.findings),
        source=named,
        settings=MappingProxyType(merged),
        reactions=reactions,
    )


def _currency(settings: Mapping[str, object]) -> str | None:
    """Return the book's currency as settings name it, if they do."""
    name = str(settings.get("currency") or "")
    code = currency_code(name)
    if name and code is None:
        allowed = "an ISO 4217 code such as CNY"
        raise InvalidDataError("settings_value", file=SETTINGS_FILE, key="currency", value=name, allowed=allowed)
    return code


def _listed(place: Path, *, alone: bool) -> list[tuple[Path, str]]:
    """Return the files of a folder, or a file itself, each with the name that a user knows it by."""
    if place.is_file():
        return [(place, place.name if alone else str(place))]
    if not place.is_dir():
        raise StoreError("no_such_path", path=place)
    try:
        inside = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise StoreError("unreadable_path", path=place, problem=error.strerror or error) from None
    return [(path, path.name if alone else str(path)) for path in inside if path.suffix not in (".py", ".pyc")]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError("unreadable_path", path=path, problem=error.strerror or error) from None


def _text(path: Path) -> str:
    content = _bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidDataError("toml", file=path, problem=f"no UTF-8 (at line {line})") from None


def _settings(path: Path) -> dict[str, object]:
    text = _text(path)
    try:
        document: dict[str, object] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidDataError("toml", file=path, problem=error) from None
    parse(tomllib.loads(text, parse_float=str), source=str(path))
    return document
