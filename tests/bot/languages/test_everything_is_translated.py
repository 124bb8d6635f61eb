"""Everything that the bot sends goes through its catalogues: nobody meets an English text."""

import gettext
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
import simcord
from PIL import Image
from simcord.http import router

from bot.command_translator import TextKind
from bot.languages import catalogue
from bot.languages.catalogue import Language
from tests.cogs.settings.moderators import moderator
from tests.harness.bot_harness import BotHarness, encoded, result_of
from tests.harness.interactions import buttons_of
from tests.harness.languages import set_client_language, set_server_language

WORDS = "красный круг"
"""A prompt in other letters than those of English texts."""
PICTURE = encoded(Image.linear_gradient("L").convert("RGB").resize((96, 64)))
MASK = encoded(Image.linear_gradient("L").resize((96, 64)))
_MARKED = str.maketrans(
    {chr(each): chr(each + 0xFEE0) for each in range(ord("A"), ord("z") + 1) if chr(each).isalpha()}
)
"""Letters as wide ones, which stand for a translation."""
_PLACEHOLDER = re.compile(r"(\{[^{}]*\})")
_NOT_WORDS = re.compile(
    r"```.*?```|`[^`]*`|<[^<>]*>|https?://\S+|\b[\w-]+\.(?:png|webp|json|txt)\b", re.DOTALL
)
"""Commands, mentions, times, links and names of files, which are the same in all languages."""
_PAINTERS = ("GLIDE", "glide", "minDALL", "mindalle")
_NAMES = frozenset(
    ("ar", "cpu", "demo", "fast", "fine", "paper", "scenes", "MiB", "None", *_PAINTERS)
)
"""Names and units that texts contain as values."""
_TEXTS = ("content", "label", "title", "placeholder", "description")
"""Keys of what people read in a message, form or file."""


class _Marked(gettext.NullTranslations):
    """Translations in which each letter of an English text is a wide one."""

    def gettext(self, message: str) -> str:
        return "".join(
            each if number % 2 else each.translate(_MARKED)
            for number, each in enumerate(_PLACEHOLDER.split(message))
        )

    def pgettext(self, context: str, message: str) -> str:
        return message if context in get_args(TextKind) else self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the bot sends, with where it is; all languages are marked."""
    texts: list[str] = []
    original = router.dispatch

    def recorded(backend: Any, method: str, path: str, *, json: Any = None, **rest: Any) -> Any:
        texts.extend(f"{method} {path} {text}" for text in _texts(json, path))
        return original(backend, method, path, json=json, **rest)

    monkeypatch.setattr(router, "dispatch", recorded)
    monkeypatch.setattr(catalogue, "_read", lambda _: Language("ja", _Marked()))
    set_client_language(monkeypatch, "ja")
    return texts


def _texts(payload: Any, path: str) -> Iterator[str]:
    """Find what people read in a call."""
    if isinstance(payload, list):
        for each in payload:
            yield from _texts(each, path)
    elif isinstance(payload, Mapping) and "/commands" not in path:
        for key, value in payload.items():
            is_text = key in _TEXTS or (key == "name" and path.endswith("/threads"))
            if is_text and isinstance(value, str):
                yield f"{key}: {value}"
            elif not is_text:
                yield from _texts(value, path)


def english_in(text: str) -> list[str]:
    """Return the words of a text that are still in English letters."""
    rest = _NOT_WORDS.sub(" ", text.partition(": ")[2])
    rest = rest.replace("demo-open-edit", "")  # words of it are English ones elsewhere
    return [each for each in re.findall(r"[A-Za-z]{2,}", rest) if each not in _NAMES]


async def test_nobody_meets_an_english_text(bot: BotHarness, sent: list[str]):
    guild = bot.client.get_guild(bot.guild.id)
    assert guild is not None
    set_server_language(guild, "ja")
    await paint(bot)
    await make_something_of_pictures(bot)
    await ask(bot)
    await be_refused(bot)
    left = {text: found for text in sent if (found := english_in(text))}
    assert len(sent) > 100
    assert not left, "\n".join(f"{words}: {text}" for text, words in left.items())


async def paint(bot: BotHarness) -> None:
    """Paint a picture and several, and look into the forms of their buttons."""
    await bot.imagine(f"{WORDS}:2 --ar 2:1", count=2)
    for action in ("more", "reword", "vary", "recipe", "delete"):
        await press(bot, await result_of(bot), action)
    await bot.imagine(WORDS)
    result = await result_of(bot)
    for action in ("more", "reword", "recipe", "rerun", "delete"):
        await press(bot, result, action)
    await bot.wait_until_notified()


async def press(bot: BotHarness, message: Any, action: str) -> simcord.InteractionResult | None:
    """Press the first button of a kind, if there is one."""
    ids = [each.custom_id or "" for each in buttons_of(message)]
    found = next((each for each in ids if each.startswith(f"job:{action}:")), None)
    return None if found is None else await bot.alice.click(message, custom_id=found)


async def make_something_of_pictures(bot: BotHarness) -> None:
    """Edit pictures in all ways that there are."""
    alice, channel = bot.alice, bot.channel
    image, cut = ("a.png", PICTURE), ("m.png", MASK)
    await alice.slash(channel, "edit", image=image, mask=cut, prompt=WORDS, steps=1)
    await alice.slash(channel, "mask", image=image, what=WORDS, replace_with=WORDS)
    await alice.slash(channel, "mask", image=image)
    await alice.slash(channel, "blend", image1=image, image2=image, style=WORDS, steps=1)
    await alice.slash(channel, "imagine", prompt=WORDS, image=image, steps=1)
    result = await result_of(bot)
    await alice.send(max(bot.channel.threads, key=lambda each: each.id), WORDS, reply_to=result)
    await bot.wait_until_notified()
    shown = await alice.context_menu(channel, "Edit this image", bot.job_message())
    if shown.modal is not None:
        await alice.submit_modal(shown, {"prompt": WORDS, "keep": ["50"], "which": ["1"]})
    await bot.wait_until_notified()


async def ask(bot: BotHarness) -> None:
    """Use the commands that answer with a text."""
    alice, channel = bot.alice, bot.channel
    for command in (
        "history",
        "queue",
        "help",
        "status",
        "info",
        "privacy export",
        "privacy delete",
        "defaults show",
        "style list",
    ):
        await alice.slash(channel, command)
    carol = moderator(bot)
    for command in ("settings show", "settings words list", "settings people list"):
        await carol.slash(channel, command)


async def be_refused(bot: BotHarness) -> None:
    """Ask for what is not allowed."""
    alice, channel = bot.alice, bot.channel
    for prompt in ("", f"{WORDS}:9999999", "|" * 40, f"{WORDS}:1:2:3:4"):
        await alice.slash(channel, "imagine", prompt=prompt)
    await alice.slash(channel, "imagine", prompt=WORDS, ratio="9:1")
    await alice.slash(channel, "imagine", prompt=WORDS, ratio="x")
    await alice.slash(channel, "imagine", prompt=WORDS, preset=WORDS)
    await alice.slash(channel, "edit", image=("a.png", b"rubbish"), prompt=WORDS)
    await alice.slash(channel, "recipe", image=("a.json", b"{}"))
    await alice.slash(channel, "recipe", image=("a.json", b'{"version": 3}'))
    await alice.slash(channel, "cancel", job="99")
