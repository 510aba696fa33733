"""The table of proofs names every goal, and nothing that is not there."""

import re
import tempfile
import unittest
from pathlib import Path

from tools.harness.proofs import PROOFS, exists
from tools.harness.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "proof.md"
GOALS = [f"R{number}" for number in range(1, 19)]
GOALS += [f"S{number}" for number in range(1, 23)]
ROW = re.compile(
    r"^\| (?P<goal>[RS]\d+) \| (?P<short>[^|]+) \| (?P<proofs>[^|]*) \|"
    r" ?(?P<missing>[^|]*)\|$",
    re.MULTILINE,
)
PROOF = re.compile(r"`([^`]+)`")
SCENARIO = re.compile(r"make harness ONLY=(R\d+)")
FIGURE = re.compile(r"[a-z0-9_]+_(?:seconds|vs_[a-z_]+)")


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of the tables, in their order."""
    return [
        {name: value.strip() for name, value in found.groupdict().items()}
        for found in ROW.finditer(text)
    ]


def figures() -> str:
    """Return the source of all that is measured."""
    folder = ROOT / "benchmarks" / "topics"
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.py")))


def wrong(root: Path, proof: str, measured: str) -> bool:
    """Tell whether a proof names something that is not there."""
    if found := SCENARIO.fullmatch(proof):
        return found.group(1) not in SCENARIOS
    if FIGURE.fullmatch(proof):
        return f'"{proof}"' not in measured
    return not exists(root, proof)


class TestProof(unittest.TestCase):
    def setUp(self) -> None:
        self.rows = rows(TABLE.read_text("utf-8"))

    def test_every_goal_has_one_row_in_order(self):
        self.assertEqual(GOALS, [row["goal"] for row in self.rows])

    def test_every_goal_is_shown_or_says_why_not(self):
        for row in self.rows:
            with self.subTest(row["goal"]):
                self.assertTrue(PROOF.findall(row["proofs"]) or row["missing"])
                self.assertGreater(len(row["short"]), 15)

    def test_every_proof_is_there(self):
        measured, looked_at = figures(), set[str]()
        for row in self.rows:
            for proof in PROOF.findall(row["proofs"]):
                if proof not in looked_at:
                    looked_at.add(proof)
                    with self.subTest(goal=row["goal"], proof=proof):
                        self.assertFalse(wrong(ROOT, proof, measured))

    def test_nothing_but_proofs_stands_in_their_column(self):
        for row in self.rows:
            with self.subTest(row["goal"]):
                self.assertEqual("", PROOF.sub("", row["proofs"]).strip(", "))

    def test_every_scenario_is_named_by_its_goal(self):
        for row in self.rows:
            named = SCENARIO.findall(row["proofs"])
            with self.subTest(row["goal"]):
                self.assertEqual([row["goal"]] * (row["goal"] in SCENARIOS), named)

    def test_what_the_harness_takes_for_shown_is_named_here_too(self):
        """By its class at least."""
        text = {row["goal"]: row["proofs"] for row in self.rows}
        for goal, proofs in PROOFS.items():
            for proof in proofs:
                if "::" in proof:
                    with self.subTest(goal=goal, proof=proof):
                        self.assertIn("::".join(proof.split("::")[:2]), text[goal])

    def test_the_pages_lead_here(self):
        for page in ("docs/security.md", "CONTRIBUTING.md"):
            self.assertIn("proof.md)", (ROOT / page).read_text("utf-8"), page)

    def test_what_is_gone_is_noticed(self):
        measured = '"door_seconds"'
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "test_x.py").write_text(
                "class TestX:\n    def test_it(self):\n        pass\n"
            )
            for proof, is_wrong in {
                "test_x.py::TestX": False,
                "test_x.py::TestX::test_it": False,
                "test_x.py::TestY": True,
                "test_x.py::TestX::test_other": True,
                "test_y.py": True,
                "make harness ONLY=R1": False,
                "make harness ONLY=R99": True,
                "door_seconds": False,
                "other_seconds": True,
                "anything": True,
            }.items():
                with self.subTest(proof):
                    self.assertIs(is_wrong, wrong(root, proof, measured))

    def test_a_row_that_is_none_is_noticed(self):
        self.assertEqual([], rows("| R1 | short | `a` |\n"))
        [row] = rows("| S1 | it is closed | `a`, `b` | |\n")
        self.assertEqual(("S1", ""), (row["goal"], row["missing"]))
