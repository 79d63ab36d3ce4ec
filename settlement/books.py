"""The books that all offices of the venue share: money, goods, people, and the page that the command at hand fills.

    command ──► its office ──► books: ledger, purses, receipts ──► events, balances touched
                                 ▲
                     the desk: what stands in the market on a receipt, trades that an office asks for

An office (`settlement.office`) decides; the books keep: a purse never differs from its ledger account.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from settlement.clearing import Purse
from settlement.digest import Digest
from settlement.ledger import SHRINKAGE, Ledger, participant_account
from settlement.messages import (
    CASH,
    BalanceChanged,
    ConfigureVenue,
    LedgerPosted,
    ParticipantRegistered,
    RequestRefused,
    Role,
    Transfer,
)
from settlement.messages.ledger import PostingCause
from settlement.participants import Participants
from settlement.receipts import LiveReceipt, Receipts, Stock
from settlement.venue import DEFAULT_VENUE

Account = Purse | str
"""Whose money: a participant's, or the venue's own by name."""


OWN_ACCOUNTS: Final = ("bank", "fees", "earnest", "escrow", "storage", "risk_fund", "suspense")
"""The venue's own money, by what it is kept for: custody, income, money of others held, and what is not yet known."""


class Desk(Protocol):
    """What offices ask of trading."""

    def uncover(self, receipt: LiveReceipt, reason: str, kept_g: int = 0) -> None:
        """Cancel whole orders that stand on a receipt, newest first, until at most `kept_g` of it is reserved."""

    def binding(self, receipt: LiveReceipt) -> str | None:
        """Why the holder cannot take back what stands on a receipt: `has_bids`, `bid_stands`; None where he can."""

    def uncover_all(self, receipts: Iterable[LiveReceipt], reason: str) -> None:
        """Cancel all orders that stand on any of these receipts, newest first."""

    def open(self, symbol: str) -> None:
        """There is something to sell: define the instrument, or open again what was closed for want of receipts."""

    def close_exhausted(self, symbols: Iterable[str]) -> None:
        """Where no receipt can be sold any more, cancel what rests and close till the next receipt."""

    def lot_size(self, symbol: str) -> int:
        """Kilograms of which an order's quantity is a multiple; 1 for a symbol that is not defined."""

    def execute_within(self, command: Any) -> None:
        """Let a command of a participant's be part of the command at hand: what it leads to is told with the rest."""


