"""Retry-After in both of its forms."""

from datetime import UTC, datetime, timedelta

import pytest

from lipsyncweb.http.retry import retry_after


@pytest.mark.parametrize(
    ("header", "seconds"), [("", None), ("soon", None), ("120", 120), (" 7 ", 7), ("-5", None), ("1.5", None)]
)
def test_seconds(header, seconds):
    wait = retry_after({"retry-after": header})
    assert (wait.total_seconds() if wait is not None else None) == seconds


@pytest.mark.parametrize(("minutes", "seconds"), [(10, 600), (-10, 0)])
def test_a_date(minutes, seconds):
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    wait = retry_after({"retry-after": at.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    assert wait.total_seconds() == pytest.approx(seconds, abs=2)


def test_no_header():
    assert retry_after({}) is None
