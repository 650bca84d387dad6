# What every load needs: settings, secrets, and the volume of dlt's working directories.

locals {
  files_path = "/etc/weather"
  # the plain settings of loads, which go to the CronJob, to Dagster's code location and to its run pods alike
  settings = merge(
    {
      WEATHER_DESTINATION                          = "postgres"
      DESTINATION__POSTGRES__CREDENTIALS__HOST     = var.database.host
      DESTINATION__POSTGRES__CREDENTIALS__PORT     = tostring(var.database.port)
      DESTINATION__POSTGRES__CREDENTIALS__DATABASE = var.database.names.weather
      DESTINATION__POSTGRES__CREDENTIALS__USERNAME = var.database.users.loader

      DLT_DATA_DIR        = "/var/lib/weather"
      WEATHER_SCHEDULE    = var.hourly_load == "dagster" ? "on" : "off"
      WEATHER_LOG_FORMAT  = "json"
      ALERTS__DAGSTER_URL = var.dagster_url
      REPORT__FOLDER      = "/var/lib/weather/report"
    },
    local.libpq,
    # SQL does not show a server's disk
    var.database.volume_gib != null ? { SOURCES__WEATHER__VOLUME_GIB = tostring(var.database.volume_gib) } : {},
    var.locations != null ? { SOURCES__WEATHER__LOCATIONS = jsonencode(var.locations) } : {},
    var.locations_file != null ? { SOURCES__WEATHER__LOCATIONS_FILE = "${local.files_path}/${local.places_file}" } : {},
    # a file alone: not the places of .dlt/config.toml as well
    var.locations_file != null && var.locations == null ? { SOURCES__WEATHER__LOCATIONS = "[]" } : {},
    var.subscription_plan != null ? { SOURCES__WEATHER__PLAN = var.subscription_plan } : {},
    # ages and estimates follow whoever loads
    var.hourly_load == "cronjob" ? { SOURCES__WEATHER__SCHEDULE = var.ingestor_schedule } : {},
    var.ca_file != null ? { SSL_CERT_FILE = "${local.files_path}/ca.crt" } : {},
    var.ca_config_map != null ? { SSL_CERT_FILE = "${local.authorities.ca.mount_path}/${var.ca_config_map.key}" } : {},
    var.pushgateway != null ? { REPORT__METRICS_PUSHGATEWAY = var.pushgateway } : {},
    # a setting of an earlier release may have it
    var.shards > 1 ? { WEATHER_SHARDS = tostring(var.shards) } : {},
    var.settings,
  )
  # libpq reads them, in psycopg2 and in ADBC
  libpq = merge(
    { PGSSLMODE = var.database.sslmode, PGCHANNELBINDING = var.database.channel_binding },
    var.database.ca != null ? { PGSSLROOTCERT = "${local.files_path}/postgres-ca.crt" } : {},
    var.database.ca_config_map != null ? { PGSSLROOTCERT = "${local.authorities.postgres-ca.mount_path}/${var.database.ca_config_map.key}" } : {},
  )
  # ConfigMaps that exist, by the volume of the pods
  authorities = {
    for name, authority in { ca = var.ca_config_map, postgres-ca = var.database.ca_config_map } :
    name => { mount_path = "${local.files_path}-${name}", config_map = authority.name } if authority != null
  }
  # A ConfigMap holds 1 MiB: a longer list is compressed, which the loader reads as well. An empty places.csv stands for none.
  places      = var.locations_file == null ? "" : file(var.locations_file)
  compress    = length(base64encode(local.places)) / 4 * 3 + length(coalesce(var.database.ca, "-")) > 900000
  places_name = "places.${var.locations_file == null ? "csv" : lower(element(split(".", var.locations_file), -1))}"
  places_file = local.compress ? "${local.places_name}.gz" : local.places_name

  openweather_secret = coalesce(var.openweather_secret, "openweather")
  password_secret    = var.password_secret != null ? var.password_secret : kubernetes_secret_v1.loader[0].metadata[0].name
  # dlt finishes and writes the package at hand when it is asked to stop; that takes as long as the largest package
  grace_seconds = 300
}

