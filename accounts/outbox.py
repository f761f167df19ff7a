"""The mail that a local site kept instead of sending it: one file a message, as Django's file backend writes them."""

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

SEPARATOR = "-" * 79


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    sent: datetime | None
    text: str


def latest(folder: Path, *, limit: int = 50) -> list[Mail]:
    """The newest messages in `folder`, newest first; none when there is no such folder yet."""
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    mails: list[Mail] = []
    for path in files:
        mails.extend(reversed(_read(path)))
        if len(mails) >= limit:
            break
    return mails[:limit]


def _read(path: Path) -> list[Mail]:
    """A connection's messages, oldest first: the backend ends each with a line of dashes."""
    # Bytes, since a message in 8 bits that is read from text loses its letters.
    chunks = path.read_bytes().split(f"{SEPARATOR}\n".encode())
    return [_parse(chunk.lstrip(b"\n")) for chunk in chunks if chunk.strip()]


def _parse(chunk: bytes) -> Mail:
    message = cast(EmailMessage, email.message_from_bytes(chunk, policy=email.policy.default))
    body = message.get_body(preferencelist=("plain", "html"))
    return Mail(
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        sent=_moment(str(message["Date"] or "")),
        text=body.get_content().strip() if body else "",
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # "-0000": UTC, from an unnamed place
