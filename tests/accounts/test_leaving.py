"""Deleting a team and an account: every sentence of their pages, held against the database and the disk."""

import io
import re
import threading
import uuid
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit, keys, leaving, ledger, teams
from accounts.audit import Who
from accounts.models import AuditEvent, Entry, Invitation, Membership, Purse, Role, Team, User
from accounts.teams import members
from jobs import deleting, lifecycle, media, queries
from jobs import leaving as jobs_leaving
from jobs.key_limits import KeyChanged
from jobs.models import (
    Connection,
    Job,
    JobEvent,
    RetiredSecret,
    State,
    Upload,
    WebhookDelivery,
    WebhookSettings,
)
from jobs.verbs import Claim
from jobs.webhooks import deliver
from lipsyncweb.secretbox import seal
from tests.conftest import PASSWORD, character
from tests.jobs.making import claim, make_job, result


@pytest.fixture
def delete_team(django_capture_on_commit_callbacks):
    def delete(actor) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            leaving.delete_team(actor=actor.membership, who=Who(person=actor.user, address="203.0.113.7"))

    return delete


@pytest.fixture
def delete_account(django_capture_on_commit_callbacks):
    def delete(actor) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            leaving.delete_account(user=actor.user, who=Who(person=actor.user))

    return delete


def store(folder, name: str, content: bytes = b"film") -> str:
    path = folder / "made"
    path.write_bytes(content)
    return media.store(path, name)


def completed_job(actor, folder, **values) -> Job:
    """A job with its result on the disk."""
    job = make_job(actor, **values)
    taken = claim(job)
    assert lifecycle.ready(taken, fetched={"image": store(folder, f"inputs/{job.pk}/image")})
    job.refresh_from_db()
    taken = claim(job)
    name = store(folder, f"results/{job.pk}/{taken.attempt}.mp4")
    assert lifecycle.succeed(taken, result(job, file=name))
    job.refresh_from_db()
    return job


def answer_at(address: str) -> int:
    answer = Client().get(address)
    if answer.streaming:
        for closed in answer._resource_closers:  # the file alone: a closed answer closes the database, too
            closed()
    return answer.status_code


def everything_that_is_kept() -> str:
    """All rows of all tables, as text."""
    kept = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            kept += [f"{table}: {row}" for row in cursor.fetchall()]
    return "\n".join(kept)


