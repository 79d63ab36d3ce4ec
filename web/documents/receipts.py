"""The warehouse receipt (仓单) on paper.

Its elements are those of GB/T 30332-2024 and of Civil Code art. 909: depositor and his residence; the goods' kind,
quantity, quality, packages and marks; wastage standard; place of storage; storage period; storage fee; insurance with
amount, period and insurer; issuer, place and date of issue. What the venue has not been told is said to be so.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from settlement import queries
from settlement.messages import Lot, Receipt
from settlement.messages.receipts import LIVE_STATES, HoldCause, ReceiptState
from settlement.messages.storage import StorageTariff
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
    """A receipt with its lot and the receipt that it came of, and the sequence that it is true of."""

    receipt: Receipt
    lot: Lot
    parent: Receipt | None
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
    lot_id, parent_id = receipt.lot_id, receipt.parent_receipt_id

    def origin(connection: Connection) -> tuple[Lot, Receipt | None] | None:
        lot = queries.lot(connection, lot_id)
        parent = None if parent_id is None else queries.receipt(connection, parent_id)
        return None if lot is None else (lot, parent)

    _, origins = await past(gateway, origin, sequence, None)
    assert origins is not None, "a receipt is issued for a lot"
    return Found(receipt, *origins, sequence)


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


def draft(gateway: Gateway, found: Found) -> Draft:
    """The receipt as a document."""
    receipt, lot, venue = found.receipt, found.lot, gateway.venue()
    tariff = next((each for each in venue.storage if each.warehouse == receipt.warehouse), None)
    blocks: tuple[Block, ...] = (
        Fields(Words("存货人与持有人", "Depositor and holder"), _people(gateway, receipt, lot)),
        Fields(
            Words("仓储物", "Goods"),
            (
                Field(Words("品种等级", "kind and class"), goods(receipt.symbol, venue)),
                Field(Words("净重（公斤）", "net weight, kg"), Words(kilograms(receipt.weight_g))),
                Field(Words("质量", "quality"), _quality(lot)),
                Field(Words("包装及件数", "packages"), _packages(receipt, lot)),
                Field(Words("标记", "marks"), Words(f"批次 {lot.lot_id} · {receipt.symbol}", "lot · symbol")),
                Field(Words("采收日期", "harvested"), Words(receipt.harvest_date)),
                Field(Words("产地", "origin"), Words(f"{lot.town} {lot.village}")),
                Field(
                    Words("承诺达标合格证", "compliance certificate"),
                    NONE if lot.certificate_number is None else Words(lot.certificate_number),
                ),
            ),
        ),
        Fields(
            Words("仓储", "Storage"),
            (
                Field(Words("储存场所", "place of storage"), place(receipt.warehouse, venue)),
                Field(
                    Words("储存期间", "storage period"),
                    Words(
                        f"{day(receipt.issued_ns)} 至 {day(receipt.expires_ns)}",
                        "until the goods' predicted green life ends",
                    ),
                ),
                Field(Words("仓储费", "storage fee"), _fee(tariff)),
                Field(Words("损耗标准", "wastage standard"), _wastage(tariff)),
                Field(Words("保险", "insurance"), _insurance(receipt, tariff), wide=True),
            ),
        ),
        *_encumbrances(gateway, receipt),
        Fields(
            Words("填发", "Issue"),
            (
                Field(Words("填发人", "issuer"), Words(name_of(gateway, receipt.issued_by))),
                Field(Words("填发地", "place of issue"), place(receipt.warehouse, venue)),
                Field(Words("填发日期", "date of issue"), Words(moment(receipt.issued_ns))),
                Field(
                    Words("来源仓单", "issued from receipt"),
                    NONE if found.parent is None else Words(number_of(found.parent)),
                ),
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


def _people(gateway: Gateway, receipt: Receipt, lot: Lot) -> tuple[Field, ...]:
    return (
        Field(Words("存货人", "depositor"), Words(name_of(gateway, lot.participant_id))),
        Field(Words("持有人", "holder"), Words(name_of(gateway, receipt.participant_id))),
    )


def _quality(lot: Lot) -> Words:
    """What the inspection at intake found."""
    grade = GRADES[lot.inspected_grade or lot.grade]
    parts_zh, parts_en = [grade.zh], [grade.en]
    if lot.colour_stage is not None:
        stage = COLOUR_STAGES[lot.colour_stage]
        parts_zh.append(f"熟度 {lot.colour_stage}（{stage.zh}）")
        parts_en.append(f"colour stage {lot.colour_stage}, {stage.en}")
    if lot.defect_permille is not None:
        parts_zh.append(f"缺陷 {permille(lot.defect_permille)}")
        parts_en.append(f"defects {permille(lot.defect_permille)}")
    return Words("，".join(parts_zh), ", ".join(parts_en))


def _packages(receipt: Receipt, lot: Lot) -> Words:
    if lot.net_g is not None and lot.net_g == receipt.weight_g:
        return Words(f"{lot.cartons} 箱", f"{lot.cartons} cartons")
    return Words(f"整批 {lot.cartons} 箱，本单按净重计", f"of a lot of {lot.cartons} cartons, by net weight")


def _fee(tariff: StorageTariff | None) -> Words:
    if tariff is None:
        return NOT_STATED
    rate = yuan(tariff.fen_per_tonne_day)
    return Words(
        f"每吨每天 {rate} 元，免费 {tariff.free_days} 天",
        f"CNY {rate} a tonne and day after {tariff.free_days} free days",
    )


def _wastage(tariff: StorageTariff | None) -> Words:
    if tariff is None:
        return NOT_STATED
    share = permille(tariff.wastage_permille)
    return Words(f"不超过入库净重的 {share}", f"up to {share} of the net weight at issue")


def _insurance(receipt: Receipt, tariff: StorageTariff | None) -> Words:
    """Amount, period and insurer."""
    if tariff is None or tariff.insurer is None:
        return Words("未投保", "not insured")
    amount = yuan(receipt.weight_g * tariff.insured_fen_per_kg // 1000)
    return Words(
        f"保险金额 {amount} 元，期间自填发日起 {tariff.period_days} 天，保险人 {tariff.insurer}",
        f"insured for CNY {amount}, {tariff.period_days} days from issue, by {tariff.insurer}",
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
