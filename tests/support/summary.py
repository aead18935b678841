#!/usr/bin/python3
"""Adds up the reports of a test run (scripts/test): a line per part, each skip with its reason, and one last line.

    summary.py REPORTS PART...           exit status 1 when a test failed, or, with CI=true, when one was skipped or a part had none
    summary.py --failed FOLDER REPORT    the tests of FOLDER that failed, as pytest wants them named; none when it is too many

A test that failed and passed when it ran again, alone, has passed, and is named.
"""

import os
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


MANY = 10  # failures that are no matter of bad luck


def read(path):
    """(passed, failures, skips) of one JUnit file: names, and (name, reason) twice."""
    passed, failures, skips = [], [], []
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
            passed.append(name)
    return passed, failures, skips


def reports_of(reports, part):
    """GoogleTest's own reports count its tests one by one. ctest's tells of programs that died before they could write one."""
    for path in [*reports.glob(f"{part}-pytest*.xml"), *(reports / part).glob("*.xml")]:
        yield read(path)
    ctest = reports / f"{part}-ctest.xml"
    if ctest.exists():
        written = {path.stem for path in (reports / part).glob("*.xml")}
        passed, failures, skips = read(ctest)
        yield [], [(name, reason) for name, reason in failures if name.split(".")[0] not in written], []


def main(reports, parts):
    totals = [0, 0, 0]
    empty = []
    for part in parts:
        passed, failures, skips = [], [], []
        for more in reports_of(reports, part):
            passed, failures, skips = passed + more[0], failures + more[1], skips + more[2]
        again = reports / f"{part}-again.xml"
        if again.exists():
            lucky = set(read(again)[0])
            passed += lucky
            failures = [failure for failure in dict(failures).items() if failure[0] not in lucky]
            for name in sorted(lucky):
                print(f"again    {part}: {name}: failed first, passed when it ran alone")
        if not passed and not failures and not skips:
            empty.append(part)
        for name, reason in failures:
            print(f"FAILED   {part}: {name}: {' '.join(reason)}")
        for name, reason in skips:
            print(f"skipped  {part}: {name}: {' '.join(reason)}")
        print(f"{part:5} {len(passed)} passed, {len(failures)} failed, {len(skips)} skipped")
        for i, count in enumerate((len(passed), len(failures), len(skips))):
            totals[i] += count
    in_ci = os.environ.get("CI") == "true"
    if in_ci and (totals[2] or empty):
        print("this machine is meant to be complete (CI=true): a skipped test and a part without tests count as failures")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or (in_ci and (totals[2] or empty)) else 0


def failed(folder, report):
    names = [name for name, _ in read(report)[1]] if report.exists() and report.stat().st_size else []
    if len(names) > MANY:
        return
    for name in names:
        # classname "test_x" or "tests.vm.test_x"; a file that does not even load has no test to run again
        module, _, test = name.partition("[")[0].rpartition(".")
        path = folder / f"{module.rpartition('.')[2]}.py"
        if path.exists():
            print(f"{path}::{name[len(module) + 1:]}")


if __name__ == "__main__":
    if sys.argv[1] == "--failed":
        sys.exit(failed(Path(sys.argv[2]), Path(sys.argv[3])))
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
