"""`kill -9` in the middle of trading: every order that was acknowledged is there afterwards, once."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.running import PASSWORD, VenueProcess, exchange, let_in, lot_cut, serving, take_in

ROUNDS = 3
ACKNOWLEDGED = 250


class Traffic:
    """Traders who place orders as fast as they are answered, over HTTP and over WebSocket, until the venue dies."""

    def __init__(self, venue: VenueProcess, names: list[str], symbol: str, seed: int) -> None:
        self._symbol = symbol
        self.acknowledged: dict[tuple[str, str], dict[str, Any]] = {}
        self.enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=work, args=(venue, name, random.Random(f"{seed} {name} {way}"), f"{seed}-{way}"))
            for name in names
            for way, work in (("http", self._over_http), ("feed", self._over_feed))
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _over_http(self, venue: VenueProcess, name: str, chance: random.Random, prefix: str) -> None:
        person = venue.person(name)
        number = 0
        while True:
            number += 1
            body = {"client_order_id": f"{prefix}-{number}", **draw_order(chance, self._symbol)}
            try:
                self._remember(name, person.post("/orders", body))
            except httpx.TransportError:
                return

    def _over_feed(self, venue: VenueProcess, name: str, chance: random.Random, prefix: str) -> None:
        token = venue.person(name).token
        with connect(venue.feed_address) as socket:
            socket.send(json.dumps({"op": "sign_in", "id": 0, "token": token}))
            number = in_flight = 0
            try:
                while True:
                    while in_flight < 8:
                        number += 1
                        in_flight += 1
                        body = {"client_order_id": f"{prefix}-{number}", **draw_order(chance, self._symbol)}
                        socket.send(json.dumps({"op": "place", "id": number, **body}))
                    answer = json.loads(socket.recv(timeout=60))
                    if answer.get("op") == "order":
                        in_flight -= 1
                        self._remember(name, answer["order"])
            except (ConnectionClosed, ConnectionError):
                return

    def _remember(self, name: str, order: dict[str, Any]) -> None:
        with self._lock:
            self.acknowledged[name, order["client_order_id"]] = order
            if len(self.acknowledged) >= ACKNOWLEDGED:
                self.enough.set()


def draw_order(chance: random.Random, symbol: str) -> dict[str, Any]:
    """Bids and offers that cross now and then; who has sold all his fruit is refused, which is an answer too."""
    return {
        "symbol": symbol,
        "side": chance.choice(("buy", "sell")),
        "quantity": chance.randrange(1, 50),
        "price": chance.randrange(200, 220),
        "time_in_force": chance.choice(("gtc", "gtc", "ioc")),
    }


@pytest.mark.slow
def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert exchange("init", "--data", data, "--password", PASSWORD).returncode == 0
    names = ["ann", "ben"]
    symbol = ""
    acknowledged: dict[tuple[str, str], dict[str, Any]] = {}
    for round_number in range(ROUNDS):
        with serving(data) as venue:
            symbol = symbol or open_venue(venue, names)
            traffic = Traffic(venue, names, symbol, round_number)
            assert traffic.enough.wait(60)
            venue.kill()
            traffic.end()
            acknowledged |= traffic.acknowledged
        with serving(data) as venue:
            for name in names:
                check_orders(venue, name, {key[1]: order for key, order in acknowledged.items() if key[0] == name})
    assert any(order["filled"] for order in acknowledged.values())
    verified = exchange("verify", "--data", data)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def open_venue(venue: VenueProcess, names: list[str]) -> str:
    """Let traders in who have money and fruit; the symbol that they will trade."""
    operator = venue.person("operator")
    warehouse = let_in(operator, "warehouse", "warehouse")
    traders = [let_in(operator, name, "trader", "grower", money_fen=10**9) for name in names]
    receipts = [take_in(trader, warehouse, lot_cut(trader, 0), 1_340_700) for trader in traders]
    symbol: str = receipts[0]["symbol"]
    return symbol


def check_orders(venue: VenueProcess, name: str, acknowledged: dict[str, dict[str, Any]]) -> None:
    """Every acknowledged order is there under its client's name, with its own number, and there is only one of it."""
    person = venue.person(name)
    sequence = person.get("/me")["sequence"]
    found: dict[str, dict[str, Any]] = {}
    cursor: dict[str, Any] = {}
    while True:
        page = person.get("/orders", status="all", limit=1000, min_sequence=sequence, **cursor)
        for order in page["items"]:
            assert order["client_order_id"] not in found
            found[order["client_order_id"]] = order
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    for client_order_id, order in acknowledged.items():
        kept = found[client_order_id]
        assert (kept["order_id"], kept["quantity"], kept["price"]) == (
            order["order_id"],
            order["quantity"],
            order["price"],
        )
        if order["status"] in ("rejected", "filled", "cancelled"):
            assert kept == order
    # The same request again is answered as the first time, by the engine's own memory.
    for client_order_id, order in list(acknowledged.items())[:20]:
        body = {name: order[name] for name in ("symbol", "side", "quantity", "price", "time_in_force")}
        assert person.post("/orders", {"client_order_id": client_order_id, **body}, expect=200) == order
