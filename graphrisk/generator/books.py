"""A book of any size: drawn in pieces, held in memory or written to a folder."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from graphrisk.errors import UsageError
from graphrisk.generator.accounts import HORIZON
from graphrisk.generator.entities import entities as draw_entities
from graphrisk.generator.entities import events
from graphrisk.generator.lending import lend
from graphrisk.generator.population import FAILING
from graphrisk.generator.projects import build_projects
from graphrisk.generator.relations import draw_groups, ownership, partnerships
from graphrisk.generator.texts import Piece, Rows
from graphrisk.generator.trading import trade
from graphrisk.generator.world import draw_world
from graphrisk.settings import FILE_NAME
from graphrisk.tables.book import Tables
from graphrisk.tables.intake import checked
from graphrisk.tables.raw import TEXT, RawFile

#: A change of what is drawn from a seed is a new edition: digests of older books no longer hold.
EDITION = 1
#: How many entities a book may have: fewer lack some of the patterns, more lack digits in their ids.
LEAST, MOST = 100, 1_000_000
LARGEST_SEED = 2**63 - 1
#: Date of a book where none is asked for; never today's, so that the same command gives the same bytes.
AS_OF = date(2024, 6, 30)
CURRENCY = "CNY"
REACTIONS_FILE = "reactions.toml"
_FIRST_YEAR, _LAST_YEAR = 1950, 2400

#: Columns of each table, in the order of the file.
HEADERS: dict[str, tuple[str, ...]] = {
    name: tuple(columns.split())
    for name, columns in {
        "entities": "entity_id name kind group_id country region sector size founded as_of equity cash monthly_inflow "
        "monthly_outflow revenue net_capital score pd rating loss_given_default",
        "loans": "loan_id borrower_id lender_id principal outstanding annual_rate rate_type start_date maturity_date "
        "term term_unit method pay_day day_count grace_days penalty_multiplier penalty_base allocation_order "
        "facility_id project_id product secured collateral_value five_class status accelerated_on written_off "
        "write_off_date allowance",
        "loan_shares": "loan_id lender_id share",
        "co_borrowers": "loan_id entity_id liability share",
        "schedule": "loan_id no due_date principal_due interest_due fee_due version valid_from",
        "payments": "payment_id loan_id paid_date amount principal interest penalty fee kind payer_id reverses",
        "snapshots": "loan_id as_of outstanding overdue_principal overdue_interest days_past_due bucket",
        "rates": "loan_id from annual_rate",
        "facilities": "facility_id borrower_id provider_id limit drawn committed expiry rate cross_default "
        "cross_default_threshold cancellable",
        "trade": "seller_id buyer_id amount period product terms_days share_of_buyer_input substitutable critical",
        "invoices": "invoice_id seller_id buyer_id amount issue_date due_date settled_date settled_amount disputed "
        "confirmed confirmed_date financed_by advance_rate recourse",
        "guarantees": "guarantee_id guarantor_id debtor_id creditor_id loan_id amount kind share start end claim_until "
        "status",
        "collateral": "collateral_id owner_id loan_id value kind haircut valued_on",
        "insurance": "policy_id insurer_id insured_id debtor_id loan_id limit aggregate cover deductible "
        "deductible_kind waiting_days start end max_extension_days exclusions",
        "ownership": "owner_id owned_id share_min share_max control start",
        "partnerships": "from_id to_id kind weight trust start",
        "projects": "project_id spv_id cost debt_committed debt_drawn cfads debt_service dscr_lockup dscr_default "
        "major_party_share stage",
        "project_cashflows": "project_id date cfads debt_service",
        "project_parties": "project_id entity_id role share",
        "covenants": "covenant_id subject_id metric op level action",
        "events": "entity_id date kind amount note",
        "labels": "entity_id loan_id observed bad",
    }.items()
}

_REACTIONS = """\
# How financing reacts in this book. Like the book itself, these numbers are invented.
a = 1.0                        # distrust = min(1, a x overdue ratio)
delta = 0.3                    # reflection through influence
kappa = 1.0                    # a financier's share kept falls by kappa x its loss / its equity
loss_given_default = 0.45
general_delay_days = 180
cfads_lost = 0.5               # a late party of share w takes w x this of the project's cash flow

