#!/usr/bin/env bash
# Prints the requests of a ghz data file: one for each image, with the effort where one is given, and with ids for a stream.
#   deploy/load/make-data.sh [--effort 0.5] [--ids] IMAGE...
set -euo pipefail

effort= ids=
while [[ ${1-} == --* ]]; do
  case $1 in
    --effort) effort=", \"effort\": $2"; shift 2 ;;
    --ids) ids=yes; shift ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
done
(( $# > 0 )) || { echo "no images" >&2; exit 2; }

echo "["
number=0
for image in "$@"; do
  # ghz fills in the template at every call, so that an id is that of one image of one call.
  id=${ids:+", \"id\": \"{{.RequestNumber}}-$number\""}
  number=$((number + 1))
  echo "  {\"encoded_image\": \"$(base64 -w0 "$image")\"$effort$id}$( (( number == $# )) || echo ,)"
done
echo "]"
