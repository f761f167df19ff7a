"""However many go at once, somebody is left who can open the operator's pages."""

import threading

import pytest
from django.db import connection

from accounts import audit, leaving, operators, teams
from accounts.models import User


def delete(user: User) -> None:
    leaving.delete_account(user=user, who=audit.Who())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "ways", [(operators.disable_person,) * 2, (delete, delete), (operators.disable_person, delete)]
)
def test_of_two_operators_who_go_at_once_one_stays(ways):
    both = [User.objects.create_superuser(f"operator{number}@example.com", "x") for number in range(2)]
    together = threading.Barrier(2)
    refused = []

    def go(way, user: User) -> None:
        together.wait(10)
        try:
            way(user)
        except (teams.Refused, leaving.CannotLeave) as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=pair) for pair in zip(ways, both, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert "only operator" in refused[0]
    assert User.objects.filter(is_active=True, is_superuser=True).count() == 1
