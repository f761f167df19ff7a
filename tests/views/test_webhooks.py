"""The webhooks pages: who may do what, what is shown and what never is."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import Role
from accounts.teams import webhook_secret
from jobs.models import DeliveryAttempt, Receiver, RetiredSecret, WebhookDelivery
from jobs.webhooks import deliver, message, queue, rotation, signing
from tests.conftest import character
from tests.jobs.receiving import ended

pytestmark = pytest.mark.django_db
HOOK = "http://localhost:9/hook"
HOSTILE = "<script>alert(1)</script>{{7*7}}\"'><img src=x onerror=alert(1)>\u202e"
POSTS = [
    "webhook_default",
    "webhook_reveal",
    "webhook_rotate",
    "webhook_end_overlap",
    "webhook_test",
    "webhook_replay_failed",
]


def page(client: Client, name: str = "webhooks", *args, **query) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def tried(delivery: WebhookDelivery, **fields) -> DeliveryAttempt:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state="exhausted", attempts=1, tried_at=timezone.now()
    )
    values = {"duration_ms": 1234, "status": 500, "code": "bad_status", **fields}
    return DeliveryAttempt.objects.update_or_create(delivery=delivery, number=1, defaults=values)[0]


@pytest.mark.parametrize("name", ["webhooks", "webhook_check"])
def test_visitor_is_asked_to_sign_in(client, name):
    assert client.get(reverse(name)).status_code == 302


def test_every_change_wants_a_token_and_a_post(owner):
    delivery = ended(owner, HOOK)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner.user)
    for url in [*map(reverse, POSTS), reverse("delivery_replay", args=[delivery.pk])]:
        assert strict.post(url).status_code == 403
        assert owner.client.get(url).status_code == 405


def test_delivery_is_its_teams_alone(owner, teammate, stranger):
    delivery = ended(owner, HOOK)
    for name in ("delivery", "delivery_card"):
        url = reverse(name, args=[delivery.pk])
        assert [each.client.get(url).status_code for each in (owner, teammate, stranger)] == [200, 200, 404]
    assert stranger.client.post(reverse("delivery_replay", args=[delivery.pk])).status_code == 404
    assert owner.client.get(reverse("delivery", args=[uuid.uuid4()])).status_code == 404
    assert HOOK in page(owner.client)
    assert HOOK not in page(stranger.client)


def test_viewer_sees_nothing_and_a_member_manages_nothing(owner, teammate):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    assert viewer.client.get(reverse("webhooks")).status_code == 403
    assert viewer.client.get(reverse("webhook_check")).status_code == 403
    assert viewer.client.post(reverse("webhook_test")).status_code == 403
    text = page(teammate.client)
    assert "Signing secret" not in text
    assert "Where they go" not in text
    for name in POSTS[:4]:
        answer = teammate.client.post(reverse(name), {"keep": "none", "url": HOOK})
        assert answer.status_code == 403
    assert queue.settings_of(owner.team).url == ""
    assert not RetiredSecret.objects.exists()


def test_default_address_is_kept_or_refused_with_a_sentence(owner):
    answer = owner.client.post(reverse("webhook_default"), {"url": "https://10.0.0.1/x"})
    assert answer.status_code == 422
    assert "not on the public Internet" in answer.content.decode()
    assert "url:" not in answer.content.decode()  # the form names the field in the reader's words
    owner.client.post(reverse("webhook_default"), {"url": HOOK, "browser_jobs": "on"})
    kept = queue.settings_of(owner.team)
    assert (kept.url, kept.browser_jobs) == (HOOK, True)
    assert f'value="{HOOK}"' in page(owner.client)
    owner.client.post(reverse("webhook_default"), {"url": ""})
    assert queue.settings_of(owner.team).url == ""


def test_secret_is_shown_only_when_asked_for(owner):
    assert webhook_secret(owner.team) not in page(owner.client)
    answer = owner.client.post(reverse("webhook_reveal"))
    assert webhook_secret(owner.team) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_rotating_shows_the_new_one_and_says_until_when_the_old_one_signs(owner):
    old = webhook_secret(owner.team)
    answer = owner.client.post(reverse("webhook_rotate"), {"keep": "day"})
    owner.team.refresh_from_db()
    new = webhook_secret(owner.team)
    text = answer.content.decode()
    assert old != new
    assert new in text
    assert old not in text
    assert "still signs" in text
    assert len(rotation.signing_secrets(owner.team)) == 2
    again = owner.client.post(reverse("webhook_rotate"), {"keep": "day"}, follow=True)
    assert "end that first" in again.content.decode()
    owner.client.post(reverse("webhook_end_overlap"))
    assert rotation.signing_secrets(owner.team) == [new]


@pytest.mark.parametrize("keep", ["", "year", "0"])
def test_an_overlap_that_is_not_offered_changes_nothing(owner, keep):
    assert owner.client.post(reverse("webhook_rotate"), {"keep": keep}).status_code == 404
    assert not RetiredSecret.objects.exists()


def test_unreadable_secret_is_said_and_no_error(owner, settings):
    settings.ENCRYPTION_KEYS = ["another"]
    answer = owner.client.post(reverse("webhook_reveal"), follow=True)
    assert "cannot be read any more" in answer.content.decode()


def test_test_goes_to_the_default_address_and_shows_what_became_of_it(owner, teammate, httpserver):
    assert "required" not in page(owner.client)
    answer = owner.client.post(reverse("webhook_test"), follow=True)
    assert "default one" in answer.content.decode()
    assert "url:" not in answer.content.decode()
    httpserver.expect_request("/hook").respond_with_data("all good here")
    queue.set_default(
        team=owner.team,
        actor=owner.membership,
        url=httpserver.url_for("/hook"),
        browser_jobs=False,
        who=audit.UNRECORDED,
    )
    sent = teammate.client.post(reverse("webhook_test"), follow=True)
    assert "A test" in sent.content.decode()
    deliver.deliver_due()
    text = page(owner.client, "delivery", WebhookDelivery.objects.get().pk)
    assert "all good here" in text
    assert "Delivered" in text
    assert "&quot;code&quot;: &quot;test&quot;" in text


def test_attempts_are_shown_with_all_that_is_known(owner):
    delivery = ended(owner, HOOK)
    later = timezone.now() + timedelta(minutes=5)
    tried(delivery, error="The receiver answered 500.", answer="Traceback …", next_at=later)
    text = page(owner.client, "delivery", delivery.pk)
    for words in ("Answered 500", "1.2", "The receiver answered 500.", "Traceback …", "Then tried again"):
        assert words in text
    assert delivery.message_id in text
    assert str(delivery.job_id) in text


def test_what_a_receiver_says_is_never_taken_for_markup(owner):
    delivery = ended(owner, HOOK + "?<script>")
    tried(delivery, error=HOSTILE, answer=HOSTILE, code="redirect")
    now = timezone.now()
    Receiver.objects.update(failures=3, failing_since=now, served_at=now, last_problem=HOSTILE)
    job = reverse("job", args=[delivery.job_id])
    for text in (
        page(owner.client, "delivery", delivery.pk),
        page(owner.client),
        owner.client.get(job).content.decode(),
    ):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "{{7*7}}" in text or "alert" not in text


def test_lost_attempt_is_called_so(owner):
    ended(owner, HOOK)
    taken = deliver.claim_next()
    text = page(owner.client, "delivery", taken.pk)
    assert "Being sent" in text
    assert "Send again" not in text
    WebhookDelivery.objects.update(held_until=timezone.now(), due_at=timezone.now())
    assert "Cut off" in page(owner.client, "delivery", taken.pk)


def test_card_is_sent_again_only_when_it_has_changed(owner):
    delivery = ended(owner, HOOK)
    asked = re.search(r'hx-get="([^"]+)"', page(owner.client, "delivery", delivery.pk)).group(1)
    assert owner.client.get(asked).status_code == 204
    deliver.claim_next()
    assert owner.client.get(asked).status_code == 200
    tried(delivery)
    WebhookDelivery.objects.update(held_until=None)
    assert "hx-get" not in page(owner.client, "delivery_card", delivery.pk)


def test_one_is_sent_again_by_its_page(owner, teammate):
    delivery = ended(owner, HOOK)
    tried(delivery)
    answer = teammate.client.post(reverse("delivery_replay", args=[delivery.pk]), follow=True)
    assert "is being sent again" in answer.content.decode()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts_before) == ("due", 1)


def test_all_failed_in_a_span_are_sent_again(owner, teammate):
    for _ in range(2):
        tried(ended(owner, HOOK))
    WebhookDelivery.objects.filter(pk=WebhookDelivery.objects.first().pk).update(
        tried_at=timezone.now() - timedelta(days=2)
    )
    url = reverse("webhook_replay_failed")
    answer = teammate.client.post(url, {"since": "day"}, follow=True)
    assert "1 webhook is being sent again." in answer.content.decode()
    answer = teammate.client.post(url, {"since": "day"}, follow=True)
    assert "Nothing has failed" in answer.content.decode()
    assert teammate.client.post(url, {"since": "ever"}).status_code == 404


def test_list_is_filtered_and_paged(owner):
    done, failed = ended(owner, HOOK + "?done"), ended(owner, HOOK + "?failed")
    WebhookDelivery.objects.filter(pk=done.pk).update(state="delivered")
    tried(failed)
    text = page(owner.client, status="failed")
    assert "?failed" in text
    assert "?done" not in text
    for _ in range(20):
        WebhookDelivery.objects.create(
            team=owner.team, receiver=done.receiver, job=done.job, url=HOOK, state="delivered"
        )
    first = page(owner.client)
    older = re.search(r'href="\?(status=&amp;after=[^"#]+)', first).group(1).replace("&amp;", "&")
    assert "?done" not in first
    assert "?done" in owner.client.get(f"/webhooks?{older}").content.decode()
    assert owner.client.get("/webhooks?after=x").status_code == 404
    assert owner.client.get("/webhooks?status=%3Cscript%3E").status_code == 200


def test_failing_receiver_is_announced(owner):
    ended(owner, HOOK)
    Receiver.objects.update(
        failures=3,
        failing_since=timezone.now(),
        served_at=timezone.now(),
        last_problem="The receiver answered 500.",
    )
    text = page(owner.client)
    assert "has failed 3 times in a row" in text
    assert "The receiver answered 500." in text
    Receiver.objects.update(served_at=timezone.now() - timedelta(days=40))
    assert "in a row" not in page(owner.client)


def pasted(owner, delivery, **changed) -> dict[str, str]:
    found = signing.headers(
        secrets=[webhook_secret(owner.team)], message_id=delivery.message_id, body=message.body(delivery)
    )
    lines = "\r\n".join(f"{name}: {value}" for name, value in found.items())
    return {"headers": lines, "body": message.body(delivery), **changed}


def test_signature_is_checked_and_nothing_of_it_stays(owner, teammate):
    delivery = ended(owner, HOOK)
    url = reverse("webhook_check")
    assert "The signature is right" in teammate.client.post(url, pasted(owner, delivery)).content.decode()
    secret = "whsec_" + "c2VjcmV0" * 4
    text = teammate.client.post(url, pasted(owner, delivery, secret=secret)).content.decode()
    assert "did not sign it" in text
    assert secret not in text
    hostile = teammate.client.post(url, pasted(owner, delivery, body=HOSTILE)).content.decode()
    assert "<script>alert" not in hostile
    empty = teammate.client.post(url, {})
    assert empty.status_code == 422


def test_pages_are_kept_nowhere(owner):
    delivery = ended(owner, HOOK)
    for url in (
        reverse("webhooks"),
        reverse("webhook_check"),
        reverse("delivery", args=[delivery.pk]),
    ):
        assert "no-store" in owner.client.get(url)["Cache-Control"]
