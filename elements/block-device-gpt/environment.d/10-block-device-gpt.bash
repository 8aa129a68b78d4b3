export DIB_BLOCK_DEVICE=gpt
case $ARCH in
    arm64|aarch64)
        echo "$ARCH boots through EFI: use the element block-device-efi" >&2
        exit 1 ;;
esac
