# Part of bench/run: one pull of a big file, and one of many small ones, from OpenSSH's
# sshd (SFTP) and from vsftpd (FTPS), by the gateway, lftp and rclone. The gateway's is
# the whole of it: sign-in, listing, fetching, sealing, durable, on record; its wall
# time is that of `gateway remote run --wait`. The others write a file, and the disk
# gets it some time later; "synced" adds the sync that makes theirs durable, too.
# shellcheck shell=bash disable=SC2154

vsftpd=/usr/local/lib/sealgate-tests/usr/sbin/vsftpd
declare -A there secret # the folder that is fetched from, on the disk; the login's password

start_vsftpd() {
  local home=$disk/vsftpd
  mkdir -p "$home/files" "$disk/empty"
  chmod 755 "$home"
  chown daemon "$home/files"
  secret[ftps]=$(openssl rand -hex 12)
  (umask 077 && echo "${secret[ftps]}" >"$disk/vsftpd.passwords")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$disk/vsftpd.key" -out "$disk/vsftpd.crt" 2>/dev/null
  user[vsftpd]=anonymous port[vsftpd]=$(free_port 22081) there[ftps]=$home/files
  cat >"$disk/vsftpd.conf" <<END
listen=YES
background=NO
listen_address=127.0.0.1
listen_port=${port[vsftpd]}
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
secure_chroot_dir=$disk/empty
ftp_username=daemon
anon_root=$home
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file=$disk/vsftpd.passwords
anon_world_readable_only=NO
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file=$disk/vsftpd.crt
rsa_private_key_file=$disk/vsftpd.key
END
  launch vsftpd "$vsftpd" "$disk/vsftpd.conf"
}

# start_pull: what is fetched from, and the remotes. Files are taken at first sight:
# otherwise the gateway would wait until they are still.
start_pull() {
  local kind how=(--direction pull --off --still 0s --max-files 100000)
  there[sftp]=$disk/openssh/out
  install -d -o "$tester" "${there[sftp]}"
  start_vsftpd
  for kind in sftp ftps; do
    mkdir "${there[$kind]}/"{big,small}
    head -c "${big_mib}M" /dev/urandom >"${there[$kind]}/peers.bin"
    sync "${there[$kind]}/peers.bin"
  done
  for kind in big small; do
    gateway remote add bench "sftp-$kind" "sftp://${user[openssh]}@127.0.0.1:${port[openssh]}${there[sftp]}/$kind" "${how[@]}" \
      --ssh-key "$mem/user" --host-key "$(ssh-keygen -lf "$disk/host" | cut -d' ' -f2)" >/dev/null
    gateway remote add bench "ftps-$kind" "ftpes://${user[vsftpd]}@127.0.0.1:${port[vsftpd]}/files/$kind" "${how[@]}" --password-stdin <<<"${secret[ftps]}" \
      --certificate-pin "$(openssl x509 -in "$disk/vsftpd.crt" -outform DER | sha256sum | cut -d' ' -f1)" >/dev/null
  done
}

# peer_pull WHO sftp|ftps big|small: sets $command to what fetches into $disk/fetched.
peer_pull() {
  local ssh="ssh -a -x -F none -p ${port[openssh]} -i $mem/user -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -c aes256-gcm@openssh.com"
  local open at
  case $1-$2 in
  lftp-sftp) open="set sftp:connect-program '$ssh'; open -u ${user[openssh]},x sftp://127.0.0.1:${port[openssh]}; cd ${there[sftp]}" ;;
  lftp-ftps) open="set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate no; open -u ${user[vsftpd]},${secret[ftps]} ftp://127.0.0.1:${port[vsftpd]}; cd /files" ;;
  rclone-sftp) at=":sftp,host=127.0.0.1,port=${port[openssh]},user=${user[openssh]},key_file=$mem/user,disable_hashcheck=true:${there[sftp]}" ;;
  rclone-ftps) at=":ftp,host=127.0.0.1,port=${port[vsftpd]},user=${user[vsftpd]},pass=$(rclone obscure "${secret[ftps]}"),explicit_tls=true,no_check_certificate=true,disable_tls13=true:/files" ;;
  esac
  case $1-$3 in
  lftp-big) command=(lftp --norc -c "set cmd:fail-exit yes; $open; get peers.bin -o $disk/fetched/peers.bin") ;;
  lftp-small) command=(lftp --norc -c "set cmd:fail-exit yes; $open; mirror small $disk/fetched") ;;
  rclone-big)
    command=(rclone --config /dev/null copy "$at/peers.bin" "$disk/fetched")
    # From FTP it fetches the parts of a file at the same time only until the server complains (426).
    if [ "$2" = ftps ]; then command+=(--multi-thread-streams 0); fi
    ;;
  rclone-small) command=(rclone --config /dev/null copy "$at/small" "$disk/fetched") ;;
  esac
}

