#!/bin/sh
# need.sh PACKAGE... : installs the Debian packages that are missing. Root or sudo is used only when
# there are any; ends with status 1 and a message when that is not possible.
set -eu

missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    case $status in
    *' ok installed') ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

stuck() {
    echo "$1" >&2
    echo "Please install these packages, then try again:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
}

command -v apt-get >/dev/null || stuck "Packages are missing, and this system has no apt-get."
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    stuck "Packages are missing, and installing them takes root or sudo; neither is there."
fi

echo "Installing$missing"
# Neither questions nor restarts of services. Lists may be absent (containers) or out of date.
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get install -y -q --no-install-recommends $missing
}
install || { $as_root apt-get update -q && install; } || stuck "apt-get failed."
