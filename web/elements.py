"""What a warehouse receipt states beside who holds how much: the elements of GB/T 30332-2024 and Civil Code art. 909.

What depends on a tariff (wastage standard, storage fee, insurance) is by the tariff that was in force when the lot's
first receipt was issued, and null where the warehouse had none then.
"""

from typing import Annotated

from msgspec import Meta

from settlement.civil import DAY_NS, iso_date, venue_day
from settlement.messages import CivilDate, Grade, Receipt
from settlement.queries import Origin
from settlement.storage import tariff_of
from settlement.symbols import parse_symbol
from web.bodies import Answer
from web.ports import Gateway

Grams = Annotated[int, Meta(description="Grams.")]


class Party(Answer, frozen=True):
    participant_id: int
    name: str


class Goods(Answer, frozen=True, kw_only=True):
    """Kind, quantity, quality, packages and marks. Quality is what was found last, at intake or in the store."""

    variety: str
    variety_zh: str
    variety_en: str
    weight_g: Grams
    grade: Grade
    colour_stage: int | None
    defect_permille: int | None
    finger_length_mm: int | None
    thickness_mm: int | None
    cartons: Annotated[int, Meta(description="Packages of the whole lot; a part of it has its share of them.")]
    marks: str | None
    harvest_date: CivilDate
    town: str
    village: str
    certificate_number: str | None


class StorageFee(Answer, frozen=True, kw_only=True):
    """Fen a tonne and day, after the free days from the lot's first issue."""

    fen_per_tonne_day: int
    insurance_fen_per_tonne_day: int
    free_days: int


class Insurance(Answer, frozen=True, kw_only=True):
    amount_fen: int
    insurer: str
    from_ns: int
    until_ns: int


class Elements(Answer, frozen=True, kw_only=True):
    depositor: Party
    goods: Goods
    wastage_permille: Annotated[int, Meta(description="What of the weight at issue may be lost.")] | None
    place: str
    place_zh: str
    place_en: str
    storage_from_ns: int
    storage_until_ns: Annotated[int, Meta(description="Predicted green life ends, and with it the receipt.")]
    storage_fee: StorageFee | None
    insurance: Insurance | None
    issuer: Party
    place_of_issue: str
    date_of_issue: CivilDate
    issued_from: Annotated[tuple[int, ...], Meta(description="The receipts that it came of.")]
    merged_into: int | None


def elements_of(gateway: Gateway, receipt: Receipt, origin: Origin) -> Elements:
    """The elements of a receipt, live or ended."""
    lot, regrade, venue = origin.lot, origin.regrade, origin.venue
    parts = parse_symbol(receipt.symbol)
    variety = next((each for each in venue.varieties if parts is not None and each.code == parts.variety), None)
    warehouse = next((each for each in venue.warehouses if each.code == receipt.warehouse), None)
    tariff = tariff_of(venue.storage, receipt.warehouse)
    insurance = None
    if tariff is not None and tariff.insurer is not None:
        insurance = Insurance(
            amount_fen=receipt.weight_g * tariff.insured_fen_per_kg // 1_000,
            insurer=tariff.insurer,
            from_ns=origin.first_issued_ns,
            until_ns=origin.first_issued_ns + tariff.period_days * DAY_NS,
        )
    return Elements(
        depositor=_party(gateway, lot.participant_id),
        goods=Goods(
            variety=lot.variety,
            variety_zh="" if variety is None else variety.name_zh,
            variety_en="" if variety is None else variety.name_en,
            weight_g=receipt.weight_g,
            grade=(lot.inspected_grade or lot.grade) if regrade is None else regrade.grade,
            colour_stage=lot.colour_stage if regrade is None else regrade.colour_stage,
            defect_permille=lot.defect_permille if regrade is None else regrade.defect_permille,
            finger_length_mm=lot.finger_length_mm,
            thickness_mm=lot.thickness_mm,
            cartons=lot.cartons,
            marks=lot.marks,
            harvest_date=receipt.harvest_date,
            town=lot.town,
            village=lot.village,
            certificate_number=lot.certificate_number,
        ),
        wastage_permille=None if tariff is None else tariff.wastage_permille,
        place=receipt.warehouse,
        place_zh="" if warehouse is None else warehouse.name_zh,
        place_en="" if warehouse is None else warehouse.name_en,
        storage_from_ns=receipt.issued_ns,
        storage_until_ns=receipt.expires_ns,
        storage_fee=None
        if tariff is None
        else StorageFee(
            fen_per_tonne_day=tariff.fen_per_tonne_day,
            insurance_fen_per_tonne_day=tariff.insurance_fen_per_tonne_day,
            free_days=tariff.free_days,
        ),
        insurance=insurance,
        issuer=_party(gateway, receipt.issued_by),
        place_of_issue=receipt.warehouse,
        date_of_issue=iso_date(venue_day(receipt.issued_ns)),
        issued_from=origin.issued_from,
        merged_into=origin.merged_into,
    )


def _party(gateway: Gateway, participant_id: int) -> Party:
    participant = gateway.participant(participant_id)
    return Party(participant_id, "" if participant is None else participant.display_name)
