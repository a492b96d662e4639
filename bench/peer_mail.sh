#!/usr/bin/env bash
# The peer: Debian's Postfix handing to Debian's Dovecot by LMTP, both in a folder of their own on loopback.
# usage: peer_mail.sh start FOLDER PORT | stop FOLDER    (root, packages postfix dovecot-lmtpd; any RCPT @bench.example is taken)
# CHECKED=1: OpenDKIM verifies (its keys: FOLDER/dns), Dovecot runs FOLDER/filter.sieve (packages opendkim dovecot-sieve).
# SLOW_POSTFIX, SLOW_DOVECOT: libraries that are loaded into all processes of each (bench/slow.py).
set -euo pipefail
action=$1 folder=$2 port=${3:-}
checked=${CHECKED:-} slow_postfix=${SLOW_POSTFIX:-} slow_dovecot=${SLOW_DOVECOT:-}

start() {
    mkdir -p "$folder"/{etc,queue,data,mail,run}
    chmod 755 "$folder"
    chown postfix "$folder/data"
    id vmailbench >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin vmailbench
    chown vmailbench "$folder/mail"
    start_dovecot
    [ -z "$checked" ] || start_opendkim
    start_postfix
    for _ in $(seq 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    echo "the peer's Postfix did not open port $port" >&2
    return 1
}

start_dovecot() {
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
    if [ -n "$checked" ]; then
        cat >>"$folder/dovecot.conf" <<CONF
protocol lmtp {
  mail_plugins = sieve
}
plugin {
  sieve = $folder/filter.sieve
}
CONF
        sievec -c "$folder/dovecot.conf" "$folder/filter.sieve"
        chmod 644 "$folder"/filter.*
    fi
    if [ -n "$slow_dovecot" ]; then
        echo "import_environment = TZ LD_PRELOAD=$slow_dovecot" >>"$folder/dovecot.conf"
        LD_PRELOAD=$slow_dovecot dovecot -c "$folder/dovecot.conf"
    else
        dovecot -c "$folder/dovecot.conf"
    fi
}

start_opendkim() {
    mkdir -p "$folder/milter"
    chown opendkim "$folder/milter"
    cat >"$folder/opendkim.conf" <<CONF
Mode v
Syslog no
UserID opendkim
UMask 000
Socket local:$folder/milter/sock
PidFile $folder/milter/pid
TestDNSData file:$folder/dns
CONF
    opendkim -x "$folder/opendkim.conf"
}

start_postfix() {
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
    [ -z "$checked" ] || echo "smtpd_milters = unix:$folder/milter/sock" >>"$folder/etc/main.cf"
    if [ -n "$slow_postfix" ]; then
        printf '%s = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C LD_PRELOAD=%s\n' import_environment "$slow_postfix" export_environment "$slow_postfix" >>"$folder/etc/main.cf"
    fi
    postfix -c "$folder/etc" start >/dev/null 2>&1
}

stop() {
    postfix -c "$folder/etc" stop >/dev/null 2>&1 || true
    doveadm -c "$folder/dovecot.conf" stop 2>/dev/null || true
    [ ! -s "$folder/milter/pid" ] || kill "$(cat "$folder/milter/pid")" 2>/dev/null || true
    rm -rf "$folder"
}

"$action"
