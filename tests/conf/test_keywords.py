"""Each keyword of the table, with arguments that are right: what it changes in the compiled model, compared whole.

golden/keywords has a file for each block; behind every statement stand the lines of the printed model that differ from the block
without it. XD_UPDATE_GOLDEN=1 writes them anew; look at the difference before committing it. The printed text compiles to the same
model again, and keepalived -t takes what it knows.
"""

import difflib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib.arguments import NESTED, OPTION, text_of, valid_arguments
from lib.compilers import conf_check, keyword_forms
from lib.contexts import CONTEXTS, SERVER

CONTEXTS = CONTEXTS | {  # with a checker, so that it shows what checkers inherit
    "virtual_server": SERVER % ("%s", "        HTTP_GET {\n            url {\n                path /\n            }\n        }\n"),
    "virtual_server/real_server": SERVER % ("", "%s        HTTP_GET {\n            url {\n                path /\n            }\n        }\n"),
}
GOLDEN = Path(__file__).parent / "golden/keywords"


def rows_by_block():
    blocks = {}
    for block, keyword, kind, form in keyword_forms():
        if block in CONTEXTS and kind not in NESTED and kind != OPTION:
            blocks.setdefault(block, []).append((keyword, kind, form))
    return blocks


def printed(path, text):
    path.write_text(text)
    status, model, diagnostics = conf_check("-p", "-m", "-I", "eth0,eth1,lo", path)
    assert status < 100, f"{text}\nis printed as something else:\n{model}"
    return model


def changes(before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize("block", sorted(rows_by_block()), ids=lambda block: block.replace("/", ".") or "root")
def test_each_keyword_means_this(block, tmp_path):
    rows = rows_by_block()[block]
    unknown = [keyword for keyword, kind, form in rows if valid_arguments(block, keyword, kind, form) is None]
    assert not unknown, "lib/arguments.py has no right argument for these"
    cases = [(keyword, argument) for keyword, kind, form in rows for argument in valid_arguments(block, keyword, kind, form)]

    def lines_of(case):
        number, (keyword, argument) = case
        whole = printed(tmp_path / f"{number}.conf", text_of(block, keyword, argument, CONTEXTS))
        without = printed(tmp_path / f"{number}.without.conf", text_of(block, keyword, argument, CONTEXTS).replace(f"{keyword} {argument}\n", "", 1))
        shown = " ".join(f"{keyword} {argument}".split("\n")).strip()
        return [shown, *(f"    {line}" for line in changes(without, whole))]

    with ThreadPoolExecutor(2) as pool:
        said = [line for lines in pool.map(lines_of, enumerate(cases)) for line in lines]
    golden = GOLDEN / f"{block.replace('/', '.') or 'root'}.txt"
    if os.environ.get("XD_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text("\n".join(said) + "\n")
    assert "\n".join(said) + "\n" == golden.read_text()
