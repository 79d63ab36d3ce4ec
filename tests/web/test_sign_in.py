"""Signing in and out, sessions by token and by cookie, and what a write by cookie must bring."""

import asyncio
import hashlib
import time

import httpx
import pytest
from argon2 import PasswordHasher
from msgspec.structs import replace
from sqlalchemy import select

from settlement.messages import RegisterParticipant
from tests.web.office import CHEAP, PASSWORD, TRADER, Office, buy, get, problem
from web import tables
from web.errors import Unauthenticated
from web.sessions import MAXIMUM_PER_PARTICIPANT, MAXIMUM_SIGNING_IN, Sessions
from web.settings import HOUR_NS
from web.throttle import MAXIMUM_KEYS, Throttle

SESSIONS = "/api/v1/sessions"


async def sign_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await client.post(SESSIONS, json={"name": name, "password": password}, headers=headers)


async def test_sign_in_answers_a_token_and_sets_a_cookie_that_scripts_cannot_read(office: Office) -> None:
    answer = await sign_in(office.anyone, "trader")
    assert answer.status_code == 201
    body = answer.json()
    assert body["participant"] == {
        "participant_id": TRADER,
        "name": "trader",
        "display_name": "trader 先生",
        "roles": ["trader"],
    }
    assert len(body["token"]) == 43  # 256 bits
    assert body["expires_ns"] > time.time_ns()
    cookie = answer.headers["set-cookie"].lower()
    assert f"banana_session={body['token'].lower()}" in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    assert answer.headers["cache-control"] == "no-store"

    async with office.client(base_url="https://venue") as safe:
        assert "secure" in (await sign_in(safe, "trader")).headers["set-cookie"].lower()


async def test_the_database_knows_neither_password_nor_token(office: Office) -> None:
    token = (await sign_in(office.anyone, "trader")).json()["token"]
    rows = await office.gateway.own_records(
        lambda connection: (
            connection.execute(select(tables.credentials)).all(),
            connection.execute(select(tables.sessions)).all(),
        )
    )
    text = repr(rows)
    assert PASSWORD not in text
    assert token not in text
    assert "$argon2id$" in text
    assert rows[1][0].token_digest == hashlib.sha256(token.encode()).digest()


async def test_wrong_name_and_wrong_password_are_the_same_answer(office: Office) -> None:
    wrong = await sign_in(office.anyone, "trader", "wrong")
    unknown = await sign_in(office.anyone, "nobody", PASSWORD)
    assert problem(wrong, 401, "invalid_credentials") == problem(unknown, 401, "invalid_credentials")
    assert "set-cookie" not in wrong.headers


async def test_an_unknown_name_costs_a_hash_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []

    def verify(self: PasswordHasher, stored: str, password: str) -> bool:
        verified.append(stored)
        return False

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    await sign_in(office.anyone, "nobody")
    await sign_in(office.anyone, "trader")
    assert len(verified) == 2
    assert [stored.rsplit("$", 2)[0] for stored in verified] == [verified[0].rsplit("$", 2)[0]] * 2


async def test_too_many_failures_wait(office: Office) -> None:
    for _ in range(CHEAP.failed_sign_ins):
        problem(await sign_in(office.anyone, "trader", "wrong"), 401, "invalid_credentials")
    waiting = await sign_in(office.anyone, "trader")
    problem(waiting, 429, "too_many_attempts")
    assert 1 <= int(waiting.headers["retry-after"]) <= CHEAP.failed_sign_in_wait_s
    assert (await sign_in(office.anyone, "trader2")).status_code == 201


def test_each_failure_too_many_costs_a_longer_wait() -> None:
    now = [0.0]
    throttle = Throttle(3, 300, 30, lambda: now[0])
    waits = []
    for _ in range(6):
        throttle.failed("a")
        waits.append(throttle.wait_s("a"))
        now[0] += waits[-1]
        assert throttle.wait_s("a") == 0
    assert waits == [0, 0, 30, 60, 120, 240]
    # By now the first ones are long ago.
    throttle.failed("a")
    assert throttle.wait_s("a") == 0


