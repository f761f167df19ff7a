"""Signatures of outgoing webhooks, by the Standard Webhooks specification."""

from datetime import UTC, datetime

from standardwebhooks import Webhook


def headers(*, secret: str, message_id: str, body: str, now: datetime | None = None) -> dict[str, str]:
    """The three headers that prove who sent `body`, and when. `secret` begins with `whsec_`."""
    at = now or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }
