# PostgreSQL: one pod with a persistent volume, four roles, and passwords that only the cluster knows.

resource "kubernetes_secret_v1" "postgres" {
  metadata {
    name      = "postgres-secret"
    namespace = var.namespace
    labels    = var.conventions.components.database.lasting_labels
  }
  data_wo = {
    POSTGRES_PASSWORD = var.passwords.postgres
    LOADER_PASSWORD   = var.passwords.loader
    READER_PASSWORD   = var.passwords.reader
    DAGSTER_PASSWORD  = var.passwords.dagster
  }
  data_wo_revision = var.passwords_revision
}

# not in the Secret above, which was written before there was this role, and is written again only with new passwords
resource "kubernetes_secret_v1" "backup" {
  metadata {
    name      = "postgres-backup"
    namespace = var.namespace
    labels    = var.conventions.components.backup.lasting_labels
  }
  data_wo = {
    BACKUP_PASSWORD = var.passwords.backup
  }
  data_wo_revision = var.passwords_revision
}

resource "kubernetes_config_map_v1" "postgres" {
  metadata {
    name      = "postgres"
    namespace = var.namespace
    labels    = var.conventions.components.database.labels
  }
  data = { for file in fileset("${path.module}/scripts", "*") : file => file("${path.module}/scripts/${file}") }
}

resource "kubernetes_service_v1" "postgres" {
  metadata {
    name      = "postgres"
    namespace = var.namespace
    labels    = var.conventions.components.database.labels
  }
  spec {
    selector = var.conventions.components.database.selector
    port {
      name        = "postgres"
      port        = var.conventions.ports.postgres
      target_port = "postgres"
    }
  }
}

resource "kubernetes_stateful_set_v1" "postgres" {
  metadata {
    name      = "postgres"
    namespace = var.namespace
    labels    = var.conventions.components.database.labels
    annotations = {
      "checkov.io/skip1" = "CKV_K8S_40=the image's own user is 999"
    }
  }
  spec {
    service_name = kubernetes_service_v1.postgres.metadata[0].name
    replicas     = 1
    selector {
      match_labels = var.conventions.components.database.selector
    }
    template {
      metadata {
        labels = var.conventions.components.database.labels
        annotations = {
          # what a running pod does not see change
          "weather/passwords-revision" = tostring(var.passwords_revision)
          "weather/configuration"      = sha256(jsonencode(kubernetes_config_map_v1.postgres.data))
        }
      }
      spec {
        automount_service_account_token = false
        # a fast shutdown writes everything out
        termination_grace_period_seconds = 120
        node_selector                    = var.conventions.pods.placement.node_selector
        priority_class_name              = var.conventions.pods.placement.priority_class_name
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
          run_as_user            = var.conventions.users.postgres
          run_as_group           = var.conventions.users.postgres
          fs_group               = var.conventions.users.postgres
          fs_group_change_policy = var.conventions.pods.security.fs_group_change_policy
          seccomp_profile {
            type = var.conventions.pods.security.seccomp_profile
          }
        }
        container {
          name              = "postgres"
          image             = var.image
          image_pull_policy = "IfNotPresent"
          command           = ["bash", "/scripts/server.sh"]
          args              = flatten([for name, value in local.server_settings : ["-c", "${name}=${value}"]])
          env {
            name  = "POSTGRES_DB"
            value = "weather"
          }
          env {
            name  = "PGDATA"
            value = "/var/lib/postgresql/data/pgdata"
          }
          dynamic "env_from" {
            for_each = [kubernetes_secret_v1.postgres.metadata[0].name, kubernetes_secret_v1.backup.metadata[0].name]
            content {
              secret_ref {
                name = env_from.value
              }
            }
          }
          port {
            name           = "postgres"
            container_port = var.conventions.ports.postgres
          }
          lifecycle {
            post_start {
              exec {
                command = ["bash", "/scripts/roles.sh"]
              }
            }
          }
          # asked as a client that may connect, or the server would log a refusal each time
          readiness_probe {
            exec {
              command = ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=reader", "--dbname=weather"]
            }
            period_seconds  = 5
            timeout_seconds = 3
          }
          liveness_probe {
            exec {
              command = ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=reader", "--dbname=weather"]
            }
            initial_delay_seconds = 30
            period_seconds        = 10
            timeout_seconds       = 5
            failure_threshold     = 6
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
            name       = "data"
            mount_path = "/var/lib/postgresql/data"
          }
          volume_mount {
            name       = "scripts"
            mount_path = "/scripts"
            read_only  = true
          }
          volume_mount {
            name       = "run"
            mount_path = "/var/run/postgresql"
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
          # parallel queries share memory there; the runtime's default is 64 MB
          volume_mount {
            name       = "memory"
            mount_path = "/dev/shm"
          }
        }
        volume {
          name = "scripts"
          config_map {
            name = kubernetes_config_map_v1.postgres.metadata[0].name
          }
        }
        volume {
          name = "run"
          empty_dir {}
        }
        volume {
          name = "tmp"
          empty_dir {}
        }
        volume {
          name = "memory"
          empty_dir {
            medium     = "Memory"
            size_limit = "256Mi"
          }
        }
      }
    }
    # Terraform does not own the claim that comes of it, so nothing but the namespace's end takes it away
    volume_claim_template {
      metadata {
        name   = "data"
        labels = var.conventions.components.database.lasting_labels
      }
      spec {
        access_modes       = ["ReadWriteOnce"]
        storage_class_name = var.storage_class
        resources {
          requests = {
            storage = terraform_data.claim.input
          }
        }
      }
    }
  }

  lifecycle {
    # it cannot change, and an older state does not know the size at its first apply (volume.tf)
    ignore_changes = [spec[0].volume_claim_template]
  }
}
