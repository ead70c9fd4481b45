"""Every failure, note and sentence that the code names has its words."""

import re
from pathlib import Path

import pytest

import graphrisk
from graphrisk.errors import texts

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(graphrisk.__file__).parent.rglob("*.py")))
NAMED = {
    "errors": r"(?:UsageError|InvalidDataError|StoreError|NotConvergedError|LimitError)\(\s*\"([a-z_]+)\"",
    "sentences": r"(?:Sentence\(|\.note\(|busy\([a-z_.]+,)\s*\"([a-z_]+)\"",
    "findings": r"Finding\(\s*\"(?:error|warning|note)\",\s*\"([a-z_]+)\"",
}


@pytest.mark.parametrize("section", NAMED)
def test_every_code_has_its_words(section):
    codes = set(re.findall(NAMED[section], SOURCE))

    assert len(codes) > 1
    assert not codes - texts("en")[section].keys()
