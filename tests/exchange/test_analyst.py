"""An analyst's morning at the demonstration: `docs/analyst.ipynb` runs as it is written, and the client's history joins
the feed to the last unit.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterator

import pytest

from marketdata.candles import start_of
from marketdata.client import History, SyncFeedClient
from marketdata.messages import CandleRow, Trade
from tests.exchange.notebook import run
from tests.running import PATIENCE_SECONDS, ROOT, VenueProcess, serving

NOTEBOOK = ROOT / "docs" / "analyst.ipynb"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """The demonstration, once somebody has traded."""
    with serving(tmp_path_factory.mktemp("demo"), "--seed", "7", command="demo") as venue:
        with History(venue.address, timeout_s=PATIENCE_SECONDS) as history, SyncFeedClient(venue.feed_address) as feed:
            symbols = [instrument.symbol for instrument in history.instruments()]
            tape = feed.read_trades(symbols)
            while not any(message.trades for message in tape.take(1, PATIENCE_SECONDS)):
                pass
        yield venue


@pytest.mark.slow
def test_the_notebook_runs_as_it_is_written(venue: VenueProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    monkeypatch.setenv("BANANA_FEED", venue.feed_address)
    monkeypatch.setenv("BANANA_WEB", venue.address)
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = run(notebook)
    assert cells[-1].value == {"gaps": 0, "bad checksums": 0, "connections": 1}


def test_the_notebook_is_kept_with_what_a_real_run_has_shown() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {kind for cell in cells for output in cell["outputs"] for kind in output.get("data", ())}
    assert {"text/plain", "text/html", "image/png"} <= kinds
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


@pytest.mark.slow
def test_history_joins_the_feed_without_a_hole(venue: VenueProcess) -> None:
    with History(venue.address, timeout_s=PATIENCE_SECONDS) as history, SyncFeedClient(venue.feed_address) as feed:
        instruments = history.instruments()
        for instrument in instruments[:5]:
            symbol = instrument.symbol
            tape = feed.read_trades([symbol])
            candles = feed.read_candles([symbol], "1m").take(1)[0]
            snapshot = tape.take(1)[0]
            past = history.trades(symbol, min_sequence=max(snapshot.sequence, candles.sequence))
            assert past.sequence >= snapshot.sequence
            known = {trade.trade_id: trade for trade in past.trades}
            assert all(known[trade.trade_id] == trade for trade in snapshot.trades)
            # Candles of the feed, of the database, and made here of the trades until then.
            made = candles_of([trade for trade in past.trades if trade.time_ns <= candles.time_ns])
            assert candles.candles == made
            assert [row for row in history.candles(symbol, "1m").candles if row[0] < made[-1][0]] == made[:-1]


@pytest.mark.slow
def test_a_book_of_the_past_is_what_the_feed_showed_then(venue: VenueProcess) -> None:
    with History(venue.address, timeout_s=PATIENCE_SECONDS) as history, SyncFeedClient(venue.feed_address) as feed:
        symbol = history.instruments()[0].symbol
        with feed.read_book([symbol], depth=None) as messages:
            messages.take(1, PATIENCE_SECONDS)
            shown = feed.book(symbol)
            assert len(messages.take(2, PATIENCE_SECONDS)) == 2
        later = history.book(symbol, depth=1_000, at_sequence=shown.sequence, min_sequence=feed.book(symbol).sequence)
        assert (later.bids, later.asks) == (shown.bids, shown.asks)


BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "client.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_the_clients_page_shows_can_be_done(venue: VenueProcess, block: str) -> None:
    with History(venue.address, timeout_s=PATIENCE_SECONDS) as history:
        symbol = history.instruments()[0].symbol
    for written, true in (
        ("ws://127.0.0.1:8001", venue.feed_address),
        ("http://127.0.0.1:8000", venue.address),
        ("BXJ-1-SX1-26W47", symbol),
    ):
        block = block.replace(written, true)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(block, {"__name__": "__main__"})
    assert printed.getvalue()


def candles_of(trades: list[Trade]) -> list[CandleRow]:
    rows: dict[int, list[Trade]] = {}
    for trade in trades:
        if not trade.busted:
            rows.setdefault(start_of("1m", trade.time_ns), []).append(trade)
    return [
        (
            start_ns,
            of[0].price,
            max(trade.price for trade in of),
            min(trade.price for trade in of),
            of[-1].price,
            sum(trade.quantity for trade in of),
        )
        for start_ns, of in rows.items()
    ]
