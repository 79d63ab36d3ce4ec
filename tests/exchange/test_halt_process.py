"""A venue that has to stop: it says why wherever one may ask, serves what the database knows, ends with status 1."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.running import ROOT, Listener, Person, VenueProcess, exchange, found, let_in, lot_cut, serving, take_in

PATIENCE_SECONDS = 30
BROKEN = (str(ROOT / "tests" / "exchange" / "broken_venue.py"),)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which a trader has traded, rests with one order and has a receipt."""
    data = tmp_path_factory.mktemp("venue") / "data"
    found(data)
    with serving(data) as venue:
        operator = venue.person("operator")
        warehouse = let_in(operator, "warehouse", "warehouse")
        grower = let_in(operator, "grower", "grower")
        trader = let_in(operator, "trader", "trader", money_fen=10_000_000)
        symbol = take_in(grower, warehouse, lot_cut(grower, 1), 1_350_000)["symbol"]
        grower.place(symbol, "sell", 10, 250, client_order_id="offer")
        trader.place(symbol, "buy", 10, 250, client_order_id="bought")
        trader.place(symbol, "buy", 5, 200, client_order_id="resting")
    return data


def copy_of(data: Path, place: Path) -> Path:
    place.mkdir()
    for file in data.iterdir():
        if file.is_file():
            (place / file.name).write_bytes(file.read_bytes())
    return place


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
    return value


def break_disk(venue: VenueProcess, trader: Person, symbol: str) -> None:
    """The journal's log cannot grow any more; then orders until it would have to."""
    log = venue.data / "journal.sqlite-wal"
    limit = log.stat().st_size + 100_000
    resource.prlimit(venue.pid, resource.RLIMIT_FSIZE, (limit, limit))
    for number in range(10_000):
        body = {"client_order_id": f"until-{number}", "symbol": symbol, "side": "buy", "quantity": 1, "price": 100}
        if trader.http.post("/orders", json=body).status_code != 201:
            return
    raise AssertionError("the journal has room without end")


def break_by(client_order_id: str) -> Callable[[VenueProcess, Person, str], None]:
    def place(venue: VenueProcess, trader: Person, symbol: str) -> None:
        body = {"client_order_id": client_order_id, "symbol": symbol, "side": "buy", "quantity": 1, "price": 100}
        trader.http.post("/orders", json=body)

    return place


