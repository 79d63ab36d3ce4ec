"""Streams of figures that are reckoned only while somebody reads them: an auction's indicative price, and the index."""

from typing import TYPE_CHECKING, NamedTuple

from marketdata.index import Constituent, date_of
from marketdata.instrument import NOTHING
from marketdata.messages import AuctionMessage, DataMessage, IndexMessage, Kind
from marketdata.streams import InstrumentStream, Stream

if TYPE_CHECKING:
    from marketdata.feed import Feed
    from marketdata.instrument import Instrument


class AuctionStream(InstrumentStream):
    """What an uncross would come to, from the beginning of an auction until it has uncrossed, also while it is halted.

    It takes a look at all levels, so that in real time it is told when the feed flushes, once for all the commands
    published until then; that an auction has ended, at once.
    """

    channel = "auction"
    conflates = True

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument, lane)
        self._told = instrument.indicative() if instrument.dark else NOTHING

    def gather(self) -> None:
        if self.instrument.dark or self._told != NOTHING:
            self.pending = True

    def command(self, sequence: int, time_ns: int) -> None:
        self.gather()
        if self.pending and not self.lane:
            if self.instrument.dark:
                self.feed.reckon_later(self)
            else:
                self.release(sequence, time_ns)

    def delta(self, previous: int) -> DataMessage | None:
        indication = self.instrument.indicative() if self.instrument.dark else NOTHING
        if indication == self._told:
            return None
        self._told = indication
        return self._message("delta", previous)

    def whole(self) -> DataMessage:
        return self._message("snapshot", None)

    def _message(self, kind: Kind, previous: int | None) -> DataMessage:
        price, quantity, surplus = self._told
        return AuctionMessage(**self.head(kind, previous), price=price, quantity=quantity, surplus=surplus)


class IndexDay(NamedTuple):
    """A code on one trading day, as it is told."""

    day: int
    value: int | None
    constituents: list[Constituent]
    final: bool
    carried: bool


class IndexStream(Stream):
    """One code of the index, at most once a second in every lane: the last trading day and, when it becomes final or a
    trade of it is taken back, the day before.
    """

    channel = "index"
    conflates = True

    def __init__(self, feed: "Feed", code: str) -> None:
        super().__init__(feed, code, 0)
        self.code = code
        self._told = feed.index_days(code)

    def gather(self) -> None:
        """Trades reach the index by the feed."""

    def tell(self) -> None:
        """What has changed since the last time."""
        told, self._told = self._told, self.feed.index_days(self.code)
        for each in self._told:
            if each not in told:
                previous = self.sequence
                self.sequence, self.time_ns = self.feed.sequence, self.feed.time_ns
                self.emit(self._message("delta", previous, each))

    def whole(self) -> DataMessage:
        return self._message("snapshot", None, self._told[-1] if self._told else None)

    def _message(self, kind: Kind, previous: int | None, said: IndexDay | None) -> DataMessage:
        if said is None:
            return IndexMessage(
                **self.head(kind, previous), value=None, date=None, constituents=[], final=False, carried=False
            )
        return IndexMessage(
            **self.head(kind, previous),
            value=said.value,
            date=date_of(said.day),
            constituents=said.constituents,
            final=said.final,
            carried=said.carried,
        )
