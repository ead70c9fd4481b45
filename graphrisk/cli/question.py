"""What every question has in common: its data, its settings, and how the answer is written."""

import io
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO

import typer

from graphrisk.cli.options import Format
from graphrisk.cli.voice import Voice
from graphrisk.conventions import CONVENTION_NAMES, Conventions
from graphrisk.errors import InvalidDataError, UsageError
from graphrisk.settings import (
    CONVENTION,
    DATA_VARIABLE,
    FILE_NAME,
    Settings,
    language_of,
    misspelt,
    read_environment,
    read_file,
    read_holidays,
    resolve,
)

if TYPE_CHECKING:
    from graphrisk.results import Result, Sentence
    from graphrisk.tables.book import Tables

_ENDINGS = {
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".xlsx": Format.XLSX,
    ".md": Format.MD,
    ".txt": Format.TABLE,
    "": Format.TABLE,
}

#: The formats that are text; a workbook is none.
_TEXTS: dict[Format, Literal["table", "json", "csv", "md"]] = {
    Format.TABLE: "table",
    Format.JSON: "json",
    Format.CSV: "csv",
    Format.MD: "md",
}

#: Seconds after which a terminal is told that the work goes on.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Standard:
    """The flags that every command has, as typed."""

    data: str | None = None
    format: Format | None = None
    output: str | None = None
    quiet: bool = False
    verbose: bool = False
    lang: str | None = None
    unit: str | None = None
    unmask: bool = False


@dataclass(frozen=True, slots=True)
class Dated:
    """The flags that a dated question has beside those, as typed."""

    as_of: str | None = None
    currency: str | None = None
    top: str | None = None
    convention: list[str] | None = None
    strict: bool = False


def voice_of(ctx: typer.Context, standard: Standard) -> Voice:
    """Return how this run speaks, with what its flags and its environment say of it."""
    voice = ctx.ensure_object(Voice)
    voice.environment = voice.environment or dict(os.environ)
    voice.quiet, voice.verbose, voice.unmask = standard.quiet, standard.verbose, standard.unmask
    folder = folder_of(standard.data or voice.environment.get(DATA_VARIABLE) or None)
    paths = [Path(FILE_NAME)] if folder is None else [folder / FILE_NAME, Path(FILE_NAME)]
    voice.lang = language_of(standard.lang, voice.environment, paths)
    return voice


