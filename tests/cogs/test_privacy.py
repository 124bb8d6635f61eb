"""`/privacy`: what is kept of a person is handed out, and removed for good."""

import asyncio
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing

import discord
import pytest
import simcord
from PIL import Image
from simcord.backend.models.message import AllowedMentions

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.privacy import export
from bot.storage.connection import DATABASE
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    another_job_is_painted,
    channel_of,
    connected,
    encoded,
    ephemeral_text,
    open_test_services,
    painted,
    raise_unexplained,
    recipe_of,
    result_of,
    until,
    wait_for_first_progress,
)
from tests.harness.job_factory import bytes_on_disk
from tests.harness.languages import put_texts

SECRET = "a red circle on a secret background"
UPLOAD = encoded(Image.effect_noise((64, 64), 60).convert("RGB"))
MESSAGES = "/channels/*/messages/*"


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    limit = 4_000
    monkeypatch.setattr(export, "PART_BYTES", limit)
    yield limit


async def ask(actor: simcord.MemberActor, bot: BotHarness, command: str):
    return await actor.slash(bot.channel, f"privacy {command}")


async def deleted(bot: BotHarness) -> str:
    """Let Alice delete everything; return the last answer."""
    sure = await ask(bot.alice, bot, "delete")
    assert sure.response is not None
    await bot.alice.click(sure.response, label="Delete everything")
    return ephemeral_text(sure)


async def exported(bot: BotHarness) -> dict[str, bytes]:
    """All files that Alice was sent, by their names."""
    found: dict[str, bytes] = {}
    for message in bot.alice.user.dm_channel.history():
        for file in message.attachments:
            with zipfile.ZipFile(io.BytesIO(await file.read())) as opened:
                assert opened.testzip() is None
                found |= {name: opened.read(name) for name in opened.namelist()}
    return found


async def test_about_says_how_long_things_are_kept(bot: BotHarness):
    text = ephemeral_text(await ask(bot.alice, bot, "about"))
    assert "90 days" in text
    assert "/privacy delete" in text
    assert len(text) <= 2000


async def test_an_export_holds_jobs_recipes_pictures_and_drafts(bot: BotHarness):
    await bot.imagine(SECRET, steps=2, seed=7, image=("mine.png", UPLOAD))
    await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=1)
    picture = ("scene.png", UPLOAD)
    await bot.alice.slash(bot.channel, "mask", image=picture, replace_with="a blue square")
    posted = await (await result_of(bot, thread_of(bot, SECRET))).attachments[0].read()
    answered = await ask(bot.alice, bot, "export")
    assert "1 file" in ephemeral_text(answered)
    files = await exported(bot)
    job = json.loads(files["job-1/job.json"])
    assert (job["prompt"], job["author_id"], job["state"]) == (SECRET, bot.alice.id, "done")
    assert job["posts"]
    assert job["places"]
    recipe = Recipe.from_json(files["job-1/recipe-1.json"].decode())
    assert recipe.seed == 7
    assert recipe.init_image  # the picture that she attached, which the posted file lacks
    assert files["job-1/picture-1.png"] == posted
    assert recipe_of(files["job-1/picture-1.png"]).seed == 7
    assert any(name.startswith("job-1/frames/") for name in files)
    assert json.loads(files["draft-1/draft.json"])["replace_with"] == "a blue square"
    assert files["draft-1/source.png"].startswith(b"\x89PNG")
    assert "read-me.txt" in files
    assert not any(name.startswith("job-2/") for name in files)  # Bob's
    assert str(bot.bob.id) not in str(files)


async def test_a_large_export_comes_in_parts_that_are_small_enough(
    bot: BotHarness, small_files: int
):
    await bot.imagine(SECRET, steps=2, image=("mine.png", UPLOAD))
    result = await result_of(bot)
    answered = await ask(bot.alice, bot, "export")
    messages = bot.alice.user.dm_channel.history()
    assert f"{len(messages)} files" in ephemeral_text(answered)
    assert len(messages) > 2
    sizes = [file.size for message in messages for file in message.attachments]
    assert max(sizes) <= small_files
    files = await exported(bot)
    parts = [name for name in files if name.startswith("job-1/picture-1.png.part")]
    parts.sort(key=lambda name: int(name.rpartition("part")[2]))
    assert len(parts) > 1
    assert b"".join(files[name] for name in parts) == await result.attachments[0].read()