[keep]                         # (distrust, share kept); at a step the first of two points holds
financier = [[0, 1], [0.2, 1], [1, 0]]
supplier = [[0, 1], [0.2, 1], [1, 0]]
project = [[0, 1]]             # project debt stops by contract only

[keep_by]                      # named: wins over role and kind
F000001 = [[0, 1], [0, 0]]     # nothing undrawn once overdue
B000001 = [[0, 1]]             # only its cross-default clauses act
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What a written book has.

    Attributes
    ----------
    folder : Path
        Where it is.
    rows, sizes : mapping of str to int
        Rows and bytes by table, in the order of the docs.
    planted : mapping of str to int
        Components of the guarantee network by pattern; ``firms`` and ``contracts`` in it, firms of the ``largest``
        component, and how many entities are ``failing``.
    anchor : str
        Id of the large buyer that fails.
    """

    folder: Path
    rows: Mapping[str, int]
    sizes: Mapping[str, int]
    planted: Mapping[str, int]
    anchor: str


@dataclass(slots=True)
class _Draft:
    """What is known of a book once its pieces are drawn."""

    planted: dict[str, int] = field(default_factory=dict)
    anchor: str = ""


def _checked_request(entities: int, seed: int, as_of: date) -> int:
    """Return the day of a date, if such a book can be drawn."""
    if not LEAST <= entities <= MOST:
        raise UsageError("entities_range", value=f"{entities:,}", least=f"{LEAST:,}", most=f"{MOST:,}")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError("seed_range", value=seed)
    if not _FIRST_YEAR <= as_of.year <= _LAST_YEAR:
        raise UsageError("generated_date", value=as_of.isoformat(), first=_FIRST_YEAR, last=_LAST_YEAR)
    return (as_of - date(1970, 1, 1)).days


def _pieces(entities: int, seed: int, day: int, draft: _Draft) -> Iterator[Piece]:
    """Yield a book in pieces, each table's in the order of its file; at the end the draft is complete."""
    world = draw_world(entities, seed, day)
    people = world.people
    draft.planted = {**world.links.planted, "failing": int((people.health == FAILING).sum())}
    draft.anchor = people.ids[people.anchor].as_py()
    yield from lend(world)
    yield from build_projects(world)
    yield from trade(world)
    groups = draw_groups(people)
    owners, draft.planted["ownership_rings"] = ownership(people, groups)
    yield owners
    yield partnerships(people, world.houses)
    yield from draw_entities(world, groups)
    yield from events(world)


def _columns(table: str, rows: Rows) -> tuple[list[pa.Array], int]:
    """Return all columns of a piece in the order of the file, and how many rows it has."""
    unknown = set(rows) - set(HEADERS[table])
    if unknown:
        raise KeyError(f"{table} has no column {sorted(unknown)}")
    size = max(len(column) for column in rows.values() if isinstance(column, pa.Array))
    blank = pa.repeat(pa.scalar("", TEXT), size)
    return [rows.get(name, blank) for name in HEADERS[table]], size


def _settings(entities: int, seed: int, as_of: date, draft: _Draft) -> str:
    planted = ", ".join(f"{name} {count}" for name, count in draft.planted.items())
    return (
        f"# Made by: graphrisk generate --entities {entities} --seed {seed} --as-of {as_of} (edition {EDITION})\n"
        "# Every firm, person and amount in these tables is invented. Any likeness to a real one is chance.\n"
        f"# Planted: {planted}.\n"
        f"# A large buyer that fails: {draft.anchor}.\n"
        f'as_of = {as_of}\nhorizon = "{HORIZON}d"\ncurrency = "{CURRENCY}"\n'
    )