@dataclass
class Question:
    """One question on one book.

    Attributes
    ----------
    voice : Voice
        How the run speaks.
    standard : Standard
        Flags that every command has.
    dated : Dated
        Flags of a dated question.
    flags : mapping of str to str or None
        Flags of this command alone that are settings too.
    sample : bool
        Whether the question is on the bundled sample, whatever the environment names.
    """

    voice: Voice
    standard: Standard
    dated: Dated = Dated()
    flags: Mapping[str, str | None] = field(default_factory=dict)
    sample: bool = False

    def __post_init__(self) -> None:
        # What is wrong with a flag is said before anything is read.
        _ = self.format, self.settings, self.conventions
        for name, nearest in misspelt(self.voice.environment, CONVENTION_NAMES).items():
            if nearest:
                self.voice.note("misspelt_variable", name=name, nearest=nearest)

    @cached_property
    def format(self) -> Format:
        """How the answer is written: by the flag, else by the file's ending."""
        output = self.standard.output
        if output == "" or self.standard.data == "":
            raise UsageError("blank_path", flag="--output" if output == "" else "--data")
        if self.standard.format is not None:
            if self.standard.format is Format.XLSX and self._to_stdout and sys.stdout.isatty():
                raise UsageError("xlsx_terminal")
            return self.standard.format
        if output is None or output == "-":
            return Format.TABLE
        ending = Path(output).suffix.lower()
        if ending not in _ENDINGS:
            raise UsageError("output_ending", path=output, ending=ending)
        return _ENDINGS[ending]

    @cached_property
    def data(self) -> str | None:
        """The folder that the user named; None for the bundled sample."""
        if self.sample:
            return None
        return self.standard.data or self.voice.environment.get(DATA_VARIABLE) or None

    @cached_property
    def settings(self) -> Settings:
        """Every setting and where it came from."""
        given: dict[str, str | None] = {
            "lang": self.standard.lang,
            "unit": self.standard.unit,
            "as_of": self.dated.as_of,
            "currency": self.dated.currency,
            "top": self.dated.top,
            **self.flags,
        }
        for text in self.dated.convention or ():
            name, equals, value = text.partition("=")
            if not equals:
                raise UsageError("convention_flag", value=text)
            given[CONVENTION + name.strip()] = value.strip()
        environment = read_environment(self.voice.environment, CONVENTION_NAMES)
        folder = folder_of(self.data)
        paths = [Path(FILE_NAME)] if folder is None else list(dict.fromkeys([folder / FILE_NAME, Path(FILE_NAME)]))
        files = [(str(path), read_file(path)) for path in paths]
        settings = resolve(given, environment=environment, files=files)
        self.voice.lang = settings["lang"]
        return settings

    @cached_property
    def conventions(self) -> Conventions:
        """The conventions of loan arithmetic, with the holidays of their calendar."""
        conventions = Conventions()
        for name, text in self.settings.conventions.items():
            try:
                conventions = conventions.changed({name: text})
            except UsageError as error:
                raise self._located(error, CONVENTION + name, text) from None
        if conventions.calendar == "none":
            return conventions
        source = self.settings.items[CONVENTION + "calendar"]
        beside = Path(source.source).parent if source.origin == "file" else Path()
        return replace(conventions, holidays=read_holidays(beside / conventions.calendar))

    def _located(self, error: UsageError, name: str, text: str) -> UsageError | InvalidDataError:
        if self.settings.items[name].origin != "file":
            return error
        file, allowed = self.settings.source(name), error.fields["allowed"]
        if error.code == "convention_name":
            return InvalidDataError("settings_key", file=file, key=name, allowed=allowed)
        return InvalidDataError("settings_value", file=file, key=name, value=text, allowed=allowed)

    @cached_property
    def tables(self) -> "Tables":
        """The book; what was set aside in it is said, and what makes it useless ends the run."""
        from graphrisk.stores import open_store

        if self.data is None and not self.sample:
            self.voice.note("sample_used")
        with busy(self.voice, "reading"):
            tables = open_store(self.data).read_tables()
        know(self.voice, tables)
        report(self.voice, tables, strict=self.dated.strict)
        if self.dated.strict:
            self._refuse_errors(tables)
        return tables

    def _refuse_errors(self, tables: "Tables") -> None:
        """End a strict run where ``check`` would find an error, though no row was set aside for it."""
        from graphrisk.analyzers.check import examined
        from graphrisk.tables.book import default_as_of

        as_of = self.settings.as_of or default_as_of(tables)
        whole = examined(tables, as_of=as_of, conventions=self.conventions) if as_of else tables
        errors = [finding for finding in whole.findings if finding.severity == "error"]
        if errors:
            self.voice.findings(errors)
            raise InvalidDataError("strict_errors", count=len(errors))

    @cached_property
    def as_of(self) -> date:
        """The date that figures hold for: what was set, else the data's last one; never today."""
        from graphrisk.tables.book import default_as_of

        found = self.settings.as_of or default_as_of(self.tables)
        if found is None:
            raise UsageError("no_as_of")
        return found

    @property
    def currency(self) -> str | None:
        """The reporting currency that was set, if any; else the data decides."""
        return self.settings["currency"] or None

    @property
    def top(self) -> int:
        """Most rows to write: all, but for a terminal or where the flag says so."""
        terminal = terminal_width(sys.stdout) if self._to_stdout else None
        if self.settings.source("top") == "--top" or (self.format is Format.TABLE and terminal):
            return self.settings.top
        return 0

    @property
    def _to_stdout(self) -> bool:
        return self.standard.output in (None, "-")

    def answer(self, result: "Result", *, top: int | None = None) -> None:
        """Write an answer where the flags say.

        Parameters
        ----------
        result : Result
            The answer.
        top : int or None
            Most rows to write; None for what the flags and the terminal say.
        """
        whole = replace(result, notes=(*result.notes, *_missing(result)))
        if self.format is Format.XLSX:
            self._put_workbook(whole, top)
        else:
            self.put(lambda out, terminal: self.write(whole, out, terminal, top=top))
        if not self._to_stdout:
            self.voice.note("wrote", path=str(self.standard.output))
        if self.format is Format.CSV:
            self._audit(result)

    def put(self, write: Callable[[TextIO, int | None], None]) -> None:
        """Let something be written where the flags say.

        Parameters
        ----------
        write : callable
            Takes the stream, and the width of the terminal if it is one.
        """
        if self._to_stdout:
            write(sys.stdout, terminal_width(sys.stdout))
            sys.stdout.flush()
            return
        with written_whole(self._target) as out:
            # Without a byte order mark Chinese Excel reads a CSV file as GBK.
            encoding = "utf-8-sig" if self.format is Format.CSV else "utf-8"
            text = io.TextIOWrapper(out, encoding=encoding, errors="replace", newline="")
            write(text, None)
            text.flush()
            text.detach()

    @property
    def _target(self) -> Path:
        """The file to write, which may be none of the tables asked."""
        path = str(self.standard.output)
        target, folder = Path(path).resolve(), folder_of(self.data)
        if target.is_file() and folder is not None and target.parent == folder.resolve():
            raise UsageError("output_is_data", path=path)
        return Path(path)

    def _put_workbook(self, result: "Result", top: int | None) -> None:
        from graphrisk.views.workbook import write_workbook

        content = io.BytesIO()
        masker, most = self.voice.hiding, self.top if top is None else top
        write_workbook(result, content, lang=self.voice.lang, top=most, masker=masker, command=self.voice.command)
        if self._to_stdout:
            sys.stdout.flush()
            sys.stdout.buffer.write(content.getbuffer())
            sys.stdout.buffer.flush()
            return
        with written_whole(self._target) as out:
            out.write(content.getbuffer())

    def write(
        self,
        result: "Result",
        out: TextIO,
        terminal: int | None,
        *,
        top: int | None = None,
        command: str = "",
    ) -> None:
        """Write an answer to a stream as the flags say.

        Parameters
        ----------
        result : Result
            The answer.
        out : text stream
            Where to.
        terminal : int or None
            Width of the terminal, if it is one.
        top : int or None
            Most rows to write; None for what the flags and the terminal say.
        command : str
            The command in the audit line; blank for the one typed.
        """
        from graphrisk.views.text import write

        write(
            result,
            _TEXTS[self.format],
            out,
            lang=self.voice.lang,
            unit=self.settings["unit"],
            top=self.top if top is None else top,
            masker=self.voice.hiding,
            terminal=terminal,
            command=command or self.voice.command,
        )

    def _audit(self, result: "Result") -> None:
        from graphrisk.views.text import audit_lines

        for line in audit_lines(result, lang=self.voice.lang, masker=self.voice.hiding, command=self.voice.command):
            self.voice.say(line)


