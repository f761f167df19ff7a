"""Names of people and teams: none is read as an address, or turns what stands beside it around."""

import pytest
from django.core import mail
from django.urls import reverse

from accounts import adapter, audit, names, teams
from accounts.models import Team, User
from accounts.teams import invitation_mail, invitations

BAD = [
    "Visit https://evil.example/x",
    "evil.com",
    "https:evil.com",
    "www.evil",
    "evil\uff0ecom",  # fullwidth full stop
    "\uff45\uff56\uff49\uff4c.\uff43\uff4f\uff4d",  # fullwidth letters
    "https:\uff0f\uff0fevil",  # fullwidth slashes
    "evil\u3002com",  # ideographic full stop
    "1.2.3.4/x",
    "mailto:a@evil.com",
    "Ann\r\nBcc: x@example.com",
    "Ann\u202eevila",  # turns the rest around
]
GOOD = ["Ann", "J. R. R. Tolkien", "Dr. Müller", "Анна-Мария", "Team v1.2", "יעל", "O'Neil & Sons (2026)"]


@pytest.mark.parametrize("name", BAD)
def test_name_that_misleads_is_refused_for_teams_and_people(owner, name):
    with pytest.raises(teams.Refused):
        teams.check_name(name)
    answer = owner.client.post(reverse("account_profile"), {"name": name, "language": "en"})
    assert answer.context["form"].errors["name"]
    owner.user.refresh_from_db()
    assert owner.user.name == ""


@pytest.mark.parametrize("name", GOOD)
def test_name_as_people_have_it_is_taken(name):
    assert teams.check_name(f" {name} ") == name


@pytest.mark.parametrize("name", BAD)
def test_misleading_name_of_another_site_is_dropped(name):
    class Login:
        user = User()

    data = {"email": "ann@example.com", "name": name}
    assert adapter.SocialAccountAdapter().populate_user(None, Login(), data).name == ""


@pytest.mark.parametrize(
    ("name", "email", "team"),
    [
        ("Ann Lee", "x@example.com", "Ann Lee's team"),
        ("", "ann.lee@example.com", "ann lee's team"),
        ("Visit evil.com", "ann@example.com", "ann's team"),
        ("Ann\r\nBcc: x", "mailto:x@example.com", "Team"),
    ],
)
def test_first_team_is_called_by_nothing_that_misleads(db, name, email, team):
    assert names.of_first_team(User(name=name, email=email)) == team


def test_line_break_in_an_old_name_breaks_no_mail(owner, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Team.objects.filter(pk=owner.team.pk).update(name="Ann\r\nBcc: x@example.com")
    invitation, token = invitations.invite(
        actor=owner.membership, email="new@example.com", role="member", who=audit.Who(person=owner.user)
    )
    assert invitation_mail.send(invitation, token, inviter=owner.user)
    assert mail.outbox[0].recipients() == ["new@example.com"]
