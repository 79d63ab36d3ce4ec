"""The call auction: one price at which most trades.

price   buyers at it   sellers at it   volume   surplus
  103        10              50          10       -40
  102        40              50          40       -10    <- most volume, least surplus
  101        40              20          20       +20
  100        70              20          20       +50
"""

from collections.abc import Iterable, Sequence

from matching.instrument import Instrument
from matching.messages import Phase
from matching.order import Order

Interval = tuple[int, int, int]
"""(lowest price, highest price, bought minus sold) of candidates between which nothing changes."""


def equilibrium(
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    market_buy: int,
    market_sell: int,
    tick_size: int,
    reference: int | None,
) -> tuple[int | None, int, int]:
    """The (price, volume, surplus) of an uncross; price None and zeros if nothing crosses.

    `bids` and `asks` are (price, whole quantity) of the limits, best first, one pair a price or several. Candidates are
    all ticks between the lowest and the highest limit; with no limits, the reference alone. They are judged by most
    volume, then least surplus, then pressure (all in surplus to buy: the highest; all to sell: the lowest), then
    nearest the reference if there is one, then lowest.

    Between two neighbouring limits nothing changes, so only the limits and the gaps between them are looked at:
    O(levels), however many ticks lie between.
    """
    buyers = list(bids)
    sellers = list(asks)
    if not buyers and not sellers:
        volume = min(market_buy, market_sell)
        if reference is None or not volume:
            return None, 0, 0
        return reference, volume, market_buy - market_sell
    best_volume = 0
    least_surplus = 0
    candidates: list[Interval] = []
    for low, high, bought, sold in _steps(buyers, sellers, market_buy, market_sell, tick_size):
        volume = min(bought, sold)
        surplus = bought - sold
        if volume > best_volume or (volume == best_volume and abs(surplus) < least_surplus):
            best_volume = volume
            least_surplus = abs(surplus)
            candidates = [(low, high, surplus)]
        elif volume == best_volume and abs(surplus) == least_surplus:
            candidates.append((low, high, surplus))
    if not best_volume:
        return None, 0, 0
    price, surplus = _choose(candidates, tick_size, reference)
    return price, best_volume, surplus


def _steps(
    buyers: Sequence[tuple[int, int]],
    sellers: Sequence[tuple[int, int]],
    market_buy: int,
    market_sell: int,
    tick_size: int,
) -> Iterable[tuple[int, int, int, int]]:
    """(lowest, highest, bought, sold) of each limit price and each gap between two of them, rising."""
    bought_at: dict[int, int] = {}
    sold_at: dict[int, int] = {}
    for price, quantity in sellers:
        sold_at[price] = sold_at.get(price, 0) + quantity
    for price, quantity in buyers:
        bought_at[price] = bought_at.get(price, 0) + quantity
    bought = market_buy + sum(bought_at.values())
    sold = market_sell
    above: int | None = None
    for price in sorted(bought_at | sold_at):
        if above is not None and above < price:
            yield above, price - tick_size, bought, sold
        sold += sold_at.get(price, 0)
        yield price, price, bought, sold
        bought -= bought_at.get(price, 0)
        above = price + tick_size


def _choose(candidates: Sequence[Interval], tick_size: int, reference: int | None) -> tuple[int, int]:
    """(price, surplus) among candidates of equal volume and equal absolute surplus, given rising."""
    lowest, _, low_surplus = candidates[0]
    _, highest, high_surplus = candidates[-1]
    if all(surplus > 0 for _, _, surplus in candidates):
        return highest, high_surplus
    if reference is None or all(surplus < 0 for _, _, surplus in candidates):
        return lowest, low_surplus
    chosen = lowest
    surplus_there = low_surplus
    for low, high, surplus in candidates:
        nearest = min(max(reference, low), high)
        # A reference off the grid, from before a change of tick, has a candidate on either side of it.
        below = nearest - (nearest - low) % tick_size
        for price in (below, min(below + tick_size, high)):
            if abs(price - reference) < abs(chosen - reference):
                chosen, surplus_there = price, surplus
    return chosen, surplus_there


def takes_part(order: Order, phase: Phase) -> bool:
    """Whether the order takes part in an uncross into this phase: `opening` and `closing` orders wait for their own."""
    return order.terms.time_in_force != ("opening" if phase == "closed" else "closing")


def entrants(instrument: Instrument, phase: Phase) -> tuple[list[Order], list[Order]]:
    """(buyers, sellers) of an uncross into `phase`, by market orders first, then price, then time. O(n log n)."""
    sides: list[list[Order]] = []
    for buy in (True, False):
        found = instrument.market(buy).orders()
        found.extend(instrument.ladder(buy).orders())
        found.extend(order for order in instrument.closing.orders() if order.buy == buy)
        sides.append(sorted((order for order in found if takes_part(order, phase)), key=_priority))
    return sides[0], sides[1]


