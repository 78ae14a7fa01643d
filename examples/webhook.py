"""Receives webhooks and prints each headline once: `WEBHOOK_SECRET=whsec_… python webhook.py [PORT]`."""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
TOLERANCE_S = 300  # older ones may be somebody's recording
MOST_BYTES = 10_000_000
database = sqlite3.connect("webhook.db")
database.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, event TEXT)")


def is_genuine(event_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Whether palmyra signed this, a moment ago (https://www.standardwebhooks.com)."""
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return False
    made = hmac.new(KEY, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(made).decode()}".encode()
    # While a secret is being replaced there are two. compare_digest tells nothing by how long it takes.
    return any(hmac.compare_digest(wanted, one.encode()) for one in signatures.split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length <= MOST_BYTES else b""
        event_id, timestamp, signatures = (
            self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not is_genuine(event_id, timestamp, signatures, body):
            self.answer(401)
            return
        event = json.loads(body)
        with database:  # kept before it is answered; the primary key drops repeats
            row = (event["id"], body.decode())
            new = database.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", row).rowcount
        if new and event["type"].startswith("news.article."):
            print(event["data"]["headline"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
    HTTPServer(address, Receiver).serve_forever()
