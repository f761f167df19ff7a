"""A server that speaks the API, behaving as a test says, and connections to it."""

import functools
import io
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import av
import numpy as np
from django.db import connection as database
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from jobs import remote
from jobs.models import Connection, Job
from lipsyncweb.secretbox import seal
from tests.jobs.making import SAMPLES, make_job

KEY = "sk_theirs_secret"


def connect(server: HTTPServer, *, team=None, secrets=(), **changes) -> Connection:
    connection = Connection(
        team=team,
        name=changes.pop("name", "farm"),
        base_url=server.url_for("").rstrip("/"),
        key_sealed=seal(KEY),
        callback_base=changes.pop("callback_base", "http://localhost:8000"),
        **changes,
    )
    connection.set_secrets(list(secrets))
    connection.save()
    return connection


class Upstream:
    """The stub's state: what was sent, and what it answers for each job."""

    def __init__(self, server: HTTPServer):
        self.server = server
        self.sent: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.questions: list[str] = []
        self.documents: dict[str, dict[str, Any]] = {}
        self.on_submit: Callable[[Request], Response | None] = lambda request: None
        self.on_ask: Callable[[Request], Response | None] = lambda request: None
        server.expect_request("/api/v1/lipsync-image", method="POST").respond_with_handler(self._submit)
        server.expect_request(re.compile("^/api/v1/jobs/.*"), method="GET").respond_with_handler(self._ask)

    def _submit(self, request: Request) -> Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        self.sent.append(request.get_json())
        self.keys.append(request.headers["Idempotency-Key"])
        return _say(self.on_submit, request) or self.accept()

    def accept(self, external_id: str = "") -> Response:
        external_id = external_id or str(uuid.uuid4())
        self.documents[external_id] = processing(external_id)
        return answer({"id": external_id, "requestId": external_id, "status": "processing"})

    def _ask(self, request: Request) -> Response:
        external_id = request.path.rsplit("/", 1)[1]
        self.questions.append(external_id)
        found = _say(self.on_ask, request)
        if found:
            return found
        document = self.documents.get(external_id)
        return answer(document) if document else answer({"error": "No such job."}, 404)

    @property
    def only_id(self) -> str:
        [external_id] = self.documents
        return external_id

    def complete(self, **changes) -> dict[str, Any]:
        """End its only job with a real video that can be fetched."""
        content = changes.pop("content", None) or video()
        self.server.expect_request("/result.mp4").respond_with_data(content, content_type="video/mp4")
        document = {
            **processing(self.only_id),
            "status": "completed",
            "output": self.server.url_for("/result.mp4"),
            "executionTime": 4321,
            "timings": {"render": 4000},
            **changes,
        }
        self.documents[self.only_id] = document
        return document

    def fail(self, error: str = "Invalid audio format") -> dict[str, Any]:
        document = {**processing(self.only_id), "status": "failed", "error": error}
        self.documents[self.only_id] = document
        return document


def _say(words: Callable[[Request], Response | None], request: Request) -> Response | None:
    """What the test answers. The thread is the server's, which would hold the database until after the tests."""
    try:
        return words(request)
    finally:
        database.close()


def answer(document: Any, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(document), status=status, headers=headers, content_type="application/json")


def processing(external_id: str) -> dict[str, Any]:
    return {
        "id": external_id,
        "model": "lipsync-image",
        "status": "processing",
        "output": None,
        "error": "",
        "executionTime": None,
        "timings": None,
    }


@functools.cache  # encoded twice it may differ
def video() -> bytes:
    """A second of real H.264, made here."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade * 10, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return data.getvalue()


def remote_job(owner, **values) -> Job:
    """A job whose inputs lie here, for the most preferred provider."""
    return make_job(owner, **{**SAMPLES, **values})


def attend(job) -> Job:
    """Ask for the job if it is due, end it if its end is known, and return it as it then is."""
    remote.attend(job.pk)
    remote.collect_due()
    return Job.objects.get(pk=job.pk)


def signed(secret: str, document: dict[str, Any], *, message_id: str = "msg_1", at: datetime | None = None):
    """A body and the headers of a Standard Webhooks call."""
    body = json.dumps(document)
    at = at or datetime.now(UTC)
    return body, {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }
