#!/usr/bin/env bash
# What telemetry costs: the same load, by turns, on servers that differ in nothing but their telemetry.
#   deploy/load/telemetry.sh [SERVER]
# SERVER is its LCNet.Server.dll, by default the release build of this repository (dotnet build -c Release src/LCNet.Server).
# From the environment: ROUNDS (100), REQUESTS (100 a turn), WARMUP (12000 a server: compiling goes on for long), CYCLES (1: how often all of it is done
# with servers started anew, for two processes that differ in nothing are not as fast), SERVERS (which of these, off among them; all by default):
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

cycles=${CYCLES:-1}
read -ra names <<< "${SERVERS:-off again shipped untraced tenth traced}"

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

declare -A pid grpc http
start() {
  local i
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

# Three rows are of the same process.
process() { case $1 in untraced | tenth | traced) echo otlp ;; *) echo "$1" ;; esac; }
mapfile -t processes < <(for name in "${names[@]}"; do process "$name"; done | sort -u)
launch() {
  case $1 in
    off | again) start "$1" OTEL_SDK_DISABLED=true LCNet__Page=false ;;
    shipped) start shipped ;;
    otlp) start otlp OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(< "$work/sink")" OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_METRIC_EXPORT_INTERVAL=5000 \
      OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.1 ;;
  esac
}

# What a process has computed since it started, in ticks of 10 ms.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# turn NAME REQUESTS BODY ASKS: asks for the figures that many times meanwhile, and prints requests a second and ticks.
turn() {
  local of
  of=$(process "$1")
  kill -CONT "${pid[$of]}"
  local asking= before after headers=(-H 'content-type: application/grpc' -H 'te: trailers')
  case $1 in
    untraced) headers+=(-H "$parent-00") ;;
    traced) headers+=(-H "$parent-01") ;;
  esac
  before=$(ticks "${pid[$of]}")
  if (( $4 )); then
    taskset -c 1 curl -s -m 5 -o "$work/asked1" -o "$work/asked2" "http://${http[$of]}/metrics?[1-$4]" "http://${http[$of]}/live/figures?[1-$4]" &
    asking=$!
  fi
  taskset -c 1 h2load -n "$2" -c 4 -m 4 -d "$3" "${headers[@]}" "http://${grpc[$of]}/lcnet.v1.Classifier/Classify" > "$work/report"
  [[ -z $asking ]] || wait "$asking"
  after=$(ticks "${pid[$of]}")
  kill -STOP "${pid[$of]}"
  grep -q "$2 succeeded, 0 failed, 0 errored, 0 timeout" "$work/report" || { cat "$work/report" >&2; exit 1; }
  awk -v ticks=$(( after - before )) '/^finished in/ { print $4, ticks }' "$work/report"
}

parent='traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
images=(tests/data/cifar10/*/*.jpg)
for i in "${!images[@]}"; do perl deploy/load/frame.pl < "${images[i]}" > "$work/body$i"; done
for (( cycle = 0; cycle < cycles; cycle++ )); do
  # Each in turn is the first to start.
  for (( i = 0; i < ${#processes[@]}; i++ )); do
    name=${processes[(cycle + i) % ${#processes[@]}]}
    launch "$name"
    turn "$name" "$warmup" "$work/body0" 100 > /dev/null
  done

  for (( round = 0; round < rounds; round++ )); do
    for (( place = 0; place < ${#names[@]}; place++ )); do
      # Forwards from each in turn, then backwards: everybody follows everybody.
      step=$(( round / ${#names[@]} % 2 == 0 ? place : ${#names[@]} - place ))
      name=${names[(round + step) % ${#names[@]}]}
      result=$(turn "$name" "$requests" "$work/body$(( round * 7 % ${#images[@]} ))" $(( round % 5 == 0 )))
      echo "$cycle $round $name $result" >> "$work/turns"
    done
  done

  # What was sent must have arrived, and h2load takes a refusal of gRPC's for a success: a server's own count says what it was.
  # For 300 ms the exporter answers with what it answered last.
  sleep 0.5
  for name in "${processes[@]}"; do
    kill -CONT "${pid[$name]}"
    [[ $name != off && $name != again ]] || continue
    ok=$(curl -fsS "http://${http[$name]}/metrics" | awk '/^lcnet_requests_total.*status="OK"/ { print $2 }')
    sent=$(( warmup ))
    for row in "${names[@]}"; do [[ $(process "$row") != "$name" ]] || sent=$(( sent + rounds * requests )); done
    (( ok == sent )) || { echo "the server answered $ok requests of $sent" >&2; exit 1; }
  done
  for name in "${processes[@]}"; do kill -TERM "${pid[$name]}"; wait "${pid[$name]}" || true; done
done

read -r messages bytes < "$work/otlp"
awk -v rounds="$rounds" -v requests="$requests" -v cycles="$cycles" -v names="${names[*]}" -v messages="$messages" -v bytes="$bytes" '
  { rate[$3, $1, $2] = $4; cpu[$3] += $5 }
  function sort(values, n,  i, j, x) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j - 1] > values[j]; j--) { x = values[j]; values[j] = values[j - 1]; values[j - 1] = x }
  }
  function at(values, n, share,  place) { place = int(n * share + 0.5); return values[place < 1 ? 1 : place > n ? n : place] }
  function median(values, n) { sort(values, n); return (values[int((n + 1) / 2)] + values[int(n / 2) + 1]) / 2 }
  function show(name, other,  c, i, n, m, x, low, high, rates, ratios, all, ofCycles, half) {
    if (!((name, 0, 0) in rate) || !((other, 0, 0) in rate)) return
    for (c = 0; c < cycles; c++) {
      for (i = 1; i <= rounds; i++) {
        rates[++n] = rate[name, c, i - 1]
        all[n] = ratios[i] = rate[name, c, i - 1] / rate[other, c, i - 1]
      }
      ofCycles[c + 1] = median(ratios, rounds)
    }
    sort(rates, n)
    printf "%-9s %7.1f requests/s; %.3f ms of CPU a request; of %s: throughput ", name, at(rates, n, 0.5), cpu[name] * 10 / n / requests, other
    # Order statistics that have the true median between them 95 times in 100: of the cycles, where there are several.
    m = cycles > 1 ? cycles : rounds
    half = 0.98 / sqrt(m)
    if (cycles > 1) { x = median(ofCycles, m); low = at(ofCycles, m, 0.5 - half); high = at(ofCycles, m, 0.5 + half) }
    else { x = median(all, m); low = at(all, m, 0.5 - half); high = at(all, m, 0.5 + half) }
    printf "%.4f (95 %%: %.4f to %.4f), CPU %.4f\n", x, low, high, cpu[name] / cpu[other]
    if (cycles > 1) { for (c = 1; c <= cycles; c++) printf "%s%.3f", c == 1 ? "          " : " ", ofCycles[c]; print "" }
  }
  END {
    printf "%d cycles, %d rounds, %d requests a turn: median throughput and median ratio; all CPU time\n", cycles, rounds, requests
    n = split(names, all)
    for (i = 1; i <= n; i++) if (all[i] != "untraced") show(all[i], "off")
    show("tenth", "untraced"); show("traced", "untraced")
    if (messages) printf "OTLP took %d messages of %.1f MB\n", messages, bytes / 1e6
  }' "$work/turns"
