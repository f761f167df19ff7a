"""A site with credits from before references were unique in the whole ledger comes up with them."""

import json
import os
import subprocess
import sys
import uuid

import pytest

from tests.faults.conftest import database as own_database  # noqa: F401


@pytest.mark.slow
def test_one_reference_in_two_purses_becomes_two_and_the_month_is_counted(tmp_path):
    check(tmp_path, f"sqlite:///{tmp_path}/site.sqlite3")


@pytest.mark.services
def test_the_same_on_postgresql(tmp_path, own_database):  # noqa: F811
    check(tmp_path, own_database)


def check(folder, database):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "lipsyncweb.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database,
    }
    command = [sys.executable, "-m", "tests.accounts.migrated_site"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    expected = []
    for team in (1, 2):
        expected += [
            ["grant", f"operator:{team}:api:order 1"],
            ["grant", f"operator:{team}:user:order 1"],
            ["grant", f"start:{team}:api"],
            ["grant", f"operator:{uuid.UUID(int=team)}"],
            ["reserve", "test" if team == 1 else "test:3"],
        ]
    assert found["references"] == [*expected, ["give_back", "test"], ["grant", "operator:2:user:order 2"]]
    assert found["months"] == [[42, 20, 20], [60, 0, 0], [47, 15, 15], [69, 0, 0]]
