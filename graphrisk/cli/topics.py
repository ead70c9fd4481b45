"""What ``graphrisk help`` explains: made from the code it is about, in the reader's language."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from graphrisk.conventions import DAY_COUNTS, DAYS_FROM, PENALTY_BASES, PENALTY_MODES, ROLLS, Conventions
from graphrisk.errors import ExitCode, texts
from graphrisk.settings import CONVENTION, FILE_NAME, KNOWN, VARIABLES, variable_of


class Topic(StrEnum):
    """What can be explained."""

    EXIT_CODES = "exit-codes"
    ENVIRONMENT = "environment"
    TABLES = "tables"
    MODELS = "models"
    CONVENTIONS = "conventions"
    REACTIONS = "reactions"


_ALLOWED = {
    "penalty_base": PENALTY_BASES,
    "penalty_mode": PENALTY_MODES,
    "day_count": DAY_COUNTS,
    "days_past_due_from": DAYS_FROM,
    "roll": ROLLS,
}


def lines(topic: Topic | None, lang: str) -> list[str]:
    """Return the lines of a topic.

    Parameters
    ----------
    topic : Topic or None
        None for the list of topics.
    lang : str
        ``en`` or ``zh``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> lines(Topic.EXIT_CODES, "en")[2]
    '0    OK             done; whatever the result says'
    """
    if topic is None:
        return _columns((item.value, _text(f"{item.name.lower()}_title", lang)) for item in Topic)
    return [_text(f"{topic.name.lower()}_title", lang), "", *_BODIES[topic](lang)]


def _text(code: str, lang: str) -> str:
    return texts(lang)["topics"][code]


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return rows whose cells begin under each other; the last cell may be of any length."""
    cells = list(rows)
    widths = [max(len(row[number]) for row in cells) for number in range(len(cells[0]) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in cells]


def _exit_codes(lang: str) -> list[str]:
    return _columns((f"{code:<3}", code.name, _text(f"exit_{code.name.lower()}", lang)) for code in ExitCode)


def _environment(lang: str) -> list[str]:
    settings = [(variable_of(name), _text(f"setting_{name}", lang)) for name in KNOWN]
    conventions = [(variable_of(CONVENTION + name), _text(f"convention_{name}", lang)) for name, _ in Conventions()]
    others = [(name, _text(f"variable_{name.lower()}", lang)) for name in VARIABLES]
    order = _text("environment_order", lang).format(file=FILE_NAME)
    return [order, "", *_columns([*others, *settings, *conventions, ("NO_COLOR", _text("variable_no_color", lang))])]


def _tables(lang: str) -> list[str]:
    from graphrisk.tables.schemas import SCHEMAS

    rows = _columns((schema.name, schema.meaning) for schema in SCHEMAS.values())
    return [*_text("tables_body", lang).split("\n"), "", *rows]


def _models(lang: str) -> list[str]:
    return _text("models_body", lang).split("\n")


def _conventions(lang: str) -> list[str]:
    rows = [
        (name, value, "; ".join(filter(None, (_text(f"convention_{name}", lang), ", ".join(_ALLOWED.get(name, ()))))))
        for name, value in Conventions()
    ]
    return [*_text("conventions_body", lang).split("\n"), "", *_columns(rows)]


def _reactions(lang: str) -> list[str]:
    from importlib.resources import files

    shipped = (files("graphrisk.policies") / "defaults.toml").read_text(encoding="utf-8")
    return [*_text("reactions_body", lang).split("\n"), "", *shipped.rstrip("\n").split("\n")]


_BODIES: dict[Topic, Callable[[str], list[str]]] = {
    Topic.EXIT_CODES: _exit_codes,
    Topic.ENVIRONMENT: _environment,
    Topic.TABLES: _tables,
    Topic.MODELS: _models,
    Topic.CONVENTIONS: _conventions,
    Topic.REACTIONS: _reactions,
}
