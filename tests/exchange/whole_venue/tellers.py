"""What happens to money and to the venue itself: the bank, withdrawals, vouchers; operators, instruments, rules."""

from typing import Any

from msgspec.structs import replace

from matching.messages import DefineInstrument, SetPhase
from settlement.civil import day_number, iso_date
from settlement.messages import (
    AdjustCash,
    AnnounceLot,
    BustTrade,
    ConfigureVenue,
    Deposit,
    InspectLot,
    IssueReceipt,
    RegisterParticipant,
    Variety,
    WeighLot,
)
from settlement.messages.climate import ClimateRule
from settlement.messages.contracts import AnnounceTradingDays, ContractTerms, Differential
from settlement.messages.delivery import DeliveryTerms, Dock
from settlement.messages.storage import StorageTariff
from settlement.messages.treasury import (
    ApproveRelease,
    ApproveVoucher,
    ApproveWithdrawal,
    CancelWithdrawal,
    ImportStatement,
    ProposeRelease,
    ProposeVoucher,
    RejectRelease,
    RejectVoucher,
    RejectWithdrawal,
    RequestWithdrawal,
    StatementLine,
    VoucherEntry,
)
from settlement.payment_codes import deposit_code, virtual_account
from settlement.symbols import symbol_of
from settlement.venue import WAREHOUSES
from tests.exchange.whole_venue.crowd import DAY_NS, HOUR_NS, MODES, Chance, Group

DOCK = Dock(warehouse="SX1", code="A", opens_s=0, closes_s=86_400, slot_seconds=1_800, capacity_kg=30)
OTHER_DOCK = Dock(warehouse="SX1", code="B", opens_s=6 * 3_600, closes_s=20 * 3_600, slot_seconds=3_600, capacity_kg=25)
DIFFERENTIALS = (
    Differential(kind="location", value="SX1", fen_per_kg=0),
    Differential(kind="location", value="SX2", fen_per_kg=-3),
    Differential(kind="grade", value="E", fen_per_kg=9),
    Differential(kind="grade", value="1", fen_per_kg=0),
    Differential(kind="grade", value="2", fen_per_kg=-14),
    Differential(kind="ripeness", value="1", fen_per_kg=0),
    Differential(kind="ripeness", value="2", fen_per_kg=-2),
)
VARIETIES = (
    Variety(code="BXJ", name_zh="巴西蕉", name_en="Brazil", green_life_days=28),
    Variety(code="HDJ", name_zh="皇帝蕉", name_en="Lady Finger", green_life_days=10),
)


