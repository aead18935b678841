#!/usr/bin/python3
"""Adds up the reports of a test run (scripts/test): a line per part, each skip with its reason, and one last line.

Exit status 1 when a test failed, or, with CI=true, when one was skipped or a part had none.
"""

import os
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def read(path):
    """(passed, failures, skips) of one JUnit file; failures and skips as (name, reason)."""
    passed, failures, skips = 0, [], []
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        failure = next((e for e in case if e.tag in ("failure", "error")), None)
        skip = case.find("skipped")
        # GoogleTest calls a disabled or filtered test "notrun".
        if failure is not None:
            failures.append((name, (failure.get("message") or "").splitlines()[:1]))
        elif skip is not None or case.get("status") == "notrun":
            skips.append((name, ((skip.get("message") if skip is not None else "") or "no reason given").splitlines()[:1]))
        else:
            passed += 1
    return passed, failures, skips


def reports_of(reports, part):
    """GoogleTest's own reports count its tests one by one. ctest's tells of programs that died before they could write one."""
    for path in [*reports.glob(f"{part}-pytest*.xml"), *(reports / part).glob("*.xml")]:
        yield read(path)
    ctest = reports / f"{part}-ctest.xml"
    if ctest.exists():
        written = {path.stem for path in (reports / part).glob("*.xml")}
        passed, failures, skips = read(ctest)
        yield 0, [(name, reason) for name, reason in failures if name.split(".")[0] not in written], []


def main(reports, parts):
    totals = [0, 0, 0]
    empty = []
    for part in parts:
        passed, failures, skips = 0, [], []
        for more in reports_of(reports, part):
            passed, failures, skips = passed + more[0], failures + more[1], skips + more[2]
        if not passed and not failures and not skips:
            empty.append(part)
        for name, reason in failures:
            print(f"FAILED   {part}: {name}: {' '.join(reason)}")
        for name, reason in skips:
            print(f"skipped  {part}: {name}: {' '.join(reason)}")
        print(f"{part:5} {passed} passed, {len(failures)} failed, {len(skips)} skipped")
        for i, count in enumerate((passed, len(failures), len(skips))):
            totals[i] += count
    in_ci = os.environ.get("CI") == "true"
    if in_ci and (totals[2] or empty):
        print("this machine is meant to be complete (CI=true): a skipped test and a part without tests count as failures")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or (in_ci and (totals[2] or empty)) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
