variable "server" {
  description = "Where the server is, its databases and roles, and how its certificate is checked: external_postgres of the root."
  type = object({
    host          = string
    port          = number
    databases     = object({ weather = string, dagster = string })
    users         = object({ loader = string, reader = string, dagster = string })
    secrets       = optional(object({ loader = string, reader = string, dagster = string }))
    sslmode       = string
    ca_file       = string
    ca_config_map = optional(object({ name = string, key = string }))
    addresses     = list(string)
    volume_gib    = number
  })
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.server.host))
    error_message = "host: a name in lower case or an IPv4 address, without a port, a scheme or a user."
  }
  validation {
    condition     = var.server.port >= 1 && var.server.port <= 65535 && floor(var.server.port) == var.server.port
    error_message = "port: from 1 to 65535."
  }
  validation {
    condition = alltrue([
      for names in [values(var.server.databases), values(var.server.users)] :
      length(distinct(names)) == length(names) && alltrue([for name in names : can(regex("^[A-Za-z_][A-Za-z0-9_-]{0,62}$", name))])
    ])
    error_message = "databases and users: different names, of letters, digits, underscores and hyphens, at most 63."
  }
  validation {
    condition     = contains(["disable", "require", "verify-ca", "verify-full"], coalesce(var.server.sslmode, "require"))
    error_message = "sslmode: disable, require, verify-ca or verify-full; allow and prefer would go on without TLS where somebody in between says so."
  }
  validation {
    condition     = !startswith(coalesce(var.server.sslmode, "require"), "verify") || var.server.ca_file != null || var.server.ca_config_map != null
    error_message = "sslmode verify-ca and verify-full need ca_file or ca_config_map, the authorities that the server's certificate is checked by."
  }
  validation {
    condition     = var.server.ca_file == null || var.server.ca_config_map == null
    error_message = "Either ca_file or ca_config_map."
  }
  validation {
    condition = var.server.ca_config_map == null || (
      can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", try(var.server.ca_config_map.name, ""))) && can(regex("^[A-Za-z0-9._-]{1,253}$", try(var.server.ca_config_map.key, "")))
    )
    error_message = "ca_config_map: a name of lower-case letters, digits, dots and hyphens; a key of letters, digits, dots, hyphens and underscores."
  }
  validation {
    condition     = alltrue([for name in try(values(var.server.secrets), []) : can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", name))])
    error_message = "secrets: names of lower-case letters, digits, dots and hyphens."
  }
  validation {
    condition     = var.server.ca_file == null || strcontains(try(file(var.server.ca_file), ""), "-----BEGIN CERTIFICATE-----")
    error_message = "ca_file: there is no such file, or there is no certificate in PEM in it."
  }
  validation {
    condition     = alltrue([for range in var.server.addresses : can(cidrhost(range, 0))])
    error_message = "addresses: ranges such as 10.1.2.0/24 or 10.1.2.3/32."
  }
  validation {
    condition = (
      length(var.server.addresses) > 0 ||
      can(cidrhost("${var.server.host}/32", 0)) || can(regex(local.service, var.server.host))
    )
    error_message = "The network policies would not let pods reach this host: name the ranges of its addresses in addresses, those of a failover too, such as the subnets of a managed database; 0.0.0.0/0 for any."
  }
  validation {
    condition     = coalesce(var.server.volume_gib, 1) > 0
    error_message = "volume_gib: more than 0."
  }
}
