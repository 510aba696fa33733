"""The shared embedded server: who starts it, who stops it; names and addresses."""

import json
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from tools.devenv import pg_supervisor, postgres
from tools.devenv.errors import CommandFailed, DevEnvError


class FakeCluster:
    """Stands for the server process."""

    port = 5433

    def __init__(self) -> None:
        self.running = False
        self.stopped = threading.Event()

    def start(self) -> None:
        self.running = True

    def alive(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.running = False
        self.stopped.set()


class TestSupervisor(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.paths = pg_supervisor.Paths(Path(folder.name), Path(folder.name))
        self.cluster = FakeCluster()
        supervisor = pg_supervisor.Supervisor(self.cluster, self.paths)
        self.thread = threading.Thread(target=supervisor.serve, daemon=True)
        self.thread.start()
        while not self.paths.state_file.exists():
            self.assertTrue(self.thread.is_alive())
        self.addCleanup(self.thread.join, 5)

    def join(self):
        joined = postgres._join(self.paths)
        assert joined
        return joined[0]

    def test_last_good_bye_returns_after_the_server_has_stopped(self):
        first, second = self.join(), self.join()
        postgres._leave(first)
        self.assertFalse(self.cluster.stopped.is_set())
        postgres._leave(second)
        self.assertTrue(self.cluster.stopped.is_set())
        self.assertFalse(self.paths.state_file.exists())

    def test_user_killed_without_a_word_counts_as_gone(self):
        self.join().close()
        self.assertTrue(self.cluster.stopped.wait(5))

    def test_stopped_server_is_not_joined(self):
        postgres._leave(self.join())
        self.assertIsNone(postgres._join(self.paths))

    def test_stranger_without_the_token_is_not_served(self):
        keep = self.join()
        state = json.loads(self.paths.state_file.read_text())
        self.paths.state_file.write_text(json.dumps({**state, "token": "wrong"}))
        self.assertIsNone(postgres._join(self.paths))
        postgres._leave(keep)

    def test_state_file_is_private(self):
        keep = self.join()
        self.assertEqual(self.paths.state_file.stat().st_mode & 0o777, 0o600)
        postgres._leave(keep)


class TestServer(unittest.TestCase):
    server = postgres.Server("127.0.0.1", 5433, "odoo", "p/w", Path("psql"))

    def test_url_escapes_the_password(self):
        self.assertEqual(
            self.server.url("shop"), "postgresql://odoo:p%2Fw@127.0.0.1:5433/shop"
        )

    def test_variables_leave_out_what_is_empty(self):
        local = postgres.Server("", 5432, "me", "", Path("psql"))
        self.assertEqual(local.variables(), {"PGPORT": "5432", "PGUSER": "me"})

    def test_database_names_are_checked_before_they_reach_sql(self):
        self.assertEqual(postgres.quoted("sch_1-a"), '"sch_1-a"')
        for name in ('a"b', "1a", "", "a" * 64, "a;b"):
            with self.subTest(name), self.assertRaises(DevEnvError):
                postgres.quoted(name)

    def test_user_s_server_is_recognised_by_any_naming_variable(self):
        self.assertTrue(postgres.named_by_user({"PGPORT": "5432"}))
        self.assertFalse(postgres.named_by_user({"PGPASSWORD": "x", "PGHOST": ""}))

    def test_role_postgres_is_refused_with_the_way_out(self):
        with self.assertRaisesRegex(DevEnvError, "another role .* PGUSER"):
            postgres.from_variables({"PGUSER": "postgres"}, Path("psql"))

    def test_port_that_is_no_number_is_refused(self):
        with self.assertRaisesRegex(DevEnvError, "PGPORT=x is not a port"):
            postgres.from_variables({"PGPORT": "x", "PGUSER": "me"}, Path("psql"))

    def test_silent_server_is_one_sentence(self):
        refused = CommandFailed("x", "psql: error: Connection refused\n")
        with (
            mock.patch.object(postgres.Server, "execute", side_effect=refused),
            self.assertRaisesRegex(DevEnvError, "does not answer .*refused.* unset"),
        ):
            postgres.from_variables({"PGHOST": "nowhere", "PGUSER": "me"}, Path("psql"))
