"""Guarded requests: what is refused before a packet leaves, and what bounds the rest."""

import datetime
import io
import ipaddress
import os
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lipsyncweb.http.addresses import is_loopback, is_public
from lipsyncweb.http.outbound import (
    Client,
    FetchFailed,
    OutboundError,
    Policy,
    Refused,
    TimedOut,
    TooLarge,
    check_address,
    download,
    get,
    policy_from_settings,
    post,
)
from tests.lipsyncweb.sinks import Sink, connections, fixed

STRICT = Policy(plain_http=False, loopback=False)
HOME = Policy(plain_http=False, loopback=True)

# Hosts that are refused wherever they stand, by every policy that does not admit loopback.
HOSTS = [
    "127.0.0.1", "localhost", "localhost.", "LOCALHOST", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1",
    "127.0.0.1.", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "169.254.169.254", "10.0.0.1",
    "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "168.63.129.16", "192.0.0.8", "198.18.0.1",
    "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[fe80::1%25eth0]", "[fe80::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[::ffff:169.254.169.254]",
    "①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1%00.example.com", "0x7f.1", "1.1.1.1.1", "", "a..b", "a.-.\u2025",
    "x" * 64 + ".example",
]  # fmt: skip
# Whole addresses that are refused by every policy, admitting loopback or not.
ADDRESSES = [
    "file:///etc/passwd", "gopher://example.com/", "data:text/plain,x", "ftp://example.com/", "//example.com/",
    "javascript:alert(1)", "", "https://", "https:///x", "https://good.example@127.0.0.1/",
    "https://user:password@example.com/", "https://example.com:22/", "https://example.com:6379/",
    "https://example.com:99999/", "https://example.com/\r\nX-Injected: 1", "https://example.com\\@127.0.0.1/",
    " https://example.com/", "https://exa mple.com/", "https://example.com/\0", "https://[::1/", "https://%31/",
    "https://" + "a" * 9000 + ".example/",
]  # fmt: skip


@pytest.fixture
def sink():
    with Sink(fixed()) as opened:
        yield opened


@pytest.fixture(scope="module")
def untouched():
    """One sink for all cases of a table, each of which says that nobody ever came."""
    with Sink(fixed()) as opened:
        yield opened


def never_asked(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


def attempt(url: str, policy: Policy, resolve=never_asked) -> OutboundError:
    """The error of both ways to use an address; nothing may be connected to."""
    client = Client(policy, resolve=resolve)
    with connections() as connected:
        with pytest.raises(OutboundError) as caught:
            client.request("POST", url, body=b"{}", headers={}, seconds=5, read_bytes=100)
        with pytest.raises(OutboundError):
            client.download(url, io.BytesIO(), max_bytes=100, seconds=5)
    assert connected == []
    assert caught.value.sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("plain_http", [False, True], ids=["strict", "plain HTTP admitted"])
def test_hosts_inside_are_refused_and_no_packet_leaves(untouched, host, scheme, plain_http):
    policy = Policy(plain_http=plain_http, loopback=False, ports=frozenset({80, 443, untouched.port}))
    url = f"{scheme}://{host}:{untouched.port}/"

    with pytest.raises(Refused):
        check_address(url, policy)
    assert attempt(url, policy).code == "url_not_allowed"
    assert untouched.visits == 0


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("policy", [STRICT, Policy(plain_http=True, loopback=False), Policy(True, True)])
def test_odd_addresses_are_refused_and_no_packet_leaves(url, policy):
    for variant in (url, url.replace("https://", "http://")):
        with pytest.raises(Refused):
            check_address(variant, policy)
        assert attempt(variant, policy).code == "url_not_allowed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost.", "[::1]", "127.8.9.10"])
def test_the_sink_is_reached_when_loopback_is_admitted(sink, host):
    """The control for the tables above: the same sink, the same calls."""
    answer = post(f"http://{host}:{sink.port}/x", body=b"{}", headers={}, policy=HOME, seconds=20)

    assert (answer.status, answer.body, sink.visits) == (200, b"ok", 1)
    assert sink.seen[0].startswith(b"POST /x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "host", [host for host in HOSTS if host.strip("[].").lower() not in ("127.0.0.1", "localhost", "::1")]
)
def test_admitting_loopback_admits_nothing_else(untouched, host):
    policy = Policy(plain_http=True, loopback=True, ports=frozenset({80, 443, untouched.port}))

    assert attempt(f"http://{host}:{untouched.port}/", policy).code == "url_not_allowed"
    assert untouched.visits == 0


