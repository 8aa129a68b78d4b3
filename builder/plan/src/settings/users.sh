#!/bin/bash
# Makes the users that the image file lists, and lets its keys log in as root.
set -eu -o pipefail

data="$(dirname "$0")/../image-settings"

# Gives a user ($1) the keys in a file ($2).
authorize() {
    local home group
    home="$(getent passwd "$1" | cut -d: -f6)"
    group="$(id -g "$1")"
    install -d -m 0700 -o "$1" -g "$group" "$home/.ssh"
    touch "$home/.ssh/authorized_keys"
    cat "$2" >> "$home/.ssh/authorized_keys"
    chmod 0600 "$home/.ssh/authorized_keys"
    chown "$1:$group" "$home/.ssh/authorized_keys"
}

if [ -f "$data/ssh_keys" ]; then
    authorize root "$data/ssh_keys"
fi

for user in "$data"/users/*/; do
    [ -f "$user/name" ] || continue
    name="$(cat "$user/name")"
    shell="$(cat "$user/shell")"
    if [ ! -x "$shell" ]; then
        echo "users: the shell $shell of $name is not in this image" >&2
        exit 1
    fi
    if ! id -u "$name" > /dev/null 2>&1; then
        useradd --create-home --shell "$shell" "$name"
        # `*` matches no password, and does not lock the account: keys open it.
        printf '%s:*\n' "$name" | chpasswd --encrypted
    else
        usermod --shell "$shell" "$name"
    fi
    if [ -f "$user/groups" ]; then
        usermod --append --groups "$(cat "$user/groups")" "$name"
    fi
    if [ -f "$user/password" ]; then
        printf '%s:%s\n' "$name" "$(cat "$user/password")" | chpasswd --encrypted
    fi
    if [ -f "$user/ssh_keys" ]; then
        authorize "$name" "$user/ssh_keys"
    fi
    if [ -f "$user/sudo" ]; then
        install -D -m 0440 -o root -g root "$user/sudo" "/etc/sudoers.d/90-image-$name"
    fi
done
