# What dib's driver has decided before it reads an element.
export ARCH=${ARCH:-$(dpkg --print-architecture 2> /dev/null || uname -m)}
export DIB_CHECKSUM=${DIB_CHECKSUM:-0}
export DIB_NO_TMPFS=${DIB_NO_TMPFS:-1}
export DIB_MIN_TMPFS=${DIB_MIN_TMPFS:-2}
export DIB_OFFLINE=${DIB_OFFLINE:-}
export ELEMENTS_PATH=${ELEMENTS_PATH:-}
for directory in /sbin /usr/sbin /usr/local/sbin; do
    case :$PATH: in
    *:$directory:*) ;;
    *) export PATH=$PATH:$directory ;;
    esac
done
unset directory
