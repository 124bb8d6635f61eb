"""How far is it through the code, from what a person does to what comes of it?

The real bot on a Discord in memory (simcord), default settings, one user, a warm process: every
path is taken once before it is measured. A profile function in all threads notes which functions of
bot/, cogs/ and engine/ are called. Each counts once, in the order of the first calls, whatever
thread it was in; lambdas and comprehensions count as part of the function around them. A hop is a
change of file from one function to the next, a return one to a file that was left before.

Timers of the program may add functions to a path, and threads that work at the same time interleave
by chance: of several rounds, the one with the fewest functions and hops counts for each path.
"""

import argparse
import asyncio
import io
import itertools
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import simcord
from PIL import Image, ImageDraw

from bot.assembly import open_services

# All that is named after the bot's code is here, down to ENGINE_THREAD.
from bot.client import PaintingBot
from bot.config import BotSettings

QUEUED = "GpuQueue.put"
"""Called to put a job into the queue."""
STEPPED = "JobRun.after_step"
"""Called in the engine's thread when a step is done."""
NOTIFIED = "LifecycleRepository.mark_notified"
"""Called when all messages of a job's end are posted."""
ENGINE_THREAD = "engine"

ROOT = Path(__file__).parents[1]
FOLDERS = ("bot", "cogs", "engine")
PROMPT, OTHER_PROMPT = "a red circle on a blue background", "a green square on a blue background"
PATIENCE_SECONDS = 180.0
PAUSE_SECONDS = 0.5
"""For what is still to be done after the last function that is waited for."""
UPLOAD_HOSTS = frozenset(("cdn.simcord.invalid",))


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks paths", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="after the first, which is not counted"
    )
    parser.add_argument("--list", action="store_true", help="also print the functions of each path")
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # read when torch is loaded, in the engine's thread
    tracer = Tracer()
    with tracer.installed(), tempfile.TemporaryDirectory() as folder:
        rounds = asyncio.run(_measure(tracer, Path(folder), options.rounds))
    paths = [min(each, key=Course.length) for each in zip(*rounds, strict=True)]
    print("| path | functions | files | hops | returns to a file left |")
    print("|---|---:|---:|---:|---:|")
    for path in paths:
        print(path.row())
    if options.list:
        for path in paths:
            print(f"\n{path.name}:", *path.functions, sep="\n  ")


@dataclass(frozen=True)
class Function:
    """A function that was called for the first time."""

    file: str
    name: str
    thread: str

    def __str__(self) -> str:
        return f"{self.file} {self.name} ({self.thread})"


@dataclass(frozen=True)
class Course:
    """The functions on the way from one event to another."""

    name: str
    functions: list[Function]

    def row(self) -> str:
        """Its row of the table."""
        numbers = (len(self.functions), len({each.file for each in self.functions}), *self._hops())
        return f"| {self.name} | {' | '.join(map(str, numbers))} |"

    def length(self) -> tuple[int, int]:
        """How long it is, to choose the shortest."""
        return len(self.functions), self._hops()[0]

    def _hops(self) -> tuple[int, int]:
        """Count the changes of file, and those that lead back to a file that was left."""
        left: set[str] = set()
        hops = returns = 0
        for file, following in itertools.pairwise(each.file for each in self.functions):
            left.add(file)
            hops += file != following
            returns += file != following and following in left
        return hops, returns


