# Debian, and every system that our elements make, starts with systemd.
export DIB_INIT_SYSTEM=${DIB_INIT_SYSTEM:-systemd}
