# A proxy in front of the webserver, which has no login, that asks for a name and a password; where it is wanted.

locals {
  ui_user = 101 # the image's own
  nginx_conf = templatefile("${path.module}/nginx.conf.tftpl", {
    port      = var.conventions.ports.ui
    webserver = "${kubernetes_service_v1.dagster["webserver"].metadata[0].name}:${var.conventions.ports.webserver}"
  })
}

resource "kubernetes_secret_v1" "ui" {
  count = var.ui_auth != null && try(var.ui_auth.secret, null) == null ? 1 : 0
  metadata {
    name      = "dagster-ui"
    namespace = var.namespace
    labels    = var.conventions.components.ui.lasting_labels
  }
  data_wo = {
    # Cost 6, not the usual 10: the hash is computed for every request, of which a page makes dozens.
    htpasswd = "${var.ui_auth.user}:${bcrypt(coalesce(var.ui_password, "-"), 6)}\n"
  }
  data_wo_revision = var.secrets_revision

  lifecycle {
    precondition {
      condition     = var.ui_password != null
      error_message = "There is no password for Dagster's UI: export TF_VAR_ui_password=…, or set ui_auth.secret to the name of a Secret that has htpasswd."
    }
  }
}

resource "kubernetes_config_map_v1" "ui" {
  count = var.ui_auth != null ? 1 : 0
  metadata {
    name      = "dagster-ui"
    namespace = var.namespace
    labels    = var.conventions.components.ui.labels
  }
  data = { "nginx.conf" = local.nginx_conf }
}

resource "kubernetes_deployment_v1" "ui" {
  count = var.ui_auth != null ? 1 : 0
  metadata {
    name        = "dagster-ui"
    namespace   = var.namespace
    labels      = var.conventions.components.ui.labels
    annotations = { "checkov.io/skip1" = "CKV_K8S_40=the image's own user is 101" }
  }
  spec {
    replicas = 1
    selector {
      match_labels = var.conventions.components.ui.selector
    }
    template {
      metadata {
        labels = var.conventions.components.ui.labels
        annotations = {
          # what a running pod does not see change
          "weather/configuration"    = sha256(local.nginx_conf)
          "weather/secrets-revision" = tostring(var.secrets_revision)
        }
      }
      spec {
        automount_service_account_token = false
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
          run_as_user            = local.ui_user
          run_as_group           = local.ui_user
          fs_group               = local.ui_user
          fs_group_change_policy = local.security.pod.fs_group_change_policy
          seccomp_profile {
            type = local.security.pod.seccomp_profile.type
          }
        }
        container {
          name              = "nginx"
          image             = var.ui_auth.image
          image_pull_policy = "IfNotPresent"
          command           = ["nginx", "-c", "/etc/weather/nginx.conf", "-g", "daemon off;"]
          port {
            name           = "http"
            container_port = var.conventions.ports.ui
          }
          readiness_probe {
            http_get {
              path = "/healthz"
              port = "http"
            }
            period_seconds = 5
          }
          liveness_probe {
            http_get {
              path = "/healthz"
              port = "http"
            }
            period_seconds    = 20
            timeout_seconds   = 5
            failure_threshold = 3
          }
          resources {
            requests = { cpu = "10m", memory = "16Mi" }
            limits   = { memory = "64Mi" }
          }
          security_context {
            allow_privilege_escalation = local.security.container.allow_privilege_escalation
            read_only_root_filesystem  = local.security.container.read_only_root_filesystem
            capabilities {
              drop = local.security.container.capabilities.drop
            }
          }
          volume_mount {
            name       = "configuration"
            mount_path = "/etc/weather"
            read_only  = true
          }
          volume_mount {
            name       = "password"
            mount_path = "/etc/weather-password"
            read_only  = true
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
        }
        volume {
          name = "configuration"
          config_map {
            name = kubernetes_config_map_v1.ui[0].metadata[0].name
          }
        }
        volume {
          name = "password"
          secret {
            secret_name  = local.ui_secret
            default_mode = "0440"
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

locals {
  ui_secret = try(coalesce(var.ui_auth.secret, one(kubernetes_secret_v1.ui[*].metadata[0].name)), null)
}

resource "kubernetes_service_v1" "ui" {
  count = var.ui_auth != null ? 1 : 0
  metadata {
    name      = "dagster-ui"
    namespace = var.namespace
    labels    = var.conventions.components.ui.labels
  }
  spec {
    selector = var.conventions.components.ui.selector
    port {
      name        = "http"
      port        = var.conventions.ports.ui
      target_port = "http"
    }
  }
}
