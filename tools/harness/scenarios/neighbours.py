"""R16: a million finished messages and a long transaction beside the queue."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ..senders import quantile
from ..verdict import Verdict
from ..world import World

CLAIMS = 40
"""How often the claim is measured, before and after."""

KEPT_DAYS = 90
"""How long a finished message is kept, and the key that makes a repeat a repeat."""

BATCH = 2000
"""Most rows that one step of the retention deletes."""

_CLAIM = """
import json, time
from odoo.tools import SQL
messages, said = env["stock.channel.message"], []
seconds, execute = [], type(env.cr).execute
def listen(cr, query, params=None, log_exceptions=True):
    said.append(query)
    return execute(cr, query, params, log_exceptions)
for number in range({count} + 5):
    begin = time.perf_counter()
    claimed = len(messages._claim(True))
    seconds.append(time.perf_counter() - begin)
    env.cr.rollback()
type(env.cr).execute = listen
messages._claim(True)
type(env.cr).execute = execute
env.cr.rollback()
(claim,) = [query for query in said if "WITH taken AS" in str(getattr(query, "code", query))]
execute(env.cr, SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) %s", claim))
((plan,),) = env.cr.fetchall()
env.cr.rollback()
top = plan[0]["Plan"]
found = dict(
    seconds=seconds[5:], claimed=claimed, statements=len(said),
    ms=plan[0]["Execution Time"],
    buffers=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
)
print("FOUND" + json.dumps(found))
"""

_RETENTION = """
import json, time
messages, seconds, deleted = env["stock.channel.message"], [], []
while True:
    begin = time.perf_counter()
    count, more = messages._gc_messages()
    seconds.append(time.perf_counter() - begin)
    deleted.append(count)
    env.cr.commit()
    if not more:
        break
print("FOUND" + json.dumps(dict(seconds=seconds, deleted=deleted)))
"""

_FINISHED = """
    INSERT INTO stock_channel_message
           (channel_id, company_id, state, origin, topic, dedupe_key, order_key,
            digest, received_at, attempts, claims, processed_at)
    SELECT %(channel)s, c.company_id, 'done', 'webhook', 'order.updated',
           'finished-' || number, 'order:finished-' || (number %% 50000), 'x',
           at, 1, 1, at
      FROM generate_series(1, %(count)s) AS number
      JOIN stock_channel c ON c.id = %(channel)s,
           LATERAL (SELECT now() AT TIME ZONE 'UTC'
                    -- Every fourth is a day too old, the others have a day to go.
                    - (CASE WHEN number %% 4 = 0 THEN %(days)s + 1
                            ELSE %(days)s - 1 END) * interval '1 day' AS at) AS moment
"""

_PENDING = """
    INSERT INTO stock_channel_message
           (channel_id, company_id, state, origin, topic, dedupe_key, order_key,
            digest, received_at, attempts, claims)
    SELECT %s, c.company_id, 'pending', 'webhook', 'order.updated',
           'waiting-' || number, 'order:waiting-' || number, 'x', now(), 0, 0
      FROM generate_series(1, 500) AS number, stock_channel c WHERE c.id = %s
