"""Invitations: who may offer and take a seat, how often, for how long, and once only."""

import threading
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts import audit, teams
from accounts.models import AuditEvent, Invitation, Membership, Role, User
from accounts.teams import invitations
from accounts.teams.invitation_pace import give_back
from tests.conftest import character

pytestmark = pytest.mark.django_db

WHO = audit.Who()


def invite(by, email="", role="member"):
    """The invitation's row and the digest that its link leads to."""
    invitation, token = invitations.invite(
        actor=by.membership, email=email, role=role, who=audit.Who(person=by.user)
    )
    return invitation, invitations.digest(token)


def accept(person, digest):
    return invitations.accept(token_digest=digest, user=person.user, who=audit.Who(person=person.user))


def five_minutes_later():
    cache.clear()  # where it is held that an address was written to


def age(invitation, **fields):
    Invitation.objects.filter(pk=invitation.pk).update(**fields)


@pytest.mark.parametrize("role", Role.values)
def test_every_offer_follows_the_table(owner, role):
    actor = character("actor@example.com", team=owner.team, role=role)
    for offered in Role.values:
        allowed = role == "owner" or (role == "admin" and offered != "owner")
        if allowed:
            invitation, _ = invite(actor, role=offered)
            assert invitation.role == offered
            continue
        with pytest.raises(PermissionDenied):
            invite(actor, role=offered)


def test_an_owners_offer_is_an_owners_to_renew_and_revoke(owner):
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    invitation, _ = invite(owner, role="owner")
    for work in (invitations.renew, invitations.revoke):
        with pytest.raises(PermissionDenied):
            work(actor=admin.membership, invitation_id=invitation.pk, who=WHO)


def test_the_token_is_long_and_only_its_digest_is_kept(owner):
    invitation, token = invitations.invite(actor=owner.membership, role="member", who=WHO)
    assert len(token) * 6 >= 128  # bits: each character of base64 holds six
    row = Invitation.objects.filter(pk=invitation.pk).values().get()
    assert token not in str(row)
    assert row["digest"] == invitations.digest(token)
    assert token not in str(list(AuditEvent.objects.values()))


def test_a_link_is_taken_once(owner, stranger):
    invitation, digest = invite(owner, role="viewer")
    seat = accept(stranger, digest)
    assert (seat.team, seat.role) == (owner.team, Role.VIEWER)
    invitation.refresh_from_db()
    assert invitation.accepted_by == stranger.user
    late = character("late@example.com")
    with pytest.raises(invitations.Over):
        accept(late, digest)
    assert not Membership.objects.filter(team=owner.team, user=late.user).exists()


def test_who_accepts_works_in_that_team_from_then_on(owner, stranger):
    accept(stranger, invite(owner)[1])
    person = User.objects.get(pk=stranger.user.pk)
    assert teams.current_membership(person).team == owner.team
    line = AuditEvent.objects.get(action="member.join")
    assert (line.team, line.person, line.subject) == (owner.team, person, person)


def test_who_is_in_the_team_leaves_the_seat_to_others(owner, teammate, stranger):
    _, digest = invite(owner, role="admin")
    with pytest.raises(invitations.AlreadyIn):
        accept(teammate, digest)
    assert Membership.objects.get(pk=teammate.membership.pk).role == Role.MEMBER
    assert accept(stranger, digest).role == Role.ADMIN


def test_a_mailed_one_is_for_its_address_alone(owner, stranger):
    _, digest = invite(owner, email="Ann@Example.com")
    with pytest.raises(invitations.NotYours):
        accept(stranger, digest)
    claimed = EmailAddress.objects.create(user=stranger.user, email="ann@example.com", verified=False)
    with pytest.raises(invitations.NotYours):
        accept(stranger, digest)
    claimed.verified = True
    claimed.save()
    assert accept(stranger, digest).team == owner.team


def test_a_mailed_one_is_accepted_by_the_account_of_its_address(owner, stranger):
    _, digest = invite(owner, email="STRANGER@example.com")
    assert accept(stranger, digest).user == stranger.user


@pytest.mark.parametrize("end", ["revoked", "expired", "renewed", "closed", "inviter_off", "inviter_gone"])
def test_what_has_ended_opens_nothing(owner, stranger, end):
    """Whoever made a link may still know it: it ends with their account."""
    inviter = character("inviter@example.com", team=owner.team, role=Role.ADMIN)
    invitation, digest = invite(inviter)
    if end == "revoked":
        invitations.revoke(actor=owner.membership, invitation_id=invitation.pk, who=WHO)
    elif end == "expired":
        age(invitation, expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "renewed":
        invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)
    elif end == "closed":
        owner.team.disabled_at = timezone.now()
        owner.team.save()
    elif end == "inviter_off":
        User.objects.filter(pk=inviter.user.pk).update(is_active=False)
    else:
        age(invitation, invited_by=None)
    found = invitations.find(digest)
    assert found is None or not found.is_open or end == "closed"
    with pytest.raises(invitations.Over):
        accept(stranger, digest)
    assert not Membership.objects.filter(team=owner.team, user=stranger.user).exists()


