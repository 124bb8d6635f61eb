"""The local page as a browser meets it: through HTTP, with the real bot behind it."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from PIL import Image

from bot.app import local_page_settings
from bot.client import PaintingBot
from bot.config import BotSettings
from bot.local_preview.front import Front
from bot.local_preview.studio import open_page
from bot.services import Services
from engine.models.catalogue import CATALOGUE
from tests.harness.bot_harness import (
    PATIENCE,
    encoded,
    is_accepted,
    open_test_services,
    steps_held,
    until,
)

Json = dict[str, Any]
PROMPT = "a red circle on a blue background"


class Browser:
    """One page in a browser."""

    def __init__(self, session: aiohttp.ClientSession, front: Front) -> None:
        self.session, self.front = session, front
        address = urlsplit(front.url)
        self.origin = f"http://{address.netloc}"
        self._headers = {"X-Simcord-Capability": address.fragment}
        self._sequence = itertools.count(1)
        self.shown: Json = {}

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        response = await self.session.get(self.origin + path, headers=self._headers | headers)
        await response.read()
        return response

    async def open(self, **headers: str) -> None:
        url, headers = f"{self.origin}/api/pages", self._headers | headers
        async with self.session.post(url, headers=headers, json={}) as response:
            self.shown = await response.json()
        self._headers["X-Simcord-Context"] = self.shown["context"]["id"]

    async def look(self) -> list[Json]:
        """Return the messages that the person sees, the oldest first."""
        self.shown = await (await self.get("/api/state")).json()
        return [self.shown["messages"][each] for each in self.shown["timeline"]]

    async def act(self, kind: str, files: dict[str, bytes] | None = None, **values: Any) -> Json:
        """Do something with what was last looked at."""
        envelope = {
            "protocol_version": 3,
            "sequence": next(self._sequence),
            "request_id": f"request-{id(values)}",
            "generation": self.shown["context"]["generation"],
            "bot_generation": self.shown["botGeneration"],
            "published_revision": self.shown["publishedRevision"],
        }
        body = {**envelope, "kind": kind, **values}
        url = f"{self.origin}/api/action"
        sent: Json = {"json": body}
        if files:
            form = aiohttp.FormData({"payload": json.dumps(body, separators=(",", ":"))})
            for name, content in files.items():
                form.add_field(f"file:{name}", content, filename=f"{name}.png")
            sent = {"data": form}
        async with self.session.post(url, headers=self._headers, **sent) as response:
            receipt = await response.json()
        if receipt["rejected"]:
            self._sequence = itertools.count(body["sequence"])
        return receipt

    async def type(self, text: str) -> Json:
        return await self.act("send_message", content=text, reply_to_id=None, target_id=None)

    async def until(self, condition: Callable[[Json], object]) -> Json:
        """Wait for a message on the page."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in await self.look():
                    if condition(message):
                        return message
                await asyncio.sleep(0.05)


@pytest.fixture
async def services(settings: BotSettings) -> AsyncIterator[Services]:
    discord = settings.discord.model_copy(update={"threads": False})
    engine = local_page_settings(settings, settings.storage.folder).engine
    changes = {"discord": discord, "engine": engine}
    async with open_test_services(settings.model_copy(update=changes)) as services:
        yield services


@pytest.fixture
async def browser(services: Services) -> AsyncIterator[Browser]:
    opened: asyncio.Future[Browser] = asyncio.Future()
    closing = asyncio.Event()

    async def run() -> None:
        async with open_page(PaintingBot(services)) as front, aiohttp.ClientSession() as session:
            browser = Browser(session, front)
            await browser.open()
            opened.set_result(browser)
            await closing.wait()

    # simcord wants to be closed in the task that opened it, and a fixture has two.
    running = asyncio.create_task(run())
    await asyncio.wait((opened, running), return_when=asyncio.FIRST_COMPLETED)
    if opened.done():
        yield opened.result()
    closing.set()
    await running


def labels(message: Json) -> dict[str, str]:
    """Return the keys of a message's buttons by their labels."""
    buttons = [button for row in message["components"] for button in row["components"]]
    return {each["label"]: each["control_key"] for each in buttons}


def is_result(message: Json) -> bool:
    """Return True if a message shows a finished picture."""
    return bool(message["attachments"]) and "Cancel" not in labels(message)


async def press(browser: Browser, message: Json, label: str) -> Json:
    return await browser.act("click", target_id=message["id"], control_key=labels(message)[label])


async def test_the_bot_greets_with_commands_that_work(browser: Browser):
    (greeting,) = await browser.look()
    assert greeting["author"]["name"] == "VQGAN-CLIP"
    for prompt in CATALOGUE["scenes"].examples[:3]:
        assert f"`/imagine {prompt}`" in greeting["content"]
    assert "no threads" in greeting["content"]
    assert "know only landscapes" in greeting["content"]


async def test_models_without_weights_can_be_tried_without_a_configuration(browser: Browser):
    (greeting,) = await browser.look()
    described = {
        "demo": CATALOGUE["demo"].description,
        "demo-pyramid": "pixels of all sizes",
        "demo-palette": "pixel art",
    }
    for name, about in (
        *described.items(),
        ("demo-strokes", CATALOGUE["demo-strokes"].description),
    ):
        assert f"model: {name}`: {about}" in greeting["content"]
    offered = f"/imagine {PROMPT} model: demo-palette"
    assert f"`{offered}`" in greeting["content"]
    await browser.type(f"{offered} steps: 1")
    assert "demo-palette" in (await browser.until(is_result))["content"]


