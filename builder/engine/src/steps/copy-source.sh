# Copies a source repository from the download cache, which this run cannot change, into the tree. Runs on the host's side of
# the sandbox. Arguments: kind, name, reference, destination in the tree, and a directory with the text `location`.
set -eu -o pipefail
kind=$1 repository=$2 reference=$3 destination=$4
location=$(cat "$5/location")

source=$DIB_IMAGE_CACHE/source
target=$TMP_MOUNT_PATH$destination
mkdir -p "${target%/*}"

case $kind in
git)
    # A repository of this machine belongs to an id that the sandbox does not have. HOME is this run's own.
    git config --global --add safe.directory '*'
    rm -rf "$target"
    # By git's own transport: what else other images had fetched into the cache is none of this one's.
    git clone --quiet --no-local "$source" "$target"
    if [ "$reference" != '*' ]; then
        commit=
        # As a fetch resolves a name: a tag before a branch, then what was fetched by that name, then a commit.
        digest=$(printf %s "$reference" | sha256sum | cut -d' ' -f1)
        names=("refs/tags/$reference" "refs/heads/${reference#origin/}" "refs/dibber/$digest" "$reference")
        case $reference in refs/heads/* | refs/tags/*) names=("$reference" "refs/dibber/$digest") ;; esac
        for name in "${names[@]}"; do
            commit=$(git -C "$source" rev-parse --quiet --verify "$name^{commit}") && break
        done
        [ -n "$commit" ] || { echo "$location has no reference $reference"; exit 1; }
        if ! git -C "$target" cat-file -e "$commit" 2> /dev/null; then
            git -c protocol.version=2 -C "$target" fetch --quiet "$source" "$commit"
            rm -f "$target/.git/FETCH_HEAD"
        fi
        git -C "$target" checkout --quiet --detach "$commit"
    fi
    git -C "$target" remote set-url origin "$location"
    commit=$(git -C "$target" rev-parse HEAD)
    # What the driver places among the manifests.
    manifest=$TMP_HOOKS_PATH/.dibber/sources
    mkdir -p "$manifest"
    echo "$repository git $destination $location $commit" >> "$manifest/dib-manifest-git-$IMAGE_NAME"
    echo "$repository $location $commit"
    ;;
tar | file)
    if [ "$kind" = file ]; then
        cp "$source" "$target"
    else
        # As dib has it: `.` is all of the archive, `*` what is in its directories, anything else what is in that directory of it.
        unpacked=$(mktemp -d)
        tar -C "$unpacked" -xf "$source"
        mkdir -p "$target"
        # A reference may have patterns, but no blanks. Directories alone are matched, as rsync has it by the slash and dot at the end.
        # Whoever made the archive or the reference may have put a link, or a way up, on the way: what it leads to is not the archive's.
        case /$reference/ in */../*) echo "the reference $reference leads out of the archive"; exit 1 ;; esac
        IFS=
        found=
        for directory in "$unpacked"/$reference/.; do
            [ -d "$directory" ] || continue
            directory=${directory%/.}
            [ "$directory" = "$unpacked/." ] || [ "$(realpath "$directory")" = "$(realpath "$unpacked")${directory#"$unpacked"}" ] || continue
            found=yes
            tar -C "$directory" -cf - . | tar -C "$target" -xf -
        done
        [ -n "$found" ] || { echo "$location has no directory $reference"; exit 1; }
        rm -rf "$unpacked"
    fi
    echo "$repository $location $(sha256sum "$source" | cut -d' ' -f1)"
    ;;
esac
