#!/usr/bin/env bash
# The peer: Debian's Postfix handing to Debian's Dovecot by LMTP, both in a folder of their own on loopback.
# usage: peer_mail.sh start FOLDER PORT | stop FOLDER    (root, packages postfix dovecot-lmtpd; any RCPT @bench.example is taken)
set -euo pipefail
action=$1 folder=$2 port=${3:-}

start() {
    mkdir -p "$folder"/{etc,queue,data,mail,run}
    chmod 755 "$folder"
    chown postfix "$folder/data"
    id vmailbench >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin vmailbench
    chown vmailbench "$folder/mail"
    cat >"$folder/dovecot.conf" <<CONF
base_dir = $folder/run
protocols = lmtp
ssl = no
log_path = /dev/null
mail_location = maildir:$folder/mail/%u
first_valid_uid = 1
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=vmailbench gid=vmailbench home=$folder/mail/%u
}
service lmtp {
  process_min_avail = 2
  unix_listener lmtp-bench {
    mode = 0666
  }
}
CONF
    dovecot -c "$folder/dovecot.conf"
    cp /etc/postfix/master.cf "$folder/etc/master.cf"
    sed -i -e "s/^smtp      inet .*/127.0.0.1:$port inet n - n - - smtpd/" -e '/^\(lmtp\|smtp\|relay\|cleanup\) .*/s/ y / n /' "$folder/etc/master.cf"
    cat >"$folder/etc/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = bench.example
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:unix:$folder/run/lmtp-bench
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
in_flow_delay = 0
CONF
    postfix -c "$folder/etc" start >/dev/null 2>&1
    for _ in $(seq 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    echo "the peer's Postfix did not open port $port" >&2
    return 1
}

stop() {
    postfix -c "$folder/etc" stop >/dev/null 2>&1 || true
    doveadm -c "$folder/dovecot.conf" stop 2>/dev/null || true
    rm -rf "$folder"
}

"$action"
