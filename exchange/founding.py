"""`exchange init`: the first operator of an empty venue, who lets everybody else in; `exchange password`: whoever has
lost his.
"""

import asyncio
import getpass
import os
import secrets
import sys

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from exchange.config import Settings, SetupError
from exchange.database import connect, unreachable
from exchange.journal import JournalError
from exchange.premises import Premises, premises
from exchange.sqlite_journal import lock_journal
from settlement.messages import ParticipantRegistered, RegisterParticipant
from web import reserves_key
from web.passwords import Passwords
from web.sessions import has_credentials, set_credentials
from web.settings import WebSettings
from web.tables import credentials

MINIMUM_PASSWORD = 8


def found(settings: Settings, name: str, password: str | None) -> int:
    """Make the first operator and say so. Raises `SetupError` where there is one, or name or password will not do."""
    password, drawn = _password_for(name, password)
    if not ensure_operator(settings, name, password, name):
        raise SetupError(
            f"the venue in {settings.data} has an operator, who makes others by POST /api/v1/operator/participants"
        )
    try:
        reserves_key.key_in(settings.folder)
    except (OSError, ValueError) as error:
        raise SetupError(f"the key that signs reserves cannot be made: {error}") from None
    print(f"operator {name} made in {settings.data}" + (f", password {drawn}" if drawn else ""))
    return 0


def change_password(settings: Settings, name: str, password: str | None) -> int:
    """Let somebody who could sign in do so by another password, and end his sessions. Raises `SetupError` where he
    could not, or while the venue runs: it knows his sessions by heart.
    """
    password, drawn = _password_for(name, password)
    _check_password(password)
    if not settings.journal_path.exists():
        raise SetupError(f"there is no venue in {settings.data}; name its folder by --data")
    try:
        lock = lock_journal(settings.journal_path)
    except JournalError as error:
        raise SetupError(f"{error}; stop it first") from None
    database = connect(settings.database)
    try:
        password_hash = asyncio.run(_hash(password))
        with database.begin() as connection:
            query = select(credentials.c.participant_id).where(credentials.c.name == name)
            participant_id = connection.execute(query).scalar_one_or_none()
            if participant_id is None:
                raise SetupError(f"nobody signs in to the venue in {settings.data} as {name}")
            set_credentials(connection, participant_id, name, password_hash)
    except DBAPIError as error:
        raise SetupError(str(unreachable(database.url, error))) from None
    finally:
        database.dispose()
        os.close(lock)
    print(f"{name} has another password in {settings.data}" + (f": {drawn}" if drawn else ""))
    return 0


def ensure_operator(settings: Settings, name: str, password: str, display_name: str) -> bool:
    """Make an operator unless one can sign in already; whether it was made.

    Safe to repeat after a crash at any point: an operator without credentials is given some.
    """
    _check_password(password)
    with premises(settings) as opened:
        database = connect(settings.database)
        try:
            operators = [each for each in opened.engine.participants() if "operator" in each.roles]
            with database.begin() as connection:
                if any(has_credentials(connection, each.participant_id) for each in operators):
                    return False
            named = next((each for each in operators if each.name == name), None)
            operator = named or _register(opened, name, display_name)
            password_hash = asyncio.run(_hash(password))
            with database.begin() as connection:
                set_credentials(connection, operator.participant_id, name, password_hash)
            return True
        finally:
            database.dispose()


def is_founded(settings: Settings) -> bool:
    """Whether somebody can sign in, as far as the database says; costs no replay. The first who can is an operator."""
    if not settings.journal_path.exists():
        return False
    database = connect(settings.database, read_only=True)
    try:
        with database.connect() as connection:
            return connection.execute(select(credentials.c.participant_id).limit(1)).first() is not None
    except SQLAlchemyError:
        return False  # no such table yet; what else it may be, opening the premises will find out and say
    finally:
        database.dispose()


def _register(opened: Premises, name: str, display_name: str) -> ParticipantRegistered:
    fields = {"type": "register_participant", "name": name, "display_name": display_name, "roles": ["operator"]}
    try:
        command = msgspec.convert(fields, RegisterParticipant)
    except msgspec.ValidationError as error:
        raise SetupError(f"operator: {error}") from None
    for event in opened.commit(command)[0]:
        if isinstance(event, ParticipantRegistered):
            return event
    raise SetupError(f"the name {name} is taken by a participant who is no operator")


def _password_for(name: str, password: str | None) -> tuple[str, str]:
    """As given, by flag or environment, or asked for; else drawn, and then told twice, to be printed."""
    password = password or os.environ.get("EXCHANGE_OPERATOR_PASSWORD")
    if not password and sys.stdin.isatty():
        password = getpass.getpass(f"password for {name} (empty: draw one): ")
    drawn = "" if password else secrets.token_urlsafe(12)
    return password or drawn, drawn


def _check_password(password: str) -> None:
    if len(password) < MINIMUM_PASSWORD:
        raise SetupError(f"the password is shorter than {MINIMUM_PASSWORD} characters")


async def _hash(password: str) -> str:
    web = WebSettings()
    passwords = Passwords(web.password_memory_kib, web.password_passes)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
