"""A Discord in memory on which many people act at the same time, and some answers get lost."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context
from random import Random
from typing import Any, cast
from unittest import mock

import aiohttp
import simcord
from simcord._dpy_internals import real_monotonic
from simcord.http import client

_TRIES = 5
"""How often discord.py tries a request that Discord answers with a server error."""
_KINDS = ("server error", "server error", "rate limit", "lost before", "lost after")
_LIMITED_SECONDS = 2.0
"""Pause that a rate limit imposes; discord.py waits for it and tries again."""


class _Records:
    """A list's methods that simcord needs, for records that are found without comparing them."""

    def __init__(self) -> None:
        self._records: dict[int, Any] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def append(self, record: Any) -> None:
        self._records[id(record)] = record

    def clear(self) -> None:
        self._records.clear()

    def remove(self, record: Any) -> None:
        if self._records.pop(id(record), None) is None:
            raise ValueError


def keep_records_cheaply(env: simcord.Env) -> None:
    """Let simcord find its records of callbacks at once, so that it does not hold up the loop.

    It compares each callback that was made with all that wait. With many people that takes most of
    the event loop's time.
    """
    env._work.callbacks = cast(Any, _Records())


def forget_requests(env: simcord.Env) -> None:
    """Let simcord forget what the bot asked of Discord, of which it keeps copies."""
    env.backend.http_requests.clear()
    env.backend.transcript.clear()


@contextmanager
def acting_at_the_same_time() -> Iterator[None]:
    """Let people act in parallel, in environments that are made within the block.

    Otherwise simcord waits after each act until the bot rests, and lets the bot's timers wait for
    that too; here they run by the clock.
    """
    replaced = {
        "_begin_operation": _do_nothing,
        "_end_operation": _do_nothing,
        "_settle_internal": _settle_at_once,
        "_schedule_timer": _schedule_by_the_clock,
    }
    with ExitStack() as stack:
        for name, method in replaced.items():
            stack.enter_context(mock.patch.object(simcord.Env, name, method))
        yield


def _do_nothing(*_: object) -> None:
    pass


async def _settle_at_once(*_: object, **__: object) -> None:
    await asyncio.sleep(0)


def _schedule_by_the_clock(
    env: simcord.Env, record: Any, _callback: object, _args: object, context: Context | None
) -> None:
    def fire() -> None:
        clock = env.backend.clock  # by which the bot's code measures time
        clock.elapsed = max(clock.elapsed, record.when)
        if record.handle is not None and not record.handle.cancelled():
            record.handle._run()

    runtime: Any = env._runtime
    # Not `time.monotonic`, which shows simcord's clock while the bot's code runs.
    due = real_monotonic() + max(0.0, record.when - env._virtual_time)
    record.real_handle = runtime.call_at(due, fire, context=context)


@contextmanager
def failing_answers(share: float, seed: int) -> Iterator[Counter[str]]:
    """Let a share of Discord's answers fail, and count them by kind.

    Of these, half are server errors, which discord.py repeats by itself, as it does rate limits.
    For the rest the connection is lost: before Discord has done what it was asked, or, which is
    worse, after that.
    """
    random, counts = Random(seed), Counter[str]()
    posted: dict[object, Any] = {}
    """Messages by nonce: Discord answers with the one that there is; simcord does not."""

    def faulty(request: Any) -> Any:
        async def answer(self: Any, *arguments: Any, **options: Any) -> Any:
            counts["requests"] += 1
            for attempt in range(_TRIES):
                kind = _kind(random, share)
                counts[kind] += kind != "none"
                if kind == "server error":
                    await asyncio.sleep(1 + 2 * attempt)
                elif kind == "rate limit":
                    await asyncio.sleep(_LIMITED_SECONDS)
                elif kind == "lost before":
                    raise aiohttp.ServerDisconnectedError
                else:
                    nonce = _nonce(options)
                    result = posted.get(nonce) or await request(self, *arguments, **options)
                    if nonce is not None:
                        posted[nonce] = result
                    if kind == "lost after":
                        raise aiohttp.ServerDisconnectedError
                    return result
            raise aiohttp.ServerDisconnectedError

        return answer

    with ExitStack() as stack:
        for each in (client.FakeHTTPClient, client.FakeWebhookAdapter):
            stack.enter_context(mock.patch.object(each, "request", faulty(each.request)))
        yield counts


def _nonce(options: dict[str, Any]) -> object:
    """Return the nonce of a message to post; None if a call is something else."""
    parts = (each.get("value", "") for each in options.get("form") or () if "value" in each)
    body = options.get("json") or next((json.loads(each) for each in parts), {})
    return body.get("nonce") if isinstance(body, dict) else None


def _kind(random: Random, share: float) -> str:
    if random.random() >= share:
        return "none"
    return random.choice(
        ("server error", "server error", "rate limit", "lost before", "lost after")
    )