class Tracer:
    """Notes all calls of the program's functions, in all threads that begin after it."""

    def __init__(self) -> None:
        self._folders = tuple(f"{ROOT / name}/" for name in FOLDERS)
        self._calls: list[tuple[CodeType, str]] = []
        self._names: set[str] = set()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Note calls while the block runs."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def begin(self) -> None:
        """Forget what was called before."""
        self._calls, self._names = [], set()

    async def called(self, name: str) -> None:
        """Wait until a function has been called."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while name not in self._names:
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            raise _never_called(name) from error

    def functions(self, after: str | None = None, until: str | None = None) -> list[Function]:
        """Those called since `begin`, or the first call of `after`, up to that of `until`."""
        found: dict[tuple[str, str], Function] = {}
        begun = after is None
        for code, thread in list(self._calls):
            if begun and not code.co_name.startswith("<"):
                file = str(Path(code.co_filename).relative_to(ROOT))
                function = Function(file, code.co_qualname, thread)
                found.setdefault((file, function.name), function)
                if function.name == until:
                    return list(found.values())
            begun = begun or code.co_qualname == after
        if until is not None:
            raise _never_called(until)
        return list(found.values())

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._folders):
            self._calls.append((code, threading.current_thread().name))
            self._names.add(code.co_qualname)


def _never_called(name: str) -> LookupError:
    return LookupError(f"nothing has called {name}: see the names at the top of {__file__}")


async def _measure(tracer: Tracer, folder: Path, rounds: int) -> list[list[Course]]:
    settings = BotSettings.model_validate({"storage": {"folder": folder}})
    async with open_services(settings, UPLOAD_HOSTS) as services:
        await asyncio.wrap_future(services.worker.loaded)
        env = simcord.Env(PaintingBot(services), shard_count=1, settle_timeout=PATIENCE_SECONDS)
        await env.start()
        try:
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            person = guild.add_member(env.create_user("alice"))
            await _take_all(tracer, channel, person)
            return [await _take_all(tracer, channel, person) for _ in range(rounds)]
        finally:
            await env.shutdown()


async def _take_all(
    tracer: Tracer, channel: simcord.ChannelHandle, person: simcord.MemberActor
) -> list[Course]:
    """Do all that is measured, one thing after the other, each until it is told of."""
    tracer.begin()
    await person.slash(channel, "imagine", prompt=PROMPT)
    await _told(tracer)
    to_step = tracer.functions(until=STEPPED)
    paths = [
        Course("`/imagine`: command to first step done, all threads", to_step),
        Course("... event loop only, command to queued", _of_loop(tracer.functions(until=QUEUED))),
        Course("... engine thread only, turn to first step", _of_engine(to_step)),
        Course("`/imagine`: first step to result posted", tracer.functions(STEPPED, NOTIFIED)),
    ]
    result = max(channel.threads, key=lambda thread: thread.id).history()[-1]
    name = "button *Rerun*: press to queued, event loop only"
    paths.append(await _press(tracer, name, person.click(result, label="Rerun")))
    tracer.begin()
    draft = await person.slash(
        channel, "mask", image=("scene.png", _scene()), what="red circle", replace_with=OTHER_PROMPT
    )
    paths += [
        Course("`/mask`: command to draft shown, event loop only", _of_loop(tracer.functions())),
        Course("... engine thread only", _of_engine(tracer.functions())),
    ]
    assert draft.response is not None
    name = "*Paint it* on a mask: press to queued, event loop only"
    paths.append(await _press(tracer, name, person.click(draft.response, label="Paint it")))
    return paths


async def _press(tracer: Tracer, name: str, press: Awaitable[Any]) -> Course:
    """Press a button that queues a job, and wait for its end."""
    tracer.begin()
    await press
    await _told(tracer)
    return Course(name, _of_loop(tracer.functions(until=QUEUED)))


async def _told(tracer: Tracer) -> None:
    await tracer.called(NOTIFIED)
    await asyncio.sleep(PAUSE_SECONDS)


def _of_loop(functions: list[Function]) -> list[Function]:
    return [each for each in functions if each.thread == threading.main_thread().name]


def _of_engine(functions: list[Function]) -> list[Function]:
    return [each for each in functions if each.thread == ENGINE_THREAD]


def _scene() -> bytes:
    """Draw a red circle on blue, as the demo models know it."""
    picture = Image.new("RGB", (128, 128), (30, 60, 200))
    ImageDraw.Draw(picture).ellipse((40, 40, 88, 88), fill=(220, 30, 30))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
