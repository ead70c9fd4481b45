"""From an id on the command line to what it names in a book."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

import pandas as pd

from graphrisk.errors import UsageError
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS
from graphrisk.views.mask import Masker

Kind = Literal["loan", "entity", "group", "project"]

#: All that an id may name, in the order that it is tried.
KINDS: tuple[Kind, ...] = ("loan", "entity", "group", "project")

#: Ids that are compared one by one with a misspelt one; of more only those that begin or end alike.
_COMPARED = 20_000

#: Nearest ids that are named.
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """What an id names."""

    kind: Kind
    id: str


def find(tables: Tables, given: str, kinds: Sequence[Kind] = KINDS, masker: Masker | None = None) -> Subject:
    """Return what an id names.

    Parameters
    ----------
    tables : Tables
        The book.
    given : str
        The id as typed, as an output shows it (masked), or with its kind before it, such as ``group:G1``.
    kinds : sequence of str
        What it may name here.
    masker : Masker or None
        What hid ids in outputs.

    Returns
    -------
    Subject

    Raises
    ------
    UsageError
        If it names nothing, with the nearest ids, or two things.
    """
    known = {kind: ids_of(tables, kind) for kind in kinds}
    hits = [Subject(kind, given) for kind in kinds if given in known[kind]]
    prefix, _, rest = given.partition(":")
    if not hits:
        hits = [Subject(kind, rest) for kind in kinds if kind == prefix and rest in known[kind]]
    if not hits and masker:
        asked = [(kind, rest if kind == prefix else given) for kind in kinds if prefix not in kinds or kind == prefix]
        shown = [(kind, masker.original(text, sorted(known[kind]))) for kind, text in asked]
        hits = [Subject(kind, id_) for kind, id_ in shown if id_ is not None]
    if not hits:
        raise _unknown(tables, given, kinds, known)
    if len(hits) > 1 and not _same(tables, hits):
        choices = ", ".join(f"{hit.kind}:{hit.id}" for hit in hits)
        raise UsageError("ambiguous_id", id=given, choices=choices)
    return hits[0]


def ids_of(tables: Tables, kind: Kind) -> set[str]:
    """Return all ids of a kind in a book.

    Parameters
    ----------
    tables : Tables
        The book.
    kind : str
        One of `KINDS`. Entities are those of their table and all that contracts name.

    Returns
    -------
    set of str
    """
    places = {
        "loan": [("loans", "loan_id")],
        "group": [("entities", "group_id")],
        "project": [("projects", "project_id")],
        "entity": [
            ("entities", "entity_id"),
            *(
                (schema.name, column.name)
                for schema in SCHEMAS.values()
                for column in schema.columns
                if column.refers == "entities"
            ),
        ],
    }[kind]
    found: set[str] = set()
    for table, column in places:
        if table in tables:
            found.update(tables[table][column].dropna().unique())
    return found


def _same(tables: Tables, hits: Iterable[Subject]) -> bool:
    """Return whether all hits stand for one entity: a project's id stands for its company."""
    named = {hit.id if hit.kind == "entity" else _company(tables, hit) for hit in hits}
    return len(named) == 1 and None not in named


def _company(tables: Tables, subject: Subject) -> str | None:
    if subject.kind != "project":
        return None
    projects = tables["projects"]
    return str(projects.loc[projects["project_id"] == subject.id, "spv_id"].iloc[0])


def _unknown(tables: Tables, given: str, kinds: Sequence[Kind], known: dict[Kind, set[str]]) -> UsageError:
    ids = sorted(set().union(*known.values()))
    near = get_close_matches(given, _alike(given, ids), n=_NEAREST, cutoff=0.5)
    if "entity" in kinds:
        near += [id_ for id_ in _called(tables, given) if id_ not in near]
    what = "entity" if tuple(kinds) != KINDS else "id"
    if not near:
        return UsageError(f"unknown_{what}", id=given)
    return UsageError(f"unknown_{what}_near", id=given, nearest=", ".join(near))


def _alike(given: str, ids: list[str]) -> list[str]:
    if len(ids) <= _COMPARED:
        return ids
    return [id_ for id_ in ids if id_[:2] == given[:2] or id_[-2:] == given[-2:]][:_COMPARED]


def _called(tables: Tables, name: str) -> list[str]:
    """Return the ids of entities with a name; not of persons, whom a name should not lead to."""
    entities = tables["entities"]
    called = entities[(entities["name"] == name) & (entities["kind"] != "person")]
    return [str(id_) for id_ in called["entity_id"].head(_NEAREST)]


def entity_of(tables: Tables, subject: Subject) -> str:
    """Return the entity that an entity's or a project's id stands for."""
    return _company(tables, subject) or subject.id


def loans_of(tables: Tables, subject: Subject) -> Tables:
    """Return a book with the loans of a subject alone, and what belongs to them.

    Parameters
    ----------
    tables : Tables
        The book.
    subject : Subject
        A loan, a borrower, a group of borrowers, or a project, whose company borrows.

    Returns
    -------
    Tables
        Every table that names a loan holds only rows of these loans or of none.
    """
    loans = tables["loans"]
    chosen = loans[_chosen(tables, loans, subject)]
    frames = dict(tables.frames)
    frames["loans"] = chosen
    for name, frame in tables.frames.items():
        if name != "loans" and "loan_id" in frame:
            frames[name] = frame[frame["loan_id"].isna() | frame["loan_id"].isin(chosen["loan_id"])]
    return replace(tables, frames=frames)


def _chosen(tables: Tables, loans: pd.DataFrame, subject: Subject) -> pd.Series:
    if subject.kind == "loan":
        return loans["loan_id"] == subject.id
    if subject.kind == "group":
        entities = tables["entities"]
        members = entities.loc[entities["group_id"] == subject.id, "entity_id"]
        return loans["borrower_id"].isin(members)
    return loans["borrower_id"] == entity_of(tables, subject)
