"""`/help`: what the bot can do, and the limits."""

from collections.abc import Mapping

import discord
from discord import app_commands

from bot.client import BotCog
from bot.config import Replies
from bot.languages.message import Message, from_engine, joined
from bot.submission.painters import painters
from bot.ui import job_text
from bot.ui.responses import respond_in_parts
from bot.ui.unknown_words import model_limits_text
from engine.models.catalogue import PAINTERS, find_models
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry
from engine.recipes.kinds import PAINTER_NAMES
from engine.settings import DEMO_PAINTERS, EngineSettings

_ABOUT = Message(
    "I paint pictures from words: a CLIP model looks at the picture, and a VQGAN changes it step "
    "by step until it shows what you asked for. You can watch."
)
_PAINTING = (
    Message(
        "- `seed` repeats a picture, `image` starts from yours, `like` resembles one, `negative` "
        "avoids something, `ratio` shapes the picture, `count` paints variations."
    ),
    Message(
        "- `tile` lets a picture continue across its own edges, so that copies of it join without "
        "a seam. `/edit` has it too."
    ),
    Message("- `/blend` paints what pictures have in common."),
    Message("- `/animate` paints a film: a camera moves through the picture."),
    Message("- `/restyle` paints a short video of yours in another style."),
    Message(
        "- `/edit` changes a picture by words: all of it, or where a `mask` is white. The menu "
        "*Edit this image* edits a picture in a message."
    ),
    Message("- `/upscale` paints a picture again, two or four times as large."),
    Message("- `/mask` finds something in a picture and paints something else there."),
    Message("- `/describe` finds words for a picture, and paints what they say."),
)
_REPLIES: Mapping[Replies, Message] = {
    "always": Message(
        "- Reply to one of my pictures, with the ping on: I continue from your painted-over copy "
        "of it, and words alone edit it always."
    ),
    "threads": Message(
        "- Reply to one of my pictures, with the ping on: I continue from your painted-over copy "
        "of it, and words alone edit it in a picture's own thread, or if they mention me."
    ),
    "mention": Message(
        "- Reply to one of my pictures, with the ping on: I continue from your painted-over copy "
        "of it, and words alone edit it if they mention me."
    ),
    "never": Message(
        "- Reply to one of my pictures, with the ping on: I continue from your painted-over copy "
        "of it, and words alone edit it never."
    ),
}
_AFTERWARDS = (
    Message(
        "- `/recipe`, or the menu *Show recipe*, shows how a picture was made and can paint "
        "another one like it."
    ),
    Message("- `/history` shows your pictures. You can post or rerun them."),
    Message(
        "- The buttons under a picture stop, cancel, resume, rerun, vary or enlarge it, give it "
        "more steps or a new prompt, show its command, or delete it. Under several pictures, V1 "
        "varies the first and U1 posts it alone. The reaction 🔁 reruns too."
    ),
    Message(
        "- `/defaults` sets what you leave out, `/style` saves styles, `/info` shows what you have "
        "left."
    ),
    Message("- `/queue` shows running and queued jobs, `/cancel` cancels yours."),
    Message(
        "- `/status` shows how busy I am. `/privacy` shows what I store about you, and can delete "
        "it."
    ),
)


class Help(BotCog):
    """Explain the bot."""

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what I can do, and how to ask for it."""
        models = find_models(self._services.settings.engine.models)
        limits = await self._services.policy.limits(interaction.guild_id)
        replies = await self._services.policy.replies(interaction.guild_id)
        parts = (
            _ABOUT,
            *_examples(models),
            *_PAINTING,
            *_editing(self._services.settings.engine),
            *_painters(self._services.settings.engine),
            _REPLIES[replies],
            *_AFTERWARDS,
            job_text.limits_text(limits),
            joined(" ", ("-#", model_limits_text(models))) if models.limits else "",
        )
        await respond_in_parts(interaction, parts)


def _editing(engine: EngineSettings) -> list[Message]:
    """Return which models edit pictures, if these are not always the same."""
    if engine.editing == engine.models:
        return []
    return [
        Message(
            "- The models `{models}` edit pictures that I did not paint. Mine are edited by the "
            "models that painted them.",
            models=engine.editing,
        )
    ]


def _painters(engine: EngineSettings) -> list[Message | str]:
    """Return what the other painters are, know and allow."""
    found = [PAINTERS[models] for models in painters(engine).values()]
    if not found:
        return []
    compare = Message(
        "- `/compare` paints the same words by each painter. `painter` chooses one in `/imagine`:"
    )
    return [compare, *map(_painter, found)]


def _painter(entry: PainterEntry) -> Message | str:
    """Return what a painter knows and allows; the limits of the demo pair are those of its own."""
    if entry.name in DEMO_PAINTERS:
        return f"  - **{PAINTER_NAMES[entry.painter]}** (`{entry.painter}`)"
    return Message(
        "  - **{painter}** (`{name}`): {limits}. Licence: {licence}",
        painter=PAINTER_NAMES[entry.painter],
        name=entry.painter,
        limits="-" if entry.limits is None else from_engine(entry.limits),
        licence=entry.licence,
    )


def _examples(models: ModelEntry) -> list[Message | str]:
    """Return a line for each of the prompts that are worth trying."""
    return [
        *(Message("- `/imagine prompt: {prompt}`", prompt=each) for each in models.examples),
        Message(
            "- `{prompts}` combines prompts with weights; negative ones push away.",
            prompts=models.combination,
        ),
    ]
