"""Who takes part: registered once, numbered 1, 2, 3 …, known by a name that nobody else has."""

from collections.abc import Iterable

from settlement.digest import Digest
from settlement.messages import ParticipantRegistered, RegisterParticipant, Role


class Participants:
    """The register. Numbers and names are never given twice. O(1) each."""

    def __init__(self) -> None:
        self._by_id: dict[int, ParticipantRegistered] = {}
        self._by_name: dict[str, int] = {}
        self._digest: Digest[int] = Digest()

    def refuse(self, command: RegisterParticipant) -> tuple[str, str] | None:
        """(reason, field): `invalid_roles` (none, or one twice), then `name_taken`; None where it can be registered."""
        if not command.roles or len(dict.fromkeys(command.roles)) != len(command.roles):
            return "invalid_roles", "roles"
        if command.name in self._by_name:
            return "name_taken", "name"
        return None

    def register(self, command: RegisterParticipant) -> ParticipantRegistered:
        registered = ParticipantRegistered(
            participant_id=len(self._by_id) + 1,
            name=command.name,
            display_name=command.display_name,
            roles=command.roles,
            obliged=command.obliged,
        )
        self._enter(registered)
        return registered

    def get(self, participant_id: int) -> ParticipantRegistered | None:
        return self._by_id.get(participant_id)

    def all(self) -> list[ParticipantRegistered]:
        """Ascending `participant_id`."""
        return list(self._by_id.values())

    def refuse_role(self, participant_id: int, roles: tuple[Role, ...]) -> str | None:
        """`unknown_participant`, then `wrong_role` for one who has none of these roles; else None."""
        participant = self._by_id.get(participant_id)
        if participant is None:
            return "unknown_participant"
        return None if any(role in participant.roles for role in roles) else "wrong_role"

    def digest(self) -> bytes:
        """What stands for the register. O(who has come since the last time)."""
        return self._digest.bring_up_to_date(self._by_id.get)

    def restore(self, registered: Iterable[ParticipantRegistered]) -> None:
        for participant in registered:
            self._enter(participant)

    def _enter(self, participant: ParticipantRegistered) -> None:
        assert participant.participant_id == len(self._by_id) + 1
        assert participant.name not in self._by_name
        self._digest.changed[participant.participant_id] = None
        self._by_id[participant.participant_id] = participant
        self._by_name[participant.name] = participant.participant_id

    def __contains__(self, participant_id: object) -> bool:
        return participant_id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)
