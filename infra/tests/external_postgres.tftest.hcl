# A server of others: how it is reached, and what of it cannot work. Nothing is made, so a run takes no time.

variables {
  server = {
    host      = "postgres.data.svc.cluster.local", port = 5432, sslmode = null, ca_file = null, addresses = [], volume_gib = null
    databases = { weather = "weather", dagster = "dagster" }
    users     = { loader = "loader", reader = "reader", dagster = "dagster" }
  }
}

run "a_service_whose_certificate_nobody_vouches_for" {
  command = plan
  module { source = "./modules/external_postgres" }
  assert {
    condition     = output.database.sslmode == "require" && output.database.channel_binding == "require" && output.database.ca == null
    error_message = "without an authority the server proves itself by the password"
  }
  assert {
    condition     = output.network.namespace == "data" && length(output.network.addresses) == 0
    error_message = "the policies open the namespace of the Service"
  }
}

run "an_address_whose_authority_is_known" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { host = "10.1.2.3", port = 6432, ca_file = "tests/authority.pem" }) }
  assert {
    condition     = output.database.sslmode == "verify-full" && output.database.channel_binding == "prefer" && strcontains(output.database.ca, "BEGIN CERTIFICATE")
    error_message = "with an authority its certificate is checked, name and all"
  }
  assert {
    condition     = output.network.addresses == tolist(["10.1.2.3/32"]) && output.network.namespace == null && output.network.port == 6432
    error_message = "the policies open the address"
  }
}

run "a_url_instead_of_a_host" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { host = "postgresql://db.example.org", addresses = ["10.0.0.0/24"] }) }
  expect_failures = [var.server]
}

run "a_port_that_is_none" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { port = 0 }) }
  expect_failures = [var.server]
}

run "one_database_for_both" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { databases = { weather = "data", dagster = "data" } }) }
  expect_failures = [var.server]
}

run "a_role_that_is_no_name" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { users = { loader = "the loader", reader = "reader", dagster = "dagster" } }) }
  expect_failures = [var.server]
}

run "tls_that_gives_in" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { sslmode = "prefer" }) }
  expect_failures = [var.server]
}

run "a_check_without_an_authority" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { sslmode = "verify-full" }) }
  expect_failures = [var.server]
}

run "an_authority_without_a_certificate" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { ca_file = "tests/places.csv" }) }
  expect_failures = [var.server]
}

run "an_address_that_is_no_range" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { addresses = ["10.1.2.3"] }) }
  expect_failures = [var.server]
}

run "a_name_that_the_policies_cut_off" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { host = "weather.abc123.eu-central-1.rds.amazonaws.com" }) }
  expect_failures = [var.server]
}

run "a_name_whose_addresses_are_known" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { host = "weather.abc123.eu-central-1.rds.amazonaws.com", addresses = ["10.0.16.0/20", "10.0.32.0/20"], volume_gib = 100 }) }
  assert {
    condition     = output.network == { port = 5432, namespace = null, addresses = tolist(["10.0.16.0/20", "10.0.32.0/20"]) } && output.database.volume_gib == 100
    error_message = "where a failover may lead to, too"
  }
}

run "a_disk_without_room" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { volume_gib = 0 }) }
  expect_failures = [var.server]
}

run "an_authority_in_a_config_map" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { ca_config_map = { name = "bundle", key = "ca.crt" } }) }
  assert {
    condition     = output.database.sslmode == "verify-full" && output.database.ca == null && output.database.ca_config_map.name == "bundle"
    error_message = "its certificate is checked, too"
  }
}

run "two_authorities" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { ca_file = "tests/authority.pem", ca_config_map = { name = "bundle", key = "ca.crt" } }) }
  expect_failures = [var.server]
}

run "a_config_map_that_is_no_name" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { ca_config_map = { name = "My Bundle", key = "ca.crt" } }) }
  expect_failures = [var.server]
}

run "a_secret_that_is_no_name" {
  command = plan
  module { source = "./modules/external_postgres" }
  variables { server = merge(var.server, { secrets = { loader = "loads", reader = "reads", dagster = "/etc/secret" } }) }
  expect_failures = [var.server]
}
