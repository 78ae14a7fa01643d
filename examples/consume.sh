#!/bin/sh
# One JSON event a line, for jq and the like: ./consume.sh | jq -r .data.headline
url=${PALMYRA_REDIS_URL:-unix://$PWD/.palmyra/redis.sock}
case $url in
    unix://*) cli="redis-cli --raw -s ${url#unix://}" ;;
    *) cli="redis-cli --raw -u $url" ;;
esac
$cli XGROUP CREATE palmyra:articles shell 0 MKSTREAM >/dev/null 2>&1  # harmless when it exists
from=0  # first what was read but not acknowledged, before a crash say; then what is new
while entry=$($cli XREADGROUP GROUP shell me COUNT 1 BLOCK 5000 STREAMS palmyra:articles "$from"); do
    id=$(printf '%s\n' "$entry" | sed -n 2p)
    [ "$id" ] || { from='>'; continue; }
    printf '%s\n' "$entry" | tail -n 1
    $cli XACK palmyra:articles shell "$id" >/dev/null
done
