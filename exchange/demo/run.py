"""Start a venue, open its market, say so, and let the people trade until the venue is stopped."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator

from exchange.app import Venue, run_venue
from exchange.config import Settings, SetupError
from exchange.demo.cast import ACCOUNTS, LAST, OPERATOR, PASSWORD
from exchange.demo.director import Director
from exchange.founding import ensure_operator, is_founded

logger = logging.getLogger(__name__)


def demonstrate(settings: Settings) -> int:
    """Run the demonstration until SIGTERM or SIGINT. Raises `SetupError` where it cannot be started."""
    if not _is_loopback(settings.host):
        raise SetupError(f"the demonstration has public passwords and binds to loopback only, not to {settings.host}")
    if not is_founded(settings):
        ensure_operator(settings, OPERATOR.name, PASSWORD, OPERATOR.display_name)
    return run_venue(settings, beside=_trade, demo=True)


@contextlib.asynccontextmanager
async def _trade(venue: Venue) -> AsyncIterator[str]:
    director = Director(venue.address, venue.settings.seed)
    try:
        await director.open()
        people = asyncio.create_task(director.run(venue.settings.clock))
        people.add_done_callback(_report)
        accounts = (*ACCOUNTS, LAST, OPERATOR)
        yield "\n".join(
            [f"accounts, password {PASSWORD}:", *(f"  {each.name:<10} {each.display_name}" for each in accounts)]
        )
        people.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await people
    finally:
        await director.close()


def _report(people: asyncio.Task[None]) -> None:
    if not people.cancelled() and (error := people.exception()) is not None:
        logger.error("the simulated people have stopped trading", exc_info=error)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