def test_plain_http_and_odd_ports_stay_refused_outside_of_loopback():
    for url in ("http://example.com/", "https://example.com:8443/", "http://8.8.8.8/"):
        with pytest.raises(Refused):
            check_address(url, HOME)


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("HTTPS://Example.COM", "https://example.com/"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.com:443/x", "https://example.com:443/x"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://example.com:80/", "https://example.com:80/"),
    ],
)
def test_public_addresses_pass_by_their_looks(url, normalised):
    assert check_address(url, STRICT) == normalised


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700:4700::1111", "::ffff:127.0.0.1"], ["fe80::1%lo"]],
)
@pytest.mark.parametrize("loopback", [False, True])
def test_a_name_with_one_address_inside_is_refused(addresses, loopback):
    policy = Policy(plain_http=True, loopback=loopback)

    error = attempt("http://rebind.example/", policy, resolve=lambda host, port: addresses)

    assert error.code == "url_not_allowed"


def test_localhost_that_is_elsewhere_is_refused():
    assert attempt("http://localhost:8000/", HOME, resolve=lambda *_: ["8.8.8.8"]).code == "url_not_allowed"


def test_the_address_that_was_checked_is_the_one_connected_to(sink):
    """A name that changes: looked up once, the second answer is never asked for."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    client = Client(HOME, resolve=lambda host, port: next(answers))

    with connections() as connected:
        client.request(
            "GET", f"http://localhost:{sink.port}/", body=b"", headers={}, seconds=20, read_bytes=10
        )

    assert connected == [("127.0.0.1", sink.port)]
    assert f"Host: localhost:{sink.port}\r\n".encode() in sink.seen[0]
    assert next(answers) == ["169.254.169.254"]


def test_each_redirect_is_looked_up_and_judged_anew():
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with Sink(fixed(status="302 Found", headers="Location: /again\r\n")) as hop:
        client = Client(HOME, resolve=lambda host, port: next(answers))
        with connections() as connected, pytest.raises(Refused):
            client.download(f"http://localhost:{hop.port}/", io.BytesIO(), max_bytes=10, seconds=20)

    assert connected == [("127.0.0.1", hop.port)]


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data", "https://10.0.0.1/", "file:///etc/passwd", "//[fd00::1]/"],
)
def test_a_redirect_inside_is_refused(target):
    with (
        Sink(fixed(status="302 Found", headers=f"Location: {target}\r\n")) as hop,
        connections() as connected,
        pytest.raises(Refused),
    ):
        download(f"http://127.0.0.1:{hop.port}/", io.BytesIO(), policy=HOME, max_bytes=10, seconds=20)

    assert connected == [("127.0.0.1", hop.port)]


def test_downloads_follow_three_redirects_and_no_more(sink):
    with Sink(fixed(status="301 Moved", headers=f"Location: http://127.0.0.1:{sink.port}/end\r\n")) as hop:
        target = io.BytesIO()
        found = download(f"http://127.0.0.1:{hop.port}/", target, policy=HOME, max_bytes=10, seconds=20)
    assert (target.getvalue(), found.bytes) == (b"ok", 2)
    assert found.final_url == f"http://127.0.0.1:{sink.port}/end"

    with Sink(fixed(status="307 Again", headers="Location: /\r\n")) as loop:
        with pytest.raises(FetchFailed):
            download(f"http://127.0.0.1:{loop.port}/", io.BytesIO(), policy=HOME, max_bytes=10, seconds=20)
        assert loop.visits == 4


def test_posts_follow_no_redirect(sink):
    """Its body is not read beyond what is asked for either, which a session would do."""

    def endless(connection):
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{sink.port}/\r\n\r\n".encode())
        while True:
            connection.sendall(b"x" * 65536)

    with Sink(endless) as hop:
        answer = post(
            f"http://127.0.0.1:{hop.port}/", body=b"{}", headers={}, policy=HOME, seconds=20, read_bytes=1000
        )

    assert (answer.status, answer.location) == (302, f"http://127.0.0.1:{sink.port}/")
    assert len(answer.body) == 1000
    assert sink.visits == 0


def test_an_answer_of_any_status_is_an_answer():
    with Sink(fixed(b"gone", status="410 Gone", headers="Retry-After: 5\r\n")) as opened:
        answer = get(f"http://127.0.0.1:{opened.port}/", headers={"X-Key": "1"}, policy=HOME, seconds=20)

        assert (answer.status, answer.body, answer.headers["retry-after"]) == (410, b"gone", "5")
        assert b"X-Key: 1\r\n" in opened.seen[0]


def test_a_download_that_is_no_success_fails():
    with Sink(fixed(b"no", status="404 Not Found")) as opened, pytest.raises(FetchFailed) as caught:
        download(f"http://127.0.0.1:{opened.port}/", io.BytesIO(), policy=HOME, max_bytes=10, seconds=20)
    assert "404" in caught.value.sentence


@pytest.mark.parametrize("stated", [True, False], ids=["length stated", "endless"])
def test_more_bytes_than_allowed_are_not_written(stated):
    def answer(connection):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 10000000\r\n" if stated else b"") + b"\r\n"
        )
        while True:
            connection.sendall(b"x" * 65536)

    target = io.BytesIO()
    with Sink(answer) as opened, pytest.raises(TooLarge):
        download(f"http://127.0.0.1:{opened.port}/", target, policy=HOME, max_bytes=100_000, seconds=60)
    assert len(target.getvalue()) <= 100_000


def test_as_many_bytes_as_allowed_are_written():
    target = io.BytesIO()
    with Sink(fixed(b"x" * 100_000, headers="Content-Type: audio/wav\r\n")) as opened:
        found = download(
            f"http://127.0.0.1:{opened.port}/", target, policy=HOME, max_bytes=100_000, seconds=60
        )
    assert (len(target.getvalue()), found.content_type) == (100_000, "audio/wav")


def test_a_body_is_not_decompressed():
    with Sink(fixed(b"\x1f\x8b not gzip", headers="Content-Encoding: gzip\r\n")) as opened:
        answer = get(f"http://127.0.0.1:{opened.port}/", headers={}, policy=HOME, seconds=20)
    assert answer.body == b"\x1f\x8b not gzip"


def drip(first: bytes):
    def answer(connection):
        connection.sendall(first)
        while True:
            time.sleep(0.1)
            connection.sendall(b"x")

    return answer


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
    ],
    ids=["status line", "header", "body", "body of stated length"],
)
def test_a_slow_drip_is_cut_at_the_deadline(first):
    """The drip has no end: only the deadline can bring the call back."""
    with Sink(drip(first)) as opened:
        url = f"http://127.0.0.1:{opened.port}/"
        with pytest.raises(TimedOut):
            download(url, io.BytesIO(), policy=HOME, max_bytes=10_000, seconds=0.7)
        with pytest.raises(TimedOut):
            post(url, body=b"{}", headers={}, policy=HOME, seconds=0.7)


def test_a_receiver_that_does_not_read_is_cut_at_the_deadline():
    """Listens and never accepts: the body fills the buffers and then stands."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(TimedOut):
            post(url, body=bytes(50_000_000), headers={}, policy=HOME, seconds=0.7)