"""


def queue_survives_neighbours(world: World) -> Verdict:
    """Measure the claim, fill the table, hold a transaction open, measure again."""
    verdict = world.verdict("R16", "queue survives its neighbours")
    finished = world.size(50_000, 1_000_000)
    products = world.products("R16", 1)
    world.stock_up(products, 5, ["north"])
    with world.front([*products], places=["north"]) as front:
        channel_id = front.hub.channel_id
        jobs = [world.cron("inbox"), world.cron("inbox_2")]
        world.database.rows(
            "UPDATE ir_cron SET active = FALSE WHERE id = ANY(%s)", jobs
        )
        try:
            world.database.rows(_PENDING, channel_id, channel_id)
            world.database.rows("ANALYZE stock_channel_message")
            before = _ask_hub(world, _CLAIM.format(count=CLAIMS))
            _finish(world, channel_id, finished)
            hold = "SELECT txid_current(), count(*) FROM stock_channel_message"
            with world.database.transaction(hold):
                # What was claimed and given back meanwhile are dead rows that nobody
                # may remove while the other transaction looks at them.
                for _round in range(world.size(10, 100)):
                    world.database.rows(
                        "UPDATE stock_channel_message SET attempts = attempts"
                        " WHERE channel_id = %s AND state = 'pending'",
                        channel_id,
                    )
                after = _ask_hub(world, _CLAIM.format(count=CLAIMS))
            judge_claims(verdict, before, after)
            gone = _ask_hub(world, _RETENTION)
            judge_retention(verdict, gone, finished, _kept(world, channel_id))
        finally:
            world.database.rows(
                "DELETE FROM stock_channel_message WHERE channel_id = %s", channel_id
            )
            world.database.rows(
                "UPDATE ir_cron SET active = TRUE WHERE id = ANY(%s)", jobs
            )
    return verdict


def _finish(world: World, channel_id: int, count: int) -> None:
    """Let so many messages be done, a quarter of them longer ago than any is kept."""
    values = {"channel": channel_id, "count": count, "days": KEPT_DAYS}
    world.database.execute(_FINISHED, values)


def _kept(world: World, channel_id: int) -> tuple[int, int]:
    """Return how many finished messages there are, and how many of them too old."""
    ((count, old),) = world.database.rows(
        "SELECT count(*)::int, (count(*) FILTER (WHERE processed_at"
        " < now() AT TIME ZONE 'UTC' - %s * interval '1 day'))::int"
        "  FROM stock_channel_message WHERE channel_id = %s AND state = 'done'",
        KEPT_DAYS,
        channel_id,
    )
    return count, old


def judge_claims(
    verdict: Verdict, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Expect the claim's p95 to be at most five times its baseline."""
    was, now = quantile(before["seconds"], 0.95), quantile(after["seconds"], 0.95)
    spread = was / max(quantile(before["seconds"], 0.5), 1e-9)
    verdict.counts.update(
        {
            "claim p95 before": f"{1000 * was:.1f} ms",
            "after": f"{1000 * now:.1f} ms",
            "ratio": f"{now / was:.1f}",
            "claimed": after["claimed"],
            "its statement before": f"{before['ms']:.1f} ms {before['buffers']} blocks",
            "its statement after": f"{after['ms']:.1f} ms {after['buffers']} blocks",
        }
    )
    verdict.same("claimed at once", after["claimed"], before["claimed"])
    verdict.same("statements of it", after["statements"], before["statements"])
    if now > 5 * was:
        text = f"the claim's p95 is {now / was:.1f} times its baseline"
        if spread > 3:
            verdict.unjudged.append(f"{text}; the baseline itself varies too much")
        else:
            verdict.late(text)


def judge_retention(
    verdict: Verdict, gone: dict[str, Any], finished: int, kept: tuple[int, int]
) -> None:
    """Expect exactly what is too old to be gone, in steps that are bounded."""
    verdict.counts.update(
        {
            "finished": finished,
            "deleted": sum(gone["deleted"]),
            "in steps": len(gone["deleted"]),
            "step p95": f"{1000 * quantile(gone['seconds'], 0.95):.0f} ms",
        }
    )
    verdict.same("deleted", sum(gone["deleted"]), finished // 4)
    verdict.same("kept, and too old", kept, (finished - finished // 4, 0))
    most = max(gone["deleted"])
    verdict.expect(most <= BATCH, f"one step deleted {most} rows")


def _ask_hub(world: World, script: str) -> dict[str, Any]:
    """Run a script in a process of the hub's own; return what it found."""
    env = world.env
    command = [
        str(env.python),
        str(env.odoo.script),
        "shell",
        f"--config={env.layout.odoo_conf}",
        f"--database={world.database.name}",
        "--no-http",
        "--log-level=error",
    ]
    done = subprocess.run(
        command,
        input=script,
        env=env.variables(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    for line in done.stdout.splitlines():
        _before, mark, rest = line.partition("FOUND")
        if mark:
            found: dict[str, Any] = json.loads(rest)
            return found
    raise RuntimeError(f"the hub found nothing: {done.stderr[-500:]}")
