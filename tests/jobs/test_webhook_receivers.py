"""F20: receivers that fail in every way. Each meets the real deliverer over a real socket, and is bounded."""

import contextlib
import datetime
import email.utils
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from jobs.models import WebhookDelivery
from jobs.webhooks import answers, deliver
from tests.jobs.receiving import ended, last_attempt, waits
from tests.lipsyncweb.sinks import Answer, Sink, connections, fixed

pytestmark = pytest.mark.django_db
TIMEOUT = 0.6
HELD = 100 * TIMEOUT  # what a receiver takes that is not given up; its answer is another one then
FIVE = pytest.approx(5, abs=1)


_given_up = threading.Event()


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.WEBHOOK_TIMEOUT_SECONDS = TIMEOUT
    _given_up.clear()
    yield
    _given_up.set()


def silent(connected: socket.socket) -> None:
    _given_up.wait(HELD)


def drip(connected: socket.socket) -> None:
    """A head at once, and then a byte before every socket's own timeout would be over."""
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(500):
        _given_up.wait(TIMEOUT / 5)
        connected.sendall(b".")


def dripping_head(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(500):
        _given_up.wait(TIMEOUT / 5)
        connected.sendall(b"X-%d: .\r\n" % number)


def endless(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connected.sendall(b"more " * 10_000)


def endless_head(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connected.sendall(b"X-More: more\r\n" * 1000)


def cut_short(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all")


def nothing(connected: socket.socket) -> None:
    """Take the request and hang up."""


def reset(connected: socket.socket) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connected.close()


def garbage(connected: socket.socket) -> None:
    connected.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")


def in_ten_minutes() -> str:
    return email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10))


def status(line: str, headers: str = "") -> Answer:
    return fixed(b"sorry", status=line, headers=headers)


LONG_PAST = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
# How it answers; the status and the word on record; what is waited in seconds (None: it is over).
CASES = {
    "it answers 500": (status("500 Oops"), 500, "bad_status", FIVE),
    "it answers 404": (status("404 Not Found"), 404, "bad_status", FIVE),
    "it answers 304": (fixed(b"", status="304 Not Modified"), 304, "bad_status", FIVE),
    "it is gone": (status("410 Gone"), 410, "gone", None),
    "it redirects": (status("302 Found", "Location: /new\r\n"), 302, "redirect", FIVE),
    "it redirects for good": (status("308 X", "Location: https://10.0.0.1/\r\n"), 308, "redirect", FIVE),
    "it redirects nowhere": (status("301 Moved"), 301, "bad_status", FIVE),
    "it redirects to nonsense": (status("302 X", "Location: http://[\r\n"), 302, "redirect", FIVE),
    "429 with seconds": (status("429 Slow", "Retry-After: 600\r\n"), 429, "bad_status", 600),
    "503 with seconds": (status("503 Busy", "Retry-After: 600\r\n"), 503, "bad_status", 600),
    "503 with a date": (None, 503, "bad_status", 600),
    "a Retry-After that is over": (status("503 Busy", LONG_PAST), 503, "bad_status", FIVE),
    "a Retry-After of words": (status("503 Busy", "Retry-After: soon\r\n"), 503, "bad_status", FIVE),
    "a Retry-After of years": (status("503 Busy", "Retry-After: 999999999\r\n"), 503, "bad_status", 86400),
    "it never answers": (silent, None, "timed_out", FIVE),
    "its body drips": (drip, None, "timed_out", FIVE),
    "its head drips": (dripping_head, None, "timed_out", FIVE),
    "its head has no end": (endless_head, None, "no_answer", FIVE),
    "it closes early": (cut_short, None, "cut_short", FIVE),
    "it hangs up": (nothing, None, "cut_short", FIVE),
    "it resets": (reset, None, "cut_short", FIVE),
    "it speaks another protocol": (garbage, None, "no_answer", FIVE),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_failure_is_on_record_bounded_and_retried_by_the_schedule(owner, name):
    answer, expected, code, wait = CASES[name]
    if answer is None:
        answer = status("503 Busy", f"Retry-After: {in_ten_minutes()}\r\n")
    with Sink(answer) as sink:
        delivery = ended(owner, f"http://localhost:{sink.port}/hook")
        assert deliver.deliver_due() == 1
        assert sink.visits == 1
    attempt = last_attempt(delivery)
    assert (attempt.status, attempt.code) == (expected, code)
    assert attempt.error
    assert attempt.duration_ms is not None
    if wait is None:
        delivery.refresh_from_db()
        assert (delivery.state, attempt.next_at) == ("exhausted", None)
    else:
        assert waits(delivery) == (wait if wait is FIVE else pytest.approx(wait, abs=3))
        assert attempt.next_at == delivery.due_at
        assert delivery.state == "due"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (endless, ("more " * 1000)[: answers.ANSWER_KEPT]),
        (fixed(b"", status="204 No Content"), ""),
        (fixed(b"made", status="201 Created"), "made"),
        (fixed(b"", status="299 Whatever", headers="Location: https://example.com/\r\n"), ""),
    ],
    ids=["endless", "204", "201", "299"],
)
def test_any_2xx_is_a_success_however_much_it_says(owner, answer, kept):
    with Sink(answer) as sink:
        delivery = ended(owner, f"http://localhost:{sink.port}/hook")
        deliver.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.state, last_attempt(delivery).answer) == ("delivered", kept)


