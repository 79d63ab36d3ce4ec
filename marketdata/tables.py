"""The market's public history as tables: instruments, trades, candles.

Every row is a view of journaled events and can be built again from them. Prices are fen per kilogram, quantities and
volumes kilograms, turnover fen, time nanoseconds since 1970 UTC. All integers are 64 bits wide.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _symbol(*, key: bool = False) -> Column[str]:
    return Column("symbol", Text, ForeignKey("instruments.symbol"), primary_key=key, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


instruments = Table(
    "instruments",
    metadata,
    Column("symbol", Text, primary_key=True),
    _integer("tick_size"),
    _integer("lot_size"),
    _text("mode"),
    _text("phase"),
    Column("reference_price", BigInteger),
    Column("band", BigInteger),
    Column("collar", BigInteger),
    Column("protection", BigInteger),
    Column("cancel_on_halt", Boolean, nullable=False),
    _integer("sequence"),
    CheckConstraint("phase IN ('closed', 'auction', 'continuous', 'halted')", "phase"),
    CheckConstraint("tick_size > 0 AND lot_size > 0", "steps"),
)
"""The definition in force and the phase; `sequence` is that of the last command that changed either."""

trades = Table(
    "trades",
    metadata,
    Column("trade_id", BigInteger, primary_key=True, autoincrement=False),
    _symbol(),
    _integer("price"),
    _integer("quantity"),
    Column("aggressor_side", Text),
    _integer("sequence"),
    _integer("time_ns"),
    Column("busted", Boolean, nullable=False),
    Index(None, "symbol", "trade_id"),
    CheckConstraint("aggressor_side IN ('buy', 'sell')", "aggressor_side"),
    CheckConstraint("price > 0 AND quantity > 0", "size"),
)
"""The tape; `aggressor_side` is null for an auction's trades."""

candles = Table(
    "candles",
    metadata,
    _symbol(key=True),
    Column("interval", Text, primary_key=True),
    Column("start_ns", BigInteger, primary_key=True, autoincrement=False),
    _integer("open"),
    _integer("high"),
    _integer("low"),
    _integer("close"),
    _integer("volume"),
    _integer("turnover_fen"),
    CheckConstraint("interval IN ('1m', '5m', '15m', '1h', '1d', '1w')", "interval"),
    CheckConstraint("low > 0 AND low <= open AND low <= close AND open <= high AND close <= high", "prices"),
    CheckConstraint("volume >= 0 AND turnover_fen >= 0", "sums"),
)
"""One row an instrument, interval and start; an interval without a trade has none."""
