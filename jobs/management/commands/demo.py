"""`manage.py demo`: the whole path over HTTP against a site of its own, as a person and a client would take it."""

import html
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from standardwebhooks import Webhook, WebhookVerificationError

from jobs.engine.probe import probe
from lipsyncweb.livesite import LiveSite, SiteDidNotStart

EMAIL, PASSWORD = "demo@example.com", "a talking portrait"  # of a site that is deleted at the end
RENDER_SECONDS = 600
WEBHOOK_SECONDS = 60


class Command(BaseCommand):
    help = "Start a site, sign up, make a key, submit the samples, receive the webhook, download the video."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output", type=Path, help="where the MP4 goes (DATA_DIR/demo/talking-portrait.mp4)"
        )
        parser.add_argument("--resolution", choices=["480p", "720p"], default="480p")

    def handle(self, *args: Any, **options: Any) -> None:
        output = options["output"] or settings.DATA_DIR / "demo" / "talking-portrait.mp4"
        output.parent.mkdir(parents=True, exist_ok=True)
        steps = Steps(self.stdout.write)
        with tempfile.TemporaryDirectory(prefix="lipsyncweb-demo-") as folder:
            site = LiveSite(Path(folder))
            try:
                self._play(site, steps, output, options["resolution"])
            except (DemoFailed, SiteDidNotStart, requests.RequestException, OSError) as error:
                log = site.log_tail() if site.log.exists() else ""
                self.stderr.write(log)
                self.stdout.write(json.dumps({"ok": False, "step": steps.current, "error": str(error)}))
                raise CommandError(f"The demo failed at the step {steps.current!r}: {error}") from error
        self.stdout.write(f"\nThe video: {output}")
        self.stdout.write(
            json.dumps({"ok": True, "file": str(output), **steps.facts, "steps_ms": steps.took})
        )

    def _play(self, site: LiveSite, steps: "Steps", output: Path, resolution: str) -> None:
        steps.begin("start")
        with site, receiver() as (webhook, received):
            steps.end("starting the site")
            person = Person(site.url)
            with steps.timed("sign_up", f"signing up as {EMAIL}"):
                person.sign_up()
            with steps.timed("key", "making an API key on the keys page"):
                client = Client(site.url, person.make_key())
            with steps.timed("secret", "reading the webhook secret"):
                secret = person.webhook_secret()
            with steps.timed("submit", "submitting the sample portrait and speech"):
                job_id = client.submit(webhook, resolution)
            with steps.timed("render", f"waiting for job {job_id}"):
                job = client.wait(job_id)
            with steps.timed("webhook", "checking the webhook's signature"):
                check_webhook(received, secret, job)
            with steps.timed("download", "downloading the video"):
                client.download(job["output"], output)
            made = probe(output, kind="video")
            steps.facts = {
                "job": job,
                "seconds": made.seconds,
                "width": made.width,
                "height": made.height,
                "bytes": made.bytes,
            }
            steps.begin("stop")
        steps.end("stopping the site")


class DemoFailed(Exception):
    """A step did not give what it should; the message is a sentence for a person."""


class Steps:
    """Times the steps and says each one as it ends."""

    def __init__(self, say: Any):
        self.say = say
        self.took: dict[str, int] = {}
        self.facts: dict[str, Any] = {}
        self.current = ""
        self._since = 0.0

    def begin(self, name: str) -> None:
        self.current, self._since = name, time.monotonic()

    def end(self, text: str) -> None:
        took = round((time.monotonic() - self._since) * 1000)
        self.took[self.current] = took
        self.say(f"{took / 1000:7.2f} s  {text}")

    @contextmanager
    def timed(self, name: str, text: str) -> Iterator[None]:
        self.begin(name)
        yield
        self.end(text)


