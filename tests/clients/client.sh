#!/bin/sh
# The least client: curl and sed.   BASE_URL=http://localhost:8000 API_KEY=sk_… sh client.sh [portrait.mp4]
# Prints the finished job and saves its video.
set -eu
base=${BASE_URL:-http://localhost:8000}
output=${1:-talking-portrait.mp4}

answer=$(curl -sS --fail-with-body "$base/api/v1/lipsync-image" \
    -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \
    -d "{\"formState\": {\"image\": \"$base/samples/portrait.png\", \"audio\": \"$base/samples/speech.wav\"}}")
id=$(printf '%s' "$answer" | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')

while :; do
    job=$(curl -sS --fail-with-body "$base/api/v1/jobs/$id" -H "Authorization: Bearer $API_KEY")
    case "$job" in
        *'"status": "processing"'* | *'"status":"processing"'*) sleep 1 ;;
        *) break ;;
    esac
done
printf '%s\n' "$job"
url=$(printf '%s' "$job" | sed -n 's/.*"output": *"\([^"]*\)".*/\1/p')
[ -n "$url" ] || exit 1
curl -sS --fail -o "$output" "$url"
