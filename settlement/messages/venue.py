"""What a venue is configured with, and who takes part in it."""

from typing import Annotated, Literal

from msgspec import Meta

from settlement.messages.climate import ClimateRule
from settlement.messages.common import MAXIMUM_INTEGER, Message, Text
from settlement.messages.contracts import ContractTerms, Differential
from settlement.messages.delivery import DeliveryTerms, Dock
from settlement.messages.storage import StorageTariff

RatePpm = Annotated[int, Meta(ge=0, le=1_000_000)]
"""Millionths of the traded value."""

Role = Literal["trader", "grower", "warehouse", "analyst", "operator"]
Grade = Literal["E", "1", "2"]
Profile = Literal["open", "cn-spot"]


class Variety(Message, frozen=True, kw_only=True):
    """A banana variety: how long it stays green at 14 °C in air (DOMAIN: two to four weeks), and how small its fingers
    may be (Codex CXS 205-1997: 14.0 cm long and 2.7 cm thick; a small variety is configured to its own).
    """

    code: Annotated[str, Meta(pattern=r"^[A-Z]{2,4}$")]
    name_zh: Text
    name_en: Text
    green_life_days: Annotated[int, Meta(ge=1, le=90)]
    finger_length_minimum_mm: Annotated[int, Meta(ge=0, le=1_000)] = 140
    thickness_minimum_mm: Annotated[int, Meta(ge=0, le=1_000)] = 27


class Warehouse(Message, frozen=True, kw_only=True):
    """A cold store that may issue receipts."""

    code: Annotated[str, Meta(pattern=r"^[A-Z]{2,3}\d{1,2}$")]
    name_zh: Text
    name_en: Text


class ConfigureVenue(Message, frozen=True, kw_only=True, tag="configure_venue"):
    """The venue's choices that decide money or goods; the first command of every journal, and again whenever they
    change.

    `fee_rate_ppm` is what a maker pays: who rested, and both sides of an auction's or an agreed trade. Who takes pays
    `fee_taker_rate_ppm`; null: the same.
    """

    profile: Profile = "open"
    fee_rate_ppm: RatePpm
    fee_minimum_fen: Annotated[int, Meta(ge=0, le=MAXIMUM_INTEGER)]
    warehouses: tuple[Warehouse, ...]
    varieties: tuple[Variety, ...]
    storage: tuple[StorageTariff, ...] = ()
    fee_taker_rate_ppm: RatePpm | None = None
    contract: ContractTerms | None = None
    differentials: tuple[Differential, ...] = ()
    climate: ClimateRule | None = None
    docks: tuple[Dock, ...] = ()
    delivery: DeliveryTerms = DeliveryTerms()

    @property
    def taker_rate_ppm(self) -> int:
        return self.fee_rate_ppm if self.fee_taker_rate_ppm is None else self.fee_taker_rate_ppm


class RegisterParticipant(Message, frozen=True, kw_only=True, tag="register_participant"):
    """A new participant; `obliged` sellers must name a compliance certificate on each lot (MARA Order 2025-4)."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    display_name: Text
    roles: tuple[Role, ...]
    obliged: bool = False


class VenueConfigured(Message, frozen=True, kw_only=True, tag="venue_configured"):
    profile: Profile
    fee_rate_ppm: int
    fee_minimum_fen: int
    warehouses: tuple[Warehouse, ...]
    varieties: tuple[Variety, ...]
    storage: tuple[StorageTariff, ...] = ()
    fee_taker_rate_ppm: RatePpm | None = None
    contract: ContractTerms | None = None
    differentials: tuple[Differential, ...] = ()
    climate: ClimateRule | None = None
    docks: tuple[Dock, ...] = ()
    delivery: DeliveryTerms = DeliveryTerms()


class ParticipantRegistered(Message, frozen=True, kw_only=True, tag="participant_registered"):
    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    obliged: bool = False
