"""Documents over HTTP: PDF for whoever may read the thing itself."""

import re
from typing import Annotated

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from matching.messages import Side
from web.bodies import MinSequence
from web.context import SignedIn, gateway_of, services
from web.documents import contracts, deliveries, receipts, statements, trades
from web.documents.subject import Draft
from web.errors import Fault, Forbidden, InvalidRequest, NotFound, problems
from web.growers import sees_all
from web.statements import Whose

PDF = {
    200: ResponseSpec(bytes, generate_examples=False, description="The document.", media_type="application/pdf"),
}

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


@get(
    "/receipts/{receipt_id:int}/document.pdf",
    tags=["documents"],
    summary="A warehouse receipt on paper",
    responses={**PDF, **problems(401, 404)},
)
async def receipt_document(
    request: SignedIn, receipt_id: FromPath[int], min_sequence: MinSequence = None
) -> Response[bytes]:
    """For its holder, the warehouse and operators."""
    gateway = gateway_of(request)
    found = await receipts.find(gateway, receipt_id, min_sequence)
    if found is None or not (sees_all(request.user) or found.receipt.participant_id == request.user.participant_id):
        raise NotFound("unknown_receipt")
    return await answer(request, await receipts.draft(gateway, found))


@get(
    "/fills/{trade_id:int}/document.pdf",
    tags=["documents"],
    summary="The confirmation of a trade",
    responses={**PDF, **problems(401, 404)},
)
async def fill_document(
    request: SignedIn,
    trade_id: FromPath[int],
    side: Annotated[Side | None, QueryParameter(description="Operators choose; everyone else has his own.")] = None,
    min_sequence: MinSequence = None,
) -> Response[bytes]:
    """Of the caller's own side; operators may have either, the buyer's unless they say otherwise."""
    gateway, caller = gateway_of(request), request.user
    found = await trades.sides(gateway, trade_id, min_sequence)
    fill = next(
        (
            each
            for each in found.fills
            if side in (None, each.side) and (each.participant_id == caller.participant_id or caller.is_in("operator"))
        ),
        None,
    )
    if fill is None:
        raise NotFound("unknown_trade")
    whole = await trades.find(gateway, fill, found.contract, found.sequence)
    return await answer(request, trades.draft(gateway, whole))


@get(
    "/contracts/{contract_id:int}/document.pdf",
    tags=["documents"],
    summary="A contract on paper",
    responses={**PDF, **problems(401, 404)},
)
async def contract_document(
    request: SignedIn, contract_id: FromPath[int], min_sequence: MinSequence = None
) -> Response[bytes]:
    """For both parties, and operators."""
    gateway, caller = gateway_of(request), request.user
    found = await contracts.find(gateway, contract_id, min_sequence)
    if found is None or not (
        caller.is_in("operator") or caller.participant_id in (found.contract.buyer_id, found.contract.seller_id)
    ):
        raise NotFound("unknown_contract")
    return await answer(request, await contracts.draft(gateway, found))


@get(
    "/deliveries/{delivery_id:int}/document.pdf",
    tags=["documents"],
    summary="A delivery order on paper",
    responses={**PDF, **problems(401, 404)},
)
async def delivery_document(
    request: SignedIn, delivery_id: FromPath[int], min_sequence: MinSequence = None
) -> Response[bytes]:
    """For the buyer, the warehouse and operators."""
    gateway, caller = gateway_of(request), request.user
    found = await deliveries.find(gateway, delivery_id, min_sequence)
    if found is None or not (sees_all(caller) or found.delivery.participant_id == caller.participant_id):
        raise NotFound("unknown_delivery")
    return await answer(request, deliveries.draft(gateway, found))


@get(
    "/statements/{date:str}/document.pdf",
    tags=["documents"],
    summary="A day's statement on paper",
    responses={**PDF, **problems(401, 403, 404, 409)},
)
async def statement_document(
    request: SignedIn, date: FromPath[str], whose: Whose = None, min_sequence: MinSequence = None
) -> Response[bytes]:
    """One's own, or for operators anybody's. 404 `unknown_statement`: no such participant, or no day that has begun;
    409 `too_many_entries`: more than 2,000.
    """
    gateway, caller = gateway_of(request), request.user
    if whose not in (None, caller.participant_id) and not caller.is_in("operator"):
        raise Forbidden("another's statement is for operators")
    found = await statements.find(gateway, caller.participant_id if whose is None else whose, date, min_sequence)
    if found is None:
        raise NotFound("unknown_statement")
    return await answer(request, statements.draft(gateway, found))


async def answer(request: SignedIn, draft: Draft) -> Response[bytes]:
    """The document, made now, for the host that was asked."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise InvalidRequest(Fault(None, "the request names no host"))
    address = f"{request.scope['scheme']}://{host}"
    content = await services(request).documents.print(draft, gateway_of(request).time_ns, address)
    subject = draft.subject
    return Response(
        content,
        media_type="application/pdf",
        headers={
            "content-disposition": f'inline; filename="{subject.kind}-{subject.name}.pdf"',
        },
    )


PRIVATE = [receipt_document, fill_document, contract_document, delivery_document, statement_document]
