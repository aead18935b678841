"""The Debian package works where it is unpacked: nothing of the build tree is needed, and the man pages say what the programs say."""

import shutil
import subprocess

import pytest

from lib.compilers import CONF_CHECK, ROOT

BUILD = CONF_CHECK.parents[2]
pytestmark = pytest.mark.skipif(not (BUILD / "man/xdirector.conf.5").exists() or shutil.which("dpkg-deb") is None,
                                reason="the package's parts are not built (target man), or this is no Debian")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The Debian package, unpacked."""
    made = tmp_path_factory.mktemp("package")
    subprocess.run(["cpack", "-G", "DEB", "-B", made], cwd=BUILD, check=True, capture_output=True, timeout=300)
    (package,) = made.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, made / "root"], check=True, timeout=60)
    return made / "root"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_programs_run_without_the_build_tree(root):
    """In a mount namespace where the build directory is empty."""
    sample = root / "usr/share/doc/xdirector/samples/lvs-dr.conf"
    done = run("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none "$1"; cd /; "$2/usr/bin/xdirector" check "$3"', "sh", BUILD, root, sample)
    assert done.stdout.endswith("0 errors, 0 warnings\n"), done.stdout + done.stderr
    done = run("unshare", "--mount", "--net", "sh", "-ec",
               'mount -t tmpfs none "$1"; cd /; ip link add eth0 type veth peer name eth1; exec "$2/usr/sbin/xdirectord" -t -f "$3"', "sh", BUILD, root,
               sample)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contents(root):
    for name in ("usr/sbin/xdirectord", "usr/bin/xdirector", "usr/lib/xdirector/xdirector.bpf.o", "usr/lib/systemd/system/xdirector.service",
                 "etc/xdirector/xdirector.conf", "usr/share/doc/xdirector/copyright", "usr/share/doc/xdirector/docs/configuration.md"):
        assert (root / name).is_file(), name


def test_man_pages(root):
    page = (root / "usr/share/man/man8/xdirectord.8").read_text()
    words = run(root / "usr/sbin/xdirectord", "--help")
    for line in (words.stdout + words.stderr).splitlines():
        if line.startswith("  -"):
            assert line.split()[0].rstrip(",").replace("-", "\\-") in page
    assert "virtual_router_id" in (root / "usr/share/man/man5/xdirector.conf.5").read_text()
    assert "plan" in (root / "usr/share/man/man1/xdirector.1").read_text()
    if shutil.which("groff"):
        for path in (root / "usr/share/man").rglob("*.[158]"):
            done = run("groff", "-man", "-Tutf8", "-ww", path)
            assert (done.returncode, done.stderr) == (0, ""), path


def test_completion(root):
    file = root / "usr/share/bash-completion/completions/xdirector"
    script = f'. {file}; PATH={root}/usr/bin:$PATH; COMP_WORDS=(xdirector c); COMP_CWORD=1; _xdirector 2>/dev/null; echo "${{COMPREPLY[@]}}"'
    assert set(run("bash", "-c", script).stdout.split()) >= {"check", "conf"}
