"""`reconcile`: each way in which credits may not add up is found and said, once a night, to the operators."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts import ledger
from accounts.models import ApiKey, Team, User
from jobs import lifecycle, nightly, reconciliation
from jobs.models import Reconciliation
from lipsyncweb.celery import app
from tests.jobs.mailing import mail_server
from tests.jobs.making import claim, make_job, result, sql
from tests.racing import at_once


def purse_of(character):
    return ledger.balances(character.team).api


def of(job):
    return job.pk.hex if connection.vendor == "sqlite" else job.pk


@pytest.fixture
def unfinished(owner):
    return make_job(owner)


@pytest.fixture
def completed(owner):
    job = make_job(owner)
    assert lifecycle.succeed(claim(job), result(job))
    return job


@pytest.fixture
def failed(owner):
    job = make_job(owner)
    assert lifecycle.fail(job.pk, code="no_face", sentence="No face.")
    return job


@pytest.fixture
def off(owner):
    """A site whose credits do not add up."""
    sql("UPDATE accounts_purse SET available = available + 1 WHERE id = %s", purse_of(owner).pk)


@pytest.mark.django_db
def test_a_sound_site_is_said_to_be_sound(completed, failed, unfinished, stranger, capsys):
    call_command("reconcile")
    assert "Every balance equals its ledger" in capsys.readouterr().out


@pytest.mark.django_db
def test_what_does_not_add_up_is_said_and_the_command_fails(owner, off, capsys):
    with pytest.raises(CommandError) as raised:
        call_command("reconcile")
    assert raised.value.returncode == 1
    assert capsys.readouterr().err == (
        f"Purse {purse_of(owner).pk} holds 1001 available and 0 reserved, "
        "but its entries add up to 1000 and 0.\n"
    )


@pytest.mark.django_db
def test_a_lost_entry_is_found(owner):
    sql("DELETE FROM accounts_entry WHERE purse_id = %s", purse_of(owner).pk)
    (found,) = reconciliation.findings()
    assert found.endswith("but its entries add up to 0 and 0.")


@pytest.mark.django_db
def test_a_balance_below_zero_is_found_even_if_the_entries_agree(owner):
    purse = purse_of(owner)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints=ON")
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE accounts_purse DROP CONSTRAINT purse_available_not_negative")
            cursor.execute("ALTER TABLE accounts_entry DROP CONSTRAINT entry_is_a_pair")
    try:
        sql("UPDATE accounts_purse SET available = -5 WHERE id = %s", purse.pk)
        sql("UPDATE accounts_entry SET available_change = -5 WHERE purse_id = %s", purse.pk)
        (found,) = reconciliation.findings()
        assert f"Purse {purse.pk} holds -5 available" in found
    finally:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA ignore_check_constraints=OFF")


@pytest.mark.django_db
def test_a_reservation_that_no_job_has_is_found(owner):
    ledger.reserve(team=owner.team, kind="api", amount=7, reference="nobody", source=ledger.Source())
    (found,) = reconciliation.findings()
    assert found == f"Purse {purse_of(owner).pk} has 7 reserved, but its unfinished jobs hold 0."


@pytest.mark.django_db
def test_an_unfinished_job_that_reserved_something_else_is_found(owner, unfinished):
    sql("UPDATE jobs_job SET reserved = 12 WHERE id = %s", of(unfinished))
    purse, job = reconciliation.findings()
    assert purse == f"Purse {purse_of(owner).pk} has 10 reserved, but its unfinished jobs hold 12."
    assert job == (
        f"Job {unfinished.pk} (queued) reserved 12 and was charged 0, but its entries hold 10 and cost 10."
    )


@pytest.mark.django_db
def test_two_jobs_that_hold_each_others_credits_are_found(owner, unfinished):
    other = make_job(owner)
    sql("UPDATE jobs_job SET reserved = 12 WHERE id = %s", of(unfinished))
    sql("UPDATE jobs_job SET reserved = 8 WHERE id = %s", of(other))
    assert {found.split()[1] for found in reconciliation.findings()} == {str(unfinished.pk), str(other.pk)}


@pytest.mark.django_db
def test_a_job_that_ended_without_its_entry_is_found(unfinished):
    """I5 was broken: the state was written outside the state machine."""
    sql("UPDATE jobs_job SET state = 'completed', charged = 10 WHERE id = %s", of(unfinished))
    assert reconciliation.findings()[-1] == (
        f"Job {unfinished.pk} (completed) has 0 charges and cost 10, not 10, and still holds 10."
    )


@pytest.mark.django_db
def test_a_charge_of_another_sum_is_found(completed):
    sql("UPDATE jobs_job SET charged = 11 WHERE id = %s", of(completed))
    assert reconciliation.findings() == [f"Job {completed.pk} (completed) has 1 charges and cost 10, not 11."]


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_charge_for_nothing_is_found(completed, state):
    sql("UPDATE jobs_job SET state = %s WHERE id = %s", state, of(completed))
    assert f"Job {completed.pk} ({state}) has 1 charges and cost 10" in reconciliation.findings()[0]


@pytest.mark.django_db
def test_a_second_charge_is_found(owner, completed):
    reserve = {"team": owner.team, "kind": "api", "amount": 10, "source": ledger.Source(job_id=completed.pk)}
    ledger.reserve(**reserve, reference="again")
    ledger.charge(**reserve, reference="again")
    assert reconciliation.findings() == [f"Job {completed.pk} (completed) has 2 charges and cost 20, not 10."]


@pytest.mark.django_db
def test_a_result_that_nobody_paid_for_is_found(failed):
    sql("UPDATE jobs_job SET state = 'completed' WHERE id = %s", of(failed))
    assert reconciliation.findings() == [f"Job {failed.pk} (completed) has 0 charges and cost 0, not 0."]


@pytest.mark.django_db
def test_a_team_without_a_purse_is_found(owner):
    team = Team.objects.create(name="No purse")
    assert reconciliation.findings() == [f"Team {team.pk} has 0 purses, not 2."]


@pytest.mark.django_db
def test_a_deleted_team_that_still_reserves_is_found(owner, unfinished):
    sql("UPDATE accounts_team SET deleted_at = %s WHERE id = %s", timezone.now(), owner.team.pk)
    assert reconciliation.findings() == [f"Team {owner.team.pk} was deleted, but has 10 reserved."]


@pytest.mark.django_db
def test_a_month_that_is_counted_wrong_is_found(owner, failed, completed, unfinished):
    purse = purse_of(owner)
    assert purse.month_spent == 20
    sql("UPDATE accounts_purse SET month_spent = 7 WHERE id = %s", purse.pk)
    assert reconciliation.findings() == [
        f"Purse {purse.pk} counts 7 spent in its month, but its entries say 20."
    ]


@pytest.mark.django_db
def test_a_month_that_is_counted_without_entries_is_found(owner):
    purse = purse_of(owner)
    sql("UPDATE accounts_purse SET month = '2026-11-01', month_spent = 7 WHERE id = %s", purse.pk)
    assert reconciliation.findings() == [
        f"Purse {purse.pk} counts 7 spent in its month, but it has no entries of it."
    ]


@pytest.mark.django_db
def test_only_what_was_reserved_in_the_month_counts_in_it(owner):
    """One job began last month and was priced higher in this one; then all of it came back but that."""
    job = make_job(owner)
    purse = purse_of(owner)
    before = datetime.combine(purse.month, datetime.min.time(), UTC) - timedelta(minutes=1)
    sql("UPDATE accounts_entry SET created_at = %s WHERE job_id = %s", before, of(job))
    sql("UPDATE accounts_purse SET month_spent = 0 WHERE id = %s", purse.pk)
    assert reconciliation.findings() == []
    assert lifecycle.price(claim(job), seconds=20, amount=40)
    assert purse_of(owner).month_spent == 30
    assert reconciliation.findings() == []
    lifecycle.cancel(job.pk)
    assert purse_of(owner).month_spent == 0
    assert reconciliation.findings() == []


@pytest.fixture
def limited(owner):
    """The owner's key, with limits."""
    ApiKey.objects.filter(pk=owner.key.pk).update(daily_credits=500, total_credits=500)
    ledger.count_for_key(owner.key)
    owner.key.refresh_from_db()
    return owner.key


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("spent_in_all", "Key {0.public_id} counts 7 spent in all, but its entries say 10."),
        ("spent_on_day", "Key number {0.pk} counts 7 spent on its day, but its entries say 10."),
    ],
)
def test_a_key_that_is_counted_wrong_is_found(limited, unfinished, column, sentence):
    assert reconciliation.findings() == []
    sql(f"UPDATE accounts_apikey SET {column} = 7 WHERE id = %s", limited.pk)
    assert reconciliation.findings() == [sentence.format(limited)]
    # Without a limit nothing is counted, and nothing is wrong.
    ApiKey.objects.update(daily_credits=None, total_credits=None)
    assert reconciliation.findings() == []