def book(entities: int, *, seed: int = 1, as_of: date = AS_OF) -> Tables:
    """Draw a book and hold it in memory, as reading its folder gives it.

    Parameters
    ----------
    entities : int
        How many, 100 to 1,000,000.
    seed : int
        The same seed gives the same book, on every machine.
    as_of : date
        The date that it holds for.

    Returns
    -------
    Tables
        Checked as tables read from files are.

    Raises
    ------
    UsageError
        If there can be no such book.

    Examples
    --------
    >>> tables = book(100)
    >>> len(tables["entities"]), sum(tally.rows_quarantined for tally in tables.tallies.values())
    (100, 0)
    """
    day = _checked_request(entities, seed, as_of)
    draft = _Draft()
    parts: dict[str, list[list[pa.Array]]] = {name: [] for name in HEADERS}
    for table, rows in _pieces(entities, seed, day, draft):
        parts[table].append(_columns(table, rows)[0])
    files = []
    for table in sorted(HEADERS):
        columns = tuple(pa.chunked_array(list(pieces), TEXT) for pieces in zip(*parts[table], strict=True))
        lines = np.arange(2, 2 + len(columns[0]))
        files.append(RawFile(table, f"{table}.csv", header=HEADERS[table], columns=columns, lines=lines))
    settings = MappingProxyType({"as_of": as_of, "horizon": f"{HORIZON}d", "currency": CURRENCY})
    tables = checked(files, currency=CURRENCY)
    return replace(tables, source="generated", settings=settings, reactions=_REACTIONS)


def write_book(folder: Path, entities: int, *, seed: int = 1, as_of: date = AS_OF) -> Written:
    """Draw a book and write it as a folder of CSV tables, in pieces, so that memory stays bounded.

    It is written beside and then renamed: the folder is there whole or not at all.

    Parameters
    ----------
    folder : Path
        Where to; it must not be there, or be empty.
    entities : int
        How many, 100 to 1,000,000.
    seed : int
        The same seed gives the same bytes, on every machine.
    as_of : date
        The date that it holds for.

    Returns
    -------
    Written

    Raises
    ------
    UsageError
        If there can be no such book, the folder holds something, or it cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     write_book(Path(home) / "book", 100).rows["entities"]
    100
    """
    day = _checked_request(entities, seed, as_of)
    target = folder.resolve()
    draft = _Draft()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError("folder_in_use", path=str(folder))
        if target == Path.cwd():
            raise UsageError("folder_is_current", path=str(folder))
        beside.mkdir()
        try:
            rows = _write_tables(beside, _pieces(entities, seed, day, draft))
            settings = _settings(entities, seed, as_of, draft)
            (beside / FILE_NAME).write_text(settings, encoding="utf-8", newline="\n")
            (beside / REACTIONS_FILE).write_text(_REACTIONS, encoding="utf-8", newline="\n")
            sizes = {name: (beside / f"{name}.csv").stat().st_size for name in HEADERS}
            with suppress(FileNotFoundError):
                target.rmdir()
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise UsageError("output_unwritable", path=str(folder), problem=error.strerror or error) from None
    return Written(folder, rows, sizes, MappingProxyType(draft.planted), draft.anchor)


def _write_tables(folder: Path, pieces: Iterator[Piece]) -> dict[str, int]:
    """Write pieces to the files of their tables; return the rows of each."""
    rows = Counter(dict.fromkeys(HEADERS, 0))
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with ExitStack() as stack:
        out: dict[str, BinaryIO] = {}
        for name, header in HEADERS.items():
            out[name] = stack.enter_context((folder / f"{name}.csv").open("wb"))
            out[name].write(f"{','.join(header)}\n".encode())
        for table, piece in pieces:
            columns, size = _columns(table, piece)
            rows[table] += size
            if size:
                content = pa.table(columns, names=list(HEADERS[table]))
                pyarrow.csv.write_csv(content, out[table], options)
    return dict(rows)
