#!/usr/bin/env bash
# The peer: Debian's Roundcube on PHP-FPM and nginx as Debian ships them, its IMAP server beside it, in a folder of its own on loopback.
# usage: peer_portal.sh start FOLDER PORT IMAPPORT | stop FOLDER      (root; any name, password "x", see peer_imap.sh)
set -euo pipefail
action=$1 folder=$2 port=${3:-} imap=${4:-}
here=$(dirname "$0")

start() {
    mkdir -p "$folder"/{config,db,logs,temp,nginx}
    chmod 755 "$folder"
    "$here/peer_imap.sh" start "$folder/imap" "$imap" maildir
    roundcube
    fpm
    web
    for _ in $(seq 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    echo "the peer's nginx did not open port $port" >&2
    return 1
}

roundcube() {
    cp -L /etc/roundcube/defaults.inc.php /etc/roundcube/mimetypes.php "$folder/config/"
    cat >"$folder/config/config.inc.php" <<CONF
<?php
\$config['db_dsnw'] = 'sqlite:///$folder/db/roundcube.sqlite?mode=0640';
\$config['imap_host'] = '127.0.0.1:$imap';
\$config['des_key'] = '$(head -c 18 /dev/urandom | base64)';
\$config['plugins'] = [];
\$config['skin'] = 'elastic';
\$config['log_dir'] = '$folder/logs/';
\$config['temp_dir'] = '$folder/temp/';
CONF
    sqlite3 "$folder/db/roundcube.sqlite" </usr/share/roundcube/SQL/sqlite.initial.sql
    chown -R www-data "$folder"/{db,logs,temp}
}

fpm() {
    local shipped
    shipped=$(dirname "$(ls /etc/php/*/fpm/php-fpm.conf | tail -1)")
    sed -e "s|^pid = .*|pid = $folder/fpm.pid|" -e "s|^error_log = .*|error_log = $folder/logs/fpm.log|" \
        -e "s|^include=.*|include=$folder/pool.conf|" "$shipped/php-fpm.conf" >"$folder/fpm.conf"
    sed -e "s|^listen = .*|listen = $folder/php.sock|" "$shipped/pool.d/www.conf" >"$folder/pool.conf"
    echo "env[ROUNDCUBE_CONFIG_DIR] = $folder/config" >>"$folder/pool.conf"
    "$(ls /usr/sbin/php-fpm[0-9]* | tail -1)" --daemonize --fpm-config "$folder/fpm.conf"
}

web() {
    # Debian's nginx.conf with other paths; patience for a search that reads 50,000 messages
    sed -e "s|^pid .*|pid $folder/nginx.pid;|" -e "s|/var/log/nginx|$folder/logs|" \
        -e "s|include /etc/nginx/conf.d/\*.conf;|include $folder/site.conf;|" -e '/sites-enabled/d' \
        /etc/nginx/nginx.conf >"$folder/nginx.conf"
    cat >"$folder/site.conf" <<CONF
server {
    listen 127.0.0.1:$port;
    root /var/lib/roundcube/public_html;
    index index.php;
    location ~ \.php$ {
        include /etc/nginx/fastcgi.conf;
        fastcgi_pass unix:$folder/php.sock;
        fastcgi_read_timeout 600;
    }
}
CONF
    nginx -c "$folder/nginx.conf" -e "$folder/logs/error.log"
}

stop() {
    for pid in "$folder"/{nginx,fpm}.pid; do
        [ -s "$pid" ] && kill -QUIT "$(cat "$pid")" 2>/dev/null || true
    done
    "$here/peer_imap.sh" stop "$folder/imap"
    for _ in $(seq 50); do
        [ -s "$folder/nginx.pid" ] || [ -s "$folder/fpm.pid" ] || break
        sleep 0.1
    done
    rm -rf "$folder"
}

"$action"
