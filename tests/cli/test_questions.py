import csv
import io
import json
import sys

import pytest
from small_book import CARD, PHONE

from graphrisk.errors import ExitCode

QUESTIONS = (("overdue",), ("npl",), ("spread", "A"))
AS_OF = ("--as-of", "2024-06-30")


def rows_of(out):
    return json.loads(out)["rows"]


@pytest.fixture
def ask(run, folder):
    """Ask about the small book as JSON; returns the document."""

    def ask(*arguments):
        code, out, err = run(*arguments, "--data", folder, "--format", "json")
        assert code == 0, err
        return json.loads(out)

    return ask


def test_overdue_by_hand(ask):
    # L1 owes 1,040 since 2024-05-01 and paid 140 on 2024-06-30: penalty of 60 days at 18 % on 1,000 is 30,
    # interest 40, so 70 of the 140 meets principal. L2 owes 520 since 2024-06-20. The others are not due.
    rows = {row["loan_id"]: row for row in ask("overdue")["rows"]}

    assert rows["L1"]["overdue_principal"] == 930.0
    assert rows["L1"]["overdue_interest"] == 0.0
    assert rows["L1"]["days_past_due"] == 60
    assert rows["L2"]["overdue_total"] == 520.0


@pytest.mark.parametrize(
    ("given", "loans"),
    [
        ("L1", {"L1"}),
        ("A", {"L1"}),
        ("loan:L1", {"L1"}),
        ("G1", {"L1", f"L-{PHONE}"}),
        ("PJ", {"L4"}),
        ("SPV", {"L4"}),
        (CARD, {"L2"}),
        ("F1", set()),
    ],
)
def test_an_id_narrows_overdue_to_its_loans(ask, given, loans):
    document = ask("overdue", given, "--unmask")

    assert {row["loan_id"] for row in document["rows"]} == loans
    assert document["summary"]["loans"] == len(loans)
    assert document["data"]["tables"]["loans"] == 4, "the data is the whole book"


def test_rows_stand_by_what_is_asked(ask):
    document = ask("overdue", "--by", "product,borrower", "--include", "penalty")

    assert list(document["rows"][0])[:3] == ["product", "borrower_id", "loans"]
    assert document["parameters"]["by"] == ["product", "borrower"]


def test_npl_counts_the_whole_balance(ask):
    # On the last day of the year L1 and L2 are more than 90 days past due: all their 930 + 500 outstanding is bad,
    # of 930 + 500 + 200 + 300. The other two fell due 30 days before.
    summary = ask("npl", "--as-of", "2024-12-31")["summary"]

    assert summary["outstanding_principal"] == 1930.0
    assert summary["npl_balance"] == 1430.0
    assert summary["npl_ratio"] == 0.740933
    assert summary["overdue_total"] == 930.0 + 520.0 + 220.0 + 320.0


def test_explain_shows_one_loan(run, folder):
    code, out, _ = run("overdue", "L1", "--explain", "--data", folder)

    assert code == 0
    assert "930.00" in out
    assert run("overdue", "A", "--explain", "--data", folder)[0] == ExitCode.USAGE
    assert run("overdue", "--explain", "--data", folder)[0] == ExitCode.USAGE


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_prints_its_date_and_conventions(run, folder, question):
    code, out, err = run(*question, "--data", folder, "--convention", "grace_days=3")

    assert (code, err.count("graphrisk: ")) == (0, err.count("network leaves"))
    assert "as of 2024-06-30" in out
    assert "grace_days=3" in out


