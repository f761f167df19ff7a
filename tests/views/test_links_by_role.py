"""No page offers a role what it may not do: each link and form that it can reach is held against the door behind it."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import Resolver404, resolve, reverse

from accounts import access, audit, doors, invitations
from accounts.models import Role
from jobs.models import Connection, Upload
from tests.conftest import character
from tests.jobs.making import make_job
from tests.jobs.receiving import ended

pytestmark = pytest.mark.django_db

MOST_PAGES = 40


class Ways(HTMLParser):
    """Where a page leads: (address, method) of its links and of its forms, without those that are switched off."""

    def __init__(self, address: str, html: str):
        super().__init__()
        self.address, self.found, self._form = address, set(), None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a" and given.get("href"):
            self._add(given["href"], "get")
        elif tag == "form":
            self._form = (given.get("action") or self.address, given.get("method", "get"))
        elif tag == "button" and self._form and "disabled" not in given and given.get("type") != "button":
            self._add(given.get("formaction", self._form[0]), given.get("formmethod", self._form[1]))

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None

    def _add(self, target, method):
        parts = urlsplit(urljoin(f"http://testserver{self.address}", target))
        if parts.scheme == "http" and parts.netloc == "testserver":
            query = f"?{parts.query}" if parts.query else ""
            self.found.add((parts.path + query, method))


def door_of(address):
    try:
        return doors.of(resolve(urlsplit(address).path).func)
    except Resolver404:
        return None


@pytest.fixture
def busy(owner):
    """A team with one of everything."""
    ended(owner, "http://localhost:9/hook")
    make_job(owner)
    Connection.objects.create(
        team=owner.team, name="server", base_url="https://example.com", key_sealed="", concurrency=1
    )
    file = default_storage.save("inputs/face.png", ContentFile(b"a picture"))
    Upload.objects.create(team=owner.team, kind="image", name="face.png", file=file, format="png", bytes=9)
    invitations.invite(actor=owner.membership, role="member", who=audit.Who())
    return owner


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])  # an owner may do everything
def test_no_page_offers_what_the_role_may_not_do(busy, role):
    person = character("walker@example.com", team=busy.team, role=role)
    waiting, seen, wrong = [reverse("history")], set(), []
    while waiting and len(seen) < MOST_PAGES:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        answer = person.client.get(address)
        if answer.streaming or "html" not in answer.get("Content-Type", ""):
            continue
        for target, method in Ways(address, answer.content.decode()).found:
            door = door_of(target)
            if door is None or door.kind != "team":
                continue
            asked = door.post if method == "post" else door.read
            if role not in access.RULES[asked]:
                wrong.append((address, method, target, asked))
            elif method == "get":
                waiting.append(target)
    assert len(seen) > 8
    assert not wrong
