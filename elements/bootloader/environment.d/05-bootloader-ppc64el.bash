case $ARCH in ppc64el|ppc64le)
    export DIB_BOOTLOADER_SERIAL_CONSOLE=${DIB_BOOTLOADER_SERIAL_CONSOLE:-hvc0}
    export DIB_GRUB_TARGET=powerpc-ieee1275 ;;
esac
