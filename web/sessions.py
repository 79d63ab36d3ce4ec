"""Who may sign in and who is signed in: credentials, sessions, and the caller of a request.

A session is a random token of 256 bits that the database knows by its SHA-256 alone. Browsers carry it in a cookie
(`HttpOnly`, `SameSite=Strict`), programs as `Authorization: Bearer`; both mean the same, but a write by cookie must
also carry the session's CSRF token. Sessions live in real time, whatever the venue's clock says: training may jump a
year without signing anybody out.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from settlement.messages import ParticipantRegistered, Role
from web import tables
from web.errors import Forbidden, Problem, Unauthenticated, Unavailable
from web.origins import is_cross_site, is_own
from web.passwords import Passwords
from web.ports import Gateway
from web.settings import WebSettings
from web.throttle import Throttle

COOKIE = "banana_session"
MAXIMUM_SIGNING_IN = 64
"""People who wait for the answer to their password at a time: it costs threads that others need too."""
MAXIMUM_KEPT = 20_000
"""Sessions kept in memory at most; the others are read from the database when they speak."""
MAXIMUM_PER_PARTICIPANT = 100
"""Sessions that one participant may have at a time; signing in again ends the one that would expire first."""
RENEWAL_NS = 10 * 60 * 10**9
"""How much later a session must end than the database has it before the database is told."""

RUN_OUT = "the session has run out"
LONGEST_TIMER_S = 3_600.0
"""Loops do not like timers of weeks."""

READING = frozenset(("GET", "HEAD", "OPTIONS"))


class Session(Struct):
    """One signed-in device. `expires_ns` moves on with use and is real time."""

    digest: bytes
    participant_id: int
    csrf_token: str
    created_ns: int
    expires_ns: int
    ended: bool = False
    """Signed out, made room for another, or run out. Whoever keeps a caller for longer than a request watches it
    (`Sessions.watch`).
    """


class Caller(Struct, frozen=True):
    """Who sends a request, true of this moment; roles are the engine's."""

    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    session: Session
    by_cookie: bool

    def is_in(self, *roles: Role) -> bool:
        return not set(roles).isdisjoint(self.roles)

    def must_be(self, *roles: Role) -> None:
        """Raises `Forbidden` unless the caller has one of the roles."""
        if not self.is_in(*roles):
            raise Forbidden(f"this is for the role {' or '.join(roles)}")


class _Watch(Struct, eq=False):
    """Who wants to be told of a session's end, and the timer that looks whether it has run out."""

    session: Session
    listeners: dict[object, Callable[[str], None]]
    timer: asyncio.TimerHandle | None = None


