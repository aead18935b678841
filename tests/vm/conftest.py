"""Tests that need a kernel with IPVS. `scripts/test vm` boots one (scripts/vm) and runs this folder inside it."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items):
    if "XD_VM" in os.environ:
        return
    here = pathlib.Path(__file__).parent
    skip = pytest.mark.skip(reason="needs a kernel with IPVS: run it by scripts/test vm")
    for item in items:
        if here in pathlib.Path(item.fspath).parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def build_dir():
    return pathlib.Path(os.environ.get("XD_BUILD_DIR", ROOT / "build"))
