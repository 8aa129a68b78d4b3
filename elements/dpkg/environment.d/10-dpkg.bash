# Every apt and dpkg run of a hook is unattended.
export DEBIAN_FRONTEND=noninteractive
export DEBIAN_PRIORITY=critical
export DIB_APT_LOCAL_CACHE=${DIB_APT_LOCAL_CACHE:-1}
export DIB_DISABLE_APT_CLEANUP=${DIB_DISABLE_APT_CLEANUP:-0}
