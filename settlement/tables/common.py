"""What the tables of all subjects share: one collection, its names, the columns that recur."""

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Text

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


def identifier(name: str) -> Column[int]:
    """A key that the engine gives: never counted by the database."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)
