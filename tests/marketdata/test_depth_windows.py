"""The book as readers see it: levels by order, windows of the best levels, checksums."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from marketdata.depth import EMPTY_CHECKSUM, Depth, checksum
from tests.marketdata.feed_reader import on_book


def test_orders_add_up_to_levels() -> None:
    depth = Depth()
    depth.apply(on_book(1, "buy", 250, 400))
    depth.apply(on_book(2, "buy", 250, 100))
    depth.apply(on_book(3, "sell", 260, 300))
    depth.apply(on_book(4, "sell", 255, 50))
    depth.check()
    assert depth.draw() == "ask 260 300/1\nask 255 50/1\nbid 250 500/2"

    depth.apply(on_book(1, "buy", 250, 150))  # partly filled
    depth.apply(on_book(4, "sell", 255, 0))  # cancelled
    depth.apply(on_book(3, "sell", 270, 300))  # amended
    depth.check()
    assert depth.draw() == "ask 270 300/1\nbid 250 250/2"
    assert depth.bids.top() == (250, 250)


def test_an_order_that_never_showed_may_be_said_to_show_nothing() -> None:
    depth = Depth()
    depth.apply(on_book(1, "buy", 250, 0))
    depth.check()
    assert depth.draw() == ""
    assert depth.checksum() == EMPTY_CHECKSUM == zlib.crc32(b"|")


def test_an_order_that_loses_its_priority_goes_behind_the_others() -> None:
    depth = Depth()
    for order_id in (1, 2, 3):
        depth.apply(on_book(order_id, "buy", 250, 100))
    depth.apply(on_book(2, "buy", 250, 60))
    assert list(depth.orders) == [1, 2, 3]
    depth.apply(on_book(1, "buy", 250, 100, priority_lost=True))
    assert list(depth.orders) == [2, 3, 1]
    depth.check()


def test_the_checksum_is_of_the_best_ten_asks_then_bids() -> None:
    asks = [(260 + step, 10 * step + 10, 1) for step in range(12)]
    bids = [(250, 5, 2), (249, 7, 1)]
    text = ",".join(f"{260 + step}:{10 * step + 10}" for step in range(10)) + "|250:5,249:7"
    assert checksum(bids, asks) == zlib.crc32(text.encode())


shown = st.tuples(
    st.integers(1, 40), st.sampled_from(["buy", "sell"]), st.integers(1, 14), st.integers(0, 3), st.booleans()
)


@given(
    st.lists(st.lists(shown, max_size=8), max_size=30),
    st.sampled_from([1, 2, 3, 5, None]),
)
def test_who_applies_the_changes_of_a_window_sees_the_window(batches: list[list[tuple]], size: int | None) -> None:  # type: ignore[type-arg]
    depth = Depth()
    seen: dict[str, dict[int, tuple[int, int]]] = {"buy": {}, "sell": {}}
    edges: dict[str, int | None] = {"buy": None, "sell": None}
    orders: dict[int, tuple[str, int, int]] = {}
    for batch in batches:
        for order_id, side, price, quantity, priority_lost in batch:
            depth.apply(on_book(order_id, side, price, quantity, priority_lost=priority_lost))
            orders[order_id] = (side, price, quantity)
        depth.check()
        for name, side in (("buy", depth.bids), ("sell", depth.asks)):
            edge = side.edge(size)
            changes = side.changes(side.touched, edges[name], edge)
            edges[name] = edge
            keys = [price if name == "buy" else -price for price, _, _ in changes]
            assert keys == sorted(keys, reverse=True), "best first, each once"
            for price, quantity, count in changes:
                before = seen[name].pop(price, None)
                if quantity:
                    assert before != (quantity, count), "told without need"
                    seen[name][price] = (quantity, count)
                else:
                    assert before is not None, "taken away without having been told"
            truth: dict[int, tuple[int, int]] = {}
            for of, price, quantity in orders.values():
                if of == name and quantity:
                    total, count = truth.get(price, (0, 0))
                    truth[price] = (total + quantity, count + 1)
            best = sorted(truth, reverse=name == "buy")[:size]
            assert seen[name] == {price: truth[price] for price in best}
        depth.settle()
