"""The market: all instruments and their live orders, changed by commands alone."""

from collections.abc import Iterator

from matching.messages import Command, Event, PlaceOrder, Side
from matching.views import InstrumentView, OrderView

Level = tuple[int, int, int]


class Market:
    """Every command goes in by `apply`; everything else only looks.

    Signatures first, so that the floors above can be built against them.
    """

    now_ns: int

    def apply(self, command: Command) -> list[Event]:
        """Execute the command; its events, in the order in which they happened."""
        raise NotImplementedError

    def check(self, command: Command) -> str | None:
        """The reason for which `apply` would refuse the command, or None; no effect."""
        raise NotImplementedError

    def walk(self, command: PlaceOrder) -> list[tuple[int, int]]:
        """The (price, quantity) fills that this market or limit order would get now in `continuous`; no effect."""
        raise NotImplementedError

    def order(self, order_id: int) -> OrderView | None:
        raise NotImplementedError

    def orders(self) -> Iterator[OrderView]:
        """All live orders, ascending order_id."""
        raise NotImplementedError

    def orders_of(self, participant_id: int) -> list[OrderView]:
        """A participant's live orders, ascending order_id."""
        raise NotImplementedError

    def symbols(self) -> list[str]:
        """In the order of definition."""
        raise NotImplementedError

    def instrument(self, symbol: str) -> InstrumentView | None:
        raise NotImplementedError

    def levels(self, symbol: str, side: Side, depth: int | None = None) -> list[Level]:
        """(price, displayed quantity, orders), best first."""
        raise NotImplementedError

    def best(self, symbol: str, side: Side) -> Level | None:
        raise NotImplementedError

    def indicative(self, symbol: str) -> tuple[int | None, int, int]:
        """(price, quantity, surplus) of an uncross now."""
        raise NotImplementedError

    def next_deadline_ns(self) -> int | None:
        """The earliest `expires_ns` of a live order."""
        raise NotImplementedError

    def snapshot(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def restore(cls, state: bytes) -> "Market":
        raise NotImplementedError

    def audit(self) -> None:
        """Assert every invariant; for tests."""
        raise NotImplementedError
