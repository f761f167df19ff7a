"""API keys: `sk_<id>_<secret>`, and `sk_test_<id>_<secret>` for tests.

Made once, shown once, found by one indexed read, revoked and never deleted.

The secret's last six characters are a checksum, so that a mistyped key is refused without a read and a
secret scanner can tell a key from noise (`PATTERN`).
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from datetime import timedelta

from django.db.models import Expression, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, Team, User
from accounts.models.keys import PREFIX, TEST_PREFIX

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH, SECRET_LENGTH, CHECK_LENGTH = 12, 32, 6  # 32 characters of 62 are 190 random bits
PATTERN = re.compile(
    rf"(sk_|sk_test_)([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}})"
)
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class BadName(ValueError):
    """A name that holds line breaks, marks of direction or the like: it would be read as something else."""


def check_name(name: str) -> None:
    """Raise BadName for one that is not all printable."""
    if not name.isprintable():
        raise BadName(_("The name may hold printable characters only."))


def issue(
    *, team: Team, created_by: User | None, name: str = "", is_test: bool = False
) -> tuple[ApiKey, str]:
    """Make a key. The second value is the whole key: the only time that it can be seen.

    Raises BadName.
    """
    check_name(name.strip())
    prefix = TEST_PREFIX if is_test else PREFIX
    public_id = _random(ID_LENGTH)
    secret = _random(SECRET_LENGTH)
    plaintext = f"{prefix}{public_id}_{secret}{_checksum(prefix, public_id, secret)}"
    key = ApiKey.objects.create(
        team=team,
        created_by=created_by,
        name=name.strip(),
        is_test=is_test,
        public_id=public_id,
        digest=_digest(plaintext),
    )
    return key, plaintext


def authenticate(plaintext: str, **beside: Expression) -> ApiKey | None:
    """The active key that this is, with its team, or None. `beside` is read in the same query, as attributes."""
    match = PATTERN.fullmatch(plaintext)
    if match is None:
        return None
    prefix, public_id, tail = match.groups()
    if not hmac.compare_digest(_checksum(prefix, public_id, tail[:SECRET_LENGTH]), tail[SECRET_LENGTH:]):
        return None
    found = ApiKey.objects.select_related("team").filter(public_id=public_id).order_by()
    key = (found.annotate(**beside) if beside else found).first()
    # A digest is compared whether or not there is such a key: both answers take the same work.
    expected = key.digest if key else _digest("")
    matches = hmac.compare_digest(_digest(plaintext), expected)
    return key if key and matches and key.is_active else None


def note_use(key: ApiKey) -> None:
    """Record that the key was used, at most once a minute, so that a read does not write."""
    now = timezone.now()
    stale = now - USE_IS_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=key.pk).update(
            last_used_at=now
        )


def revoke(*, key: ApiKey) -> None:
    """End the key at once. Revoking again changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())


def for_team(team: Team) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(team=team).select_related("created_by")


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
