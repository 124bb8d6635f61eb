"""Visitors of the host's page, in a process of their own; they print their answers by status."""

import asyncio
import json
import re
import sys
import time
from collections import Counter

import aiohttp

TOKEN = "a-token-for-the-host"
_BEARER = {"Authorization": f"Bearer {TOKEN}"}
_PATIENCE = 20.0
_CROWD_PATHS = ("/readyz", "/metrics", "/live", "/login")


async def _visit(port: int, kind: str, rate: float, seconds: float) -> Counter[str]:
    """Visit `rate` times a second: a crowd with single requests, else as the page's script does."""
    found = Counter[str]()
    origin = f"http://127.0.0.1:{port}"
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=32)
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(
        cookie_jar=jar, connector=connector, timeout=timeout
    ) as session:
        await (await session.post(f"{origin}/login", data={"token": TOKEN})).read()
        running = set[asyncio.Task[None]]()
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * rate + 1 and sent < seconds * rate:
                paths = [_CROWD_PATHS[sent % 4]] if kind == "crowd" else ["/live", "/metrics"]
                task = asyncio.create_task(_get_all(session, origin, paths, kind, found))
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*running)
    return found


async def _get_all(
    session: aiohttp.ClientSession, origin: str, paths: list[str], kind: str, found: Counter[str]
) -> None:
    for path in paths:
        try:
            async with session.get(origin + path, headers=_BEARER) as answer:
                text = await answer.text()
                found[str(answer.status)] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            found[type(error).__name__] += 1
            continue
        if kind != "crowd" and path == "/live":
            for picture in re.findall(r'<img src="([^"]+)"', text):
                async with session.get(origin + picture.replace("&amp;", "&")) as answer:
                    await answer.read()


if __name__ == "__main__":
    counted = asyncio.run(
        _visit(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
    )
    print(json.dumps(counted))
