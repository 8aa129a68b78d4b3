# Fetches one source repository into the download cache, then copies it into the tree. Runs on the host's side of the
# sandbox. Arguments: kind, name, reference, destination in the tree, when the run began (seconds since 1970), and a
# directory with the texts `location`, `curl` (a configuration of curl's) and, where there is a password, `login` (a line
# of git's credential store). No password is an argument, and none is kept with what is fetched.
set -eu -o pipefail
kind=$1 name=$2 reference=$3 destination=$4 began=$5 staged=$6
location=$(cat "$staged/location")

cache=$DIB_IMAGE_CACHE/source-repositories/${name//[^A-Za-z0-9]/_}_$(printf '%s' "${kind}_$location" | sha1sum | cut -d' ' -f1)
mkdir -p "${cache%/*}"
target=$TMP_MOUNT_PATH$destination
mkdir -p "${target%/*}"

# Members of a set are built at the same time: one fetches, and in this run no other asks again.
exec 9> "$cache.lock"
flock 9
is_fresh() {
    [ -n "${DIB_OFFLINE:-}" ] || { [ -e "$cache.fetched" ] && [ "$(stat -c %Y "$cache.fetched")" -ge "$began" ]; }
}

case $kind in
git)
    # A repository of this machine belongs to an id that the sandbox does not have. HOME is this run's own.
    git config --global --add safe.directory '*'
    if [ -e "$staged/login" ]; then
        git config --global credential.helper "store --file=$staged/login"
    fi
    if [ -d "$cache" ]; then
        is_fresh || git -C "$cache" fetch --quiet --prune --tags origin '+refs/*:refs/*'
    else
        git clone --quiet --mirror "$location" "$cache.new.$$"
        mv -T "$cache.new.$$" "$cache"
    fi
    is_fresh || touch "$cache.fetched"
    rm -rf "$target"
    git clone --quiet --no-hardlinks "$cache" "$target"
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
    if [ ! -f "$cache" ] || ! is_fresh; then
        curl --fail --silent --show-error --location --retry 5 --output "$cache.new.$$" --config "$staged/curl"
        mv -T "$cache.new.$$" "$cache"
        touch "$cache.fetched"
    fi
    if [ "$kind" = file ]; then
        cp "$cache" "$target"
    else
        mkdir -p "$target"
        case $reference in
        . | '') tar -C "$target" --strip-components=1 -xf "$cache" ;;
        '*') tar -C "$target" -xf "$cache" ;;
        *) tar -C "$target" --strip-components=1 -xf "$cache" --wildcards "*/$reference" ;;
        esac
    fi
    echo "$name $location $(sha256sum "$cache" | cut -d' ' -f1)"
    ;;
esac
