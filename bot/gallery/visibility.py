"""Which channels and people the gallery may show pictures of, as Discord and the settings are now.

What @everyone of a server cannot see, or only adults may see, is not shown; nor is what the bot
cannot see any more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator

import discord

from bot.config import BotSettings
from bot.guild_settings import NO_GUILD, GuildSettings
from bot.jobs.gallery import GalleryAudience, GalleryScope
from bot.picture_check import PictureCheck
from bot.storage import Store
from bot.submission.host_decisions import HostDecisions
from bot.ui.channels import is_age_restricted

NOTHING = GalleryScope({})
"""No channels, so nothing is shown."""
_ADULT_SERVERS = (discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted)
_MOST_PAIRS = 1000
"""Maximum number of people who are hidden in single servers; more are hidden everywhere."""


def audience_of(settings: BotSettings) -> GalleryAudience | None:
    """Return who can look at the gallery; None if it is off."""
    return None if settings.host.gallery == "off" else GalleryAudience(settings.host.gallery)


class Visibility:
    """Judges places and people."""

    def __init__(self, settings: BotSettings, store: Store, check: PictureCheck) -> None:
        self._audience = audience_of(settings)
        self._blocked = frozenset(settings.safety.blocked_people)
        self._decisions = HostDecisions(store)
        self._store = store
        self._check = check
        self._client: discord.Client | None = None
        self._read: dict[int, tuple[str, GuildSettings]] = {}
        """Settings of servers with the texts that they were read from."""

    def attach(self, client: discord.Client) -> None:
        """Set the client that knows the servers; nothing is visible before."""
        self._client = client

    def server_name(self, guild_id: int) -> str:
        """Return the name of a server; its number if it is not known."""
        guild = None if self._client is None else self._client.get_guild(guild_id)
        return str(guild_id) if guild is None else guild.name

    async def scope(self, places: Collection[tuple[int, int]]) -> GalleryScope:
        """Return what may be shown of servers and channels, out of those named."""
        by_guild: dict[int, list[int]] = defaultdict(list)
        for guild_id, channel_id in places:
            by_guild[guild_id].append(channel_id)
        guilds = {guild_id: self._guild(guild_id) for guild_id in by_guild}
        own = await self._settings_of([each for each, guild in guilds.items() if guild is not None])
        channels: dict[float, set[int]] = defaultdict(set)
        for guild_id, guild in guilds.items():
            if guild is None:
                continue
            settings = own.get(guild_id, NO_GUILD)
            for channel in _public(guild, by_guild[guild_id]):
                if not settings.is_fail_closed and not _is_spoiler(settings, channel):
                    channels[self._check.threshold(settings, channel)].add(channel.id)
        if not channels:
            return NOTHING
        blocked, blocked_in = await self._blocked_people(own)
        shown = {threshold: frozenset(each) for threshold, each in channels.items()}
        audience = self._audience or GalleryAudience.EVERYONE
        return GalleryScope(shown, audience, self._check.name, blocked, blocked_in)

    def _guild(self, guild_id: int) -> discord.Guild | None:
        """Return a server whose public channels may be shown; None for another one."""
        if self._client is None or self._audience is None:
            return None
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.unavailable or guild.nsfw_level in _ADULT_SERVERS:
            return None
        return guild

    async def _settings_of(self, guild_ids: Collection[int]) -> dict[int, GuildSettings]:
        """Return what moderators have set, without the servers that have set nothing."""
        texts = await self._store.guild_settings.texts(guild_ids) if guild_ids else {}
        for guild_id, text in texts.items():
            if guild_id not in self._read or self._read[guild_id][0] != text:
                self._read[guild_id] = text, GuildSettings.read(text, guild_id)
        return {guild_id: self._read[guild_id][1] for guild_id in texts}

    async def _blocked_people(
        self, own: dict[int, GuildSettings]
    ) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
        """Return who agreed, but is blocked everywhere, and in which servers who else is."""
        decisions = await self._decisions.get()
        pairs = {
            (guild, each) for guild, settings in own.items() for each in settings.blocked_people
        }
        anywhere = self._blocked | decisions.blocked_people
        asked = anywhere | {person for _, person in pairs}
        agreed = await self._store.gallery.agreed(asked) if asked else set[int]()
        everywhere = frozenset(anywhere & agreed)
        pairs = {(guild, each) for guild, each in pairs if each in agreed - everywhere}
        if len(pairs) > _MOST_PAIRS:
            return everywhere | {each for _, each in pairs}, frozenset()
        return everywhere, frozenset(pairs)


def _public(guild: discord.Guild, channel_ids: Collection[int]) -> Iterator[discord.abc.Snowflake]:
    """Yield the channels and threads that everybody in a server can see, and minors too."""
    for channel_id in channel_ids:
        channel = guild.get_channel_or_thread(channel_id)
        if channel is not None and _is_public(channel) and not is_age_restricted(channel):
            yield channel


def _is_public(channel: discord.abc.GuildChannel | discord.Thread) -> bool:
    """Return whether @everyone can see a channel, and what was posted there before."""
    if isinstance(channel, discord.Thread):
        parent = channel.parent
        return not channel.is_private() and parent is not None and _is_public(parent)
    may = channel.permissions_for(channel.guild.default_role)
    with_voice = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    return may.view_channel and may.read_message_history and (may.connect or not with_voice)


def _is_spoiler(settings: GuildSettings, channel: discord.abc.Snowflake) -> bool:
    """Return whether every picture in a channel is posted as a spoiler now."""
    places = {channel.id, getattr(channel, "parent_id", None)}
    return not places.isdisjoint(settings.spoiler_channels)
