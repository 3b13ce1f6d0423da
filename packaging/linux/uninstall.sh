#!/bin/sh
# Removes what install.sh installed for this user. Models, settings and logs stay; with --purge they go too.
set -eu

here=$(cd -P -- "$(dirname -- "$0")" && pwd -P)
# shellcheck source=packaging/linux/common.sh
. "$here/common.sh"

main() {
    case $*:$# in
        :0) purge=no ;;
        --purge:1) purge=yes ;;
        *) fail "usage: uninstall.sh [--purge]" ;;
    esac
    [ -f "$list" ] || fail "Marina is not installed for this user: there is no $list"
    refuse_while_running
    noted=$(cat -- "$list")
    remove_files
    forget_choice "$config/mimeapps.list"
    forget_login "$config/autostart/marina.desktop"
    rm -rf -- "$incoming" "$outgoing" "$app"
    refresh
    remove_caches
    kept
    remove_folders
    say "Marina is removed."
}

remove_files() {
    printf '%s\n' "$noted" | while IFS= read -r path; do
        case $path in
            */) ;;
            "$bin"/*) [ "$(readlink -- "$path")" != "$app/${path##*/}" ] || rm -f -- "$path" ;;
            *) rm -f -- "$path" ;;
        esac
    done
}

# The choice of Marina for model archives, which xdg-mime or a file manager has written into $1.
forget_choice() {
    [ -f "$1" ] && grep -q "^$type=marina\.desktop" "$1" || return 0
    others=$(sed "\|^$type=marina\.desktop;*\$|d" "$1")
    if printf '%s\n' "$others" | grep -Eqv '^(\[.*\])?$'; then
        printf '%s\n' "$others" >"$1"
    else
        rm -f -- "$1"
    fi
}

# The entry that starts Marina at login, if it is this Marina.
forget_login() {
    [ ! -f "$1" ] || ! grep -Fq -- "$(quoted "$app/marina")" "$1" || rm -f -- "$1"
}

# What the two programs that were just run wrote about nothing.
remove_caches() {
    if ! holds "$data/mime/packages" '*.xml'; then
        for name in aliases generic-icons globs globs2 icons magic mime.cache subclasses treemagic types version \
            XMLnamespaces; do
            rm -f -- "$data/mime/$name"
        done
        rmdir -- "$data/mime/application" 2>/dev/null || :
    fi
    holds "$data/applications" '*.desktop' || rm -f -- "$data/applications/mimeinfo.cache"
}

# Whether there is such a file below a folder.
holds() {
    [ -d "$1" ] && [ -n "$(find "$1" -name "$2" -print)" ]
}

# Says where the user's own things are, or removes them.
kept() {
    if [ -n "${MARINA_HOME:-}" ]; then
        say "MARINA_HOME is set: models, settings and logs are in $MARINA_HOME, and stay there. Remove it yourself."
        return
    fi
    for folder in "$data/marina" "$config/marina" "${XDG_STATE_HOME:-$HOME/.local/state}/marina" \
        "${XDG_CACHE_HOME:-$HOME/.cache}/marina"; do
        [ -d "$folder" ] || continue
        if [ "$purge" = yes ]; then
            rm -rf -- "$folder"
            say "Removed $folder"
        else
            say "Kept $folder (--purge removes it)"
        fi
    done
}

# The folders that install.sh made, the deepest first, unless something else is in them by now.
remove_folders() {
    printf '%s\n' "$noted" | grep '/$' | sort -r | while IFS= read -r folder; do
        rmdir -- "$folder" 2>/dev/null || :
    done
}

main "$@"
