"""API keys: `sk_<id>_<secret>`, and `sk_test_<id>_<secret>` for tests.

Made once, shown once, found by one indexed read, rolled, revoked and never deleted. What one may do is
accounts/keys/limits.py.

The secret's last six characters are a checksum, so that a mistyped key is refused without a read and a
secret scanner can tell a key from noise (`PATTERN`, published in docs/api.md and at /api/v1/key-format).
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, Expression, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import access, audit, ledger, names, teams
from accounts.keys import limits as key_limits
from accounts.keys.limits import NO_LIMITS, Limits
from accounts.models import ApiKey, Membership, Team, User
from accounts.models.keys import PREFIX, TEST_PREFIX

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH, SECRET_LENGTH, CHECK_LENGTH = 12, 32, 6  # 32 characters of 62 are 190 random bits
PATTERN = re.compile(
    rf"(sk_|sk_test_)([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}})"
)
CHECKSUM = gettext_lazy(
    "The last 6 characters are the CRC-32 (as in zip) of all that stands between the leading sk_ and them, "
    "in base 62 with the digits 0-9, a-z, A-Z."
)
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class KeyEnded(Exception):
    """The key was revoked or has expired, so that nothing can be changed about it."""

    @property
    def sentence(self) -> str:
        return _("This key opens nothing any more; create a new one.")


class EndsWithItsRoll(Exception):
    """The key has a successor, so that it may end earlier than it does, and not later."""

    @property
    def sentence(self) -> str:
        return _(
            "This key was rolled and keeps its end: it can end earlier, and not later. Nothing was changed."
        )


class AlreadyRolled(Exception):
    """The key has a successor already. A second click, or somebody else, must not make another one."""

    @property
    def sentence(self) -> str:
        return _("This key was rolled already; roll the key that takes its place.")


def issue(
    *,
    team: Team,
    created_by: User | None,
    name: str = "",
    is_test: bool = False,
    limits: Limits = NO_LIMITS,
    actor: Membership | None,
    who: audit.Who,
) -> tuple[ApiKey, str]:
    """Make a key. The second value is the whole key: the only time that it can be seen.

    `actor` None stands for the operator and for the site itself, here and below. Raises names.BadName, and as all that
    change a key PermissionDenied.
    """
    key = ApiKey(team=team, created_by=created_by, name=names.printable(name), is_test=is_test)
    key_limits.put(key, limits)
    with transaction.atomic():
        _require(actor, team)
        plaintext = _save_new(key)
        _record("key.create", key, who, **({"limits": limits.to_json()} if limits != NO_LIMITS else {}))
    return key, plaintext


def has_checksum(plaintext: str) -> bool:
    """Whether this is a key by its looks: nothing is read, so it says nothing of whether it opens."""
    match = PATTERN.fullmatch(plaintext)
    if match is None:
        return False
    prefix, public_id, tail = match.groups()
    return hmac.compare_digest(_checksum(prefix, public_id, tail[:SECRET_LENGTH]), tail[SECRET_LENGTH:])


def authenticate(plaintext: str, **beside: Expression) -> ApiKey | None:
    """The active key that this is, with its team, or None. `beside` is read in the same query, as attributes."""
    if not has_checksum(plaintext):
        return None
    public_id = plaintext.rsplit("_", 2)[1]
    found = ApiKey.objects.select_related("team").filter(public_id=public_id).order_by()
    key = (found.annotate(**beside) if beside else found).first()
    # A digest is compared whether or not there is such a key: both answers take the same work.
    expected = key.digest if key else _digest("")
    matches = hmac.compare_digest(_digest(plaintext), expected)
    return key if key and matches and key.is_active and key.team.is_open else None


def note_use(key: ApiKey, *, address: str | None = None) -> None:
    """Record that the key was used, and from where, at most once a minute, so that a read does not write."""
    now = timezone.now()
    stale = now - USE_IS_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=key.pk).update(
            last_used_at=now, last_used_from=address
        )


def rename(*, key: ApiKey, name: str, actor: Membership | None, who: audit.Who) -> None:
    """Call the key something else. Raises names.BadName."""
    name = names.printable(name)
    with transaction.atomic():
        _require(actor, key.team)
        if ApiKey.objects.filter(pk=key.pk).exclude(name=name).update(name=name):
            before, key.name = str(key), name
            _record("key.rename", key, who, before=before)


def set_limits(*, key: ApiKey, limits: Limits, actor: Membership | None, who: audit.Who) -> None:
    """Put these limits in the place of the key's own, from its next request on.

    Raises KeyEnded for a revoked key, and EndsWithItsRoll where a key that was rolled would get a later end: from a
    form, say, that stood open since before.

    What it has used goes on counting; where nothing was counted, it is read off the ledger.
    """
    with transaction.atomic():
        _require(actor, key.team)
        # As they are now, and not as the page showed them: somebody else may have changed them since.
        before = key_limits.of(_held(key))
        key_limits.put(key, limits)
        if limits == before:
            return
        if _is_later(limits.expires_at, before.expires_at) and _successors(key).exists():
            raise EndsWithItsRoll
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**limits.columns()):
            raise KeyEnded
        if ledger.counts_credits(limits) and not ledger.counts_credits(before):
            ledger.count_for_key(key)
        _record("key.limits", key, who, before=before.to_json(), after=limits.to_json())


def roll(
    *, key: ApiKey, overlap: timedelta, by: User | None, actor: Membership | None, who: audit.Who
) -> tuple[ApiKey, str]:
    """Make a key with the same name and limits, and end this one after `overlap`; zero revokes it at once.

    The new key begins with what the old one has used, so that rolling gives nobody more credits; until the old
    one ends, each counts for itself. Raises KeyEnded and AlreadyRolled.
    """
    now = timezone.now()
    with transaction.atomic():
        _require(actor, key.team)
        # Held before anything is asked: the second of two clicks sees the first one's key.
        limits = key_limits.of(_held(key))
        ends = Value(now + overlap, output_field=DateTimeField())
        ended = {"expires_at": Least(Coalesce("expires_at", ends), ends)} | (
            {} if overlap else {"revoked_at": now}
        )
        if not _active(now).filter(pk=key.pk).update(**ended):
            raise KeyEnded
        if _successors(key).exists():
            raise AlreadyRolled
        old = ApiKey.objects.select_related("team").get(pk=key.pk)
        new = ApiKey(team=old.team, created_by=by, name=old.name, is_test=old.is_test, rolled_from=old)
        # The limits as they were: the old key's expiry has just been changed.
        key_limits.put(new, limits)
        if ledger.counts_credits(old):
            _carry(old, new)
        plaintext = _save_new(new)
        _record(
            "key.roll", new, who, rolled_from=old.public_id, old_ends=f"{old.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    return new, plaintext


def revoke(*, key: ApiKey, actor: Membership | None, who: audit.Who) -> None:
    """End the key at once. Revoking again changes nothing."""
    with transaction.atomic():
        _require(actor, key.team)
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            _record("key.revoke", key, who)


def for_team(team: Team) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(team=team).select_related("team", "created_by")


def active(team: Team) -> QuerySet[ApiKey]:
    """Those that open, newest first."""
    return for_team(team) & _active(timezone.now())


def as_judged(key: ApiKey) -> QuerySet[ApiKey]:
    """The key's row, as long as it opens and is limited as `key` was when it was read: empty afterwards.

    A condition for the statement that spends. Between a request's first query and its transaction somebody may
    have revoked the key or narrowed its limits, and what was judged by the old ones must not go through.
    """
    judged = {name: getattr(key, name) for name in key_limits.JUDGED_BEFORE_SPENDING}
    if not ledger.counts_credits(key):
        # What it spends is not counted; once it has a limit of credits, it must be.
        judged |= {"daily_credits": None, "total_credits": None}
    return (
        _active(timezone.now())
        .filter(pk=key.pk, team__disabled_at=None, team__deleted_at=None)
        .filter(**judged)
    )


def _carry(old: ApiKey, new: ApiKey) -> None:
    """Begin the new key's counters where the old one's stand."""
    new.spent_day = new.carried_day = old.spent_day
    new.spent_on_day = new.carried_on_day = old.spent_on_day
    new.spent_in_all = new.carried_in_all = old.spent_in_all


def open_at(now: datetime) -> Q:
    """ApiKey.is_active for the database."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


