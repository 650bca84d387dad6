output "database" {
  description = "Where it is, its databases and roles, how TLS is asked for, the authorities that its certificate is checked by, and the size of its disk."
  value = {
    host    = var.server.host
    port    = var.server.port
    names   = var.server.databases
    users   = var.server.users
    sslmode = local.sslmode
    # Without an authority the server itself must prove that it knows the password, and that the certificate is its own;
    # with one, a pooler may stand in between, which cannot.
    channel_binding = lookup({ disable = "disable", require = "require" }, local.sslmode, "prefer")
    ca              = try(file(var.server.ca_file), null)
    ca_config_map   = var.server.ca_config_map
    volume_gib      = var.server.volume_gib
  }
}

output "network" {
  description = "Where pods reach it: its port, the namespace of its pods if it is in the cluster, ranges of addresses."
  value = {
    port      = var.server.port
    namespace = try(regex(local.service, var.server.host)[0], null)
    addresses = concat(var.server.addresses, local.is_address ? ["${var.server.host}/32"] : [])
  }
}
