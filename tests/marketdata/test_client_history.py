"""The client's history against a venue that is a function: pages, refusals, answers that nobody understands."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketdata.client import Disconnected, FeedError, History, Refused
from tests.marketdata.feed_reader import NOON_NS, checksum_of

TRADES = [
    {
        "trade_id": number,
        "symbol": "A",
        "price": 250,
        "quantity": 1,
        "aggressor_side": None,
        "time_ns": NOON_NS + number,
        "sequence": number,
        "busted": False,
    }
    for number in range(1, 2_501)
]


def history(answer: Callable[[httpx.Request], httpx.Response]) -> History:
    return History("http://venue/", transport=httpx.MockTransport(answer))


def newest_first(request: httpx.Request) -> httpx.Response:
    """As the venue pages its tape."""
    query = request.url.params
    before = int(query.get("cursor", 2_501))
    page = [each for each in reversed(TRADES) if int(str(each["trade_id"])) < before][: int(query["limit"])]
    last = page[-1]["trade_id"]
    following = None if last == 1 else str(last)
    return httpx.Response(200, json={"items": page, "next": following, "sequence": 2_500})


def test_all_pages_are_read_and_turned_round() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return newest_first(request)

    tape = history(answer).trades("A", min_sequence=7)
    assert [trade.trade_id for trade in tape.trades] == list(range(1, 2_501))
    assert tape.sequence == 2_500
    assert [url.path for url in asked] == ["/api/v1/instruments/A/trades"] * 3
    assert [url.params.get("cursor") for url in asked] == [None, "1501", "501"]
    assert {url.params["min_sequence"] for url in asked} == {"7"}


@pytest.mark.parametrize("limit", [0, 1, 999, 1_000, 1_001, 2_500, 9_000])
def test_a_limit_takes_the_newest(limit: int) -> None:
    tape = history(newest_first).trades("A", limit=limit)
    assert [trade.trade_id for trade in tape.trades] == list(range(1, 2_501))[max(0, 2_500 - limit) :]


def test_candles_ascend_across_pages_that_descend() -> None:
    rows = [[NOON_NS + minute, 1, 2, 1, 2, 10] for minute in range(1_500)]

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        assert (query["interval"], query["from_ns"]) == ("1m", "5")
        end = int(query.get("cursor", 1_500))
        page = rows[max(0, end - int(query["limit"])) : end]
        following = str(end - len(page)) if end > len(page) else None
        return httpx.Response(200, json={"items": page, "next": following, "sequence": 9})

    assert [row[0] for row in history(answer).candles("A", "1m", from_ns=5).candles] == [row[0] for row in rows]
    assert [row[0] for row in history(answer).candles("A", "1m", from_ns=5, limit=3).candles] == [
        NOON_NS + 1_497,
        NOON_NS + 1_498,
        NOON_NS + 1_499,
    ]


def book_with(checksum: int) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["at_sequence"] == "77"
        body = {"symbol": "A", "sequence": 77, "time_ns": 5, "phase": "continuous", "asks": []}
        return httpx.Response(200, json={**body, "bids": [[250, 400, 1]], "checksum": checksum})

    return answer


def test_a_book_of_the_past_is_held_against_its_checksum() -> None:
    right = checksum_of({250: (400, 1)}, {})
    book = history(book_with(right)).book("A", at_sequence=77)
    assert (book.sequence, book.bids, book.asks) == (77, [(250, 400, 1)], [])
    with pytest.raises(FeedError, match="checksum"):
        history(book_with(right + 1)).book("A", at_sequence=77)


def test_the_index_by_days() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/index":
            assert dict(request.url.params) == {"min_sequence": "7"}
        else:
            assert (request.url.path, request.url.params["from"]) == ("/api/v1/index/SXBI/days", "2026-11-01")
        days = [
            {"code": "SXBI", "date": date, "value": 1, "final": True, "carried": False, "constituents": [["A", 2, 3]]}
            for date in ("2026-11-19", "2026-11-18")
        ]
        return httpx.Response(200, json={"items": days, "next": None, "sequence": 9})

    days = history(answer).index_days(first="2026-11-01").days
    assert [day.date for day in days] == ["2026-11-18", "2026-11-19"]
    assert days[0].constituents == [("A", 2, 3)]
    assert history(answer).index(min_sequence=7) == days[::-1]


def refusing(status: int, body: Any) -> History:
    return history(lambda request: httpx.Response(status, json=body))


def test_a_problem_is_a_refusal_with_its_code() -> None:
    with pytest.raises(Refused, match="unknown_symbol") as refused:
        refusing(404, {"code": "unknown_symbol", "detail": "no such instrument", "field": "symbol"}).trades("X")
    assert (refused.value.code, refused.value.field) == ("unknown_symbol", "symbol")


@pytest.mark.parametrize("body", [{"oops": 1}, [], {"items": "none", "next": None, "sequence": 1}])
def test_an_answer_that_is_not_the_venues_is_an_error_that_says_so(body: Any) -> None:
    with pytest.raises(FeedError, match="not understood"):
        refusing(200, body).trades("A")
    with pytest.raises(Disconnected, match="502"):
        refusing(502, body).trades("A")


def test_nobody_there() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with history(answer) as nobody, pytest.raises(Disconnected, match="venue"):
        nobody.instruments()


def exporting(content: bytes) -> History:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path in ("/api/v1/exports/trades.csv", "/api/v1/exports/trades.parquet")
        assert dict(request.url.params) == {"symbol": "A", "from": "2026-11-01"}
        return httpx.Response(200, content=content, headers={"exchange-sequence": "77"})

    return history(answer)


def test_a_dataset_comes_into_memory_or_into_a_file(tmp_path: Path) -> None:
    content = b"x" * 1_000_000
    export = exporting(content).export("trades", symbol="A", first="2026-11-01", end=None)
    assert (export.dataset, export.sequence, export.content == content) == ("trades", 77, True)
    target = tmp_path / "trades.csv"
    assert exporting(content).download("trades.csv", target, symbol="A", first="2026-11-01") == 77
    assert target.read_bytes() == content


def test_a_file_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"trade_id,price"
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    target = tmp_path / "trades.csv"
    target.write_text("as it was")
    with pytest.raises(Disconnected, match="peer closed"):
        history(lambda request: httpx.Response(200, content=broken())).download("trades.csv", target)
    assert (target.read_text(), list(tmp_path.iterdir())) == ("as it was", [target])
    with pytest.raises(Refused, match="unknown_dataset"):
        refusing(404, {"code": "unknown_dataset", "detail": "no"}).download("gossip.csv", target)
    assert target.read_text() == "as it was"
