"""`/history`: a person's pictures, page by page, as those who may look at them see it."""

import io
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import pytest
import simcord
from PIL import Image

from bot.client import PaintingBot
from tests.harness.bot_harness import (
    Studio,
    channel_of,
    make_settings,
    open_test_services,
    painted,
    pictures_of,
    raise_unexplained,
    recipe_of,
    result_of,
    told,
)

CIRCLE, RING = "a red circle on blue", "a GREEN Ring on white"


async def paint(studio: Studio, *prompts: str, **options: object) -> None:
    for prompt in prompts:
        await studio.imagine(prompt, steps=1, **options)
    await studio.all_told()


async def history(studio: Studio, **options: object) -> simcord.InteractionResult:
    return await studio.alice.slash(studio.channel, "history", **options)


def page_of(answered: simcord.InteractionResult) -> simcord.results.ResponseMessage:
    assert answered.response is not None
    assert answered.response.ephemeral
    return answered.response


async def press(studio: Studio, answered: simcord.InteractionResult, label: str) -> str:
    """Press a button under a page, and return what is answered beside it."""
    pressed = await studio.alice.click(page_of(answered), label=label)
    assert all(each.ephemeral for each in pressed.followups)
    return " ".join(each.content for each in pressed.followups)


def buttons_of(answered: simcord.InteractionResult) -> dict[str, discord.Button]:
    rows = page_of(answered).message.components
    found = (b for row in rows if isinstance(row, discord.ActionRow) for b in row.children)
    return {b.label or "": b for b in found if isinstance(b, discord.Button)}


async def posted_with(studio: Studio, *custom_ids: str) -> discord.Message:
    """A message of the bot's that everybody sees, with buttons of somebody's making."""
    view = discord.ui.View(timeout=None)
    for custom_id in custom_ids:
        view.add_item(discord.ui.Button(label=custom_id[:80], custom_id=custom_id))
    return await channel_of(studio, studio.channel.id).send("buttons", view=view)


def replies(pressed: simcord.InteractionResult) -> str:
    said = [each for each in (pressed.response, *pressed.followups) if each and each.ephemeral]
    return " ".join(each.content for each in said)


async def test_pages_lead_from_the_newest_to_the_oldest_and_back(studio: Studio):
    await paint(studio, CIRCLE, seed=11)
    await paint(studio, RING, seed=12)
    page = await history(studio)
    assert "1 of 2" in told(page)
    assert "seed 12" in told(page)
    assert buttons_of(page)["Newer"].disabled
    await press(studio, page, "Older")
    assert "2 of 2" in told(page)
    assert CIRCLE in told(page)
    assert "seed 11" in told(page)
    assert "<t:" in told(page)
    assert buttons_of(page)["Older"].disabled
    await press(studio, page, "Newer")
    assert "1 of 2" in told(page)


async def test_a_page_shows_its_pictures_and_links_to_their_message(studio: Studio):
    await paint(studio, CIRCLE, count=3)
    page = await history(studio)
    (sheet,) = page_of(page).attachments
    width, height = Image.open(io.BytesIO(await sheet.read())).size
    result = await result_of(studio)
    one = Image.open(io.BytesIO(await pictures_of(result)[0].read())).size
    assert width > 2 * one[0]
    assert height > 2 * one[1]
    assert result.jump_url in told(page)
    assert "seeds" in told(page)


async def test_who_has_no_pictures_is_told_how_to_get_some(studio: Studio):
    await studio.bob.slash(studio.channel, "imagine", prompt=CIRCLE, steps=1)
    await studio.all_told()
    assert "/imagine" in told(await history(studio))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("green", True),
        ("RING", True),
        ("  green   ring ", True),
        ("gr%ring", False),
        ("gree_", False),
        ("%", False),
        ("circle", False),
    ],
)
async def test_words_of_prompts_are_searched_for(studio: Studio, search: str, found: bool):
    await paint(studio, RING)
    text = told(await history(studio, search=search))
    assert ("1 of 1" in text) == found
    assert ("no picture" in text) != found