def in_the_admin(row: Model, **fields) -> None:
    """Save it there, as an operator does, who is named in the admin's own history."""
    operator = Client()
    operator.force_login(User.objects.create_superuser("operator@example.com", "x"))
    address = reverse(f"admin:accounts_{row._meta.model_name}_change", args=[row.pk])
    page = operator.get(address).content.decode()
    hidden = dict(re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
    ids = dict(re.findall(r'name="(\w+-\d+-(?:id|team|user))" value="(\d+)"', page))
    assert operator.post(address, {**fields, **hidden, **ids}).status_code == 302
    assert LogEntry.objects.filter(object_repr=str(row)).exists()


# --- a team ---------------------------------------------------------------------------------------


def test_unfinished_jobs_are_canceled_and_their_credits_return(owner, delete_team):
    jobs = [make_job(owner), make_job(owner, by="form")]
    before = Purse.objects.filter(team=owner.team).values_list("kind", "available")
    assert dict(before)["api"] < 1000
    delete_team(owner)
    assert {Job.objects.get(pk=job.pk).state for job in jobs} == {State.CANCELED}
    purses = Purse.objects.filter(team=owner.team).values_list("available", "reserved")
    assert list(purses) == [(1000, 0), (1000, 0)]


def test_every_file_is_removed_and_the_shared_sample_is_spared(owner, delete_team, tmp_path, settings):
    job = completed_job(owner, tmp_path)
    upload = Upload.objects.create(
        team=owner.team,
        kind="image",
        name="me.png",
        file=store(tmp_path, f"uploads/{owner.team.pk}/{uuid.uuid4().hex}"),
        format="png",
        bytes=4,
    )
    key, _secret = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )
    sample = store(tmp_path, f"samples/{'a' * 64}.mp4")
    trial = completed_trial(owner, key, sample)
    delete_team(owner)
    kept = [path for path in (settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert [path.name for path in kept] == [f"{'a' * 64}.mp4"]
    assert not Upload.objects.filter(pk=upload.pk).exists()
    assert Job.objects.filter(pk__in=[job.pk, trial.pk]).exclude(output_file="").count() == 0


def completed_trial(owner, key, sample: str) -> Job:
    owner_by_test_key = type(owner)(owner.user, owner.team, owner.membership, key, "", owner.client)
    job = make_job(owner_by_test_key)
    taken = lifecycle.claim_to_sample()
    assert lifecycle.succeed(taken, result(job, file=sample))
    return job


def test_a_results_address_answers_not_found_at_once(owner, tmp_path):
    """Before anything was cleared: nothing runs after the commit here."""
    job = completed_job(owner, tmp_path)
    address = reverse("file", args=[job.pk, "token"])
    assert answer_at(address) == 200
    leaving.delete_team(actor=owner.membership, who=audit.OPERATOR)
    assert answer_at(address) == 404
    assert Job.objects.get(pk=job.pk).output_file


def test_what_was_asked_for_goes_from_the_rows_and_the_rows_a_day_later(owner, delete_team, tmp_path):
    job = completed_job(owner, tmp_path, prompt="say it like Grandmother")
    delete_team(owner)
    emptied = Job.objects.get(pk=job.pk)
    assert (emptied.form_state, emptied.person, emptied.output_url) == ({}, None, "")
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - 2 * deleting.GRACE)
    assert jobs_leaving.clear_closed() == 1
    assert not Job.objects.filter(team=owner.team).exists()
    assert jobs_leaving.clear_closed() == 0


def test_keys_are_refused_and_lose_their_names(owner, delete_team):
    delete_team(owner)
    assert keys.authenticate(owner.secret) is None
    owner.key.refresh_from_db()
    assert (owner.key.name, owner.key.created_by) == ("", None)
    assert Client().get("/api/v1/jobs", headers=owner.headers).status_code == 401


def test_no_webhook_leaves_any_more(owner, delete_team, tmp_path, httpserver, settings):
    settings.OUTBOUND_ALLOW_LOOPBACK = True
    httpserver.expect_request("/hook").respond_with_data("ok")
    completed_job(owner, tmp_path, webhook=httpserver.url_for("/hook"))
    make_job(owner, webhook=httpserver.url_for("/hook"))
    assert WebhookDelivery.objects.count() == 1
    delete_team(owner)
    assert not WebhookDelivery.objects.exists()
    assert deliver.deliver_due() == 0
    assert httpserver.log == []


def test_a_delivery_that_was_written_meanwhile_is_dropped_when_it_is_taken_up(owner, tmp_path, httpserver):
    job = completed_job(owner, tmp_path, webhook=httpserver.url_for("/hook"))
    Team.objects.filter(pk=owner.team.pk).update(deleted_at=timezone.now())
    assert WebhookDelivery.objects.filter(job=job).exists()
    assert deliver.deliver_due() == 0
    assert not WebhookDelivery.objects.exists()
    assert httpserver.log == []


def test_connections_and_secrets_are_forgotten(owner, delete_team):
    team = owner.team
    made = Connection.objects.create(
        team=team, name="farm", base_url="https://farm.example", key_sealed=seal("sk_a_b")
    )
    WebhookSettings.objects.create(team=team, url="https://example.com/hook")
    RetiredSecret.objects.create(team=team, sealed=seal("whsec_x"), signs_until=timezone.now())
    delete_team(owner)
    assert not Connection.objects.filter(pk=made.pk).exists()
    assert not WebhookSettings.objects.filter(team=team).exists()
    assert not RetiredSecret.objects.filter(team=team).exists()
    assert Team.objects.get(pk=team.pk).webhook_secret_sealed == ""


def test_a_connection_that_jobs_name_keeps_no_secret_until_they_are_gone(owner, delete_team, tmp_path):
    job = completed_job(owner, tmp_path)
    made = Connection.objects.create(
        team=owner.team, name="farm", base_url="https://farm.example", key_sealed=seal("sk_a_b")
    )
    Job.objects.filter(pk=job.pk).update(connection=made)
    delete_team(owner)
    made.refresh_from_db()
    assert (made.key_sealed, made.secrets_sealed, made.base_url, made.is_active) == ("", "", "", False)
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - 2 * deleting.GRACE)
    jobs_leaving.clear_closed()
    assert not Connection.objects.filter(pk=made.pk).exists()


def test_people_and_invitations_go_and_others_lose_access_at_once(owner, teammate, delete_team):
    Invitation.objects.create(team=owner.team, email="new@example.com", digest="d", expires_at=timezone.now())
    page = reverse("job", args=[make_job(owner).pk])
    assert teammate.client.get(page).status_code == 200
    delete_team(owner)
    assert not Membership.objects.filter(team=owner.team).exists()
    assert not Invitation.objects.filter(team=owner.team).exists()
    assert teammate.client.get(page).status_code == 404


def test_the_ledger_stays_adds_up_and_names_nobody(owner, delete_team, tmp_path):
    completed_job(owner, tmp_path, by="form")
    make_job(owner, by="form")
    lines = set(Entry.objects.filter(purse__team=owner.team).values_list("pk", "kind", "available_change"))
    assert Entry.objects.filter(person=owner.user).exists()
    delete_team(owner)
    after = Entry.objects.filter(purse__team=owner.team)
    assert lines < set(after.values_list("pk", "kind", "available_change"))
    assert not after.exclude(person=None).exists()
    call_command("reconcile", stdout=io.StringIO())


