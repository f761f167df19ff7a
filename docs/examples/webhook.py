import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def is_ours(secret, headers, body):
    """body: as it came, before anything parses it"""
    try:
        name, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"].split()
        if abs(time.time() - int(sent_at)) > 300:
            return False
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(made)
    return any(hmac.compare_digest(expected, each.encode()) for each in signatures)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ours = is_ours(os.environ["SECRET"], self.headers, body)
        self.send_response(200 if ours else 401)
        self.end_headers()
        if ours:
            job = json.loads(body)
            print(job["id"], job["status"], job["output"] or job["error"], flush=True)


HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "4000"))), Receiver).serve_forever()
