#!/bin/bash
# Sets the hostname, locale and time zone that the image file gives.
set -eu -o pipefail

data="$(dirname "$0")/../image-settings"

if [ -f "$data/hostname" ]; then
    name="$(cat "$data/hostname")"
    printf '%s\n' "$name" > /etc/hostname
    touch /etc/hosts
    if ! grep -q '^127\.0\.1\.1[[:space:]]' /etc/hosts; then
        printf '127.0.1.1\t%s\n' "$name" >> /etc/hosts
    fi
fi

if [ -f "$data/locale" ]; then
    locale="$(cat "$data/locale")"
    case "$locale" in
        C | POSIX | C.UTF-8) ;;
        *)
            charset="${locale#*.}"
            charset="${charset%@*}"
            printf '%s %s\n' "$locale" "$charset" > /etc/locale.gen
            locale-gen
            ;;
    esac
    if [ -d /etc/default ]; then
        printf 'LANG=%s\n' "$locale" > /etc/default/locale
    else
        printf 'LANG=%s\n' "$locale" > /etc/locale.conf
    fi
fi

if [ -f "$data/timezone" ]; then
    zone="$(cat "$data/timezone")"
    if [ ! -f "/usr/share/zoneinfo/$zone" ]; then
        echo "timezone: there is no /usr/share/zoneinfo/$zone in this image; is the name right, and tzdata installed?" >&2
        exit 1
    fi
    ln -sfn "/usr/share/zoneinfo/$zone" /etc/localtime
    printf '%s\n' "$zone" > /etc/timezone
fi
