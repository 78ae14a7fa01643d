"""Prints the headline of every article that `where` selects. Run it where palmyra is installed.

`worker.client` acknowledges, takes over what dead consumers left, waits for Redis and tells of gaps.
"""

import os
from pathlib import Path

from redis import Redis
from worker.client import lag, subscribe

url = os.environ.get("PALMYRA_REDIS_URL") or f"unix://{Path('.palmyra/redis.sock').absolute()}"
redis = Redis.from_url(url)
where = os.environ.get("WHERE")  # e.g. language == "fr" and "economy" in topics

for event in subscribe(redis, group="readers", consumer="me", since="start", where=where):
    behind = lag(redis, "readers")
    print(event.data.headline, f"({behind.seconds:.0f} s behind)" if behind else "", flush=True)
