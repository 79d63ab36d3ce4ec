"""What a VAT invoice says of a trade (增值税发票): amounts to the fen, and who may have which kind.

The price that was agreed is what the buyer pays, tax included, so the total is the trade's own to the fen and the tax
is found within it:

    amount = total / (1 + rate), rounded half up to the fen          tax = total − amount

Growers and co-operatives who sell what they grew are exempt (增值税法, in force since 2026-01-01, as the interim
regulations before it); other sellers of agricultural goods owe 9 % as general taxpayers and 3 % as small-scale ones,
reduced to 1 % while the relief lasts. Recalled, not read in the gazette: have an accountant look at the rates before
the venue relies on them. No invoice for exempt goods is a special one. Nothing here speaks to the tax bureau: sellers
issue invoices in their own systems.
"""

from typing import Final, Literal

from msgspec import Struct

InvoiceKind = Literal["normal", "special"]
"""增值税普通发票, 增值税专用发票."""

TaxStatus = Literal["producer", "general", "small_scale", "small_scale_reduced"]
"""As what the seller is taxed."""

RATES_PERMILLE: Final[dict[TaxStatus, int | None]] = {
    "producer": None,
    "general": 90,
    "small_scale": 30,
    "small_scale_reduced": 10,
}
"""Null: exempt (免税), which is not a rate of nothing."""

TAX_CODE: Final = "1010115010500000000"
"""Bananas in the classification of goods and services (商品和服务税收分类编码), where fruit is 1010115010000000000."""

GOODS_NAME: Final = "*水果*香蕉"
"""The category's short name and the goods', as invoices write them."""

UNIT: Final = "公斤"

_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_MICRO: Final = 1_000_000
_GRAMS: Final = 1_000


class Title(Struct, frozen=True, kw_only=True):
    """Who a party is to the tax bureau (发票抬头). A private person has no `tax_number`."""

    title: str
    tax_number: str | None = None
    address: str = ""
    phone: str = ""
    bank: str = ""
    account: str = ""


class InvoiceLine(Struct, frozen=True, kw_only=True):
    """The one line of an invoice. `unit_price_microfen` is the price of a kilogram before tax in millionths of a fen;
    `amount_fen` and `tax_fen` make `total_fen`. `rate_permille` null: exempt.
    """

    quantity_g: int
    unit_price_microfen: int
    amount_fen: int
    rate_permille: int | None
    tax_fen: int
    total_fen: int


def reckon(total_fen: int, quantity_g: int, status: TaxStatus) -> InvoiceLine:
    """The line for goods of that weight, sold for that total."""
    assert total_fen >= 0
    assert quantity_g > 0
    rate = RATES_PERMILLE[status]
    amount_fen = total_fen if rate is None else _rounded(total_fen * 1000, 1000 + rate)
    return InvoiceLine(
        quantity_g=quantity_g,
        unit_price_microfen=_rounded(amount_fen * _GRAMS * _MICRO, quantity_g),
        amount_fen=amount_fen,
        rate_permille=rate,
        tax_fen=total_fen - amount_fen,
        total_fen=total_fen,
    )


def refuse(kind: InvoiceKind, status: TaxStatus, buyer: Title | None, seller: Title | None) -> tuple[str, str] | None:
    """(reason, field) of the first rule that forbids the invoice, or None.

    `no_seller_title`, `no_buyer_title`: he has not said who he is to the tax bureau. `exempt`: exempt goods have no
    special invoice. `no_seller_tax_number`, `no_buyer_tax_number`: a special invoice names both.
    """
    if seller is None:
        return "no_seller_title", "title"
    if buyer is None:
        return "no_buyer_title", "title"
    if kind == "special":
        if RATES_PERMILLE[status] is None:
            return "exempt", "kind"
        if seller.tax_number is None:
            return "no_seller_tax_number", "tax_number"
        if buyer.tax_number is None:
            return "no_buyer_tax_number", "tax_number"
    return None


def is_credit_code(text: str) -> bool:
    """Whether the text is a unified social credit code (统一社会信用代码), which is a taxpayer's number too.

    GB 32100-2015: eighteen digits and capitals without I, O, S, V, Z, of which six name a place and are digits; the
    last is a check that catches every wrong character and every pair of neighbours that changed places. O(1).
    """
    if len(text) != 18 or any(character not in _ALPHABET for character in text) or not text[2:8].isdigit():
        return False
    return text[17] == check_character(text[:17])


def check_character(text: str) -> str:
    """The eighteenth character to seventeen: it makes the sum of the values, weighted by powers of three, divisible by
    31.
    """
    total = sum(_ALPHABET.index(character) * weight for character, weight in zip(text, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]


def is_invoice_number(text: str) -> bool:
    """A digital invoice has twenty digits; one of the older kind a code of ten or twelve and a number of eight, written
    here with a hyphen between.
    """
    if not text.isascii():
        return False
    code, hyphen, number = text.partition("-")
    if not hyphen:
        return len(code) == 20 and code.isdigit()
    return len(code) in (10, 12) and len(number) == 8 and code.isdigit() and number.isdigit()


def _rounded(dividend: int, divisor: int) -> int:
    """Half up; both are positive."""
    return (2 * dividend + divisor) // (2 * divisor)
