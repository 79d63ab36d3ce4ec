"""Invoices: who one is to the tax bureau, asking for an invoice of a trade, and the number of the one that was issued.

The venue has no line to the tax bureau. A buyer or seller asks (开票申请); the request holds every field that the
seller has to type into his own invoicing system, with the amounts of the trade itself; when he has issued the invoice
he registers its number. Whoever asks for an invoice of a trade in the book tells the other side who he is, and is told:
an invoice cannot be made out to nobody.
"""

import functools
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import Connection

from settlement.civil import day_number, venue_day
from settlement.invoices import (
    GOODS_NAME,
    TAX_CODE,
    UNIT,
    InvoiceKind,
    is_credit_code,
    is_invoice_number,
    reckon,
    refuse,
)
from settlement.messages import CivilDate, RequestRefused
from settlement.messages.contracts import ContractState, RegisterInvoice
from web import invoice_records as records
from web.bodies import Body, Cursor, Limit, PositiveInteger, Text
from web.context import SignedIn, gateway_of, without_fields
from web.documents import contracts, trades
from web.documents import invoices as document
from web.documents.routes import PDF, answer
from web.errors import Fault, Forbidden, InvalidRequest, NotFound, Refused, problems
from web.invoice_records import Invoice, OwnTitle, Sale, State
from web.ports import Gateway
from web.sessions import Caller
from web.views import Items, cursor_of, is_id

SETTLED: Final[tuple[ContractState, ...]] = ("part_paid", "objected", "completed")
"""States of a contract in which it is known what was sold."""

Optional = Annotated[str, Meta(max_length=200, pattern=r"^[^\u0000-\u001f\u007f]*(?!\n)$")]


class NewTitle(Body, frozen=True, kw_only=True):
    """Who the caller is to the tax bureau, and as what he is taxed when he sells."""

    title: Annotated[Text, Meta(description="抬头.", examples=["遂溪县北坡香蕉专业合作社"])]
    tax_status: Annotated[
        Literal["producer", "general", "small_scale", "small_scale_reduced"],
        Meta(description="`producer`: sells what he grew, exempt; the others owe 9, 3 and 1 per cent."),
    ]
    tax_number: (
        Annotated[str, Meta(max_length=18, description="统一社会信用代码, with its check; null: a private person.")]
        | None
    ) = None
    address: Optional = ""
    phone: Optional = ""
    bank: Optional = ""
    account: Optional = ""


class TitleView(OwnTitle, frozen=True, kw_only=True):
    """An invoice title as it is kept."""

    participant_id: int


class InvoiceRequest(Body, frozen=True, kw_only=True):
    """Of what, and of which kind: of a trade that was settled at once, or of a contract."""

    trade_id: PositiveInteger | None = None
    contract_id: PositiveInteger | None = None
    kind: Annotated[InvoiceKind, Meta(description="`normal` 普通发票, `special` 专用发票.")] = "normal"
    remarks: Optional = ""


class IssuedInvoice(Body, frozen=True, kw_only=True):
    """What the seller has issued."""

    number: Annotated[
        str,
        Meta(
            max_length=21,
            description="Twenty digits, or of the older kind code and number with a hyphen between.",
            examples=["26442000000012345678"],
        ),
    ]
    issued_on: CivilDate
    digest: (
        Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the invoice's file, for a contract.")]
        | None
    ) = None


class InvoiceView(Invoice, frozen=True, kw_only=True):
    """An invoice that was asked for. `amount_fen` is before tax; with `tax_fen` it is `total_fen`, the trade's own."""

    goods_name: str = GOODS_NAME
    tax_code: str = TAX_CODE
    unit: str = UNIT


@get("/invoices/title", tags=["invoices"], summary="Own invoice title", responses=problems(401, 404))
async def read_title(request: SignedIn) -> TitleView:
    """As last written."""
    participant_id = request.user.participant_id
    title = await gateway_of(request).own_records(lambda connection: records.title_of(connection, participant_id))
    if title is None:
        raise NotFound("unknown_invoice_title")
    return TitleView(participant_id=participant_id, **msgspec.structs.asdict(title))


@put(
    "/invoices/title",
    tags=["invoices"],
    summary="Say who one is to the tax bureau",
    responses=problems(401, 413, 415, 422),
)
async def write_title(request: SignedIn, data: JSONBody[NewTitle]) -> TitleView:
    """Requests that were made before keep the title that they were made with."""
    gateway, participant_id = gateway_of(request), request.user.participant_id
    if data.tax_number is not None and not is_credit_code(data.tax_number):
        raise Refused("invalid_tax_number", "this is no unified social credit code of GB 32100-2015")
    title = OwnTitle(**msgspec.structs.asdict(data))
    await gateway.own_records(lambda connection: records.set_title(connection, participant_id, title, gateway.time_ns))
    return TitleView(participant_id=participant_id, **msgspec.structs.asdict(title))


