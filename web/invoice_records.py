"""Invoice titles and requests in the database, which alone owns them: what may be written, and how it is read.

Every function works in the caller's transaction.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from settlement.invoices import InvoiceKind, InvoiceLine, TaxStatus, Title
from web.tables import invoice_titles, invoices

Source = Literal["trade", "contract"]
State = Literal["requested", "issued", "withdrawn"]

TITLE_FIELDS: Final = Title.__struct_fields__


class OwnTitle(Title, frozen=True, kw_only=True):
    """A participant's title, and as what he is taxed when he sells."""

    tax_status: TaxStatus


class Sale(Struct, frozen=True, kw_only=True):
    """What an invoice is about: goods that went from a seller to a buyer for a price."""

    source: Source
    source_id: int
    buyer_id: int
    seller_id: int
    symbol: str
    quantity_g: int
    total_fen: int


class Invoice(Struct, frozen=True, kw_only=True):
    """A request as it stands. `buyer` and `seller` are their titles as of then. `unit_price_microfen` is before tax,
    for a kilogram; `rate_permille` null: exempt.
    """

    invoice_id: int
    source: Source
    source_id: int
    kind: InvoiceKind
    state: State
    buyer_id: int
    seller_id: int
    requested_by: int
    buyer: Title
    seller: Title
    symbol: str
    tax_status: TaxStatus
    quantity_g: int
    unit_price_microfen: int
    amount_fen: int
    rate_permille: int | None
    tax_fen: int
    total_fen: int
    remarks: str
    requested_ns: int
    number: str | None
    issued_on: str | None
    changed_ns: int


def title_of(connection: Connection, participant_id: int) -> OwnTitle | None:
    query = select(invoice_titles).where(invoice_titles.c.participant_id == participant_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return OwnTitle(**{name: row[name] for name in OwnTitle.__struct_fields__})


def set_title(connection: Connection, participant_id: int, title: OwnTitle, time_ns: int) -> None:
    """Requests that were made before keep the title that they were made with."""
    values: dict[str, Any] = {**msgspec.structs.asdict(title), "changed_ns": time_ns}
    changed = connection.execute(
        update(invoice_titles).where(invoice_titles.c.participant_id == participant_id).values(values)
    )
    if not changed.rowcount:
        connection.execute(insert(invoice_titles).values(participant_id=participant_id, **values))


def add(
    connection: Connection,
    sale: Sale,
    line: InvoiceLine,
    *,
    kind: InvoiceKind,
    requested_by: int,
    buyer: OwnTitle,
    seller: OwnTitle,
    remarks: str,
    time_ns: int,
) -> Invoice | None:
    """The new request; none where the sale has one that stands."""
    values: dict[str, Any] = {
        **msgspec.structs.asdict(sale),
        **msgspec.structs.asdict(line),
        "kind": kind,
        "state": "requested",
        "requested_by": requested_by,
        "buyer": _plain(buyer),
        "seller": _plain(seller),
        "tax_status": seller.tax_status,
        "remarks": remarks,
        "requested_ns": time_ns,
        "changed_ns": time_ns,
    }
    try:
        with connection.begin_nested():
            written = connection.execute(insert(invoices).values(values))
    except IntegrityError:
        if standing(connection, sale.source, sale.source_id) is None:
            raise
        return None
    assert written.inserted_primary_key is not None
    return invoice_of(connection, written.inserted_primary_key[0])


def invoice_of(connection: Connection, invoice_id: int) -> Invoice | None:
    return _one(connection, invoices.c.invoice_id == invoice_id)


def standing(connection: Connection, source: Source, source_id: int) -> Invoice | None:
    """The request for a sale that was not withdrawn."""
    return _one(
        connection,
        (invoices.c.source == source) & (invoices.c.source_id == source_id) & (invoices.c.state != "withdrawn"),
    )


def page_of(
    connection: Connection,
    participant_id: int | None,
    *,
    side: Literal["buyer", "seller"] | None,
    state: State | None,
    before: int | None,
    limit: int,
) -> tuple[list[Invoice], str | None]:
    """The newest first, and the cursor of the next page; of everyone where no participant is named."""
    table = invoices
    query = select(table).order_by(table.c.invoice_id.desc()).limit(limit + 1)
    if participant_id is not None:
        bought, sold = table.c.buyer_id == participant_id, table.c.seller_id == participant_id
        query = query.where({"buyer": bought, "seller": sold}.get(side or "", or_(bought, sold)))
    if state is not None:
        query = query.where(table.c.state == state)
    if before is not None:
        query = query.where(table.c.invoice_id < before)
    rows = connection.execute(query).mappings().all()
    items = [_invoice(row) for row in rows[:limit]]
    return items, str(items[-1].invoice_id) if len(rows) > limit else None


def number_is_anothers(connection: Connection, invoice: Invoice, number: str) -> bool:
    """Whether an invoice of that number was registered that cannot be this one: it has other parties, or it is of the
    other kind.
    """
    table = invoices
    query = (
        select(table.c.invoice_id)
        .where(
            table.c.number == number,
            (table.c.buyer_id != invoice.buyer_id)
            | (table.c.seller_id != invoice.seller_id)
            | (table.c.kind != invoice.kind),
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def register(connection: Connection, invoice_id: int, number: str, issued_on: str, time_ns: int) -> Invoice | None:
    """The request as issued; none where it was not open any more."""
    return _change(
        connection, invoice_id, {"state": "issued", "number": number, "issued_on": issued_on, "changed_ns": time_ns}
    )


def withdraw(connection: Connection, invoice_id: int, time_ns: int) -> Invoice | None:
    """The request as withdrawn; none where it was not open any more."""
    return _change(connection, invoice_id, {"state": "withdrawn", "changed_ns": time_ns})


def _change(connection: Connection, invoice_id: int, values: dict[str, Any]) -> Invoice | None:
    changed = connection.execute(
        update(invoices).where(invoices.c.invoice_id == invoice_id, invoices.c.state == "requested").values(values)
    )
    return invoice_of(connection, invoice_id) if changed.rowcount else None


def _one(connection: Connection, condition: ColumnElement[bool]) -> Invoice | None:
    row = connection.execute(select(invoices).where(condition)).mappings().first()
    return None if row is None else _invoice(row)


def _invoice(row: Any) -> Invoice:
    return msgspec.convert({name: row[name] for name in Invoice.__struct_fields__}, Invoice)


def _plain(title: OwnTitle) -> dict[str, Any]:
    """As of what he is taxed is the request's own to say."""
    return {name: getattr(title, name) for name in TITLE_FIELDS}
