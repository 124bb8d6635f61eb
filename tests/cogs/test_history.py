"""`/history`: a person's pictures, page by page, as those who may look at them see it."""

import io
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import simcord
from PIL import Image

from bot.client import PaintingBot
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    connected,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_test_services,
    painted,
    pictures_of,
    raise_unexplained,
    recipe_of,
    result_of,
    singles_of,
)

CIRCLE, RING = "a red circle on blue", "a GREEN Ring on white"


async def paint(bot: BotHarness, *prompts: str, **options: object) -> None:
    for prompt in prompts:
        await bot.imagine(prompt, steps=1, **options)
    await bot.wait_until_notified()


async def history(bot: BotHarness, **options: object) -> simcord.InteractionResult:
    return await bot.alice.slash(bot.channel, "history", **options)


def page_of(answered: simcord.InteractionResult) -> simcord.results.ResponseMessage:
    assert answered.response is not None
    assert answered.response.ephemeral
    return answered.response


async def press(bot: BotHarness, answered: simcord.InteractionResult, label: str) -> str:
    """Press a button under a page, and return what is answered beside it."""
    pressed = await bot.alice.click(page_of(answered), label=label)
    assert all(each.ephemeral for each in pressed.followups)
    return " ".join(each.content for each in pressed.followups)


def buttons_of(answered: simcord.InteractionResult) -> dict[str, discord.Button]:
    rows = page_of(answered).message.components
    found = (b for row in rows if isinstance(row, discord.ActionRow) for b in row.children)
    return {b.label or "": b for b in found if isinstance(b, discord.Button)}


async def posted_with(bot: BotHarness, *custom_ids: str) -> discord.Message:
    """Post a public message of the bot with buttons of the given custom ids."""
    view = discord.ui.View(timeout=None)
    for custom_id in custom_ids:
        view.add_item(discord.ui.Button(label=custom_id[:80], custom_id=custom_id))
    return await channel_of(bot, bot.channel.id).send("buttons", view=view)


def replies(pressed: simcord.InteractionResult) -> str:
    said = [each for each in (pressed.response, *pressed.followups) if each and each.ephemeral]
    return " ".join(each.content for each in said)


async def test_pages_lead_from_the_newest_to_the_oldest_and_back(bot: BotHarness):
    await paint(bot, CIRCLE, seed=11)
    await paint(bot, RING, seed=12)
    page = await history(bot)
    assert "1 of 2" in ephemeral_text(page)
    assert "seed 12" in ephemeral_text(page)
    assert buttons_of(page)["Newer"].disabled
    await press(bot, page, "Older")
    assert "2 of 2" in ephemeral_text(page)
    assert CIRCLE in ephemeral_text(page)
    assert "seed 11" in ephemeral_text(page)
    assert "<t:" in ephemeral_text(page)
    assert buttons_of(page)["Older"].disabled
    await press(bot, page, "Newer")
    assert "1 of 2" in ephemeral_text(page)


async def test_a_page_shows_its_pictures_and_links_to_their_message(bot: BotHarness):
    await paint(bot, CIRCLE, count=3)
    page = await history(bot)
    (sheet,) = page_of(page).attachments
    width, height = Image.open(io.BytesIO(await sheet.read())).size
    result = await result_of(bot)
    one = Image.open(io.BytesIO(await (await singles_of(result))[0].read())).size
    assert width > 2 * one[0]
    assert height > 2 * one[1]
    assert bot.job_message().jump_url in ephemeral_text(page)
    assert "seeds" in ephemeral_text(page)


async def test_empty_history_explains_how_to_get_pictures(bot: BotHarness):
    await bot.bob.slash(bot.channel, "imagine", prompt=CIRCLE, steps=1)
    await bot.wait_until_notified()
    assert "/imagine" in ephemeral_text(await history(bot))


SEARCHES: Sequence[tuple[str, bool]] = (
    ("green", True),
    ("RING", True),
    ("  green   ring ", True),
    ("gr%ring", False),
    ("gree_", False),
    ("%", False),
    ("circle", False),
)


async def test_words_of_prompts_are_searched_for(bot: BotHarness):
    await paint(bot, RING)
    for search, found in SEARCHES:
        text = ephemeral_text(await history(bot, search=search))
        assert ("1 of 1" in text) == found
        assert ("no picture" in text) != found


