"""The doors of the checkout: what make offers, and what the set-up says when it cannot go on."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=60
    )


def test_make_alone_lists_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split()
    listed = re.findall(r"^  make (\S+)", run("make").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony)


def test_ci_runs_only_targets_that_there_are():
    targets = re.findall(r"\bmake ([a-z-]+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert targets[0] == "test"
    assert set(targets) <= set(re.findall(r"^  make (\S+)", run("make").stdout, re.MULTILINE))


def test_python_that_does_not_fit_is_refused_with_a_sentence():
    done = run("deploy/setup.sh", "runtime", PYTHON="/bin/false")
    assert done.returncode == 1
    assert done.stderr == "PYTHON=/bin/false is not Python 3.11 or 3.12. Name one that is, or unset PYTHON.\n"


def test_machine_without_a_fitting_python_is_told_what_to_do(tmp_path):
    for name in ("dirname", "uname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    script = (
        (ROOT / "deploy/setup.sh")
        .read_text()
        .replace(" /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3;", ";")
    )
    assert "/usr/bin/python" not in script  # this machine's own, which would be found
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/setup.sh").write_text(script)
    done = run("/bin/sh", str(tmp_path / "deploy/setup.sh"), "runtime", PATH=str(tmp_path), PYTHON="")
    assert done.returncode == 1
    assert done.stderr.startswith("No Python 3.11 or 3.12 with pip was found.")


def test_set_that_there_is_not_is_refused():
    done = run("deploy/setup.sh", "everything")
    assert done.returncode == 1
    assert "knows the sets runtime, test and browser" in done.stderr
