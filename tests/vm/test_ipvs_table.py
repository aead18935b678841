"""The kernel holds what ipvs::Table gives it, and says no in words."""

import subprocess


def test_the_kernel_holds_what_the_table_gives_it(build_dir):
    subprocess.run([build_dir / "tests/vm/ipvs_kernel_test"], check=True, timeout=120)
