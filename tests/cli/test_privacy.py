"""Nobody leaves by any door: what tells who a person is stands in every place of a book, and in no output."""

import io
import json
import sys
import zipfile
from dataclasses import replace
from functools import cache

import openpyxl
import pytest
from typer.main import get_command

import graphrisk.analyzers.check
import graphrisk.stores.files
from graphrisk.cli.app import app
from graphrisk.cli.options import Format
from graphrisk.cli.question import Question
from graphrisk.settings import LANGUAGES
from graphrisk.views.patterns import has_check_digit

CARD = "110101199003071233"
CARD_X = "31010119880808123X"
OLD_CARD = "440101880808123"
SLIP = "510101199013071233"
PHONE = "13912345678"
ABROAD = "+86 13812345678"
SPACED = "137 1234 5678"
WIDE = "１３６１２３４５６７８"
BANK_CARD = "6222021234567890128"
MAIL = "zhang.xiaosan@example.com"
PERSON = "张小三"
TWO = "高明"
LATIN = "Mei Lanfang"
LATIN_MISFIT = "John Unlisted"
ASIDE = "李四海"
MISFIT = "赵一鸣"
STRANGER = "欧阳明月"
UNLISTED = "钱多多"

NUMBERS = (CARD, CARD_X, OLD_CARD, SLIP, PHONE, ABROAD, SPACED, WIDE, BANK_CARD, MAIL)
NAMES = (PERSON, LATIN, LATIN_MISFIT, ASIDE, MISFIT, STRANGER, UNLISTED)
#: What must stand nowhere: each in its forms.
SECRETS = (
    *NUMBERS,
    *NAMES,
    f"{TWO},",
    f'"{TWO}"',
    CARD_X.lower(),
    "13812345678",
    "13812",
    "13712345678",
    "13612345678",
    "1234 5678",
    "zhang.xiaosan",
    "@example",
)

#: Serial numbers, a unified social credit code, a date and an amount: they stay.
PLAIN = ("L-2024063000000123456", "622202123456789013", "91110108MA01ABCD2X", "BN20240630000000001")

READ = graphrisk.stores.files.read_tables

