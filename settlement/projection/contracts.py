"""Contracts as they stand, their steps, and the trading days as they were announced."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.civil import day_number, iso_date
from settlement.messages.contracts import Contract, ContractChanged, TradingDaysAnnounced
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.subject import Taker

_FIELDS = Contract.__struct_fields__


class Contracts:
    def __init__(self) -> None:
        self._contracts: dict[int, Contract] = {}
        self._steps: list[Row] = []
        self._days: dict[str, Row] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {ContractChanged: self._change, TradingDaysAnnounced: self._announce}

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.contracts, [_row(contract) for contract in self._contracts.values()])
        add_rows(connection, tables.contract_steps, self._steps)
        set_rows(connection, tables.trading_days, list(self._days.values()))

    def _change(self, event: ContractChanged, sequence: int, time_ns: int) -> None:
        contract = event.contract
        self._contracts[contract.contract_id] = contract
        last = self._steps[-1] if self._steps else None
        self._steps.append(
            {
                "sequence": sequence,
                "line": last["line"] + 1 if last is not None and last["sequence"] == sequence else 1,
                "time_ns": time_ns,
                "contract_id": contract.contract_id,
                "cause": event.cause,
                "state": contract.state,
                "escrow_fen": contract.escrow_fen,
                "buyer_earnest_fen": contract.buyer_earnest_fen,
                "seller_earnest_fen": contract.seller_earnest_fen,
            }
        )

    def _announce(self, event: TradingDaysAnnounced, sequence: int, _time_ns: int) -> None:
        trading = dict.fromkeys(event.days)
        since, until = day_number(event.since), day_number(event.until)
        assert since is not None
        assert until is not None
        for day in map(iso_date, range(since, until + 1)):
            self._days[day] = {"day": day, "trades": day in trading, "sequence": sequence}


def _row(contract: Contract) -> Row:
    """What people wrote into it is made fit, at whatever depth."""
    row = fit({name: getattr(contract, name) for name in _FIELDS})
    for name in ("objection", "proposal"):
        if row[name] is not None:
            row[name] = fit(asdict(row[name]))
    return row
