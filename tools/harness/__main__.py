"""`make harness`: shows the goals R1 to R18 on real processes that crash.

Everything runs below this command and on loopback only: a PostgreSQL of its own, two
Odoo servers, shops with ledgers of their own, eight senders, a wire that fails.
"""

from __future__ import annotations

import argparse
import sys

from tools.devenv import (
    Environment,
    Progress,
    guarded,
    reexec_in_venv,
)


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.harness")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument("--only", default="", help="scenarios, as in R1,R5")
    parser.add_argument("--long", action="store_true", help="PROOF's own counts")
    parser.add_argument("--again", action="store_true", help="what was late, once more")
    options = parser.parse_args()
    # Only the environment's Python has what these need.
    from .run import run_all

    return run_all(Environment.ensure(Progress()), options)


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
