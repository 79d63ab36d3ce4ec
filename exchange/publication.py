"""What leaves the venue after a commit: settlement's and matching's events, told in the feed's words."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from exchange.engine import Engine
from exchange.offered_lots import HEARD, OFFERED, Goods, OfferedLots
from exchange.protocol import Entry
from exchange.public_events import market_events
from marketdata.feed import Feed, FeedState
from marketdata.messages import AccountChange
from settlement.messages import CASH, BalanceChanged, ExecutionReport, ReceiptChanged, TradeBusted, TradeSettled
from settlement.queries import LIVE_ORDERS, Fill
from web.account_views import balance_of, order_of

ENDED_ORDERS: Final = 10_000
"""Ended orders that are kept, the last ones: so many the database may be behind before they cannot be shown."""

_encode = msgspec.msgpack.Encoder().encode


class PublicationState(Struct, frozen=True, array_like=True):
    """What published batches leave behind, canonical; live orders are the engine's."""

    last_order_id: int
    ended: list[ExecutionReport]
    balances: list[list[BalanceChanged]]
    feed: FeedState
    goods: list[Goods]


class Publication:
    """Tells the feed of committed batches, command by command: the market first, then everybody his own.

    It keeps what everybody's account looked like after the last published command, because the engine may already be a
    batch ahead, and nobody is shown what is not committed.
    """

    name: Final = "publication"

    def __init__(self) -> None:
        self.feed = Feed(account_snapshot=self.account_snapshot)
        self._lots = OfferedLots(self.feed)
        self.last_order_id = 0
        """The engine numbers orders consecutively, and reports each: a greater number was never given."""
        self._orders: dict[int, dict[int, ExecutionReport]] = {}
        self._ended: dict[int, ExecutionReport] = {}
        self._balances: dict[int, dict[str, BalanceChanged]] = {}

    def publish(self, entry: Entry) -> None:
        """O(events)."""
        feed, lots, time_ns, balances = self.feed, self._lots, entry.time_ns, self._balances
        for sequence, (command, events) in enumerate(
            zip(entry.commands, entry.events, strict=True), entry.first_sequence
        ):
            event: Any
            for event in events:
                kind = type(event)
                if kind is ExecutionReport:
                    self._keep_order(event)
                    if event.via in OFFERED:
                        lots.hear_report(command, event, time_ns)
                elif kind is BalanceChanged:
                    held = balances.get(event.participant_id)
                    if held is None:
                        balances[event.participant_id] = {event.asset: event}
                    else:
                        held[event.asset] = event
                elif kind is ReceiptChanged:
                    lots.hear_receipt(event)
                elif kind in HEARD:
                    lots.hear(event)
            public = market_events(command, events, feed.shown)
            public.extend(lots.changes())
            feed.publish(sequence, time_ns, public)
            if feed.tells_accounts:
                for participant_id, changes in account_changes(events, sequence, time_ns).items():
                    feed.publish_account(participant_id, sequence, time_ns, changes)

    hear = publish
    """A publication is a witness of what the journal holds (`exchange.recovery`)."""

    def state(self) -> bytes:
        """All that is to be shown of what was published, the same for the same batches. O(what is kept)."""
        balances = [
            [changed[asset] for asset in sorted(changed)] for _, changed in sorted(self._balances.items()) if changed
        ]
        return _encode(
            PublicationState(
                self.last_order_id, list(self._ended.values()), balances, self.feed.state(), self._lots.state()
            )
        )

    def restore(self, state: bytes, engine: Engine) -> None:
        """Put back what `state` gave; the engine stands where it was taken. Before anyone reads.

        Raises ValueError, and has changed nothing, on the state of another release's publication.
        """
        decoded = msgspec.msgpack.decode(state, type=PublicationState)
        self.feed.restore(decoded.feed)
        self.last_order_id = decoded.last_order_id
        self._ended = {report.order_id: report for report in decoded.ended}
        self._balances = {
            changed[0].participant_id: {each.asset: each for each in changed} for changed in decoded.balances
        }
        self._orders = {
            participant.participant_id: {
                order.order_id: order for order in engine.live_orders(participant.participant_id)
            }
            for participant in engine.participants()
        }
        self._lots.restore(decoded.goods, engine)

    def ended_order(self, order_id: int) -> ExecutionReport | None:
        """One of the last `ENDED_ORDERS` that were filled, cancelled, rejected or expired, as last reported."""
        return self._ended.get(order_id)

    def account_snapshot(self, participant_id: int) -> dict[str, Any]:
        """What the `account` channel begins with: own live orders, and balances with cash first."""
        balances = self._balances.get(participant_id, {})
        assets = sorted(balances, key=lambda asset: (asset != CASH, asset))
        return {
            "orders": [order_of(report) for _, report in sorted(self._orders.get(participant_id, {}).items())],
            "balances": [balance_of(asset, balances[asset].total, balances[asset].reserved) for asset in assets],
        }

    def _keep_order(self, report: ExecutionReport) -> None:
        order_id = report.order_id
        self.last_order_id = max(self.last_order_id, order_id)
        orders = self._orders.setdefault(report.participant_id, {})
        if report.status in LIVE_ORDERS:
            orders[order_id] = report
            return
        orders.pop(order_id, None)
        self._ended[order_id] = report
        if len(self._ended) > ENDED_ORDERS:
            del self._ended[next(iter(self._ended))]


def account_changes(events: Iterable[object], sequence: int, time_ns: int) -> Mapping[int, list[AccountChange]]:
    """One command's events by whom they concern: fills, then orders, then balances, as they came."""
    changes: dict[int, list[AccountChange]] = {}
    for event in events:
        if isinstance(event, ExecutionReport):
            changes.setdefault(event.participant_id, []).append(AccountChange(order=order_of(event)))
        elif isinstance(event, BalanceChanged):
            balance = balance_of(event.asset, event.total, event.reserved)
            changes.setdefault(event.participant_id, []).append(AccountChange(balance=balance))
        elif isinstance(event, TradeSettled):
            for fill in fills_of(event, sequence, time_ns):
                changes.setdefault(fill.participant_id, []).append(AccountChange(fill=fill))
        elif isinstance(event, TradeBusted):
            for fill in fills_of(event.trade, event.traded_sequence, event.traded_ns, busted=True):
                changes.setdefault(fill.participant_id, []).append(AccountChange(fill=fill))
    return changes


def fills_of(trade: TradeSettled, sequence: int, time_ns: int, *, busted: bool = False) -> tuple[Fill, Fill]:
    """The seller's side of a trade, with the receipts that he gave, and the buyer's, with those that he got."""
    seller = Fill(
        trade_id=trade.trade_id,
        order_id=trade.sell_order_id,
        participant_id=trade.seller_id,
        symbol=trade.symbol,
        side="sell",
        price=trade.price,
        quantity=trade.quantity,
        fee_fen=trade.seller_fee_fen,
        lots=[(given, quantity) for given, _, quantity in trade.lots],
        sequence=sequence,
        time_ns=time_ns,
        busted=busted,
    )
    buyer = Fill(
        trade_id=trade.trade_id,
        order_id=trade.buy_order_id,
        participant_id=trade.buyer_id,
        symbol=trade.symbol,
        side="buy",
        price=trade.price,
        quantity=trade.quantity,
        fee_fen=trade.buyer_fee_fen,
        lots=[(taken, quantity) for _, taken, quantity in trade.lots],
        sequence=sequence,
        time_ns=time_ns,
        busted=busted,
    )
    return seller, buyer
