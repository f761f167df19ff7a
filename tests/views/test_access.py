"""Every page is tried by a visitor, the owner, a teammate and a stranger."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from accounts import keys
from jobs.models import Job, State
from tests.jobs.making import make_job

PUBLIC = ["home", "docs", "explorer", "licences"]
PRIVATE = ["history", "history_rows", "keys", "credits", "connections", "webhooks", "webhook_check"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page_is_open(client: Client, name):
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("name", PRIVATE)
def test_private_page_asks_a_visitor_to_sign_in(client: Client, name):
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("shown", "asked_again"),
    [
        ("http://testserver/jobs?status=active", "/jobs%3Fstatus%3Dactive"),
        ("https://evil.example/jobs", "/jobs"),
        ("", "/jobs"),
    ],
)
def test_piece_of_a_page_sends_the_page_itself_to_sign_in(client: Client, shown, asked_again):
    pieces = [reverse("history_rows"), reverse("price", args=["lipsync-image"])]
    for piece in [*pieces, reverse("job_card", args=[uuid.uuid4()])]:
        answer = client.get(piece, headers={"HX-Request": "true", "HX-Current-URL": shown})
        assert answer.content == b""
        assert answer["HX-Redirect"] == f"{reverse('account_login')}?next={asked_again}"


@pytest.mark.parametrize("name", [*PUBLIC, *PRIVATE])
def test_page_opens_for_a_member(owner, teammate, name):
    for person in (owner, teammate):
        assert person.client.get(reverse(name)).status_code in (200, 204)


def test_job_is_its_teams_alone(owner, teammate, stranger):
    job = make_job(owner)
    for name in ("job", "job_card", "cancel"):
        url = reverse(name, args=[job.pk])
        assert owner.client.get(url).status_code == 200
        assert teammate.client.get(url).status_code == 200
        assert stranger.client.get(url).status_code == 404


def test_stranger_cannot_cancel(owner, stranger):
    job = make_job(owner)
    assert stranger.client.post(reverse("cancel", args=[job.pk])).status_code == 404
    assert Job.objects.get(pk=job.pk).state == State.QUEUED


def test_unknown_job_is_not_found(owner):
    assert owner.client.get(reverse("job", args=[uuid.uuid4()])).status_code == 404


def test_history_shows_no_other_teams_jobs(owner, stranger):
    job = make_job(owner)
    assert str(job.pk) in owner.client.get(reverse("history")).content.decode()
    assert str(job.pk) not in stranger.client.get(reverse("history")).content.decode()


def test_member_sees_keys_and_cannot_make_one(owner, teammate):
    answer = teammate.client.get(reverse("keys"))
    assert owner.key.label in answer.content.decode()
    assert teammate.client.post(reverse("keys"), {"name": "mine"}).status_code == 403
    assert teammate.client.post(reverse("key_revoke", args=[owner.key.pk])).status_code == 403
    assert teammate.client.post(reverse("webhook_reveal")).status_code == 403
    assert keys.authenticate(owner.secret)


def test_stranger_cannot_revoke(owner, stranger):
    assert stranger.client.post(reverse("key_revoke", args=[owner.key.pk])).status_code == 404
    assert keys.authenticate(owner.secret)


@pytest.mark.parametrize("name", ["keys", "webhook_reveal", "upload", "theme"])
def test_change_without_a_token_is_refused(owner, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner.user)
    assert strict.post(reverse(name), {}).status_code == 403


def test_head_changes_nothing(owner):
    """It carries no token against forgery: a page that asks must not act on it."""
    job = make_job(owner)
    for url in (
        reverse("cancel", args=[job.pk]),
        reverse("key_revoke", args=[owner.key.pk]),
        reverse("generate", args=["lipsync-image"])
        + "?image=http://localhost:9/a&audio=http://localhost:9/b",
    ):
        assert owner.client.head(url).status_code == 200
    assert [found.state for found in Job.objects.all()] == [State.QUEUED]
    assert keys.authenticate(owner.secret)
