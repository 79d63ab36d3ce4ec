"""The warehouse receipt (仓单) on paper.

Its elements are those of GB/T 30332-2024 and of Civil Code art. 909: depositor and his residence; the goods' kind,
quantity, quality, packages and marks; wastage standard; place of storage; storage period; storage fee; insurance with
amount, period and insurer; issuer, place and date of issue. What the venue has not been told is said to be so.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from settlement import queries
from settlement.messages import ConfigureVenue, Receipt
from settlement.messages.receipts import LIVE_STATES, HoldCause, ReceiptState
from settlement.queries import Origin
from settlement.receipt_numbers import receipt_number
from web.documents.paper import Block, Clauses, Field, Fields, Signatures, Words
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import (
    COLOUR_STAGES,
    GRADES,
    NONE,
    NOT_STATED,
    day,
    goods,
    kilograms,
    moment,
    name_of,
    permille,
    place,
    yuan,
)
from web.elements import Elements, Goods, Insurance, StorageFee, elements_of
from web.invoice_records import title_of
from web.ports import Gateway
from web.views import is_id, live, past

KIND: Final = "receipt"
TITLE: Final = Words("仓单", "Warehouse receipt")

STATES: Final[dict[ReceiptState, Words]] = {
    "issued": Words("有效", "issued"),
    "pledged": Words("已质押", "pledged"),
    "held": Words("已冻结", "on hold"),
    "delivery_ordered": Words("已申请提货", "delivery ordered"),
    "expired": Words("已过期", "expired"),
    "split": Words("已拆分", "split"),
    "merged": Words("已合并", "merged"),
    "delivered": Words("已出库", "delivered"),
    "void": Words("已作废", "void"),
    "replaced": Words("已补发新单", "replaced"),
}
HOLDS: Final[dict[HoldCause, Words]] = {
    "quality": Words("质量争议", "quality"),
    "court": Words("司法冻结", "court order"),
    "cold_chain": Words("冷链异常", "cold chain"),
    "contract": Words("合同占用", "contract"),
    "loss": Words("挂失", "reported lost"),
}


class Found(Struct, frozen=True):
    """A receipt, what it states beside itself, the receipts that it came of, and the sequence that it is true of."""

    receipt: Receipt
    elements: Elements
    parents: tuple[Receipt, ...]
    sequence: int


async def find(gateway: Gateway, receipt_id: int, min_sequence: int | None = None) -> Found | None:
    """A receipt, live or ended. Raises `ViewBehind`, `HistoryUnavailable`, `VenueHalted`."""
    if not is_id(receipt_id):
        return None
    sequence = await live(gateway, min_sequence)
    receipt = gateway.receipt(receipt_id)
    if receipt is None:
        sequence, receipt = await past(
            gateway, lambda connection: queries.receipt(connection, receipt_id), sequence, min_sequence
        )
    if receipt is None:
        return None
    held = receipt

    def read(connection: Connection) -> tuple[Origin, tuple[Receipt, ...]] | None:
        origin = queries.origin(connection, held)
        if origin is None:
            return None
        parents = [queries.receipt(connection, parent_id) for parent_id in origin.issued_from]
        return origin, tuple(parent for parent in parents if parent is not None)

    _, found = await past(gateway, read, sequence, None)
    assert found is not None, "a receipt is issued for a lot"
    origin, parents = found
    return Found(receipt, elements_of(gateway, receipt, origin), parents, sequence)


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The receipt that an address names."""
    found = await find(gateway, int(name)) if name.isascii() and name.isdigit() and len(name) <= 16 else None
    return None if found is None or str(found.receipt.receipt_id) != name else subject_of(found)