def test_a_slow_look_up_is_left_at_the_deadline():
    release = threading.Event()
    client = Client(HOME, resolve=lambda host, port: [str(release.wait(60))])
    with pytest.raises(TimedOut):
        client.download("http://localhost/", io.BytesIO(), max_bytes=1, seconds=0.3)
    release.set()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
    ids=["nothing", "no HTTP", "half a body", "broken chunks", "too many headers"],
)
def test_a_broken_answer_is_a_failure(content):
    with Sink(lambda connection: connection.sendall(content)) as opened, pytest.raises(FetchFailed):
        download(f"http://127.0.0.1:{opened.port}/", io.BytesIO(), policy=HOME, max_bytes=100, seconds=20)


def test_a_closed_port_and_an_unknown_name_are_failures():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FetchFailed):
        get(f"http://127.0.0.1:{port}/", headers={}, policy=HOME, seconds=20)

    def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert attempt("https://nowhere.example/", STRICT, resolve=unknown).code == "fetch_failed"
    assert attempt("https://nowhere.example/", STRICT, resolve=lambda *_: []).code == "fetch_failed"


def test_headers_cannot_be_split(sink):
    with pytest.raises(FetchFailed):
        get(f"http://127.0.0.1:{sink.port}/", headers={"X": "a\r\nY: b"}, policy=HOME, seconds=20)
    assert sink.visits == 0


