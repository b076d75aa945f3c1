#!/bin/sh
# Resolve every environment again: hashes, no host names. usage: requirements/lock.sh PATH-TO-UV
set -eu
cd "$(dirname "$0")/.."
lock() { # output, inputs...
  output=$1; shift
  "$uv" pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate \
    --custom-compile-command "make locks" "$@" --output-file "$output"
  echo "$output"
}
uv=$1
lock requirements/tools.txt requirements/tools.in
lock requirements/prober.txt --extra demo pyproject.toml
lock requirements/image.txt requirements/image.in
lock requirements/runtime.txt --constraint requirements/prober.txt pyproject.toml
lock requirements/dev.txt --extra demo pyproject.toml requirements/dev.in
lock prober/refstack/agent-requirements.txt requirements/agent.in
lock prober/refstack/go-requirements.txt requirements/go.in
lock prober/refstack/node-requirements.txt requirements/node.in