resource "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "settings"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.labels
  }
  data = local.settings
}

resource "kubernetes_config_map_v1" "files" {
  metadata {
    name      = "files"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.labels
  }
  data = merge(
    { "ca.crt" = var.ca_file != null ? file(var.ca_file) : "" },
    var.database.ca != null ? { "postgres-ca.crt" = var.database.ca } : {},
    local.compress ? {} : { (local.places_file) = local.places },
  )
  binary_data = local.compress ? { (local.places_file) = base64gzip(local.places) } : null
}

resource "kubernetes_secret_v1" "openweather" {
  count = var.openweather_secret == null ? 1 : 0
  metadata {
    name      = "openweather"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.lasting_labels
  }
  data_wo = {
    OPENWEATHER_API_KEY = var.openweather_api_key
  }
  data_wo_revision = var.secrets_revision

  lifecycle {
    precondition {
      condition     = var.openweather_api_key != null
      error_message = "There is no OpenWeather key: export TF_VAR_openweather_api_key=…, or set openweather_secret to the name of a Secret that has it."
    }
  }
}

resource "kubernetes_secret_v1" "loader" {
  count = var.password_secret == null ? 1 : 0
  metadata {
    name      = "postgres-loader"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.lasting_labels
  }
  data_wo = {
    DESTINATION__POSTGRES__CREDENTIALS__PASSWORD = var.password
  }
  data_wo_revision = var.passwords_revision

  lifecycle {
    precondition {
      condition     = var.password != null
      error_message = "There are no passwords for external_postgres: export TF_VAR_external_postgres_passwords='{\"loader\": \"…\", \"reader\": \"…\", \"dagster\": \"…\"}', or name Secrets that have them in its secrets."
    }
  }
}

moved {
  from = kubernetes_secret_v1.loader
  to   = kubernetes_secret_v1.loader[0]
}

resource "kubernetes_secret_v1" "heartbeat" {
  metadata {
    name      = "heartbeat"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.lasting_labels
  }
  data_wo = {
    ALERTS__HEARTBEAT_URL = var.heartbeat_url == null ? "" : var.heartbeat_url
  }
  data_wo_revision = var.secrets_revision
}

resource "kubernetes_service_account_v1" "ingestor" {
  metadata {
    name      = "ingestor"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.labels
  }
  automount_service_account_token = false
}

# A claim's access mode cannot change: with another one it is made anew, and so is what empties it of pods first.
resource "terraform_data" "work_access_mode" {
  input = var.work_access_mode
}

# dlt's working directories: a package that a killed load left here is loaded first by the next, whoever runs it
resource "kubernetes_persistent_volume_claim_v1" "work" {
  metadata {
    name      = "work"
    namespace = var.namespace
    labels    = var.conventions.components.ingestor.labels
  }
  spec {
    access_modes       = [var.work_access_mode]
    storage_class_name = var.storage_class
    resources {
      requests = {
        storage = var.work_size
      }
    }
  }
  wait_until_bound = false

  lifecycle {
    replace_triggered_by = [terraform_data.work_access_mode]
  }
}

# A claim cannot go while a pod names it, a finished one too; and the Jobs of runs are Dagster's, unknown to Terraform. So
# they go first, pods and all: a load that is going on writes what it has, while the database is still there.
resource "terraform_data" "jobs" {
  input = {
    kubeconfig = var.kubeconfig
    kubectl    = var.kubectl
    namespace  = var.namespace
  }

  provisioner "local-exec" {
    when    = destroy
    command = "if [ -e \"$CONFIG\" ]; then ${self.input.kubectl} -n ${try(self.input.namespace, "weather")} delete jobs -l app.kubernetes.io/part-of=weather --cascade=foreground; fi"
    environment = {
      CONFIG = self.input.kubeconfig
    }
  }
  depends_on = [kubernetes_persistent_volume_claim_v1.work]

  lifecycle {
    replace_triggered_by = [terraform_data.work_access_mode]
  }
}