@post("/invoices", tags=["invoices"], summary="Ask for an invoice", responses=problems(401, 404, 409, 413, 415))
async def request_invoice(request: SignedIn, data: JSONBody[InvoiceRequest]) -> InvoiceView:
    """By the buyer or the seller. Refused, in this order: `unknown_trade`, `under_contract` (the trade has led to one,
    whose weight decides), `busted`; or `unknown_contract`, `not_settled` (its weight is not agreed, or it ended
    otherwise than by being kept); then `nothing_sold`, `no_seller_title`, `no_buyer_title`, `exempt`,
    `no_seller_tax_number`, `no_buyer_tax_number`, `already_requested`.
    """
    gateway, caller = gateway_of(request), request.user
    sale = await _sale(gateway, caller, data)
    if sale.total_fen == 0 or sale.quantity_g == 0:
        raise Refused("nothing_sold")
    asked = functools.partial(_ask, caller.participant_id, sale, data, gateway.time_ns)
    return view_of(await gateway.own_records(asked))


@get("/invoices", tags=["invoices"], summary="Invoices", responses=problems(401, 403))
async def list_invoices(
    request: SignedIn,
    side: Annotated[
        Literal["buyer", "seller"] | None, QueryParameter(description="Those where the caller is this; null: both.")
    ] = None,
    in_state: Annotated[State | None, QueryParameter(name="state", description="In this state only.")] = None,
    everyones: Annotated[bool, QueryParameter(name="all", description="Operators: everyone's, not one's own.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Items[InvoiceView]:
    """The newest first."""
    gateway, caller = gateway_of(request), request.user
    if everyones and not caller.is_in("operator"):
        raise Forbidden("everyone's invoices are for operators")
    before = cursor_of(cursor)
    found, following = await gateway.own_records(
        lambda connection: records.page_of(
            connection,
            None if everyones else caller.participant_id,
            side=side,
            state=in_state,
            before=before,
            limit=limit,
        )
    )
    return Items(items=[view_of(each) for each in found], next=following, sequence=gateway.sequence)


@get("/invoices/{invoice_id:int}", tags=["invoices"], summary="An invoice", responses=problems(401, 404))
async def read_invoice(request: SignedIn, invoice_id: FromPath[int]) -> InvoiceView:
    """For both parties, and operators."""
    return view_of(await _find(request, invoice_id))


@get(
    "/invoices/{invoice_id:int}/document.pdf",
    tags=["documents"],
    summary="The request for an invoice on paper",
    responses={**PDF, **problems(401, 404)},
)
async def invoice_document(request: SignedIn, invoice_id: FromPath[int]) -> Response[bytes]:
    """What the seller types into his invoicing system."""
    invoice = await _find(request, invoice_id)
    gateway = gateway_of(request)
    return await answer(request, document.draft(gateway, invoice, gateway.sequence))


@post(
    "/invoices/{invoice_id:int}/number",
    tags=["invoices"],
    summary="Register what was issued",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def register_invoice_number(
    request: SignedIn, invoice_id: FromPath[int], data: JSONBody[IssuedInvoice]
) -> InvoiceView:
    """By the seller; for a contract it releases the rest of the price. Refused, in this order: `invalid_number`,
    `invalid_issued_on` (no date, or a later one than today), `invoice_issued`, `invoice_withdrawn`, `busted`,
    `duplicate_reference` (an invoice of that number has other parties), and what the contract
    refuses (`wrong_state`, `wrong_amount`, …).
    """
    gateway = gateway_of(request)
    invoice = await _find(request, invoice_id)
    if invoice.seller_id != request.user.participant_id:
        raise Forbidden("the number is the seller's to register")
    if not is_invoice_number(data.number):
        raise Refused("invalid_number")
    issued = day_number(data.issued_on)
    if issued is None or issued > venue_day(gateway.time_ns):
        raise Refused("invalid_issued_on")
    if invoice.state != "requested":
        raise Refused(f"invoice_{invoice.state}")
    if invoice.source == "trade" and await _busted(gateway, invoice.source_id):
        raise Refused("busted", "the trade was taken back")
    if await gateway.own_records(lambda connection: records.number_is_anothers(connection, invoice, data.number)):
        raise Refused("duplicate_reference", "an invoice of that number has other parties", field="number")
    if invoice.source == "contract":
        await _tell_contract(gateway, invoice, data)
    changed = await gateway.own_records(
        lambda connection: records.register(connection, invoice_id, data.number, data.issued_on, gateway.time_ns)
    )
    if changed is None:
        raise Refused("invoice_issued")
    return view_of(changed)


@delete(
    "/invoices/{invoice_id:int}",
    tags=["invoices"],
    summary="Withdraw a request",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409),
)
async def withdraw_invoice(request: SignedIn, invoice_id: FromPath[int]) -> InvoiceView:
    """By whoever asked or the seller, as long as nothing was issued; then it can be asked for anew. Refused:
    `invoice_issued`; a repeated withdrawal answers the same.
    """
    gateway, participant_id = gateway_of(request), request.user.participant_id
    invoice = await _find(request, invoice_id)
    if participant_id not in (invoice.requested_by, invoice.seller_id):
        raise Forbidden("a request is withdrawn by whoever asked, or by the seller")
    if invoice.state == "withdrawn":
        return view_of(invoice)
    changed = await gateway.own_records(lambda connection: records.withdraw(connection, invoice_id, gateway.time_ns))
    if changed is None:
        raise Refused("invoice_issued")
    return view_of(changed)


def view_of(invoice: Invoice) -> InvoiceView:
    return InvoiceView(**{name: getattr(invoice, name) for name in Invoice.__struct_fields__})


async def _sale(gateway: Gateway, caller: Caller, data: InvoiceRequest) -> Sale:
    """What was sold, as it stands in the venue's own books. Raises `InvalidRequest`, `NotFound`, `Refused`."""
    if (data.trade_id is None) == (data.contract_id is None):
        raise InvalidRequest(Fault(None, "either trade_id or contract_id is expected"))
    if data.contract_id is not None:
        return await _delivered(gateway, caller, data.contract_id)
    assert data.trade_id is not None
    found = await trades.sides(gateway, data.trade_id)
    fills = found.fills
    if caller.participant_id not in [fill.participant_id for fill in fills]:
        raise NotFound("unknown_trade")
    if found.contract is not None:
        raise Refused("under_contract", f"ask for an invoice of contract {found.contract.contract_id}")
    bought, sold = fills
    if bought.busted:
        raise Refused("busted", "the trade was taken back")
    return Sale(
        source="trade",
        source_id=bought.trade_id,
        buyer_id=bought.participant_id,
        seller_id=sold.participant_id,
        symbol=bought.symbol,
        quantity_g=bought.quantity * 1000,
        total_fen=bought.price * bought.quantity,
    )


async def _delivered(gateway: Gateway, caller: Caller, contract_id: int) -> Sale:
    """What a contract came to: the agreed weight, and its value less what the seller has granted. Raises `NotFound`,
    `Refused`.
    """
    found = await contracts.find(gateway, contract_id)
    contract = None if found is None else found.contract
    if contract is None or caller.participant_id not in (contract.buyer_id, contract.seller_id):
        raise NotFound("unknown_contract")
    if contract.settled_g is None or contract.settled_fen is None or contract.state not in SETTLED:
        raise Refused("not_settled")
    return Sale(
        source="contract",
        source_id=contract_id,
        buyer_id=contract.buyer_id,
        seller_id=contract.seller_id,
        symbol=contract.goods_symbol,
        quantity_g=contract.settled_g,
        total_fen=contract.settled_fen - contract.granted_fen,
    )


async def _tell_contract(gateway: Gateway, invoice: Invoice, data: IssuedInvoice) -> None:
    """The contract hears of its invoice, unless it has heard (an earlier attempt may have come so far and no further)
    or is over. Raises `Refused`.
    """
    found = await contracts.find(gateway, invoice.source_id)
    assert found is not None
    contract = found.contract
    if contract.invoice_number not in (None, data.number):
        raise Refused("already_invoiced")
    if contract.invoice_number == data.number or contract.state == "completed":
        return
    outcome = await gateway.submit(
        RegisterInvoice(
            participant_id=invoice.seller_id,
            contract_id=invoice.source_id,
            invoice_number=data.number,
            amount_fen=invoice.total_fen,
            invoice_digest=data.digest,
        )
    )
    for event in outcome.events:
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)


def _ask(requested_by: int, sale: Sale, data: InvoiceRequest, time_ns: int, connection: Connection) -> Invoice:
    """The new request, with the titles of this moment. Raises `Refused`."""
    buyer = records.title_of(connection, sale.buyer_id)
    seller = records.title_of(connection, sale.seller_id)
    refusal = refuse(data.kind, "producer" if seller is None else seller.tax_status, buyer, seller)
    if refusal is not None:
        reason, field = refusal
        raise Refused(reason, field=field)
    assert buyer is not None
    assert seller is not None
    made = records.add(
        connection,
        sale,
        reckon(sale.total_fen, sale.quantity_g, seller.tax_status),
        kind=data.kind,
        requested_by=requested_by,
        buyer=buyer,
        seller=seller,
        remarks=data.remarks,
        time_ns=time_ns,
    )
    if made is None:
        raise Refused("already_requested")
    return made


async def _find(request: SignedIn, invoice_id: int) -> Invoice:
    """A request that the caller may see. Raises `NotFound`."""
    caller = request.user
    invoice = None
    if is_id(invoice_id):
        invoice = await gateway_of(request).own_records(lambda connection: records.invoice_of(connection, invoice_id))
    if invoice is None or not (
        caller.is_in("operator") or caller.participant_id in (invoice.buyer_id, invoice.seller_id)
    ):
        raise NotFound("unknown_invoice")
    return invoice


async def _busted(gateway: Gateway, trade_id: int) -> bool:
    found = await trades.sides(gateway, trade_id)
    return any(fill.busted for fill in found.fills)


PRIVATE = [
    read_title,
    write_title,
    request_invoice,
    list_invoices,
    read_invoice,
    invoice_document,
    register_invoice_number,
    withdraw_invoice,
]