def test_nothing_that_is_kept_names_the_team_its_people_or_what_they_made(
    owner, teammate, stranger, delete_team, tmp_path
):
    """The people themselves and their accounts go on; so their own tables are not looked at."""
    Team.objects.filter(pk=owner.team.pk).update(name="Zebra Films")
    owner.team.refresh_from_db()
    completed_job(owner, tmp_path, prompt="quagga quagga", webhook="https://okapi.example/hook")
    in_the_admin(owner.team, name="Zebra Films", concurrency=3)
    who = Who(person=owner.user, address="203.0.113.77")
    audit.record("team.rename", team=owner.team, who=who, target="Zebra Films", before="Zebra Movies")
    keys.issue(team=owner.team, created_by=owner.user, name="tapir key", who=who, actor=None)
    delete_team(owner)
    kept = everything_that_is_kept()
    for word in ("Zebra", "quagga", "okapi", "tapir", "203.0.113.77"):
        assert word not in kept, word
    assert AuditEvent.objects.filter(team=owner.team).exclude(person=None).count() == 0
    assert AuditEvent.objects.filter(team=owner.team, action="team.delete").exists()


def test_another_team_keeps_everything(owner, stranger, delete_team, tmp_path):
    theirs, waiting = completed_job(stranger, tmp_path), make_job(stranger)
    delete_team(owner)
    assert answer_at(reverse("file", args=[theirs.pk, "token"])) == 200
    assert Job.objects.get(pk=waiting.pk).state == State.QUEUED
    assert keys.authenticate(stranger.secret)
    assert queries.of_team(stranger.team).count() == 2


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_only_an_owner_deletes_a_team(owner, role, delete_team):
    with pytest.raises(PermissionDenied):
        delete_team(character("other@example.com", team=owner.team, role=role))
    assert Team.objects.get(pk=owner.team.pk).deleted_at is None


def test_deleting_a_team_twice_is_refused_and_changes_nothing(owner, delete_team):
    delete_team(owner)
    with pytest.raises(PermissionDenied):
        delete_team(owner)
    assert AuditEvent.objects.filter(action="team.delete").count() == 1


def test_an_emptied_job_cannot_be_finished_by_a_late_worker(owner, delete_team):
    job = make_job(owner)
    taken: Claim = claim(job)
    delete_team(owner)
    assert not lifecycle.succeed(taken, result(job))
    assert not lifecycle.heartbeat(taken)
    assert Job.objects.get(pk=job.pk).output_file == ""


# --- an account -----------------------------------------------------------------------------------


def test_a_team_of_ones_own_goes_with_the_account(owner, delete_account, tmp_path):
    completed_job(owner, tmp_path)
    delete_account(owner)
    assert not User.objects.filter(pk=owner.user.pk).exists()
    assert Team.objects.get(pk=owner.team.pk).deleted_at
    assert Entry.objects.filter(purse__team=owner.team).exists()


def test_the_last_owner_of_a_team_with_others_must_settle_it_first(owner, teammate, delete_account):
    with pytest.raises(leaving.CannotLeave, match="owner's team"):
        delete_account(owner)
    assert User.objects.filter(pk=owner.user.pk).exists()
    Membership.objects.filter(user=teammate.user).update(role=Role.OWNER)
    delete_account(owner)
    assert Team.objects.get(pk=owner.team.pk).deleted_at is None


def test_what_was_made_in_anothers_team_stays_without_a_name(owner, teammate, delete_account, tmp_path):
    User.objects.filter(pk=teammate.user.pk).update(name="Wilhelmina")
    job = completed_job(teammate, tmp_path, by="form")
    teammate.client.post(reverse("cancel", args=[make_job(teammate, by="form").pk]))
    # They gave up that address; it was theirs all the same. And of a team that they are in no more.
    elsewhere = character("elsewhere@example.com")
    seat = Membership.objects.create(team=elsewhere.team, user=teammate.user)
    User.objects.filter(pk=teammate.user.pk).update(current_team=elsewhere.team)
    assert teammate.client.post(reverse("cancel", args=[make_job(elsewhere).pk])).status_code == 302
    assert JobEvent.objects.filter(verb="cancel", reason=f"Person {teammate.user.pk}").count() == 2
    seat.delete()
    who = Who(person=teammate.user)
    audit.record("key.create", team=owner.team, who=who, target="nightly")
    delete_account(teammate)
    job.refresh_from_db()
    assert (job.state, job.person) == (State.COMPLETED, None)
    assert keys.authenticate(teammate.secret)  # it is the team's
    assert {"key.create", "member.account_deleted"} <= set(
        AuditEvent.objects.filter(team=owner.team, person=None).values_list("action", flat=True)
    )
    # Only the name that was given to a key by hand still says it.
    owner.team.api_keys.filter(name__contains="teammate").update(name="")
    kept = everything_that_is_kept()
    assert "teammate@example.com" not in kept
    assert "Wilhelmina" not in kept


