"""Client ids are remembered for a day after their order's end; their digest follows without a look at the table."""

from hypothesis import given
from hypothesis import strategies as st

from settlement.client_ids import BLOCK, REMEMBERED_NS, ClientIds, content_of
from settlement.messages import EnterOrder


def order(name: str, participant_id: int = 4, **changes: int) -> EnterOrder:
    fields = {"quantity": 1, "price": 250} | changes
    return EnterOrder(participant_id=participant_id, client_order_id=name, symbol="S", side="buy", **fields)


def test_the_content_is_everything_that_was_sent() -> None:
    same = content_of(order("a"))
    assert content_of(order("a")) == same
    assert content_of(order("b")) != same
    assert content_of(order("a", price=251)) != same
    assert 0 <= same < 2**64


def test_an_id_lives_with_its_order_and_a_day_longer() -> None:
    ids = ClientIds()
    ids.remember(order("a"), 1, 10)
    ids.forget(10 * REMEMBERED_NS)
    assert ids.get(4, "a") is not None
    ids.end(4, "a", 10 * REMEMBERED_NS)
    ids.forget(11 * REMEMBERED_NS - 1)
    known = ids.get(4, "a")
    assert known is not None
    assert ids.repeated(known, order("a")).same_content
    assert not ids.repeated(known, order("a", quantity=2)).same_content
    ids.forget(11 * REMEMBERED_NS)
    assert ids.get(4, "a") is None


@given(st.lists(st.integers(0, 3), max_size=3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_the_digest_is_the_same_after_a_restart_and_of_another_history_another(steps: list[int], cut: int) -> None:
    ids, restored = ClientIds(), ClientIds()
    digests = {ids.digest()}
    for number, hours in enumerate(steps):
        if number == cut:
            restored.restore(*ids.state(), [])
            assert restored.digest() == ids.digest()
        for one in (ids, restored)[: 2 if number >= cut else 1]:
            one.remember(order(f"{number}"), number, number)
            one.end(4, f"{number}", number * REMEMBERED_NS // 20)
            one.forget(number * REMEMBERED_NS // 20 + hours)
        if number >= cut:
            assert restored.digest() == ids.digest()
            assert restored.state() == ids.state()
        digests.add(ids.digest())
    assert len(digests) == len(steps) + 1
    ids.audit({})
