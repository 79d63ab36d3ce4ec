"""A venue as users run it starts from its snapshots, and says why where it does not, or may not start at all."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from exchange.engine import Engine
from exchange.snapshot import Snapshots, read_snapshot, sequence_of
from exchange.sqlite_journal import SqliteJournal
from tests.exchange.seams import OLDER, append
from tests.exchange.whole_venue.story import Story
from tests.exchange.witnessing import entries_of
from tests.running import PASSWORD, PATIENCE_SECONDS, VenueProcess, exchange, found, let_in, lot_cut, serving, take_in


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def end_of(data: Path) -> int:
    with closing(SqliteJournal.open_reader(data / "journal.sqlite")) as journal:
        return journal.tip().sequence


def newest(data: Path) -> int:
    paths = Snapshots.beside(data / "journal.sqlite").newest_first()
    return sequence_of(paths[0]) if paths else 0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def stop_cleanly(data: Path) -> None:
    """Start and stop it until a snapshot is left at the end: on a busy machine the shadow may be too slow for the few
    seconds of a stop, and then the next one leaves it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while newest(data) < end_of(data):
        assert time.monotonic() < deadline, "no stop has left a snapshot"
        with serving(data) as venue:
            until(lambda venue=venue: httpx.get(f"{venue.address}/readyz").json()["projected_sequence"] > 0)  # type: ignore[misc]
            venue.stop()
        Snapshots.beside(data / "journal.sqlite").wait_for_writers(PATIENCE_SECONDS)


def open_market(venue: VenueProcess) -> str:
    """Let Ann in, who has fruit, and Ben, who has money; the symbol that they will trade."""
    operator = venue.person("operator")
    warehouse, ann = let_in(operator, "warehouse", "warehouse"), let_in(operator, "ann", "trader", "grower")
    let_in(operator, "ben", "trader", money_fen=10**9)
    symbol: str = take_in(ann, warehouse, lot_cut(ann, 0), 1_340_700)["symbol"]
    return symbol


def trade(venue: VenueProcess, symbol: str, number: int) -> None:
    for name, side in (("ann", "sell"), ("ben", "buy")):
        for price in (205, 210):
            venue.person(name).place(symbol, side, 3, price, client_order_id=f"{number}-{side}-{price}")


def both_ways(data: Path) -> None:
    """A whole replay and one from the newest snapshot come to the same."""
    whole, short = exchange("replay", "--data", data), exchange("replay", "--data", data, "--from-snapshot")
    assert (whole.returncode, short.returncode) == (0, 0), whole.stdout + short.stdout
    first, *rest = short.stdout.splitlines()
    assert first == f"from the snapshot of sequence {newest(data)}"
    assert rest == whole.stdout.splitlines()


@pytest.mark.slow
def test_a_clean_stop_leaves_one_at_the_end_and_the_next_start_begins_there(data: Path) -> None:
    found(data)
    symbol = ""
    books = []
    for number, clean in enumerate((True, False, True)):
        with serving(data, "--log-level", "info") as venue:
            symbol = symbol or open_market(venue)
            trade(venue, symbol, number)
            told = venue.person("ann")
            books.append((told.get(f"/instruments/{symbol}/book"), told.get("/orders", status="live")["items"]))
            venue.stop() if clean else venue.kill()
        if clean:
            stop_cleanly(data)
        both_ways(data)
    with serving(data) as venue:
        told = venue.person("ann")
        book, orders = told.get(f"/instruments/{symbol}/book"), told.get("/orders", status="live")["items"]
        assert [book[side] for side in ("bids", "asks")] == [books[-1][0][side] for side in ("bids", "asks")]
        assert orders == books[-1][1]
        trades = told.get(f"/instruments/{symbol}/trades")["items"]
        assert len(trades) == 6
    verified = exchange("verify", "--data", data)
    assert verified.returncode == 0, verified.stdout


@pytest.fixture
def stopped(data: Path) -> Path:
    """A venue with a long past that was stopped cleanly, without its database."""
    data.mkdir()
    engine = Engine()
    with closing(SqliteJournal(data / "journal.sqlite")) as journal:
        append(journal, entries_of(Story(3, audited=1_000).run(300).told, engine), engine)
    stop_cleanly(data)
    for path in data.glob("exchange.sqlite*"):
        path.unlink()
    return data


def test_a_damaged_one_is_passed_over_in_words(stopped: Path) -> None:
    path = stopped / "snapshots" / f"{newest(stopped)}.snapshot"
    path.write_bytes(path.read_bytes()[:-7])
    begun = exchange("init", "--data", stopped, "--password", PASSWORD, "--name", "another")
    assert begun.returncode == 0, begun.stderr
    (line,) = [line for line in begun.stderr.splitlines() if "snapshot" in line]
    assert line == f"a snapshot is passed over: {path.name} is damaged in its section bell"
    checked = exchange("replay", "--data", stopped, "--from-snapshot", sequence_of(path))
    assert (checked.returncode, checked.stdout) == (1, f"{path.name} is damaged in its section bell\n")
    checked = exchange("replay", "--data", stopped, "--from-snapshot")
    assert checked.returncode == 1
    assert "there is no good snapshot in" in checked.stdout
    checked = exchange("replay", "--data", stopped, "--from-snapshot", 3)
    assert (checked.returncode, checked.stdout) == (1, "3.snapshot cannot be read: No such file or directory\n")


def test_rows_that_are_lost_stop_the_start(stopped: Path) -> None:
    connection = sqlite3.connect(stopped / "journal.sqlite")
    with connection:
        connection.execute("DELETE FROM batches WHERE last_sequence > (SELECT max(last_sequence) - 3 FROM batches)")
    connection.close()
    snapshot = newest(stopped)
    (stopped / "journal.sqlite.mark").unlink()  # which would have said so first
    begun = exchange("init", "--data", stopped, "--password", PASSWORD)
    assert begun.returncode == 2
    (line,) = begun.stderr.splitlines()
    assert f"but there is a snapshot of sequence {snapshot}: rows of the journal are lost" in line
    assert line.startswith("exchange: the journal ends at sequence ")
    (stopped / "snapshots").rename(stopped / "away")
    assert exchange("init", "--data", stopped, "--password", PASSWORD, "--name", "another").returncode == 0


def test_the_journal_of_another_release_is_not_gone_on_with_on_a_guess(data: Path) -> None:
    data.mkdir()
    engine = Engine()
    with closing(SqliteJournal(data / "journal.sqlite", engine_version=OLDER)) as journal:
        append(journal, entries_of(Story(3, audited=1_000).run(20).told, engine), engine)
    begun = exchange("init", "--data", data, "--password", PASSWORD)
    assert begun.returncode == 2
    (line,) = begun.stderr.splitlines()
    assert line.startswith(f"exchange: the journal was written by engine version {OLDER}, this release has ")
    assert line.endswith("start the release that wrote it once more and stop it cleanly, which leaves one")
    assert not (data / "exchange.sqlite").exists(), "no schema that the release that wrote it would not open"


def test_what_a_venue_leaves_behind_restores_alone(stopped: Path) -> None:
    header = read_snapshot(stopped / "snapshots" / f"{newest(stopped)}.snapshot").header
    assert [section.name for section in header.sections] == ["engine", "publication", "bell"]
    assert all(section.stored < section.size for section in header.sections if section.size > 1_000)
