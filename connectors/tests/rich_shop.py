"""A connector that does all a connector may do, to test the suite itself with.

It speaks the ``rest`` contract, and beside it: access tokens that end and whose refresh
token rotates, a limit told with each answer, subscriptions it makes itself, and pings.
"""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ..base import ConfigField
from ..data import WebhookFinding, WebhookState
from ..errors import Misconfigured
from ..limits import Window
from ..rest import RestConnector
from ..strict_json import Answer
from ..testing.conformance import ConnectorConformance
from ..testing.conformance_story import StoryConformance
from ..testing.fake_channel import json_response
from ..testing.fake_rest import BASE_URL, SECRET, FakeRest
from ..tokens import EXPIRES_AT, MemoryTokens, expires_at, is_fresh
from ..transport import Response

TOPICS = ("orders", "returns")
HOUR = 3_600
PING = b"ping"


class RichShop(RestConnector):
    """Speaks to ``FakeRich``."""

    key = "rich_shop"
    label = "Rich shop"
    capabilities = replace(RestConnector.capabilities, registers_webhooks=True)
    config_fields = (
        *RestConnector.config_fields,
        ConfigField(name="app", label="App", help="Its id.", secret=True),
    )

    def is_ping(self, raw, headers):
        return raw == PING

    def _call(self, method, path, body, message_id, headers, params):
        token = self.token()
        self.transport.wait_for("calls", 1, self.clock())
        response = super()._call(
            method, path, body, message_id, {**headers, "x-token": token}, params
        )
        left = float(response.headers.get("x-left", "9"))
        self.transport.heard(
            "calls",
            Window(
                size=10,
                remaining=left,
                resets_at=self.clock() + timedelta(seconds=60),
                seconds=60,
            ),
        )
        return response

    def token(self):
        kept = self.tokens.read()
        if not is_fresh(kept, self.clock()):
            kept = self.tokens.exchange(self.renewed)
        return kept["token"]

    def renewed(self, kept):
        if is_fresh(kept, self.clock()):
            return None
        if "refresh" not in kept:
            raise Misconfigured("Nobody signed in yet.", field="app")
        response = self.transport.request(
            "POST", f"{BASE_URL}/token", json={"refresh": kept["refresh"]}
        )
        if response.status in (401, 403):
            raise Misconfigured("The shop does not know us.", field="app")
        answer = Answer(response.json(), "")
        return {
            "token": answer.identifier("token"),
            "refresh": answer.identifier("refresh"),
            EXPIRES_AT: expires_at(self.clock(), HOUR),
        }

    def watch_webhooks(self, address):
        found = {hook["topic"]: hook for hook in self._get("/hooks", {})["hooks"]}
        findings = []
        for topic in TOPICS:
            wanted = {"topic": topic, "address": address, "on": True}
            if found.get(topic) == wanted:
                continue
            key = f"{topic} {address} {self.clock().isoformat()}"
            self._post("/hooks", "hook.wanted", self.clock(), wanted, key).json()
            state = WebhookState.MENDED if topic in found else WebhookState.MADE
            findings.append(WebhookFinding(topic=topic, state=state))
        return findings


class FakeRich(FakeRest):
    """Takes what ``RichShop`` says."""

    def __init__(self, clock, secret=SECRET):
        super().__init__(clock, secret)
        self.token, self.refresh = "token-0", "refresh-0"
        self.hooks = {}
        self.left = 9

    def handle(self, call):
        if call.url == f"{BASE_URL}/token":
            return self.renew(json.loads(call.body)["refresh"])
        if call.headers.get("x-token") != self.token:
            return json_response({}, 401)
        if call.url == f"{BASE_URL}/hooks":
            response = self.hook(call)
        else:
            response = super().handle(call)
        return Response(
            response.status,
            {**response.headers, "x-left": str(self.left)},
            response.body,
        )

    def renew(self, refresh):
        if refresh != self.refresh:
            return json_response({}, 401)
        self.renewals += 1
        self.token = f"token-{self.renewals}"
        self.refresh = f"refresh-{self.renewals}"
        return json_response({"token": self.token, "refresh": self.refresh})

    def hook(self, call):
        if call.method == "POST":
            data = json.loads(call.body)["data"]
            self.hooks[data["topic"]] = data
        return json_response({"hooks": list(self.hooks.values())})

    def use_up_limit(self):
        self.left = 0

    def disturb_webhooks(self):
        self.hooks["orders"] = {**self.hooks["orders"], "on": False}


class RichCase(StoryConformance, ConnectorConformance):
    """Names it for the suite; a test case as soon as it inherits one."""

    connector_class = RichShop
    config = {"base_url": BASE_URL, "app": "app-0123456789"}
    secrets = (SECRET, "whsec_" + "dGhlIG9sZCBzZWNyZXQsIHN0aWxsIGFjdGl2ZSE=")
    samples = Path(__file__).parents[1] / "samples" / "rest"

    def make_server(self, clock):
        return FakeRich(clock)

    def make_tokens(self):
        fresh = expires_at(self.clock(), HOUR)
        return MemoryTokens(
            {"token": "token-0", "refresh": "refresh-0", EXPIRES_AT: fresh}
        )

    def ended_tokens(self):
        ended = expires_at(self.clock(), -60)
        return {"token": "token-0", "refresh": "refresh-0", EXPIRES_AT: ended}

    def pings(self):
        return [(PING, {})]
