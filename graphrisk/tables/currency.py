"""Currencies: minor units by ISO 4217, and amounts of one in another at a date."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

import pandas as pd

from graphrisk.errors import InvalidDataError
from graphrisk.tables.schemas import RATE_UNIT

#: Digits after the decimal point where they are not two (ISO 4217, active codes).
_EXPONENTS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),  # noqa: SIM905 -- a list
        0,
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905 -- as above
    "CLF": 4,
    "UYW": 4,
}


def exponent(currency: str) -> int:
    """Return how many digits a currency's minor unit has (ISO 4217).

    Examples
    --------
    >>> exponent("CNY"), exponent("JPY"), exponent("KWD")
    (2, 0, 3)
    """
    return _EXPONENTS.get(currency, 2)


def as_text(minor: int, currency: str) -> str:
    """Return an amount in minor units as plain decimal text.

    Parameters
    ----------
    minor : int
        The amount.
    currency : str
        Its currency (ISO 4217).

    Returns
    -------
    str

    Examples
    --------
    >>> as_text(-5, "CNY"), as_text(1200, "JPY")
    ('-0.05', '1200')
    """
    digits = exponent(currency)
    text = str(abs(minor)).rjust(digits + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"


def conversion(fx: pd.DataFrame, currencies: Iterable[str], *, to: str, as_of: date) -> dict[str, Fraction]:
    """Return what one minor unit of each currency is in minor units of another, at the latest rates by a date.

    A rate is used as it stands or turned round; no rate is made of two others.

    Parameters
    ----------
    fx : DataFrame
        The table ``fx``: ``rate`` units of ``base`` for one unit of ``currency``, in parts per 10^9.
    currencies : iterable of str
        Currencies to convert.
    to : str
        The reporting currency.
    as_of : date
        Rates after this date do not count.

    Returns
    -------
    dict of str to Fraction

    Raises
    ------
    InvalidDataError
        If no rate joins a currency and the reporting currency by that date.

    Examples
    --------
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> fx = SCHEMAS["fx"].frame(
    ...     [{"date": "2024-06-28", "currency": "USD", "base": "CNY", "rate": 7_250_000_000}]
    ... )
    >>> conversion(fx, ["USD", "CNY"], to="CNY", as_of=date(2024, 6, 30))["USD"]
    Fraction(29, 4)
    """
    known = fx[fx["date"] <= pd.Timestamp(as_of)].sort_values("date", kind="stable")
    result: dict[str, Fraction] = {}
    for currency in sorted(set(currencies)):
        scale = Fraction(10) ** (exponent(to) - exponent(currency))
        if currency == to:
            result[currency] = Fraction(1)
            continue
        straight = known[(known["currency"] == currency) & (known["base"] == to)]
        turned = known[(known["currency"] == to) & (known["base"] == currency)]
        if len(straight):
            rate = Fraction(int(straight["rate"].iloc[-1]), RATE_UNIT)
        elif len(turned):
            rate = Fraction(RATE_UNIT, int(turned["rate"].iloc[-1]))
        else:
            raise InvalidDataError("no_fx", currency=currency, to=to, as_of=as_of)
        result[currency] = rate * scale
    return result
