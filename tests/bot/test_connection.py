"""The program and a Discord that is slow, away, or refuses it: both are real processes."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import simcord

from bot.__main__ import REFUSED
from tests.engine.weights.faulty_server import Mirror, dripping
from tests.harness.bot_harness import until
from tests.harness.discord_server import DiscordServer, Fault, bot_process, serve_discord

LIMITED = {"message": "You are being rate limited.", "retry_after": 300.0, "global": False}
FROM_DISCORD = {"Via": "1.1 google"}
THREADS = "/channels/*/messages/*/threads"


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with serve_discord() as opened:
        yield opened


async def test_faults_of_discord_at_the_start_delay_it(server: DiscordServer, tmp_path: Path):
    server.faults = [
        Fault("GET", "/users/@me", lost=True),
        Fault("GET", "/users/@me", 503),
        Fault("GET", "/oauth2/applications/@me", 503),
        Fault("GET", "/gateway/bot", 503),
        Fault("PUT", "/applications/*/commands", 503),
        Fault(
            "PUT", "/applications/*/commands", 429, LIMITED | {"retry_after": 31.0}, FROM_DISCORD
        ),
    ]
    async with bot_process(server.url, tmp_path) as bot:
        await bot.wait_for("connected")
        await bot.wait_for("commands synced")
        bot.process.send_signal(signal.SIGTERM)
        assert await bot.ended() == 0
    assert "Discord cannot be reached, trying again" in bot.log
    assert "commands were not synced, trying again" in bot.log
    assert "Traceback" not in bot.log
    assert bot.log.index("cannot be reached") < bot.log.index("models loaded")


async def test_a_program_that_waits_for_discord_can_be_ended(tmp_path: Path):
    async with bot_process("http://127.0.0.1:9/api/v10", tmp_path) as bot:
        await bot.wait_for("Discord cannot be reached, trying again")
        bot.process.send_signal(signal.SIGTERM)
        assert await bot.ended() == 0
    assert "Traceback" not in bot.log


async def test_a_bad_token_ends_the_program_before_models_are_loaded(
    server: DiscordServer, tmp_path: Path
):
    server.faults = [Fault("GET", "/users/@me", 401, {"message": "401: Unauthorized", "code": 0})]
    secret = tmp_path / "secret"
    secret.write_text("token")
    secret.chmod(0o644)
    file = {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(secret)}
    async with bot_process(server.url, tmp_path, **file) as bot:
        assert await bot.ended() == REFUSED
    assert bot.lines[-1].startswith("error: Discord does not accept the token")
    assert "other accounts may read a file" in bot.log
    assert "the file with the token" in bot.log
    assert "models loaded" not in bot.log
    assert "Traceback" not in bot.log


def config_to_download(mirror: Mirror) -> str:
    """Return settings whose models have to be downloaded, which `mirror` makes slow."""
    return f"""
        [engine]
        models = "mine"
        [weights.files."mine.ckpt"]
        mirrors = ["{mirror.url}"]
        bytes = 200000
        licence = "free to use"
        [weights.generators.mine-vqgan]
        checkpoint = "mine.ckpt"
        config = "vqgan-imagenet-f16-16384.yaml"
        factor = 16
        [weights.models.mine]
        generator = "mine-vqgan"
        perceptors = [{{ name = "clip-vit-b-32" }}]
        side = 256
        """


@pytest.mark.slow
@pytest.mark.parametrize("code", [4004, 4014])
async def test_a_refusal_by_the_gateway_is_one_sentence(
    server: DiscordServer, tmp_path: Path, code: int
):
    server.close_code = code
    with Mirror([dripping]) as mirror:  # it has no models yet, which would take seconds to load
        (tmp_path / "config.toml").write_text(config_to_download(mirror))
        async with bot_process(server.url, tmp_path) as bot:
            assert await bot.ended() == REFUSED
    assert bot.lines[-1].startswith("error: Discord ")
    assert "Traceback" not in bot.log


@pytest.mark.slow
async def test_a_job_does_not_wait_for_its_thread_and_a_shutdown_is_announced(
    server: DiscordServer, tmp_path: Path
):
    server.faults = [Fault("POST", THREADS, 429, LIMITED, FROM_DISCORD, times=9)]
    async with bot_process(server.url, tmp_path) as bot:
        await bot.wait_for("commands synced")
        await server.alice.slash(server.channel, "imagine", prompt="a red circle", steps=1000)
        await until(lambda: server.channel.history() and server.channel.history()[0].attachments)
        bot.process.send_signal(signal.SIGTERM)
        assert await bot.ended() == 0
    (message,) = server.channel.history()
    assert "is saved and continues" in message.content
    assert server.called("POST", THREADS) == 1
    assert "Traceback" not in bot.log


@pytest.mark.slow
async def test_it_takes_jobs_while_models_are_downloaded(server: DiscordServer, tmp_path: Path):
    with Mirror([dripping]) as mirror:
        (tmp_path / "config.toml").write_text(config_to_download(mirror))
        async with bot_process(server.url, tmp_path) as bot:
            await bot.wait_for("commands synced")
            await bot.wait_for("fetching weights")
            await server.alice.slash(server.channel, "imagine", prompt="a red circle", steps=1)
            await until(lambda: any(map(_tells_of_download, server.channel.threads)))
            bot.process.send_signal(signal.SIGTERM)
            assert await bot.ended() == 0
    (told,) = (line for line in bot.lines if "models are missing, downloading them" in line)
    for part in ("354 MB", "free to use", "unknown"):
        assert part in told
    assert "Traceback" not in bot.log


def _tells_of_download(thread: simcord.ChannelHandle) -> bool:
    return any("I'm downloading the models" in each.content for each in thread.history())
