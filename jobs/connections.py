"""Which server makes a job, and how each has been answering.

A server that fails is asked again after a growing wait, by one request and not by every job that waits.
"""

import base64
import re
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Actor
from accounts.models import Team
from jobs.form_state import FormState
from jobs.models import Connection
from jobs.models.providers import EMBEDDED
from jobs.problems import FieldProblem, Invalid
from jobs.providers.remote import Later, Remote
from lipsyncweb.http import outbound
from lipsyncweb.secretbox import seal, unseal

KEY = re.compile(r"[\x21-\x7e]{1,500}")  # what a header can carry
SHORTEST_SECRET = 16  # bytes; the specification says 24, and not every server keeps to it


# Somebody waits for the answer on one of the few threads that serve pages.
CHECK_SECONDS = 10.0
_checks = threading.BoundedSemaphore(2)

SOUND = {
    "failures": 0,
    "retry_at": None,
    "send_failures": 0,
    "send_after": None,
    "failing_since": None,
    "last_error": "",
}
WRITTEN_BY_SAVE = [
    *("name", "base_url", "key_sealed", "secrets_sealed", "callback_base", "only_models", "only_resolutions"),
    *("concurrency", "polls_a_second", "preference", "idempotent"),
]


class NotUsable(Exception):
    """A connection that was not saved, with a stable code, a sentence, and the field that it is about."""

    def __init__(self, code: str, sentence: str, *, field: str = "base_url"):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field


@dataclass(frozen=True)
class Choice:
    """A provider as the form and the API name it."""

    name: str
    connection: Connection | None


def usable(team: Team | OuterRef) -> QuerySet[Connection]:
    """Connections that this team's jobs may use: its own and the operator's."""
    return Connection.objects.filter(Q(team=team) | Q(team=None), is_active=True)


def of_team(team: Team) -> QuerySet[Connection]:
    """The team's own connections, which it may see and change."""
    return Connection.objects.filter(team=team)


def choices(team: Team, model: str, *, any_usable: bool = True) -> list[Choice]:
    """What the form offers, most preferred first. A team's own connection hides the operator's of that name.

    `any_usable` False spares a query where it is known that there is no connection.
    """
    found: dict[str, Connection] = {}
    for connection in usable(team).order_by(F("team").asc(nulls_first=True)) if any_usable else ():
        if not connection.only_models or model in connection.only_models:
            found[connection.name] = connection
    ranked: list[tuple[int, Choice]] = [(each.preference, Choice(each.name, each)) for each in found.values()]
    if settings.EMBEDDED_ENGINE:
        ranked.append((settings.EMBEDDED_PREFERENCE, Choice(EMBEDDED, None)))
    return [choice for _rank, choice in sorted(ranked, key=lambda pair: (pair[0], pair[1].name))]


def choose(
    team: Team, form_state: FormState, wanted: str = "", *, any_usable: bool = True
) -> Connection | None:
    """The connection that makes this job, None for this machine's engine. Raises Invalid."""
    offered = choices(team, form_state.model, any_usable=any_usable)
    for choice in offered:
        if wanted and choice.name != wanted:
            continue
        if choice.connection is None or choice.connection.takes(form_state.model, form_state.values):
            return choice.connection
    names = ", ".join(choice.name for choice in offered) or "-"
    sentence = _("provider: nobody here by that name takes such jobs; there is: %(names)s.") % {
        "names": names
    }
    raise Invalid([FieldProblem("provider", "not_a_choice", sentence)])


def save(
    connection: Connection,
    *,
    key: str,
    secrets: Iterable[str] | None,
    actor: Actor | None,
    who: audit.Who,
) -> Connection:
    """Check the connection by asking its server, then keep it. An empty `key` keeps the one that is there.

    `secrets` None keeps those that are there. `actor` None stands for the operator, who alone has connections
    without a team. Raises NotUsable. Asks over the network: never call it inside a transaction.
    """
    _require(actor, connection)
    connection.base_url = connection.base_url.rstrip("/").removesuffix("/api/v1")
    connection.callback_base = connection.callback_base.rstrip("/")
    _check_name(connection)
    _take_key(connection, key.strip())
    if secrets is not None:
        connection.set_secrets(_whole_secrets(secrets))
    _check(connection)
    try:
        with transaction.atomic():
            # Not what others may have written while the server was asked: whether it is in use, and its health.
            is_new = connection.pk is None
            connection.save(update_fields=None if is_new else WRITTEN_BY_SAVE)
            Connection.objects.filter(pk=connection.pk).update(**SOUND)
            said = {"address": connection.base_url, "new_key": bool(key.strip())}
            _record("create" if is_new else "edit", connection, who, **said)
    except IntegrityError:
        raise _name_taken() from None
    return connection


def switch(connection: Connection, *, on: bool, actor: Actor | None, who: audit.Who) -> None:
    """Off: no new job goes there, and those that it has are still followed. On: what waits in line goes on."""
    _require(actor, connection)
    _set_active(connection, on, who)


def switch_as_operator(connection: Connection, *, on: bool, who: audit.Who) -> None:
    """As `switch`, for whoever runs the site: a team's connection may harm others too."""
    _set_active(connection, on, who)


def _set_active(connection: Connection, on: bool, who: audit.Who) -> None:
    connection.is_active = on
    with transaction.atomic():
        if Connection.objects.filter(pk=connection.pk).exclude(is_active=on).update(is_active=on):
            _record("switch", connection, who, on=on)


def _record(verb: str, connection: Connection, who: audit.Who, **details: object) -> None:
    """Into the log of the team whose connection it is; the site's own have none."""
    if connection.team_id:
        audit.record(f"connection.{verb}", team=connection.team, who=who, target=connection.name, **details)


