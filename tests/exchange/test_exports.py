"""Exports as CSV and Parquet: what a file says is what the database holds, to the last unit, and the same each time."""

import asyncio
import csv
import io
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from sqlalchemy import Engine

from exchange import export_process
from exchange.database import connect
from exchange.datasets import DATASETS, Unfit, rows_of
from exchange.export import Counter, export, local_time, run_export, safe
from exchange.export_process import Exports
from exchange.projector import projected_sequence
from marketdata import queries
from marketdata.candles import start_of
from marketdata.messages import INTERVALS
from tests.exchange.days import a_day_of_trading, journal_of, project
from tests.exchange.floor import HOUR_NS, SYMBOL
from tests.running import ROOT, found, serving
from tests.running import exchange as command
from web.moments import read_moment
from web.ports import ExportFailed, ExportForm, ExportsBusy, Wanted
from web.price_csv import Mapping, read_prices
from web.price_records import import_file

ALL = Wanted()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that has followed a day with a bust; nobody changes it."""
    folder = tmp_path_factory.mktemp("exports")
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    name = None if server is None else server.create()
    url = f"sqlite:///{folder / 'exchange.sqlite'}" if server is None else server.url(name)
    journal = journal_of(a_day_of_trading(seed=5), folder / "journal.sqlite")
    project(journal, url)
    journal.close()
    bring_prices(url)
    yield url
    if server is not None:
        server.drop(name)


def bring_prices(url: str) -> None:
    """A week of another market."""
    week = "Origin,Date,Price,Units\necuador,2026-11-23,0.70,£/kg\n,2026-11-24,0.8,£/kg\nperu,2026-11-24,0.8,£/kg\n"
    file = read_prices(week.encode(), Mapping(source="DEFRA"))
    engine = connect(url)
    with engine.begin() as connection:
        import_file(connection, "DEFRA", file, week.encode(), file_name="x", now_ns=1, imported_by=None)
    engine.dispose()


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Engine]:
    engine = connect(url, read_only=True)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with SQLite in it."""
    folder = tmp_path_factory.mktemp("data")
    journal = journal_of(a_day_of_trading(seed=5), folder / "journal.sqlite")
    project(journal, f"sqlite:///{folder / 'exchange.sqlite'}")
    journal.close()
    return folder


def made(database: Engine, name: str, form: ExportForm, wanted: Wanted = ALL) -> bytes:
    sink = io.BytesIO()
    with database.connect() as connection:
        rows = rows_of(DATASETS[name], connection, wanted)
        export(DATASETS[name], rows, form, sink, sequence=projected_sequence(connection))
    return sink.getvalue()


def table(database: Engine, name: str, wanted: Wanted = ALL) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made(database, name, "csv", wanted).decode(), newline="")))


@pytest.mark.parametrize("name", DATASETS)
def test_csv_and_parquet_say_the_same_and_the_same_again(database: Engine, name: str) -> None:
    lines = table(database, name)
    file = made(database, name, "parquet")
    assert lines
    assert made(database, name, "csv") == made(database, name, "csv")
    assert made(database, name, "parquet") == file
    read = pyarrow.parquet.read_table(io.BytesIO(file))
    assert read.column_names == list(lines[0])
    assert int(read.schema.metadata[b"sequence"]) > 0
    kinds = dict(DATASETS[name].columns)
    for column in read.column_names:
        values = read.column(column).to_pylist() if column in kinds else read.column(column).cast("int64").to_pylist()
        told = [line[column] for line in lines]
        if column not in kinds:
            assert str(read.schema.field(column).type) == "timestamp[ns, tz=UTC]"
            assert [read_exactly(each) for each in told] == values == read.column(f"{column}_ns").to_pylist()
        elif kinds[column] == "integer":
            assert str(read.schema.field(column).type) == "int64"
            assert [int(each) for each in told] == values
        elif kinds[column] == "boolean":
            assert [{"true": True, "false": False}[each] for each in told] == values
        else:
            assert [each or None for each in told] == values


def read_exactly(told: str) -> int:
    """A local time of the file, to the nanosecond."""
    whole, _, rest = told.partition(".")
    nanoseconds, zone = rest.split("+")
    return read_moment(f"{whole}+{zone}") + int(nanoseconds)


