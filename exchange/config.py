"""Settings of a venue: flags first, then the environment (`EXCHANGE_…`), then a TOML file, then these defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from settlement.messages import ConfigureVenue
from settlement.venue import VARIETIES, WAREHOUSES

Port = Annotated[int, Meta(ge=0, le=65535)]


class SetupError(Exception):
    """The venue cannot be started as asked; the text is one line that says what to do."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a venue is started with. Every field is a flag, a variable `EXCHANGE_<FIELD>` and a key of the TOML file."""

    data: str = "exchange-data"
    host: str = "127.0.0.1"
    port: Port = 8000
    feed_port: Port = 8001
    clock: Literal["real", "manual"] = "real"
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 1
    database_url: str | None = None
    origins: tuple[str, ...] = ()
    """Origins beside the venue's own whose pages may open the feed."""
    profile: Literal["open", "cn-spot"] = "open"
    fee_rate_ppm: Annotated[int, Meta(ge=0, le=1_000_000)] = 500
    """Fee of each side in millionths of the traded value; 0.05 % is a platform's rule in force 2020-09-01 (DOMAIN)."""
    fee_minimum_fen: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    maximum_lag: Annotated[int, Meta(ge=1)] = 100_000
    """Commands that the database may be behind before the venue calls itself not ready."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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
        )


def load(flags: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ, file: str | None = None) -> Settings:
    """Join flags (those that are not None), environment and file. Raises `SetupError` that names what is wrong."""
    named = file or environment.get("EXCHANGE_CONFIG")
    values: dict[str, Any] = _from_file(named) if named else {}
    for field in Settings.__struct_fields__:
        text = environment.get(f"EXCHANGE_{field.upper()}")
        if text is not None:
            values[field] = [part for part in text.split(",") if part] if field == "origins" else text
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SetupError(f"settings: {error}; see `exchange serve --help`") from None


def _from_file(name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"settings file {name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"settings file {name} is no TOML: {error}") from None
