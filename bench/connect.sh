# Part of bench/run: Connect beside `curl -T`. One big file by `connect send --wait` of
# a running agent: read, sealed, sent, durable at the gateway, its receipt verified and
# on the agent's disk. Many small ones that appear in a watched folder: from their
# appearance (settling included) until each has its receipt and lies in sent/.
#
# curl sends the same over the same HTTPS door ("curl", PUT /api/v1/files/NAME; there the
# gateway seals), and to a server that only stores ("curl-bare", bench/httpstore): both
# are answered when the file is durable. By HTTP/1.1, since its HTTP/2 takes three times as
# long. Small files: one by one, a process each, as a script would.
# shellcheck shell=bash disable=SC2154

connect=${CONNECT:-$PWD/bin/connect}

start_connect() {
  local n
  mkdir "$disk/erp" "$disk/store"
  "$connect" enroll --dir "$disk/agent" --gateway "https://$(listening https)" --code "$(gateway agent invite bench box --json | text code)" \
    >"$disk/enroll.log" 2>&1 || die "the agent was not enrolled: $(tail -1 "$disk/enroll.log")"
  printf 'folders:\n  - path: %s\n' "$disk/erp" >>"$disk/agent/connect.yaml"
  run_connect
  pass[curl]=$(gateway token add bench curl --role uploader --json | text token)
  port[curl-bare]=$(free_port 18443)
  launch curl-bare "$mem/httpstore" -addr "127.0.0.1:${port[curl-bare]}" -dir "$disk/store"
}

# run_connect starts the agent, and returns when it has heard the gateway.
run_connect() {
  local n
  "$connect" run --dir "$disk/agent" >"$disk/connect.out" 2>&1 &
  pid[connect]=$!
  pids+=("$!")
  for n in $(seq 100); do
    if "$connect" status --dir "$disk/agent" --json 2>/dev/null | grep -q '"heard_at":"2'; then return; fi
    sleep 0.1
  done
  tail -5 "$disk/connect.out" >&2
  die "connect does not run"
}

memory_of() { awk -v what="$2:" '$1 == what {print $2 / 1024}' "/proc/${pid[$1]}/status"; }

# curl_to WHO NAME...: sends files from $mem; sets $wall and $busy, the CPU of curl and
# of the server.
curl_to() {
  local who=$1 json c0 server=sealgate to
  to=https://$(listening https)/api/v1/files
  if [ "$who" = curl-bare ]; then server=curl-bare to=https://127.0.0.1:${port[curl-bare]}; fi
  shift
  c0=$(cpu "$server")
  # shellcheck disable=SC2016
  json=$(AUTHORIZATION="Authorization: Bearer ${pass[curl]}" "$mem/sftpload" -mode time -- bash -c '
    to=$1; shift
    for f; do curl -fsSk --http1.1 -H "$AUTHORIZATION" -o /dev/null -T "$f" "$to/${f##*/}" || exit; done' - "$to" "$@" 2>"$disk/client.log") ||
    die "$who: $(tail -1 "$disk/client.log")"
  wall=$(number seconds <<<"$json")
  busy=$(calc "$(number cpu_s <<<"$json") + $(cpu "$server") - $c0")
}

# both: the CPU of the agent and of the gateway so far.
both() { calc "$(cpu sealgate) + $(cpu connect)"; }

# connect_send FILE: a file that lies anywhere, by the running agent.
connect_send() {
  local json c0
  c0=$(both)
  json=$("$mem/sftpload" -mode time -- "$connect" send --wait --dir "$disk/agent" "$1" 2>"$disk/client.log") || die "connect: $(tail -1 "$disk/client.log")"
  wall=$(number seconds <<<"$json")
  busy=$(calc "$(number cpu_s <<<"$json") + $(both) - $c0")
}

# connect_folder FOLDER: its files appear in the watched folder.
connect_folder() {
  local t0 c0 n=0
  c0=$(both)
  t0=$(now)
  find "$1" -type f -exec mv -t "$disk/erp" {} +
  while [ -n "$(find "$disk/erp" -maxdepth 1 -type f -print -quit)" ]; do
    n=$((n + 1))
    [ "$n" -lt 6000 ] || die "connect does not come to an end: $("$connect" status --dir "$disk/agent")"
    sleep 0.1
  done
  wall=$(calc "$(now) - $t0")
  busy=$(calc "$(both) - $c0")
}

connect() {
  local who=$1 big=$mem/connect-$round-$1.bin many=$curled
  ln "$mem/random" "$big"
  if [ "$who" = sealgate ]; then
    many=$connected
    echo 5 >"/proc/${pid[connect]}/clear_refs" # its peak is counted from here on
    profiled connect-big 2
    connect_send "$big"
    profiled_end
    record "connect peak" sealgate "$(memory_of connect VmHWM)"
  else
    curl_to "$who" "$big"
  fi
  record connect "$who" "$(calc "$big_mib * 1.048576 / $wall")"
  record "connect cpu" "$who" "$(calc "$busy * 1000 / ($big_mib * 1.048576)")"
  rm "$big"
  settled
  if [ "$who" = curl-bare ]; then rm "$disk/store/"*; else erase "${big##*/}"; fi

  fresh "$many"
  if [ "$who" = sealgate ]; then
    cp -r "$mem/fresh" "$disk/made" # where a rename is enough
    sync -f "$disk"
    profiled connect-small 3
    connect_folder "$disk/made"
    profiled_end
    rm -r "$disk/made" "$disk/erp/sent"
  else
    curl_to "$who" "$mem"/fresh/*
  fi
  record "connect, small" "$who" "$(calc "$many / $wall")"
  record "connect small cpu" "$who" "$(calc "$busy * 1000 / $many")"
  if [ "$who" = curl-bare ]; then find "$disk/store" -type f -delete; fi
  settled
}

# on_cpu: the milliseconds that the agent has run so far, to the nanosecond: ticks are
# too coarse.
on_cpu() { awk '{ns += $1} END {printf "%.3f", ns / 1e6}' "/proc/${pid[connect]}/task/"*/schedstat; }

# connect_idles WHEN: what the agent takes that has nothing to do.
connect_idles() {
  local c0
  say "an idle agent, $1, for $calm s"
  sleep 60 # it has just been busy
  c0=$(on_cpu)
  sleep "$calm"
  record "connect idle cpu, $1" sealgate "$(calc "($(on_cpu) - $c0) * 60 / $calm")"
  record "connect idle, $1" sealgate "$(memory_of connect VmRSS)"
}

# connect_ends: after all rounds. An agent that has sent all that, and one that was just started.
connect_ends() {
  round=0
  connect_idles "after its work"
  kill "${pid[connect]}"
  wait "${pid[connect]}" || die "connect did not end well: $(tail -3 "$disk/connect.out")"
  run_connect
  connect_idles "started"
}
