#!/bin/sh
# Copy what the portal shows from npm packages into its static folder: what pages use of KERN's stylesheet, and two cuts of Fira Sans.
# Nothing else is built but a packed copy of each stylesheet. ./run calls this; it does nothing when the copies are newer.
set -eu
cd "$(dirname "$0")/.."
to=stadtmail/doors/web/static/vendor
own=stadtmail/doors/web/static/web/app.css
[ "$own.gz" -nt "$own" ] || gzip -9 -n -k -f "$own"
kern=node_modules/@kern-ux/native/dist/kern.min.css
less() { # a class that a page names since then may need a rule that was left out
    python=.venv/bin/python
    [ -x "$python" ] || python=python3
    "$python" tools/kern.py "$kern" "$to/kern.new"
    if cmp -s "$to/kern.new" "$to/kern.css"; then rm "$to/kern.new"; else mv "$to/kern.new" "$to/kern.css"; gzip -9 -n -k -f "$to/kern.css"; fi
}
if [ -f "$to/done" ] && [ "$to/done" -nt package-lock.json ]; then
    [ ! -f "$kern" ] || less
    exit 0
fi
if [ ! -d node_modules/@kern-ux/native ] || [ ! -d node_modules/@fontsource/fira-sans ]; then
    npm ci --no-audit --no-fund --silent
fi
mkdir -p "$to"
less
cp node_modules/@kern-ux/native/LICENSE.md "$to/kern-licence.md"
for weight in 400 600; do
    for part in latin latin-ext; do
        cp "node_modules/@fontsource/fira-sans/files/fira-sans-$part-$weight-normal.woff2" "$to/"
    done
done
cp node_modules/@fontsource/fira-sans/LICENSE "$to/fira-sans-licence.txt"
touch "$to/done"
