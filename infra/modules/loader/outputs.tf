# What Dagster's runs, which load too, are made of.

output "settings" {
  description = "Settings of loads: the environment variables, and the ConfigMap that holds them."
  value = {
    values     = local.settings
    config_map = kubernetes_config_map_v1.settings.metadata[0].name
  }
}

output "database" {
  description = "Where PostgreSQL is, its databases and roles, and the environment variables by which libpq asks for TLS."
  value = {
    host  = var.database.host
    port  = var.database.port
    names = var.database.names
    users = var.database.users
    libpq = local.libpq
  }
}

output "files" {
  description = "Files of loads: the ConfigMap that holds them, its contents, and the path at which pods mount it; and the ConfigMaps of authorities, by volume, with their paths."
  value = {
    config_map = kubernetes_config_map_v1.files.metadata[0].name
    contents   = merge(kubernetes_config_map_v1.files.data, kubernetes_config_map_v1.files.binary_data)
    mount_path = local.files_path

    authorities = local.authorities
  }
}

output "secrets" {
  description = "Names of the Secrets with OpenWeather's key and with the loader's password."
  value = {
    openweather = local.openweather_secret
    loader      = local.password_secret
  }
}

output "work" {
  description = "The claim of dlt's working directories, and the path at which pods mount it."
  value = {
    claim      = kubernetes_persistent_volume_claim_v1.work.metadata[0].name
    mount_path = local.settings.DLT_DATA_DIR
  }
  # on destroy, what starts runs goes before their Jobs
  depends_on = [terraform_data.jobs]
}

output "grace_seconds" {
  description = "Seconds that a load has to finish when it is asked to stop."
  value       = local.grace_seconds
}

output "cron_jobs" {
  description = "Specifications of the CronJobs, by name."
  value       = { for name, cron_job in module.cron_job : name => cron_job.spec }
}

output "pods" {
  description = "Templates of the CronJobs' pods, by name."
  value       = { for name, cron_job in module.cron_job : name => cron_job.pod }
}
