"""One site with real processes for the tests that only ask it things."""

import pytest

from lipsyncweb.livesite import LiveSite


@pytest.fixture(scope="package")
def live_site(tmp_path_factory):
    with LiveSite(tmp_path_factory.mktemp("site")) as site:
        yield site
