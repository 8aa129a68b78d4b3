# The tree is its own ramdisk: Debian's kernel packages make none where this says so.
export INITRD=No

# dib's name for an index; pip reads PIP_INDEX_URL.
if [ -n "${DIB_PYPI_MIRROR_URL:-}" ]; then
    export PIP_INDEX_URL=${PIP_INDEX_URL:-$DIB_PYPI_MIRROR_URL}
fi
# A list of pins in place of the element's own, as an absolute path.
export DIB_IPA_REQUIREMENTS=${DIB_IPA_REQUIREMENTS:-}
# The version of the tree's Python, where its package lists do not tell it.
export DIB_IPA_PYTHON=${DIB_IPA_PYTHON:-}
# 1 keeps manual pages, locales and drivers that no deployment needs.
export DIB_IPA_MINIMAL_PRUNE=${DIB_IPA_MINIMAL_PRUNE:-0}
# Directories of the kernel's modules, below kernel/, with spaces between. A machine that is being deployed plays no sound, films
# nothing and has no radio.
export DIB_IPA_REMOVE_MODULES=${DIB_IPA_REMOVE_MODULES-sound drivers/bluetooth drivers/comedi drivers/gpu/drm/amd drivers/gpu/drm/i915 drivers/gpu/drm/nouveau drivers/gpu/drm/radeon drivers/iio drivers/input/joystick drivers/input/tablet drivers/input/touchscreen drivers/media drivers/net/wireless drivers/nfc drivers/staging drivers/usb/gadget net/bluetooth net/mac80211 net/nfc net/wireless}
