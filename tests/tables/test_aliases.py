"""Headers and values under their other names."""

import re
from collections import Counter

import pytest

from graphrisk.conventions import Conventions
from graphrisk.tables import aliases
from graphrisk.tables.schemas import SCHEMAS

CHINESE = re.compile("[\u4e00-\u9fff]")


def column(table, header):
    return aliases.headings(table, [header])[0].column


@pytest.mark.parametrize(
    ("table", "expected", "headers"),
    [
        (
            "loans",
            "loan_id",
            "借据编号 借据号 贷款编号 合同号 标的编号 ListingId loan_nbr LoanNr_ChkDgt",
        ),
        ("loans", "loan_id", "instrument_identifier contract_id"),
        ("loans", "borrower_id", "客户编号 客户号 借款人 借款人名称 member_id customerID counterparty_identifier Name"),
        ("entities", "entity_id", "客户编号 客户号 member_id customerID counterparty_identifier"),
        ("entities", "name", "借款人 借款人名称 Name 名称"),
        ("loans", "lender_id", "放款机构 出借人 资金方 经办行 Bank funder"),
        (
            "loans",
            "principal",
            "借据金额 贷款金额 放款金额 本金 loan_amnt funded_amnt origination_amount DisbursementGross",
        ),
        ("loans", "outstanding", "剩余本金 贷款余额 余额 out_prncp principal_balance"),
        ("loans", "annual_rate", "年利率 借据利率 执行利率 月利率 日利率 int_rate current_interest_rate"),
        ("loans", "method", "还款方式 amortisation_type"),
        ("loans", "allocation_order", "还款顺序"),
        ("loans", "penalty_multiplier", "罚息利率 罚息倍数 逾期利率 default_penalty_interest_margin"),
        ("loans", "maturity_date", "到期日"),
        ("schedule", "due_date", "应还日期 到期日 还款日 DueDate due_d"),
        ("schedule", "principal_due", "应还本金"),
        ("schedule", "interest_due", "应还利息"),
        ("payments", "paid_date", "还款日期 实还日期 入账日期 SettledDate last_pymnt_d"),
        ("payments", "amount", "还款金额 实还金额 last_pymnt_amnt"),
        ("payments", "principal", "实还本金 total_rec_prncp"),
        ("payments", "interest", "实还利息 total_rec_int"),
        ("payments", "penalty", "实还罚息 total_rec_late_fee"),
        ("snapshots", "overdue_principal", "欠还本金 逾期本金 pastdue_principal_amount"),
        ("snapshots", "overdue_interest", "欠还利息 逾期利息 pastdue_interest_amount"),
        ("snapshots", "days_past_due", "逾期天数 days_in_pastdue DaysLate"),
        ("loans", "five_class", "五级分类 风险分类 loan_status MIS_Status"),
        ("snapshots", "five_class", "五级分类 风险分类"),
        ("guarantees", "guarantor_id", "担保人 保证人 源节点"),
        ("guarantees", "debtor_id", "被担保人 目标节点"),
        ("guarantees", "amount", "担保金额 guarantee_amount SBA_Appv"),
        ("guarantees", "kind", "担保方式 担保类型"),
        ("invoices", "seller_id", "供应商 卖方 债权人 supplier_id"),
        ("invoices", "buyer_id", "核心企业 买方 债务人 buyer_id"),
        ("trade", "seller_id", "供应商 卖方 债权人 supplier_id"),
        ("trade", "buyer_id", "核心企业 买方 债务人 buyer_id"),
        ("invoices", "invoice_id", "发票号码 invoiceNumber"),
        ("invoices", "issue_date", "开票日期 InvoiceDate"),
        ("invoices", "due_date", "应收到期日 账期 DueDate"),
        ("invoices", "confirmed", "确权"),
        ("invoices", "disputed", "争议 Disputed"),
        ("entities", "reg_no", "统一社会信用代码 营业执照号 组织机构代码 registration_number national·identifier"),
        ("facilities", "limit", "授信额度 LIMIT_BAL"),
        ("facilities", "drawn", "已用额度"),
        ("loans", "currency", "币种 loan_currency"),
        ("entities", "kind", "类型"),
        ("entities", "cash", "现金"),
        ("entities", "equity", "净资产"),
        ("entities", "monthly_inflow", "月流入"),
        ("entities", "monthly_outflow", "月流出"),
        ("facilities", "facility_id", "授信编号"),
        ("guarantees", "guarantee_id", "担保编号"),
        ("projects", "project_id", "项目编号"),
    ],
)
def test_every_known_header_names_its_column(table, expected, headers):
    for header in headers.split():
        assert column(table, header.replace("·", " ")) == expected, header


