# Dagster: code location, webserver and daemon; every run is a pod of its own.
#
# An upgrade begins with the code location: its pod brings Dagster's tables to the new version, loads the definitions, and
# only then takes the old one's place. What does not start leaves everything else as it is. Webserver and daemon follow.

locals {
  webserver = [
    "dagster-webserver", "--host", "0.0.0.0", "--port", tostring(var.conventions.ports.webserver),
    "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml",
  ]
  ui       = { name = "http", number = var.conventions.ports.webserver }
  launcher = { name = kubernetes_service_account_v1.dagster.metadata[0].name, token = true }
  # of runs and services that ask nothing of Kubernetes
  plain   = { name = kubernetes_service_account_v1.dagster_run.metadata[0].name, token = false }
  storage = { config_maps = [kubernetes_config_map_v1.dagster_storage.metadata[0].name], secrets = [local.password_secrets.dagster] }
  pod_annotations = {
    "weather/configuration"      = sha256(jsonencode([local.dagster_yaml, local.workspace_yaml, var.loader.settings.values, var.loader.files.contents]))
    "weather/passwords-revision" = tostring(var.passwords_revision)
    "weather/secrets-revision"   = tostring(var.secrets_revision)
  }
  config_maps = {
    dagster    = kubernetes_config_map_v1.dagster.metadata[0].name
    files      = var.loader.files.config_map
    files_path = var.loader.files.mount_path

    authorities = var.loader.files.authorities
  }
  password_secrets = var.password_secrets != null ? var.password_secrets : {
    reader  = kubernetes_secret_v1.reader[0].metadata[0].name
    dagster = kubernetes_secret_v1.dagster[0].metadata[0].name
  }
  # nothing is loaded here: the working directories are the runs'
  env = { DLT_DATA_DIR = "/tmp/dlt" }

  services = merge(
    {
      webserver = {
        command         = local.webserver
        port            = local.ui
        service_account = local.launcher
        reaches         = { "weather/kubernetes" = "client", "weather/code" = "client" }
        annotations     = { "checkov.io/skip1" = "CKV_K8S_38=the webserver starts and stops runs, so it needs its token" }
      }
      daemon = {
        command         = ["dagster-daemon", "run", "--log-format", "json", "--workspace", "/etc/dagster/workspace.yaml"]
        port            = null
        service_account = local.launcher
        reaches         = { "weather/kubernetes" = "client", "weather/code" = "client" }
        annotations = {
          "checkov.io/skip1" = "CKV_K8S_38=the daemon starts and watches runs, so it needs its token"
          "checkov.io/skip2" = "CKV_K8S_9=the daemon serves nobody, so it has no readiness"
        }
      }
    },
    var.read_only_webserver ? {
      viewer = {
        command         = concat(local.webserver, ["--read-only"])
        port            = local.ui
        service_account = local.plain
        reaches         = { "weather/code" = "client" }
        annotations     = {}
      }
    } : {}
  )
}

module "code" {
  source = "./deployment"

  conventions = var.conventions
  cluster     = var.cluster
  namespace   = var.namespace
  component   = "code"
  image       = var.image
  migrates    = true
  command = [
    "dagster", "api", "grpc", "--host", "0.0.0.0", "--port", tostring(var.conventions.ports.code),
    "--log-format", "json", "--module-name", "dagster_project.definitions",
  ]
  port            = { name = "grpc", number = var.conventions.ports.code }
  service_account = local.plain
  reaches         = { "weather/database" = "client", "weather/internet" = "client" }
  memory          = var.memory.code
  # runs are of the code location's image, so that none is of one that did not start
  env = merge(local.env, { DAGSTER_CURRENT_IMAGE = var.image })
  # Sensors are evaluated here: they send the alerts, and compare the list of places with what is loaded. They only
  # read, so theirs is the reader's password, not the loader's.
  env_from = {
    config_maps = concat(local.storage.config_maps, [var.loader.settings.config_map, kubernetes_config_map_v1.reader.metadata[0].name])
    secrets     = concat(local.storage.secrets, [var.loader.secrets.openweather, local.password_secrets.reader, kubernetes_secret_v1.alerts.metadata[0].name])
  }
  annotations  = { deployment = {}, pod = local.pod_annotations }
  config_maps  = local.config_maps
  dagster_home = local.dagster_home
}

module "service" {
  source   = "./deployment"
  for_each = local.services

  conventions      = var.conventions
  cluster          = var.cluster
  namespace        = var.namespace
  component        = each.key
  image            = var.image
  command          = each.value.command
  replaced_at_once = each.key == "daemon"
  port             = each.value.port
  service_account  = each.value.service_account
  reaches          = merge({ "weather/database" = "client" }, each.value.reaches)
  memory           = each.key == "daemon" ? var.memory.daemon : var.memory.webserver
  env              = local.env
  env_from         = local.storage
  annotations      = { deployment = each.value.annotations, pod = local.pod_annotations }
  config_maps      = local.config_maps
  dagster_home     = local.dagster_home

  # code first: what does not start there changes nothing here
  depends_on = [module.code, kubernetes_role_binding_v1.launcher]
}

moved {
  from = kubernetes_deployment_v1.dagster["code"]
  to   = module.code.kubernetes_deployment_v1.this
}

moved {
  from = kubernetes_deployment_v1.dagster["webserver"]
  to   = module.service["webserver"].kubernetes_deployment_v1.this
}

moved {
  from = kubernetes_deployment_v1.dagster["daemon"]
  to   = module.service["daemon"].kubernetes_deployment_v1.this
}

resource "kubernetes_service_v1" "dagster" {
  for_each = merge(
    { code = { name = "grpc", number = var.conventions.ports.code } },
    { for component, its in local.services : component => its.port if its.port != null },
  )

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
