#!/usr/bin/env bash
# Dumps the weather and Dagster's records into /backups and keeps the newest $KEEP of each. Room is made before the dump,
# the newest good dump of a database is never deleted, and upkeep.backups in the weather database says how it ended.
#
# A good dump is DATABASE-TIME.dump with DATABASE-TIME.dump.sha256, which is written after all of the dump was read back.
# $DUE_HOURS after a good dump the next one is due. Connects as role backup, which reads everything and writes that table.
#
# With $COPIES, a path of rclone such as copies:bucket/weather, $RCLONE copies each good dump there. A copy that fails leaves the
# dump as good as it is; the table says so, and the exit code is 4, since another dump would not help.
set -euo pipefail
cd "${BACKUPS:-/backups}"
export PGUSER=backup PGPASSWORD=$BACKUP_PASSWORD
# its record is written also while the volume of the database is full (reserve.sh)
export PGOPTIONS='-c default_transaction_read_only=off'
KEEP=${KEEP:-14} DUE_HOURS=${DUE_HOURS:-26} RCLONE=${RCLONE:-/tools/rclone}

log() { printf '{"timestamp": "%s", "level": "%s", "logger": "backup", "event": "%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2"; }

# record DATABASE ASSIGNMENTS [VARIABLE=VALUE...] : update the database's row; a database that is away fails the dump itself
record() {
  local options=()
  for pair in "${@:3}"; do options+=("--set=$pair"); done
  psql --quiet --no-psqlrc --dbname=weather --set=ON_ERROR_STOP=1 --set=database="$1" "${options[@]}" <<SQL || log warning "$1: upkeep.backups could not be written"
INSERT INTO upkeep.backups (database) VALUES (:'database') ON CONFLICT DO NOTHING;
UPDATE upkeep.backups SET $2 WHERE database = :'database';
SQL
}

# oldest first; those of a release without checksums, too
dumps() { find . -maxdepth 1 -name "$1-*.dump" -printf '%f\n' | sort; }
forget() { rm -f -- "$1" "$1.sha256"; log info "$1: deleted, $2"; }
intact() { sha256sum --check --status "$1.sha256" 2>/dev/null; }
# reads all of a dump: the list of its contents alone does not show that the end is missing
verify() { pg_restore --list "$1" >/dev/null && pg_restore --file=/dev/null "$1"; }
seal() { sha256sum "$1" | sed "s/ [ *].*/  $2/" >"$2.sha256.part" && sync "$2.sha256.part" && mv "$2.sha256.part" "$2.sha256"; }
set_aside() {
  mv -- "$1" "$1.broken" && rm -f -- "$1.sha256"
  log error "$1: its content is not what was written; it is $1.broken now"
  broken+=("$1")
}

# check_old DATABASE : one dump a run, that which was verified longest ago, so that each is read again every KEEP runs
check_old() {
  local file by_age
  for file in $(dumps "$1"); do
    [ -e "$file.sha256" ] || { if verify "$file" 2>/dev/null; then seal "$file" "$file"; else set_aside "$file"; fi; }
  done
  mapfile -t by_age < <(find . -maxdepth 1 -name "$1-*.dump.sha256" -printf '%T@ %f\n' | sort --numeric-sort)
  [ ${#by_age[@]} -gt 0 ] || return 0
  file=${by_age[0]#* } file=${file%.sha256}
  if intact "$file"; then touch "$file.sha256"; else set_aside "$file"; fi
}

# newest_good DATABASE : sets newest, or leaves it empty; broken ones that are newer are set aside
newest_good() {
  newest=""
  local file
  for file in $(dumps "$1" | tac); do
    if intact "$file"; then newest=$file; return; fi
    set_aside "$file"
  done
}

# delete_oldest : the oldest dump of either database that is not its newest good one; fails if there is none
delete_oldest() {
  local file kept=()
  newest_good weather; kept+=("$newest")
  newest_good dagster; kept+=("$newest")
  for file in $({ dumps weather; dumps dagster; } | sort --field-separator=- --key=2); do
    if [[ " ${kept[*]} " != *" $file "* ]]; then forget "$file" "to make room"; return; fi
  done
  return 1
}

# keep DATABASE : the newest KEEP, and the newest good one in any case
keep() {
  local file files
  newest_good "$1"
  mapfile -t files < <(dumps "$1")
  [ ${#files[@]} -gt "$KEEP" ] || return 0
  for file in "${files[@]::${#files[@]}-KEEP}"; do [ "$file" = "$newest" ] || forget "$file" "the newest $KEEP are kept"; done
}

free() { df --output=avail --block-size=1 . | tail --lines=1; }

back_up() { # DATABASE SCHEMA
  local tables file=$1-$stamp.dump needed=0 error copies
  export PGDATABASE=$1
  error=$(mktemp)
  tables=$(psql --no-psqlrc --tuples-only --no-align --command="SELECT count(*) FROM pg_tables WHERE schemaname = '$2'") || return 1
  record "$1" "last_attempt_at = now()"
  check_old "$1"
  if [ "$tables" = 0 ]; then log info "$1: no tables yet, nothing to back up"; return; fi
  keep "$1"
  # the next dump is a little larger than the last one
  [ -z "$newest" ] || needed=$(($(stat --format=%s "$newest") * 12 / 10))
  while [ "$(free)" -lt "$needed" ]; do delete_oldest || break; done
  until pg_dump --format=custom --table="$2.*" --file="$file.part" 2>"$error" && sync "$file.part"; do
    rm -f "$file.part"
    # what else is wrong does not get better by deleting
    if grep --quiet "No space left" "$error" && delete_oldest; then continue; fi
    fail_one "$1" "$(tail --lines=1 "$error")"
    return 1
  done
  if ! verify "$file.part" 2>"$error"; then
    rm -f "$file.part"
    fail_one "$1" "the dump cannot be read back: $(tail --lines=1 "$error")"
    return 1
  fi
  seal "$file.part" "$file"
  mv "$file.part" "$file"
  sync .
  # a copy that is killed is overdue when its Job must have ended
  copies="copied_at = NULL, copy_error = NULL, copy_due_by = NULL"
  [ -z "${COPIES:-}" ] || copies="copy_due_by = now() + interval '2 hours'"
  record "$1" "$copies, last_good_at = now(), due_by = now() + :'due_hours' * interval '1 hour', last_error = NULL, file = :'file', bytes = :bytes, sha256 = :'sha256'" \
    "due_hours=$DUE_HOURS" "file=$file" "bytes=$(stat --format=%s "$file")" "sha256=$(cut --characters=1-64 "$file.sha256")"
  log info "$file: $tables tables, $(stat --format=%s "$file") bytes, verified"
  keep "$1"
  [ -z "${COPIES:-}" ] || copy "$1" "$file"
}

copy() { # DATABASE FILE
  local error cause
  error=$(mktemp)
  # without a file of settings; those of the remote "copies" are in the environment. rclone compares what arrived
  if "$RCLONE" copy . "$COPIES" --include="/$2" --include="/$2.sha256" --config= --log-level=ERROR \
    --transfers=1 --s3-no-check-bucket --no-traverse --max-duration=45m 2>"$error"; then
    record "$1" "copied_at = now(), copy_error = NULL, copy_due_by = NULL"
    log info "$2: copied to $COPIES"
    return
  fi
  # what went wrong may go on for some lines
  cause=$({ grep --extended-regexp 'ERROR|Failed' "$error" || cat "$error"; } | tail --lines=1 |
    sed --regexp-extended 's/^[0-9/]+ [0-9:]+ *(ERROR *: )?//' | tr --delete '"\\[:cntrl:]')
  log error "$2: good, but not copied to $COPIES; $cause"
  record "$1" "copy_error = :'cause'" "cause=$cause"
  uncopied=4
}

fail_one() { # DATABASE CAUSE
  local cause
  cause=$(tr --delete '"\\[:cntrl:]' <<<"$2")
  if grep --quiet "No space left" <<<"$cause"; then
    cause="the volume of the backups is full, and only the newest good dump of each database is left on it; enlarge it (volume_sizes.backups). The database said: $cause"
  fi
  log error "$1: no backup; $cause"
  record "$1" "last_error = :'cause'" "cause=$cause"
}

broken=() failed=0 uncopied=0 newest=""
rm -f ./*.part # of a backup that was killed
stamp=$(date -u +%Y-%m-%dT%H-%M-%SZ)
# one database that fails does not take the other's backup with it
for pair in "weather bronze" "dagster public"; do
  # shellcheck disable=SC2086 # two words
  back_up $pair || failed=1
done
if [ ${#broken[@]} -gt 0 ]; then
  record "${broken[0]%%-*}" "last_error = :'cause'" "cause=${broken[*]}: a dump is broken: its checksum is not that of its content"
  failed=1
fi
[ "$failed" = 0 ] || exit "$failed"
exit "$uncopied"
