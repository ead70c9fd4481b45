"""Persons behind masks: what leaves graphrisk names nobody unless it is told to.

A person's name keeps its first character. What looks like the number of an identity card, a mobile phone or a bank
card, or like an e-mail address (`graphrisk.views.patterns`), becomes a short digest under a key, wherever it stands,
so that the same person can be followed through an output but not found from it. So does an id that is a name.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath

import pandas as pd

from graphrisk.results import KEYS, Result, ResultColumn, Sentence
from graphrisk.settings import KEY_VARIABLE
from graphrisk.tables.aliases import code_values, normalised_value
from graphrisk.tables.book import Finding, Tables
from graphrisk.tables.schemas import SCHEMAS
from graphrisk.views.patterns import HAN, Names, hide, looks_like_a_name

#: What stands for a digest where there is no key to make one with.
NO_KEY = "m-************"

#: What stands for a row that is not shown.
_ROW = "**"

#: Why a row was set aside whose cells may stand under a wrong header.
_MISFITS = ("too_few_fields", "too_many_fields", "unclosed_quote")

#: Columns that decide the order of rows that are equal else.
_KEYS = {"entity_id", "counterparty_id", "loan_id", "creditor_id", "obligor_id", "contract_id", *KEYS}

#: How rows stand (columns, falling or not) whose last order is that of ids as they are shown.
_ORDERS: dict[str, tuple[tuple[str, bool], ...]] = {
    "spread": (("absorbed", True), ("trust_loss", True), ("credit_loss", True), ("entity_id", False)),
    "spread_explain": (("record", False), ("round", False), ("amount", True), ("counterparty_id", False)),
    "overdue": (("overdue_total", True),),
    "npl": (("overdue_total", True),),
    "guarantees": (("amount", True), ("guarantee_id", False)),
    "guarantees_call": (("order", False),),
    "exposure": (("amount", True), ("creditor_id", False), ("obligor_id", False), ("kind", False)),
    "exposure_group": (("amount", True), ("creditor_id", False), ("group_id", False)),
    "exposure_trust": (("relation", True), ("creditor_id", False), ("obligor_id", False)),
    "trace": (("rank", False),),
    "trace_to": (("rank", False),),
}


@dataclass(frozen=True)
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
    persons: frozenset[str] = field(default=frozenset(), repr=False)
    names: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, tables: Tables, environment: Mapping[str, str]) -> "Masker":
        """Return the masker of a book.

        Persons are the entities of kind ``person``; those whose row was set aside, unless it says that they are
        none; and ids of which nothing is known but that they have the form of a Chinese name.

        Parameters
        ----------
        tables : Tables
            Whose persons are hidden.
        environment : mapping of str to str
            ``GRAPHRISK_MASK_KEY`` there wins over the book's own key.

        Returns
        -------
        Masker
        """
        key = environment.get(KEY_VARIABLE, "").encode() or tables.mask_key
        entities = tables["entities"]
        known = entities[entities["kind"] == "person"]
        ids, names = _set_aside(tables)
        persons = {*known["entity_id"], *ids, *_strangers(tables)}
        return cls(key, frozenset(persons), frozenset({*known["name"].dropna(), *names}))

    @cached_property
    def _words(self) -> Names:
        """What is looked for inside texts: names, and ids that are names or hold them."""
        return Names(self.names | {id_ for id_ in self.persons if HAN.search(id_)})

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
        if text in self.persons and (text in self.names or HAN.search(text)):
            return self.digest(text)  # an id that is a name tells as much as the name
        if text in self.names:
            return self.name(text)
        shown, before = self.hidden(text), ""
        while shown != before:  # what stands for a name may leave a shorter one alone beside it
            before, shown = shown, self._words.replaced(shown, self._instead)
        return shown

    def _instead(self, name: str) -> str:
        return self.digest(name) if name in self.persons else self.name(name)

    def hidden(self, text: str) -> str:
        """Return a text with numbers and addresses that tell of a person hidden, names left as they are."""
        return hide(text, self.digest)

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

        A whole row of ``entities`` may name a person whom nobody knows for one, so it is not shown at all; of a whole
        row of another table, what has the form of a name is hidden.
        """
        whole_row = not finding.column and bool(finding.value)
        if whole_row and finding.table == "entities":
            value = _ROW
        elif whole_row:
            value = ",".join(self.cell(part) for part in finding.value.split(","))
        else:
            value = self.text(finding.value)
        file, column = self.text(finding.file), self.text(finding.column)
        return replace(finding, file=file, column=column, value=value, fields=self.fields(finding.fields))

    def cell(self, text: str) -> str:
        """Return a cell of which nothing is known as it may be shown: one that has the form of a name as a name."""
        shown = self.text(text)
        return self.name(text) if shown == text and looks_like_a_name(text.strip()) else shown

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


