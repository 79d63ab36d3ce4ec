"""What an operator needs to open an empty venue and run it: people and where they are at home, instruments, money,
phases, the clock.
"""

from typing import Annotated, TypeVar

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.exc import IntegrityError

from matching.messages import CommandRejected, DefineInstrument, InstrumentDefined, Phase, PhaseChanged, SetPhase
from settlement import queries
from settlement.civil import venue_day
from settlement.messages import (
    CashDeposited,
    Deposit,
    ParticipantRegistered,
    RegisterParticipant,
    RequestRefused,
    Role,
)
from web.bodies import Answer, Body, Cursor, Integer, Limit, MinSequence, PositiveInteger, ShortText, Text
from web.context import SignedIn, gateway_of, in_role, services
from web.errors import NotFound, Problem, Refused, problems
from web.market import Clock, Instrument, clock_of, instrument_of
from web.ports import Gateway, Outcome
from web.regions import Region, checked_region, regions_of, set_region
from web.sessions import Sessions, has_credentials
from web.views import Items, is_id, live, live_unless_halted, page_of

E = TypeVar("E")

runs_the_venue = in_role("operator")

ParticipantName = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(?!\n)$", description="Lower-case letters, digits, `.`, `_`, `-`."),
]


class NewParticipant(Body, frozen=True):
    """Who may take part. An `obliged` seller must name a compliance certificate on each lot."""

    name: ParticipantName
    password: Annotated[str, Meta(min_length=8, max_length=200)]
    display_name: Text
    roles: Annotated[list[Role], Meta(min_length=1, max_length=5)]
    obliged: bool = False
    region: Region | None = None


class ParticipantChange(Body, frozen=True):
    """Where he is at home from today on; null: it is not known."""

    region: Region | None


class Participant(Answer, frozen=True):
    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    obliged: bool
    region: str | None
    sequence: int


class NewInstrument(Body, frozen=True):
    """The definition of an instrument. Prices in fen per kilogram, quantities in kilograms."""

    symbol: Annotated[
        ShortText,
        Meta(description="VARIETY-GRADE-WAREHOUSE-HARVESTWEEK (ISO week).", examples=["BXJ-1-SX1-26W47"]),
    ]
    tick_size: Integer = 1
    lot_size: Integer = 1
    mode: ShortText = "continuous"
    phase: Phase = "continuous"
    reference_price: Integer | None = None
    band: Annotated[Integer, Meta(description="Static limit: ticks around the reference price.")] | None = None
    collar: Annotated[Integer, Meta(description="Dynamic limit in ticks.")] | None = None
    protection: Annotated[Integer, Meta(description="Ticks beyond the best that a market order may reach.")] | None = (
        None
    )
    cancel_on_halt: bool = False


class NewDeposit(Body, frozen=True):
    """Money that the bank has received for a participant; each `reference` is taken once."""

    participant_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Text


class BookedDeposit(Answer, frozen=True):
    participant_id: int
    amount_fen: int
    reference: str
    sequence: int
    time_ns: int


class NewPhase(Body, frozen=True):
    symbol: ShortText
    phase: Phase


class ChangedPhase(Answer, frozen=True):
    symbol: str
    phase: Phase
    sequence: int
    time_ns: int


class NewTime(Body, frozen=True):
    time_ns: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Nanoseconds since 1970 UTC; never backwards.")]


@post(
    "/operator/participants",
    tags=["operator"],
    summary="Register a participant",
    guards=[runs_the_venue],
    responses=problems(401, 403, 409, 413, 415, 422),
)
async def register_participant(request: SignedIn, data: JSONBody[NewParticipant]) -> Participant:
    """Registers and lets sign in. Where a crash came between the two, the same request finishes what was begun."""
    web = services(request)
    return await admit(web.gateway, web.sessions, data)


