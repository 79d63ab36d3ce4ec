"""The confirmation of a trade (成交确认单), one for each side: what was bought or sold, for how much, and what moved.

Who was on the other side of a trade in the book is nobody's to know, so no confirmation names it.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from matching.messages import Side
from settlement import queries
from settlement.messages import CASH, ExecutionReport, Receipt
from settlement.messages.contracts import Contract
from settlement.queries import Bust, Fill, LedgerEntry
from settlement.symbols import parse_symbol
from web.documents.contracts import number_of as number_of_contract
from web.documents.paper import Block, Clauses, Column, Field, Fields, Table, Words
from web.documents.receipts import number_of
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import SIDES, WAYS, goods, kilograms, moment, name_of, place, yuan
from web.ports import Gateway
from web.views import is_id, live, past

KIND: Final = "trade"
TITLE: Final = Words("成交确认单", "Trade confirmation")
SETTLED: Final = Words("已交收", "settled")
CONCLUDED: Final = Words("已订立合同", "contract concluded")
BUSTED: Final = Words("已撤销", "busted")


class Found(Struct, frozen=True):
    """One side of a settled trade, what moved with it, and the sequence that the database has come to."""

    fill: Fill
    order: ExecutionReport | None
    entries: list[LedgerEntry]
    receipts: list[Receipt]
    bust: Bust | None
    contract: Contract | None
    sequence: int


class Sides(Struct, frozen=True):
    """A trade's fills, the buyer's first; none of what is no trade. `contract` is what it has led to, unless it was
    settled at once.
    """

    fills: list[Fill]
    contract: Contract | None
    sequence: int


async def sides(gateway: Gateway, trade_id: int, min_sequence: int | None = None) -> Sides:
    """Raises `ViewBehind`, `HistoryUnavailable`, `VenueHalted`."""
    if not is_id(trade_id):
        return Sides([], None, gateway.sequence)
    sequence = await live(gateway, min_sequence)

    def read(connection: Connection) -> tuple[list[Fill], Contract | None] | None:
        fills = queries.fills_of_trade(connection, trade_id)
        return (fills, queries.contract_of_trade(connection, trade_id)) if fills else None

    reached, found = await past(gateway, read, sequence, min_sequence)
    return Sides([], None, reached) if found is None else Sides(*found, reached)


async def find(gateway: Gateway, fill: Fill, contract: Contract | None, sequence: int) -> Found:
    """What belongs to a side."""
    cause, reference = ("trade", fill.trade_id) if contract is None else ("contract", contract.contract_id)

    def read(connection: Connection) -> Found:
        received = [queries.receipt(connection, receipt_id) for receipt_id, _ in fill.lots]
        return Found(
            fill,
            queries.order(connection, fill.order_id),
            # What a contract moves later has other sequences.
            [
                entry
                for entry in queries.ledger_of_cause(connection, cause, reference)
                if entry.sequence == fill.sequence
            ],
            [receipt for receipt in received if receipt is not None],
            queries.bust(connection, fill.trade_id),
            contract,
            sequence,
        )

    _, found = await gateway.history(read)
    return found


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The side that an address names, as `12-buy`."""
    number, _, side = name.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= 16 and side in SIDES):
        return None
    found = await sides(gateway, int(number))
    fill = next((fill for fill in found.fills if fill.side == side), None)
    if fill is None or name_of_side(fill.trade_id, fill.side) != name:
        return None
    return subject_of(fill, found.contract, found.sequence)


def subject_of(fill: Fill, contract: Contract | None, sequence: int) -> Subject:
    return Subject(
        kind=KIND,
        name=name_of_side(fill.trade_id, fill.side),
        number=f"{fill.trade_id}-{fill.side[0].upper()}",
        title=TITLE,
        state=BUSTED if fill.busted else SETTLED if contract is None else CONCLUDED,
        valid=not fill.busted,
        facts=(
            *(fill.trade_id, fill.side, fill.order_id, fill.participant_id, fill.symbol, fill.price, fill.quantity),
            *(fill.fee_fen, fill.time_ns, fill.busted),
            None if contract is None else contract.contract_id,
        ),
        figure=Figure(Words("成交金额（元）", "value, CNY"), yuan(fill.price * fill.quantity)),
        sequence=sequence,
    )


def name_of_side(trade_id: int, side: Side) -> str:
    return f"{trade_id}-{side}"


