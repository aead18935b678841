"""Tests that need a kernel with IPVS. `scripts/test vm` boots one (scripts/vm) and runs this folder inside it.

Hosts and networks are those of tests/lab; only the kernel is another.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
LAB = HERE.parent / "lab"
sys.path.insert(0, str(LAB))

_spec = importlib.util.spec_from_file_location("lab_conftest", LAB / "conftest.py")
_lab_conftest = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_lab_conftest)
lab = _lab_conftest.lab
pytest_configure = _lab_conftest.pytest_configure
pytest_runtest_makereport = _lab_conftest.pytest_runtest_makereport


def pytest_collection_modifyitems(items):
    if "XD_VM" in os.environ:
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs a kernel with IPVS: run it by scripts/test vm"))


@pytest.fixture(scope="session")
def build_dir():
    return Path(os.environ.get("XD_BUILD_DIR", HERE.parents[1] / "build"))