FILES = {
    "entities.csv": [
        "entity_id,name,kind,group_id,cash,net_capital",
        f"A,安平贸易,company,G-{PHONE},100.00,1000000",
        f"{CARD},{PERSON},person,G-{PHONE},,",
        f"{CARD_X},{TWO},person,,,",
        f"{PHONE},{LATIN},person,G-{BANK_CARD},,",
        f"{WIDE},客户甲,person,,,",
        f"{BANK_CARD},B {BANK_CARD} Ltd,company,,,",
        f"{MAIL},Mail {MAIL},company,,,",
        f"{PERSON}-01,,person,,,",
        "F1,First Bank,bank,,,90000000",
        "SPV,Bridge Co,project_spv,,,",
        f"{OLD_CARD},{ASIDE},自然人?,,,",
        f"X9,{MISFIT},person,,,,,",
        f"Y9,{ASIDE},person,,never,",
        f"Z9,{LATIN_MISFIT},person,,,,,",
    ],
    "loans.csv": [
        f"loan_id,borrower_id,lender_id,principal,annual_rate,start_date,product,purpose,联系人 {PHONE}",
        f"L1,A,F1,1000.00,0.12,2024-01-01,line,{PERSON}用款,x",
        f"{CARD},{CARD},F1,500.00,0.12,2024-01-01,{PERSON}专案,{MAIL},x",
        f"L-{PHONE},{CARD_X},F1,200.00,0.12,2024-01-01,{MAIL},,x",
        f"{PLAIN[0]},{PHONE},F1,300.00,0.12,2024-01-01,line,,x",
        f"{PLAIN[1]},{WIDE},F1,300.00,0.12,2024-01-01,{TWO},,x",
        f"{SPACED},{STRANGER},F1,300.00,0.12,2024-01-01,line,,x",
        f"{ABROAD},{PERSON}-01,F1,300.00,0.12,2024-01-01,line,,x",
        f"{SLIP},{BANK_CARD},{MAIL},300.00,0.12,2024-01-01,{LATIN} line,,x",
        f"{OLD_CARD},{UNLISTED},F1,much,0.12,2024-01-01,line,,x",
        f"L9,{MISFIT},F1,1,0.12,2024-01-01,line,{PERSON},x,{STRANGER},{CARD}",
        "L4,SPV,F1,300.00,0.12,2024-01-01,line,,x",
    ],
    "schedule.csv": [
        "loan_id,no,due_date,principal_due,interest_due",
        "L1,1,2024-05-01,1000.00,40.00",
        f"{CARD},1,2024-05-20,500.00,20.00",
        f"L-{PHONE},1,2024-05-20,200.00,20.00",
        f"{PLAIN[0]},1,2024-05-20,300.00,20.00",
        f"{PLAIN[1]},1,2024-05-20,300.00,20.00",
        f"{SPACED},1,2024-05-20,300.00,20.00",
        f"{ABROAD},1,2024-05-20,300.00,20.00",
        f"{SLIP},1,2024-05-20,299.00,20.00",
        "L4,1,2024-12-01,300.00,20.00",
    ],
    "payments.csv": [
        "payment_id,loan_id,paid_date,amount,payer_id",
        f"{BANK_CARD},L1,2024-06-30,140.00,{PERSON}",
        f"{PHONE},{CARD},2024-06-01,10.00,{STRANGER}",
        f"{PHONE},{CARD},2024-06-02,11.00,{CARD}",
        f"P9,{CARD_X},2024-06-01,10.00,",
        f"P8,L1,{SPACED},10.00,",
    ],
    "facilities.csv": [
        "facility_id,borrower_id,provider_id,limit,drawn",
        f"{MAIL},A,F1,5000,1000",
        f"{OLD_CARD},{CARD},{PERSON},5000,1000",
    ],
    "trade.csv": [
        "seller_id,buyer_id,amount,period,terms_days",
        f"A,{CARD},1000,2024-05,60",
        f"{PHONE},A,900,2024-05,30",
    ],
    "invoices.csv": [
        "invoice_id,seller_id,buyer_id,amount,issue_date,due_date",
        f"{CARD_X},A,{CARD},1000,2024-05-01,2024-07-01",
        f"{PERSON},{PHONE},A,900,2024-05-01,2024-07-01",
        f"I9,{CARD},{CARD},900,2024-05-01,2024-07-01",
    ],
    "guarantees.csv": [
        "guarantee_id,guarantor_id,debtor_id,creditor_id,loan_id,amount,kind",
        f"G{CARD},{CARD},A,F1,L1,800,joint",
        f"{SPACED},A,{CARD},F1,{CARD},800,joint",
        f"{PERSON}保函,{STRANGER},{PHONE},F1,,,joint",
    ],
    "collateral.csv": [
        "collateral_id,owner_id,loan_id,value,kind",
        f"{PHONE},{CARD},L1,100,{PERSON}的房产",
    ],
    "insurance.csv": [
        "policy_id,insurer_id,insured_id,debtor_id,limit,cover,start,end,exclusions",
        f"{BANK_CARD},F1,F1,{CARD},100,0.5,2024-01-01,2025-01-01,{PERSON}",
    ],
    "ownership.csv": ["owner_id,owned_id,share_min", f"{CARD},A,0.6", f"{STRANGER},A,0.2"],
    "partnerships.csv": ["from_id,to_id,kind,weight,trust", f"{CARD},A,jv,0.5,0.8", f"A,{PHONE},jv,0.5,0.8"],
    "projects.csv": ["project_id,spv_id,cfads,debt_service,debt_committed", f"PJ-{CARD_X},SPV,10,8,1000"],
    "project_parties.csv": [
        "project_id,entity_id,role,share",
        f"PJ-{CARD_X},{CARD},sponsor,0.5",
        f"PJ-{CARD_X},F1,lender,1",
    ],
    "covenants.csv": [
        "covenant_id,subject_id,metric,op,level",
        f"{PHONE},{CARD_X},dscr,>=,1.1",
    ],
    "events.csv": ["entity_id,date,kind,note", f"{CARD},2024-05-01,lawsuit,{PERSON}欠款", f"A,{PHONE},news,{MAIL}"],
    "labels.csv": ["entity_id,observed,bad", f"{PHONE},2024-01-01,perhaps {PERSON}"],
    "reactions.toml": ["[keep_by]", f'"{CARD}" = [[0, 1], [1, 0]]', f'"{STRANGER}" = [[0, 1], [1, 0]]'],
    f"{PERSON}.txt": ["x"],
    f"{PHONE}.csv": ["x"],
}

