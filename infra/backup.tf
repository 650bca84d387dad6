# Every night: a dump of the weather and one of Dagster's records, on a volume of their own.

resource "kubernetes_persistent_volume_claim_v1" "backups" {
  metadata {
    name      = "backups"
    namespace = kubernetes_namespace_v1.database.metadata[0].name
    labels    = local.labels_of.backup
  }
  spec {
    access_modes       = ["ReadWriteOnce"]
    storage_class_name = var.storage_class
    resources {
      requests = {
        storage = var.volume_sizes.backups
      }
    }
  }
  # most local classes make the volume when the first pod wants it
  wait_until_bound = false
}

resource "kubernetes_cron_job_v1" "backup" {
  metadata {
    name      = "postgres-backup"
    namespace = kubernetes_namespace_v1.database.metadata[0].name
    labels    = local.labels_of.backup
    annotations = {
      "checkov.io/skip1" = "CKV_K8S_40=the image's own user is 999"
    }
  }
  spec {
    schedule                      = var.backup_schedule
    timezone                      = "Etc/UTC"
    concurrency_policy            = "Forbid"
    starting_deadline_seconds     = 6 * 3600
    successful_jobs_history_limit = 3
    failed_jobs_history_limit     = 3
    job_template {
      metadata {
        labels = local.labels_of.backup
      }
      spec {
        backoff_limit           = 2
        active_deadline_seconds = 2 * 3600
        template {
          metadata {
            labels = merge(local.labels_of.backup, { "weather/database" = "client" })
          }
          spec {
            restart_policy                  = "Never"
            automount_service_account_token = false
            security_context {
              run_as_non_root        = true
              run_as_user            = 999
              run_as_group           = 999
              fs_group               = 999
              fs_group_change_policy = "OnRootMismatch"
              seccomp_profile {
                type = "RuntimeDefault"
              }
            }
            # the volume is the database pod's too, for restoring, and can be on one node only
            affinity {
              pod_affinity {
                required_during_scheduling_ignored_during_execution {
                  topology_key = "kubernetes.io/hostname"
                  label_selector {
                    match_labels = local.selector.database
                  }
                }
              }
            }
            container {
              name              = "backup"
              image             = var.postgres_image
              image_pull_policy = "IfNotPresent"
              command           = ["bash", "/scripts/backup.sh"]
              env {
                name  = "PGHOST"
                value = kubernetes_service_v1.postgres.metadata[0].name
              }
              env {
                name  = "KEEP"
                value = tostring(var.backups_kept)
              }
              env {
                name = "READER_PASSWORD"
                value_from {
                  secret_key_ref {
                    name = kubernetes_secret_v1.postgres.metadata[0].name
                    key  = "READER_PASSWORD"
                  }
                }
              }
              env {
                name = "DAGSTER_PASSWORD"
                value_from {
                  secret_key_ref {
                    name = kubernetes_secret_v1.postgres.metadata[0].name
                    key  = "DAGSTER_PASSWORD"
                  }
                }
              }
              resources {
                requests = {
                  cpu    = "50m"
                  memory = "64Mi"
                }
                limits = {
                  memory = "512Mi"
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
                name       = "scripts"
                mount_path = "/scripts"
                read_only  = true
              }
              volume_mount {
                name       = "backups"
                mount_path = "/backups"
              }
              volume_mount {
                name       = "tmp"
                mount_path = "/tmp"
              }
            }
            volume {
              name = "scripts"
              config_map {
                name = kubernetes_config_map_v1.postgres.metadata[0].name
              }
            }
            volume {
              name = "backups"
              persistent_volume_claim {
                claim_name = kubernetes_persistent_volume_claim_v1.backups.metadata[0].name
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
}
