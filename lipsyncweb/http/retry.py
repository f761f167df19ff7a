"""Retry-After, as servers write it."""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long an answer asks us to wait, from its headers with lower-case names; None when it does not say.

    Both forms are read: whole seconds and a date. Never negative, and not bounded above: the caller has its limit.
    """
    header = headers.get("retry-after", "").strip()
    if header.isascii() and header.isdigit():
        return timedelta(seconds=int(header[:9]))
    try:
        at = email.utils.parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError):
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC), timedelta())