def test_the_date_is_the_flags_else_the_files_else_the_datas_else_asked_for(run, folder):
    def date(*arguments):
        code, out, err = run("overdue", "--data", folder, "-f", "json", *arguments)
        return (code, json.loads(out)["as_of"] if out else err)

    assert date() == (0, "2024-06-30")
    (folder / "graphrisk.toml").write_text("as_of = 2024-06-15\n", encoding="utf-8")
    assert date() == (0, "2024-06-15")
    assert date("--as-of", "2024-05-31") == (0, "2024-05-31")
    (folder / "graphrisk.toml").unlink()
    (folder / "payments.csv").write_text("payment_id,loan_id,paid_date,amount\n", encoding="utf-8")
    code, err = date()
    assert code == ExitCode.USAGE
    assert "--as-of" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("overdue", "--as-of", "2024-02-30"),
        ("overdue", "--currency", "renminbi"),
        ("overdue", "--top", "-1"),
        ("overdue", "--by", "colour"),
        ("overdue", "--include", "tips"),
        ("overdue", "--convention", "grace_days"),
        ("overdue", "--convention", "grace=3"),
        ("overdue", "--convention", "roll=back"),
        ("overdue", "NOBODY"),
        ("npl", "--by", "colour"),
        ("spread", "NOBODY"),
        ("spread", "L1"),
        ("spread", "A", "--overdue", "-5"),
        ("spread", "A", "--overdue", "much"),
        ("spread", "A", "--overdue", "nan"),
        ("spread", "A", "--horizon", "0"),
        ("spread", "A", "--horizon", "0d"),
        ("spread", "A", "--horizon", "week"),
        ("spread", "A", "--extreme", "worst"),
        ("spread", "A", "--unknown-cash", "perhaps"),
        ("spread", "A", "--max-rounds", "0"),
        ("spread", "A", "--reactions", "nowhere.toml"),
        ("spread", "A", "--fail-over", "financing_loss"),
        ("spread", "A", "--fail-over", "colour=1"),
        ("spread", "A", "--unit", "千元"),
        ("overdue", "-o", "result.xls"),
        ("overdue", "-o", "nowhere/result.csv"),
    ],
)
def test_a_wrong_flag_or_argument_is_2_and_leaves_nothing(run, folder, arguments, tmp_path):
    code, out, err = run(*arguments, "--data", folder)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("**/result*"))


def test_a_misspelt_id_gets_the_nearest(run, folder):
    assert "did you mean L4, L2, L1" in run("overdue", "L5", "--data", folder)[2]
    assert "SPV" in run("spread", "SPW", "--data", folder)[2]
    assert "did you mean A?" in run("spread", "Anvil Steel", "--data", folder)[2], "a firm's name leads to its id"
    assert CARD not in run("spread", "张小三", "--data", folder)[2], "a person's does not"


def test_an_id_of_two_things_names_both(run, folder):
    text = (folder / "entities.csv").read_text(encoding="utf-8").replace("G1", "A")
    (folder / "entities.csv").write_text(text, encoding="utf-8")
    code, _, err = run("overdue", "A", "--data", folder)

    assert code == ExitCode.USAGE
    assert "entity:A, group:A" in err
    assert len(rows_of(run("overdue", "group:A", "--data", folder, "-f", "json")[1])) == 2
    assert run("spread", "A", "--data", folder)[0] == 0, "only an entity can fail to pay"


def test_a_projects_id_stands_for_its_company(ask):
    assert ask("spread", "PJ", "--overdue", "100")["parameters"]["entity_id"] == "SPV"


def test_rows_set_aside_are_said_with_their_money_and_refused_when_strict(run, folder):
    with (folder / "payments.csv").open("a", encoding="utf-8") as out:
        out.write("P4,L1,never,7.00\n")
    code, out, err = run("npl", "--data", folder)

    assert code == 0
    assert "rows set aside: 1, payments 1 (amount 7.00 CNY)" in err
    assert "graphrisk check" in err
    assert out
    assert run("npl", "--data", folder, "--quiet")[2] == ""
    assert "never" in run("npl", "--data", folder, "--verbose")[2]
    code, out, err = run("npl", "--data", folder, "--strict")
    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert err.splitlines()[-1].startswith("graphrisk: ")


def test_a_file_that_is_no_table_at_all_ends_a_question(run, folder):
    (folder / "payments.csv").write_bytes(bytes(range(256)) * 4)
    code, out, err = run("npl", "--data", folder)

    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert "payments.csv" in err
    assert "Traceback" not in err


def test_without_payments_nobody_guesses(run, folder):
    (folder / "payments.csv").unlink()
    code, _, err = run("overdue", "--data", folder, *AS_OF)

    assert code == ExitCode.INVALID_DATA
    assert "--assume-unpaid" in err
    assert run("overdue", "--data", folder, *AS_OF, "--assume-unpaid")[0] == 0


def test_unknown_cash_is_refused_on_request(run, folder):
    assert run("spread", "A", "--data", folder, "--unknown-cash", "refuse")[0] == ExitCode.INVALID_DATA


@pytest.mark.parametrize("text", ["a = -1", "colour = 'red'", "[keep]\nfinancier = [[0, 0.5], [1, 1]]", "a ="])
def test_wrong_reactions_are_refused(run, folder, text):
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    code, out, err = run("spread", "A", "--data", folder, "--reactions", folder / "mine.toml")

    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert "mine.toml" in err


