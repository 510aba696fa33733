"""The example of the authors' guide, as files.

``python -m connectors.testing.guide folder`` writes it there, as something to begin
with.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "connectors" / "writing-one.md"

_BLOCK = re.compile(r"^```[a-z]+ (\S+/\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_RESULT = re.compile(r"^```text result\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """Return the text of every file of the example by its path.

    Blocks that name the same file belong together, in their order.
    """
    result: dict[str, str] = {}
    for path, text in _BLOCK.findall(GUIDE.read_text("utf-8")):
        result[path] = result.get(path, "") + text
    return result


def promised_result() -> str:
    """Return how the guide says that the suite ends."""
    [text] = _RESULT.findall(GUIDE.read_text("utf-8"))
    return str(text)


def write(folder: Path) -> None:
    """Write the example below a folder."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the example into the folder named; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m connectors.testing.guide FOLDER\n")
        return 2
    write(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
