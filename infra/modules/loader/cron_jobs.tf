# The commands as CronJobs: the hourly load if hourly_load says so, the nightly pruning if it has a schedule. A suspended one
# can be started by hand: kubectl create job --from=cronjob/prune

module "cron_job" {
  source = "../cron_job"
  for_each = {
    ingestor = { command = ["load", "--heartbeat"], schedule = var.ingestor_schedule, suspend = var.hourly_load != "cronjob" }
    prune    = { command = ["prune"], schedule = coalesce(var.prune_schedule, "45 3 * * *"), suspend = var.prune_schedule == null }
  }

  name            = each.key
  namespace       = var.namespace
  labels          = var.conventions.components.ingestor.labels
  reaches         = { "weather/database" = "client", "weather/internet" = "client" }
  pods            = var.conventions.pods
  user            = var.conventions.users.project
  service_account = kubernetes_service_account_v1.ingestor.metadata[0].name

  schedule                  = each.value.schedule
  suspend                   = each.value.suspend
  starting_deadline_seconds = 1800
  # against what hangs; a long backfill goes on in the next hour where this one stopped, a long pruning in the next night
  active_deadline_seconds = 3 * 3600
  grace_seconds           = local.grace_seconds
  # a wrong setting or key does not get better by trying
  final_exit_codes = [2, 3]

  container = "ingestor"
  image     = var.image
  args      = concat(each.value.command, ["--log-format", "json"])
  # rows are deleted also while the database is read-only because its volume is full
  env = each.key == "prune" ? { PGOPTIONS = "-c default_transaction_read_only=off" } : {}
  env_from = {
    config_maps = [kubernetes_config_map_v1.settings.metadata[0].name]
    secrets     = [local.openweather_secret, local.password_secret, kubernetes_secret_v1.heartbeat.metadata[0].name]
  }
  resources = {
    requests = { cpu = "100m", memory = var.memory.request }
    limits   = { memory = var.memory.limit }
  }
  volumes = merge(local.authorities, {
    work  = { mount_path = local.settings.DLT_DATA_DIR, claim = kubernetes_persistent_volume_claim_v1.work.metadata[0].name }
    files = { mount_path = local.files_path, config_map = kubernetes_config_map_v1.files.metadata[0].name }
  })

  depends_on = [terraform_data.jobs]
}