def remove(connection: Connection, *, actor: Actor | None, who: audit.Who) -> bool:
    """Forget the connection, or switch it off (False) where jobs were made with it: they keep saying where."""
    _require(actor, connection)
    try:
        with transaction.atomic():
            connection.delete()
            _record("remove", connection, who)
    except IntegrityError:  # ProtectedError is one
        _set_active(connection, False, who)
        return False
    return True


def secret_count(connection: Connection) -> int:
    """How many signing secrets are kept; 0 when ENCRYPTION_KEYS reads them no more."""
    try:
        return len(connection.secrets)
    except ValueError:
        return 0


def default_callback() -> str:
    """Where this site is reached from outside, as far as its settings tell."""
    return settings.SITE_URL if settings.LOCAL or settings.SITE_URL.startswith("https://") else ""


def remote(connection: Connection) -> Remote:
    """The connection as the provider that knows no database. Raises Later where its key cannot be read."""
    try:
        key = connection.key
    except ValueError as error:
        raise Later(f"{connection.name}: {error}", may_have_sent=False) from error
    return Remote(
        name=connection.name,
        base_url=connection.base_url,
        key=key,
        policy=policy(connection),
        seconds=settings.PROVIDER_TIMEOUT_SECONDS,
    )


def policy(connection: Connection) -> outbound.Policy:
    """A team's server must be on the public Internet; the operator may name one in the same rack."""
    allowed = outbound.policy_from_settings()
    if connection.team_id:
        return allowed
    try:
        parts = urlsplit(connection.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return allowed  # which refuses what cannot be read
    return replace(allowed, trusted=frozenset({((parts.hostname or ""), port)}))


def _require(actor: Actor | None, connection: Connection) -> None:
    if connection.team_id:
        access.require(actor, "connections.manage", connection.team)
    elif actor:
        raise PermissionDenied("connections.manage")


def _name_taken() -> NotUsable:
    sentence = _("There is a connection of that name already; choose another name.")
    return NotUsable("name_taken", sentence, field="name")


def _check_name(connection: Connection) -> None:
    if connection.name == EMBEDDED:
        sentence = _("“embedded” is this machine's own engine; choose another name.")
        raise NotUsable("name_taken", sentence, field="name")
    same = Connection.objects.filter(team=connection.team_id, name=connection.name)
    if same.exclude(pk=connection.pk).exists():
        raise _name_taken()


def _take_key(connection: Connection, key: str) -> None:
    """Seal a new key, or see that the kept one may stay: it goes nowhere but where its owner sent it."""
    if key:
        if not KEY.fullmatch(key):
            sentence = _("That is no API key: it has spaces or letters that no key has. Copy it again.")
            raise NotUsable("bad_key", sentence, field="key")
        connection.key_sealed = seal(key)
        return
    kept = Connection.objects.filter(pk=connection.pk).first() if connection.pk else None
    if kept is None:
        raise NotUsable("key_required", _("Enter the API key that this site has there."), field="key")
    if _server(kept.base_url) != _server(connection.base_url):
        sentence = _("The address is another server's: enter the key for it. The kept one is not sent there.")
        raise NotUsable("key_required", sentence, field="key")
    try:
        unseal(connection.key_sealed)
    except ValueError:
        sentence = _("The kept key cannot be read any more (ENCRYPTION_KEYS has changed); enter it again.")
        raise NotUsable("key_unreadable", sentence, field="key") from None


def _server(url: str) -> str:
    """Scheme, host and port, as far as they are written."""
    return "/".join(url.lower().split("/")[:3])


def _whole_secrets(given: Iterable[str]) -> list[str]:
    secrets = [secret.strip() for secret in given if secret.strip()]
    for number, secret in enumerate(secrets, start=1):
        if not _is_secret(secret):
            sentence = _("Line %(number)s is no signing secret: it begins with whsec_ and is copied whole.")
            raise NotUsable("bad_secret", sentence % {"number": number}, field="secrets")
    return list(dict.fromkeys(secrets))


def _is_secret(text: str) -> bool:
    encoded = text.removeprefix("whsec_")
    try:
        return encoded != text and len(base64.b64decode(encoded, validate=True)) >= SHORTEST_SECRET
    except ValueError:
        return False


def _check(connection: Connection) -> None:
    """Ask for a job that cannot be there: the answer tells whether the address and the key are right."""
    if connection.callback_base:
        _check_address(connection.callback_base, outbound.policy_from_settings(), field="callback_base")
    _check_address(connection.base_url, policy(connection), field="base_url")
    if not _checks.acquire(blocking=False):
        raise NotUsable("busy", _("Other servers are being checked right now; please try again in a moment."))
    try:
        server = replace(remote(connection), seconds=CHECK_SECONDS)
        answer = server.ask_raw(str(uuid.uuid4()))
    except outbound.OutboundError as error:
        raise NotUsable(error.code, error.sentence) from error
    finally:
        _checks.release()
    if answer.status in (401, 403):
        sentence = _("That server refuses the key; check that it is whole and not revoked.")
        raise NotUsable("key_refused", sentence, field="key")
    if answer.status >= 500 or 300 <= answer.status < 400:
        sentence = _("That server answered %(status)s; check its address.") % {"status": answer.status}
        raise NotUsable("not_an_api", sentence)
    if not answer.headers.get("content-type", "").startswith("application/json"):
        raise NotUsable(
            "not_an_api", _("No API answers at that address; leave out /api/v1 and any page's name.")
        )


def _check_address(url: str, allowed: outbound.Policy, *, field: str) -> None:
    try:
        outbound.check_address(url, allowed)
    except outbound.Refused as error:
        raise NotUsable(error.code, error.sentence, field=field) from error
