"""Books as a reader's messages make them: by level (`Book`), by order (`OrderBook`), and the offers that stand without
one (`Offers`).

Prices are integers in fen per kilogram, quantities in kilograms; bids stand best first, and so do asks.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from marketdata.depth import DepthSide, checksum
from marketdata.messages import (
    BookMessage,
    Level,
    LotRow,
    LotsMessage,
    LotsSnapshot,
    OrderRow,
    OrdersMessage,
    OrdersSnapshot,
)
from matching.messages import Side


class BookView(Struct, frozen=True, kw_only=True):
    """A book at one sequence: levels `(price, quantity, orders)`, best first. It does not change any more."""

    symbol: str
    sequence: int
    time_ns: int
    bids: list[Level]
    asks: list[Level]


class Book:
    """One instrument's book as the messages so far make it."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        self.time_ns = 0
        self._bids = DepthSide(1)
        self._asks = DepthSide(-1)

    def apply(self, message: BookMessage) -> bool:
        """Take in a message; says whether the checksum agrees. O(changes × log levels)."""
        if message.kind == "snapshot":
            self._bids, self._asks = DepthSide(1), DepthSide(-1)
        for price, quantity, orders in message.bids:
            self._bids.put(price, quantity, orders)
        for price, quantity, orders in message.asks:
            self._asks.put(price, quantity, orders)
        self.sequence, self.time_ns = message.sequence, message.time_ns
        return checksum(self.bids(10), self.asks(10)) == message.checksum

    def bids(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first."""
        return self._bids.best(count)

    def asks(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first."""
        return self._asks.best(count)

    def view(self, count: int | None = None) -> BookView:
        """The book as it is now, or its best `count` levels a side. O(levels)."""
        return BookView(
            symbol=self.symbol,
            sequence=self.sequence,
            time_ns=self.time_ns,
            bids=self.bids(count),
            asks=self.asks(count),
        )


class _Queues:
    """One side: level key → order → quantity, in the order of priority. Keys ascend towards the best price."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, dict[int, int]] = {}
        self.keys: list[int] = []

    def add(self, order: int, price: int, quantity: int) -> None:
        key = self.sign * price
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = {}
            insort(self.keys, key)
        level[order] = quantity

    def remove(self, order: int, price: int) -> None:
        key = self.sign * price
        level = self.levels[key]
        del level[order]
        if not level:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def best(self) -> Iterator[tuple[int, dict[int, int]]]:
        return ((self.sign * key, self.levels[key]) for key in reversed(self.keys))


class OrderBook:
    """One instrument's book order by order: who stands where in the queue of each price."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        self.time_ns = 0
        self._orders: dict[int, tuple[_Queues, int]] = {}
        self._bids = _Queues(1)
        self._asks = _Queues(-1)

    def apply(self, message: OrdersSnapshot | OrdersMessage) -> bool:
        """Take in a message; False where it does not fit what is known. O(log levels), of a snapshot O(orders).

        Several messages of one command share its sequence, and who goes on from the middle of them hears some again.
        To hear them again in order changes nothing in the end, so what does not fit is no fault there.
        """
        self.sequence, self.time_ns = message.sequence, message.time_ns
        if isinstance(message, OrdersSnapshot):
            self._orders, self._bids, self._asks = {}, _Queues(1), _Queues(-1)
            return all(self._add(row.order, row.side, row.price, row.quantity) for row in message.orders)
        if message.action == "add":
            fits = self._add(message.order, message.side, message.price, message.quantity)
        elif message.action == "change":
            fits = self._change(message.order, message.side, message.price, message.quantity)
        else:
            fits = self._remove(message.order)
        return fits or message.sequence == message.previous

    def _add(self, order: int, side: Side, price: int, quantity: int) -> bool:
        known = self._remove(order)
        queues = self._bids if side == "buy" else self._asks
        queues.add(order, price, quantity)
        self._orders[order] = (queues, price)
        return not known

    def _change(self, order: int, side: Side, price: int, quantity: int) -> bool:
        queues = self._bids if side == "buy" else self._asks
        if self._orders.get(order) != (queues, price):
            return False
        queues.levels[queues.sign * price][order] = quantity
        return True

    def _remove(self, order: int) -> bool:
        found = self._orders.pop(order, None)
        if found is None:
            return False
        found[0].remove(order, found[1])
        return True

    def __len__(self) -> int:
        return len(self._orders)

    def queue(self, side: Side, price: int) -> list[OrderRow]:
        """The orders of one price, the first to trade first. O(its orders)."""
        queues = self._bids if side == "buy" else self._asks
        level = queues.levels.get(queues.sign * price, {})
        return [OrderRow(order=order, side=side, price=price, quantity=kg) for order, kg in level.items()]

    def orders(self, side: Side) -> list[OrderRow]:
        """All of one side, best price first, then first come first. O(orders)."""
        queues = self._bids if side == "buy" else self._asks
        return [
            OrderRow(order=order, side=side, price=price, quantity=kg)
            for price, level in queues.best()
            for order, kg in level.items()
        ]

    def ahead_of(self, order: int) -> int | None:
        """Displayed kilograms that trade before this order: those of better prices, and at its own those before it.
        None where it does not stand in the book. O(orders that are better).
        """
        found = self._orders.get(order)
        if found is None:
            return None
        ahead = 0
        for _, level in found[0].best():
            for each, quantity in level.items():
                if each == order:
                    return ahead
                ahead += quantity
        raise AssertionError("an order stands in the level of its price")

    def bids(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first, as the channel `book` tells them. O(orders of those levels)."""
        return _summed(self._bids, count)

    def asks(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first, as the channel `book` tells them. O(orders of those levels)."""
        return _summed(self._asks, count)

    def view(self, count: int | None = None) -> BookView:
        """The levels as they are now, or the best `count` a side. O(orders)."""
        return BookView(
            symbol=self.symbol,
            sequence=self.sequence,
            time_ns=self.time_ns,
            bids=self.bids(count),
            asks=self.asks(count),
        )


class Offers:
    """What is offered of one instrument without a book: listings and one-way auctions."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        self.time_ns = 0
        self.standing: dict[int, LotRow] = {}
        """By id."""

    def apply(self, message: LotsSnapshot | LotsMessage) -> bool:
        """Take in a message; False where it does not fit what is known, repetitions as in `OrderBook` aside. O(1)."""
        self.sequence, self.time_ns = message.sequence, message.time_ns
        if isinstance(message, LotsSnapshot):
            self.standing = {lot.id: lot for lot in message.lots}
            return True
        lot = message.lot
        known = lot.id in self.standing
        if message.action == "remove":
            self.standing.pop(lot.id, None)
        else:
            self.standing[lot.id] = lot
        return known == (message.action != "add") or message.sequence == message.previous


def _summed(queues: _Queues, count: int | None) -> list[Level]:
    return [(price, sum(level.values()), len(level)) for price, level in islice(queues.best(), count)]
