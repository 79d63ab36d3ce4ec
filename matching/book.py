"""One side of a book: its price levels, best first.

    bids            asks
key   price     key   price
-99      99     101     101      keys grow away from the touch on both sides,
-98      98     102     102      so one piece of code serves buyers and sellers
"""

from collections.abc import Callable, Iterator

from sortedcontainers import SortedDict

from matching.order import Order, Queue


class Ladder:
    """Queues by price, the best of them cached: an order that joins a price already there touches no index."""

    __slots__ = ("best", "find", "kind", "levels", "sign")

    def __init__(self, kind: int, sign: int) -> None:
        self.kind = kind
        self.sign = sign
        """+1 where the lowest price comes first, -1 where the highest does."""
        self.levels: SortedDict[int, Queue] = SortedDict()
        # The level of a key, or None: a lookup that the hot path need not make through the dict's subclass.
        self.find: Callable[[int], Queue | None] = self.levels.get
        self.best: Queue | None = None

    def join(self, order: Order, price: int) -> None:
        """Add the order at the back of its price. O(1) if the price is there, else O(log levels)."""
        key = price * self.sign
        level = self.find(key)
        if level is None:
            level = self.begin(price, key)
        level.append(order)

    def begin(self, price: int, key: int) -> Queue:
        """A new, empty level, for an order that joins it at once. O(log levels)."""
        level = self.levels[key] = Queue(self.kind, price, key, self)
        best = self.best
        if best is None or key < best.key:
            self.best = level
        return level

    def drop(self, level: Queue) -> None:
        """Forget a level that has become empty. O(log levels)."""
        levels = self.levels
        del levels[level.key]
        if level is self.best:
            self.best = levels.peekitem(0)[1] if levels else None

    def __iter__(self) -> Iterator[Queue]:
        return iter(self.levels.values())

    def orders(self) -> Iterator[Order]:
        """All orders, best price first, then in priority. O(orders)."""
        for level in self.levels.values():
            yield from level.orders()

    def audit(self) -> None:
        """Assert that index, cached best and levels agree; for tests. O(orders)."""
        assert self.best is (self.levels.peekitem(0)[1] if self.levels else None)
        for key, level in self.levels.items():
            assert level.key == key == level.price * self.sign
            assert level.kind == self.kind
            assert level.ladder is self
            assert level.head is not None
            level.audit()
