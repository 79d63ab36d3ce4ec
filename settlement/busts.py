"""Busts: an operator takes a trade back, and money, fees and goods return the way they came.

What a bust needs of a trade is remembered for 24 hours of the venue's time, of the last 100,000 trades at most. A trade
that is older, or whose goods have gone on, stands; the remedy is then a cash adjustment (`adjust_cash`).

The orders stay as they were: what they have filled counts as filled, and their later fills pay the fees that they would
have paid anyway. So does the market's memory of its last price, which auctions and collars refer to.
"""

from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.clearing import Purse
from settlement.ledger import FEES, Ledger
from settlement.messages import CASH, LedgerPosted, ReceiptChanged, TradeBusted, TradeSettled
from settlement.receipts import GRAMS, Lots, Receipts, receipt_message

REMEMBERED_NS: Final = 24 * 3_600 * 1_000_000_000
"""How long a trade can be busted."""

MAXIMUM_REMEMBERED: Final = 100_000
"""Trades remembered at most: where more come within 24 hours, the oldest of them cannot be busted any more."""

BLOCK: Final = 64
"""Trades in a block of the chain."""

_encode = msgpack.Encoder().encode


class SettledTrade(Struct, gc=False, array_like=True):
    """A trade that may still be taken back, or has been; `sequence` and `time_ns` are those of its settlement."""

    sequence: int
    time_ns: int
    trade: TradeSettled
    busted: bool = False


class TradesState(Struct, frozen=True, array_like=True):
    """All there is to keep of `SettledTrades`."""

    last_trade_id: int
    chain: bytes
    block: list[TradeSettled]
    trades: list[SettledTrade]


class SettledTrades:
    """The memory of trades, by number; they count 1, 2, 3 …, so the oldest kept and the last tell all that are kept.

    Its digest is carried along: every trade is hashed once, in blocks, when it comes; what is forgotten or busted later
    is told by numbers. O(1) each.
    """

    def __init__(self) -> None:
        self._trades: dict[int, SettledTrade] = {}
        self._busted: dict[int, None] = {}
        self._oldest_id = 1
        self._last_id = 0
        self._chain = b""
        self._block: list[TradeSettled] = []

    def remember(self, trade: TradeSettled, sequence: int, time_ns: int) -> None:
        """Take down the trade that comes next."""
        self._last_id = trade_id = trade.trade_id
        self._trades[trade_id] = SettledTrade(sequence, time_ns, trade)
        block = self._block
        block.append(trade)
        if len(block) == BLOCK:
            self._chain = blake2b(self._chain + _encode(block), digest_size=32).digest()
            block.clear()
        if trade_id - self._oldest_id >= MAXIMUM_REMEMBERED:
            self._forget_oldest()

    def forget(self, time_ns: int) -> None:
        """Forget what is older than can be busted."""
        trades = self._trades
        latest_ns = time_ns - REMEMBERED_NS
        while trades and trades[self._oldest_id].time_ns <= latest_ns:
            self._forget_oldest()

    def find(self, trade_id: int) -> SettledTrade | str:
        """A trade that can be busted as far as its number tells, or `unknown_trade`, `too_old`, `already_busted`."""
        if not 1 <= trade_id <= self._last_id:
            return "unknown_trade"
        found = self._trades.get(trade_id)
        if found is None:
            return "too_old"
        return "already_busted" if found.busted else found

    def bust(self, trade_id: int) -> None:
        """From now on the trade counts as taken back."""
        self._trades[trade_id].busted = True
        self._busted[trade_id] = None

    def digest(self) -> tuple[int, int, bytes, list[int]]:
        """What stands for the memory. O(busted)."""
        begun = blake2b(self._chain + _encode(self._block), digest_size=32).digest()
        return self._oldest_id, self._last_id, begun, sorted(self._busted)

    def state(self) -> TradesState:
        return TradesState(self._last_id, self._chain, list(self._block), list(self._trades.values()))

    def restore(self, state: TradesState) -> None:
        self._last_id = state.last_trade_id
        self._oldest_id = state.last_trade_id + 1 - len(state.trades)
        self._chain = state.chain
        self._block = list(state.block)
        self._trades = {kept.trade.trade_id: kept for kept in state.trades}
        self._busted = {trade_id: None for trade_id, kept in self._trades.items() if kept.busted}

    def audit(self, now_ns: int) -> None:
        """Assert that exactly the trades from the oldest to the last are kept, none too old. O(kept)."""
        assert list(self._trades) == list(range(self._oldest_id, self._last_id + 1))
        assert len(self._trades) <= MAXIMUM_REMEMBERED
        times = [kept.time_ns for kept in self._trades.values()]
        assert times == sorted(times)
        assert all(now_ns - REMEMBERED_NS < time_ns <= now_ns for time_ns in times)
        assert sorted(self._busted) == [trade_id for trade_id, kept in self._trades.items() if kept.busted]

    def _forget_oldest(self) -> None:
        del self._trades[self._oldest_id]
        self._busted.pop(self._oldest_id, None)
        self._oldest_id += 1


