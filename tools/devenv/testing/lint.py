"""Suite 1: what can be checked without running the addon."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.sax import SAXParseException, make_parser  # noqa: S406 - our own files

from ..environment import Environment
from ..processes import call
from .results import SuiteResult

TYPED = ("connectors", "tools/devenv")
NOT_ODOO = (
    "benchmarks",
    "connectors",
    "tools",
)  # Odoo's rules would misread plain Python


def source_files(root: Path, suffix: str) -> list[Path]:
    """Return the checkout's files with a suffix: tracked, or new and not ignored.

    Without git (an unpacked archive) all files outside hidden folders are taken.
    """
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", f"*{suffix}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [Path(name) for name in listing.stdout.split("\0") if name]
    else:
        paths = [path.relative_to(root) for path in root.rglob(f"*{suffix}")]
        paths = [p for p in paths if not any(part[0] == "." for part in p.parts)]
    return sorted(path for path in paths if (root / path).is_file())


def malformed_xml(root: Path) -> list[str]:
    """Return one line for each XML file that no parser would accept."""
    found = []
    for path in source_files(root, ".xml"):
        try:
            make_parser().parse(str(root / path))  # noqa: S317 - our own files
        except SAXParseException as error:
            where = f"{path}:{error.getLineNumber()}:{error.getColumnNumber()}"
            found.append(f"{where}: {error.getMessage()}")
    return found


def run(env: Environment) -> SuiteResult:
    """Run every linter, also after one of them has failed."""
    result = SuiteResult("lint")
    root = env.layout.root
    programs = env.layout.venv / "bin"
    sources = source_files(root, ".py")
    addon = [path for path in sources if path.parts[0] not in NOT_ODOO]
    commands: dict[str, list[str | Path]] = {
        "ruff check": [programs / "ruff", "check", "."],
        "ruff format": [programs / "ruff", "format", "--check", "."],
        "pylint-odoo": [programs / "pylint", "--rcfile=.pylintrc", *addon],
        "mypy": [programs / "mypy", *TYPED],
    }
    for name, command in commands.items():
        with env.progress.step(name) as step:
            passed = call(command, cwd=root) == 0
            step.failed = not passed
        result.record(passed)
        if not passed:
            result.problems.append(f"{name} found something, see above")
    broken = malformed_xml(root)
    for line in broken:
        env.progress.say(line)
    result.record(not broken)
    if broken:
        result.problems.append(f"{len(broken)} XML files are malformed, see above")
    return result.finish()
