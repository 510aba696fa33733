"""The pages' lists of connectors are in step with the connectors."""

import unittest
from dataclasses import replace

from ..base import Told
from ..registry import all_connectors
from ..rest import RestConnector
from ..testing import table

COMMAND = "run `make readme-table` and commit what it changes"
PAGE = table.INDEX


class Simple(RestConnector):
    """A channel that can do very little."""

    key = "simple"
    label = "Simple"
    tells = frozenset({Told.RETURNS})
    capabilities = replace(
        RestConnector.capabilities,
        locations=False,
        compare_and_set=False,
        batch_size=1_000,
        webhooks=False,
        signed_time=False,
    )


class TestTable(unittest.TestCase):
    def cells(self, kind: type) -> dict[str, str]:
        """Return the one column of a table of one connector, by row."""
        lines = table.table({"simple": kind}, PAGE).splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines[2:]]
        return dict(rows)

    def test_pages_are_in_step(self):
        names = [page.name for page in table.outdated()]
        self.assertEqual([], names, COMMAND)

    def test_readme_names_every_connector(self):
        text = table.README.read_text("utf-8")
        head = table.table(all_connectors(), table.README).splitlines()[0]
        self.assertIn(head, text)
        for key in all_connectors():
            self.assertIn(f"`{key}`", head)

    def test_a_column_says_what_the_connector_says(self):
        cells = self.cells(Simple)
        self.assertEqual(
            {
                "the number it is told": "what may be sold",
                "a number for each location": "no",
                "refuses our number when it shows another than we think"
                " (compare-and-set)": "no",
                "the same call twice has one effect": "yes",
                "numbers in one call, at most": "1,000",
                "fractions of a unit": "yes",
                "says at once whether it knows an item": "yes",
                "takes a list of all numbers, too": "no",
                "what it shows can be read back": "yes",
                "orders come by": "polling",
                "setting up its webhooks": "none built in",
                "the signature of its webhooks covers their time": "none built in",
                "tells of cancellations": "no",
                "tells of returns": "yes",
                "can be told of cancellations decided here": "yes",
            },
            cells,
        )

    def test_every_capability_has_a_row(self):
        """One that is added to the contract is added to the table."""
        # Whatever the sense of a capability: turning it round changes the column.
        before = self.cells(RestConnector)
        for name, value in vars(RestConnector.capabilities).items():
            with self.subTest(name):
                other = value + 1 if name == "batch_size" else not value
                if name == "quantity_meaning":
                    other = table.QuantityMeaning.PHYSICAL
                changed = replace(RestConnector.capabilities, **{name: other})
                kind = type("Changed", (RestConnector,), {"capabilities": changed})
                self.assertNotEqual(before, self.cells(kind))

    def test_what_stands_around_a_block_stays(self):
        text = "a\n<!-- connector-guides -->\nold\n<!-- /connector-guides -->\nb\n"
        new = table.written(text, PAGE)
        self.assertTrue(new.startswith("a\n<!-- connector-guides -->\n- "))
        last = list(all_connectors())[-1]
        self.assertTrue(new.endswith(f"(`{last}`)\n<!-- /connector-guides -->\nb\n"))
        self.assertEqual(new, table.written(new, PAGE))

    def test_a_page_without_a_place_is_refused(self):
        self.assertRaises(ValueError, table.written, "# Nothing\n", PAGE)


class TestGuides(unittest.TestCase):
    """Every page about a connector can be found, and every link leads somewhere."""

    def test_the_index_links_every_page(self):
        text = table.INDEX.read_text("utf-8")
        for page in sorted(table.INDEX.parent.glob("*.md")):
            if page != table.INDEX:
                self.assertIn(f"]({page.name})", text)

    def test_every_connector_has_a_guide(self):
        there = {page.stem for page in table.INDEX.parent.glob("*.md")}
        self.assertEqual(set(), set(all_connectors()) - there)
