"""Persons behind masks: what leaves graphrisk names nobody unless it is told to.

A person's name keeps its first character. What looks like a Chinese identity card (GB 11643: 18 characters,
the last a digit or X, or 15 digits before 1999) or a mobile phone becomes a short digest under a key,
wherever it stands, so that the same person can be followed through an output but not found from it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import pandas as pd

from graphrisk.results import KEYS, Result, ResultColumn, Sentence
from graphrisk.tables.book import Finding, Tables

#: Name of the environment variable with a key of one's own.
KEY_VARIABLE = "GRAPHRISK_MASK_KEY"

#: What stands for a digest where there is no key to make one with.
NO_KEY = "m-************"

_BIRTHDAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"

# A digest comes first, so that one whose digits look like a phone stays what it is. A number between letters
# counts as an identity card only with a birthday in it: long serial numbers often have letters around them.
_SENSITIVE = re.compile(
    r"(?P<digest>m-(?:[0-9a-f]{12}|\*{12}))"
    r"|(?<![0-9A-Za-z])(?:\d{17}[\dXx]|\d{15})(?![0-9A-Za-z])"
    rf"|(?<!\d)[1-9]\d{{5}}(?:18|19|20)\d\d{_BIRTHDAY}\d{{3}}[\dXx](?!\d)"
    rf"|(?<!\d)[1-9]\d{{7}}{_BIRTHDAY}\d{{3}}(?!\d)"
    r"|(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"
)

#: What stands between the parts of a text that may each be a name.
_BETWEEN = re.compile(r"([,;|\t，；、]\s*)")

#: What stands for a row that is not shown.
_ROW = "**"

_CHINESE = re.compile(r"[\u3400-\u9fff]")

#: Columns that decide the order of rows that are equal else.
_KEYS = {"entity_id", "loan_id", *KEYS}

#: How rows stand (columns, falling or not) whose last order is that of ids as they are shown.
_ORDERS: dict[str, tuple[tuple[str, bool], ...]] = {
    "spread": (("absorbed", True), ("trust_loss", True), ("credit_loss", True), ("entity_id", False)),
    "overdue": (("overdue_total", True),),
    "npl": (("overdue_total", True),),
}


@dataclass(frozen=True, slots=True)
class Masker:
    """What hides persons in one book.

    Attributes
    ----------
    key : bytes
        Key of the digests; without one nothing is told apart.
    persons : frozenset of str
        Ids of the persons.
    names : frozenset of str
        Their names.

    Examples
    --------
    >>> masker = Masker(b"key", frozenset({"P1"}), frozenset({"张三"}))
    >>> masker.text("张三"), masker.text("Z-9"), masker.text("phone 13800138000")
    ('张**', 'Z-9', 'phone m-b21da3bf29de')
    """

    key: bytes = field(default=b"", repr=False)
    persons: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tables: Tables, environment: Mapping[str, str]) -> "Masker":
        """Return the masker of a book.

        Parameters
        ----------
        tables : Tables
            Whose entities of kind ``person`` are hidden.
        environment : mapping of str to str
            ``GRAPHRISK_MASK_KEY`` there wins over the book's own key.

        Returns
        -------
        Masker
        """
        key = environment.get(KEY_VARIABLE, "").encode() or tables.mask_key
        entities = tables["entities"]
        persons = entities[entities["kind"] == "person"]
        return cls(key, frozenset(persons["entity_id"]), frozenset(persons["name"].dropna()))

    def digest(self, text: str) -> str:
        """Return the short digest that stands for an id."""
        if not self.key:
            return NO_KEY
        return f"m-{hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:12]}"

    def name(self, text: str) -> str:
        """Return a person's name with all but its first character hidden."""
        return f"{text[:1]}**"

    def text(self, text: str) -> str:
        """Return any text as it may be shown.

        Parameters
        ----------
        text : str
            An id, a person's name, a value or a sentence.

        Returns
        -------
        str
            The same, with a person's name and what looks like an identity card or a phone hidden.
        """
        if text in self.persons and (text in self.names or _CHINESE.search(text)):
            return self.digest(text)  # an id that is a name tells as much as the name
        if text in self.names:
            return self.name(text)
        parts = _BETWEEN.split(self.hidden(text))  # a list, or a whole row as it came
        return "".join(self.name(part) if part in self.names else part for part in parts)

    def hidden(self, text: str) -> str:
        """Return a text with what looks like an identity card or a phone hidden, names left as they are."""
        return _SENSITIVE.sub(lambda hit: hit.group() if hit["digest"] else self.digest(hit.group()), text)

    def value(self, value: object) -> object:
        """Return a value with every text inside it as it may be shown; what is no text stays.

        Examples
        --------
        >>> Masker(b"key").value({"A": ["13800138000", 1.5]})
        {'A': ['m-b21da3bf29de', 1.5]}
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(name): self.value(inner) for name, inner in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self.value(inner) for inner in value)
        if isinstance(value, Sentence):
            return self.sentence(value)
        if isinstance(value, PurePath | Exception):  # fields of errors: what is said of them is their text
            return self.text(str(value))
        return value

    def fields(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return the fields of a sentence as they may be shown."""
        return {name: self.value(value) for name, value in fields.items()}

    def sentence(self, sentence: Sentence) -> Sentence:
        """Return a sentence as it may be shown; a ``name`` beside an ``id`` is a person's if the id is one's."""
        fields = self.fields(sentence.fields)
        id_, name = sentence.fields.get("id"), sentence.fields.get("name")
        if isinstance(id_, str) and isinstance(name, str) and name != id_:
            fields["name"] = self.name(name) if id_ in self.persons else self.hidden(name)
        return Sentence(sentence.code, fields)

    def finding(self, finding: Finding) -> Finding:
        """Return a finding as it may be shown.

        A whole row of ``entities`` may name a person whom nobody knows for one, so it is not shown at all.
        """
        whole_row = finding.table == "entities" and not finding.column and bool(finding.value)
        value = _ROW if whole_row else self.text(finding.value)
        return replace(finding, value=value, fields=self.fields(finding.fields))

    def column(self, values: pd.Series) -> pd.Series:
        """Return a column of texts, or of lists of texts, as it may be shown."""
        shown = {text: self.value(text) for text in _distinct(values)}
        if all(shown[text] == text for text in shown):
            return values
        hidden = [shown.get(tuple(value) if isinstance(value, list) else value) for value in values.astype(object)]
        return pd.Series(hidden, index=values.index, dtype=object)

    def original(self, shown: str, ids: Iterable[str]) -> str | None:
        """Return the id that is shown as a text, if there is one.

        Parameters
        ----------
        shown : str
            An id as an output shows it.
        ids : iterable of str
            The ids that there are.

        Returns
        -------
        str or None
        """
        if not self.key or "m-" not in shown:
            return None
        return next((id_ for id_ in ids if self.text(id_) == shown), None)


