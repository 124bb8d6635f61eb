"""`/help`: what the bot does, and what one may ask for."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import errors
from bot.client import PaintingBot
from bot.ui import job_text
from bot.ui.responses import respond
from engine.models.catalogue import find_models


class Help(commands.Cog):
    """Explain the bot."""

    def __init__(self, bot: PaintingBot) -> None:
        self._services = bot.services

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """What this bot does, and how to ask for it."""
        models = find_models(self._services.settings.engine.models)
        limits = await self._services.policy.limits(interaction.guild_id)
        await respond(
            interaction,
            "I paint pictures from words: a CLIP looks at the picture, and a VQGAN changes it step "
            "by step until it shows what you asked for. You can watch.\n"
            "- `/imagine prompt: a charcoal drawing of a cathedral` paints.\n"
            "- `a forest | fog:0.5 | people:-0.3` weighs prompts, negative ones push away.\n"
            "- `seed` paints the same picture again, `image` starts from a picture of yours, "
            "`like` resembles one, `count` paints variations.\n"
            "- `/edit` changes a picture by words: all of it, or where a `mask` is white. The menu "
            "*Edit this image* does so with a picture in a message.\n"
            "- `/mask` finds something in a picture and paints something else there.\n"
            "- Reply to one of my pictures, with the ping on: words edit it, and from a picture "
            "that you have painted over I go on.\n"
            "- `/recipe` tells how a picture was made, and paints another one like it; so does the "
            "menu *Show recipe*.\n"
            "- `/history` shows your pictures, to be posted or painted again.\n"
            "- The buttons under a picture stop or cancel it, go on with it, paint it again, vary "
            "it, give it more steps or other words, or delete it. 🔁 paints it again, too.\n"
            "- `/queue` shows what is painted and what waits, `/cancel` ends what you asked for.\n"
            "- `/status` says what is waiting, `/privacy` what I keep of you, and removes it.\n"
            f"You may ask for {job_text.limits_text(limits)}."
            + (f"\n-# {errors.sentence(models.limits)}" if models.limits else ""),
        )


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Help(bot))
