"""Where Odoo, Python and Node.js come from."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tools.devenv import apt, node, odoo_source, templates, venv
from tools.devenv.errors import CommandFailed, DevEnvError
from tools.devenv.paths import ADDON, Layout
from tools.devenv.progress import Progress

QUIET = Progress(quiet=True)


class TestMirror(unittest.TestCase):
    def test_debian_s_own_archive_is_chosen_not_security_nor_others(self):
        targets = (
            "http://a.example/nodesource/|. nodistro|nodistro|main\n"
            "http://b.example/debian-security/|Debian|Debian-Security|main\n"
            "http://c.example/debian/|Debian|Debian|contrib\n"
            "http://d.example/debian/|Debian|Debian|main\n"
        )
        self.assertEqual(apt.choose_mirror(targets), "http://d.example/debian/")

    def test_before_the_first_update_the_path_decides(self):
        targets = (
            "http://b.example/debian-security|||main\nhttp://c.example/debian|||main\n"
        )
        self.assertEqual(apt.choose_mirror(targets), "http://c.example/debian")

    def test_user_s_mirror_wins(self):
        self.assertEqual(apt.choose_mirror("", "http://mine"), "http://mine")

    def test_machine_without_debian_has_none(self):
        targets = "http://u.example/ubuntu/|Ubuntu|Ubuntu|main\n"
        self.assertIsNone(apt.choose_mirror(targets))

    def test_package_gone_from_the_mirror_names_the_way_out(self):
        gone = CommandFailed("x", "E: Unable to locate package odoo-19")
        private = apt.PrivateApt(Path("unused"), QUIET)
        with (
            mock.patch.object(private, "_update"),
            mock.patch.object(private, "_mirror", return_value="http://m"),
            mock.patch.object(apt, "run", side_effect=gone) as run,
            tempfile.TemporaryDirectory() as folder,
            self.assertRaisesRegex(DevEnvError, "no longer has .* ODOO_HOME"),
        ):
            private.fetch(["odoo-19"], Path(folder))
        self.assertEqual(run.call_count, 1)

    def test_without_root_the_command_to_type_is_named(self):
        with (
            mock.patch.object(apt, "_root_prefix", return_value=None),
            mock.patch.object(apt, "require_apt"),
            self.assertRaisesRegex(DevEnvError, "`sudo apt-get install chromium`"),
        ):
            apt.install_system_packages(["chromium"], "tours need it", QUIET)

    def test_machine_without_apt_is_told_so(self):
        with (
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(DevEnvError, "apt-get is missing.*ODOO_HOME"),
        ):
            apt.require_apt()


class TestOdooHome(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)

    def write(self, name: str, text: str = "") -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_source_checkout_is_used_with_its_addons(self):
        self.write("odoo/release.py", "version_info = (19, 0, 0, FINAL, 0, '')")
        self.write("odoo-bin")
        self.write("addons/web/__manifest__.py")
        source = odoo_source.from_home(self.home)
        self.assertEqual(source.python_path, self.home)
        self.assertEqual(source.script, self.home / "odoo-bin")
        self.assertEqual(source.addons, (self.home / "addons",))

    def test_another_version_is_refused(self):
        self.write("odoo/release.py", "version_info = (18, 0, 0, FINAL, 0, '')")
        self.write("odoo-bin")
        with self.assertRaisesRegex(DevEnvError, "is Odoo 18, but version 19"):
            odoo_source.from_home(self.home)

    def test_folder_without_odoo_is_refused(self):
        with self.assertRaisesRegex(DevEnvError, "holds no Odoo"):
            odoo_source.from_home(self.home)


class TestInterpreters(unittest.TestCase):
    def test_running_python_is_used_if_odoo_takes_it(self):
        with mock.patch("sys.version_info", (3, 12, 1)):
            self.assertEqual(venv.find_python()[1], (3, 12))

    def test_too_new_python_falls_back_to_one_on_path(self):
        with (
            mock.patch("sys.version_info", (3, 14, 0)),
            mock.patch("shutil.which", lambda name: {"python3.12": "/x"}.get(name)),
        ):
            self.assertEqual(venv.find_python(), (Path("/x"), (3, 12)))

    def test_unsupported_python_is_one_sentence(self):
        with (
            mock.patch("sys.version_info", (3, 14, 0)),
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(DevEnvError, "Python 3.14 is not supported"),
        ):
            venv.find_python()

    def test_node_versions(self):
        self.assertEqual(node.major_version("v20.20.2\n"), 20)
        self.assertEqual(node.major_version("command not found"), 0)


class TestVirtualEnvironment(unittest.TestCase):
    def test_python_without_venv_gets_the_system_package_first(self):
        order = []
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(
                venv, "install_system_packages", lambda names, *_: order.append(names)
            ),
            mock.patch.object(venv, "run", lambda *_, **__: order.append("venv")),
        ):
            python = Path(folder, "python")
            python.write_text("#!/bin/sh\nexit 1\n")  # as `import ensurepip` would
            python.chmod(0o755)
            venv._create(python, (3, 12), Path(folder, "new"), QUIET)
        self.assertEqual(order, [["python3.12-venv"], "venv"])


class TestNode(unittest.TestCase):
    def test_old_node_of_the_machine_is_not_used(self):
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("shutil.which", lambda name: str(Path(folder, name))),
        ):
            program = Path(folder, "node")
            program.write_text("#!/bin/sh\necho v18.20.0\n")
            program.chmod(0o755)
            self.assertIsNone(node.of_this_machine())
            program.write_text("#!/bin/sh\necho v22.1.0\n")
            found = node.of_this_machine()
        self.assertEqual(found, node.Node(program, Path(folder, "npm")))


class FakeServer:
    """Remembers databases by name, the newest last."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.inside: list[tuple[str, str]] = []

    def database_exists(self, name: str) -> bool:
        return name in self.names

    def execute(self, statement: str, database: str = "postgres") -> str:
        if database != "postgres":
            self.inside.append((database, statement))
            return ""
        return "\n".join(reversed(self.names))


