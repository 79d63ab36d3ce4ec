"""The book as readers see it: levels built order by order, the windows that streams show of it, and its checksum.

A level's key is its price for bids and its negated price for asks, so that on both sides the keys ascend towards the
best price. They stand in a plain sorted list: most changes happen near the best price, which is the end of the list,
where inserting moves next to nothing.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import islice
from zlib import crc32

from marketdata.messages import Action, Level, OrderOnBook

Touched = dict[int, tuple[int, int]]
"""Level key → quantity and orders before the first change; `(0, 0)` where there was no level."""


OrderState = tuple[int, bool, int, int, int]
"""`order_id`, whether it is a bid, level key, displayed and hidden quantity."""

OrderChange = tuple[Action, int, bool, int, int]
"""What happened to an order, its id, whether it is a bid, its price, and what it shows now."""


class DepthSide:
    """One side of the book."""

    __slots__ = ("keys", "levels", "sign", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, list[int]] = {}
        """Level key → `[quantity, orders]`."""
        self.keys: list[int] = []
        """Ascending, so the best is last."""
        self.touched: Touched = {}

    def change(self, key: int, quantity: int, orders: int) -> None:
        """Add to a level, or take from it. O(log levels), and a move of what is better than a level that comes or
        goes.
        """
        level = self.levels.get(key)
        if level is None:
            if key not in self.touched:
                self.touched[key] = (0, 0)
            self.levels[key] = [quantity, orders]
            insort(self.keys, key)
            return
        if key not in self.touched:
            self.touched[key] = (level[0], level[1])
        level[0] += quantity
        level[1] += orders
        if not level[1]:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def put(self, price: int, quantity: int, orders: int) -> None:
        """Make a level what a message says it is; quantity 0 takes it away. For readers: it notes nothing. O(log
        levels).
        """
        key = self.sign * price
        level = self.levels.get(key)
        if level is not None:
            if quantity:
                level[0], level[1] = quantity, orders
            else:
                del self.levels[key]
                del self.keys[bisect_left(self.keys, key)]
        elif quantity:
            self.levels[key] = [quantity, orders]
            insort(self.keys, key)

    def best(self, count: int | None) -> list[Level]:
        """The best levels, best first. O(count)."""
        sign, levels = self.sign, self.levels
        keys = reversed(self.keys)
        return [(sign * key, *levels[key]) for key in (keys if count is None else islice(keys, count))]  # type: ignore[misc]

    def top(self) -> tuple[int, int] | None:
        """Best price and its quantity. O(1)."""
        if not self.keys:
            return None
        key = self.keys[-1]
        return self.sign * key, self.levels[key][0]

    def edge(self, size: int | None) -> int | None:
        """The key of the last level inside a window, or none where the window shows all there is. O(1)."""
        return self.keys[-size] if size is not None and len(self.keys) > size else None

    def changes(self, touched: Touched, old_edge: int | None, new_edge: int | None) -> list[Level]:
        """What a reader of a window must apply, best first, so as to see it as it is now. O(touched + levels that
        moved across).

        `touched` holds what levels were when the reader saw `old_edge`. A level that enters is told, one that leaves
        gets quantity 0.
        """
        changes: list[tuple[int, int, int]] = []
        levels = self.levels
        for key, before in touched.items():
            level = levels.get(key)
            was = before[1] > 0 and (old_edge is None or key >= old_edge)
            if level is not None and (new_edge is None or key >= new_edge):
                if not was or level[0] != before[0] or level[1] != before[1]:
                    changes.append((key, level[0], level[1]))
            elif was:
                changes.append((key, 0, 0))
        if old_edge != new_edge:
            if old_edge is not None and (new_edge is None or new_edge < old_edge):
                for key in self._between(new_edge, old_edge):
                    if key not in touched:
                        changes.append((key, *levels[key]))  # type: ignore[arg-type]
            else:
                assert new_edge is not None
                for key in self._between(old_edge, new_edge):
                    if key not in touched:
                        changes.append((key, 0, 0))
        if len(changes) > 1:
            changes.sort(reverse=True)
        if self.sign < 0:
            return [(-key, quantity, orders) for key, quantity, orders in changes]
        return changes

    def _between(self, low: int | None, high: int) -> list[int]:
        keys = self.keys
        return keys[0 if low is None else bisect_left(keys, low) : bisect_left(keys, high)]


class Depth:
    """The displayed book of one instrument, by order and by level.

    The dictionary of orders is in priority order within each level: an order that loses its place is put in again at
    the end.
    """

    __slots__ = ("_checksum", "asks", "bids", "changed", "hidden", "orders")

    def __init__(self) -> None:
        self.bids = DepthSide(1)
        self.asks = DepthSide(-1)
        self.orders: dict[int, tuple[DepthSide, int, int]] = {}
        """`order_id` → side, level key, displayed quantity."""
        self.hidden: dict[int, int] = {}
        """`order_id` → kilograms behind what is displayed, of those that have some."""
        self.changed: list[OrderChange] | None = None
        """What the command under way did to single orders, where somebody wants to know (`follow`)."""
        self._checksum: int | None = None

    def apply(self, event: OrderOnBook) -> None:
        """Show what the order shows now. O(log levels)."""
        orders = self.orders
        order_id = event.order_id
        quantity = event.quantity
        if event.side == "buy":
            side, key = self.bids, event.price
        else:
            side, key = self.asks, -event.price
        self._checksum = None
        if event.hidden:
            self.hidden[order_id] = event.hidden
        elif self.hidden:
            self.hidden.pop(order_id, None)
        before = orders.get(order_id)
        if self.changed is not None:
            self._note(self.changed, event, side, key, before)
        if before is not None:
            if quantity > 0 and before[1] == key and before[0] is side:
                side.change(key, quantity - before[2], 0)
                if event.priority_lost:
                    del orders[order_id]
                orders[order_id] = (side, key, quantity)
                return
            del orders[order_id]
            before[0].change(before[1], -before[2], -1)
        if quantity > 0:
            side.change(key, quantity, 1)
            orders[order_id] = (side, key, quantity)

    def state(self) -> list[OrderState]:
        """What stands in the book, in its order. O(orders)."""
        bids = self.bids
        hidden = self.hidden
        return [
            (order_id, side is bids, key, quantity, hidden.get(order_id, 0))
            for order_id, (side, key, quantity) in self.orders.items()
        ]

    def restore(self, orders: Iterable[OrderState]) -> None:
        """Put into an empty book what `state` gave. O(n log levels)."""
        bids, asks = self.bids, self.asks
        for order_id, is_bid, key, quantity, hidden in orders:
            side = bids if is_bid else asks
            side.change(key, quantity, 1)
            self.orders[order_id] = (side, key, quantity)
            if hidden:
                self.hidden[order_id] = hidden
        self.settle()

    def settle(self) -> None:
        """Forget what was touched: everyone who had to know has been told."""
        if self.changed:
            self.changed = []
        if self.bids.touched:
            self.bids.touched = {}
        if self.asks.touched:
            self.asks.touched = {}

    def follow(self, wanted: bool) -> None:
        """Note from now on what happens to single orders, or do not. Between commands."""
        self.changed = [] if wanted else None

    def queue(self, bids: bool) -> list[tuple[int, int, int]]:
        """`(order_id, price, displayed)` of a side in priority order. O(n log n)."""
        of = self.bids if bids else self.asks
        found = [(key, order_id, quantity) for order_id, (side, key, quantity) in self.orders.items() if side is of]
        found.sort(key=_key, reverse=True)  # It keeps the order of equals, also in reverse.
        return [(order_id, of.sign * key, quantity) for key, order_id, quantity in found]

    def whole(self, bids: bool) -> list[tuple[int, int]]:
        """`(price, kilograms)` of a side, hidden ones included, in no order. O(levels + icebergs)."""
        of = self.bids if bids else self.asks
        sums = {key: level[0] for key, level in of.levels.items()}
        for order_id, hidden in self.hidden.items():
            side, key, _ = self.orders[order_id]
            if side is of:
                sums[key] += hidden
        return [(of.sign * key, quantity) for key, quantity in sums.items()]

    def checksum(self) -> int:
        """That of the best ten levels a side; computed once a change. O(1)."""
        if self._checksum is None:
            self._checksum = checksum(self.bids.best(10), self.asks.best(10))
        return self._checksum

    def _note(
        self,
        changed: list[OrderChange],
        event: OrderOnBook,
        side: DepthSide,
        key: int,
        before: tuple[DepthSide, int, int] | None,
    ) -> None:
        order_id, quantity, bid = event.order_id, event.quantity, side is self.bids
        if before is None:
            if quantity:
                changed.append(("add", order_id, bid, event.price, quantity))
            return
        stays = quantity > 0 and before[1] == key and before[0] is side and not event.priority_lost
        if not stays:
            changed.append(("remove", order_id, before[0] is self.bids, before[0].sign * before[1], 0))
            if quantity:
                changed.append(("add", order_id, bid, event.price, quantity))
        elif quantity != before[2]:
            changed.append(("change", order_id, bid, event.price, quantity))

    def draw(self) -> str:
        """The book as text, best first, for tests and for people: `price quantity/orders`."""
        lines = [f"ask {price} {quantity}/{orders}" for price, quantity, orders in reversed(self.asks.best(None))]
        lines += [f"bid {price} {quantity}/{orders}" for price, quantity, orders in self.bids.best(None)]
        return "\n".join(lines)

    def check(self) -> None:
        """Levels are what the orders add up to. O(orders + levels)."""
        assert self.hidden.keys() <= self.orders.keys()
        for side in (self.bids, self.asks):
            levels: dict[int, list[int]] = {}
            for of, key, quantity in self.orders.values():
                if of is side:
                    assert quantity > 0
                    level = levels.setdefault(key, [0, 0])
                    level[0] += quantity
                    level[1] += 1
            assert levels == side.levels
            assert side.keys == sorted(side.levels)


def _key(found: tuple[int, int, int]) -> int:
    return found[0]


def checksum(bids: list[Level], asks: list[Level]) -> int:
    """CRC-32 of the best ten asks, a bar, the best ten bids, each level `price:quantity`, joined by commas.

    Both lists come best first and may be longer than ten.
    """
    text = "{}|{}".format(
        ",".join([f"{price}:{quantity}" for price, quantity, _ in asks[:10]]),
        ",".join([f"{price}:{quantity}" for price, quantity, _ in bids[:10]]),
    )
    return crc32(text.encode("ascii"))


EMPTY_CHECKSUM = checksum([], [])
"""What an empty book has."""
