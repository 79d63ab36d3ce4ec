"""The contract of a listing, a one-way auction or a negotiated trade (购销合同) on paper.

What was agreed does not change, so the seal covers that alone: parties, goods, price, earnest money, terms and dates.
How far the contract has come is its state, which the page behind the code tells.
"""

from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from settlement import queries
from settlement.civil import DAY_NS
from settlement.invoices import Title
from settlement.messages import ExecutionReport, Receipt
from settlement.messages.contracts import Contract, ContractState, ContractTerms
from settlement.symbols import parse_symbol
from web.documents.paper import Block, Clauses, Column, Field, Fields, Signatures, Table, Words
from web.documents.receipts import number_of as receipt_number_of
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import (
    WAYS,
    day,
    goods,
    kilograms,
    moment,
    name_of,
    permille,
    place,
    yuan,
)
from web.invoice_records import title_of
from web.ports import Gateway
from web.views import is_id, live, past

KIND: Final = "contract"
TITLE: Final = Words("香蕉购销合同", "Contract for the sale of bananas")

STATES: Final[dict[ContractState, Words]] = {
    "concluded": Words("已订立", "concluded"),
    "paid": Words("已付款，待备货", "paid, goods awaited"),
    "tendered": Words("已备货，待付款", "goods ready, payment awaited"),
    "overdue": Words("逾期", "overdue"),
    "delivering": Words("提货中", "being fetched"),
    "uncollected": Words("逾期未提", "not fetched in time"),
    "failed": Words("交货失败", "delivery failed"),
    "weighed": Words("待确认重量", "weight to be agreed"),
    "part_paid": Words("已付首款", "first part paid"),
    "objected": Words("质量异议中", "quality objected to"),
    "disputed": Words("争议处理中", "in dispute"),
    "completed": Words("履行完毕", "completed"),
    "terminated": Words("已终止", "terminated"),
    "defaulted": Words("违约终止", "ended by default"),
    "resolved": Words("争议已处理", "dispute resolved"),
    "annulled": Words("已解除", "annulled"),
}
BROKEN_OFF: Final[tuple[ContractState, ...]] = ("terminated", "defaulted", "resolved", "annulled")
"""Ended otherwise than by being kept."""


class Found(Struct, frozen=True):
    """A contract and what belongs to it, and the sequence that they are true of."""

    contract: Contract
    receipts: list[Receipt]
    orders: list[ExecutionReport]
    sequence: int