class Books:
    """What is so, and what the command at hand has done so far."""

    desk: Desk
    """Set by the engine before the first command."""

    def __init__(self) -> None:
        self.sequence = 0
        """The command at hand, or the one that time's coming stands in front of."""
        self.time_ns = 0
        self.configure(None)
        self.participants: Final = Participants()
        self.purses: Final[dict[int, Purse]] = {}
        self.purse_digest: Final[Digest[int]] = Digest()
        self.ledger: Final = Ledger()
        self.receipts: Final = Receipts()
        self.delivering: Final[dict[int, int]] = {}
        """Receipts whose goods a delivery order is to fetch, and its number: they leave by that and in no other way."""
        self.lost: Callable[[Stock, Sequence[tuple[LiveReceipt, int]]], None] = _bear
        """Asked by who has recorded what receipts of a lot have lost; the office of storage claims its part."""
        self.made_good: Callable[[Stock, int], None] = _count_for_nothing
        """Told of grams that a lot has lost and somebody pays for already: nobody claims them again."""
        self.events: Final[list[Any]] = []
        self.balances: Final[dict[tuple[int, str], None]] = {}
        """(participant, asset) that the command has touched; each is told once, when it closes."""

    def configure(self, venue: ConfigureVenue | None) -> None:
        """From now on this configuration is in force; None: there is none yet."""
        self.configured = venue
        self.venue = venue = venue or DEFAULT_VENUE
        """Before there is one, what a venue is unless it chooses otherwise."""
        self.fees = (venue.fee_rate_ppm, venue.taker_rate_ppm, venue.fee_minimum_fen)
        """Of orders that come now: maker's rate, taker's rate, minimum."""

    # Refusing

    def refuse(self, command: Any, reason: str, field: str | None = None) -> None:
        """The command changes nothing; say why."""
        self.events.append(RequestRefused(command=command.__struct_config__.tag, reason=reason, field=field))

    def may(self, command: Any, field: str, roles: Sequence[Role]) -> bool:
        """Whether the one whom the command names in `field` is known and has one of the roles; else it is refused."""
        refusal = self.participants.refuse_role(getattr(command, field), tuple(roles))
        if refusal is not None:
            self.refuse(command, refusal, field)
        return refusal is None

    # Money and goods

    def pay(self, debit: Account, credit: Account, amount_fen: int) -> Transfer:
        """Move money; the purses follow. Whether the payer has it free is for the office to look at before."""
        return self.ledger.transfer(CASH, self._moved(debit, -amount_fen), self._moved(credit, amount_fen), amount_fen)

    def move_goods(self, stock: Stock, debit: str, credit: str, weight_g: int) -> Transfer:
        """Move grams of a lot between accounts of the ledger; the receipts are the office's to change."""
        return self.ledger.transfer(stock.asset, debit, credit, weight_g)

    def post(self, cause: PostingCause, reference_id: int, transfers: Iterable[Transfer]) -> None:
        """Tell linked transfers; nothing for none."""
        linked = tuple(transfers)
        if linked:
            self.events.append(LedgerPosted(cause, reference_id, linked))

    def touch(self, participant_id: int, asset: str) -> None:
        """The balance is to be told when the command closes."""
        self.balances[participant_id, asset] = None

    def balance(self, participant_id: int, asset: str) -> BalanceChanged:
        """What he has of `CNY` or of a symbol's goods now."""
        if asset == CASH:
            purse = self.purses[participant_id]
            return BalanceChanged(participant_id, CASH, purse.total_fen, purse.reserved_fen)
        total_g, reserved_g = self.receipts.balance(participant_id, asset)
        return BalanceChanged(participant_id, asset, total_g, reserved_g)

    def write_off(self) -> None:
        """Write off what is recorded as lost of lots of which nothing is left."""
        emptied = self.receipts.emptied
        for stock in emptied:
            loss = self.move_goods(stock, SHRINKAGE, stock.account, stock.shrinkage_g)
            self.post("shrinkage", stock.lot_id, (loss,))
        emptied.clear()

    def close(self) -> None:
        """Write off what has not been written off yet, and tell each touched balance once."""
        balances = self.balances
        if not balances:
            return
        if self.receipts.emptied:
            self.write_off()
        purses = self.purses
        goods = self.receipts.balance
        changed = self.purse_digest.changed
        append = self.events.append
        for participant_id, asset in balances:
            if asset == CASH:
                purse = purses[participant_id]
                changed[participant_id] = None
                append(BalanceChanged(participant_id, CASH, purse.total_fen, purse.reserved_fen))
            else:
                total_g, reserved_g = goods(participant_id, asset)
                append(BalanceChanged(participant_id, asset, total_g, reserved_g))
        balances.clear()

    # People

    def admit(self, registered: ParticipantRegistered) -> None:
        """Open the account of one who was registered just now."""
        participant_id = registered.participant_id
        self.restore_purse(Purse(participant_id, participant_account(participant_id)))

    def restore_purse(self, purse: Purse) -> None:
        self.purses[purse.participant_id] = purse
        self.purse_digest.changed[purse.participant_id] = None

    def _moved(self, account: Account, amount_fen: int) -> str:
        if isinstance(account, str):
            return account
        account.total_fen += amount_fen
        self.balances[account.participant_id, CASH] = None
        return account.account


def _bear(_stock: Stock, _lost: Sequence[tuple[LiveReceipt, int]]) -> None:
    """Where nobody claims, who has lost goods has lost them."""


def _count_for_nothing(_stock: Stock, _weight_g: int) -> None:
    """Where nobody claims, nothing could be claimed twice."""
