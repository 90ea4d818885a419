# Runs a server for as long as somebody holds this script's standard input: a test that is killed
# cannot end what it started, but its end of the pipe is closed.
#
# server.sh PG_CTL FOLDER OPTIONS: FOLDER has `data`, where there is one already. Says `ready` when
# the server is. The word `keep` on standard input leaves the folder for another time.

pg_ctl=$1 folder=$2 options=$3
# A server leaves with the tests, not before them.
trap '' HUP INT TERM
fail() {
    cat "$folder/log" >&2
    exit 1
}
if [ ! -d "$folder/data" ]; then
    "${pg_ctl%pg_ctl}initdb" -D "$folder/data" -U portcullis -A trust -E UTF8 --locale=C --no-sync \
        >"$folder/log" 2>&1 || fail
fi
"$pg_ctl" start -D "$folder/data" -w -t 120 -l "$folder/log" -o "$options" \
    </dev/null >/dev/null 2>&1 || fail
echo ready
read -r word
# As a power failure would: what was committed is there, and nothing is tidied up.
"$pg_ctl" stop -D "$folder/data" -m immediate -w >/dev/null 2>&1
[ "$word" = keep ] || rm -rf "$folder"