def test_candles_made_of_exported_trades_are_the_exported_candles(database: Engine) -> None:
    trades = [each for each in table(database, "trades") if each["busted"] == "false"]
    assert len(trades) < len(table(database, "trades"))
    rebuilt = {}
    for symbol in sorted({each["symbol"] for each in trades}):
        for interval in sorted(INTERVALS):
            own = [each for each in trades if each["symbol"] == symbol]
            for start_ns, group in groupby(own, key=lambda each: start_of(interval, int(each["time_ns"]))):
                part = [(int(each["price"]), int(each["quantity"])) for each in group]
                prices = [price for price, _ in part]
                volume, turnover = sum(kg for _, kg in part), sum(price * kg for price, kg in part)
                figures = (prices[0], max(prices), min(prices), prices[-1], volume, turnover)
                rebuilt[symbol, interval, start_ns] = figures
    names = ("open", "high", "low", "close", "volume", "turnover_fen")
    told = {
        (each["symbol"], each["interval"], int(each["start_ns"])): tuple(int(each[name]) for name in names)
        for each in table(database, "candles")
    }
    assert told == rebuilt


def test_books_made_of_exported_changes_are_those_of_the_past(database: Engine) -> None:
    changes = [each for each in table(database, "book-levels") if each["symbol"] == SYMBOL]
    steps: list[tuple[int, Any]] = []
    levels: dict[tuple[str, int], tuple[int, int]] = {}
    for sequence, group in groupby(changes, key=lambda each: int(each["sequence"])):
        for each in group:
            key = (each["side"], int(each["price"]))
            levels[key] = (int(each["quantity"]), int(each["orders"]))
            if not levels[key][0]:
                del levels[key]
        steps.append((sequence, dict(levels)))
    with database.connect() as connection:
        for sequence in range(steps[0][0], steps[-1][0] + 3, 5):
            _, stood = steps[bisect_right(steps, sequence, key=lambda each: each[0]) - 1]
            book = queries.book(connection, SYMBOL, at_sequence=sequence, depth=None)
            assert book is not None
            found = {("buy", price): size for price, *size in book.bids}
            found |= {("sell", price): size for price, *size in book.asks}
            assert {key: tuple(size) for key, size in found.items()} == stood


def test_exported_books_are_those_at_their_times(database: Engine) -> None:
    begun = int(table(database, "book-levels", Wanted(symbol=SYMBOL))[0]["time_ns"])
    wanted = Wanted(symbol=SYMBOL, every_seconds=900, depth=3, to_ns=begun + 3 * HOUR_NS)
    lines = table(database, "books", wanted)
    times = sorted({int(each["time_ns"]) for each in lines})
    assert len(times) > 4
    assert all(time_ns % (900 * 10**9) == 0 for time_ns in times)
    with database.connect() as connection:
        for time_ns in times:
            book = queries.book(connection, SYMBOL, at_ns=time_ns, depth=3)
            assert book is not None
            shown = [each for each in lines if int(each["time_ns"]) == time_ns]
            levels = [("buy", *level) for level in book.bids] + [("sell", *level) for level in book.asks]
            names = ("price", "quantity", "orders")
            assert [(each["side"], *(int(each[name]) for name in names)) for each in shown] == levels
    later = Wanted(symbol=SYMBOL, every_seconds=900, depth=3, from_ns=times[2], to_ns=times[4])
    assert {int(each["time_ns"]) for each in table(database, "books", later)} == set(times[2:4])