def test_a_throttle_forgets_in_time_and_under_pressure() -> None:
    now = [0.0]
    throttle = Throttle(2, 10, 6, lambda: now[0])
    throttle.failed("a")
    now[0] = 4
    throttle.failed("a")
    assert throttle.wait_s("a") == 6
    now[0] = 9.5
    assert throttle.wait_s("a") == 1
    now[0] = 10
    assert throttle.wait_s("a") == 0
    throttle.failed("a")
    assert throttle.wait_s("a") == 6
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0
    for _ in range(40):
        throttle.failed("often")
    assert throttle.wait_s("often") == 10
    throttle.failed("first")
    for key in range(MAXIMUM_KEYS):
        throttle.failed(key)
    throttle.failed("first")
    assert throttle.wait_s("first") == 0


async def test_a_flood_of_sign_ins_is_turned_away_and_nobody_else_waits(office: Office) -> None:
    async with asyncio.TaskGroup() as flood:
        asked = [flood.create_task(sign_in(office.anyone, f"name-{n}", "x")) for n in range(MAXIMUM_SIGNING_IN + 60)]
        order = flood.create_task(get(office.anyone, "instruments"))
    assert order.result()["items"] == []
    answers = [each.result() for each in asked]
    assert {answer.status_code for answer in answers} <= {401, 429, 503}
    assert any(answer.status_code == 401 for answer in answers)
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "busy")


async def test_a_bearer_token_needs_no_csrf_token(office: Office) -> None:
    trader = await office.as_("trader")
    assert (await get(trader, "me"))["csrf_token"] is None
    assert (await trader.post("/api/v1/orders", json=buy("a", 1))).status_code == 201


