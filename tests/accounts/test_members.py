"""The people of a team: every change of a role by every role, and the last owner, also when two leave at once."""

import threading

import pytest
from django.core.exceptions import PermissionDenied

from accounts import audit, teams
from accounts.models import AuditEvent, Invitation, Membership, Role
from accounts.teams import invitations, members
from tests.conftest import character
from tests.racing import at_once

pytestmark = pytest.mark.django_db

WHO = audit.Who()
# Who may make a person of the first role one of the second, put by itself and not read from access.RULES.
OWNER_ONLY = {("owner", new) for new in Role.values} | {(old, "owner") for old in Role.values}
CHANGES = [(old, new) for old in Role.values for new in Role.values]


def may_change(actor: str, old: str, new: str) -> bool:
    return actor == "owner" or (actor == "admin" and (old, new) not in OWNER_ONLY)


def outcome(work) -> bool:
    try:
        work()
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize("role", Role.values)
def test_every_change_of_a_role_follows_the_table(owner, role):
    actor = character("actor@example.com", team=owner.team, role=role).membership
    seat = character("subject@example.com", team=owner.team).membership
    for old, new in CHANGES:
        Membership.objects.filter(pk=seat.pk).update(role=old)
        done = outcome(lambda new=new: members.change_role(actor=actor, seat_id=seat.pk, role=new, who=WHO))
        seat.refresh_from_db()
        assert (done, seat.role) == (
            may_change(role, old, new),
            new if may_change(role, old, new) else old,
        ), (old, new)


@pytest.mark.parametrize("role", Role.values)
def test_every_removal_follows_the_table(owner, role):
    actor = character("actor@example.com", team=owner.team, role=role).membership
    for number, old in enumerate(Role.values):
        seat = character(f"subject{number}@example.com", team=owner.team, role=old).membership
        done = outcome(lambda seat=seat: members.remove(actor=actor, seat_id=seat.pk, who=WHO))
        assert done is may_change(role, old, "member")
        assert Membership.objects.filter(pk=seat.pk).exists() is not done


@pytest.mark.parametrize("role", Role.values)
def test_nobody_raises_their_own_role(owner, role):
    actor = character("actor@example.com", team=owner.team, role=role).membership
    rank = Role.values.index(role)
    for higher in Role.values[:rank]:
        assert not outcome(
            lambda higher=higher: members.change_role(actor=actor, seat_id=actor.pk, role=higher, who=WHO)
        )
    actor.refresh_from_db()
    assert actor.role == role


def test_only_an_owner_hands_the_team_over(owner, teammate):
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN).membership
    for actor in (admin, teammate.membership):
        with pytest.raises(PermissionDenied):
            members.transfer(actor=actor, seat_id=teammate.membership.pk, who=WHO)
    members.transfer(actor=owner.membership, seat_id=teammate.membership.pk, who=audit.Who(person=owner.user))
    roles = dict(Membership.objects.filter(team=owner.team).values_list("user__email", "role"))
    assert (roles["teammate@example.com"], roles["owner@example.com"]) == ("owner", "admin")
    line = AuditEvent.objects.get(action="team.transfer")
    assert (line.person, line.subject, line.details) == (owner.user, teammate.user, {"before": "member"})


def test_the_last_owner_can_neither_leave_nor_step_down(owner, teammate):
    with pytest.raises(teams.Refused):
        members.leave(actor=owner.membership, who=WHO)
    with pytest.raises(teams.Refused):
        members.change_role(actor=owner.membership, seat_id=owner.membership.pk, role="admin", who=WHO)
    members.change_role(actor=owner.membership, seat_id=teammate.membership.pk, role="owner", who=WHO)
    members.leave(actor=owner.membership, who=WHO)
    assert Membership.objects.get(team=owner.team).user == teammate.user


