"""What a user has used of what they may have: for `/info`, and to refuse more than that."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.config import BotSettings, LimitSettings
from bot.errors import UserError
from bot.guild_settings import GuildSettings
from bot.storage import Store
from bot.storage.quotas import Usage
from bot.submission.usage_limits import (
    DAY,
    Requested,
    check_jobs,
    check_space,
    day_is_over,
    possible_from,
)


@dataclass(frozen=True)
class PictureQuota:
    """How many pictures a user asked for within 24 hours, and how many are allowed."""

    used: int
    most: int
    guild_id: int | None
    """The server whose pictures alone are counted; None for all pictures of the user."""

    @property
    def left(self) -> int:
        """Number of pictures that the user may ask for now."""
        return max(0, self.most - self.used)


@dataclass(frozen=True)
class Account:
    """What a user has waiting, stored and asked for at one time, and what they may have."""

    user_id: int
    now: datetime
    usage: Usage
    stored_bytes: int
    host: LimitSettings
    here: LimitSettings
    """The host's limits, lowered to the server's."""
    person_mib: int
    """Maximum that may be stored for the user, in MiB; 0 for no limit."""
    quotas: tuple[PictureQuota, ...]
    """The limits on pictures: everywhere together, then in the server if there is one."""


class Accounts:
    """Counts what users have and may have."""

    def __init__(self, settings: BotSettings, store: Store) -> None:
        self._host = settings.limits
        self._person_mib = settings.storage.person_mib
        self._store = store

    async def get(self, user_id: int, guild_id: int | None, guild: GuildSettings) -> Account:
        """Return what a user has and may have in a guild, or in direct messages."""
        now, host, here = datetime.now(UTC), self._host, guild.merged_with(self._host)
        usage = await self._store.quotas.usage(user_id, guild_id, now - DAY, now)
        stored_bytes = await self._store.quotas.stored_bytes(user_id)
        quotas = [PictureQuota(usage.pictures, host.pictures_per_day, None)]
        if guild_id is not None:
            quotas.append(PictureQuota(usage.guild_pictures, here.pictures_per_day, guild_id))
        return Account(
            user_id, now, usage, stored_bytes, host, here, self._person_mib, tuple(quotas)
        )

    async def check(self, account: Account, pictures: int) -> None:
        """Raise `UserError` if one more job of so many pictures exceeds a limit."""
        check_jobs(account.usage, account.host, account.here)
        check_space(account.stored_bytes, account.person_mib)
        for quota in account.quotas:
            if pictures > quota.left:
                past = await self._requested(account, quota)
                in_guild = quota.guild_id is not None
                raise UserError(day_is_over(past, pictures, quota.most, in_guild=in_guild))

    async def next_picture(self, account: Account) -> datetime | None:
        """Return when the user may ask for a picture again; None if they may now."""
        waits = [
            possible_from(await self._requested(account, quota), 1, quota.most)
            for quota in account.quotas
            if not quota.left
        ]
        return max(filter(None, waits), default=None)

    async def _requested(self, account: Account, quota: PictureQuota) -> Requested:
        between, now = self._store.quotas.pictures_between, account.now
        return await between(account.user_id, now - DAY, now, quota.guild_id)
