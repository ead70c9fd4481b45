"""Reactions files: what is refused, and which table governs a line."""

import pytest

from graphrisk.errors import ExitCode, InvalidDataError
from graphrisk.policies.compile import keep_tables
from graphrisk.policies.schema import read_reactions


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("speed = 1", "speed"),
        ("[keep]\nshop = [[0, 1]]", "keep.shop"),
        ("[keep]\nbank = [[0, 0.5], [1, 1]]", "keep.bank: the share kept rises with distrust"),
        ("[keep_by]\nF1 = [[0.5, 1], [0.2, 0]]", "keep_by.F1: the first numbers"),
        ("[keep_by]\nF1 = []", "keep_by.F1: a table needs"),
        ("[keep_by]\nF1 = 3", "keep_by.F1"),
        ("[keep_by]\nF1 = [[0, 1.5]]", "keep_by.F1"),
        ("phi = [[0, 0], [0.5, 0.4], [1, 0.3]]", "phi: distrust falls"),
        ("phi = [[0, 0.1], [1, 1]]", "phi: the first point"),
        ("delta = 1", "delta"),
        ("kappa = inf", "kappa"),
        ("a = nan", "a:"),
        ("general_delay_days = 0.5", "general_delay_days"),
        ("a = ", "mine.toml"),
        ("source = 'x'", "source"),
    ],
)
def test_a_wrong_file_is_refused_by_name(text, named):
    with pytest.raises(InvalidDataError) as caught:
        read_reactions(text, source="mine.toml")

    assert named in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert caught.value.exit_code == ExitCode.INVALID_DATA
    assert caught.value.sentence("zh") != str(caught.value)


def test_what_a_file_leaves_out_is_the_default():
    rules = read_reactions("delta = 0.1\n[keep]\nsupplier = [[0, 1], [0, 0.5]]", source="mine.toml")

    assert rules.delta == 0.1
    assert rules.kappa == 1.0
    assert rules.keep["supplier"] == [(0, 1), (0, 0.5)]
    assert rules.keep["financier"] == [(0, 1), (0.2, 1), (1, 0)]


def test_the_most_special_table_wins():
    text = """
        [keep]
        bank = [[0, 0.9]]
        financier = [[0, 0.8]]
        project = [[0, 0.7]]
        [keep_by]
        F1 = [[0, 0.6]]
    """
    rules = read_reactions(text, source="mine.toml")
    givers = [("F1", "bank", "financier"), ("F2", "bank", "financier"), ("F3", "", "financier")]
    givers += [("F2", "bank", "project"), ("F1", "bank", "project")]
    tables = keep_tables(rules, *zip(*givers, strict=True))
    kept = [tables.points[position][0, 1] for position in tables.of_line]

    assert kept == [0.6, 0.9, 0.8, 0.7, 0.6]
