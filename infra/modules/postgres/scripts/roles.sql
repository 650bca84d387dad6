-- Three roles, none a superuser. Can be run again at any time.
--   loader   owns the schemas bronze and bronze_staging (where dlt keeps the rows it is about to merge), nothing else;
--            it creates their tables, the ledger of calls (bronze._weather_calls) included
--   reader   reads everything in bronze, also tables that are yet to come
--   dagster  owns the database dagster
\set ON_ERROR_STOP on
\getenv loader_password LOADER_PASSWORD
\getenv reader_password READER_PASSWORD
\getenv dagster_password DAGSTER_PASSWORD

-- a statement that fails is not to be logged with the password in it
SET log_min_error_statement = panic;
SELECT format('CREATE ROLE %I', wanted) FROM unnest(ARRAY['loader', 'reader', 'dagster']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE loader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'loader_password';
ALTER ROLE reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'reader_password';
ALTER ROLE dagster LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'dagster_password';

SELECT 'CREATE DATABASE dagster OWNER dagster'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dagster') \gexec
REVOKE ALL ON DATABASE weather, dagster, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE weather TO loader, reader;

\connect weather
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS bronze AUTHORIZATION loader;
CREATE SCHEMA IF NOT EXISTS bronze_staging AUTHORIZATION loader;
GRANT USAGE ON SCHEMA bronze TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA bronze TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE loader IN SCHEMA bronze GRANT SELECT ON TABLES TO reader;
