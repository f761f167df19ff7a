"""Which team a person works in: the chosen one, another open one, or none."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit, ledger, teams
from accounts.models import AuditEvent, Membership, Role, Team, User
from accounts.teams import members
from tests.conftest import character

pytestmark = pytest.mark.django_db

WHO = audit.Who()


def works_in(person) -> Team | None:
    seat = teams.current_membership(User.objects.get(pk=person.user.pk))
    return seat and seat.team


def close(team, **fields):
    Team.objects.filter(pk=team.pk).update(**(fields or {"disabled_at": timezone.now()}))


def test_another_team_begins_without_credits(owner):
    team = teams.make_another(name="  Second ", owner=owner.user, who=audit.Who(person=owner.user))
    balances = ledger.balances(team)
    assert (team.name, balances.api.available, balances.user.available) == ("Second", 0, 0)
    assert works_in(owner) == team
    assert Membership.objects.get(team=team).role == Role.OWNER
    assert AuditEvent.objects.get(team=team).action == "team.create"


def test_the_number_of_owned_teams_is_bounded(owner, settings):
    settings.TEAMS_PER_PERSON = 2
    teams.make_another(name="Second", owner=owner.user, who=WHO)
    with pytest.raises(teams.Refused):
        teams.make_another(name="Third", owner=owner.user, who=WHO)
    assert Team.objects.count() == 2


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "a‮b", "win at https://x.example", "www.x.example"])
def test_a_name_that_would_mislead_is_refused(owner, name):
    with pytest.raises(teams.Refused):
        teams.make_another(name=name, owner=owner.user, who=WHO)
    with pytest.raises(teams.Refused):
        teams.rename(name=name, actor=owner.membership, who=WHO)


def test_renaming_is_recorded_once(owner):
    before = owner.team.name
    teams.rename(name="Owlworks", actor=owner.membership, who=WHO)
    teams.rename(name="Owlworks", actor=owner.membership, who=WHO)
    line = AuditEvent.objects.get(action="team.rename")
    assert (line.target, line.details) == ("Owlworks", {"before": before})


def test_the_choice_survives_signing_in_again(owner, stranger):
    Membership.objects.create(team=owner.team, user=stranger.user, role=Role.MEMBER)
    assert works_in(stranger) == stranger.team
    stranger.client.post(reverse("team_switch"), {"team": owner.team.pk})
    again = Client()
    again.force_login(stranger.user)
    assert again.get(reverse("history")).wsgi_request.team == owner.team


def test_nobody_switches_into_a_team_that_is_not_theirs(owner, stranger):
    for value in (owner.team.pk, "0", "x", "9" * 30, ""):
        assert stranger.client.post(reverse("team_switch"), {"team": value}).status_code == 404
    assert stranger.client.get(reverse("team_switch")).status_code == 405
    assert works_in(stranger) == stranger.team


def test_switching_leads_only_within_the_site(owner):
    for address in ("https://evil.example/", "//evil.example"):
        answer = owner.client.post(reverse("team_switch"), {"team": owner.team.pk, "next": address})
        assert answer["Location"] == reverse("history")


def test_a_closed_team_gives_way_to_another(owner, stranger):
    Membership.objects.create(team=owner.team, user=stranger.user, role=Role.MEMBER)
    teams.switch(stranger.user, owner.team.pk)
    close(owner.team)
    assert works_in(stranger) == stranger.team
    assert teams.switch(stranger.user, owner.team.pk) is None


@pytest.mark.parametrize("field", ["disabled_at", "deleted_at"])
def test_who_has_only_a_closed_team_is_told_so(owner, field):
    close(owner.team, **{field: timezone.now()})
    for name in ("history", "keys", "credits", "team"):
        answer = owner.client.get(reverse(name))
        assert (answer.status_code, answer["Location"]) == (302, reverse("teams"))
    page = owner.client.get(reverse("teams"))
    assert page.status_code == 200
    text = page.content.decode()
    assert ("is switched off by the operator" in text) is (field == "disabled_at")
    assert "You are in no team" in text
    for name in ("home", "docs"):
        assert owner.client.get(reverse(name)).status_code == 200


def test_a_removed_person_is_out_with_the_next_request(owner, teammate):
    assert teammate.client.get(reverse("history")).status_code == 200
    members.remove(actor=owner.membership, seat_id=teammate.membership.pk, who=WHO)
    answer = teammate.client.get(reverse("history"))
    # Their own first team is made now, since they never had one; nothing of the other is in it.
    assert answer.wsgi_request.team.first_of == teammate.user


def test_who_left_their_only_team_can_make_another_without_a_second_grant(owner, teammate):
    members.change_role(actor=owner.membership, seat_id=teammate.membership.pk, role="owner", who=WHO)
    owner.client.post(reverse("member_leave"))
    assert owner.client.get(reverse("history"))["Location"] == reverse("teams")
    assert owner.client.post(reverse("upload")).status_code == 302
    answer = owner.client.post(reverse("teams"), {"name": "Anew"})
    assert answer["Location"] == reverse("team")
    assert ledger.balances(works_in(owner)).api.available == 0


def test_a_page_that_polls_leads_who_lost_their_team_away(owner):
    close(owner.team)
    answer = owner.client.get(reverse("history_rows"), headers={"hx-request": "true"})
    assert answer["HX-Redirect"] == reverse("teams")


def test_a_form_of_the_team_before_does_nothing_in_the_one_after(owner):
    """Two windows: in one the team is switched, in the other the form of the first team is sent."""
    page = owner.client.get(reverse("keys")).content.decode()
    assert f'name="for_team" value="{owner.team.pk}"' in page
    second = teams.make_another(name="Second", owner=owner.user, who=WHO)
    form = {"name": "nightly", "for_team": owner.team.pk}
    back = {"referer": f"http://testserver{reverse('keys')}"}
    answer = owner.client.post(reverse("keys"), form, headers=back)
    assert answer["Location"].endswith(reverse("keys"))
    page = owner.client.get(answer["Location"]).content.decode()
    assert "Nothing was done: you have switched to Second" in page
    assert not second.api_keys.exists()
    owner.client.post(reverse("keys"), {**form, "for_team": second.pk})
    assert second.api_keys.exists()


def test_a_form_that_does_not_say_its_team_does_nothing_unless_it_names_a_row(owner):
    page = owner.client.get(reverse("webhooks"))
    assert page.status_code == 200
    browser = Client()
    browser.force_login(owner.user)
    second = teams.make_another(name="Second", owner=owner.user, who=WHO)
    answer = browser.post(reverse("webhook_reveal"))
    assert answer["Location"] == reverse("history")
    assert teams.webhook_secret(second) not in answer.content.decode()
    assert not AuditEvent.objects.filter(action="webhook.reveal").exists()
    assert browser.post(reverse("key_revoke", args=[owner.key.pk])).status_code == 404


def test_a_lower_role_counts_with_the_next_request(owner):
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    assert admin.client.post(reverse("keys"), {"name": "one"}).status_code == 200
    members.change_role(actor=owner.membership, seat_id=admin.membership.pk, role="viewer", who=WHO)
    assert admin.client.post(reverse("keys"), {"name": "two"}).status_code == 403


def test_the_frame_reads_the_teams_once(owner, django_assert_max_num_queries):
    teams.make_another(name="Second", owner=owner.user, who=WHO)
    with django_assert_max_num_queries(12):
        owner.client.get(reverse("history"))
