#!/bin/sh
# A base for the image where no registry is reached: Debian 13 with its own Python, as a tar on standard output.
# Needs root, mmdebstrap and `apt-get update`: the mirror and the certificates are those that this machine itself uses.
set -eu
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Component: main' | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no mirror of Debian; run apt-get update." >&2; exit 1; }
exec mmdebstrap --quiet --variant=minbase --include=ca-certificates,netbase,tzdata,python3-venv \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
  trixie - "$mirror"
