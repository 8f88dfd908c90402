#!/usr/bin/env bash
# The unary load of ghz by h2load (nghttp2-client), for machines without ghz: one image, again and again, to the server on this machine.
#   deploy/load/h2load.sh IMAGE
# From the environment: PORT (8001), HTTP_PORT (8000), REQUESTS (2000, at most 100000), CLIENTS (4), STREAMS (4 calls at a time a client),
# RPS (no limit; a client's requests a second), EFFORT (the server's default). Ends after two minutes at the latest.
# Prints what h2load prints, percentiles, and what the server counted meanwhile. Exits with 1 where a request failed.
set -euo pipefail
export LC_ALL=C

image=${1:?"usage: deploy/load/h2load.sh IMAGE"}
port=${PORT:-8001} http_port=${HTTP_PORT:-8000} requests=${REQUESTS:-2000} clients=${CLIENTS:-4} streams=${STREAMS:-4}
(( requests >= 1 && requests <= 100000 )) || { echo "REQUESTS: $requests is outside 1 to 100000" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

perl "$(dirname "$0")/frame.pl" "${EFFORT:-}" < "$image" > "$work/frame"

# Never another machine's: this is a load.
url=http://127.0.0.1:$port/lcnet.v1.Classifier/Classify
headers=(-H 'content-type: application/grpc' -H 'te: trailers')

# h2load knows nothing of gRPC, where a refusal has the status 200 too. So one call is looked at first.
timeout 15 nghttp -v "${headers[@]}" -d "$work/frame" "$url" > "$work/first" 2>&1 || true
if ! grep -q 'grpc-status: 0' "$work/first"; then
  grep -E 'grpc-(status|message)|refused|rror' "$work/first" >&2 || echo "no answer at $url" >&2
  exit 1
fi

figures() { curl -fsS --max-time 5 "http://127.0.0.1:$http_port/metrics" 2> /dev/null | grep -E '^lcnet_(requests_total|flops_(dense|executed)_total|(request|queue|decode|execute)_duration_seconds_(sum|count))' > "$1" || true; }

figures "$work/before"
timeout 120 h2load -n "$requests" -c "$clients" -m "$streams" ${RPS:+--rps="$RPS"} -d "$work/frame" "${headers[@]}" --log-file="$work/log" "$url" | tee "$work/report"
figures "$work/after"

echo
cut -f3 "$work/log" | sort -n | awk '
  { at[NR] = $1 }
  function percentile(p) { rank = int(NR * p / 100 + 0.999999); return at[rank < 1 ? 1 : rank] / 1000 }
  END { if (NR) printf "latency: p50 %.2f ms, p90 %.2f ms, p95 %.2f ms, p99 %.2f ms\n", percentile(50), percentile(90), percentile(95), percentile(99) }'

if [[ -s $work/after ]]; then
  echo "the server, meanwhile:"
  awk 'NR == FNR { before[$1] = $2; next } $2 - before[$1] != 0 { printf "  %s %.6g\n", $1, $2 - before[$1] }' "$work/before" "$work/after"
else
  echo "the server's own figures are not at http://127.0.0.1:$http_port/metrics"
fi

# Every reply has at least a gRPC message's five bytes; a refusal has none.
grep -q "$requests succeeded, 0 failed, 0 errored, 0 timeout" "$work/report" || { echo "requests failed" >&2; exit 1; }
reply=$(awk '/recv DATA frame/ { match($0, /length=[0-9]+/); print substr($0, RSTART + 7, RLENGTH - 7); exit }' "$work/first")
data=$(sed -n 's/.*(\([0-9]*\)) data$/\1/p' "$work/report")
if (( data < requests * reply * 9 / 10 )); then
  echo "$data bytes of replies are too few for $requests replies like the first, of $reply bytes: some were refused" >&2
  exit 1
fi
