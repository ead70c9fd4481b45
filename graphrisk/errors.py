"""Every expected failure and its exit code.

An error carries a code and fields, never a finished sentence: the sentences stand in the two
language files, so that the same failure reads in English and in Chinese.
"""

import tomllib
from enum import IntEnum
from functools import cache
from importlib.resources import files


class ExitCode(IntEnum):
    """What the process tells the shell."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    INVALID_DATA = 3
    STORE = 4
    NOT_CONVERGED = 5
    LIMIT = 6
    INTERRUPTED = 130


@cache
def texts(language: str) -> dict[str, dict[str, str]]:
    """Return all that graphrisk says in a language, by section and code.

    Parameters
    ----------
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    dict of str to dict of str to str
        Sections such as ``errors`` and ``labels``; texts with ``str.format`` fields.

    Examples
    --------
    >>> sorted(texts("zh"))[:2]
    ['errors', 'findings']
    """
    text = (files("graphrisk") / "views" / f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def sentences(language: str) -> dict[str, str]:
    """Return the sentences of all errors in a language.

    Parameters
    ----------
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    dict of str to str
        Sentence by error code, with ``str.format`` fields.

    Examples
    --------
    >>> sentences("en")["unknown_id"].startswith("nothing")
    True
    """
    return texts(language)["errors"]


class GraphriskError(Exception):
    """An expected failure: one line for the user, one exit code, no traceback.

    Parameters
    ----------
    code : str
        Key of the sentence in the language files, such as ``unknown_id``.
    **fields : object
        What the sentence names: file, line, id, value.

    Examples
    --------
    >>> str(UsageError("horizon", value="0d"))
    'the horizon 0d is shorter than one day; give --horizon 30d, for example'
    """

    exit_code: ExitCode = ExitCode.FAILURE

    def __init__(self, code: str, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields

    def sentence(self, language: str = "en") -> str:
        """Return the sentence in a language, ``en`` or ``zh``."""
        return sentences(language)[self.code].format(**self.fields)

    def __str__(self) -> str:
        return self.sentence()


class UsageError(GraphriskError):
    """A wrong flag or argument."""

    exit_code = ExitCode.USAGE


class InvalidDataError(GraphriskError):
    """A table, reactions or settings file breaks its schema, or lacks what a question needs."""

    exit_code = ExitCode.INVALID_DATA


class StoreError(GraphriskError):
    """The data cannot be reached: no such folder, no table in it."""

    exit_code = ExitCode.STORE


class NotConvergedError(GraphriskError):
    """A model used up its rounds."""

    exit_code = ExitCode.NOT_CONVERGED


class LimitError(GraphriskError):
    """A limit that the user set was passed."""

    exit_code = ExitCode.LIMIT
