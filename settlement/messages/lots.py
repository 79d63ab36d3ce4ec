"""Lots on their way to a receipt."""

from typing import Annotated, Literal

from msgspec import Meta

from matching.messages import TimeNs
from settlement.messages.common import CivilDate, Message, Natural, PositiveInteger, Text
from settlement.messages.venue import Grade

LotStatus = Literal["announced", "arrived", "weighed", "inspected", "receipted", "refused"]

Millimetres = Annotated[int, Meta(ge=1, le=1_000)]


class Lot(Message, frozen=True, kw_only=True):
    """A grower's lot as announced, and what the warehouse has found so far. `symbol` is what it would trade as."""

    lot_id: int
    participant_id: int
    variety: str
    grade: Grade
    warehouse: str
    harvest_date: CivilDate
    cartons: int
    weight_g: int
    town: str
    village: str
    certificate_number: str | None = None
    status: LotStatus = "announced"
    symbol: str
    announced_ns: int
    gross_g: int | None = None
    tare_g: int | None = None
    net_g: int | None = None
    scale_id: str | None = None
    inspected_grade: Grade | None = None
    colour_stage: int | None = None
    defect_permille: int | None = None
    temperature_dc: int | None = None
    reason: str | None = None
    receipt_id: int | None = None
    marks: str | None = None
    arrived_ns: int | None = None
    plate: str | None = None
    carrier: str | None = None
    finger_length_mm: int | None = None
    thickness_mm: int | None = None
    blemish_mm2: int | None = None


class AnnounceLot(Message, frozen=True, kw_only=True, tag="announce_lot"):
    """A grower announces a lot that is on its way to a warehouse; the weight is what the grower declares.

    `marks` is what stands on the cartons; a receipt repeats it.
    """

    participant_id: PositiveInteger
    variety: str
    grade: Grade
    warehouse: str
    harvest_date: CivilDate
    cartons: PositiveInteger
    weight_g: PositiveInteger
    town: Text
    village: Text
    certificate_number: Text | None = None
    marks: Text | None = None


class ArriveLot(Message, frozen=True, kw_only=True, tag="arrive_lot"):
    """The truck with the lot came to the warehouse, now where no time is said. A lot may be weighed without it."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    plate: Text
    carrier: Text
    arrived_ns: TimeNs | None = None


class WeighLot(Message, frozen=True, kw_only=True, tag="weigh_lot"):
    """The warehouse weighs: net is gross less tare."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    gross_g: PositiveInteger
    tare_g: Natural
    scale_id: Text


class InspectLot(Message, frozen=True, kw_only=True, tag="inspect_lot"):
    """The warehouse grades: the found grade decides the symbol; defects above the grade's tolerance are refused.

    `defect_permille` is the share by weight outside the grade (GB/T 9827: Extra 5 %, I and II 10 %), `temperature_dc`
    tenths of a degree Celsius in the pulp, `colour_stage` 1 (all green) to 7 (flecked). Of the sample, where measured:
    the shortest finger (`finger_length_mm`), the thinnest (`thickness_mm`), and on the worst one the skin that is
    blemished (`blemish_mm2`).
    """

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7)]
    defect_permille: Annotated[int, Meta(ge=0, le=1000)] = 0
    temperature_dc: Annotated[int, Meta(ge=-500, le=600)] = 140
    finger_length_mm: Millimetres | None = None
    thickness_mm: Millimetres | None = None
    blemish_mm2: Annotated[int, Meta(ge=0, le=100_000)] | None = None


class LotChanged(Message, frozen=True, kw_only=True, tag="lot_changed"):
    """The lot as it stands after the command."""

    lot: Lot
