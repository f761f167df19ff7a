"""The standing characters: owner and teammate share a team, the stranger has another, and each has a key."""

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.utils import translation

from accounts import audit, keys
from accounts.models import ApiKey, Membership, Role, Team, User
from accounts.teams import current_membership, first_team

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Character:
    """A person with a team, an API key and a logged-in browser."""

    user: User
    team: Team
    membership: Membership
    key: ApiKey
    secret: str
    client: Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


class Browser(Client):
    """A browser whose forms were all opened a moment ago: they name the team that the person works in."""

    def post(self, path, data=None, content_type=MULTIPART_CONTENT, **kwargs):
        is_form = content_type == MULTIPART_CONTENT
        if is_form and (seat := self._seat()):
            data = {"for_team": seat.team_id, **(data or {})}
        return super().post(path, data, content_type, **kwargs)

    def _seat(self) -> Membership | None:
        user = User.objects.filter(pk=self.session.get("_auth_user_id")).first()
        return current_membership(user) if user else None


def character(email: str, *, team: Team | None = None, role: str = Role.OWNER) -> Character:
    user = User.objects.create_user(email, PASSWORD)
    if team is None:
        team = first_team(user)
        membership = Membership.objects.get(team=team, user=user)
    else:
        membership = Membership.objects.create(team=team, user=user, role=role)
    key, secret = keys.issue(
        team=team, created_by=user, name=f"{email}'s key", actor=None, who=audit.UNRECORDED
    )
    client = Browser()
    client.force_login(user)
    return Character(user, team, membership, key, secret, client)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory) -> Path:
    """The sample speech, spoken once for all tests."""
    path = tmp_path_factory.mktemp("spoken") / "speech.wav"
    subprocess.run([sys.executable, "-m", "jobs.samples", str(path)], check=True, capture_output=True)
    return path


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path: Path, spoken: Path):
    """Every test has its own data folder, and static files need no manifest."""
    settings.DATA_DIR = tmp_path
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "speech.wav").hardlink_to(spoken)
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.EMAIL_FILE_PATH = tmp_path / "outbox"
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "media"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _english():
    """A request in Russian leaves its language on the thread; the next test must not find it there."""
    translation.activate("en")


@pytest.fixture(autouse=True)
def _fresh_limits():
    """What one test asked, and the wrong keys and passwords that it tried, are not held against the next."""
    for name in ("default", "local"):
        caches[name].clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """A test's rows are deleted after it, and the audit log refuses that; its own tests put this back."""
    drops = {
        "sqlite": "DROP TRIGGER audit_no_delete",
        "postgresql": "DROP TRIGGER audit_no_truncate ON accounts_auditevent",
    }
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(drops[connection.vendor])


@pytest.fixture
def owner(db) -> Character:
    return character("owner@example.com")


@pytest.fixture
def teammate(owner: Character) -> Character:
    return character("teammate@example.com", team=owner.team, role=Role.MEMBER)


@pytest.fixture
def stranger(db) -> Character:
    return character("stranger@example.com")


@pytest.fixture
def unused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
