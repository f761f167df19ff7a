"""The pages on which a team and an account are deleted: they ask who it is, and say what will happen."""

import pytest
from django.urls import reverse

from accounts.models import Membership, Role, Team, User
from accounts.teams import create_team
from tests.conftest import PASSWORD, character
from tests.jobs.making import make_job

TEAM, ACCOUNT = "team_delete", "account_delete"


def confirmed(actor) -> None:
    """They have just given their password."""
    assert actor.client.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("name", [TEAM, ACCOUNT])
def test_the_password_is_asked_for_again_first(owner, name):
    for answer in (owner.client.get(reverse(name)), owner.client.post(reverse(name), {"typed": "x"})):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
    again = f"{reverse('account_reauthenticate')}?next={reverse(name)}"
    answer = owner.client.post(again, {"password": PASSWORD}, follow=True)
    assert answer.status_code in (200, 422)
    assert "cannot be undone" in answer.content.decode()
    assert Team.objects.get(pk=owner.team.pk).deleted_at is None


def test_the_teams_page_says_what_goes_in_numbers(owner, teammate):
    make_job(owner)
    confirmed(owner)
    page = owner.client.get(reverse(TEAM)).content.decode()
    for words in (
        "2 people are in this team",
        "1 unfinished job is canceled",
        "1 job goes from the history",
        "2 API keys are revoked",
        "990 API credits and 1,000 user credits",
        "the ledger, the two purses and the purchases",
    ):
        assert words in page, words


@pytest.mark.parametrize("typed", ["", "Somebody else's team", "owner"])
def test_nothing_happens_until_the_name_is_typed(owner, typed):
    confirmed(owner)
    assert owner.client.post(reverse(TEAM), {"typed": typed}).status_code == 422
    assert Team.objects.get(pk=owner.team.pk).deleted_at is None


def test_the_typed_name_deletes_the_team(owner, teammate, django_capture_on_commit_callbacks):
    confirmed(owner)
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner.client.post(reverse(TEAM), {"typed": " Owner's TEAM "}, follow=True)
    assert "is deleted" in answer.content.decode()
    assert Team.objects.get(pk=owner.team.pk).deleted_at
    # They keep their account, and are not given a first team again, with its credits.
    assert owner.client.get(reverse("history"), follow=True).resolver_match.url_name == "teams"
    assert Team.objects.filter(deleted_at=None, memberships__user=owner.user).count() == 0


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_nobody_but_an_owner_opens_the_teams_page(owner, role):
    other = character("other@example.com", team=owner.team, role=role)
    confirmed(other)
    assert other.client.get(reverse(TEAM)).status_code == 403
    assert other.client.post(reverse(TEAM), {"typed": "owner's team"}).status_code == 403


def test_the_accounts_page_names_each_team_and_what_becomes_of_it(owner, teammate, stranger):
    Membership.objects.create(team=owner.team, user=stranger.user, role=Role.ADMIN)
    confirmed(stranger)
    page = stranger.client.get(reverse(ACCOUNT)).content.decode()
    stays, ends = page.index("You leave these teams"), page.index("yours alone")
    assert stays < page.index("owner&#x27;s team", stays) < ends < page.index("stranger&#x27;s team", ends)


def test_the_last_owner_is_told_what_to_do_first(owner, teammate):
    confirmed(owner)
    page = owner.client.get(reverse(ACCOUNT)).content.decode()
    assert "last owner" in page
    assert "for ever" not in page
    assert owner.client.post(reverse(ACCOUNT), {"typed": owner.user.email}).status_code == 422
    assert User.objects.filter(pk=owner.user.pk).exists()


def test_the_typed_address_deletes_the_account(owner, django_capture_on_commit_callbacks):
    confirmed(owner)
    assert owner.client.post(reverse(ACCOUNT), {"typed": "somebody@example.com"}).status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner.client.post(reverse(ACCOUNT), {"typed": "OWNER@example.com"}, follow=True)
    assert "Your account is deleted" in answer.content.decode()
    assert not User.objects.filter(pk=owner.user.pk).exists()
    assert owner.client.get(reverse("history")).status_code == 302


def test_a_deletion_that_waited_for_the_password_stays_with_its_team(owner):
    """allauth sends the form once more by itself, after the person switched to a team of the same name elsewhere."""
    other = create_team(name=owner.team.name, owner=owner.user)
    asked = owner.client.post(reverse(TEAM), {"typed": owner.team.name, "for_team": owner.team.pk})
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    owner.client.post(reverse("team_switch"), {"team": other.pk})
    owner.client.post(asked["Location"], {"password": PASSWORD}, follow=True)
    assert User.objects.get().current_team == other
    assert Team.objects.exclude(deleted_at=None).count() == 0
