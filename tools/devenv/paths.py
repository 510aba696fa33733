"""Where things lie: everything built goes below the git-ignored ``.dev`` folder."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

ADDON = "stock_channel_hub"


@dataclasses.dataclass(frozen=True)
class Layout:
    """The folders of one checkout.

    :param Path root: the repository root, which is the addon itself.
    """

    root: Path

    @classmethod
    def of_this_checkout(cls) -> Layout:
        """Return the layout of the checkout this file lies in."""
        return cls(Path(__file__).resolve().parents[2])

    @property
    def dev(self) -> Path:
        return self.root / ".dev"

    @property
    def venv(self) -> Path:
        return self.dev / "venv"

    @property
    def odoo(self) -> Path:
        return self.dev / "odoo"

    @property
    def node(self) -> Path:
        return self.dev / "node"

    @property
    def postgres(self) -> Path:
        return self.dev / "pg"

    @property
    def apt(self) -> Path:
        return self.dev / "apt"

    @property
    def addons(self) -> Path:
        return self.dev / "addons"

    @property
    def addon_link(self) -> Path:
        """The checkout under the module's own name, as Odoo needs it."""
        return self.addons / ADDON

    @property
    def data(self) -> Path:
        """Odoo's data directory (filestores and sessions)."""
        return self.dev / "data"

    @property
    def logs(self) -> Path:
        return self.dev / "logs"

    @property
    def odoo_conf(self) -> Path:
        return self.dev / "odoo.conf"

    @property
    def pytest_ini(self) -> Path:
        return self.dev / "pytest.ini"

    @property
    def addon_tests(self) -> Path:
        """The Odoo tests by the path under which they must be collected."""
        return self.addon_link / "tests"

    @property
    def requirements_lock(self) -> Path:
        return self.root / "tools" / "requirements.lock"

    @property
    def node_lock(self) -> Path:
        return self.root / "tools" / "node.lock"

    @property
    def test_counts(self) -> Path:
        return self.root / "tests" / "counts.json"

    @property
    def short_id(self) -> str:
        """Six characters that tell this checkout's databases from another's."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:6]
