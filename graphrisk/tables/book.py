"""The tables of one book: frames that passed their schema, what was set aside, and where they came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Literal

import pandas as pd

from graphrisk.errors import texts
from graphrisk.tables.schemas import SCHEMAS

Severity = Literal["error", "warning", "note"]

#: Findings for which nothing of a file is read: no question can be asked of such a book.
FILE_FINDINGS = frozenset({"not_text", "no_header", "repeated_column", "missing_column"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, with the place and the repair.

    The sentence and the repair stand in the language files under ``code``.

    Attributes
    ----------
    severity : str
        ``error``, ``warning`` or ``note``.
    code : str
        Name of the check, such as ``duplicate_key``.
    table, file : str
        Where; blank if it concerns no table or file.
    line : int or None
        Line of the file, the header being line 1.
    column, value : str
        The column, and its value as it came.
    fields : mapping
        What the sentence names beside these.
    """

    severity: Severity
    code: str
    table: str = ""
    file: str = ""
    line: int | None = None
    column: str = ""
    value: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def sentence(self, language: str = "en") -> str:
        """Return what was found, in a language, ``en`` or ``zh``."""
        return texts(language)["findings"][self.code].format(**self._named())

    def repair(self, language: str = "en") -> str:
        """Return what to do about it, in a language; blank where nothing needs doing."""
        return texts(language)["repairs"].get(self.code, "").format(**self._named())

    def _named(self) -> dict[str, object]:
        place = {"table": self.table, "file": self.file, "column": self.column, "value": self.value}
        joined = {
            name: ", ".join(map(str, value)) if isinstance(value, tuple | list) else value
            for name, value in self.fields.items()
        }
        return {**place, "line": "" if self.line is None else self.line, **joined}


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows and money of one table: read = kept + set aside, always.

    Attributes
    ----------
    rows_read, rows_kept, rows_quarantined : int
        Counts of rows.
    money_read, money_kept, money_quarantined : mapping of (column, currency) to int
        Sums in minor units of the amounts that could be read.
    """

    rows_read: int
    rows_kept: int
    rows_quarantined: int
    money_read: Mapping[tuple[str, str], int] = field(default_factory=dict)
    money_kept: Mapping[tuple[str, str], int] = field(default_factory=dict)
    money_quarantined: Mapping[tuple[str, str], int] = field(default_factory=dict)


@cache
def _empty(name: str) -> pd.DataFrame:
    return SCHEMAS[name].frame()


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one book.

    Attributes
    ----------
    frames : mapping of str to DataFrame
        The tables that the book has; each frame has all columns of its schema plus ``source_file`` and
        ``source_line``, money in int64 minor units. A table may be present and empty.
    currency : str
        Currency of amounts that name none (ISO 4217).
    findings : tuple of Finding
        In the order of table, file, line.
    tallies : mapping of str to Tally
        By table.
    source : str
        The folder, as the user named it.
    settings : mapping
        What the folder's ``graphrisk.toml`` says.
    reactions : str
        Text of the folder's ``reactions.toml``; blank if there is none.
    fingerprint : str
        Digest of the kept rows; two books with the same rows have the same one.
    mask_key : bytes
        Key of the digests that stand for persons' ids, made from the kept rows; it is never shown.
    quarantine : mapping of str to DataFrame
        Rows set aside, by table, as they came: a text column for each header (under our name where it is one of
        ours), ``surplus`` for fields beyond the header, ``source_file``, ``source_line``, and ``reasons``, the codes
        of the findings joined by ``|``.
    encodings : mapping of str to str
        What the bytes of each file were read as, such as ``GB18030``.
    """

    frames: Mapping[str, pd.DataFrame]
    currency: str = "CNY"
    findings: tuple[Finding, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    source: str = ""
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    reactions: str = ""
    fingerprint: str = ""
    mask_key: bytes = field(default=b"", repr=False)
    quarantine: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    encodings: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.frames

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table; an absent one is empty, with all its columns."""
        frame = self.frames.get(name)
        return _empty(name).copy(deep=False) if frame is None else frame


def default_as_of(tables: Tables) -> date | None:
    """Return the date that figures hold for where nobody names one; never today.

    Parameters
    ----------
    tables : Tables
        The book.

    Returns
    -------
    date or None
        ``as_of`` of the folder's settings, else the latest payment or snapshot; None if there is neither.

    Examples
    --------
    >>> payments = SCHEMAS["payments"].frame([{"loan_id": "L1", "paid_date": "2024-06-30", "amount": 1}])
    >>> default_as_of(Tables({"payments": payments}))
    datetime.date(2024, 6, 30)
    """
    if "as_of" in tables.settings:
        return date.fromisoformat(str(tables.settings["as_of"])[:10])
    latest = [tables["payments"]["paid_date"].max(), tables["snapshots"]["as_of"].max()]
    known = [moment.date() for moment in latest if not pd.isna(moment)]
    return max(known, default=None)
