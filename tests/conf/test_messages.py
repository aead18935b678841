"""Each thing that the compiler can say stands in a golden file (errors/*.txt) or, where no small file brings it about, in another test.

What it can say is read from its sources: every piece of text there that has a blank in it. A message that is new fails here until a
wrong file shows it.
"""

import re
from pathlib import Path

from lib.compilers import ROOT

HERE = Path(__file__).parent
# What speaks to others than the reader of diagnostics: the manual, and what is printed as configuration.
SILENT = {"keywords.cpp", "manual.cpp", "difference.cpp"} | {path.name for path in (ROOT / "conf").glob("print*.cpp")}
LITERALS = re.compile(r'((?:"(?:[^"\\\n]|\\.)*"\s*)+)')
COMMENTS = re.compile(r"""("(?:[^"\\\n]|\\.)*")|'(?:[^'\\]|\\.)'|//[^\n]*""")
FIELDS = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}")
SHORTEST = 6  # characters between two fields that are looked for


def texts(path):
    code = COMMENTS.sub(lambda match: match[1] or "", path.read_text())
    for literals in LITERALS.findall(code):
        text = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', literals)).replace('\\"', '"').replace("\\n", " ")
        text = text.replace("{{", "\0").replace("}}", "\1") if "{}" in text or "{{" in text else text
        fixed = [part.replace("\0", "{").replace("\1", "}").strip() for part in FIELDS.split(text)]
        fixed = [part for part in fixed if len(part) >= SHORTEST and re.search("[a-z]{3}", part)]
        if " " in text.strip() and fixed:
            yield text, fixed


def test_every_message_has_a_golden_text():
    others = [path for path in HERE.glob("test_*.py") if path != Path(__file__)] + list((ROOT / "tests/unit/conf").glob("*.cpp"))
    golden = "".join(path.read_text(errors="replace") for path in [*(HERE / "errors").glob("*.txt"), *others])
    missing = [f"{path.name}: {text}" for path in sorted((ROOT / "conf").glob("*.cpp")) if path.name not in SILENT
               for text, fixed in texts(path) if not all(part in golden for part in fixed)]
    assert not missing, "not in any golden text:\n" + "\n".join(missing)
