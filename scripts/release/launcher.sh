#!/bin/sh
# Starts whisper-backup with the Node of this release. Links are followed first, so that a run that is under way stays
# with its release when `current` is turned to another.
set -eu
release=$(dirname "$(dirname "$(readlink -f "$0")")")
# Node opens /dev/null in place of a closed standard output, and nobody would notice that the results are lost. This one
# refuses to be written to.
{ true 3>&1; } 2>/dev/null || exec 1</dev/null
# Warnings of the runtime are not about the user's data; NODE_OPTIONS=--trace-warnings shows them.
quiet=--no-warnings
case ${NODE_OPTIONS-} in
  *--trace*) quiet= ;;
esac
# Threads share two arenas of malloc(3) instead of having one each: a quarter less memory, no slower.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX-2}"
# Young objects have 4 MB a thread, not 32: hardly slower, and a third less memory. Two threads, not four, compile and
# collect garbage behind ours: on two processors a run of few changes ends a twentieth sooner.
set -- --max-semi-space-size=4 --v8-pool-size=2 "$release/app/dist/whisper-backup.mjs" "$@"
exec "$release/runtime/node" ${quiet:+"$quiet"} "$@"