async def test_a_typed_command_paints_and_only_its_author_sees_the_answer(browser: Browser):
    receipt = await browser.type(f"/imagine {PROMPT} steps:1")
    assert (receipt["settlement"], receipt["notice"]) == ("settled", None)
    picture = await browser.until(is_result)
    assert PROMPT in picture["content"]
    mine = await browser.look()
    assert all(is_accepted(m["content"]) for m in mine if m["ephemeral"])
    assert not any(m["content"].startswith("/imagine") for m in mine)
    friend = next(v for v in browser.shown["viewers"] if v["id"] != browser.shown["viewerId"])
    await browser.act("viewer", viewer_id=friend["id"])
    theirs = await browser.look()
    assert picture["id"] in {m["id"] for m in theirs}
    assert not any(m["ephemeral"] for m in theirs)


@pytest.mark.parametrize(
    ("text", "notice", "rejected"),
    [
        ("/paint a cat", "There is no command /paint.", True),
        ("/recipe", "/recipe needs “image”", True),
        (f"/imagine {PROMPT} steps:many", "“steps”. It must be a whole number from 1", True),
        ("/queue now", "/queue takes no text", True),
        ("a   red circle", "for example: /imagine a red circle", False),
        ("/ is a slash", "for example: /imagine / is a slash", False),
    ],
)
async def test_what_no_command_answers_is_explained(
    browser: Browser, text: str, notice: str, rejected: bool
):
    receipt = await browser.type(text)
    assert notice in receipt["notice"]
    assert receipt["rejected"] is rejected
    assert len(await browser.look()) == (1 if rejected else 2)
    after = await browser.type("/queue")
    assert after["settlement"] == "settled"


async def test_what_the_bot_refuses_counts_as_answered(browser: Browser):
    receipt = await browser.type(f"/imagine {PROMPT} steps:100000")
    assert (receipt["settlement"], receipt["uncertain"]) == ("settled", False)
    assert "steps are allowed" in (await browser.look())[-1]["content"]
    assert browser.shown["lastAction"]["settlement"] == "settled"


async def test_nothing_is_refused_because_something_else_happens(
    browser: Browser, services: Services
):
    with steps_held():
        await browser.type(f"/imagine {PROMPT} steps:2")
        old = dict(browser.shown)
        for _ in range(3):
            browser.shown = dict(old)  # as long as it takes a browser to look again
            assert (await browser.type("/queue"))["settlement"] == "settled"
        other = Browser(browser.session, browser.front)
        await other.open()
        receipts = await asyncio.gather(browser.type("/help"), other.type("/status"))
        assert [each["settlement"] for each in receipts] == ["settled"] * 2
    await until(lambda: not services.queue.jobs())


async def test_files_arrive_although_the_page_changed(browser: Browser):
    catalog = await (await browser.get("/api/commands")).json()
    recipe = next(each for each in catalog["entries"] if each["invocation"] == "recipe")
    old = dict(browser.shown)
    await browser.type("/queue")
    browser.shown = old
    receipt = await browser.act(
        "run_command",
        files={"image": encoded(Image.new("RGB", (64, 64)))},
        command_id=recipe["commandId"],
        path=recipe["path"],
        schema_fingerprint=recipe["schemaFingerprint"],
        options={"image": {"upload": 0}},
    )
    assert receipt["settlement"] == "settled" or receipt["diagnostics"]
    assert not receipt["rejected"]


async def test_a_button_is_pressed_only_where_it_was_seen(browser: Browser):
    with steps_held():
        await browser.type(f"/imagine {PROMPT} steps:2")
        message = await browser.until(lambda each: "Cancel" in labels(each))
        seen = dict(browser.shown)
    await browser.until(is_result)
    await browser.until(lambda each: each["id"] == message["id"] and is_result(each))
    browser.shown = seen
    receipt = await press(browser, message, "Cancel")
    assert "That button is gone" in receipt["notice"]
    browser.shown = seen
    assert (await browser.type("/queue"))["settlement"] == "settled"


async def test_a_picture_stays_until_the_page_has_the_next_one(
    browser: Browser, services: Services
):
    with ExitStack() as held:
        held.enter_context(steps_held())
        await browser.type(f"/imagine {PROMPT} steps:2")
        growing = await browser.until(lambda each: each["attachments"])
        async with browser.front.turn:  # the page is not refreshed
            held.close()
            async with asyncio.timeout(PATIENCE):
                while await services.store.jobs.count_open():
                    await asyncio.sleep(0.05)
            messages = {each["id"]: each for each in await browser.look()}
            assert messages[growing["id"]]["attachments"] == growing["attachments"]
    await browser.until(lambda each: each["id"] == growing["id"] and is_result(each))


async def test_the_page_is_ours_and_for_this_machine_only(browser: Browser):
    page = await (await browser.get("/")).text()
    assert '<script src="/local.js"></script>' in page
    assert "<title>VQGAN-CLIP</title>" in page
    assert "SimCord" not in page
    assert "Local page" in page
    for name in ("local.js", "local.css", "app.js"):
        assert (await browser.get(f"/{name}")).status == 200
    assert "no-store" in (await browser.get("/local.js")).headers["Cache-Control"]
    assert (await browser.get("/api/state", Host="evil.example")).status == 403
    assert (await browser.get("/api/state", Origin="https://evil.example")).status == 403
    assert (await browser.get("/api/state", **{"X-Simcord-Capability": "x"})).status == 401
