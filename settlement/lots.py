"""Lots on their way to a receipt: announced by a grower, weighed and inspected by the warehouse.

    announced ──arrive──► arrived ──weigh──► weighed ──inspect──► inspected ──issue──► receipted
        └───────────────────┴───────────────────┴── refused (found unfit, or its green life is over)

That a truck has come may go unsaid: an announced lot can be weighed at once.

A lot that is receipted or refused leaves the intake; what was written about it stays in the events.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.civil import day_number, venue_day
from settlement.digest import Digest
from settlement.life import RIPEST_STAGE, green_until_ns
from settlement.messages import (
    AnnounceLot,
    ArriveLot,
    ConfigureVenue,
    Grade,
    InspectLot,
    Lot,
    ParticipantRegistered,
    WeighLot,
)
from settlement.symbols import symbol_of

CARTON_MAXIMUM_G: Final = 30_000
"""Cartons of the trade hold 7 to 18.5 kg net (DOMAIN); what weighs more than this is a slip of the pen."""

LOT_MAXIMUM_G: Final = 1_000_000_000
"""A thousand tonnes: more than both stores of a county hold. Keeps every sum of grams within 63 bits."""

TOLERANCE_PERMILLE: Final[dict[Grade, int]] = {"E": 50, "1": 100, "2": 100}
"""Defects allowed by weight (GB/T 9827-1988 and Codex CXS 205-1997: Extra 5 %, I and II 10 %)."""

BLEMISH_MAXIMUM_MM2: Final[dict[Grade, int]] = {"E": 200, "1": 200, "2": 400}
"""Blemished skin of the worst finger (DOMAIN: 2 cm² for class I, 4 cm² for class II). For Extra no source has a figure
of its own; it cannot be worse than class I.
"""

CHILLED_BELOW_DC: Final = 110
"""Tenths of a degree: below 11 °C the fruit has taken chilling injury (DOMAIN: it starts at 11–13 °C)."""

Refusal = tuple[str, str | None]
"""(reason, the field at fault)."""


class Arrival(Struct, gc=False, array_like=True):
    """A lot in the intake, when its green life ends, and what its variety was configured to at the announcement."""

    lot: Lot
    variety_days: int
    green_until_ns: int
    finger_length_minimum_mm: int = 0
    thickness_minimum_mm: int = 0


class Intake:
    """The lots that are neither receipted nor refused yet. O(log lots) a change."""

    def __init__(self) -> None:
        self.last_lot_id = 0
        self._arrivals: dict[int, Arrival] = {}
        self._digest: Digest[int] = Digest()
        # (green_until_ns, lot_id); an entry whose lot has left or changed its life is dropped when it comes to the top.
        self._deadlines: list[tuple[int, int]] = []

    def announce(
        self, command: AnnounceLot, grower: ParticipantRegistered, venue: ConfigureVenue, time_ns: int
    ) -> Lot | Refusal:
        """The lot, or the first reason that applies.

        `unknown_variety`, `unknown_warehouse`, `invalid_harvest_date` (no such day), `harvest_in_future`,
        `past_green_life`, `implausible_weight`, `certificate_required` (of an obliged seller: MARA Order 2025-4).
        """
        variety = next((variety for variety in venue.varieties if variety.code == command.variety), None)
        if variety is None:
            return "unknown_variety", "variety"
        if all(warehouse.code != command.warehouse for warehouse in venue.warehouses):
            return "unknown_warehouse", "warehouse"
        harvest_day = day_number(command.harvest_date)
        if harvest_day is None:
            return "invalid_harvest_date", "harvest_date"
        if harvest_day > venue_day(time_ns):
            return "harvest_in_future", "harvest_date"
        until_ns = green_until_ns(variety.green_life_days, 1, harvest_day)
        if until_ns <= time_ns:
            return "past_green_life", "harvest_date"
        if not plausible(command.weight_g, command.cartons):
            return "implausible_weight", "weight_g"
        if grower.obliged and command.certificate_number is None:
            return "certificate_required", "certificate_number"
        self.last_lot_id += 1
        lot = Lot(
            lot_id=self.last_lot_id,
            participant_id=command.participant_id,
            variety=command.variety,
            grade=command.grade,
            warehouse=command.warehouse,
            harvest_date=command.harvest_date,
            cartons=command.cartons,
            weight_g=command.weight_g,
            town=command.town,
            village=command.village,
            certificate_number=command.certificate_number,
            marks=command.marks,
            symbol=symbol_of(command.variety, command.grade, command.warehouse, harvest_day),
            announced_ns=time_ns,
        )
        self._digest.changed[lot.lot_id] = None
        self._arrivals[lot.lot_id] = Arrival(
            lot,
            variety.green_life_days,
            until_ns,
            variety.finger_length_minimum_mm,
            variety.thickness_minimum_mm,
        )
        heappush(self._deadlines, (until_ns, lot.lot_id))
        return lot

    def arrive(self, command: ArriveLot, time_ns: int) -> Lot | Refusal:
        """The lot with its truck, or why not.

        `unknown_lot`, `lot_closed`, `already_arrived`, `already_weighed`, `arrival_in_future`,
        `arrival_before_harvest`.
        """
        arrival = self._arrivals.get(command.lot_id)
        if arrival is None:
            return self._absent(command.lot_id)
        lot = arrival.lot
        if lot.status != "announced":
            return ("already_arrived" if lot.status == "arrived" else "already_weighed"), "lot_id"
        arrived_ns = time_ns if command.arrived_ns is None else command.arrived_ns
        harvest_day = day_number(lot.harvest_date)
        assert harvest_day is not None
        if arrived_ns > time_ns:
            return "arrival_in_future", "arrived_ns"
        if venue_day(arrived_ns) < harvest_day:
            return "arrival_before_harvest", "arrived_ns"
        self._digest.changed[lot.lot_id] = None
        arrival.lot = replace(
            lot, status="arrived", arrived_ns=arrived_ns, plate=command.plate, carrier=command.carrier
        )
        return arrival.lot

    def weigh(self, command: WeighLot) -> Lot | Refusal:
        """The lot with its weights, or why not.

        `unknown_lot`, `lot_closed`, `already_weighed`, `invalid_tare_g` (no net is left), `implausible_weight`.
        """
        arrival = self._arrivals.get(command.lot_id)
        if arrival is None:
            return self._absent(command.lot_id)
        lot = arrival.lot
        self._digest.changed[lot.lot_id] = None
        if lot.status not in ("announced", "arrived"):
            return "already_weighed", "lot_id"
        net_g = command.gross_g - command.tare_g
        if net_g <= 0:
            return "invalid_tare_g", "tare_g"
        if not plausible(net_g, lot.cartons):
            return "implausible_weight", "gross_g"
        arrival.lot = replace(
            lot,
            status="weighed",
            gross_g=command.gross_g,
            tare_g=command.tare_g,
            net_g=net_g,
            scale_id=command.scale_id,
        )
        return arrival.lot

    def inspect(self, command: InspectLot, time_ns: int) -> Lot | Refusal:
        """The lot as found, or `unknown_lot`, `lot_closed`, `not_weighed`, `already_inspected`.

        A finding can itself refuse the lot: its status is then `refused` and its reason the first of
        `defects_over_tolerance`, `blemishes_over_tolerance`, `undersized`, `too_ripe`, `green_life_over`,
        `chilling_injury`. What was not measured refuses nothing.
        """
        arrival = self._arrivals.get(command.lot_id)
        if arrival is None:
            return self._absent(command.lot_id)
        lot = arrival.lot
        self._digest.changed[lot.lot_id] = None
        if lot.status != "weighed":
            return ("already_inspected" if lot.status == "inspected" else "not_weighed"), "lot_id"
        harvest_day = day_number(lot.harvest_date)
        assert harvest_day is not None
        until_ns = green_until_ns(arrival.variety_days, command.colour_stage, harvest_day)
        reason = None
        if command.defect_permille > TOLERANCE_PERMILLE[command.grade]:
            reason = "defects_over_tolerance"
        elif (command.blemish_mm2 or 0) > BLEMISH_MAXIMUM_MM2[command.grade]:
            reason = "blemishes_over_tolerance"
        elif _undersized(command, arrival):
            reason = "undersized"
        elif command.colour_stage > RIPEST_STAGE:
            reason = "too_ripe"
        elif until_ns <= time_ns:
            reason = "green_life_over"
        elif command.temperature_dc < CHILLED_BELOW_DC:
            reason = "chilling_injury"
        found = arrival.lot = replace(
            lot,
            status="inspected" if reason is None else "refused",
            inspected_grade=command.grade,
            colour_stage=command.colour_stage,
            defect_permille=command.defect_permille,
            temperature_dc=command.temperature_dc,
            finger_length_mm=command.finger_length_mm,
            thickness_mm=command.thickness_mm,
            blemish_mm2=command.blemish_mm2,
            symbol=symbol_of(lot.variety, command.grade, lot.warehouse, harvest_day),
            reason=reason,
        )
        if reason is not None:
            del self._arrivals[found.lot_id]
        elif until_ns != arrival.green_until_ns:
            arrival.green_until_ns = until_ns
            heappush(self._deadlines, (until_ns, found.lot_id))
        return found

    def take(self, lot_id: int, weight_g: int | None = None) -> Arrival | Refusal:
        """An inspected lot, taken out for its receipt, which is for all of it unless a weight is given.

        Or `unknown_lot`, `lot_closed`, `not_inspected`, `more_than_weighed`.
        """
        arrival = self._arrivals.get(lot_id)
        if arrival is None:
            return self._absent(lot_id)
        if arrival.lot.status != "inspected":
            return "not_inspected", "lot_id"
        assert arrival.lot.net_g is not None
        if weight_g is not None and weight_g > arrival.lot.net_g:
            return "more_than_weighed", "weight_g"
        self._digest.changed[lot_id] = None
        return self._arrivals.pop(lot_id)

    def spoil(self, time_ns: int) -> list[Lot]:
        """Refuse (`green_life_over`) the lots whose green life ended before they had a receipt, earliest end first."""
        spoiled = []
        while (deadline_ns := self.next_deadline_ns()) is not None and deadline_ns <= time_ns:
            _, lot_id = heappop(self._deadlines)
            self._digest.changed[lot_id] = None
            lot = self._arrivals.pop(lot_id).lot
            spoiled.append(replace(lot, status="refused", reason="green_life_over"))
        return spoiled

    def next_deadline_ns(self) -> int | None:
        """When the next lot's green life ends."""
        deadlines = self._deadlines
        while deadlines:
            until_ns, lot_id = deadlines[0]
            arrival = self._arrivals.get(lot_id)
            if arrival is not None and arrival.green_until_ns == until_ns:
                return until_ns
            heappop(deadlines)
        return None

    def get(self, lot_id: int) -> Lot | None:
        arrival = self._arrivals.get(lot_id)
        return None if arrival is None else arrival.lot

    def all(self) -> list[Lot]:
        """Ascending `lot_id`."""
        return [arrival.lot for arrival in self._arrivals.values()]

    def arrivals(self) -> list[Arrival]:
        return list(self._arrivals.values())

    def digest(self) -> tuple[int, bytes]:
        """What stands for the lots on their way. O(what has changed since the last time)."""
        return self.last_lot_id, self._digest.bring_up_to_date(self._arrivals.get)

    def restore(self, last_lot_id: int, arrivals: Iterable[Arrival]) -> None:
        self.last_lot_id = last_lot_id
        self._arrivals = {arrival.lot.lot_id: arrival for arrival in arrivals}
        self._digest.changed.update(dict.fromkeys(self._arrivals))
        self._deadlines = [(arrival.green_until_ns, lot_id) for lot_id, arrival in self._arrivals.items()]
        heapify(self._deadlines)

    def _absent(self, lot_id: int) -> Refusal:
        return ("lot_closed" if lot_id <= self.last_lot_id else "unknown_lot"), "lot_id"


def receipted(lot: Lot, receipt_id: int) -> Lot:
    """The lot as it leaves the intake with its receipt."""
    return replace(lot, status="receipted", receipt_id=receipt_id)


def _undersized(command: InspectLot, arrival: Arrival) -> bool:
    length_mm, thickness_mm = command.finger_length_mm, command.thickness_mm
    return (length_mm is not None and length_mm < arrival.finger_length_minimum_mm) or (
        thickness_mm is not None and thickness_mm < arrival.thickness_minimum_mm
    )


def plausible(weight_g: int, cartons: int) -> bool:
    """Whether so many cartons may hold this weight."""
    return weight_g <= min(cartons * CARTON_MAXIMUM_G, LOT_MAXIMUM_G)
