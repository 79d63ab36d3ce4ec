"""A digest of a collection that changes: what it costs depends on what has changed, not on what is there."""

from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

from msgspec import msgpack

K = TypeVar("K", bound=Hashable)

BYTES: Final = 16
_MASK: Final = (1 << 8 * BYTES) - 1

_encode = msgpack.Encoder().encode


class Digest(Generic[K]):
    """Sums the hashes of all items, so that the digest depends on the items alone and not on how they came about.

    Whoever changes an item, adds or removes one says so: `changed[key] = None`. An item must tell its own key.
    """

    __slots__ = ("_parts", "_sum", "changed")

    def __init__(self) -> None:
        self.changed: dict[K, None] = {}
        self._parts: dict[K, int] = {}
        self._sum = 0

    def bring_up_to_date(self, find: Callable[[K], Any]) -> bytes:
        """The digest of the items as they are; `find` gives the item of a key, None where it is gone. O(changed)."""
        parts = self._parts
        total = self._sum
        for key in self.changed:
            item = find(key)
            total -= parts.pop(key, 0)
            if item is not None:
                part = int.from_bytes(blake2b(_encode(item), digest_size=BYTES).digest(), "big")
                parts[key] = part
                total += part
        self.changed.clear()
        self._sum = total & _MASK
        return self._sum.to_bytes(BYTES, "big")
