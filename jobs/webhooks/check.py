"""Why a signature fails: reads pasted headers and a pasted body, and tries the usual mistakes one by one.

It says yes or no and what differs, and never prints a signature: with one of those anybody could sign.
"""

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team
from jobs.models import WebhookDelivery
from jobs.webhooks import message, rotation
from jobs.webhooks.rotation import Known

NEEDED = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE = timedelta(minutes=5)  # what the specification lets a receiver accept
HEADER = re.compile(r"""[\s'"{-]*(?:H\s+['"])?([A-Za-z][\w-]*)['"]?\s*[:=](.*)""")
AROUND_VALUE = " \t'\",}"
MESSAGE = re.compile(r"msg_([0-9a-f]{32})")
DIGEST_BYTES = 32
ATTEMPTS_TRIED = 20
SHOWN_AROUND = 12  # characters on each side of the first difference


@dataclass(frozen=True)
class Verdict:
    """`code` is stable, `sentence` says it, `notes` are what else is worth knowing."""

    good: bool
    code: str
    sentence: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pasted:
    """The three headers, read, and the body."""

    message_id: str
    timestamp: str
    signatures: tuple[bytes, ...]
    body: str

    def fits(self, secret: str, **other: str) -> bool:
        """Whether `secret` made one of the signatures, for this message or with some part of it changed."""
        parts = {"message_id": self.message_id, "timestamp": self.timestamp, "body": self.body, **other}
        signed = f"{parts['message_id']}.{parts['timestamp']}.{parts['body']}"
        made = _hmac(_key(secret), signed)
        return any(hmac.compare_digest(made, signature) for signature in self.signatures)


class _Bad(Exception):
    """What is wrong before any secret is tried."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.verdict = Verdict(False, code, sentence)


def check(team: Team, *, headers: str, body: str, secret: str = "", computed: str = "") -> Verdict:
    """Judge a message that `team` received. `secret` is the one its receiver uses; "" for the team's own.

    `computed` is the signature that the receiver's own code came to, if somebody wants to know how.
    """
    try:
        pasted = _read(_headers(headers), body)
        used = _whole_secret(secret)
    except _Bad as bad:
        return bad.verdict
    known = list(rotation.known(team))
    verdict = _judge(team, pasted, known, used)
    how = _how_computed(pasted, used or next((each.secret for each in known if each.signs), ""), computed)
    notes = [*verdict.notes, *_age(pasted, verdict), *([how] if how else [])]
    return Verdict(verdict.good, verdict.code, verdict.sentence, tuple(notes))


def _headers(text: str) -> dict[str, str]:
    """Headers by name in lower case, from lines as tools and programs print them, or from JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        lines = (HEADER.match(line) for line in text.splitlines())
        found = {match[1]: match[2].strip(AROUND_VALUE) for match in lines if match}
    if not isinstance(found, dict):
        found = {}
    plain = {str(name).lower().replace("_", "-").removeprefix("http-"): found[name] for name in found}
    return {
        name: str(value[0] if isinstance(value, list) and value else value) for name, value in plain.items()
    }


def _read(headers: dict[str, str], body: str) -> Pasted:
    missing = [name for name in NEEDED if not headers.get(name)]
    if missing:
        sentence = _("These headers are missing: %(names)s. A proxy or framework may drop or rename them.")
        raise _Bad("missing_header", sentence % {"names": ", ".join(missing)})
    timestamp = headers["webhook-timestamp"].strip()
    if not re.fullmatch(r"[0-9]{1,11}", timestamp):
        if re.fullmatch(r"[0-9]{13}", timestamp):
            raise _Bad("milliseconds", _("webhook-timestamp is in milliseconds; we send whole seconds."))
        raise _Bad("bad_timestamp", _("webhook-timestamp is not a number of seconds, as we send it."))
    return Pasted(
        message_id=headers["webhook-id"].strip(),
        timestamp=timestamp,
        signatures=tuple(_signatures(headers["webhook-signature"])),
        body=body,
    )


