"""Traders who place and cancel orders as fast as they are answered, over HTTP and over WebSocket, until the venue dies.

They keep a book of what they were told. An answer is a promise; a refusal with 503 is one too, that the market never
heard of it. What was asked and not answered may have happened or not: after the crash it is asked again.
"""

import json
import threading
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

IN_FLIGHT: Final = 8
PATIENCE_SECONDS: Final = 60

NEVER_HEARD: Final = ("busy", "database_behind", "venue_closing", "history_unavailable")
"""Codes that say that a request has not reached the market."""

GONE: Final = (ConnectionClosed, ConnectionError, EOFError, httpx.TransportError)

Key = tuple[str, str]
"""Whose order it is, and his own name for it."""


class Book:
    """What traders asked and were told. Safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.acknowledged: dict[Key, dict[str, Any]] = {}
        """Each order as it was told of last."""
        self.unanswered: dict[Key, dict[str, Any]] = {}
        """Requests for orders without an answer."""
        self.refused: set[Key] = set()
        self.strange: list[str] = []
        """Answers that nobody should get."""

    def asked(self, name: str, body: dict[str, Any]) -> None:
        with self._changed:
            self.unanswered[name, body["client_order_id"]] = body

    def told(self, name: str, order: dict[str, Any]) -> None:
        key = (name, order["client_order_id"])
        with self._changed:
            self.unanswered.pop(key, None)
            known = self.acknowledged.get(key)
            if known is None or known["sequence"] <= order["sequence"]:
                self.acknowledged[key] = order
            self._changed.notify_all()

    def turned_away(self, name: str, client_order_id: str, code: str) -> None:
        with self._changed:
            self.unanswered.pop((name, client_order_id), None)
            self.refused.add((name, client_order_id))
            if code not in NEVER_HEARD:
                self.strange.append(f"{name} {client_order_id}: {code}")
                self._changed.notify_all()

    def wait_for(self, count: int, seconds: float) -> bool:
        """Until so many orders have been acknowledged, or something strange was heard; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.acknowledged) >= count or bool(self.strange), seconds)


class Traffic:
    """Two threads for each trader. `end` waits until all have noticed that the venue is gone, or were told to stop."""

    def __init__(
        self, address: str, feed_address: str, tokens: Mapping[str, str], symbol: str, chance: Random, prefix: str
    ) -> None:
        self.book = Book()
        self._address = address
        self._feed_address = feed_address
        self._symbol = symbol
        self._stop = threading.Event()
        ways: tuple[tuple[str, Callable[..., None]], ...] = (("http", self._over_http), ("feed", self._over_feed))
        self._threads = [
            threading.Thread(target=work, args=(name, token, Random(chance.random()), f"{prefix}-{way}"), daemon=True)
            for name, token in tokens.items()
            for way, work in ways
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a trader still waits for an answer"

    def _over_http(self, name: str, token: str, chance: Random, prefix: str) -> None:
        """One request after another; now and then what was placed before is cancelled."""
        book = self.book
        number = 0
        placed: list[int] = []
        headers = {"Authorization": f"Bearer {token}"}
        try:
            with httpx.Client(base_url=f"{self._address}/api/v1", headers=headers, timeout=PATIENCE_SECONDS) as http:
                while not self._stop.is_set():
                    if placed and chance.random() < 0.2:
                        answer = http.delete(f"/orders/{placed.pop(chance.randrange(len(placed)))}")
                        if answer.status_code == 200:
                            book.told(name, answer.json())
                        continue
                    number += 1
                    body = {"client_order_id": f"{prefix}-{number}", **draw_order(chance, self._symbol)}
                    book.asked(name, body)
                    answer = http.post("/orders", json=body)
                    if answer.status_code == 201:
                        order = answer.json()
                        book.told(name, order)
                        placed.append(order["order_id"])
                    else:
                        book.turned_away(name, body["client_order_id"], answer.json().get("code", answer.text))
        except GONE:
            return

    def _over_feed(self, name: str, token: str, chance: Random, prefix: str) -> None:
        """Several requests under way at a time."""
        book = self.book
        number = 0
        under_way: dict[int, str] = {}
        try:
            with connect(self._feed_address) as socket:
                socket.send(json.dumps({"op": "sign_in", "id": 0, "token": token}))
                while under_way or not self._stop.is_set():
                    while len(under_way) < IN_FLIGHT and not self._stop.is_set():
                        number += 1
                        body = {"client_order_id": f"{prefix}-{number}", **draw_order(chance, self._symbol)}
                        under_way[number] = body["client_order_id"]
                        book.asked(name, body)
                        socket.send(json.dumps({"op": "place", "id": number, **body}))
                    if not under_way:
                        return
                    answer = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
                    if answer.get("op") == "order":
                        del under_way[answer["id"]]
                        book.told(name, answer["order"])
                    elif answer.get("op") == "error" and answer.get("id") in under_way:
                        book.turned_away(name, under_way.pop(answer["id"]), answer["code"])
        except GONE:
            return


def draw_order(chance: Random, symbol: str) -> dict[str, Any]:
    """Bids and offers that cross now and then; who has sold all his fruit is refused, which is an answer too."""
    return {
        "symbol": symbol,
        "side": chance.choice(("buy", "sell")),
        "quantity": chance.randrange(1, 50),
        "price": chance.randrange(200, 220),
        "time_in_force": chance.choice(("gtc", "gtc", "ioc")),
    }
