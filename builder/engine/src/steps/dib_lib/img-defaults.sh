# What dib's driver has decided about an image before it reads an element.
source "$_LIB/common-defaults"
export FS_TYPE=${FS_TYPE:-ext4}
export IMAGE_TYPE=${IMAGE_TYPE:-qcow2}
export IMAGE_NAME=${IMAGE_NAME:-image}