def test_rounds_that_run_out_are_5():
    pytest.importorskip("graphrisk.analyzers.spread")
    from graphrisk.cli.app import main

    assert main(["spread", "A", "--max-rounds", "1", "-q"]) == ExitCode.NOT_CONVERGED


def test_a_limit_that_is_passed_is_6_and_the_result_is_whole(run):
    code, out, err = run("spread", "A", "-f", "json", "--fail-over", "financing_loss=500000", "--fail-over", "gap=1e9")

    assert code == ExitCode.LIMIT
    assert json.loads(out)["command"] == "spread"
    assert "557,600.00" in err.splitlines()[-1]
    assert run("spread", "A", "--fail-over", "financing_loss=557600", "--fail-over", "amplification=1.8")[0] == 0


def test_the_sample_is_named_when_no_data_is(run, monkeypatch, folder):
    assert "bundled sample" in run("npl")[2]
    assert "bundled sample" not in run("npl", "--quiet")[2]
    monkeypatch.setenv("GRAPHRISK_DATA", str(folder))
    assert "bundled sample" not in run("npl")[2]


def test_the_demonstration_tells_the_story_in_both_languages(run, monkeypatch, folder):
    monkeypatch.setenv("GRAPHRISK_DATA", str(folder))  # it is on the sample, whatever the environment names
    code, out, err = run("demo")

    assert (code, err) == (0, "")
    for part in ("52,000.00", "557,600.00", "$ graphrisk spread A", "$ graphrisk overdue A", "Assumed"):
        assert part in out
    assert "融资损失" in run("demo", "--lang", "zh")[1]
    assert json.loads(run("demo", "-f", "json")[1])["summary"]["overdue_total"] == 52000.0
    assert "| --: |" in run("demo", "-f", "md")[1]


SECRETS = (CARD, PHONE, "张小三")


@pytest.mark.parametrize("format_", ["table", "json", "csv", "md"])
@pytest.mark.parametrize(
    "question", [("overdue",), ("overdue", CARD), ("spread", CARD), ("overdue", "--by", "borrower")]
)
def test_persons_are_masked_in_every_format(run, folder, question, format_):
    code, out, err = run(*question, "--data", folder, "-f", format_)

    assert code == 0
    for secret in SECRETS:
        assert secret not in out + err
    assert "m-" in out


def test_persons_are_masked_in_failures(run, folder):
    for given in (CARD, PHONE):
        for arguments in (("spread", f"{given[:-1]}5"), ("tables", given), ("spread", "A", "--overdue", f"x{given}")):
            code, _, err = run(*arguments, "--data", folder) if arguments[0] == "spread" else run(*arguments)

            assert code == ExitCode.USAGE
            assert given[:-1] not in err


def test_a_masked_id_is_an_id(ask):
    shown = {row["loan_id"]: row["borrower_id"] for row in ask("overdue")["rows"]}

    assert ask("overdue", shown["L2"])["rows"][0]["loan_id"] == "L2"
    masked_loan = next(loan for loan in shown if loan.startswith("L-m-"))
    assert ask("overdue", masked_loan)["rows"][0]["borrower_id"] == "B"
    assert ask("spread", shown["L2"])["parameters"]["entity_id"] == shown["L2"]


def test_unmask_shows_and_says_so(run, folder):
    code, out, err = run("overdue", "--data", folder, "--unmask")

    assert code == 0
    assert CARD in out
    assert "1 persons" in err


def test_a_key_of_ones_own_changes_the_digests(run, folder, monkeypatch):
    before = run("overdue", "--data", folder)[1]
    monkeypatch.setenv("GRAPHRISK_MASK_KEY", "mine")
    after = run("overdue", "--data", folder)[1]

    assert before != after
    assert "mine" not in after


def test_a_formula_in_a_table_is_harmless_in_csv(run, folder):
    out = run("overdue", "--by", "product", "--data", folder, "-f", "csv")[1]

    assert {row["product"] for row in csv.DictReader(io.StringIO(out))} == {"line", "'=term"}


