"""The operator: commands that can be repeated, and an admin in which money and keys are only looked at."""

import io
import re
import uuid

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import keys, ledger
from accounts.models import AuditEvent, Entry, Invitation, Membership, Role, Team, User
from jobs.models import Connection, Job, State
from lipsyncweb.secretbox import seal
from tests.conftest import PASSWORD
from tests.jobs.making import make_job


def run(name: str, *words: str) -> str:
    out = io.StringIO()
    call_command(name, *words, stdout=out)
    return out.getvalue().strip()


def told() -> list[tuple[str, bool]]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", "by_operator"))


# --- commands -------------------------------------------------------------------------------------


def test_create_team_makes_one_team_however_often(owner):
    said = run("create_team", "Night shift", "--owner", "OWNER@example.com")
    team = Team.objects.get(name="Night shift")
    assert said == f"Made the team Night shift with the id {team.pk}, owned by owner@example.com."
    assert Membership.objects.get(team=team).role == Role.OWNER
    assert ledger.balances(team).api.available == 0
    assert "already" in run("create_team", "Night shift", "--owner", "owner@example.com")
    assert Team.objects.filter(name="Night shift").count() == 1
    assert told() == [("team.create", True)]


def test_make_owner_opens_a_team_whose_owners_cannot_sign_in(owner, teammate, stranger):
    for person in (teammate, stranger):
        said = run("make_owner", str(owner.team.pk), person.user.email)
        assert said == f"{person.user.email} owns {owner.team.name} (id {owner.team.pk}) now."
        assert Membership.objects.get(team=owner.team, user=person.user).role == Role.OWNER
        assert "nothing changed" in run("make_owner", str(owner.team.pk), person.user.email)
    assert told() == [("member.role", True)] * 2


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("create_team", "Night shift", "--owner", "nobody@example.com"), "Nobody here has"),
        (("create_team", " ", "--owner", "owner@example.com"), "Give the team a name"),
        (("disable_person", "nobody@example.com"), "Nobody here has"),
        (("disable_team", "999999"), "There is no team"),
        (("enable_team", "nobody@example.com"), "There is no team"),
    ],
)
def test_a_command_that_cannot_says_why(owner, command, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(*command)
    assert told() == []


def test_a_disabled_persons_live_session_is_refused_on_its_next_request(owner):
    browser = Client()
    browser.post(reverse("account_login"), {"login": "owner@example.com", "password": PASSWORD})
    for client in (browser, owner.client):
        assert client.get(reverse("history")).status_code == 200
    assert "owner@example.com is switched off" in run("disable_person", "owner@example.com")
    for client in (browser, owner.client):
        assert client.get(reverse("history")).status_code == 302
    browser.post(reverse("account_login"), {"login": "owner@example.com", "password": PASSWORD})
    assert browser.get(reverse("history")).status_code == 302


def test_a_disabled_persons_keys_are_their_teams_and_go_on(owner):
    run("disable_person", "owner@example.com")
    assert keys.authenticate(owner.secret) == owner.key


def test_disabling_a_person_is_told_once_and_undone(owner):
    run("disable_person", "owner@example.com")
    assert "nothing changed" in run("disable_person", "owner@example.com")
    assert "can sign in again" in run("enable_person", "owner@example.com")
    assert "nothing changed" in run("enable_person", "owner@example.com")
    assert told() == [("member.disable", True), ("member.enable", True)]
    assert AuditEvent.objects.first().subject == owner.user


def test_the_last_operator_is_not_shut_out(db):
    User.objects.create_superuser("root@example.com", "x")
    with pytest.raises(CommandError, match="only operator"):
        run("disable_person", "root@example.com")
    assert User.objects.get().is_active


def test_a_disabled_team_does_nothing_and_loses_nothing(owner):
    job = make_job(owner)
    assert "switched off for people and keys" in run("disable_team", str(owner.team.pk))
    assert Client().get("/api/v1/jobs", headers=owner.headers).status_code == 401
    assert owner.client.get(reverse("history")).status_code == 302
    assert Job.objects.get(pk=job.pk).state == State.QUEUED  # goes on to its end
    assert "nothing changed" in run("disable_team", "owner's team")
    assert "works again" in run("enable_team", "owner@example.com")
    assert Client().get("/api/v1/jobs", headers=owner.headers).status_code == 200
    assert owner.client.get(reverse("job", args=[job.pk])).status_code == 200
    assert told() == [("team.disable", True), ("team.enable", True)]


def test_a_name_that_several_teams_have_is_asked_about(owner, stranger):
    Team.objects.update(name="Twins")
    with pytest.raises(CommandError, match=f"{owner.team.pk}, {stranger.team.pk}"):
        run("disable_team", "twins")


def test_list_teams_names_owners_and_balances(owner, teammate, stranger):
    run("disable_team", str(stranger.team.pk))
    listed = run("list_teams")
    assert re.search(rf"{owner.team.pk} +open +1000 +1000 +owner's team +owner@example.com$", listed, re.M)
    assert re.search(rf"{stranger.team.pk} +off ", listed)
    assert "stranger" not in run("list_teams", "teammate@")


# --- the admin ------------------------------------------------------------------------------------


@pytest.fixture
def operator(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    return client


@pytest.fixture
def _world(owner, teammate, stranger):
    """A row of everything that an operator may look at."""
    make_job(owner, webhook="https://one.example/hook")
    Connection.objects.create(
        team=owner.team, name="farm", base_url="https://farm.example", key_sealed=seal("sk_a_b")
    )
    Invitation.objects.create(
        team=owner.team, email="new@example.com", digest="d1935", expires_at=owner.key.created_at
    )
    owner.client.post(reverse("webhook_reveal"))


def secrets_of(owner) -> list[str]:
    owner.team.refresh_from_db()
    sealed = Connection.objects.values_list("key_sealed", flat=True)
    return [owner.key.digest, owner.secret, owner.team.webhook_secret_sealed, "d1935", "whsec_", *sealed]


@pytest.mark.usefixtures("_world")
def test_every_list_and_row_opens_and_shows_no_secret(operator, owner):
    for model, made in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages = [reverse(f"{name}_changelist"), reverse(f"{name}_changelist") + "?q=owner"]
        pages += [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()[:2]]
        for page in pages:
            if "?q=" in page and not made.search_fields:
                continue
            answer = operator.get(page)
            assert answer.status_code == 200, page
            for secret in secrets_of(owner):
                assert secret not in answer.content.decode(), (page, secret)


@pytest.mark.parametrize("name", ["apikey", "purse", "entry", "auditevent", "invitation"])
@pytest.mark.usefixtures("_world")
def test_money_keys_and_the_log_are_only_looked_at(operator, owner, name):
    row = admin.site._registry
    [model] = [model for model in row if model._meta.label_lower == f"accounts.{name}"]
    first = model._default_manager.first()
    assert operator.get(reverse(f"admin:accounts_{name}_add")).status_code == 403
    assert operator.post(reverse(f"admin:accounts_{name}_change", args=[first.pk]), {}).status_code == 403
    assert operator.post(reverse(f"admin:accounts_{name}_delete", args=[first.pk]), {}).status_code == 403


def act(operator: Client, model: str, action: str, *rows) -> str:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return operator.post(reverse(f"admin:{model}_changelist"), chosen, follow=True).content.decode()


def test_the_admins_actions_do_what_the_commands_do(operator, owner):
    assert "every session has ended" in act(operator, "accounts_user", "disable", owner.user)
    assert owner.client.get(reverse("history")).status_code == 302
    act(operator, "accounts_user", "enable", owner.user)
    assert "is switched off" in act(operator, "accounts_team", "disable", owner.team)
    assert keys.authenticate(owner.secret) is None
    act(operator, "accounts_team", "enable", owner.team)
    act(operator, "accounts_apikey", "revoke", owner.key)
    assert keys.authenticate(owner.secret) is None
    assert [action for action, _by in told()] == [
        "member.disable",
        "member.enable",
        "team.disable",
        "team.enable",
        "key.revoke",
    ]
    assert all(by for _action, by in told())


def test_an_operator_does_not_shut_themselves_out(operator):
    User.objects.create_superuser("second@example.com", "x")
    act(operator, "accounts_user", "disable", User.objects.get(email="root@example.com"))
    assert operator.get(reverse("admin:index")).status_code == 200


def test_a_job_is_canceled_and_paid_back(operator, owner):
    job = make_job(owner)
    assert "1 job is canceled" in act(operator, "jobs_job", "cancel", job)
    assert ledger.balances(owner.team).api.available == 1000


def test_the_grant_button_grants_once_however_often_it_is_pressed(operator, owner):
    page = reverse("admin:accounts_team_grant", args=[owner.team.pk])
    assert page in operator.get(reverse("admin:accounts_team_change", args=[owner.team.pk])).content.decode()
    [reference] = re.findall(r'name="reference" value="([^"]+)"', operator.get(page).content.decode())
    asked = {"purse": "user", "amount": "250", "note": "Sorry!", "reference": reference}
    for said in ("250 credits are granted", "granted already"):
        assert said in operator.post(page, asked, follow=True).content.decode()
    assert ledger.balances(owner.team).user.available == 1250
    assert Entry.objects.filter(note="Sorry!").count() == 1
    event = AuditEvent.objects.get(action="credits.grant")
    assert (event.by_operator, event.details["credits"]) == (True, 250)


@pytest.mark.parametrize("amount", ["0", "-1", "1e309", "NaN", "99999999999999999999"])
def test_the_grant_button_refuses_what_is_no_amount(operator, owner, amount):
    page = reverse("admin:accounts_team_grant", args=[owner.team.pk])
    asked = {"purse": "user", "amount": amount, "reference": uuid.uuid4()}
    assert operator.post(page, asked).status_code == 200
    assert ledger.balances(owner.team).user.available == 1000


def test_nobody_but_staff_grants(owner, stranger):
    page = reverse("admin:accounts_team_grant", args=[owner.team.pk])
    assert owner.client.post(page, {"purse": "user", "amount": "5"}).status_code == 302
    helper = User.objects.create_user("helper@example.com", PASSWORD, is_staff=True)
    client = Client()
    client.force_login(helper)  # an operator without the permission to change teams
    asked = {"purse": "user", "amount": "5", "reference": uuid.uuid4()}
    assert client.post(page, asked).status_code == 403
    assert ledger.balances(owner.team).user.available == 1000


def test_a_new_name_is_told(operator, owner):
    page = reverse("admin:accounts_team_change", args=[owner.team.pk])
    form = {
        "name": "Renamed",
        "concurrency": "",
        "purses-TOTAL_FORMS": 0,
        "purses-INITIAL_FORMS": 0,
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    assert operator.post(page, form).status_code == 302
    owner.team.refresh_from_db()
    assert owner.team.name == "Renamed"
    assert told() == [("team.rename", True)]


def test_a_teams_page_leads_to_its_rows_in_other_lists(operator, owner, stranger):
    page = operator.get(reverse("admin:accounts_team_change", args=[owner.team.pk])).content.decode()
    for name in ("accounts_apikey", "accounts_entry", "jobs_job", "accounts_auditevent"):
        [address] = re.findall(rf'<a href="({reverse(f"admin:{name}_changelist")}\?[^"]+)"', page)
        answer = operator.get(address)
        assert answer.status_code == 200
        assert "stranger" not in answer.content.decode()
