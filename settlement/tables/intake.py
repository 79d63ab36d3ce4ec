"""Goods on their way to a receipt: announced, weighed, inspected."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from settlement.tables.common import identifier, integer, metadata, one_of, reference, rule, words

GRADES: Final = ("E", "1", "2")

lots = Table(
    "lots",
    metadata,
    identifier("lot_id"),
    reference("participant_id", "participants.participant_id"),
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
    reference("receipt_id", "receipts.receipt_id", optional=True, deferred=True),
    Column("marks", Text),
    Column("arrived_ns", BigInteger),
    Column("plate", Text),
    Column("carrier", Text),
    Column("finger_length_mm", BigInteger),
    Column("thickness_mm", BigInteger),
    Column("blemish_mm2", BigInteger),
    Index(None, "participant_id", "lot_id"),
    Index(None, "status", "lot_id"),
    Index(None, "warehouse", "lot_id"),
    one_of("status", ("announced", "arrived", "weighed", "inspected", "receipted", "refused")),
    one_of("grade", GRADES),
    one_of("inspected_grade", GRADES),
    rule("size", "cartons > 0 AND weight_g > 0"),
    rule("net_g", "net_g > 0 AND net_g = gross_g - tare_g"),
    rule("colour_stage", "colour_stage BETWEEN 1 AND 7"),
    rule("defect_permille", "defect_permille BETWEEN 0 AND 1000"),
    rule("arrived", "status <> 'arrived' OR arrived_ns IS NOT NULL"),
    rule("receipted", "status <> 'receipted' OR receipt_id IS NOT NULL"),
)
"""Lots as they stand after the last command that changed them."""
