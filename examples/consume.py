"""Keeps every event once in articles.db and prints its headline. Needs `pip install redis`."""

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from redis import Redis, ResponseError

STREAM, GROUP = "palmyra:articles", "archive"
url = os.environ.get("PALMYRA_REDIS_URL") or f"unix://{Path('.palmyra/redis.sock').absolute()}"
redis = Redis.from_url(url, decode_responses=True)
with suppress(ResponseError):  # the group exists already
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
database = sqlite3.connect("articles.db")
database.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, event TEXT)")

after = "0"  # first what was read but not acknowledged, before a crash say; then what is new
while True:
    reply = redis.xreadgroup(GROUP, "me", {STREAM: after}, count=100, block=5000)
    entries = reply[0][1] if reply else []
    if not entries:
        after = ">"
    for entry_id, fields in entries:
        with database:  # committed before it is acknowledged; the primary key drops repeats
            row = (fields["id"], fields["event"])
            new = database.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", row).rowcount
        if new:
            print(json.loads(fields["event"])["data"]["headline"], flush=True)
        redis.xack(STREAM, GROUP, entry_id)
