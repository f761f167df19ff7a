"""The pages of a team, of its people and of invitations."""

import re
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import access, audit
from accounts.models import AuditEvent, Invitation, Membership, Role, Team, User
from accounts.teams import invitations, members
from accounts.teams.invitation_pace import give_back
from tests.accounts.signing_in import mailed_code
from tests.accounts.signing_in import production as production
from tests.conftest import PASSWORD, character
from tests.jobs.making import make_job

pytestmark = pytest.mark.django_db

WHO = audit.Who()
LINK = re.compile(r"http://\S+/join/([\w-]+)")


@pytest.fixture
def admin(owner):
    return character("admin@example.com", team=owner.team, role=Role.ADMIN)


@pytest.fixture
def viewer(owner):
    return character("viewer@example.com", team=owner.team, role=Role.VIEWER)


def text(answer) -> str:
    return answer.content.decode()


def open_link(client, path_or_url):
    """As a browser does that was sent to it: the clean page behind the redirect."""
    answer = client.get(path_or_url)
    assert (answer.status_code, answer["Location"]) == (302, reverse("join"))
    assert answer["Referrer-Policy"] == "no-referrer"
    return client.get(answer["Location"])


def link_to(by, **kwargs) -> str:
    kwargs = {"role": "member", **kwargs}
    _, token = invitations.invite(actor=by.membership, who=audit.Who(person=by.user), **kwargs)
    return reverse("join_link", args=[token])


def test_the_team_page_prints_the_rules(owner):
    page = text(owner.client.get(reverse("team")))
    for line in access.table():
        row = re.search(
            rf"<th scope=\"row\">{re.escape(line.words)}</th>(.*?)</tr>", page.replace("&#x27;", "'"), re.S
        )
        assert row, line.words
        cells = [">yes<" in cell for cell in row[1].split("</td>")[:-1]]
        assert cells == [*line.roles, line.key]


def test_each_role_sees_the_people_and_what_is_theirs_to_change(owner, admin, teammate, viewer):
    for person, offers in ((owner, True), (admin, True), (teammate, False), (viewer, False)):
        page = text(person.client.get(reverse("team")))
        for each in (owner, admin, teammate, viewer):
            assert each.user.email in page
        assert (reverse("invitation_new") in page) is offers
        assert (reverse("member_role", args=[teammate.membership.pk]) in page) is offers
        assert (reverse("member_role", args=[owner.membership.pk]) in page) is False
        assert (reverse("team_transfer", args=[teammate.membership.pk]) in page) is (person is owner)
        assert (reverse("team_delete") in page) is (person is owner)
    page = text(admin.client.get(reverse("team")))
    assert reverse("member_remove", args=[owner.membership.pk]) not in page
    assert 'value="owner"' not in page


def test_an_admin_cannot_touch_an_owner(owner, admin):
    for name in ("member_role", "member_remove", "team_transfer"):
        answer = admin.client.post(reverse(name, args=[owner.membership.pk]), {"role": "viewer"})
        assert answer.status_code == 403
    assert admin.client.post(reverse("invitation_new"), {"role": "owner", "by": "link"}).status_code == 422
    assert (
        admin.client.post(reverse("member_role", args=[admin.membership.pk]), {"role": "owner"}).status_code
        == 403
    )
    assert Membership.objects.get(pk=owner.membership.pk).role == Role.OWNER


def test_a_stranger_finds_neither_people_nor_invitations(owner, teammate, stranger):
    invitation, _ = invitations.invite(actor=owner.membership, role="member", who=WHO)
    for name in ("member_role", "member_remove", "team_transfer"):
        path = reverse(name, args=[teammate.membership.pk])
        assert stranger.client.post(path, {"role": "viewer"}).status_code == 404
    for name in ("invitation_renew", "invitation_revoke"):
        assert stranger.client.post(reverse(name, args=[invitation.pk])).status_code == 404
    assert owner.team.name not in text(stranger.client.get(reverse("team")))


def test_renaming(owner, teammate):
    assert owner.client.post(reverse("team_rename"), {"name": "Owlworks"}).status_code == 302
    assert Team.objects.get(pk=owner.team.pk).name == "Owlworks"
    assert owner.client.post(reverse("team_rename"), {"name": " "}).status_code == 422
    assert teammate.client.post(reverse("team_rename"), {"name": "Mine"}).status_code == 403


