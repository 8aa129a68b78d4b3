#!/bin/bash
# Writes the files that the image file gives.
set -eu -o pipefail

data="$(dirname "$0")/../image-settings"

for file in "$data"/files/*/; do
    [ -f "$file/path" ] || continue
    path="$(cat "$file/path")"
    owner="$(cat "$file/owner")"
    install -D -m "$(cat "$file/mode")" -o "${owner%%:*}" -g "${owner##*:}" "$file/content" "$path"
done
