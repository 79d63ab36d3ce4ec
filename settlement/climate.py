"""The climate of the stores: loggers, the lots that they speak for, and what a broken cold chain leads to.

    °C     tolerated: 2 hours outside 12.0–15.0
    17            ┌─────────────┐
    16         ┌──┘             │          since 08:00, too long by 10:00:
    15 ────────┤······│·········├─────     receipts held, offers cancelled, holders told,
    14 ────────┘      │         └─────     life shortened by what it has cost so far;
              08:00  10:00    13:00        and by each further whole hour, till it is right again

A reading holds till the logger's next, but no longer than the rule's gap. Each logger counts for itself. Where several
speak for one lot it loses what the worst of them makes of it: two thermometers in one room are no two fires.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct, field, msgpack

from settlement.books import Books
from settlement.civil import NANOSECONDS
from settlement.digest import Digest
from settlement.messages import ReceiptChanged, RequestRefused
from settlement.messages.climate import (
    MAXIMUM_READINGS,
    AffectedReceipt,
    ClimateRule,
    ColdChainBroken,
    ColdChainRestored,
    LifeShortened,
    LoggerRegistered,
    LotPlaced,
    PlaceLot,
    ReadingsRecorded,
    RecordReadings,
    RegisterLogger,
)
from settlement.messages.receipts import Hold
from settlement.office import Handlers
from settlement.receipts import LiveReceipt, Stock

COLD_CHAIN: Final = "cold_chain"

MAXIMUM_LOGGERS: Final = 1_000
"""More than two county stores and fifteen stations have corners; what a logger keeps is bounded too."""

HOUR_NS: Final = 3_600 * NANOSECONDS

_LOST_IN_AN_HOUR: Final = 60 * HOUR_NS
"""Nanoseconds times minutes an hour that make one hour of life."""

_encode = msgpack.Encoder().encode

Taken = tuple[int, int, int | None]
"""A reading: time, tenths of a degree, permille of humidity."""


class Logger(Struct, gc=False, array_like=True):
    """A logger where it stands, and the excursion that it is in, if any.

    `outside_ns` is the time outside the range that readings vouch for since `since_ns`, `lost` what it costs as
    nanoseconds times minutes an hour, `hours` the whole hours of it that lots have lost already. `lots` are those that
    the break was told for.
    """

    logger_id: str
    warehouse: str
    chamber: str | None
    last: Taken | None = None
    since_ns: int | None = None
    extreme_dc: int = 0
    outside_ns: int = 0
    lost: int = 0
    break_id: int | None = None
    hours: int = 0
    lots: dict[int, None] = field(default_factory=dict)
    chain: bytes = b""


class LoggerView(Struct, frozen=True, kw_only=True):
    """A logger as people see it: where it stands, what it read last, and the excursion that it is in, if any."""

    logger_id: str
    warehouse: str
    chamber: str | None
    last_ns: int | None
    temperature_dc: int | None
    humidity_permille: int | None
    outside_since_ns: int | None
    break_id: int | None


class LotClimate(Struct, gc=False, array_like=True):
    """Where a lot lies, and the hours of life that each logger there says it has lost in all."""

    lot_id: int
    chamber: str | None = None
    lost: dict[str, int] = field(default_factory=dict)


class ClimateState(Struct, frozen=True, array_like=True):
    last_break_id: int
    loggers: list[Logger]
    known: dict[str, list[Taken]]
    lots: list[LotClimate]


class Climate:
    """The office of the cold chain. A reading costs O(1), a break or an hour lost O(lots of the warehouse)."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self.buyer_of: Callable[[int], int | None] = _nobody
        """To whom a receipt's goods are promised by a contract; set where there are contracts."""
        self._last_break_id = 0
        self._loggers: dict[str, Logger] = {}
        self._known: dict[str, dict[int, tuple[int, int | None]]] = {}
        """The newest readings of each logger, by time: what is sent again is known."""
        self._lots: dict[int, LotClimate] = {}
        self._logger_digest: Digest[str] = Digest()
        self._lot_digest: Digest[int] = Digest()

    def handlers(self) -> Handlers:
        return {
            RegisterLogger: self._register_logger,
            PlaceLot: self._place_lot,
            RecordReadings: self._record_readings,
        }

    # Looking

    def loggers(self) -> list[LoggerView]:
        """In the order in which they were registered first. O(loggers)."""
        return [
            LoggerView(
                logger_id=logger.logger_id,
                warehouse=logger.warehouse,
                chamber=logger.chamber,
                last_ns=None if logger.last is None else logger.last[0],
                temperature_dc=None if logger.last is None else logger.last[1],
                humidity_permille=None if logger.last is None else logger.last[2],
                outside_since_ns=logger.since_ns,
                break_id=logger.break_id,
            )
            for logger in self._loggers.values()
        ]

    def chamber_of(self, lot_id: int) -> str | None:
        """Where a lot lies, None where nobody has said. O(1)."""
        found = self._lots.get(lot_id)
        return None if found is None else found.chamber

    # Commands

    def _register_logger(self, command: RegisterLogger) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_warehouse`, `too_many_loggers`."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse", "operator")):
            return
        if not self._known_warehouse(command, command.warehouse):
            return
        logger = self._loggers.get(command.logger_id)
        if logger is None:
            if len(self._loggers) == MAXIMUM_LOGGERS:
                books.refuse(command, "too_many_loggers", "logger_id")
                return
            logger = self._loggers[command.logger_id] = Logger(command.logger_id, command.warehouse, command.chamber)
            self._known[command.logger_id] = {}
        else:
            self._end_excursion(logger, books.time_ns)
            logger.warehouse = command.warehouse
            logger.chamber = command.chamber
        self._logger_digest.changed[command.logger_id] = None
        books.events.append(
            LoggerRegistered(logger_id=command.logger_id, warehouse=command.warehouse, chamber=command.chamber)
        )

    def _place_lot(self, command: PlaceLot) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_lot`."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        receipts = books.receipts.of_lot(command.lot_id)
        if not receipts:
            books.refuse(command, "unknown_lot", "lot_id")
            return
        self._forget_lots()
        # What it has lost is lost; from here on the loggers of its new place count from nothing.
        self._lots[command.lot_id] = LotClimate(command.lot_id, command.chamber)
        self._lot_digest.changed[command.lot_id] = None
        warehouse = books.receipts.stock(command.lot_id).warehouse
        books.events.append(LotPlaced(lot_id=command.lot_id, warehouse=warehouse, chamber=command.chamber))

    def _record_readings(self, command: RecordReadings) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_warehouse`, `unknown_logger`, then of the first
        reading at fault `invalid_readings`, `reading_in_future` or `reading_too_old`; the field tells which it is.
        """
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        if not self._known_warehouse(command, command.warehouse):
            return
        logger = self._loggers.get(command.logger_id)
        if logger is None or logger.warehouse != command.warehouse:
            books.refuse(command, "unknown_logger", "logger_id")
            return
        new = self._new_readings(command, logger)
        if new is None:
            return
        books.events.append(
            ReadingsRecorded(
                logger_id=logger.logger_id,
                warehouse=logger.warehouse,
                readings=tuple(new),
                repeated=len(command.readings) - len(new),
            )
        )
        self._remember(logger, new)
        self._forget_lots()
        rule = books.venue.climate
        for reading in new:
            if rule is not None:
                self._take(logger, reading, rule)
            logger.last = reading
        if logger.break_id is not None:
            self._break(logger, new[-1][0] if new else books.time_ns)
        self._shorten(logger)

    def _known_warehouse(self, command: RegisterLogger | RecordReadings, code: str) -> bool:
        known = any(warehouse.code == code for warehouse in self._books.venue.warehouses)
        if not known:
            self._books.refuse(command, "unknown_warehouse", "warehouse")
        return known

    # Readings

    def _new_readings(self, command: RecordReadings, logger: Logger) -> list[Taken] | None:
        """Those that are not known yet, ascending; None where one was refused."""
        readings = command.readings
        reasons = ((at, self._refuse_reading(logger, *pair)) for at, pair in enumerate(pairwise((None, *readings))))
        for at, reason in reasons:
            if reason is not None:
                tag = "record_readings"
                self._books.events.append(RequestRefused(command=tag, reason=reason, field=f"readings[{at}]"))
                return None
        after_ns = None if logger.last is None else logger.last[0]
        new: list[Taken] = []
        for reading in readings:
            if after_ns is None or reading[0] > after_ns:
                new.append(reading)
                after_ns = reading[0]
        return new

    def _refuse_reading(self, logger: Logger, before: Taken | None, reading: Taken | None) -> str | None:
        assert reading is not None
        time_ns, *values = reading
        if before is not None and time_ns <= before[0] and reading != before:
            return "invalid_readings"
        if time_ns > self._books.time_ns:
            return "reading_in_future"
        if logger.last is not None and time_ns <= logger.last[0]:
            if self._known[logger.logger_id].get(time_ns) != tuple(values):
                return "reading_too_old"
        return None

    def _remember(self, logger: Logger, readings: Iterable[Taken]) -> None:
        known = self._known[logger.logger_id]
        for reading in readings:
            known[reading[0]] = reading[1:]
            logger.chain = blake2b(logger.chain + _encode(reading), digest_size=16).digest()
        for time_ns in list(known)[: max(0, len(known) - MAXIMUM_READINGS)]:
            del known[time_ns]
        self._logger_digest.changed[logger.logger_id] = None

    def _take(self, logger: Logger, reading: Taken, rule: ClimateRule) -> None:
        """Count the time since the last reading, then what the new one says."""
        time_ns, temperature_dc, _ = reading
        if logger.since_ns is not None:
            assert logger.last is not None
            held_ns = min(time_ns - logger.last[0], rule.gap_seconds * NANOSECONDS)
            logger.outside_ns += held_ns
            logger.lost += held_ns * minutes_lost(rule, logger.last[1])
            if logger.break_id is None and logger.outside_ns > rule.tolerated_seconds * NANOSECONDS:
                self._break(logger, time_ns)
        if not outside_dc(rule, temperature_dc):
            self._end_excursion(logger, time_ns)
        elif logger.since_ns is None:
            logger.since_ns = time_ns
            logger.extreme_dc = temperature_dc
        elif outside_dc(rule, temperature_dc) > outside_dc(rule, logger.extreme_dc):
            logger.extreme_dc = temperature_dc

    def _break(self, logger: Logger, time_ns: int) -> None:
        """The time outside is too long: tell it once, and again for lots that have come under the logger since."""
        lots = [stock for stock in self._covered(logger) if stock.lot_id not in logger.lots]
        again = logger.break_id is not None
        if again and not lots:
            return
        if logger.break_id is None:
            self._last_break_id += 1
            logger.break_id = self._last_break_id
        books = self._books
        assert logger.since_ns is not None
        affected: list[AffectedReceipt] = []
        held: list[LiveReceipt] = []
        for stock in lots:
            logger.lots[stock.lot_id] = None
            for receipt in books.receipts.of_lot(stock.lot_id):
                if "expired" in (receipt.state, receipt.beneath):
                    continue
                affected.append(self._affected(receipt))
                if not any(hold.cause == COLD_CHAIN for hold in receipt.holds):
                    held.append(receipt)
        books.desk.uncover_all(held, COLD_CHAIN)
        hold = Hold(
            cause=COLD_CHAIN,
            reason=f"logger {logger.logger_id}, break {logger.break_id}",
            operator_id=0,
            since_ns=books.time_ns,
        )
        symbols: dict[str, None] = {}
        for receipt in held:
            books.receipts.hold(receipt, hold)
            message = books.receipts.message(receipt)
            books.events.append(ReceiptChanged("held", message))
            books.touch(receipt.participant_id, message.symbol)
            symbols[message.symbol] = None
        books.desk.close_exhausted(symbols)
        books.events.append(
            ColdChainBroken(
                break_id=logger.break_id,
                logger_id=logger.logger_id,
                warehouse=logger.warehouse,
                chamber=logger.chamber,
                since_ns=logger.since_ns,
                time_ns=time_ns,
                extreme_dc=logger.extreme_dc,
                receipts=tuple(affected),
                again=again,
            )
        )

    def _affected(self, receipt: LiveReceipt) -> AffectedReceipt:
        other_id = self.buyer_of(receipt.receipt_id)
        if other_id in (None, receipt.participant_id):
            other_id = None if receipt.pledge is None else receipt.pledge.lender_id
        return AffectedReceipt(
            receipt_id=receipt.receipt_id,
            lot_id=receipt.lot_id,
            participant_id=receipt.participant_id,
            weight_g=receipt.weight_g,
            counterparty_id=other_id,
        )

    def _end_excursion(self, logger: Logger, time_ns: int) -> None:
        """It is right again, or the logger has left: what has been lost stays lost."""
        if logger.break_id is not None:
            self._shorten(logger)
            self._books.events.append(
                ColdChainRestored(
                    break_id=logger.break_id,
                    logger_id=logger.logger_id,
                    time_ns=time_ns,
                    extreme_dc=logger.extreme_dc,
                    outside_ns=logger.outside_ns,
                )
            )
        logger.since_ns = None
        logger.extreme_dc = logger.outside_ns = logger.lost = logger.hours = 0
        logger.break_id = None
        logger.lots = {}

    # Life

    def _shorten(self, logger: Logger) -> None:
        """Take the whole hours that a break has cost since the last time from the life of the lots in it."""
        break_id = logger.break_id
        hours = logger.lost // _LOST_IN_AN_HOUR
        if break_id is None or hours == logger.hours:
            return
        more = hours - logger.hours
        logger.hours = hours
        for lot_id in logger.lots:
            if not self._books.receipts.of_lot(lot_id):
                continue
            place = self._lots.get(lot_id)
            if place is None:
                place = self._lots[lot_id] = LotClimate(lot_id)
            worst = max(place.lost.values(), default=0)
            place.lost[logger.logger_id] = place.lost.get(logger.logger_id, 0) + more
            self._lot_digest.changed[lot_id] = None
            self._bring_forward(break_id, lot_id, hours, max(0, max(place.lost.values()) - worst))

    def _bring_forward(self, break_id: int, lot_id: int, hours: int, by_hours: int) -> None:
        """Let a lot expire earlier, at the earliest in a moment: time does not run backwards, and what is due by now
        has been done. What has expired has no life to lose.
        """
        books = self._books
        stock = books.receipts.stock(lot_id)
        if books.receipts.shorten(stock, max(stock.expires_ns - by_hours * HOUR_NS, books.time_ns + 1)):
            for receipt in books.receipts.of_lot(lot_id):
                books.events.append(ReceiptChanged("life_shortened", books.receipts.message(receipt)))
        books.events.append(LifeShortened(break_id=break_id, lot_id=lot_id, hours=hours, expires_ns=stock.expires_ns))

    def _covered(self, logger: Logger) -> Iterator[Stock]:
        """The lots that the logger speaks for: in its chamber, or where nobody has said in which chamber."""
        for stock in self._books.receipts.stocks():
            if stock.warehouse == logger.warehouse:
                chamber = self.chamber_of(stock.lot_id)
                if logger.chamber is None or chamber is None or chamber == logger.chamber:
                    yield stock

    def _forget_lots(self) -> None:
        """Lots that have left the warehouse are nobody's worry here."""
        gone = [lot_id for lot_id in self._lots if not self._books.receipts.of_lot(lot_id)]
        for lot_id in gone:
            del self._lots[lot_id]
            self._lot_digest.changed[lot_id] = None

    # Time and state: readings bring their own time, nothing is due by itself

    def next_deadline_ns(self) -> int | None:
        return None

    def reach(self) -> None:
        pass

    def state(self) -> bytes:
        known = {
            logger_id: [(time_ns, *values) for time_ns, values in readings.items()]
            for logger_id, readings in self._known.items()
        }
        return _encode(
            ClimateState(self._last_break_id, list(self._loggers.values()), known, list(self._lots.values()))
        )

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=ClimateState)
        self._last_break_id = decoded.last_break_id
        for logger in decoded.loggers:
            self._loggers[logger.logger_id] = logger
            self._known[logger.logger_id] = {reading[0]: reading[1:] for reading in decoded.known[logger.logger_id]}
            self._logger_digest.changed[logger.logger_id] = None
        for lot in decoded.lots:
            self._lots[lot.lot_id] = lot
            self._lot_digest.changed[lot.lot_id] = None

    def digest(self) -> Any:
        return (
            self._last_break_id,
            self._logger_digest.bring_up_to_date(self._loggers.get),
            self._lot_digest.bring_up_to_date(self._lots.get),
        )

    def audit(self) -> None:
        assert self._loggers.keys() == self._known.keys()
        for logger in self._loggers.values():
            known = self._known[logger.logger_id]
            assert list(known) == sorted(known)
            assert len(known) <= MAXIMUM_READINGS
            assert (logger.last is None) == (not known)
            if logger.last is not None:
                assert next(reversed(known)) == logger.last[0]
            assert logger.since_ns is not None or not (logger.outside_ns or logger.lost or logger.break_id)
            assert logger.hours <= logger.lost // _LOST_IN_AN_HOUR
            assert logger.break_id is not None or not logger.lots
        for lot_id, lot in self._lots.items():
            assert lot.lot_id == lot_id


def outside_dc(rule: ClimateRule, temperature_dc: int) -> int:
    """Tenths of a degree outside the range, 0 inside it."""
    return max(rule.low_dc - temperature_dc, temperature_dc - rule.high_dc, 0)


def minutes_lost(rule: ClimateRule, temperature_dc: int) -> int:
    """Minutes of life that an hour at this temperature costs beside itself, by started degrees outside the range."""
    degrees = -(-outside_dc(rule, temperature_dc) // 10)
    if not degrees:
        return 0
    table = rule.above_minutes if temperature_dc > rule.high_dc else rule.below_minutes
    return table[min(degrees, len(table)) - 1]


def _nobody(_receipt_id: int) -> int | None:
    return None
