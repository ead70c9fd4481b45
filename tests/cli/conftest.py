import os
from functools import cache

import pytest
from small_book import BOOK

import graphrisk.stores.files
from graphrisk.cli.app import main


@pytest.fixture(autouse=True)
def _nobody_elses_settings(tmp_path_factory, monkeypatch):
    for name in list(os.environ):
        if name.startswith("GRAPHRISK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path_factory.mktemp("working"))


@cache
def _sample(read, source):
    return read(None, source=source)


@pytest.fixture(autouse=True)
def _read_the_sample_once(monkeypatch):
    """Read the sample once for all tests: it is the same for each, and reading it takes most of a run."""
    read = graphrisk.stores.files.read_tables

    def once(paths, *, source="", **how):
        return _sample(read, source) if paths is None and not how else read(paths, source=source, **how)

    monkeypatch.setattr(graphrisk.stores.files, "read_tables", once)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "book"
    place.mkdir()
    for name, text in BOOK.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def run(capsys):
    """Run the command line; returns exit code, stdout, stderr."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
