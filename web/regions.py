"""Where participants are at home, for the statistics by buyer region: a record that the database alone owns."""

from typing import Annotated, Any, Final

from msgspec import Meta
from sqlalchemy import Connection, delete, func, insert, select

from web.bodies import PRINTABLE
from web.disclosure import OTHER, UNREGISTERED
from web.errors import Fault, InvalidRequest
from web.tables import participant_regions

MAXIMUM_REGION: Final = 64

Region = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAXIMUM_REGION,
        pattern=PRINTABLE,
        description="Province, or province and city, as statistics are to name it.",
        examples=["广东湛江"],
    ),
]


def checked_region(region: str | None) -> str | None:
    """The text without spaces around it. Raises `InvalidRequest` for words that statistics use for something else."""
    if region is None:
        return None
    region = region.strip()
    if not region or region in (OTHER, UNREGISTERED):
        raise InvalidRequest(Fault("region", "a place is expected"))
    return region


def set_region(connection: Connection, participant_id: int, region: str | None, since_day: int, now_ns: int) -> None:
    """He is at home there from this day on; what was said before of the same day is forgotten. O(log rows)."""
    table = participant_regions
    today = (table.c.participant_id == participant_id, table.c.since_day == since_day)
    connection.execute(delete(table).where(*today))
    if regions_of(connection, [participant_id]).get(participant_id) != region:
        connection.execute(
            insert(table),
            {"participant_id": participant_id, "since_day": since_day, "region": region, "changed_ns": now_ns},
        )


def regions_of(connection: Connection, participant_ids: list[int]) -> dict[int, str]:
    """The regions of those who have one, as last said. O(their rows)."""
    table = participant_regions
    newest = (
        select(table.c.participant_id, func.max(table.c.since_day).label("since_day"))
        .where(table.c.participant_id.in_(participant_ids))
        .group_by(table.c.participant_id)
        .subquery()
    )
    rows: Any = connection.execute(
        select(table.c.participant_id, table.c.region).join(
            newest,
            (newest.c.participant_id == table.c.participant_id) & (newest.c.since_day == table.c.since_day),
        )
    )
    return {participant_id: region for participant_id, region in rows if region is not None}