def test_what_is_wanted_narrows_a_dataset_down(database: Engine) -> None:
    whole = table(database, "trades")
    middle = int(whole[len(whole) // 2]["time_ns"])
    early = table(database, "trades", Wanted(to_ns=middle))
    late = table(database, "trades", Wanted(from_ns=middle))
    assert [*early, *late] == whole
    assert {each["symbol"] for each in table(database, "trades", Wanted(symbol=SYMBOL))} == {SYMBOL}
    assert {each["interval"] for each in table(database, "candles", Wanted(interval="1h"))} == {"1h"}
    day = table(database, "index")[0]["date"]
    start = read_moment(day)
    only = table(database, "index", Wanted(from_ns=start, to_ns=start + 1))
    assert only
    assert {each["date"] for each in only} == {day}
    with database.connect() as connection, pytest.raises(Unfit, match="interval does not narrow"):
        rows_of(DATASETS["trades"], connection, Wanted(interval="1m"))


def test_no_cell_is_a_formula() -> None:
    assert [safe(each) for each in ("=1+1", "+1", "-1", "@a", "\tx", "BXJ-1", "")] == [
        *("'=1+1", "'+1", "'-1", "'@a", "'\tx", "BXJ-1", ""),
    ]


def test_local_times_are_told_to_the_nanosecond() -> None:
    assert local_time(0) == "1970-01-01T08:00:00.000000000+08:00"
    assert local_time(1_795_399_200_000_000_007) == "2026-11-23T10:00:00.000000007+08:00"
    assert read_moment("2026-11-23") == 1_795_363_200_000_000_000
    assert read_moment("2026-11-23T10:00:00+08:00") == read_moment("1795399200000000000")
    for wrong in ("2026-11-23T10:00:00", "tomorrow", "2026-02-30", ""):
        with pytest.raises(ValueError, match="2026-11-23"):
            read_moment(wrong)


def test_memory_does_not_grow_with_the_rows() -> None:
    """Rows are asked for as they are written."""
    ahead = 0
    written = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal ahead
        for number in range(20_000):
            ahead = max(ahead, number - written)
            yield ("BXJ", number, "1m", 1, 1, 1, 1, 1, 1)

    def tell(count: int) -> None:
        nonlocal written
        written = count

    class Nowhere:
        def write(self, data: bytes) -> None:
            assert len(data) < 2**21

    columns = DATASETS["candles"]
    export(columns, ((a, c, b, *rest) for a, b, c, *rest in rows()), "csv", Nowhere(), tell=tell)
    assert written == 20_000
    assert ahead <= 2_000


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    stream, now = io.StringIO(), [0.0]
    counter = Counter(stream, "trades", clock=lambda: now[0])
    for count, time in ((2_000, 1.0), (4_000, 10.5), (6_000, 11.0)):
        now[0] = time
        counter.tell(count)
    counter.end()
    assert stream.getvalue() == "trades: 4,000 rows\ntrades: 6,000 rows\n"
    silent = io.StringIO()
    Counter(silent, "trades").end()
    assert silent.getvalue() == ""


# The command


def test_the_command_writes_a_file_whole_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "trades.parquet"
    done = command("export", "trades", "--data", folder, "--out", out)
    assert done.returncode == 0, done
    assert "rows" in done.stderr
    assert done.stdout == ""
    assert pyarrow.parquet.read_table(out).num_rows > 10
    assert [each.name for each in tmp_path.iterdir()] == ["trades.parquet"]
    piped = command("export", "trades", "--data", folder, "--symbol", SYMBOL, "--to", "2026-11-24")
    assert piped.returncode == 0
    assert piped.stdout.startswith("trade_id,symbol,price,quantity,aggressor_side,busted,sequence,time_ns,time\n")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("export", "gossip"), "--list"),
        (("export", "trades", "--interval", "1m"), "interval"),
        (("export", "trades", "--from", "yesterday"), "--from"),
        (("export", "trades", "--data", "nowhere"), "no database"),
    ],
)
def test_what_cannot_begin_is_told_in_one_line(folder: Path, arguments: tuple[str, ...], named: str) -> None:
    where = () if "--data" in arguments else ("--data", folder)
    result = command(*arguments, *where)
    assert result.returncode == 2
    assert named in result.stderr.splitlines()[-1]
    assert result.stdout == ""


def test_a_file_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    said = io.StringIO()
    url = f"sqlite:///{folder / 'exchange.sqlite'}"
    assert run_export(url, "trades", "csv", ALL, tmp_path / "none" / "x.csv", io.BytesIO(), said) == 2
    assert "x.csv" in said.getvalue()


def test_who_reads_no_further_is_not_complained_about(folder: Path) -> None:
    line = f"{sys.executable} -m exchange export book-levels --data {folder} | head -n 1"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("symbol,sequence")
    assert "Traceback" not in done.stderr


# The venue's process


async def read(exports: Exports, wanted: Wanted = ALL) -> bytes:
    return b"".join([part async for part in exports.export("trades", "csv", wanted)])