class Person:
    """Uses the pages as a browser without scripts does: forms, cookies, CSRF tokens."""

    def __init__(self, site: str):
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False

    def sign_up(self) -> None:
        page = self._post("/accounts/signup/", email=EMAIL, password1=PASSWORD, password2=PASSWORD)
        if page.url.startswith(f"{self.site}/accounts/"):
            raise DemoFailed(f"Signing up ended on {page.url}.")

    def make_key(self) -> str:
        page = self._post("/keys", name="demo")
        return find(r"sk_[0-9A-Za-z]+_[0-9A-Za-z]+", page.text, "The keys page shows no new key.")

    def webhook_secret(self) -> str:
        page = self._post("/webhooks/secret", form_page="/webhooks")
        return find(r"whsec_[0-9A-Za-z+/=]+", html.unescape(page.text), "The webhooks page shows no secret.")

    def _post(self, path: str, *, form_page: str = "", **values: str) -> requests.Response:
        form = self.session.get(self.site + (form_page or path), timeout=30)
        hidden = hidden_fields(form.text)
        if not hidden:
            raise DemoFailed(f"There is no form on {form.url}.")
        page = self.session.post(
            self.site + path,
            data={**hidden, **values},
            headers={"Referer": form.url},
            timeout=30,
        )
        if page.status_code != 200:
            raise DemoFailed(f"POST {path} answered {page.status_code}.")
        return page


def hidden_fields(page: str) -> dict[str, str]:
    """What a page's forms send unseen: the token against forgery, and the team that they were opened in."""
    return dict(
        re.findall(r'<input type="hidden" name="(csrfmiddlewaretoken|for_team)" value="([^"]*)"', page)
    )


class Client:
    """Uses the API as a program does."""

    def __init__(self, site: str, key: str):
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {key}"

    def submit(self, webhook: str, resolution: str) -> str:
        form_state = {
            "image": f"{self.site}/samples/portrait.png",
            "audio": f"{self.site}/samples/speech.wav",
            "resolution": resolution,
        }
        answer = self.session.post(
            f"{self.site}/api/v1/lipsync-image",
            json={"webhook": webhook, "formState": form_state},
            timeout=30,
        )
        if answer.status_code != 200:
            raise DemoFailed(f"Submitting answered {answer.status_code}: {answer.text}")
        return str(answer.json()["id"])

    def wait(self, job_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + RENDER_SECONDS
        while time.monotonic() < deadline:
            job = self.session.get(f"{self.site}/api/v1/jobs/{job_id}", timeout=30).json()
            if job.get("status") == "completed":
                return job
            if job.get("status") != "processing":
                raise DemoFailed(f"The job ended as {job}")
            time.sleep(0.25)
        raise DemoFailed(f"The job was not completed within {RENDER_SECONDS} s.")

    def download(self, url: str, output: Path) -> None:
        answer = requests.Session().get(url, timeout=60)  # the address is enough: no key
        if answer.status_code != 200 or answer.headers["Content-Type"] != "video/mp4":
            raise DemoFailed(f"GET {url} answered {answer.status_code} {answer.headers.get('Content-Type')}.")
        output.write_bytes(answer.content)


class Received:
    """What the local receiver was sent: the first call, with its body as it came."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.headers: dict[str, str] = {}
        self.body = b""


@contextmanager
def receiver() -> Iterator[tuple[str, Received]]:
    """Listen for webhooks on a free loopback port; gives the address to call and what came."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not received.arrived.is_set():
                received.headers, received.body = dict(self.headers), body
                received.arrived.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet: the demo says what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()


def check_webhook(received: Received, secret: str, job: dict[str, Any]) -> None:
    if not received.arrived.wait(WEBHOOK_SECONDS):
        raise DemoFailed(f"No webhook came within {WEBHOOK_SECONDS} s.")
    try:
        Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError as error:
        raise DemoFailed(f"The webhook's signature is wrong: {error}") from error
    if json.loads(received.body) != job:
        raise DemoFailed("The webhook's body is not the document that polling gives.")


def find(pattern: str, text: str, otherwise: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise DemoFailed(otherwise)
    return found.group()
