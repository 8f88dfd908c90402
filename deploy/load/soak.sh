#!/usr/bin/env bash
# Loads the server on this machine for minutes, and tells whether its memory, descriptors and threads end where they were early on.
#   deploy/load/soak.sh IMAGES PID
# IMAGES is what lcnet load takes; PID is the server's process. From the environment: PORT (8001), HTTP_PORT (8000), RATE (100 images a second), DURATION (600 s,
# at most 900) and LCNET, how to call lcnet. Looks at the server after a tenth of the time and shortly before its end; then prints what lcnet load prints.
set -euo pipefail
export LC_ALL=C

usage="usage: deploy/load/soak.sh IMAGES PID"
images=${1:?"$usage"} pid=${2:?"$usage"}
port=${PORT:-8001} http_port=${HTTP_PORT:-8000} duration=${DURATION:-600}
(( duration >= 10 && duration <= 900 )) || { echo "DURATION: $duration is outside 10 to 900" >&2; exit 2; }
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# Never another machine's: this is a load.
heap() { curl -fsS --max-time 5 "http://127.0.0.1:$http_port/metrics" | awk '/^dotnet_gc_last_collection_heap_size_bytes/ { sum += $2 } END { printf "%d", sum / 1048576 }'; }
look() {
  echo "after $1 s: resident $(awk '/^VmRSS:/ { printf "%d", $2 / 1024 }' "/proc/$pid/status") MiB, managed heap $(heap) MiB," \
    "$(find "/proc/$pid/fd" -mindepth 1 | wc -l) descriptors, $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l) threads"
}

read -ra lcnet <<< "${LCNET:-dotnet run -c Release --project src/LCNet.Cli --}"
"${lcnet[@]}" load "$images" --server "http://127.0.0.1:$port" --rate "${RATE:-100}" --seconds "$duration" --warm-up 0 --pid "$pid" > "$report" &
load=$!
early=$((duration / 10)) late=$((duration - duration / 20 - 1))
sleep "$early"
look "$early"
sleep $((late - early))
look "$late"
wait "$load"
cat "$report"
