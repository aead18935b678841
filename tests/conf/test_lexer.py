"""What the reader of the text makes of it, before any keyword counts: keepalived -t and ours end alike, or a row in
docs/keepalived-differences.md says why not. tests/unit/conf/lexer_test.cpp has what each feature means."""

import os
import shutil
import subprocess

import pytest

from lib.compilers import CONF_CHECK, conf_check, keepalived
from test_verdicts import differences, explained

pytestmark = pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")

BODY = "interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  10.1.0.5/24\n }\n"
INSTANCE = "vrrp_instance A {\n " + BODY + "}\n"
FILES = {"body.inc": BODY, "folder/nested.inc": "include more.inc\n", "folder/more.inc": "priority 7\n", "a1.inc": "\n", "a2.inc": "\n"}

CASES = {
    "comments": "! a\n# b\n" + INSTANCE.replace("eth0", "eth0 # c ! d") + "#",
    "comment signs escaped": "global_defs {\n router_id a\\#b\n}\n" + INSTANCE,
    "comment signs in quotes": 'global_defs {\n router_id "a # b ! c"\n}\n' + INSTANCE,
    "quote open": 'global_defs {\n router_id "a\n}\n' + INSTANCE,
    "block on next line": INSTANCE.replace("A {", "A\n{"),
    "block in one line": "global_defs { router_id a }\n" + INSTANCE,
    "brace too many": INSTANCE + "}\n",
    "brace missing": INSTANCE[:-2],
    "carriage returns": INSTANCE.replace("\n", "\r\n"),
    "no last newline": INSTANCE[:-1],
    "definition": "$IF=eth0\n" + INSTANCE.replace("eth0", "$IF"),
    "definition in a word": "$N=0\n" + INSTANCE.replace("eth0", "eth${N}"),
    "definition of nothing": "$N=\n" + INSTANCE.replace("eth0", "et${N}h0"),
    "definition over lines": "$BODY=\\\n" + BODY.rstrip().replace("\n", " \\\n") + "\nvrrp_instance A {\n$BODY\n}\n",
    "definition with a blank before =": "$IF =eth0\n" + INSTANCE,
    "definition of a number": "$1=eth0\n" + INSTANCE,
    "definition that is missing": INSTANCE.replace("A {", "$A {"),
    "definition that is missing, in quotes": INSTANCE[:-2] + ' notify_master "/bin/true $A ${B}"\n}\n',
    "definition with an underscore": "$_IF=eth0\n" + INSTANCE.replace("eth0", "$_IF"),
    "predefined": INSTANCE.replace(" A ", ' "A${_HASH}${_BANG}${_INSTANCE}${_PWD}" ').replace("7", "${_RANDOM 7 9}"),
    "condition": INSTANCE.replace("interface", "@^nobody interface").replace("virtual_router_id", "@nobody virtual_router_id 9\nvirtual_router_id"),
    "condition in a definition": "$X=@nobody\n" + INSTANCE.replace("}\n}", "}\n $X rubbish\n}"),
    "sequence": INSTANCE.replace("10.1.0.5/24", "~SEQ(n, 3) 10.1.0.1${n}\n~SEQ(n, 6, -2, 2) 10.1.1.$n"),
    "sequence in hexadecimal": INSTANCE.replace("10.1.0.5/24", "~SEQx(n, 0x1e, 0x20) fe80::${n}"),
    "sequence for a definition": "$VI=\\\n" + INSTANCE.replace("7", "${N}").replace(" A ", " A${N} ").rstrip().replace("\n", " \\\n")
    + "\n~SEQ(N, 3) $VI\n",
    "list": INSTANCE.replace("10.1.0.5/24", "~LST(n, 3, 5) 10.1.0.$n\n~LST({a, b}, {1, 2}, {3, 4}) 10.1.${a}.$b"),
    "include": "vrrp_instance A {\n include body.inc\n include folder/nested.inc\n}\n",
    "include with a condition": "vrrp_instance A {\n @^nobody include body.inc\n}\n",
    "include in a definition": "$I=include body.inc\nvrrp_instance A {\n $I\n}\n",
    "include a wildcard": INSTANCE + "include a?.inc\ninclude a[12].inc\n",
    "unknown keyword": INSTANCE + "rubbish\n",
    "unknown block": INSTANCE + "rubbish {\n a\n b {\n c\n }\n}\n",
} | {f"{keyword} {what}": INSTANCE + f"{keyword} {what}\n"
     for keyword in ("include", "includer", "includem", "includew", "includeb", "includea")
     for what in ("a1.inc", "none.inc", "none*.inc", "a{1,2}.inc", "a{1,3}.inc", "folder", "program.inc", "")}