async def test_letters_of_all_alphabets_are_searched_for_in_both_cases(studio: Studio):
    await paint(studio, "ein GRÜNER Kreis, 50 % Ü_n")
    for search in ("grüner", "50 %", "ü_N"):
        assert "1 of 1" in told(await history(studio, search=search))


async def test_the_search_holds_on_all_pages(studio: Studio):
    await paint(studio, RING, CIRCLE, RING)
    page = await history(studio, search="ring")
    assert "1 of 2" in told(page)
    await press(studio, page, "Older")
    assert "2 of 2" in told(page)
    assert "ring" in told(page)
    assert buttons_of(page)["Older"].disabled


async def test_a_search_that_fits_into_no_button_is_refused(studio: Studio):
    await paint(studio, CIRCLE)
    assert "fewer words" in told(await history(studio, search="🎨" * 40))


async def test_a_picture_is_posted_again_for_everybody(studio: Studio):
    await paint(studio, CIRCLE, seed=7)
    page = await history(studio)
    said = await press(studio, page, "Post again")
    (message,) = painted(studio.channel)
    assert message.jump_url in said
    assert CIRCLE in message.content
    assert studio.alice.mention in message.content
    assert not message.mention_everyone
    assert recipe_of(await pictures_of(message)[0].read()).seed == 7


async def test_a_picture_that_was_posted_again_is_a_picture_of_the_job(studio: Studio):
    await paint(studio, CIRCLE)
    await press(studio, await history(studio), "Post again")
    (message,) = painted(studio.channel)
    assert await studio.services.store.jobs.author_of_post(message.id) == studio.alice.id
    await studio.bob.click(message, label="Rerun")
    await studio.all_told()
    newest = await studio.services.store.jobs.get(2)
    assert newest is not None
    assert (newest.job.prompt, newest.job.author_id) == (CIRCLE, studio.bob.id)


async def test_it_is_not_posted_where_the_bot_may_not(studio: Studio):
    await paint(studio, CIRCLE)
    me = studio.bot.user
    assert me is not None
    forbidden = discord.PermissionOverwrite(attach_files=False)
    closed = studio.guild.create_text_channel("closed", overwrites={me: forbidden})
    page = await studio.alice.slash(closed, "history")
    assert "Attach Files" in await press(studio, page, "Post again")
    assert not closed.history()


async def test_what_is_blocked_by_now_is_not_posted_again(studio: Studio):
    await paint(studio, CIRCLE)
    change = studio.services.store.guild_settings.change
    await change(studio.guild.id, lambda old: old.changed(blocked_words=("circle",)))
    said = await press(studio, await history(studio), "Post again")
    assert "blocked" in said
    assert not painted(studio.channel)


async def test_a_rerun_has_another_seed_and_the_same_words(studio: Studio):
    await paint(studio, CIRCLE, seed=7)
    said = await press(studio, await history(studio), "Rerun")
    assert "Queued" in said
    await studio.all_told()
    page = await history(studio)
    assert "1 of 2" in told(page)
    assert CIRCLE in told(page)
    assert "seed 7 " not in told(page)


async def test_in_a_server_only_its_own_pictures_are_shown_and_in_private_all(studio: Studio):
    await paint(studio, CIRCLE)
    await studio.alice.user.slash("imagine", prompt=RING, steps=1)
    await studio.all_told()
    other = studio.env.create_guild(name="other")
    channel = other.create_text_channel("art")
    alice_there = other.add_member(studio.alice.user)
    assert "no pictures" in told(await alice_there.slash(channel, "history"))
    page = await history(studio)
    assert "1 of 1" in told(page)
    assert CIRCLE in told(page)
    everything = await studio.alice.user.slash("history")
    assert everything.response is not None
    assert "1 of 2" in everything.response.content


async def test_only_moderators_look_at_the_pictures_of_others(studio: Studio):
    await paint(studio, CIRCLE)
    refused = await studio.bob.slash(studio.channel, "history", person=studio.alice.user)
    assert "Only moderators" in told(refused)
    assert CIRCLE not in told(refused)
    page = await moderator(studio).slash(studio.channel, "history", person=studio.alice.user)
    assert CIRCLE in told(page)
    assert studio.alice.mention in told(page)


