"""How long readers wait for the venue: the pump's pace, in virtual time."""

import asyncio
from random import Random
from statistics import median

from marketdata.feed import QUIET_TICK_NS, TICK_NS, Feed
from marketdata.pump import LONGEST_PAUSE_S, Pump
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import Reader, on_book
from tests.simulation.loop import VirtualLoop

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND


class Machine:
    """A loop in whose time a flush and a command take what they are said to."""

    def __init__(self, *, flush_ns: int, command_ns: int, rest_ns: int) -> None:
        self.loop = VirtualLoop(Random(1))
        self.command_ns = command_ns
        self.rest_ns = rest_ns
        self.computed_ns = 0
        self.flushes: list[int] = []
        self.ended: list[int] = []
        machine = self

        class ManyReaders(Feed):
            def flush(self) -> None:
                if self.unsealed:
                    machine.flushes.append(machine.loop.now_ns)
                    machine.compute(flush_ns)
                    machine.ended.append(machine.loop.now_ns)
                super().flush()

        self.feed = ManyReaders()
        self.feed.publish(1, 1, [InstrumentDefined(symbol="A")])
        Reader(self.feed).ask(op="subscribe", channel="book", symbols=["A"])
        self.feed.flush()

    def compute(self, nanoseconds: int) -> None:
        self.loop.spend(nanoseconds)
        self.computed_ns += nanoseconds

    def publish(self) -> None:
        """A command; the next one follows after a rest."""
        self.compute(self.command_ns)
        sequence = self.feed.sequence + 1
        self.feed.publish(sequence, sequence, [on_book(1, "buy", 250, sequence)])
        self.loop.call_later(self.rest_ns / 1e9, self.publish)

    def wait_ns(self) -> float:
        """Between a flush's end and the next one, once the pump has seen what the load is: the median."""
        pump = Pump(self.feed, spent=lambda: self.computed_ns / 1e9)

        async def a_second() -> None:
            pump.start()
            self.publish()
            await asyncio.sleep(1)
            pump.stop()

        self.loop.run(a_second())
        return median(
            began - ended for ended, began in zip(self.ended, self.flushes[1:], strict=False) if ended > SECOND // 10
        )


def test_readers_of_a_venue_with_time_to_spare_wait_about_as_long_as_a_flush_takes() -> None:
    machine = Machine(flush_ns=MILLISECOND, command_ns=MILLISECOND // 50, rest_ns=MILLISECOND // 2)
    assert MILLISECOND <= machine.wait_ns() < 3 * MILLISECOND


def test_a_venue_that_is_never_idle_keeps_nine_tenths_of_its_time() -> None:
    machine = Machine(flush_ns=MILLISECOND, command_ns=MILLISECOND // 2, rest_ns=0)
    assert 8 * MILLISECOND < machine.wait_ns() < 10 * MILLISECOND


def test_no_reader_waits_longer_than_the_longest_pause() -> None:
    machine = Machine(flush_ns=10 * MILLISECOND, command_ns=MILLISECOND // 2, rest_ns=0)
    assert LONGEST_PAUSE_S * SECOND <= machine.wait_ns() < LONGEST_PAUSE_S * SECOND + 2 * MILLISECOND


def test_a_quiet_feed_is_called_less_often_than_one_with_screens() -> None:
    feed = Feed()
    feed.publish(1, 1, [InstrumentDefined(symbol="A")])
    Reader(feed).ask(op="subscribe", channel="book", symbols=["A"])
    assert feed.tick_ns == QUIET_TICK_NS
    Reader(feed).ask(op="subscribe", channel="book", symbols=["A"], rate=10)
    assert feed.tick_ns == TICK_NS
