"""Which server makes a job, and how each has been answering.

A server that fails is asked again after a growing wait, by one request and not by every job that waits.
"""

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access
from accounts.access import Actor
from accounts.models import Team
from jobs.form_state import FormState
from jobs.models import Connection
from jobs.models.providers import EMBEDDED
from jobs.problems import FieldProblem, Invalid
from jobs.providers.remote import Remote
from lipsyncweb.http import outbound
from lipsyncweb.secretbox import seal

FIRST_WAIT = 5.0  # seconds after the first failure; doubled with each
LONGEST_WAIT = 600.0
LONGEST_RETRY_AFTER = timedelta(hours=1)
ONE_TRY = timedelta(seconds=60)  # longer than a request may take


class NotUsable(Exception):
    """A connection that was not saved, with a stable code and a sentence."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Choice:
    """A provider as the form and the API name it."""

    name: str
    connection: Connection | None


def usable(team: Team) -> QuerySet[Connection]:
    """Connections that this team's jobs may use: its own and the operator's."""
    return Connection.objects.filter(Q(team=team) | Q(team=None), is_active=True)


def of_team(team: Team) -> QuerySet[Connection]:
    """The team's own connections, which it may see and change."""
    return Connection.objects.filter(team=team)


def choices(team: Team, model: str) -> list[Choice]:
    """What the form offers, most preferred first. A team's own connection hides the operator's of that name."""
    found: dict[str, Connection] = {}
    for connection in usable(team).order_by(F("team").asc(nulls_first=True)):
        if not connection.only_models or model in connection.only_models:
            found[connection.name] = connection
    ranked: list[tuple[int, Choice]] = [(each.preference, Choice(each.name, each)) for each in found.values()]
    if settings.EMBEDDED_ENGINE:
        ranked.append((settings.EMBEDDED_PREFERENCE, Choice(EMBEDDED, None)))
    return [choice for _rank, choice in sorted(ranked, key=lambda pair: (pair[0], pair[1].name))]


def choose(team: Team, form_state: FormState, wanted: str = "") -> Connection | None:
    """The connection that makes this job, None for this machine's engine. Raises Invalid."""
    offered = choices(team, form_state.model)
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
    connection: Connection, *, key: str, secrets: Iterable[str] | None, actor: Actor | None
) -> Connection:
    """Check the connection by asking its server, then keep it. An empty `key` keeps the one that is there.

    `secrets` None keeps those that are there. `actor` None stands for the operator. Raises NotUsable.
    """
    if connection.team_id:
        access.require(actor, "connections.manage", connection.team)
    connection.base_url = connection.base_url.rstrip("/").removesuffix("/api/v1")
    connection.callback_base = connection.callback_base.rstrip("/")
    if key:
        connection.key_sealed = seal(key)
    if secrets is not None:
        connection.set_secrets([secret.strip() for secret in secrets if secret.strip()])
    _check(connection)
    connection.failures, connection.retry_at, connection.last_error = 0, None, ""
    connection.save()
    return connection


def remote(connection: Connection) -> Remote:
    """The connection as the provider that knows no database."""
    return Remote(
        name=connection.name,
        base_url=connection.base_url,
        key=connection.key,
        policy=policy(connection),
        seconds=settings.PROVIDER_TIMEOUT_SECONDS,
    )


def policy(connection: Connection) -> outbound.Policy:
    """A team's server must be on the public Internet; the operator may name one in the same rack."""
    allowed = outbound.policy_from_settings()
    if connection.team_id:
        return allowed
    parts = urlsplit(connection.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return outbound.Policy(
        plain_http=allowed.plain_http,
        loopback=allowed.loopback,
        ports=allowed.ports,
        trusted=frozenset({((parts.hostname or ""), port)}),
    )


def take_turn(connection: Connection) -> bool:
    """Whether this server may be asked now. Once it has failed, one request at a time tries it again."""
    now = timezone.now()
    row = Connection.objects.filter(pk=connection.pk, is_active=True)
    if row.filter(failures=0).filter(Q(retry_at=None) | Q(retry_at__lte=now)).exists():
        return True
    return bool(row.filter(failures__gt=0, retry_at__lte=now).update(retry_at=now + ONE_TRY))


def worked(connection: Connection) -> None:
    """It answered: nothing holds the others back any more."""
    Connection.objects.filter(pk=connection.pk).exclude(failures=0, retry_at=None).update(
        failures=0, retry_at=None, last_error=""
    )


def failed(connection: Connection, *, why: str, retry_after: timedelta | None = None) -> datetime:
    """It did not: returns when it may be asked again. Failures of requests that ran together count as one."""
    now = timezone.now()
    row = Connection.objects.filter(pk=connection.pk)
    known = row.get()
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(known.failures, 10)) * random.uniform(1, 1.5)  # noqa: S311
    until = now + max(timedelta(seconds=wait), min(retry_after or timedelta(), LONGEST_RETRY_AFTER))
    row.filter(failures=known.failures).update(
        failures=F("failures") + 1, retry_at=until, last_error=why[:500]
    )
    return row.values_list("retry_at", flat=True).get() or until


def wait_until(connection: Connection, retry_after: timedelta | None) -> datetime:
    """It answers but takes nothing now (402, 429): nothing more is sent before that, and it is not a failure."""
    wait = min(retry_after or timedelta(seconds=30), LONGEST_RETRY_AFTER) * random.uniform(1, 1.2)  # noqa: S311
    until = timezone.now() + wait
    Connection.objects.filter(pk=connection.pk).update(retry_at=until)
    return until


def _check(connection: Connection) -> None:
    """Ask for a job that cannot be there: the answer tells whether the address and the key are right."""
    if connection.name == EMBEDDED:
        raise NotUsable("name_taken", _("“embedded” is this machine's own engine; choose another name."))
    if connection.callback_base:
        _check_address(connection.callback_base, outbound.policy_from_settings(), _("callback address"))
    _check_address(connection.base_url, policy(connection), _("address"))
    try:
        answer = remote(connection).ask_raw(str(uuid.uuid4()))
    except outbound.OutboundError as error:
        raise NotUsable(error.code, error.sentence) from error
    if answer.status in (401, 403):
        raise NotUsable(
            "key_refused", _("That server refuses the key; check that it is whole and not revoked.")
        )
    if answer.status >= 500 or 300 <= answer.status < 400:
        sentence = _("That server answered %(status)s; check its address.") % {"status": answer.status}
        raise NotUsable("not_an_api", sentence)
    if not answer.headers.get("content-type", "").startswith("application/json"):
        raise NotUsable(
            "not_an_api", _("No API answers at that address; leave out /api/v1 and any page's name.")
        )


def _check_address(url: str, allowed: outbound.Policy, what: str) -> None:
    try:
        outbound.check_address(url, allowed)
    except outbound.Refused as error:
        raise NotUsable(error.code, f"{what}: {error.sentence}") from error