def subject_of(found: Found) -> Subject:
    """Reservations are no fact of it: offers come and go, and the paper stays true."""
    receipt = found.receipt
    pledge = receipt.pledge
    return Subject(
        kind=KIND,
        name=str(receipt.receipt_id),
        number=number_of(receipt),
        title=TITLE,
        state=STATES[receipt.state],
        valid=receipt.state in LIVE_STATES,
        facts=(
            *(receipt.receipt_id, receipt.lot_id, receipt.participant_id, receipt.symbol, receipt.warehouse),
            *(receipt.weight_g, receipt.harvest_date, receipt.issued_ns, receipt.expires_ns, receipt.state),
            None if pledge is None else (pledge.lender_id, pledge.reference, pledge.amount_fen),
            tuple(hold.cause for hold in receipt.holds),
        ),
        figure=Figure(Words("净重（公斤）", "net weight, kg"), kilograms(receipt.weight_g)),
        sequence=found.sequence,
    )


def number_of(receipt: Receipt) -> str:
    return receipt_number(receipt.warehouse, receipt.issued_ns, receipt.receipt_id)


async def draft(gateway: Gateway, found: Found) -> Draft:
    """The receipt as a document. Where the depositor lives is what he has told for his invoices."""
    receipt, elements, venue = found.receipt, found.elements, gateway.venue()
    depositor_id = elements.depositor.participant_id
    title = await gateway.own_records(lambda connection: title_of(connection, depositor_id))
    residence = "住所未登记 residence not registered" if title is None or not title.address else title.address
    period = f"{day(elements.storage_from_ns)} 至 {day(elements.storage_until_ns)}"
    parents = "、".join(number_of(parent) for parent in found.parents)
    blocks: tuple[Block, ...] = (
        Fields(
            Words("存货人与持有人", "Depositor and holder"),
            (
                Field(Words("存货人及住所", "depositor, residence"), Words(name_of(gateway, depositor_id), residence)),
                Field(Words("持有人", "holder"), Words(name_of(gateway, receipt.participant_id))),
            ),
        ),
        Fields(Words("仓储物", "Goods"), _goods(receipt, elements.goods, venue)),
        Fields(
            Words("仓储", "Storage"),
            (
                Field(Words("储存场所", "place of storage"), place(elements.place, venue)),
                Field(Words("储存期间", "storage period"), Words(period, "until the goods' predicted green life ends")),
                Field(Words("仓储费", "storage fee"), _fee(elements.storage_fee)),
                Field(Words("损耗标准", "wastage standard"), _wastage(elements.wastage_permille)),
                Field(Words("保险", "insurance"), _insurance(elements.insurance), wide=True),
            ),
        ),
        *_encumbrances(gateway, receipt),
        Fields(
            Words("填发", "Issue"),
            (
                Field(Words("填发人", "issuer"), Words(name_of(gateway, elements.issuer.participant_id))),
                Field(Words("填发地", "place of issue"), place(elements.place_of_issue, venue)),
                Field(Words("填发日期", "date of issue"), Words(moment(receipt.issued_ns))),
                Field(Words("来源仓单", "issued from receipt"), Words(parents) if parents else NONE),
            ),
        ),
        Clauses(Words("提示", "Notes"), _NOTES),
        Signatures((Words("保管人（签章）", "keeper"), Words("持有人背书（签章）", "holder, on endorsement"))),
    )
    return Draft(subject=subject_of(found), blocks=blocks)


_NOTES: Final = (
    Words(
        "仓单是提取仓储物的凭证。权属以交易中心登记为准，本件为登记内容的纸面载明，单独交付本件不转移权利。",
        "Title to the goods is what the venue's register says; this paper states it, and transfers nothing by itself.",
    ),
    Words(
        "转让、质押、拆分、合并须经交易中心登记；登记后本件即被新的登记取代。",
        "Transfer, pledge, split and merger are made in the register and supersede this paper.",
    ),
    Words(
        "提货前须付清仓储费；逾期未提的，按所列标准继续计收。",
        "Storage is paid before the goods are loaded out, and goes on accruing for goods left behind.",
    ),
)


