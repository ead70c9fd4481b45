"""Write the reference pages from the code: ``make docs``."""

import contextlib
import io
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Width of help texts on the pages, in characters.
WIDTH = "100"
COMMANDS = (
    "check",
    "demo",
    "exposure",
    "generate",
    "guarantees",
    "help",
    "npl",
    "overdue",
    "settings",
    "spread",
    "tables",
    "trace",
)


def said(*arguments: str) -> str:
    """Return what a command prints to a pipe."""
    from graphrisk.cli.app import main  # noqa: PLC0415 -- the width must be set before

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(list(arguments))
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def command_page() -> str:
    """Return the page of commands: the help of each."""
    parts = ["# Commands", "", "Written from the code by `make docs`.", ""]
    for name in ("", *COMMANDS):
        arguments = (name, "--help") if name else ("--help",)
        parts += [f"## graphrisk {name}".rstrip(), "", "```text", said(*arguments), "```", ""]
    return "\n".join(parts)


def table_page() -> str:
    """Return the page of tables: every column, and the headers that stand for it."""
    head = ["# Tables", "", "Written from the code by `make docs`.", ""]
    return "\n".join([*head, said("tables", "--verbose", "--format", "md"), ""])


def readme(text: str) -> str:
    """Return the README with the real output under each command that it shows.

    A block that begins with ``$ graphrisk ...`` is followed by what that command prints; ``make demo`` prints what
    ``graphrisk demo`` prints.
    """

    def shown(block: re.Match[str]) -> str:
        typed = shlex.split(block["command"])
        return f"```console\n$ {block['command']}\n{said(*(['demo'] if typed[0] == 'make' else typed[1:]))}\n```"

    return re.sub(r"```console\n\$ (?P<command>make demo|graphrisk [^\n]+)\n.*?```", shown, text, flags=re.DOTALL)


def pages() -> dict[str, str]:
    """Return the text of every page with something from the code in it, by its path from the root."""
    os.environ.update(COLUMNS=WIDTH, NO_COLOR="1")
    return {
        "docs/reference/commands.md": command_page(),
        "docs/reference/tables.md": table_page(),
        "README.md": readme((ROOT / "README.md").read_text(encoding="utf-8")),
    }


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")


if __name__ == "__main__":
    main()
