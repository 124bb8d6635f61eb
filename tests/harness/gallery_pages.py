"""Pictures that people on Discord show on the gallery's pages, and what a browser reads there."""

import html
import re

import simcord

from bot.config import BotSettings
from tests.harness.bot_harness import BotHarness
from tests.harness.gallery import until_indexed
from tests.harness.host_visitor import Visitor


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


async def page_at(visitor: Visitor, path: str = "/gallery", status: int = 200) -> str:
    """Return a page as HTML, once its status is as expected."""
    answer = await visitor.get(path)
    assert answer.status == status
    return await answer.text()


def links(page: str) -> list[str]:
    """Return the addresses of the pictures of a page, in their order."""
    return re.findall(r'<a href="(/gallery/\d+/\d+)"', page)


def text(page: str) -> str:
    """Return a page's text, without its tags."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())
