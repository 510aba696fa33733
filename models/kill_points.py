"""Places at which the harness lets a worker die. In production there are none.

What a crash leaves behind can only be shown by crashing, at the worst moments. Each of
these moments is named in ``POINTS`` and passed by one call of ``reach``, or of
``after_commit``. Both are empty functions unless the server was started twice armed:
by the environment variable ``VARIABLE`` and by ``OPTION`` in its configuration file,
both naming the same existing folder. They are looked at once, when the module is
loaded; nothing that comes by HTTP or RPC, no setting in the database and no later
change of either can arm a running server. Whoever can set both can stop it anyway.

Armed, a file in the folder named ``<point>.<anything>`` kills the worker that passes
the point first, once: whoever removes the file dies of it. Its text may be ``stop``
(the worker is frozen instead, and ``<file>.pid`` says who it is), followed by the one
key, such as an order's, for which it is meant.
"""

import os
import signal
from pathlib import Path

from odoo.tools import config

VARIABLE = "STOCK_CHANNEL_HUB_KILL_POINTS"
OPTION = "stock_channel_hub_kill_points"

POINTS = {
    "door.stored": "a delivery is inserted and not committed",
    "door.committed": "a delivery is committed and not answered",
    "inbox.claimed": "messages are leased and their attempt counted; no work is done",
    "inbox.message": "one message is about to be worked on",
    "inbox.applied": "what a message says is applied, the message is not done",
    "order.read": "an order's demand is in flight, nothing is applied",
    "order.applied": "an order is applied and not committed",
    "batch.created": "a batch of sale orders exists, none is confirmed or committed",
    "batch.confirmed": "a batch of orders is confirmed and not committed",
    "compute.written": "numbers are computed, the changes behind them not yet deleted",
    "publish.leased": "a push is leased, the channel not called",
    "publish.answered": "the channel has the numbers, its answer is not written",
    "report.answered": "the channel has a shipment, its answer is not written",
    "poll.stored": "a page of orders is stored, the position behind it is not",
}


def _pass_by(_point, _key=""):
    """Do nothing: this is what production calls."""


def _never(_cr, _point):
    """Do nothing: this is what production calls."""


def armed_folder(variables, options):
    """Return the folder that environment and configuration agree on, else None."""
    named = variables.get(VARIABLE)
    if not named or named != options.get(OPTION):
        return None
    folder = Path(named)
    return folder if folder.is_absolute() and folder.is_dir() else None


def armed(folder):
    """Return ``reach`` and ``after_commit`` for a folder of files to die of."""

    def reach(point, key=""):
        for file in sorted(folder.glob(f"{point}.*")):
            if file.suffix != ".pid":
                _die_of(file, key)

    def after_commit(cr, point):
        cr.postcommit.add(lambda: reach(point))

    return reach, after_commit


def _die_of(file, key):
    """End or freeze this process if the file is meant for it and nobody else took it."""
    try:
        words = file.read_text(encoding="utf-8").split()
        is_stop = words[:1] == ["stop"]
        meant = words[1:] if is_stop else words
        if meant and key not in meant:
            return
        file.unlink()
    except FileNotFoundError:
        return
    if is_stop:
        # Written whole, then named: whoever waits for it never reads half a number.
        partial = file.with_name(f".{file.name}")
        partial.write_text(str(os.getpid()), encoding="utf-8")
        partial.rename(file.with_name(f"{file.name}.pid"))
    os.kill(os.getpid(), signal.SIGSTOP if is_stop else signal.SIGKILL)


reach, after_commit = _pass_by, _never
_folder = armed_folder(os.environ, config)
if _folder:
    reach, after_commit = armed(_folder)
