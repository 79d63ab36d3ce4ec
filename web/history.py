"""The public past beside the tape: the index day by day, phases of instruments, what lies in the warehouses."""

from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter

from marketdata import queries
from settlement import queries as settlement_queries
from settlement.civil import day_number
from web.bodies import Cursor, Limit, MinSequence
from web.context import Anyone, gateway_of
from web.errors import Fault, InvalidRequest, NotFound, problems
from web.views import Items

FromDate = Annotated[
    str | None, QueryParameter(name="from", max_length=10, description="The first date, as 2026-11-23; inclusive.")
]
ToDate = Annotated[
    str | None, QueryParameter(name="to", max_length=10, description="The date after the last; exclusive.")
]
OfSymbol = Annotated[str | None, QueryParameter(max_length=100, description="This instrument alone.")]
OfWarehouse = Annotated[str | None, QueryParameter(max_length=100, description="This warehouse alone, as `SX1`.")]


@get("/index", tags=["index"], summary="The banana index", responses=problems())
async def read_index(request: Anyone, min_sequence: MinSequence = None) -> Items[queries.IndexDay]:
    """Public. The Suixi banana index of the last trading day: `SXBI` over all varieties in hundredths of a point,
    `SXBI-…` a variety's price in hundredths of a fen per kilogram. Provisional until the next trading day begins.
    """
    sequence, items = await gateway_of(request).history(queries.index, min_sequence=min_sequence)
    return Items(items=items, sequence=sequence)


@get("/index/{code:str}/days", tags=["index"], summary="The index by day", responses=problems(404))
async def list_index_days(
    request: Anyone,
    code: FromPath[str],
    from_date: FromDate = None,
    to_date: ToDate = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[queries.IndexDay]:
    """Public. One code, a value a trading day, the newest first. 404 `unknown_index` of one that never had a value."""
    from_day, to_day = day_of("from", from_date), day_of("to", to_date)
    wanted = code.replace("\0", "")
    sequence, (known, page) = await gateway_of(request).history(
        lambda connection: (
            queries.has_code(connection, wanted),
            queries.index_days(connection, wanted, from_day=from_day, to_day=to_day, cursor=cursor, limit=limit),
        ),
        min_sequence=min_sequence,
    )
    if not known:
        raise NotFound("unknown_index", field="code")
    return Items(items=page.items, next=page.next, sequence=sequence)


@get("/instruments/{symbol:str}/phases", tags=["market"], summary="Phases", responses=problems(404))
async def list_phases(
    request: Anyone, symbol: FromPath[str], limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[queries.PhaseChange]:
    """The phases that an instrument has gone through, the newest first; while it is `dark`, its book is not shown."""
    gateway = gateway_of(request)
    if gateway.instrument(symbol) is None:
        raise NotFound("unknown_symbol", field="symbol")
    sequence, page = await gateway.history(
        lambda connection: queries.phases(connection, symbol, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get("/stock/receipts", tags=["stock"], summary="Receipts in store", responses=problems())
async def list_receipts_in_store(
    request: Anyone, symbol: OfSymbol = None, warehouse: OfWarehouse = None, min_sequence: MinSequence = None
) -> Items[settlement_queries.ReceiptsInStore]:
    """Public. What warehouse receipts stand for, by instrument, by ascending symbol, without participants."""
    sequence, items = await gateway_of(request).history(
        lambda connection: settlement_queries.receipts_in_store(connection, symbol=symbol, warehouse=warehouse),
        min_sequence=min_sequence,
    )
    return Items(items=items, sequence=sequence)


@get("/stock/lots", tags=["stock"], summary="Lots in store", responses=problems())
async def list_lots_in_store(
    request: Anyone, symbol: OfSymbol = None, warehouse: OfWarehouse = None, min_sequence: MinSequence = None
) -> Items[settlement_queries.LotsInStore]:
    """Public. The lots of which receipts live, by instrument, by ascending symbol, without participants."""
    sequence, items = await gateway_of(request).history(
        lambda connection: settlement_queries.lots_in_store(connection, symbol=symbol, warehouse=warehouse),
        min_sequence=min_sequence,
    )
    return Items(items=items, sequence=sequence)


def day_of(field: str, date: str | None) -> int | None:
    """Raises `InvalidRequest` where it is no date."""
    if date is None:
        return None
    day = day_number(date)
    if day is None:
        raise InvalidRequest(Fault(field, "a date as 2026-11-23 is expected"))
    return day


PUBLIC = [read_index, list_index_days, list_phases, list_receipts_in_store, list_lots_in_store]
