"""The private development environment of this checkout.

Command line: ``python3 -m tools.devenv --help``.  For other tools of the repository:

``Environment.ensure()``
    build or reuse everything; see :mod:`tools.devenv.environment` for its methods.
``reexec_in_venv()``
    call it first in a ``__main__`` module: it restarts the program under the
    environment's Python, building the environment if need be, so that what the lock
    file holds (flask, requests, ...) can be imported.
``guarded(main)``
    run an entry point with our rules: foreseen failures are one sentence on stderr,
    SIGINT and SIGTERM end everything that was started.
``free_port()``, ``running()``, ``run()``, ``call()``
    loopback ports and child processes that never outlive us.

Only the standard library is imported here, so that it works before anything is built.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the sentence for those who have less
    sys.exit(
        "error: Python 3.11 or newer is needed, this is "
        f"{sys.version_info[0]}.{sys.version_info[1]}: run it with a newer python3."
    )

from .environment import Environment
from .errors import CommandFailed, DevEnvError
from .odoo_server import OdooServer, free_port, require_free_port
from .paths import ADDON, Layout
from .postgres import Server
from .processes import call, guarded, run, running
from .progress import Progress
from .reexec import reexec_in_venv

__all__ = [
    "ADDON",
    "CommandFailed",
    "DevEnvError",
    "Environment",
    "Layout",
    "OdooServer",
    "Progress",
    "Server",
    "call",
    "free_port",
    "guarded",
    "reexec_in_venv",
    "require_free_port",
    "run",
    "running",
]
