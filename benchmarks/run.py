"""Run benchmarks and print a table: goal, what, figure, limit, whether it is met, and the machine.

Each benchmark runs in a process of its own, so that none inherits another's memory.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from benchmarks.measurement import Measurement

#: Goals that each module measures, in the order in which they run.
MODULES: dict[str, tuple[str, ...]] = {
    "startup": ("P14", "P15"),
    "network_build": ("build",),
    "spread_networkx": ("P3",),
    "spread_system": ("S1",),
    "trace": ("trace",),
    "ledger_decimal": ("L1",),
}
LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "networkx", "typer")
#: What stands around the table in the docs.
BEGIN, END = "<!-- last run: begin -->", "<!-- last run: end -->"

_ROOT = Path(__file__).parents[1]


def measured(module: str, *, quick: bool) -> list[Measurement]:
    """Run one module's benchmarks in a process of its own.

    Parameters
    ----------
    module : str
        A key of `MODULES`.
    quick : bool
        Whether small sizes will do.

    Returns
    -------
    list of Measurement
    """
    command = [sys.executable, "-m", "benchmarks.run", "--module", module, *(["--quick"] if quick else [])]
    run = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- ourselves
    return [Measurement(**row) for row in json.loads(run.stdout.splitlines()[-1])]


def shown(value: float, unit: str) -> str:
    """Return a figure as a person reads it: ratios below a tenth as one in so many.

    Examples
    --------
    >>> shown(1 / 213.4, "ratio"), shown(1.25, "ratio"), shown(1536.0, "MiB"), shown(0.052, "s")
    ('1/213', '1.25', '1,536 MiB', '0.052 s')
    """
    if unit == "ratio" and 0 < value < _SMALL:
        return f"1/{1 / value:,.0f}"
    figure = f"{value:,.0f}" if value >= _LARGE or value == int(value) else f"{value:.3g}"
    return figure if unit in ("ratio", "share", "slope", "count") else f"{figure} {unit}"


#: Ratios below it are told as one in so many; figures from the other on without decimals.
_SMALL, _LARGE = 0.1, 100


def rows_of(measurements: Sequence[Measurement]) -> list[tuple[str, ...]]:
    """Return the table: goal, what, figure, limit, met, detail."""
    words = {True: "met", False: "NOT MET", None: ""}
    return [
        (
            one.goal,
            one.what,
            shown(one.value, one.unit),
            "" if one.limit is None else f"<= {shown(one.limit, one.unit)}",
            words[one.met],
            one.detail,
        )
        for one in measurements
    ]


def table(measurements: Sequence[Measurement]) -> str:
    """Return the table as text, each detail on a line of its own."""
    rows = rows_of(measurements)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join(cells).rstrip())
        if row[-1]:
            lines.append(f"{'':{widths[0] + 2}}{row[-1]}")
    return "\n".join(lines)


def markdown(measurements: Sequence[Measurement], machine: str) -> str:
    """Return the table for the docs."""
    head = ["| goal | what | figure | limit | | how |", "| --- | --- | --: | --: | --- | --- |"]
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows_of(measurements)]
    return "\n".join([BEGIN, "", machine, "", *head, *rows, "", END])


def machine(seconds: float | None = None) -> str:
    """Return the machine, the versions and the commit in a sentence."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    told = f"{model}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, {libraries}"
    took = "" if seconds is None else f"; the run took {seconds / 60:.0f} minutes"
    return f"{told}; commit {_commit()}, {datetime.now(UTC):%Y-%m-%d}; load at the end {_load()}{took}."


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _commit() -> str:
    def git(*arguments: str) -> str:
        run = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607 -- whichever git there is
        return run.stdout.strip()

    changed = " and changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def write(path: Path, text: str) -> None:
    """Put the table of the last run into a page, in place of the one before.

    Raises
    ------
    ValueError
        If the page has no place for it.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no lines {BEGIN} and {END}")
    path.write_text(before + text + after, encoding="utf-8")


def chosen(only: Sequence[str]) -> list[str]:
    """Return the modules that measure some goals; all where none is named.

    Raises
    ------
    SystemExit
        If no module measures a goal.
    """
    unknown = set(only) - {goal for goals in MODULES.values() for goal in goals}
    if unknown:
        known = ", ".join(goal for goals in MODULES.values() for goal in goals)
        raise SystemExit(f"no benchmark measures {', '.join(sorted(unknown))}; take from {known}")
    there = [name for name in MODULES if (_ROOT / "benchmarks" / f"{name}.py").exists()]
    return [name for name in there if not only or set(only) & set(MODULES[name])]


def main(argv: Sequence[str] | None = None) -> int:
    """Run benchmarks and print what they found; a goal that is not met is said, and is no failure.

    Parameters
    ----------
    argv : sequence of str or None
        Arguments; None for those of the process.

    Returns
    -------
    int
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that all runs, its figures mean nothing"
    )
    parser.add_argument("--only", action="append", default=[], metavar="GOAL", help="one goal, such as P3; repeatable")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page of the docs")
    parser.add_argument("--module", choices=list(MODULES), help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.module:
        found = import_module(f"benchmarks.{asked.module}").measure(quick=asked.quick)
        print(json.dumps([asdict(one) for one in found]))
        return 0
    begun = perf_counter()
    measurements: list[Measurement] = []
    for module in chosen(asked.only):
        found = [one for one in measured(module, quick=asked.quick) if not asked.only or one.goal in asked.only]
        print(table(found), flush=True)
        measurements += found
    took = perf_counter() - begun
    missed = [one for one in measurements if one.met is False]
    print(f"\n{len(missed)} of {sum(one.met is not None for one in measurements)} goals not met.")
    print(machine(took))
    if asked.write:
        write(asked.write, markdown(measurements, machine(took)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