async def test_letters_of_all_alphabets_are_searched_for_in_both_cases(bot: BotHarness):
    await paint(bot, "ein GRÜNER Kreis, 50 % Ü_n")
    for search in ("grüner", "50 %", "ü_N"):
        assert "1 of 1" in ephemeral_text(await history(bot, search=search))


async def test_the_search_holds_on_all_pages(bot: BotHarness):
    await paint(bot, RING, CIRCLE, RING)
    page = await history(bot, search="ring")
    assert "1 of 2" in ephemeral_text(page)
    await press(bot, page, "Older")
    assert "2 of 2" in ephemeral_text(page)
    assert "ring" in ephemeral_text(page)
    assert buttons_of(page)["Older"].disabled


async def test_a_search_that_fits_into_no_button_is_refused(bot: BotHarness):
    await paint(bot, CIRCLE)
    assert "fewer words" in ephemeral_text(await history(bot, search="🎨" * 40))


async def test_a_picture_is_posted_again_for_everybody(bot: BotHarness):
    await paint(bot, CIRCLE, seed=7)
    page = await history(bot)
    said = await press(bot, page, "Post again")
    _, message = painted(bot.channel)
    assert message.jump_url in said
    assert CIRCLE in message.content
    assert bot.alice.mention in message.content
    assert not message.mention_everyone
    assert recipe_of(await pictures_of(message)[0].read()).seed == 7


async def test_a_picture_that_was_posted_again_is_a_picture_of_the_job(bot: BotHarness):
    await paint(bot, CIRCLE)
    await press(bot, await history(bot), "Post again")
    _, message = painted(bot.channel)
    assert await bot.services.store.jobs.author_of_post(message.id) == bot.alice.id
    await bot.bob.click(message, label="Rerun")
    await bot.wait_until_notified()
    newest = await bot.services.store.jobs.get(2)
    assert newest is not None
    assert (newest.job.prompt, newest.job.author_id) == (CIRCLE, bot.bob.id)


async def test_it_is_not_posted_where_the_bot_may_not(bot: BotHarness):
    await paint(bot, CIRCLE)
    me = bot.client.user
    assert me is not None
    forbidden = discord.PermissionOverwrite(attach_files=False)
    closed = bot.guild.create_text_channel("closed", overwrites={me: forbidden})
    page = await bot.alice.slash(closed, "history")
    assert "Attach Files" in await press(bot, page, "Post again")
    assert not closed.history()


async def test_blocked_prompt_is_not_posted_again(bot: BotHarness):
    await paint(bot, CIRCLE)
    change = bot.services.store.guild_settings.change
    await change(bot.guild.id, lambda old: old.changed(blocked_words=("circle",)))
    said = await press(bot, await history(bot), "Post again")
    assert "blocked" in said
    assert len(painted(bot.channel)) == 1


async def test_a_rerun_has_another_seed_and_the_same_words(bot: BotHarness):
    await paint(bot, CIRCLE, seed=7)
    said = await press(bot, await history(bot), "Rerun")
    assert is_accepted(said)
    await bot.wait_until_notified()
    page = await history(bot)
    assert "1 of 2" in ephemeral_text(page)
    assert CIRCLE in ephemeral_text(page)
    assert "seed 7 " not in ephemeral_text(page)


async def test_in_a_server_only_its_own_pictures_are_shown_and_in_private_all(bot: BotHarness):
    await paint(bot, CIRCLE)
    await bot.alice.user.slash("imagine", prompt=RING, steps=1)
    await bot.wait_until_notified()
    other = bot.env.create_guild(name="other")
    channel = other.create_text_channel("art")
    alice_there = other.add_member(bot.alice.user)
    assert "no pictures" in ephemeral_text(await alice_there.slash(channel, "history"))
    page = await history(bot)
    assert "1 of 1" in ephemeral_text(page)
    assert CIRCLE in ephemeral_text(page)
    everything = await bot.alice.user.slash("history")
    assert everything.response is not None
    assert "1 of 2" in everything.response.content


async def test_only_moderators_look_at_the_pictures_of_others(bot: BotHarness):
    await paint(bot, CIRCLE)
    refused = await bot.bob.slash(bot.channel, "history", person=bot.alice.user)
    assert "Only moderators" in ephemeral_text(refused)
    assert CIRCLE not in ephemeral_text(refused)
    page = await moderator(bot).slash(bot.channel, "history", person=bot.alice.user)
    assert CIRCLE in ephemeral_text(page)
    assert bot.alice.mention in ephemeral_text(page)


