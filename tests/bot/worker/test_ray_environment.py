"""What the processes of Ray may know of the bot's environment."""

from pydantic import SecretStr

from bot.config import BotSettings
from bot.dispatch.ray_link import RayLink
from bot.timings import Timings
from bot.worker.ray_environment import without_secrets


def test_painters_see_no_secret_of_the_bot():
    harmless = {"PATH": "/bin", "RAY_AUTH_TOKEN_PATH": "ray-token", "VQGAN_CLIP_LOG__LEVEL": "INFO"}
    secret = (
        *("DISCORD_TOKEN", "DISCORD_TOKEN_FILE", "HOST_TOKEN", "HOST_TOKEN_FILE"),
        *("STORAGE_URL_FILE", "VQGAN_CLIP_STORAGE__URL", "VQGAN_CLIP_STORAGE"),
        "vqgan_clip_storage__url",
    )
    assert without_secrets(harmless | dict.fromkeys(secret, "x")) == harmless


def test_the_dispatcher_gets_the_database_and_no_token():
    tokens = {"token": SecretStr("discord"), "host_token": SecretStr("host")}
    link = RayLink(BotSettings().model_copy(update=tokens), Timings())
    assert (link._settings.token, link._settings.host_token) == (None, None)
    assert link._settings.storage == BotSettings().storage
