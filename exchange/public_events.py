"""One command's events as the public market is told them (`marketdata.messages.MarketEvent`): without people and money.

Reports of orders come by number, but readers of single orders want to know who stands where. Mostly only the command's
own order joins a queue, and is reported last. Where stops were triggered, or tips of icebergs were used up and new ones
queued again, the order in which they joined is found in what happened (`_joined`).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from exchange.market_words import busted_trade
from marketdata.messages import MarketEvent, OrderAtMarket, OrderOnBook, PhaseExplained, TermsDefined
from matching.messages import (
    AmendOrder,
    AuctionUncrossed,
    DefineInstrument,
    InstrumentDefined,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    PhaseChanged,
    SelfTradePrevented,
    SetPhase,
    StopTriggered,
    TradeExecuted,
)
from settlement.messages import EnterOrder, ExecutionReport, TradeBusted

TipOf = Callable[[str, int], int]
"""What an order (symbol, number) showed in the book before the command; 0: nothing."""

_MEETS_A_COLLAR: Final = (EnterOrder, AmendOrder, SetPhase, DefineInstrument)


def market_events(command: Any, events: Sequence[Any], tip_of: TipOf) -> list[MarketEvent]:
    """In order, orders last. A definition is followed by its terms and the phase that it begins in, of which matching
    says nothing where it is the first. O(events).
    """
    told: list[MarketEvent] = []
    orders: list[OrderOnBook] = []
    lost: int | None = None
    sorts = icebergs = traded = False
    for event in events:
        kind = type(event)
        if kind is ExecutionReport:
            if event.via != "order":
                continue
            price = event.price
            if price is not None:
                shown = event.displayed
                orders.append(
                    OrderOnBook(
                        symbol=event.symbol,
                        order_id=event.order_id,
                        side=event.side,
                        price=price,
                        quantity=shown,
                        priority_lost=event.order_id == lost,
                        hidden=event.remaining - shown if shown else 0,
                    )
                )
                if shown and event.display_quantity is not None:
                    icebergs = True
            elif event.kind == "market":
                waits = event.status == "accepted" and event.time_in_force != "closing"
                told.append(
                    OrderAtMarket(
                        symbol=event.symbol,
                        order_id=event.order_id,
                        side=event.side,
                        quantity=event.remaining if waits else 0,
                    )
                )
        elif kind is TradeExecuted:
            told.append(event)
            traded = True
        elif kind is OrderAmended:
            if not event.priority_kept:
                lost = event.order_id
        elif kind is StopTriggered:
            sorts = True
        elif kind is PhaseChanged:
            told.append(event)
            reason = _reason(command, event)
            if reason is not None:
                told.append(PhaseExplained(symbol=event.symbol, reason=reason))
        elif kind is AuctionUncrossed:
            told.append(event)
        elif kind is InstrumentDefined:
            defined = command if isinstance(command, DefineInstrument) else DefineInstrument(event.symbol)
            told.append(event)
            told.append(
                TermsDefined(
                    symbol=event.symbol,
                    tick_size=defined.tick_size,
                    reference_price=defined.reference_price,
                    band=defined.band,
                )
            )
            if defined is command:
                told.append(PhaseChanged(symbol=event.symbol, phase=defined.phase))
        elif kind is TradeBusted:
            told.append(busted_trade(event))
    if (sorts or (icebergs and traded)) and orders:
        orders = _queued(orders, _joined(events, tip_of))
    told.extend(orders)
    return told


def _reason(command: Any, event: PhaseChanged) -> str | None:
    """Why nobody had to ask for the phase; none where the command did. The journal does not tell an operator from the
    timetable.
    """
    if isinstance(command, SetPhase | DefineInstrument) and (command.symbol, command.phase) == (
        event.symbol,
        event.phase,
    ):
        return None
    if event.phase == "auction" and isinstance(command, _MEETS_A_COLLAR):
        return "collar"
    return "no_goods" if event.phase == "closed" else "goods"


def _queued(orders: list[OrderOnBook], joined: dict[int, int]) -> list[OrderOnBook]:
    """Those that stay where they are, then those that have joined a queue, in the order in which they did."""
    stay = [order for order in orders if order.order_id not in joined]
    join = sorted((order for order in orders if order.order_id in joined), key=lambda order: joined[order.order_id])
    return stay + [
        OrderOnBook(
            symbol=order.symbol,
            order_id=order.order_id,
            side=order.side,
            price=order.price,
            quantity=order.quantity,
            priority_lost=True,
            hidden=order.hidden,
        )
        for order in join
    ]


class _Iceberg:
    """What is left of one and what of it is hidden, step by step through a command, as `matching` does it."""

    def __init__(self, report: ExecutionReport) -> None:
        self.symbol = report.symbol
        self.display = report.display_quantity or 0
        self.remaining = report.remaining
        self.hidden = 0

    def refresh(self) -> None:
        self.hidden = max(0, self.remaining - self.display)


def _joined(events: Sequence[Any], tip_of: TipOf) -> dict[int, int]:
    """The orders that have joined the back of a queue, and at which of the events they last did.

    An order that comes in, is triggered or loses its place trades first and then joins; those that it trades with are
    of the other side, so that its own event may stand for the moment. An iceberg joins again whenever its tip is used
    up, but for an uncross, which fills up all tips in place. What it had before the command is reckoned back from what
    it has after it. O(events).
    """
    joined: dict[int, int] = {}
    icebergs: dict[int, _Iceberg] = {}
    for event in events:
        if type(event) is ExecutionReport and event.via == "order" and event.display_quantity and event.displayed:
            icebergs[event.order_id] = _Iceberg(event)
    decremented = _decremented(events) if icebergs else {}
    for at, event in enumerate(events):
        if type(event) is TradeExecuted or at in decremented:
            for order_id in (event.buy_order_id, event.sell_order_id):
                if order_id in icebergs:
                    icebergs[order_id].remaining += event.quantity
    for order_id, iceberg in icebergs.items():
        iceberg.hidden = iceberg.remaining - tip_of(iceberg.symbol, order_id)
    incoming = 0
    for at, event in enumerate(events):
        kind = type(event)
        if kind is StopTriggered or kind is OrderAccepted or (kind is OrderAmended and not event.priority_kept):
            incoming = event.order_id
            joined[incoming] = at
            if incoming in icebergs:
                icebergs[incoming].refresh()
        elif kind is AuctionUncrossed:
            for iceberg in icebergs.values():
                if iceberg.symbol == event.symbol:
                    iceberg.refresh()
        elif icebergs and (kind is TradeExecuted or at in decremented):
            for order_id in (event.buy_order_id, event.sell_order_id):
                found = icebergs.get(order_id)
                if found is None:
                    continue
                found.remaining -= event.quantity
                if kind is SelfTradePrevented:
                    found.hidden = max(0, found.hidden - event.quantity)
                elif event.aggressor_side is None:
                    found.hidden = min(found.hidden, found.remaining)
                elif order_id != incoming and found.hidden and found.remaining <= found.hidden:
                    found.refresh()
                    joined[order_id] = at
                if order_id == incoming:
                    found.refresh()
    return joined


def _decremented(events: Sequence[Any]) -> dict[int, None]:
    """Where self trades were prevented by taking the quantity off both orders: the cancel that follows is of 0."""
    found: dict[int, None] = {}
    prevented: int | None = None
    for at, event in enumerate(events):
        if type(event) is SelfTradePrevented:
            prevented = at
        elif type(event) is OrderCancelled and prevented is not None:
            if not event.quantity:
                found[prevented] = None
            prevented = None
    return found
