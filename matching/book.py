"""One side of a book: its price levels, best first.

    bids            asks
key   price     key   price
-99      99     101     101      keys grow away from the touch on both sides,
-98      98     102     102      so one piece of code serves buyers and sellers
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from matching.order import Order, Queue

FEW: Final = 64
"""So many levels may stand empty without a look at whether they are too many."""


class Ladder:
    """Queues by price, the best of them at hand: an order that joins a price already there touches no index.

    `keys` is a heap of the levels' keys. A level that becomes empty stays where it is until it surfaces at the top of
    the heap, or until empty levels outnumber the others: orders often come back to it, and a heap gives up nothing but
    its top. `empty` counts those that stay.
    """

    __slots__ = ("best", "empty", "keys", "kind", "levels", "sign")

    def __init__(self, kind: int, sign: int) -> None:
        self.kind = kind
        self.sign = sign
        """+1 where the lowest price comes first, -1 where the highest does."""
        self.levels: dict[int, Queue] = {}
        self.keys: list[int] = []
        self.empty = 0
        self.best: Queue | None = None

    def join(self, order: Order, price: int) -> None:
        """Add the order at the back of its price. O(1) if others stand there, else O(log levels)."""
        level = self.levels.get(price)
        if level is None or level.head is None:
            level = self.begin(price, level)
        level.append(order)

    def begin(self, price: int, level: Queue | None) -> Queue:
        """The level of a price at which nobody stands, for an order that joins it at once. O(log levels).

        `level` is what stayed of it when it became empty, if it did.
        """
        if level is None:
            level = self.levels[price] = Queue(self.kind, price, price * self.sign, self)
            heappush(self.keys, level.key)
        else:
            self.empty -= 1
        best = self.best
        if best is None or level.key < best.key:
            self.best = level
        return level

    def drop(self, level: Queue) -> None:
        """Take note that a level has become empty. O(log levels) amortised: what is forgotten had once begun."""
        self.empty += 1
        if level is self.best:
            self._surface()
        if self.empty > FEW and self.empty * 2 > len(self.keys):
            self._sweep()

    def _surface(self) -> None:
        """Find the new best level, forgetting the empty ones before it."""
        keys, levels, sign = self.keys, self.levels, self.sign
        while keys:
            best = levels[keys[0] * sign]
            if best.head is not None:
                self.best = best
                return
            heappop(keys)
            del levels[best.price]
            self.empty -= 1
        self.best = None

    def _sweep(self) -> None:
        """Forget all empty levels. O(levels)."""
        levels = self.levels
        for level in [level for level in levels.values() if level.head is None]:
            del levels[level.price]
        self.keys = [level.key for level in levels.values()]
        heapify(self.keys)
        self.empty = 0

    def __iter__(self) -> Iterator[Queue]:
        """The levels, best first. O(log levels) each: the heap is gone down no further than is asked for."""
        keys, levels, sign = self.keys, self.levels, self.sign
        near = [(keys[0], 0)] if keys else []
        while near:
            key, place = heappop(near)
            level = levels[key * sign]
            if level.head is not None:
                yield level
            for child in (2 * place + 1, 2 * place + 2):
                if child < len(keys):
                    heappush(near, (keys[child], child))

    def orders(self) -> Iterator[Order]:
        """All orders, best price first, then in priority. O(orders)."""
        for level in self:
            yield from level.orders()

    def audit(self) -> None:
        """Assert that index, cached best and levels agree; for tests. O(orders)."""
        standing = list(self)
        assert standing == sorted(standing, key=_key)
        assert self.best is (standing[0] if standing else None)
        assert sorted(self.keys) == sorted(level.key for level in self.levels.values())
        assert self.empty == len(self.levels) - len(standing)
        assert self.empty <= FEW or self.empty * 2 <= len(self.levels)
        for price, level in self.levels.items():
            assert level.price == price
            assert level.key == price * self.sign
            assert level.kind == self.kind
            assert level.ladder is self
            level.audit()


def _key(level: Queue) -> int:
    return level.key
