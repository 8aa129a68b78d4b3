# dib's ramdisk and dracut-ramdisk elements make a ramdisk of busybox with the functions that dib has here. They are not there.
echo "dibber has no functions for the elements ramdisk and dracut-ramdisk; use ironic-python-agent-ramdisk" >&2
exit 1