def test_the_term_follows_the_setting(owner, settings):
    settings.INVITATION_DAYS = 3
    invitation, _ = invite(owner)
    assert abs(invitation.expires_at - timezone.now() - timedelta(days=3)) < timedelta(minutes=1)


def test_one_that_ran_out_can_be_sent_again(owner, stranger):
    invitation, _ = invite(owner, email="stranger@example.com")
    age(invitation, expires_at=timezone.now() - timedelta(days=1))
    five_minutes_later()
    renewed, token = invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)
    assert renewed.is_open
    assert accept(stranger, invitations.digest(token)).team == owner.team
    with pytest.raises(invitations.Over):
        invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)


def test_another_teams_invitation_is_not_there(owner, stranger):
    invitation, _ = invite(owner)
    for work in (invitations.renew, invitations.revoke):
        with pytest.raises(Invitation.DoesNotExist):
            work(actor=stranger.membership, invitation_id=invitation.pk, who=WHO)


def test_an_address_is_forgotten_once_nobody_needs_it(owner, stranger):
    _, digest = invite(owner, email="stranger@example.com")
    accept(stranger, digest)
    revoked, _ = invite(owner, email="ann@example.com")
    invitations.revoke(actor=owner.membership, invitation_id=revoked.pk, who=WHO)
    assert set(Invitation.objects.values_list("email", flat=True)) == {""}
    assert "ann@example.com" not in str(list(AuditEvent.objects.values()))


def test_the_same_person_is_not_invited_twice(owner, teammate):
    invite(owner, email="ann@example.com")
    for email in ("ANN@example.com", "teammate@example.com"):
        with pytest.raises(teams.Refused):
            invite(owner, email=email)


def test_too_many_that_wait_are_refused(owner, settings):
    settings.INVITATIONS_OPEN_PER_TEAM = 2
    first, _ = invite(owner)
    invite(owner)
    with pytest.raises(teams.Refused):
        invite(owner)
    invitations.revoke(actor=owner.membership, invitation_id=first.pk, who=WHO)
    invite(owner)


def test_mail_is_bounded_by_the_hour_also_across_teams_and_after_revoking(owner, settings):
    settings.INVITATIONS_PER_HOUR = 3
    other = teams.make_another(name="Other", owner=owner.user, who=WHO)
    seat = Membership.objects.get(team=other, user=owner.user)
    who = audit.Who(person=owner.user)
    invitation, _ = invite(owner, email="ann@example.com")
    five_minutes_later()
    invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=who)
    invitations.revoke(actor=owner.membership, invitation_id=invitation.pk, who=who)
    five_minutes_later()
    invitations.invite(actor=seat, email="ann@example.com", role="member", who=who)
    with pytest.raises(teams.Refused):
        invitations.invite(actor=seat, email="bob@example.com", role="member", who=who)
    with pytest.raises(teams.Refused):
        invite(owner, email="bob@example.com")
    assert Invitation.objects.count() == 2


def test_one_address_is_not_written_to_twice_in_a_row(owner):
    invitation, _ = invite(owner, email="ann@example.com")
    with pytest.raises(teams.Refused):  # also before the first mail is out
        invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)
    five_minutes_later()
    invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)


def test_revoking_gains_no_second_mail_to_an_address_nor_does_another_team(owner, stranger):
    invitation, _ = invite(owner, email="ann@example.com")
    invitations.revoke(actor=owner.membership, invitation_id=invitation.pk, who=WHO)
    for inviter in (owner, stranger):
        with pytest.raises(teams.Refused, match="a moment ago"):
            invite(inviter, email="Ann@example.com")
    assert Invitation.objects.count() == 1


def test_what_was_refused_or_not_sent_holds_nobody_up(owner, teammate):
    with pytest.raises(teams.Refused, match="in the team already"):
        invite(owner, email="teammate@example.com")
    invitations.invite(actor=owner.membership, email="ann@example.com", role="member", who=WHO)
    give_back("ann@example.com")  # as when no mail server took it
    invitation = Invitation.objects.get()
    invitations.renew(actor=owner.membership, invitation_id=invitation.pk, who=WHO)


@pytest.mark.django_db(transaction=True)
def test_of_two_people_with_one_link_one_joins():
    host = character("host@example.com")
    guests = [character(f"guest{number}@example.com") for number in (0, 1)]
    _, digest = invite(host)
    barrier = threading.Barrier(2)
    results = []

    def run(guest):
        try:
            barrier.wait()
            results.append(accept(guest, digest).user_id)
        except invitations.Over:
            results.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(guest,)) for guest in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(None) == 1
    assert Membership.objects.filter(team=host.team).count() == 2