@pytest.mark.parametrize(
    "header",
    [
        "借 据 号",
        "（借据号）",
        "借据号*",
        "LOAN_ID",
        "loan id",
        "Loan-Id",
        "ｌｏａｎ＿ｉｄ",
        "\ufeffloan_id",
        " 借据号：",
    ],
)
def test_case_blanks_brackets_underscores_and_width_do_not_matter(header):
    assert column("loans", header) == "loan_id"


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_of_every_table_has_a_chinese_header(table):
    known = aliases.alias_map()["columns"][table]
    assert set(known) == set(SCHEMAS[table].names)
    lacking = [name for name, others in known.items() if not any(map(CHINESE.search, others))]
    assert lacking == ["lei"] * ("lei" in lacking)


@pytest.mark.parametrize("table", SCHEMAS)
def test_no_header_names_two_columns_of_a_table(table):
    sections = (aliases.alias_map()["columns"][table], aliases.alias_map()["fallback"].get(table, {}))
    headers = Counter(aliases.normalised(name) for name in SCHEMAS[table].names)
    headers.update(aliases.normalised(name) for section in sections for names in section.values() for name in names)
    assert max(headers.values()) == 1, headers.most_common(3)


def test_no_file_name_names_two_tables():
    names = Counter(aliases.normalised(name) for name in SCHEMAS)
    for others in aliases.alias_map()["tables"].values():
        names.update(aliases.normalised(name) for name in others)
    assert max(names.values()) == 1, names.most_common(3)


def test_sections_name_tables_and_columns_that_there_are():
    aliased = aliases.alias_map()
    assert set(aliased["tables"]) == set(SCHEMAS) == set(aliased["columns"])
    for section in ("columns", "fallback"):
        for table, columns in aliased[section].items():
            assert set(columns) <= set(SCHEMAS[table].names)


@pytest.mark.parametrize("table", SCHEMAS)
def test_no_value_stands_for_two_codes_and_every_code_is_one_of_the_columns(table):
    for item in SCHEMAS[table].columns:
        if item.type == "code" and item.name not in ("currency", "base"):
            section = aliases.alias_map()["values"]
            mapped = section.get(f"{table}.{item.name}", section.get(item.name))
            assert mapped is not None, f"{table}.{item.name} has no values"
            assert set(mapped) == set(item.codes), f"{table}.{item.name}"
            spellings = Counter()
            for code, others in mapped.items():
                spellings.update({aliases.normalised_value(value) for value in (code, *others)})
            assert max(spellings.values()) == 1, spellings.most_common(3)
        if item.type == "flag":
            flags = aliases.flag_values(table, item.name)
            for section in (
                aliases.alias_map()["flags"],
                aliases.alias_map()["flags_of"].get(f"{table}.{item.name}", {}),
            ):
                for name, others in section.items():
                    assert all(flags[aliases.normalised_value(value)] is (name == "true") for value in others)