@pytest.mark.django_db
def test_once_a_night_and_again_the_next(owner):
    assert nightly.reconcile()
    assert not nightly.reconcile()
    assert Reconciliation.objects.get().found == []
    Reconciliation.objects.update(night=Reconciliation.objects.get().night - timedelta(days=1))
    assert nightly.reconcile()


@pytest.mark.parametrize(
    ("now", "night"),
    [
        (datetime(2026, 5, 2, 3, 16, 59, tzinfo=UTC), date(2026, 5, 1)),
        (datetime(2026, 5, 2, 3, 17, tzinfo=UTC), date(2026, 5, 2)),
        (datetime(2026, 5, 2, 23, 59, tzinfo=UTC), date(2026, 5, 2)),
    ],
)
def test_a_night_lasts_until_seventeen_past_three(now, night):
    assert nightly._night(now) == night


def test_the_timer_asks_often_so_that_no_restart_skips_a_night():
    """A schedule of one time a day is lost with a beat that is down then, or that is restarted each day."""
    assert app.conf.beat_schedule["reconcile"]["task"] == "jobs.tasks.reconcile"
    assert app.conf.beat_schedule["reconcile"]["schedule"] <= 600


@pytest.mark.django_db(transaction=True)
def test_f24_two_timers_at_once_are_one_reconciliation_and_one_mail(owner, off):
    User.objects.filter(pk=owner.user.pk).update(is_staff=True)
    turns = at_once(*[nightly.reconcile] * 8)
    assert sorted(turns) == [False] * 7 + [True]
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_operators_are_told(owner, teammate, off, caplog, settings):
    User.objects.filter(pk=teammate.user.pk).update(is_staff=True)
    User.objects.create_user("gone@example.com", is_staff=True, is_active=False)
    assert nightly.reconcile()
    (message,) = mail.outbox
    (finding,) = reconciliation.findings()
    assert message.to == ["teammate@example.com"]
    assert message.subject == "localhost: credits do not add up (1)"
    assert finding in message.body
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert any(finding in error for error in errors)
    assert Reconciliation.objects.get().found == [finding]