# fetch WHO sftp|ftps big|small: sets $wall, $synced (with the sync) and $busy, the CPU of
# who fetches.
fetch() {
  local who=$1 kind=$2 what=$3 command json t0 c0
  if [ "$who" = sealgate ]; then
    c0=$(cpu sealgate)
    json=$("$mem/sftpload" -mode time -- "$binary" remote run bench "$kind-$what" --wait --data "$disk/data" 2>"$disk/client.log") ||
      die "the pull failed: $(tail -1 "$disk/client.log")"
    wall=$(number seconds <<<"$json") synced=$wall
    busy=$(calc "$(cpu sealgate) - $c0")
    return
  fi
  peer_pull "$who" "$kind" "$what"
  mkdir "$disk/fetched"
  json=$("$mem/sftpload" -mode time -- "${command[@]}" 2>"$disk/client.log") || die "$who: $(tail -3 "$disk/client.log")"
  wall=$(number seconds <<<"$json") busy=$(number cpu_s <<<"$json")
  t0=$(now)
  find "$disk/fetched" -type f -exec sync {} +
  synced=$(calc "$wall + $(now) - $t0")
}

declare -A best # of the peers, in this round

# fastest METRIC WHO VALUE: keeps the larger value of the peers.
fastest() {
  record "$1" "$2" "$3"
  if [ "$2" = sealgate ]; then return; fi
  if [ "$(calc "($3 > ${best[$1]:-0})")" = 1.000 ]; then best[$1]=$3; fi
}

# pull_ends: all have had their turn in this round.
pull_ends() {
  local metric kind
  for metric in "${!best[@]}"; do record "$metric" "the faster" "${best[$metric]}"; done
  best=()
  for kind in sftp ftps; do find "${there[$kind]}/small" -type f -delete; done
}

pull() {
  local who=$1 kind new
  if [ -z "$(ls "${there[sftp]}/small")" ]; then # the first of this round: the same files for all
    for kind in sftp ftps; do
      fresh "$pulled"
      install -m 644 -t "${there[$kind]}/small" "$mem"/fresh/*
    done
    sync -f "$disk"
  fi
  for kind in sftp ftps; do
    new=${there[$kind]}/big/$kind-$round.bin
    if [ "$who" = sealgate ]; then # another name is another file
      ln "${there[$kind]}/peers.bin" "$new"
      profiled "pull-$kind" 2
    fi
    fetch "$who" "$kind" big
    fastest "pull $kind" "$who" "$(calc "$big_mib * 1.048576 / $wall")"
    fastest "pull $kind, synced" "$who" "$(calc "$big_mib * 1.048576 / $synced")"
    record "pull $kind cpu" "$who" "$(calc "$busy * 1000 / ($big_mib * 1.048576)")"
    if [ "$who" = sealgate ]; then
      profiled_end
      rm "$new"
      settled
      erase "$kind-$round.bin"
    else
      cmp -s "$disk/fetched/peers.bin" "${there[$kind]}/peers.bin" || die "$who fetched other bytes"
      rm -r "$disk/fetched"
    fi
    settled
    fetch "$who" "$kind" small
    fastest "pull $kind, small" "$who" "$(calc "$pulled / $wall")"
    record "pull $kind small cpu" "$who" "$(calc "$busy * 1000 / $pulled")"
    rm -rf "$disk/fetched"
    settled
  done
}
