"""Where the next page of a list begins: opaque to whoever sends it back, and safe in an address."""

import base64
import uuid
from datetime import UTC, datetime


def encode(created_at: datetime, pk: uuid.UUID) -> str:
    """The position after this row, in a list that is ordered by both, newest first."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {pk.hex}".encode()).decode()


def decode(text: str) -> tuple[datetime, uuid.UUID]:
    """What `encode` was given. Raises ValueError for what is no position."""
    try:
        moment, _space, pk = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition(" ")
        found = datetime.fromisoformat(moment)
        if found.tzinfo is None:
            raise ValueError(text)
        return found.astimezone(UTC), uuid.UUID(pk)
    except OverflowError as error:
        raise ValueError(text) from error
