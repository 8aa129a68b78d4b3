export DIB_BLOCK_DEVICE=efi
case $ARCH in
    ppc*)
        echo "$ARCH has no EFI: use the element block-device-gpt" >&2
        exit 1 ;;
esac
