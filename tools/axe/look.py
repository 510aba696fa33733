"""One look with axe-core at what a page shows, and what comes out over all of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tools.devenv import DevEnvError
from tools.screenshots.browser import Browser

from .known import Known

# The navigation bar above is Odoo's alone.
RUN = """
    (async (known) => {
        const seen = [".o_action_manager", ".modal.o_technical_modal"].filter(
            (selector) => document.querySelector(selector)
        );
        const report = await axe.run(
            { include: seen.map((selector) => [selector]) },
            { resultTypes: ["violations"], elementRef: true }
        );
        const found = [];
        for (const violation of report.violations) {
            for (const node of violation.nodes) {
                const impact = node.impact || violation.impact;
                if (!["serious", "critical"].includes(impact)) {
                    continue;
                }
                const excuse = known.findIndex(
                    (each) =>
                        each.rule === violation.id && node.element.closest(each.within)
                );
                found.push({
                    rule: violation.id,
                    impact,
                    excuse,
                    target: node.target.join(" "),
                    html: node.html.slice(0, 300),
                    help: (node.any.concat(node.all, node.none)[0] || violation)
                        .message || violation.help,
                });
            }
        }
        return found;
    })(%s)
"""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something of ours that somebody cannot use, and where it was seen first."""

    rule: str
    impact: str
    screen: str
    target: str
    html: str
    help: str

    def as_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        where = f"{self.screen}\n    {self.target}\n    {self.html}"
        return f"{self.impact} {self.rule}: {self.help}\n    {where}"


class Look:
    """What was found over all the screens; one thing is reported once a screen."""

    def __init__(self, source: str, known: Sequence[Known]) -> None:
        self._source = source
        self._known = known
        self._met: set[int] = set()
        self.findings: list[Finding] = []
        self.looked = 0
        self.excused = 0

    def at(self, page: Browser, screen: str) -> int:
        """Look at what the page shows; return how much of ours was found.

        :raise DevEnvError: if axe-core did not run.
        """
        page.evaluate(f"{self._source};undefined")
        known = [dataclasses.asdict(each) for each in self._known]
        rows = page.evaluate(RUN % json.dumps(known))
        if not isinstance(rows, list):
            raise DevEnvError(f"axe-core said nothing about {screen}.")
        self.looked += 1
        found = 0
        for row in rows:
            excuse = row.pop("excuse")
            if excuse >= 0:
                self._met.add(excuse)
                self.excused += 1
                continue
            found += 1
            self.findings.append(Finding(screen=screen, **row))
        return found

    def stale(self) -> list[Known]:
        """Return the exclusions that excused nothing on any screen."""
        return [k for number, k in enumerate(self._known) if number not in self._met]
