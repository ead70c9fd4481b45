"""Each check by its name: what it finds, how bad that is, and whether the row is kept."""

import pytest

from graphrisk.analyzers.check import unusable
from graphrisk.tables.book import Tables, Tally


def codes(tables):
    return [(finding.severity, finding.code) for finding in tables.findings]


def kept(tables, name):
    return tables.tallies[name].rows_kept, tables.tallies[name].rows_quarantined


def test_the_clean_book_is_clean(book):
    tables = book()
    assert codes(tables) == []
    assert tables.quarantine == {}
    assert not unusable(tables)


LOANS = "loan_id,borrower_id,lender_id,principal,annual_rate,start_date\n"
L1 = "L1,A,F,300,0.18,2024-01-01\n"


def test_missing_value(book):
    tables = book(loans=LOANS + L1 + "L2,A,,5,0.1,2024-01-01\n")
    assert codes(tables) == [("error", "missing_value")]
    assert (tables.findings[0].line, tables.findings[0].column, tables.findings[0].value) == (3, "lender_id", "")
    assert kept(tables, "loans") == (1, 1)
    assert unusable(tables)


def test_a_value_that_cannot_be_read_is_not_missing_as_well(found):
    assert found(loans=LOANS + L1 + "L2,A,F,many,0.1,2024-01-01\n") == [
        ("error", "unreadable_money", 3, "principal", "many")
    ]


def test_all_that_is_wrong_with_a_row_is_said_at_once(found):
    assert found(loans=LOANS + L1 + "L2,A,F,-5,18,2024-02-30\n") == [
        ("error", "rate_above_one", 3, "annual_rate", "18"),
        ("error", "negative_amount", 3, "principal", "-5"),
        ("error", "unreadable_date", 3, "start_date", "2024-02-30"),
    ]


@pytest.mark.parametrize(
    ("changes", "line", "column", "value"),
    [
        (
            {"schedule": "loan_id,no,due_date,principal_due,interest_due\nL1,1,2024-02-01,300,-0.01\n"},
            2,
            "interest_due",
            "-0.01",
        ),
        ({"loans": LOANS + L1 + "L2,A,F,-1,0.1,2024-01-01\n"}, 3, "principal", "-1"),
    ],
)
def test_negative_amount(found, changes, line, column, value):
    assert found(**changes) == [("error", "negative_amount", line, column, value)]


def test_a_negative_payment_or_cash_is_legal(found):
    assert found(payments="payment_id,loan_id,paid_date,amount\nY1,L1,2024-02-01,-1\n") == []
    assert found(entities="entity_id,kind,cash\nA,company,-100\nF,bank,\nP,person,0\n") == []


@pytest.mark.parametrize("share", ["1.2", "-0.1", "120%"])
def test_share_range(book, share):
    tables = book(ownership=f"owner_id,owned_id,share_min\nP,A,{share}\n")
    assert codes(tables) == [("error", "share_range")]
    assert kept(tables, "ownership") == (0, 1)


@pytest.mark.parametrize(
    ("column", "value"), [("pay_day", "32"), ("pay_day", "0"), ("stage", "4"), ("term", "-1"), ("annual_rate", "-1%")]
)
def test_out_of_range(found, column, value):
    header = LOANS.replace("annual_rate", column) if column != "annual_rate" else LOANS
    row = L1.replace("0.18", value)
    assert ("error", "out_of_range", 2, column, value) in found(loans=header + row, schedule=None, payments=None)


def test_unknown_code(found):
    assert found(entities="entity_id,kind\nA,alien\nF,bank\nP,person\n")[0] == (
        "error",
        "unknown_code",
        2,
        "kind",
        "alien",
    )


def test_identical_row(book):
    tables = book(loans=LOANS + L1 + L1 + L1.replace("0.18", "18%"))
    assert codes(tables) == [("warning", "identical_row")] * 2
    assert [(finding.line, finding.fields["first_line"]) for finding in tables.findings] == [(3, 2), (4, 2)]
    assert kept(tables, "loans") == (1, 2)
    assert kept(tables, "schedule") == (2, 0)


def test_duplicate_key(book):
    tables = book(loans=LOANS + L1 + L1 + L1.replace("300", "301"), schedule=None, payments=None)
    assert codes(tables) == [("error", "duplicate_key")] * 3
    assert kept(tables, "loans") == (0, 3)


def test_two_pairs_of_copies_of_one_key_differ_too(book):
    other = L1.replace("300", "301")
    assert kept(book(loans=LOANS + L1 + other + L1 + other, schedule=None, payments=None), "loans") == (0, 4)


