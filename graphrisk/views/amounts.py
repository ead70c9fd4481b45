"""Numbers as text: plain for machines, grouped for people."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

#: What one unit of the table view holds, as a power of ten of the currency unit.
SCALES = {"元": 0, "万元": 4, "亿元": 8}

#: Digits after the point of a float in JSON and CSV.
DECIMALS = 6


def plain_minor(value: int, digits: int) -> str:
    """Return an amount in minor units as an exact decimal number.

    Parameters
    ----------
    value : int
        Minor units.
    digits : int
        Digits of the minor unit (ISO 4217).

    Returns
    -------
    str

    Examples
    --------
    >>> plain_minor(5200005, 2), plain_minor(-5, 2), plain_minor(7, 0)
    ('52000.05', '-0.05', '7')
    """
    if not digits:
        return str(value)
    whole, part = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{digits}d}"


def plain_minors(values: Sequence[int | None], digits: Sequence[int]) -> list[str | None]:
    """Return amounts of one column as exact decimal numbers; None stays None.

    Parameters
    ----------
    values : sequence of int or None
        Minor units.
    digits : sequence of int
        Digits of each one's minor unit.

    Returns
    -------
    list of str or None

    Examples
    --------
    >>> plain_minors([150, None], [2, 2])
    ['1.50', None]
    """
    pairs = zip(values, digits, strict=True)
    return [None if value is None else plain_minor(value, count) for value, count in pairs]


def plain_float(value: float) -> str | None:
    """Return a float as a plain decimal number of at most six decimals, never scientific and never -0.

    Parameters
    ----------
    value : float
        Any float; one that is not finite has no plain form.

    Returns
    -------
    str or None

    Examples
    --------
    >>> plain_float(1.7692307692), plain_float(-1e-9), plain_float(1e15), plain_float(float("nan"))
    ('1.769231', '0.0', '1000000000000000.0', None)
    """
    if not math.isfinite(value):
        return None
    text = f"{value:.{DECIMALS}f}".rstrip("0")
    text += "0" if text.endswith(".") else ""
    return "0.0" if text == "-0.0" else text


def grouped(value: Decimal | float, digits: int, unit: str = "元") -> str:
    """Return an amount in currency units as people read it: in a unit, rounded half up, grouped.

    Parameters
    ----------
    value : Decimal or float
        In currency units.
    digits : int
        Digits after the point for the unit 元: those of the currency. Larger units have two.
    unit : str
        元, 万元 or 亿元.

    Returns
    -------
    str

    Examples
    --------
    >>> grouped(Decimal("52000"), 2), grouped(52000.0, 2, "万元"), grouped(-0.001, 2)
    ('52,000.00', '5.20', '0.00')
    """
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if not exact.is_finite():
        return "-"
    scale = SCALES[unit]
    step = Decimal(1).scaleb(-(2 if scale else digits))
    rounded = exact.scaleb(-scale).quantize(step, rounding=ROUND_HALF_UP)
    return f"{rounded or abs(rounded):,f}"


def grouped_minor(value: int, digits: int, unit: str = "元") -> str:
    """Return an amount in minor units as people read it.

    Parameters
    ----------
    value : int
        Minor units.
    digits : int
        Digits of the minor unit (ISO 4217).
    unit : str
        元, 万元 or 亿元.

    Returns
    -------
    str

    Examples
    --------
    >>> grouped_minor(5200050, 2), grouped_minor(5200050, 2, "万元"), grouped_minor(1500, 0)
    ('52,000.50', '5.20', '1,500')
    """
    if SCALES[unit]:
        return grouped(Decimal(value).scaleb(-digits), digits, unit)
    whole, _, part = plain_minor(abs(value), digits).partition(".")
    return f"{'-' if value < 0 else ''}{int(whole):,}{'.' if part else ''}{part}"


def percent(share: float) -> str:
    """Return a share as a percentage with two decimals.

    Examples
    --------
    >>> percent(0.01314), percent(1)
    ('1.31%', '100.00%')
    """
    return f"{grouped(Decimal(repr(float(share))) * 100, 2)}%" if math.isfinite(share) else "-"
