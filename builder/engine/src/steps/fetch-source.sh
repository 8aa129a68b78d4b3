# Fetches one source repository into its own directory of the download cache. Runs on the host's side of the sandbox, where
# nothing else of the cache is. Arguments: kind, reference, when the run began (seconds since 1970), and a directory with the
# texts `location`, `curl` (a configuration of curl's) and, where there is a password, `login` (a line of git's credential
# store). No password is an argument, and none is kept with what is fetched.
set -eu -o pipefail
kind=$1 reference=$2 began=$3 staged=$4
location=$(cat "$staged/location")

source=$DIB_IMAGE_CACHE/source
fetched=$DIB_IMAGE_CACHE/fetched
is_fresh() { # a file that was touched when it was last fetched
    [ -n "${DIB_OFFLINE:-}" ] || { [ -e "$1" ] && [ "$(stat -c %Y "$1")" -ge "$began" ]; }
}
# Branches and tags. A server of reviews has thousands of other references, and each is fetched when it is named.
usual=('+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*')
has() {
    git -C "$source" rev-parse --quiet --verify "$1^{commit}"
} > /dev/null
# Whether what is there of branches and tags tells which commit is meant: all of them, one by its name, or one by its hash.
is_usual() {
    case $reference in
    '*') return 0 ;;
    refs/heads/* | refs/tags/*) has "$reference" && return 0 ;;
    esac
    has "refs/heads/${reference#origin/}" || has "refs/tags/$reference" || {
        has "$reference" && [[ $(git -C "$source" rev-parse "$reference^{commit}") == "$reference"* ]]
    }
}
# What a killed build left.
rm -rf "$source.new"

case $kind in
git)
    # A repository of this machine belongs to an id that the sandbox does not have. HOME is this run's own.
    git config --global --add safe.directory '*'
    # A fetch takes patterns and expressions too: what they name, one image would choose for others.
    if [ "$reference" != '*' ] && ! git check-ref-format --allow-onelevel "$reference"; then
        echo "$reference is no name of a reference of git, nor a commit's"
        exit 1
    fi
    if [ -e "$staged/login" ]; then
        git config --global credential.helper "store --file=$staged/login"
    fi
    # One with a lost or a changed object is fetched anew.
    if [ -d "$source" ] && ! git -C "$source" fsck --no-progress --no-dangling > /dev/null 2>&1; then
        echo "the repository in the download cache is corrupted, and is fetched again"
        rm -rf "$source"
    fi
    if [ -d "$source" ]; then
        is_fresh "$fetched" || git -C "$source" fetch --quiet --prune origin "${usual[@]}"
    else
        git clone --quiet --bare -- "$location" "$source.new"
        mv -T "$source.new" "$source"
    fi
    # Anything else that a fetch can name: refs/changes/..., pull/1/head, the whole hash of a commit that is on no branch.
    # Kept under a digest of its name, which is no part of another's.
    digest=$(printf %s "$reference" | sha256sum | cut -d' ' -f1)
    own=$fetched-$digest
    if ! is_usual && ! { has "refs/dibber/$digest" && is_fresh "$own"; }; then
        if [ -n "${DIB_OFFLINE:-}" ]; then
            has "$reference" || {
                echo "$reference of $location was not fetched before, and this build is offline"
                exit 1
            }
        elif git -C "$source" fetch --quiet origin "+$reference:refs/dibber/$digest"; then
            touch "$own"
        elif ! has "$reference"; then
            echo "$location has no reference $reference that can be fetched"
            exit 1
        fi
    fi
    ;;
tar | file)
    if [ -f "$source" ] && ! sha256sum --check --status "$source.sha256"; then
        echo "the file in the download cache is corrupted, and is fetched again"
        rm -f "$source"
    fi
    if [ ! -f "$source" ] || ! is_fresh "$fetched"; then
        curl --fail --silent --show-error --location --retry 5 --globoff --output "$source.new" --config "$staged/curl"
        mv -T "$source.new" "$source"
        sha256sum "$source" > "$source.sha256"
    fi
    ;;
esac
is_fresh "$fetched" || touch "$fetched"