def _goods(receipt: Receipt, found: Goods, venue: ConfigureVenue) -> tuple[Field, ...]:
    marks = f"{found.marks}，" if found.marks else ""
    return (
        Field(Words("品种等级", "kind and class"), goods(receipt.symbol, venue)),
        Field(Words("净重（公斤）", "net weight, kg"), Words(kilograms(found.weight_g))),
        Field(Words("质量", "quality"), _quality(found)),
        Field(
            Words("包装及件数", "packages"), Words(f"整批 {found.cartons} 箱", f"{found.cartons} cartons the whole lot")
        ),
        Field(Words("标记", "marks"), Words(f"{marks}批次 {receipt.lot_id} · {receipt.symbol}", "lot · symbol")),
        Field(Words("采收日期", "harvested"), Words(found.harvest_date)),
        Field(Words("产地", "origin"), Words(f"{found.town} {found.village}")),
        Field(
            Words("承诺达标合格证", "compliance certificate"),
            NONE if found.certificate_number is None else Words(found.certificate_number),
        ),
    )


def _quality(found: Goods) -> Words:
    """What was found last, at intake or in the store."""
    grade = GRADES[found.grade]
    chinese, english = [grade.zh], [grade.en]
    if found.colour_stage is not None:
        stage = COLOUR_STAGES[found.colour_stage]
        chinese.append(f"熟度 {found.colour_stage}（{stage.zh}）")
        english.append(f"colour stage {found.colour_stage}, {stage.en}")
    if found.defect_permille is not None:
        chinese.append(f"缺陷 {permille(found.defect_permille)}")
        english.append(f"defects {permille(found.defect_permille)}")
    for size, zh, en in ((found.finger_length_mm, "指长", "finger"), (found.thickness_mm, "指径", "thickness")):
        if size is not None:
            chinese.append(f"{zh} {size} 毫米")
            english.append(f"{en} {size} mm")
    return Words("，".join(chinese), ", ".join(english))


def _fee(fee: StorageFee | None) -> Words:
    if fee is None:
        return NOT_STATED
    rate = yuan(fee.fen_per_tonne_day + fee.insurance_fen_per_tonne_day)
    return Words(
        f"每吨每天 {rate} 元（含保险），免费 {fee.free_days} 天",
        f"CNY {rate} a tonne and day, insurance included, after {fee.free_days} free days",
    )


def _wastage(share: int | None) -> Words:
    if share is None:
        return NOT_STATED
    return Words(f"不超过入库净重的 {permille(share)}", f"up to {permille(share)} of the net weight at issue")


def _insurance(insurance: Insurance | None) -> Words:
    """Amount, period and insurer."""
    if insurance is None:
        return Words("未投保", "not insured")
    amount, begins, ends = yuan(insurance.amount_fen), day(insurance.from_ns), day(insurance.until_ns)
    return Words(
        f"保险金额 {amount} 元，期间 {begins} 至 {ends}，保险人 {insurance.insurer}",
        f"insured for CNY {amount} from {begins} to {ends}",
    )


def _encumbrances(gateway: Gateway, receipt: Receipt) -> tuple[Fields, ...]:
    """A pledge stands on the receipt (Civil Code art. 441), and so does whatever keeps its goods where they are."""
    fields = []
    if receipt.pledge is not None:
        pledge = receipt.pledge
        lender, amount = name_of(gateway, pledge.lender_id), yuan(pledge.amount_fen)
        fields.append(
            Field(
                Words("质押", "pledge"),
                Words(
                    f"质权人 {lender}，担保金额 {amount} 元，自 {day(pledge.since_ns)}，依据 {pledge.reference}",
                    f"to {lender} for CNY {amount} since {day(pledge.since_ns)}, under {pledge.reference}",
                ),
                wide=True,
            )
        )
    for hold in receipt.holds:
        cause = HOLDS[hold.cause]
        since = day(hold.since_ns)
        fields.append(
            Field(
                Words("冻结", "hold"),
                Words(f"{cause.zh}，自 {since}：{hold.reason}", f"{cause.en}, since {since}"),
                wide=True,
            )
        )
    return (Fields(Words("权利负担", "Encumbrances"), tuple(fields)),) if fields else ()
