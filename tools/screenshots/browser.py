"""A headless Chromium, driven over its DevTools protocol, and Odoo's web client in it."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

from tools.devenv import DevEnvError, Progress, running
from tools.devenv.chromium import ensure as ensure_chromium

PATIENCE = 60.0
"""Seconds a page may take before it counts as broken."""

SETTLED = """
    (() => {
        const view = document.querySelector(".o_action_manager .o_view_controller");
        const busy = document.querySelector(".o_loading_indicator, .o_blockUI");
        const images = [...document.images].every((image) => image.complete);
        return Boolean(view) && !busy && images && document.fonts.status === "loaded";
    })()
"""
AT_REST = """
    !document.querySelector(".o_loading_indicator, .o_blockUI")
"""
CLICK = """
    ((target) => {
        const seen = (element) => element.offsetParent !== null;
        let found = [];
        if (/^[.#\\[]/.test(target)) {
            found = [...document.querySelectorAll(target)];
        } else {
            const kinds = "button, a, .nav-link, .o_data_cell, .dropdown-item, label";
            found = [...document.querySelectorAll(kinds)].filter(
                (element) => (element.innerText || "").trim() === target
            );
        }
        const visible = found.filter(seen);
        if (visible.length) {
            visible[visible.length - 1].click();
        }
        return visible.length > 0;
    })(%s)
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

    def resize(self, width: int, height: int) -> None:
        """Look through a window of this size, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

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
                page.resize(width, height)
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

    def show(self, path: str) -> None:
        """Open a page of the web client and wait until it is at rest."""
        self.page.open("about:blank")
        self.page.open(urljoin(self.url, path.lstrip("/")))
        self.page.wait_for(SETTLED, path)
        time.sleep(0.8)  # fades, avatars, the chatter
        self.page.wait_for(SETTLED, path)
        if trouble := self.page.evaluate(TROUBLE):
            raise DevEnvError(f"{path} shows an error: {trouble[:300]}")

    def rpc(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call the server as the web client does; return its answer, errors too."""
        body = json.dumps({"jsonrpc": "2.0", "params": params})
        answer: dict[str, Any] = self.page.evaluate(
            f"fetch({json.dumps(path)}, {{method: 'POST', "
            "headers: {'Content-Type': 'application/json'}, "
            f"body: {json.dumps(body)}}}).then((r) => r.json())"
        )
        return answer

    def click(self, target: str) -> None:
        """Click what a selector finds, or what bears exactly this text."""
        self.page.wait_for(CLICK % json.dumps(target), f"{target!r} to click")
        time.sleep(0.8)
        self.page.wait_for(AT_REST, f"the page after {target!r}")