@pytest.mark.parametrize(
    ("name", "start"), [("a.json", b"{"), ("a.csv", b"\xef\xbb\xbfloan_id"), ("a.md", b""), ("a", b"")]
)
def test_a_file_is_written_whole_and_its_ending_says_how(run, folder, tmp_path, name, start):
    path = tmp_path / name
    path.write_text("what was there before", encoding="utf-8")

    code, out, err = run("overdue", "--data", folder, "-o", path)

    assert (code, out) == (0, "")
    assert path.read_bytes().startswith(start)
    assert b"before" not in path.read_bytes()
    assert str(path) in err.replace("\n", "")
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(["book", name])


def test_the_format_flag_wins_over_the_ending_and_a_dash_is_stdout(run, folder, tmp_path):
    run("npl", "--data", folder, "-o", tmp_path / "a.csv", "-f", "json")

    assert json.loads((tmp_path / "a.csv").read_text(encoding="utf-8"))["command"] == "npl"
    assert run("npl", "--data", folder, "-o", "-")[1] == run("npl", "--data", folder)[1].replace(
        "graphrisk npl --data", "graphrisk npl --data"
    ).replace(str(folder), f"{folder} -o -")


def test_csv_on_stdout_has_no_mark_and_its_audit_line_is_on_stderr(run, folder):
    code, out, err = run("npl", "--data", folder, "-f", "csv")

    assert code == 0
    assert out.startswith("outstanding_principal,")
    assert "as of 2024-06-30" in err
    assert "conventions: " in err
    assert run("npl", "--data", folder, "-f", "csv", "-q")[2] == ""


def test_top_cuts_wherever_it_is_given(run, folder):
    assert len(rows_of(run("overdue", "--data", folder, "-f", "json", "--top", "2")[1])) == 2
    out = run("overdue", "--data", folder, "--top", "2")[1]
    assert "2 more rows" in out
    assert "more rows" not in run("overdue", "--data", folder, "--top", "0")[1]


def test_a_terminal_gets_a_table_of_its_width(run, folder, monkeypatch):
    monkeypatch.setenv("GRAPHRISK_TOP", "1")
    piped = run("overdue", "--data", folder)[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    out = run("overdue", "--data", folder)[1]

    assert "─" in out
    assert "3 more rows" in out
    assert "more rows" not in piped


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("format_", ["table", "json", "csv", "md"])
def test_the_same_question_gets_the_same_bytes(run, folder, question, format_):
    assert run(*question, "--data", folder, "-f", format_) == run(*question, "--data", folder, "-f", format_)


@pytest.mark.parametrize("question", QUESTIONS)
def test_chinese_labels_and_english_keys(run, folder, question):
    out = run(*question, "--data", folder, "--lang", "zh", "--unit", "万元")[1]

    assert "金额单位：万元" in out
    assert (
        run(*question, "--data", folder, "--lang", "zh", "-f", "json")[1]
        == run(*question, "--data", folder, "-f", "json")[1]
    )


def test_a_settings_file_with_an_unknown_key_ends_a_question(run, folder):
    (folder / "graphrisk.toml").write_text("colour = 1\n", encoding="utf-8")
    code, out, err = run("npl", "--data", folder)

    assert (code, out) == (ExitCode.INVALID_DATA, "")
    assert "graphrisk.toml" in err
    assert "colour" in err


def test_a_settings_file_of_the_working_folder_counts_last(run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graphrisk.toml").write_text('lang = "zh"\nas_of = 2024-05-31\n', encoding="utf-8")

    assert "截至 2024-05-31" in run("npl", "--data", folder)[1]
    assert "as of 2024-05-31" in run("npl", "--data", folder, "--lang", "en")[1]


@pytest.mark.parametrize("flag", ["--output", "--data"])
def test_a_blank_path_is_refused(run, flag):
    code, _, err = run("overdue", flag, "")

    assert code == 2
    assert f"{flag} is blank" in err


def test_an_answer_does_not_replace_the_table_that_it_came_from(run, folder):
    before = (folder / "payments.csv").read_bytes()
    code, _, err = run("overdue", "--data", folder, "--output", folder / "payments.csv")

    assert code == 2
    assert "is one of the tables asked" in err
    assert (folder / "payments.csv").read_bytes() == before


def test_a_link_stays_a_link(run, folder, tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    code, _, _ = run("overdue", "--data", folder, "--output", link)

    assert code == 0
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize("value", ["materiality=1e30", "penalty_multiplier=1e18"])
def test_a_huge_convention_is_refused(run, folder, value):
    code, _, err = run("overdue", "--data", folder, "--convention", value)

    assert code == 2
    assert "a number from 0 to" in err
