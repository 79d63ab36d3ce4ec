"""The cold chain: what loggers read in the stores, and what follows where it was too warm or too cold for too long."""

from typing import Annotated

from msgspec import Meta

from matching.messages import TimeNs
from settlement.messages.common import Message, PositiveInteger

MAXIMUM_READINGS = 2_000
"""Readings of one command at most: more than a day of them, one a minute."""

LoggerId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
Chamber = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
TemperatureDc = Annotated[int, Meta(ge=-500, le=600)]
HumidityPermille = Annotated[int, Meta(ge=0, le=1000)]
MinutesLost = Annotated[int, Meta(ge=0, le=1440)]

Reading = tuple[TimeNs, TemperatureDc, HumidityPermille | None]
"""When, tenths of a degree Celsius, relative humidity in permille where the logger measures it."""

ABOVE_MINUTES = (9, 19, 31, 44, 60, 78, 98, 122, 149, 180)
"""Minutes of green life that an hour costs beside itself, by started degrees above the range; the last figure holds
for all beyond. Green life falls exponentially with the temperature (DOMAIN); that it halves with every five degrees
is the venue's choice.
"""

BELOW_MINUTES = (30, 60, 120, 180, 240, 280, 280)
"""The same below the range. 5 to 7 °C for six days is severe (DOMAIN): 144 hours there cost the 672 hours of a life of
four weeks, which is 280 minutes an hour; the steps to it are the venue's choice.
"""


class ClimateRule(Message, frozen=True, kw_only=True):
    """What the venue takes for a broken cold chain, and what it then costs.

    From `low_dc` to `high_dc` is right. A reading holds till the logger's next one, but for `gap_seconds` at most:
    silence is no reading. Outside for longer than `tolerated_seconds` without a break is a broken cold chain.
    """

    low_dc: TemperatureDc = 120
    high_dc: TemperatureDc = 150
    tolerated_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 7_200
    gap_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 3_600
    above_minutes: Annotated[tuple[MinutesLost, ...], Meta(min_length=1, max_length=60)] = ABOVE_MINUTES
    below_minutes: Annotated[tuple[MinutesLost, ...], Meta(min_length=1, max_length=60)] = BELOW_MINUTES


class RegisterLogger(Message, frozen=True, kw_only=True, tag="register_logger"):
    """A logger stands in a chamber of a warehouse, or speaks for the whole of it. Registered again it has been moved,
    and begins anew there.

    Refused: `unknown_participant`, `wrong_role` (warehouse or operator), `unknown_warehouse`, `too_many_loggers`.
    """

    operator_id: PositiveInteger
    logger_id: LoggerId
    warehouse: str
    chamber: Chamber | None = None


class PlaceLot(Message, frozen=True, kw_only=True, tag="place_lot"):
    """The goods of a lot lie in that chamber. Where nobody has said where a lot lies, any chamber may be the one.

    Refused: `unknown_participant`, `wrong_role` (warehouse), `unknown_lot` (no receipt of it is live).
    """

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    chamber: Chamber | None = None


class RecordReadings(Message, frozen=True, kw_only=True, tag="record_readings"):
    """What a logger has read, in the order of time; all or none.

    A reading that is known already, to the last figure, is passed over: sending again is harmless, for the newest
    `MAXIMUM_READINGS` of a logger. Refused: `unknown_participant`, `wrong_role` (warehouse), `unknown_warehouse`,
    `unknown_logger` (another warehouse's too), `invalid_readings` (not ascending), `reading_in_future`,
    `reading_too_old` (not later than the last one, and unknown). The refusal's detail counts from 1 which reading.
    """

    operator_id: PositiveInteger
    logger_id: LoggerId
    warehouse: str
    readings: Annotated[tuple[Reading, ...], Meta(min_length=1, max_length=MAXIMUM_READINGS)]


class LoggerRegistered(Message, frozen=True, kw_only=True, tag="logger_registered"):
    logger_id: str
    warehouse: str
    chamber: str | None = None


class LotPlaced(Message, frozen=True, kw_only=True, tag="lot_placed"):
    lot_id: int
    warehouse: str
    chamber: str | None = None


class ReadingsRecorded(Message, frozen=True, kw_only=True, tag="readings_recorded"):
    """The readings that were new, ascending; `repeated` counts those that were known."""

    logger_id: str
    warehouse: str
    readings: tuple[tuple[int, int, int | None], ...]
    repeated: int = 0


class AffectedReceipt(Message, frozen=True, kw_only=True):
    """A receipt whose goods lay in a broken cold chain, and who is to know: its holder, and the buyer to whom it is
    promised or the lender to whom it is pledged.
    """

    receipt_id: int
    lot_id: int
    participant_id: int
    weight_g: int
    counterparty_id: int | None = None


class ColdChainBroken(Message, frozen=True, kw_only=True, tag="cold_chain_broken"):
    """A logger was outside the range for longer than is tolerated; the receipts named are held.

    Breaks count 1, 2, 3 …. `since_ns` is the first reading outside, `time_ns` the one by which it is too long;
    `extreme_dc` is the farthest from the range so far. Told `again` for goods that came under the logger later, with
    these receipts alone.
    """

    break_id: int
    logger_id: str
    warehouse: str
    chamber: str | None
    since_ns: int
    time_ns: int
    extreme_dc: int
    receipts: tuple[AffectedReceipt, ...]
    again: bool = False


class LifeShortened(Message, frozen=True, kw_only=True, tag="life_shortened"):
    """What a broken cold chain has cost a lot: whole hours, in all so far by this break, and when its green life now
    ends.
    """

    break_id: int
    lot_id: int
    hours: int
    expires_ns: int


class ColdChainRestored(Message, frozen=True, kw_only=True, tag="cold_chain_restored"):
    """The logger is back in the range, or was put elsewhere. The holds stay until they are lifted.

    `outside_ns` is how long its readings were outside in all, `extreme_dc` the farthest of them.
    """

    break_id: int
    logger_id: str
    time_ns: int
    extreme_dc: int
    outside_ns: int


ClimateCommand = RegisterLogger | PlaceLot | RecordReadings
ClimateEvent = LoggerRegistered | LotPlaced | ReadingsRecorded | ColdChainBroken | LifeShortened | ColdChainRestored
