"""`/help`: what the bot can do, and the limits."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.ui import job_text
from bot.ui.responses import respond
from bot.ui.settings_text import REPLIES
from bot.ui.unknown_words import model_limits_text
from engine.models.catalogue import ModelEntry, find_models


class Help(BotCog):
    """Explain the bot."""

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what I can do, and how to ask for it."""
        models = find_models(self._services.settings.engine.models)
        limits = await self._services.policy.limits(interaction.guild_id)
        replies = REPLIES[await self._services.policy.replies(interaction.guild_id)]
        await respond(
            interaction,
            "I paint pictures from words: a CLIP model looks at the picture, and a VQGAN changes "
            "it step by step until it shows what you asked for. You can watch.\n"
            f"{_examples(models)}\n"
            f"- `{models.combination}` combines prompts with weights; negative ones push away.\n"
            "- `seed` repeats a picture, `image` starts from yours, `like` resembles one, "
            "`negative` avoids something, `ratio` shapes the picture, `count` paints variations.\n"
            "- `/blend` paints what pictures have in common.\n"
            "- `/edit` changes a picture by words: all of it, or where a `mask` is white. The menu "
            "*Edit this image* edits a picture in a message.\n"
            "- `/mask` finds something in a picture and paints something else there.\n"
            "- Reply to one of my pictures, with the ping on: I continue from your painted-over "
            f"copy of it, and words alone edit it {replies!s}.\n"
            "- `/recipe`, or the menu *Show recipe*, shows how a picture was made and can paint "
            "another one like it.\n"
            "- `/history` shows your pictures. You can post or rerun them.\n"
            "- The buttons under a picture stop, cancel, resume, rerun, vary or enlarge it, give "
            "it more steps or a new prompt, show its command, or delete it. Under several "
            "pictures, V1 varies the first and U1 posts it alone. The reaction 🔁 reruns too.\n"
            "- `/defaults` sets what you leave out, `/style` saves styles, `/info` shows what you "
            "have left.\n"
            "- `/queue` shows running and queued jobs, `/cancel` cancels yours.\n"
            "- `/status` shows how busy I am. `/privacy` shows what I store about you, and can "
            "delete it.\n"
            f"{job_text.limits_text(limits)!s}"
            + (f"\n-# {model_limits_text(models)!s}" if models.limits else ""),
        )


def _examples(models: ModelEntry) -> str:
    """Return a line for each of the prompts that are worth trying."""
    return "\n".join(f"- `/imagine prompt: {each}`" for each in models.examples)
