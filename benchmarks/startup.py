"""How long a fresh process takes: for its help, and for the first answer on a folder of CSV files.

Each run is a process of its own. Compiled bytecode is there, as pip leaves it; nothing of the data is cached.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.measurement import Measurement
from benchmarks.timing import Times
from graphrisk.generator import write_book

HELP_LIMIT, SPREAD_LIMIT = 1.3, 2.5
ENTITIES, QUICK_ENTITIES = 1_000, 100
#: What a program of this kind imports at least.
_LIBRARIES = "import pandas, scipy.sparse, typer, rich"
#: Imports that the help must do without.
HEAVY = ("numpy", "pandas", "scipy", "pyarrow", "networkx", "pydantic", "neo4j", "jinja2")

_BARE = """
import typer

app = typer.Typer(name="graphrisk", rich_markup_mode="rich", no_args_is_help=True)
commands = {commands!r}


def empty():
    pass


for name, (panel, text) in commands.items():
    app.command(name=name, rich_help_panel=panel, help=text)(empty)


@app.callback(help={root!r})
def root():
    pass


app()
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A command line to be run in a fresh interpreter, and its environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def __call__(self) -> None:
        """Run it; what it prints is dropped, and a failure is one."""
        subprocess.run([sys.executable, *self.arguments], env=dict(self.environment), check=True, capture_output=True)  # noqa: S603 -- our own command line


def taken(programs: Mapping[str, Program], rounds: int) -> dict[str, Times]:
    """Run programs in turn; processor time is that of the child process.

    Parameters
    ----------
    programs : mapping of str to Program
        By name; each is run once beforehand, so that its bytecode and its files are there.
    rounds : int
        How often each is run.

    Returns
    -------
    dict of str to Times
    """
    for program in programs.values():
        program()
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            begun, busy = perf_counter(), _busy()
            program()
            runs[name].append((perf_counter() - begun, _busy() - busy))
    return {name: Times(*(tuple(column) for column in zip(*pairs, strict=True))) for name, pairs in runs.items()}


def _busy() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def clean_environment() -> dict[str, str]:
    """Return an environment in which bytecode is kept, as it usually is, and no setting of the user's counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPHRISK", "PYTHON"))}
    return kept | {"COLUMNS": "80"}


def bare_app(path: Path) -> None:
    """Write a program with the commands, panels and help texts of graphrisk, and empty bodies.

    Parameters
    ----------
    path : Path
        Where to.
    """
    from graphrisk.cli.app import app  # noqa: PLC0415 -- only where it is copied

    commands = {
        command.name: (command.rich_help_panel, command.help) for command in app.registered_commands if command.name
    }
    root = app.registered_callback.help if app.registered_callback else ""
    path.write_text(_BARE.format(commands=commands, root=str(root or "")), encoding="utf-8")


def help_measured(folder: Path, rounds: int) -> list[Measurement]:
    """Measure P14: the help beside that of a bare app, and what it imports."""
    bare_app(folder / "bare.py")
    environment = clean_environment()
    times = taken(
        {
            "ours": Program(("-m", "graphrisk", "--help"), environment),
            "bare": Program((str(folder / "bare.py"), "--help"), environment),
        },
        rounds,
    )
    ours, bare = times["ours"], times["bare"]
    heavy = imported(environment, ["--help"])
    return [
        Measurement(
            "P14",
            "graphrisk --help by a bare Typer app",
            ours.median / bare.median,
            HELP_LIMIT,
            "ratio",
            f"ours {ours.text}, bare {bare.text}",
        ),
        Measurement("P14", "heavy libraries that the help imports", len(heavy), 0, "count", ", ".join(heavy) or "none"),
    ]


def imported(environment: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """Return which heavy libraries a run of graphrisk has imported at its end."""
    code = (
        "import io, json, sys\n"
        "from graphrisk.cli.app import main\n"
        "out, sys.stdout = sys.stdout, io.StringIO()\n"
        f"main({list(arguments)!r})\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=out)\n"
    )
    run = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", code], env=dict(environment), check=True, capture_output=True, text=True
    )
    found: list[str] = json.loads(run.stdout.splitlines()[-1])
    return found


def spread_measured(folder: Path, entities: int, rounds: int) -> list[Measurement]:
    """Measure P15: the first spread on a folder, clean and with one bad value, beside the libraries' imports."""
    written = write_book(folder / "book", entities)
    contracts = sum(written.rows[table] for table in _CONTRACTS)
    anchor = written.anchor
    spoilt = folder / "spoilt"
    spoil(folder / "book", spoilt)
    environment = clean_environment()
    ask = partial(Program, environment=environment)
    times = taken(
        {
            "libraries": ask(("-c", _LIBRARIES)),
            "spread": ask(("-m", "graphrisk", "spread", anchor, "--data", str(folder / "book"))),
            "spoilt": ask(("-m", "graphrisk", "spread", anchor, "--data", str(spoilt))),
        },
        rounds,
    )
    base = times["libraries"]
    size = f"{entities:,} entities, {contracts:,} contracts, {sum(written.rows.values()):,} rows"
    return [
        Measurement(
            "P15",
            what,
            times[name].median / base.median,
            SPREAD_LIMIT,
            "ratio",
            f"{size}; {times[name].text}, libraries {base.text}; by processor time "
            f"{times[name].median_cpu / base.median_cpu:.2f}",
        )
        for name, what in (
            ("spread", "first spread on CSV by the libraries' imports"),
            ("spoilt", "the same with a row set aside"),
        )
    ]


_CONTRACTS = (
    *("loans", "loan_shares", "facilities", "trade", "invoices", "guarantees", "collateral", "insurance"),
    *("ownership", "partnerships", "project_parties"),
)


def spoil(book: Path, target: Path) -> None:
    """Copy a book with a negative amount in its first trade, which sets that row aside."""
    target.mkdir()
    for path in book.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    lines = (book / "trade.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    at = lines[0].split(",").index("amount")
    fields = lines[1].split(",")
    fields[at] = f"-{fields[at]}"
    (target / "trade.csv").write_text("".join([lines[0], ",".join(fields), *lines[2:]]), encoding="utf-8")


def measure(*, quick: bool = False) -> list[Measurement]:
    """Measure P14 and the half of P15 that reads CSV files.

    Parameters
    ----------
    quick : bool
        Whether a small book and one repetition will do.

    Returns
    -------
    list of Measurement
    """
    with TemporaryDirectory(prefix="graphrisk-startup-") as home:
        folder = Path(home)
        return [
            *help_measured(folder, 1 if quick else 15),
            *spread_measured(folder, QUICK_ENTITIES if quick else ENTITIES, 1 if quick else 9),
        ]
