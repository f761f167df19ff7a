"""No page offers a role what it may not do: each link and form that it can reach is held against the door behind it.

And each form that acts for the team names it, so that it does nothing after a switch of teams in another window.
"""

from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import Resolver404, resolve, reverse

from accounts import access, audit, doors
from accounts.models import Role
from accounts.teams import invitations
from jobs.models import Connection, Upload, WebhookSettings
from jobs.webhooks import rotation
from tests.conftest import character
from tests.jobs.making import make_job
from tests.jobs.receiving import ended

pytestmark = [pytest.mark.django_db, pytest.mark.slow]  # every page for every role

MOST_PAGES = 60


class Ways(HTMLParser):
    """Where a page leads: (address, method) of its links and of its forms, without those that are switched off."""

    def __init__(self, address: str, html: str):
        super().__init__()
        self.address, self.found, self._form = address, set(), None
        self.posts = []  # (address, whether it names the team)
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a" and given.get("href"):
            self._add(given["href"], "get")
        elif tag == "form":
            self._form = (given.get("action") or self.address, given.get("method", "get"))
            if self._form[1] == "post":
                self.posts.append([self._form[0], False])
        elif tag == "input" and given.get("name") == "for_team" and given.get("value") and self.posts:
            self.posts[-1][1] = True
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


def pages(person):
    """Every page of the team's that this person can reach by links."""
    waiting, seen = [reverse("history")], set()
    while waiting and len(seen) < MOST_PAGES:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        answer = person.client.get(address)
        if answer.streaming or "html" not in answer.get("Content-Type", ""):
            continue
        ways = Ways(address, answer.content.decode())
        yield ways
        for target, method in ways.found:
            door = door_of(target)
            if door is not None and door.kind == "team" and method == "get":
                waiting.append(target)
    assert len(seen) > 8


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])  # an owner may do everything
def test_no_page_offers_what_the_role_may_not_do(busy, role):
    person = character("walker@example.com", team=busy.team, role=role)
    wrong = []
    for page in pages(person):
        for target, method in page.found:
            door = door_of(target)
            if door is None or door.kind != "team":
                continue
            asked = door.post if method == "post" else door.read
            if role not in access.RULES[asked]:
                wrong.append((page.address, method, target, asked))
    assert not wrong


def test_each_form_of_the_team_names_it(busy):
    WebhookSettings.objects.create(team=busy.team, url="https://example.com/hook")
    rotation.rotate(busy.team, actor=busy.membership, keep_for=timedelta(days=1), who=audit.Who())
    found, wrong = set(), []
    for page in pages(busy):
        for target, names_it in page.posts:
            door = door_of(urljoin(page.address, target))
            if door is not None and door.kind == "team":
                found.add(resolve(urlsplit(urljoin(page.address, target)).path).url_name)
                if not names_it:
                    wrong.append((page.address, target))
    assert not wrong
    assert {"webhook_test", "webhook_reveal", "webhook_end_overlap", "webhook_replay_failed"} <= found
    assert {"generate", "keys", "key_revoke", "cancel", "connection_switch", "member_leave"} <= found
