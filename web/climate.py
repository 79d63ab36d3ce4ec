"""The climate of the stores: loggers, their readings as JSON or as files, and broken cold chains."""

from typing import Annotated, Any

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from msgspec.structs import asdict

from matching.messages import MAX_TIME_NS
from settlement import queries
from settlement.climate import LoggerView
from settlement.messages import RequestRefused
from settlement.messages.climate import (
    MAXIMUM_READINGS,
    Chamber,
    ColdChainBroken,
    HumidityPermille,
    LoggerId,
    LoggerRegistered,
    LotPlaced,
    PlaceLot,
    ReadingsRecorded,
    RecordReadings,
    RegisterLogger,
    TemperatureDc,
)
from settlement.queries import ColdChainBreak, ColdChainReceipt, ReadingsSummary, StoredReading
from web.bodies import Answer, Body, Cursor, JsonBody, Limit, MinSequence, ShortText, TimeNs, convert
from web.context import Anyone, SignedIn, gateway_of, in_role
from web.errors import Fault, Forbidden, InvalidRequest, NotFound, Refused, problems
from web.growers import WarehouseFilter, sees_all
from web.readings_csv import read_readings
from web.views import Items, is_id, live, rules_of

DAY_NS = 86_400 * 10**9
MAXIMUM_SPAN_NS = 366 * DAY_NS
"""Readings of a year are found at once at most: their extremes are looked for in all of them."""

Named = Annotated[str | None, QueryParameter(max_length=64, description="CSV only, where no column tells it.")]
Time = Annotated[int | None, QueryParameter(ge=-MAX_TIME_NS, le=MAX_TIME_NS, description="Nanoseconds since 1970 UTC.")]


class Range(Answer, frozen=True, kw_only=True):
    """From `low_dc` to `high_dc`, tenths of a degree, is right; outside for longer than `tolerated_seconds` is a broken
    cold chain. A reading holds for `gap_seconds` at most. An hour costs so many minutes of green life beside itself, by
    started degrees above the range, or below it; the last figure holds for all beyond.
    """

    low_dc: int
    high_dc: int
    tolerated_seconds: int
    gap_seconds: int
    above_minutes: list[int]
    below_minutes: list[int]


class ClimateView(Answer, frozen=True, kw_only=True):
    """The rule in force; null: readings are kept and judged by nobody."""

    rule: Range | None
    sequence: int


class NewLogger(Body, frozen=True):
    """Where a logger stands. Without a chamber it speaks for the whole warehouse; named again it has been moved."""

    logger_id: Annotated[LoggerId, Meta(examples=["SX1-C3-2"])]
    warehouse: Annotated[ShortText, Meta(examples=["SX1"])]
    chamber: Chamber | None = None


class LoggerPlace(Answer, frozen=True, kw_only=True):
    logger_id: str
    warehouse: str
    chamber: str | None
    sequence: int


class Place(Body, frozen=True):
    """In which chamber a lot's goods lie; null: nobody knows, it may be any."""

    chamber: Chamber | None


class LotPlace(Answer, frozen=True, kw_only=True):
    lot_id: int
    warehouse: str
    chamber: str | None
    sequence: int


class NewReading(Body, frozen=True):
    time_ns: TimeNs
    temperature_dc: Annotated[TemperatureDc, Meta(description="Tenths of a degree Celsius.")]
    humidity_permille: Annotated[HumidityPermille, Meta(description="Relative humidity.")] | None = None


class NewReadings(Body, frozen=True):
    """A logger's readings in the order of time. Those that are known already are passed over."""

    logger_id: LoggerId
    warehouse: ShortText
    readings: Annotated[list[NewReading], Meta(min_length=1, max_length=MAXIMUM_READINGS)]


class FiledReadings(NewReadings, frozen=True):
    """Readings that came as a file, with the line that each stands on."""

    lines: list[int] = []


class ReadingsTaken(Answer, frozen=True, kw_only=True):
    """How many were new, how many known already, and the breaks of the cold chain that they led to."""

    logger_id: str
    warehouse: str
    recorded: int
    repeated: int
    breaks: list[int]
    sequence: int


class Readings(Answer, frozen=True, kw_only=True):
    """A page of readings, the newest first, and the extremes of all of the span."""

    items: list[StoredReading]
    next: str | None
    summary: ReadingsSummary
    sequence: int


