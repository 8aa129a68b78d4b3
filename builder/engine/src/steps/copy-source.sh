# Copies a source repository from the download cache, which this run cannot change, into the tree. Runs on the host's side of
# the sandbox. Arguments: kind, name, reference, destination in the tree, and a directory with the text `location`.
set -eu -o pipefail
kind=$1 name=$2 reference=$3 destination=$4
location=$(cat "$5/location")

source=$DIB_IMAGE_CACHE/source
target=$TMP_MOUNT_PATH$destination
mkdir -p "${target%/*}"

case $kind in
git)
    # A repository of this machine belongs to an id that the sandbox does not have. HOME is this run's own.
    git config --global --add safe.directory '*'
    rm -rf "$target"
    git clone --quiet --no-hardlinks "$source" "$target"
    [ "$reference" = '*' ] || git -C "$target" checkout --quiet --detach "$reference" 2>/dev/null ||
        git -C "$target" checkout --quiet --detach "origin/$reference"
    git -C "$target" remote set-url origin "$location"
    commit=$(git -C "$target" rev-parse HEAD)
    # What the driver places among the manifests.
    manifest=$TMP_HOOKS_PATH/.dibber/sources
    mkdir -p "$manifest"
    echo "$name git $destination $location $commit" >> "$manifest/dib-manifest-git-$IMAGE_NAME"
    echo "$name $location $commit"
    ;;
tar | file)
    if [ "$kind" = file ]; then
        cp "$source" "$target"
    else
        mkdir -p "$target"
        case $reference in
        . | '') tar -C "$target" --strip-components=1 -xf "$source" ;;
        '*') tar -C "$target" -xf "$source" ;;
        *) tar -C "$target" --strip-components=1 -xf "$source" --wildcards "*/$reference" ;;
        esac
    fi
    echo "$name $location $(sha256sum "$source" | cut -d' ' -f1)"
    ;;
esac
