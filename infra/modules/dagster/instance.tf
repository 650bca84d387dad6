# The settings of the Dagster instance: how runs are launched, and what its processes and their runs are told.

locals {
  dagster_home = "/dagster"

  security = {
    pod = {
      run_as_non_root        = var.conventions.pods.security.run_as_non_root
      run_as_user            = var.conventions.users.project
      run_as_group           = var.conventions.users.project
      fs_group               = var.conventions.users.project
      fs_group_change_policy = var.conventions.pods.security.fs_group_change_policy
      seccomp_profile        = { type = var.conventions.pods.security.seccomp_profile }
    }
    container = {
      allow_privilege_escalation = var.conventions.pods.container_security.allow_privilege_escalation
      read_only_root_filesystem  = var.conventions.pods.container_security.read_only_root_filesystem
      capabilities               = { drop = var.conventions.pods.container_security.drop }
    }
  }

  placement = {
    image_pull_secrets  = length(local.pull_secrets) == 0 ? null : [for name in local.pull_secrets : { name = name }]
    node_selector       = var.conventions.pods.placement.node_selector
    priority_class_name = var.conventions.pods.placement.priority_class_name
    tolerations = length(var.conventions.pods.placement.tolerations) == 0 ? null : [
      for toleration in var.conventions.pods.placement.tolerations : { for name, value in toleration : name => value if value != null }
    ]
  }
  pull_secrets = var.conventions.pods.placement.image_pull_secrets

  # The shipped settings of the instance, and what only a cluster needs.
  dagster_yaml = yamlencode(merge(var.instance_settings, {
    run_launcher = {
      module = "dagster_k8s"
      class  = "K8sRunLauncher"
      config = {
        job_namespace = var.namespace
        # no job_image: runs are of the code location's image
        image_pull_policy    = "IfNotPresent"
        service_account_name = kubernetes_service_account_v1.dagster_run.metadata[0].name
        instance_config_map  = "dagster"
        dagster_home         = local.dagster_home
        env_config_maps      = [var.loader.settings.config_map, kubernetes_config_map_v1.dagster_storage.metadata[0].name]
        env_secrets = [
          var.loader.secrets.openweather,
          var.loader.secrets.loader,
          local.password_secrets.dagster,
        ]
        # or every run would look for the fonts of its report anew, which takes ten seconds
        env_vars = ["MPLCONFIGDIR=${var.loader.work.mount_path}/matplotlib"]
        labels = merge(var.conventions.components.run.labels, {
          "weather/database" = "client"
          "weather/internet" = "client"
        })
        resources = {
          requests = { cpu = "100m", memory = var.memory.run.request }
          limits   = { memory = var.load_memory }
        }
        volumes = concat([
          { name = "home", empty_dir = {} },
          { name = "tmp", empty_dir = {} },
          { name = "dagster", config_map = { name = "dagster" } },
          { name = "files", config_map = { name = var.loader.files.config_map } },
          { name = "work", persistent_volume_claim = { claim_name = var.loader.work.claim } },
        ], [for name, authority in var.loader.files.authorities : { name = name, config_map = { name = authority.config_map } }])
        volume_mounts = concat([
          { name = "home", mount_path = local.dagster_home },
          { name = "dagster", mount_path = "${local.dagster_home}/dagster.yaml", sub_path = "dagster.yaml", read_only = true },
          { name = "tmp", mount_path = "/tmp" },
          { name = "files", mount_path = var.loader.files.mount_path, read_only = true },
          { name = "work", mount_path = var.loader.work.mount_path },
        ], [for name, authority in var.loader.files.authorities : { name = name, mount_path = authority.mount_path, read_only = true }])
        # the pod fails with its run, so that kubectl shows it too
        fail_pod_on_run_failure = true
        run_k8s_config = {
          pod_spec_config = merge(
            {
              security_context                 = local.security.pod
              automount_service_account_token  = false
              termination_grace_period_seconds = var.loader.grace_seconds
            },
            # only where they are set, or every pod that is there would start again
            { for name, value in local.placement : name => value if value != null },
          )
          container_config = {
            # the launcher gives the whole command as arguments; the image's own entry point is the loader's
            command          = ["/usr/bin/env"]
            security_context = local.security.container
          }
          job_spec_config = {
            ttl_seconds_after_finished = 24 * 3600
            # A pod that is evicted writes what it has and fails its run, and the next try asks for the rest. A second pod
            # of the Job would find the run ended, and show "Completed".
            backoff_limit = 0
            pod_failure_policy = {
              rules = [{ action = "FailJob", on_pod_conditions = [{ type = "DisruptionTarget", status = "True" }] }]
            }
          }
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
    load_from = [{ grpc_server = { host = "dagster-code", port = var.conventions.ports.code, location_name = "weather" } }]
  })
}

resource "kubernetes_secret_v1" "dagster" {
  count = var.password_secrets == null ? 1 : 0
  metadata {
    name      = "postgres-dagster"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.lasting_labels
  }
  data_wo = {
    DAGSTER_POSTGRES_PASSWORD = var.dagster_password
  }
  data_wo_revision = var.passwords_revision
}

moved {
  from = kubernetes_secret_v1.dagster
  to   = kubernetes_secret_v1.dagster[0]
}

resource "kubernetes_config_map_v1" "reader" {
  metadata {
    name      = "reader"
    namespace = var.namespace
    labels    = var.conventions.components.code.labels
  }
  data = {
    DESTINATION__POSTGRES__CREDENTIALS__USERNAME = var.loader.database.users.reader
  }
}

resource "kubernetes_secret_v1" "reader" {
  count = var.password_secrets == null ? 1 : 0
  metadata {
    name      = "postgres-reader"
    namespace = var.namespace
    labels    = var.conventions.components.code.lasting_labels
  }
  data_wo = {
    DESTINATION__POSTGRES__CREDENTIALS__PASSWORD = var.reader_password
  }
  data_wo_revision = var.passwords_revision
}

moved {
  from = kubernetes_secret_v1.reader
  to   = kubernetes_secret_v1.reader[0]
}

resource "kubernetes_secret_v1" "alerts" {
  metadata {
    name      = "alerts"
    namespace = var.namespace
    labels    = var.conventions.components.code.lasting_labels
  }
  data_wo = {
    ALERTS__URLS          = jsonencode(var.alert_urls)
    ALERTS__HEARTBEAT_URL = var.heartbeat_url == null ? "" : var.heartbeat_url
  }
  data_wo_revision = var.secrets_revision
}

resource "kubernetes_config_map_v1" "dagster_storage" {
  metadata {
    name      = "dagster-storage"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.labels
  }
  data = merge(var.loader.database.libpq, {
    DAGSTER_HOME          = local.dagster_home
    DAGSTER_POSTGRES_HOST = var.loader.database.host
    DAGSTER_POSTGRES_PORT = tostring(var.loader.database.port)
    DAGSTER_POSTGRES_DB   = var.loader.database.names.dagster
    DAGSTER_POSTGRES_USER = var.loader.database.users.dagster
    WEATHER_LOG_FORMAT    = "json"
  })
}

resource "kubernetes_config_map_v1" "dagster" {
  metadata {
    name      = "dagster"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.labels
  }
  data = {
    "dagster.yaml"   = local.dagster_yaml
    "workspace.yaml" = local.workspace_yaml
  }
}