@get(
    "/operator/participants",
    tags=["operator"],
    summary="Participants",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_participants(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[Participant]:
    """The newest first."""
    gateway = gateway_of(request)
    sequence = await live_unless_halted(gateway, min_sequence)
    if sequence is None:
        sequence, page = await gateway.history(
            lambda connection: queries.participants(connection, cursor=cursor, limit=limit), min_sequence=min_sequence
        )
        shown, following = page.items, page.next
    else:
        shown, following = page_of(gateway.participants(), lambda each: each.participant_id, cursor, limit)
    _, regions = await gateway.history(
        lambda connection: regions_of(connection, [each.participant_id for each in shown])
    )
    items = [_participant(each, regions.get(each.participant_id), sequence) for each in shown]
    return Items(items=items, next=following, sequence=sequence)


@patch(
    "/operator/participants/{participant_id:int}",
    tags=["operator"],
    summary="Say where a participant is at home",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 413, 415),
)
async def change_participant(
    request: SignedIn, participant_id: FromPath[int], data: JSONBody[ParticipantChange]
) -> Participant:
    """From today on: what statistics have told of earlier days stays."""
    gateway = gateway_of(request)
    region = checked_region(data.region)
    sequence = await live(gateway)
    participant = gateway.participant(participant_id) if is_id(participant_id) else None
    if participant is None:
        raise NotFound("unknown_participant", field="participant_id")
    await _say_home(gateway, participant_id, region)
    return _participant(participant, region, sequence)


@post(
    "/operator/instruments",
    tags=["operator"],
    summary="Define an instrument",
    guards=[runs_the_venue],
    responses=problems(401, 403, 409, 413, 415, 422),
)
async def define_instrument(request: SignedIn, data: JSONBody[NewInstrument]) -> Instrument:
    """The instrument as defined; anew only while it is closed."""
    gateway = gateway_of(request)
    outcome = await gateway.submit(
        DefineInstrument(
            symbol=data.symbol,
            tick_size=data.tick_size,
            lot_size=data.lot_size,
            mode=data.mode,
            phase=data.phase,
            reference_price=data.reference_price,
            band=data.band,
            collar=data.collar,
            protection=data.protection,
            cancel_on_halt=data.cancel_on_halt,
        )
    )
    done(outcome, InstrumentDefined)
    await live(gateway)
    view = gateway.instrument(data.symbol)
    assert view is not None
    return instrument_of(gateway, view)


@post(
    "/operator/deposits",
    tags=["operator"],
    summary="Book a deposit",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def book_deposit(request: SignedIn, data: JSONBody[NewDeposit]) -> BookedDeposit:
    """Money in the participant's account."""
    outcome = await gateway_of(request).submit(
        Deposit(participant_id=data.participant_id, amount_fen=data.amount_fen, reference=data.reference)
    )
    booked = done(outcome, CashDeposited)
    return BookedDeposit(
        participant_id=booked.participant_id,
        amount_fen=booked.amount_fen,
        reference=booked.reference,
        sequence=outcome.sequence,
        time_ns=outcome.time_ns,
    )


@post(
    "/operator/phases",
    tags=["operator"],
    summary="Change a phase",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def change_phase(request: SignedIn, data: JSONBody[NewPhase]) -> ChangedPhase:
    """Open, halt, close an instrument, or call an auction."""
    outcome = await gateway_of(request).submit(SetPhase(symbol=data.symbol, phase=data.phase))
    changed = done(outcome, PhaseChanged)
    return ChangedPhase(symbol=changed.symbol, phase=changed.phase, sequence=outcome.sequence, time_ns=outcome.time_ns)


@get("/operator/clock", tags=["operator"], summary="The clock", guards=[runs_the_venue], responses=problems(401, 403))
async def read_clock(request: SignedIn) -> Clock:
    """The venue's time."""
    return clock_of(gateway_of(request))


@post(
    "/operator/clock",
    tags=["operator"],
    summary="Move the clock",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 409, 413, 415),
)
async def move_clock(request: SignedIn, data: JSONBody[NewTime]) -> Clock:
    """Moves a manual clock forward; what falls due happens. A real clock is refused."""
    gateway = gateway_of(request)
    if gateway.clock_mode != "manual":
        raise Refused("clock_is_real", "the venue was started with a real clock")
    if data.time_ns < gateway.time_ns:
        raise Refused("time_running_backwards", f"it is {gateway.time_ns} already", field="time_ns")
    try:
        time_ns = await gateway.set_clock(data.time_ns)
    except ValueError as error:
        raise Refused("time_running_backwards", str(error), field="time_ns") from None
    return Clock(mode="manual", time_ns=time_ns)


async def admit(gateway: Gateway, sessions: Sessions, new: NewParticipant) -> Participant:
    """Register in the engine, then let sign in. Raises `Refused`, `name_taken` where someone signs in by that name."""
    region = checked_region(new.region)
    password_hash = await sessions.passwords.hash(new.password)
    outcome = await gateway.submit(
        RegisterParticipant(name=new.name, display_name=new.display_name, roles=tuple(new.roles), obliged=new.obliged)
    )
    try:
        registered = done(outcome, ParticipantRegistered)
    except Problem as problem:
        if problem.code != "name_taken":
            raise
        registered = next(each for each in gateway.participants() if each.name == new.name)
        taken = await gateway.own_records(lambda connection: has_credentials(connection, registered.participant_id))
        if taken or registered.roles != tuple(new.roles):
            raise
    if region is not None:
        await _say_home(gateway, registered.participant_id, region)
    try:
        await sessions.let_in(registered.participant_id, registered.name, password_hash)
    except IntegrityError:
        # The same request, sent twice at once: the other one was first.
        raise Refused("name_taken", field="name") from None
    return _participant(registered, region, outcome.sequence)


async def _say_home(gateway: Gateway, participant_id: int, region: str | None) -> None:
    now_ns = gateway.time_ns
    await gateway.own_records(
        lambda connection: set_region(connection, participant_id, region, venue_day(now_ns), now_ns)
    )


def done(outcome: Outcome, wanted: type[E]) -> E:
    """The event that says that the command was done, its last of that kind. Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, wanted):
            return event
        if isinstance(event, CommandRejected):
            raise Refused(event.reason)
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError(f"no {wanted.__name__}, and no refusal either")


def _participant(participant: ParticipantRegistered, region: str | None, sequence: int) -> Participant:
    return Participant(
        participant_id=participant.participant_id,
        name=participant.name,
        display_name=participant.display_name,
        roles=participant.roles,
        obliged=participant.obliged,
        region=region,
        sequence=sequence,
    )


PRIVATE = [
    register_participant,
    list_participants,
    change_participant,
    define_instrument,
    book_deposit,
    change_phase,
    read_clock,
    move_clock,
]