class FakeEnvironment:
    """Just enough of an environment to build templates in."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.odoo = mock.Mock(version="19")
        self.progress = QUIET
        self.server = FakeServer()
        self.installed: list[tuple[str, ...]] = []
        self.fails = False

    def database_name(self, purpose: str) -> str:
        return f"sch_{purpose}"

    def drop_database(self, name: str) -> None:
        if name in self.server.names:
            self.server.names.remove(name)

    def create_database(self, name: str, template: str | None = None) -> None:
        assert template in self.server.names
        self.server.names.append(name)

    def run_odoo_init(self, name: str, modules: list[str], *, demo: bool) -> None:
        if name not in self.server.names:
            self.server.names.append(name)
        if self.fails:
            raise DevEnvError("Odoo ended with status 255")
        self.installed.append(tuple(modules))

    def rename_database(self, name: str, new_name: str) -> None:
        self.server.names[self.server.names.index(name)] = new_name


class TestTemplates(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "tools").mkdir()
        (self.root / "tools" / "requirements.lock").write_text("x==1")
        (self.root / "__manifest__.py").write_text('{"depends": ["stock"]}')
        self.env = FakeEnvironment(self.root)
        self.templates = templates.Templates(self.env)

    def ensure(self) -> str:
        return self.templates.ensure([ADDON], True)

    def test_dependencies_are_installed_once_and_the_addon_on_top(self):
        first = self.ensure()
        self.assertEqual(self.ensure(), first)
        self.assertEqual(self.env.installed, [("stock",), (ADDON,)])

    def test_templates_look_nothing_up_on_the_internet(self):
        self.ensure()
        for database, _statement in self.env.server.inside:
            self.assertIn("build", database)
        offline = [
            statement
            for _database, statement in self.env.server.inside
            if "iap.partner_autocomplete.endpoint" in statement
        ]
        self.assertEqual(len(offline), 2)

    def test_changed_source_reinstalls_the_addon_only(self):
        first = self.ensure()
        (self.root / "new.py").write_text("1")
        self.assertNotEqual(self.ensure(), first)
        self.assertEqual(self.env.installed, [("stock",), (ADDON,), (ADDON,)])

    def test_templates_of_old_sources_are_dropped(self):
        for number in range(4):
            (self.root / "new.py").write_text(str(number))
            self.ensure()
        full = [name for name in self.env.server.names if "full" in name]
        self.assertEqual(len(full), 2)

    def test_failed_installation_is_not_taken_for_a_template(self):
        self.env.fails = True
        with self.assertRaises(DevEnvError):
            self.ensure()
        self.env.fails = False
        self.assertIn(self.ensure(), self.env.server.names)
        self.assertEqual(self.env.installed, [("stock",), (ADDON,)])


class TestAddonDigest(unittest.TestCase):
    def test_only_installable_sources_count(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name in ("models/a.py", "tests/test_a.py", "docs/a.py", ".dev/a.py"):
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_text("1")
            before = templates.addon_digest(root)
            (root / "tests/test_a.py").write_text("2")
            (root / "docs/a.py").write_text("2")
            self.assertEqual(templates.addon_digest(root), before)
            (root / "models/a.py").write_text("2")
            self.assertNotEqual(templates.addon_digest(root), before)

    def test_dependencies_come_from_the_manifest(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "__manifest__.py").write_text('{"depends": ["b", "a"]}')
            self.assertEqual(templates.dependencies(Path(folder)), ["a", "b"])
