# Dagster: webserver, daemon and code location; every run is a pod of its own.

locals {
  dagster_home = "/dagster"
  code_port    = 4000
  ui_port      = 3000

  run_security = {
    pod = {
      run_as_non_root = true
      run_as_user     = 10001
      run_as_group    = 10001
      fs_group        = 10001
      # a large volume is not walked through before every run
      fs_group_change_policy = "OnRootMismatch"
      seccomp_profile        = { type = "RuntimeDefault" }
    }
    container = {
      allow_privilege_escalation = false
      read_only_root_filesystem  = true
      capabilities               = { drop = ["ALL"] }
    }
  }

  # The shipped settings of the instance, and what only a cluster needs.
  dagster_yaml = yamlencode(merge(yamldecode(file("${path.module}/../dagster_project/dagster.yaml")), {
    run_launcher = {
      module = "dagster_k8s"
      class  = "K8sRunLauncher"
      config = {
        job_namespace        = kubernetes_namespace_v1.weather.metadata[0].name
        job_image            = local.image
        image_pull_policy    = "IfNotPresent"
        service_account_name = kubernetes_service_account_v1.dagster_run.metadata[0].name
        instance_config_map  = "dagster"
        dagster_home         = local.dagster_home
        env_config_maps      = [kubernetes_config_map_v1.settings.metadata[0].name, kubernetes_config_map_v1.dagster_storage.metadata[0].name]
        env_secrets = [
          local.openweather_secret,
          kubernetes_secret_v1.loader.metadata[0].name,
          kubernetes_secret_v1.dagster.metadata[0].name,
        ]
        # or every run would look for the fonts of its report anew, which takes ten seconds
        env_vars = ["MPLCONFIGDIR=${local.settings.DLT_DATA_DIR}/matplotlib"]
        labels = merge(local.labels_of.run, {
          "weather/database" = "client"
          "weather/internet" = "client"
        })
        resources = {
          requests = { cpu = "100m", memory = "384Mi" }
          limits   = { memory = var.load_memory }
        }
        volumes = [
          { name = "home", empty_dir = {} },
          { name = "tmp", empty_dir = {} },
          { name = "dagster", config_map = { name = "dagster" } },
          { name = "files", config_map = { name = kubernetes_config_map_v1.files.metadata[0].name } },
          { name = "work", persistent_volume_claim = { claim_name = kubernetes_persistent_volume_claim_v1.work.metadata[0].name } },
        ]
        volume_mounts = [
          { name = "home", mount_path = local.dagster_home },
          { name = "dagster", mount_path = "${local.dagster_home}/dagster.yaml", sub_path = "dagster.yaml", read_only = true },
          { name = "tmp", mount_path = "/tmp" },
          { name = "files", mount_path = local.files_path, read_only = true },
          { name = "work", mount_path = local.settings.DLT_DATA_DIR },
        ]
        # the pod fails with its run, so that kubectl shows it too
        fail_pod_on_run_failure = true
        run_k8s_config = {
          pod_spec_config = {
            security_context                 = local.run_security.pod
            automount_service_account_token  = false
            termination_grace_period_seconds = local.grace_seconds
          }
          container_config = {
            # the launcher gives the whole command as arguments; the image's own entry point is the loader's
            command          = ["/usr/bin/env"]
            security_context = local.run_security.container
          }
          job_spec_config = { ttl_seconds_after_finished = 24 * 3600 }
        }
      }
    }
    # what a step prints stays on the pod's standard output, where the collector of logs finds it
    compute_logs = {
      module = "dagster.core.storage.noop_compute_log_manager"
      class  = "NoOpComputeLogManager"
    }
  }))

  workspace_yaml = yamlencode({
    load_from = [{ grpc_server = { host = "dagster-code", port = local.code_port, location_name = "weather" } }]
  })

  # What the three have in common stands in the resource below; here is what they differ in.
  dagster = {
    webserver = {
      command         = ["dagster-webserver", "--host", "0.0.0.0", "--port", tostring(local.ui_port), "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml"]
      port            = { name = "http", number = local.ui_port }
      service_account = kubernetes_service_account_v1.dagster.metadata[0].name
      launches        = true
      memory          = { request = "256Mi", limit = "768Mi" }
      env_from        = { config_maps = [], secrets = [] }
      egress          = { "weather/kubernetes" = "client", "weather/code" = "client" }
      skip            = "the webserver starts and stops runs, so it needs its token"
    }
    daemon = {
      command         = ["dagster-daemon", "run", "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml"]
      port            = null
      service_account = kubernetes_service_account_v1.dagster.metadata[0].name
      launches        = true
      memory          = { request = "256Mi", limit = "768Mi" }
      env_from        = { config_maps = [], secrets = [] }
      egress          = { "weather/kubernetes" = "client", "weather/code" = "client" }
      skip            = "the daemon starts and watches runs, so it needs its token"
    }
    code = {
      command         = ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", tostring(local.code_port), "--log-format", "json", "--module-name", "dagster_project.definitions"]
      port            = { name = "grpc", number = local.code_port }
      service_account = kubernetes_service_account_v1.dagster_run.metadata[0].name
      launches        = false
      memory          = { request = "256Mi", limit = "768Mi" }
      # Sensors are evaluated here: they send the alerts, and compare the list of places with what is loaded. They only
      # read, so theirs is the reader's password, not the loader's.
      env_from = {
        config_maps = [kubernetes_config_map_v1.settings.metadata[0].name, kubernetes_config_map_v1.reader.metadata[0].name]
        secrets     = [local.openweather_secret, kubernetes_secret_v1.reader.metadata[0].name, kubernetes_secret_v1.alerts.metadata[0].name]
      }
      egress = { "weather/internet" = "client" }
      skip   = ""
    }
  }
}

