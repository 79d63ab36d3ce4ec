"""References are taken once, and their digest tells all that were taken and in which order."""

from settlement.references import References


def test_a_reference_is_taken_and_counted() -> None:
    references = References()
    assert (references.take("bank-1"), references.take("bank-2")) == (1, 2)
    assert "bank-1" in references
    assert "bank-3" not in references
    assert references.state() == ["bank-1", "bank-2"]


def test_what_is_put_back_has_the_same_digest() -> None:
    references, other, again = References(), References(), References()
    references.restore(["a", "b"])
    other.restore(["b", "a"])
    again.restore(references.state())
    assert references.digest() == again.digest() != other.digest()
