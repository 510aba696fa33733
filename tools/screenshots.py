"""Take the guide's screenshots from a running Odoo, in a real browser without a window.

    python3 -m tools.screenshots --url http://127.0.0.1:8069 --login admin

The pictures go to docs/images. ``--page NAME=PATH`` takes other pages instead.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

from tools.devenv import DevEnvError, Progress, guarded, reexec_in_venv, running
from tools.devenv.chromium import ensure as ensure_chromium

WIDTH, HEIGHT = 1440, 900
OUT = Path(__file__).resolve().parent.parent / "docs" / "images"
PATIENCE = 30.0
"""Seconds a page may take before it counts as broken."""

SETTLED = """
    (() => {
        const view = document.querySelector(".o_action_manager .o_view_controller");
        const busy = document.querySelector(".o_loading_indicator, .o_blockUI");
        const images = [...document.images].every((image) => image.complete);
        return Boolean(view) && !busy && images && document.fonts.status === "loaded";
    })()
"""
TROUBLE = """
    (document.querySelector(".o_error_dialog") || {}).innerText || ""
"""


class Browser:
    """One page of a headless Chromium, driven over its DevTools protocol."""

    def __init__(self, address: str) -> None:
        from websocket import create_connection

        self._socket = create_connection(
            address, timeout=PATIENCE, suppress_origin=True
        )
        self._last_id = 0

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Run one DevTools command and return its result."""
        self._last_id += 1
        self._socket.send(
            json.dumps({"id": self._last_id, "method": method, "params": params})
        )
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._last_id:
                break
        if "error" in message:
            raise DevEnvError(f"The browser refused {method}: {message['error']}.")
        result: dict[str, Any] = message["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """Run JavaScript in the page and return its value, awaited."""
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise DevEnvError(f"A script failed in the page: {details['text']}.")
        return result["result"].get("value")

    def wait_for(self, expression: str, what: str) -> None:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # A page that is just being replaced has no context to run in.
            with contextlib.suppress(DevEnvError):
                if self.evaluate(expression):
                    return
            time.sleep(0.1)
        raise DevEnvError(f"{what} did not appear within {PATIENCE:.0f} s.")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def save(self, path: Path) -> None:
        """Write what the page shows into a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser(width: int, height: int) -> Iterator[Browser]:
    """Start Chromium with an empty profile; it ends with the block."""
    program = ensure_chromium(Progress())
    with tempfile.TemporaryDirectory(prefix="screenshots-") as profile:
        arguments = [
            str(program),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            f"--window-size={width},{height}",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "--lang=en-US",
            "about:blank",
        ]
        with running(arguments, log=Path(profile) / "chromium.log") as process:
            page = Browser(_page_address(Path(profile), process))
            try:
                page.call("Page.enable")
                page.call(
                    "Emulation.setDeviceMetricsOverride",
                    width=width,
                    height=height,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                yield page
            finally:
                with contextlib.suppress(Exception):
                    page.call("Browser.close")
                    process.wait(timeout=PATIENCE)
                page.close()


def _page_address(profile: Path, process: subprocess.Popen[Any]) -> str:
    """Return the address of the first page of a browser that is starting."""
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if port_file.exists() and port_file.read_text().strip():
            port = port_file.read_text().split()[0]
            with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:  # noqa: S310
                pages = [p for p in json.load(answer) if p["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise DevEnvError("Chromium did not start; run it by hand to see why.")


class Odoo:
    """The web client of one user."""

    def __init__(self, page: Browser, url: str) -> None:
        self.page = page
        self.url = url.rstrip("/") + "/"

    def log_in(self, login: str, password: str) -> None:
        self.page.open(urljoin(self.url, "web/login"))
        self.page.wait_for("Boolean(document.querySelector('#login'))", "The login")
        self.page.evaluate(
            f"document.querySelector('#login').value = {json.dumps(login)};"
            f"document.querySelector('#password').value = {json.dumps(password)};"
            "document.querySelector('.oe_login_form').submit();"
        )
        self.page.wait_for(
            "location.pathname.startsWith('/odoo') || "
            "Boolean(document.querySelector('.alert-danger'))",
            "The web client",
        )
        if self.page.evaluate("Boolean(document.querySelector('.alert-danger'))"):
            raise DevEnvError(f"{login} could not log in: give --login and --password.")

    def read(
        self, model: str, domain: list[Any], fields: list[str], **options: Any
    ) -> list[dict[str, Any]]:
        """Return records as this user sees them."""
        body = {
            "jsonrpc": "2.0",
            "params": {
                "model": model,
                "method": "search_read",
                "args": [domain, fields],
                "kwargs": options,
            },
        }
        answer = self.page.evaluate(
            f"fetch('/web/dataset/call_kw/{model}/search_read', {{method: 'POST', "
            "headers: {'Content-Type': 'application/json'}, "
            f"body: {json.dumps(json.dumps(body))}}}).then((r) => r.json())"
        )
        if "result" not in answer:
            raise DevEnvError(f"Odoo did not let us read {model}: {answer['error']}.")
        records: list[dict[str, Any]] = answer["result"]
        return records

    def show(self, path: str) -> None:
        """Open a page of the web client and wait until it is at rest."""
        self.page.open("about:blank")
        self.page.open(urljoin(self.url, path.lstrip("/")))
        self.page.wait_for(SETTLED, path)
        time.sleep(0.8)  # fades, avatars, the chatter
        self.page.wait_for(SETTLED, path)
        if trouble := self.page.evaluate(TROUBLE):
            raise DevEnvError(f"{path} shows an error: {trouble[:300]}")


def guide_pages(odoo: Odoo) -> dict[str, str]:
    """Return the guide's pages by name, on the most telling records there are."""
    pages = {"channel_list": "odoo/stock-channels"}
    channels = odoo.read(
        "stock.channel", [], ["state", "listing_count", "open_exception_count"]
    )
    if channels:
        channel = max(
            channels,
            key=lambda c: (
                c["state"] == "live",
                bool(c["open_exception_count"]),
                c["listing_count"],
            ),
        )
        pages["channel_form"] = f"odoo/stock-channels/{channel['id']}"
    numbers = odoo.read(
        "stock.channel.publication",
        [("acknowledged_at", "!=", False)],
        ["parts"],
        limit=500,
    )
    if numbers:
        telling = (
            "on_hand",
            "reserved",
            "owed",
            "in_flight",
            "unavailable",
            "own_open",
        )
        number = max(
            numbers,
            key=lambda n: sum(bool((n["parts"] or {}).get(part)) for part in telling),
        )
        pages["publication_form"] = f"odoo/stock-channel-numbers/{number['id']}"
    exceptions = odoo.read(
        "stock.channel.exception",
        [("state", "=", "open"), ("category", "=", "mapping")],
        ["id"],
        limit=1,
    )
    if exceptions:
        pages["exception_form"] = f"odoo/stock-channel-exceptions/{exceptions[0]['id']}"
    return pages


def take(options: argparse.Namespace) -> int:
    """Log in, open each page and write its picture."""
    with browser(options.width, options.height) as page:
        odoo = Odoo(page, options.url)
        odoo.log_in(options.login, options.password or options.login)
        pages = dict(options.page) or guide_pages(odoo)
        for name, path in pages.items():
            odoo.show(path)
            target = options.out / f"{name}.png"
            page.save(target)
            print(target)  # noqa: T201 - what the command is for
    return 0


def _named_path(text: str) -> tuple[str, str]:
    name, _equals, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError("write it as NAME=PATH")
    return name, path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.screenshots",
        description="Take the guide's screenshots from a running Odoo.",
    )
    parser.add_argument("--url", required=True, help="where Odoo answers")
    parser.add_argument("--login", default="admin")
    parser.add_argument("--password", help="the login itself if left out")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument(
        "--page",
        type=_named_path,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="take this page instead of the guide's; may be repeated",
    )
    options = parser.parse_args(arguments)
    return take(options)


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