resource "kubernetes_secret_v1" "dagster" {
  metadata {
    name      = "postgres-dagster"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.lasting_labels_of.daemon
  }
  data_wo = {
    DAGSTER_POSTGRES_PASSWORD = ephemeral.random_password.dagster.result
  }
  data_wo_revision = var.passwords_revision
}

resource "kubernetes_config_map_v1" "reader" {
  metadata {
    name      = "reader"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.code
  }
  data = {
    DESTINATION__POSTGRES__CREDENTIALS__USERNAME = "reader"
  }
}

resource "kubernetes_secret_v1" "reader" {
  metadata {
    name      = "postgres-reader"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.lasting_labels_of.code
  }
  data_wo = {
    DESTINATION__POSTGRES__CREDENTIALS__PASSWORD = ephemeral.random_password.reader.result
  }
  data_wo_revision = var.passwords_revision
}

resource "kubernetes_secret_v1" "alerts" {
  metadata {
    name      = "alerts"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.lasting_labels_of.code
  }
  data_wo = {
    ALERTS__URLS = jsonencode(var.alert_urls)
  }
  data_wo_revision = var.secrets_revision
}

resource "kubernetes_config_map_v1" "dagster_storage" {
  metadata {
    name      = "dagster-storage"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.daemon
  }
  data = {
    DAGSTER_HOME          = local.dagster_home
    DAGSTER_POSTGRES_HOST = local.database_host
    DAGSTER_POSTGRES_PORT = "5432"
    DAGSTER_POSTGRES_DB   = "dagster"
    DAGSTER_POSTGRES_USER = "dagster"
    WEATHER_LOG_FORMAT    = "json"
  }
}

resource "kubernetes_config_map_v1" "dagster" {
  metadata {
    name      = "dagster"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.daemon
  }
  data = {
    "dagster.yaml"   = local.dagster_yaml
    "workspace.yaml" = local.workspace_yaml
  }
}

# Starts, stops and watches the Jobs of runs, in its own namespace.
resource "kubernetes_service_account_v1" "dagster" {
  metadata {
    name      = "dagster"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.daemon
  }
  automount_service_account_token = false
}

# Runs and the code location ask nothing of Kubernetes.
resource "kubernetes_service_account_v1" "dagster_run" {
  metadata {
    name      = "dagster-run"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.run
  }
  automount_service_account_token = false
}

resource "kubernetes_role_v1" "launcher" {
  metadata {
    name      = "dagster-launcher"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.daemon
  }
  rule {
    api_groups = ["batch"]
    resources  = ["jobs"]
    verbs      = ["create", "delete", "list"]
  }
  rule {
    api_groups = ["batch"]
    resources  = ["jobs/status"]
    verbs      = ["get"]
  }
  # why a pod died, for the run's page
  rule {
    api_groups = [""]
    resources  = ["pods"]
    verbs      = ["list", "delete"]
  }
  rule {
    api_groups = [""]
    resources  = ["pods/log"]
    verbs      = ["get"]
  }
  rule {
    api_groups = [""]
    resources  = ["events"]
    verbs      = ["list"]
  }
}

resource "kubernetes_role_binding_v1" "launcher" {
  metadata {
    name      = "dagster-launcher"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.daemon
  }
  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = kubernetes_role_v1.launcher.metadata[0].name
  }
  subject {
    kind      = "ServiceAccount"
    name      = kubernetes_service_account_v1.dagster.metadata[0].name
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
  }
}

resource "kubernetes_deployment_v1" "dagster" {
  for_each = local.dagster

  metadata {
    name      = "dagster-${each.key}"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of[each.key]
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
      match_labels = local.selector[each.key]
    }
    template {
      metadata {
        labels = merge(local.labels_of[each.key], { "weather/database" = "client" }, each.value.egress)
        annotations = {
          # what a running pod does not see change
          "weather/configuration"      = sha256(jsonencode([local.dagster_yaml, local.workspace_yaml, local.settings, kubernetes_config_map_v1.files.data]))
          "weather/passwords-revision" = tostring(var.passwords_revision)
          "weather/secrets-revision"   = tostring(var.secrets_revision)
        }
      }
      spec {
        service_account_name            = each.value.service_account
        automount_service_account_token = each.value.launches
        security_context {
          run_as_non_root        = true
          run_as_user            = 10001
          run_as_group           = 10001
          fs_group               = 10001
          fs_group_change_policy = "OnRootMismatch"
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }
        container {
          name              = each.key
          image             = local.image
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
            allow_privilege_escalation = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
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
            mount_path = local.files_path
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
            name = kubernetes_config_map_v1.files.metadata[0].name
          }
        }
        volume {
          name = "tmp"
          empty_dir {}
        }
      }
    }
  }
  depends_on = [kubernetes_stateful_set_v1.postgres, kubernetes_role_binding_v1.launcher, terraform_data.jobs]
}

resource "kubernetes_service_v1" "dagster" {
  for_each = { for component, its in local.dagster : component => its.port if its.port != null }

  metadata {
    name      = "dagster-${each.key}"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of[each.key]
  }
  spec {
    selector = local.selector[each.key]
    port {
      name        = each.value.name
      port        = each.value.number
      target_port = each.value.name
    }
  }
}