def refuse_unwinding(trade: TradeSettled, seller: Purse, ledger: Ledger, receipts: Receipts) -> str | None:
    """What stands against taking a trade back, in this order.

    `under_contract`: it has led to a contract, which ends by its own rules; `goods_moved`: not every receipt that the
    buyer got is there, whole, free and to be sold as what was traded; `funds_moved`: the seller has not the proceeds at
    hand, or the venue the fees. None where it can be done. O(lots).
    """
    if trade.contract_id is not None:
        return "under_contract"
    for _, receipt_id, kilograms in trade.lots:
        receipt = receipts.get(receipt_id)
        if receipt is None or receipt.state != "issued":
            return "goods_moved"
        if receipts.stock(receipt.lot_id).symbol != trade.symbol:
            return "goods_moved"
        if receipt.reserved_g or receipt.weight_g != kilograms * GRAMS:
            return "goods_moved"
    if trade.amount_fen - trade.seller_fee_fen > seller.total_fen - seller.reserved_fen:
        return "funds_moved"
    if trade.buyer_fee_fen + trade.seller_fee_fen > ledger.available(CASH, FEES):
        return "funds_moved"
    return None


def unwind(
    settled: SettledTrade,
    operator_id: int,
    reason: str,
    buyer: Purse,
    seller: Purse,
    ledger: Ledger,
    receipts: Receipts,
    time_ns: int,
    events: list[Any],
) -> None:
    """Take a trade back that `refuse_unwinding` has nothing against, and append what happened, in this order.

    `trade_busted`; `ledger_posted` with the linked transfers: both fees back, the price from seller to buyer, the goods
    lot by lot; `receipt_changed` of the buyer's receipt, which ends, and of the seller's new one, lot by lot. O(lots).
    """
    trade = settled.trade
    transfer = ledger.transfer
    transfers = []
    # The fees first: without them the seller might owe for a moment.
    if trade.seller_fee_fen:
        transfers.append(transfer(CASH, FEES, seller.account, trade.seller_fee_fen))
    if trade.buyer_fee_fen:
        transfers.append(transfer(CASH, FEES, buyer.account, trade.buyer_fee_fen))
    transfers.append(transfer(CASH, seller.account, buyer.account, trade.amount_fen))
    seller.total_fen -= trade.amount_fen - trade.seller_fee_fen
    buyer.total_fen += trade.amount_fen + trade.buyer_fee_fen

    held: Lots = []
    named = tuple(receipt_id for _, receipt_id, _ in trade.lots)
    refusal = receipts.reserve(trade.buyer_id, trade.symbol, trade.quantity, named, held)
    assert refusal is None, refusal
    returned = []
    changes: list[ReceiptChanged] = []
    for given, taken, kilograms, stock in receipts.deliver(held, trade.quantity, trade.seller_id, time_ns):
        transfers.append(transfer(stock.asset, buyer.account, seller.account, kilograms * GRAMS))
        returned.append((given.receipt_id, taken.receipt_id, kilograms))
        changes.append(ReceiptChanged("returned", receipt_message(given, stock)))
        changes.append(ReceiptChanged("returned", receipt_message(taken, stock)))
    events.append(
        TradeBusted(
            trade=trade,
            traded_sequence=settled.sequence,
            traded_ns=settled.time_ns,
            operator_id=operator_id,
            reason=reason,
            lots=tuple(returned),
        )
    )
    events.append(LedgerPosted("bust", trade.trade_id, tuple(transfers)))
    events.extend(changes)