def folder_of(data: str | None) -> Path | None:
    """Return the folder of the data, or of the bundled sample; None if the data is a file."""
    if data is None:
        from importlib.resources import files

        return Path(str(files("graphrisk") / "sample"))
    path = Path(data)
    return None if path.is_file() else path


def know(voice: Voice, tables: "Tables") -> None:
    """Let a run hide the persons of a book, or say that it shows them."""
    from graphrisk.views.mask import Masker

    masker = Masker.of(tables, voice.environment)
    voice.masker = masker
    if voice.unmask:
        voice.note("unmasked", persons=len(masker.persons))


def report(voice: Voice, tables: "Tables", *, strict: bool) -> None:
    """Say what of a book cannot be used, before a question is asked of the rest.

    Parameters
    ----------
    voice : Voice
        How the run speaks.
    tables : Tables
        The book.
    strict : bool
        Whether one row set aside is too many.

    Raises
    ------
    InvalidDataError
        If a whole file cannot be used, or a row was set aside and that is not allowed.
    """
    from graphrisk.tables.book import FILE_FINDINGS

    broken = [finding for finding in tables.findings if finding.code in FILE_FINDINGS and finding.severity == "error"]
    if broken:
        voice.findings(broken)
        raise InvalidDataError("files_unusable", count=len(broken))
    aside = {name: tally for name, tally in tables.tallies.items() if tally.rows_quarantined}
    if not aside:
        return
    count = sum(tally.rows_quarantined for tally in aside.values())
    voice.note("set_aside", rows=count, where=tuple(_aside(name, tables) for name in aside))
    if voice.verbose:
        voice.findings([finding for finding in tables.findings if finding.severity != "note"])
    if strict:
        raise InvalidDataError("strict", count=count)


def _missing(result: "Result") -> "tuple[Sentence, ...]":
    """Return the note that rows are missing from an answer: it stays with it wherever it is kept."""
    from graphrisk.results import Sentence

    book = result.tables
    aside = [name for name, tally in book.tallies.items() if tally.rows_quarantined] if book else []
    if book is None or not aside or result.command == "check":  # which counts them itself
        return ()
    count = sum(book.tallies[name].rows_quarantined for name in aside)
    return (Sentence("set_aside", {"rows": count, "where": tuple(_aside(name, book) for name in aside)}),)


def _aside(name: str, tables: "Tables") -> str:
    """Return how many rows of a table were set aside and the money in its required amounts."""
    from graphrisk.tables.currency import exponent
    from graphrisk.tables.schemas import SCHEMAS
    from graphrisk.views.amounts import grouped_minor

    tally = tables.tallies[name]
    sums = [
        f"{column} {grouped_minor(minor, exponent(currency))} {currency}".strip()
        for (column, currency), minor in tally.money_quarantined.items()
        if minor and SCHEMAS[name][column].required
    ]
    return f"{name} {tally.rows_quarantined:,}" + (f" ({', '.join(sums)})" if sums else "")


def terminal_width(stream: TextIO) -> int | None:
    """Return the width of a terminal in cells; None if the stream is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is there whole or not at all: it is written beside and then renamed.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    binary stream

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    path = path.resolve()  # a link stays a link
    if path.exists() and not path.is_file():  # a device or a pipe takes what is written, and is not replaced
        try:
            with path.open("wb") as out:
                yield out
        except OSError as error:
            raise UsageError("output_unwritable", path=str(path), problem=error.strerror or error) from None
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("xb") as out:
            yield out
        beside.replace(path)
    except OSError as error:
        raise UsageError("output_unwritable", path=str(path), problem=error.strerror or error) from None
    finally:
        with suppress(OSError):
            beside.unlink()


@contextmanager
def busy(voice: Voice, code: str) -> Iterator[None]:
    """Tell a terminal that the work goes on, if it lasts."""
    if voice.quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    from graphrisk.views.language import render

    status = Console(file=sys.stderr).status(render("sentences", code, {}, voice.lang))
    timer = threading.Timer(_PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