async def find(gateway: Gateway, contract_id: int, min_sequence: int | None = None) -> Found | None:
    """A contract, as the database has it. Raises `ViewBehind`, `HistoryUnavailable`, `VenueHalted`."""
    if not is_id(contract_id):
        return None
    sequence = await live(gateway, min_sequence)

    def read(connection: Connection) -> tuple[Contract, list[Receipt], list[ExecutionReport]] | None:
        contract = queries.contract(connection, contract_id)
        if contract is None:
            return None
        receipts = [queries.receipt(connection, receipt_id) for receipt_id in contract.receipt_ids]
        orders = [queries.order(connection, order_id) for order_id in (contract.buy_order_id, contract.sell_order_id)]
        return contract, [each for each in receipts if each is not None], [each for each in orders if each is not None]

    reached, found = await past(gateway, read, sequence, min_sequence)
    return None if found is None else Found(*found, reached)


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The contract that an address names."""
    found = await find(gateway, int(name)) if name.isascii() and name.isdigit() and len(name) <= 16 else None
    return None if found is None or str(found.contract.contract_id) != name else subject_of(found)


def subject_of(found: Found) -> Subject:
    contract = found.contract
    return Subject(
        kind=KIND,
        name=str(contract.contract_id),
        number=number_of(contract),
        title=TITLE,
        state=STATES[contract.state],
        valid=contract.state not in BROKEN_OFF,
        facts=(
            *(contract.contract_id, contract.trade_id, contract.symbol, contract.price, contract.quantity),
            *(contract.buyer_id, contract.seller_id, contract.concluded_ns, contract.first_day, contract.value_fen),
            *(contract.buyer_earnest_paid_fen, contract.seller_earnest_paid_fen),
            *(contract.buyer_fee_fen, contract.seller_fee_fen),
            *(contract.pay_by_ns, contract.pickup_by_ns, contract.final_by_ns),
            *msgspec.structs.astuple(contract.terms),
        ),
        figure=Figure(Words("合同金额（元）", "value, CNY"), yuan(contract.value_fen)),
        sequence=found.sequence,
    )


def number_of(contract: Contract) -> str:
    """`HT-2026-0000012`, the year being that of its conclusion."""
    return f"HT-{day(contract.concluded_ns)[:4]}-{contract.contract_id:07}"


async def draft(gateway: Gateway, found: Found) -> Draft:
    """The contract as a document. The parties' invoice titles are on it where they have given any."""
    contract, venue = found.contract, gateway.venue()

    def titles(connection: Connection) -> tuple[Title | None, Title | None]:
        return title_of(connection, contract.buyer_id), title_of(connection, contract.seller_id)

    buyer, seller = await gateway.own_records(titles)
    parts = parse_symbol(contract.symbol)
    blocks: tuple[Block, ...] = (
        Fields(
            Words("合同双方", "Parties"),
            (
                Field(Words("买方（甲方）", "buyer"), Words(name_of(gateway, contract.buyer_id))),
                Field(Words("卖方（乙方）", "seller"), Words(name_of(gateway, contract.seller_id))),
                Field(Words("甲方登记信息", "registered as"), _registered(buyer)),
                Field(Words("乙方登记信息", "registered as"), _registered(seller)),
            ),
        ),
        Fields(
            Words("标的与价款", "Goods and price"),
            (
                Field(Words("品种等级", "kind and class"), goods(contract.symbol, venue)),
                Field(Words("合约代码", "symbol"), Words(contract.symbol)),
                Field(Words("数量（公斤）", "quantity, kg"), Words(f"{contract.quantity:,}")),
                Field(Words("单价（元/公斤，含税）", "price, CNY/kg, tax included"), Words(yuan(contract.price))),
                Field(Words("合同金额（元）", "value, CNY"), Words(yuan(contract.value_fen))),
                Field(
                    Words("交货地点", "place of delivery"),
                    Words(contract.symbol) if parts is None else place(parts.warehouse, venue),
                ),
                Field(
                    Words("履约保证金（元）", "earnest money, CNY"),
                    Words(
                        f"甲方 {yuan(contract.buyer_earnest_paid_fen)}，乙方 {yuan(contract.seller_earnest_paid_fen)}",
                        f"buyer {yuan(contract.buyer_earnest_paid_fen)}, "
                        f"seller {yuan(contract.seller_earnest_paid_fen)}",
                    ),
                ),
                Field(
                    Words("交易手续费（元）", "fees, CNY"),
                    Words(
                        f"甲方 {yuan(contract.buyer_fee_fen)}，乙方 {yuan(contract.seller_fee_fen)}",
                        f"buyer {yuan(contract.buyer_fee_fen)}, seller {yuan(contract.seller_fee_fen)}",
                    ),
                ),
                Field(Words("订立方式", "concluded by"), _way(found.orders)),
                Field(
                    Words("订立时间", "concluded at"),
                    Words(moment(contract.concluded_ns), f"trade {contract.trade_id}"),
                ),
            ),
        ),
        _timetable(contract),
        *_set_aside(found.receipts),
        Clauses(Words("条款", "Terms"), tuple(_clauses(contract.terms))),
        Signatures((Words("买方（签章）", "buyer"), Words("卖方（签章）", "seller"), Words("交易中心鉴证", "venue"))),
    )
    return Draft(subject=subject_of(found), blocks=blocks)


def _registered(title: Title | None) -> Words:
    if title is None:
        return Words("未登记", "not registered")
    return Words("，".join(each for each in (title.title, title.tax_number, title.address, title.phone) if each))


def _way(orders: list[ExecutionReport]) -> Words:
    """How the two came together: the buyer's way and the seller's."""
    ways = list(dict.fromkeys(order.via for order in orders))
    return Words("、".join(WAYS[way].zh for way in ways), ", ".join(WAYS[way].en for way in ways))


