"""The limit of what is stored for one user."""

from bot.errors import UserError
from engine.files import MEBIBYTE


def check_space(stored_bytes: int, person_mib: int) -> None:
    """Raise `UserError` if a user has as much stored as one person may."""
    if person_mib and stored_bytes >= person_mib * MEBIBYTE:
        raise UserError(
            f"I have {stored_bytes // MEBIBYTE} MiB of your pictures stored, and {person_mib} MiB "
            "is the most for one person. I delete your oldest ones within the hour: try again "
            "then, or use `/privacy delete` to delete everything now."
        )
