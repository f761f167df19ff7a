"""Another server that speaks the same API: one send an attempt, and a question when it is time."""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

from jobs.providers.base import Accepted, Errand, Failed, Outcome
from lipsyncweb.http import outbound

PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,99}", re.ASCII)
ENDED = ("completed", "failed")
# The server is sound and takes nothing now.
WAIT = frozenset({402, 408, 409, 425, 429})
KEY_REFUSED = frozenset({401, 403})
# A gateway's words: what stands behind it may have taken the job.
UNHEARD = frozenset({502, 504})
KEPT = (
    "id",
    "status",
    "output",
    "error",
    "executionTime",
    "timings",
    "seed",
    "progress",
    "warnings",
    "promptWords",
)


class Later(Exception):
    """The server did not take the job, and may later.

    `may_have_sent`: it may have taken it all the same, without our hearing of it. `is_failure`: the server itself
    is in trouble, rather than asking us to wait.
    """

    def __init__(
        self, why: str, *, may_have_sent: bool, is_failure: bool = True, retry_after: timedelta | None = None
    ):
        super().__init__(why)
        self.why = why
        self.may_have_sent = may_have_sent
        self.is_failure = is_failure
        self.retry_after = retry_after


@dataclass(frozen=True)
class Remote:
    """A server, and our key there."""

    name: str
    base_url: str
    key: str = field(repr=False)  # never in a log
    policy: outbound.Policy
    seconds: float  # for one request

    def send(self, errand: Errand) -> Outcome:
        """Send the job: Accepted or Failed. Raises Later."""
        body: dict[str, Any] = {"formState": {**errand.values, **errand.addresses, "seed": errand.seed}}
        if errand.callback:
            body["webhook"] = errand.callback
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"job-{errand.job_id}"}
        try:
            answer = outbound.post(
                f"{self.base_url}/api/v1/{errand.model}",
                body=json.dumps(body).encode(),
                headers={**self._headers(), **headers},
                policy=self.policy,
                seconds=self.seconds,
            )
        except outbound.Refused as error:
            return Failed(error.code, error.sentence)
        except outbound.OutboundError as error:
            raise Later(error.sentence, may_have_sent=error.sent) from error
        return self._outcome(answer)

    def ask(self, external_id: str) -> dict[str, Any] | None:
        """The job's document there, or None when that server knows no such job. Raises Later."""
        try:
            answer = self.ask_raw(external_id)
        except outbound.OutboundError as error:
            raise Later(error.sentence, may_have_sent=False) from error
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._later(answer)
        document = parse(answer.body)
        if document is None:
            raise Later(f"{self.name} sent something that is no job.", may_have_sent=False)
        return document

    def ask_raw(self, external_id: str) -> outbound.Answer:
        """The bare answer to the question. Raises OutboundError."""
        return outbound.get(
            f"{self.base_url}/api/v1/jobs/{external_id}",
            headers=self._headers(),
            policy=self.policy,
            seconds=self.seconds,
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}

    def _outcome(self, answer: outbound.Answer) -> Outcome:
        if 200 <= answer.status < 300:
            return self._accepted(answer)
        if answer.status in KEY_REFUSED:
            return Failed("provider_key_refused", f"{self.name} refuses the key that this site has for it.")
        if answer.status in WAIT or not 400 <= answer.status < 500:
            raise self._later(answer)
        return Failed("provider_refused", f"{self.name}: {self._said(answer)}")

    def _accepted(self, answer: outbound.Answer) -> Outcome:
        document = _object(answer.body)
        external_id = str(document.get("id") or document.get("requestId") or "") if document else ""
        if is_plain(external_id):
            return Accepted(external_id)
        if document and document.get("error"):
            return Failed("provider_refused", f"{self.name}: {self._said(answer)}")
        # It said yes in a way that cannot be read: the job may be there.
        raise Later(f"{self.name} sent an answer that cannot be read.", may_have_sent=True)

    def _said(self, answer: outbound.Answer) -> str:
        """Their sentence, without our key, which some servers repeat."""
        return said(answer).replace(self.key, "sk_…")

    def _later(self, answer: outbound.Answer) -> Later:
        waits = answer.status in WAIT
        return Later(
            f"{self.name} answered {answer.status}: {self._said(answer)}",
            may_have_sent=answer.status in UNHEARD,
            is_failure=not waits,
            retry_after=outbound.retry_after(answer.headers),
        )


def parse(body: bytes) -> dict[str, Any] | None:
    """The job document in `body`, or None when it is none."""
    document = _object(body)
    if document is None or document.get("status") not in ("processing", *ENDED):
        return None
    external_id = document.get("id") or document.get("requestId")
    if not isinstance(external_id, str) or not is_plain(external_id):
        return None
    kept = {name: document[name] for name in KEPT if name in document}
    return {**kept, "id": external_id}


def said(answer: outbound.Answer) -> str:
    """The sentence in an error answer, however it is wrapped; never HTML."""
    document = _object(answer.body) or {}
    for name in ("error", "message", "detail"):
        found = document.get(name)
        if isinstance(found, dict):
            found = found.get("message")
        if isinstance(found, str) and found:
            return found[:500]
    return f"status {answer.status}"


def is_plain(external_id: str) -> bool:
    """Whether an id can stand in a path: what else it might do there is not ours to find out."""
    return PLAIN_ID.fullmatch(external_id) is not None


def _object(body: bytes) -> dict[str, Any] | None:
    """A JSON object that every database can keep: no NaN, no NUL, no half of a character."""
    try:
        found = _clean(json.loads(body, parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
