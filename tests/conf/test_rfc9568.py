"""docs/rfc9568.md names tests: they exist, the numbers count up, and a statement without a test says why."""

import re
from fnmatch import fnmatchcase

from lib.compilers import ROOT

TABLE = (ROOT / "docs/rfc9568.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE.splitlines() if re.match(r"\| \d+ ", line)]


def gtests():
    sources = [*(ROOT / "tests/unit").rglob("*_test.cpp"), *(ROOT / "tests/bpf").glob("*_test.cpp")]
    return {".".join(match) for path in sources for match in re.findall(r"\bTEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text())}


def test_rows_are_numbered_and_filled():
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert all(len(row) == 4 and all(row) for row in ROWS), [row for row in ROWS if len(row) != 4 or not all(row)]


def test_the_tests_that_are_named_exist():
    known = gtests()
    files = {path.stem for folder in ("lab", "vm") for path in (ROOT / "tests" / folder).glob("test_*.py")}
    missing = []
    named = re.findall(r"`([^`]+)`", TABLE)
    for name in named:
        if re.fullmatch(r"test_\w+", name):
            missing += [] if name in files else [name]
        elif re.fullmatch(r"[A-Z]\w+\.[\w*]+", name):
            missing += [] if any(fnmatchcase(test, name) for test in known) else [name]
    assert missing == []
    assert len([name for name in named if name.startswith("test_")]) > 15, "the table was read"
