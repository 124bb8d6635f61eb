"""`/settings people`, and the menu *Block from painting*: people for whom nothing is painted."""

from typing import Any

import discord
from discord import app_commands, ui

from bot.errors import UserError
from bot.jobs.job import Job
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.services import Services
from bot.submission.permissions import Actor
from bot.submission.settings_changes import list_change
from bot.ui import buttons, queue_text
from bot.ui.base import PersistentButton
from bot.ui.buttons import button_view
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond, update_response
from cogs.settings.base import SettingsCommands
from cogs.settings.lists import respond_list

MENU = "Block from painting"
_LIST = "blocked_people"
_NO_JOBS = Message("They have no queued or running jobs in this server.")


class PersonButton(PersistentButton, template=r"people:(?P<action>[^:]*):(?P<person>[0-9]{1,19})"):
    """Cancels the jobs of a blocked person, or unblocks them."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        await defer(interaction)
        services: Services = interaction.client.services
        await services.server_settings.check_access(interaction)
        person_id = int(self.match["person"])
        match self.match["action"]:
            case "cancel":
                actor = Actor(interaction.user.id, is_moderator=True)
                jobs = _jobs(services, interaction, person_id)
                cancelled = await services.control.cancel_all(jobs, actor)
                text = queue_text.cancelled_text(cancelled) if cancelled else _NO_JOBS
                await respond(interaction, text)
            case "unblock":
                await _unblock(services, interaction, person_id)
            case _:
                raise UserError(buttons.UNKNOWN)


class PeopleCommands(SettingsCommands):
    """Block people, and unblock them."""

    people = app_commands.Group(name="people", description="People for whom I paint nothing")

    async def cog_load(self) -> None:
        """Add the menu of a person, and the buttons."""
        await super().cog_load()
        self._bot.add_dynamic_items(PersonButton)
        menu = app_commands.ContextMenu(
            name=MENU,
            callback=self._open_person_menu,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False),
        )
        menu.default_permissions = discord.Permissions(manage_guild=True)
        self._bot.tree.add_command(menu)

    @people.command(name="block")
    @app_commands.describe(person="For whom I shall paint nothing in this server")
    async def block(self, interaction: discord.Interaction, person: discord.User) -> None:
        """Block a person from painting in this server."""
        await self._block(interaction, person)

    @people.command(name="unblock")
    @app_commands.describe(person="A person on the list")
    async def unblock(self, interaction: discord.Interaction, person: discord.User) -> None:
        """Let a person paint again."""
        await defer(interaction)
        await _unblock(self._services, interaction, person.id)

    @people.command(name="list")
    async def list_people(self, interaction: discord.Interaction) -> None:
        """Show whom I paint nothing for, to you only."""
        await defer(interaction)
        server = await self._services.server_settings.get(interaction)
        listed = server.blocked_people
        title = _title(len(listed))
        shown = (f"<@{each}>" for each in listed)
        await respond_list(interaction, title, shown, "people.txt", map(str, listed))

    async def _open_person_menu(
        self, interaction: discord.Interaction, person: discord.User
    ) -> None:
        await self._block(interaction, person)

    async def _block(self, interaction: discord.Interaction, person: discord.User) -> None:
        """Block a person, and offer to cancel what they have asked for."""
        await defer(interaction)
        if person.bot:
            refusal = Message("Bots can't ask me for pictures, so there is nobody to block.")
            raise UserError(refusal)
        await self._services.server_settings.change(interaction, list_change(_LIST, (person.id,)))
        jobs = _jobs(self._services, interaction, person.id)
        view = button_view(_buttons(person.id, jobs, private_language(interaction)))
        await update_response(interaction, _blocked_text(person.id, len(jobs)), view=view)


async def _unblock(
    services: Services, interaction: discord.Interaction[Any], person_id: int
) -> None:
    await services.server_settings.change(interaction, list_change(_LIST, removed=(person_id,)))
    text = Message("{person} can ask for pictures in this server again.", person=f"<@{person_id}>")
    await respond(interaction, text)


def _jobs(services: Services, interaction: discord.Interaction[Any], person_id: int) -> list[Job]:
    """Return the jobs of a person that wait or run in the server."""
    own = (job for job in services.queue.jobs() if job.author_id == person_id)
    return [job for job in own if job.guild_id == interaction.guild_id]


def _title(count: int) -> Message:
    if not count:
        return Message("People who are blocked in this server: none")
    return Message("People who are blocked in this server: {count}", count=count)


def _blocked_text(person_id: int, jobs: int) -> Message:
    text = Message(
        "{person} is blocked: I paint and post nothing for them in this server, however "
        "they ask. They can still see and delete what I store about them, with `/privacy`.",
        person=f"<@{person_id}>",
    )
    still = Message.counted(
        "They have {count} job waiting or running here.",
        "They have {count} jobs waiting or running here.",
        jobs,
    )
    return joined("\n", (text, still if jobs else None))


def _buttons(person_id: int, jobs: list[Job], language: Language) -> list[ui.Button[Any]]:
    unblock = ui.Button[Any](
        label=Message.in_context("button", "Unblock").in_language(language),
        custom_id=f"people:unblock:{person_id}",
    )
    cancel = ui.Button[Any](
        label=Message.in_context("button", "Cancel their jobs").in_language(language),
        style=discord.ButtonStyle.danger,
        custom_id=f"people:cancel:{person_id}",
    )
    return [cancel, unblock] if jobs else [unblock]