@pytest.mark.django_db
def test_the_operators_of_the_settings_are_told_instead(owner, off, settings):
    User.objects.filter(pk=owner.user.pk).update(is_staff=True)
    settings.OPERATOR_EMAILS = ["ops@example.com"]
    nightly.reconcile()
    assert [each.to for each in mail.outbox] == [["ops@example.com"]]


@pytest.mark.django_db
def test_nobody_is_written_to_when_all_is_well(owner, settings):
    settings.OPERATOR_EMAILS = ["ops@example.com"]
    nightly.reconcile()
    assert mail.outbox == []


@pytest.mark.django_db
def test_a_long_list_is_cut_in_the_mail_and_whole_in_the_row(owner, settings):
    settings.OPERATOR_EMAILS = ["ops@example.com"]
    for _ in range(53):
        Team.objects.create(name=str(uuid.uuid4()))
    nightly.reconcile()
    assert "and 3 more" in mail.outbox[0].body
    assert len(Reconciliation.objects.get().found) == 53


@pytest.mark.django_db
def test_without_a_mail_server_the_night_is_not_done_and_is_tried_again(owner, off, settings, unused_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    settings.OPERATOR_EMAILS = ["ops@example.com"]
    with pytest.raises(OSError):
        nightly.reconcile()
    assert not nightly.reconcile()  # not every five minutes
    Reconciliation.objects.update(taken_at=timezone.now() - timedelta(minutes=61))
    with mail_server(settings) as server:
        assert nightly.reconcile()
    assert server.accepted == ["ops@example.com"]
    assert Reconciliation.objects.get().done_at is not None