async def test_a_moderator_sees_nothing_of_channels_that_are_closed_to_them(bot: BotHarness):
    carol = moderator(bot)
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = bot.guild.create_text_channel("secret", overwrites={carol: hidden})
    await bot.imagine(RING, steps=1, channel=secret)
    await paint(bot, CIRCLE)
    page = await carol.slash(bot.channel, "history", person=bot.alice.user)
    assert "1 of 1" in ephemeral_text(page)
    assert CIRCLE in ephemeral_text(page)
    assert "1 of 2" in ephemeral_text(await history(bot))


def moderator(bot: BotHarness) -> simcord.MemberActor:
    permissions = discord.Permissions(manage_messages=True)
    role = bot.guild.create_role("mods", permissions=permissions)
    return bot.guild.add_member(bot.env.create_user("carol"), roles=[role])


async def test_buttons_show_no_more_than_commands(bot: BotHarness):
    await paint(bot, CIRCLE, CIRCLE)
    person = bot.alice.id
    actions = ("older", "newer", "post", "rerun")
    before = len(bot.channel.history())
    posted = await posted_with(bot, *(f"history:{each}:{person}:2:" for each in actions))
    for action in actions:
        custom_id = f"history:{action}:{person}:2:"
        pressed = await bot.bob.click(posted, custom_id=custom_id)
        assert "Only moderators" in replies(pressed)
    (message,) = (each for each in bot.channel.history() if each.id == posted.id)
    assert message.content == "buttons"
    assert not message.attachments
    assert len(bot.channel.history()) == before + 1


async def test_with_an_id_of_ones_own_nobody_reaches_a_job_of_another(bot: BotHarness):
    await paint(bot, CIRCLE)
    custom_ids = [f"history:{each}:{bot.bob.id}:1:" for each in ("post", "rerun")]
    posted = await posted_with(bot, *custom_ids)
    for custom_id in custom_ids:
        pressed = await bot.bob.click(posted, custom_id=custom_id)
        assert "isn't there any more" in replies(pressed)
    assert not await bot.services.store.jobs.list_open()
    assert len(painted(bot.channel)) == 1


CURIOUS: Sequence[str] = (
    "history:older:{0}:x:",
    "history:older:{0}:-1:",
    "history:older:{0}:²:",
    "history:post:{0}:99999999999999999999:",
    "history:post:{0}:9999999999999999999:",
    "history:post:{0}::",
    "history:post:{0}:1:no such words",
    "history:burn:{0}:1:",
    "history:post:x:1:",
)


async def test_buttons_that_were_tampered_with_are_refused(bot: BotHarness):
    await paint(bot, CIRCLE)
    for template in CURIOUS:
        custom_id = template.format(bot.alice.id)
        pressed = await bot.alice.click(await posted_with(bot, custom_id), custom_id=custom_id)
        said = replies(pressed)
        reasons = ("isn't there any more", "don't know", "moderators", "no picture")
        assert any(each in said for each in reasons)
        assert len(painted(bot.channel)) == 1


async def test_page_beyond_the_end_leads_back(bot: BotHarness):
    await paint(bot, CIRCLE, RING)
    page = await history(bot)
    await press(bot, page, "Older")
    custom_id = buttons_of(page)["Newer"].custom_id
    assert custom_id is not None
    beyond = custom_id.replace(f":{bot.alice.id}:1:", f":{bot.alice.id}:900:")
    posted = await posted_with(bot, beyond)
    await bot.alice.click(posted, custom_id=beyond)
    (message,) = (each for each in bot.channel.history() if each.id == posted.id)
    assert "1 of 2" in message.content


async def test_pages_turn_after_a_restart(tmp_path: Path):
    settings = make_settings(tmp_path)
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            client = PaintingBot(services)
            env = await stack.enter_async_context(connected(client))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice, bob = (guild.add_member(env.create_user(name)) for name in ("alice", "bob"))
            bot = BotHarness(env, client, services, guild, channel, alice, bob)
            await paint(bot, CIRCLE, RING)
            page = await history(bot, search="on")
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            await press(bot, page, "Older")
            assert "2 of 2" in ephemeral_text(page)
            assert CIRCLE in ephemeral_text(page)
            assert "Posted" in await press(bot, page, "Post again")
