"""How often a key may ask, from where, and how often an address may try keys that are none.

A count lasts a minute, and is kept in the cache that CACHE_URL names, so that all web processes share it; without one,
in this process. While the shared cache is down every process counts by itself: customers go on working, and a limit
is never off. No count costs a database query.

The answers carry draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit-Policy: "key";q=1200;w=60` and
`RateLimit: "key";r=1199;t=42`), and a 429 `Retry-After` beside it, which every client understands.
"""

import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts import audit
from accounts.keys import limits as key_limits
from accounts.models import ApiKey
from jobs.api.errors import ApiError

log = logging.getLogger(__name__)

MINUTE = 60
DOWN_FOR = 5.0  # seconds that a cache which failed is left alone


@dataclass(frozen=True)
class Standing:
    """Where somebody stands: `used` of `limit` in this minute, which ends in `reset` seconds."""

    policy: str
    limit: int
    used: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        left = max(0, self.limit - self.used)
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={MINUTE}',
            "RateLimit": f'"{self.policy}";r={left};t={self.reset}',
        }


class RateLimitMiddleware:
    """Tells each answer to a key, whatever it is, where the key stands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        standing: Standing | None = getattr(request, "rate_limit", None)
        if standing:
            for name, value in standing.headers.items():
                response.headers[name] = value
        return response


def requests_a_minute(key: ApiKey) -> int:
    """How often this key may ask; 0 for as often as it likes. The one place that decides it."""
    limits = (settings.API_REQUESTS_PER_MINUTE, key.requests_a_minute)
    return min((limit for limit in limits if limit), default=0)


def admit(request: HttpRequest, authenticate: Callable[[], ApiKey | None]) -> ApiKey | None:
    """What `authenticate` finds, or ApiError 429 for a key that asks too often or an address that guesses too often,
    and 403 for an address that the key may not be used from.

    A good key is never held up by what others at its address do. Nothing is lost by looking first: noise is told by
    its checksum, without a query, and a well-made guess costs one indexed read. A key from an address that it may
    not be used from counts as a guess, so that whoever stole it cannot use up its requests.
    """
    key = authenticate()
    if key is None:
        _refuse_guessing(request)
        _note_guess(request)
        return None
    if key.addresses:
        _refuse_elsewhere(request, key)
    limit = requests_a_minute(key)
    if limit:
        _refuse_over(request, _count(f"key:{key.public_id}", "key", limit))
    return key


def _refuse_elsewhere(request: HttpRequest, key: ApiKey) -> None:
    caller = audit.address_of(request)
    if key_limits.admits(key.addresses, caller):
        return
    _refuse_guessing(request)
    _note_guess(request)
    sentence = _(
        "This key may not be used from %(address)s; its limits name the addresses that it may be used from."
    )
    raise ApiError(
        403, "address_not_allowed", sentence % {"address": caller or _("an address that is not known")}
    )


def _refuse_guessing(request: HttpRequest) -> None:
    limit = settings.API_WRONG_KEYS_PER_MINUTE
    if limit:
        standing = _count(f"address:{_address(request)}", "address", limit, by=0)
        if standing.used >= limit:
            _refuse(request, standing, _("Too many wrong keys came from this address; wait, then try again."))


def _note_guess(request: HttpRequest) -> None:
    if limit := settings.API_WRONG_KEYS_PER_MINUTE:
        _count(f"address:{_address(request)}", "address", limit)


def _refuse_over(request: HttpRequest, standing: Standing) -> None:
    request.rate_limit = standing  # type: ignore[attr-defined]
    if standing.used > standing.limit:
        sentence = _("This key may send %(limit)s requests a minute; wait, then try again.")
        _refuse(request, standing, sentence % {"limit": standing.limit})


def _refuse(request: HttpRequest, standing: Standing, sentence: str) -> None:
    request.rate_limit = standing  # type: ignore[attr-defined]
    raise ApiError(429, "rate_limited", sentence, headers={"Retry-After": str(standing.reset)})


def _address(request: HttpRequest) -> str:
    """Whose guesses are counted together: an address, or the /64 that one customer's IPv6 addresses are in."""
    try:
        found = ip_address(get_adapter().get_client_ip(request))
    except (ImproperlyConfigured, PermissionDenied, ValueError):
        return str(request.META.get("REMOTE_ADDR", ""))[:50]
    return str(IPv6Address(int(found) >> 64 << 64)) if isinstance(found, IPv6Address) else str(found)


def _count(name: str, policy: str, limit: int, *, by: int = 1) -> Standing:
    # Minutes begin at another second for each name, so that not all of them come back at once.
    minute, second = divmod(int(time.time()) + zlib.crc32(name.encode()) % MINUTE, MINUTE)
    used = _increase(f"api:{name}:{minute}", by)
    return Standing(policy, limit, used, MINUTE - second)


class _Shared:
    """The cache that all processes share, and until when it is left alone after a failure."""

    down_until = 0.0


def _increase(name: str, by: int) -> int:
    shared = not settings.CACHES["default"]["BACKEND"].endswith("LocMemCache")
    if shared and time.monotonic() >= _Shared.down_until:
        try:
            return _increase_in(caches["default"], name, by)
        except Exception as error:  # noqa: BLE001 - each kind of cache has failures of its own
            _Shared.down_until = time.monotonic() + DOWN_FOR
            log.warning("The shared cache does not count; each process counts by itself: %r", error)
    return _increase_in(caches["local"], name, by)


def _increase_in(cache: BaseCache, name: str, by: int) -> int:
    if not by:
        return int(cache.get(name, 0))
    try:
        return cache.incr(name, by)
    except ValueError:  # the first of its minute
        cache.add(name, 0, timeout=2 * MINUTE)
        return cache.incr(name, by)