def _set_aside(tables: Tables) -> tuple[set[str], set[str]]:
    """Return ids and names of those whose rows were set aside, and who may be persons.

    A row whose cells may stand under wrong headers may hold a name anywhere; one of another table, in any column
    that names an entity.
    """
    ids: set[str] = set()
    names: set[str] = set()
    for table, rows in tables.quarantine.items():
        shifted = rows["reasons"].str.contains("|".join(_MISFITS)) | (rows["surplus"].fillna("") != "")
        naming = [column.name for column in SCHEMAS[table].columns if column.refers == "entities"]
        cells = [rows[name] for name in naming if name in rows]
        cells += [rows.loc[shifted, name] for name in rows.columns.difference(["reasons", "source_file"])]
        for values in cells:
            listed = values.dropna().astype(str).str.split(",").explode().str.strip()
            ids.update(filter(looks_like_a_name, listed.unique()))
        if table == "entities":
            people = rows[~_are_firms(rows) & (rows["reasons"] != "total_row")]
            ids.update(_texts(people, "entity_id"))
            names.update(_texts(people, "name"))
    return ids, names


def _are_firms(rows: pd.DataFrame) -> pd.Series:
    """Return which rows of entities, as they came, say of somebody that it is no person."""
    if "kind" not in rows:
        return pd.Series(data=False, index=rows.index)
    kinds = code_values("entities", "kind")
    said = rows["kind"].fillna("").map(normalised_value).map(kinds.get)
    return said.notna() & (said != "person")


def _texts(rows: pd.DataFrame, name: str) -> set[str]:
    if name not in rows:
        return set()
    return set(rows[name].dropna().str.strip().unique()) - {""}


def _strangers(tables: Tables) -> set[str]:
    """Return ids that no row of entities tells of, and that have the form of a Chinese name."""
    if "entities" in tables:
        outside = [finding.value for finding in tables.findings if finding.fields.get("refers") == "entities"]
        return set(filter(looks_like_a_name, outside))
    found: set[str] = set()
    for table, frame in tables.frames.items():
        for column in SCHEMAS[table].columns:
            if column.refers == "entities":
                found.update(filter(looks_like_a_name, frame[column.name].dropna().unique()))
    return found


def _masked_rows(result: Result, masker: Masker) -> pd.DataFrame:
    rows = result.rows
    changed = {}
    owner = next((column.name for column in result.columns if column.entity), None)
    for column in result.columns:
        owner = column.name if column.entity else owner  # a name is that of the id before it
        if column.type in ("text", "list"):
            changed[column.name] = masker.column(rows[column.name])
        elif column.type == "name":
            said = f"{column.name.removesuffix('_name')}_id"  # or of the one that it says itself
            changed[column.name] = _masked_names(rows, column, said if said in rows else owner, masker)
    shown = rows.assign(**changed)
    keys = [column.name for column in result.columns if column.name in _KEYS]
    if all(shown[key].equals(rows[key]) for key in keys):
        return shown
    return _sorted(shown, result.command, keys, _leading(result))


def _leading(result: Result) -> int:
    """Return how many rows stand before the others whatever the order: those of the subject itself."""
    if result.command == "spread":
        return min(1, len(result.rows))
    if result.command == "exposure" and result.parameters.get("entity_id") is not None:
        return int((result.rows["creditor_id"] == result.parameters["entity_id"]).sum())
    return 0


def _masked_names(rows: pd.DataFrame, column: ResultColumn, owner: str | None, masker: Masker) -> pd.Series:
    names = rows[column.name]
    if owner is None:
        return masker.column(names)
    person = rows[owner].isin(masker.persons) & names.notna()
    firms = names.map(masker.hidden, na_action="ignore").astype(object)
    return firms.where(~person, names.map(masker.name, na_action="ignore"))


def _sorted(rows: pd.DataFrame, command: str, keys: list[str], leading: int) -> pd.DataFrame:
    order = [pair for pair in _ORDERS.get(command, ()) if pair[0] in rows]
    if not order:
        return rows
    order += [(key, False) for key in keys if key not in dict(order)]
    # Rounded as in JSON, so that a last digit of noise cannot change the order of equal rows.
    rounded = rows.reset_index(drop=True)
    rounded = rounded.assign(**{name: rounded[name].round(6) for name, _ in order if rounded[name].dtype == "float64"})
    names, rising = [name for name, _ in order], [not falling for _, falling in order]
    parts = [
        part.sort_values(names, ascending=rising, kind="stable")
        for part in (rounded.iloc[:leading], rounded.iloc[leading:])
    ]
    return rows.iloc[[*parts[0].index, *parts[1].index]]