class Tellers:
    """Money in and out."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self._day = ""

    def groups(self) -> list[Group]:
        return [
            Group("cash", [(2.5, self.deposit), (0.4, self.adjust)]),
            Group(
                "withdrawals",
                [(1.2, self.withdraw), (2.5, self.approve_withdrawal), (0.4, self.reject), (0.5, self.cancel)],
            ),
            Group(
                "bank", [(1.6, self.statement), (1.2, self.propose), (1.6, self.approve), (0.4, self.reject_release)]
            ),
            Group("vouchers", [(0.6, self.propose_voucher), (0.8, self.approve_voucher), (0.25, self.reject_voucher)]),
        ]

    def deposit(self) -> Any:
        chance = self.chance
        return Deposit(
            participant_id=chance.trader(), amount_fen=chance.pick(500, 6_000, 40_000), reference=chance.name("bank")
        )

    def adjust(self) -> Any:
        chance = self.chance
        return AdjustCash(
            operator_id=chance.operator(),
            debit_id=chance.trader(),
            credit_id=chance.trader(),
            amount_fen=chance.pick(1, 300, 5_000),
            reference=chance.name("case"),
            reason="goods have gone on",
        )

    # Withdrawals

    def withdraw(self) -> Any:
        chance = self.chance
        who = chance.trader()
        total_fen, reserved_fen = chance.books.told.get((who, "CNY"), (0, 0))
        free_fen = total_fen - reserved_fen
        return RequestWithdrawal(
            participant_id=who,
            client_reference=chance.name("out"),
            amount_fen=max(1, free_fen if chance.likely(15) else chance.between(1, min(free_fen + 1, 2_000))),
            payee_name="李明",
            payee_bank="ICBC",
            payee_account="6228",
            life_ns=chance.pick(HOUR_NS, DAY_NS, 5 * DAY_NS),
        )

    def _withdrawal(self, *states: str) -> Any:
        found = self.chance.books.treasury.withdrawals.values()
        return self.chance.one([each for each in found if not states or each.state in states])

    def approve_withdrawal(self) -> Any:
        withdrawal = self._withdrawal("requested")
        if withdrawal is None:
            return None
        approved = withdrawal.approvals[0] if withdrawal.approvals else withdrawal.participant_id
        operator_id = self.chance.another_operator(approved)
        return ApproveWithdrawal(operator_id=operator_id, withdrawal_id=withdrawal.withdrawal_id)

    def reject(self) -> Any:
        withdrawal = self._withdrawal()
        if withdrawal is None:
            return None
        return RejectWithdrawal(
            operator_id=self.chance.operator(), withdrawal_id=withdrawal.withdrawal_id, reason="no such account"
        )

    def cancel(self) -> Any:
        withdrawal = self._withdrawal()
        if withdrawal is None:
            return None
        who = withdrawal.participant_id or 6
        return CancelWithdrawal(participant_id=who, withdrawal_id=withdrawal.withdrawal_id)

    # The bank

    def statement(self) -> Any:
        """The next day's, of days that have long passed at first."""
        chance = self.chance
        treasury = chance.books.treasury
        last = day_number(treasury.last_date)
        day = chance.today() - 120 if last is None else last + chance.pick(1, 1, 2)
        if day > chance.today():
            return None
        lines = [self._line() for _ in range(chance.between(0, 4))]
        if treasury.by_hand and chance.likely(60):
            reference = chance.one(list(treasury.by_hand))
            assert reference is not None
            lines.append(StatementLine(bank_reference=reference, amount_fen=treasury.by_hand[reference]))
        in_flight = self._withdrawal("approved")
        if in_flight is not None and chance.likely(70):
            wrong = chance.likely(15)
            lines.append(
                StatementLine(
                    bank_reference=chance.name("line"),
                    amount_fen=-in_flight.amount_fen - (1 if wrong else 0),
                    memo=in_flight.number if chance.likely(85) else "",
                )
            )
        opening_fen = 1_000_000 if treasury.closing_fen is None else treasury.closing_fen
        closing_fen = opening_fen + sum(line.amount_fen for line in lines)
        if closing_fen < 0:
            return None
        return ImportStatement(
            operator_id=chance.operator(),
            date=iso_date(day),
            opening_fen=opening_fen,
            closing_fen=closing_fen,
            lines=tuple(lines),
        )

    def _line(self) -> StatementLine:
        chance = self.chance
        who = chance.trader()
        drawn = chance.between(0, 6)
        fields: dict[str, Any] = {}
        amount_fen = chance.pick(1, 700, 9_000)
        if drawn == 0:
            fields["virtual_account"] = virtual_account(who)
        elif drawn == 1:
            fields["memo"] = f"{deposit_code(who)} 货款"
        elif drawn == 2:
            fields["memo"] = "RJ00000699"
        elif drawn == 3:
            fields["virtual_account"] = "P77"
        elif drawn == 4:
            amount_fen = -chance.pick(1, 50, 400)
        if chance.likely(60):
            fields |= {"counterparty": "李明", "counterparty_account": "6228"}
        return StatementLine(bank_reference=chance.name("line"), amount_fen=amount_fen, **fields)

    def propose(self) -> Any:
        chance = self.chance
        lines = [line for line in chance.books.treasury.lines.values() if line.release is None]
        line = chance.one(lines)
        if line is None:
            return None
        to: Any = (
            chance.pick("participant", "venue", "sender")
            if line.amount_fen > 0
            else chance.pick("participant", "venue")
        )
        named: dict[str, Any] = {}
        in_flight = self._withdrawal("approved")
        if line.amount_fen < 0 and in_flight is not None and chance.likely(60):
            to = "withdrawal"
            named["withdrawal_id"] = in_flight.withdrawal_id
        elif to == "participant":
            named["participant_id"] = chance.trader()
        elif to == "venue":
            named["account"] = chance.pick("fees", "storage", "risk_fund")
        return ProposeRelease(operator_id=chance.operator(), line_id=line.line_id, to=to, reason="asked", **named)

    def _proposed(self) -> Any:
        lines = self.chance.books.treasury.lines.values()
        return self.chance.one([line for line in lines if line.release is not None])

    def approve(self) -> Any:
        line = self._proposed()
        if line is None:
            return None
        operator_id = self.chance.another_operator(line.release.proposed_by)
        return ApproveRelease(operator_id=operator_id, line_id=line.line_id)

    def reject_release(self) -> Any:
        line = self._proposed()
        if line is None:
            return None
        return RejectRelease(operator_id=self.chance.operator(), line_id=line.line_id, reason="not so")

    # Vouchers

    def propose_voucher(self) -> Any:
        chance = self.chance
        accounts = ("bank", "bank", "fees", "storage", "risk_fund", f"participant:{chance.trader()}")
        entries = []
        for _ in range(chance.between(1, 3)):
            debit, credit = chance.random.sample(accounts, 2)
            entries.append(VoucherEntry(debit=debit, credit=credit, amount_fen=chance.pick(1, 40, 2_000)))
        return ProposeVoucher(
            operator_id=chance.operator(), reference=chance.name("voucher"), reason="bank's fee", entries=tuple(entries)
        )

    def approve_voucher(self) -> Any:
        voucher = self.chance.one(list(self.chance.books.treasury.vouchers.values()))
        if voucher is None:
            return None
        operator_id = self.chance.another_operator(voucher.proposed_by)
        return ApproveVoucher(operator_id=operator_id, voucher_id=voucher.voucher_id)

    def reject_voucher(self) -> Any:
        voucher_id = self.chance.one(list(self.chance.books.treasury.vouchers))
        if voucher_id is None:
            return None
        return RejectVoucher(operator_id=self.chance.operator(), voucher_id=voucher_id, reason="no")


