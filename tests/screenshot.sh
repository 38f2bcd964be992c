#!/usr/bin/env bash
# Takes a picture of the demo's gallery, as an anonymous visitor meets it:
#
#   tests/screenshot.sh PROGRAM PICTURE [GALLERY]
#
# GALLERY is a sample gallery that is there already, or where it shall be painted.
set -euo pipefail

program=$(realpath "$1")
picture=$(realpath -m "$2")
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh" chromium

scratch=$(mktemp -d)
gateway=
finish() {
    if [ -n "$gateway" ]; then
        kill -INT "$gateway" 2>/dev/null || true
        wait "$gateway" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
arguments=(demo --listen "127.0.0.1:$port")
if [ -n "${3-}" ]; then arguments+=(--gallery "$3"); fi
"$program" "${arguments[@]}" >"$scratch/out" &
gateway=$!
address="http://localhost:$port"
# painting takes its time; it says on standard error how far it is
for ((i = 0; i < 1200; i++)); do
    if curl --silent --fail --output /dev/null "$address/_vestibule/healthz"; then break; fi
    kill -0 "$gateway" || { echo "the gateway ended" >&2; exit 1; }
    sleep 0.5
done
# once for the renditions, so that no picture is still on its way
for pass in warm shoot; do
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$scratch/profile" --hide-scrollbars --window-size=1280,860 \
        --virtual-time-budget=20000 --screenshot="$scratch/$pass.png" "$address/" 2>"$scratch/log" ||
        { cat "$scratch/log" >&2; exit 1; }
done
mkdir -p "$(dirname "$picture")"
mv "$scratch/shoot.png" "$picture"
echo "$picture"
