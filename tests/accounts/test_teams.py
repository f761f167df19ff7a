"""First teams."""

import pytest
from django.core.management import CommandError, call_command

from accounts import keys, ledger
from accounts.models import Entry, Membership, Team, User
from accounts.teams import first_team, webhook_secret

pytestmark = pytest.mark.django_db


def test_the_first_team_and_its_grant_come_once_a_person(owner, settings):
    assert first_team(owner.user) == owner.team
    assert Team.objects.count() == 1
    assert Entry.objects.filter(kind="grant").count() == 2


def test_the_starting_grant_follows_the_settings(settings):
    settings.STARTING_API_CREDITS, settings.STARTING_USER_CREDITS = 7, 0
    balances = ledger.balances(first_team(User.objects.create_user("new@example.com")))
    assert (balances.api.available, balances.user.available) == (7, 0)


def test_the_signing_secret_is_stored_encrypted(owner):
    secret = webhook_secret(owner.team)
    assert secret.startswith("whsec_")
    assert secret not in owner.team.webhook_secret_sealed


def test_signing_up_makes_the_team(client):
    form = {"email": "Ann@Example.com", "password1": "a long enough one", "password2": "a long enough one"}
    response = client.post("/accounts/signup/", form)
    assert response.status_code == 302
    team = Team.objects.get(first_of__email="ann@example.com")
    assert team.memberships.get().role == "owner"


def test_issue_key_makes_what_is_missing_and_prints_the_key_last(capsys):
    call_command("issue_key", "--email", "New@example.com", "--name", "script")
    plaintext = capsys.readouterr().out.splitlines()[-1]
    key = keys.authenticate(plaintext)
    assert (key.name, key.team.first_of.email) == ("script", "new@example.com")
    call_command("issue_key", "--email", "new@example.com")
    again = keys.authenticate(capsys.readouterr().out.splitlines()[-1])
    assert again.team == key.team
    assert again != key


def test_issue_key_puts_none_on_a_team_that_is_gone(owner):
    Membership.objects.filter(user=owner.user).delete()
    with pytest.raises(CommandError, match="in no open team"):
        call_command("issue_key", "--email", "owner@example.com")


def test_grant_credits_grants_to_a_team(owner, capsys):
    call_command("grant_credits", "owner@example.com", "api", "50", "--reference", "order 1")
    call_command("grant_credits", str(owner.team.pk), "api", "50", "--reference", "order 1")
    assert ledger.balances(owner.team).api.available == 1050
    assert "nothing changed" in capsys.readouterr().out
