"""The request for an invoice (开票申请单) on paper: what the seller types into his own invoicing system."""

from typing import Final

from settlement.invoices import GOODS_NAME, TAX_CODE, UNIT, InvoiceKind, Title
from web.documents.paper import Block, Clauses, Column, Field, Fields, Signatures, Table, Words
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import NONE, goods, kilograms, moment, permille, yuan
from web.invoice_records import Invoice, State, invoice_of
from web.ports import Gateway
from web.views import is_id

KIND: Final = "invoice"
TITLE: Final = Words("开票申请单", "Request for a VAT invoice")

STATES: Final[dict[State, Words]] = {
    "requested": Words("已申请", "requested"),
    "issued": Words("已开具", "issued"),
    "withdrawn": Words("已撤回", "withdrawn"),
}
KINDS: Final[dict[InvoiceKind, Words]] = {
    "normal": Words("增值税普通发票", "normal VAT invoice"),
    "special": Words("增值税专用发票", "special VAT invoice"),
}
SOURCES: Final = {"trade": Words("成交", "trade"), "contract": Words("合同", "contract")}


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The request that an address names."""
    if not (name.isascii() and name.isdigit() and len(name) <= 16 and is_id(int(name))):
        return None
    invoice_id, sequence = int(name), gateway.sequence
    invoice = await gateway.own_records(lambda connection: invoice_of(connection, invoice_id))
    return None if invoice is None or str(invoice.invoice_id) != name else subject_of(invoice, sequence)


def subject_of(invoice: Invoice, sequence: int) -> Subject:
    return Subject(
        kind=KIND,
        name=str(invoice.invoice_id),
        number=str(invoice.invoice_id),
        title=TITLE,
        state=STATES[invoice.state],
        valid=invoice.state != "withdrawn",
        facts=(
            *(invoice.source, invoice.source_id, invoice.kind, invoice.state, invoice.buyer_id, invoice.seller_id),
            *(_facts(invoice.buyer), _facts(invoice.seller), invoice.symbol, invoice.quantity_g),
            *(invoice.amount_fen, invoice.rate_permille, invoice.tax_fen, invoice.total_fen, invoice.remarks),
            *(invoice.number, invoice.issued_on),
        ),
        figure=Figure(Words("价税合计（元）", "total, CNY"), yuan(invoice.total_fen)),
        sequence=sequence,
    )


def draft(gateway: Gateway, invoice: Invoice, sequence: int) -> Draft:
    """The request as a document."""
    source = SOURCES[invoice.source]
    rate = invoice.rate_permille
    blocks: tuple[Block, ...] = (
        Fields(
            Words("申请", "Request"),
            (
                Field(Words("发票种类", "kind"), KINDS[invoice.kind]),
                Field(Words("依据", "for"), Words(f"{source.zh} {invoice.source_id}", source.en)),
                Field(Words("申请时间", "requested"), Words(moment(invoice.requested_ns), "UTC+8")),
                Field(
                    Words("发票号码及开票日期", "number and date of the invoice"),
                    Words("尚未登记", "not registered yet")
                    if invoice.number is None
                    else Words(f"{invoice.number}，{invoice.issued_on}"),
                ),
            ),
        ),
        _party(Words("购买方", "Buyer"), invoice.buyer),
        _party(Words("销售方", "Seller"), invoice.seller),
        Table(
            Words("货物明细", "Goods"),
            (
                Column(Words("货物名称", "goods"), 5),
                Column(Words("规格型号", "specification"), 5),
                Column(Words("单位", "unit"), 2),
                Column(Words("数量", "quantity"), 4, "right"),
                Column(Words("单价（元）", "unit price"), 5, "right"),
                Column(Words("金额（元）", "amount"), 4, "right"),
                Column(Words("税率", "rate"), 2, "right"),
                Column(Words("税额（元）", "tax"), 4, "right"),
            ),
            (
                (
                    *(GOODS_NAME, goods(invoice.symbol, gateway.venue()).zh, UNIT, kilograms(invoice.quantity_g)),
                    *(unit_price(invoice.unit_price_microfen), yuan(invoice.amount_fen)),
                    *(("免税", "***") if rate is None else (permille(rate), yuan(invoice.tax_fen))),
                ),
            ),
            (
                *("合计 total", "", "", "", "", yuan(invoice.amount_fen), ""),
                "***" if rate is None else yuan(invoice.tax_fen),
            ),
        ),
        Fields(
            Words("价税合计", "Total, tax included"),
            (
                Field(Words("小写（元）", "CNY"), Words(yuan(invoice.total_fen))),
                Field(Words("大写", "in words"), Words(in_characters(invoice.total_fen))),
                Field(Words("商品和服务税收分类编码", "tax classification"), Words(TAX_CODE, "bananas")),
                Field(Words("备注", "remarks"), Words(invoice.remarks) if invoice.remarks else NONE),
            ),
        ),
        Clauses(Words("说明", "Notes"), _NOTES),
        Signatures((Words("申请方（签章）", "requested by"), Words("销售方（签章）", "seller"))),
    )
    return Draft(subject=subject_of(invoice, sequence), blocks=blocks)


_NOTES: Final = (
    Words(
        "本单不是发票。销售方在税务系统开具后，将发票号码登记于交易中心。",
        "This is no invoice. The seller issues it in the tax bureau's system and registers its number here.",
    ),
    Words(
        "价款含税：金额＝价税合计÷（1＋税率），四舍五入到分；税额＝价税合计－金额。",
        "The price holds the tax: amount = total / (1 + rate), rounded half up to the fen; tax = total − amount.",
    ),
    Words(
        "农业生产者销售自产农产品免征增值税，只开具普通发票。",
        "What growers sell of their own is exempt, and has normal invoices alone.",
    ),
)


def _party(title: Words, party: Title) -> Fields:
    return Fields(
        title,
        (
            Field(Words("名称", "title"), Words(party.title)),
            Field(Words("统一社会信用代码/纳税人识别号", "tax number"), _given(party.tax_number or "")),
            Field(Words("地址、电话", "address, telephone"), _given(f"{party.address} {party.phone}".strip())),
            Field(Words("开户行及账号", "bank, account"), _given(f"{party.bank} {party.account}".strip())),
        ),
    )


def _given(text: str) -> Words:
    return Words(text) if text else NONE


def _facts(title: Title) -> tuple[str | None, ...]:
    return (title.title, title.tax_number, title.address, title.phone, title.bank, title.account)


def unit_price(microfen: int) -> str:
    """Yuan with as many decimals as it has, two at least and eight at most: `2.40`, `2.20183486`."""
    whole, part = divmod(microfen, 100_000_000)
    decimals = f"{part:08}".rstrip("0")
    return f"{whole:,}.{decimals:0<2}"


def in_characters(fen: int) -> str:
    """A sum as cheques and invoices write it, `壹仟零伍拾元叁角整`, so that no stroke of a pen makes it another."""
    yuan_part, cents = divmod(fen, 100)
    jiao, fen_part = divmod(cents, 10)
    words = f"{_whole(yuan_part)}元" if yuan_part else ""
    if not cents:
        return (words or "零元") + "整"
    if jiao:
        words += f"{_DIGITS[jiao]}角"
    elif words:
        words += "零"
    return words + (f"{_DIGITS[fen_part]}分" if fen_part else "整")


_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿", "亿亿")


def _whole(number: int) -> str:
    """By groups of four digits. Zeros between two written digits are one `零`, none where they only end a group."""
    words, gap = "", False
    digits = str(number)
    for index, digit in enumerate(digits):
        place = len(digits) - 1 - index
        if digit == "0":
            gap = True
        else:
            if gap and words:
                words += "零"
            gap = False
            words += _DIGITS[int(digit)] + _PLACES[place % 4]
        group = digits[max(0, index - 3) : index + 1]
        if place % 4 == 0 and int(group):
            words += _GROUPS[place // 4]
            gap = False
    return words
