#!/bin/sh
# Installs Marina for this user, without root, or puts this Marina in the place of an installed one:
#   the programs   ${XDG_DATA_HOME:-~/.local/share}/marina-app
#   commands       ~/.local/bin/marina and ~/.local/bin/marina-server
#   the desktop    an entry in the menu, icons, and that .mar files open with Marina
# What a Marina that was here before kept (models, settings, logs) stays as it is. `uninstall.sh` takes all of it away.
set -eu

source=$(cd -P -- "$(dirname -- "$0")" && pwd -P)
# shellcheck source=packaging/linux/common.sh
. "$source/common.sh"

main() {
    [ $# -eq 0 ] || fail "usage: install.sh"
    [ -x "$source/marina" ] || fail "There is no Marina beside $0. Unpack the whole archive, and run install.sh in it."
    [ "$source" != "$(installed)" ] || fail "This Marina is the installed one. To update it, run install.sh of the new one."
    clear_away
    refuse_while_running
    bring_in
    refuse_while_running
    swap
    integrate
    say "Marina is installed. Start it from the menu, or by: marina"
    case :$PATH: in
        *":$bin:"*) ;;
        *) say "$bin is not on your PATH yet: log in again, or start Marina by its full path, $bin/marina" ;;
    esac
}

# At the start, for an installation that was cut off, and at every end: puts the former Marina back if no other is there.
clear_away() {
    [ -e "$app" ] || [ ! -e "$outgoing" ] || mv -- "$outgoing" "$app"
    rm -rf -- "$incoming" "$outgoing"
}

# Copies the folder beside its place, where a full disk or Ctrl+C harms nothing.
bring_in() {
    trap clear_away EXIT
    trap 'exit 1' HUP INT TERM
    made=
    make_folder "$data"
    cp -RPp -- "$source" "$incoming"
    printf '%s' "$made" >"$incoming/installed-files"
    [ ! -f "$list" ] || cat -- "$list" >>"$incoming/installed-files"
}

# Makes a folder and those above it; adds to `made`, a line each, which of them were not there.
make_folder() {
    [ -d "$1" ] && return
    make_folder "$(dirname -- "$1")"
    mkdir -- "$1"
    made=$made$1/'
'
}

swap() {
    [ ! -e "$app" ] || mv -- "$app" "$outgoing"
    mv -- "$incoming" "$app"
}

integrate() {
    for program in marina marina-server; do
        link "$program"
    done
    (cd -- "$app/share" && find . -type f) | while IFS= read -r file; do
        place "${file#./}"
    done
    remove_former
    choose_marina
    refresh
}

# Makes a folder that something is about to be written into.
prepare() {
    made=
    make_folder "$1"
    printf '%s' "$made" >>"$list"
}

# Notes a file before it is written, so that uninstall.sh finds it whatever happens in between.
note() {
    prepare "$(dirname -- "$1")"
    grep -Fxq -- "$1" "$list" || printf '%s\n' "$1" >>"$list"
}

link() {
    if [ -e "$bin/$1" ] && [ "$(readlink -- "$bin/$1")" != "$app/$1" ]; then
        say "$bin/$1 is there already and not Marina's; it stays. Marina's own is $app/$1"
        return
    fi
    note "$bin/$1"
    ln -sf -- "$app/$1" "$bin/$1"
}

place() {
    note "$data/$1"
    case $1 in
        *.desktop) with_full_path <"$app/share/$1" >"$data/$1" ;;
        *) cp -- "$app/share/$1" "$data/$1" ;;
    esac
}

# The menu does not look into ~/.local/bin on every system.
with_full_path() {
    while IFS= read -r line; do
        case $line in
            Exec=marina*) printf 'Exec="%s"%s\n' "$(quoted "$app/marina")" "${line#Exec=marina}" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
}

# Makes Marina the program for model archives, unless the user has chosen one.
choose_marina() {
    if ! command -v xdg-mime >/dev/null; then
        say "xdg-mime is missing (package xdg-utils): Marina is offered for .mar files, but not made the first choice."
    elif [ -z "$(xdg-mime query default "$type")" ]; then
        prepare "$config"
        xdg-mime default marina.desktop "$type"
    fi
}

# Removes what a Marina before this one had placed and this one does not have.
remove_former() {
    while IFS= read -r path; do
        case $path in
            */) ;;
            "$data"/*) [ -e "$app/share/${path#"$data"/}" ] || rm -f -- "$path" ;;
        esac
    done <"$list"
}

main "$@"
