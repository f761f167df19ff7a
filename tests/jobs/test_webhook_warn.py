"""Mail to a team whose receiver keeps failing."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from accounts.models import Role, User
from jobs.models import Receiver, WebhookDelivery, WebhookSettings
from jobs.webhooks import deliver, warn
from jobs.webhooks.answers import Attempted
from tests.conftest import character
from tests.jobs.mailing import mail_server
from tests.jobs.receiving import ended

HOOK = "https://hooks.example.com/x"
FAILED = Attempted(code="bad_status", error="The receiver answered 503.", duration_ms=3, status=503)


@pytest.fixture
def receiver(owner):
    """One that has been failing for an hour."""
    ended(owner, HOOK)
    for _ in range(3):
        WebhookDelivery.objects.update(due_at=timezone.now())
        deliver.conclude(deliver.claim_next(), FAILED)
    Receiver.objects.update(failing_since=timezone.now() - timedelta(hours=1))
    return Receiver.objects.get()


@pytest.mark.django_db
def test_owners_and_administrators_are_written_to_once(owner, teammate, stranger, receiver):
    character("admin@example.com", team=owner.team, role=Role.ADMIN)
    assert warn.warn_teams() == 1
    assert warn.warn_teams() == 0
    assert [each.to for each in mail.outbox] == [["owner@example.com"], ["admin@example.com"]]
    message = mail.outbox[0]
    assert message.subject == "Webhooks to hooks.example.com keep failing"
    for words in ("The receiver answered 503.", "3 have failed in a row", "1 message has not", "/webhooks"):
        assert words in message.body
    assert "&" not in message.body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"failures": 2},
        {"failing_since": timezone.now() + timedelta(hours=1)},
        {"failures": 0, "failing_since": None},
    ],
)
def test_a_hiccup_is_nothing_to_write_about(owner, receiver, change):
    Receiver.objects.update(**change)
    assert warn.warn_teams() == 0
    assert mail.outbox == []


@pytest.mark.django_db
def test_again_the_next_day_while_it_goes_on_and_no_longer(owner, receiver):
    warn.warn_teams()
    yesterday = timezone.now() - timedelta(days=1, minutes=1)
    WebhookSettings.objects.update(warned_at=yesterday)
    assert warn.warn_teams() == 1
    WebhookSettings.objects.update(warned_at=yesterday)
    WebhookDelivery.objects.update(tried_at=yesterday - timedelta(minutes=1))
    assert warn.warn_teams() == 0  # nothing has been tried since


@pytest.mark.django_db
def test_success_ends_it(owner, receiver):
    WebhookDelivery.objects.update(due_at=timezone.now())
    deliver.conclude(deliver.claim_next(), Attempted(code="", error="", duration_ms=1, status=200))
    receiver.refresh_from_db()
    assert receiver.failures == 0
    assert warn.warn_teams() == 0


@pytest.mark.django_db
def test_a_team_is_written_to_once_a_day_about_all_its_hosts(owner, stranger, receiver):
    hosts = warn.LISTED + 3
    for number in range(1, hosts):
        ended(owner, f"https://{number}.example.com/x")
    ended(stranger, HOOK)
    failing = {"failures": 3, "last_problem": "It broke."}
    Receiver.objects.update(failing_since=timezone.now() - timedelta(hours=1), **failing)
    assert warn.warn_teams() == 2
    assert sorted(each.to for each in mail.outbox) == [["owner@example.com"], ["stranger@example.com"]]
    (message,) = (each for each in mail.outbox if each.to == ["owner@example.com"])
    assert message.subject == f"Webhooks keep failing, receivers: {hosts}"
    assert message.body.count("It broke.") == warn.LISTED
    assert "Other failing receivers: 3." in message.body
    # Another one, and one that has come back in between: the mail of today is written.
    ended(owner, "https://another.example.com/x")
    Receiver.objects.filter(host="1.example.com").update(failures=0, failing_since=None)
    Receiver.objects.update(failing_since=timezone.now() - timedelta(hours=1), **failing)
    assert warn.warn_teams() == 0
    WebhookSettings.objects.update(warned_at=timezone.now() - timedelta(days=1, minutes=1))
    WebhookDelivery.objects.filter(receiver__host="another.example.com").update(tried_at=timezone.now())
    WebhookDelivery.objects.exclude(receiver__host="another.example.com").update(tried_at=None)
    mail.outbox.clear()
    assert warn.warn_teams() == 1
    assert [each.subject for each in mail.outbox] == ["Webhooks to another.example.com keep failing"]


@pytest.mark.django_db
def test_mail_that_could_not_be_sent_is_sent_later(owner, receiver, settings, unused_port):
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    assert warn.warn_teams() == 0
    settings.EMAIL_BACKEND = backend
    assert warn.warn_teams() == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_writes(owner, receiver):
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait(10)
            warn.warn_teams()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_a_refused_mailbox_neither_repeats_the_others_mails_nor_silences_a_team(
    owner, stranger, receiver, settings
):
    for number in range(2):
        character(f"admin{number}@example.com", team=owner.team, role=Role.ADMIN)
    ended(stranger, HOOK)
    Receiver.objects.update(failures=3, failing_since=timezone.now() - timedelta(hours=1))
    with mail_server(settings, refused={"admin0@example.com"}) as server:
        assert [warn.warn_teams() for _minute in range(3)] == [2, 0, 0]
    assert sorted(server.accepted) == ["admin1@example.com", "owner@example.com", "stranger@example.com"]
    assert server.asked.count("admin0@example.com") == 1


@pytest.mark.django_db
def test_a_team_of_one_refused_mailbox_is_not_asked_for_each_minute(owner, receiver, settings):
    with mail_server(settings, refused={"owner@example.com"}) as server:
        assert [warn.warn_teams() for _minute in range(3)] == [1, 0, 0]
    assert server.asked == ["owner@example.com"]


@pytest.mark.django_db
def test_a_mail_that_was_put_off_is_sent_later_and_keeps_no_other_waiting(
    owner, stranger, receiver, settings
):
    ended(stranger, HOOK)
    Receiver.objects.update(failures=3, failing_since=timezone.now() - timedelta(hours=1))
    with mail_server(settings, refuse_content=True) as server:
        assert warn.warn_teams() == 0
        assert sorted(server.asked) == ["owner@example.com", "stranger@example.com"]
        server.refuse_content = False
        assert warn.warn_teams() == 2
        assert sorted(server.accepted) == ["owner@example.com", "stranger@example.com"]


@pytest.mark.django_db
def test_each_is_written_to_in_their_own_language(owner, receiver):
    other = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    User.objects.filter(pk=other.user.pk).update(language="ru")
    assert warn.warn_teams() == 1
    english, russian = mail.outbox
    assert english.subject == "Webhooks to hooks.example.com keep failing"
    assert (russian.to, "Вебхуки" in russian.subject) == (["admin@example.com"], True)
