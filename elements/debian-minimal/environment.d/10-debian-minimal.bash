# The modes of new files do not hang on who builds.
umask 022

export DISTRO_NAME=debian
export DIB_RELEASE=${DIB_RELEASE:-stable}
export DIB_INIT_SYSTEM=systemd
export EFI_BOOT_DIR=EFI/debian

export DIB_DISTRIBUTION_MIRROR=${DIB_DISTRIBUTION_MIRROR:-http://deb.debian.org/debian}
export DIB_DEBIAN_COMPONENTS=${DIB_DEBIAN_COMPONENTS:-main}
# "none" leaves the security suite out, for archives that hold none.
export DIB_DEBIAN_SECURITY_MIRROR=${DIB_DEBIAN_SECURITY_MIRROR:-http://security.debian.org/debian-security}
case $DIB_RELEASE in
    jessie|stretch|buster|oldoldoldstable) export DIB_DEBIAN_SECURITY_SUBPATH=${DIB_DEBIAN_SECURITY_SUBPATH:-/updates} ;;
    *) export DIB_DEBIAN_SECURITY_SUBPATH=${DIB_DEBIAN_SECURITY_SUBPATH:--security} ;;
esac
# "0" leaves the updates suite out.
export DIB_DEBIAN_UPDATES=${DIB_DEBIAN_UPDATES:-1}
# "0" accepts a Release file past its Valid-Until, as a snapshot needs.
export DIB_APT_CHECK_VALID_UNTIL=${DIB_APT_CHECK_VALID_UNTIL:-1}
# Seconds to wait, and try again, when the archive is found half updated.
export DIB_DEBIAN_ARCHIVE_PAUSES=${DIB_DEBIAN_ARCHIVE_PAUSES-15 45}
export DIB_APT_KEYRING=${DIB_APT_KEYRING:-}
export DIB_APT_SOURCES_CONF=${DIB_APT_SOURCES_CONF:-}
export DIB_MMDEBSTRAP_EXTRA_ARGS=${DIB_MMDEBSTRAP_EXTRA_ARGS:-}

export DIB_DEBOOTSTRAP_DEFAULT_LOCALE=${DIB_DEBOOTSTRAP_DEFAULT_LOCALE:-C.UTF-8}
export DIB_APT_MINIMAL_CREATE_INTERFACES=${DIB_APT_MINIMAL_CREATE_INTERFACES:-1}
export DIB_NETWORK_INTERFACE_NAMES=${DIB_NETWORK_INTERFACE_NAMES:-eth0 eth1}
