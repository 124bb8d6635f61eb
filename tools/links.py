"""Lists the links from the documents to other servers: `python -m tools.links`, or `make links`.

With `--fetch` it asks each server, which the tests never do, and fails if a link leads nowhere.
"""

import argparse
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_ELSEWHERE = re.compile(r"(?:\]\(|<)(?P<url>https?://[^)>\s]+)")
_PATIENCE = 20.0
"""Seconds to wait for an answer."""


def documents(root: Path = ROOT) -> list[Path]:
    """Return the Markdown files that git knows or will know; without git, all in usual places."""
    asked = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"),
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0:
        return [root / name for name in asked.stdout.splitlines() if (root / name).exists()]
    return [*root.glob("*.md"), *root.glob("docs/**/*.md")]


def prose(path: Path) -> str:
    """Return a document without its code."""
    return _CODE.sub("", _FENCE.sub("", path.read_text("utf-8")))


def external_links() -> dict[str, list[str]]:
    """Return the addresses on other servers, each with the documents that lead there."""
    found: dict[str, list[str]] = {}
    for path in documents():
        for match in _ELSEWHERE.finditer(prose(path)):
            found.setdefault(match["url"], []).append(path.relative_to(ROOT).as_posix())
    return dict(sorted(found.items()))


def broken(urls: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the addresses that cannot be fetched, each with the reason."""
    for url in urls:
        request = urllib.request.Request(url, headers={"User-Agent": "link check"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                pass
        except (urllib.error.URLError, OSError) as error:
            yield url, str(error)


def main() -> int:
    """Print the links; return 1 if some are fetched and lead nowhere, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fetch", action="store_true", help="ask each server")
    links = external_links()
    if not parser.parse_args().fetch:
        for url, names in links.items():
            print(f"{url}  ({', '.join(names)})")
        return 0
    found = dict(broken(list(links)))
    for url, reason in found.items():
        print(f"{url}: {reason} ({', '.join(links[url])})", file=sys.stderr)
    print(f"{len(links) - len(found)} of {len(links)} links lead somewhere.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
