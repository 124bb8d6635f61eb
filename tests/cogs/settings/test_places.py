"""Channels for one command each, and channels in which every picture is a spoiler."""

import simcord

from tests.cogs.settings.moderators import moderator, told_by
from tests.harness.bot_harness import (
    BotHarness,
    ephemeral_text,
    is_accepted,
    painted,
    result_of,
)

SPOILER = "SPOILER_"


async def imagined(who: simcord.MemberActor, place: simcord.ChannelHandle) -> str:
    return ephemeral_text(await who.slash(place, "imagine", prompt="a circle", steps=1))


async def test_a_command_works_only_in_its_channels_and_so_does_what_stands_for_it(
    bot: BotHarness,
):
    mona, edits = moderator(bot), bot.guild.create_text_channel("edits")
    text = await told_by(mona, bot.channel, "commands add", command="imagine", channel=bot.channel)
    assert text == (
        f"Where `/imagine` works: every channel in which I paint → {bot.channel.mention}"
    )
    await told_by(mona, bot.channel, "commands add", command="edit", channel=edits)
    assert f"works only in {bot.channel.mention}" in await imagined(bot.alice, edits)
    assert is_accepted(await imagined(bot.alice, bot.channel))
    result = await result_of(bot)
    assert is_accepted(ephemeral_text(await bot.alice.click(result, label="Rerun")))
    form = await bot.alice.context_menu(bot.thread(), "Edit this image", result)
    values = {"prompt": "a square", "keep": ["50"]}
    refused = ephemeral_text(await bot.alice.submit_modal(form, values))
    assert f"`/edit`, and what does the same, works only in {edits.mention}" in refused
    file = ("a.png", await result.attachments[0].read())
    options = {"image": file, "prompt": "a square", "steps": 1}
    assert "works only in" in ephemeral_text(await bot.alice.slash(bot.channel, "edit", **options))
    assert is_accepted(ephemeral_text(await bot.alice.slash(edits, "edit", **options)))
    await bot.wait_until_notified()
    edited = painted(edits.threads[0])[-1]
    assert is_accepted(ephemeral_text(await bot.alice.click(edited, label="Rerun")))
    text = await told_by(mona, bot.channel, "commands clear", command="imagine")
    assert "→ every channel" in text
    await bot.wait_until_notified()


async def test_every_picture_of_a_channel_is_a_spoiler(bot: BotHarness):
    mona, open_place = moderator(bot), bot.guild.create_text_channel("open")
    assert is_accepted(await imagined(bot.alice, open_place))
    shown = await result_of(bot, open_place.threads[0])
    assert not any(each.filename.startswith(SPOILER) for each in shown.attachments)
    text = await told_by(mona, bot.channel, "spoilers add", channel=bot.channel)
    assert f"spoiler: nowhere → {bot.channel.mention}" in text
    assert is_accepted(await imagined(bot.alice, bot.channel))
    hidden = await result_of(bot)
    assert all(each.filename.startswith(SPOILER) for each in hidden.attachments)
    history = await bot.alice.slash(bot.channel, "history", search="circle")
    assert history.response is not None
    older = await bot.alice.click(history.response, label="Older")
    assert older.response is not None
    await bot.alice.click(older.response, label="Post again")
    reposted = painted(bot.channel)[-1]
    assert all(each.filename.startswith(SPOILER) for each in reposted.attachments)
    assert "→ nowhere" in await told_by(mona, bot.channel, "spoilers clear")
