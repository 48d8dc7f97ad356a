#!/bin/sh
# disk_full.sh SERVER : a file system that is really full, on a loop device. Needs root or a sudo that
# asks nothing; where mounting is not allowed (containers), says so and passes.
set -eu

server=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
megabytes=160

skip() {
    echo "disk_full: skipped: $1"
    echo "disk_full: 0 passed, 0 failed"
    exit 0
}

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    skip "mounting takes root"
fi
PATH=$PATH:/usr/sbin:/sbin
command -v mkfs.ext4 >/dev/null || skip "there is no mkfs.ext4 (package e2fsprogs)"

folder=$(mktemp -d /tmp/poro-disk-full-XXXXXX)
cleanup() {
    $as_root umount "$folder/mount" 2>/dev/null || $as_root umount -l "$folder/mount" 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$folder/mount"
truncate -s "${megabytes}M" "$folder/image"
# No blocks reserved for root: full means full.
mkfs.ext4 -q -F -m 0 "$folder/image"
$as_root mount -o loop "$folder/image" "$folder/mount" 2>"$folder/why" ||
    skip "mounting is not allowed here: $(cat "$folder/why")"
$as_root chown "$(id -u)" "$folder/mount"

python3 "$here/disk_full.py" "$server" "$folder/mount"
