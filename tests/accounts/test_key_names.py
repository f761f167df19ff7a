"""What a key may be called, and how a name that is older than the rule is printed into shell."""

import html

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import audit, keys, names
from accounts.models import ApiKey

pytestmark = pytest.mark.django_db

ODD = ["one\ntwo", "abc\u202egnp", "a\x1b[2J", "a\u2028b"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_is_not_printable_is_refused_at_every_door(owner, name):
    before = ApiKey.objects.count()

    answer = owner.client.post(reverse("keys"), {"name": name})
    assert answer.status_code == 422
    assert "printable characters only" in answer.content.decode()
    with pytest.raises(names.BadName):
        keys.issue(team=owner.team, created_by=owner.user, name=name, actor=None, who=audit.UNRECORDED)
    with pytest.raises(CommandError, match="printable"):
        call_command("issue_key", email="owner@example.com", name=name)
    assert ApiKey.objects.count() == before


def test_names_in_any_script_are_taken(owner):
    assert (
        keys.issue(
            team=owner.team, created_by=None, name="Ночная партия №2", actor=None, who=audit.UNRECORDED
        )[0].name
        == "Ночная партия №2"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x\nrm -rf ~", "xrm -rf"),
        ("abc\u202egnp", "abcgnp"),
        ("$(id) `id`; id | id > f", "id id id  id  f"),
        ("Ночная партия 2", "Ночная партия 2"),
    ],
)
def test_an_old_name_is_harmless_where_it_is_copied_into_a_shell(owner, name, shown):
    ApiKey.objects.filter(pk=owner.key.pk).update(name=name)

    line = next(
        line
        for line in html.unescape(owner.client.get("/docs").content.decode()).splitlines()
        if "export KEY=" in line
    )
    assert f"“{shown}”" in line