def _distinct(values: pd.Series) -> list[object]:
    if values.dtype != object:
        return list(values.dropna().unique())
    return list(dict.fromkeys(tuple(value) if isinstance(value, list) else value for value in values.dropna()))


def masked(result: Result, masker: Masker | None) -> Result:
    """Return a result as it may be shown, sorted by the ids as they are shown.

    Parameters
    ----------
    result : Result
        As an analyzer made it.
    masker : Masker or None
        None shows everything.

    Returns
    -------
    Result
    """
    if masker is None:
        return result
    rows = _masked_rows(result, masker)
    tables = result.tables and replace(result.tables, source=masker.text(result.tables.source))
    return replace(
        result,
        rows=rows,
        tables=tables,
        summary=masker.fields(result.summary),
        parameters=masker.fields(result.parameters),
        headline=tuple(masker.sentence(sentence) for sentence in result.headline),
        notes=tuple(masker.sentence(sentence) for sentence in result.notes),
        detail=masker.fields(result.detail),
    )


def _masked_rows(result: Result, masker: Masker) -> pd.DataFrame:
    rows = result.rows
    changed = {}
    owner = next((column.name for column in result.columns if column.entity), None)
    for column in result.columns:
        if column.type in ("text", "list"):
            changed[column.name] = masker.column(rows[column.name])
        elif column.type == "name":
            changed[column.name] = _masked_names(rows, column, owner, masker)
    shown = rows.assign(**changed)
    keys = [column.name for column in result.columns if column.name in _KEYS]
    if all(shown[key].equals(rows[key]) for key in keys):
        return shown
    return _sorted(shown, result.command, keys)


def _masked_names(rows: pd.DataFrame, column: ResultColumn, owner: str | None, masker: Masker) -> pd.Series:
    names = rows[column.name]
    if owner is None:
        return masker.column(names)
    person = rows[owner].isin(masker.persons) & names.notna()
    firms = names.map(masker.hidden, na_action="ignore").astype(object)
    return firms.where(~person, names.map(masker.name, na_action="ignore"))


def _sorted(rows: pd.DataFrame, command: str, keys: list[str]) -> pd.DataFrame:
    order = [pair for pair in _ORDERS.get(command, ()) if pair[0] in rows]
    if not order:
        return rows
    order += [(key, False) for key in keys if key not in dict(order)]
    # Rounded as in JSON, so that a last digit of noise cannot change the order of equal rows.
    rounded = rows.reset_index(drop=True)
    rounded = rounded.assign(**{name: rounded[name].round(6) for name, _ in order if rounded[name].dtype == "float64"})
    first = rounded.head(1) if command == "spread" else rounded.head(0)
    rest = rounded.iloc[len(first) :].sort_values(
        [name for name, _ in order], ascending=[not falling for _, falling in order], kind="stable"
    )
    return rows.iloc[[*first.index, *rest.index]]
