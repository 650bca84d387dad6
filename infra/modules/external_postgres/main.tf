# A PostgreSQL that is not made here: what is said of it is checked, and told to those that reach it. It makes nothing.

locals {
  # postgres.data.svc, or postgres.data.svc.cluster.local
  service    = "[.]([a-z0-9-]+)[.]svc([.]|$)"
  is_address = can(cidrhost("${var.server.host}/32", 0))
  sslmode    = coalesce(var.server.sslmode, var.server.ca_file == null && var.server.ca_config_map == null ? "require" : "verify-full")
}
