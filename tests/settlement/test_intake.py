"""The intake alone: life, and lots whose variety the venue no longer knows."""

from settlement.civil import day_number, day_start_ns
from settlement.lots import Intake, plausible
from settlement.messages import AnnounceLot, ConfigureVenue, InspectLot, Lot, ParticipantRegistered, WeighLot
from settlement.venue import DEFAULT_VENUE, WAREHOUSES

GROWER = ParticipantRegistered(participant_id=3, name="chen", display_name="Chen", roles=("grower",))


def at(date: str) -> int:
    day = day_number(date)
    assert day is not None
    return day_start_ns(day)


def announced(intake: Intake, harvest_date: str = "2026-11-20") -> Lot:
    command = AnnounceLot(
        participant_id=3,
        variety="FJ",
        grade="1",
        warehouse="SX2",
        harvest_date=harvest_date,
        cartons=10,
        weight_g=135_000,
        town="t",
        village="v",
    )
    lot = intake.announce(command, GROWER, DEFAULT_VENUE, at("2026-11-23"))
    assert isinstance(lot, Lot)
    return lot


def test_lots_spoil_in_the_order_of_their_ends() -> None:
    intake = Intake()
    late, early = announced(intake, "2026-11-22"), announced(intake, "2026-11-18")
    assert intake.next_deadline_ns() == at("2026-12-09")
    assert [lot.lot_id for lot in intake.spoil(at("2026-12-13"))] == [early.lot_id, late.lot_id]
    assert intake.next_deadline_ns() is None


def test_a_lot_keeps_the_life_that_its_variety_had_when_it_was_announced() -> None:
    intake = Intake()
    lot = announced(intake)
    venue = ConfigureVenue(fee_rate_ppm=0, fee_minimum_fen=0, warehouses=WAREHOUSES, varieties=())
    assert venue.varieties == ()
    intake.weigh(WeighLot(operator_id=2, lot_id=lot.lot_id, gross_g=140_000, tare_g=5_000, scale_id="s"))
    intake.inspect(InspectLot(operator_id=2, lot_id=lot.lot_id, grade="1", colour_stage=2), at("2026-11-23"))
    # Pisang Awak stays green 21 days; light green has seven tenths of them, fourteen.
    assert intake.next_deadline_ns() == at("2026-12-04")


def test_a_restored_intake_goes_on() -> None:
    intake = Intake()
    announced(intake)
    restored = Intake()
    restored.restore(intake.last_lot_id, intake.arrivals())
    assert restored.all() == intake.all()
    assert restored.next_deadline_ns() == intake.next_deadline_ns()
    assert announced(restored).lot_id == 2


def test_what_cartons_may_hold() -> None:
    assert plausible(30_000, 1)
    assert not plausible(30_001, 1)
    assert plausible(10**9, 10**6)
    assert not plausible(10**9 + 1, 10**6)
