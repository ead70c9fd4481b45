import string
from datetime import date
from decimal import Decimal

import pytest

from graphrisk.errors import texts
from graphrisk.results import KEYS, RESULTS, Sentence
from graphrisk.tables.schemas import BUCKETS, ENTITY_KINDS, FIVE_CLASSES, METHODS, ROLES
from graphrisk.views.language import say

CHANNELS = ("default", "guarantee", "supply", "funding", "trust")
SEVERITIES = ("error", "warning", "note")
EVERY_CODE = (*FIVE_CLASSES, *BUCKETS, *ENTITY_KINDS.split(), *ROLES, *CHANNELS, *SEVERITIES, *METHODS)
EVERY_COLUMN = {column.name for columns in RESULTS.values() for column in columns} | set(KEYS)


def fields_of(text):
    return sorted({name for _, name, _, _ in string.Formatter().parse(text) if name is not None})


def test_both_languages_have_the_same_sections_and_keys():
    english, chinese = texts("en"), texts("zh")

    assert english.keys() == chinese.keys()
    for section in english:
        assert english[section].keys() == chinese[section].keys(), section


def test_both_languages_name_the_same_fields():
    for section, codes in texts("en").items():
        for code, text in codes.items():
            assert fields_of(text) == fields_of(texts("zh")[section][code]), f"{section}.{code}"


def test_every_repair_is_that_of_a_finding():
    assert texts("en")["repairs"].keys() <= texts("en")["findings"].keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_and_every_column_has_a_label(language):
    missing = (set(EVERY_CODE) | EVERY_COLUMN) - texts(language)["labels"].keys()

    assert not missing


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_error_says_what_to_do(language):
    joint = {"en": ";", "zh": "；"}[language]

    for code, text in texts(language)["errors"].items():
        assert joint in text, code


def test_amounts_lists_and_codes_read_as_people_read_them(monkeypatch):
    words = texts("zh")
    made_up = {"made_up": "{name} {amount} {exact} {parts} {on} {known} {line:plain} {nothing}"}
    monkeypatch.setattr(
        "graphrisk.views.language.texts", lambda _: {**words, "sentences": {**words["sentences"], **made_up}}
    )
    sentence = Sentence(
        "made_up",
        {
            "name": "A",
            "amount": 52000.0,
            "exact": Decimal("0.125"),
            "parts": (Sentence("channel_amount", {"channel": "funding", "amount": 457600.0}), "b"),
            "on": date(2024, 6, 30),
            "known": True,
            "line": 1204,
            "nothing": None,
        },
    )

    assert say(sentence, "zh", currency="CNY") == "A 52,000.00 0.13 融资 457,600.00、b 2024-06-30 是 1204 未知"
    assert say(sentence, "zh", unit="万元", currency="CNY").startswith("A 5.20万 0.00万 融资 45.76万")
    assert say(sentence, "zh", currency="JPY").startswith("A 52,000 0 融资 457,600")


def test_a_share_is_a_percentage_and_a_count_is_grouped():
    assert "85.00%" in say(Sentence("bearer", {"entity": Sentence("entity_unnamed", {"id": "A"}), "share": 0.85}), "en")
    assert "1,200" in say(Sentence("more_rows", {"rows": 1200}), "zh")
