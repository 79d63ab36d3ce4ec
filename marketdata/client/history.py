"""What has been, over the venue's HTTP: instruments, trades, candles, books at a moment, the index, whole datasets.

    with History("http://127.0.0.1:8000") as history:
        tape = history.trades("BXJ-1-SX1-26W47", limit=5_000)

Everything is ascending in time and says the `sequence` it is true of; `min_sequence` waits until the venue's database
has come as far as a message of the feed, so that history and feed join without a hole.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from marketdata.client.books import BookView
from marketdata.client.errors import Disconnected, FeedError, Refused
from marketdata.depth import checksum
from marketdata.messages import CandleRow, Interval, Level, Trade

T = TypeVar("T")

PAGE: Final = 1_000
"""Items asked for at a time: as many as the venue gives."""


class Instrument(Struct, frozen=True, kw_only=True):
    """What trades, and where it stands. Prices in fen per kilogram."""

    symbol: str
    variety: str
    grade: str
    warehouse: str
    harvest_week: str
    mode: str
    phase: str
    tick_size: int
    lot_size: int
    reference_price: int | None
    last: int | None
    bid: int | None
    ask: int | None
    sequence: int


class Tape(Struct, frozen=True, kw_only=True):
    """An instrument's trades, ascending."""

    symbol: str
    trades: list[Trade]
    sequence: int


class CandleSeries(Struct, frozen=True, kw_only=True):
    """An instrument's candles of one interval, ascending: start in nanoseconds, open, high, low, close, volume."""

    symbol: str
    interval: Interval
    candles: list[CandleRow]
    sequence: int


class IndexDay(Struct, frozen=True, kw_only=True):
    """A code of the banana index on one trading day: hundredths of a point for `SXBI`, of a fen per kilogram else."""

    code: str
    date: str
    value: int
    final: bool
    carried: bool
    constituents: list[tuple[str, int, int]]


class IndexSeries(Struct, frozen=True, kw_only=True):
    """A code's trading days, ascending."""

    code: str
    days: list[IndexDay]
    sequence: int


class Export(Struct, frozen=True, kw_only=True):
    """A dataset of the venue as a Parquet file. It reaches `sequence` at least."""

    dataset: str
    content: bytes
    sequence: int


class Dataset(Struct, frozen=True, kw_only=True):
    """What can be exported, and what narrows it down."""

    name: str
    title: str
    filters: list[str]


class _Datasets(Struct, frozen=True):
    items: list[Dataset]


class _Book(Struct, frozen=True, kw_only=True):
    symbol: str
    sequence: int
    time_ns: int
    bids: list[Level]
    asks: list[Level]
    checksum: int


class _Index(Struct, frozen=True):
    items: list[IndexDay]