def test_a_blank_plan_is_the_original_plan(book):
    header = "loan_id,no,due_date,principal_due,interest_due,version\n"
    rows = "L1,1,2024-02-01,300,4,\nL1,1,2024-02-01,300,4,original\n"
    assert codes(book(schedule=header + rows)) == [("warning", "identical_row")]
    assert codes(book(schedule=header + rows.replace("300,4,o", "200,4,o"))) == [("error", "duplicate_key")] * 2
    assert codes(book(schedule=header + "L1,1,2024-02-01,300,4,\nL1,1,2024-02-01,300,4,revised\n")) == []


def test_rows_without_a_key_may_repeat(found):
    payments = "loan_id,paid_date,amount\nL1,2024-02-01,50\nL1,2024-02-01,50\n"
    assert found(payments=payments) == []


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("guarantees", "guarantee_id,guarantor_id,debtor_id\nG1,A,A\n"),
        ("ownership", "owner_id,owned_id\nA,A\n"),
        ("invoices", "invoice_id,seller_id,buyer_id,amount,issue_date,due_date\nV1,A,A,5,2024-01-01,2024-02-01\n"),
        ("trade", "seller_id,buyer_id,amount,period\nA,A,5,2024-06\n"),
        ("facilities", "facility_id,borrower_id,provider_id,limit\nC1,A,A,5\n"),
        ("partnerships", "from_id,to_id\nA,A\n"),
    ],
)
def test_self_loop(book, table, text):
    tables = book(**{table: text})
    assert codes(tables) == [("error", "self_loop")]
    assert kept(tables, table) == (0, 1)


def test_a_loan_to_oneself_takes_its_rows_with_it(book):
    tables = book(loans=LOANS + L1.replace(",F,", ",A,"))
    assert codes(tables) == [
        ("error", "self_loop"),
        ("error", "orphan_of_set_aside"),
        ("error", "orphan_of_set_aside"),
        ("error", "orphan_of_set_aside"),
    ]
    assert [kept(tables, name) for name in ("loans", "schedule", "payments")] == [(0, 1), (0, 2), (0, 1)]
    assert tables.quarantine["payments"]["reasons"].tolist() == ["orphan_of_set_aside"]


def test_orphan_rows_that_say_nothing_alone_are_set_aside(book):
    tables = book(
        payments="loan_id,paid_date,amount\nL9,2024-02-01,5\n", rates="loan_id,from,annual_rate\nL8,2024-02-01,0.1\n"
    )
    assert codes(tables) == [("error", "orphan")] * 2
    assert (kept(tables, "payments"), kept(tables, "rates")) == ((0, 1), (0, 1))


def test_orphan_rows_that_say_something_alone_are_kept(book):
    tables = book(
        guarantees="guarantee_id,guarantor_id,debtor_id,loan_id\nG1,P,A,L9\n",
        facilities="facility_id,borrower_id,provider_id,limit\nC1,A,F,5\n",
        loans=LOANS.replace("\n", ",facility_id\n") + L1.replace("\n", ",C9\n"),
    )
    assert codes(tables) == [("error", "orphan")] * 2
    assert (kept(tables, "guarantees"), kept(tables, "loans")) == ((1, 0), (1, 0))
    assert unusable(tables)


def test_an_entity_outside_the_data_is_a_warning(book):
    tables = book(loans=LOANS + L1.replace(",F,", ",Z,"))
    assert codes(tables) == [("warning", "orphan")]
    assert kept(tables, "loans") == (1, 0)
    assert not unusable(tables)


def test_a_replaced_loan_outside_the_data_is_a_warning(book):
    tables = book(loans=LOANS.replace("\n", ",restructured_from\n") + L1.replace("\n", ",L0\n"))
    assert codes(tables) == [("warning", "orphan")]


def test_an_absent_table_is_named_once_a_column(book):
    tables = book(
        entities=None,
        loans=LOANS.replace("\n", ",facility_id\n") + L1.replace("\n", ",C9\n"),
        payments=None,
        schedule=None,
    )
    assert [(finding.severity, finding.code, finding.column) for finding in tables.findings] == [
        ("note", "absent_table", "borrower_id"),
        ("note", "absent_table", "facility_id"),
        ("note", "absent_table", "lender_id"),
    ]


def test_without_loans_nothing_of_a_schedule_can_be_used(book):
    assert kept(book(loans=None, payments=None), "schedule") == (0, 2)


def test_a_table_that_could_not_be_read_makes_no_orphans(book):
    tables = book(loans="loan_id,borrower_id\nL1,A\n")
    assert {code for _, code in codes(tables)} == {"missing_column"}
    assert "loans" not in tables
    assert kept(tables, "schedule") == (2, 0)


