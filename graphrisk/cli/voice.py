"""What the command line says beside the result: notes and failures, on stderr, in the reader's language."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphrisk.errors import GraphriskError, texts

if TYPE_CHECKING:
    from graphrisk.tables.book import Finding
    from graphrisk.views.mask import Masker

#: Most alike findings that are listed one by one.
FIRST = 5


@dataclass
class Voice:
    """How one run speaks; a command sets it as soon as it knows.

    Attributes
    ----------
    command : str
        The command as typed.
    lang : str
        ``en`` or ``zh``.
    quiet, verbose : bool
        Whether notes are left out; whether nothing is abridged.
    unmask : bool
        Whether persons are shown.
    masker : Masker or None
        What hides persons once the book is known.
    environment : mapping of str to str
        The variables of the process.
    """

    command: str = "graphrisk"
    lang: str = "en"
    quiet: bool = False
    verbose: bool = False
    unmask: bool = False
    masker: "Masker | None" = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def hiding(self) -> "Masker | None":
        """What hides persons in anything that is shown; None shows them."""
        if self.unmask:
            return None
        if self.masker is None:  # before a book is read there is no key but the user's own
            from graphrisk.settings import KEY_VARIABLE
            from graphrisk.views.mask import Masker

            return Masker(self.environment.get(KEY_VARIABLE, "").encode())
        return self.masker

    def note(self, code: str, **fields: object) -> None:
        """Say something that is no failure, unless the run is quiet."""
        if not self.quiet:
            from graphrisk.views.language import render

            hiding = self.hiding
            shown = hiding.fields(fields) if hiding else fields
            _print(f"graphrisk: {render('sentences', code, shown, self.lang)}")

    def say(self, line: str) -> None:
        """Say a line that is ready to be shown, unless the run is quiet."""
        if not self.quiet:
            _print(line)

    def findings(self, found: "list[Finding]") -> None:
        """List findings of one kind: the first ones, and how many more there are."""
        from graphrisk.views.text import place

        listed = found if self.verbose else found[:FIRST]
        hiding = self.hiding
        for finding in listed:
            shown = hiding.finding(finding) if hiding else finding
            repair = shown.repair(self.lang)
            line = shown.sentence(self.lang)
            if repair:
                line = texts(self.lang)["sentences"]["finding_line"].format(detail=line, repair=repair)
            _print(f"  {place(shown.file, shown.line)}{line}")
        if len(found) > len(listed):
            self.note("more_findings", count=len(found) - len(listed))

    def bug(self, traceback: str) -> None:
        """Say what a bug left behind, nobody named in it, and how to report it."""
        hiding = self.hiding
        lines = (hiding.text(traceback) if hiding else traceback).splitlines()
        for line in [*lines, texts(self.lang)["sentences"]["bug"]]:
            _print(line)

    def failure(self, error: GraphriskError) -> None:
        """Say why there is no result: one line, the last one."""
        sentences = texts(self.lang)["errors"]
        hiding = self.hiding
        fields = hiding.fields(error.fields) if hiding else error.fields
        _print(f"graphrisk: {sentences[error.code].format(**fields)}", style="red")


def _print(line: str, style: str = "") -> None:
    from rich.console import Console
    from rich.text import Text

    from graphrisk.views.grids import clean

    try:
        # One line, however long: it is read by programs too.
        Console(file=sys.stderr, highlight=False).print(Text(clean(line), style=style), soft_wrap=True)
    except OSError:  # who does not listen hears nothing, and what is left unsaid must not fail at the end
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