def _timetable(contract: Contract) -> Table:
    """The days that count: trading days of the venue, D1 being that of the trade."""
    terms = contract.terms
    rows = (
        (
            "D1",
            contract.first_day,
            "成交；双方缴存保证金并付手续费",
            "trade; both deposit earnest money and pay the fee",
        ),
        (
            f"D{terms.payment_days + 1}",
            _last_day(contract.pay_by_ns),
            "甲方付清全款，乙方备妥货物；货权转移",
            "buyer pays in full, goods are ready; title passes",
        ),
        (
            f"D{terms.pickup_days + 1}",
            _last_day(contract.pickup_by_ns),
            f"提货过磅；{terms.objection_hours} 小时内可提质量异议",
            f"goods fetched and weighed; objections within {terms.objection_hours} hours",
        ),
        (
            f"D{terms.final_days + 1}",
            _last_day(contract.final_by_ns),
            "最迟结清余款并退还保证金",
            "the rest is paid and earnest money returned at the latest",
        ),
    )
    return Table(
        Words("履行期限", "Timetable"),
        (
            Column(Words("交易日", "day"), 2),
            Column(Words("最迟日期", "by the end of"), 3),
            Column(Words("事项", "what"), 7),
            Column(Words("英文", "in English"), 9),
        ),
        rows,
    )


def _last_day(midnight_ns: int) -> str:
    """The day that ends with a midnight."""
    return day(midnight_ns - DAY_NS)


def _set_aside(receipts: list[Receipt]) -> tuple[Table, ...]:
    if not receipts:
        return ()
    return (
        Table(
            Words("合同项下仓单", "Receipts set aside for the contract"),
            (
                Column(Words("仓单号", "receipt"), 4),
                Column(Words("批次", "lot"), 2),
                Column(Words("采收日期", "harvested"), 3),
                Column(Words("净重（公斤）", "net weight, kg"), 3, "right"),
            ),
            tuple(
                (receipt_number_of(each), str(each.lot_id), each.harvest_date, kilograms(each.weight_g))
                for each in receipts
            ),
        ),
    )


def _clauses(terms: ContractTerms) -> list[Words]:
    """The terms of the venue that this contract was concluded on."""
    earnest, tolerance = permille(terms.earnest_permille), permille(terms.tolerance_permille)
    first, late = permille(terms.first_part_permille), permille(terms.late_permille)
    clauses = [
        Words(
            f"履约保证金为成交金额的 {earnest}，双方各缴一份，由交易中心保管，合同履行完毕后退还。",
            f"Earnest money is {earnest} of the value from each party, held by the venue and returned on completion.",
        ),
        Words(
            "甲方付清全款且乙方备妥货物之时，货权转移给甲方，交易中心签发提货单；合同不得转让。",
            "Title passes, and the delivery order is issued, once the price is paid in full and the goods are ready. "
            "The contract is not resold.",
        ),
        Words(
            f"实际重量与合同数量相差 {tolerance} 以内的，按实际重量结算，多退少补；超出的由双方协商确认。",
            f"Within {tolerance} of the agreed quantity the contract settles at actual weight; beyond it the parties "
            "agree on a weight.",
        ),
        Words(
            f"数量确认后先付货款的 {first}；无质量异议且卖方登记发票后，付清余款。",
            f"{first} of the price is paid when the quantity is agreed, the rest after no objection and the seller's "
            "registered invoice.",
        ),
        Words(
            f"质量异议应于末次过磅出库后 {terms.objection_hours} 小时内书面提出，并附照片或检测报告。",
            f"Objections to quality are made in writing within {terms.objection_hours} hours of the last "
            "load-out, with photographs or a laboratory's report.",
        ),
        Words(
            f"逾期一方每日按合同金额的 {late} 支付滞纳金；逾期超过 {terms.termination_days} 天的，未交付部分终止。",
            f"A late party owes {late} of the value a day; after {terms.termination_days} days the contract ends for "
            "what is undelivered.",
        ),
        Words(
            "一方违约的，其保证金归守约方；双方违约的，各以一半转入风险准备金。争议由交易中心两名人员裁处并记录。",
            "A defaulter's earnest money goes to the innocent party; if both default, half of each goes to the risk "
            "fund. Disputes are decided by two of the venue's operators, on record.",
        ),
    ]
    if terms.substitution:
        clauses.append(
            Words(
                "乙方可以同品种货物替代，价差按交易中心公布的升贴水表计算。",
                "The seller may substitute goods of the same variety; the price follows the venue's published table.",
            )
        )
    return clauses
