#!/usr/bin/env bash
# What telemetry costs: the same load, by turns, on servers that differ in nothing but their telemetry.
#   deploy/load/telemetry.sh [SERVER]
# SERVER is its LCNet.Server.dll, by default the release build of this repository (dotnet build -c Release src/LCNet.Server).
# From the environment: ROUNDS (100), REQUESTS (100 a turn), WARMUP (12000 a server: compiling goes on for long).
#
#   off        OTEL_SDK_DISABLED=true, no live page: nobody listens to the meter
#   again      another like it: what differs between these two is chance
#   shipped    the default: /metrics and the live page, both asked in every fifth turn, which is about once a second
#   untraced   with OTLP as the compose file and the chart set it up; its callers want no spans
#   tenth      the same server; its callers leave it to the server, which makes the spans of one request in ten
#   traced     the same server; its callers want the spans of every request
#
# The servers share the first core; the load, OTLP's receiver and whoever asks share the second. While one has its turn the others are stopped
# (SIGSTOP), so that what a server puts off it does in its own time. Turns are short, as a machine's speed drifts; who goes first changes from round
# to round, and so does the image.
set -euo pipefail
export LC_ALL=C

here=$(realpath "$(dirname "$0")/../..")
server=$(realpath -m "${1:-$here/src/LCNet.Server/bin/Release/net10.0/LCNet.Server.dll}")
rounds=${ROUNDS:-100} requests=${REQUESTS:-100} warmup=${WARMUP:-12000}
[[ -e $server ]] || { echo "$server: there is no such program" >&2; exit 2; }
cd "$here"
for program in dotnet h2load taskset curl perl; do
  command -v "$program" > /dev/null || { echo "$program is not installed" >&2; exit 2; }
done
(( $(nproc) >= 2 )) || { echo "one core is too few: the server needs one of its own" >&2; exit 2; }

work=$(mktemp -d)
started=()
end() {
  for process in "${started[@]}"; do kill -TERM "$process" && kill -CONT "$process"; done 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf "$work"
}
trap end EXIT

echo 0 0 > "$work/otlp"
taskset -c 1 perl deploy/load/otlp-sink.pl "$work/otlp" > "$work/sink" &
started+=($!)

names=(off again shipped untraced tenth traced)
declare -A pid grpc http
start() {
  : > "$work/$1.log"
  env -i PATH="$PATH" HOME="$work" DOTNET_ROOT="${DOTNET_ROOT:-}" LCNet__BindAddress=127.0.0.1 LCNet__GrpcPort=0 LCNet__HttpPort=0 "${@:2}" \
    taskset -c 0 dotnet "$server" > "$work/$1.log" 2>&1 &
  pid[$1]=$!
  started+=($!)
  for (( i = 0; i < 300; i++ )); do
    if [[ $(< "$work/$1.log") =~ 'gRPC on '[^0-9]*([0-9.:]+)[^0-9]*', HTTP on '[^0-9]*([0-9.:]+) ]]; then
      grpc[$1]=${BASH_REMATCH[1]} http[$1]=${BASH_REMATCH[2]}
      return
    fi
    sleep 0.1
  done
  echo "the server did not start:" >&2
  cat "$work/$1.log" >&2
  exit 1
}

until [[ -s $work/sink ]]; do sleep 0.1; done
start off OTEL_SDK_DISABLED=true LCNet__Page=false
start again OTEL_SDK_DISABLED=true LCNet__Page=false
start shipped
start untraced OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(< "$work/sink")" OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_METRIC_EXPORT_INTERVAL=5000 \
  OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.1
for name in tenth traced; do pid[$name]=${pid[untraced]} grpc[$name]=${grpc[untraced]} http[$name]=${http[untraced]}; done

