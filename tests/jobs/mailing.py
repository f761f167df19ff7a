"""A mail server on loopback that refuses some mailboxes."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a sender needs. `accepted` holds the recipients of accepted messages, in their order."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refused: set[str], refuse_content: bool):
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.refused, self.refuse_content = refused, refuse_content
        self.accepted: list[str] = []
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Dialogue(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 here")
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].split()[0].upper()
            if command == "RCPT":
                recipient = line.split("<")[1].split(">")[0]
                self.server.asked.append(recipient)
                self._say("550 no such mailbox" if recipient in self.server.refused else "250 ok")
            elif command == "DATA":
                self._say("354 go on")
                while self.rfile.readline() != b".\r\n":
                    pass
                self._take(recipient)
            else:
                self._say("221 bye" if command == "QUIT" else "250 ok")

    def _take(self, recipient: str) -> None:
        if self.server.refuse_content:
            self._say("451 not now")
        else:
            self.server.accepted.append(recipient)
            self._say("250 kept")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(
    settings, *, refused: set[str] = frozenset(), refuse_content: bool = False
) -> Iterator[MailServer]:
    """The site's mail server, for as long as this lasts."""
    with MailServer(set(refused), refuse_content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