def test_redirect_names_its_target_and_is_not_followed(owner):
    with Sink(fixed()) as target:
        location = f"Location: http://localhost:{target.port}/new\r\n"
        with Sink(status("307 Temporary Redirect", location)) as sink:
            delivery = ended(owner, f"http://localhost:{sink.port}/hook")
            deliver.deliver_due()
        assert f"http://localhost:{target.port}/new" in last_attempt(delivery).error
        assert target.visits == 0


def test_relative_redirect_is_named_in_full(owner):
    with Sink(status("302 Found", "Location: ../new?x=1\r\n")) as sink:
        delivery = ended(owner, f"http://localhost:{sink.port}/a/hook")
        deliver.deliver_due()
        assert f"http://localhost:{sink.port}/new?x=1" in last_attempt(delivery).error


def test_nobody_there(owner, unused_port):
    delivery = ended(owner, f"http://localhost:{unused_port}/hook")
    deliver.deliver_due()
    assert last_attempt(delivery).code == "nobody_there"
    assert waits(delivery) == FIVE


@contextlib.contextmanager
def tls(tmp_path) -> Iterator[Sink]:
    """A receiver with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "receiver.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Sink(fixed()) as sink:
        sink._server.socket = context.wrap_socket(
            sink._server.socket, server_side=True, do_handshake_on_connect=False
        )
        yield sink


def test_wrong_certificate_is_refused_and_named(owner, tmp_path):
    with tls(tmp_path) as sink:
        delivery = ended(owner, f"https://localhost:{sink.port}/hook")
        deliver.deliver_due()
        assert sink.seen == []
    assert last_attempt(delivery).code == "bad_certificate"
    assert "self-signed" in last_attempt(delivery).error
    assert waits(delivery) == FIVE


def named(monkeypatch, *addresses: str) -> list[str]:
    """A resolver (the operating system's, not ours) for which every name has these addresses."""
    asked = []

    def resolve(host, port, *args, **options):
        asked.append(host)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kind[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_name_without_an_address(owner, monkeypatch):
    delivery = ended(owner, "https://hooks.example/x")
    asked = named(monkeypatch)
    deliver.deliver_due()
    assert asked == ["hooks.example"]
    assert (last_attempt(delivery).code, waits(delivery)) == ("no_such_name", FIVE)
    assert "hooks.example" in last_attempt(delivery).error


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["93.184.216.34", "127.0.0.1"],
        ["100.64.0.1"],
    ],
    ids=" ".join,
)
def test_name_that_leads_inside_is_refused_without_a_packet(owner, monkeypatch, settings, addresses):
    """Rebinding: the name was harmless when it was submitted, and what counts is what it is now."""
    settings.OUTBOUND_ALLOW_HTTP = True
    delivery = ended(owner, "http://hooks.example/x")
    asked = named(monkeypatch, *addresses)
    with connections() as connected:
        deliver.deliver_due()
        assert connected == []
    assert asked == ["hooks.example"]  # once: the checked address is the one that would be connected to
    assert (last_attempt(delivery).code, waits(delivery)) == ("url_not_allowed", FIVE)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "2130706433", "[::ffff:169.254.169.254]"])
def test_private_address_in_the_row_is_refused_without_a_packet(owner, settings, host):
    """The policy may have become stricter since the job was submitted."""
    delivery = ended(owner, "https://hooks.example/x")
    settings.OUTBOUND_ALLOW_LOOPBACK = False
    WebhookDelivery.objects.update(url=f"https://{host}/x")
    with connections() as connected:
        deliver.deliver_due()
        assert connected == []
    assert last_attempt(delivery).code == "url_not_allowed"


def test_a_positive_control_reaches_the_sink(owner):
    with Sink(fixed()) as sink, connections() as connected:
        ended(owner, f"http://localhost:{sink.port}/hook")
        deliver.deliver_due()
        assert sink.visits == 1
        assert connected
