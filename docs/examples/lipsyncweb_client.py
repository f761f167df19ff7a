"""A client for lipsyncweb in one file: copy it into your project. Needs Python 3.9 and requests.

    from lipsyncweb_client import Client

    client = Client("http://localhost:8000", key="sk_...")
    job = client.submit("lipsync-image", image=client.upload("me.png", "image"), audio="https://example.com/a.mp3")
    client.download(client.wait(job["id"]), "me.mp4")

Every call returns what the API answered, as a dict. A refusal raises ApiError with its code, sentence and fields.
Submits carry an Idempotency-Key, so that trying again after a lost answer makes no second job.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

TRIES = 4
LONGEST_WAIT = 60.0  # seconds between two tries
TRIED_AGAIN = frozenset({409, 429, 502, 503, 504})
TOLERANCE = 300  # seconds that a webhook may be old


class ApiError(Exception):
    """The API refused: `status` of HTTP, stable `code`, and `fields`, each with field, code and message."""

    def __init__(self, status: int, document: Mapping[str, Any]):
        super().__init__(document.get("error") or f"The server answered {status}.")
        self.status = status
        self.code = document.get("code", "")
        self.fields = document.get("fields", [])
        self.retry_after: float | None = None


class JobFailed(Exception):
    """The job ended without a video; `job` is its document."""

    def __init__(self, job: Mapping[str, Any]):
        super().__init__(job["error"])
        self.job = job
        self.code = job.get("code", "")


class Client:
    """One key of one site. Use one for each thread."""

    def __init__(self, base_url: str, key: str, *, timeout: float = 60.0):
        self._base = base_url.rstrip("/") + "/api/v1"
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._files = requests.Session()  # results open without a key, and must not get it

    # --- jobs -------------------------------------------------------------------------------------

    def submit(
        self,
        model: str,
        *,
        webhook: str | None = None,
        reference: str | None = None,
        metadata: dict[str, Any] | None = None,
        provider: str | None = None,
        idempotency_key: str | None = None,
        **form_state: Any,
    ) -> dict[str, Any]:
        """Start a job; its parameters are keyword arguments. Returns id and status at once."""
        top = {"webhook": webhook, "reference": reference, "metadata": metadata, "provider": provider}
        body = {"formState": form_state, **{name: value for name, value in top.items() if value is not None}}
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._call("POST", f"/{model}", json=body, headers=headers)

    def estimate(
        self, model: str, *, seconds: dict[str, float] | None = None, **form_state: Any
    ) -> dict[str, Any]:
        """What that submit would cost. `seconds` are the lengths of your files, as far as you know them."""
        return self._call("POST", f"/{model}/estimate", json={"formState": form_state, "seconds": seconds})

    def job(self, job_id: str) -> dict[str, Any]:
        return self._call("GET", f"/jobs/{job_id}")

    def wait(self, job_id: str, *, seconds: float = 3600.0, every: float = 2.0) -> dict[str, Any]:
        """The document of the completed job. Raises JobFailed, and TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            job = self.job(job_id)
            if job["status"] == "completed":
                return job
            if job["status"] == "failed":
                raise JobFailed(job)
            if time.monotonic() > deadline:
                raise TimeoutError(f"The job {job_id} was not done after {seconds} s.")
            time.sleep(every)

    def jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All jobs, newest first, page by page. Filters: status, model, reference, createdAfter, createdBefore."""
        filters = {"limit": 100, **filters}
        while True:
            page = self._call("GET", "/jobs", params=filters)
            yield from page["jobs"]
            if not page["nextCursor"]:
                return
            filters["cursor"] = page["nextCursor"]

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._call("POST", f"/jobs/{job_id}/cancel")

    # --- files ------------------------------------------------------------------------------------

    def upload(self, path: str | os.PathLike[str], kind: str) -> str:
        """Send a file (kind: image, audio or video); returns what stands for it among the parameters."""
        content = Path(path).read_bytes()
        files = {"file": (Path(path).name, content)}
        return self._call("POST", "/uploads", data={"kind": kind}, files=files)["value"]

    def download(self, job: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
        """Save the video of a completed job. The file is there whole or not at all."""
        partial = Path(f"{os.fspath(path)}.part")
        try:
            with self._files.get(job["output"], stream=True, timeout=self._timeout) as answer:
                answer.raise_for_status()
                with partial.open("wb") as file:
                    for chunk in answer.iter_content(1 << 18):
                        file.write(chunk)
            if partial.stat().st_size != int(answer.headers.get("Content-Length", partial.stat().st_size)):
                raise OSError("The video was cut short; please fetch it again.")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    # --- account ----------------------------------------------------------------------------------

    def balance(self) -> dict[str, Any]:
        return self._call("GET", "/balance")

    def usage(self, **days: str) -> dict[str, Any]:
        """Jobs and credits by day and model: usage(**{"from": "2026-01-01", "to": "2026-01-31"})."""
        return self._call("GET", "/usage", params=days)

    def key(self) -> dict[str, Any]:
        return self._call("GET", "/key")

    # --- the request ------------------------------------------------------------------------------

    def _call(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        for left in reversed(range(TRIES)):
            try:
                return self._once(method, path, **what)
            except (requests.ConnectionError, requests.Timeout):
                if not left:
                    raise
                wait = None
            except ApiError as error:
                # A 409 without Retry-After is an answer; with it, the first of two equal requests is under way.
                if (
                    not left
                    or error.status not in TRIED_AGAIN
                    or (error.status == 409 and error.retry_after is None)
                ):
                    raise
                wait = error.retry_after
            time.sleep(min(2.0 ** (TRIES - left - 1) if wait is None else wait, LONGEST_WAIT))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = self._session.request(
            method, self._base + path, timeout=self._timeout, allow_redirects=False, **what
        )
        try:
            document = answer.json()
        except ValueError:
            document = {}
        if not 200 <= answer.status_code < 300:
            error = ApiError(answer.status_code, document if isinstance(document, dict) else {})
            after = answer.headers.get("Retry-After", "")
            error.retry_after = float(after) if after.isdigit() else None
            raise error
        return document


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The job that a webhook brings. Raises ValueError unless `secret` (whsec_...) signed it within five minutes.

    `body` is what came, byte for byte, before anything parsed it. While a secret rotates, a message has two signatures.
    """
    given = {name.lower(): value for name, value in headers.items()}
    name, sent_at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if (
        not name
        or not (sent_at.isascii() and sent_at.isdigit())
        or abs(time.time() - int(sent_at)) > TOLERANCE
    ):
        raise ValueError("The webhook has no id, or its timestamp is missing, old or in the future.")
    key = base64.b64decode(secret[len("whsec_") :] if secret.startswith("whsec_") else secret)
    made = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(made)
    signatures = given.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures):
        raise ValueError("The webhook's signature does not fit its body.")
    return json.loads(body)
