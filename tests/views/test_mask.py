import pandas as pd
import pytest
from hand_made_results import CARD, KEY, OLD_CARD, PERSON, PHONE, book, spread_result
from hypothesis import given
from hypothesis import strategies as st

from graphrisk.results import KEYS, Result, ResultColumn, Sentence
from graphrisk.tables.book import Finding, Tables
from graphrisk.tables.schemas import SCHEMAS
from graphrisk.views.mask import KEY_VARIABLE, Masker, masked


@pytest.fixture
def masker():
    return Masker.of(book(), {})


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "11010119900307123X",
        "11010119900307123x",
        OLD_CARD,
        PHONE,
        "+86 " + PHONE,
        "8613800138000",
        "138-0013-8000",
        f"L-{CARD}-1",
        f"C{CARD}",
        f"U{PHONE}",
        f"客户{PHONE}。",
    ],
)
def test_what_looks_like_a_card_or_a_phone_is_hidden(masker, text):
    shown = masker.text(text)

    assert not any(part in shown for part in (CARD[:-1], OLD_CARD, "13800138000", "0013"))
    assert "m-" in shown


@pytest.mark.parametrize("text", ["L1", "2024-06-30", "91110108MA01ABCD2X", "52000.00", "20240630001", "", "F-12345"])
def test_other_texts_stay(masker, text):
    assert masker.text(text) == text


@given(
    st.one_of(
        st.text(alphabet="0123456789Xx -+m张aL", max_size=40),
        st.from_regex(r"[a-fmL-]{0,3}1[3-9][0-9]{9}[0-9a-fX]{0,8}", fullmatch=True),
        st.from_regex(r"[1-9][0-9]{16}[0-9Xx][a-f0-9]{0,3}", fullmatch=True),
    )
)
def test_masking_what_is_masked_changes_nothing(text):
    masker = Masker(KEY, frozenset({"P", "张三"}), frozenset({"张三", PERSON}))
    once = masker.text(text)

    assert masker.text(once) == once


def test_a_persons_name_keeps_its_first_character(masker):
    assert masker.text(PERSON) == "张**"
    assert masker.text(masker.text(PERSON)) == "张**"


def test_a_firm_of_a_persons_name_keeps_it_beside_its_id(masker):
    firm = Sentence("entity_named", {"name": PERSON, "id": "F1"})

    assert masker.sentence(firm).fields["name"] == PERSON


def test_an_id_that_is_a_name_is_hidden_like_an_id():
    entities = SCHEMAS["entities"].frame([{"entity_id": "王五", "name": "王五", "kind": "person"}])
    shown = Masker.of(Tables({"entities": entities}, mask_key=KEY), {}).text("王五")

    assert shown.startswith("m-")


def test_the_same_id_has_the_same_digest_in_every_book_of_one_key(masker):
    assert Masker(KEY).text(CARD) == masker.text(CARD)
    assert Masker(b"another").text(CARD) != masker.text(CARD)
    assert Masker.of(book(), {KEY_VARIABLE: "another"}).text(CARD) == Masker(b"another").text(CARD)


def test_without_a_key_nothing_is_told_apart():
    assert Masker().text(CARD) == Masker().text(PHONE) == "m-************"
    assert Masker().original("m-************", [CARD]) is None


def test_a_masked_id_is_found_again(masker):
    shown = masker.text(f"L-{CARD}-1")

    assert masker.original(shown, ["L1", f"L-{CARD}-1"]) == f"L-{CARD}-1"
    assert masker.original("L2", ["L1"]) is None


def test_the_key_is_not_in_what_is_printed(masker):
    assert KEY.decode() not in repr(masker)


def test_numbers_are_never_masked(masker):
    assert masker.value({"amount": 13800138000, "rate": 13800138000.0}) == {
        "amount": 13800138000,
        "rate": 13800138000.0,
    }


def test_rows_that_tie_stand_by_the_ids_as_shown(masker):
    shown = masked(spread_result(), masker)
    ids = shown.rows["entity_id"].tolist()

    assert ids[0] == "A"
    assert ids[1:3] == sorted(ids[1:3])
    assert {masker.text(CARD), masker.text(PHONE)} == set(ids[1:3])
    assert ids[3] == "F1"
    # Each row kept its own name.
    assert shown.rows.set_index("entity_id")["name"][masker.text(CARD)] == "张**"


def test_a_masked_result_names_nobody_anywhere(masker):
    text = repr((masked(spread_result(), masker).rows.to_dict(), masked(spread_result(), masker)))
    fields = repr([sentence.fields for sentence in masked(spread_result(), masker).headline])

    for secret in (CARD, PHONE, PERSON, "李四"):
        assert secret not in fields
        assert secret not in text.split("tables=")[0]


def test_no_masker_shows_everything():
    result = spread_result()

    assert masked(result, None) is result


def test_rows_by_two_keys_stand_by_the_keys_in_their_order(masker):
    rows = pd.DataFrame(
        {
            "product": ["a", "a", "b", None],
            "borrower_id": [CARD, PHONE, "A", CARD],
            "overdue_total": pd.array([5, 5, 5, 5], dtype="Int64"),
        }
    )
    columns = (KEYS["product"], KEYS["borrower_id"], ResultColumn("overdue_total", "minor"))
    shown = masked(Result("overdue", columns, rows), masker).rows

    assert shown["product"].fillna("").tolist() == ["a", "a", "b", ""]
    assert shown["borrower_id"].tolist()[:2] == sorted(masker.text(id_) for id_ in (CARD, PHONE))