@pytest.mark.parametrize(
    ("breaking", "cause", "told"),
    [
        (break_disk, "journal", "the journal cannot be written at sequence N: the store failed, SQLITE_IOERR_WRITE"),
        (break_by("POISON"), "engine", "the engine failed in the batch at sequence N: ZeroDivisionError"),
        (break_by("UNREAD"), "reader", "a reader of committed batches failed at sequence N: KeyError"),
        (break_by("TWICE"), "follower", "re-execution differs from the journal at sequence N"),
    ],
    ids=["disk", "engine", "reader", "shadow"],
)
def test_a_halt_is_told_everywhere_and_reads_go_on(
    founded: Path, tmp_path: Path, breaking: Callable[[VenueProcess, Person, str], None], cause: str, told: str
) -> None:
    data = copy_of(founded, tmp_path / "data")
    venue = VenueProcess(data, program=BROKEN)
    try:
        trader = venue.person("trader")
        symbol = trader.get("/instruments")["items"][0]["symbol"]
        with connect(venue.feed_address) as socket, connect(venue.feed_address) as other:
            feed, orders = Listener(socket), Listener(other)
            feed.say(op="subscribe", id=1, channel="status", symbols=[symbol])
            assert feed.until(channel="status", kind="snapshot")["phase"] == "continuous"
            orders.say(op="sign_in", id=1, token=trader.token)
            orders.until(op="signed_in")
            breaking(venue, trader, symbol)
            ready = until(lambda: answer_503(httpx.get(f"{venue.address}/readyz")))
            (reason,) = ready["reasons"]
            assert without_number(reason) == f"halted: {told}"
            reason = reason.removeprefix("halted: ")

            # Whoever would change something hears why he may not.
            body = {"client_order_id": "late", "symbol": symbol, "side": "buy", "quantity": 1, "price": 100}
            for answer in (trader.http.post("/orders", json=body), trader.http.delete("/orders")):
                problem = answer.json()
                assert (answer.status_code, problem["code"], problem["detail"]) == (503, "venue_halted", reason)
            assert orders.until(op="error", id=None) == {
                "op": "error",
                "id": None,
                "code": "venue_halted",
                "detail": reason,
            }
            orders.say(op="place", id=2, **body)
            answer = orders.until(op="error", id=2)
            assert (answer["code"], answer["detail"]) == ("venue_halted", reason)

            # Whoever watches does, too: those who read already, and those who come now.
            halted = feed.until(channel="status", phase="halted")
            assert (halted["kind"], halted["reason"]) == ("snapshot", f"venue_halted: {reason}")
            orders.say(op="subscribe", id=3, channel="status", symbols=[symbol], resume_from=halted["sequence"])
            assert orders.until(channel="status", kind="snapshot")["reason"] == f"venue_halted: {reason}"
        assert httpx.get(f"{venue.address}/healthz").status_code == 200
        metrics = httpx.get(f"{venue.address}/metrics").text.splitlines()
        assert "venue_halted 1.0" in metrics
        assert_reads(trader, symbol)
        assert venue.stop() == 1
    finally:
        venue.stop()
    log = "".join(venue.errors)
    assert f"the venue has halted: {reason}" in log
    if cause in ("engine", "reader"):
        assert "something that nobody outside may read" in log, "the log is for those inside"

    if cause == "follower":
        assert exchange("verify", "--data", data).returncode == 1
        return
    # What was acknowledged is there when it starts again.
    with serving(data) as venue:
        trader = venue.person("trader")
        assert {"resting"} <= {order["client_order_id"] for order in trader.get("/orders", status="live")["items"]}
        assert trader.place(symbol, "buy", 1, 100, client_order_id="again")["status"] == "resting"


def answer_503(answer: httpx.Response) -> Any:
    return answer.json() if answer.status_code == 503 else None


def without_number(reason: str) -> str:
    words = reason.split(" ")
    return " ".join("N" + word[len(word.rstrip(":")) :] if word.rstrip(":").isdigit() else word for word in words)


def assert_reads(trader: Person, symbol: str) -> None:
    """What a halted venue still tells, from the database."""
    balances = {each["asset"]: each for each in trader.get("/balances")["items"]}
    assert balances[symbol]["total_kg"] == 10
    assert balances["CNY"]["reserved"] >= 1_000
    live = trader.get("/orders", status="live")
    assert "resting" in [order["client_order_id"] for order in live["items"]]
    resting = trader.get("/orders/by-client-id/resting")
    assert resting["status"] == "resting"
    assert trader.get(f"/orders/{resting['order_id']}") == resting
    never = trader.get("/orders/by-client-id/never", expect=503)
    assert never["code"] == "venue_halted", "whether the last ones became durable, nobody can tell yet"
    (receipt,) = trader.get("/receipts")["items"]
    whole = trader.get(f"/receipts/{receipt['receipt_id']}")
    assert (whole["weight_g"], whole["number"]) == (10_000, receipt["number"])
    assert trader.get("/me")["name"] == "trader"
    assert trader.get("/venue")["profile"] == "open"
    (instrument,) = trader.get("/instruments")["items"]
    assert (instrument["symbol"], instrument["phase"], instrument["last"]) == (symbol, "halted", 250)
    assert trader.get(f"/instruments/{symbol}") == instrument
    assert trader.get(f"/instruments/{symbol}/trades")["items"]
    assert trader.get("/fills")["items"]
    assert trader.get("/ledger")["items"]
    assert [resting["price"], resting["remaining"], 1] in trader.get(f"/instruments/{symbol}/book")["bids"]
