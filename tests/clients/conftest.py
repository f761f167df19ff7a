"""A live site for the clients, and what they are run with."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipsyncweb.livesite import LiveSite
from tests.clients.tools import needed

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[LiveSite]:
    with LiveSite(tmp_path_factory.mktemp("clients")) as site:
        yield site


@pytest.fixture(scope="session")
def env(site) -> dict[str, str]:
    key = site.issue_key("client@example.com")
    return {**os.environ, "BASE_URL": site.url, "API_KEY": key, "KEY": key}


@pytest.fixture(scope="session")
def node(tmp_path_factory) -> Path:
    """The Node client with its locked packages, in a folder of its own."""
    needed("npm", "node", packages="nodejs and npm")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(HERE / "node" / name, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=240
    )
    return folder


@pytest.fixture(scope="session")
def go() -> str:
    return needed("go", packages="golang-go")