IDS = (CARD, WIDE, f"{PERSON}-01")

#: How each command is asked; one that needs no argument and is not here is asked without one.
ASKED = {
    "overdue": [
        [],
        [CARD_X],
        [f"G-{PHONE}"],
        [f"loan:{CARD}", "--explain"],
        ["--by", "borrower,guarantor,group,project,product"],
    ],
    "npl": [["--by", "borrower,product"], ["--by", "guarantor"]],
    "spread": [*([id_, "--overdue", "400"] for id_ in IDS), ["A"]],
    "trace": [*([id_, "--overdue", "400"] for id_ in IDS), ["A", "--to", CARD], ["--to", CARD]],
}


def commands(group, before=()):
    """Yield every command of the app that reads a book, with its name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        elif any("--data" in parameter.opts for parameter in command.params):
            yield " ".join((*before, name)), command


COMMANDS = dict(commands(get_command(app)))
QUESTIONS = [(name, arguments) for name in COMMANDS for arguments in ASKED.get(name, [[]])]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books") / f"book-{PHONE}"
    folder.mkdir()
    for name, lines in FILES.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _read_once(place, monkeypatch):
    """Read the book once for all tests: what is shown of it is what is tested."""
    read = graphrisk.stores.files.read_tables

    def once(paths, **how):
        return _read(tuple(paths), **how) if paths and place in paths else read(paths, **how)

    monkeypatch.setattr(graphrisk.stores.files, "read_tables", once)


@cache
def _read(paths, **how):
    return READ(paths, **how)


def told(text):
    return [secret for secret in SECRETS if secret in text]


def read_workbook(path):
    """Return all that stands in a workbook: its parts as they are, and its cells."""
    with zipfile.ZipFile(path) as parts:
        text = "\n".join(parts.read(name).decode("utf-8") for name in parts.namelist())
    cells = [str(cell.value) for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for cell in row]
    return "\n".join([text, *cells])


@pytest.fixture
def leave(run, place):
    """Ask a question; returns exit code, stdout, stderr."""

    def leave(name, arguments, *flags):
        return run(*name.split(), *arguments, "--data", place, *flags)

    return leave


@pytest.fixture
def by_every_door(leave, tmp_path, monkeypatch):
    """Ask a question once, and let its answer leave in every format and language, to a pipe, a terminal and a file."""
    once = Question.answer

    def answer(self, result, *, top=None):
        once(self, result, top=top)
        for lang in LANGUAGES:
            for form, terminal in [*((form, False) for form in Format), (Format.TABLE, True)]:
                monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
                path = str(tmp_path / f"{lang}.xlsx") if form is Format.XLSX else None
                standard = replace(self.standard, format=form, output=path, lang=lang)
                once(Question(replace(self.voice), standard, self.dated, self.flags), result, top=0)

    def asked(name, arguments, *flags):
        monkeypatch.setattr(Question, "answer", answer)
        code, out, err = leave(name, arguments, *flags)
        return code, [out, err, *(read_workbook(path) for path in sorted(tmp_path.glob("*.xlsx")))]

    return asked


def test_a_bank_card_of_these_tests_is_one_and_the_serial_numbers_are_none():
    assert has_check_digit(BANK_CARD)
    assert not has_check_digit(PLAIN[1])


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_that_needs_an_argument_is_asked_with_one(name):
    needs = [parameter.name for parameter in COMMANDS[name].params if parameter.required]

    assert not needs or name in ASKED, f"say in ASKED how {name} is asked"


@pytest.mark.parametrize(("name", "arguments"), QUESTIONS, ids=str)
def test_no_output_of_any_command_tells_who_a_person_is(by_every_door, name, arguments):
    code, texts = by_every_door(name, arguments, "--verbose")

    assert code in (0, 3), texts[1]
    assert len(texts) == 2 + len(LANGUAGES)
    assert [told(text) for text in texts] == [[]] * len(texts)
    assert "m-" in "".join(texts)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "settings"])
def test_unmask_shows_it_and_says_so(leave, name):
    for arguments in ASKED.get(name, [[]]):
        code, out, err = leave(name, arguments, "--unmask")

        assert code in (0, 3), err
        assert told(out)
        assert "--unmask" in err


@pytest.mark.parametrize("format_", [form.value for form in Format if form is not Format.XLSX])
def test_the_flag_says_the_format_that_was_tested(leave, format_):
    code, out, err = leave("overdue", [], "--format", format_)

    assert code == 0
    assert told(out + err) == []
    assert out.startswith({"json": "{", "csv": "loan_id,"}.get(format_, "3,"))


def test_serial_numbers_stay(leave):
    out = leave("overdue", [], "--format", "csv")[1]

    assert PLAIN[0] in out
    assert PLAIN[1] in out


def test_masked_ids_are_ids(leave):
    rows = json.loads(leave("overdue", [], "--format", "json")[1])["rows"]
    ids = {row["borrower_id"] for row in rows}
    hidden = sorted(id_ for id_ in ids if id_.startswith("m-"))

    assert len(hidden) == len(ids) - 2  # A and SPV
    for id_ in hidden:
        code, out, err = leave("overdue", [f"entity:{id_}"], "--format", "json")
        assert code == 0, err
        assert {row["borrower_id"] for row in json.loads(out)["rows"]} == {id_}


def test_a_book_without_entities_hides_ids_that_are_names(run, tmp_path):
    (tmp_path / "loans.csv").write_text(
        "借据号,借款人,贷款人,借据金额,放款日\n"
        f"1,{PERSON},工商银行,100,2024-01-01\n2,{STRANGER},工商银行,100,2024-01-01\n3,安平贸易,工商银行,100,2024-01-01\n",
        encoding="utf-8",
    )
    (tmp_path / "payments.csv").write_text("loan_id,paid_date,amount\n", encoding="utf-8")
    code, out, err = run("overdue", "--data", tmp_path, "--as-of", "2024-06-30", "-f", "csv")

    assert code == 0
    assert told(out + err) == []
    assert "工商银行" in out
    assert "安平贸易" in out
    hidden = next(line.split(",")[1] for line in out.splitlines() if line.startswith("1,"))
    assert PERSON not in run("overdue", hidden, "--data", tmp_path, "--as-of", "2024-06-30")[1]
    assert run("overdue", hidden, "--data", tmp_path, "--as-of", "2024-06-30")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("spread", f"{CARD[:-1]}0"),
        ("spread", PERSON),
        ("spread", ASIDE),
        ("overdue", f"x{PHONE}"),
        ("overdue", "A", CARD),
        ("overdue", "--by", MAIL),
        ("npl", "--as-of", CARD),
        ("npl", "-o", f"nowhere/{PHONE}.csv"),
        ("npl", "-o", f"{PHONE}.doc"),
        ("npl", f"--{PHONE}"),
        (PHONE,),
        ("spread", "A", "--reactions", f"{PHONE}.toml"),
        ("npl", "--convention", f"{CARD_X}=1"),
    ],
)
def test_no_failure_tells_who_a_person_is(run, place, arguments):
    code, out, err = run(*arguments, *(["--data", place] if len(arguments) > 1 else []))

    assert code == 2
    assert err
    assert told(out + err) == []
    assert CARD[:-1] not in err


def test_no_bug_tells_who_a_person_is(run, place, monkeypatch):
    def fail(_):
        raise KeyError(CARD, PERSON, MAIL)

    monkeypatch.setattr(graphrisk.analyzers.check, "check", fail)
    code, out, err = run("check", "--data", place)

    assert code == 1
    assert "KeyError" in err
    assert told(out + err) == []


def test_a_note_on_a_file_tells_nobody(run, place, tmp_path):
    path = tmp_path / f"{PERSON}.csv"
    err = run("npl", "--data", place, "-o", path)[2]

    assert path.exists()
    assert "wrote " in err
    assert told(err) == []


def test_settings_show_no_number(run, place):
    out = io.StringIO(run("settings", "--data", place)[1]).read()

    assert told(out) == []