def test_a_name_is_shown_and_not_run(owner):
    owner.client.post(reverse("team_rename"), {"name": "<script>alert(1)</script> {{7*7}}"})
    page = text(owner.client.get(reverse("team")))
    assert "<script>alert(1)" not in page
    assert "{{7*7}}" in page


def test_removing_says_what_stays_and_counts_the_keys(owner, teammate):
    path = reverse("member_remove", args=[teammate.membership.pk])
    page = text(owner.client.get(path))
    assert "1 API key that they made stays in use" in page
    assert reverse("keys") in page
    owner.client.post(path)
    assert not Membership.objects.filter(pk=teammate.membership.pk).exists()
    assert owner.client.get(path).status_code == 404


def test_the_last_owner_is_told_why_they_cannot_leave(owner, teammate):
    answer = owner.client.post(reverse("member_leave"), follow=True)
    assert "A team needs an owner" in text(answer)
    owner.client.post(reverse("team_transfer", args=[teammate.membership.pk]))
    assert owner.client.post(reverse("member_leave"))["Location"] == reverse("teams")
    assert AuditEvent.objects.filter(action="member.leave", person=owner.user).exists()


def test_a_mailed_invitation_reaches_its_address_and_no_page(owner):
    answer = owner.client.post(
        reverse("invitation_new"), {"email": "Ann@example.com", "role": "member", "by": "mail"}, follow=True
    )
    [sent] = mail.outbox
    assert sent.to == ["ann@example.com"]
    assert owner.user.email in sent.subject
    token = LINK.search(sent.body)[1]
    assert token not in text(answer)
    assert Invitation.objects.get().sent_at
    assert "ann@example.com" in text(answer)


def test_a_mail_is_in_the_language_of_who_has_an_account(owner, stranger):
    User.objects.filter(pk=stranger.user.pk).update(language="ru")
    form = {"email": "stranger@example.com", "role": "member", "by": "mail"}
    owner.client.post(reverse("invitation_new"), form)
    owner.client.post(
        reverse("invitation_new"), {**form, "email": "new@example.com"}, headers={"accept-language": "en"}
    )
    assert [message.to for message in mail.outbox] == [["stranger@example.com"], ["new@example.com"]]
    assert "invites you" in mail.outbox[1].subject