def _priority(order: Order) -> tuple[int, int]:
    if order.price is None:
        return -1 << 62, order.stamp
    return (-order.price if order.buy else order.price), order.stamp


def cross(buyer: Order, seller: Order) -> bool:
    """Whether the two could trade with each other: a market order could with anyone."""
    return buyer.price is None or seller.price is None or buyer.price >= seller.price


def own_crossings(buyers: Sequence[Order], sellers: Sequence[Order]) -> list[Order]:
    """The orders to cancel before an uncross so that nobody trades with himself, in the order of their cancelling.

    Per participant in ascending id: while the best buy and the best sell cross, the younger goes. O(orders).
    """
    mine: dict[int, tuple[list[Order], list[Order]]] = {}
    # Worst first, so that the best is taken off the end.
    for order in reversed(buyers):
        mine.setdefault(order.participant_id, ([], []))[0].append(order)
    for order in reversed(sellers):
        if order.participant_id in mine:
            mine[order.participant_id][1].append(order)
    cancelled: list[Order] = []
    for participant_id in sorted(mine):
        buys, sells = mine[participant_id]
        while buys and sells and cross(buys[-1], sells[-1]):
            cancelled.append(buys.pop() if buys[-1].stamp > sells[-1].stamp else sells.pop())
    return cancelled


def uncross_price(
    instrument: Instrument, buyers: Sequence[Order], sellers: Sequence[Order]
) -> tuple[int | None, int, int]:
    """The (price, volume, surplus) at which these entrants uncross. O(orders)."""
    bids = [(order.price, order.remaining) for order in buyers if order.price is not None]
    asks = [(order.price, order.remaining) for order in sellers if order.price is not None]
    market_buy = sum(order.remaining for order in buyers if order.price is None)
    market_sell = sum(order.remaining for order in sellers if order.price is None)
    return _equilibrium_of(instrument, bids, asks, market_buy, market_sell)


def indicative(instrument: Instrument) -> tuple[int | None, int, int]:
    """The (price, volume, surplus) of an uncross now, of what has collected. O(levels).

    Self trades are found only by the uncross itself, and orders for the close show themselves only there.
    """
    bids = [(level.price, level.quantity + level.hidden) for level in instrument.bids]
    asks = [(level.price, level.quantity + level.hidden) for level in instrument.asks]
    return _equilibrium_of(instrument, bids, asks, instrument.market_buys.quantity, instrument.market_sells.quantity)


def _equilibrium_of(
    instrument: Instrument,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    market_buy: int,
    market_sell: int,
) -> tuple[int | None, int, int]:
    fences = instrument.floor, instrument.ceiling
    return collected(bids, asks, market_buy, market_sell, instrument.tick_size, instrument.reference(), fences)


def collected(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    market_buy: int,
    market_sell: int,
    tick_size: int,
    reference: int | None,
    fences: tuple[int, int],
) -> tuple[int | None, int, int]:
    """The `equilibrium` of what has collected where prices may be no lower and no higher than `fences`. O(levels)."""
    if reference is not None and not bids and not asks:
        # Alone, the reference is a price to trade at: one left from before a new definition must fit that.
        if reference % tick_size or not fences[0] <= reference <= fences[1]:
            reference = None
    return equilibrium(bids, asks, market_buy, market_sell, tick_size, reference)


def allot(buyers: Sequence[Order], sellers: Sequence[Order], price: int, volume: int) -> list[tuple[Order, Order, int]]:
    """Who trades how much with whom at the price: (buyer, seller, quantity), in the entrants' order. O(orders)."""
    trades: list[tuple[Order, Order, int]] = []
    next_buyer = next_seller = 0
    left_to_buy = buyers[0].remaining
    left_to_sell = sellers[0].remaining
    while volume:
        buyer, seller = buyers[next_buyer], sellers[next_seller]
        assert buyer.price is None or buyer.price >= price
        assert seller.price is None or seller.price <= price
        quantity = min(left_to_buy, left_to_sell, volume)
        trades.append((buyer, seller, quantity))
        volume -= quantity
        left_to_buy -= quantity
        left_to_sell -= quantity
        if volume and not left_to_buy:
            next_buyer += 1
            left_to_buy = buyers[next_buyer].remaining
        if volume and not left_to_sell:
            next_seller += 1
            left_to_sell = sellers[next_seller].remaining
    return trades
