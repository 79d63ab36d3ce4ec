"""Follow the feed: a screen on a terminal, JSON lines in a pipe.

Lines are the data messages as the venue sends them, one each, flushed as they come. What is to be said about the
connection goes to standard error. Either way it goes on where it was after a lost connection, until it is interrupted.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from websockets.exceptions import InvalidHandshake, InvalidURI

from exchange.config import Settings, SetupError
from exchange.tail.words import Language, language_of
from marketdata.client import FeedClient, FeedError, History, Messages, Patience, Refused
from marketdata.messages import CHANNELS, INTERVALS, DataMessage, Interval

CHANNELS_OF_LINES: Final = ("book", "trades", "ticker")
"""Unless others are named."""

CHANNELS_TO_NAME: Final = tuple(channel for channel in CHANNELS if channel != "account")

INDEX: Final = "SXBI"
UNREAD: Final = 100_000
"""Messages that may wait for whoever reads the pipe; beyond, he has not kept up."""

REDRAW_S: Final = 0.1
"""Between two drawings at least: ten a second, as often as the venue sends levels for screens."""

FOCUS_CHANNELS: Final = ("book", "trades", "status", "auction")

_KEYS: Final = re.compile(rb"\x1b[\[O].|.", re.DOTALL)
_UP: Final = (b"\x1b[A", b"\x1bOA", b"k")
_DOWN: Final = (b"\x1b[B", b"\x1bOB", b"j", b"\t")
_QUIT: Final = (b"q", b"Q", b"\x03", b"\x04")


class Tail(Struct, frozen=True, kw_only=True):
    """What is asked for. No `symbols`: all that the venue at `web` lists. No `channels`: the usual ones."""

    feed: str
    web: str
    symbols: list[str]
    channels: list[str]
    interval: Interval = "1m"
    rate: int | None = None
    count: int | None = None
    """Messages after which it ends."""
    lines: bool = False
    """JSON lines also on a terminal."""
    language: Language = "zh"


def wanted_of(options: argparse.Namespace, settings: Settings) -> Tail:
    """What the command line asks for. Raises `SetupError` where there is no such channel or interval."""
    for channel in options.channels or ():
        if channel not in CHANNELS_TO_NAME:
            raise SetupError(f"there is no channel {channel}: {', '.join(CHANNELS_TO_NAME)}")
    if options.interval not in INTERVALS:
        raise SetupError(f"there is no interval {options.interval}: {', '.join(INTERVALS)}")
    return Tail(
        feed=options.url or f"ws://{settings.host}:{settings.feed_port}",
        web=options.web or f"http://{settings.host}:{settings.port}",
        symbols=list(dict.fromkeys(options.symbols)),
        channels=options.channels or [],
        interval=options.interval,
        rate=options.rate,
        count=options.count,
        lines=options.json,
        language=options.language or language_of(),
    )


def tail(wanted: Tail) -> int:
    """Exit status: 0 also where it was interrupted, 1 where it could not go on. Raises `SetupError` where it could not
    begin.
    """
    try:
        return asyncio.run(_until_told(wanted))
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read has had enough. Nothing may be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except FeedError as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 1


async def _until_told(wanted: Tail) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await _follow(wanted)
    except asyncio.CancelledError:
        return 0


async def _follow(wanted: Tail) -> int:
    screen = not wanted.lines and not wanted.channels and sys.stdout.isatty()
    client = FeedClient(wanted.feed, patience=Patience(unread=UNREAD))
    try:
        await client.open()
    except (OSError, InvalidHandshake, InvalidURI, Refused, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SetupError(f"{wanted.feed} does not answer as a feed does: {why}; --url says where it is") from error
    try:
        symbols = wanted.symbols or await asyncio.to_thread(_listed, wanted.web)
        if screen:
            await _show(client, symbols, wanted.language)
        else:
            await _write(client, symbols, wanted)
        return 0
    finally:
        await client.close()


def _listed(web: str) -> list[str]:
    try:
        with History(web) as history:
            symbols = [instrument.symbol for instrument in history.instruments()]
    except (FeedError, ValueError) as error:
        raise SetupError(f"{error}; name the instruments, or say with --web where the venue lists them") from error
    if not symbols:
        raise SetupError(f"{web} has no instruments yet")
    return symbols


# Lines


async def _write(client: FeedClient, symbols: Sequence[str], wanted: Tail) -> None:
    channels = wanted.channels or CHANNELS_OF_LINES
    messages = client.messages()
    for channel in channels:
        if channel == "heartbeat":
            continue
        codes = [symbol for symbol in symbols if symbol.startswith(INDEX)]
        asked = (codes or [INDEX]) if channel == "index" else [each for each in symbols if each not in codes]
        options: dict[str, Any] = {"interval": wanted.interval} if channel == "candles" else {}
        if asked:
            await _subscribe(client, channel, asked, rate=wanted.rate, **options)
    told = asyncio.create_task(_tell_of_the_connection(client))
    try:
        left = wanted.count
        while left is None or left > 0:
            heard = [message for message in await messages.fetch() if message.channel in channels]
            if not heard:
                if client.failure is not None:
                    raise client.failure
                continue
            heard = heard[:left]
            # On a thread: a pipe that is full for a while must not make the client miss its heartbeats.
            await asyncio.to_thread(_put, heard)
            left = None if left is None else left - len(heard)
    finally:
        told.cancel()


def _put(messages: Sequence[DataMessage]) -> None:
    sys.stdout.buffer.write(b"".join([msgspec.json.encode(message) + b"\n" for message in messages]))
    sys.stdout.buffer.flush()


async def _subscribe(client: FeedClient, channel: str, symbols: list[str], **options: Any) -> None:
    try:
        subscription = await client.subscribe(channel, symbols, **options)
    except Refused as refusal:
        raise SetupError(f"{channel}: {refusal}") from refusal
    for each in subscription.refused:
        print(f"exchange: {channel}: {each}", file=sys.stderr)


async def _tell_of_the_connection(client: FeedClient) -> None:
    with contextlib.suppress(FeedError):
        while True:
            await client.until(lambda: not client.online, float("inf"))
            print("exchange: the connection is lost; trying again", file=sys.stderr)
            await client.until(lambda: client.online, float("inf"))
            print("exchange: connected again", file=sys.stderr)


# The screen


async def _show(client: FeedClient, symbols: list[str], language: Language) -> None:
    # rich takes a while to load, and lines do not need it.
    from rich.console import Console
    from rich.live import Live

    from exchange.tail.screen import Screen
    from exchange.tail.words import Words

    # The screen counts what the client would tell there.
    logging.getLogger("marketdata.client").setLevel(logging.CRITICAL)
    screen = Screen(symbols, Words(language))
    messages = client.messages()
    changed = asyncio.Event()
    keys: asyncio.Queue[bytes] = asyncio.Queue()
    await _subscribe(client, "ticker", symbols, rate=4)
    with contextlib.suppress(Refused):
        await client.subscribe("index", [INDEX], rate=4)
    await _focus(client, screen.focus)
    console = Console()
    with _pressed(keys.put_nowait), Live(console=console, screen=True, auto_refresh=False) as live:
        work = [
            asyncio.create_task(_read(client, screen, messages, changed)),
            asyncio.create_task(_obey(client, screen, keys, changed)),
            asyncio.create_task(_watch(client, screen, changed)),
            asyncio.create_task(_draw(client, screen, console, live, changed)),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()


async def _focus(client: FeedClient, symbol: str, before: str | None = None) -> None:
    """Read all of one instrument, and no longer that of another."""
    for channel in FOCUS_CHANNELS:
        if before is not None:
            with contextlib.suppress(Refused):
                await client.unsubscribe(channel, [before])
        await _subscribe(client, channel, [symbol], rate=None if channel in ("trades", "status") else 10)


async def _read(client: FeedClient, screen: Any, messages: Messages[DataMessage], changed: asyncio.Event) -> None:
    async for message in messages:
        screen.take(message)
        if message.channel == "book" and message.symbol == screen.focus:
            screen.book = client.books[screen.focus]
        changed.set()
    if client.failure is not None:
        raise client.failure


async def _watch(client: FeedClient, screen: Any, changed: asyncio.Event) -> None:
    with contextlib.suppress(FeedError):
        while True:
            await client.until(lambda: client.online is not screen.online, float("inf"))
            screen.online = client.online
            changed.set()


async def _draw(client: FeedClient, screen: Any, console: Any, live: Any, changed: asyncio.Event) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, changed.set)
    while True:
        screen.gaps, screen.bad_checksums, screen.bad_messages = client.gaps, client.bad_checksums, client.bad_messages
        live.update(screen.draw(console.width, console.height), refresh=True)
        await asyncio.sleep(REDRAW_S)
        await changed.wait()
        changed.clear()


async def _obey(client: FeedClient, screen: Any, keys: asyncio.Queue[bytes], changed: asyncio.Event) -> None:
    while True:
        pressed = await keys.get()
        while not keys.empty():
            # Held down, a key comes faster than an instrument can be subscribed to: where it stops is what counts.
            pressed += keys.get_nowait()
        steps = 0
        for key in _KEYS.findall(pressed):
            if key in _QUIT:
                return
            steps += (key in _DOWN) - (key in _UP)
        chosen = screen.beside(steps)
        if chosen != screen.focus:
            before = screen.focus
            screen.choose(chosen)
            changed.set()
            with contextlib.suppress(FeedError, SetupError, TimeoutError):
                # Without a connection the next one asks for what is to be read.
                await _focus(client, chosen, before)


@contextlib.contextmanager
def _pressed(tell: Callable[[bytes], None]) -> Iterator[None]:
    """Keys as they are pressed, where standard input is a terminal; it is left as it was."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    file = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(file)
    tty.setcbreak(file)
    loop.add_reader(file, lambda: tell(os.read(file, 1_024)))
    try:
        yield
    finally:
        loop.remove_reader(file)
        termios.tcsetattr(file, termios.TCSADRAIN, before)
