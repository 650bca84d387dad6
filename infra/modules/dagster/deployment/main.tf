# One of Dagster's services: a Deployment of one pod, which writes to its own folders only.

locals {
  # the viewer is a webserver
  health = ["python", "-m", "dagster_project.instance.health", var.component == "viewer" ? "webserver" : var.component]
}

resource "kubernetes_deployment_v1" "this" {
  metadata {
    name        = "dagster-${var.component}"
    namespace   = var.namespace
    labels      = var.conventions.components[var.component].labels
    annotations = var.annotations.deployment
  }
  # rollout.sh waits, and says why a pod does not start
  wait_for_rollout = false
  spec {
    replicas = 1
    strategy {
      type = var.replaced_at_once ? "Recreate" : "RollingUpdate"
      dynamic "rolling_update" {
        for_each = var.replaced_at_once ? [] : [""]
        content {
          max_unavailable = "0"
          max_surge       = "1"
        }
      }
    }
    selector {
      match_labels = var.conventions.components[var.component].selector
    }
    template {
      metadata {
        labels      = merge(var.conventions.components[var.component].labels, var.reaches)
        annotations = var.annotations.pod
      }
      spec {
        service_account_name            = var.service_account.name
        automount_service_account_token = var.service_account.token
        node_selector                   = var.conventions.pods.placement.node_selector
        priority_class_name             = var.conventions.pods.placement.priority_class_name
        dynamic "image_pull_secrets" {
          for_each = var.conventions.pods.placement.image_pull_secrets
          content {
            name = image_pull_secrets.value
          }
        }
        dynamic "toleration" {
          for_each = var.conventions.pods.placement.tolerations
          content {
            key                = toleration.value.key
            operator           = toleration.value.operator
            value              = toleration.value.value
            effect             = toleration.value.effect
            toleration_seconds = toleration.value.toleration_seconds
          }
        }
        security_context {
          run_as_non_root        = var.conventions.pods.security.run_as_non_root
          run_as_user            = var.conventions.users.project
          run_as_group           = var.conventions.users.project
          fs_group               = var.conventions.users.project
          fs_group_change_policy = var.conventions.pods.security.fs_group_change_policy
          seccomp_profile {
            type = var.conventions.pods.security.seccomp_profile
          }
        }
        # not the first half of the server's command: a server that starts again must not need the database for it
        dynamic "init_container" {
          for_each = var.migrates ? ["migrate"] : []
          content {
            name              = init_container.value
            image             = var.image
            image_pull_policy = "IfNotPresent"
            command           = ["python", "-m", "dagster_project.instance.migrate"]
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
            dynamic "env" {
              for_each = var.env
              content {
                name  = env.key
                value = env.value
              }
            }
            resources {
              requests = {
                cpu    = "100m"
                memory = var.memory.request
              }
              limits = {
                memory = var.memory.limit
              }
            }
            security_context {
              allow_privilege_escalation = var.conventions.pods.container_security.allow_privilege_escalation
              read_only_root_filesystem  = var.conventions.pods.container_security.read_only_root_filesystem
              capabilities {
                drop = var.conventions.pods.container_security.drop
              }
            }
            volume_mount {
              name       = "home"
              mount_path = var.dagster_home
            }
            volume_mount {
              name       = "dagster"
              mount_path = "${var.dagster_home}/dagster.yaml"
              sub_path   = "dagster.yaml"
              read_only  = true
            }
            volume_mount {
              name       = "files"
              mount_path = var.config_maps.files_path
              read_only  = true
            }
            dynamic "volume_mount" {
              for_each = var.config_maps.authorities
              content {
                name       = volume_mount.key
                mount_path = volume_mount.value.mount_path
                read_only  = true
              }
            }
            volume_mount {
              name       = "tmp"
              mount_path = "/tmp"
            }
          }
        }
        container {
          name              = var.component
          image             = var.image
          image_pull_policy = "IfNotPresent"
          command           = var.command
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
          dynamic "env" {
            for_each = var.env
            content {
              name  = env.key
              value = env.value
            }
          }
          dynamic "port" {
            for_each = var.port[*]
            content {
              name           = port.value.name
              container_port = port.value.number
            }
          }
          startup_probe {
            exec {
              command = local.health
            }
            period_seconds    = 5
            timeout_seconds   = 10
            failure_threshold = 60
          }
          dynamic "readiness_probe" {
            for_each = var.port[*]
            content {
              tcp_socket {
                port = readiness_probe.value.name
              }
              period_seconds = 10
            }
          }
          # a process each time, of 0.2 s
          liveness_probe {
            exec {
              command = local.health
            }
            period_seconds    = 60
            timeout_seconds   = 10
            failure_threshold = 3
          }
          resources {
            requests = {
              cpu    = "100m"
              memory = var.memory.request
            }
            limits = {
              memory = var.memory.limit
            }
          }
          security_context {
            allow_privilege_escalation = var.conventions.pods.container_security.allow_privilege_escalation
            read_only_root_filesystem  = var.conventions.pods.container_security.read_only_root_filesystem
            capabilities {
              drop = var.conventions.pods.container_security.drop
            }
          }
          volume_mount {
            name       = "home"
            mount_path = var.dagster_home
          }
          volume_mount {
            name       = "dagster"
            mount_path = "${var.dagster_home}/dagster.yaml"
            sub_path   = "dagster.yaml"
            read_only  = true
          }
          volume_mount {
            name       = "dagster"
            mount_path = "/etc/dagster"
            read_only  = true
          }
          volume_mount {
            name       = "files"
            mount_path = var.config_maps.files_path
            read_only  = true
          }
          dynamic "volume_mount" {
            for_each = var.config_maps.authorities
            content {
              name       = volume_mount.key
              mount_path = volume_mount.value.mount_path
              read_only  = true
            }
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
        }
        volume {
          name = "home"
          empty_dir {}
        }
        volume {
          name = "dagster"
          config_map {
            name = var.config_maps.dagster
          }
        }
        volume {
          name = "files"
          config_map {
            name = var.config_maps.files
          }
        }
        dynamic "volume" {
          for_each = var.config_maps.authorities
          content {
            name = volume.key
            config_map {
              name = volume.value.config_map
            }
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

# Terraform's own wait would end with "exceeded its deadline" alone, and not be repeated: the next apply, which sees the
# Deployment as it should be, would go on to what comes after it. This fails until the pod has started.
resource "terraform_data" "rollout" {
  triggers_replace = [var.image, var.annotations, var.command, var.env, var.env_from, var.memory, var.conventions.pods]

  provisioner "local-exec" {
    command = "bash \"$SCRIPT\""
    environment = {
      SCRIPT    = "${path.module}/rollout.sh"
      CONFIG    = var.cluster.kubeconfig
      KUBECTL   = var.cluster.kubectl
      NAMESPACE = var.namespace
      COMPONENT = var.component
    }
  }
  depends_on = [kubernetes_deployment_v1.this]
}
