# Every night: a dump of the weather and one of Dagster's records, on a volume that the database does not need to start.

resource "kubernetes_persistent_volume_claim_v1" "backups" {
  metadata {
    name      = "backups"
    namespace = var.namespace
    labels    = var.conventions.components.backup.labels
  }
  spec {
    access_modes       = ["ReadWriteOnce"]
    storage_class_name = var.storage_class
    resources {
      requests = {
        storage = var.backups_size
      }
    }
  }
  # most local classes make the volume when the first pod wants it
  wait_until_bound = false
}

module "backup" {
  source = "../cron_job"

  name        = "postgres-backup"
  namespace   = var.namespace
  labels      = var.conventions.components.backup.labels
  annotations = { "checkov.io/skip1" = "CKV_K8S_40=the image's own user is 999" }
  reaches     = merge({ "weather/database" = "client" }, local.copies.reaches)
  pods        = var.conventions.pods
  user        = var.conventions.users.postgres

  schedule                  = var.backup_schedule
  starting_deadline_seconds = 6 * 3600
  active_deadline_seconds   = 2 * 3600

  container = "backup"
  image     = var.image
  command   = ["bash", "/scripts/backup.sh"]
  env = merge(local.copies.env, {
    PGHOST    = kubernetes_service_v1.postgres.metadata[0].name
    KEEP      = tostring(var.backups_kept)
    DUE_HOURS = tostring(var.backup_max_age_hours)

    PGSSLMODE        = "require"
    PGCHANNELBINDING = "require"
  })
  env_of_secrets = merge(local.copies.env_of_secrets, { BACKUP_PASSWORD = kubernetes_secret_v1.backup.metadata[0].name })
  init_container = local.copies.init_container
  # the backup is good, its copy failed: another attempt would make another backup
  final_exit_codes = var.backup_copies == null ? [] : [4]
  resources = {
    requests = { cpu = "50m", memory = var.backup_memory.request }
    limits   = { memory = var.backup_memory.limit }
  }
  volumes = local.backup_volumes
}

locals {
  backup_volumes = merge(local.copies.volumes, {
    scripts = { mount_path = "/scripts", config_map = kubernetes_config_map_v1.postgres.metadata[0].name }
    backups = { mount_path = "/backups", claim = kubernetes_persistent_volume_claim_v1.backups.metadata[0].name }
  })
}

# A pod with the backups, made by hand, in which backups and their copies are listed, fetched, restored and deleted; it ends by itself.
module "restore" {
  source = "../cron_job"

  name        = "postgres-restore"
  namespace   = var.namespace
  labels      = var.conventions.components.backup.labels
  annotations = { "checkov.io/skip1" = "CKV_K8S_40=the image's own user is 999" }
  reaches     = merge({ "weather/database" = "client" }, local.copies.reaches)
  pods        = var.conventions.pods
  user        = var.conventions.users.postgres

  # a CronJob must have a schedule
  schedule                  = "0 0 1 1 *"
  suspend                   = true
  starting_deadline_seconds = 60
  active_deadline_seconds   = 4 * 3600
  # the shell that waits hears no signal
  grace_seconds = 1

  container = "restore"
  image     = var.image
  command   = ["sleep", tostring(4 * 3600)]
  env = merge(local.copies.env, {
    PGHOST           = kubernetes_service_v1.postgres.metadata[0].name
    PGSSLMODE        = "require"
    PGCHANNELBINDING = "require"
  })
  env_of_secrets = merge(local.copies.env_of_secrets, {
    for name in ["LOADER_PASSWORD", "DAGSTER_PASSWORD"] : name => kubernetes_secret_v1.postgres.metadata[0].name
  })
  init_container = local.copies.init_container
  resources = {
    requests = { cpu = "50m", memory = var.backup_memory.request }
    limits   = { memory = var.backup_memory.limit }
  }
  volumes = local.backup_volumes
}
