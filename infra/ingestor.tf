# What every load needs; and the load as a plain command, hourly if a CronJob is to do it (hourly_load).

resource "kubernetes_namespace_v1" "weather" {
  metadata {
    name = "weather"
    labels = merge(local.labels, {
      "pod-security.kubernetes.io/enforce" = "restricted"
    })
  }
  depends_on = [terraform_data.foundation]
}

locals {
  files_path = "/etc/weather"
  # the plain settings of loads, which go to the CronJob, to Dagster's code location and to its run pods alike
  settings = merge(
    {
      WEATHER_DESTINATION                          = "postgres"
      DESTINATION__POSTGRES__CREDENTIALS__HOST     = local.database_host
      DESTINATION__POSTGRES__CREDENTIALS__PORT     = "5432"
      DESTINATION__POSTGRES__CREDENTIALS__DATABASE = "weather"
      DESTINATION__POSTGRES__CREDENTIALS__USERNAME = "loader"
      DLT_DATA_DIR                                 = "/var/lib/weather"
      WEATHER_SCHEDULE                             = var.hourly_load == "dagster" ? "on" : "off"
      WEATHER_LOG_FORMAT                           = "json"
      ALERTS__DAGSTER_URL                          = var.dagster_url
      REPORT__FOLDER                               = "/var/lib/weather/report"
      # SQL does not show a server's disk
      SOURCES__WEATHER__VOLUME_GIB = tostring(local.database_volume_gib)
    },
    var.locations != null ? { SOURCES__WEATHER__LOCATIONS = jsonencode(var.locations) } : {},
    var.locations_file != null ? { SOURCES__WEATHER__LOCATIONS_FILE = "${local.files_path}/places.csv" } : {},
    # a file alone: not the places of .dlt/config.toml as well
    var.locations_file != null && var.locations == null ? { SOURCES__WEATHER__LOCATIONS = "[]" } : {},
    var.subscription_plan != null ? { SOURCES__WEATHER__PLAN = var.subscription_plan } : {},
    # ages and estimates follow whoever loads
    var.hourly_load == "cronjob" ? { SOURCES__WEATHER__SCHEDULE = var.ingestor_schedule } : {},
    var.ca_file != null ? { SSL_CERT_FILE = "${local.files_path}/ca.crt" } : {},
    var.pushgateway != null ? { REPORT__METRICS_PUSHGATEWAY = var.pushgateway } : {},
    var.settings,
  )
  # the first line of a file of places names its columns
  places = (
    (var.locations == null ? 0 : length(var.locations)) +
    (var.locations_file == null ? 0 : max(0, length(compact(split("\n", file(var.locations_file)))) - 1))
  )
  is_pruned = !contains(["false", "0", "no"], lower(lookup(var.settings, "SOURCES__WEATHER__RETENTION__ENABLED", "true")))
  # the formula is in the description of volume_sizes; without a list, the five places of .dlt/config.toml are loaded
  places_gib      = (var.locations == null && var.locations_file == null ? 5 : local.places) * (local.is_pruned ? 0.24 : 0.84)
  database_volume = coalesce(var.volume_sizes.database, "${max(10, ceil(4 + local.places_gib))}Gi")
  database_volume_gib = (
    tonumber(regex("^[0-9]+", local.database_volume)) *
    { Mi = 1 / 1024, Gi = 1, Ti = 1024 }[regex("[MGT]i$", local.database_volume)]
  )
  database_host = "${kubernetes_service_v1.postgres.metadata[0].name}.${kubernetes_namespace_v1.database.metadata[0].name}.svc.cluster.local"

  openweather_secret = coalesce(var.openweather_secret, "openweather")
  # dlt finishes and writes the package at hand when it is asked to stop; that takes as long as the largest package
  grace_seconds = 300
}

resource "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "settings"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.ingestor
  }
  data = local.settings
}

resource "kubernetes_config_map_v1" "files" {
  metadata {
    name      = "files"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.ingestor
  }
  data = {
    "places.csv" = var.locations_file != null ? file(var.locations_file) : ""
    "ca.crt"     = var.ca_file != null ? file(var.ca_file) : ""
  }
}