def _signatures(header: str) -> Iterator[bytes]:
    parts = [part.partition(",") for part in header.split()]
    ours = [text for version, comma, text in parts if version == "v1" and comma]
    if not ours:
        raise _Bad(
            "no_v1",
            _("webhook-signature holds no signature of version v1: it begins with “v1,” as we send it."),
        )
    for text in ours:
        try:
            found = base64.b64decode(text, validate=True)
        except ValueError:
            found = b""
        if len(found) != DIGEST_BYTES:
            raise _Bad(
                "cut_signature",
                _("A signature in webhook-signature is not whole: each is 44 characters after “v1,”."),
            )
        yield found


def _whole_secret(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    if not text.startswith("whsec_"):
        raise _Bad("bad_secret", _("The secret is not whole: it begins with “whsec_”."))
    try:
        if _key(text):
            return text
    except ValueError:
        pass
    raise _Bad("bad_secret", _("The secret is not whole: what follows “whsec_” is not base64."))


def _judge(team: Team, pasted: Pasted, known: Sequence[Known], used: str) -> Verdict:
    """Is it good; else does it fit once the message, the secret or both are put right?"""
    if used and _fits(pasted, used):
        return _good(pasted, used, known)
    own = next((each for each in known if _fits(pasted, each.secret)), None)
    if own and used:
        return Verdict(
            False,
            "wrong_secret",
            _("The message is ours and whole, but the secret that you entered did not sign it."),
            (_about_secret(used, known),),
        )
    if own and not own.signs:
        return Verdict(
            False,
            "old_secret",
            _("It was signed with a secret that was replaced and signs no more: an old message."),
        )
    if own:
        return _good(pasted, own.secret, known)
    secrets = [used] if used else [each.secret for each in known]
    return _what_differs(team, pasted, secrets) or Verdict(
        False,
        "no_match",
        _(
            "No secret fits, and no usual mistake explains it: it is not from us, or more than one part differs."
        ),
        (_about_secret(used, known),) if used else (),
    )


def _good(pasted: Pasted, secret: str, known: Sequence[Known]) -> Verdict:
    notes = []
    if not pasted.fits(secret):
        notes.append(
            _("Line breaks differ from what was signed. Pasting does that; a receiver must not change them.")
        )
    retired = next((each.retired for each in known if each.secret == secret), None)
    if retired:
        notes.append(_("It fits the secret that was replaced; enter the new one at the receiver."))
    return Verdict(True, "good", _("The signature is right: the message is ours and whole."), tuple(notes))


def _fits(pasted: Pasted, secret: str) -> bool:
    """With the line breaks that a form's text field adds and changes put back."""
    unix = pasted.body.replace("\r\n", "\n")
    bodies = (pasted.body, unix, unix.rstrip("\n"), unix.strip())
    return any(pasted.fits(secret, body=body) for body in dict.fromkeys(bodies))


def _what_differs(team: Team, pasted: Pasted, secrets: Sequence[str]) -> Verdict | None:
    """The one part that was changed on the way, when the rest is a message that we have sent."""
    named = MESSAGE.fullmatch(pasted.message_id)
    for delivery in _candidates(team, pasted, uuid.UUID(named[1]) if named else None):
        sent = message.body(delivery)
        for secret in secrets:
            if pasted.fits(secret, body=sent):
                return _body_differs(sent, pasted.body)
            if _fits_with(pasted, secret, message_id=delivery.message_id):
                sentence = _("webhook-id was changed: this message's is %(id)s.")
                return Verdict(False, "id_differs", sentence % {"id": delivery.message_id})
            if any(_fits_with(pasted, secret, timestamp=each) for each in _timestamps(delivery)):
                return Verdict(
                    False, "timestamp_differs", _("webhook-timestamp was changed: it is not the one we sent.")
                )
    return None


def _fits_with(pasted: Pasted, secret: str, **other: str) -> bool:
    bodies = (pasted.body, pasted.body.replace("\r\n", "\n").strip())
    return any(pasted.fits(secret, body=body, **other) for body in bodies)


def _candidates(team: Team, pasted: Pasted, named: uuid.UUID | None) -> Iterator[WebhookDelivery]:
    """The delivery that the id names, and those of the job that the body names."""
    own = WebhookDelivery.objects.filter(team=team).select_related("job")
    if named:
        yield from own.filter(pk=named)
    try:
        job_id = uuid.UUID(json.loads(pasted.body)["id"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    yield from own.filter(job_id=job_id)[:5]


def _timestamps(delivery: WebhookDelivery) -> list[str]:
    """What each attempt may have carried: it was claimed and signed within the same second or two."""
    newest = delivery.log.order_by("-number")[:ATTEMPTS_TRIED]
    moments = [int(attempt.at.timestamp()) for attempt in newest]
    return [str(moment + late) for moment in moments for late in range(3)]


def _body_differs(sent: str, body: str) -> Verdict:
    try:
        same = json.loads(body) == json.loads(sent)
    except (ValueError, RecursionError):
        same = False
    if same:
        sentence = _(
            "The body was parsed and written again: the same JSON in other bytes. "
            "Check the signature over the raw body, before anything parses it."
        )
        return Verdict(False, "body_rewritten", sentence)
    at = next((i for i, (one, other) in enumerate(zip(sent, body, strict=False)) if one != other), None)
    at = min(len(sent), len(body)) if at is None else at
    near = slice(max(0, at - SHOWN_AROUND), at + SHOWN_AROUND)
    sentence = _("The body is not what we sent: from character %(number)s on it differs.")
    shown = _("Sent: …%(sent)s… Received: …%(received)s…") % {"sent": sent[near], "received": body[near]}
    return Verdict(False, "body_differs", sentence % {"number": at + 1}, (shown,))


def _about_secret(used: str, known: Sequence[Known]) -> str:
    match = next((each for each in known if each.secret == used), None)
    if match is None:
        return _(
            "The secret that you entered is not one of this team's: copy it again from the webhooks page."
        )
    if match.retired:
        return _("The secret that you entered is an old one of this team's.")
    return _("The secret that you entered is this team's own.")


def _age(pasted: Pasted, verdict: Verdict) -> Iterator[str]:
    sent = datetime.fromtimestamp(int(pasted.timestamp), UTC)
    away = timezone.now() - sent
    when = {"time": f"{sent:%Y-%m-%d %H:%M:%S}"}
    if away > TOLERANCE:
        yield (
            _(
                "It was sent at %(time)s UTC. A receiver accepts it for five minutes from then: "
                "if yours refused it at once, its clock is wrong."
            )
            % when
        )
    elif away < -TOLERANCE:
        yield (
            _("Its time, %(time)s UTC, is more than five minutes ahead of ours: it was changed or made up.")
            % when
        )


def _how_computed(pasted: Pasted, secret: str, computed: str) -> str:
    """What the receiver's own code must have done to come to `computed`."""
    computed = computed.strip().removeprefix("v1,")
    if not computed or not secret:
        return ""
    unix = pasted.body.replace("\r\n", "\n").strip()
    whole = f"{pasted.message_id}.{pasted.timestamp}.{unix}"
    keys = {
        "": _key(secret),
        _(
            "the secret is used as it is written: decode what follows “whsec_” from base64 first"
        ): secret.encode(),
        _("the secret is used without “whsec_” but not decoded from base64"): secret[6:].encode(),
    }
    contents = {
        "": whole,
        _("only the body is signed: sign id, timestamp and body, joined by dots"): unix,
        _("the id is left out: sign id, timestamp and body, joined by dots"): f"{pasted.timestamp}.{unix}",
        _("the timestamp is left out: sign id, timestamp and body, joined by dots"): (
            f"{pasted.message_id}.{unix}"
        ),
        _("the parts are joined without dots"): whole.replace(".", "", 2),
    }
    for why_key, key in keys.items():
        for why_content, content in contents.items():
            digest = _hmac(key, content)
            for why_form, text in (
                ("", base64.b64encode(digest).decode()),
                (_("the result is written in hex, not in base64"), digest.hex()),
            ):
                if hmac.compare_digest(text.encode(), computed.encode()):
                    return _explain([why for why in (why_key, why_content, why_form) if why])
    return _("Your code's own signature fits none of the usual mistakes; the body that it saw may differ.")


def _explain(whys: list[str]) -> str:
    if not whys:
        return _("Your code's own signature is right.")
    return _("In your code: %(why)s.") % {"why": "; ".join(whys)}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_") + "==")


def _hmac(key: bytes, content: str) -> bytes:
    return hmac.new(key, content.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
