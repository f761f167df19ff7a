"""Mail to a team whose purse holds less than it asked to be told of."""

import threading

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone, translation

from accounts import ledger
from accounts.ledger import alerts
from accounts.ledger.limits import QUIET
from accounts.models import Purse, Role, Team, User
from tests.conftest import character
from tests.jobs.mailing import mail_server


def spend(character, amount, kind="api"):
    ledger.reserve(
        team=character.team,
        kind=kind,
        amount=amount,
        reference=ledger.new_reference("test"),
        source=ledger.Source(),
    )


def fill(character, amount, kind="api"):
    ledger.grant(team=character.team, kind=kind, amount=amount, reference=ledger.new_reference("operator"))


@pytest.fixture
def low(owner):
    """950 of 1000 API credits are spent, and less than 100 is too few."""
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=None, alert_below=100)
    spend(owner, 950)
    return owner


@pytest.mark.django_db
def test_owners_and_administrators_are_written_to_once_a_crossing(low, teammate, stranger):
    character("admin@example.com", team=low.team, role=Role.ADMIN)
    assert [alerts.warn_of_low_purses() for _minute in range(3)] == [1, 0, 0]
    assert [each.to for each in mail.outbox] == [["owner@example.com"], ["admin@example.com"]]
    message = mail.outbox[0]
    assert message.subject == f"{low.team.name}: few API credits are left"
    for words in (
        "50 credits left",
        "Set aside for unfinished jobs: 950 credits.",
        "less than 100 credits",
        "/credits",
    ):
        assert words in message.body
    assert "&" not in message.body
    spend(low, 10)
    assert alerts.warn_of_low_purses() == 0


@pytest.mark.django_db
def test_again_after_there_was_enough_in_between(low):
    alerts.warn_of_low_purses()
    fill(low, 500)
    assert alerts.warn_of_low_purses() == 0
    spend(low, 500)
    quiet_is_over(low)
    assert alerts.warn_of_low_purses() == 1
    assert len(mail.outbox) == 2


def quiet_is_over(character):
    """Six hours pass for the mails that went out."""
    Purse.objects.filter(team=character.team).update(alert_mailed_at=timezone.now() - QUIET)


@pytest.mark.django_db
def test_balance_that_swings_around_its_alert_floods_nobody(low):
    alerts.warn_of_low_purses()
    for _swing in range(10):
        fill(low, 500)
        alerts.warn_of_low_purses()
        spend(low, 500)
        alerts.warn_of_low_purses()
    assert len(mail.outbox) == 1
    # The last fall is not forgotten.
    quiet_is_over(low)
    assert [alerts.warn_of_low_purses() for _minute in range(2)] == [1, 0]


@pytest.mark.django_db
def test_alert_that_is_changed_each_minute_floods_nobody(low):
    for amount in range(100, 110):
        ledger.set_limits(team=low.team, kind="api", monthly_cap=None, alert_below=amount)
        alerts.warn_of_low_purses()
    ledger.set_limits(team=low.team, kind="api", monthly_cap=None, alert_below=None)
    ledger.set_limits(team=low.team, kind="api", monthly_cap=None, alert_below=100)
    alerts.warn_of_low_purses()
    assert len(mail.outbox) == 1
    quiet_is_over(low)
    assert alerts.warn_of_low_purses() == 1


@pytest.mark.django_db
def test_mail_that_was_put_off_hours_ago_is_not_held_back(low, settings, unused_port):
    before = timezone.now() - QUIET
    Purse.objects.filter(team=low.team, kind="api").update(alert_mailed_at=before)
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    alerts.warn_of_low_purses()
    assert Purse.objects.get(team=low.team, kind="api").alert_mailed_at == before
    settings.EMAIL_BACKEND = backend
    assert alerts.warn_of_low_purses() == 1


@pytest.mark.django_db
def test_as_much_as_the_alert_is_enough(owner):
    ledger.set_limits(team=owner.team, kind="user", monthly_cap=None, alert_below=900)
    spend(owner, 100, "user")
    assert alerts.warn_of_low_purses() == 0
    spend(owner, 1, "user")
    assert alerts.warn_of_low_purses() == 1
    assert "few user credits" in mail.outbox[0].subject


@pytest.mark.django_db
@pytest.mark.parametrize("alert", [None, 0])
def test_without_an_alert_nobody_is_written_to(owner, alert):
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=None, alert_below=alert)
    spend(owner, 1000)
    assert alerts.warn_of_low_purses() == 0


@pytest.mark.django_db
def test_both_purses_are_written_of_by_themselves(low):
    ledger.set_limits(team=low.team, kind="user", monthly_cap=None, alert_below=5000)
    assert alerts.warn_of_low_purses() == 2
    assert {each.subject.split(": ")[1] for each in mail.outbox} == {
        "few API credits are left",
        "few user credits are left",
    }


@pytest.mark.django_db
def test_each_is_written_to_in_their_own_language(low, settings):
    other = character("admin@example.com", team=low.team, role=Role.ADMIN)
    User.objects.filter(pk=other.user.pk).update(language="ru")
    settings.LANGUAGE_CODE = "en"
    with translation.override("ru"):
        alerts.warn_of_low_purses()
    english, russian = (each.body for each in mail.outbox)
    assert "50 credits left" in english
    assert "50 кредитов" in russian


@pytest.mark.django_db
def test_language_that_the_site_has_not_is_the_sites_own(low):
    User.objects.update(language="tlh")
    assert alerts.warn_of_low_purses() == 1
    assert "50 credits left" in mail.outbox[0].body


@pytest.mark.django_db
def test_mail_that_could_not_be_sent_is_sent_later(low, settings, unused_port):
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    assert alerts.warn_of_low_purses() == 0
    settings.EMAIL_BACKEND = backend
    assert alerts.warn_of_low_purses() == 1


@pytest.mark.django_db
def test_mail_that_was_put_off_keeps_no_other_team_waiting(low, stranger, settings):
    ledger.set_limits(team=stranger.team, kind="api", monthly_cap=None, alert_below=5000)
    with mail_server(settings, refuse_content=True) as server:
        assert alerts.warn_of_low_purses() == 0
        assert server.asked == ["owner@example.com", "stranger@example.com"]
        server.refuse_content = False
        assert alerts.warn_of_low_purses() == 2


@pytest.mark.django_db
def test_refused_mailbox_is_not_asked_each_minute(low, settings):
    character("admin@example.com", team=low.team, role=Role.ADMIN)
    with mail_server(settings, refused={"owner@example.com"}) as server:
        assert [alerts.warn_of_low_purses() for _minute in range(3)] == [1, 0, 0]
    assert server.asked == ["owner@example.com", "admin@example.com"]


@pytest.mark.django_db
def test_name_of_more_lines_makes_no_header_of_its_own(low):
    Team.objects.filter(pk=low.team.pk).update(name="A\nBcc: everybody@example.com\n<b>&</b>")
    assert alerts.warn_of_low_purses() == 1
    assert mail.outbox[0].subject.startswith("A Bcc: everybody@example.com <b>&</b>: few")
    assert mail.outbox[0].recipients() == ["owner@example.com"]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_writes(low):
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait(10)
            alerts.warn_of_low_purses()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(mail.outbox) == 1
