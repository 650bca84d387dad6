-- Four roles, none a superuser. Can be run again at any time.
--   loader   owns the schemas bronze and bronze_staging (where dlt keeps the rows it is about to merge), nothing else;
--            it creates their tables, the ledger of calls (bronze._weather_calls) included
--   reader   reads everything in bronze, also tables that are yet to come
--   dagster  owns the database dagster
--   backup   reads everything in both, and writes one table, upkeep.backups: how the backups of each database ended
\set ON_ERROR_STOP on
\getenv loader_password LOADER_PASSWORD
\getenv reader_password READER_PASSWORD
\getenv dagster_password DAGSTER_PASSWORD
\getenv backup_password BACKUP_PASSWORD

-- a statement that fails is not to be logged with the password in it
SET log_min_error_statement = panic;
SELECT format('CREATE ROLE %I', wanted) FROM unnest(ARRAY['loader', 'reader', 'dagster', 'backup']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE loader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'loader_password';
ALTER ROLE reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'reader_password';
ALTER ROLE dagster LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'dagster_password';
ALTER ROLE backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'backup_password';
SELECT 'GRANT pg_read_all_data TO backup' WHERE NOT pg_has_role('backup', 'pg_read_all_data', 'MEMBER') \gexec

SELECT 'CREATE DATABASE dagster OWNER dagster'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dagster') \gexec
REVOKE ALL ON DATABASE weather, dagster, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE weather TO loader, reader, backup;
GRANT CONNECT ON DATABASE dagster TO backup;

\connect weather
-- reserve.sh makes this database read-only while its volume is full
SET default_transaction_read_only = off;
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS bronze AUTHORIZATION loader;
CREATE SCHEMA IF NOT EXISTS bronze_staging AUTHORIZATION loader;
GRANT USAGE ON SCHEMA bronze TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA bronze TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE loader IN SCHEMA bronze GRANT SELECT ON TABLES TO reader;

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
COMMENT ON TABLE upkeep.backups IS 'How the backups of each database ended: a row a database, written by role backup.';
COMMENT ON COLUMN upkeep.backups.last_attempt_at IS 'When the last backup began.';
COMMENT ON COLUMN upkeep.backups.last_good_at IS 'When the last backup ended that was read back and found whole.';
COMMENT ON COLUMN upkeep.backups.due_by IS 'When the next good backup must be there; after that something is wrong.';
COMMENT ON COLUMN upkeep.backups.last_error IS 'Why the last backup failed; null if it did not.';
COMMENT ON COLUMN upkeep.backups.file IS 'The last good backup, on the volume of the backups.';
COMMENT ON COLUMN upkeep.backups.bytes IS 'Its size.';
COMMENT ON COLUMN upkeep.backups.sha256 IS 'Its checksum.';
GRANT USAGE ON SCHEMA upkeep TO loader, reader, backup;
GRANT SELECT ON upkeep.backups TO loader, reader;
GRANT SELECT, INSERT, UPDATE ON upkeep.backups TO backup;
