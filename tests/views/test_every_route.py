"""Every route of the URL map, tried by owner, admin, member, viewer, stranger and nobody.

A new route without an access rule fails here, and so does one whose parameter names nothing that the team has.
"""

import functools
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import access, audit
from accounts.models import Role
from accounts.teams import invitations
from jobs.models import Connection, PartialUpload, Upload
from tests.accounts.selling import make_purchase
from tests.conftest import Character, character
from tests.jobs.making import make_job
from tests.jobs.receiving import ended
from tests.views.routes import Route, every

pytestmark = pytest.mark.django_db

MARK = "Owlworks"  # in the name of whatever the team has: nobody else's page may hold it
GOES_ON = {
    200,
    204,
    302,
    400,
    405,
    422,
}  # what a page answers to those who may: also to a form without fields


@dataclass
class World:
    """A team with one of everything, its people by role, and a stranger."""

    people: dict[str, Character]
    stranger: Character
    named: dict[str, Any]  # by the parameter's name
    keyed: dict[str, Any]  # by how the name of a route with a pk begins

    def path(self, route: Route) -> str:
        """The route's address for the team's own row."""
        values = dict(self.named)
        for start, pk in self.keyed.items():
            if route.name.startswith(start):
                values["pk"] = pk
        return route.path(values)


@pytest.fixture
def world(owner, stranger) -> World:
    return furnish(owner, stranger)


def furnish(owner: Character, stranger: Character) -> World:
    """Give the owner's team one of everything; the browser tests' site has the same."""
    owner.team.name = MARK
    owner.team.save(update_fields=["name"])
    others = {
        role: character(f"{role}@example.com", team=owner.team, role=role)
        for role in Role.values
        if role != "owner"
    }
    delivery = ended(owner, "http://localhost:9/hook")
    job = make_job(owner)
    connection = Connection.objects.create(
        team=owner.team, name=f"{MARK} server", base_url="https://example.com", key_sealed="", concurrency=1
    )
    seat = character("seat@example.com", team=owner.team, role=Role.MEMBER).membership
    invitation, _token = invitations.invite(actor=owner.membership, role=Role.MEMBER, who=audit.Who())
    return World(
        people={"owner": owner, **others},
        stranger=stranger,
        named={
            "slug": "lipsync-image",
            "name": "portrait.png",
            "job_id": job.pk,
            "request_id": job.pk,
            "delivery_id": delivery.pk,
            "form": "csv",
        },
        keyed={
            "key": owner.key.pk,
            "connection": connection.pk,
            "delivery": delivery.pk,
            "upload": _upload(owner).pk,
            "partial": PartialUpload.objects.create(
                team=owner.team, person=owner.user, kind="image", size=9
            ).pk,
            "member": seat.pk,
            "team_transfer": seat.pk,
            "invitation": invitation.pk,
            "purchase": make_purchase(owner, pack_name=MARK).pk,
        },
    )


def _upload(owner: Character) -> Upload:
    file = default_storage.save("inputs/face.png", ContentFile(b"a picture"))
    return Upload.objects.create(
        team=owner.team, kind="image", name=f"{MARK}.png", file=file, format="png", bytes=9
    )


def routes(*kinds: str) -> list[Route]:
    return [route for route in every() if route.door and route.door.kind in kinds]


def test_every_route_has_a_rule():
    assert len(every()) > 100
    assert [str(route) for route in every() if route.door is None] == []


def test_a_team_page_opens_for_the_roles_of_its_rule_alone(world):
    wrong = []
    for route in routes("team"):
        allowed = access.RULES[route.door.read]
        for role, person in world.people.items():
            answer = person.client.get(world.path(route))
            _text(answer)  # a file that is served is read to its end
            status = answer.status_code
            if status == 403 if role in allowed else status != 403:
                wrong.append((str(route), role, status))
            if role in allowed and status not in GOES_ON:
                wrong.append((str(route), role, status))
    assert not wrong


def test_a_team_page_acts_for_the_roles_of_its_rule_alone(world):
    wrong = []
    for route in routes("team"):
        allowed = access.RULES[route.door.post]
        for role, person in world.people.items():
            status = _post(person.client, world.path(route))
            if status == 403 if role in allowed else status != 403:
                wrong.append((str(route), role, status))
            if role in allowed and status not in {*GOES_ON, 404}:  # 404: a choice that was not sent
                wrong.append((str(route), role, status))
    assert not wrong


def test_a_stranger_finds_nothing_of_the_team(world):
    wrong = []
    for route in routes("team"):
        path = world.path(route)
        own = set(route.parameters) <= {"slug", "name", "form"}  # the stranger's own page of that name
        answers = [world.stranger.client.get(path)]
        if not own:
            wrong += [
                (path, answer.status_code) for answer in answers if answer.status_code not in (404, 405)
            ]
            if (status := _post(world.stranger.client, path)) not in (404, 405):
                wrong.append((path, status))
        wrong += [(path, MARK) for answer in answers if MARK in _text(answer)]
    assert not wrong


def test_nobody_is_asked_to_sign_in(world):
    login = reverse("account_login")
    wrong = []
    for route in routes("team", "personal"):
        path = world.path(route) if route.door.kind == "team" else _any(route)
        for answer in (Client().get(path), Client().post(path)):
            if answer.status_code != 302 or not answer["Location"].startswith(login):
                wrong.append((path, answer.status_code))
    assert not wrong


def test_the_api_wants_a_key_and_knows_only_its_own_teams_rows(world):
    wrong = []
    for route in routes("key"):
        path = world.path(route)
        for method in ("GET", "POST"):
            ask = functools.partial(Client().generic, method, path, "{}", content_type="application/json")
            nobody = ask()
            if nobody.status_code not in (401, 404, 405) or MARK in _text(nobody):
                wrong.append((path, method, nobody.status_code))
            stranger = ask(headers=world.stranger.headers)
            expected = (404, 405) if route.parameters else (200, 202, 400, 404, 405, 409, 415, 422)
            if stranger.status_code not in expected or MARK in _text(stranger):
                wrong.append((path, method, stranger.status_code))
    assert not wrong


def test_the_operators_pages_open_for_nobody_else(world):
    wrong = []
    for route in routes("staff"):
        path = _any(route)
        for client in (world.people["owner"].client, Client()):
            for answer in (client.get(path), client.post(path)):
                if answer.status_code not in (302, 403, 404, 405):
                    wrong.append((path, answer.status_code))
    assert not wrong


def _any(route: Route) -> str:
    """An address of the route that names no row."""
    return route.path(dict.fromkeys(route.parameters, 1))


def _post(client: Client, path: str) -> int:
    """The status of an empty POST, whose effects are undone."""
    with transaction.atomic():
        status: int = client.post(path).status_code
        transaction.set_rollback(True)
    return status


def _text(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")
