"""Orders as last reported, their fills, trades that were taken back, and what was traded on each day."""

from collections.abc import Mapping
from functools import cache

from msgspec.structs import asdict
from sqlalchemy import Connection, Executable, bindparam, update

from settlement import tables
from settlement.messages import ExecutionReport, TradeBusted, TradeSettled
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.statistics import DailyTrading
from settlement.projection.subject import Taker


class Trading:
    def __init__(self) -> None:
        self._orders: dict[int, ExecutionReport] = {}
        self._fills: list[Row] = []
        self._busts: list[Row] = []
        self._daily = DailyTrading()

    def takers(self) -> Mapping[type, Taker]:
        return {ExecutionReport: self._report, TradeSettled: self._settle, TradeBusted: self._bust}

    def write(self, connection: Connection) -> None:
        orders = list(map(_storable, self._orders.values()))
        set_rows(connection, tables.orders, orders, fixed=("participant_id", "client_order_id"))
        add_rows(connection, tables.fills, self._fills)
        add_rows(connection, tables.busts, self._busts)
        if self._busts:
            connection.execute(_bust_fills(), [{"of": bust["trade_id"]} for bust in self._busts])
        self._daily.write(connection)

    def _report(self, event: ExecutionReport, _sequence: int, _time_ns: int) -> None:
        self._orders[event.order_id] = event

    def _settle(self, event: TradeSettled, sequence: int, time_ns: int) -> None:
        self._fills += _fills(event, sequence, time_ns)
        self._daily.count(event, time_ns)

    def _bust(self, event: TradeBusted, sequence: int, time_ns: int) -> None:
        row = {
            "trade_id": event.trade.trade_id,
            "sequence": sequence,
            "time_ns": time_ns,
            "operator_id": event.operator_id,
            "reason": event.reason,
        }
        self._busts.append(fit(row))
        self._daily.take_out(event.trade, event.traded_ns)


def _storable(report: ExecutionReport) -> ExecutionReport:
    # A rejected order shows what was asked for, whatever that was; any other has passed the market's rules.
    if report.status == "rejected" or "\0" in report.client_order_id:
        return ExecutionReport(**fit(asdict(report)))
    return report


def _fills(trade: TradeSettled, sequence: int, time_ns: int) -> tuple[Row, Row]:
    common = {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "price": trade.price,
        "quantity": trade.quantity,
        "sequence": sequence,
        "time_ns": time_ns,
        "busted": False,
    }
    bought = common | {
        "side": "buy",
        "order_id": trade.buy_order_id,
        "participant_id": trade.buyer_id,
        "fee_fen": trade.buyer_fee_fen,
        "lots": [(received, kilograms) for _, received, kilograms in trade.lots],
    }
    sold = common | {
        "side": "sell",
        "order_id": trade.sell_order_id,
        "participant_id": trade.seller_id,
        "fee_fen": trade.seller_fee_fen,
        "lots": [(delivered, kilograms) for delivered, _, kilograms in trade.lots],
    }
    return bought, sold


@cache
def _bust_fills() -> Executable:
    return update(tables.fills).where(tables.fills.c.trade_id == bindparam("of")).values(busted=True)
