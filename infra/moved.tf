# Where the objects of an older state went, so that they are kept as they are. Each may go two releases later.

moved {
  from = module.postgres
  to   = module.postgres[0]
}

moved {
  from = kubernetes_cron_job_v1.ingestor
  to   = kubernetes_cron_job_v1.ingestor["ingestor"]
}

moved {
  from = kind_cluster.this[0]
  to   = module.cluster[0].kind_cluster.this
}

moved {
  from = terraform_data.image[0]
  to   = module.cluster[0].terraform_data.image[0]
}

moved {
  from = kubernetes_namespace_v1.database
  to   = module.network.kubernetes_namespace_v1.database[0]
}

moved {
  from = kubernetes_namespace_v1.weather
  to   = module.network.kubernetes_namespace_v1.weather[0]
}

moved {
  from = kubernetes_network_policy_v1.default_deny
  to   = module.network.kubernetes_network_policy_v1.default_deny
}

moved {
  from = kubernetes_network_policy_v1.names
  to   = module.network.kubernetes_network_policy_v1.names
}

moved {
  from = kubernetes_network_policy_v1.database_from_clients
  to   = module.network.kubernetes_network_policy_v1.database_from_clients
}

moved {
  from = kubernetes_network_policy_v1.clients_to_database
  to   = module.network.kubernetes_network_policy_v1.clients_to_database
}

moved {
  from = kubernetes_network_policy_v1.internet
  to   = module.network.kubernetes_network_policy_v1.internet
}

moved {
  from = kubernetes_network_policy_v1.kubernetes
  to   = module.network.kubernetes_network_policy_v1.kubernetes
}

moved {
  from = kubernetes_network_policy_v1.code
  to   = module.network.kubernetes_network_policy_v1.code
}

moved {
  from = kubernetes_network_policy_v1.clients_to_code
  to   = module.network.kubernetes_network_policy_v1.clients_to_code
}

moved {
  from = kubernetes_secret_v1.postgres
  to   = module.postgres[0].kubernetes_secret_v1.postgres
}

moved {
  from = kubernetes_config_map_v1.postgres
  to   = module.postgres[0].kubernetes_config_map_v1.postgres
}

moved {
  from = kubernetes_service_v1.postgres
  to   = module.postgres[0].kubernetes_service_v1.postgres
}

moved {
  from = kubernetes_stateful_set_v1.postgres
  to   = module.postgres[0].kubernetes_stateful_set_v1.postgres
}

moved {
  from = kubernetes_persistent_volume_claim_v1.backups
  to   = module.postgres[0].kubernetes_persistent_volume_claim_v1.backups
}

moved {
  from = kubernetes_config_map_v1.settings
  to   = module.loader.kubernetes_config_map_v1.settings
}

moved {
  from = kubernetes_config_map_v1.files
  to   = module.loader.kubernetes_config_map_v1.files
}

moved {
  from = kubernetes_secret_v1.openweather
  to   = module.loader.kubernetes_secret_v1.openweather
}

moved {
  from = kubernetes_secret_v1.loader
  to   = module.loader.kubernetes_secret_v1.loader
}

moved {
  from = kubernetes_service_account_v1.ingestor
  to   = module.loader.kubernetes_service_account_v1.ingestor
}

moved {
  from = kubernetes_persistent_volume_claim_v1.work
  to   = module.loader.kubernetes_persistent_volume_claim_v1.work
}

moved {
  from = terraform_data.jobs
  to   = module.loader.terraform_data.jobs
}

moved {
  from = kubernetes_secret_v1.dagster
  to   = module.dagster.kubernetes_secret_v1.dagster
}

moved {
  from = kubernetes_secret_v1.reader
  to   = module.dagster.kubernetes_secret_v1.reader
}

moved {
  from = kubernetes_secret_v1.alerts
  to   = module.dagster.kubernetes_secret_v1.alerts
}

moved {
  from = kubernetes_config_map_v1.reader
  to   = module.dagster.kubernetes_config_map_v1.reader
}

moved {
  from = kubernetes_config_map_v1.dagster_storage
  to   = module.dagster.kubernetes_config_map_v1.dagster_storage
}

moved {
  from = kubernetes_config_map_v1.dagster
  to   = module.dagster.kubernetes_config_map_v1.dagster
}

moved {
  from = kubernetes_service_account_v1.dagster
  to   = module.dagster.kubernetes_service_account_v1.dagster
}

moved {
  from = kubernetes_service_account_v1.dagster_run
  to   = module.dagster.kubernetes_service_account_v1.dagster_run
}

moved {
  from = kubernetes_role_v1.launcher
  to   = module.dagster.kubernetes_role_v1.launcher
}

moved {
  from = kubernetes_role_binding_v1.launcher
  to   = module.dagster.kubernetes_role_binding_v1.launcher
}

moved {
  from = kubernetes_deployment_v1.dagster
  to   = module.dagster.kubernetes_deployment_v1.dagster
}

moved {
  from = kubernetes_service_v1.dagster
  to   = module.dagster.kubernetes_service_v1.dagster
}

moved {
  from = kubernetes_cron_job_v1.ingestor["ingestor"]
  to   = module.loader.module.cron_job["ingestor"].kubernetes_cron_job_v1.this
}

moved {
  from = kubernetes_cron_job_v1.ingestor["prune"]
  to   = module.loader.module.cron_job["prune"].kubernetes_cron_job_v1.this
}

moved {
  from = kubernetes_cron_job_v1.backup
  to   = module.postgres[0].module.backup.kubernetes_cron_job_v1.this
}
