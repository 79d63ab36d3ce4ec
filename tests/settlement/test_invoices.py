"""An invoice adds up to the trade, and names its parties rightly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.invoices import (
    RATES_PERMILLE,
    InvoiceKind,
    TaxStatus,
    Title,
    check_character,
    is_credit_code,
    is_invoice_number,
    reckon,
    refuse,
)

COOPERATIVE = Title(title="遂溪县北坡香蕉专业合作社", tax_number="93440823MA4W00001K")
PERSON = Title(title="陈某")
STATUSES: list[TaxStatus] = ["producer", "general", "small_scale", "small_scale_reduced"]


def test_what_a_grower_sells_is_exempt() -> None:
    """100.5 kg at 2.40 yuan: the price before tax is the price."""
    line = reckon(24_120, 100_500, "producer")
    assert (line.amount_fen, line.tax_fen, line.total_fen, line.rate_permille) == (24_120, 0, 24_120, None)
    assert line.unit_price_microfen == 240_000_000


@pytest.mark.parametrize(
    ("total_fen", "status", "amount_fen", "tax_fen"),
    [
        (109_00, "general", 100_00, 9_00),
        (100_00, "general", 91_74, 8_26),  # 91.7431…
        (103_00, "small_scale", 100_00, 3_00),
        (101_00, "small_scale_reduced", 100_00, 1_00),
        (1, "general", 1, 0),
        (0, "general", 0, 0),
        (2_18 // 2 * 3, "general", 3_00, 27),
    ],
)
def test_tax_is_found_within_the_price(total_fen: int, status: TaxStatus, amount_fen: int, tax_fen: int) -> None:
    line = reckon(total_fen, 1000, status)
    assert (line.amount_fen, line.tax_fen) == (amount_fen, tax_fen)


def test_a_unit_price_is_rounded_half_up_in_its_last_place() -> None:
    assert reckon(1_000, 3_000, "producer").unit_price_microfen == 333_333_333
    assert reckon(2_000, 3_000, "producer").unit_price_microfen == 666_666_667
    assert reckon(1, 2**53, "producer").unit_price_microfen == 0


@given(
    st.integers(0, 2**53),
    st.integers(1, 2**53),
    st.sampled_from(STATUSES),
)
def test_the_parts_are_the_trade_to_the_fen(total_fen: int, quantity_g: int, status: TaxStatus) -> None:
    line = reckon(total_fen, quantity_g, status)
    assert line.amount_fen + line.tax_fen == line.total_fen == total_fen
    assert line.quantity_g == quantity_g
    assert line.tax_fen >= 0
    rate = RATES_PERMILLE[status]
    if rate is not None:
        # The tax on the amount, as the tax bureau reckons it, is at most a fen away.
        assert abs(line.tax_fen * 1000 - line.amount_fen * rate) <= 1000
    # Unit price by weight gives the amount again, as exactly as a millionth of a fen a kilogram allows.
    assert abs(line.unit_price_microfen * quantity_g - line.amount_fen * 10**9) * 2 <= quantity_g


@pytest.mark.parametrize(
    ("kind", "status", "buyer", "seller", "reason"),
    [
        ("normal", "producer", COOPERATIVE, COOPERATIVE, None),
        ("normal", "producer", PERSON, PERSON, None),
        ("special", "general", COOPERATIVE, COOPERATIVE, None),
        ("special", "general", PERSON, None, "no_seller_title"),
        ("normal", "general", None, COOPERATIVE, "no_buyer_title"),
        ("special", "producer", PERSON, PERSON, "exempt"),
        ("special", "general", PERSON, PERSON, "no_seller_tax_number"),
        ("special", "small_scale", PERSON, COOPERATIVE, "no_buyer_tax_number"),
    ],
)
def test_who_may_have_which_invoice(
    kind: InvoiceKind, status: TaxStatus, buyer: Title | None, seller: Title | None, reason: str | None
) -> None:
    refused = refuse(kind, status, buyer, seller)
    assert (None if refused is None else refused[0]) == reason


@pytest.mark.parametrize("code", ["91350100M000100Y43", "93440823MA4W00001K"])
def test_credit_codes(code: str) -> None:
    """The first is the worked example of GB 32100-2015."""
    assert is_credit_code(code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "91350100M000100Y4",
        "91350100M000100Y44",
        "91350100M000100Y430",
        "91350100m000100y43",
        "913501O0M000100Y43",
        "91A50100M000100Y43",
        "９1350100M000100Y43",
        "91350100M000100Y4 ",
    ],
)
def test_what_is_no_credit_code(text: str) -> None:
    assert not is_credit_code(text)


CODES = st.builds(
    lambda head, place, body: (stem := head + place + body) + check_character(stem),
    st.text("123456789AN", min_size=2, max_size=2),
    st.text("0123456789", min_size=6, max_size=6),
    st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=9, max_size=9),
)


@given(CODES, st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_a_slip_of_the_pen_is_found(code: str, place: int, character: str) -> None:
    assert is_credit_code(code)
    slipped = code[:place] + character + code[place + 1 :]
    assert is_credit_code(slipped) == (slipped == code)


@given(CODES, st.integers(0, 16))
def test_neighbours_that_changed_places_are_found(code: str, place: int) -> None:
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_credit_code(swapped) == (swapped == code)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("26442000000012345678", True),
        ("044002600111-12345678", True),
        ("4400261130-12345678", True),
        ("2644200000001234567", False),
        ("044002600111-1234567", False),
        ("0440026001-11-12345678", False),
        ("２6442000000012345678", False),
        ("-", False),
    ],
)
def test_invoice_numbers(text: str, valid: bool) -> None:
    assert is_invoice_number(text) == valid