def test_sessions_end_with_the_account(teammate, owner, delete_account):
    other = Client()
    assert other.post(reverse("account_login"), {"login": "teammate@example.com", "password": PASSWORD})
    assert other.get(reverse("history")).status_code == 200
    delete_account(teammate)
    for client in (other, teammate.client):
        assert client.get(reverse("history")).status_code == 302


def test_the_sites_only_operator_cannot_delete_their_account(owner, teammate, delete_account):
    User.objects.filter(pk=teammate.user.pk).update(is_staff=True, is_superuser=True)
    teammate.user.refresh_from_db()
    with pytest.raises(leaving.CannotLeave, match="only operator"):
        delete_account(teammate)
    User.objects.create_superuser("second@example.com", "x")
    delete_account(teammate)


def test_the_ledger_adds_up_after_an_account_is_deleted(owner, delete_account, tmp_path):
    before = ledger.balances(owner.team).api.available
    completed_job(owner, tmp_path)
    make_job(owner)
    delete_account(owner)
    api = Purse.objects.get(team=owner.team, kind="api")
    assert (api.available < before, api.reserved) == (True, 0)
    call_command("reconcile", stdout=io.StringIO())


def test_starting_credits_come_once_an_address(owner, delete_account):
    delete_account(owner)
    again = character("Owner@example.com")
    assert [(each.available, each.reserved) for each in Purse.objects.filter(team=again.team)] == [(0, 0)] * 2
    assert "owner@example.com" not in str(Entry.objects.values_list("reference", flat=True))
    assert ledger.balances(character("new@example.com").team).api.available > 0


# --- at the same time -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_is_submitted_and_finished_at_the_same_moment_leaves_nothing(owner, tmp_path):
    """Six submits and a worker's finish beside the deletion: each comes before it or is undone after it."""
    running = make_job(owner)
    taken = claim(running)
    start = threading.Barrier(8)
    unexpected: list[Exception] = []

    def at_once(act: Callable[[], object]) -> None:
        start.wait(timeout=20)
        try:
            act()
        except (PermissionDenied, KeyChanged):
            pass  # the deletion was faster
        except Exception as error:  # noqa: BLE001 - told below, by the test's own thread
            unexpected.append(error)
        finally:
            connection.close()

    acts = [lambda: make_job(owner), lambda: make_job(owner, by="form")] * 3
    acts += [lambda: lifecycle.ready(taken, fetched={})]
    acts += [lambda: leaving.delete_team(actor=owner.membership, who=audit.OPERATOR)]
    threads = [threading.Thread(target=at_once, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs_leaving.clear_closed()
    assert unexpected == []
    assert not Job.objects.exclude(state=State.CANCELED).exists()
    assert set(Purse.objects.filter(team=owner.team).values_list("reserved", flat=True)) == {0}
    assert not Entry.objects.filter(purse__team=owner.team).exclude(person=None).exists()
    assert not WebhookDelivery.objects.exists()
    call_command("reconcile", stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_an_account_goes_while_its_team_is_renamed_and_its_people_are_changed():
    """Whoever changes a team's people holds the team and then names a person in its log; none waits in a circle."""
    boss = character("boss@example.com")
    unexpected: list[Exception] = []
    for round_ in range(8):
        leaver = character(f"leaver{round_}@example.com", team=boss.team, role=Role.OWNER)
        other = character(f"other{round_}@example.com", team=boss.team, role=Role.MEMBER)
        seat, who = other.membership.pk, Who(person=leaver.user)
        start = threading.Barrier(3)
        acts = [
            lambda leaver=leaver: leaving.delete_account(user=leaver.user, who=Who(person=leaver.user)),
            lambda leaver=leaver, seat=seat, who=who: members.change_role(
                actor=leaver.membership, seat_id=seat, role=Role.ADMIN, who=who
            ),
            lambda leaver=leaver, who=who, n=round_: teams.rename(
                name=f"Name {n}", actor=leaver.membership, who=who
            ),
        ]
        threads = [threading.Thread(target=together, args=(start, act, unexpected)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not User.objects.filter(pk=leaver.user.pk).exists()
    assert unexpected == []


def together(start: threading.Barrier, act: Callable[[], object], unexpected: list[Exception]) -> None:
    start.wait(timeout=20)
    try:
        act()
    except PermissionDenied:
        pass  # the deletion was faster
    except Exception as error:  # noqa: BLE001 - told by the test's own thread
        unexpected.append(error)
    finally:
        connection.close()