async def test_a_moderator_sees_nothing_of_channels_that_are_closed_to_them(studio: Studio):
    carol = moderator(studio)
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = studio.guild.create_text_channel("secret", overwrites={carol: hidden})
    await studio.imagine(RING, steps=1, channel=secret)
    await paint(studio, CIRCLE)
    page = await carol.slash(studio.channel, "history", person=studio.alice.user)
    assert "1 of 1" in told(page)
    assert CIRCLE in told(page)
    assert "1 of 2" in told(await history(studio))


def moderator(studio: Studio) -> simcord.MemberActor:
    permissions = discord.Permissions(manage_messages=True)
    role = studio.guild.create_role("mods", permissions=permissions)
    return studio.guild.add_member(studio.env.create_user("carol"), roles=[role])


async def test_buttons_show_nobody_what_a_command_would_not(studio: Studio):
    await paint(studio, CIRCLE, CIRCLE)
    person = studio.alice.id
    actions = ("older", "newer", "post", "rerun")
    before = len(studio.channel.history())
    posted = await posted_with(studio, *(f"history:{each}:{person}:2:" for each in actions))
    for action in actions:
        custom_id = f"history:{action}:{person}:2:"
        pressed = await studio.bob.click(posted, custom_id=custom_id)
        assert "Only moderators" in replies(pressed)
    (message,) = (each for each in studio.channel.history() if each.id == posted.id)
    assert message.content == "buttons"
    assert not message.attachments
    assert len(studio.channel.history()) == before + 1


async def test_with_an_id_of_ones_own_nobody_reaches_a_job_of_another(studio: Studio):
    await paint(studio, CIRCLE)
    custom_ids = [f"history:{each}:{studio.bob.id}:1:" for each in ("post", "rerun")]
    posted = await posted_with(studio, *custom_ids)
    for custom_id in custom_ids:
        pressed = await studio.bob.click(posted, custom_id=custom_id)
        assert "isn't there any more" in replies(pressed)
    assert await studio.services.store.jobs.count_unfinished() == 0
    assert not painted(studio.channel)


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


@pytest.mark.parametrize("custom_id", CURIOUS)
async def test_buttons_that_were_tampered_with_are_refused(studio: Studio, custom_id: str):
    await paint(studio, CIRCLE)
    custom_id = custom_id.format(studio.alice.id)
    pressed = await studio.alice.click(await posted_with(studio, custom_id), custom_id=custom_id)
    said = replies(pressed)
    reasons = ("isn't there any more", "don't know", "moderators", "no picture")
    assert any(each in said for each in reasons)
    assert not painted(studio.channel)


async def test_from_the_last_page_that_is_left_it_goes_on(studio: Studio):
    await paint(studio, CIRCLE, RING)
    page = await history(studio)
    await press(studio, page, "Older")
    custom_id = buttons_of(page)["Newer"].custom_id
    assert custom_id is not None
    beyond = custom_id.replace(f":{studio.alice.id}:1:", f":{studio.alice.id}:900:")
    posted = await posted_with(studio, beyond)
    await studio.alice.click(posted, custom_id=beyond)
    (message,) = (each for each in studio.channel.history() if each.id == posted.id)
    assert "1 of 2" in message.content


async def test_pages_turn_after_a_restart(tmp_path: Path):
    settings = make_settings(tmp_path)
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            bot = PaintingBot(services)
            env = await stack.enter_async_context(simcord.run(bot, shard_count=1))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice, bob = (guild.add_member(env.create_user(name)) for name in ("alice", "bob"))
            studio = Studio(env, bot, services, guild, channel, alice, bob)
            await paint(studio, CIRCLE, RING)
            page = await history(studio, search="on")
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            await press(studio, page, "Older")
            assert "2 of 2" in told(page)
            assert CIRCLE in told(page)
            assert "Posted" in await press(studio, page, "Post again")
