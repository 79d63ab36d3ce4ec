"""The delivery order (提货单) on paper: what may leave the warehouse, when and where, and what has left so far.

The code that opens the gate is the buyer's secret and stands on no paper.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from settlement import queries
from settlement.messages import Receipt
from settlement.messages.contracts import Contract
from settlement.messages.delivery import DeliveryOrder, DeliveryState, Load, LoadState
from web.documents.contracts import number_of as number_of_contract
from web.documents.paper import Block, Clauses, Column, Field, Fields, Signatures, Table, Words
from web.documents.receipts import number_of as receipt_number_of
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import NONE, goods, kilograms, moment, name_of, place
from web.ports import Gateway
from web.views import is_id, live, past

KIND: Final = "delivery"
TITLE: Final = Words("提货单", "Delivery order")

STATES: Final[dict[DeliveryState, Words]] = {
    "ordered": Words("待提货", "ordered"),
    "loading": Words("装车中", "loading"),
    "loaded": Words("已过磅待交", "loaded"),
    "handed_over": Words("已交货", "handed over"),
    "accepted": Words("已签收", "accepted"),
    "cancelled": Words("已撤销", "cancelled"),
    "failed": Words("交货失败", "failed"),
    "buying_in": Words("补购中", "buying in"),
    "made_good": Words("已补足", "made good"),
}
LOADS: Final[dict[LoadState, Words]] = {
    "weighed": Words("已过磅", "weighed"),
    "handed_over": Words("已交车", "handed over"),
    "voided": Words("已作废", "voided"),
}


class Found(Struct, frozen=True):
    """A delivery order with its trucks, its receipt and its contract, and the sequence that they are true of."""

    delivery: DeliveryOrder
    loads: list[Load]
    receipt: Receipt | None
    contract: Contract | None
    sequence: int


async def find(gateway: Gateway, delivery_id: int, min_sequence: int | None = None) -> Found | None:
    """A delivery order, as the database has it. Raises `ViewBehind`, `HistoryUnavailable`, `VenueHalted`."""
    if not is_id(delivery_id):
        return None
    sequence = await live(gateway, min_sequence)

    def read(connection: Connection) -> tuple[DeliveryOrder, list[Load], Receipt | None, Contract | None] | None:
        delivery = queries.delivery(connection, delivery_id)
        if delivery is None:
            return None
        contract_id = delivery.contract_id
        return (
            delivery,
            queries.loads(connection, delivery_id),
            queries.receipt(connection, delivery.receipt_id),
            None if contract_id is None else queries.contract(connection, contract_id),
        )

    reached, found = await past(gateway, read, sequence, min_sequence)
    return None if found is None else Found(*found, reached)


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The delivery order that an address names."""
    found = await find(gateway, int(name)) if name.isascii() and name.isdigit() and len(name) <= 16 else None
    return None if found is None or str(found.delivery.delivery_id) != name else subject_of(found)


def subject_of(found: Found) -> Subject:
    delivery, slot = found.delivery, found.delivery.slot
    return Subject(
        kind=KIND,
        name=str(delivery.delivery_id),
        number=number_of(delivery),
        title=TITLE,
        state=STATES[delivery.state],
        valid=delivery.state not in ("cancelled", "failed", "buying_in", "made_good"),
        facts=(
            *(delivery.delivery_id, delivery.receipt_id, delivery.contract_id, delivery.participant_id),
            *(delivery.lot_id, delivery.warehouse, delivery.symbol, delivery.ordered_g, delivery.loaded_g),
            *(delivery.handed_g, delivery.wasted_g, delivery.failed_g, delivery.state, delivery.ordered_ns),
            None if slot is None else (slot.dock, slot.starts_ns, slot.ends_ns),
            tuple(
                (load.load_id, load.ticket, load.gross_g, load.tare_g, load.plate, load.state) for load in found.loads
            ),
        ),
        figure=Figure(Words("应提净重（公斤）", "ordered, kg"), kilograms(delivery.ordered_g)),
        sequence=found.sequence,
    )


def number_of(delivery: DeliveryOrder) -> str:
    """`TH-2026-0000005`, the year being that of the order."""
    return f"TH-{moment(delivery.ordered_ns)[:4]}-{delivery.delivery_id:07}"


