"""A machine without Node or Go says so, and CI does not take that for a pass."""

import pytest

from lipsyncweb.livesite import ROOT
from tests.clients.tools import needed


def test_missing_program_is_a_skip_on_a_persons_machine(monkeypatch):
    monkeypatch.delenv("CLIENTS_REQUIRED", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Install none-such"):
        needed("sh", "no-such-program", packages="none-such")


def test_missing_program_is_a_failure_in_ci(monkeypatch):
    monkeypatch.setenv("CLIENTS_REQUIRED", "1")
    with pytest.raises(pytest.fail.Exception, match="Install none-such"):
        needed("sh", "no-such-program", packages="none-such")
    assert needed("sh", packages="dash").endswith("/sh")


def test_ci_installs_what_the_clients_need_and_insists_on_it():
    text = (ROOT / ".ci/run").read_text()
    for package in ("nodejs", "npm", "golang-go"):
        assert f"missing+=({package})" in text
    assert text.index("clients\nexport CLIENTS_REQUIRED=1") < text.index("make test-slow")
