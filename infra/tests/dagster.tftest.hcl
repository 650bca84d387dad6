# Dagster: what it may ask of Kubernetes, and what it is told.

mock_provider "kubernetes" {}

variables {
  namespace         = "weather"
  cluster           = { kubeconfig = "/nowhere", kubectl = "kubectl" }
  image             = "registry.example/weather:1"
  load_memory       = "1Gi"
  memory            = { for pod in ["webserver", "daemon", "code", "run"] : pod => { request = "256Mi", limit = "768Mi" } }
  ui_auth           = { user = "weather", image = "nginx", secret = null }
  ui_password       = "5e171e15ec7e15ec"
  instance_settings = {}
  loader = {
    settings = { values = { DLT_DATA_DIR = "/var/lib/weather" }, config_map = "settings" }
    database = {
      host  = "postgres.database.svc.cluster.local", port = 5432, names = { dagster = "dagster" }
      users = { reader = "reader", dagster = "dagster" }, libpq = { PGSSLMODE = "require" }
    }
    files         = { contents = {}, config_map = "files", mount_path = "/etc/weather" }
    secrets       = { openweather = "openweather", loader = "postgres-loader" }
    work          = { claim = "work", mount_path = "/var/lib/weather" }
    grace_seconds = 300
  }
  dagster_password   = "not a password"
  reader_password    = "not a password"
  passwords_revision = 1
  heartbeat_url      = "https://hc-ping.com/5e171e15ec7e15ec7e15ec7e15ec7e15"
  alert_urls         = ["json://user:5e171e15ec7e15ec7e15ec7e15ec7e15@example.org"]
  secrets_revision   = 1
}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "it_starts_stops_and_watches_jobs_and_no_more" {
  command = plan
  module { source = "./modules/dagster" }
  variables { conventions = run.conventions }
  assert {
    condition = { for rule in kubernetes_role_v1.launcher.rule : join(",", rule.resources) => sort(rule.verbs) } == {
      "jobs"        = tolist(["create", "delete", "list"])
      "jobs/status" = tolist(["get"])
      "pods"        = tolist(["delete", "list"])
      "pods/log"    = tolist(["get"])
      "events"      = tolist(["list"])
    }
    error_message = "no more than starting, stopping and watching Jobs"
  }
  assert {
    condition     = kubernetes_config_map_v1.dagster_storage.data["DAGSTER_POSTGRES_USER"] == "dagster" && kubernetes_config_map_v1.reader.data["DESTINATION__POSTGRES__CREDENTIALS__USERNAME"] == "reader"
    error_message = "each application comes as its own role"
  }
  assert {
    condition     = alltrue([for service in kubernetes_service_v1.dagster : coalesce(service.spec[0].type, "ClusterIP") == "ClusterIP"])
    error_message = "nothing is reached from outside but through a forwarded port"
  }
}

run "no_secret_is_in_the_state_or_a_setting" {
  module { source = "./modules/dagster" }
  variables { conventions = run.conventions }
  assert {
    condition = alltrue([
      for secret in concat([kubernetes_secret_v1.alerts], kubernetes_secret_v1.reader, kubernetes_secret_v1.dagster, kubernetes_secret_v1.ui) :
      secret.data_wo == null && length(coalesce(secret.data, {})) == 0 && !contains(keys(secret.metadata[0].labels), "app.kubernetes.io/version")
    ])
    error_message = "secrets are written when their revision changes, never kept"
  }
  assert {
    condition     = !strcontains(jsonencode([kubernetes_config_map_v1.dagster.data, kubernetes_config_map_v1.dagster_storage.data, kubernetes_config_map_v1.ui]), "5e171e15ec7e15ec")
    error_message = "no secret is in a ConfigMap"
  }
}

