"""`exchange tail` as people and pipes meet it: lines, a screen on a terminal, endings, and the exit status."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any

import pytest

from exchange.__main__ import main
from tests.marketdata.small_venue import DEADLINE_S, SmallVenue
from tests.running import ROOT

PATIENCE_S = 3 * DEADLINE_S


@pytest.fixture
async def venue() -> AsyncIterator[SmallVenue]:
    async with SmallVenue().living() as venue:
        yield venue


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exchange", "tail", *arguments]


def surroundings(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")} | more


@contextlib.asynccontextmanager
async def tailing(*arguments: str) -> AsyncIterator[Process]:
    """The command with its output in a pipe; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments),
        cwd=ROOT,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: Process) -> dict[str, Any]:
    """The next line, which has to be a message."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        heard: dict[str, Any] = json.loads(await process.stdout.readline())
    return heard


async def ended(process: Process) -> tuple[int, str]:
    """Exit status and what was said on standard error."""
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_every_message_is_a_line_as_it_comes(venue: SmallVenue) -> None:
    async with tailing("A", "B", "--url", venue.url, "--channel", "trades", "--channel", "book") as process:
        first = [await line(process) for _ in range(4)]
        assert [(message["channel"], message["symbol"]) for message in first] == [
            ("trades", "A"),
            ("trades", "B"),
            ("book", "A"),
            ("book", "B"),
        ]
        assert {message["kind"] for message in first} == {"snapshot"}
        for sequence in (3, 4):
            venue.change(1)
            both = {(await line(process))["channel"]: sequence for _ in range(2)}
            assert both == {"trades": sequence, "book": sequence}
        process.send_signal(signal.SIGINT)
        assert await ended(process) == (0, "")


async def test_the_usual_channels_and_an_end_after_so_many(venue: SmallVenue) -> None:
    async with tailing("A", "--url", venue.url, "--count", "3") as process:
        assert [(await line(process))["channel"] for _ in range(3)] == ["book", "trades", "ticker"]
        assert await ended(process) == (0, "")


async def test_it_goes_on_after_a_lost_connection_and_misses_nothing(venue: SmallVenue) -> None:
    async with tailing("A", "--url", venue.url, "--channel", "trades") as process:
        assert (await line(process))["sequence"] == 2
        venue.connection.close(4008, "too slow")
        venue.change(2)
        assert [(await line(process))["previous"] for _ in range(2)] == [2, 3]
        process.terminate()
        assert await ended(process) == (
            0,
            "exchange: the connection is lost; trying again\nexchange: connected again\n",
        )


async def test_a_reader_who_has_had_enough_ends_it_in_silence(venue: SmallVenue) -> None:
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *command("A", "--url", venue.url, "--channel", "trades"),
        cwd=ROOT,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.to_thread(os.read, read, 10)
    os.close(read)
    venue.change(1)
    assert await ended(process) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["A", "--channel", "gossip"], "there is no channel gossip: book, orders, trades"),
        (["A", "--channel", "candles", "--interval", "2m"], "there is no interval 2m: 1m, 5m"),
        (["A", "--url", "ws://127.0.0.1:1"], "ws://127.0.0.1:1 does not answer"),
        (["A", "--url", "nowhere"], "nowhere does not answer"),
    ],
)
def test_what_cannot_be_begun_is_said_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tail", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert words in said.err


@pytest.mark.parametrize(
    ("arguments", "words"), [(["X"], "unknown_symbol"), (["--web", "http://127.0.0.1:1"], "name the instruments")]
)
async def test_a_venue_without_what_is_asked_for(venue: SmallVenue, arguments: list[str], words: str) -> None:
    async with tailing(*arguments, "--url", venue.url) as process:
        status, said = await ended(process)
    assert (status, said.count("\n")) == (2, 1)
    assert words in said


async def test_a_symbol_that_is_not_there_costs_no_other(venue: SmallVenue) -> None:
    async with tailing("X", "A", "--url", venue.url, "--channel", "trades", "--count", "1") as process:
        assert (await line(process))["symbol"] == "A"
        status, said = await ended(process)
    assert (status, said.count("\n")) == (0, 1)
    assert "unknown_symbol" in said


def forge(venue: SmallVenue) -> None:
    """Say something wrong of the book of A."""
    stream = venue.feed.stream("book", "A", 25, None, 10)
    head = {"channel": "book", "symbol": "A", "kind": "delta", "time_ns": 1, "depth": 25, "asks": [], "checksum": 1}
    sequences = {"sequence": stream.sequence, "previous": stream.sequence}
    venue.say(json.dumps({**head, **sequences, "bids": [[251, 7, 1]]}))


class Terminal:
    """A terminal of 130 by 30 with the command in it."""

    def __init__(self, *arguments: str, locale: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 130, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env=surroundings(LC_ALL=locale, TERM="xterm-256color"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        self._slave = slave
        self._seen = ""
        self._more = asyncio.Event()
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        self._seen += os.read(self._master, 65_536).decode(errors="replace")
        self._more.set()

    async def until(self, words: str) -> str:
        """What has been shown since the last time, up to the first showing of these words."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while words not in self._seen:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{words!r} was never shown after {self._seen[-3_000:]!r}") from None
        shown, self._seen = self._seen.split(words, 1)
        return shown

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    async def end(self) -> int:
        """The exit status, once it has ended by itself; the terminal must be as it was."""
        status = await asyncio.to_thread(self.process.wait, PATIENCE_S)
        assert termios.tcgetattr(self._slave) == self.before
        return status

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)


async def test_a_terminal_shows_a_screen_and_obeys_keys(venue: SmallVenue) -> None:
    terminal = Terminal("A", "B", "--url", venue.url, locale="zh_CN.UTF-8")
    try:
        await terminal.until("盘口 A")
        await terminal.until("2.60")
        venue.change(1)
        await terminal.until("▲ 买")
        terminal.press(b"\x1b[B")
        await terminal.until("盘口 B")
        await terminal.until("暂无委托")
        terminal.press(b"\x1b[A\x1bOBj?k\x1b[A")  # up, down, down, nothing, up, up: held down they come together
        await terminal.until("盘口 A")
        forge(venue)
        await terminal.until("校验不符 1")
        terminal.press(b"q")
        await terminal.until("\x1b[?1049l")
        assert await terminal.end() == 0
    finally:
        terminal.close()


async def test_an_interrupt_leaves_the_terminal_as_it_was(venue: SmallVenue) -> None:
    terminal = Terminal("A", "--url", venue.url, locale="en_GB.UTF-8")
    try:
        await terminal.until("Book A")
        terminal.process.send_signal(signal.SIGINT)
        await terminal.until("\x1b[?1049l")
        assert await terminal.end() == 0
    finally:
        terminal.close()


async def test_a_lost_connection_is_seen(venue: SmallVenue) -> None:
    terminal = Terminal("A", "--url", venue.url, locale="en_GB.UTF-8")
    try:
        await terminal.until("connected")
        await venue.server.stop()
        await terminal.until("connection lost, trying again")
        await terminal.until("○ Book A")
        await venue.open()
        await terminal.until("connected")
        terminal.press(b"q")
        await terminal.until("\x1b[?1049l")
        assert await terminal.end() == 0
    finally:
        terminal.close()
