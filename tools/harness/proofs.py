"""Goals that tests show, by name; a test that is gone is a goal that is not shown."""

from __future__ import annotations

import ast
from pathlib import Path

PROOFS: dict[str, tuple[str, ...]] = {
    "R2": (
        "tests/test_claim.py::TestTwoConnections"
        "::test_r2_what_was_not_committed_was_not_acknowledged",
        "tests/test_door_without_database.py::TestDoorWithoutDatabase",
    ),
    "R3": (
        "connectors/tests/test_plan_facts.py::TestAnyOrder",
        "tests/test_order_arrivals.py::TestAnyOrder"
        "::test_200_arrivals_end_as_the_newest_alone",
    ),
    "R5": ("tests/test_claim.py::TestPoison::test_r5_poison_is_contained",),
    "R6": (
        "tests/test_claim.py::TestLateWorker",
        "tests/test_claim.py::TestTwoConnections"
        "::test_r6_lease_is_kept_then_retaken_once",
        "tests/test_orphan.py::TestOrphans",
    ),
    "R7": ("tests/test_publish_faults.py::TestConvergence::test_r7_behind_the_fence",),
    "R8": ("tests/test_publish_faults.py::TestOrderOfNumbers",),
    "R9": ("tests/test_oracle.py::TestOracle",),
    "R10": (
        "tests/test_oversell_bounded.py::TestTwoShops",
        "tests/test_oversell_race.py::TestOversellRace",
    ),
    "R11": (
        "tests/test_parallel.py::TestRollback",
        "tests/test_parallel.py::TestParallelTransfers",
        "benchmarks/topics/hooks.py",
    ),
    "R12": (
        "tests/test_publish.py::TestDirty"
        "::test_row_that_appears_while_draining_is_not_lost",
    ),
    "R13": (
        "tests/test_drift.py::TestDrift"
        "::test_r13_altered_numbers_are_repaired_in_one_cycle",
    ),
    "R14": (
        "tests/test_publish_faults.py::TestPoliteness"
        "::test_retry_after_is_honoured_within_a_second",
        "tests/test_breaker.py::TestLeftAlone",
        "tests/test_breaker.py::TestOneOutage",
    ),
    "R15": (
        "tests/test_scale.py::TestScale"
        "::test_one_changed_quant_recomputes_only_its_listings",
        "tests/test_scale.py::TestScale::test_full_export",
    ),
    "R16": (
        "tests/test_retention.py::TestRetention"
        "::test_r16_messages_end_after_ninety_days",
        "tests/test_retention.py::TestRetention"
        "::test_r16_repeat_is_recognised_without_its_content",
    ),
    "R17": (
        "tests/test_copy.py::TestCopy::test_a_restored_dump_tells_nothing",
        "tests/test_copy.py::TestCopy::test_the_real_one_goes_on_with_all_numbers",
        "tests/test_copy.py::TestCopy::test_a_neutralized_one_is_never_the_real_one",
    ),
    "R18": ("tests/test_watch.py::TestWatch", "tests/test_late.py::TestLate"),
}
"""By goal; each below the repository's root, with class and method where one is meant."""


def missing(root: Path, name: str) -> list[str]:
    """Return the named tests of a goal that are not there."""
    return [proof for proof in PROOFS.get(name, ()) if not exists(root, proof)]


def exists(root: Path, proof: str) -> bool:
    """Tell whether a file, or a class or method in it, is there and tests anything."""
    path, *names = proof.split("::")
    file = root / path
    if not file.is_file():
        return False
    nodes: list[ast.stmt] = ast.parse(file.read_text(encoding="utf-8")).body
    for name in names:
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
                nodes = node.body
                break
        else:
            return False
    return bool(nodes)
