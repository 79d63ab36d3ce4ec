"""Two kinds of reading: what is live, from the engine, and what has been, from the database; and how long to wait
for either.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from matching.messages import MAX_INTEGER
from settlement import queries
from settlement.messages import ConfigureVenue
from web.bodies import Answer
from web.errors import Fault, InvalidRequest
from web.ports import Gateway, VenueClosing, VenueHalted, ViewBehind

T = TypeVar("T")

WAIT_S = 2.0
"""How long a reader who names a sequence is kept waiting."""
STEP_S = 0.01


class Items(Answer, Generic[T], frozen=True, kw_only=True):
    """A page of a list, and the sequence that it is true of; `next` goes into `cursor` for what follows, null on
    the last page.
    """

    items: list[T]
    next: str | None = None
    sequence: int


async def live(gateway: Gateway, sequence: int | None = None) -> int:
    """The sequence that the engine's state is true of: read right after it, before awaiting anything else.

    With `sequence` it waits up to two seconds for that one. A sequence that some answer named has been committed, so
    only readers who look ahead wait. Raises `ViewBehind`, `VenueHalted`.
    """
    if sequence is not None and gateway.sequence < sequence:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while gateway.sequence < sequence:
            if loop.time() >= deadline:
                raise ViewBehind(gateway.sequence, sequence)
            await asyncio.sleep(STEP_S)
    await gateway.settled()
    return gateway.sequence


async def live_unless_halted(gateway: Gateway, sequence: int | None = None) -> int | None:
    """As `live`; none where the venue has halted, since then the database alone may be read. Raises `ViewBehind`,
    `VenueClosing`.
    """
    if gateway.halted is not None:
        return None
    try:
        return await live(gateway, sequence)
    except VenueClosing:
        raise
    except VenueHalted:
        return None


async def recorded(
    gateway: Gateway, query: Callable[[Connection], T | None], min_sequence: int | None
) -> tuple[int, T]:
    """One thing of a venue that has halted, as the database has it. That there is none cannot be said: whether the last
    commands became durable, the next start will see. Raises `VenueHalted`, `HistoryUnavailable`, `ViewBehind`.
    """
    reached, found = await gateway.history(query, min_sequence=min_sequence)
    if found is None:
        raise VenueHalted(gateway.halted or "the venue has halted")
    return reached, found


async def rules_of(gateway: Gateway, min_sequence: int | None = None) -> tuple[int, ConfigureVenue]:
    """The venue's configuration, from the database where the venue has halted. Raises `ViewBehind`, `VenueClosing`,
    `HistoryUnavailable`.
    """
    at = await live_unless_halted(gateway, min_sequence)
    if at is not None:
        return at, gateway.venue()
    reached, configured = await gateway.history(queries.venue, min_sequence=min_sequence)
    if configured is None:  # a venue is configured before anything else happens in it
        raise ViewBehind(reached, gateway.sequence)
    return reached, configured


async def kept(
    gateway: Gateway, query: Callable[[Connection], T | None], min_sequence: int | None
) -> tuple[int, T | None]:
    """One thing that the database alone has, whether the venue has halted or not. Raises as `past` and `recorded`."""
    at = await live_unless_halted(gateway, min_sequence)
    if at is None:
        return await recorded(gateway, query, min_sequence)
    return await past(gateway, query, at, min_sequence)


async def past(
    gateway: Gateway, query: Callable[[Connection], T | None], sequence: int, min_sequence: int | None
) -> tuple[int, T | None]:
    """One thing that is not live at `sequence`, from the database, and how far that has come.

    What is there is told, however far behind the database is; that there is no such thing, only once it has come to
    `sequence`. With `min_sequence` it waits up to two seconds for that one. Raises `ViewBehind`,
    `HistoryUnavailable`.
    """
    reached, found = await gateway.history(query, min_sequence=min_sequence)
    if found is None and reached < sequence:
        raise ViewBehind(reached, sequence)
    return reached, found


def page_of(items: Sequence[T], key: Callable[[T], int], cursor: str | None, limit: int) -> tuple[list[T], str | None]:
    """A page of a live list that ascends by an id, the newest first as in the database, and the cursor of the next
    page.
    """
    before = cursor_of(cursor)
    found: list[T] = []
    for item in reversed(items):
        if before is None or key(item) < before:
            if len(found) == limit:
                return found, str(key(found[-1]))
            found.append(item)
    return found, None


def cursor_of(cursor: str | None) -> int | None:
    """Raises `InvalidRequest` where it is the `next` of no page."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16):
        raise InvalidRequest(Fault("cursor", "this is not the next of any page"))
    return int(cursor)


def is_id(number: int) -> bool:
    """Whether a number can be an id at all; others are unknown, and never reach the venue or the database."""
    return 1 <= number <= MAX_INTEGER