def draft(gateway: Gateway, found: Found) -> Draft:
    """The delivery order as a document."""
    delivery, venue = found.delivery, gateway.venue()
    left = delivery.ordered_g - delivery.handed_g - delivery.wasted_g - delivery.failed_g
    contract = NONE if found.contract is None else Words(number_of_contract(found.contract))
    blocks: list[Block] = [
        Fields(
            Words("提货", "Delivery"),
            (
                Field(Words("提货人", "holder"), Words(name_of(gateway, delivery.participant_id))),
                Field(Words("提货仓库", "warehouse"), place(delivery.warehouse, venue)),
                Field(Words("签发时间", "issued"), Words(moment(delivery.ordered_ns), "UTC+8")),
                Field(Words("预约", "appointment"), _appointment(delivery)),
                Field(
                    Words("仓单号", "receipt"),
                    Words(str(delivery.receipt_id) if found.receipt is None else receipt_number_of(found.receipt)),
                ),
                Field(Words("合同", "contract"), contract),
            ),
        ),
        Fields(
            Words("货物", "Goods"),
            (
                Field(Words("品种等级", "kind and class"), goods(delivery.symbol, venue)),
                Field(Words("批次 · 代码", "lot · symbol"), Words(f"{delivery.lot_id} · {delivery.symbol}")),
                Field(Words("应提净重（公斤）", "ordered, kg"), Words(kilograms(delivery.ordered_g))),
                Field(Words("已交净重（公斤）", "handed over, kg"), Words(kilograms(delivery.handed_g))),
                Field(Words("损耗（公斤）", "wastage, kg"), _wastage(delivery)),
                Field(Words("未提净重（公斤）", "still to come, kg"), Words(kilograms(max(0, left)))),
            ),
        ),
    ]
    if found.loads:
        blocks.append(_loads(found.loads))
    if delivery.failure is not None:
        blocks.append(
            Fields(
                Words("交货失败", "Failure"),
                (
                    Field(Words("原因", "reason"), Words(delivery.failure_reason or "", delivery.failure)),
                    Field(Words("未交净重（公斤）", "not delivered, kg"), Words(kilograms(delivery.failed_g))),
                ),
            )
        )
    blocks.append(Clauses(Words("说明", "Notes"), _NOTES))
    blocks.append(
        Signatures((Words("发货（仓库签章）", "warehouse"), Words("承运人", "carrier"), Words("收货人", "received by")))
    )
    return Draft(subject=subject_of(found), blocks=tuple(blocks))


_NOTES: Final = (
    Words(
        "凭提货码放行；提货码只由提货人掌握，不印在任何单据上。车辆须在预约时段到场。",
        "Trucks leave with the hand-over code, which the holder alone knows and no paper bears. Come at the appointed "
        "time.",
    ),
    Words(
        "出库以过磅净重为准；提货前须付清仓储费。",
        "The scale decides the weight; storage is paid before anything is loaded.",
    ),
)


def _appointment(delivery: DeliveryOrder) -> Words:
    slot = delivery.slot
    if slot is None:
        return NONE
    times = f"{moment(slot.starts_ns)[:16]}–{moment(slot.ends_ns)[11:16]}"
    return Words(f"{slot.dock} 号月台 {times}", f"dock {slot.dock}")


def _wastage(delivery: DeliveryOrder) -> Words:
    weight = kilograms(delivery.wasted_g)
    return Words(weight if delivery.wastage_reason is None else f"{weight}（{delivery.wastage_reason}）")


def _loads(loads: list[Load]) -> Table:
    """The trucks over the scale; a voided one counts for nothing."""
    return Table(
        Words("出库过磅", "Weighed out"),
        (
            Column(Words("磅单", "ticket"), 4),
            Column(Words("车牌", "plate"), 4),
            Column(Words("承运 · 司机", "carrier · driver"), 6),
            Column(Words("毛重", "gross, kg"), 4, "right"),
            Column(Words("皮重", "tare, kg"), 4, "right"),
            Column(Words("净重", "net, kg"), 4, "right"),
            Column(Words("时间", "time"), 4),
            Column(Words("状态", "state"), 4),
        ),
        tuple(
            (
                *(load.ticket, load.plate, f"{load.carrier} · {load.driver}"),
                *(kilograms(load.gross_g), kilograms(load.tare_g), kilograms(load.net_g)),
                *(moment(load.weighed_ns)[5:16], f"{LOADS[load.state].zh} {LOADS[load.state].en}"),
            )
            for load in loads
        ),
    )