run "a_bad_image_changes_nothing_and_the_daemon_never_runs_twice" {
  module { source = "./modules/dagster" }
  variables {
    conventions         = run.conventions
    read_only_webserver = true
  }
  assert {
    condition     = { for component, strategy in output.strategies : component => strategy.type } == { code = "RollingUpdate", daemon = "Recreate", viewer = "RollingUpdate", webserver = "RollingUpdate" }
    error_message = "all but the daemon start beside the pod that they replace"
  }
  assert {
    condition     = alltrue([for strategy in output.strategies : strategy.rolling_update[0].max_unavailable == "0" if strategy.type != "Recreate"])
    error_message = "the old pod ends once the new one is ready"
  }
  assert {
    condition     = !can(output.instance.run_launcher.config.job_image) && [for variable in output.pods["code"].spec[0].container[0].env : variable.value if variable.name == "DAGSTER_CURRENT_IMAGE"] == [var.image]
    error_message = "runs are of the image of the code location, which has started"
  }
  assert {
    condition     = [for component, pod in output.pods : component if length(pod.spec[0].init_container) > 0] == ["code"]
    error_message = "the first pod of a new image migrates Dagster's tables"
  }
  assert {
    condition = alltrue([
      for container in output.pods["code"].spec[0].init_container : container.security_context[0].read_only_root_filesystem && !container.security_context[0].allow_privilege_escalation && container.security_context[0].capabilities[0].drop == tolist(["ALL"]) && container.resources[0].limits.memory == var.memory.code.limit
    ])
    error_message = "with no more rights or memory than the others"
  }
  assert {
    condition     = contains(output.pods["viewer"].spec[0].container[0].command, "--read-only") && !output.pods["viewer"].spec[0].automount_service_account_token && !contains(keys(output.pods["viewer"].metadata[0].labels), "weather/kubernetes")
    error_message = "who may only look starts nothing"
  }
}

run "new_passwords_reach_every_pod_that_uses_them" {
  module { source = "./modules/dagster" }
  variables {
    conventions        = run.conventions
    passwords_revision = 2
  }
  assert {
    condition     = alltrue([for secret in [kubernetes_secret_v1.reader[0], kubernetes_secret_v1.dagster[0]] : secret.data_wo_revision == 2])
    error_message = "all are written together, or they would not match"
  }
  assert {
    condition     = alltrue([for component, pod in output.pods : pod.metadata[0].annotations["weather/passwords-revision"] == "2" if component != "ui"])
    error_message = "the pods that hold a password start again"
  }
}

run "the_proxy_without_a_password" {
  command = plan
  module { source = "./modules/dagster" }
  variables {
    conventions = run.conventions
    ui_password = null
  }
  expect_failures = [kubernetes_secret_v1.ui]
}

run "passwords_and_authorities_that_exist_are_named" {
  command = plan
  module { source = "./modules/dagster" }
  variables {
    conventions      = run.conventions
    dagster_password = null
    reader_password  = null
    password_secrets = { reader = "reads", dagster = "orchestrates" }
    loader = merge(var.loader, {
      files   = { contents = {}, config_map = "files", mount_path = "/etc/weather", authorities = { ca = { mount_path = "/etc/weather-ca", config_map = "bundle" } } }
      secrets = { openweather = "openweather", loader = "loads" }
    })
  }
  assert {
    condition     = length(concat(kubernetes_secret_v1.reader, kubernetes_secret_v1.dagster)) == 0
    error_message = "no Secret is made"
  }
  assert {
    condition = {
      for component, pod in output.pods : component => [for source in pod.spec[0].container[0].env_from : source.secret_ref[0].name if length(source.secret_ref) > 0] if component != "ui"
      } == {
      code = ["orchestrates", "openweather", "reads", "alerts"], daemon = ["orchestrates"], webserver = ["orchestrates"]
    }
    error_message = "webserver and daemon have Dagster's own password alone"
  }
  assert {
    condition     = output.instance.run_launcher.config.env_secrets == ["openweather", "loads", "orchestrates"] && contains(output.instance.run_launcher.config.volumes, { name = "ca", config_map = { name = "bundle" } })
    error_message = "runs have the Secrets and the ConfigMap"
  }
  assert {
    condition = alltrue([
      for container in concat(output.pods["code"].spec[0].init_container, output.pods["code"].spec[0].container, output.pods["daemon"].spec[0].container) :
      contains(container.volume_mount[*].mount_path, "/etc/weather-ca")
    ])
    error_message = "the authorities are in every container"
  }
}
