"""What the tables of all subjects share: one collection, its names, the columns that recur."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, MetaData, Text, TextClause

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def storable(text: str) -> str:
    """PostgreSQL keeps no NUL in a text; the mark of an unreadable character stands for it, in rows and in
    questions."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def identifier(name: str, key: str | None = None) -> Column[int]:
    """A key that the engine gives: never counted by the database. Where it is another table's too, `key` names that."""
    foreign = () if key is None else (ForeignKey(key),)
    return Column(name, BigInteger, *foreign, primary_key=True, autoincrement=False)


def reference(name: str, key: str, *, optional: bool = False, deferred: bool = False) -> Column[int]:
    """The key of a row of another table, as `participants.participant_id`. `deferred`: it may be written after this
    one, within the same transaction."""
    when: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED", "use_alter": True} if deferred else {}
    return Column(name, BigInteger, ForeignKey(key, **when), nullable=optional)


def account(name: str) -> Column[str]:
    """An account of the ledger: a participant's or the venue's own."""
    return Column(name, Text, ForeignKey("accounts.account"), nullable=False)


def part(name: str, key: str, condition: TextClause) -> Index:
    """An index by key of the rows that are of interest at the moment, few among all that ever were. A query says the
    condition in the same words."""
    return Index(name, key, sqlite_where=condition, postgresql_where=condition)


def rule(name: str, condition: str) -> CheckConstraint:
    """What must hold within a row, in SQL that SQLite and PostgreSQL read alike."""
    return CheckConstraint(condition, name)


def one_of(column: str, known: Iterable[str]) -> CheckConstraint:
    """The column holds one of these words, or NULL where it may."""
    return rule(column, column + " IN (" + ", ".join(f"'{word}'" for word in known) + ")")


def integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)
