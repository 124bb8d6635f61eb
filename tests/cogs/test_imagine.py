"""`/imagine`, from the words to the picture, as the people of a server see it."""

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import discord
import pytest
import torch
from PIL import Image

from bot.ui.uploads import DISCORD_HOSTS
from engine.models.loading import Models
from engine.painting import finished_picture
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    pictures_of,
    recipe_of,
    result_of,
    singles_of,
    steps_held,
    stored_recipe,
    until,
)


async def test_a_command_is_answered_quietly_and_painted_in_a_thread(bot: BotHarness):
    answered = await bot.imagine(steps=3, seed=7)
    assert answered.ephemeral
    assert answered.response is not None
    job_message = bot.job_message()
    assert PROMPT in job_message.content
    assert bot.alice.mention in job_message.content
    assert job_message.jump_url in answered.response.content
    assert bot.thread().name == PROMPT
    result = await result_of(bot)
    assert "3 steps" in result.content
    assert "seed 7" in result.content
    (picture,) = pictures_of(result)
    assert PROMPT in (picture.description or "")


@pytest.fixture
def as_many_threads() -> Iterator[None]:
    """Paint in the test on as many threads as the bot does: the last bits depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("as_many_threads")
async def test_the_picture_is_the_engines_and_holds_its_recipe(bot: BotHarness, models: Models):
    await bot.imagine(steps=3, seed=7)
    content = await pictures_of(await result_of(bot))[0].read()
    recipe = recipe_of(content)
    assert (recipe.seed, recipe.steps) == (7, 3)
    generation = Generation(recipe, models)
    while not generation.done:
        generation.step()
    assert Image.open(io.BytesIO(content)).tobytes() == finished_picture(generation).tobytes()


async def test_progress_is_one_message_whose_place_the_result_takes(bot: BotHarness):
    await bot.imagine(steps=1)  # from then on, the end of a job can be estimated
    await bot.wait_until_notified()
    with steps_held():
        await bot.imagine("a blue square", steps=3)
        thread = next(each for each in bot.channel.threads if each.name == "a blue square")
        await until(lambda: thread.last_message and thread.last_message.attachments)
        shown = thread.last_message
        assert shown is not None
        assert "of 3 · done <t:" in shown.content
        assert [each.filename for each in shown.attachments] == ["progress.webp"]
    await bot.wait_until_notified()
    (result,) = thread.history()
    assert [each.filename for each in pictures_of(result)] == ["picture-2.png"]
    assert "progress.webp" not in [each.filename for each in result.attachments]


async def test_the_clip_shows_how_the_picture_grew(bot: BotHarness):
    await bot.imagine(steps=4)
    result = await result_of(bot)
    (clip,) = (each for each in result.attachments if each.filename.endswith(".webp"))
    # Half a second for what each step saw, and 1.5 for the finished picture. The encoder
    # joins equal pictures, so their number is not always five.
    assert _total_ms(Image.open(io.BytesIO(await clip.read()))) == 4 * 500 + 1500


def _total_ms(animation: Image.Image) -> int:
    total = 0
    for index in range(getattr(animation, "n_frames", 1)):
        animation.seek(index)
        animation.load()
        total += animation.info["duration"]
    return total


async def test_variations_have_seeds_of_their_own_and_a_grid(bot: BotHarness):
    await bot.imagine(count=3, seed=5)
    result = await result_of(bot)
    (grid,) = pictures_of(result)
    pictures = [await each.read() for each in await singles_of(result)]
    assert [recipe_of(content).seed for content in pictures] == [5, 6, 7]
    assert "grid" in grid.filename
    one, all_of_them = (Image.open(io.BytesIO(c)).size for c in (pictures[0], await grid.read()))
    assert all_of_them[0] > 2 * one[0]
    assert all_of_them[1] > 2 * one[1]
    assert grid.description == (
        f"3 pictures with numbers, row by row, painted from the prompt: {PROMPT}"
    )


@pytest.mark.parametrize(("size", "expected"), [("square", (64, 64)), ("portrait", (52, 80))])
async def test_sizes_are_on_the_models_grid(bot: BotHarness, size: str, expected: tuple[int, int]):
    await bot.imagine(steps=1, size=size)
    recipe = await stored_recipe(bot, await result_of(bot))
    assert (recipe.width, recipe.height) == expected


def plain(text: str) -> str:
    """Return a message without escapes and marks of the writing direction."""
    return re.sub(r"\\(.)|[\u2068\u2069]", r"\1", text)


@pytest.mark.parametrize(
    ("options", "side", "told"),
    [
        ({}, (84, 48), "The aspect ratio 16:9 was read as the size 84×48."),
        ({"size": "square"}, (64, 64), "The aspect ratio 16:9 was left out"),
    ],
)
async def test_a_prompt_of_another_program_is_understood_and_the_answer_says_how(
    bot: BotHarness, options: dict[str, Any], side: tuple[int, int], told: str
):
    prompt = "a clock at 12:30::2 a red ring::1 --no fog --ar 16:9"
    answered = await bot.imagine(prompt=prompt, steps=1, **options)
    said = plain(ephemeral_text(answered))
    assert is_accepted(said)
    assert (
        "The prompt was read as a clock at 12:30 with the weight 2, a red ring with the weight 1, "
        "fog with the weight -0.5." in said
    )
    assert told in said
    recipe = recipe_of(await pictures_of(await result_of(bot))[0].read())
    assert (recipe.width, recipe.height) == side


async def test_a_prompt_without_weights_needs_no_explanation(bot: BotHarness):
    answered = await bot.imagine(prompt="Star Wars: at 12:30 :smile: https://a.b:80", steps=1)
    assert answered.response is not None
    assert len(answered.response.content.splitlines()) == 1


async def test_style_is_added_to_prompt(bot: BotHarness):
    await bot.imagine("a red circle | fog:-0.5", steps=1, style="charcoal drawing")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [prompt.text for prompt in recipe.prompts] == ["a red circle, charcoal drawing", "fog"]


async def test_styles_and_presets_are_offered_while_typing(bot: BotHarness):
    alice, channel = bot.alice, bot.channel
    styles = await alice.autocomplete(channel, "imagine", "style", "FLAT D", prompt=PROMPT)
    assert [choice["value"] for choice in styles] == ["flat design"]
    presets = await alice.autocomplete(channel, "imagine", "preset", "", prompt=PROMPT)
    assert "paper" in [choice["value"] for choice in presets]


async def test_a_picture_to_start_from_is_turned_upright(bot: BotHarness):
    picture = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    await bot.imagine(steps=1, image=("photo.jpg", buffer.getvalue()))
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.start == "image"
    assert recipe.init_image is not None
    assert Image.open(io.BytesIO(recipe.init_image)).size == (64, 64)


async def test_image_to_resemble_is_a_separate_prompt(bot: BotHarness):
    like = encoded(Image.new("RGB", (500, 300), "green"), "PNG")
    await bot.imagine(steps=1, like=("meadow.png", like))
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.start == "codes"
    (prompt,) = recipe.image_prompts
    assert Image.open(io.BytesIO(prompt.picture)).getpixel((3, 3)) == (0, 128, 0)


@pytest.mark.parametrize(
    "prompt",
    [
        "🎨🔥👩‍🎨",
        "قطة سوداء على سقف أحمر",
        "**bold** ~~no~~ `code` ```block``` [link](example.org) # heading",
        r"\|\|spoiler\|\| _a_ __b__ <t:0>".replace(":", r"\:"),
        "@everyone @here <@1> <@&2> <#3>",
        "one\ntwo\r\n\tthree",
    ],
)
async def test_any_words_are_shown_and_do_nothing(bot: BotHarness, prompt: str):
    await bot.imagine(prompt, steps=1)
    job_message = bot.job_message()
    shown = job_message.content.split("**")[1]
    escaped = shown.replace("\\\\", "")
    for active in ("*", "`", "|", "<", "@", "[", "#"):
        assert escaped.count(active) == escaped.count(f"\\{active}")
    assert "\n" not in shown
    assert [user.id for user in job_message.mentions] == [bot.alice.id]
    assert not job_message.mention_everyone
    result = await result_of(bot)
    assert len(result.content) <= 2000


def bomb() -> bytes:
    """Return a PNG of a few bytes that says it has 60000 x 60000 pixels."""
    content = bytearray(encoded(Image.new("L", (1, 1)), "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


PNG = encoded(Image.new("RGB", (40, 30), "red"), "PNG")


async def test_what_became_of_transparent_parts_is_told(bot: BotHarness):
    clear = ("picture.png", encoded(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), "PNG"))
    answered = ephemeral_text(await bot.imagine(steps=1, image=clear, like=clear))
    assert "The picture to start from was transparent in places" in answered
    assert "The picture to resemble was transparent in places" in answered


KINDS: Sequence[bytes] = (
    encoded(Image.new("CMYK", (40, 30)), "JPEG"),
    encoded(Image.new("I;16", (40, 30)), "PNG"),
    encoded(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), "PNG"),
    encoded(
        Image.new("P", (40, 30)),
        "GIF",
        save_all=True,
        append_images=[Image.new("P", (40, 30), 1)],
    ),
)


async def test_pictures_of_every_kind_can_be_started_from(bot: BotHarness):
    for content in KINDS:
        await bot.imagine(steps=1, image=("picture", content))
        assert (await stored_recipe(bot, await result_of(bot))).start == "image"


REFUSED: Sequence[tuple[dict[str, object], str]] = (
    ({"prompt": " "}, "say in `prompt`"),
    ({"prompt": "a red circle:nan"}, "weight"),
    ({"prompt": "a red circle:0"}, "weight"),
    ({"preset": "none"}, "paper"),
    ({"steps": 5000}, "at most 1000"),
    ({"image": ("a.png", b"")}, "empty"),
    ({"image": ("a.png", b"no picture at all")}, "PNG"),
    ({"image": ("a.png", PNG[: len(PNG) // 2])}, "cut off"),
    ({"image": ("a.png", bomb())}, "pixels"),
    ({"like": ("a.png", b"no picture at all")}, "PNG"),
    ({"image": ("a.png", b"x" * (9 * 2**20))}, "at most 8 MiB"),
)


async def test_forbidden_values_are_refused(bot: BotHarness):
    for options, reason in REFUSED:
        answered = await bot.imagine(**options)  # pyright: ignore[reportArgumentType]
        assert answered.ephemeral
        assert answered.response is not None
        assert reason.lower() in answered.response.content.lower()
        assert answered.response.content.endswith((".", "!"))
        assert not bot.channel.history()
        assert not await bot.services.store.jobs.list_open()


@pytest.mark.parametrize(
    ("limit", "options", "parts"),
    [
        ({"steps": 100}, {"steps": 101}, ("At most 100 steps", "not 101", "`steps: 100`")),
        ({"count": 2}, {"count": 3, "steps": 1}, ("At most 2 variations", "not 3")),
    ],
)
async def test_recipes_from_every_source_are_limited(
    tmp_path: Path, limit: dict[str, int], options: dict[str, object], parts: tuple[str, ...]
):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update=limit)
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        refused = await bot.alice.slash(bot.channel, "imagine", prompt=PROMPT, **options)
        assert refused.response is not None
        assert all(part in refused.response.content for part in parts)
        assert not bot.channel.history()
        assert not await bot.services.store.jobs.list_open()
        within = options | {"steps": 1, "count": 2}
        taken = await bot.alice.slash(bot.channel, "imagine", prompt=PROMPT, **within)
        assert is_accepted(ephemeral_text(taken))
        await bot.wait_until_notified()


async def test_pictures_are_fetched_from_discord_only(tmp_path: Path):
    async with open_bot(make_settings(tmp_path), hosts=DISCORD_HOSTS) as bot:
        answered = await bot.imagine(image=("a.png", b"x"))
        assert answered.response is not None
        assert "attached to a message on Discord" in answered.response.content


async def test_in_direct_messages_everything_happens_in_place(bot: BotHarness):
    await bot.alice.user.slash("imagine", prompt=PROMPT, steps=2)
    await bot.wait_until_notified()
    messages = bot.alice.user.dm_channel.history()
    assert [bool(pictures_of(message)) for message in messages].count(True) == 1


async def test_in_a_thread_everything_happens_in_place(bot: BotHarness):
    await bot.imagine(steps=1)
    thread = bot.thread()
    await bot.imagine(steps=1, channel=thread)
    await bot.wait_until_notified()
    assert bot.thread().id == thread.id
    assert [bool(pictures_of(message)) for message in thread.history()].count(True) == 2


async def test_in_a_forum_post_everything_happens_in_place(bot: BotHarness):
    forum = bot.guild.create_forum_channel("gallery")
    channel = bot.client.get_channel(forum.id)
    assert isinstance(channel, discord.ForumChannel)
    await channel.create_thread(name="A post", content="Paint here.")
    (post,) = forum.threads
    await bot.imagine(steps=1, channel=post)
    await bot.wait_until_notified()
    assert any(pictures_of(message) for message in post.history())


async def test_without_the_permission_for_threads_everything_happens_in_place(bot: BotHarness):
    me = bot.client.user
    assert me is not None
    forbidden = discord.PermissionOverwrite(create_public_threads=False)
    channel = bot.guild.create_text_channel("plain", overwrites={me: forbidden})
    await bot.imagine(channel=channel)
    await bot.wait_until_notified()
    assert not channel.threads
    assert any(pictures_of(message) for message in channel.history())


@pytest.mark.parametrize(
    ("permission", "name"), [("send_messages", "Send Messages"), ("attach_files", "Attach Files")]
)
async def test_a_missing_permission_is_named_before_anything_is_queued(
    bot: BotHarness, permission: str, name: str
):
    me = bot.client.user
    assert me is not None
    forbidden = discord.PermissionOverwrite.from_pair(
        discord.Permissions.none(), discord.Permissions(**{permission: True})
    )
    channel = bot.guild.create_text_channel("closed", overwrites={me: forbidden})
    answered = await bot.imagine(channel=channel)
    assert answered.response is not None
    assert name in answered.response.content
    assert not await bot.services.store.jobs.list_open()


async def test_one_person_cannot_fill_the_queue(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        with steps_held():
            await bot.imagine()
            refused = await bot.imagine()
            assert refused.response is not None
            assert "1 job" in refused.response.content
            taken = await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=1)
            assert is_accepted(ephemeral_text(taken))
        await bot.wait_until_notified()


async def test_who_waits_is_told_how_many_are_before(bot: BotHarness):
    with steps_held():
        await bot.imagine()
        await bot.bob.slash(bot.channel, "imagine", prompt="a green ring", steps=1)
        (thread,) = (each for each in bot.channel.threads if each.name == "a green ring")
        await until(lambda: thread.last_message)
    assert thread.last_message is not None
    assert "1 job" in thread.last_message.content
    await bot.wait_until_notified()


async def test_help_and_status_answer_only_who_asked(bot: BotHarness):
    for command, word in (("help", "/imagine"), ("status", "demo")):
        answered = await bot.alice.slash(bot.channel, command)
        assert answered.ephemeral
        assert answered.response is not None
        assert word in answered.response.content
