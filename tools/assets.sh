#!/bin/sh
# Copy what the portal shows from npm packages into its static folder: KERN's stylesheet and two cuts of Fira Sans.
# Nothing is built but a packed copy of each stylesheet. ./run calls this; it does nothing when the copies are newer.
set -eu
cd "$(dirname "$0")/.."
to=stadtmail/doors/web/static/vendor
own=stadtmail/doors/web/static/web/app.css
[ "$own.gz" -nt "$own" ] || gzip -9 -n -k -f "$own"
[ -f "$to/done" ] && [ "$to/done" -nt package-lock.json ] && exit 0
if [ ! -d node_modules/@kern-ux/native ] || [ ! -d node_modules/@fontsource/fira-sans ]; then
    npm ci --no-audit --no-fund --silent
fi
mkdir -p "$to"
cp node_modules/@kern-ux/native/dist/kern.min.css "$to/kern.css"
cp node_modules/@kern-ux/native/LICENSE.md "$to/kern-licence.md"
for weight in 400 600; do
    for part in latin latin-ext; do
        cp "node_modules/@fontsource/fira-sans/files/fira-sans-$part-$weight-normal.woff2" "$to/"
    done
done
cp node_modules/@fontsource/fira-sans/LICENSE "$to/fira-sans-licence.txt"
gzip -9 -n -k -f "$to/kern.css"
touch "$to/done"
