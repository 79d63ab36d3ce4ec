"""A digest depends on what is there, not on how it came about, and on nothing that was not said to have changed."""

from hypothesis import given
from hypothesis import strategies as st

from settlement.digest import BYTES, Digest

steps = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 9)), st.booleans()))


@given(steps)
def test_two_histories_of_the_same_items_have_one_digest(history: list[tuple[int, int | None, bool]]) -> None:
    items: dict[int, tuple[int, int]] = {}
    digest: Digest[int] = Digest()
    for key, value, asked in history:
        if value is None:
            items.pop(key, None)
        else:
            items[key] = (key, value)
        digest.changed[key] = None
        if asked:
            digest.bring_up_to_date(items.get)
    fresh: Digest[int] = Digest()
    fresh.changed.update(dict.fromkeys(reversed(list(items))))
    assert digest.bring_up_to_date(items.get) == fresh.bring_up_to_date(items.get)
    assert not digest.changed


def test_other_items_have_another_digest() -> None:
    found = set()
    for items in ({}, {1: (1, 1)}, {1: (1, 2)}, {2: (2, 1)}, {1: (1, 1), 2: (2, 1)}):
        digest: Digest[int] = Digest()
        digest.changed.update(dict.fromkeys(items))
        found.add(digest.bring_up_to_date(items.get))
    assert len(found) == 5
    assert all(len(each) == BYTES for each in found)
