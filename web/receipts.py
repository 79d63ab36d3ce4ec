"""Warehouse receipts, the title to goods: read by their holders, and given up for delivery."""

from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from settlement import queries
from settlement.messages import OrderDelivery, Receipt, ReceiptChanged, RequestRefused
from web.bodies import Cursor, Limit, MinSequence
from web.context import SignedIn, gateway_of, without_fields
from web.errors import Forbidden, NotFound, Refused, problems
from web.growers import WarehouseFilter, sees_all
from web.ports import Gateway, Outcome
from web.trading import SymbolFilter
from web.views import Items, is_id, live, page_of, past


class ReceiptView(Receipt, frozen=True, kw_only=True):
    """A receipt as it stands. `available_g` is what may still be sold: what no order reserves, while the receipt
    is `issued`.
    """

    available_g: Annotated[int, Meta(description="Grams.")]
    sequence: int


@get("/receipts", tags=["receipts"], summary="Receipts", responses=problems(401, 403))
async def list_receipts(
    request: SignedIn,
    which: Annotated[
        Literal["live", "all", "issued", "split", "expired", "delivery_ordered", "delivered"],
        QueryParameter(
            name="state",
            description="`live` is what still stands for goods; `all` split and delivered ones too; or one state.",
        ),
    ] = "live",
    all_holders: Annotated[
        bool,
        QueryParameter(name="all", description="Warehouse and operators: everyone's, not one's own."),
    ] = False,
    symbol: SymbolFilter = None,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ReceiptView]:
    """The newest first."""
    gateway = gateway_of(request)
    caller = request.user
    if all_holders and not sees_all(caller):
        raise Forbidden("everyone's receipts are for warehouse and operators")
    if which == "live" and not all_holders:
        sequence = await live(gateway, min_sequence)
        held = [
            receipt
            for receipt in gateway.receipts(caller.participant_id)
            if symbol in (None, receipt.symbol) and warehouse in (None, receipt.warehouse)
        ]
        shown, following = page_of(held, lambda receipt: receipt.receipt_id, cursor, limit)
        return Items(items=[receipt_of(each, sequence) for each in shown], next=following, sequence=sequence)
    whose = None if all_holders else caller.participant_id
    sequence, page = await gateway.history(
        lambda connection: queries.receipts(
            connection, whose, state=which, symbol=symbol, warehouse=warehouse, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    await gateway.settled()
    items = [receipt_of(_with_reservation(gateway, each), sequence) for each in page.items]
    return Items(items=items, next=page.next, sequence=sequence)


@get("/receipts/{receipt_id:int}", tags=["receipts"], summary="A receipt", responses=problems(401, 404))
async def read_receipt(request: SignedIn, receipt_id: FromPath[int], min_sequence: MinSequence = None) -> ReceiptView:
    """For its holder, the warehouse and operators."""
    gateway = gateway_of(request)
    sequence = await live(gateway, min_sequence)
    receipt = gateway.receipt(receipt_id) if is_id(receipt_id) else None
    if receipt is None and is_id(receipt_id):
        sequence, receipt = await past(
            gateway, lambda connection: queries.receipt(connection, receipt_id), sequence, min_sequence
        )
    if receipt is None or not (sees_all(request.user) or receipt.participant_id == request.user.participant_id):
        raise NotFound("unknown_receipt")
    return receipt_of(receipt, sequence)


@post(
    "/receipts/{receipt_id:int}/delivery",
    tags=["receipts"],
    summary="Order delivery",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def order_delivery(request: SignedIn, receipt_id: FromPath[int]) -> ReceiptView:
    """The holder asks for the goods of the whole receipt, which can then no longer be sold."""
    if not is_id(receipt_id):
        raise NotFound("unknown_receipt")
    outcome = await gateway_of(request).submit(
        OrderDelivery(participant_id=request.user.participant_id, receipt_id=receipt_id)
    )
    return changed_receipt(outcome)


def receipt_of(receipt: Receipt, sequence: int) -> ReceiptView:
    available_g = receipt.weight_g - receipt.reserved_g if receipt.state == "issued" else 0
    return ReceiptView(**msgspec.structs.asdict(receipt), available_g=available_g, sequence=sequence)


def changed_receipt(outcome: Outcome) -> ReceiptView:
    """The receipt that a command changed. Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, ReceiptChanged):
            return receipt_of(event.receipt, outcome.sequence)
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a receipt was changed and nothing was said of it")


def _with_reservation(gateway: Gateway, receipt: Receipt) -> Receipt:
    """The database does not follow reservations; the engine knows them."""
    held = gateway.receipt(receipt.receipt_id)
    if held is None or held.weight_g != receipt.weight_g or held.state != receipt.state:
        return receipt
    return held


PRIVATE = [list_receipts, read_receipt, order_delivery]