def test_a_mail_that_cannot_be_sent_shows_its_link_once(owner, settings, unused_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    form = {"email": "ann@example.com", "role": "member", "by": "mail"}
    answer = owner.client.post(reverse("invitation_new"), form)
    assert "could not be sent" in text(answer)
    token = LINK.search(text(answer))[1]
    assert invitations.find(invitations.digest(token)).email == "ann@example.com"
    later = text(owner.client.get(reverse("team")))
    assert "Not sent" in later
    assert "/join/" not in later


def test_a_link_is_shown_once_and_never_kept_by_the_browser(owner):
    answer = owner.client.post(reverse("invitation_new"), {"role": "viewer", "by": "link", "email": ""})
    token = LINK.search(text(answer))[1]
    assert "no-store" in answer["Cache-Control"]
    assert invitations.find(invitations.digest(token)).role == Role.VIEWER
    assert "/join/" not in text(owner.client.get(reverse("team")))


@pytest.mark.parametrize(
    "email", ["", "not an address", "a@example.com, b@example.com", "x" * 300 + "@example.com"]
)
def test_what_is_no_address_is_refused(owner, email):
    answer = owner.client.post(reverse("invitation_new"), {"email": email, "role": "member", "by": "mail"})
    assert answer.status_code == 422
    assert not mail.outbox


def test_sending_again_ends_the_earlier_link(owner, stranger):
    first = link_to(owner, email="stranger@example.com")
    invitation = Invitation.objects.get()
    give_back(invitation.email)  # of the first, no mail went out
    owner.client.post(reverse("invitation_renew", args=[invitation.pk]))
    second = LINK.search(mail.outbox[0].body)[0]
    assert open_link(stranger.client, first).status_code == 404
    assert open_link(stranger.client, second).status_code == 200
    again = owner.client.post(reverse("invitation_renew", args=[invitation.pk]), follow=True)
    assert "a moment ago" in text(again)
    assert len(mail.outbox) == 1


def test_revoking_asks_and_ends(owner, stranger):
    link = link_to(owner)
    path = reverse("invitation_revoke", args=[Invitation.objects.get().pk])
    assert owner.client.get(path).status_code == 200
    owner.client.post(path)
    page = open_link(stranger.client, link)
    assert page.status_code == 410
    assert "It was revoked" in text(page)
    assert owner.team.name not in text(page)
    assert owner.client.post(path).status_code == 404


def test_opening_a_link_changes_nothing(owner, stranger):
    """Mail scanners open links."""
    link = link_to(owner)
    for client in (Client(), stranger.client):
        for _ in range(2):
            assert open_link(client, link).status_code == 200
        client.head(link)
    assert Invitation.objects.get().is_open
    assert Membership.objects.filter(team=owner.team).count() == 1


def test_a_visitor_sees_who_invites_to_what(owner):
    page = text(open_link(Client(), link_to(owner, email="ann@example.com", role="viewer")))
    for words in (owner.team.name.replace("'", "&#x27;"), owner.user.email, "Viewer", "a…@example.com"):
        assert words in page
    assert "next=%2Fjoin" in page


def test_the_token_is_in_no_page(owner, stranger):
    link = link_to(owner)
    token = link.rpartition("/")[2]
    for client in (Client(), stranger.client):
        page = open_link(client, link)
        assert token not in text(page)
        # Its own address is clean. Without a referrer a browser sends "Origin: null" with the form, which is refused.
        assert page["Referrer-Policy"] == "same-origin"


def test_an_existing_account_joins(owner, stranger):
    open_link(stranger.client, link_to(owner, role="admin"))
    answer = stranger.client.post(reverse("join"))
    assert answer["Location"] == reverse("team")
    page = stranger.client.get(reverse("team"))
    assert page.wsgi_request.team == owner.team
    assert "Welcome to" in text(page)
    assert reverse("team_switch") in text(page)
    assert stranger.client.post(reverse("join")).status_code == 404


def test_somebody_else_is_told_for_whom_it_is_and_can_sign_in_again(owner, stranger):
    ann = character("ann@example.com")
    link = link_to(owner, email="ann@example.com")
    page = open_link(stranger.client, link)
    assert page.status_code == 403
    assert "a…@example.com" in text(page)
    assert stranger.client.post(reverse("join")).status_code == 403
    answer = stranger.client.post(reverse("join"), {"other": "1"})
    assert answer["Location"].startswith(reverse("account_login"))
    assert not stranger.client.get(reverse("join")).wsgi_request.user.is_authenticated
    form = {"login": ann.user.email, "password": PASSWORD, "next": reverse("join")}
    assert stranger.client.post(reverse("account_login"), form)["Location"] == reverse("join")
    assert stranger.client.post(reverse("join"))["Location"] == reverse("team")
    assert Membership.objects.filter(team=owner.team, user=ann.user).exists()


def test_a_new_account_comes_back_to_accept(owner):
    client = Client()
    page = open_link(client, link_to(owner, email="new@example.com"))
    signup = re.search(r'href="([^"]*signup[^"]*email[^"]*)"', text(page))[1].replace("&amp;", "&")
    assert 'value="new@example.com"' in text(client.get(signup))
    form = {"email": "new@example.com", "password1": "a long enough one", "password2": "a long enough one"}
    answer = client.post(signup, {**form, "next": reverse("join")})
    assert answer["Location"] == reverse("join")
    assert client.post(reverse("join"))["Location"] == reverse("team")
    person = User.objects.get(email="new@example.com")
    assert set(person.memberships.values_list("team__first_of", "role")) == {
        (person.pk, "owner"),
        (owner.user.pk, "member"),
    }


def test_a_new_account_comes_back_after_it_has_confirmed_its_address(owner, production):
    client = Client()
    open_link(client, link_to(owner, email="new@example.com"))
    form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD, "next": reverse("join")}
    answer = client.post(reverse("account_signup"), form)
    assert not Membership.objects.filter(team=owner.team, user__email="new@example.com").exists()
    answer = client.post(answer["Location"], {"code": mailed_code()})
    assert answer["Location"] == reverse("join")
    assert client.post(reverse("join"))["Location"] == reverse("team")


