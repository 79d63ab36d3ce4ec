"""A real venue in a process of its own, as users run it, and people who speak to it over HTTP."""

import contextlib
import functools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60
PASSWORD = "plantain-demo"


class VenueProcess:
    """`exchange serve` or `exchange demo`, started and ready; `kill` and `stop` end it."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        command: str = "serve",
        database_url: str | None = None,
        program: Sequence[str] = ("-m", "exchange"),
    ) -> None:
        """`program` is what Python runs in place of the command line, for a venue with something wrong with it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
        if database_url is not None:
            environment["EXCHANGE_DATABASE_URL"] = database_url
        self.data = data
        self.environment = environment
        self._process = subprocess.Popen(
            [sys.executable, *program, command, "--data", data, "--port", "0", "--feed-port", "0", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_output, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.address = self._expect("ready ")
        self.feed_address = self._expect("feed ")

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: it does not get to say goodbye."""
        self._process.kill()
        self._finish()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it politely; its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._finish()

    def person(self, name: str, password: str = PASSWORD) -> "Person":
        """Somebody who has signed in."""
        return Person(self, name, password)

    def _expect(self, start: str) -> str:
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        if line is None:
            raise AssertionError(f"the venue did not start: {''.join(self.errors)}")
        assert line.startswith(start), line
        return line.removeprefix(start).strip()

    def _read_output(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self, stream: Any) -> None:
        self.errors.extend(stream)

    def _finish(self) -> int:
        status = self._process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return status


class Person:
    """Somebody with a bearer token. Calls answer with the decoded body and fail on any other status than expected."""

    def __init__(self, venue: VenueProcess, name: str, password: str) -> None:
        self.venue = venue
        self.http = httpx.Client(base_url=f"{venue.address}/api/v1", timeout=PATIENCE_SECONDS)
        session = self.call("POST", "/sessions", {"name": name, "password": password}, expect=201)
        self.token = session["token"]
        self.participant_id = session["participant"]["participant_id"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        """A view that is behind `min_sequence` is asked for again: on a busy machine the follower is still starting."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.http.get(path, params=query)
            behind = answer.status_code == 503 and answer.json()["code"] == "view_behind"
            if not behind or expect == 503 or time.monotonic() > deadline:
                return self._decoded(answer, expect)

    def post(self, path: str, body: dict[str, Any], expect: int = 201) -> Any:
        return self.call("POST", path, body, expect=expect)

    def place(self, symbol: str, side: str, quantity: int, price: int | None, **more: Any) -> Any:
        body = {"symbol": symbol, "side": side, "quantity": quantity, "price": price, **more}
        return self.post("/orders", body)

    def balance(self, asset: str) -> tuple[int, int]:
        """What he has of it: total and available, in fen or grams."""
        items = {item["asset"]: item for item in self.get("/balances")["items"]}
        return (items[asset]["total"], items[asset]["available"]) if asset in items else (0, 0)

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        expect: int = 200,
    ) -> Any:
        return self._decoded(self.http.request(method, path, json=body), expect)

    def _decoded(self, answer: httpx.Response, expect: int) -> Any:
        asked = f"{answer.request.method} {answer.request.url.path}"
        assert answer.status_code == expect, f"{asked}: {answer.status_code} {answer.text[:400]}"
        return answer.json() if answer.content else None


def let_in(operator: Person, name: str, *roles: str, money_fen: int = 0) -> Person:
    """Register somebody, fund him, and sign him in."""
    body = {"name": name, "password": PASSWORD, "display_name": name, "roles": list(roles)}
    registered = operator.post("/operator/participants", body)
    if money_fen:
        deposit = {"participant_id": registered["participant_id"], "amount_fen": money_fen, "reference": f"bank {name}"}
        operator.post("/operator/deposits", deposit)
    return operator.venue.person(name)


def take_in(grower: Person, warehouse: Person, lot: dict[str, Any], net_g: int) -> dict[str, Any]:
    """List a lot, weigh it at so many grams net, grade it I; the receipt."""
    path = f"/lots/{grower.post('/lots', lot)['lot_id']}"
    weighing = {"gross_g": net_g + 90_000, "tare_g": 90_000, "scale_id": "SX1-01"}
    weighed = warehouse.post(f"{path}/weighing", weighing, 200)
    assert (weighed["status"], weighed["net_g"]) == ("weighed", net_g)
    findings = {"grade": "1", "colour_stage": 1, "defect_permille": 30, "temperature_dc": 135}
    assert warehouse.post(f"{path}/inspection", findings, 200)["status"] == "inspected"
    receipt: dict[str, Any] = warehouse.post(f"{path}/receipt", {})
    return receipt


def lot_cut(person: Person, days_ago: int) -> dict[str, Any]:
    """A hundred cartons of class I Brazil bananas for the first warehouse, cut so many days before the venue's day."""
    time_ns = person.get("/venue")["clock"]["time_ns"]
    today = datetime.fromtimestamp(time_ns // 10**9, timezone(timedelta(hours=8))).date()
    return {
        "variety": "BXJ",
        "grade": "1",
        "warehouse": "SX1",
        "harvest_date": (today - timedelta(days=days_ago)).isoformat(),
        "cartons": 100,
        "weight_g": 1_350_000,
        "town": "北坡镇",
        "village": "下坡村",
        "certificate_number": "CN-2026-000123",
    }


class Listener:
    """A program on the feed that keeps every message it was sent."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heard: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def until(self, has: str | None = None, **wanted: Any) -> dict[str, Any]:
        """The first message, heard already or still to come, with these fields; `has` must be there, whatever it is."""
        position = 0
        while True:
            while position < len(self.heard):
                message = self.heard[position]
                if all(message.get(name) == value for name, value in wanted.items()) and (
                    has is None or has in message
                ):
                    return message
                position += 1
            self.hear()

    def hear(self) -> dict[str, Any]:
        """The next message that comes."""
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
        self.heard.append(message)
        return message


def found(data: Path, settings: Path | None = None) -> None:
    """An empty venue's data folder with its first operator: a copy of what `exchange init` made for the first who asked
    with these settings, for it takes a second and more.
    """
    made = _founded("" if settings is None else settings.read_text())
    shutil.copytree(made.name, data, dirs_exist_ok=True)


@functools.cache
def _founded(settings: str) -> tempfile.TemporaryDirectory[str]:
    """It lasts as long as the process."""
    made = tempfile.TemporaryDirectory(prefix="banana-founded-")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(settings)
        file.flush()
        result = exchange("init", "--data", made.name, "--password", PASSWORD, "--config", file.name)
    assert result.returncode == 0, result.stderr
    return made


@contextlib.contextmanager
def listening(venue: VenueProcess) -> Iterator[Listener]:
    """A connection to the programs' port."""
    with connect(venue.feed_address) as socket:
        yield Listener(socket)


@contextlib.contextmanager
def serving(
    data: Path, *arguments: str, command: str = "serve", database_url: str | None = None
) -> Iterator[VenueProcess]:
    """A venue for as long as the block runs."""
    venue = VenueProcess(data, *arguments, command=command, database_url=database_url)
    try:
        yield venue
    finally:
        venue.stop()


def exchange(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
    return subprocess.run(
        [sys.executable, "-m", "exchange", *map(str, arguments)],
        cwd=ROOT,
        env=clean | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
