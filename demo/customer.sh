# shellcheck shell=bash
# A customer's own servers, on loopback and below one directory: sourced by demo/run.
# OpenSSH's sshd, and ProFTPD as an FTPS server; both run as who runs the demo.

# free_port: one at which nobody listens, below those that the system gives to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# answers PORT PID LOG: waits until a server that was started answers.
answers() {
  for _ in $(seq 200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    kill -0 "$2" 2>/dev/null || break
    sleep 0.05
  done
  cat "$3" >&2
  return 1
}

# start_sshd DIR PUBLICKEY: sets sshd_port and sshd_pid; its sign-in folder is DIR/files.
start_sshd() {
  mkdir -p "$1/files"
  if [ "$(id -u)" = 0 ]; then mkdir -p /run/sshd; fi # its own service makes it
  ssh-keygen -q -t ed25519 -N '' -f "$1/host-key"
  cp "$2" "$1/authorized_keys"
  sshd_port=$(free_port)
  cat >"$1/sshd_config" <<CONFIG
Port $sshd_port
ListenAddress 127.0.0.1
HostKey $1/host-key
AuthorizedKeysFile $1/authorized_keys
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp -d $1/files
CONFIG
  /usr/sbin/sshd -D -e -f "$1/sshd_config" 2>"$1/log" &
  sshd_pid=$!
  answers "$sshd_port" "$sshd_pid" "$1/log"
}

# start_ftps DIR PASSWORD: sets ftps_port and ftps_pid; the sign-in folder of robot is DIR/files.
start_ftps() {
  local unpacked=/usr/local/lib/sealgate-tests/usr # where tools/deps has put it
  mkdir -p "$1/files"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$1/key.pem" -out "$1/certificate.pem" 2>/dev/null
  printf 'robot:%s:%d:%d::%s:/bin/false\n' "$(openssl passwd -6 "$2")" "$(id -u)" "$(id -g)" "$1/files" >"$1/passwd"
  chmod 600 "$1/passwd"
  ftps_port=$(free_port)
  cat >"$1/proftpd.conf" <<CONFIG
ModulePath $unpacked/lib/proftpd
LoadModule mod_tls.c
ServerType standalone
ServerName customer
DefaultAddress 127.0.0.1
SocketBindTight on
Port $ftps_port
UseIPv6 off
User $(id -un)
Group $(id -gn)
AuthOrder mod_auth_file.c
AuthUserFile $1/passwd
RequireValidShell off
RootLogin on
UseFtpUsers off
WtmpLog off
TransferLog none
SystemLog $1/log
PidFile $1/pid
ScoreboardFile $1/scoreboard
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile $1/certificate.pem
TLSECCertificateKeyFile $1/key.pem
CONFIG
  "$unpacked/sbin/proftpd" -n -q -c "$1/proftpd.conf" >"$1/out" 2>&1 &
  ftps_pid=$!
  answers "$ftps_port" "$ftps_pid" "$1/out"
}
