# Every night: a dump of the weather and one of Dagster's records, on a volume of their own.

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
  reaches     = { "weather/database" = "client" }
  pods        = var.conventions.pods
  user        = var.conventions.users.postgres

  schedule                  = var.backup_schedule
  starting_deadline_seconds = 6 * 3600
  active_deadline_seconds   = 2 * 3600
  # the volume is the database pod's too, for restoring, and can be on one node only
  beside = var.conventions.components.database.selector

  container = "backup"
  image     = var.image
  command   = ["bash", "/scripts/backup.sh"]
  env = {
    PGHOST = kubernetes_service_v1.postgres.metadata[0].name
    KEEP   = tostring(var.backups_kept)
  }
  env_of_secrets = { for name in ["READER_PASSWORD", "DAGSTER_PASSWORD"] : name => kubernetes_secret_v1.postgres.metadata[0].name }
  resources = {
    requests = { cpu = "50m", memory = "64Mi" }
    limits   = { memory = "512Mi" }
  }
  volumes = {
    scripts = { mount_path = "/scripts", config_map = kubernetes_config_map_v1.postgres.metadata[0].name }
    backups = { mount_path = "/backups", claim = kubernetes_persistent_volume_claim_v1.backups.metadata[0].name }
  }
}