@pytest.mark.parametrize(
    ("changes", "severity", "code", "column"),
    [
        (
            {"loans": LOANS.replace("\n", ",maturity_date\n") + L1.replace("\n", ",2023-12-31\n")},
            "error",
            "due_before_start",
            "maturity_date",
        ),
        (
            {"invoices": "invoice_id,seller_id,buyer_id,amount,issue_date,due_date\nV1,A,P,5,2024-02-01,2024-01-31\n"},
            "error",
            "due_before_start",
            "due_date",
        ),
        (
            {"schedule": "loan_id,no,due_date,principal_due,interest_due\nL1,1,2023-12-31,300,4\n"},
            "error",
            "due_before_start",
            "due_date",
        ),
        ({"payments": "loan_id,paid_date,amount\nL1,2023-12-31,5\n"}, "warning", "payment_before_start", "paid_date"),
        (
            {"guarantees": "guarantee_id,guarantor_id,debtor_id,start,end\nG1,P,A,2024-02-01,2024-01-31\n"},
            "warning",
            "end_before_start",
            "end",
        ),
    ],
)
def test_dates_before_their_start_are_kept(book, changes, severity, code, column):
    tables = book(**changes)
    assert [(f.severity, f.code, f.line, f.column) for f in tables.findings] == [(severity, code, 2, column)]
    assert kept(tables, next(iter(changes)))[1] == 0


def test_a_date_on_the_start_is_none_before_it(found):
    assert found(payments="loan_id,paid_date,amount\nL1,2024-01-01,5\n") == []


def test_schedule_sum(book):
    rows = "L1,1,2024-02-01,100,4,\nL1,1,2024-02-01,300,4,revised\nL1,2,2024-03-01,199.99,4,original\n"
    tables = book(schedule="loan_id,no,due_date,principal_due,interest_due,version\n" + rows)
    assert codes(tables) == [("warning", "schedule_sum")]
    finding = tables.findings[0]
    assert (finding.table, finding.line, finding.value) == ("loans", 2, "300")
    assert finding.fields == {"version": "original", "scheduled": "299.99"}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.6, 0.4), []),
        ((0.7, 0.1, 0.2), []),
        ((0.6, 0.5), [("error", "shares_above_one")] * 2),
        ((0.6, 0.3), [("note", "shares_below_one")]),
    ],
)
def test_shares_of_a_loan(book, shares, expected):
    rows = "".join(f"L1,B{number},{share}\n" for number, share in enumerate(shares))
    entities = "entity_id,kind\nA,company\nF,bank\nP,person\nB0,bank\nB1,bank\nB2,bank\n"
    tables = book(entities=entities, loan_shares="loan_id,lender_id,share\n" + rows)
    assert codes(tables) == expected
    aside = sum(severity == "error" for severity, _ in expected)
    assert kept(tables, "loan_shares") == (len(shares) - aside, aside)


def test_shares_in_an_entity_above_one_are_a_warning(found):
    assert found(ownership="owner_id,owned_id,share_min\nP,A,0.6\nF,A,0.41\n") == [
        ("warning", "shares_above_one", 2, "share_min", "0.6")
    ]
    assert found(ownership="owner_id,owned_id,share_min\nP,A,0.6\nF,A,0.4\n") == []


TRADE = "seller_id,buyer_id,amount,period,currency\nA,P,5,2024-06,{}\n"


def test_mixed_currency(book):
    tables = book(trade=TRADE.format("USD"))
    assert codes(tables) == [("error", "mixed_currency")]
    assert tables.findings[0].fields == {"currency": "USD", "other": "CNY"}
    assert kept(tables, "trade") == (1, 0)
    for pair in ("USD,CNY", "CNY,USD"):
        assert codes(book(trade=TRADE.format("USD"), fx=f"date,currency,base,rate\n2024-06-28,{pair},7.25\n")) == []
    assert codes(book(trade=TRADE.format("USD"), fx="date,currency,base,rate\n2024-06-28,USD,EUR,0.9\n")) != []


def test_one_currency_is_none_mixed(book):
    assert codes(book(trade=TRADE.format("RMB"))) == []


def test_every_sentence_and_repair_can_be_written_in_both_languages(book):
    tables = book(
        loans=LOANS + L1 + L1 + "L2,A,A,-1,18,x\n",
        schedule="loan_id,no,due_date,principal_due,interest_due\nL1,1,2023-12-31,299,4\nL2,1,2024-01-01,1,1\n",
        trade=TRADE.format("USD") + '"\n',
    )
    assert len(tables.findings) > 8
    for finding in tables.findings:
        for language in ("en", "zh"):
            assert finding.sentence(language)
            assert "{" not in finding.sentence(language) + finding.repair(language)


def test_unusable_says_what_check_exits_with():
    assert not unusable(Tables({}, tallies={"loans": Tally(1, 1, 0)}))
    assert unusable(Tables({}, tallies={"loans": Tally(1, 0, 1)}))
