"""What users may have waiting, stored, and ask for in a day, and the sentences that say so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from bot.config import LimitSettings
from bot.errors import UserError
from bot.storage.quotas import Usage
from bot.ui.formatting import plural, relative_time
from engine.files import MEBIBYTE

DAY = timedelta(days=1)
IN_GUILD = " in this server"


Requested = Sequence[tuple[datetime, int]]
"""When a user asked for pictures, and for how many, oldest first."""


def check_jobs(usage: Usage, host: LimitSettings, here: LimitSettings) -> None:
    """Raise `UserError` if one more job exceeds a limit of the host or of the guild."""
    if usage.user_jobs >= host.jobs_per_person:
        raise UserError(_too_many_jobs(host.jobs_per_person, ""))
    if usage.user_guild_jobs >= here.jobs_per_person:
        raise UserError(_too_many_jobs(here.jobs_per_person, IN_GUILD))
    if usage.guild_jobs >= here.jobs_per_server:
        raise UserError(
            f"{_jobs(here.jobs_per_server)} waiting or running in this server, which is the most "
            "at a time. Try again when one of them is done."
        )
    if usage.jobs >= host.jobs:
        raise UserError(
            f"The queue is full: {_jobs(host.jobs)} waiting or running, in all servers together. "
            "Try again in a while."
        )


def check_space(stored_bytes: int, person_mib: int) -> None:
    """Raise `UserError` if a user has as much stored as one person may."""
    if person_mib and stored_bytes >= person_mib * MEBIBYTE:
        raise UserError(
            f"I have {stored_bytes // MEBIBYTE} MiB of your pictures stored, and {person_mib} MiB "
            "is the most for one person. I delete your oldest ones within the hour: try again "
            "then, or use `/privacy delete` to delete everything now."
        )


def possible_from(past: Requested, pictures: int, most: int) -> datetime | None:
    """Return when `pictures` more become possible; None if they are now, or never.

    `past` are those of the last 24 hours, of which `most` are allowed.
    """
    excess = sum(each for _, each in past) + pictures - most
    totals = accumulate(each for _, each in past)
    ends = (when + DAY for (when, _), total in zip(past, totals, strict=True) if total >= excess)
    return next(ends, None) if excess > 0 else None


def day_is_over(past: Requested, pictures: int, most: int, where: str) -> str:
    """Say when `pictures` more become possible, after those of the `past` 24 hours."""
    ends = possible_from(past, pictures, most)
    if pictures > most or ends is None:
        return f"At most {most} pictures a day are allowed for each person{where}."
    count = sum(each for _, each in past)
    left = max(0, most - count)
    next_ones = "The next one is" if pictures == 1 else f"The next {pictures} are"
    return (
        f"You have asked for {plural(count, 'picture')} in the last 24 hours{where}; at "
        f"most {most} are allowed, so {left or 'none'} {'is' if left < 2 else 'are'} left. "
        f"{next_ones} possible {relative_time(ends)}."
    )


def _too_many_jobs(most: int, where: str) -> str:
    return (
        f"You have {plural(most, 'job')} waiting or running{where}, which is the most at a "
        "time. Wait until one is done."
    )


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"
