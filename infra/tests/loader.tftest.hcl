# What loads are made of: the key, and where it is not.

mock_provider "kubernetes" {}

variables {
  namespace  = "weather"
  kubeconfig = "kubeconfig"
  kubectl    = "kubectl"
  image      = "registry.example/weather:1"
  memory     = { request = "256Mi", limit = "1Gi" }
  database = {
    host  = "postgres.database.svc.cluster.local", port = 5432, names = { weather = "weather", dagster = "dagster" },
    users = { loader = "loader", reader = "reader", dagster = "dagster" }, sslmode = "require", channel_binding = "require", ca = null, ca_config_map = null, volume_gib = 10
  }
  password            = "not a password"
  passwords_revision  = 1
  openweather_api_key = "5e171e15ec7e15ec7e15ec7e15ec7e15"
  openweather_secret  = null
  heartbeat_url       = "https://hc-ping.com/5e171e15ec7e15ec7e15ec7e15ec7e15"
  secrets_revision    = 1
  hourly_load         = "dagster"
  ingestor_schedule   = "5 * * * *"
  prune_schedule      = null
  locations           = null
  locations_file      = null
  subscription_plan   = null
  settings            = {}
  dagster_url         = "http://localhost:3000"
  pushgateway         = null
  ca_file             = null
  storage_class       = null
  work_access_mode    = "ReadWriteOnce"
  work_size           = "2Gi"
}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "no_secret_is_in_the_state_or_a_setting" {
  module { source = "./modules/loader" }
  variables { conventions = run.conventions }
  assert {
    condition = alltrue([
      for secret in [kubernetes_secret_v1.openweather[0], kubernetes_secret_v1.loader[0], kubernetes_secret_v1.heartbeat] :
      secret.data_wo == null && length(coalesce(secret.data, {})) == 0 && !contains(keys(secret.metadata[0].labels), "app.kubernetes.io/version")
    ])
    error_message = "secrets are written when their revision changes, never kept"
  }
  assert {
    condition     = !strcontains(jsonencode([kubernetes_config_map_v1.settings.data, kubernetes_config_map_v1.files.data]), "5e171e15ec7e15ec7e15ec7e15ec7e15")
    error_message = "the key is in no ConfigMap"
  }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["DESTINATION__POSTGRES__CREDENTIALS__USERNAME"] == "loader"
    error_message = "loads come as their own role"
  }
}

run "a_new_password_is_written" {
  module { source = "./modules/loader" }
  variables {
    conventions        = run.conventions
    passwords_revision = 2
  }
  assert {
    condition     = kubernetes_secret_v1.loader[0].data_wo_revision == 2
    error_message = "all are written together, or they would not match"
  }
}

run "without_a_key_and_a_password" {
  command = plan
  module { source = "./modules/loader" }
  variables {
    conventions         = run.conventions
    openweather_api_key = null
    password            = null
  }
  expect_failures = [kubernetes_secret_v1.openweather, kubernetes_secret_v1.loader]
}

run "a_secret_of_the_users_own_replaces_the_key" {
  command = plan
  module { source = "./modules/loader" }
  variables {
    conventions         = run.conventions
    openweather_api_key = null
    openweather_secret  = "mine"
    locations_file      = "../uv.lock" # any text above 1 MB
    work_access_mode    = "ReadWriteMany"
  }
  assert {
    condition     = output.settings.values.SOURCES__WEATHER__LOCATIONS_FILE == "/etc/weather/places.lock.gz" && keys(kubernetes_config_map_v1.files.data) == tolist(["ca.crt"]) && length(kubernetes_config_map_v1.files.binary_data["places.lock.gz"]) < 1000000
    error_message = "a long list of places is compressed"
  }
  assert {
    condition     = length(kubernetes_secret_v1.openweather) == 0 && output.secrets.openweather == "mine"
    error_message = "the Secret named is the one that is used"
  }
}

run "passwords_and_authorities_that_exist_are_named" {
  command = plan
  module { source = "./modules/loader" }
  variables {
    conventions     = run.conventions
    password        = null
    password_secret = "of-the-team"
    ca_config_map   = { name = "bundle", key = "trust.pem" }
    database        = merge(var.database, { sslmode = "verify-full", ca_config_map = { name = "authorities-of-databases", key = "ca.crt" } })
  }
  assert {
    condition     = length(kubernetes_secret_v1.loader) == 0 && output.secrets.loader == "of-the-team"
    error_message = "no Secret is made, and the one named is used"
  }
  assert {
    condition = alltrue([
      for pod in output.pods : contains([for source in pod.spec[0].container[0].env_from : source.secret_ref[0].name if length(source.secret_ref) > 0], "of-the-team") && toset([
        for volume in pod.spec[0].volume : "${volume.name} ${volume.config_map[0].name}" if length(volume.config_map) > 0
      ]) == toset(["ca bundle", "files files", "postgres-ca authorities-of-databases"]) && contains(pod.spec[0].container[0].volume_mount[*].mount_path, "/etc/weather-postgres-ca")
    ])
    error_message = "loads have the named Secret, and both ConfigMaps"
  }
  assert {
    condition     = output.settings.values.SSL_CERT_FILE == "/etc/weather-ca/trust.pem" && output.settings.values.PGSSLROOTCERT == "/etc/weather-postgres-ca/ca.crt"
    error_message = "loads trust what is in them"
  }
}
