"""What the shell completes: ids and names that stand in plain files, so that nothing heavy is imported for a key."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import typer

from graphrisk.settings import DATA_VARIABLE

#: The file of a book that lists the ids of its entities, one a line, as outputs show them: nobody is unmasked there.
IDS_FILE = "entities.txt"

#: Most ids that are offered at once.
MOST = 200

# What a shell takes for one word and no more: an id that would be a command where it stands is not offered.
_PLAIN_WORD = re.compile(r"[\w@%+=:,./~][\w@%+=:,./~-]*")


def entity_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of a book's entities that begin as what was typed.

    A folder of raw tables has no list of them, and completes none.

    Parameters
    ----------
    ctx : typer.Context
        The command line so far: its ``--data``, else ``GRAPHRISK_DATA``, names the book.
    incomplete : str
        What was typed of the id.

    Returns
    -------
    list of str
    """
    folder = ctx.params.get("data") or os.environ.get(DATA_VARIABLE)
    return offered(_lines(Path(folder) / IDS_FILE), incomplete) if folder else []


def table_names(incomplete: str) -> list[str]:
    """Return the names of tables that begin as what was typed.

    Examples
    --------
    >>> table_names("lo")
    ['loan_shares', 'loans']
    """
    known = tomllib.loads((files("graphrisk.tables") / "aliases.toml").read_text(encoding="utf-8"))["tables"]
    return offered(sorted(known), incomplete)


def offered(words: Iterable[str], incomplete: str) -> list[str]:
    """Return the words that begin as what was typed; of very many, enough that they share no more than all do.

    Parameters
    ----------
    words : iterable of str
        In any order.
    incomplete : str
        What was typed.

    Returns
    -------
    list of str

    Examples
    --------
    >>> offered(["A1", "A2", "B1", "$(rm)"], "A")
    ['A1', 'A2']
    >>> many = offered([*(f"A{number}" for number in range(1000)), "AB", "B"], "")
    >>> len(many), many[-1]
    (201, 'B')
    """
    found: list[str] = []
    shared = ""
    for word in words:
        if not word.startswith(incomplete) or not _PLAIN_WORD.fullmatch(word):
            continue
        # A shell types what all that it is offered begins with: a word that begins otherwise must be among it.
        if len(found) < MOST or not word.startswith(shared):
            found.append(word)
            shared = os.path.commonprefix(found)  # noqa: RUF071 -- the characters that all share are meant
    return found


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return