class Sessions:
    """Signs in, signs out, and recognises. The sessions table is the record; memory is a cache of it."""

    def __init__(self, gateway: Gateway, settings: WebSettings, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.passwords = Passwords(settings.password_memory_kib, settings.password_passes)
        self._gateway = gateway
        self._settings = settings
        self._now_ns = now_ns
        self._kept: dict[bytes, Session] = {}
        self._watches: dict[bytes, _Watch] = {}
        self._signing_in = 0
        # One name from one address, and one address with many names.
        window_s, wait_s = settings.failed_sign_in_window_s, settings.failed_sign_in_wait_s
        self._by_name = Throttle(settings.failed_sign_ins, window_s, wait_s)
        self._by_address = Throttle(settings.failed_sign_ins * 10, window_s, wait_s)

    async def sign_in(self, name: str, password: str, *, address: str, user_agent: str | None) -> tuple[str, Caller]:
        """A new session's token and its caller. Raises `Problem` `invalid_credentials`, `too_many_attempts` or
        `busy`.
        """
        if self._signing_in >= MAXIMUM_SIGNING_IN:
            raise Unavailable("busy", "too many people sign in at once")
        self._signing_in += 1
        try:
            return await self._sign_in(name, password, address, user_agent)
        finally:
            self._signing_in -= 1

    async def _sign_in(self, name: str, password: str, address: str, user_agent: str | None) -> tuple[str, Caller]:
        key = (name, address)
        if wait_s := max(self._by_name.wait_s(key), self._by_address.wait_s(address)):
            raise Problem(429, "too_many_attempts", f"try again in {wait_s} s", headers={"retry-after": str(wait_s)})
        row = await self._gateway.own_records(lambda connection: _credentials_of(connection, name))
        matches = await self.passwords.verify(password, None if row is None else row[1])
        participant = None if row is None else self._gateway.participant(row[0])
        if not matches or participant is None:
            self._by_name.failed(key)
            self._by_address.failed(address)
            raise Problem(401, "invalid_credentials")
        self._by_name.succeeded(key)
        return await self._begin(participant, user_agent)

    async def sign_out(self, caller: Caller) -> None:
        digest = caller.session.digest
        caller.session.ended = True
        self._end(digest, "you have signed out")
        await self._gateway.own_records(
            lambda connection: connection.execute(
                delete(tables.sessions).where(tables.sessions.c.token_digest == digest)
            )
        )

    async def caller_of_request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """The caller of an HTTP request, from its raw headers. Raises `Unauthenticated`, and `Forbidden` `csrf`."""
        token = cookie = csrf = origin = host = fetch_site = None
        for key, value in headers:
            if key == b"authorization":
                token = bearer_token(value)
            elif key == b"cookie":
                cookie = cookie_token(value) or cookie
            elif key == b"x-csrf-token":
                csrf = value
            elif key == b"origin":
                origin = value.decode("latin-1")
            elif key == b"host":
                host = value.decode("latin-1")
            elif key == b"sec-fetch-site":
                fetch_site = value.decode("latin-1")
        if token is not None:
            return await self.caller_of_token(token)
        if cookie is None:
            raise Unauthenticated
        caller = await self.caller_of_token(cookie, by_cookie=True)
        if method not in READING:
            self.refuse_foreign(origin, host, fetch_site)
            if csrf is None or not hmac.compare_digest(csrf, caller.session.csrf_token.encode()):
                raise Forbidden("a write by cookie carries the session's csrf_token as X-CSRF-Token", code="csrf")
        return caller

    def refuse_foreign(self, origin: str | None, host: str | None, fetch_site: str | None) -> None:
        """Raises `Forbidden` `csrf` where a browser says that another site's page sent the request."""
        if origin is not None and origin in self._settings.origins:
            return
        if is_cross_site(fetch_site) or not is_own(origin, host):
            raise Forbidden("pages of other sites may not write here", code="csrf")

    async def caller_of_token(self, token: str, *, by_cookie: bool = False) -> Caller:
        """The caller that a token stands for. Costs no I/O for a session in use. Raises `Unauthenticated`."""
        digest = digest_of(token)
        session = self._recall(digest) or await self._fetch(digest)
        now_ns = self._now_ns()
        if session is None or session.expires_ns <= now_ns:
            self._end(digest, RUN_OUT)
            raise Unauthenticated("the session has ended, sign in again")
        participant = self._gateway.participant(session.participant_id)
        if participant is None:
            raise Unauthenticated
        later_ns = self._end_ns(session.created_ns, now_ns)
        if later_ns - session.expires_ns >= RENEWAL_NS:
            await self._renew(session, later_ns)
        return _caller(participant, session, by_cookie)

    def is_alive(self, session: Session) -> bool:
        """Whether a session that was recognised before still holds; asks nobody, so that nothing has to be awaited."""
        return not session.ended and session.expires_ns > self._now_ns()

    def watch(self, session: Session, told: Callable[[str], None]) -> Callable[[], None]:
        """Have `told` called with the reason, for people, as soon as the session ends; at once where it has. What is
        returned ends the watch. For as long as a session is watched it is kept in memory.
        """
        if not self.is_alive(session):
            told("the session has ended")
            return _nothing
        watch = self._watches.get(session.digest)
        if watch is None:
            watch = self._watches[session.digest] = _Watch(session, {})
            self._look_later(watch)
        listener = object()
        watch.listeners[listener] = told

        def unwatch() -> None:
            watch.listeners.pop(listener, None)
            if not watch.listeners:
                self._forget(watch)

        return unwatch

    def current(self, caller: Caller) -> Caller:
        """The caller with the roles of this moment. Raises `Unauthenticated`."""
        participant = self._gateway.participant(caller.participant_id)
        if participant is None:
            raise Unauthenticated
        return _caller(participant, caller.session, caller.by_cookie)

    async def let_in(self, participant_id: int, name: str, password_hash: str) -> None:
        """Let a participant sign in by this name and password; ends the sessions that an older password began. Raises
        `sqlalchemy.exc.IntegrityError` where the name is another's.
        """
        await self._gateway.own_records(
            lambda connection: set_credentials(connection, participant_id, name, password_hash)
        )
        kept = [*self._kept.values(), *(watch.session for watch in self._watches.values())]
        for session in kept:
            if session.participant_id == participant_id:
                self._end(session.digest, "the password has been changed")

    def close(self) -> None:
        self.passwords.close()
        for watch in list(self._watches.values()):
            self._forget(watch)

    async def _begin(self, participant: ParticipantRegistered, user_agent: str | None) -> tuple[str, Caller]:
        token = secrets.token_urlsafe(32)
        now_ns = self._now_ns()
        session = Session(
            digest=digest_of(token),
            participant_id=participant.participant_id,
            csrf_token=secrets.token_urlsafe(32),
            created_ns=now_ns,
            expires_ns=self._end_ns(now_ns, now_ns),
        )
        ended = await self._gateway.own_records(lambda connection: _insert(connection, session, user_agent, now_ns))
        for digest in ended:
            self._end(digest, f"a participant has at most {MAXIMUM_PER_PARTICIPANT} sessions, and this was the oldest")
        self._keep(session)
        return token, _caller(participant, session, by_cookie=False)

    def _end_ns(self, created_ns: int, now_ns: int) -> int:
        return min(created_ns + self._settings.session_lifetime_ns, now_ns + self._settings.session_idle_ns)

    async def _renew(self, session: Session, expires_ns: int) -> None:
        session.expires_ns = expires_ns
        await self._gateway.own_records(
            lambda connection: connection.execute(
                update(tables.sessions)
                .where(tables.sessions.c.token_digest == session.digest)
                .values(expires_ns=expires_ns)
            )
        )

    async def _fetch(self, digest: bytes) -> Session | None:
        session = await self._gateway.own_records(lambda connection: _session_of(connection, digest))
        if session is not None:
            # Two requests may fetch at once: the first one's object stays, so that renewals are seen by both.
            return self._recall(digest) or self._keep(session)
        return None

    def _recall(self, digest: bytes) -> Session | None:
        session = self._kept.get(digest)
        if session is None:
            watch = self._watches.get(digest)
            if watch is not None:
                session = self._keep(watch.session)
        return session

    def _end(self, digest: bytes, reason: str) -> None:
        session = self._kept.pop(digest, None)
        if session is not None:
            session.ended = True
        watch = self._watches.get(digest)
        if watch is not None:
            watch.session.ended = True
            self._forget(watch)
            for told in list(watch.listeners.values()):
                told(reason)

    def _look_later(self, watch: _Watch) -> None:
        left_s = (watch.session.expires_ns - self._now_ns()) / 10**9
        watch.timer = asyncio.get_running_loop().call_later(min(left_s, LONGEST_TIMER_S), self._look, watch)

    def _look(self, watch: _Watch) -> None:
        """It may have been used since: then the end is later."""
        if self.is_alive(watch.session):
            self._look_later(watch)
        else:
            self._end(watch.session.digest, RUN_OUT)

    def _forget(self, watch: _Watch) -> None:
        if watch.timer is not None:
            watch.timer.cancel()
        if self._watches.get(watch.session.digest) is watch:
            del self._watches[watch.session.digest]

    def _keep(self, session: Session) -> Session:
        if len(self._kept) >= MAXIMUM_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[session.digest] = session
        return session


def _nothing() -> None:
    """Ends the watch of what had ended before."""


def digest_of(token: str) -> bytes:
    """What the database knows a token by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def bearer_token(authorization: bytes) -> str | None:
    """The token of an `Authorization: Bearer …` header; an empty text where it has none, null for other schemes."""
    scheme, _, token = authorization.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


def cookie_token(cookies: bytes) -> str | None:
    """The token in a `Cookie` header."""
    for cookie in cookies.split(b";"):
        name, _, value = cookie.strip().partition(b"=")
        if name == COOKIE.encode():
            return value.decode("latin-1")
    return None


def set_credentials(connection: Connection, participant_id: int, name: str, password_hash: str) -> None:
    """Let a participant sign in by this name, or change the password that does; ends all sessions of a changed one."""
    now_ns = time.time_ns()
    table = tables.credentials
    changed = connection.execute(
        update(table)
        .where(table.c.participant_id == participant_id)
        .values(name=name, password_hash=password_hash, changed_ns=now_ns)
    )
    if changed.rowcount:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.participant_id == participant_id))
        return
    connection.execute(
        insert(table).values(
            participant_id=participant_id,
            name=name,
            password_hash=password_hash,
            created_ns=now_ns,
            changed_ns=now_ns,
        )
    )


def has_credentials(connection: Connection, participant_id: int) -> bool:
    table = tables.credentials
    query = select(table.c.participant_id).where(table.c.participant_id == participant_id)
    return connection.execute(query).first() is not None


def _credentials_of(connection: Connection, name: str) -> tuple[int, str] | None:
    table = tables.credentials
    row = connection.execute(select(table.c.participant_id, table.c.password_hash).where(table.c.name == name)).first()
    return None if row is None else (row[0], row[1])


def _session_of(connection: Connection, digest: bytes) -> Session | None:
    table = tables.sessions
    columns = (table.c.participant_id, table.c.csrf_token, table.c.created_ns, table.c.expires_ns)
    row = connection.execute(select(*columns).where(table.c.token_digest == digest)).first()
    return None if row is None else Session(digest, *row)


def _insert(connection: Connection, session: Session, user_agent: str | None, now_ns: int) -> list[bytes]:
    """Write a session; the digests of those that ended to make room."""
    table = tables.sessions
    connection.execute(delete(table).where(table.c.expires_ns <= now_ns))
    query = (
        select(table.c.token_digest)
        .where(table.c.participant_id == session.participant_id)
        .order_by(table.c.expires_ns.desc(), table.c.token_digest)
        .offset(MAXIMUM_PER_PARTICIPANT - 1)
        .limit(MAXIMUM_PER_PARTICIPANT)
    )
    ended = [bytes(digest) for (digest,) in connection.execute(query)]
    if ended:
        connection.execute(delete(table).where(table.c.token_digest.in_(ended)))
    connection.execute(
        insert(table).values(
            token_digest=session.digest,
            participant_id=session.participant_id,
            csrf_token=session.csrf_token,
            created_ns=session.created_ns,
            expires_ns=session.expires_ns,
            user_agent=user_agent,
        )
    )
    return ended


def _caller(participant: ParticipantRegistered, session: Session, by_cookie: bool) -> Caller:
    return Caller(
        participant.participant_id, participant.name, participant.display_name, participant.roles, session, by_cookie
    )
