#!/bin/sh
# Build the image, run it as compose.yaml does, and look if it does what docs/deployment.md says:
#   make image-check      with other programs:  ENGINE=podman BASE=localhost/python make image-check
# There is no token, so the bot is its local page, and nothing reaches Discord. What the machine's
# own containers need can be given: BUILD_OPTIONS, RUN_OPTIONS, IMAGE (of one that is built already).
set -eu
cd "$(dirname "$0")/.."
engine=${ENGINE:-docker}
image=${IMAGE:-vqgan-clip-bot:check}
name=vqgan-clip-check-$$

fail() {
    echo "failed: $*" >&2
    $engine logs "$name" >&2 || true
    exit 1
}

clean_up() {
    $engine rm --force "$name" >/dev/null 2>&1 || true
    $engine volume rm "$name-data" "$name-weights" >/dev/null 2>&1 || true
}
trap clean_up EXIT

until_healthy() {
    began=$(date +%s)
    until $engine exec "$name" python -m bot --healthy; do
        [ $(($(date +%s) - began)) -lt 120 ] || fail "not healthy after two minutes"
        sleep 1
    done
    echo "healthy after $(($(date +%s) - began)) s"
}

if [ -z "${IMAGE:-}" ]; then
    case $engine in podman*) format="--format docker" ;; *) format="" ;; esac
    # shellcheck disable=SC2086  # several options each
    $engine build $format ${BASE:+--build-arg BASE="$BASE"} ${BUILD_OPTIONS:-} --tag "$image" .
fi
$engine image inspect --format '{{.Size}} bytes' "$image"

# shellcheck disable=SC2086
$engine run --detach --name "$name" ${RUN_OPTIONS:-} \
    --read-only --tmpfs /tmp:size=1g,mode=1777 --cap-drop ALL \
    --security-opt no-new-privileges --pids-limit 4096 --memory 8g --stop-timeout 75 \
    --volume "$name-data:/app/data" --volume "$name-weights:/app/weights" \
    --env HOME=/tmp --env VQGAN_CLIP_HOST__PORT=8080 --env HOST_TOKEN="a-token-of-the-check-$$" \
    "$image" >/dev/null
until_healthy

[ "$($engine exec "$name" id -u)" = 1000 ] || fail "it is not account 1000"
for place in /app /app/bot /etc /home/painter; do
    if $engine exec "$name" touch "$place/written" 2>/dev/null; then fail "$place can be written"; fi
done
for place in /app/data /app/weights /tmp; do
    $engine exec "$name" touch "$place/written" || fail "$place cannot be written"
done
echo "only the volumes and /tmp can be written"

began=$(date +%s)
$engine stop "$name" >/dev/null
code=$($engine inspect --format '{{.State.ExitCode}}' "$name")
[ "$code" = 0 ] || fail "it ended with code $code"
echo "ended with code 0 after $(($(date +%s) - began)) s"

$engine start "$name" >/dev/null
until_healthy
$engine exec "$name" test -e /app/data/written || fail "the volume was lost"
echo "started again with its volumes"
