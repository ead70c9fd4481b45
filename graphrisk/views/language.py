"""Labels and sentences in the reader's language; codes and keys are never translated."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from string import Formatter

from graphrisk.errors import texts
from graphrisk.results import Sentence
from graphrisk.tables.currency import exponent
from graphrisk.views.amounts import grouped, percent

#: What stands between the items of a list.
_BETWEEN = {"en": ", ", "zh": "、"}


def label(code: str, language: str) -> str:
    """Return the word for a column or a code.

    Parameters
    ----------
    code : str
        Such as ``overdue_total`` or ``special_mention``.
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    str
        The code itself, with blanks for underscores, where no word is known.

    Examples
    --------
    >>> label("special_mention", "en"), label("special_mention", "zh"), label("day_rate", "zh")
    ('special mention', '关注', 'day rate')
    """
    return texts(language)["labels"].get(code, code.replace("_", " "))


class _Words(Formatter):
    """``str.format`` for people: whole numbers and amounts grouped, lists joined.

    Beside the usual ones a field may have the formats ``code`` (the word for a code), ``share``
    (a percentage) and ``plain`` (as it is: a line, a year).
    """

    def __init__(self, language: str, unit: str, digits: int) -> None:
        self.language = language
        self.unit = unit
        self.digits = digits

    def format_field(self, value: object, spec: str) -> str:
        if isinstance(value, tuple | list):
            return _BETWEEN[self.language].join(self.format_field(item, spec) for item in value)
        if isinstance(value, Sentence):
            return self.vformat(texts(self.language)["sentences"][value.code], (), dict(value.fields))
        if spec == "code":
            return label(str(value), self.language)
        if spec == "share" and isinstance(value, int | float | Decimal):
            return percent(float(value))
        if spec == "plain":
            return str(value)
        return str(format(value, spec)) if spec else self._usual(value)

    def _usual(self, value: object) -> str:
        if value is None:
            return label("unknown", self.language)
        if isinstance(value, bool):
            return label("true" if value else "false", self.language)
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, float | Decimal):
            short = self.unit.removesuffix("元")  # 万 or 亿: part of the number
            return grouped(value, self.digits, self.unit) + short
        return value.isoformat() if isinstance(value, date) else str(value)


def say(sentence: Sentence, language: str, *, unit: str = "元", currency: str = "") -> str:
    """Return a sentence in a language.

    Parameters
    ----------
    sentence : Sentence
        Its code and fields: int a count, float and Decimal money in currency units, a tuple a list.
    language : str
        ``en`` or ``zh``.
    unit : str
        元, 万元 or 亿元.
    currency : str
        Whose minor unit says how many digits an amount has.

    Returns
    -------
    str

    Examples
    --------
    >>> say(Sentence("more_rows", {"rows": 1200}), "en")
    '... and 1,200 more rows; --top 0 shows all'
    """
    return render("sentences", sentence.code, sentence.fields, language, unit=unit, currency=currency)


def render(
    section: str,
    code: str,
    fields: Mapping[str, object],
    language: str,
    *,
    unit: str = "元",
    currency: str = "",
) -> str:
    """Return a text of any section of the language files, its fields filled.

    Parameters
    ----------
    section, code : str
        Where it stands.
    fields : mapping of str to object
        What it names.
    language : str
        ``en`` or ``zh``.
    unit, currency : str
        How amounts are written.

    Returns
    -------
    str
    """
    words = _Words(language, unit, exponent(currency))
    return words.vformat(texts(language)[section][code], (), dict(fields))
