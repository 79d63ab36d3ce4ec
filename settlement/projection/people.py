"""The venue's configurations and its participants."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages import ParticipantRegistered, VenueConfigured
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.subject import Taker


class People:
    def __init__(self) -> None:
        self._configurations: list[Row] = []
        self._participants: dict[int, Row] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {VenueConfigured: self._configure, ParticipantRegistered: self._register}

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.venue_configurations, self._configurations)
        set_rows(connection, tables.participants, list(self._participants.values()))

    def _configure(self, event: VenueConfigured, sequence: int, time_ns: int) -> None:
        configuration = msgspec.to_builtins(event)
        del configuration["type"]  # the journal's word
        self._configurations.append({"sequence": sequence, "time_ns": time_ns, "configuration": configuration})

    def _register(self, event: ParticipantRegistered, _sequence: int, _time_ns: int) -> None:
        self._participants[event.participant_id] = fit(asdict(event))
