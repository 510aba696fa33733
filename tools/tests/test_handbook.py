"""The operator's handbook tells of every exception that the code can open."""

import ast
import re
import unittest
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")
# Keywords that only whoever opens an exception uses together with a title.
COMPANY = {"cause", "next_step", "fingerprint"}


def words(node: ast.AST) -> Iterator[str]:
    """Yield the translated texts inside an expression."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "_"
            and isinstance(call.args[0], ast.Constant)
        ):
            yield str(call.args[0].value)


def titles(source: str) -> Iterator[str]:
    """Yield the titles of exceptions in a module, as the handbook writes them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = {word.arg: word.value for word in node.keywords if word.arg}
        elif isinstance(node, ast.Dict):
            given = {
                str(key.value): value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "title":
            given = {"title": node.value, "cause": node.value}
        else:
            continue
        if "title" in given and COMPANY & given.keys():
            for text in words(given["title"]):
                yield PLACEHOLDER.sub("…", text).replace("%%", "%")


class TestHandbook(unittest.TestCase):
    def test_titles_are_found_however_they_are_passed(self) -> None:
        source = """
def opened(self, cause):
    self._open(title=self.env._("%s is gone"), cause=cause)
    title = self.env._("Of %(a)s, %(b)s")
    return {"title": self.env._("Late"), "next_step": ""}
"""
        self.assertEqual(
            sorted(titles(source)), ["Late", "Of …, …", "… is gone"], "one of each way"
        )

    def test_every_exception_is_in_the_handbook(self) -> None:
        handbook = (ROOT / "docs" / "handbook.md").read_text(encoding="utf-8")
        cells = re.findall(r"^\| ([^|]+?) \|", handbook, re.MULTILINE)
        told = {*cells, *re.findall(r"\*([^*|]+)\*", handbook)}
        missing = {
            f"{path.name}: {title}"
            for path in (ROOT / "models").glob("*.py")
            for title in titles(path.read_text(encoding="utf-8"))
            if title not in told
        }
        self.assertEqual(missing, set())


if __name__ == "__main__":
    unittest.main()