async def test_the_venue_has_a_process_make_them(folder: Path) -> None:
    exports = Exports(f"sqlite:///{folder / 'exchange.sqlite'}", folder)
    database = connect(f"sqlite:///{folder / 'exchange.sqlite'}", read_only=True)
    assert await read(exports) == made(database, "trades", "csv")
    database.dispose()
    assert (exports.making, exports.open) == (0, 0)
    assert not [each.name for each in folder.iterdir() if not each.name.startswith(("journal", "exchange"))]


async def test_who_reads_slowly_holds_up_nobody_who_has_one_made(folder: Path) -> None:
    exports = Exports(f"sqlite:///{folder / 'exchange.sqlite'}", folder)
    waiting = [exports.export("trades", "csv", ALL) for _ in range(3)]
    for each in waiting:
        async with asyncio.timeout(60):
            await anext(each)
            while exports.making:
                await asyncio.sleep(0.01)
    assert exports.open == len(waiting)
    for each in waiting:
        await each.aclose()  # type: ignore[attr-defined]
    assert exports.open == 0


async def test_so_many_are_made_at_once_and_a_reader_who_leaves_ends_his(folder: Path, tmp_path: Path) -> None:
    slow = "import sys,time; sys.stdout.write('part'); sys.stdout.flush(); time.sleep(60)"
    exports = Exports("sqlite:///none", tmp_path, command=(sys.executable, "-c", slow))
    open_ones = [exports.export("trades", "csv", ALL) for _ in range(export_process.AT_ONCE)]
    assert [await anext(each) for each in open_ones] == [b"part"] * export_process.AT_ONCE
    with pytest.raises(ExportsBusy):
        await anext(exports.export("trades", "csv", ALL))
    for each in open_ones:
        await each.aclose()  # type: ignore[attr-defined]
    assert (exports.making, exports.open) == (0, 0)


@pytest.mark.parametrize("code", ["raise SystemExit('no database')", "print('half'); raise SystemExit('gone')"])
async def test_an_export_that_breaks_off_is_no_file(tmp_path: Path, code: str) -> None:
    exports = Exports("sqlite:///none", tmp_path, command=(sys.executable, "-c", code))
    with pytest.raises(ExportFailed, match=r"no database|gone"):
        await read(exports)
    assert (exports.making, exports.open) == (0, 0)


def test_a_venue_that_serves_sends_them(tmp_path: Path) -> None:
    found(tmp_path)
    with serving(tmp_path) as venue:
        operator = venue.person("operator")
        defined = operator.post("/operator/instruments", {"symbol": SYMBOL, "phase": "auction"})
        answer = httpx.get(
            f"{venue.address}/api/v1/exports/phases.csv", params={"min_sequence": defined["sequence"]}, timeout=30
        )
    assert answer.status_code == 200, answer.text
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (line["symbol"], line["phase"], line["dark"]) == (SYMBOL, "auction", "true")
    assert int(answer.headers["exchange-sequence"]) >= defined["sequence"]


def test_statistics_are_exported_as_they_may_be_told(database: Engine) -> None:
    goods, towns, regions = (table(database, f"statistics{of}") for of in ("", "-origins", "-regions"))
    last = max(line["date"] for line in towns)
    of_the_tape = sum(int(line["volume"]) for line in goods if line["date"] <= last)
    assert of_the_tape == sum(int(line["volume"]) for line in towns) == sum(int(line["volume"]) for line in regions) > 0
    # The last days can still change: they are on the tape, and not told by whence and whither.
    assert last < max(line["date"] for line in goods)
    first = goods[0]["date"]
    only = table(database, "statistics", Wanted(to_ns=read_moment(first) + 1))
    assert {line["date"] for line in only} == {first}
    assert [line["decimal"] for line in table(database, "prices", Wanted(to_ns=read_moment("2026-11-24")))] == ["0.70"]


def test_no_dataset_knows_a_participant() -> None:
    names = {column for dataset in DATASETS.values() for column, _ in dataset.columns}
    assert not [name for name in names if re.search("participant|buyer|seller|order_id|client", name)]


def test_the_documentation_names_every_dataset_and_what_narrows_it_down() -> None:
    text = (ROOT / "docs" / "history.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    told = {
        name: tuple(re.sub(r" \(.*?\)", "", filters).split(", "))
        for names, filters in rows
        for name in re.findall(r"`([a-z-]+)`", names)
    }
    assert told == {name: dataset.filters for name, dataset in DATASETS.items()}
