"""What a key may do less than its team: models, resolutions, addresses, pace, credits, and until when.

An empty limit is none. Credits are counted by accounts/ledger/; the pace by jobs/api/limits.py; models and
resolutions are judged by jobs/key_limits.py.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.ledger import counting
from accounts.models import ApiKey

MOST_ADDRESSES = 50
Choices = Sequence[tuple[str, "str | Promise"]]

# Those of its limits that a request is judged by before its transaction begins; see keys.as_judged().
JUDGED_BEFORE_SPENDING = ("allowed_models", "resolutions", "addresses")


@dataclass(frozen=True)
class Limits:
    """All of a key's limits, named as the columns of ApiKey are."""

    expires_at: datetime | None = None
    allowed_models: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # normalised, see read_addresses()
    requests_a_minute: int | None = None
    daily_credits: int | None = None
    total_credits: int | None = None

    def columns(self) -> dict[str, Any]:
        """As a row stores them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in ((each.name, getattr(self, each.name)) for each in fields(self))
        }

    def to_json(self) -> dict[str, Any]:
        """Those that are set."""
        found = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        if self.expires_at:
            found["expires_at"] = self.expires_at.isoformat(timespec="seconds")
        return found


NO_LIMITS = Limits()
# Rows of keys that have a limit of any kind but an expiry, for the list.
LIMITED = (
    ~Q(allowed_models=[])
    | ~Q(resolutions=[])
    | ~Q(addresses=[])
    | Q(requests_a_minute__isnull=False)
    | counting.that_count_credits()
)


class BadAddress(ValueError):
    """Text that is no list of addresses and networks; its own words are the sentence."""


class _Offer:
    """What the site makes. The app that makes it says so when it starts: this one knows nothing of it."""

    models: Callable[[], Choices] = staticmethod(tuple)
    resolutions: Callable[[], Choices] = staticmethod(tuple)


def declare(*, models: Callable[[], Choices], resolutions: Callable[[], Choices]) -> None:
    """Name the models and resolutions that a key can be limited to."""
    _Offer.models, _Offer.resolutions = staticmethod(models), staticmethod(resolutions)


def models() -> Choices:
    return _Offer.models()


def resolutions() -> Choices:
    return _Offer.resolutions()


def of(key: ApiKey) -> Limits:
    values = {each.name: getattr(key, each.name) for each in fields(Limits)}
    return Limits(**{name: tuple(it) if isinstance(it, list) else it for name, it in values.items()})


def spent_today(key: ApiKey) -> int:
    """Of its credits a day, which are counted in UTC."""
    return counting.day_spent(key, timezone.now())


def put(key: ApiKey, limits: Limits) -> None:
    """Set them on the object; nothing is saved."""
    for name, value in limits.columns().items():
        setattr(key, name, value)


def read_addresses(text: str) -> tuple[str, ...]:
    """Addresses and networks (CIDR) out of what a person typed, each once and written in one way.

    Raises BadAddress.
    """
    found = dict.fromkeys(_normal(word) for word in re.split(r"[\s,;]+", text) if word)
    if len(found) > MOST_ADDRESSES:
        raise BadAddress(
            _("A key takes at most %(most)s addresses; these are %(number)s. Name networks instead.")
            % {"most": MOST_ADDRESSES, "number": len(found)}
        )
    return tuple(found)


def admits(addresses: Iterable[str], caller: str | None) -> bool:
    """Whether a key with this list may be used from `caller`, None for an address that is not known."""
    allowed = list(addresses)
    if not allowed:
        return True
    try:
        found = ip_address((caller or "").partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ip_network(each) for each in allowed)


def _normal(word: str) -> str:
    try:
        if "%" in word:  # a zone means something on one machine only
            raise ValueError(word)
        network = _unmapped(ip_network(word, strict=False))
    except ValueError:
        sentence = _(
            "%(word)s is no address and no network; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
        )
        raise BadAddress(sentence % {"word": word[:60]}) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """An IPv4 network that was written as IPv6 (::ffff:203.0.113.7), as what it is."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return IPv4Network((mapped, network.prefixlen - 96))