def draft(gateway: Gateway, found: Found) -> Draft:
    """The confirmation as a document."""
    fill, venue = found.fill, gateway.venue()
    side = SIDES[fill.side]
    parts = parse_symbol(fill.symbol)
    way = WAYS[found.order.via] if found.order is not None else WAYS["order"]
    blocks: list[Block] = [
        Fields(
            Words("成交", "Trade"),
            (
                Field(Words("参与人", "participant"), Words(name_of(gateway, fill.participant_id))),
                Field(Words("方向", "side"), side),
                Field(Words("成交编号", "trade"), Words(str(fill.trade_id))),
                Field(Words("成交时间", "time"), Words(moment(fill.time_ns), "UTC+8")),
                Field(Words("委托编号", "order"), Words(*_order(found))),
                Field(Words("交易方式", "way of trading"), way),
                *_contract(found),
            ),
        ),
        Fields(
            Words("标的与价款", "Goods and price"),
            (
                Field(Words("品种等级", "kind and class"), goods(fill.symbol, venue)),
                Field(Words("合约代码", "symbol"), Words(fill.symbol)),
                Field(
                    Words("交收仓库", "warehouse"),
                    Words(fill.symbol) if parts is None else place(parts.warehouse, venue),
                ),
                Field(Words("数量（公斤）", "quantity, kg"), Words(f"{fill.quantity:,}")),
                Field(Words("成交价（元/公斤）", "price, CNY/kg"), Words(yuan(fill.price))),
                Field(Words("成交金额（元）", "value, CNY"), Words(yuan(fill.price * fill.quantity))),
            ),
        ),
        _cash(found),
        *_goods(found),
    ]
    if found.bust is not None:
        blocks.insert(0, _busted(found.bust))
    notes = (_AT_ONCE, *_NOTES) if found.contract is None else (_BY_CONTRACT, *_NOTES)
    blocks.append(Clauses(Words("说明", "Notes"), notes))
    return Draft(subject=subject_of(fill, found.contract, found.sequence), blocks=tuple(blocks))


_AT_ONCE: Final = Words(
    "本单所列成交已按货银对付方式交收：货款、手续费与货权在同一笔记账中同时划转。",
    "The trade is settled, delivery against payment: price, fee and title moved in one entry of the ledger.",
)
_BY_CONTRACT: Final = Words(
    "本单所列成交已订立购销合同：双方已缴保证金和手续费，货款与货权按合同期限交付。",
    "The trade has led to a contract: earnest money and fees are paid, price and title follow by its terms.",
)
_NOTES: Final = (
    Words(
        "手续费按整笔委托累计计算，不足一分的进一分；分次成交时各次列示的为当次增加额。",
        "Fees are reckoned on the whole order and rounded up to the fen; each fill shows the increase.",
    ),
    Words("本单不是发票。", "This is no invoice."),
)


def _contract(found: Found) -> tuple[Field, ...]:
    contract = found.contract
    return () if contract is None else (Field(Words("合同编号", "contract"), Words(number_of_contract(contract))),)


def _order(found: Found) -> tuple[str, str]:
    order = found.order
    return (str(found.fill.order_id), "" if order is None else order.client_order_id)


def _cash(found: Found) -> Table:
    """What the participant paid and got by the trade's entry in the ledger, and by the bust's."""
    account = f"participant:{found.fill.participant_id}"
    rows, balance = [], 0
    for entry in found.entries:
        if entry.asset == CASH and account in (entry.debit, entry.credit):
            other = entry.credit if entry.debit == account else entry.debit
            paid = entry.amount if entry.debit == account else 0
            got = entry.amount - paid
            balance += got - paid
            what = _PURPOSES.get(other, _PRICE)
            rows.append(
                (str(entry.transfer_id), f"{what.zh} {what.en}", yuan(got) if got else "", yuan(paid) if paid else "")
            )
    net = (yuan(balance), "") if balance >= 0 else ("", yuan(-balance))
    return Table(
        Words("资金划付", "Cash"),
        (
            Column(Words("记账号", "entry"), 2),
            Column(Words("用途", "purpose"), 4),
            Column(Words("收入（元）", "received, CNY"), 3, "right"),
            Column(Words("支出（元）", "paid, CNY"), 3, "right"),
        ),
        tuple(rows),
        ("", "净额 net", *net),
    )


_PRICE: Final = Words("货款", "price")
_PURPOSES: Final = {
    "earnest": Words("保证金", "earnest money"),
    "fees": Words("手续费", "fee"),
    "storage": Words("仓储费", "storage"),
}


def _goods(found: Found) -> tuple[Table, ...]:
    """A seller's receipts that were consumed, or the new ones that the buyer got. By a contract he has got none yet:
    its own document says what is set aside.
    """
    if found.contract is not None:
        return ()
    known = {receipt.receipt_id: receipt for receipt in found.receipts}
    title = (
        Words("取得的仓单", "Receipts obtained")
        if found.fill.side == "buy"
        else Words("交付的仓单", "Receipts delivered")
    )
    rows = []
    for receipt_id, quantity in found.fill.lots:
        receipt = known.get(receipt_id)
        rows.append(
            (
                str(receipt_id) if receipt is None else number_of(receipt),
                "" if receipt is None else str(receipt.lot_id),
                "" if receipt is None else receipt.harvest_date,
                kilograms(quantity * 1000),
            )
        )
    table = Table(
        title,
        (
            Column(Words("仓单号", "receipt"), 4),
            Column(Words("批次", "lot"), 2),
            Column(Words("采收日期", "harvested"), 3),
            Column(Words("数量（公斤）", "quantity, kg"), 3, "right"),
        ),
        tuple(rows),
    )
    return (table,)


def _busted(bust: Bust) -> Fields:
    return Fields(
        Words("撤销", "Bust"),
        (
            Field(Words("撤销时间", "time"), Words(moment(bust.time_ns), "UTC+8")),
            Field(Words("原因", "reason"), Words(bust.reason)),
        ),
    )
