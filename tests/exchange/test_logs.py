"""What the venue logs can be read by programs and by people, names its sequence, and gives nobody away."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from exchange.logs import Log, _Json, _Text, without_secrets
from tests.running import PASSWORD, ROOT, Listener, VenueProcess, found, let_in

TOKEN = "q7Zc0mVt3kXn8LwJd5RbYs2HfGp9AeUi4oQx1yTzKhM"


def record(message: str, *arguments: Any, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("exchange.app", logging.WARNING, __file__, 1, message, arguments, exc_info)


def test_a_line_of_json_says_when_who_what_and_at_which_sequence() -> None:
    log = Log()
    form = _Json(log)
    line = json.loads(form.format(record("the venue %s\nhas two lines", "香蕉")))
    assert line == {
        "time": line["time"],
        "level": "WARNING",
        "logger": "exchange.app",
        "message": "the venue 香蕉\nhas two lines",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    log.sequence = lambda: 41
    try:
        raise ValueError(f"token={TOKEN}")
    except ValueError as error:
        text = form.format(record("broken", error=error))
    line = json.loads(text)
    assert "\n" not in text
    assert line["sequence"] == 41
    assert line["exception"].startswith("Traceback")
    assert TOKEN not in text


def test_a_line_of_text_is_for_people() -> None:
    log = Log()
    log.sequence = lambda: 41
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING exchange\.app at 41: the venue halts",
        _Text(log).format(record("the venue halts")),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"[(b'authorization', b'Bearer {TOKEN}')]",
        f"set-cookie: banana_session={TOKEN}; Path=/; HttpOnly",
        f'< TEXT \'{{"op":"sign_in","id":1,"token":"{TOKEN}"}}\' [61 bytes]',
        f'body "{{\\"token\\": \\"{TOKEN}\\"}}"',
        f"Session(csrf_token='{TOKEN}', created_ns=7)",
        f"x-csrf-token: {TOKEN}",
        f"token_digest=b'{TOKEN}'",
        f"cannot use postgresql+psycopg://venue:{TOKEN}@db.local:5432/exchange",
        f"Credentials(name='li', password=\"{TOKEN}\")",
        f"$argon2id$v=19$m=19456,t=2,p=1${TOKEN}",
    ],
)
def test_what_looks_like_a_secret_is_blacked_out(text: str) -> None:
    hidden = without_secrets(text)
    assert TOKEN not in hidden
    assert "…" in hidden


@pytest.mark.parametrize(
    "text",
    [
        "the session has ended, sign in again",
        "the token of a write by cookie is missing",
        "listening on http://127.0.0.1:8000 and ws://127.0.0.1:8001/feed",
        "password authentication failed for user venue",
        "Bearer of the receipt 12 is 7: nothing to hide",
    ],
)
def test_what_is_none_stays_readable(text: str) -> None:
    assert without_secrets(text).replace("…", "") in (text, text.replace("of ", " ", 1))


def test_a_terminal_gets_text_and_a_pipe_json() -> None:
    program = "from exchange import logs; import logging; logs.begin('info', %r); logging.getLogger('x').info('hello')"
    for form, is_json in (("auto", True), ("json", True), ("text", False)):
        done = subprocess.run(
            [sys.executable, "-c", program % form], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stderr.startswith("{") is is_json
        assert "hello" in done.stderr


def test_no_secret_is_logged_at_any_level_whatever_people_send(tmp_path: Path) -> None:
    """Signed in by cookie and by token, over HTTP and on the feed; requests that fail in all ways; an engine too."""
    data = tmp_path / "data"
    found(data)
    venue = VenueProcess(
        data,
        "--log-level",
        "debug",
        program=(str(ROOT / "tests" / "exchange" / "broken_venue.py"),),
    )
    secrets = [PASSWORD, "wrong-plantain-guess", "another-plantain-word"]
    try:
        operator = venue.person("operator")
        trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
        secrets += [operator.token, trader.token]
        api = f"{venue.address}/api/v1"
        with httpx.Client(base_url=api) as browser:
            signed_in = browser.post("/sessions", json={"name": "trader", "password": PASSWORD})
            secrets += [signed_in.json()["token"], signed_in.json()["csrf_token"], browser.cookies["banana_session"]]
            headers = {"x-csrf-token": signed_in.json()["csrf_token"]}
            browser.post("/sessions", json={"name": "trader", "password": "wrong-plantain-guess"})
            browser.post("/sessions", json={"name": "trader", "password": ["another-plantain-word"]})
            browser.post("/sessions", content=b'{"name": "trader", "password": "another-plantain-word"')
            browser.post("/orders", json={"token": trader.token}, headers=headers)
            browser.get("/me", params={"token": trader.token})
            browser.get(f"/nothing/{trader.token}")
            browser.delete("/sessions/current", headers=headers)
        body = {"name": "trader", "password": "another-plantain-word", "display_name": "x", "roles": ["trader"]}
        operator.http.post("/operator/participants", json=body)
        with connect(venue.feed_address) as socket:
            feed = Listener(socket)
            feed.say(op="sign_in", id=1, token=trader.token)
            feed.until(op="signed_in")
            feed.say(op="sign_in", id=2, token=trader.token, password="another-plantain-word")
            feed.until(op="error", id=2)
            socket.send(f'{{"op":"sign_in","token":"{trader.token}"')
            feed.until(op="error", id=None)
        asyncio.run(shout(venue, trader.token))
        with connect(venue.feed_address) as socket:
            socket.send("x" * 70_000 + trader.token)
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=30)
        order = {"client_order_id": "POISON", "symbol": "BXJ-1-SX1-26W47", "side": "buy", "quantity": 1, "price": 100}
        assert trader.http.post("/orders", json=order).status_code == 503
        assert venue.stop() == 1
    finally:
        venue.stop()
    lines = [json.loads(line) for line in venue.errors]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    text = "".join(venue.errors)
    assert "something that nobody outside may read" in text
    halts = [line for line in lines if line["level"] == "CRITICAL"]
    assert [line["sequence"] for line in halts] == [max(line.get("sequence", 0) for line in lines)]
    for secret in secrets:
        assert secret not in text, secret[:4]
    assert "argon2" not in text


async def shout(venue: VenueProcess, token: str) -> None:
    """What is no HTTP, and HTTP that ends too early, at both ports."""
    for address in (venue.address, venue.feed_address):
        host, _, port = address.partition("//")[2].partition("/")[0].partition(":")
        for said in (
            f"GET /feed HTTP/1.1\r\nAuthorization: Bearer {token}\r\nHost: x\r\n\r\n",
            f"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nCookie: banana_session={token}\r\nContent-Length: 9\r\n\r\n{{",
            f"{token}\r\n\r\n",
            f"GET / HTTP/9.9\r\nCookie: banana_session={token}\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(said.encode())
            try:
                async with asyncio.timeout(0.5):
                    await reader.read()
            except (TimeoutError, ConnectionError):
                pass
            writer.close()
