"""docs/configuration.md says what the keyword table says."""

from lib.compilers import ROOT, conf_check


def test_page_is_the_table():
    assert (ROOT / "docs/configuration.md").read_text() == conf_check("-d")[1], "write it anew: xdirector conf keywords --markdown"
