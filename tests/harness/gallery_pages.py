"""Pictures that people on Discord show on the gallery's pages."""

import simcord

from bot.config import BotSettings
from tests.harness.bot_harness import BotHarness
from tests.harness.gallery import until_indexed


def with_gallery(settings: BotSettings, readers: str = "everyone") -> BotSettings:
    """Return settings of a host's page with a gallery."""
    host = settings.host.model_copy(update={"gallery": readers})
    return settings.model_copy(update={"host": host})


async def agree(person: simcord.MemberActor, channel: simcord.ChannelHandle) -> None:
    """Let a person agree that their pictures are shown."""
    asked = await person.slash(channel, "privacy gallery")
    assert asked.response is not None
    await person.click(asked.response, label="Show my pictures")


async def show(bot: BotHarness, *prompts: str, **options: object) -> None:
    """Let Alice agree, and paint a picture of each prompt, which the gallery then shows."""
    await agree(bot.alice, bot.channel)
    for prompt in prompts:
        await bot.imagine(prompt, steps=1, **options)
        await bot.wait_until_notified()
    await until_indexed(bot, len(prompts))
