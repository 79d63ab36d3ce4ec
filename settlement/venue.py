"""What a venue is configured with unless it chooses otherwise (DOMAIN: Suixi county, Zhanjiang)."""

from typing import Final

from matching.instrument import MODES
from matching.messages import DefineInstrument
from settlement.differentials import names_twice
from settlement.load_out_slots import refuse_docks
from settlement.messages import ConfigureVenue, Profile, Variety, Warehouse
from settlement.messages.contracts import ContractTerms, Differential
from settlement.messages.delivery import Dock
from settlement.messages.storage import StorageTariff

FEE_RATE_PPM: Final = 500
"""0.05 % of the trade's value, each side: the platform rule in force since 2020-09-01 (DOMAIN)."""

FEE_MINIMUM_FEN: Final = 0

WAREHOUSES: Final = (
    Warehouse(code="SX1", name_zh="遂溪一号库", name_en="Suixi No. 1"),
    Warehouse(code="SX2", name_zh="遂溪二号库", name_en="Suixi No. 2"),
)
"""The county's two cold-storage distribution centres."""

VARIETIES: Final = (
    Variety(code="BXJ", name_zh="巴西蕉", name_en="Brazil", green_life_days=28),
    Variety(code="WLS", name_zh="威廉斯", name_en="Williams", green_life_days=28),
    Variety(code="GJ", name_zh="桂蕉", name_en="Guijiao", green_life_days=28),
    Variety(code="NTH", name_zh="南天黄", name_en="Nantianhuang", green_life_days=28),
    Variety(code="BDJ", name_zh="宝岛蕉", name_en="Baodao", green_life_days=28),
    Variety(code="FJ", name_zh="粉蕉", name_en="Pisang Awak", green_life_days=21),
    Variety(code="HDJ", name_zh="皇帝蕉", name_en="Lady Finger", green_life_days=14),
)
"""Two to four weeks for all (DOMAIN); which variety keeps how long is the venue's choice, Cavendish longest."""

STORAGE: Final = tuple(
    StorageTariff(
        warehouse=warehouse.code,
        fen_per_tonne_day=300,
        free_days=3,
        free_days_after_trade=2,
        insurance_fen_per_tonne_day=20,
        insurer="示范保险 Model Insurance",
        insured_fen_per_kg=500,
        wastage_permille=50,
        period_days=45,
    )
    for warehouse in WAREHOUSES
)
"""Three yuan a tonne and day, and insurance: the venue's choice. The wastage standard is what open boxes lose in three
weeks at 12 °C (DOMAIN: about 5 %)."""

DOCKS: Final = tuple(
    Dock(warehouse=warehouse, code=code, opens_s=6 * 3_600, closes_s=20 * 3_600, slot_seconds=3_600, capacity_kg=10_000)
    for warehouse, code in (("SX1", "A"), ("SX1", "B"), ("SX2", "A"))
)
"""A lorry of ten tonnes an hour, from six in the morning to eight in the evening: the venue's choice."""

DIFFERENTIALS: Final = (
    Differential(kind="location", value="SX1", fen_per_kg=0),
    Differential(kind="location", value="SX2", fen_per_kg=-3),
    Differential(kind="grade", value="E", fen_per_kg=40),
    Differential(kind="grade", value="1", fen_per_kg=0),
    Differential(kind="grade", value="2", fen_per_kg=-45),
    Differential(kind="ripeness", value="1", fen_per_kg=0),
    Differential(kind="ripeness", value="2", fen_per_kg=-12),
    Differential(kind="ripeness", value="3", fen_per_kg=-35),
)
"""What substituted goods are worth beside others (DOMAIN: Chicago invoices carry such differentials); the figures are
the venue's choice."""

DEFAULT_VENUE: Final = ConfigureVenue(
    profile="open",
    fee_rate_ppm=FEE_RATE_PPM,
    fee_minimum_fen=FEE_MINIMUM_FEN,
    warehouses=WAREHOUSES,
    varieties=VARIETIES,
)

PERMITTED_MODES: Final[dict[Profile, tuple[str, ...]]] = {
    "open": MODES,
    "cn-spot": ("listing", "one_way_auction", "negotiated"),
}
"""In which modes a venue of that profile may define instruments. China's law keeps listing, one-way auction and
negotiation apart from centralised trading of standardised contracts, which needs approval (DOMAIN). An instrument that
was defined under another profile stays as it is until it is defined anew.
"""

FIRST_MODES: Final[dict[Profile, str]] = {"open": "continuous", "cn-spot": "listing"}
"""The mode that a symbol gets by its first receipt, where no operator has defined it before: the venue's choice."""


def permits(profile: Profile, mode: str) -> bool:
    """Whether an instrument may be defined so. What is no mode at all is for matching to refuse."""
    return mode in PERMITTED_MODES[profile] or mode not in MODES


def first_definition(symbol: str, profile: Profile) -> DefineInstrument:
    """What a symbol's first receipt defines it as."""
    return DefineInstrument(symbol, mode=FIRST_MODES[profile])


def refuse_venue(command: ConfigureVenue) -> tuple[str, str] | None:
    """(reason, field) of the first list that names a code twice, or a warehouse that is none, or of rules that do not
    fit together; or None.
    """
    for field, codes in (
        ("warehouses", [warehouse.code for warehouse in command.warehouses]),
        ("varieties", [variety.code for variety in command.varieties]),
    ):
        if len(dict.fromkeys(codes)) != len(codes):
            return f"invalid_{field}", field
    stores = [warehouse.code for warehouse in command.warehouses]
    tariffs = [tariff.warehouse for tariff in command.storage]
    if len(dict.fromkeys(tariffs)) != len(tariffs) or any(code not in stores for code in tariffs):
        return "invalid_storage", "storage"
    if command.climate is not None and command.climate.low_dc > command.climate.high_dc:
        return "invalid_climate", "climate"
    if command.contract is not None and not in_order(command.contract):
        return "invalid_contract", "contract"
    if names_twice(command.differentials):
        return "invalid_differentials", "differentials"
    return refuse_docks(command.docks, stores)


def in_order(terms: ContractTerms) -> bool:
    """Goods are not fetched before they are paid, nor is all over before they are fetched; and a weight within the
    tolerance costs the buyer no more than his earnest money.
    """
    days = terms.payment_days < terms.pickup_days <= terms.final_days
    return days and terms.tolerance_permille <= terms.earnest_permille
