# shellcheck shell=sh disable=SC2034
# Sourced by install.sh and uninstall.sh: where Marina lies for one user, and what both of them do.

# Prints $1 if it is an absolute path, else $2: the XDG Base Directory Specification ignores relative ones.
absolute() {
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$2" ;;
    esac
}

type=application/x-torch-model-archive
data=$(absolute "${XDG_DATA_HOME:-}" "$HOME/.local/share")
config=$(absolute "${XDG_CONFIG_HOME:-}" "$HOME/.config")
bin=$HOME/.local/bin
app=$data/marina-app
incoming=$data/.marina-app.incoming
outgoing=$data/.marina-app.outgoing
# One path a line, as it is written; folders, which go when they are empty, end with a slash.
list=$app/installed-files

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Prints where the installed folder really is; nothing when there is none.
installed() {
    [ ! -d "$app" ] || (cd -P -- "$app" && pwd -P)
}

# A running Marina starts workers out of this folder, so it must not change below it.
refuse_while_running() {
    real=$(installed)
    [ -n "$real" ] || return 0
    programs=$(readlink /proc/[0-9]*/exe 2>/dev/null | sort -u | grep -F -- "$real/") || return 0
    fail "Marina is running. Close it, then run this again; nothing was changed. These programs of it run:
$programs"
}

# As the Desktop Entry Specification has it: quoted for Exec, then for the file, where a backslash is written twice.
quoted() {
    printf '%s' "$1" | sed -e 's/%/%%/g' -e 's/["`$\\]/\\&/g' -e 's/\\/\\\\/g'
}

# Runs a program of the desktop where there is one; $1 is its name, $2 Debian's package.
tell_desktop() {
    program=$1 package=$2
    shift 2
    if command -v "$program" >/dev/null; then
        "$program" "$@" || say "$program failed; files may not open with Marina by a double click yet."
    else
        say "$program is missing (package $package): the desktop may notice this change late, or not at all."
    fi
}

refresh() {
    [ ! -d "$data/mime" ] || tell_desktop update-mime-database shared-mime-info "$data/mime"
    [ ! -d "$data/applications" ] || tell_desktop update-desktop-database desktop-file-utils "$data/applications"
    # Desktops look at icons again when the theme's folder is newer than their cache.
    [ ! -d "$data/icons/hicolor" ] || touch "$data/icons/hicolor"
}
