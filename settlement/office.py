"""An office: one subject of settlement, with the commands that it answers and the state that is its own."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Handlers = Mapping[type, Callable[[Any], None]]
"""What an office does at which command. A handler refuses by the books and then has changed nothing."""


class Office(Protocol):
    """What the engine asks of each office. All is deterministic: the same calls lead to the same state and events."""

    def handlers(self) -> Handlers: ...

    def next_deadline_ns(self) -> int | None:
        """The earliest time whose coming alone changes something here, or None. Asked often: O(1) but for clean-up."""

    def reach(self) -> None:
        """Do what is due by `books.time_ns`, which is exactly a deadline of this office or another's."""

    def state(self) -> bytes:
        """All there is to keep of its own, canonical: equal states are equal bytes. O(state)."""

    def restore(self, state: bytes) -> None:
        """Put back what `state` gave. The books have been restored before, and every office has been made."""

    def digest(self) -> Any:
        """What stands for `state`, as MessagePack can write it. O(what has changed since the last time)."""

    def audit(self) -> None:
        """Assert what must hold in its own state and against the books; for tests. O(state)."""
