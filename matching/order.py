"""A live order, and the queue in which it waits its turn."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from matching.messages import PlaceOrder

if TYPE_CHECKING:
    from matching.book import Ladder

# Where a live order waits. Exactly one queue holds it at any time.
BOOK: Final = 0
"""A price level of the book: seen by all, met by incoming orders."""
STOPS: Final = 1
"""A stop price: unseen, until the last trade reaches it."""
MARKET: Final = 2
"""Market orders of a side that wait for an uncross."""
CLOSING: Final = 3
"""Orders for the uncross into `closed`, both sides."""

OrderId: TypeAlias = Any
"""An integer that is only handed on, to indices and events. Of an `int` mypyc keeps the value alone, so that handing it
on would make a new object each time."""


class Order:
    """A live order; what no command can change is read from its `terms`.

    `terms` is the command that placed it, or, for a plain limit order, what all plain ones of its instrument and side
    have in common: a shared command without ids, price and quantity (see `Instrument.plain_buy`), so those are read
    from the order alone. Sharing spares each resting order the memory of its command, and each cancel a look at it.

    `remaining` is all that is not filled, `hidden` the part of it that the book does not show, so an order's tip is
    `remaining - hidden`. `quantity` is the total: `quantity - remaining` is filled. `display` is 0 for an order that
    shows all of itself. `stamp` grows with every loss of priority: within a queue, orders stand in ascending stamp.

    It has no `__init__`, since the interpreter takes twice as long over one as over the assignments: see `new_order`.
    """

    __slots__ = (
        "buy",
        "display",
        "hidden",
        "next",
        "order_id",
        "participant_id",
        "previous",
        "price",
        "quantity",
        "queue",
        "remaining",
        "stamp",
        "terms",
    )

    order_id: OrderId
    participant_id: int
    buy: bool
    price: int | None
    quantity: int
    remaining: int
    hidden: int
    display: int
    stamp: int
    terms: PlaceOrder
    queue: "Queue | None"
    previous: "Order | None"
    next: "Order | None"


def new_order(command: PlaceOrder, stamp: int) -> Order:
    """The order that the command places, in no queue yet. O(1)."""
    order = Order()
    order.order_id = command.order_id
    order.participant_id = command.participant_id
    order.buy = command.side == "buy"
    order.price = command.price
    order.quantity = order.remaining = command.quantity
    order.hidden = 0
    order.display = command.display_quantity or 0
    order.stamp = stamp
    order.terms = command
    order.queue = None
    order.previous = None
    order.next = None
    return order


class Queue:
    """Orders in time priority, first in, first out: an intrusive list, so that any order leaves in O(1).

    For a price level `key` is the price, negated where the highest comes first, so that on either side a smaller key is
    a better price. `quantity` sums what the orders show, `hidden` what they do not.
    """

    __slots__ = ("count", "head", "hidden", "key", "kind", "ladder", "price", "quantity", "tail")

    def __init__(self, kind: int, price: int, key: int, ladder: "Ladder | None" = None) -> None:
        self.kind = kind
        self.ladder = ladder
        self.price = price
        self.key = key
        self.quantity = 0
        self.hidden = 0
        self.count = 0
        self.head: Order | None = None
        self.tail: Order | None = None

    def append(self, order: Order) -> None:
        """Join at the back. O(1)."""
        tail = self.tail
        order.queue = self
        if tail is None:
            self.head = order
        else:
            order.previous = tail
            tail.next = order
        self.tail = order
        hidden = order.hidden
        self.quantity += order.remaining - hidden
        self.hidden += hidden
        self.count += 1

    def remove(self, order: Order) -> None:
        """Leave, from wherever in the queue. O(1)."""
        previous, following = order.previous, order.next
        if previous is None:
            self.head = following
        else:
            previous.next = following
            order.previous = None
        if following is None:
            self.tail = previous
        else:
            following.previous = previous
            order.next = None
        order.queue = None
        hidden = order.hidden
        self.quantity -= order.remaining - hidden
        self.hidden -= hidden
        self.count -= 1

    def leave(self, order: Order) -> None:
        """Leave; an empty price level leaves its ladder too. O(1), O(log levels) for the last of a level."""
        self.remove(order)
        if self.head is None and self.ladder is not None:
            self.ladder.drop(self)

    def resize(self, order: Order, remaining: int, hidden: int) -> None:
        """Change what an order of this queue has left, in place. O(1)."""
        self.quantity += (remaining - hidden) - (order.remaining - order.hidden)
        self.hidden += hidden - order.hidden
        order.remaining = remaining
        order.hidden = hidden

    def orders(self) -> "list[Order]":
        """In priority order. O(orders)."""
        found = []
        order = self.head
        while order is not None:
            found.append(order)
            order = order.next
        return found

    def audit(self) -> None:
        """Assert that links, sums and priorities agree; for tests. O(orders)."""
        orders = self.orders()
        assert self.count == len(orders)
        assert self.head is (orders[0] if orders else None)
        assert self.tail is (orders[-1] if orders else None)
        assert all(order.queue is self for order in orders)
        assert all(order.previous is before for before, order in zip([None, *orders], orders, strict=False))
        assert all(before.stamp < order.stamp for before, order in pairwise(orders))
        assert self.quantity == sum(order.remaining - order.hidden for order in orders)
        assert self.hidden == sum(order.hidden for order in orders)
        for order in orders:
            assert 0 <= order.hidden < order.remaining <= order.quantity
            assert order.hidden == 0 or (self.kind == BOOK and order.display)