def test_a_whole_row_of_entities_is_not_shown(masker):
    row = Finding("error", "too_few_fields", table="entities", file="entities.csv", line=3, value=f"{CARD},王五,person")
    known = Finding("error", "too_few_fields", table="loans", file="loans.csv", line=3, value=f"L1,{PERSON},{PHONE}")

    assert masker.finding(row).value == "**"
    assert masker.finding(known).value.startswith("L1,张**,m-")


def entities(*rows):
    return SCHEMAS["entities"].frame([dict(zip(("entity_id", "name", "kind"), row, strict=True)) for row in rows])


def set_aside(table, *rows):
    """Return a book with rows set aside, each with its reasons last and cells without a header before them."""
    names = {"entities": ["entity_id", "name", "kind"], "loans": ["loan_id", "borrower_id", "product"]}[table]
    columns = [*names, "surplus", "reasons"]
    frame = pd.DataFrame(rows, columns=columns, dtype="str").assign(source_file="x.csv", source_line=2)
    return Tables({"entities": entities(("F1", "First Bank", "bank"))}, quarantine={table: frame}, mask_key=KEY)


@pytest.mark.parametrize(
    ("row", "hides"),
    [
        (("P9", "王小五", "person", "", "unreadable_money"), True),
        (("P9", "王小五", "个人", "", "unreadable_money"), True),
        (("P9", "王小五", None, "", "missing_value"), True),
        (("P9", "王小五", "who knows", "", "unknown_code"), True),
        (("P9", "王小五", "bank", "", "duplicate_key"), False),
        (("P9", "王小五", "个体户", "", "duplicate_key"), False),
        (("合计", "王小五", None, "", "total_row"), False),
        (("P9", "x", "王小五", "", "too_many_fields"), True),
        (("P9", "x", "bank", "a,王小五", "too_many_fields"), True),
    ],
)
def test_somebody_whose_row_was_set_aside_is_hidden_unless_it_was_of_a_firm(row, hides):
    masker = Masker.of(set_aside("entities", row), {})

    assert ("王小五" not in masker.text("owed by 王小五")) is hides
    assert masker.text("First Bank") == "First Bank"


def test_a_name_in_a_row_of_another_table_that_was_set_aside_is_hidden():
    masker = Masker.of(set_aside("loans", ("L1", "王小五", "赵小六", "", "unreadable_date")), {})

    assert masker.text("王小五").startswith("m-")
    assert masker.text("赵小六") == "赵小六", "a product may be called so"


def test_an_id_that_is_a_name_is_hidden_where_no_table_says_whose_it_is():
    loans = SCHEMAS["loans"].frame(
        [
            {"loan_id": "L1", "borrower_id": "王小五", "lender_id": "工商银行"},
            {"loan_id": "L2", "borrower_id": "B", "lender_id": "李一"},
        ]
    )
    alone = Masker.of(Tables({"loans": loans}, mask_key=KEY), {})
    listed = Masker.of(
        Tables({"loans": loans, "entities": entities(("王小五", "王小五", "company"))}, mask_key=KEY), {}
    )
    stranger = Finding("warning", "orphan", "loans", column="lender_id", value="李一", fields={"refers": "entities"})
    book = Tables({"loans": loans, "entities": entities(("B", "b", "bank"))}, mask_key=KEY, findings=(stranger,))

    assert alone.text("王小五").startswith("m-")
    assert alone.original(alone.text("王小五"), ["B", "王小五"]) == "王小五"
    assert (alone.text("工商银行"), alone.text("B")) == ("工商银行", "B")
    assert listed.text("王小五") == "王小五", "its kind says that it is a firm"
    assert Masker.of(book, {}).text("李一").startswith("m-")


def test_names_are_found_inside_texts(masker):
    assert masker.text(f"graphrisk spread {PERSON} -o /home/{PERSON}的文件.csv") == (
        "graphrisk spread 张** -o /home/张**的文件.csv"
    )
    assert masker.text(f"{PERSON}{CARD}") == "张**" + masker.text(CARD)


def test_each_name_is_that_of_the_id_before_it(masker):
    columns = (
        ResultColumn("creditor_id", "text", entity=True),
        ResultColumn("creditor_name", "name"),
        ResultColumn("obligor_id", "text", entity=True),
        ResultColumn("obligor_name", "name"),
    )
    rows = pd.DataFrame([("F1", "王大明", CARD, "王大明")], columns=[column.name for column in columns])
    shown = masked(Result("exposure", columns, rows), masker).rows

    assert shown["creditor_name"].tolist() == ["王大明"]
    assert shown["obligor_name"].tolist() == ["王**"]


def test_the_place_of_a_finding_names_nobody(masker):
    finding = Finding("note", "unknown_column", file=f"{PERSON}.csv", column=f"tel. {PHONE}")
    shown = masker.finding(finding)

    assert shown.file == "张**.csv"
    assert PHONE not in shown.column


def test_in_a_whole_row_of_any_table_what_may_be_a_name_is_hidden(masker):
    row = Finding("error", "too_many_fields", table="loans", value=f"L1,王小五,工商银行,{PHONE}")

    assert masker.finding(row).value == f"L1,王**,工商银行,{masker.text(PHONE)}"