class Operators:
    """Rules, instruments, phases, corrections."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self._registered = 0

    def groups(self) -> list[Group]:
        return [
            Group("instruments", [(3, self.define_missing), (1.2, self.close_and_define), (0.5, self.phase)]),
            Group("phases", [(4, self.reopen)]),
            Group("busts", [(1.5, self.bust)]),
            Group("rules", [(0.35, self.configure), (0.25, self.announce_days), (0.15, self.register)]),
        ]

    # The prologue

    def first_venue(self) -> ConfigureVenue:
        chance = self.chance
        return ConfigureVenue(
            fee_rate_ppm=chance.pick(0, 500, 30_000),
            fee_taker_rate_ppm=chance.pick(None, 40_000, 10_000),
            fee_minimum_fen=chance.pick(0, 0, 7),
            warehouses=WAREHOUSES,
            varieties=VARIETIES,
            storage=self._storage(),
            contract=self._terms(),
            differentials=DIFFERENTIALS,
            climate=ClimateRule(
                tolerated_seconds=chance.pick(0, 3_600, 7_200), gap_seconds=chance.pick(900, 3_600, 7_200)
            ),
            docks=chance.pick((), (DOCK,), (DOCK, OTHER_DOCK)),
            delivery=DeliveryTerms(
                slot_grace_seconds=chance.pick(0, 1_800, 7_200),
                code_tries=chance.pick(1, 3),
                acceptance_hours=chance.pick(1, 24),
                buy_in_attempts=chance.pick(1, 3),
                buy_in_interval_seconds=chance.pick(60, 3_600, 86_400),
            ),
        )

    def _storage(self) -> tuple[StorageTariff, ...]:
        chance = self.chance
        tariff = StorageTariff(
            warehouse="SX1",
            fen_per_tonne_day=chance.pick(300, 9_000),
            free_days=chance.pick(0, 1, 3),
            free_days_after_trade=chance.pick(0, 2),
            insurance_fen_per_tonne_day=chance.pick(0, 20),
            insured_fen_per_kg=chance.pick(0, 90),
            wastage_permille=chance.pick(0, 50, 200),
        )
        return chance.pick((), (tariff,), (tariff, replace(tariff, warehouse="SX2", free_days=1)))

    def _terms(self) -> ContractTerms | None:
        chance = self.chance
        payment = chance.pick(0, 1, 2)
        pickup = payment + chance.pick(1, 2)
        return ContractTerms(
            earnest_permille=chance.pick(200, 200, 333),
            payment_days=payment,
            pickup_days=pickup,
            final_days=pickup + chance.pick(0, 2, 5),
            first_part_permille=chance.pick(0, 800, 800, 1_000),
            tolerance_permille=chance.pick(0, 50, 100, 200),
            objection_hours=chance.pick(0, 8, 48, 48),
            late_permille=chance.pick(1, 20, 150),
            termination_days=chance.pick(1, 3, 6),
            substitution=chance.likely(70),
            automatic_tender=chance.likely(40),
        )

    def prologue(self) -> list[Any]:
        """Rules, people and some money."""
        chance = self.chance
        people: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("olive", ("operator",)),
            ("oscar", ("operator",)),
            ("opal", ("operator", "trader")),
            ("wu", ("warehouse", "trader")),
            ("wei", ("warehouse",)),
            *[(name, ("grower", "trader")) for name in ("ann", "bo", "cai", "du")],
        )
        registered = [
            RegisterParticipant(name=name, display_name=name.title(), roles=roles, obliged=name == "du")
            for name, roles in people
        ]
        days = [
            AnnounceTradingDays(
                since=chance.date(),
                until=chance.date(-90),
                days=tuple(iso_date(day) for day in range(chance.today(), chance.today() + 91) if (day + 3) % 7 < 6),
            )
        ]
        money = [
            Deposit(participant_id=who, amount_fen=chance.pick(4_000, 40_000), reference=f"first-{who}")
            for who in (3, 4, 5, 6, 7, 8, 9)
        ]
        stocked = [command for number in range(1, 9) for command in self._stocked(number)]
        return [self.first_venue(), *registered, *(days if chance.likely(95) else []), *money, *stocked]

    def _stocked(self, number: int) -> list[Any]:
        """A lot of the first day, from its instrument to its receipt."""
        chance = self.chance
        modes = list(MODES)
        grade, warehouse = modes[number % len(modes)]
        variety = chance.pick("BXJ", "BXJ", "BXJ", "HDJ")
        harvest_day = chance.today() - chance.pick(0, 0, 1)
        symbol = symbol_of(variety, grade, warehouse, harvest_day)  # type: ignore[arg-type]
        weight_g = 1_000 * chance.between(15, 60) + chance.pick(0, 0, 7)
        lot = {"grade": grade, "variety": variety, "warehouse": warehouse, "harvest_date": iso_date(harvest_day)}
        who = chance.pick(6, 7, 8)
        keeper = chance.storekeeper()
        return [
            self._definition(symbol),
            AnnounceLot(participant_id=who, cartons=9, weight_g=weight_g, town="岭北镇", village="synthetic 7", **lot),
            WeighLot(operator_id=keeper, lot_id=number, gross_g=weight_g + 900, tare_g=900, scale_id="scale-1"),
            InspectLot(operator_id=keeper, lot_id=number, grade=grade, colour_stage=1, defect_permille=20),  # type: ignore[arg-type]
            IssueReceipt(operator_id=keeper, lot_id=number),
        ]

    # Instruments

    def define_missing(self) -> Any:
        """The instrument of a lot on its way, before its first receipt defines it."""
        chance = self.chance
        lots = [lot for lot in chance.engine.lots() if chance.engine.market.instrument(lot.symbol) is None]
        lot = chance.one(lots)
        return None if lot is None else self._definition(lot.symbol)

    def close_and_define(self) -> Any:
        """Close what has the mode of first receipts, then define it as the crowd would have it."""
        chance = self.chance
        found = chance.engine.market.symbols()
        odd = [symbol for symbol in found if chance.mode_of(symbol) != self._mode(symbol)]
        symbol = chance.one(odd) if odd and chance.likely(80) else chance.one(found)
        if symbol is None:
            return None
        instrument = chance.engine.market.instrument(symbol)
        assert instrument is not None
        if instrument.phase != "closed":
            return SetPhase(symbol, "closed") if symbol in odd or chance.likely(15) else None
        return self._definition(symbol)

    def _mode(self, symbol: str) -> str:
        _, grade, warehouse, _ = symbol.split("-")
        return MODES[grade, warehouse]

    def _definition(self, symbol: str) -> Any:
        chance = self.chance
        mode = self._mode(symbol) if chance.likely(95) else chance.pick(*MODES.values())
        reference = chance.pick(None, 98, 100, 103)
        return DefineInstrument(
            symbol,
            mode=mode,
            phase="auction" if mode == "call_auction" else "continuous",
            tick_size=chance.pick(1, 1, 1, 2),
            lot_size=chance.pick(1, 1, 1, 2),
            reference_price=reference,
            band=None if reference is None else chance.pick(None, 6, 20),
            collar=chance.pick(None, None, 3) if mode == "continuous" else None,
            protection=chance.pick(None, None, 2) if mode == "continuous" else None,
            cancel_on_halt=chance.likely(20),
        )

    def phase(self) -> Any:
        chance = self.chance
        symbol = chance.one(chance.engine.market.symbols())
        return None if symbol is None else SetPhase(symbol, chance.pick("auction", "auction", "halted", "closed"))

    def reopen(self) -> Any:
        """What is shut opens; what collects uncrosses."""
        chance = self.chance
        market = chance.engine.market
        found = []
        for symbol in market.symbols():
            view = market.instrument(symbol)
            if view is not None and (view.phase != "continuous" if view.mode != "call_auction" else True):
                found.append(view)
        view = chance.one(found)
        if view is None:
            return None
        if view.mode == "call_auction":
            return SetPhase(view.symbol, "closed" if view.phase == "auction" and chance.likely(40) else "auction")
        return SetPhase(view.symbol, "continuous")

    # Corrections and rules

    def bust(self) -> Any:
        chance = self.chance
        trades = list(chance.books.orders.trades)
        trade_id = chance.one(trades[-3:] if chance.likely(80) else trades)
        if trade_id is None:
            return None
        return BustTrade(operator_id=chance.operator(), trade_id=trade_id, reason="a digit too many")

    def configure(self) -> Any:
        chance = self.chance
        drawn = self.first_venue()
        changes = [
            {"contract": drawn.contract if chance.likely(80) else None},
            {"fee_rate_ppm": drawn.fee_rate_ppm, "fee_taker_rate_ppm": drawn.fee_taker_rate_ppm},
            {"fee_minimum_fen": drawn.fee_minimum_fen},
            {"storage": drawn.storage},
            {"docks": drawn.docks},
            {"delivery": drawn.delivery},
            {"climate": drawn.climate if chance.likely(70) else None},
            {"differentials": chance.pick((), DIFFERENTIALS, DIFFERENTIALS[:3])},
            {"profile": chance.pick("open", "open", "cn-spot")},
            {
                "varieties": chance.pick(
                    VARIETIES, VARIETIES[:1], (VARIETIES[0], replace(VARIETIES[1], green_life_days=6))
                )
            },
        ]
        return replace(chance.engine.venue(), **chance.pick(*changes))

    def announce_days(self) -> Any:
        chance = self.chance
        told = chance.engine.contracts.days.told()
        if told is None:
            since = chance.today()
        else:
            since = chance.between(max(told[0], chance.today() - 2), told[1] + 1)
        until = max(since, chance.today() + chance.between(20, 90), 0 if told is None else told[1])
        days = tuple(iso_date(day) for day in range(since, until + 1) if not chance.likely(20))
        return AnnounceTradingDays(since=iso_date(since), until=iso_date(until), days=days)

    def register(self) -> Any:
        self._registered += 1
        return RegisterParticipant(
            name=f"guest{self._registered}", display_name="Guest", roles=self.chance.pick((), ("trader",), ("analyst",))
        )
