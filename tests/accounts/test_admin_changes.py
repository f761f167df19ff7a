"""What an operator changes in the admin: by the services' rules, told in the team's log, and nothing beside it."""

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import audit, operators
from accounts.admin.people import UserAdmin
from accounts.audit import Who
from accounts.models import AuditEvent, Team, User
from accounts.teams import Refused
from tests.conftest import PASSWORD, character

NO_SEATS = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
NO_ROWS = {"purses-TOTAL_FORMS": 0, "purses-INITIAL_FORMS": 0, **NO_SEATS}


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


@pytest.fixture
def operator(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


def change(operator: Client, team: Team, **fields):
    page = reverse("admin:accounts_team_change", args=[team.pk])
    return operator.post(page, {"name": team.name, "concurrency": "", **NO_ROWS, **fields})


def told() -> list[tuple[str, dict]]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", "details"))


@pytest.mark.parametrize("name", ["go to http://evil.example/x", "  "])
def test_name_that_is_none_is_refused_with_a_sentence(operator, owner, name):
    answer = change(operator, owner.team, name=name)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    owner.team.refresh_from_db()
    assert owner.team.name != name
    assert told() == []


def test_old_name_that_breaks_the_rules_keeps_nothing_else_from_being_changed(operator, owner):
    Team.objects.filter(pk=owner.team.pk).update(name="see http://old.example")
    owner.team.refresh_from_db()
    assert change(operator, owner.team, concurrency="3").status_code == 302
    assert Team.objects.get(pk=owner.team.pk).concurrency == 3


def test_jobs_at_once_are_changed_and_told(operator, owner):
    before = owner.team.name
    change(operator, owner.team, concurrency="3")
    change(operator, owner.team, concurrency="3")
    change(operator, owner.team, concurrency="")
    owner.team.refresh_from_db()
    assert (owner.team.name, owner.team.concurrency) == (before, None)
    assert told() == [
        ("team.concurrency", {"before": None, "after": 3}),
        ("team.concurrency", {"before": 3, "after": None}),
    ]


def test_deleted_team_is_changed_no_more(owner):
    team = owner.team
    Team.objects.filter(pk=team.pk).update(deleted_at=team.created_at, name="")
    assert not operators.rename_team(team, name="Another")
    assert not operators.set_concurrency(team, concurrency=2)
    assert Team.objects.get(pk=team.pk).name == ""
    assert told() == []


def test_late_save_of_a_person_switches_nobody_on_again(root, owner):
    """The page was opened, somebody switched the account off, and then the page was saved."""
    page = UserAdmin(User, None)
    request = RequestFactory().post("/")
    request.user = root
    opened = User.objects.get(pk=owner.user.pk)
    form = page.get_form(request, opened)({"name": "Renamed"}, instance=opened)
    assert form.is_valid()
    operators.disable_person(owner.user)
    page.save_model(request, form.instance, form, change=True)
    owner.user.refresh_from_db()
    assert (owner.user.name, owner.user.is_active) == ("Renamed", False)


@pytest.mark.parametrize("act", [operators.disable_person, operators.enable_person])
def test_superuser_is_a_superusers_affair_and_nobody_is_their_own(root, owner, act):
    staff = Who(person=owner.user, by_operator=True)
    with pytest.raises(Refused, match="left as it is"):
        act(root, who=staff)
    with pytest.raises(Refused, match="left as it is"):
        act(owner.user, who=staff)
    second = User.objects.create_superuser("second@example.com", PASSWORD)
    assert operators.disable_person(second, who=Who(person=root, by_operator=True))
    assert operators.enable_person(second, who=audit.OPERATOR)


def test_pages_cost_the_same_however_many_seats_there_are(operator, owner):
    pages = [
        reverse("admin:accounts_team_change", args=[owner.team.pk]),
        reverse("admin:accounts_user_change", args=[owner.user.pk]),
    ]

    def costs() -> list[int]:
        found = []
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(page).status_code == 200
            found.append(len(queries))
        return found

    costs()
    before = costs()
    for number in range(5):
        character(f"more{number}@example.com", team=owner.team)
        operators.create_team(name=f"Team {number}", owner=owner.user)
    assert costs() == before
