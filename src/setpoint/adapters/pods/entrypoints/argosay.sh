#!/bin/sh
# What the image argoproj/argosay:v2 does, for manifests that use it without a command.
set -e
case "${1:-echo}" in
  echo)
    case $# in
      0 | 1) echo "hello argo" ;;
      2) printf '%s\n' "$2" ;;
      3)
        mkdir -p "$(dirname "$3")"
        printf '%s' "$2" >"$3"
        ;;
      *) exit 1 ;;
    esac
    ;;
  cat) cat "$2" ;;
  sleep) sleep "$2" ;;
  exit) exit "${2:-0}" ;;
  assert_contains) grep -qF -e "$3" "$2" ;;
  sh) exec sh "$2" ;;
  *) exit 1 ;;
esac
