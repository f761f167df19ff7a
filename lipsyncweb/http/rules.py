"""Which addresses are refused by their looks, and the errors of a request that was not made or failed."""

import ipaddress
import re
from dataclasses import dataclass

import requests
from django.utils.translation import gettext as _
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from lipsyncweb.http.addresses import Address, is_loopback, is_public

LONGEST_URL = 8000  # presigned addresses are long
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE)


class OutboundError(Exception):
    """A request that was not made or did not succeed; `sentence` is for the person who named the address."""

    code = "fetch_failed"
    # Whether the request may have reached the other side, so that sending it again may repeat its effect.
    sent = False

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


class Refused(OutboundError):
    """The address is not one that this site talks to. Nothing was sent."""

    code = "url_not_allowed"


class TooLarge(OutboundError):
    code = "too_large"


class TimedOut(OutboundError):
    code = "timed_out"


class FetchFailed(OutboundError):
    code = "fetch_failed"


@dataclass(frozen=True)
class Policy:
    """What may be talked to. `loopback` admits plain HTTP and any port on loopback, and nothing else.

    `trusted` names hosts with their ports that the site's operator chose (a server in the same rack, say): they
    may have any scheme and address. Never put there what a user named.
    """

    plain_http: bool
    loopback: bool
    ports: frozenset[int] = frozenset({80, 443})
    trusted: frozenset[tuple[str, int]] = frozenset()

    def trusts(self, host: str, port: int) -> bool:
        return (host, port) in self.trusted


def check_address(url: str, policy: Policy) -> str:
    """Judge what can be judged without looking a name up: syntax, scheme, port, literal addresses.

    Returns the URL with its host in ASCII and lower case. Raises Refused.
    """
    normalised, parts = _parse(url)
    host = (parts.host or "").strip("[]").rstrip(".")
    if parts.auth is not None:
        raise Refused(_("The address holds a user name. Leave out everything before the @."))
    address = as_literal(host)
    home = policy.loopback and (host == "localhost" or (address is not None and is_loopback(address)))
    if not home and not policy.trusts(host, port_of(parts)):
        _check_public(parts, host, address, policy)
    return normalised


def _parse(url: str) -> tuple[str, Url]:
    """The URL as `requests` will use it, and its parts."""
    if len(url) > LONGEST_URL:
        raise Refused(_("The address is too long. Use one of at most %d characters.") % LONGEST_URL)
    if any(character <= " " or character in "\x7f\\" for character in url):
        raise Refused(_("The address holds a space, a backslash or a control character. Encode it."))
    if not url.lower().startswith(("http://", "https://")):
        raise Refused(_("The address does not begin with https://. Use an HTTPS address."))
    try:
        normalised = requests.Request("GET", url).prepare().url or ""
        parts = parse_url(normalised)
        if not parts.host:
            raise ValueError("no host")
        normalised.encode("ascii")
    except (requests.RequestException, LocationParseError, ValueError) as error:
        raise Refused(_("The address is not a valid URL. Check how it is written.")) from error
    return normalised, parts


def as_literal(host: str) -> Address | None:
    """The address that a host is written as, or None for a name. Raises Refused for unusual spellings.

    What ends in a number is an address to a browser and to `getaddrinfo` (127.1, 0x7f000001, 0177.0.0.1).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        last = host.rpartition(".")[2]
        if last.isdigit() or last.startswith("0x") or len(host) > 253 or not _NAME.fullmatch(host):
            raise refused(host) from error
        return None
    if address.version == 6 and address.scope_id:
        raise refused(host)
    return address


def port_of(parts: Url) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _check_public(parts: Url, host: str, address: Address | None, policy: Policy) -> None:
    if parts.scheme != "https" and not policy.plain_http:
        raise Refused(_("The address does not begin with https://. Use an HTTPS address."))
    if port_of(parts) not in policy.ports:
        raise Refused(_("Port %d is not allowed. Use the usual port.") % (parts.port or 0))
    if host == "localhost" or host.endswith(".localhost") or (address is not None and not is_public(address)):
        raise refused(host)


def refused(host: str) -> Refused:
    return Refused(_("%s is not on the public Internet. Use an address that anybody can reach.") % host[:100])
