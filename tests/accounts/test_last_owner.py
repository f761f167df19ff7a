"""A team keeps an owner who can sign in."""

import pytest

from accounts import audit, leaving, operators, teams
from accounts.models import Membership, Role
from accounts.teams import members
from tests.conftest import character

WHO = audit.Who()


@pytest.fixture
def _other_owner_is_off(owner):
    other = character("other@example.com", team=owner.team, role=Role.OWNER)
    operators.disable_person(other.user)


@pytest.mark.usefixtures("_other_owner_is_off")
def test_last_owner_who_can_sign_in_neither_leaves_nor_steps_down_nor_deletes_the_account(owner):
    seat = owner.membership
    with pytest.raises(teams.Refused, match="needs an owner"):
        members.leave(actor=seat, who=WHO)
    with pytest.raises(teams.Refused, match="needs an owner"):
        members.change_role(actor=seat, seat_id=seat.pk, role=Role.ADMIN, who=WHO)
    with pytest.raises(leaving.CannotLeave):
        leaving.delete_account(user=owner.user, who=WHO)
    assert Membership.objects.get(pk=seat.pk).role == Role.OWNER
