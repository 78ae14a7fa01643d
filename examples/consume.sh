#!/bin/sh
# One JSON event a line, for jq and the like: ./consume.sh | jq -r .data.headline
url=${PALMYRA_REDIS_URL:-unix://$PWD/.palmyra/redis.sock}
case $url in
    unix://*) cli="redis-cli --raw -s ${url#unix://}" ;;
    *) cli="redis-cli --raw -u $url" ;;
esac
stream=palmyra:articles group=shell me=${CONSUMER:-me} idle_ms=${IDLE_MS:-600000}
$cli XGROUP CREATE $stream $group 0 MKSTREAM >/dev/null 2>&1  # harmless when it exists

# What other consumers of the group left unacknowledged for ten minutes becomes ours.
from=0-0
while from=$($cli XAUTOCLAIM $stream $group "$me" "$idle_ms" "$from" COUNT 100 JUSTID | head -n 1); do
    case $from in 0-0 | [!0-9]* | '') break ;; esac
done

from=0  # first what was read but not acknowledged, before a crash say; then what is new
while entry=$($cli XREADGROUP GROUP $group "$me" COUNT 1 BLOCK 5000 STREAMS $stream "$from"); do
    id=$(printf '%s\n' "$entry" | sed -n 2p)
    [ "$id" ] || { from='>'; continue; }
    printf '%s\n' "$entry" | tail -n 1
    $cli XACK $stream $group "$id" >/dev/null
done