# What a process has computed since it started, in ticks of 10 ms.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# turn NAME REQUESTS BODY ASKS: asks for the figures that many times meanwhile, and prints requests a second and ticks.
turn() {
  kill -CONT "${pid[$1]}"
  local asking= before after headers=(-H 'content-type: application/grpc' -H 'te: trailers')
  case $1 in
    untraced) headers+=(-H "$parent-00") ;;
    traced) headers+=(-H "$parent-01") ;;
  esac
  before=$(ticks "${pid[$1]}")
  if (( $4 )); then
    taskset -c 1 curl -s -m 5 -o "$work/asked1" -o "$work/asked2" "http://${http[$1]}/metrics?[1-$4]" "http://${http[$1]}/live/figures?[1-$4]" &
    asking=$!
  fi
  taskset -c 1 h2load -n "$2" -c 4 -m 4 -d "$3" "${headers[@]}" "http://${grpc[$1]}/lcnet.v1.Classifier/Classify" > "$work/report"
  [[ -z $asking ]] || wait "$asking"
  after=$(ticks "${pid[$1]}")
  kill -STOP "${pid[$1]}"
  grep -q "$2 succeeded, 0 failed, 0 errored, 0 timeout" "$work/report" || { cat "$work/report" >&2; exit 1; }
  awk -v ticks=$(( after - before )) '/^finished in/ { print $4, ticks }' "$work/report"
}

parent='traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
images=(tests/data/cifar10/*/*.jpg)
for i in "${!images[@]}"; do perl deploy/load/frame.pl < "${images[i]}" > "$work/body$i"; done
for name in "${names[@]}"; do kill -STOP "${pid[$name]}"; done
for name in off again shipped traced; do turn "$name" "$warmup" "$work/body0" 100 > /dev/null; done

for (( round = 0; round < rounds; round++ )); do
  for (( place = 0; place < ${#names[@]}; place++ )); do
    # Forwards from each in turn, then backwards: everybody follows everybody.
    step=$(( round / ${#names[@]} % 2 == 0 ? place : ${#names[@]} - place ))
    name=${names[(round + step) % ${#names[@]}]}
    result=$(turn "$name" "$requests" "$work/body$(( round * 7 % ${#images[@]} ))" $(( round % 5 == 0 )))
    echo "$round $name $result" >> "$work/turns"
  done
done

# What was sent must have arrived, and h2load takes a refusal of gRPC's for a success: the servers' own counts say what it was.
for name in "${names[@]}"; do kill -CONT "${pid[$name]}"; done
ok=$(curl -fsS "http://${http[traced]}/metrics" | awk '/^lcnet_requests_total.*status="OK"/ { print $2 }')
sent=$(( warmup + 3 * rounds * requests ))
(( ok == sent )) || { echo "the server answered $ok requests of $sent" >&2; exit 1; }
read -r messages bytes < "$work/otlp"
awk -v rounds="$rounds" -v requests="$requests" -v messages="$messages" -v bytes="$bytes" '
  { rate[$2, $1] = $3; cpu[$2] += $4 }
  function sort(values, n,  i, j, x) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j - 1] > values[j]; j--) { x = values[j]; values[j] = values[j - 1]; values[j - 1] = x }
  }
  function at(values, n, share,  place) { place = int(n * share + 0.5); return values[place < 1 ? 1 : place > n ? n : place] }
  function show(name, other,  i, rates, ratios) {
    for (i = 1; i <= rounds; i++) {
      rates[i] = rate[name, i - 1]
      ratios[i] = rates[i] / rate[other, i - 1]
    }
    sort(rates, rounds)
    sort(ratios, rounds)
    # Order statistics that have the true median between them 95 times in 100.
    half = 0.98 / sqrt(rounds)
    printf "%-9s %7.1f requests/s; %.3f ms of CPU a request; of %s: throughput %.4f (95 %%: %.4f to %.4f), CPU %.4f\n",
      name, at(rates, rounds, 0.5), cpu[name] * 10 / rounds / requests,
      other, at(ratios, rounds, 0.5), at(ratios, rounds, 0.5 - half), at(ratios, rounds, 0.5 + half), cpu[name] / cpu[other]
  }
  END {
    printf "%d rounds, %d requests a turn: median throughput and median ratio of a round; all CPU time\n", rounds, requests
    show("off", "off"); show("again", "off"); show("shipped", "off"); show("tenth", "off"); show("traced", "off")
    show("tenth", "untraced"); show("traced", "untraced")
    printf "OTLP took %d messages of %.1f MB\n", messages, bytes / 1e6
  }' "$work/turns"