def test_no_token_is_logged(owner, stranger, caplog):
    caplog.set_level(0)
    tokens = ["x" * 32]
    for end in ({}, {"revoked_at": timezone.now()}, {"expires_at": timezone.now()}):
        link = link_to(owner)
        tokens.append(link.rpartition("/")[2])
        Invitation.objects.filter(digest=invitations.digest(tokens[-1])).update(**end or {"email": ""})
    for token in tokens:
        for client in (Client(), stranger.client):
            client.get(reverse("join_link", args=[token]), follow=True)
            client.post(reverse("join"))
        assert token not in caplog.text


def test_accepting_wants_somebody_signed_in(owner):
    client = Client()
    open_link(client, link_to(owner))
    assert client.post(reverse("join"))["Location"].startswith(reverse("account_login"))
    assert Client().post(reverse("join"))["Location"].startswith(reverse("account_login"))
    assert Invitation.objects.get().is_open


def test_accepting_wants_a_token_of_the_form(owner, stranger):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(stranger.user)
    open_link(strict, link_to(owner))
    assert strict.post(reverse("join")).status_code == 403
    assert strict.post(reverse("team_switch"), {"team": stranger.team.pk}).status_code == 403


@pytest.mark.parametrize("token", ["x", "a" * 5000, "%00", "..%2f..", "é"])
def test_a_link_that_is_none_leads_to_a_sentence(token):
    client = Client()
    answer = client.get(f"/join/{token}", follow=True)
    assert answer.status_code == 404
    assert "sessionid" not in client.cookies


def test_a_link_that_ran_out_says_when(owner, stranger):
    link = link_to(owner)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    page = open_link(stranger.client, link)
    assert page.status_code == 410
    assert "It ran out" in text(page)
    assert stranger.client.post(reverse("join")).status_code == 410


def test_who_is_in_the_team_is_led_there(owner, teammate):
    page = open_link(teammate.client, link_to(owner))
    assert "already" in text(page)
    assert teammate.client.post(reverse("join")).status_code == 200
    assert Invitation.objects.get().is_open


def test_a_viewer_is_told_what_they_cannot_do(viewer):
    page = text(viewer.client.get(reverse("generate", args=["lipsync-image"])))
    assert "Your role in this team may look and not submit." in page
    assert reverse("keys") not in text(viewer.client.get(reverse("history")))


def test_a_link_to_another_of_ones_teams_offers_to_switch_and_to_nobody_else(owner, stranger):
    job = make_job(owner)
    path = reverse("job", args=[job.pk])
    foreign, unknown = (
        text(stranger.client.get(each)).partition("<main")[2].partition("</main>")[0]
        for each in (path, reverse("job", args=[uuid.uuid4()]))
    )
    assert foreign == unknown
    Membership.objects.create(team=owner.team, user=stranger.user, role=Role.VIEWER)
    page = stranger.client.get(path)
    assert page.status_code == 404
    assert "This is in another of your teams" in text(page)
    form = {"team": owner.team.pk, "next": path}
    assert stranger.client.post(reverse("team_switch"), form)["Location"] == path
    assert stranger.client.get(path).status_code == 200


def test_work_belongs_to_the_team_that_it_was_made_in(owner, stranger):
    Membership.objects.create(team=owner.team, user=stranger.user, role=Role.MEMBER)
    shared, own = make_job(owner), make_job(stranger)
    stranger.client.post(reverse("team_switch"), {"team": owner.team.pk})
    assert stranger.client.get(reverse("job", args=[shared.pk])).status_code == 200
    assert stranger.client.get(reverse("job", args=[own.pk])).status_code == 404
    members.leave(actor=Membership.objects.get(team=owner.team, user=stranger.user), who=WHO)
    assert stranger.client.get(reverse("job", args=[shared.pk])).status_code == 404
    assert stranger.client.get(reverse("job", args=[own.pk])).status_code == 200
