#!/usr/bin/env bash
# The peer: Debian's Dovecot with its IMAP service, in a folder of its own on loopback.
# usage: peer_imap.sh start FOLDER PORT FORMAT [TLSPORT CERT KEY SECURITY] | stop FOLDER    (root; FORMAT maildir or sdbox; any name,
# password "x"; SECURITY high-security: a login process for each connection, as Debian has it, or high-performance: two for all)
set -euo pipefail
action=$1 folder=$2 port=${3:-} format=${4:-maildir} tls=${5:-0} cert=${6:-} key=${7:-} security=${8:-high-performance}
case $security in
high-security) logins=$'service_count = 1\n  process_limit = 3000' ;;
*) logins=$'service_count = 0\n  process_min_avail = 2\n  client_limit = 3000' ;;
esac

start() {
    mkdir -p "$folder"/{mail,run}
    chmod 755 "$folder"
    id vmailbench >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin vmailbench
    chown vmailbench "$folder/mail"
    cat >"$folder/dovecot.conf" <<CONF
base_dir = $folder/run
protocols = imap
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
log_path = /dev/null
mail_location = $format:$folder/mail/%u
mail_max_userip_connections = 2000
first_valid_uid = 1
passdb {
  driver = static
  args = password=x
}
userdb {
  driver = static
  args = uid=vmailbench gid=vmailbench home=$folder/mail/%u
}
service imap-login {
  $logins
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = $tls
    ssl = yes
  }
}
service imap {
  process_limit = 2000
  process_min_avail = 10
}
service anvil {
  client_limit = 9000
}
service auth {
  client_limit = 9000
}
CONF
    if [ "$tls" != 0 ]; then
        sed -i -e "s|^ssl = no|ssl = yes\nssl_cert = <$cert\nssl_key = <$key|" "$folder/dovecot.conf"
    fi
    dovecot -c "$folder/dovecot.conf"
    for _ in $(seq 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    echo "the peer's Dovecot did not open port $port" >&2
    return 1
}

stop() {
    doveadm -c "$folder/dovecot.conf" stop 2>/dev/null || true
    rm -rf "$folder"
}

"$action"
