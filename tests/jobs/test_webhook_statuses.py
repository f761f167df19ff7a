"""What becomes of a delivery is called the same by its row, its list, the API and the pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.api import webhook_schema
from jobs.models import WebhookDelivery
from jobs.models.deliveries import DeliveryStatus
from jobs.views import webhook_words
from jobs.webhooks import deliveries
from tests.jobs.receiving import ended


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "row"),
    [
        ("waiting", {}),
        ("waiting", {"attempts": 1, "held": True}),
        ("retrying", {"attempts": 1}),
        ("retrying", {"attempts": 2, "held": True}),
        ("waiting", {"attempts": 2, "attempts_before": 2}),
        ("delivered", {"attempts": 1, "state": "delivered"}),
        ("failed", {"attempts": 10, "state": "exhausted"}),
    ],
)
def test_row_list_and_api_agree(owner, client, status, row):
    delivery = ended(owner, "http://localhost:9/hook")
    held = timezone.now() + timedelta(minutes=1) if row.pop("held", False) else None
    WebhookDelivery.objects.update(held_until=held, **row)
    delivery.refresh_from_db()
    assert delivery.status == status
    found = {each.value: deliveries.page(owner.team, status=each).deliveries for each in DeliveryStatus}
    assert found == {each: [delivery] if each == status else [] for each in DeliveryStatus.values}
    answer = client.get(f"/api/v1/webhooks/deliveries?status={status}", headers=owner.headers)
    assert [each["status"] for each in answer.json()["deliveries"]] == [status]


def test_each_has_a_word_a_badge_and_a_place_in_the_schema():
    assert set(webhook_words.STATUSES) == set(webhook_words.BADGES) == set(DeliveryStatus)
    shape = webhook_schema.COMPONENTS["Delivery"]["properties"]["status"]
    assert shape["enum"] == ["waiting", "retrying", "delivered", "failed"]