def test_what_the_target_raises_is_the_callers(sink):
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        download(f"http://127.0.0.1:{sink.port}/", full, policy=HOME, max_bytes=10, seconds=20)


def test_proxies_of_the_environment_are_not_used(sink, monkeypatch):
    with Sink(fixed(b"proxied")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        assert get(f"http://127.0.0.1:{sink.port}/", headers={}, policy=HOME, seconds=20).body == b"ok"
        assert proxy.visits == 0


def test_passwords_of_the_environment_are_not_used(sink, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", os.fspath(tmp_path / "netrc"))

    get(f"http://127.0.0.1:{sink.port}/", headers={}, policy=HOME, seconds=20)

    assert b"authorization" not in sink.seen[0].lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost and nothing else, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def secure_sink(certificate, names: list[str], answer):
    """A sink that speaks TLS and writes down the name it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: names.append(name)

    class Secure(Sink):
        def __init__(self):
            super().__init__(answer)
            plain = self._server.get_request
            self._server.get_request = lambda: (
                lambda pair: (
                    context.wrap_socket(pair[0], server_side=True, do_handshake_on_connect=False),
                    pair[1],
                )
            )(plain())

    return Secure()


def test_the_name_is_kept_for_tls_and_host(certificate):
    names: list[str] = []
    client = Client(HOME, resolve=lambda host, port: ["127.0.0.1"], verify=str(certificate))
    with secure_sink(certificate, names, fixed()) as opened:
        url = f"https://localhost:{opened.port}/"
        answer = client.request("GET", url, body=b"", headers={}, seconds=20, read_bytes=10)
        assert (answer.body, names) == (b"ok", ["localhost"])
        assert f"Host: localhost:{opened.port}".encode() in opened.seen[0]

        with pytest.raises(FetchFailed):  # the certificate has another name
            client.download(f"https://127.0.0.1:{opened.port}/", io.BytesIO(), max_bytes=9, seconds=20)
        with pytest.raises(FetchFailed):  # nobody vouches for the certificate
            get(url, headers={}, policy=HOME, seconds=20)


def test_a_slow_drip_under_tls_is_cut_at_the_deadline(certificate):
    client = Client(HOME, verify=str(certificate))
    with secure_sink(certificate, [], drip(b"HTTP/1.1 200 OK\r\n\r\n")) as opened, pytest.raises(TimedOut):
        client.download(f"https://localhost:{opened.port}/", io.BytesIO(), max_bytes=10_000, seconds=1)


def test_the_policy_comes_from_the_settings(settings):
    settings.OUTBOUND_ALLOW_HTTP, settings.OUTBOUND_ALLOW_LOOPBACK = True, False

    assert policy_from_settings() == Policy(plain_http=True, loopback=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:808:808::1", True),
        ("64:ff9b::a00:1", False),
        ("::10.0.0.1", False),
        ("2002:a00:1::", False),
        ("2001:db8::1", False),
        ("192.88.99.1", False),
        ("203.0.113.5", False),
        ("::", False),
    ],
)
def test_addresses_are_judged_by_what_is_wrapped_in_them(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


def test_only_plain_spellings_are_loopback():
    assert is_loopback(ipaddress.ip_address("127.3.2.1"))
    assert is_loopback(ipaddress.ip_address("::1"))
    assert not is_loopback(ipaddress.ip_address("::ffff:127.0.0.1"))
    assert not is_loopback(ipaddress.ip_address("8.8.8.8"))
