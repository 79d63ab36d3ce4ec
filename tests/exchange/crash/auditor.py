"""Who judges after a crash: by the journal, by what the venue tells, and by `exchange verify`.

He keeps accounts of his own. Of the journal he knows which commands of which traders placed an order, and that nobody
placed one twice; of the venue he asks every order that was acknowledged, by its trader's own name for it.
"""

import io
import time
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Final

import httpx

from exchange.progress import Meter
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from settlement.messages import EnterOrder, ExecutionReport
from tests.exchange.crash.traffic import PATIENCE_SECONDS, Book, Key

ENDED: Final = ("filled", "cancelled", "rejected", "expired")


class Broken(AssertionError):
    """A promise that the venue has not kept."""


class Auditor:
    """Of one venue, over all of its lives."""

    def __init__(self, journal: Path, database_url: str, participants: Mapping[int, str]) -> None:
        self._journal = journal
        self._database_url = database_url
        self._participants = participants
        self._read_to = 0
        self._chain = b""
        self._applied: dict[Key, tuple[int, int]] = {}
        """Each order that the journal knows: the sequence that placed it, and its number."""
        self.commands = 0

    def read_on(self) -> None:
        """What the journal has got since the last time. Raises `Broken` where somebody placed an order twice, or where
        what was there before is not there any more."""
        reader = SqliteJournal.open_reader(self._journal)
        try:
            if self._read_to and reader.record_of(self._read_to).chain != self._chain:
                raise Broken(f"the journal has changed at sequence {self._read_to}")
            for record in reader.read(self._read_to):
                entry = record.entry()
                for sequence, (command, events) in enumerate(
                    zip(entry.commands, entry.events, strict=True), entry.first_sequence
                ):
                    if isinstance(command, EnterOrder):
                        self._enter(command, sequence, events)
                self._read_to, self._chain = record.last_sequence, record.chain
        finally:
            reader.close()
        self.commands = self._read_to

    def _enter(self, command: EnterOrder, sequence: int, events: Any) -> None:
        for event in events:
            if (
                isinstance(event, ExecutionReport)
                and event.participant_id == command.participant_id
                and event.client_order_id == command.client_order_id
                and event.sequence == sequence
            ):
                key = (self._participants[command.participant_id], command.client_order_id)
                before = self._applied.setdefault(key, (sequence, event.order_id))
                if before != (sequence, event.order_id):
                    raise Broken(f"{key} was placed twice, at sequences {before[0]} and {sequence}")

    def judge_journal(self, book: Book) -> None:
        """Every acknowledged order was placed, once, by the number that was told; of those turned away, none."""
        if book.strange:
            raise Broken(f"answers that nobody should get: {book.strange[:5]}")
        for key, order in book.acknowledged.items():
            placed = self._applied.get(key)
            if placed is None:
                raise Broken(
                    f"{key} was acknowledged at sequence {order['sequence']}, and the journal does not know it"
                )
            if placed[1] != order["order_id"]:
                raise Broken(f"{key} was acknowledged as {order['order_id']}, and is {placed[1]}")
        for key in book.refused:
            if key in self._applied:
                raise Broken(f"{key} was turned away, and is in the journal at sequence {self._applied[key][0]}")

    def ask_again(self, book: Book, address: str, tokens: Mapping[str, str]) -> int:
        """Send every unanswered request once more; how many of them had happened. The answer says whether it had: 200,
        or 201."""
        happened = 0
        unanswered, book.unanswered = book.unanswered, {}
        for (name, client_order_id), body in unanswered.items():
            wanted = 200 if (name, client_order_id) in self._applied else 201
            happened += wanted == 200
            answer = httpx.post(
                f"{address}/api/v1/orders",
                json=body,
                headers={"Authorization": f"Bearer {tokens[name]}"},
                timeout=PATIENCE_SECONDS,
            )
            if answer.status_code != wanted:
                raise Broken(f"{name} {client_order_id} asked again: {answer.status_code} instead of {wanted}")
            book.told(name, answer.json())
        return happened

    def ask_for_all(self, book: Book, address: str, tokens: Mapping[str, str]) -> None:
        """Every acknowledged order by its trader's name for it, and in the list of the database, once."""
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=f"{address}/api/v1", headers=headers, timeout=PATIENCE_SECONDS) as http:
                wanted = {key[1]: order for key, order in book.acknowledged.items() if key[0] == name}
                listed = _listed(http, wanted.keys())
                for client_order_id, order in wanted.items():
                    kept = _json(http.get(f"/orders/by-client-id/{client_order_id}"))
                    _compare(order, kept)
                    if client_order_id not in listed:
                        raise Broken(f"{name} {client_order_id} is not in the list of the database")
                    _compare(order, listed[client_order_id])

    def verify(self) -> None:
        """`exchange verify`. Raises `Broken`."""
        said: list[str] = []
        if run_verify(self._journal, self._database_url, said.append, Meter(io.StringIO())) != 0:
            raise Broken("\n".join(["exchange verify found:", *said]))


def await_database(address: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Until the database has followed to the end; how long that took. Raises `Broken`."""
    began = time.monotonic()
    while True:
        ready = httpx.get(f"{address}/readyz", timeout=PATIENCE_SECONDS)
        told, passed = ready.json(), time.monotonic() - began
        if told["projected_sequence"] >= told["sequence"] and ready.status_code == 200:
            return passed
        if passed > seconds:
            raise Broken(f"the database has not caught up in {seconds:.0f} s: {told}")
        time.sleep(0.02)


def _listed(http: httpx.Client, wanted: Set[str]) -> dict[str, dict[str, Any]]:
    """The newest orders of the list, as far back as the wanted ones go, by their client's name."""
    found: dict[str, dict[str, Any]] = {}
    sequence = _json(http.get("/me"))["sequence"]
    cursor: dict[str, Any] = {}
    while not wanted <= found.keys():
        query = {"status": "all", "limit": 1000, "min_sequence": sequence, **cursor}
        page = _json(http.get("/orders", params=query))
        for order in page["items"]:
            if order["client_order_id"] in found:
                raise Broken(f"{order['client_order_id']} is in the list twice")
            found[order["client_order_id"]] = order
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    return found


def _compare(told: dict[str, Any], kept: dict[str, Any]) -> None:
    """What has ended stays as it was told; what lived may have gone on, but not back."""
    same = ("order_id", "client_order_id", "symbol", "side", "kind", "price", "time_in_force")
    fits = all(told[field] == kept[field] for field in same)
    if told["status"] in ENDED:
        fits = fits and told == kept
    else:
        fits = fits and kept["filled"] >= told["filled"] and kept["sequence"] >= told["sequence"]
    if not fits:
        raise Broken(f"told {told}, kept {kept}")


def _json(answer: httpx.Response) -> Any:
    if answer.status_code != 200:
        raise Broken(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:400]}")
    return answer.json()
