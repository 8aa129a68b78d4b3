# Fetches one source repository into its own directory of the download cache. Runs on the host's side of the sandbox, where
# nothing else of the cache is. Arguments: kind, when the run began (seconds since 1970), and a directory with the texts
# `location`, `curl` (a configuration of curl's) and, where there is a password, `login` (a line of git's credential
# store). No password is an argument, and none is kept with what is fetched.
set -eu -o pipefail
kind=$1 began=$2 staged=$3
location=$(cat "$staged/location")

source=$DIB_IMAGE_CACHE/source
fetched=$DIB_IMAGE_CACHE/fetched
is_fresh() {
    [ -n "${DIB_OFFLINE:-}" ] || { [ -e "$fetched" ] && [ "$(stat -c %Y "$fetched")" -ge "$began" ]; }
}
# What a killed build left.
rm -rf "$source.new"

case $kind in
git)
    # A repository of this machine belongs to an id that the sandbox does not have. HOME is this run's own.
    git config --global --add safe.directory '*'
    if [ -e "$staged/login" ]; then
        git config --global credential.helper "store --file=$staged/login"
    fi
    # One with a lost or a changed object is fetched anew.
    if [ -d "$source" ] && ! git -C "$source" fsck --no-progress --no-dangling > /dev/null 2>&1; then
        echo "the repository in the download cache is corrupted, and is fetched again"
        rm -rf "$source"
    fi
    if [ -d "$source" ]; then
        is_fresh || git -C "$source" fetch --quiet --prune --tags origin '+refs/*:refs/*'
    else
        git clone --quiet --mirror -- "$location" "$source.new"
        mv -T "$source.new" "$source"
    fi
    ;;
tar | file)
    if [ -f "$source" ] && ! sha256sum --check --status "$source.sha256"; then
        echo "the file in the download cache is corrupted, and is fetched again"
        rm -f "$source"
    fi
    if [ ! -f "$source" ] || ! is_fresh; then
        curl --fail --silent --show-error --location --retry 5 --output "$source.new" --config "$staged/curl"
        mv -T "$source.new" "$source"
        sha256sum "$source" > "$source.sha256"
    fi
    ;;
esac
is_fresh || touch "$fetched"
