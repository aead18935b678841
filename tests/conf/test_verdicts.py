"""keepalived -t and ours judge the same texts: the same exit status, or a row in docs/keepalived-differences.md that says why not."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import keepalived_version
import pytest

from lib.arguments import NESTED, OPTION, text_of, valid_arguments
from lib.compilers import ROOT, keepalived, keyword_forms, keywords, ours
from lib.contexts import CONTEXTS

pytestmark = pytest.mark.skipif(keepalived_version.IS_ANOTHER, reason=keepalived_version.REASON)

BLOCKS = ("block", "named", "keyed", "values", "named values")
PLAIN_ARGUMENTS = ["", "x", "5", "0", "-1", "5x", "99999999999", "1.5", "true", "no", "maybe", "10.1.0.7", "10.1.0.300", "::1", "x y z"]
BLOCK_KINDS = range(13, 18)  # Arg::block to Arg::named_values take { }


def differences():
    """The rows of the table in docs/keepalived-differences.md that name a keyword and an argument."""
    rows = []
    for line in (ROOT / "docs/keepalived-differences.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            rows.append([cell.strip("`") for cell in cells[:4]])
    return rows


def explained(rows, block, keyword, argument, theirs, mine):
    def fits(pattern, word):
        return any(fnmatchcase(word, one) for one in pattern.split(", "))

    return any(fits(where, f"{block}/{keyword}") and fits(arguments, argument or "(none)") and fits(their_status, str(theirs)) and
               fits(our_status, str(mine)) for where, arguments, their_status, our_status in rows)


def compare(tmp_path, cases):
    """cases: {(block, keyword, argument): text}. Returns the unexplained differences as lines."""
    paths = []
    for number, text in enumerate(cases.values()):
        path = tmp_path / f"{number}.conf"
        path.write_text(text)
        paths.append(path)
    rows = differences()
    unexplained = []
    for (block, keyword, argument), (theirs, messages), (mine, _, diagnostics) in zip(cases, keepalived(paths), ours(paths)):
        if theirs is None or theirs < 0 or theirs == mine:
            continue  # a crash is no verdict
        if not explained(rows, block, keyword, argument, theirs, mine):
            said = next((line for line in diagnostics.splitlines() if "warning:" in line or "error:" in line), "")
            unexplained.append(f"{block}/{keyword} '{argument}': keepalived {theirs} {messages[:2]}, ours {mine} {said}")
    return unexplained


def test_contexts_are_sound(tmp_path):
    cases = {(block, "", ""): text % "" for block, text in CONTEXTS.items()}
    assert compare(tmp_path, cases) == []


def test_every_keyword(tmp_path):
    """Each keyword that takes words, in its block, with good and bad arguments and with none; each option of a line."""
    cases = {}
    for block, keyword, kind, since, obeyed in keywords():
        newer = since and (not since.startswith("build:") or since == "build:ipset")
        if newer or block not in CONTEXTS or kind in BLOCK_KINDS or block.startswith("xdirector"):
            continue
        for argument in PLAIN_ARGUMENTS:
            word = "" if keyword.startswith("(") else keyword
            cases[block, keyword, argument] = CONTEXTS[block] % f"{word} {argument}\n"
    assert len(cases) > 6000
    unexplained = compare(tmp_path, cases)
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_numbers_of_iproute2(tmp_path):
    """Tables, scopes and their like are numbers in C notation or names."""
    text = "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  10.1.0.5/24\n }\n %s {\n  %s\n }\n}\n"
    cases = {}
    for number in ("8", "08", "010", "0x10", "0x", "1f", "150", "0x100", "main"):
        for word in ("table", "protocol", "scope", "realms", "tos"):
            cases["(route line)", word, number] = text % ("virtual_routes", f"10.9.0.0/16 dev eth0 no_track {word} {number}")
        for word in ("table", "realms", "tos", "dsfield", "ipproto"):
            action = "" if word == "table" else "table 7"
            cases["(rule line)", word, number] = text % ("virtual_rules", f"from 10.9.0.0/16 priority 5 {word} {number} {action}")
    unexplained = compare(tmp_path, cases)
    assert not unexplained, "\n" + "\n".join(unexplained)


# Statements that the context has already; keepalived objects to the second.
STANDS_ALREADY = {("track_group", "group"), ("vrrp_sync_group", "group"), ("virtual_server/real_server/BFD_CHECK", "name")}


def test_right_arguments(tmp_path):
    """Each keyword with the arguments of lib/arguments.py, lists and all."""
    cases = {}
    newer = {(block, keyword) for block, keyword, _, since, _ in keywords() if since and (not since.startswith("build:") or since == "build:ipset")}
    for block, keyword, kind, form in keyword_forms():
        if block not in CONTEXTS or kind in NESTED or kind == OPTION or (block, keyword) in newer | STANDS_ALREADY:
            continue
        for argument in valid_arguments(block, keyword, kind, form):
            cases[block, keyword, argument] = text_of(block, keyword, argument)
    assert len(cases) > 450
    unexplained = compare(tmp_path, cases)
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_unknown_keyword_in_each_block(tmp_path):
    cases = {}
    for block, text in CONTEXTS.items():
        for argument in ("", "x", "{\n}", "{\nx\ny {\n}\n}"):
            cases[block, "unknown_word", argument] = text % f"unknown_word {argument}\n"
    unexplained = compare(tmp_path, cases)
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_missing_and_extra_braces(tmp_path):
    cases = {}
    for block, text in CONTEXTS.items():
        whole = text % ""
        for match in re.finditer(r"[{}]", whole):
            if match[0] == "}":
                cases[block, f"without brace {match.start()}", ""] = whole[:match.start()] + whole[match.end():]
            cases[block, f"twice brace {match.start()}", ""] = whole[:match.start()] + match[0] + whole[match.start():]
    unexplained = compare(tmp_path, cases)
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_samples_of_the_package():
    samples = sorted(Path("/usr/share/doc/keepalived/samples").glob("keepalived.conf.*"))
    verdicts = zip(samples, keepalived(samples), ours(samples))
    assert [path.name for path, theirs, mine in verdicts if theirs[0] != mine[0]] == []


# Not xdirector.conf: keepalived knows nothing of its block.
SAMPLES = sorted(path for path in (ROOT / "conf/samples").glob("*.conf") if path.name != "xdirector.conf")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_our_samples(sample):
    assert ours([sample])[0][0] == keepalived([sample])[0][0]