class ReadingsBody(JsonBody):
    """JSON, or a file where the request says `text/csv`."""

    def decode_bytes(self, value: bytes) -> Any:
        connection = self.asgi_connection
        if connection.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
            return super().decode_bytes(value)
        file = read_readings(value, connection.query_params.get("logger_id"), connection.query_params.get("warehouse"))
        # What the journal will have to read again is held to the same shapes as JSON.
        fields = {
            "logger_id": file.logger_id,
            "warehouse": file.warehouse,
            "readings": [
                {
                    "time_ns": each.time_ns,
                    "temperature_dc": each.temperature_dc,
                    "humidity_permille": each.humidity_permille,
                }
                for each in file.rows
            ],
            "lines": [row.line for row in file.rows],
        }
        return convert(FiledReadings, fields)


@get("/climate", tags=["market"], summary="The range that is right", responses=problems())
async def read_climate(request: Anyone) -> ClimateView:
    """Public."""
    sequence, venue = await rules_of(gateway_of(request))
    rule = venue.climate
    return ClimateView(rule=None if rule is None else convert(Range, asdict(rule)), sequence=sequence)


@post(
    "/warehouse/loggers",
    tags=["climate"],
    summary="Register a logger",
    status_code=200,
    guards=[in_role("warehouse", "operator")],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def register_logger(request: SignedIn, data: JSONBody[NewLogger]) -> LoggerPlace:
    """Or say that it has been moved: an excursion that it was in has ended then."""
    outcome = await gateway_of(request).submit(
        RegisterLogger(
            operator_id=request.user.participant_id,
            logger_id=data.logger_id,
            warehouse=data.warehouse,
            chamber=data.chamber,
        )
    )
    for event in outcome.events:
        if isinstance(event, LoggerRegistered):
            return LoggerPlace(
                logger_id=event.logger_id,
                warehouse=event.warehouse,
                chamber=event.chamber,
                sequence=outcome.sequence,
            )
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a logger was registered and nothing was said of it")


@get(
    "/warehouse/loggers",
    tags=["climate"],
    summary="Loggers",
    guards=[in_role("warehouse", "operator")],
    responses=problems(401, 403),
)
async def list_loggers(
    request: SignedIn, warehouse: WarehouseFilter = None, min_sequence: MinSequence = None
) -> Items[LoggerView]:
    """Where each stands and what it read last; one that has been silent for long is to be looked after."""
    gateway = gateway_of(request)
    sequence = await live(gateway, min_sequence)
    found = [logger for logger in gateway.loggers() if warehouse in (None, logger.warehouse)]
    return Items(items=found, sequence=sequence)


@post(
    "/lots/{lot_id:int}/chamber",
    tags=["climate"],
    summary="Place a lot",
    status_code=200,
    guards=[in_role("warehouse")],
    responses=problems(401, 403, 404, 413, 415),
)
async def place_lot(request: SignedIn, lot_id: FromPath[int], data: JSONBody[Place]) -> LotPlace:
    """Say in which chamber a lot lies: it then depends on the loggers there alone."""
    if not is_id(lot_id):
        raise NotFound("unknown_lot")
    outcome = await gateway_of(request).submit(
        PlaceLot(operator_id=request.user.participant_id, lot_id=lot_id, chamber=data.chamber)
    )
    for event in outcome.events:
        if isinstance(event, LotPlaced):
            return LotPlace(
                lot_id=event.lot_id, warehouse=event.warehouse, chamber=event.chamber, sequence=outcome.sequence
            )
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a lot was placed and nothing was said of it")


@post(
    "/warehouse/readings",
    tags=["climate"],
    summary="Record readings",
    status_code=200,
    guards=[in_role("warehouse")],
    dto=ReadingsBody,
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def record_readings(
    request: SignedIn,
    data: JSONBody[NewReadings],
    logger_id: Named = None,
    warehouse: Named = None,
) -> ReadingsTaken:
    """All or none. Takes `text/csv` as well: a header and a line a reading, `时间,温度,湿度` or `timestamp,value`, the
    logger and the warehouse as columns or as parameters. Sending the same again is harmless.
    """
    if not isinstance(data, FiledReadings):
        named = [name for name, value in (("logger_id", logger_id), ("warehouse", warehouse)) if value is not None]
        if named:
            raise InvalidRequest(*(Fault(name, "a parameter of CSV files; JSON has it in the body") for name in named))
    readings = tuple((each.time_ns, each.temperature_dc, each.humidity_permille) for each in data.readings)
    outcome = await gateway_of(request).submit(
        RecordReadings(
            operator_id=request.user.participant_id,
            logger_id=data.logger_id,
            warehouse=data.warehouse,
            readings=readings,
        )
    )
    taken = None
    for event in outcome.events:
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=_where(event.field, data))
        if isinstance(event, ReadingsRecorded):
            taken = event
    assert taken is not None
    return ReadingsTaken(
        logger_id=taken.logger_id,
        warehouse=taken.warehouse,
        recorded=len(taken.readings),
        repeated=taken.repeated,
        breaks=[event.break_id for event in outcome.events if isinstance(event, ColdChainBroken) and not event.again],
        sequence=outcome.sequence,
    )


@get("/warehouse/readings", tags=["climate"], summary="Readings", responses=problems(401, 403))
async def list_readings(
    request: SignedIn,
    warehouse: Annotated[str, QueryParameter(max_length=64)],
    logger_id: Annotated[str | None, QueryParameter(max_length=64, description="This logger's only.")] = None,
    from_ns: Time = None,
    to_ns: Time = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Readings:
    """From `from_ns` to before `to_ns`, the newest first; left out, the last seven days. For warehouses, operators, and
    those who hold receipts there.
    """
    gateway = gateway_of(request)
    if not sees_all(request.user):
        await gateway.settled()
        held = gateway.receipts(request.user.participant_id)
        if all(receipt.warehouse != warehouse for receipt in held):
            raise Forbidden("who holds no receipt of goods there has no business with its climate")
    end_ns = gateway.time_ns + 1 if to_ns is None else to_ns
    start_ns = end_ns - 7 * DAY_NS if from_ns is None else from_ns
    if not 0 <= end_ns - start_ns <= MAXIMUM_SPAN_NS:
        raise InvalidRequest(Fault("to_ns", "the span is to be no longer than 366 days, and to end after it begins"))
    sequence, (page, summary) = await gateway.history(
        lambda connection: (
            queries.readings(
                connection,
                warehouse,
                logger_id=logger_id,
                from_ns=start_ns,
                to_ns=end_ns,
                cursor=cursor,
                limit=limit,
            ),
            queries.readings_summary(connection, warehouse, logger_id=logger_id, from_ns=start_ns, to_ns=end_ns),
        ),
        min_sequence=min_sequence,
    )
    return Readings(items=page.items, next=page.next, summary=summary, sequence=sequence)


@get("/cold-chain/breaks", tags=["climate"], summary="Broken cold chains", responses=problems(401))
async def list_breaks(
    request: SignedIn,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ColdChainBreak]:
    """The newest first. Warehouse and operators see all; others those that touch what they hold, have bought or lent
    on, with these receipts counted alone.
    """
    whose = None if sees_all(request.user) else request.user.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.cold_chain_breaks(
            connection, whose, warehouse=warehouse, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get(
    "/cold-chain/breaks/{break_id:int}/receipts",
    tags=["climate"],
    summary="Receipts of a broken cold chain",
    responses=problems(401),
)
async def list_break_receipts(
    request: SignedIn,
    break_id: FromPath[int],
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ColdChainReceipt]:
    """What was held, what it has lost, and when it now expires: all, or what concerns the caller."""
    whose = None if sees_all(request.user) else request.user.participant_id
    number = break_id if is_id(break_id) else 0
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.cold_chain_receipts(connection, number, whose, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


def _where(field: str | None, data: NewReadings) -> str | None:
    """`readings[3]` of a file is a line."""
    if field is None or not isinstance(data, FiledReadings) or not field.startswith("readings["):
        return field
    return f"line {data.lines[int(field[9:-1])]}"


PUBLIC = [read_climate]
PRIVATE = [
    register_logger,
    list_loggers,
    place_lot,
    record_readings,
    list_readings,
    list_breaks,
    list_break_receipts,
]
