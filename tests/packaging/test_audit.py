"""`make audit`: pip-audit asks a server on this machine that knows vulnerabilities, or none."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools.supply.audit import FOUND, NOT_ASKED, main, read_report
from tools.supply.locks import packages

KNOWN: dict[str, Any] = {
    "id": "PYSEC-2000-1",
    "summary": "A template can do what it should not",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "jinja2"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Feed(ThreadingHTTPServer):
    """Answers as OSV does, and knows what `known` says about each package."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known: dict[str, Any] = {}
        self.asked: set[str] = set()

    @property
    def options(self) -> list[str]:
        address = f"http://127.0.0.1:{self.server_port}/v1/query"
        return ["--vulnerability-service", "osv", "--osv-url", address]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        feed = self.server
        assert isinstance(feed, Feed)
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        feed.asked.add(name)
        known = feed.known.get(name)
        body = json.dumps({"vulns": [known]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def feed() -> Iterator[Feed]:
    with Feed() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_known_vulnerabilities_of_any_locked_package_are_found(
    feed: Feed, capsys: pytest.CaptureFixture[str]
):
    assert main(feed.options) == 0
    assert feed.asked == packages().keys()
    assert f"{len(packages())} packages checked, 0 known" in capsys.readouterr().out
    feed.known["jinja2"] = KNOWN
    assert main(feed.options) == FOUND
    version = packages()["jinja2"].version
    printed = capsys.readouterr().out
    assert f"FOUND: jinja2 {version}: PYSEC-2000-1, fixed by 99.1\n" in printed


@pytest.mark.slow
def test_an_audit_without_anybody_to_ask_says_so(capsys: pytest.CaptureFixture[str]):
    nobody = ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9/v1/query"]
    assert main(nobody) == 0
    assert capsys.readouterr().out.startswith("NOT CHECKED: ")
    assert main([*nobody, "--must-answer"]) == NOT_ASKED


def test_a_service_that_knows_no_package_has_checked_nothing():
    """Pip-audit itself ends such a run as if there were no vulnerabilities."""
    skipped = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}
    answer = read_report(json.dumps({"dependencies": [skipped], "fixes": []}))
    assert answer.checked == 0
    assert answer.unknown == ["jinja2"]
