"""What everyone may see: the venue's rules, its instruments, their books, trades and candles."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import FromPath, QueryParameter
from msgspec import Meta
from sqlalchemy import Connection

from marketdata import queries
from marketdata.depth import checksum
from marketdata.messages import CandleRow, Interval
from matching.messages import MAX_INTEGER, Phase
from settlement.messages import Variety, Warehouse
from settlement.symbols import parse_symbol
from web.bodies import Answer, Cursor, Limit, MinSequence
from web.context import Anyone, gateway_of, services
from web.errors import Fault, InvalidRequest, NotFound, problems
from web.gazetteer import Town
from web.ports import Gateway, InstrumentView
from web.views import Items, live_unless_halted, recorded, rules_of

Level = tuple[int, int, int]
MAXIMUM_TIME = 2**63 - 1


class Clock(Answer, frozen=True):
    """`manual`: time moves only when an operator moves it."""

    mode: Literal["real", "manual"]
    time_ns: int


class Venue(Answer, frozen=True):
    """What forms need to know of the venue."""

    profile: str
    fee_rate_ppm: Annotated[int, Meta(description="Fee of who rests, in millionths of the traded value.")]
    fee_taker_rate_ppm: Annotated[int, Meta(description="Fee of who takes, likewise.")]
    fee_minimum_fen: int
    warehouses: tuple[Warehouse, ...]
    varieties: tuple[Variety, ...]
    towns: Annotated[tuple[Town, ...], Meta(description="Proposals for a lot's town.")]
    clock: Clock
    demo: Annotated[bool, Meta(description="Whether this is the demonstration, whose accounts are public.")]
    sequence: int


class Instrument(Answer, frozen=True):
    """An instrument as it is defined, and where it stands. Prices in fen per kilogram; `bid` and `ask` are the
    best displayed.
    """

    symbol: str
    tick_size: Annotated[int, Meta(description="Fen per kilogram.")]
    lot_size: Annotated[int, Meta(description="Kilograms.")]
    mode: str
    phase: Phase
    reference_price: int | None
    band: Annotated[int | None, Meta(description="Ticks around the reference price.")]
    collar: int | None
    protection: int | None
    cancel_on_halt: bool
    variety: str
    grade: str
    warehouse: str
    harvest_week: str
    last: int | None
    bid: int | None
    ask: int | None
    sequence: int


class Book(Answer, frozen=True):
    """Levels `[price, quantity, orders]`, best first, displayed kilograms only; `checksum` as on the feed."""

    symbol: str
    sequence: int
    time_ns: int
    phase: Phase
    bids: list[Level]
    asks: list[Level]
    checksum: int


@get("/venue", tags=["market"], summary="The venue", responses=problems())
async def read_venue(request: Anyone, min_sequence: MinSequence = None) -> Venue:
    """Profile, fees, warehouses, varieties, towns, clock."""
    gateway = gateway_of(request)
    sequence, rules = await rules_of(gateway, min_sequence)
    return Venue(
        profile=rules.profile,
        fee_rate_ppm=rules.fee_rate_ppm,
        fee_taker_rate_ppm=rules.taker_rate_ppm,
        fee_minimum_fen=rules.fee_minimum_fen,
        warehouses=rules.warehouses,
        varieties=rules.varieties,
        towns=services(request).settings.towns,
        clock=clock_of(gateway),
        demo=services(request).settings.demo,
        sequence=sequence,
    )


@get("/instruments", tags=["market"], summary="Instruments", responses=problems())
async def list_instruments(
    request: Anyone,
    limit: Annotated[
        int | None, QueryParameter(ge=1, le=1000, description="Items at most; left out: all of them.")
    ] = None,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Instrument]:
    """By ascending symbol, all in one page unless a `limit` is given. Of a venue that has halted, from the database, in
    pages of a thousand at most.
    """
    gateway = gateway_of(request)
    sequence = await live_unless_halted(gateway, min_sequence)
    if sequence is None:
        reached, page = await gateway.history(
            lambda connection: _recorded_page(connection, cursor, limit or queries.MAXIMUM_LIMIT),
            min_sequence=min_sequence,
        )
        return Items(items=page.items, next=page.next, sequence=reached)
    views = gateway.instruments()
    if cursor is not None:
        if gateway.instrument(cursor) is None:
            raise InvalidRequest(Fault("cursor", "this is not the next of any page"))
        views = [view for view in views if view.symbol > cursor]
    shown = views[:limit]
    return Items(
        items=[instrument_of(gateway, view) for view in shown],
        next=shown[-1].symbol if len(shown) < len(views) else None,
        sequence=sequence,
    )


@get("/instruments/{symbol:str}", tags=["market"], summary="An instrument", responses=problems(404))
async def read_instrument(request: Anyone, symbol: FromPath[str], min_sequence: MinSequence = None) -> Instrument:
    """Its definition and where it stands. A venue that has halted knows the database alone, and no best prices."""
    gateway = gateway_of(request)
    if await live_unless_halted(gateway, min_sequence) is None:
        _, found = await gateway.history(lambda connection: _recorded(connection, symbol), min_sequence=min_sequence)
        if found is None:
            raise NotFound("unknown_symbol", field="symbol")
        return found
    return instrument_of(gateway, _known(gateway, symbol))


@get("/instruments/{symbol:str}/book", tags=["market"], summary="The book", responses=problems(404))
async def read_book(
    request: Anyone,
    symbol: FromPath[str],
    depth: Annotated[int, QueryParameter(ge=1, le=1000, description="Levels a side at most.")] = 25,
    at_sequence: Annotated[
        int | None,
        QueryParameter(ge=1, le=MAX_INTEGER, description="As readers saw it after this command; waits for it."),
    ] = None,
    at_ns: Annotated[
        int | None, QueryParameter(ge=0, le=MAXIMUM_TIME, description="As readers saw it at this time.")
    ] = None,
    min_sequence: MinSequence = None,
) -> Book:
    """True of `sequence`: deltas of the feed with a later one apply to it. Empty while an auction collects. With
    `at_sequence` or `at_ns` a book of the past, from the database; so is the last one of a venue that has halted.
    """
    gateway = gateway_of(request)
    if at_sequence is not None or at_ns is not None:
        return await _book_of_the_past(gateway, symbol, depth, at_sequence, at_ns, min_sequence)
    if await live_unless_halted(gateway, min_sequence) is None:
        _known(gateway, symbol)
        _, last = await recorded(
            gateway, lambda connection: queries.book(connection, symbol, at_ns=MAXIMUM_TIME, depth=depth), min_sequence
        )
        return _of_the_past(last)
    view = gateway.book(symbol, depth)
    if view is None:
        raise NotFound("unknown_symbol", field="symbol")
    best = view if depth >= 10 else gateway.book(symbol, 10)
    assert best is not None
    return Book(
        symbol=view.symbol,
        sequence=view.sequence,
        time_ns=view.time_ns,
        phase=view.phase,
        bids=view.bids,
        asks=view.asks,
        checksum=checksum(best.bids, best.asks),
    )


@get("/instruments/{symbol:str}/trades", tags=["market"], summary="Trades", responses=problems(404))
async def list_trades(
    request: Anyone, symbol: FromPath[str], limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[queries.Trade]:
    """The tape, the newest first."""
    gateway = gateway_of(request)
    _known(gateway, symbol)
    sequence, page = await gateway.history(
        lambda connection: queries.trades(connection, symbol, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get("/instruments/{symbol:str}/candles", tags=["market"], summary="Candles", responses=problems(404))
async def list_candles(
    request: Anyone,
    symbol: FromPath[str],
    interval: Annotated[Interval, QueryParameter()] = "1m",
    from_ns: Annotated[int | None, QueryParameter(ge=0, le=MAXIMUM_TIME, description="The earliest start.")] = None,
    to_ns: Annotated[int | None, QueryParameter(ge=0, le=MAXIMUM_TIME, description="Starts before this only.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[CandleRow]:
    """`[start_ns, open, high, low, close, volume]`, ascending: the newest `limit` of them; `next` asks for the
    older ones.
    """
    gateway = gateway_of(request)
    _known(gateway, symbol)
    sequence, page = await gateway.history(
        lambda connection: queries.candles(
            connection, symbol, interval, from_ns=from_ns, to_ns=to_ns, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


async def _book_of_the_past(
    gateway: Gateway,
    symbol: str,
    depth: int,
    at_sequence: int | None,
    at_ns: int | None,
    min_sequence: int | None,
) -> Book:
    if at_sequence is not None and at_ns is not None:
        raise InvalidRequest(Fault("at_ns", "at_sequence or at_ns, not both"))
    if at_ns is not None and at_ns > gateway.time_ns:
        raise InvalidRequest(Fault("at_ns", "that time has not come yet"))
    _known(gateway, symbol)
    # Of a time it can only be said what the book was once all commands until then are in the database.
    reached = at_sequence or gateway.sequence
    _, found = await gateway.history(
        lambda connection: queries.book(connection, symbol, at_sequence=at_sequence, at_ns=at_ns, depth=depth),
        min_sequence=max(reached, min_sequence or 0),
    )
    if found is None:
        raise NotFound("unknown_symbol", "the instrument was not defined then", field="symbol")
    return _of_the_past(found)


def _of_the_past(found: queries.Book) -> Book:
    return Book(
        symbol=found.symbol,
        sequence=found.sequence,
        time_ns=found.time_ns,
        phase=found.phase,
        bids=found.bids,
        asks=found.asks,
        checksum=found.checksum,
    )


def instrument_of(gateway: Gateway, view: InstrumentView) -> Instrument:
    """The view with the best prices and the sequence that both are true of."""
    book = gateway.book(view.symbol, 1)
    assert book is not None
    return Instrument(
        symbol=view.symbol,
        tick_size=view.tick_size,
        lot_size=view.lot_size,
        mode=view.mode,
        phase=view.phase,
        reference_price=view.reference_price,
        band=view.band,
        collar=view.collar,
        protection=view.protection,
        cancel_on_halt=view.cancel_on_halt,
        variety=view.variety,
        grade=view.grade,
        warehouse=view.warehouse,
        harvest_week=view.harvest_week,
        last=view.last,
        bid=book.bids[0][0] if book.bids else None,
        ask=book.asks[0][0] if book.asks else None,
        sequence=book.sequence,
    )


def _recorded_page(connection: Connection, cursor: str | None, limit: int) -> queries.Page[Instrument]:
    page = queries.instruments(connection, cursor=cursor, limit=limit)
    return queries.Page([_of_record(connection, each) for each in page.items], page.next)


def _recorded(connection: Connection, symbol: str) -> Instrument | None:
    found = queries.instrument(connection, symbol)
    return None if found is None else _of_record(connection, found)


def _of_record(connection: Connection, record: queries.Instrument) -> Instrument:
    """An instrument of a venue that has halted."""
    parts = parse_symbol(record.symbol)
    last = queries.last_trade(connection, record.symbol)
    return Instrument(
        symbol=record.symbol,
        tick_size=record.tick_size,
        lot_size=record.lot_size,
        mode=record.mode,
        phase="halted",
        reference_price=record.reference_price,
        band=record.band,
        collar=record.collar,
        protection=record.protection,
        cancel_on_halt=record.cancel_on_halt,
        variety=parts.variety if parts else "",
        grade=parts.grade if parts else "",
        warehouse=parts.warehouse if parts else "",
        harvest_week=parts.harvest_week if parts else "",
        last=None if last is None else last.price,
        bid=None,
        ask=None,
        sequence=record.sequence,
    )


def clock_of(gateway: Gateway) -> Clock:
    return Clock(mode="manual" if gateway.clock_mode == "manual" else "real", time_ns=gateway.time_ns)


def _known(gateway: Gateway, symbol: str) -> InstrumentView:
    """An instrument's definition never goes away, so this needs no settled state."""
    view = gateway.instrument(symbol)
    if view is None:
        raise NotFound("unknown_symbol", field="symbol")
    return view


PUBLIC = [read_venue, list_instruments, read_instrument, read_book, list_trades, list_candles]
