"""How a paper is drawn: the words on it, in fonts of its own, on as many pages as it takes."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.web.pdf import Pdf
from web.documents.fonts import FontsMissing, Typeface, sfnt_of
from web.documents.paper import Clauses, Column, Field, Fields, Paper, Signatures, Table, Words
from web.documents.sheet import A4, MARGIN, Sheet, draw
from web.settings import STATIC

ADDRESS = "https://venue.example/verify/receipt/17?n=1234&d=3f9a12bc77de0192&m=AbCdEfGhIjKlMnOpQrStUv"

PAPER = Paper(
    venue=Words("香蕉交易中心", "Banana exchange"),
    title=Words("仓单", "Warehouse receipt"),
    number="SX1-2026-0000017-3K",
    state=Words("有效", "issued"),
    valid=True,
    blocks=(
        Fields(Words("仓储物", "Goods"), (Field(Words("品种", "kind"), Words("巴西蕉", "Brazil banana")),)),
        Clauses(Words("提示", "Notes"), (Words("提货前须付清仓储费。", "Storage is paid before load-out."),)),
        Signatures((Words("保管人", "keeper"),)),
    ),
    made=Words("出具时间 2026-11-23 10:00:00", "made 2026-11-23 10:00:00 UTC+8"),
    made_ns=1_795_399_200_000_000_000,
    address=ADDRESS,
    digest="3f9a 12bc 77de 0192",
)


@pytest.fixture(scope="module")
def typeface() -> Typeface:
    return Typeface(STATIC / "fonts")


def test_a_paper_says_everything_in_both_languages_and_copies_out(typeface: Typeface) -> None:
    pdf = Pdf(draw(PAPER, typeface))
    assert pdf.pages == 1
    for words in ("香蕉交易中心", "仓单", "Warehouse receipt", "SX1-2026-0000017-3K", "有效 issued", "巴西蕉"):
        assert words in pdf.text
    for words in ("提货前须付清仓储费。", "Storage is paid before load-out.", "保管人", "3f9a 12bc 77de 0192", ADDRESS):
        assert words in pdf.text
    assert "1 / 1" in pdf.text


def test_fonts_travel_with_the_document(typeface: Typeface) -> None:
    content = draw(PAPER, typeface)
    fonts = Pdf(content).fonts
    assert len(fonts) == 2
    assert all(fonts.values())
    assert len(content) < 100_000, "fonts are embedded as subsets"


def test_the_code_is_the_address(typeface: Typeface) -> None:
    assert Pdf(draw(PAPER, typeface)).code == ADDRESS


def test_the_same_paper_gives_the_same_bytes(typeface: Typeface) -> None:
    first = draw(PAPER, typeface)
    draw(replace(PAPER, number="2"), typeface)
    assert draw(PAPER, typeface) == first
    assert Pdf(first).properties["CreationDate"] == "D:20261123020000+00'00'"


def test_rare_characters_come_from_further_fonts(typeface: Typeface) -> None:
    pdf = Pdf(draw(_with_value("陳鞮 Ā ①℃"), typeface))
    assert "陳鞮 Ā ①℃" in pdf.text
    assert all(pdf.fonts.values())
    assert len(pdf.fonts) > 4


def test_a_character_that_no_font_has_is_named(typeface: Typeface) -> None:
    pdf = Pdf(draw(_with_value("刘䶮"), typeface))
    assert "刘〓" in pdf.text
    assert "U+4DAE" in pdf.text
    assert "U+" not in Pdf(draw(PAPER, typeface)).text


def test_what_has_ended_bears_its_state_on_every_page(typeface: Typeface) -> None:
    ended = replace(_table(100), valid=False, state=Words("已出库", "delivered"))
    pdf = Pdf(draw(ended, typeface))
    assert pdf.pages == 3
    assert pdf.text.count("DELIVERED") == 3
    assert "DELIVERED" not in Pdf(draw(PAPER, typeface)).text


def test_a_long_table_repeats_its_heads(typeface: Typeface) -> None:
    pdf = Pdf(draw(_table(100), typeface))
    assert pdf.text.count("金额") == pdf.pages == 3
    for number in range(100):
        assert f"第{number}行" in pdf.text
    assert "3 / 3" in pdf.text


@pytest.mark.parametrize(
    "text",
    [
        "买方应当于合同成立后第三个交易日结束前付清全部货款（含手续费），逾期的，每日按合同金额的千分之一支付滞纳金。"
        * 4,
        "The buyer pays in full by the end of the third trading day; a late one owes a thousandth a day. " * 5,
        "ANameWithoutAnySpaceThatIsWiderThanThePageItself" * 5,
        "https://venue.example/" + "x" * 300,
    ],
)
def test_no_line_leaves_the_page(typeface: Typeface, text: str) -> None:
    """Nothing is cut off either: the lines together are the text."""
    width = A4[0] - 2 * MARGIN
    lines = Sheet(PAPER, typeface, [[True]], pages=1, missing="")._wrap(text, "regular", 10, width)
    assert len(lines) > 1
    assert all(typeface.width(line, "regular", 10) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith(tuple("，。）；")) or line.endswith("（") for line in lines)


def test_without_fonts_nothing_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(FontsMissing, match=r"\./dev setup"):
        Typeface(tmp_path)
    with pytest.raises(ValueError, match="no WOFF"):
        sfnt_of(b"wOF2" + b"\0" * 100)


def _with_value(text: str) -> Paper:
    return replace(PAPER, blocks=(Fields(Words("人", "people"), (Field(Words("姓名", "name"), Words(text)),)),))


def _table(rows: int) -> Paper:
    columns = (Column(Words("摘要", "what"), 2), Column(Words("金额", "amount"), 1, "right"))
    lines = tuple((f"第{number}行", f"{number}.00") for number in range(rows))
    return replace(PAPER, blocks=(Table(Words("明细", "lines"), columns, lines),))
