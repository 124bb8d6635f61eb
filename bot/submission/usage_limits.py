"""What users may have waiting, stored, and ask for in a day, and the sentences that say so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from bot.config import LimitSettings
from bot.errors import UserError
from bot.languages.message import Message, joined
from bot.storage.quotas import Usage
from bot.ui.formatting import relative_time
from engine.files import MEBIBYTE

DAY = timedelta(days=1)

Requested = Sequence[tuple[datetime, int]]
"""When a user asked for pictures, and for how many, oldest first."""


def check_jobs(usage: Usage, host: LimitSettings, here: LimitSettings) -> None:
    """Raise `UserError` if one more job exceeds a limit of the host or of the guild."""
    if usage.user_jobs >= host.jobs_per_person:
        raise UserError(
            Message.counted(
                "You have {count} job waiting or running, which is the most at a time. Wait until "
                "one is done.",
                "You have {count} jobs waiting or running, which is the most at a time. Wait until "
                "one is done.",
                host.jobs_per_person,
            )
        )
    if usage.user_guild_jobs >= here.jobs_per_person:
        raise UserError(
            Message.counted(
                "You have {count} job waiting or running in this server, which is the most at a "
                "time. Wait until one is done.",
                "You have {count} jobs waiting or running in this server, which is the most at a "
                "time. Wait until one is done.",
                here.jobs_per_person,
            )
        )
    if usage.guild_jobs >= here.jobs_per_server:
        raise UserError(
            Message.counted(
                "{count} job is waiting or running in this server, which is the most at a time. "
                "Try again when one of them is done.",
                "{count} jobs are waiting or running in this server, which is the most at a time. "
                "Try again when one of them is done.",
                here.jobs_per_server,
            )
        )
    if usage.jobs >= host.jobs:
        raise UserError(
            Message.counted(
                "The queue is full: {count} job is waiting or running, in all servers together. "
                "Try again in a while.",
                "The queue is full: {count} jobs are waiting or running, in all servers together. "
                "Try again in a while.",
                host.jobs,
            )
        )


def check_space(stored_bytes: int, person_mib: int) -> None:
    """Raise `UserError` if a user has as much stored as one person may."""
    if person_mib and stored_bytes >= person_mib * MEBIBYTE:
        raise UserError(
            Message(
                "I have {stored} MiB of your pictures stored, and {most} MiB is the most for one "
                "person. I delete your oldest ones within the hour: try again then, or use "
                "`/privacy delete` to delete everything now.",
                stored=stored_bytes // MEBIBYTE,
                most=person_mib,
            )
        )


def possible_from(past: Requested, pictures: int, most: int) -> datetime | None:
    """Return when `pictures` more become possible; None if they are now, or never.

    `past` are those of the last 24 hours, of which `most` are allowed.
    """
    excess = sum(each for _, each in past) + pictures - most
    totals = accumulate(each for _, each in past)
    ends = (when + DAY for (when, _), total in zip(past, totals, strict=True) if total >= excess)
    return next(ends, None) if excess > 0 else None


def day_is_over(past: Requested, pictures: int, most: int, *, in_guild: bool) -> Message:
    """Say when `pictures` more become possible, after those of the `past` 24 hours.

    `in_guild` tells that only the pictures in the guild are counted.
    """
    ends = possible_from(past, pictures, most)
    if pictures > most or ends is None:
        return _most_a_day(most, in_guild=in_guild)
    when = relative_time(ends)
    if pictures == 1:
        next_ones = Message("The next one is possible {when}.", when=when)
    else:
        next_ones = Message.counted(
            "The next {count} is possible {when}.",
            "The next {count} are possible {when}.",
            pictures,
            when=when,
        )
    return joined(" ", (_asked(past, most, in_guild=in_guild), next_ones))


def _most_a_day(most: int, *, in_guild: bool) -> Message:
    if in_guild:
        return Message.counted(
            "At most {count} picture a day is allowed for each person in this server.",
            "At most {count} pictures a day are allowed for each person in this server.",
            most,
        )
    return Message.counted(
        "At most {count} picture a day is allowed for each person.",
        "At most {count} pictures a day are allowed for each person.",
        most,
    )


def _asked(past: Requested, most: int, *, in_guild: bool) -> Message:
    """Say how many pictures a user asked for, and how many are left."""
    count = sum(each for _, each in past)
    left = _left(max(0, most - count))
    if in_guild:
        return Message.counted(
            "You have asked for {count} picture in the last 24 hours in this server; at most "
            "{most} are allowed, {so_many_are_left}.",
            "You have asked for {count} pictures in the last 24 hours in this server; at most "
            "{most} are allowed, {so_many_are_left}.",
            count,
            most=most,
            so_many_are_left=left,
        )
    return Message.counted(
        "You have asked for {count} picture in the last 24 hours; at most {most} are allowed, "
        "{so_many_are_left}.",
        "You have asked for {count} pictures in the last 24 hours; at most {most} are allowed, "
        "{so_many_are_left}.",
        count,
        most=most,
        so_many_are_left=left,
    )


def _left(count: int) -> Message:
    """Return the end of the sentence about pictures that a user asked for."""
    if not count:
        return Message("so none is left")
    return Message.counted("so {count} is left", "so {count} are left", count)
