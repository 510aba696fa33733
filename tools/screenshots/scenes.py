"""A day in the office after the demo's story: what the pictures show happens here.

Everything is done as its person would: deliveries are signed and posted to the door,
buttons are pressed over Odoo's external API with that person's rights, and where only
the screen can do it, in the browser.
"""

from __future__ import annotations

import copy
import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

from tools.demo.rpc import User
from tools.demo.shop import new_secret
from tools.demo.stage import EAST, SOUTH, WEST, Stage
from tools.demo.waiting import wait_for

from .browser import Odoo
from .people import ADMIN, APPROVER, MANAGER, OPERATOR, STAFF

PATIENCE = 90.0
CHANNEL = "stock.channel"
EXCEPTION = "stock.channel.exception"


class Office:
    """The hub's people at work.

    :param stage: the demo after its story.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.admin = stage.admin
        self.channel_id = stage.hub.channel_id
        self.ids = {person.login: person.hire(self.admin) for person in STAFF}
        url, database = stage.odoo.url, stage.odoo.database
        self.users: dict[str, User] = {
            person.login: person.at(url, database) for person in STAFF
        }
        self._secret = new_secret()
        self.admin.create(
            "stock.channel.secret",
            {
                "channel_id": self.channel_id,
                "name": "The pictures",
                "new_value": self._secret,
                # The newest one signs what goes out, and the shop knows the first.
                "valid_from": "2026-01-01 00:00:00",
            },
        )
        self.admin.write(
            CHANNEL,
            [self.channel_id],
            {
                "exception_owner_id": self.ids[OPERATOR.login],
                "map_owner_id": self.ids[MANAGER.login],
            },
        )
        self._posted = 0
        self._work_every_day()

    def _work_every_day(self) -> None:
        """Open on Sundays and at night: the pictures are taken at any time."""
        hours = [
            (
                0,
                0,
                {
                    "name": f"Day {day}",
                    "dayofweek": str(day),
                    "hour_from": 0,
                    "hour_to": 23,
                },
            )
            for day in range(7)
        ]
        calendar = self.admin.create(
            "resource.calendar", {"name": "Every day", "attendance_ids": hours}
        )
        company = self.admin.reference("base.main_company")
        self.admin.write("res.company", [company], {"resource_calendar_id": calendar})

    # ------------------------------------------------------------- deliveries

    def post(self, kind: str, data: dict[str, Any]) -> None:
        """Post one signed delivery of the shop."""
        # Only the environment has it, and this module is imported to get there.
        from standardwebhooks import Webhook

        self._posted += 1
        now = datetime.now(UTC)
        body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
        message_id = f"msg_picture_{self._posted}"
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._secret).sign(message_id, now, body),
        }
        request = urllib.request.Request(  # noqa: S310 - loopback, our own process
            self.stage.odoo.url + self.stage.hub.webhook_path(),
            data=body.encode(),
            headers=headers,
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=30
        ).close()

    def order(self, number: int, *lines: tuple[str, int, float], **more: Any) -> None:
        """Let the shop deliver an order: SKU, quantity and price of each line."""
        now = datetime.now(UTC).isoformat()
        data = copy.deepcopy(ORDER)
        data["id"] = f"{number}"
        data["updated_at"] = data["placed_at"] = now
        data["lines"] = [
            {
                "id": f"{number}-{place}",
                "sku": sku,
                "title": TITLES.get(sku, sku),
                "quantity": str(quantity),
                "unit_price": f"{price:.2f}",
                "location_id": WEST,
            }
            for place, (sku, quantity, price) in enumerate(lines, start=1)
        ]
        total = sum(quantity * price for _sku, quantity, price in lines)
        data["total"] = f"{total:.2f}"
        self.post("order.updated", {**data, **more})

    # ------------------------------------------------------------------ waiting

    def exception(self, **wanted: Any) -> int:
        """Return the open exception with these values, once it is there."""
        domain = [("state", "=", "open"), *((k, "=", v) for k, v in wanted.items())]
        return self.awaited(EXCEPTION, domain, f"the exception {wanted}")

    def awaited(self, model: str, domain: list[Any], what: str) -> int:
        def missing() -> list[str]:
            self.stage.check_alive()
            return [] if self.admin.count(model, domain) else [what]

        wait_for(missing, seconds=PATIENCE, what=what)
        return int(self.admin.row(model, domain, ["id"])["id"])

    def run_job(self, name: str) -> None:
        """Press Run Manually on a scheduled action of ours."""
        job = self.admin.reference(f"stock_channel_hub.{name}")
        self.admin.call("ir.cron", "method_direct_trigger", [job])


ORDER: dict[str, Any] = {
    "version": 1,
    "status": "open",
    "currency": "USD",
    "prices_include_tax": False,
    "customer": {"id": "C-9", "name": "Bruno Baker", "email": "bruno@example.com"},
    "shipping_address": {
        "name": "Bruno Baker",
        "street": "12 Harbour Road",
        "city": "Oakland",
        "zip": "94601",
        "state": "CA",
        "country": "US",
    },
    "payment_status": "paid",
    "shipping": [],
}
TITLES = {"STOOL-OAK": "Oak Stool", "LAMP-BRASS": "Brass Desk Lamp"}


def queue(office: Office) -> dict[str, int]:
    """Fill the queue: unknown SKUs, a wrong total, goods the shop refuses."""
    for number in range(5001, 5006):
        office.order(number, ("STOOL-OAK", 2, 89.0))
    office.order(5006, ("LAMP-BRASS", 1, 149.0))
    office.order(5007, ("E-COM10", 1, 50.0), total="61.00")
    stool = office.exception(value="STOOL-OAK")
    lamp = office.exception(value="LAMP-BRASS")
    total = office.exception(category="data")
    olivia = office.users[OPERATOR.login]
    olivia.call(EXCEPTION, "action_assign_to_me", [lamp])
    return {"unknown_sku": stool, "assigned": lamp, "total": total}


def count(office: Office) -> int:
    """Let Boston report a count that differs; it becomes a proposal."""
    office.post(
        "inventory.counted",
        {
            "id": "CNT-BOS-11",
            "location_id": EAST,
            "counted_at": datetime.now(UTC).isoformat(),
            "lines": [{"sku": "E-COM10", "quantity": "7"}],
        },
    )
    return office.awaited(
        "stock.channel.approval", [("kind", "=", "count")], "the proposal of a count"
    )


def pause(office: Office) -> None:
    """Pause one location for the afternoon."""
    place = office.admin.row(
        "stock.channel.location",
        [("channel_id", "=", office.channel_id), ("external_id", "=", SOUTH)],
        ["id"],
    )
    manager = office.users[MANAGER.login]
    wizard = manager.create(
        "stock.channel.pause.wizard",
        {
            "res_model": "stock.channel.location",
            "res_ids": [place["id"]],
            "reason": "Roof is leaking: the shelves are being moved until tonight",
        },
    )
    manager.call("stock.channel.pause.wizard", "action_confirm", [wizard])


def resume(office: Office) -> None:
    """Go on selling there."""
    domain = [("is_paused", "=", True)]
    rows = office.admin.rows("stock.channel.location", domain, ["id"])
    office.users[MANAGER.login].call(
        "stock.channel.location", "action_resume", [row["id"] for row in rows]
    )


def propose(office: Office, mark: Odoo, share: float) -> int:
    """Let the manager offer only a share of the stock: a live rule, so a proposal.

    :param mark: the browser, the manager logged in.
    :return: the approval.
    """
    rule = {"kind": "share", "value": share, "channel_id": office.channel_id}
    refused = mark.rpc(
        "/web/dataset/call_kw/stock.channel.rule/web_save",
        {
            "model": "stock.channel.rule",
            "method": "web_save",
            "args": [[], rule],
            "kwargs": {"specification": {}},
        },
    )
    # The same the dialog's button does.
    _message, action, _button, context = refused["error"]["data"]["arguments"]
    form = mark.rpc("/web/action/run", {"action_id": action, "context": context})[
        "result"
    ]
    change = form["res_id"]
    manager = office.users[MANAGER.login]
    reason = "Keep goods back for the showroom until the new year"
    manager.write("stock.channel.change", [change], {"reason": reason})
    proposed = manager.call("stock.channel.change", "action_propose", [change])
    return int(proposed["res_id"])


def approve(office: Office, approval: int) -> None:
    """Let the approver agree."""
    office.users[APPROVER.login].call(
        "stock.channel.approval", "action_approve", [approval]
    )


def held(office: Office) -> int:
    """Return the push that is held since most of the shop would go off sale."""
    return office.awaited(
        "stock.channel.push", [("state", "=", "held")], "the held push"
    )


def ignore(office: Office, exception: int) -> None:
    """Let the operator ignore one exception, with a reason."""
    olivia = office.users[OPERATOR.login]
    wizard = olivia.create(
        "stock.channel.ignore.wizard",
        {
            "exception_ids": [(6, 0, [exception])],
            "reason": "The shop took the lamp off its list yesterday",
        },
    )
    olivia.call("stock.channel.ignore.wizard", "action_done", [wizard])


def reviews(office: Office) -> int:
    """Have the day's reviews and their match written; return the daily one."""
    office.run_job("ir_cron_review")
    daily = office.awaited(
        "stock.channel.review", [("kind", "=", "daily")], "the daily review"
    )
    matched = [("state", "=", "done")]
    if not office.admin.count("stock.channel.match", matched):
        # What it waits for may have been read only after its last run.
        office.run_job("ir_cron_match")
    office.awaited("stock.channel.match", matched, "the daily match")
    return daily


def draft(office: Office) -> int:
    """Make a channel that is not ready yet; return it."""
    return office.users[ADMIN.login].create(
        CHANNEL,
        {
            "name": "Oakline Outlet",
            "connector": "rest",
            "base_url": "https://outlet.example.com",
        },
    )