class History:
    """One venue's history. Calls raise `Refused` where the venue says no, `Disconnected` where it does not answer."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """All of this is public, so a `token` is for what a venue may close to strangers."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", headers=headers, timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def instruments(self, *, min_sequence: int | None = None) -> list[Instrument]:
        """All of them, by ascending symbol."""
        items, _ = self._all("/instruments", Instrument, None, min_sequence=min_sequence)
        return items

    def trades(self, symbol: str, *, limit: int | None = None, min_sequence: int | None = None) -> Tape:
        """The newest `limit` trades, or all there are; what was taken back is `busted`."""
        items, sequence = self._all(f"/instruments/{symbol}/trades", Trade, limit, min_sequence=min_sequence)
        return Tape(symbol=symbol, trades=items[::-1], sequence=sequence)

    def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        from_ns: int | None = None,
        to_ns: int | None = None,
        limit: int | None = None,
        min_sequence: int | None = None,
    ) -> CandleSeries:
        """Candles that start in `[from_ns, to_ns)`: the newest `limit` of them, or all."""
        pages, sequence = self._pages(
            f"/instruments/{symbol}/candles",
            CandleRow,
            limit,
            interval=interval,
            from_ns=from_ns,
            to_ns=to_ns,
            min_sequence=min_sequence,
        )
        # Each page ascends, and those that follow are older.
        rows = [row for page in reversed(pages) for row in page]
        return CandleSeries(
            symbol=symbol, interval=interval, candles=rows if limit is None else rows[-limit:], sequence=sequence
        )

    def book(
        self,
        symbol: str,
        *,
        depth: int = 25,
        at_sequence: int | None = None,
        at_ns: int | None = None,
        min_sequence: int | None = None,
    ) -> BookView:
        """The book now, or as it was after a command or at a time. Raises `FeedError` where its checksum is another,
        which it can tell of ten levels and more.
        """
        body = self._get(
            f"/instruments/{symbol}/book",
            depth=depth,
            at_sequence=at_sequence,
            at_ns=at_ns,
            min_sequence=min_sequence,
        )
        book = _decoded(body, _Book)
        if depth >= 10 and checksum(book.bids, book.asks) != book.checksum:
            raise FeedError(f"the book of {symbol} at {book.sequence} does not have its checksum")
        return BookView(
            symbol=book.symbol, sequence=book.sequence, time_ns=book.time_ns, bids=book.bids, asks=book.asks
        )

    def index(self, *, min_sequence: int | None = None) -> list[IndexDay]:
        """The newest day of each code that has a value."""
        return _decoded(self._get("/index", min_sequence=min_sequence), _Index).items

    def index_days(
        self, code: str = "SXBI", *, first: str | None = None, end: str | None = None, limit: int | None = None
    ) -> IndexSeries:
        """The trading days of a code in `[first, end)`, ISO dates, ascending: the newest `limit`, or all."""
        items, sequence = self._all(f"/index/{code}/days", IndexDay, limit, **{"from": first, "to": end})
        return IndexSeries(code=code, days=items[::-1], sequence=sequence)

    # Files

    def datasets(self) -> list[Dataset]:
        """What `export` and `download` can be asked for."""
        return _decoded(self._get("/exports"), _Datasets).items

    def export(self, dataset: str, **wanted: Any) -> Export:
        """A whole dataset in memory, for `to_frame`. `wanted` narrows it down as the venue's page of its exports tells:
        `symbol`, `first` and `end` (dates, times with their zone, nanoseconds), `interval`, `every`, `depth`,
        `min_sequence`.
        """
        content = bytearray()
        sequence = self._stream(f"{dataset}.parquet", wanted, content.extend)
        return Export(dataset=dataset, content=bytes(content), sequence=sequence)

    def download(self, file: str, to: str | Path, **wanted: Any) -> int:
        """A dataset into a file, however large: `trades.csv` or `trades.parquet`, the same into `to`; returns the
        sequence that it reaches at least. `to` is there whole or not at all.
        """
        target = Path(to)
        partial = target.with_name(f"{target.name}.part")
        try:
            with partial.open("wb") as output:
                sequence = self._stream(file, wanted, output.write)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return sequence

    def _stream(self, file: str, wanted: dict[str, Any], take: Callable[[bytes], object]) -> int:
        names = {"first": "from", "end": "to"}
        query = {names.get(name, name): value for name, value in wanted.items() if value is not None}
        try:
            with self._http.stream("GET", f"/exports/{file}", params=query) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _refusal_of(answer)
                for part in answer.iter_bytes():
                    take(part)
                return int(answer.headers["exchange-sequence"])
        except httpx.HTTPError as error:
            raise Disconnected(f"{self._http.base_url}: {error}") from error

    # Pages

    def _all(self, path: str, kind: type[T], limit: int | None, **query: Any) -> tuple[list[T], int]:
        pages, sequence = self._pages(path, kind, limit, **query)
        items = [item for page in pages for item in page]
        return items if limit is None else items[:limit], sequence

    def _pages(self, path: str, kind: Any, limit: int | None, **query: Any) -> tuple[list[list[Any]], int]:
        """All pages, or as many as hold `limit` items, and the sequence that the first is true of."""
        pages: list[list[Any]] = []
        sequence = 0
        for body in self._bodies(path, limit, query):
            page = _decoded(body, dict[str, Any])
            try:
                pages.append(msgspec.convert(page["items"], list[kind]))
                sequence = sequence or page["sequence"]
            except (msgspec.ValidationError, KeyError) as error:
                raise FeedError(f"{path}: the venue's answer is not understood: {error}") from error
        return pages, sequence

    def _bodies(self, path: str, limit: int | None, query: dict[str, Any]) -> Iterator[bytes]:
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            asked = PAGE if left is None else min(left, PAGE)
            body = self._get(path, limit=asked, cursor=cursor, **query)
            yield body
            page = _decoded(body, _Page)
            cursor = page.next
            if cursor is None:
                return
            left = None if left is None else left - asked

    def _get(self, path: str, **query: Any) -> bytes:
        try:
            answer = self._http.get(path, params={name: value for name, value in query.items() if value is not None})
        except httpx.HTTPError as error:
            raise Disconnected(f"{self._http.base_url}: {error}") from error
        if answer.status_code == 200:
            return answer.content
        raise _refusal_of(answer)


class _Page(Struct):
    next: str | None = None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise FeedError(f"the venue's answer is not understood: {error}") from error


def _refusal_of(answer: httpx.Response) -> FeedError:
    """What the venue says, or who spoke in its place."""
    try:
        return Refused.of(msgspec.json.decode(answer.content, type=dict[str, Any]))
    except (msgspec.DecodeError, KeyError):
        return Disconnected(f"{answer.url}: {answer.status_code} {answer.text[:200]}")
