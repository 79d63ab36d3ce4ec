"""Orders and fills over HTTP; what they mean is the desk's to say."""

from typing import Annotated, Any, Literal
from urllib.parse import unquote

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from matching.messages import Side
from settlement import queries
from settlement.queries import Fill
from web.account_views import Order, order_of
from web.bodies import PRINTABLE, Cursor, Limit, MinSequence
from web.context import SignedIn, gateway_of, in_role, services
from web.desk import NewOrder, OrderChange
from web.errors import Fault, InvalidRequest, problems
from web.views import Items, live_unless_halted, page_of

may_trade = in_role("trader", "grower")

SymbolFilter = Annotated[
    str | None, QueryParameter(max_length=64, pattern=PRINTABLE, description="This instrument only.")
]


@post(
    "/orders",
    tags=["orders"],
    summary="Place an order",
    guards=[may_trade],
    responses=problems(401, 403, 409, 413, 415),
)
async def place_order(request: SignedIn, data: JSONBody[NewOrder]) -> Response[Order]:
    """201: the order as it stands after matching, also when the market refused it (`status` `rejected`, with the
    `reason`). 200: the first answer again, for a `client_order_id` sent again with the same content.
    """
    status, order = await services(request).desk.place(request.user.participant_id, data)
    return Response(order, status_code=status)


@get("/orders", tags=["orders"], summary="Own orders", responses=problems(401))
async def list_orders(
    request: SignedIn,
    status: Annotated[
        Literal["live", "ended", "all"],
        QueryParameter(
            description="`live` is true of the engine's sequence, unless the venue has halted; the others of the "
            "database's."
        ),
    ] = "all",
    symbol: SymbolFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Order]:
    """The newest first."""
    gateway = gateway_of(request)
    participant_id = request.user.participant_id
    sequence = await live_unless_halted(gateway, min_sequence) if status == "live" else None
    if sequence is not None:
        reports = [
            report for report in gateway.live_orders(participant_id) if symbol is None or report.symbol == symbol
        ]
        shown, following = page_of(reports, lambda report: report.order_id, cursor, limit)
        return Items(items=[order_of(report) for report in shown], next=following, sequence=sequence)
    sequence, page = await gateway.history(
        lambda connection: queries.orders(
            connection, participant_id, status=status, symbol=symbol, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=[order_of(report) for report in page.items], next=page.next, sequence=sequence)


@get("/orders/{order_id:int}", tags=["orders"], summary="An order", responses=problems(401, 404))
async def read_order(request: SignedIn, order_id: FromPath[int], min_sequence: MinSequence = None) -> Order:
    """An own order, live or ended."""
    return await services(request).desk.order(request.user.participant_id, order_id, min_sequence)


@get(
    "/orders/by-client-id/{client_order_id:path}",
    tags=["orders"],
    summary="An order by its client's name",
    responses=problems(401, 404),
)
async def read_order_by_client_id(
    request: SignedIn, client_order_id: FromPath[str], min_sequence: MinSequence = None
) -> Order:
    """An own order by the `client_order_id` it was placed with; of several, placed a day or more apart, the newest."""
    return await services(request).desk.order_by_client_id(
        request.user.participant_id, _client_order_id(request.scope), min_sequence
    )


@patch(
    "/orders/{order_id:int}",
    tags=["orders"],
    summary="Amend an order",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def amend_order(request: SignedIn, order_id: FromPath[int], data: JSONBody[OrderChange]) -> Order:
    """The order as amended. Less quantity keeps the place in the queue; more, or another price, gives it up."""
    return await services(request).desk.amend(request.user.participant_id, order_id, data)


@delete(
    "/orders/{order_id:int}",
    tags=["orders"],
    summary="Cancel an order",
    status_code=200,
    guards=[may_trade],
    responses=problems(401, 403, 404, 409),
)
async def cancel_order(request: SignedIn, order_id: FromPath[int]) -> Order:
    """The cancelled order. Cancelling a cancelled order again answers the same."""
    return await services(request).desk.cancel(request.user.participant_id, order_id)


@delete(
    "/orders",
    tags=["orders"],
    summary="Cancel all",
    status_code=200,
    guards=[may_trade],
    responses=problems(401, 403, 404),
)
async def cancel_orders(
    request: SignedIn,
    symbol: SymbolFilter = None,
    side: Annotated[Side | None, QueryParameter(description="This side only.")] = None,
) -> Items[Order]:
    """The orders that were cancelled, waiting stops too."""
    sequence, orders = await services(request).desk.cancel_all(request.user.participant_id, symbol, side)
    return Items(items=orders, sequence=sequence)


@get("/fills", tags=["orders"], summary="Own fills", responses=problems(401))
async def list_fills(
    request: SignedIn,
    order_id: Annotated[int | None, QueryParameter(ge=1, le=2**53 - 1)] = None,
    symbol: SymbolFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Fill]:
    """The newest first. `lots` are `[receipt_id, kilograms]`: a seller's receipts, or the new ones that the buyer
    got.
    """
    participant_id = request.user.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.fills(
            connection, participant_id, order_id=order_id, symbol=symbol, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


def _client_order_id(scope: Any) -> str:
    """The name as it was sent: a slash in it, percent-encoded, must not be taken for one of the path's own."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    name = unquote(raw.partition(b"/by-client-id/")[2].partition(b"?")[0].decode("latin-1"))
    if not 1 <= len(name) <= 64 or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise InvalidRequest(Fault("client_order_id", "a text of 1 to 64 characters, none of them a control character"))
    return name


PRIVATE = [
    place_order,
    list_orders,
    read_order,
    read_order_by_client_id,
    amend_order,
    cancel_order,
    cancel_orders,
    list_fills,
]