def test_no_name_stands_for_two_currencies():
    section = aliases.alias_map()["currency"]
    codes = section["codes"].split()
    names = Counter(codes)
    for code, others in section["names"].items():
        assert code in codes
        names.update(others)
    assert max(names.values()) == 1, names.most_common(3)


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        (
            "entities",
            "kind",
            {
                "个人": "person",
                "个体工商户": "sole_trader",
                "企业": "company",
                "项目公司": "project_spv",
                "银行": "bank",
                "平台": "platform",
                "保险公司": "insurer",
                "担保公司": "guarantor_co",
                "政府": "public",
            },
        ),
        (
            "loans",
            "method",
            {
                "等额本息": "level_payment",
                "等额本金": "level_principal",
                "先息后本": "interest_first",
                "到期一次还本付息": "bullet",
                "等本等息": "flat",
                "随借随还": "daily",
            },
        ),
        (
            "loans",
            "five_class",
            {
                "正常": "normal",
                "关注": "special_mention",
                "次级": "substandard",
                "可疑": "doubtful",
                "损失": "loss",
                "P I F": "normal",
                "CHGOFF": "loss",
            },
        ),
        ("guarantees", "kind", {"一般": "general", "连带": "joint", "按份": "several"}),
        (
            "loans",
            "status",
            {"正常": "active", "已结清": "settled", "核销": "written_off", "转让": "sold", "ACTIVE": "active"},
        ),
        (
            "payments",
            "kind",
            {"提前还款": "prepay", "冲正": "reversal", "减免": "waiver", "代偿": "guarantor", "理赔": "insurer"},
        ),
        ("loans", "day_count", {"act/360": "ACT/360", "实际/365": "ACT/365", "30/360": "30/360"}),
        ("loans", "currency", {"156": "CNY", "001": "CNY", "人民币": "CNY", "RMB": "CNY", "usd": "USD"}),
        ("covenants", "op", {"≤": "<=", "＞": ">", "小于": "<", "=": "="}),
        ("project_parties", "role", {"承包商": "contractor", "Lender": "lender"}),
    ],
)
def test_values_stand_for_codes(table, name, values):
    known = aliases.code_values(table, name)
    assert {value: known[aliases.normalised_value(value)] for value in values} == values


def test_an_id_wins_over_a_name_and_a_name_serves_where_there_is_no_id():
    both = aliases.headings("loans", ["借款人名称", "客户编号", "Name"])
    assert [heading.column for heading in both] == ["", "borrower_id", ""]
    names = aliases.headings("loans", ["Name", "借款人名称"])
    assert [heading.column for heading in names] == ["", "borrower_id"]
    twice = aliases.headings("loans", ["Name", "Name"])
    assert [heading.column for heading in twice] == ["borrower_id", "borrower_id"]


def test_a_years_rate_wins_over_a_months():
    assert [heading.column for heading in aliases.headings("loans", ["月利率", "年利率"])] == ["", "annual_rate"]
    assert aliases.headings("loans", ["月利率"])[0].period == "month"
    assert aliases.headings("facilities", ["日利率"])[0].period == "day"


@pytest.mark.parametrize(
    ("table", "header", "expected"),
    [
        ("loans", "贷款余额（万元）", ("outstanding", 4)),
        ("loans", "贷款余额(元)", ("outstanding", 0)),
        ("loans", "outstanding [RMB]", ("outstanding", 0)),
        ("loans", "年利率（％）", ("annual_rate", -2)),
        ("loans", "期限（月）", ("term", 0)),
        ("loans", "贷款余额（美元）", ("", 0)),
        ("loans", "年利率（万元）", ("", 0)),
        ("loans", "贷款余额（%）", ("", 0)),
    ],
)
def test_a_header_may_add_its_unit(table, header, expected):
    heading = aliases.headings(table, [header])[0]
    assert (heading.column, heading.power) == expected


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("loans", "loans"),
        ("LOANS", "loans"),
        ("借据", "loans"),
        ("还款计划", "schedule"),
        ("还款明细", "payments"),
        ("客户", "entities"),
        ("担保", "guarantees"),
        ("授信", "facilities"),
        ("Loan Shares", "loan_shares"),
        ("notes", None),
        ("", None),
    ],
)
def test_files_are_named_as_tables(name, table):
    assert aliases.table_named(name) == table


@pytest.mark.parametrize("order", ["罚息>利息>本金", "先本后息", "按比例", "费用>罚息>利息>本金"])
def test_every_order_is_one_that_the_conventions_know(order):
    code = aliases.allocation_order(order)
    assert Conventions().changed({"allocation_order": code}).allocation_order == code