def test_verdicts(tmp_path):
    paths = []
    for number, text in enumerate(CASES.values()):
        folder = tmp_path / str(number)
        for name, content in {"keepalived.conf": text, **FILES}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, newline="")
        (folder / "program.inc").write_text("\n")
        (folder / "program.inc").chmod(0o755)
        paths.append(folder / "keepalived.conf")
    rows = differences()
    unexplained = []
    for name, path, (theirs, messages) in zip(CASES, paths, keepalived(paths)):
        mine, _, diagnostics = conf_check("-I", "eth0,eth1,lo", "-s", path)
        if theirs != mine and not explained(rows, "(lexer)", name, "", theirs, mine):
            unexplained.append(f"{name}: keepalived {theirs} {messages[:2]}, ours {mine} {diagnostics.splitlines()[:1]}")
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_whole_configuration_may_be_a_pattern(tmp_path):
    (tmp_path / "1.conf").write_text("global_defs {\n router_id a\n}\n")
    (tmp_path / "2.conf").write_text(INSTANCE)
    status, printed, said = conf_check("-p", tmp_path / "*.conf")
    assert (status, said) == (0, "")
    assert "router_id a" in printed and "vrrp_instance A" in printed


def test_nothing_to_read(tmp_path):
    assert conf_check(tmp_path / "a.conf") == (0, "", f"error: no configuration: {tmp_path}/a.conf: No such file or directory\n")
    assert conf_check(tmp_path / "*.conf") == (0, "", f"error: no configuration: {tmp_path}/*.conf: no such file\n")


# Files that nobody writes by intent, and the first line that is said of each.
HOSTILE = {
    "a line of 10 MB": ("global_defs {\n" + "x" * (10 << 20) + "\n}\n",
                        "keepalived.conf:2:1: error: line of 10485760 bytes; the longest allowed is 65536"),
    "NUL bytes": ("global_defs {\n router_id a\0b\n}\n" + "\0" * (10 << 20), "keepalived.conf:2:13: error: NUL byte: this is no text file, or it is damaged"),
    "10,000 blocks inside one another": ("x {\n" * 10000, "keepalived.conf:1:1: warning: unknown keyword 'x'"),
    "10,000 closed blocks inside one another": ("x {\n" * 10000 + "}\n" * 10000, "keepalived.conf:1:1: warning: unknown keyword 'x'"),
    "10,000 braces": ("{" * 10000, "keepalived.conf:1:1: error: '{' without a keyword before it"),
    "an endless device": ("includea /dev/zero\n", "keepalived.conf:1:10: error: /dev/zero: not a regular file"),
    "a FIFO": ("includea fifo\n", "keepalived.conf:1:10: error: fifo: not a regular file"),
    "a folder": ("includea .\n", "keepalived.conf:1:10: error: .: not a regular file"),
    "an include of itself": ("include keepalived.conf\n", "keepalived.conf:1:9: error: keepalived.conf includes itself"),
    "includes in a circle": ("include one.inc\n", "two.inc:1:9: error: one.inc includes itself"),
    "a definition of itself": ("$A=x ${A}\n$A\n", "keepalived.conf:2:1: error: the definition of $A contains itself"),
    "two definitions of each other": ("$A=${B}\n$B=${A} ${A}\n$A\n", "keepalived.conf:3:1: error: the definition of $A contains itself"),
    "a definition that doubles forty times": ("$A0=x\n" + "".join(f"$A{i}=${{A{i - 1}}} ${{A{i - 1}}}\n" for i in range(1, 41)) + "$A40\n",
                                              "keepalived.conf:42:1: error: line of "),
    "a sequence of 2^31": ("~SEQ(A, 2147483647) x$A\n", "keepalived.conf:1:1: warning: ~SEQ: that is more than 1048576 lines; the line is ignored"),
    "sequences of sequences": ("~SEQ(A, 9999) ~SEQ(B, 9999) ~SEQ(C, 9999) router_id ${A}x${B}x${C}\n",
                               "keepalived.conf:1:1: warning: unknown keyword 'router_id'; it stands in global_defs"),
    "braces for 2^40 names": (f"includea {'{a,b}' * 40}\n", "keepalived.conf:1:10: error: braces stand for too many names"),
    "a program": ("includea program\n", "keepalived.conf:1:10: error: program: is executable, so it is no configuration file (chmod -x)"),
    "a file of 65 MiB": ("includea large\n", "keepalived.conf:1:10: error: large: larger than 64 MiB"),
    "12,000 files": ("include many/*.inc\n", "keepalived.conf:1:9: error: more than 32 files inside one another, or 10000 in all"),
    "a wrong word in each of a million lines": ("x\n" * 1000000, "keepalived.conf:1:1: warning: unknown keyword 'x'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_told_of_in_bounded_time_and_memory(name, tmp_path):
    text, said = HOSTILE[name]
    (tmp_path / "keepalived.conf").write_text(text)
    (tmp_path / "one.inc").write_text("include two.inc\n")
    (tmp_path / "two.inc").write_text("include one.inc\n")
    subprocess.run(["mkfifo", tmp_path / "fifo"], check=True)
    (tmp_path / "program").touch(mode=0o755)
    with (tmp_path / "large").open("wb") as large:
        large.truncate(65 << 20)
    if "many" in text:
        (tmp_path / "many").mkdir()
        for number in range(12000):
            (tmp_path / f"many/{number}.inc").write_text("router_id a\n")
    with (tmp_path / "said").open("w+", errors="replace") as out:
        process = subprocess.Popen(["timeout", "120", CONF_CHECK, tmp_path / "keepalived.conf"], stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().splitlines()
    assert process.returncode in (2, 5, 6), lines[-3:]
    assert lines[0].startswith(said), lines[0]
    assert len(lines) < 10000
    assert usage.ru_maxrss < 1 << 20  # KiB
