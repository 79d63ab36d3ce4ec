"""The reckoning: what the database must hold, worked out anew from the journal's events, and held against it row by
row.

It shares no code with the projections that it judges. Rows that nothing changes any more (fills, postings, ended
orders) are compared as soon as a few hundred are together, so that memory follows what is live and not the length of
history.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, Table, func, select, tuple_

import marketdata.tables
import settlement.tables
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.reckoning_of_contracts import Contracts
from exchange.reckoning_of_deliveries import Deliveries
from exchange.reckoning_of_market import MarketHistory
from exchange.reckoning_of_stores import Stores
from exchange.reckoning_of_trading import DailyTrading
from marketdata.candles import start_of
from marketdata.messages import INTERVALS
from matching.messages import TradeExecuted
from settlement import messages
from settlement.messages import treasury

Row = dict[str, Any]

COMPARED_AT_ONCE: Final = 240
VALUES_AT_ONCE: Final = 960
"""Keys in one statement, and values: SQLite before 3.32 took 999, and the longest key has seven."""

MAXIMUM_TOLD: Final = 20
"""Differences of one table that are told one by one."""

LIVE_STATUSES: Final = ("accepted", "resting", "partly_filled")
ENDED_LINES: Final = ("booked", "released")
ENDED_STATES: Final = ("split", "merged", "delivered", "void", "replaced")


class Reckoning:
    """Takes the batches up to the database's cursor in their order; then `close` holds what stands against the
    engine.

    `connection` reads one snapshot, the cursor's. `differences` counts what was found, `report` is told.
    """

    def __init__(self, connection: Connection, report: Callable[[str], Any]) -> None:
        self._connection = connection
        self._told: dict[str, int] = {}
        self._report = report
        self.differences = 0
        self.rows = 0
        """Rows that the database must hold, once `close` has counted them."""
        # What each account holds of each asset, empty ones left out: the double entry that balances must agree with.
        self._accounts: dict[tuple[str, str], int] = {}

        tables = settlement.tables
        self._configurations = self._rows(tables.venue_configurations)
        self._participants = self._rows(tables.participants)
        self._accounts_open = self._rows(tables.accounts)
        self._deposits = self._rows(tables.deposits)
        self._lots = self._rows(tables.lots)
        self._receipts = self._rows(tables.receipts)
        self._merges = self._rows(tables.receipt_merges)
        self._receipt_transfers = self._rows(tables.receipt_transfers)
        self._regrades = self._rows(tables.regrades)
        self._stock_changes = self._rows(tables.stock_changes)
        self._last_stock_change = (0, 0)
        self._orders = self._rows(tables.orders)
        self._fills = self._rows(tables.fills)
        self._transfers = self._rows(tables.transfers)
        self._balances = self._rows(tables.balances)
        self._busts = self._rows(tables.busts)
        self._adjustments = self._rows(tables.adjustments)
        self._bank_statements = self._rows(tables.bank_statements)
        self._bank_lines = self._rows(tables.bank_lines)
        self._reconciliations = self._rows(tables.reconciliations)
        self._withdrawals = self._rows(tables.withdrawals)
        self._vouchers = self._rows(tables.vouchers)
        self._pendings = self._rows(tables.pending_transfers)
        self._stores = Stores(self._rows)
        self._deliveries = Deliveries(self._rows)
        self._contracts = Contracts(self._rows)
        self._history = MarketHistory(self._rows, self._differ)
        self._daily_trading = DailyTrading(self._rows)
        self._trades = self._rows(marketdata.tables.trades)
        self._candles = self._rows(marketdata.tables.candles)
        self._latest_candle: dict[tuple[str, str], Row] = {}
        # A trade is compared long before the journal comes to its bust, so the database's word is taken for which were
        # taken back, and held against the journal's at the end.
        trades = marketdata.tables.trades
        busted = connection.execute(select(trades.c.trade_id).where(trades.c.busted))
        self._said_busted = {row.trade_id for row in busted}
        self._busted: set[int] = set()

    def _rows(self, table: Table) -> "_Rows":
        return _Rows(table, self._connection, self._differ)

    def _differ(self, about: str, detail: str) -> None:
        self.differences += 1
        told = self._told[about] = self._told.get(about, 0) + 1
        if told <= MAXIMUM_TOLD:
            self._report(f"{about}: {detail}")

    def take(self, entry: Entry) -> None:
        for sequence, (command, events) in enumerate(
            zip(entry.commands, entry.events, strict=True), entry.first_sequence
        ):
            stamp = {"sequence": sequence, "time_ns": entry.time_ns}
            for event in events:
                self._take(event, stamp)
            self._history.take(command, events, stamp)
        self._history.end_batch(entry.last_sequence, entry.time_ns)

    def _take(self, event: Any, stamp: Row) -> None:
        self._daily_trading.take(event, stamp)
        match event:
            case messages.ExecutionReport():
                self._orders.put(asdict(event), ended=event.status not in LIVE_STATUSES)
            case messages.BalanceChanged():
                self._balances.put(asdict(event))
            case messages.LedgerPosted():
                about = {"cause": event.cause, "reference_id": event.reference_id, **stamp}
                for transfer in event.transfers:
                    self._transfers.put({**asdict(transfer), **about}, ended=True)
                    self._post(transfer)
                    self._open_accounts(transfer.debit, transfer.credit)
            case messages.TradeSettled():
                self._settle(event, stamp)
            case messages.ReceiptChanged():
                pledge = event.receipt.pledge
                lender = {"lender_id": None if pledge is None else pledge.lender_id}
                self._receipts.put({**asdict(event.receipt), **lender}, ended=event.receipt.state in ENDED_STATES)
            case messages.ReceiptsMerged():
                for merged in event.merged:
                    self._merges.put({"merged_receipt_id": merged, "receipt_id": event.receipt_id}, ended=True)
            case messages.ReceiptTransferred():
                self._receipt_transfers.put({**asdict(event), **stamp}, ended=True)
            case messages.LotRegraded():
                self._regrades.put({**asdict(event), **stamp}, ended=True)
            case messages.StockChanged():
                last_sequence, position = self._last_stock_change
                position = position + 1 if last_sequence == stamp["sequence"] else 1
                self._last_stock_change = (stamp["sequence"], position)
                self._stock_changes.put({**asdict(event), **stamp, "position": position}, ended=True)
            case messages.LotChanged():
                self._lots.put(asdict(event.lot), ended=event.lot.status in ("receipted", "refused"))
            case messages.CashDeposited():
                self._deposits.put({**asdict(event), **stamp}, ended=True)
            case messages.ParticipantRegistered():
                self._participants.put(asdict(event), ended=True)
            case messages.VenueConfigured():
                told = {name: value for name, value in msgspec.to_builtins(event).items() if name != "type"}
                self._configurations.put({"configuration": told, **stamp}, ended=True)
            case messages.TradeBusted():
                trade_id = event.trade.trade_id
                self._busted.add(trade_id)
                about = {"trade_id": trade_id, "operator_id": event.operator_id, "reason": event.reason}
                self._busts.put({**about, **stamp}, ended=True)
            case messages.CashAdjusted():
                self._adjustments.put({**asdict(event), **stamp}, ended=True)
            case treasury.StatementImported():
                self._bank_statements.put({**asdict(event), **stamp}, ended=True)
            case treasury.BankLineChanged():
                self._bank_lines.put({**asdict(event.line), **stamp}, ended=event.line.state in ENDED_LINES)
            case treasury.StatementReconciled():
                self._reconciliations.put({**asdict(event), **stamp}, ended=True)
            case treasury.WithdrawalChanged():
                ended = event.withdrawal.ended_ns is not None
                self._withdrawals.put({**asdict(event.withdrawal), **stamp}, ended=ended)
            case treasury.VoucherChanged():
                self._vouchers.put({**asdict(event.voucher), **stamp}, ended=event.voucher.state != "proposed")
            case messages.PendingChanged():
                self._open_accounts(event.pending.debit, event.pending.credit)
                self._pendings.put({**asdict(event.pending), **stamp}, ended=event.pending.state != "pending")
            case TradeExecuted():
                self._trade(event, stamp)
            case _:
                self._deliveries.take(event, stamp)
                self._contracts.take(event, stamp)
                self._stores.take(event, stamp)  # refusals and the steps of matching leave no row

    def _open_accounts(self, *names: str) -> None:
        for name in names:
            _, is_participants, number = name.partition("participant:")
            self._accounts_open.put({"account": name, "participant_id": int(number) if is_participants else None})

    def _post(self, transfer: messages.Transfer) -> None:
        for account, amount in ((transfer.debit, -transfer.amount), (transfer.credit, transfer.amount)):
            key = (account, transfer.asset)
            held = self._accounts.get(key, 0) + amount
            if held:
                self._accounts[key] = held
            else:
                self._accounts.pop(key, None)

    def _settle(self, trade: messages.TradeSettled, stamp: Row) -> None:
        for side, order_id, participant_id, fee_fen, lots in (
            ("buy", trade.buy_order_id, trade.buyer_id, trade.buyer_fee_fen, [(new, kg) for _, new, kg in trade.lots]),
            (
                "sell",
                trade.sell_order_id,
                trade.seller_id,
                trade.seller_fee_fen,
                [(old, kg) for old, _, kg in trade.lots],
            ),
        ):
            fill = {
                "trade_id": trade.trade_id,
                "side": side,
                "order_id": order_id,
                "participant_id": participant_id,
                "symbol": trade.symbol,
                "price": trade.price,
                "quantity": trade.quantity,
                "fee_fen": fee_fen,
                "lots": lots,
                "busted": trade.trade_id in self._said_busted,
            }
            self._fills.put({**fill, **stamp}, ended=True)

    def _trade(self, trade: TradeExecuted, stamp: Row) -> None:
        row = {name: getattr(trade, name) for name in ("trade_id", "symbol", "price", "quantity", "aggressor_side")}
        busted = trade.trade_id in self._said_busted
        self._trades.put({**row, "busted": busted, **stamp}, ended=True)
        if busted:
            return
        for interval in INTERVALS:
            series = (trade.symbol, interval)
            start_ns = start_of(interval, stamp["time_ns"])
            candle = self._latest_candle.get(series)
            if candle is None or candle["start_ns"] != start_ns:
                if candle is not None:
                    self._candles.put(candle, ended=True)
                candle = self._latest_candle[series] = {
                    "symbol": trade.symbol,
                    "interval": interval,
                    "start_ns": start_ns,
                    "open": trade.price,
                    "high": trade.price,
                    "low": trade.price,
                    "volume": 0,
                    "turnover_fen": 0,
                }
            candle["high"] = max(candle["high"], trade.price)
            candle["low"] = min(candle["low"], trade.price)
            candle["close"] = trade.price
            candle["volume"] += trade.quantity
            candle["turnover_fen"] += trade.price * trade.quantity

    def close(self, engine: Engine) -> None:
        """Compare what is left, count the rows, and hold live state, ledger and receipts against each other.

        `engine` has executed exactly the batches taken.
        """
        for candle in self._latest_candle.values():
            self._candles.put(candle, ended=True)
        self._agree_with(engine)
        for rows in (
            self._configurations,
            self._participants,
            self._accounts_open,
            self._deposits,
            self._lots,
            self._receipts,
            self._merges,
            self._receipt_transfers,
            self._regrades,
            self._stock_changes,
            self._orders,
            self._fills,
            self._transfers,
            self._balances,
            self._busts,
            self._adjustments,
            self._bank_statements,
            self._bank_lines,
            self._reconciliations,
            self._withdrawals,
            self._vouchers,
            self._pendings,
            self._trades,
            self._candles,
        ):
            rows.close()
            self.rows += rows.count
        self.rows += self._stores.close() + self._deliveries.close() + self._contracts.close()
        self.rows += self._history.close(engine)
        self.rows += self._daily_trading.close()
        for trade_id in sorted(self._busted ^ self._said_busted):
            said = "is not" if trade_id in self._busted else "is"
            self._differ("trades", f"{trade_id} {said} marked as busted")
        self._compare_instruments(engine)
        for about, told in self._told.items():
            if told > MAXIMUM_TOLD:
                self._report(f"{about}: {told - MAXIMUM_TOLD} more")

    # -- the engine against the events

    @property
    def engine_agrees(self) -> str | None:
        """What of the engine was found to be as the events say, once all is closed; none where anything was not."""
        if any(about.startswith("engine's ") for about in self._told):
            return None
        return (
            f"{len(self._orders.live):,} live orders, {len(self._receipts.live):,} receipts, "
            f"{len(self._lots.live):,} lots and {len(self._balances.live):,} balances are what the events say"
        )

    def _agree_with(self, engine: Engine) -> None:
        everyone = [participant.participant_id for participant in engine.participants()]
        self._same("engine's orders", self._orders.live, _by_id(engine.live_orders, everyone, "order_id"))
        # Reservations alone change a receipt without telling.
        self._same(
            "engine's receipts", self._receipts.live, _by_id(engine.receipts, everyone, "receipt_id"), but="reserved_g"
        )
        told_deliveries: dict[Any, Row] = {(key,): asdict(order) for key, order in self._deliveries.live.items()}
        found_deliveries: dict[Any, Row] = {(each.delivery_id,): asdict(each) for each in engine.delivery.all()}
        self._same("engine's deliveries", told_deliveries, found_deliveries)
        told_contracts: dict[Any, Row] = {(key,): asdict(each) for key, each in self._contracts.live.items()}
        found_contracts: dict[Any, Row] = {(each.contract_id,): asdict(each) for each in engine.contracts.all()}
        self._same("engine's contracts", told_contracts, found_contracts)
        for account, held in self._contracts.held.items():
            kept = self._accounts.get((account, messages.CASH), 0)
            if kept != held:
                self._differ("ledger", f"{account} has {kept}, the contracts hold {held}")
        self._same("engine's lots", self._lots.live, {(lot.lot_id,): asdict(lot) for lot in engine.lots()})
        balances = {
            (balance.participant_id, balance.asset): asdict(balance)
            for participant_id in everyone
            for balance in engine.balances(participant_id)
            if balance.total or balance.reserved
        }
        told = {key: row for key, row in self._balances.live.items() if row["total"] or row["reserved"]}
        self._same("engine's balances", told, balances)
        self._balance_the_books(balances)

    def _same(self, about: str, told: dict[Any, Row], found: dict[Any, Row], but: str | None = None) -> None:
        for key in sorted(told.keys() | found.keys()):
            if key not in found or key not in told:
                self._differ(about, f"{_shown(key)} is {'missing' if key in told else 'there, no event tells of it'}")
                continue
            for name, value in found[key].items():
                if name != but and told[key][name] != value:
                    detail = f"{_shown(key)} has {name} {value!r}, the events say {told[key][name]!r}"
                    self._differ(about, detail)

    def _balance_the_books(self, balances: dict[tuple[int, str], Row]) -> None:
        """Each asset sums to zero, nobody but the venue owes, and balances are what ledger and receipts add up to."""
        sums: dict[str, int] = {}
        posted: dict[tuple[int, str], int] = {}
        held: dict[tuple[int, str], int] = {}
        symbols: dict[str, str] = {}
        for row in self._receipts.live.values():
            key = (row["participant_id"], row["symbol"])
            held[key] = held.get(key, 0) + row["weight_g"]
            symbols[f"LOT-{row['lot_id']}"] = row["symbol"]
        for (account, asset), amount in self._accounts.items():
            sums[asset] = sums.get(asset, 0) + amount
            kind, _, number = account.partition(":")
            if kind == "participant":
                if amount < 0:
                    self._differ("ledger", f"{account} owes {-amount} of {asset}")
                key = (int(number), symbols.get(asset, asset))
                posted[key] = posted.get(key, 0) + amount
        for asset, amount in sums.items():
            if amount:
                self._differ("ledger", f"{asset} sums to {amount}")
        totals = {key: row["total"] for key, row in balances.items() if row["total"]}
        goods = {key: total for key, total in totals.items() if key[1] != messages.CASH}
        for about, added, wanted in (("ledger", posted, totals), ("receipts", held, goods)):
            for key in sorted(added.keys() | wanted.keys()):
                if added.get(key, 0) != wanted.get(key, 0):
                    detail = f"participant {key[0]} holds {added.get(key, 0)} of {key[1]}, the balance says "
                    self._differ(about, f"{detail}{wanted.get(key, 0)}")

    def _compare_instruments(self, engine: Engine) -> None:
        table = marketdata.tables.instruments
        stored = {row.symbol: dict(row._mapping) for row in self._connection.execute(select(table))}
        for symbol in sorted(set(engine.market.symbols()) | stored.keys()):
            view = engine.market.instrument(symbol)
            if view is None or symbol not in stored:
                self._differ("instruments", f"{symbol} is {'in excess' if view is None else 'missing'}")
                continue
            for name, value in stored[symbol].items():
                if name != "sequence" and value != getattr(view, name):
                    self._differ("instruments", f"{symbol} has {name} {value!r}, the engine {getattr(view, name)!r}")


class _Rows:
    """The rows of one table: live ones as they stand, ended ones until the next comparison."""

    def __init__(self, table: Table, connection: Connection, differ: Callable[[str, str], None]) -> None:
        self._table = table
        self._connection = connection
        self._differ = differ
        self.key = [column.name for column in table.primary_key]
        self.count = 0
        self.live: dict[tuple[Any, ...], Row] = {}
        self._ended: dict[tuple[Any, ...], Row] = {}

    def put(self, row: Row, ended: bool = False) -> None:
        key = tuple(row[name] for name in self.key)
        if key not in self.live and key not in self._ended:
            self.count += 1
        if not ended:
            self.live[key] = row
            return
        self.live.pop(key, None)
        self._ended[key] = row
        if len(self._ended) >= min(COMPARED_AT_ONCE, VALUES_AT_ONCE // len(self.key)):
            self._compare(self._ended)
            self._ended.clear()

    def close(self) -> None:
        self._compare(self._ended)
        for part in _parts(self.live):
            self._compare(part)
        stored = self._connection.execute(select(func.count()).select_from(self._table)).scalar_one()
        if stored != self.count:
            self._differ(self._table.name, f"{stored} rows, the journal makes {self.count}")

    def _compare(self, wanted: dict[tuple[Any, ...], Row]) -> None:
        if not wanted:
            return
        columns = [self._table.c[name] for name in self.key]
        among = columns[0].in_([key[0] for key in wanted]) if len(columns) == 1 else tuple_(*columns).in_(list(wanted))
        stored = {
            tuple(row._mapping[name] for name in self.key): row._mapping
            for row in self._connection.execute(select(self._table).where(among))
        }
        for key, row in wanted.items():
            found = stored.get(tuple(_stored(part) for part in key))
            if found is None:
                self._differ(self._table.name, f"{_shown(key)} is missing")
                continue
            for name, value in found.items():
                expected = _stored(row[name])
                if value != expected:
                    detail = f"{_shown(key)} has {name} {value!r}, the journal says {expected!r}"
                    self._differ(self._table.name, detail)


def _by_id(
    ask: Callable[[int], Iterable[msgspec.Struct]], everyone: list[int], name: str
) -> dict[tuple[int, ...], Row]:
    rows = (asdict(item) for participant_id in everyone for item in ask(participant_id))
    return {(row[name],): row for row in rows}


def _parts(rows: dict[tuple[Any, ...], Row]) -> Iterator[dict[tuple[Any, ...], Row]]:
    part: dict[tuple[Any, ...], Row] = {}
    for key, row in rows.items():
        part[key] = row
        if len(part) == COMPARED_AT_ONCE:
            yield part
            part = {}
    yield part


def _shown(key: tuple[Any, ...]) -> str:
    return " ".join(map(str, key))


def _stored(value: Any) -> Any:
    """As a database gives it back: 63 bits at most, no NUL in a text, tuples and Structs as JSON has them."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return min(max(value, -(2**63)), 2**63 - 1)
    if isinstance(value, str):
        return settlement.tables.storable(value)
    return msgspec.json.decode(msgspec.json.encode(value))
