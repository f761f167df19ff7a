"""I6: each job that has ended has its webhook delivered, due or given up, and `reconcile` says which has not."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs import reconciliation
from jobs.models import WebhookDelivery
from tests.jobs.making import make_job
from tests.jobs.receiving import ended

pytestmark = pytest.mark.django_db
HOOK = "http://localhost:9/hook"


@pytest.mark.parametrize("completed", [True, False])
def test_a_webhook_that_was_never_written_is_found(owner, completed, capsys):
    lost = ended(owner, HOOK, completed=completed)
    ended(owner, HOOK)
    make_job(owner, webhook=HOOK)  # it has not ended
    assert reconciliation.findings() == []
    lost.delete()
    (found,) = reconciliation.findings()
    assert str(lost.job_id) in found
    assert "never put into the line" in found
    with pytest.raises(CommandError):
        call_command("reconcile")
    assert found in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "ago", "found"), [("due", 25, 1), ("due", 23, 0), ("delivered", 25, 0), ("exhausted", 25, 0)]
)
def test_a_webhook_that_is_due_for_ever_is_found(owner, state, ago, found):
    delivery = ended(owner, HOOK)
    WebhookDelivery.objects.update(state=state, due_at=timezone.now() - timedelta(hours=ago))
    findings = reconciliation.findings()
    assert len(findings) == found
    assert all(str(delivery.job_id) in each and "nobody takes it up" in each for each in findings)


def test_webhooks_are_one_query(owner, django_assert_num_queries):
    for _ in range(3):
        ended(owner, HOOK).delete()
    with django_assert_num_queries(1):
        assert len(list(reconciliation._webhooks())) == 3