def _active(now: datetime) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(open_at(now))


def _successors(key: ApiKey) -> QuerySet[ApiKey]:
    """Those that this key was rolled into and that were not revoked."""
    return ApiKey.objects.filter(rolled_from=key, revoked_at=None)


def _is_later(end: datetime | None, other: datetime | None) -> bool:
    """None is the end that never comes."""
    return other is not None and (end is None or end > other)


def _save_new(key: ApiKey) -> str:
    """Give the key its id and secret and store it; the whole key."""
    prefix = TEST_PREFIX if key.is_test else PREFIX
    key.public_id = _random(ID_LENGTH)
    secret = _random(SECRET_LENGTH)
    plaintext = f"{prefix}{key.public_id}_{secret}{_checksum(prefix, key.public_id, secret)}"
    key.digest = _digest(plaintext)
    key.save(force_insert=True)
    return plaintext


def _require(actor: Membership | None, team: Team) -> None:
    """Ask once more, with the team locked: a role may have been taken away since the page's door was passed."""
    if actor:
        held = teams.lock(team.pk)
        access.require(teams.afresh(actor, held), "keys.manage", held)


def _held(key: ApiKey) -> ApiKey:
    """The key's row as it is now, which nobody changes before this transaction is over."""
    return ApiKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key.pk)


def _record(action: str, key: ApiKey, who: audit.Who, **details: object) -> None:
    audit.record(action, team=key.team, who=who, target=str(key), key_id=key.public_id, **details)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(prefix: str, public_id: str, secret: str) -> str:
    # A live key's prefix is left out, as it was before there were others.
    number = zlib.crc32(f"{prefix.removeprefix(PREFIX)}{public_id}_{secret}".encode())
    digits = []
    for _place in range(CHECK_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def _digest(plaintext: str) -> str:
    # Plain SHA-256 is enough: 190 random bits cannot be guessed, however fast the hash.
    return hashlib.sha256(plaintext.encode()).hexdigest()
