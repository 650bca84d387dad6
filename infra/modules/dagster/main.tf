# Dagster: webserver, daemon and code location; every run is a pod of its own.

locals {
  # What the three have in common stands in the resource below; here is what they differ in.
  dagster = {
    webserver = {
      command         = ["dagster-webserver", "--host", "0.0.0.0", "--port", tostring(var.conventions.ports.webserver), "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml"]
      port            = { name = "http", number = var.conventions.ports.webserver }
      service_account = kubernetes_service_account_v1.dagster.metadata[0].name
      launches        = true
      memory          = var.memory.webserver
      env_from        = { config_maps = [], secrets = [] }
      egress          = { "weather/kubernetes" = "client", "weather/code" = "client" }
      skip            = "the webserver starts and stops runs, so it needs its token"
    }
    daemon = {
      command         = ["dagster-daemon", "run", "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml"]
      port            = null
      service_account = kubernetes_service_account_v1.dagster.metadata[0].name
      launches        = true
      memory          = var.memory.daemon
      env_from        = { config_maps = [], secrets = [] }
      egress          = { "weather/kubernetes" = "client", "weather/code" = "client" }
      skip            = "the daemon starts and watches runs, so it needs its token"
    }
    code = {
      command         = ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", tostring(var.conventions.ports.code), "--log-format", "json", "--module-name", "dagster_project.definitions"]
      port            = { name = "grpc", number = var.conventions.ports.code }
      service_account = kubernetes_service_account_v1.dagster_run.metadata[0].name
      launches        = false
      memory          = var.memory.code
      # Sensors are evaluated here: they send the alerts, and compare the list of places with what is loaded. They only
      # read, so theirs is the reader's password, not the loader's.
      env_from = {
        config_maps = [var.loader.settings.config_map, kubernetes_config_map_v1.reader.metadata[0].name]
        secrets     = [var.loader.secrets.openweather, kubernetes_secret_v1.reader.metadata[0].name, kubernetes_secret_v1.alerts.metadata[0].name]
      }
      egress = { "weather/internet" = "client" }
      skip   = ""
    }
  }
}

resource "kubernetes_deployment_v1" "dagster" {
  for_each = local.dagster

  metadata {
    name      = "dagster-${each.key}"
    namespace = var.namespace
    labels    = var.conventions.components[each.key].labels
    annotations = each.value.launches ? {
      "checkov.io/skip1" = "CKV_K8S_38=${each.value.skip}"
      "checkov.io/skip2" = "CKV_K8S_9=the daemon serves nobody, so it has no readiness"
    } : {}
  }
  spec {
    replicas = 1
    # never two daemons, and nothing here that may not be away for the seconds of an upgrade
    strategy {
      type = "Recreate"
    }
    selector {
      match_labels = var.conventions.components[each.key].selector
    }
    template {
      metadata {
        labels = merge(var.conventions.components[each.key].labels, { "weather/database" = "client" }, each.value.egress)
        annotations = {
          # what a running pod does not see change
          "weather/configuration"      = sha256(jsonencode([local.dagster_yaml, local.workspace_yaml, var.loader.settings.values, var.loader.files.contents]))
          "weather/passwords-revision" = tostring(var.passwords_revision)
          "weather/secrets-revision"   = tostring(var.secrets_revision)
        }
      }
      spec {
        service_account_name            = each.value.service_account
        automount_service_account_token = each.value.launches
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
          run_as_non_root        = local.security.pod.run_as_non_root
          run_as_user            = local.security.pod.run_as_user
          run_as_group           = local.security.pod.run_as_group
          fs_group               = local.security.pod.fs_group
          fs_group_change_policy = local.security.pod.fs_group_change_policy
          seccomp_profile {
            type = local.security.pod.seccomp_profile.type
          }
        }
        container {
          name              = each.key
          image             = var.image
          image_pull_policy = "IfNotPresent"
          command           = each.value.command
          dynamic "env_from" {
            for_each = concat([kubernetes_config_map_v1.dagster_storage.metadata[0].name], each.value.env_from.config_maps)
            content {
              config_map_ref {
                name = env_from.value
              }
            }
          }
          dynamic "env_from" {
            for_each = concat([kubernetes_secret_v1.dagster.metadata[0].name], each.value.env_from.secrets)
            content {
              secret_ref {
                name = env_from.value
              }
            }
          }
          # nothing is loaded here: the working directories are the runs'
          env {
            name  = "DLT_DATA_DIR"
            value = "/tmp/dlt"
          }
          dynamic "port" {
            for_each = each.value.port[*]
            content {
              name           = port.value.name
              container_port = port.value.number
            }
          }
          startup_probe {
            dynamic "tcp_socket" {
              for_each = each.value.port[*]
              content {
                port = tcp_socket.value.name
              }
            }
            dynamic "exec" {
              for_each = each.value.port == null ? ["dagster-daemon"] : []
              content {
                command = [exec.value, "liveness-check"]
              }
            }
            period_seconds    = each.value.port == null ? 20 : 2
            timeout_seconds   = each.value.port == null ? 20 : 2
            failure_threshold = each.value.port == null ? 15 : 90
          }
          dynamic "readiness_probe" {
            for_each = each.value.port[*]
            content {
              tcp_socket {
                port = readiness_probe.value.name
              }
              period_seconds = 10
            }
          }
          liveness_probe {
            dynamic "tcp_socket" {
              for_each = each.value.port[*]
              content {
                port = tcp_socket.value.name
              }
            }
            # a process of its own each time, that reads the daemon's heartbeats from the database
            dynamic "exec" {
              for_each = each.value.port == null ? ["dagster-daemon"] : []
              content {
                command = [exec.value, "liveness-check"]
              }
            }
            period_seconds    = each.value.port == null ? 120 : 20
            timeout_seconds   = each.value.port == null ? 30 : 5
            failure_threshold = 3
          }
          resources {
            requests = {
              cpu    = "100m"
              memory = each.value.memory.request
            }
            limits = {
              memory = each.value.memory.limit
            }
          }
          security_context {
            allow_privilege_escalation = local.security.container.allow_privilege_escalation
            read_only_root_filesystem  = local.security.container.read_only_root_filesystem
            capabilities {
              drop = local.security.container.capabilities.drop
            }
          }
          volume_mount {
            name       = "home"
            mount_path = local.dagster_home
          }
          volume_mount {
            name       = "dagster"
            mount_path = "${local.dagster_home}/dagster.yaml"
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
            mount_path = var.loader.files.mount_path
            read_only  = true
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
            name = kubernetes_config_map_v1.dagster.metadata[0].name
          }
        }
        volume {
          name = "files"
          config_map {
            name = var.loader.files.config_map
          }
        }
        volume {
          name = "tmp"
          empty_dir {}
        }
      }
    }
  }
  depends_on = [kubernetes_role_binding_v1.launcher]
}

resource "kubernetes_service_v1" "dagster" {
  for_each = { for component, its in local.dagster : component => its.port if its.port != null }

  metadata {
    name      = "dagster-${each.key}"
    namespace = var.namespace
    labels    = var.conventions.components[each.key].labels
  }
  spec {
    selector = var.conventions.components[each.key].selector
    port {
      name        = each.value.name
      port        = each.value.number
      target_port = each.value.name
    }
  }
}
