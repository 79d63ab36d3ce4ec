"""The part of the reckoning that is about contracts: as they stand, step by step, and the money that they hold."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Table

from exchange.reckoning_of_stores import Row, Rows
from settlement import tables
from settlement.civil import day_number, iso_date
from settlement.messages import contracts


class Contracts:
    def __init__(self, rows: Callable[[Table], Rows]) -> None:
        self._contracts = rows(tables.contracts)
        self._steps = rows(tables.contract_steps)
        self._days = rows(tables.trading_days)
        self._line = (0, 0)
        self.live: dict[int, contracts.Contract] = {}
        """Those that have not ended, as last told."""

    @property
    def held(self) -> dict[str, int]:
        """What the live contracts hold, by the venue's account in which it lies."""
        live = self.live.values()
        return {
            "earnest": sum(each.buyer_earnest_fen + each.seller_earnest_fen for each in live),
            "escrow": sum(each.escrow_fen for each in live),
        }

    def take(self, event: Any, stamp: Row) -> None:
        """What is none of these leaves no row here."""
        match event:
            case contracts.ContractChanged():
                contract = event.contract
                self._contracts.put(_row(contract), ended=contract.ended_ns is not None)
                self.live[contract.contract_id] = contract
                if contract.ended_ns is not None:
                    del self.live[contract.contract_id]
                sequence, line = self._line
                self._line = (stamp["sequence"], line + 1 if sequence == stamp["sequence"] else 1)
                step = {
                    "line": self._line[1],
                    "contract_id": contract.contract_id,
                    "cause": event.cause,
                    "state": contract.state,
                    "escrow_fen": contract.escrow_fen,
                    "buyer_earnest_fen": contract.buyer_earnest_fen,
                    "seller_earnest_fen": contract.seller_earnest_fen,
                }
                self._steps.put({**step, **stamp}, ended=True)
            case contracts.TradingDaysAnnounced():
                since, until = day_number(event.since), day_number(event.until)
                assert since is not None
                assert until is not None
                for day in map(iso_date, range(since, until + 1)):
                    self._days.put({"day": day, "trades": day in event.days, "sequence": stamp["sequence"]})

    def close(self) -> int:
        """Compare what is left; how many rows there must be in all."""
        kept = (self._contracts, self._steps, self._days)
        for rows in kept:
            rows.close()
        return sum(rows.count for rows in kept)


def _row(contract: contracts.Contract) -> Row:
    """Texts of people are kept without NUL, at whatever depth."""
    row = asdict(contract)
    for name in ("objection", "proposal"):
        within = row[name]
        if isinstance(within, Struct):
            row[name] = {
                field: tables.storable(value) if isinstance(value, str) else value
                for field, value in asdict(within).items()
            }
    return row