def test_a_role_that_was_just_lost_does_nothing_more(owner, teammate):
    """The request may have read its role before somebody took it away."""
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    members.change_role(actor=owner.membership, seat_id=admin.membership.pk, role="viewer", who=WHO)
    assert admin.membership.role == Role.ADMIN  # as that request still believes
    with pytest.raises(PermissionDenied):
        members.remove(actor=admin.membership, seat_id=teammate.membership.pk, who=WHO)
    members.remove(actor=owner.membership, seat_id=admin.membership.pk, who=WHO)
    with pytest.raises(PermissionDenied):
        invitations.invite(actor=admin.membership, role="member", who=WHO)
    members.leave(actor=admin.membership, who=WHO)  # gone already: nothing happens


def test_another_teams_person_is_not_found(owner, stranger):
    for work in (members.remove, members.transfer):
        with pytest.raises(members.Gone):
            work(actor=owner.membership, seat_id=stranger.membership.pk, who=WHO)
    with pytest.raises(members.Gone):
        members.change_role(actor=owner.membership, seat_id=stranger.membership.pk, role="viewer", who=WHO)


def test_a_role_that_there_is_not_is_refused(owner, teammate):
    with pytest.raises(teams.Refused):
        members.change_role(actor=owner.membership, seat_id=teammate.membership.pk, role="god", who=WHO)


def test_links_that_somebody_may_still_know_end_with_their_role(owner):
    """Else an admin who is removed comes back by a link made before."""
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    coowner = character("coowner@example.com", team=owner.team, role=Role.OWNER)
    by_admin, _ = invitations.invite(actor=admin.membership, role="admin", who=WHO)
    for_owner, _ = invitations.invite(actor=coowner.membership, role="owner", who=WHO)
    for_member, _ = invitations.invite(actor=coowner.membership, role="member", who=WHO)
    by_owner, _ = invitations.invite(actor=owner.membership, role="owner", who=WHO)

    members.change_role(actor=owner.membership, seat_id=coowner.membership.pk, role="admin", who=WHO)
    members.remove(actor=owner.membership, seat_id=admin.membership.pk, who=WHO)

    left = set(Invitation.objects.filter(revoked_at=None))
    assert left == {for_member, by_owner}
    assert {by_admin, for_owner}.isdisjoint(left)
    assert AuditEvent.objects.filter(action="invitation.revoke").count() == 2


def test_each_change_leaves_its_line(owner, teammate):
    who = audit.Who(person=owner.user)
    members.change_role(actor=owner.membership, seat_id=teammate.membership.pk, role="viewer", who=who)
    members.change_role(actor=owner.membership, seat_id=teammate.membership.pk, role="viewer", who=who)
    members.remove(actor=owner.membership, seat_id=teammate.membership.pk, who=who)
    lines = AuditEvent.objects.filter(team=owner.team).order_by("pk")
    assert [(line.action, line.subject, line.details) for line in lines] == [
        ("member.role", teammate.user, {"before": "member", "after": "viewer"}),
        ("member.remove", teammate.user, {"role": "viewer"}),
    ]


def two_at_once(work):
    """Run `work(0)` and `work(1)` in threads; True for each that was done, False for a refusal."""
    results = at_once(lambda: work(0), lambda: work(1))
    assert all(each is None or isinstance(each, teams.Refused) for each in results)
    return [each is None for each in results]


def two_owners():
    first = character("first@example.com")
    second = character("second@example.com", team=first.team, role=Role.OWNER)
    return first.team, [first.membership, second.membership]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_look_first_leave_a_team_without_one():
    """The race is real: each sees the other before either has gone."""
    team, seats = two_owners()
    barrier = threading.Barrier(2)

    def careless(number):
        others = Membership.objects.filter(team=team, role=Role.OWNER).exclude(pk=seats[number].pk)
        there = others.exists()
        barrier.wait()
        if not there:
            raise teams.Refused
        seats[number].delete()

    assert two_at_once(careless) == [True, True]
    assert not Membership.objects.filter(team=team).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays():
    team, seats = two_owners()

    def careful(number):
        members.leave(actor=seats[number], who=WHO)

    assert sorted(two_at_once(careful)) == [False, True]
    assert Membership.objects.get(team=team).role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_step_down_at_once_one_stays():
    team, seats = two_owners()

    def careful(number):
        members.change_role(actor=seats[number], seat_id=seats[number].pk, role="member", who=WHO)

    assert sorted(two_at_once(careful)) == [False, True]
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1
