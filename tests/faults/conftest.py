import pytest

from tests.live import LiveSite


@pytest.fixture
def site(tmp_path):
    """A live site whose leases are short, so that a lost worker is noticed within seconds."""
    with LiveSite(tmp_path, LEASE_SECONDS="6", LEASE_RENEW_SECONDS="1", SWEEP_SECONDS="2") as live:
        yield live
