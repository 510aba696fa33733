"""The process with Odoo inside: builds a dataset, or measures topics.

``python -m benchmarks.session build CONFIG DATABASE LISTINGS``
``python -m benchmarks.session measure SESSION``, a JSON file
``python -m benchmarks.session work CONFIG DATABASE``, see ``workers``
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from . import dataset, odoo_session, workers
from .bench import Bench
from .figures import Figure, report_path, table, write_report
from .options import Session


def _build(config: str, database: str, listings: str) -> None:
    odoo_session.start(Path(config))
    with odoo_session.opened(database) as env:
        dataset.build(env, int(listings))


def _measure(file: str) -> None:
    session = Session.from_json(Path(file).read_text(encoding="utf-8"))
    odoo_session.start(session.config)
    bench = Bench(session)
    shown: list[Figure] = []
    for topic in session.plan.topics:
        module = importlib.import_module(f".topics.{topic}", __package__)
        figures: list[Figure] = list(module.measure(bench))
        path = report_path(session.folder, topic, session.plan.listings)
        write_report(path, figures)
        print(f"     {topic}: {path}", flush=True)
        shown += figures
    print(f"\n{session.plan.listings} listings\n{table(shown)}", flush=True)


def _work(config: str, database: str) -> None:
    odoo_session.start(Path(config))
    workers.work(database)


def main(words: Sequence[str]) -> None:
    """Do what the first word says."""
    {"build": _build, "measure": _measure, "work": _work}[words[0]](*words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
