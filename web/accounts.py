"""Sign in, sign out, who am I; what I have and how it came to be: balances and ledger."""

from typing import Annotated, Any

from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from settlement import queries
from settlement.messages import Role
from web.account_views import Balance, balance_of
from web.bodies import PRINTABLE, Answer, Body, Cursor, Limit, MinSequence, ShortText
from web.context import Anyone, SignedIn, gateway_of, services
from web.errors import Forbidden, problems
from web.sessions import COOKIE, Caller, Session
from web.views import Items, live_unless_halted

Password = Annotated[str, Meta(min_length=1, max_length=200, description="Any text.")]


class Credentials(Body, frozen=True):
    """Who signs in."""

    name: Annotated[ShortText, Meta(examples=["trader"])]
    password: Annotated[Password, Meta(examples=["plantain-demo"])]


class Person(Answer, frozen=True):
    """A participant as he himself sees it."""

    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]


class SignIn(Answer, frozen=True):
    """A session. Programs send `token` as `Authorization: Bearer …`; browsers have it as a cookie, and send
    `csrf_token` as `X-CSRF-Token` with every write.
    """

    token: str
    csrf_token: str
    expires_ns: int
    participant: Person


class CurrentSession(Answer, frozen=True):
    """The session that the request was sent in; it moves on with use."""

    created_ns: int
    expires_ns: int
    csrf_token: str | None
    participant: Person


class Me(Answer, frozen=True):
    """Who the session belongs to; `csrf_token` is null for a bearer token, which needs none."""

    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    csrf_token: str | None
    sequence: int


@post("/sessions", tags=["sessions"], summary="Sign in", responses=problems(401, 403, 413, 415, 429))
async def sign_in(request: Anyone, data: JSONBody[Credentials]) -> Response[SignIn]:
    """Opens a session, sets its cookie and answers its token."""
    web = services(request)
    headers = request.headers
    web.sessions.refuse_foreign(headers.get("origin"), headers.get("host"), headers.get("sec-fetch-site"))
    token, caller = await web.sessions.sign_in(
        data.name,
        data.password,
        address=request.client.host if request.client else "",
        user_agent=(headers.get("user-agent") or "")[:200] or None,
    )
    session = caller.session
    answer = SignIn(
        token=token, csrf_token=session.csrf_token, expires_ns=session.expires_ns, participant=_person(caller)
    )
    return Response(answer, cookies=[_cookie(request, token, web.settings.session_lifetime_ns // 10**9)])


@get("/sessions/current", tags=["sessions"], summary="The session", responses=problems(401))
async def current_session(request: SignedIn) -> CurrentSession:
    """When the session began and when it ends."""
    caller = request.user
    return CurrentSession(
        created_ns=caller.session.created_ns,
        expires_ns=caller.session.expires_ns,
        csrf_token=_csrf_token(caller),
        participant=_person(caller),
    )


@delete(
    "/sessions/current",
    tags=["sessions"],
    summary="Sign out",
    responses={204: ResponseSpec(None, generate_examples=False, description="Signed out."), **problems(401, 403)},
)
async def sign_out(request: SignedIn) -> Response[None]:
    """Ends the session and clears its cookie."""
    await services(request).sessions.sign_out(request.user)
    return Response(None, status_code=204, cookies=[_cookie(request, "", 0)])


@get("/me", tags=["sessions"], summary="Who am I", responses=problems(401))
async def who_am_i(request: SignedIn, min_sequence: MinSequence = None) -> Me:
    """The participant of the session, and the roles that decide what it may do."""
    gateway = gateway_of(request)
    sequence = await live_unless_halted(gateway, min_sequence)
    caller = request.user
    return Me(
        participant_id=caller.participant_id,
        name=caller.name,
        display_name=caller.display_name,
        roles=caller.roles,
        csrf_token=_csrf_token(caller),
        sequence=gateway.sequence if sequence is None else sequence,
    )


@get("/balances", tags=["accounts"], summary="Balances", responses=problems(401))
async def list_balances(request: SignedIn, min_sequence: MinSequence = None) -> Items[Balance]:
    """Money first, then goods by symbol; all of them, in one page. Of a venue that has halted, from the database."""
    gateway = gateway_of(request)
    participant_id = request.user.participant_id
    sequence = await live_unless_halted(gateway, min_sequence)
    if sequence is not None:
        held = gateway.balances(participant_id)
    else:
        sequence, held = await gateway.history(
            lambda connection: queries.balances(connection, participant_id), min_sequence=min_sequence
        )
    return Items(items=[balance_of(each.asset, each.total, each.reserved) for each in held], sequence=sequence)


@get("/ledger", tags=["accounts"], summary="Ledger entries", responses=problems(401, 403))
async def list_ledger(
    request: SignedIn,
    participant_id: Annotated[
        int | None,
        QueryParameter(ge=1, le=2**53 - 1, description="Operators: whose; left out: everyone's."),
    ] = None,
    asset: Annotated[
        str | None,
        QueryParameter(max_length=64, pattern=PRINTABLE, description="`CNY`, or a lot's goods as `LOT-<lot_id>`."),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[queries.LedgerEntry]:
    """Postings that touch the caller's accounts, the newest first; operators see all. Amounts are fen, or grams of
    a lot.
    """
    caller = request.user
    whose = participant_id
    if not caller.is_in("operator"):
        if participant_id not in (None, caller.participant_id):
            raise Forbidden("another's ledger is for operators")
        whose = caller.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.ledger(connection, whose, asset=asset, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


def _person(caller: Caller) -> Person:
    return Person(
        participant_id=caller.participant_id,
        name=caller.name,
        display_name=caller.display_name,
        roles=caller.roles,
    )


def _csrf_token(caller: Caller) -> str | None:
    session: Session = caller.session
    return session.csrf_token if caller.by_cookie else None


def _cookie(request: Any, token: str, max_age_s: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=token,
        path="/",
        max_age=max_age_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


PUBLIC = [sign_in]
PRIVATE = [current_session, sign_out, who_am_i, list_balances, list_ledger]
