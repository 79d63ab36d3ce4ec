"""Streams that tell every change singly, in every lane: the orders in a book, and what is offered without one.

A command may have several messages. In a slower lane they wait for the tick, and then leave in one go, each with the
sequence of its own command.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from marketdata.candles import DAY_NS
from marketdata.depth import OrderChange
from marketdata.messages import (
    Action,
    DataMessage,
    LotRow,
    LotsMessage,
    LotsSnapshot,
    Offer,
    OrderRow,
    OrdersMessage,
    OrdersSnapshot,
)
from marketdata.streams import ROWS_A_REQUEST, InstrumentStream
from matching.messages import Side

if TYPE_CHECKING:
    from marketdata.feed import Feed
    from marketdata.instrument import Instrument

WAITING: Final = 4_096
"""Changes that may wait for a lane's tick; where there are more it gets a snapshot."""


class SeriesStream(InstrumentStream):
    """What all such streams do: keep what each command changed until it is told."""

    renews = True

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument, lane)
        self._waiting: list[tuple[int, int, list[Any]]] = []
        self._count = 0
        self._anew = False

    @abstractmethod
    def changes(self) -> list[Any]:
        """What the command under way has changed, one thing a message."""

    @abstractmethod
    def told(self, change: Any, previous: int) -> DataMessage:
        """The message that tells it; `sequence` and `time_ns` are set already."""

    def gather(self) -> None:
        """`command` does."""

    def command(self, sequence: int, time_ns: int) -> None:
        if not self._anew:
            changes = self.changes()
            if changes:
                self.pending = True
                self._waiting.append((sequence, time_ns, changes))
                self._count += len(changes)
                if self.lane and self._count > WAITING:
                    self.begin_anew()
        if self.pending and not self.lane:
            self.release(sequence, time_ns)

    def begin_anew(self) -> None:
        """Tell a snapshot in place of what is waiting."""
        self.pending = self._anew = True
        self._waiting, self._count = [], 0

    def release(self, sequence: int, time_ns: int) -> None:
        if not self.pending:
            return
        self.pending = False
        if self._anew:
            self._anew = False
            self.sequence, self.time_ns = sequence, time_ns
            self.emit(self.whole())
            return
        waiting, self._waiting, self._count = self._waiting, [], 0
        for at, time_then_ns, changes in waiting:
            for change in changes:
                previous, self.sequence, self.time_ns = self.sequence, at, time_then_ns
                self.emit(self.told(change, previous))


class OrdersStream(SeriesStream):
    """The book by order. Dark in an auction as the book is: an empty snapshot, then nothing until the uncross."""

    channel = "orders"

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument, lane)
        self._dark = instrument.dark
        self._followed = instrument.depth
        self._followed.follow(True)

    def command(self, sequence: int, time_ns: int) -> None:
        if self.instrument.dark is not self._dark:
            self._dark = self.instrument.dark
            self.begin_anew()
        super().command(sequence, time_ns)

    def changes(self) -> list[OrderChange]:
        return [] if self._dark else self._followed.changed or []

    def told(self, change: OrderChange, previous: int) -> DataMessage:
        action, order_id, bid, price, quantity = change
        return OrdersMessage(
            channel="orders",
            symbol=self.symbol,
            kind="delta",
            sequence=self.sequence,
            previous=previous,
            time_ns=self.time_ns,
            action=action,
            order=order_id,
            side="buy" if bid else "sell",
            price=price,
            quantity=quantity,
        )

    def whole(self) -> DataMessage:
        rows: list[OrderRow] = []
        if not self._dark:
            sides: tuple[Side, ...] = ("buy", "sell")
            for side in sides:
                rows += [
                    OrderRow(order=order_id, side=side, price=price, quantity=quantity)
                    for order_id, price, quantity in self._followed.queue(side == "buy")
                ]
        return OrdersSnapshot(**self.head("snapshot", None), orders=rows)

    def weight(self) -> int:
        return 1 + len(self._followed.orders) // ROWS_A_REQUEST

    def end(self) -> None:
        if not any(isinstance(stream, OrdersStream) for stream in self.instrument.streams if stream is not self):
            self._followed.follow(False)


class LotsStream(SeriesStream):
    """What is offered without a book: listings and one-way auctions."""

    channel = "lots"

    def changes(self) -> list[tuple[Action, Offer]]:
        found: list[tuple[Action, Offer]] = []
        for before, offer in self.instrument.new_offers:
            if offer.remaining:
                found.append(("add" if before is None else "change", offer))
            elif before is not None:
                found.append(("remove", offer))
        return found

    def told(self, change: tuple[Action, Offer], previous: int) -> DataMessage:
        action, offer = change
        return LotsMessage(**self.head("delta", previous), action=action, lot=lot_row(offer, self.time_ns))

    def whole(self) -> DataMessage:
        offers = [offer for _, offer in sorted(self.instrument.offers.items())]
        return LotsSnapshot(
            **self.head("snapshot", None), lots=[lot_row(offer, self.feed.clock_ns) for offer in offers]
        )

    def weight(self) -> int:
        return 1 + len(self.instrument.offers) // ROWS_A_REQUEST


def lot_row(offer: Offer, time_ns: int) -> LotRow:
    """The offer as it is told at a moment."""
    green_days = None if offer.green_until_ns is None else max(0, offer.green_until_ns - time_ns) // DAY_NS
    return LotRow(**asdict(offer), green_days=green_days)
