"""Settings of a venue: flags first, then the environment (`EXCHANGE_…`), then a TOML file, then these defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from exchange.calendar import Hours, VolatilityAuction, read_date, read_hours, read_volatility_auction
from settlement.messages import ConfigureVenue
from settlement.messages.climate import ClimateRule
from settlement.messages.contracts import ContractTerms, Differential
from settlement.messages.delivery import DeliveryTerms, Dock
from settlement.messages.storage import StorageTariff
from settlement.venue import DIFFERENTIALS, DOCKS, STORAGE, VARIETIES, WAREHOUSES

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]

_LISTS = ("origins", "sessions", "holidays")
"""Fields whose variable holds several texts, separated by commas."""

_TABLES = ("contract", "storage", "docks", "delivery", "differentials", "climate")
"""Fields that a file says as tables and a variable as JSON: `settlement.messages` tells their keys."""


class SetupError(Exception):
    """The venue cannot be started as asked; the text is one line that says what to do."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a venue is started with. Every field is a variable `EXCHANGE_<FIELD>` and a TOML key; some are flags."""

    data: str = "exchange-data"
    host: str = "127.0.0.1"
    port: Port = 8000
    feed_port: Port = 8001
    clock: Literal["real", "manual"] = "real"
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 1
    database_url: str | None = None
    origins: tuple[str, ...] = ()
    """Origins beside the venue's own whose pages may open the feed."""
    public_address: Annotated[str, Meta(pattern=r"^https?://[^/?#\s]{1,255}/?$")] | None = None
    """Where the world reaches the venue, for the codes on documents; none: the host that was asked for the document."""
    profile: Literal["open", "cn-spot"] = "open"
    fee_rate_ppm: Annotated[int, Meta(ge=0, le=1_000_000)] = 500
    """Fee of each side in millionths of the traded value; 0.05 % is a platform's rule in force 2020-09-01 (DOMAIN)."""
    fee_minimum_fen: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    fee_taker_rate_ppm: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    """Of who takes; none: the same as of who rested."""
    contracts: bool = True
    """Whether listings, one-way auctions and agreed trades lead to contracts on the terms below; else they settle at
    once, as orders do.
    """
    contract: ContractTerms = ContractTerms()
    storage: tuple[StorageTariff, ...] = STORAGE
    docks: tuple[Dock, ...] = DOCKS
    delivery: DeliveryTerms = DeliveryTerms()
    differentials: tuple[Differential, ...] = DIFFERENTIALS
    climate: ClimateRule = ClimateRule()
    maximum_waiting: Annotated[int, Meta(ge=64, le=2**20)] = 16_384
    """Commands that wait for their batch at most; what comes beyond is refused as busy."""
    waiting_shares: Annotated[int, Meta(ge=1, le=64)] = 8
    """One participant's commands may take one in so many of those places."""
    maximum_lag: Annotated[int, Meta(ge=1)] = 100_000
    """Commands that the database may be behind before the venue calls itself not ready."""
    pause_lag: Annotated[int, Meta(ge=1)] = 250_000
    """Commands that the database may be behind before trading pauses: cancels go on, orders wait until it is no more
    than half as far behind."""
    pause_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300
    """For how long it may be behind at all before trading pauses likewise."""
    snapshot_commands: Annotated[int, Meta(ge=1)] = 50_000
    """A snapshot is taken each so many commands, and at each clean stop: a start executes no more than these again, and
    what the shadow was behind.
    """
    snapshots_kept: Annotated[int, Meta(ge=1, le=1_000)] = 3
    """Should the newest be damaged, a start begins with the one before."""
    calendar: Literal["round-the-clock", "sessions"] = "round-the-clock"
    """Whether phases change by themselves at the hours below, on trading days (`exchange.calendar`), or never."""
    sessions: tuple[str, ...] = ("08:30-11:30", "13:30-15:30")
    """Continuous trading, on the venue's wall (UTC+8); halted between them, closed overnight."""
    opening_auction_seconds: Seconds = 600
    """How long an auction collects before the first session; 0: none."""
    reopening_auction_seconds: Seconds = 0
    """How long before each later session, within the break; 0: none."""
    closing_auction_seconds: Seconds = 300
    """How long at the end of the last session, within it; 0: none."""
    volatility_auction_seconds: Seconds = 300
    """How long an auction lasts that a trade outside an instrument's dynamic limit has begun, round the clock too; 0:
    until an operator ends it, or the hours change the phase.
    """
    random_end_seconds: Seconds = 30
    """Each auction ends by chance within so many seconds before its published end."""
    holidays: tuple[str, ...] = ()
    """ISO dates without trading beside the state's holidays. A year that the installed holidays do not reach yet is
    known by naming all of its holidays here.
    """
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    """`auto`: text on a terminal, else JSON lines."""

    def __post_init__(self) -> None:
        """Raises ValueError that begins with the name of the field."""
        self.hours()
        self.volatility_auction()
        for date in self.holidays:
            read_date(date)

    def hours(self) -> Hours:
        """Of a trading day."""
        return read_hours(
            self.sessions,
            self.opening_auction_seconds,
            self.reopening_auction_seconds,
            self.closing_auction_seconds,
            self.random_end_seconds,
        )

    def volatility_auction(self) -> VolatilityAuction:
        return read_volatility_auction(self.volatility_auction_seconds, self.random_end_seconds)

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def database(self) -> str:
        """The database's URL: SQLite in the data folder unless one is named."""
        # Imported here: SQLAlchemy takes a quarter of a second, which a usage error need not wait for.
        from exchange.database import sqlite_url

        return self.database_url or sqlite_url(self.folder / "exchange.sqlite")

    def venue(self) -> ConfigureVenue:
        """The part that decides money and goods, which is journaled."""
        return ConfigureVenue(
            profile=self.profile,
            fee_rate_ppm=self.fee_rate_ppm,
            fee_minimum_fen=self.fee_minimum_fen,
            warehouses=WAREHOUSES,
            varieties=VARIETIES,
            fee_taker_rate_ppm=self.fee_taker_rate_ppm,
            contract=self.contract if self.contracts else None,
            storage=self.storage,
            docks=self.docks,
            delivery=self.delivery,
            differentials=self.differentials,
            climate=self.climate,
        )


def load(flags: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ, file: str | None = None) -> Settings:
    """Join flags (those that are not None), environment and file. Raises `SetupError` that names what is wrong."""
    named = file or environment.get("EXCHANGE_CONFIG")
    values: dict[str, Any] = _from_file(named) if named else {}
    for field in Settings.__struct_fields__:
        text = environment.get(f"EXCHANGE_{field.upper()}")
        if text is not None:
            values[field] = _read(field, text)
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SetupError(f"settings: {error}; see `exchange serve --help`") from None


def _read(field: str, text: str) -> Any:
    """What a variable says."""
    if field in _TABLES:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise SetupError(f"settings: EXCHANGE_{field.upper()} is no JSON: {error}") from None
    return [part for part in text.split(",") if part] if field in _LISTS else text


def _from_file(name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"settings file {name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"settings file {name} is no TOML: {error}") from None
