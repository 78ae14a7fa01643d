#!/bin/sh
# Writes the users file for Redis from users.acl beside this script, with a password for each user:
#
#     deploy/users.sh [NAMESPACE] > users.acl
#     WORKER_PASSWORD=… WEB_PASSWORD=… deploy/users.sh > users.acl
#
# Passwords that the environment does not give (ADMIN_PASSWORD, …) are made; those are told on standard error.
set -eu
namespace=${1-palmyra}
case $namespace in
    "" | *[!a-z0-9_]*) echo "users.sh: '$namespace' is no PALMYRA_NAMESPACE" >&2 && exit 2 ;;
esac
rules=$(grep -v '^ *#' "$(dirname "$0")/users.acl" | awk '/^user / { if (line) print line; line = $0; next }
    NF { sub(/^ */, " "); line = line $0 } END { print line }' | sed "s/\([~&]\)palmyra:/\1$namespace:/g")
umask 077
printf '%s\n' "$rules" | while read -r rule; do
    user=$(printf '%s\n' "$rule" | cut -d ' ' -f 2)
    case $rule in
        *PASSWORD*)
            eval "password=\${$(printf '%s' "$user" | tr '[:lower:]' '[:upper:]')_PASSWORD:-}"
            if [ -z "$password" ]; then
                password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
                printf '%-9s %s\n' "$user" "$password" >&2
            fi
            hash=$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)
            rule=$(printf '%s\n' "$rule" | sed "s/PASSWORD/#$hash/")
            ;;
    esac
    printf '%s\n' "$rule"
done
