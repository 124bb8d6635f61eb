"""Reactions: 🔁 reruns a picture, ✉️ sends a copy, 🛑 stops a job, ❌ cancels or deletes it.

The cog listens for raw events, which Discord sends for messages of any age. It ignores a reaction
that means nothing, or where it can't post: people react for other reasons too.
"""

import logging
from functools import partial

import discord
from discord.ext import commands

from bot.client import BotCog
from bot.errors import UserError
from bot.jobs.job import UNFINISHED
from bot.jobs.records import JobRecord
from bot.submission.permissions import Actor, check_permissions
from bot.submission.requester import Channel, Requester
from bot.ui import queue_text
from bot.ui.buttons import confirm_delete_view
from bot.ui.discord_errors import CALL_ERRORS, NETWORK_ERRORS, bounded
from bot.ui.uploads import Upload, is_own, is_spoiler, pictures_in, recipe_beside

log = logging.getLogger(__name__)

AGAIN, COPY, STOP, CANCEL = "🔁", "✉", "🛑", "❌"
_VARIANT = "\ufe0f"
"""Variation selector that can follow an emoji."""


class Reactions(BotCog):
    """Rerun, copy, stop, cancel and delete jobs by reactions."""

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, reaction: discord.RawReactionActionEvent) -> None:
        """Carry out a person's reaction to one of the bot's messages."""
        emoji = str(reaction.emoji).rstrip(_VARIANT)
        if emoji not in (AGAIN, COPY, STOP, CANCEL) or not self._should_handle(reaction):
            return
        try:
            found = await self._found(reaction)
        except (UserError, discord.DiscordException, *NETWORK_ERRORS) as error:
            log.info("a reaction was ignored", extra={"cause": str(error)})
            return
        if found is None or not self._services.events.add(_key(reaction)):
            return
        requester, message = found
        errors = self._services.brief_replies.errors
        async with errors(message, "reaction", reaction.user_id, mention=True):
            if emoji == AGAIN:
                await self._rerun(requester, message)
            elif emoji == COPY:
                await self._services.reposts.send_copy(self._bot, requester, message)
            else:
                await self._end(reaction, requester, message, emoji)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, reaction: discord.RawReactionActionEvent) -> None:
        """Let the same reaction count again."""
        self._services.events.discard(_key(reaction))

    def _should_handle(self, reaction: discord.RawReactionActionEvent) -> bool:
        """Return True if a person reacted to a message that may be the bot's."""
        me = self._bot.user
        if (
            me is None
            or reaction.user_id == me.id
            or reaction.message_author_id not in (None, me.id)
        ):
            return False
        if reaction.guild_id is None:
            return self._services.settings.discord.direct_messages
        return reaction.member is not None and not reaction.member.bot

    async def _found(
        self, reaction: discord.RawReactionActionEvent
    ) -> tuple[Requester, discord.PartialMessage] | None:
        """Return who reacted to what; raise an error where the bot can't post."""
        channel = self._bot.get_channel(reaction.channel_id)
        if channel is None:  # an archived thread or direct messages
            channel = await bounded(self._bot.fetch_channel(reaction.channel_id))
        if not isinstance(channel, Channel) or isinstance(channel, discord.GroupChannel):
            return None
        requester = Requester.of_reaction(reaction, channel)
        check_permissions(requester)
        return requester, channel.get_partial_message(reaction.message_id)

    async def _rerun(self, requester: Requester, message: discord.PartialMessage) -> None:
        """Rerun a message's pictures with other seeds."""
        store = self._services.store
        record = await store.jobs.by_post(message.id)
        if record is None:
            await self._rerun_recipes(requester, message)
            return
        author_id = record.job.author_id
        await self._services.edits.check_may_edit_of(
            author_id, requester.guild_id, requester.user_id
        )
        await self._services.followups.rerun(requester, record)

    async def _rerun_recipes(self, requester: Requester, message: discord.PartialMessage) -> None:
        """Rerun a message's pictures by their own recipes, because its job is not stored."""
        try:
            found = await message.fetch()
        except CALL_ERRORS as error:
            log.info("a reaction was ignored", extra={"cause": str(error)})
            return
        files = pictures_in(found) if is_own(found) else []
        if not files:
            return
        await self._services.edits.check_may_edit(found, requester.user_id)
        with self._services.followups.debounce(requester.user_id, "message", message.id):
            uploads = (Upload(recipe_beside(found, file), found) for file in files)
            await self._services.recipe_reruns.queue(
                requester, *uploads, spoiler=is_spoiler(*files)
            )

    async def _end(
        self,
        reaction: discord.RawReactionActionEvent,
        requester: Requester,
        message: discord.PartialMessage,
        emoji: str,
    ) -> None:
        """Stop or cancel a job, if the person may do so; ask before deleting a finished one."""
        store, control = self._services.store, self._services.control
        record = await store.jobs.by_message(message.id)
        if record is None:
            return
        person = _person(reaction, requester)
        if record.state not in UNFINISHED:
            if emoji == CANCEL and person.id == record.job.author_id:
                await self._ask_to_delete(record, message)
            return
        if not (person.is_moderator or person.id == record.job.author_id):
            return
        end = control.stop if emoji == STOP else control.cancel
        await end(record.job.id, person)

    async def _ask_to_delete(self, record: JobRecord, message: discord.PartialMessage) -> None:
        """Ask the author of a job whether to delete it, once its end is told."""
        if record.notified_at is None:
            return
        text = queue_text.confirm_delete_text(record.job, is_moderator=False)
        buttons = partial(confirm_delete_view, record.job.id)
        await self._services.brief_replies.ask(message, record.job.author_id, text, buttons)


def _key(reaction: discord.RawReactionActionEvent) -> tuple[str, int, int, str]:
    """Return what tells a reaction from others, to notice one that Discord delivers again."""
    return ("reaction", reaction.message_id, reaction.user_id, str(reaction.emoji))


def _person(reaction: discord.RawReactionActionEvent, requester: Requester) -> Actor:
    member = reaction.member
    if member is None:
        return Actor(reaction.user_id)
    return Actor(member.id, requester.channel.permissions_for(member).manage_messages)
