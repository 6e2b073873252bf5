#!/bin/sh
# progress.sh TEXT COMMAND...: run a command that prints nothing while it works. A terminal shows for how long it has run.
# Its output appears at its end.
text=$1
shift
if [ ! -t 2 ]; then
  echo "$text" >&2
  exec "$@"
fi
output=$(mktemp)
"$@" >"$output" 2>&1 &
child=$!
trap 'kill $child 2>/dev/null; rm -f "$output"; echo >&2; exit 130' INT TERM
start=$(date +%s)
while kill -0 $child 2>/dev/null; do
  printf '\r%s: %d s' "$text" $(($(date +%s) - start)) >&2
  sleep 0.3
done
wait $child
status=$?
echo >&2
cat "$output"
rm -f "$output"
exit $status