async def test_a_write_by_cookie_carries_the_csrf_token_and_comes_from_here(office: Office) -> None:
    browser = office.anyone
    csrf = (await sign_in(browser, "trader")).json()["csrf_token"]
    me = await get(browser, "me")
    assert (me["name"], me["csrf_token"]) == ("trader", csrf)

    for path in ("/api/v1/orders", "/api/v1/orders/"):  # the short way, and Litestar's
        problem(await browser.post(path, json=buy("a", 1)), 403, "csrf")
        problem(await browser.post(path, json=buy("a", 1), headers={"x-csrf-token": "guess"}), 403, "csrf")
        for foreign in ({"origin": "http://evil"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            headers = {"x-csrf-token": csrf, **foreign}
            problem(await browser.post(path, json=buy("a", 1), headers=headers), 403, "csrf")
    assert office.gateway.live_orders(TRADER) == []
    for number, own in enumerate(({}, {"origin": "http://venue", "sec-fetch-site": "same-origin"})):
        headers = {"x-csrf-token": csrf, **own}
        answer = await browser.post("/api/v1/orders", json=buy(f"o{number}", 1), headers=headers)
        assert answer.status_code == 201
    problem(await browser.delete(f"{SESSIONS}/current"), 403, "csrf")


async def test_pages_of_other_sites_cannot_sign_in(office: Office) -> None:
    problem(await sign_in(office.anyone, "trader", origin="http://evil"), 403, "csrf")
    problem(await sign_in(office.anyone, "trader", **{"sec-fetch-site": "cross-site"}), 403, "csrf")


async def test_sign_out(office: Office) -> None:
    browser = office.anyone
    signed = (await sign_in(browser, "trader")).json()
    current = await get(browser, "sessions/current")
    assert current["csrf_token"] == signed["csrf_token"]
    assert current["participant"] == signed["participant"]
    gone = await browser.delete(f"{SESSIONS}/current", headers={"x-csrf-token": signed["csrf_token"]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert "max-age=0" in gone.headers["set-cookie"].lower()
    program = office.client(authorization=f"Bearer {signed['token']}")
    problem(await program.get("/api/v1/me"), 401, "unauthenticated")
    await program.aclose()


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Bearer x", "bearer ü", "Basic dHJhZGVyOng=", "Bearer " + "x" * 4000]
)
async def test_a_token_that_is_none(office: Office, authorization: str) -> None:
    answer = await office.anyone.get("/api/v1/me", headers={b"authorization": authorization.encode()})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_sessions_outlive_the_process(office: Office) -> None:
    token = await office.token("trader")
    again = Sessions(office.gateway, CHEAP)
    assert (await again.caller_of_token(token)).name == "trader"
    again.close()


@pytest.fixture
def clock() -> list[int]:
    return [time.time_ns()]


async def test_a_session_slides_on_with_use_and_ends_at_last(office: Office, clock: list[int]) -> None:
    sessions = Sessions(office.gateway, CHEAP, now_ns=lambda: clock[0])
    token, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    began_ns = clock[0]
    for _ in range(14):
        clock[0] += 11 * HOUR_NS
        assert (await sessions.caller_of_token(token)).participant_id == TRADER
        assert sessions.is_alive(caller.session)
    # Seven days are over, used or not; another process, which knows the database alone, thinks the same.
    clock[0] = began_ns + CHEAP.session_lifetime_ns
    for each in (sessions, Sessions(office.gateway, CHEAP, now_ns=lambda: clock[0])):
        with pytest.raises(Unauthenticated):
            await each.caller_of_token(token)
        each.close()
    assert not sessions.is_alive(caller.session)


async def test_an_idle_session_ends(office: Office, clock: list[int]) -> None:
    sessions = Sessions(office.gateway, CHEAP, now_ns=lambda: clock[0])
    token, _ = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    clock[0] += CHEAP.session_idle_ns
    with pytest.raises(Unauthenticated):
        await sessions.caller_of_token(token)
    sessions.close()


async def test_whoever_watches_a_session_is_told_of_its_end_once(office: Office, clock: list[int]) -> None:
    sessions = Sessions(office.gateway, CHEAP, now_ns=lambda: clock[0])
    told: list[str] = []
    token, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    unwatch = sessions.watch(caller.session, told.append)
    sessions.watch(caller.session, told.append)
    unwatch()
    await sessions.sign_out(caller)
    assert told == ["you have signed out"]
    sessions.watch(caller.session, told.append)()
    assert len(told) == 2

    token, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    sessions.watch(caller.session, told.append)
    password_hash = await sessions.passwords.hash("another one")
    await sessions.let_in(TRADER, "trader", password_hash)
    assert told[2:] == ["the password has been changed"]
    with pytest.raises(Unauthenticated):
        await sessions.caller_of_token(token)
    sessions.close()


async def test_a_session_that_runs_out_tells_so_by_itself(office: Office) -> None:
    sessions = Sessions(office.gateway, replace(CHEAP, session_idle_ns=300_000_000))
    told = asyncio.Event()
    _, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    sessions.watch(caller.session, lambda reason: told.set())
    async with asyncio.timeout(10):
        await told.wait()
    assert not sessions.is_alive(caller.session)
    sessions.close()


async def test_a_watched_session_is_never_forgotten(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.sessions.MAXIMUM_KEPT", 1)
    sessions = Sessions(office.gateway, CHEAP)
    token, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent=None)
    sessions.watch(caller.session, lambda reason: None)
    await sessions.sign_in("trader2", PASSWORD, address="here", user_agent=None)
    assert (await sessions.caller_of_token(token)).session is caller.session
    sessions.close()


async def test_one_participant_has_so_many_sessions(office: Office, clock: list[int]) -> None:
    sessions = Sessions(office.gateway, CHEAP, now_ns=lambda: clock[0])
    first, caller = await sessions.sign_in("trader", PASSWORD, address="here", user_agent="a")
    last = first
    for _ in range(MAXIMUM_PER_PARTICIPANT):
        clock[0] += 1
        last, _ = await sessions.sign_in("trader", PASSWORD, address="here", user_agent="b")
    assert (await sessions.caller_of_token(last)).name == "trader"
    with pytest.raises(Unauthenticated):
        await sessions.caller_of_token(first)
    assert not sessions.is_alive(caller.session)
    sessions.close()


async def test_credentials_without_a_participant_let_nobody_in(office: Office) -> None:
    """The database may come from elsewhere; the engine decides who takes part."""
    office.gateway.take(RegisterParticipant(name="late", display_name="Late", roles=("trader",)))
    problem(await sign_in(office.anyone, "late"), 401, "invalid_credentials")


async def test_without_its_database_the_venue_says_so(office: Office) -> None:
    trader = await office.as_("trader")
    office.gateway.history_is_down = True
    problem(await sign_in(office.anyone, "trader"), 503, "history_unavailable")
    problem(await trader.get("/api/v1/fills"), 503, "history_unavailable")
    assert (await trader.post("/api/v1/orders", json=buy("a", 1))).status_code == 201
