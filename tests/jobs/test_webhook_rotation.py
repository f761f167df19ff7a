"""A team's signing secrets: one, and for a while after a rotation two."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook, WebhookVerificationError

from accounts import audit
from accounts.models import Team
from accounts.teams import webhook_secret
from jobs.models import RetiredSecret
from jobs.webhooks import deliver, queue, rotation
from tests.jobs.receiving import ended
from tests.racing import at_once

HOUR = timedelta(hours=1)


def verifies(secret: str, request) -> bool:
    try:
        Webhook(secret).verify(request.get_data(as_text=True), dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.django_db
@pytest.mark.parametrize(("keep_for", "both"), [(HOUR, True), (timedelta(), False)])
def test_both_secrets_sign_while_they_overlap(owner, httpserver: HTTPServer, keep_for, both):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    old = webhook_secret(owner.team)
    assert rotation.rotate(owner.team, actor=owner.membership, keep_for=keep_for, who=audit.UNRECORDED)
    new = webhook_secret(owner.team)
    ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    request, _response = httpserver.log[0]
    assert len(request.headers["webhook-signature"].split()) == (2 if both else 1)
    assert verifies(new, request)
    assert verifies(old, request) == both


@pytest.mark.django_db
def test_overlap_ends_by_itself_and_at_once_when_asked(owner):
    rotation.rotate(owner.team, actor=owner.membership, keep_for=HOUR, who=audit.UNRECORDED)
    assert len(rotation.signing_secrets(owner.team)) == 2
    RetiredSecret.objects.update(signs_until=timezone.now())
    assert rotation.signing_secrets(owner.team) == [webhook_secret(owner.team)]
    rotation.rotate(owner.team, actor=owner.membership, keep_for=HOUR, who=audit.UNRECORDED)
    assert rotation.end_overlap(owner.team, actor=owner.membership, who=audit.UNRECORDED)
    assert not rotation.end_overlap(owner.team, actor=owner.membership, who=audit.UNRECORDED)
    assert len(rotation.signing_secrets(owner.team)) == 1


@pytest.mark.django_db
def test_third_secret_waits_for_the_overlaps_end(owner):
    rotation.rotate(owner.team, actor=owner.membership, keep_for=HOUR, who=audit.UNRECORDED)
    kept = webhook_secret(owner.team)
    with pytest.raises(rotation.OverlapRuns):
        rotation.rotate(owner.team, actor=owner.membership, keep_for=HOUR, who=audit.UNRECORDED)
    assert webhook_secret(Team.objects.get(pk=owner.team.pk)) == kept


@pytest.mark.django_db(transaction=True)
def test_two_rotations_at_once_are_one(owner):
    """A double click, each with the team as it was read before: the second must not retire the first's secret."""
    read_before = [Team.objects.get(pk=owner.team.pk) for _click in range(4)]
    made = at_once(
        *(
            lambda team=team: rotation.rotate(
                team, actor=owner.membership, keep_for=timedelta(), who=audit.UNRECORDED
            )
            for team in read_before
        )
    )
    assert sorted(made) == [False, False, False, True]
    assert RetiredSecret.objects.count() == 1


@pytest.mark.django_db
def test_only_owners_and_administrators_see_or_change_it(owner, teammate, stranger):
    for actor in (teammate.membership, stranger.membership, owner.key, None):
        for act in (
            lambda: rotation.reveal(owner.team, actor=actor, who=audit.UNRECORDED),  # noqa: B023
            lambda: rotation.rotate(owner.team, actor=actor, keep_for=HOUR, who=audit.UNRECORDED),  # noqa: B023
            lambda: rotation.end_overlap(owner.team, actor=actor, who=audit.UNRECORDED),  # noqa: B023
        ):
            with pytest.raises(PermissionDenied):
                act()
    assert rotation.reveal(owner.team, actor=owner.membership, who=audit.UNRECORDED) == webhook_secret(
        owner.team
    )


@pytest.mark.django_db
def test_old_secrets_are_sealed_and_forgotten(owner):
    old = webhook_secret(owner.team)
    rotation.rotate(owner.team, actor=owner.membership, keep_for=timedelta(), who=audit.UNRECORDED)
    kept = RetiredSecret.objects.get()
    assert old[6:] not in kept.sealed
    assert [each.secret for each in rotation.known(owner.team)][1:] == [old]
    RetiredSecret.objects.update(signs_until=timezone.now() - rotation.RECOGNISED_FOR - HOUR)
    queue.expire()
    assert not RetiredSecret.objects.exists()


@pytest.mark.django_db
def test_old_secret_that_cannot_be_read_stops_nothing(owner):
    rotation.rotate(owner.team, actor=owner.membership, keep_for=HOUR, who=audit.UNRECORDED)
    RetiredSecret.objects.update(sealed="unreadable")
    assert rotation.signing_secrets(owner.team) == [webhook_secret(owner.team)]
