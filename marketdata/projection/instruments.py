"""Definitions in force, and the phase that each instrument is in."""

from functools import cache
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, Executable, bindparam, update

from marketdata import tables
from marketdata.projection.rows import Row, set_rows
from matching.messages import DefineInstrument, InstrumentDefined, Phase, PhaseChanged


class Instruments:
    def __init__(self) -> None:
        self._defined: dict[str, Row] = {}
        self._phases: dict[str, Row] = {}

    def define(self, command: Any, event: InstrumentDefined, sequence: int) -> Phase:
        """Returns the phase that it begins in."""
        definition = _definition(command, event)
        self._defined[event.symbol] = asdict(definition) | {"sequence": sequence}
        self._phases.pop(event.symbol, None)
        return definition.phase

    def phase(self, event: PhaseChanged, sequence: int) -> None:
        if event.symbol in self._defined:
            self._defined[event.symbol] |= {"phase": event.phase, "sequence": sequence}
        else:
            self._phases[event.symbol] = {"of": event.symbol, "new_phase": event.phase, "new_sequence": sequence}

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.instruments, list(self._defined.values()))
        if self._phases:
            connection.execute(_set_phases(), list(self._phases.values()))


def _definition(command: Any, event: InstrumentDefined) -> DefineInstrument:
    """The words of the definition; a command that has none of them opens the instrument by the defaults."""
    if isinstance(command, DefineInstrument) and command.symbol == event.symbol:
        return command
    return DefineInstrument(event.symbol)


@cache
def _set_phases() -> Executable:
    table = tables.instruments
    return (
        update(table)
        .where(table.c.symbol == bindparam("of"))
        .values(phase=bindparam("new_phase"), sequence=bindparam("new_sequence"))
    )
