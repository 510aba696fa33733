"""What counts as ours, and when an exclusion has had its day."""

import json
import unittest
from pathlib import Path

from tools.axe.known import KNOWN, Known
from tools.axe.look import Look
from tools.screenshots.showcase import SHOWN

ROOT = Path(__file__).resolve().parents[2]
BREADCRUMB = Known(rule="link-name", within=".o_breadcrumb", reason="Odoo's own")
BADGE = Known(rule="color-contrast", within=".badge", reason="Odoo's own")


def row(rule, excuse=-1):
    """Return what the page's script tells of one element."""
    return {
        "rule": rule,
        "impact": "serious",
        "excuse": excuse,
        "target": "a.x",
        "html": "<a class='x'/>",
        "help": "has no text",
    }


class Page:
    def __init__(self, rows):
        self.rows = rows
        self.scripts = []

    def evaluate(self, script):
        self.scripts.append(script)
        return self.rows if len(self.scripts) > 1 else None


class TestLook(unittest.TestCase):
    def test_what_is_not_excused_is_ours(self):
        look = Look("axe = {}", [BREADCRUMB, BADGE])
        page = Page([row("link-name", 0), row("button-name"), row("link-name", 0)])
        self.assertEqual(look.at(page, "queue"), 1)
        self.assertEqual((look.looked, look.excused), (1, 2))
        [finding] = look.findings
        self.assertEqual((finding.rule, finding.screen), ("button-name", "queue"))
        self.assertIn("serious button-name: has no text", str(finding))
        self.assertEqual(look.stale(), [BADGE])

    def test_the_page_is_told_what_is_known(self):
        look = Look("axe = {}", [BREADCRUMB])
        page = Page([])
        self.assertEqual(look.at(page, "queue"), 0)
        self.assertTrue(page.scripts[0].startswith("axe = {}"))
        self.assertIn('"within": ".o_breadcrumb"', page.scripts[1])

    def test_every_exclusion_says_why(self):
        for known in KNOWN:
            with self.subTest(known.rule, within=known.within):
                self.assertGreater(len(known.reason), 20)


class TestPackage(unittest.TestCase):
    def test_it_is_pinned_with_its_hash(self):
        folder = ROOT / "tools" / "axe"
        wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
        installed = lock["packages"]["node_modules/axe-core"]
        self.assertEqual(wanted["dependencies"], {"axe-core": installed["version"]})
        self.assertRegex(installed["integrity"], r"^sha512-\S{80,}$")


class TestDescription(unittest.TestCase):
    def test_its_pictures_are_there_and_have_words(self):
        folder = ROOT / "static" / "description"
        page = (folder / "index.html").read_text(encoding="utf-8")
        for name in SHOWN:
            with self.subTest(name):
                self.assertRegex(page, rf'src="{name}\.png"[^>]*\balt="\w')
                self.assertTrue((folder / f"{name}.png").is_file())
        self.assertEqual(page.count("<img"), len(SHOWN))


if __name__ == "__main__":
    unittest.main()
