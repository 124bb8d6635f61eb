"""Replies: words to a picture edit it, a picture that was painted over is gone on with."""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import discord
import pytest
import simcord
from PIL import Image, ImageDraw
from simcord.backend.models.message import MessageSticker
from simcord.components import resolve_attachment_references

from bot import client
from bot.config import BotSettings
from engine import presets
from tests.harness.bot_harness import (
    FAST,
    PROMPT,
    BotHarness,
    channel_of,
    encoded,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    make_settings,
    open_bot,
    opened,
    painted,
    pictures_of,
    recipe_of,
    result_of,
    singles_of,
    stored_recipe,
    until,
)
from tests.harness.interactions import deliver_again, progress_message
from tests.harness.languages import put_texts, set_server_language
from tests.harness.replies import replied

WORDS = "a green circle on a blue background"
PHOTOGRAPH = encoded(Image.linear_gradient("L").convert("RGB").resize((120, 80)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


async def picture_by_alice(bot: BotHarness, **options: object) -> discord.Message:
    await bot.imagine(**{"steps": 1, "seed": 3} | options)  # pyright: ignore[reportArgumentType]
    return await result_of(bot)


def mention(bot: BotHarness) -> str:
    """Return the mention of the bot, as Discord writes it into a text."""
    me = bot.client.user
    assert me is not None
    return me.mention


async def jobs(bot: BotHarness) -> int:
    """Return how many jobs there ever were, after all of them."""
    await bot.wait_until_notified()
    number = 1
    while await bot.services.store.jobs.state(number) is not None:
        number += 1
    return number - 1


def replies(bot: BotHarness, place: simcord.ChannelHandle) -> list[discord.Message]:
    """Return the bot's replies that are only text."""
    mine = (message for message in place.history() if message.author == bot.client.user)
    return [message for message in mine if message.type is discord.MessageType.reply]


def answers(bot: BotHarness, place: simcord.ChannelHandle | None = None) -> list[str]:
    """Return the text of the bot's replies, by default in the only thread."""
    return [message.content for message in replies(bot, place or bot.thread())]


def painted_by_bot(bot: BotHarness) -> list[discord.Message]:
    """Return the messages in the only thread with pictures of the bot."""
    return [m for m in painted(bot.thread()) if m.author == bot.client.user]


async def source_of(bot: BotHarness, message: discord.Message) -> bytes:
    """Return the pixels of the picture that an edit was made of."""
    recipe = await stored_recipe(bot, message)
    assert recipe.edit is not None
    return opened(recipe.edit.source).tobytes()


async def test_words_to_a_picture_edit_it(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, WORDS, result, who=bot.bob)
    edited = await result_of(bot, bot.thread())
    assert edited.id != result.id
    assert bot.bob.mention in edited.content
    assert "edited" in edited.content
    assert await source_of(bot, edited) == opened(await pictures_of(result)[0].read()).tobytes()
    assert not answers(bot)


async def test_a_picture_with_words_is_edited_itself(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, WORDS, result, ("photo.png", PHOTOGRAPH))
    edited = await result_of(bot, bot.thread())
    assert await source_of(bot, edited) == opened(PHOTOGRAPH).tobytes()


async def test_a_picture_that_was_painted_over_is_gone_on_with(bot: BotHarness):
    result = await picture_by_alice(bot, prompt=f"{PROMPT} | fog:-0.5", steps=3)
    file = await pictures_of(result)[0].read()
    over = opened(file).convert("RGB")
    ImageDraw.Draw(over).rectangle((0, 0, 200, 200), fill="yellow")
    await replied(bot, "", result, ("over.png", encoded(over)))
    first, again = recipe_of(file), await stored_recipe(bot, await result_of(bot, bot.thread()))
    assert (again.prompts, again.seed, again.steps) == (first.prompts, 3, 3)
    assert again.cutouts == first.cutouts
    assert again.start == "image"
    assert again.init_image is not None
    start = opened(again.init_image)
    assert start.size == (64, 64)
    assert start.getpixel((5, 5)) == (255, 255, 0)


async def test_an_edit_that_was_painted_over_is_gone_on_with(bot: BotHarness):
    await bot.alice.slash(
        bot.channel, "edit", prompt=WORDS, image=("a.png", PHOTOGRAPH), steps=1, seed=5
    )
    result = await result_of(bot)
    over = encoded(Image.new("RGB", (60, 40), "purple"))
    await replied(bot, "", result, ("over.png", over))
    edited = await result_of(bot, bot.thread())
    again = await stored_recipe(bot, edited)
    assert (again.seed, again.steps) == (5, 1)
    assert await source_of(bot, edited) == Image.new("RGB", (120, 80), "purple").tobytes()


async def test_number_in_reply_chooses_picture(bot: BotHarness):
    result = await picture_by_alice(bot, count=3)
    thread = bot.thread()
    await replied(bot, WORDS, result)
    await bot.env.advance_time(FAST.refusal_seconds + 1)
    await replied(bot, f"#4 {WORDS}", result)
    first, second = answers(bot)
    assert "3 pictures" in first
    assert "#3" in first
    assert "number 4" in second
    _, second, _ = await singles_of(result)
    await replied(bot, f"#2 {WORDS}", result)
    edited = await result_of(bot, thread)
    assert await source_of(bot, edited) == opened(await second.read()).tobytes()
    assert WORDS in edited.content
    assert "#2" not in edited.content


async def test_refusal_pings_no_one_and_is_deleted(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, "a red circle:nan", result)
    thread = bot.thread()
    (refusal,) = replies(bot, thread)
    assert "weight" in refusal.content
    assert not refusal.mentions
    await bot.env.advance_time(FAST.brief_seconds + 1)
    assert not answers(bot)


async def test_a_refusal_that_is_lost_on_the_way_is_sent_again(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    result = await picture_by_alice(bot)
    send, lost = discord.abc.Messageable.send, [aiohttp.ServerDisconnectedError()]

    async def losing(self: discord.abc.Messageable, *args: Any, **options: Any) -> discord.Message:
        if lost:
            raise lost.pop()
        return await send(self, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(discord.abc.Messageable, "send", losing)
        await replied(bot, "a red circle:nan", result)
        await until(lambda: answers(bot))
    (refusal,) = answers(bot)
    assert "weight" in refusal


async def test_refusals_are_said_once_a_minute_to_each_person(bot: BotHarness):
    result = await picture_by_alice(bot)
    for _ in range(3):
        await replied(bot, f"#4 {WORDS}", result)
    assert len(answers(bot)) == 1
    await replied(bot, f"#4 {WORDS}", result, who=bot.bob)
    assert len(answers(bot)) == 2
    await bot.env.advance_time(FAST.refusal_seconds + 1)
    await replied(bot, f"#4 {WORDS}", result)
    assert len(answers(bot)) == 3


async def test_a_reply_that_discord_delivers_twice_makes_one_job(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, WORDS, result)
    await deliver_again(bot, "MESSAGE_CREATE", bot.alice)
    await bot.wait_until_notified()
    assert len(painted_by_bot(bot)) == 2


async def test_reply_with_hidden_text_is_explained_once(bot: BotHarness):
    result = await picture_by_alice(bot)
    thread = bot.thread()
    for _ in range(2):
        await replied(bot, WORDS, result, ping=False)
    (explanation,) = answers(bot)
    for way in ("ping", "Edit this image", "/edit"):
        assert way in explanation
    assert len(painted(thread)) == 1
    await bot.env.advance_time(FAST.brief_seconds + 1)
    assert not answers(bot)


async def test_reply_without_ping_to_text_is_ignored(bot: BotHarness):
    await bot.imagine(steps=1)
    await replied(bot, "what is this", bot.job_message(), ping=False)
    await bot.wait_until_notified()
    assert not answers(bot, bot.channel)


@pytest.mark.parametrize("visible", [False, True])
async def test_talk_between_people_is_left_alone(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch, visible: bool
):
    """Where Discord hides it from the bot, and where it would not."""
    chosen = client.intents()
    chosen.message_content = visible
    monkeypatch.setattr(client, "intents", lambda: chosen)
    async with open_bot(settings) as bot:
        posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", PHOTOGRAPH)])
        await replied(bot, "nice", posted)
        await bot.alice.send(bot.channel, "hello")
        await bot.wait_until_notified()
        assert len(bot.channel.history()) == 3


async def test_sticker_is_ignored(bot: BotHarness):
    result = await picture_by_alice(bot)
    sticker = MessageSticker(id=1, name="wow", format_type=1, guild_id=bot.guild.id)
    await replied(bot, "", result, stickers=[sticker])
    assert not answers(bot)
    assert len(painted_by_bot(bot)) == 1


async def test_a_reply_to_any_message_about_a_job_means_its_picture(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, f"{mention(bot)} {WORDS}", bot.job_message())
    edited = await result_of(bot)
    assert edited.id != result.id
    assert await source_of(bot, edited) == opened(await pictures_of(result)[0].read()).tobytes()


async def test_while_a_job_is_painted_a_reply_says_to_wait(bot: BotHarness):
    async with job_in_progress(bot):
        await replied(bot, WORDS, progress_message(bot))
        (refusal,) = answers(bot)
        assert "isn't finished yet" in refusal
    await bot.wait_until_notified()


async def test_menus_of_any_message_about_a_job_mean_its_picture(bot: BotHarness):
    await picture_by_alice(bot)
    form = await bot.bob.context_menu(bot.channel, "Edit this image", bot.job_message())
    answered = await bot.bob.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    assert is_accepted(ephemeral_text(answered))
    shown = await bot.bob.context_menu(bot.channel, "Show recipe", bot.job_message())
    assert PROMPT in ephemeral_text(shown)
    await bot.wait_until_notified()


async def test_a_forwarded_picture_is_edited(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", PHOTOGRAPH)])
    forward = await bot.bob.forward(posted, bot.channel)
    form = await bot.alice.context_menu(bot.channel, "Edit this image", forward)
    await bot.alice.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    edited = await result_of(bot)
    assert await source_of(bot, edited) == opened(PHOTOGRAPH).tobytes()


async def test_a_picture_in_a_gallery_is_edited(bot: BotHarness):
    view = discord.ui.LayoutView()
    gallery = discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://a.png"))
    view.add_item(discord.ui.Container(gallery))
    robot = bot.guild.add_member(bot.env.create_user("robot", bot=True))
    backend = bot.env.backend
    files = backend.store_attachments(bot.channel.id, [("a.png", PHOTOGRAPH)])
    components = resolve_attachment_references(view.to_components(), files)
    backend.create_message(
        bot.channel.id, robot.id, "", flags=1 << 15, components=components, attachments=[]
    )
    await bot.env.settle()
    posted = bot.channel.history()[0]
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    await bot.alice.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    edited = await result_of(bot)
    assert await source_of(bot, edited) == opened(PHOTOGRAPH).tobytes()


async def test_a_linked_picture_is_said_to_be_unreadable(bot: BotHarness):
    embed = {"type": "image", "url": "https://example.com/a.png"}
    embed["thumbnail"] = {"url": "https://example.com/a.png"}  # pyright: ignore[reportArgumentType]
    bot.env.backend.create_message(bot.channel.id, bot.bob.id, "look", embeds=[embed])
    await bot.env.settle()
    posted = bot.channel.history()[0]
    refused = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    assert "by a link" in ephemeral_text(refused)


SMALL_TALK: Sequence[str] = (
    "lol nice",
    "thanks!",
    "😂",
    "<:kek:123456789012345678>",
    "https://tenor.com/view/1",
)


async def test_small_talk_paints_nothing(bot: BotHarness):
    result = await picture_by_alice(bot)
    for words in SMALL_TALK:
        await replied(bot, words, result, who=bot.bob)
        assert await jobs(bot) == 1
        assert not answers(bot)


async def test_small_talk_with_a_mention_is_a_request_if_it_has_words(bot: BotHarness):
    result = await picture_by_alice(bot)
    await replied(bot, f"{mention(bot)} !!", result)
    assert await jobs(bot) == 1
    await replied(bot, f"{mention(bot)} beautiful", result)
    assert await jobs(bot) == 2


@pytest.mark.parametrize(
    ("rule", "in_thread", "in_channel", "with_mention"),
    [
        ("always", True, True, True),
        (None, True, False, True),
        ("threads", True, False, True),
        ("mention", False, False, True),
        ("never", False, False, False),
    ],
)
async def test_the_server_decides_which_replies_in_words_count(
    bot: BotHarness, rule: str | None, in_thread: bool, in_channel: bool, with_mention: bool
):
    result = await picture_by_alice(bot)
    change = bot.services.store.guild_settings.change
    await change(bot.guild.id, lambda before: before.changed(replies=rule))
    page = await bot.alice.slash(bot.channel, "history")
    assert page.response is not None
    await bot.alice.click(page.response, label="Post again")
    again = painted(bot.channel)[-1]
    counts = 1
    for words, to, expected in (
        (WORDS, result, in_thread),
        (WORDS, again, in_channel),
        (f"{mention(bot)} {WORDS}", again, with_mention),
    ):
        await replied(bot, words, to)
        counts += expected
        assert await jobs(bot) == counts
    await replied(bot, WORDS, again, ("photo.png", PHOTOGRAPH))
    assert await jobs(bot) == counts + 1


async def test_who_asks_in_another_way_is_told_once_a_day_how_to(bot: BotHarness):
    await picture_by_alice(bot)
    for _ in range(2):
        await replied(bot, WORDS, bot.job_message())
    (explanation,) = answers(bot, bot.channel)
    assert "mentions me" in explanation
    assert await jobs(bot) == 1


async def test_mention_in_reply_to_another_user_points_to_menu(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", PHOTOGRAPH)])
    me = bot.client.user
    assert me is not None
    await replied(bot, f"{me.mention} {WORDS}", posted)
    (refusal,) = answers(bot, bot.channel)
    assert "Edit this image" in refusal


async def test_refusals_are_in_the_language_of_the_server(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    english = "I can't see what's in that message. Use its menu *Edit this image*, or `/edit`."
    french = "Je ne vois pas ce message."
    put_texts(monkeypatch, "fr", {english: french})
    guild, me = bot.client.get_guild(bot.guild.id), bot.client.user
    assert guild is not None
    assert me is not None
    set_server_language(guild, "fr")
    posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", PHOTOGRAPH)])
    await replied(bot, f"{me.mention} {WORDS}", posted)
    assert answers(bot, bot.channel) == [french]


async def test_a_deleted_message_is_said_to_be_deleted(bot: BotHarness):
    result = await picture_by_alice(bot)
    thread, me = bot.thread(), bot.client.user
    assert me is not None
    await channel_of(bot, thread.id).get_partial_message(result.id).delete()
    await replied(bot, f"{me.mention} {WORDS}", result)
    (refusal,) = answers(bot)
    assert "deleted" in refusal


async def test_expired_address_is_requested_again(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    result = await picture_by_alice(bot)
    expired = expiring(bot, monkeypatch, times=1)
    await replied(bot, WORDS, result)
    assert expired
    edited = await result_of(bot, bot.thread())
    assert edited.id != result.id


async def test_a_picture_that_is_gone_for_good_is_said_to_be(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    result = await picture_by_alice(bot)
    expiring(bot, monkeypatch, times=99)
    await replied(bot, WORDS, result)
    (refusal,) = answers(bot)
    assert "couldn't fetch" in refusal


def expiring(bot: BotHarness, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """Let files be gone from Discord's host for the next `times`; the addresses asked for."""
    get, asked = bot.env.backend.cdn.get, []

    def gone(url: str) -> bytes | None:
        asked.append(url)
        return None if len(asked) <= times else get(url)

    monkeypatch.setattr(bot.env.backend.cdn, "get", gone)
    return asked


@pytest.mark.parametrize(
    ("size", "reason"), [((10, 10), "too few to edit"), ((800, 20), "too long a strip")]
)
async def test_a_picture_of_the_wrong_size_is_refused(
    bot: BotHarness, size: tuple[int, int], reason: str
):
    result = await picture_by_alice(bot)
    await replied(bot, WORDS, result, ("a.png", encoded(Image.new("RGB", size))))
    (refusal,) = answers(bot)
    assert reason in refusal


async def test_a_large_picture_is_made_smaller_and_that_is_said(bot: BotHarness):
    result = await picture_by_alice(bot)
    large = encoded(Image.new("RGB", (2000, 1500), "red"))
    await replied(bot, WORDS, result, ("a.png", large))
    (notice,) = answers(bot)
    assert "2000x1500" in notice
    edited = await result_of(bot, bot.thread())
    assert edited.id != result.id


@pytest.mark.parametrize("over", [False, True])
async def test_pictures_of_others_can_be_forbidden(tmp_path: Path, over: bool):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        result = await picture_by_alice(bot)
        words, files = ("", [("a.png", PHOTOGRAPH)]) if over else (WORDS, [])
        await replied(bot, words, result, *files, who=bot.bob)
        (refusal,) = answers(bot)
        assert "only the person who asked" in refusal
        await replied(bot, words, result, *files)
        await bot.wait_until_notified()
        assert len(painted_by_bot(bot)) == 2


async def test_in_direct_messages_a_picture_of_ones_own_can_be_replied_to(bot: BotHarness):
    direct, backend = bot.alice.user.dm_channel, bot.env.backend
    sent = await bot.alice.user.send_dm(
        "look", attachments=backend.store_attachments(direct.id, [("a.png", PHOTOGRAPH)])
    )
    await replied(bot, WORDS, sent)
    await bot.wait_until_notified()
    (result,) = painted(direct)[1:]
    assert await source_of(bot, result) == opened(PHOTOGRAPH).tobytes()


async def test_the_bot_replies_to_no_bot(bot: BotHarness):
    result = await picture_by_alice(bot)
    robot = bot.guild.add_member(bot.env.create_user("robot", bot=True))
    await replied(bot, WORDS, result, who=robot)
    await bot.wait_until_notified()
    assert len(painted_by_bot(bot)) == 1
    assert not answers(bot)
