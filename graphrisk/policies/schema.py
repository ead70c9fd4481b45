"""Reactions: how distrust turns into withdrawn financing, as data that a reader can check and change."""

import tomllib
from importlib.resources import files
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from graphrisk.errors import InvalidDataError

#: What a table of kept shares can be given for, beside an entity's id.
KINDS = (
    "person",
    "sole_trader",
    "company",
    "project_spv",
    "bank",
    "platform",
    "insurer",
    "guarantor_co",
    "public",
)
ROLES = ("financier", "supplier", "project")

#: What a validator says of a name, so that it is told apart from a wrong value.
UNKNOWN_NAME = "unknown name"

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Points = list[tuple[Share, Share]]


def _ordered(points: Points) -> Points:
    if not points:
        raise ValueError("a table needs at least one point")
    if any(after[0] < before[0] for before, after in pairwise(points)):
        raise ValueError("the first numbers of the points must not fall")
    return points


def _keeper(name: str) -> str:
    if name not in KINDS + ROLES:
        raise ValueError(UNKNOWN_NAME)
    return name


def _falling(points: Points) -> Points:
    _ordered(points)
    if any(after[1] > before[1] for before, after in pairwise(points)):
        raise ValueError("the share kept rises with distrust")
    return points


def _rising_from_zero(points: Points) -> Points:
    _ordered(points)
    if any(after[1] < before[1] for before, after in pairwise(points)):
        raise ValueError("distrust falls as the overdue ratio rises")
    if any(points[0]):
        raise ValueError("the first point must be [0, 0]: no overdue, no distrust")
    return points


def _adding(points: Points) -> Points:
    _ordered(points)
    if any(after[1] < before[1] for before, after in pairwise(points)):
        raise ValueError("the rate added falls as distrust rises")
    if any(points[0]):
        raise ValueError("the first point must be [0, 0]: no distrust, no higher rate")
    return points


Table = Annotated[Points, AfterValidator(_falling)]
RateTable = Annotated[Points, AfterValidator(_adding)]


class Reactions(BaseModel):
    """The numbers of a reactions file.

    Attributes
    ----------
    a : float
        Slope of distrust in the overdue ratio, at least 0.
    phi : list of (ratio, distrust) or None
        Points of distrust by overdue ratio, in place of ``a``; nondecreasing, from (0, 0).
    delta : float
        Share of a neighbour's distrust that reflects, in [0, 1).
    kappa : float
        Share that a financier cuts for a loss of its whole equity, at least 0.
    loss_given_default : float
        Share of a balance that is lost, in [0, 1], where the entity has no figure of its own.
    general_delay_days : int
        Days until a general guarantee pays.
    cfads_lost : float
        Share of a late party's part of a project's cash flow that is lost, in [0, 1].
    materiality : float
        Overdue ratio above which an entity has defaulted, in [0, 1).
    keep : dict of str to list of (distrust, share kept)
        By entity kind or by role (financier, supplier, project); nonincreasing.
    keep_by : dict of str to list of (distrust, share kept)
        By the id of who gives the line; wins over ``keep``.
    rate_rise : dict of str to list of (distrust, rate added)
        What a lender adds to the annual rate of a loan at its borrower's distrust; nondecreasing, from (0, 0). By the
        lender's id, its kind, or ``financier`` for all; the most special wins; none without an entry.
    source : str
        Where the numbers came from.

    Examples
    --------
    >>> read_reactions('delta = 0.1', source="mine.toml").delta
    0.1
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    a: Annotated[float, Field(ge=0, strict=True)]
    phi: Annotated[Points, AfterValidator(_rising_from_zero)] | None = None
    delta: Annotated[float, Field(ge=0, lt=1, strict=True)]
    kappa: Annotated[float, Field(ge=0, strict=True)]
    loss_given_default: Share
    general_delay_days: Annotated[int, Field(ge=0, strict=True)]
    cfads_lost: Share
    materiality: Annotated[float, Field(ge=0, lt=1, strict=True)]
    keep: dict[Annotated[str, AfterValidator(_keeper)], Table]
    keep_by: dict[str, Table]
    rate_rise: dict[str, RateTable] = {}
    source: str

    def shown(self) -> dict[str, object]:
        """Return the numbers and tables by name, those of rates where there are any."""
        return self.model_dump(exclude=None if self.rate_rise else {"rate_rise"})


def _parse(text: str, source: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidDataError("toml", file=source, problem=str(error)) from None


def read_reactions(text: str | None = None, *, source: str = "defaults") -> Reactions:
    """Read a reactions file; what it leaves out is taken from the defaults that ship.

    Parameters
    ----------
    text : str or None
        Contents of the file (TOML); None for the defaults alone.
    source : str
        Name of the file, for messages and results.

    Returns
    -------
    Reactions

    Raises
    ------
    InvalidDataError
        If it is no TOML, holds an unknown name, a number out of its range or a table that rises with distrust.

    Examples
    --------
    >>> read_reactions().keep["financier"]
    [(0.0, 1.0), (0.2, 1.0), (1.0, 0.0)]
    """
    shipped = (files("graphrisk.policies") / "defaults.toml").read_text(encoding="utf-8")
    values = _parse(shipped, "defaults.toml")
    given = _parse(text, source) if text is not None else {}
    merged: dict[str, object] = {**values, **given}
    if isinstance(given.get("keep"), dict) and isinstance(values["keep"], dict):
        merged["keep"] = {**values["keep"], **given["keep"]}  # type: ignore[dict-item]  # both are TOML tables
    if "source" in merged:
        raise InvalidDataError("reactions_name", file=source, name="source")
    try:
        return Reactions(**merged, source=source)  # type: ignore[arg-type]  # pydantic checks the types
    except ValidationError as error:
        raise _located(error, source) from None


def _located(error: ValidationError, source: str) -> InvalidDataError:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden" or UNKNOWN_NAME in first["msg"]:
        return InvalidDataError("reactions_name", file=source, name=".".join(w for w in where if w != "[key]"))
    problem = first["msg"].removeprefix("Value error, ")
    return InvalidDataError("reactions_value", file=source, where=".".join(where), problem=problem)
