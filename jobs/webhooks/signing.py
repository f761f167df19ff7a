"""Signatures of outgoing webhooks, by the Standard Webhooks specification."""

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def headers(
    *, secrets: Sequence[str], message_id: str, body: str, now: datetime | None = None
) -> dict[str, str]:
    """The three headers that prove who sent `body`, and when: one signature for each of the `whsec_` secrets."""
    at = now or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets),
    }
