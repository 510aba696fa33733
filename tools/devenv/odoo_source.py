"""Odoo 19 itself: the user's own (``ODOO_HOME``), else Debian's package unpacked.

The Debian package is unpacked, never installed: its dependencies ask for a newer
Python than most machines have, and they come from the lock file anyway.  Its static
files are links into a few other packages, which are unpacked into the same root.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

from .apt import PrivateApt, unpack
from .errors import DevEnvError
from .files import build_once, digest, require_free_space
from .progress import Progress

RECIPE = "1"  # raise it when the way of unpacking changes
PACKAGES = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
)
NEEDED_MB = 2500
PYTHON_FOLDER = Path("usr/lib/python3/dist-packages")
# Debian's newer Font Awesome lacks the 4.7 files that Odoo's links name.
FONT_FOLDER = Path("usr/share/fonts-font-awesome/fonts")
FONTS_IN_VENV = "xstatic/pkg/font_awesome/data/fonts"
# Left out of the package; without it the browser console shows an error, and
# Odoo's browser tests fail on any console error.
MISSING_SCRIPT = Path(
    "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
)


@dataclasses.dataclass(frozen=True)
class OdooSource:
    """One Odoo 19 on disk.

    :param Path python_path: the folder to put on ``PYTHONPATH``.
    :param Path script: the program to start; Odoo starts its own workers by it.
    :param tuple addons: further add-on folders beside ``odoo/addons``.
    :param str version: text that changes when the sources do.
    """

    python_path: Path
    script: Path
    addons: tuple[Path, ...]
    version: str


def from_home(home: Path) -> OdooSource:
    """Return the Odoo 19 in ``ODOO_HOME``, a source checkout or unpacked package.

    :raise DevEnvError: if it is not an Odoo 19.
    """
    for python_path in (home, home / PYTHON_FOLDER):
        release = python_path / "odoo" / "release.py"
        if release.is_file():
            break
    else:
        raise DevEnvError(
            f"ODOO_HOME={home} holds no Odoo: point it at a folder with odoo/release.py "
            "in it, or unset it to have Odoo fetched."
        )
    text = release.read_text(encoding="utf-8")
    found = re.search(r"version_info\s*=\s*\(\s*['\"]?(?:saas~)?(\d+)", text)
    if not found or found[1] != "19":
        raise DevEnvError(
            f"ODOO_HOME={home} is Odoo {found[1] if found else 'of unknown version'}, "
            "but version 19 is needed: point it at an Odoo 19, or unset it."
        )
    scripts = (home / "odoo-bin", home / "usr" / "bin" / "odoo", home / "odoo.py")
    script = next((path for path in scripts if path.is_file()), None)
    if script is None:
        raise DevEnvError(f"ODOO_HOME={home} has no odoo-bin: use a full checkout.")
    beside = python_path / "addons"
    extra = (beside,) if (beside / "web" / "__manifest__.py").is_file() else ()
    return OdooSource(python_path, script, extra, digest(str(home), text))


def ensure(
    link: Path, apt_folder: Path, site_packages: Path, progress: Progress
) -> OdooSource:
    """Return an Odoo 19, fetching it if there is none yet.

    :param Path link: the stable name of the unpacked Odoo (``.dev/odoo``).
    :param Path site_packages: the environment's packages (Font Awesome's files).
    """
    home = os.environ.get("ODOO_HOME")
    if home:
        return from_home(Path(home).expanduser().resolve())

    def build(folder: Path) -> None:
        require_free_space(folder, NEEDED_MB, "Odoo 19")
        apt = PrivateApt(apt_folder, progress)
        archives = apt_folder / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        with progress.step("Odoo 19: fetching Debian's packages (about 125 MB)"):
            files = apt.fetch(PACKAGES, archives)
        with progress.step("Odoo 19: unpacking (1.3 GB)"):
            for archive in files:
                unpack(archive, folder)
            _complete(folder, site_packages)
        shutil.rmtree(apt_folder, ignore_errors=True)

    build_once(link, digest(RECIPE, *PACKAGES), build)
    root = link.resolve()
    version = digest(root / PYTHON_FOLDER / "odoo" / "release.py", root.name)
    return OdooSource(root / PYTHON_FOLDER, root / "usr" / "bin" / "odoo", (), version)


def _complete(root: Path, site_packages: Path) -> None:
    """Add the two things the packages lack, and check that nothing else is missing."""
    shutil.copytree(
        site_packages / FONTS_IN_VENV, root / FONT_FOLDER, dirs_exist_ok=True
    )
    script = root / PYTHON_FOLDER / MISSING_SCRIPT
    script.parent.mkdir(parents=True, exist_ok=True)
    if not script.exists():
        script.write_text("/* not shipped by Debian; unused here */\n")
    web = root / PYTHON_FOLDER / "odoo" / "addons" / "web"
    broken = [
        path for path in web.rglob("*") if path.is_symlink() and not path.exists()
    ]
    if broken:
        raise DevEnvError(
            f"Debian's odoo-19 package points at a file that no package we fetch has "
            f"({os.readlink(broken[0])}): set ODOO_HOME to an Odoo 19 source checkout."
        )