resource "kubernetes_secret_v1" "openweather" {
  count = var.openweather_secret == null ? 1 : 0
  metadata {
    name      = "openweather"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.lasting_labels_of.ingestor
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
  metadata {
    name      = "postgres-loader"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.lasting_labels_of.ingestor
  }
  data_wo = {
    DESTINATION__POSTGRES__CREDENTIALS__PASSWORD = ephemeral.random_password.loader.result
  }
  data_wo_revision = var.passwords_revision
}

resource "kubernetes_service_account_v1" "ingestor" {
  metadata {
    name      = "ingestor"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.ingestor
  }
  automount_service_account_token = false
}

# dlt's working directories: a package that a killed load left here is loaded first by the next, whoever runs it
resource "kubernetes_persistent_volume_claim_v1" "work" {
  metadata {
    name      = "work"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.ingestor
  }
  spec {
    access_modes       = [var.work_access_mode]
    storage_class_name = var.storage_class
    resources {
      requests = {
        storage = var.volume_sizes.work
      }
    }
  }
  wait_until_bound = false
}

# A claim cannot go while a pod names it, a finished one too; and the Jobs of runs are Dagster's, unknown to Terraform. So
# they go first, pods and all: a load that is going on writes what it has, while the database is still there.
resource "terraform_data" "jobs" {
  input = {
    kubeconfig = local.kubeconfig
    kubectl    = local.kubectl
  }

  provisioner "local-exec" {
    when    = destroy
    command = "if [ -e \"$CONFIG\" ]; then ${self.input.kubectl} -n weather delete jobs --all --cascade=foreground; fi"
    environment = {
      CONFIG = self.input.kubeconfig
    }
  }
  depends_on = [kubernetes_persistent_volume_claim_v1.work, kubernetes_stateful_set_v1.postgres]
}

# the commands of CronJobs; a suspended one can be started by hand: kubectl create job --from=cronjob/prune
locals {
  cron_jobs = {
    ingestor = { command = "load", schedule = var.ingestor_schedule, suspend = var.hourly_load != "cronjob" }
    prune    = { command = "prune", schedule = coalesce(var.prune_schedule, "45 3 * * *"), suspend = var.prune_schedule == null }
  }
}

moved {
  from = kubernetes_cron_job_v1.ingestor
  to   = kubernetes_cron_job_v1.ingestor["ingestor"]
}

resource "kubernetes_cron_job_v1" "ingestor" {
  for_each = local.cron_jobs
  metadata {
    name      = each.key
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.ingestor
  }
  spec {
    schedule                      = each.value.schedule
    timezone                      = "Etc/UTC"
    suspend                       = each.value.suspend
    concurrency_policy            = "Forbid"
    starting_deadline_seconds     = 1800
    successful_jobs_history_limit = 3
    failed_jobs_history_limit     = 3
    job_template {
      metadata {
        labels = local.labels_of.ingestor
      }
      spec {
        backoff_limit = 2
        # against what hangs; a long backfill goes on in the next hour where this one stopped, a long pruning in the next night
        active_deadline_seconds = 3 * 3600
        # a wrong setting or key (exit codes 2 and 3) does not get better by trying
        pod_failure_policy {
          rule {
            action = "FailJob"
            on_exit_codes {
              container_name = "ingestor"
              operator       = "In"
              values         = [2, 3]
            }
          }
        }
        template {
          metadata {
            labels = merge(local.labels_of.ingestor, { "weather/database" = "client", "weather/internet" = "client" })
          }
          spec {
            restart_policy                   = "Never"
            service_account_name             = kubernetes_service_account_v1.ingestor.metadata[0].name
            automount_service_account_token  = false
            termination_grace_period_seconds = local.grace_seconds
            security_context {
              run_as_non_root        = true
              run_as_user            = 10001
              run_as_group           = 10001
              fs_group               = 10001
              fs_group_change_policy = "OnRootMismatch"
              seccomp_profile {
                type = "RuntimeDefault"
              }
            }
            container {
              name              = "ingestor"
              image             = local.image
              image_pull_policy = "IfNotPresent"
              args              = [each.value.command, "--log-format", "json"]
              env_from {
                config_map_ref {
                  name = kubernetes_config_map_v1.settings.metadata[0].name
                }
              }
              dynamic "env_from" {
                for_each = [local.openweather_secret, kubernetes_secret_v1.loader.metadata[0].name]
                content {
                  secret_ref {
                    name = env_from.value
                  }
                }
              }
              resources {
                requests = {
                  cpu    = "100m"
                  memory = "256Mi"
                }
                limits = {
                  memory = var.load_memory
                }
              }
              security_context {
                allow_privilege_escalation = false
                read_only_root_filesystem  = true
                capabilities {
                  drop = ["ALL"]
                }
              }
              volume_mount {
                name       = "work"
                mount_path = local.settings.DLT_DATA_DIR
              }
              volume_mount {
                name       = "files"
                mount_path = local.files_path
                read_only  = true
              }
              volume_mount {
                name       = "tmp"
                mount_path = "/tmp"
              }
            }
            volume {
              name = "work"
              persistent_volume_claim {
                claim_name = kubernetes_persistent_volume_claim_v1.work.metadata[0].name
              }
            }
            volume {
              name = "files"
              config_map {
                name = kubernetes_config_map_v1.files.metadata[0].name
              }
            }
            volume {
              name = "tmp"
              empty_dir {}
            }
          }
        }
      }
    }
  }
  depends_on = [terraform_data.jobs]
}
