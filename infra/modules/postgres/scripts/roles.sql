-- Four roles, none a superuser. Can be run again at any time.
--   loader   owns the schemas bronze and bronze_staging (where dlt keeps the rows it is about to merge), nothing else;
--            it creates their tables, the ledger of calls (bronze._weather_calls) included
--   reader   reads everything in bronze, also tables that are yet to come
--   dagster  owns the database dagster
--   backup   reads everything in both, and writes one table, upkeep.backups: how the backups of each database ended
--
-- The passwords are in the environment: LOADER_PASSWORD, READER_PASSWORD, DAGSTER_PASSWORD, BACKUP_PASSWORD.
--
-- For a server of others: psql --set=external=on --file=roles.sql, as a superuser or as a role that has CREATEROLE and
-- CREATEDB. Then the role backup, its table and other databases are left alone, and a role that exists stops the script
-- unless it is of an earlier run. Other names by --set=NAME=…: loader, reader, dagster, weather_database, dagster_database.
\set ON_ERROR_STOP on
\if :{?external} \else \set external off \endif
\if :{?loader} \else \set loader loader \endif
\if :{?reader} \else \set reader reader \endif
\if :{?dagster} \else \set dagster dagster \endif
\if :{?weather_database} \else \set weather_database weather \endif
\if :{?dagster_database} \else \set dagster_database dagster \endif
\getenv loader_password LOADER_PASSWORD
\getenv reader_password READER_PASSWORD
\getenv dagster_password DAGSTER_PASSWORD
\getenv backup_password BACKUP_PASSWORD

SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user \gset
\if :is_superuser
-- a statement that fails is not to be logged with the password in it
SET log_min_error_statement = panic;
\set attributes 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
\else
-- only a superuser may take those away, and a new role has none of them
\set attributes LOGIN
\endif
\if :external
SELECT format('DO $do$ BEGIN RAISE EXCEPTION %L; END $do$', 'Set LOADER_PASSWORD, READER_PASSWORD and DAGSTER_PASSWORD in the environment.')
WHERE NOT (:{?loader_password} AND :{?reader_password} AND :{?dagster_password}) \gexec
SELECT format('DO $do$ BEGIN RAISE EXCEPTION %L; END $do$', format('There is a role %s already, which others may use: name another (--set=loader=…, and external_postgres.users).', rolname))
FROM pg_roles WHERE rolname IN (:'loader', :'reader', :'dagster') AND shobj_description(oid, 'pg_authid') IS DISTINCT FROM 'weather: made by roles.sql' \gexec
\endif

SELECT format('CREATE ROLE %I', wanted) FROM unnest(ARRAY[:'loader', :'reader', :'dagster']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE :"loader" :attributes PASSWORD :'loader_password';
ALTER ROLE :"reader" :attributes PASSWORD :'reader_password';
ALTER ROLE :"dagster" :attributes PASSWORD :'dagster_password';
\if :external
COMMENT ON ROLE :"loader" IS 'weather: made by roles.sql';
COMMENT ON ROLE :"reader" IS 'weather: made by roles.sql';
COMMENT ON ROLE :"dagster" IS 'weather: made by roles.sql';
\else
SELECT 'CREATE ROLE backup' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') \gexec
ALTER ROLE backup :attributes PASSWORD :'backup_password';
SELECT 'GRANT pg_read_all_data TO backup' WHERE NOT pg_has_role('backup', 'pg_read_all_data', 'MEMBER') \gexec
\endif

\if :is_superuser
\else
-- to make what they own; taken back at the end
GRANT :"loader", :"dagster" TO CURRENT_USER;
\endif
SELECT format('CREATE DATABASE %I', :'weather_database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'weather_database') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'dagster_database', :'dagster')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'dagster_database') \gexec
REVOKE ALL ON DATABASE :"weather_database", :"dagster_database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"weather_database" TO :"loader", :"reader";
\if :external
\else
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE weather, dagster TO backup;
\endif

\connect :weather_database
-- reserve.sh makes this database read-only while its volume is full
SET default_transaction_read_only = off;
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS bronze AUTHORIZATION :"loader";
CREATE SCHEMA IF NOT EXISTS bronze_staging AUTHORIZATION :"loader";
\if :is_superuser
\else
-- what belongs to a role is granted by it
SET ROLE :"loader";
\endif
GRANT USAGE ON SCHEMA bronze TO :"reader";
GRANT SELECT ON ALL TABLES IN SCHEMA bronze TO :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"loader" IN SCHEMA bronze GRANT SELECT ON TABLES TO :"reader";
RESET ROLE;
\if :is_superuser
\else
REVOKE :"loader", :"dagster" FROM CURRENT_USER;
\endif

\if :external
\quit
\endif
-- outside of bronze, which a restore replaces
CREATE SCHEMA IF NOT EXISTS upkeep;
CREATE TABLE IF NOT EXISTS upkeep.backups (
  database text PRIMARY KEY,
  last_attempt_at timestamptz,
  last_good_at timestamptz,
  due_by timestamptz,
  last_error text,
  file text,
  bytes bigint,
  sha256 text
);
ALTER TABLE upkeep.backups
  ADD COLUMN IF NOT EXISTS copied_at timestamptz,
  ADD COLUMN IF NOT EXISTS copy_error text,
  ADD COLUMN IF NOT EXISTS copy_due_by timestamptz;
COMMENT ON TABLE upkeep.backups IS 'How the backups of each database ended: a row a database, written by role backup.';
COMMENT ON COLUMN upkeep.backups.last_attempt_at IS 'When the last backup began.';
COMMENT ON COLUMN upkeep.backups.last_good_at IS 'When the last backup ended that was read back and found whole.';
COMMENT ON COLUMN upkeep.backups.due_by IS 'When the next good backup must be there; after that something is wrong.';
COMMENT ON COLUMN upkeep.backups.last_error IS 'Why the last backup failed; null if it did not.';
COMMENT ON COLUMN upkeep.backups.file IS 'The last good backup, on the volume of the backups.';
COMMENT ON COLUMN upkeep.backups.bytes IS 'Its size.';
COMMENT ON COLUMN upkeep.backups.sha256 IS 'Its checksum.';
COMMENT ON COLUMN upkeep.backups.copied_at IS 'When a good backup was last copied off the cluster; null without copies.';
COMMENT ON COLUMN upkeep.backups.copy_error IS 'Why the last copy failed; null if it did not.';
COMMENT ON COLUMN upkeep.backups.copy_due_by IS 'When the copy of the last good backup must have ended; null once it is there.';
CREATE TABLE IF NOT EXISTS upkeep.volume (measured_at timestamptz NOT NULL, total_bytes bigint NOT NULL, free_bytes bigint NOT NULL);
COMMENT ON TABLE upkeep.volume IS 'Size of the volume of the database, and what is free of it: one row, written every five minutes by the server.';
GRANT USAGE ON SCHEMA upkeep TO loader, reader, backup;
GRANT SELECT ON upkeep.backups, upkeep.volume TO loader, reader;
GRANT SELECT, INSERT, UPDATE ON upkeep.backups TO backup;