async def test_who_takes_no_direct_messages_is_told_so(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    dm = bot.alice.user.dm_channel.id
    path = f"/channels/{dm}/messages"
    bot.env.inject_error("POST", path, status=403, code=50007, times=None)
    answered = await ask(bot.alice, bot, "export")
    assert "direct messages" in ephemeral_text(answered)
    assert not bot.alice.user.dm_channel.history()


async def test_export_without_data_sends_nothing(bot: BotHarness):
    assert "nothing about you" in ephemeral_text(await ask(bot.alice, bot, "export"))
    assert not bot.alice.user.dm_channel.history()


async def test_deletion_asks_first(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    sure = await ask(bot.alice, bot, "delete")
    assert "can't be undone" in ephemeral_text(sure)
    assert sure.response is not None
    await bot.alice.click(sure.response, label="Keep it")
    assert ephemeral_text(sure) == "Nothing was deleted."
    assert not sure.response.components
    assert await bot.services.store.exports.job_ids(bot.alice.id) == [1]


async def test_deletion_removes_from_database_and_discord(bot: BotHarness):
    await bot.imagine(SECRET, steps=2, image=("mine.png", UPLOAD))
    await bot.alice.slash(bot.channel, "mask", image=("scene.png", UPLOAD))
    await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=1)
    await bot.wait_until_notified()
    await press_again(bot)
    (stored,) = await bot.services.store.lifecycle.pictures(1)
    number = bot.alice.id.to_bytes(8, "big")  # as SQLite keeps it
    samples = (SECRET.encode(), stored.content[2000:2064], number)
    folder = bot.services.settings.storage.folder
    assert all(sample in bytes_on_disk(folder) for sample in samples)
    text = await deleted(bot)
    assert "1 job, 1 picture, 1 draft" in text
    assert "could not" not in text
    assert not any(sample in bytes_on_disk(folder) for sample in samples)
    assert not any(SECRET in message.content for message in bot.channel.history())
    assert not thread_of(bot, "removed").history(viewer=bot.bob)
    assert len(painted(bot.channel)) == 1  # Bob's
    assert SECRET not in [thread.name for thread in bot.channel.threads]
    assert await bot.services.store.lifecycle.pictures(2)  # Bob's
    assert painted(thread_of(bot, PROMPT))
    assert "nothing about you" in ephemeral_text(await ask(bot.alice, bot, "export"))


async def hidden_reply(bot: BotHarness, to: discord.Message) -> None:
    """Alice replies without a ping, so Discord hides her words and the bot explains that."""
    bot.env.backend.create_message(
        to.channel.id,
        bot.alice.id,
        "a green circle",
        reference={"channel_id": str(to.channel.id), "message_id": str(to.id)},
        allowed_mentions=AllowedMentions(replied_user=False),
    )
    await bot.env.settle()


def rows_about(bot: BotHarness, user_id: int) -> dict[str, int]:
    """Count the rows that mention a person, by table."""
    found: dict[str, int] = {}
    with closing(sqlite3.connect(bot.services.settings.storage.folder / DATABASE)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows = database.execute(f"SELECT * FROM {table}").fetchall()
            found[table] = sum(str(user_id) in repr(row) for row in rows)
    return {table: count for table, count in found.items() if count}


async def test_every_table_is_exported_and_emptied(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await hidden_reply(bot, await result_of(bot))
    await bot.alice.slash(bot.channel, "mask", image=("scene.png", UPLOAD))
    assert rows_about(bot, bot.alice.id) == {"jobs": 1, "drafts": 1, "facts": 1}
    # A deletion that waits for Discord is stored too.
    bot.env.inject_error("DELETE", MESSAGES, status=500, times=None)
    await bot.services.store.personal_data.request_erasure(bot.alice.id)
    assert await bot.services.store.personal_data.delete_job(1, bot.alice.id)
    await ask(bot.alice, bot, "export")
    account = json.loads((await exported(bot))["account.json"])
    assert account["facts"][0]["name"] == f"told of replies: {bot.alice.id}"
    assert {name: len(rows) for name, rows in account.items()} == {
        table: count for table, count in rows_about(bot, bot.alice.id).items() if table != "drafts"
    }
    await deleted(bot)
    assert not rows_about(bot, bot.alice.id)
    assert "nothing about you" in ephemeral_text(await ask(bot.alice, bot, "export"))


async def test_preferences_are_exported_and_deleted_at_once(bot: BotHarness):
    preferences = bot.services.store.preferences
    await preferences.change(bot.alice.id, lambda before: before.changed(notify="dm"))
    await preferences.change(bot.bob.id, lambda before: before.changed(notify="none"))
    assert rows_about(bot, bot.alice.id) == {"preferences": 1}
    await ask(bot.alice, bot, "export")
    account = json.loads((await exported(bot))["account.json"])
    stored = {"author_id": bot.alice.id, "preferences": '{"notify":"dm"}'}
    assert account == {"preferences": [stored]}
    await bot.services.store.personal_data.request_erasure(bot.alice.id)
    assert (await preferences.get(bot.alice.id)).notify == "ping"
    assert (await preferences.get(bot.bob.id)).notify == "none"
    await preferences.change(bot.alice.id, lambda before: before.changed(notify="dm"))
    await bot.services.erasure.request(bot.bob.id)  # wakes up whoever removes
    async with asyncio.timeout(PATIENCE):
        while await bot.services.store.personal_data.erasures():
            await asyncio.sleep(0.05)
    assert rows_about(bot, bot.alice.id) == {"preferences": 1}  # chosen after the request


async def test_who_only_got_an_explanation_can_export_and_delete_that(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    result = await result_of(bot)
    await bot.services.store.key_values.set(f"told of replies: {bot.bob.id}", "2026-01-02")
    await bot.services.store.key_values.set(f"told of replies: 1{bot.alice.id}", "2026-01-02")
    await hidden_reply(bot, result)
    await deleted(bot)
    assert rows_about(bot, bot.bob.id) == {"facts": 1}
    assert await bot.services.store.key_values.get(f"told of replies: 1{bot.alice.id}")
    await ask(bot.bob, bot, "export")
    (sent,) = bot.bob.user.dm_channel.history()
    with zipfile.ZipFile(io.BytesIO(await sent.attachments[0].read())) as files:
        assert files.namelist() == ["read-me.txt", "account.json"]


async def press_again(bot: BotHarness) -> None:
    """Alice posts her newest picture once more."""
    page = await bot.alice.slash(bot.channel, "history")
    assert page.response is not None
    before = len(painted(bot.channel))
    await bot.alice.click(page.response, label="Post again")
    assert len(painted(bot.channel)) == before + 1


def thread_of(bot: BotHarness, name: str) -> simcord.ChannelHandle:
    (thread,) = (each for each in bot.channel.threads if each.name == name)
    return thread


async def test_open_jobs_are_cancelled_and_others_go_on(bot: BotHarness):
    await bot.imagine(SECRET, steps=800)
    await wait_for_first_progress(bot)
    await bot.imagine("another secret", steps=800)
    text = await deleted(bot)
    assert "2 jobs" in text
    assert not bot.services.queue.jobs()
    assert not any("secret" in message.content for message in bot.channel.history())
    await another_job_is_painted(bot)


async def test_messages_in_direct_messages_go_too_and_those_of_people_stay(bot: BotHarness):
    await bot.alice.user.slash("imagine", prompt=SECRET, steps=1)
    await bot.imagine(PROMPT, steps=1)
    thread = thread_of(bot, PROMPT)
    await bot.bob.send(thread, "How beautiful")
    await bot.wait_until_notified()
    await deleted(bot)
    assert not bot.alice.user.dm_channel.history()
    assert [message.content for message in thread.history()][-1] == "How beautiful"
    assert not painted(thread)


async def test_messages_that_discord_keeps_are_counted(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    bot.env.inject_error("DELETE", MESSAGES, status=403, code=50001, times=None)
    text = await deleted(bot)
    assert "could not delete" in text
    assert "0 messages" in text
    assert await bot.services.store.exports.job_ids(bot.alice.id) == []


@pytest.mark.parametrize(("status", "code"), [(500, 0), (503, 0), (404, 10008), (400, 50083)])
async def test_messages_deleted_late_or_gone_count_as_deleted(
    bot: BotHarness, status: int, code: int
):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    bot.env.inject_error("DELETE", MESSAGES, status=status, code=code)
    assert "could not delete" not in await deleted(bot)


async def test_messages_deleted_by_hand_are_no_error(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    await channel_of(bot, bot.thread().id).delete()
    text = await deleted(bot)
    assert "could not delete" not in text
    assert "1 job" in text


TAMPERED: Sequence[str] = ("privacy:", "privacy:burn", "privacy:delete:5")


async def test_buttons_that_were_tampered_with_are_refused(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    for custom_id in TAMPERED:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
        posted = await channel_of(bot, bot.channel.id).send("buttons", view=view)
        pressed = await bot.alice.click(posted, custom_id=custom_id)
        said = [each for each in (pressed.response, *pressed.followups) if each and each.ephemeral]
        assert "don't know" in said[-1].content
        assert await bot.services.store.exports.job_ids(bot.alice.id) == [1]


async def test_whoever_presses_deletes_their_own_things_only(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id="privacy:delete"))
    posted = await channel_of(bot, bot.channel.id).send("buttons", view=view)
    await bot.bob.click(posted, custom_id="privacy:delete")
    assert await bot.services.store.exports.job_ids(bot.alice.id) == [1]
    assert len(await bot.services.store.lifecycle.pictures(1)) == 1


async def test_a_deletion_that_a_restart_interrupts_is_completed(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    english = "I deleted what I stored about you: {items}."
    put_texts(monkeypatch, "de", {english: "Gelöscht: {items}."})
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            client = PaintingBot(services)
            env = await stack.enter_async_context(connected(client))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice, bob = (guild.add_member(env.create_user(name)) for name in ("alice", "bob"))
            bot = BotHarness(env, client, services, guild, channel, alice, bob)
            for _ in range(3):
                await bot.imagine(SECRET, steps=1)
            await bot.wait_until_notified()
            # The wish, the first job and one message: then the program ends.
            deletion = await services.store.personal_data.request_erasure(alice.id, "de")
            assert await services.store.personal_data.delete_job(1, alice.id)
            async for removal in services.store.personal_data.pending_deletions(alice.id):
                await services.store.personal_data.finish_deletion(removal, succeeded=True)
                break
            assert deletion.last_job_id == 3
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            await until(alice.user.dm_channel.history)
            assert await services.store.exports.job_ids(alice.id) == []
            contents = [message.content for message in channel.history()]
            # That one message was noted as removed before it was: here nobody had removed it.
            assert len([each for each in contents if SECRET in each]) <= 1
            assert not any(painted(thread) for thread in channel.threads[1:])
            (message,) = alice.user.dm_channel.history()
            assert message.content.startswith("Gelöscht: 3 jobs, ")  # in the language that she has
            folder = services.settings.storage.folder
            assert SECRET.encode() not in bytes_on_disk(folder)


async def test_jobs_after_erasure_request_are_kept(bot: BotHarness):
    await bot.imagine(SECRET, steps=1)
    await bot.wait_until_notified()
    await bot.services.store.personal_data.request_erasure(bot.alice.id)
    await bot.imagine(PROMPT, steps=1)
    await bot.wait_until_notified()
    await bot.services.erasure.request(bot.bob.id)  # wakes up whoever removes
    async with asyncio.timeout(PATIENCE):
        while await bot.services.store.personal_data.erasures():
            await asyncio.sleep(0.05)
    assert await bot.services.store.exports.job_ids(bot.alice.id) == [2]
    assert painted(thread_of(bot, PROMPT))
