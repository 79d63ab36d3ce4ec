"""How lists are cut into pages by key, and how rows become messages."""

from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

MAXIMUM_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100


class Page(Struct, Generic[T], frozen=True):
    """Some items of a list, and the cursor of the following ones."""

    items: list[T]
    next: str | None = None


class InvalidCursor(ValueError):
    """The text is not the `next` of any page of this list."""


def value(row: Any, kind: type[S]) -> S:
    return msgspec.convert({name: row[name] for name in kind.__struct_fields__}, kind)


def integer(cursor: str) -> int:
    """Raises `InvalidCursor` where the text is no 63-bit number."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19) or int(cursor) >= 2**63:
        raise InvalidCursor(cursor)
    return int(cursor)


def integers(cursor: str, count: int) -> tuple[int, ...]:
    """The parts of a cursor of several, joined by hyphens. Raises `InvalidCursor`."""
    parts = cursor.split("-")
    if len(parts) != count:
        raise InvalidCursor(cursor)
    return tuple(map(integer, parts))
