# A CronJob of one hardened container, which writes to its volumes only.

resource "kubernetes_cron_job_v1" "this" {
  metadata {
    name        = var.name
    namespace   = var.namespace
    labels      = var.labels
    annotations = var.annotations
  }
  spec {
    schedule                      = var.schedule
    timezone                      = "Etc/UTC"
    suspend                       = var.suspend
    concurrency_policy            = "Forbid"
    starting_deadline_seconds     = var.starting_deadline_seconds
    successful_jobs_history_limit = 3
    failed_jobs_history_limit     = 3
    job_template {
      metadata {
        labels = var.labels
      }
      spec {
        backoff_limit           = 2
        active_deadline_seconds = var.active_deadline_seconds
        dynamic "pod_failure_policy" {
          for_each = length(var.final_exit_codes) > 0 ? [var.final_exit_codes] : []
          content {
            rule {
              action = "FailJob"
              on_exit_codes {
                container_name = var.container
                operator       = "In"
                values         = pod_failure_policy.value
              }
            }
          }
        }
        template {
          metadata {
            labels = merge(var.labels, var.reaches)
          }
          spec {
            restart_policy                   = "Never"
            service_account_name             = var.service_account
            automount_service_account_token  = false
            termination_grace_period_seconds = var.grace_seconds
            node_selector                    = var.pods.placement.node_selector
            priority_class_name              = var.pods.placement.priority_class_name
            dynamic "image_pull_secrets" {
              for_each = var.pods.placement.image_pull_secrets
              content {
                name = image_pull_secrets.value
              }
            }
            dynamic "toleration" {
              for_each = var.pods.placement.tolerations
              content {
                key                = toleration.value.key
                operator           = toleration.value.operator
                value              = toleration.value.value
                effect             = toleration.value.effect
                toleration_seconds = toleration.value.toleration_seconds
              }
            }
            security_context {
              run_as_non_root        = var.pods.security.run_as_non_root
              run_as_user            = var.user
              run_as_group           = var.user
              fs_group               = var.user
              fs_group_change_policy = var.pods.security.fs_group_change_policy
              seccomp_profile {
                type = var.pods.security.seccomp_profile
              }
            }
            dynamic "init_container" {
              for_each = var.init_container[*]
              content {
                name              = init_container.value.name
                image             = init_container.value.image
                image_pull_policy = "IfNotPresent"
                command           = init_container.value.command
                resources {
                  requests = var.resources.requests
                  limits   = var.resources.limits
                }
                security_context {
                  allow_privilege_escalation = var.pods.container_security.allow_privilege_escalation
                  read_only_root_filesystem  = var.pods.container_security.read_only_root_filesystem
                  capabilities {
                    drop = var.pods.container_security.drop
                  }
                }
                dynamic "volume_mount" {
                  for_each = local.volumes
                  content {
                    name       = volume_mount.key
                    mount_path = volume_mount.value.mount_path
                    read_only  = volume_mount.value.config_map != null
                  }
                }
              }
            }
            container {
              name              = var.container
              image             = var.image
              image_pull_policy = "IfNotPresent"
              command           = var.command
              args              = var.args
              dynamic "env" {
                for_each = var.env
                content {
                  name  = env.key
                  value = env.value
                }
              }
              dynamic "env" {
                for_each = var.env_of_secrets
                content {
                  name = env.key
                  value_from {
                    secret_key_ref {
                      name = env.value
                      key  = env.key
                    }
                  }
                }
              }
              dynamic "env_from" {
                for_each = var.env_from.config_maps
                content {
                  config_map_ref {
                    name = env_from.value
                  }
                }
              }
              dynamic "env_from" {
                for_each = var.env_from.secrets
                content {
                  secret_ref {
                    name = env_from.value
                  }
                }
              }
              resources {
                requests = var.resources.requests
                limits   = var.resources.limits
              }
              security_context {
                allow_privilege_escalation = var.pods.container_security.allow_privilege_escalation
                read_only_root_filesystem  = var.pods.container_security.read_only_root_filesystem
                capabilities {
                  drop = var.pods.container_security.drop
                }
              }
              dynamic "volume_mount" {
                for_each = local.volumes
                content {
                  name       = volume_mount.key
                  mount_path = volume_mount.value.mount_path
                  read_only  = volume_mount.value.config_map != null
                }
              }
            }
            dynamic "volume" {
              for_each = local.volumes
              content {
                name = volume.key
                dynamic "persistent_volume_claim" {
                  for_each = volume.value.claim[*]
                  content {
                    claim_name = persistent_volume_claim.value
                  }
                }
                dynamic "config_map" {
                  for_each = volume.value.config_map[*]
                  content {
                    name = config_map.value
                  }
                }
                dynamic "empty_dir" {
                  for_each = volume.value.claim == null && volume.value.config_map == null ? [""] : []
                  content {}
                }
              }
            }
          }
        }
      }
    }
  }
}

locals {
  volumes = merge(var.volumes, { tmp = { mount_path = "/tmp", claim = null, config_map = null } })
}
