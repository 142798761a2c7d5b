# What the scripts of the guest test share. Meant to be read by them, not run.
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# Everything that is downloaded or built for the guest stays here, outside the tree.
cache="${UNMASK_CACHE:-$HOME/.cache/unmask}"
arm_target=aarch64-unknown-linux-gnu
# Unpacked Debian packages for the guest.
kernel="$cache/kernel"
# Cross-built programs.
built="$cache/cross-target/$arm_target/release"
export root cache arm_target kernel built

die() {
    printf 'guest: %s\n' "$*" >&2
    exit 2
}

# Ends a test that cannot be made, so that nobody overlooks it; UNMASK_NO_SKIP=1 forbids that.
skip() {
    printf '\nSKIPPED %s: %s\n\n' "${0##*/}" "$*" >&2
    [[ -z "${UNMASK_NO_SKIP:-}" ]] || exit 2
    exit 0
}

# within_minutes N COMMAND...: skips the test when the command takes longer; no N: any time.
within_minutes() {
    local minutes="$1" code=0
    shift
    if [[ -z "$minutes" ]]; then
        "$@"
        return
    fi
    timeout "$((60 * minutes))" "$@" || code=$?
    if [[ $code -eq 124 ]]; then
        skip "it did not fit into $minutes minutes; what was built is kept for the next run"
    fi
    return "$code"
}

say() {
    printf 'guest: %s\n' "$*" >&2
}

# Runs a command as root.
as_root() {
    if [[ "$(id -u)" -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root is needed for: $*; install sudo or run this as root once"
    fi
}

# The version of the guest's kernel, as in 6.1.0-56-arm64.
kernel_version() {
    local folder
    for folder in "$kernel"/lib/modules/* "$kernel"/usr/lib/modules/*; do
        [[ -d "$folder/kernel" ]] && basename "$folder" && return
    done
    die "the guest's kernel is missing: run tests/guest/setup"
}
