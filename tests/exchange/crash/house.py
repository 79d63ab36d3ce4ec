"""A venue that is killed again and again, and how: which moment, which processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, Literal

import httpx

from exchange.config import Settings
from tests.exchange.crash.auditor import Auditor, await_database
from tests.exchange.crash.traffic import Traffic
from tests.running import PASSWORD, ROOT, VenueProcess, exchange, let_in, lot_cut, take_in

Moment = Literal["trading", "start", "stop", "snapshot", "projection", "follower", "database"]
"""When it happens: among orders; before it is ready; while it stops; while a snapshot is written; while the follower
commits; to the follower alone and later to the venue; to the database's server first."""

MOMENTS: Final[tuple[Moment, ...]] = ("trading", "start", "stop", "snapshot", "projection", "follower")

TRADERS: Final = ("ann", "ben")
SNAPSHOT_COMMANDS: Final = 200
WAIT_SECONDS: Final = 30


class House:
    """A data folder with people and fruit, the venue that runs on it, and its auditor."""

    def __init__(self, data: Path, database_url: str | None = None) -> None:
        self.data = data
        self.database_url = database_url
        data.mkdir(parents=True)
        self._settings = data / "venue.toml"
        self._settings.write_text(f"snapshot_commands = {SNAPSHOT_COMMANDS}\nsnapshots_kept = 2\n")
        environment = {} if database_url is None else {"EXCHANGE_DATABASE_URL": database_url}
        made = exchange("init", "--data", data, "--password", PASSWORD, **environment)
        assert made.returncode == 0, made.stderr
        self.start_seconds = 0.0
        self.venue = self.start()
        try:
            self._open(data)
        except BaseException:
            self.kill_all()
            raise

    def _open(self, data: Path) -> None:
        """Let in two traders who have money and fruit."""
        operator = self.venue.person("operator")
        warehouse = let_in(operator, "warehouse", "warehouse")
        traders = [let_in(operator, name, "trader", "grower", money_fen=10**9) for name in TRADERS]
        receipts = [take_in(each, warehouse, lot_cut(each, 0), 1_340_700) for each in traders]
        self.symbol: str = receipts[0]["symbol"]
        self.tokens = dict(zip(TRADERS, (each.token for each in traders), strict=True))
        for person in (operator, warehouse, *traders):
            person.http.close()
        journal = Settings(data=str(data)).journal_path
        names = {each.participant_id: name for each, name in zip(traders, TRADERS, strict=True)}
        url = Settings(data=str(data), database_url=self.database_url).database
        self.auditor = Auditor(journal, url, names)

    def start(self) -> VenueProcess:
        """Raises `AssertionError` with what it has said where it does not become ready."""
        began = time.monotonic()
        self.venue = VenueProcess(self.data, "--config", str(self._settings), database_url=self.database_url)
        self.start_seconds = time.monotonic() - began
        return self.venue

    def trade(self, chance: Random, prefix: str) -> Traffic:
        return Traffic(self.venue.address, self.venue.feed_address, self.tokens, self.symbol, chance, prefix)

    def clear(self) -> None:
        """Take all orders out of the book, so that money and fruit are free again."""
        for name, token in self.tokens.items():
            with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_SECONDS) as http:
                answer = http.delete(f"{self.venue.address}/api/v1/orders")
                assert answer.status_code == 200, f"{name}: {answer.text}"

    def kill_all(self) -> None:
        """The venue first, then whoever works for it: nobody gets to say goodbye."""
        pids = [self.venue.pid, *descendants(self.venue.pid)]
        for pid in pids:
            _kill(pid)
        self.venue.kill()  # It hears of the end, also where that was before.

    def kill_in_the_start(self, chance: Random) -> None:
        """Start it and kill it at once, or a little later, mostly before it is ready."""
        environment = dict(self.venue.environment)
        command = [sys.executable, "-m", "exchange", "serve", "--data", self.data, "--config", self._settings]
        process = subprocess.Popen(
            [*map(str, command), "--port", "0", "--feed-port", "0"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(chance.random() * 1.2 * self.start_seconds)
        except subprocess.TimeoutExpired:
            pids = [process.pid, *descendants(process.pid)]
            for pid in pids:
                _kill(pid)
        process.wait(WAIT_SECONDS)

    def kill_at(self, moment: Moment, chance: Random) -> str:
        """Wait for the moment, then kill; what exactly was done."""
        match moment:
            case "trading" | "start":
                time.sleep(chance.random() * 0.3)
                if chance.random() < 0.5:
                    self.venue.kill()
                    return "venue"
                self.kill_all()
                return "venue and follower"
            case "stop":
                os.kill(self.venue.pid, signal.SIGTERM)
                time.sleep(chance.random() * 1.5)
                self.kill_all()
                return "while it stopped"
            case "snapshot":
                seen = await_file(self.data / "snapshots", ".unfinished", WAIT_SECONDS)
                time.sleep(chance.random() * 0.01)
                alone = chance.random() < 0.5
                self.venue.kill() if alone else self.kill_all()
                return ("venue" if alone else "all") + (
                    " while a snapshot was written" if seen else ", no snapshot seen"
                )
            case "projection":
                await_write(self.data / "exchange.sqlite-wal", WAIT_SECONDS)
                time.sleep(chance.random() * 0.01)
                self.kill_all()
                return "all while the follower committed"
            case "follower":
                for _ in range(chance.randrange(1, 3)):
                    await_write(self.data / "exchange.sqlite-wal", WAIT_SECONDS)
                    for pid in descendants(self.venue.pid):
                        _kill(pid)
                    time.sleep(chance.random() * 0.5)
                self.kill_all()
                return "the follower, later the venue"
            case "database":
                raise AssertionError("its server is killed by who has started it")

    def caught_up(self) -> float:
        return await_database(self.venue.address)

    def close(self) -> None:
        """Stop it cleanly, and look through it a last time."""
        status = self.venue.stop()
        assert status == 0, f"the venue ended with status {status}: {''.join(self.venue.errors)[-2000:]}"
        self.auditor.verify()


def descendants(pid: int) -> list[int]:
    """Children, and theirs."""
    return list(_descendants(pid))


def _descendants(pid: int) -> Iterator[int]:
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _descendants(int(child))
    except (FileNotFoundError, ProcessLookupError):
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def await_file(folder: Path, suffix: str, seconds: float) -> bool:
    """Until a file with this suffix is there; looked for without a pause, for it may be gone in milliseconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if any(name.endswith(suffix) for name in os.listdir(folder)):
                return True
        except FileNotFoundError:
            threading.Event().wait(0.01)
    return False


def await_write(path: Path, seconds: float) -> bool:
    """Until a file that is there changes."""
    before = _changed(path)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if _changed(path) != before:
            return True
    return False


def _changed(path: Path) -> tuple[int, int]:
    try:
        told = path.stat()
    except FileNotFoundError:
        return 0, 0
    return told.st_mtime_ns, told.st_size
