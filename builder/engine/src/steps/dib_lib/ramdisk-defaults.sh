# What dib's driver has decided about a ramdisk before it reads an element.
export RAMDISK_ELEMENT=${RAMDISK_ELEMENT:-ramdisk}
source "$_LIB/common-defaults"
MODULE_ROOT=${DIB_MODULE_ROOT:-}
LIB_UDEV_ROOT=${DIB_LIB_UDEV_ROOT:-}
