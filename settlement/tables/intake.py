"""Goods on their way to a receipt: announced, weighed, inspected."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from settlement.tables.common import identifier, integer, metadata, words

lots = Table(
    "lots",
    metadata,
    identifier("lot_id"),
    integer("participant_id"),
    words("variety"),
    words("grade"),
    words("warehouse"),
    words("harvest_date"),
    integer("cartons"),
    integer("weight_g"),
    words("town"),
    words("village"),
    Column("certificate_number", Text),
    words("status"),
    words("symbol"),
    integer("announced_ns"),
    Column("gross_g", BigInteger),
    Column("tare_g", BigInteger),
    Column("net_g", BigInteger),
    Column("scale_id", Text),
    Column("inspected_grade", Text),
    Column("colour_stage", BigInteger),
    Column("defect_permille", BigInteger),
    Column("temperature_dc", BigInteger),
    Column("reason", Text),
    Column("receipt_id", BigInteger),
    Index(None, "participant_id", "lot_id"),
    Index(None, "status", "lot_id"),
)
"""Lots as they stand after the last command that changed them."""
