"""Nothing that is named is left out: every point has its fault, every checker its control."""

from __future__ import annotations

from jackfield.crashpoints import Crashpoint
from ledger.account import Checker
from ledger.defects import DEFECTS
from ledger.faults import FAULTS
from ledger.points import ELSEWHERE, POINTS
from ledger.test_defects import PLANTED


def test_every_point_is_a_fault_or_is_said_to_be_elsewhere() -> None:
    assert {fault.name for fault in POINTS} == set(Crashpoint) - ELSEWHERE


def test_every_checker_has_a_planted_defect_and_every_defect_a_checker() -> None:
    parts_of_faults = {fault.defect for fault in FAULTS.values()} | {"not-synchronised"}

    assert {checker for _, checker, _ in PLANTED} == set(Checker)
    assert {name for name, _, _ in PLANTED} == DEFECTS.keys() - parts_of_faults
