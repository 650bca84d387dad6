# Plans, without a cluster: what matters of what Terraform would make. `terraform test` runs it.

mock_provider "kubernetes" {}
mock_provider "kind" {}

variables {
  openweather_api_key = "0123456789abcdef0123456789abcdef"
  image               = "registry.example/weather:1"
}

# One run for all of the defaults: a plan takes seconds.
run "as_shipped" {
  command = plan

  # no container has more rights than it needs
  assert {
    condition = alltrue([
      for pod in concat(
        [kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0]],
        [kubernetes_cron_job_v1.backup.spec[0].job_template[0].spec[0].template[0].spec[0]],
        [for cron_job in kubernetes_cron_job_v1.ingestor : cron_job.spec[0].job_template[0].spec[0].template[0].spec[0]],
        [for deployment in kubernetes_deployment_v1.dagster : deployment.spec[0].template[0].spec[0]],
        ) : pod.security_context[0].run_as_non_root && pod.security_context[0].seccomp_profile[0].type == "RuntimeDefault" && alltrue([
          for container in pod.container : container.security_context[0].read_only_root_filesystem
          && !container.security_context[0].allow_privilege_escalation
          && contains(container.security_context[0].capabilities[0].drop, "ALL")
          && can(container.resources[0].limits.memory)
      ])
    ])
    error_message = "every pod: non-root, read-only, no capabilities, a memory limit"
  }
  assert {
    condition     = alltrue([for namespace in [kubernetes_namespace_v1.database, kubernetes_namespace_v1.weather] : namespace.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"])
    error_message = "the namespaces must enforce it"
  }
  assert {
    condition = sum([
      for pod in concat(
        [kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0]],
        [kubernetes_cron_job_v1.backup.spec[0].job_template[0].spec[0].template[0].spec[0]],
        [for cron_job in kubernetes_cron_job_v1.ingestor : cron_job.spec[0].job_template[0].spec[0].template[0].spec[0]],
        [for deployment in kubernetes_deployment_v1.dagster : deployment.spec[0].template[0].spec[0]],
      ) : pod.automount_service_account_token ? 1 : 0
    ]) == 2
    error_message = "only webserver and daemon may have a token of the Kubernetes API"
  }

  # the launcher has the verbs it needs
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

  # a run is a pod of its own with limits
  assert {
    condition     = yamldecode(local.dagster_yaml).run_launcher.class == "K8sRunLauncher"
    error_message = "runs must be launched in Kubernetes"
  }
  assert {
    condition     = yamldecode(local.dagster_yaml).run_launcher.config.resources.limits.memory == "1Gi"
    error_message = "a run pod needs a memory limit"
  }
  assert {
    condition = yamldecode(local.dagster_yaml).run_launcher.config.run_k8s_config.pod_spec_config == {
      security_context                 = local.run_security.pod
      automount_service_account_token  = false
      termination_grace_period_seconds = 300
    }
    error_message = "a run pod: no token, not root, and time to finish a load"
  }
  assert {
    condition     = contains([for mount in yamldecode(local.dagster_yaml).run_launcher.config.volume_mounts : mount.mount_path], kubernetes_config_map_v1.settings.data["DLT_DATA_DIR"])
    error_message = "a pending package must survive its pod"
  }
  # the shipped settings stand, but for what only a cluster needs
  assert {
    condition = {
      for name, value in yamldecode(local.dagster_yaml) : name => value if !contains(["run_launcher", "compute_logs"], name)
      } == {
      for name, value in yamldecode(file("../dagster_project/dagster.yaml")) : name => value if !contains(["run_launcher", "compute_logs"], name)
    }
    error_message = "the instance's settings must be those of dagster_project/dagster.yaml"
  }

  # the database is closed but for its clients
  assert {
    condition = alltrue([
      for policy in kubernetes_network_policy_v1.default_deny : sort(policy.spec[0].policy_types) == tolist(["Egress", "Ingress"])
      && length(policy.spec[0].ingress) == 0 && length(policy.spec[0].egress) == 0
    ])
    error_message = "both namespaces deny by default"
  }
  assert {
    condition     = length(kubernetes_network_policy_v1.database_from_clients.spec[0].ingress[0].from) == 2
    error_message = "the clients are the loads and Dagster, and the backup"
  }
  assert {
    condition     = toset(kubernetes_network_policy_v1.database_from_clients.spec[0].ingress[0].from[0].pod_selector[0].match_expressions[0].values) == toset(["ingestor", "dagster"])
    error_message = "of namespace weather: the ingestor and Dagster"
  }
  assert {
    condition     = alltrue([for service in concat([kubernetes_service_v1.postgres], values(kubernetes_service_v1.dagster)) : coalesce(service.spec[0].type, "ClusterIP") == "ClusterIP"])
    error_message = "nothing is reached from outside but through a forwarded port"
  }
  assert {
    condition     = !strcontains(kubernetes_config_map_v1.postgres.data["pg_hba.conf"], "trust") && length(regexall("(?m)^host\\s+\\S+\\s+\\S*postgres", kubernetes_config_map_v1.postgres.data["pg_hba.conf"])) == 0
    error_message = "every client has a password, and the superuser does not come in over the network"
  }

  # the three roles are no superusers
  assert {
    condition     = length(regexall("ALTER ROLE (loader|reader|dagster) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE", kubernetes_config_map_v1.postgres.data["roles.sql"])) == 3
    error_message = "three roles, none a superuser"
  }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["DESTINATION__POSTGRES__CREDENTIALS__USERNAME"] == "loader" && kubernetes_config_map_v1.dagster_storage.data["DAGSTER_POSTGRES_USER"] == "dagster" && kubernetes_config_map_v1.reader.data["DESTINATION__POSTGRES__CREDENTIALS__USERNAME"] == "reader"
    error_message = "each application comes as its own role"
  }

  # dagster does the hours unless told otherwise
  assert {
    condition     = kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].suspend && kubernetes_config_map_v1.settings.data["WEATHER_SCHEDULE"] == "on"
    error_message = "one of them, not both: calls are not spent twice"
  }
  assert {
    condition     = kubernetes_cron_job_v1.ingestor["prune"].spec[0].suspend
    error_message = "Dagster's job prunes unless told otherwise"
  }

  # every object says what it belongs to
  assert {
    condition = alltrue([
      for labels in concat(
        [for deployment in kubernetes_deployment_v1.dagster : deployment.spec[0].template[0].metadata[0].labels],
        [
          kubernetes_stateful_set_v1.postgres.spec[0].template[0].metadata[0].labels,
          kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].job_template[0].spec[0].template[0].metadata[0].labels,
          kubernetes_cron_job_v1.backup.spec[0].job_template[0].spec[0].template[0].metadata[0].labels,
          yamldecode(local.dagster_yaml).run_launcher.config.labels,
        ],
      ) : alltrue([for name in ["name", "instance", "version", "component", "part-of", "managed-by"] : contains(keys(labels), "app.kubernetes.io/${name}")])
    ])
    error_message = "the six recommended labels on every pod"
  }
}

run "the_cronjob_does_the_hours" {
  command = plan
  variables {
    hourly_load       = "cronjob"
    ingestor_schedule = "5 */2 * * *"
    subscription_plan = "developer"
    prune_schedule    = "15 4 * * *"
  }
  assert {
    condition = !kubernetes_cron_job_v1.ingestor["prune"].spec[0].suspend && kubernetes_cron_job_v1.ingestor["prune"].spec[0].schedule == "15 4 * * *" && [
      for name in ["ingestor", "prune"] : kubernetes_cron_job_v1.ingestor[name].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].args[0]
    ] == ["load", "prune"]
    error_message = "one loads, the other prunes"
  }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["SOURCES__WEATHER__SCHEDULE"] == "5 */2 * * *" && kubernetes_config_map_v1.settings.data["SOURCES__WEATHER__PLAN"] == "developer"
    error_message = "loads know the schedule and the plan"
  }
  assert {
    condition     = !kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].suspend && kubernetes_config_map_v1.settings.data["WEATHER_SCHEDULE"] == "off"
    error_message = "one of them, not both: calls are not spent twice"
  }
  assert {
    condition     = kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].concurrency_policy == "Forbid" && kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].starting_deadline_seconds > 0 && kubernetes_cron_job_v1.ingestor["ingestor"].spec[0].job_template[0].spec[0].active_deadline_seconds > 0
    error_message = "loads must not pile up"
  }
}

run "places_of_a_file_replace_the_default_ones" {
  command = plan
  variables { locations_file = "tests/places.csv" }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["SOURCES__WEATHER__LOCATIONS"] == "[]" && kubernetes_config_map_v1.files.data["places.csv"] == file("tests/places.csv")
    error_message = "a file alone: not Madrid as well"
  }
}

run "an_existing_cluster" {
  command = plan
  variables {
    existing_cluster = { kubeconfig = "~/.kube/other", context = "shared" }
  }
  assert {
    condition     = length(kind_cluster.this) == 0 && length(terraform_data.image) == 0
    error_message = "no cluster is made, no image built"
  }
  assert {
    condition     = strcontains(output.ui.forward, "--context 'shared'")
    error_message = "the commands must name the context"
  }
}

run "the_databases_volume_follows_the_places" {
  command = plan
  variables { locations = [for n in range(336) : "${n / 10},0"] }
  assert {
    condition     = kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].spec[0].resources[0].requests.storage == "85Gi"
    error_message = "336 places take 81 GiB in two years."
  }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["SOURCES__WEATHER__VOLUME_GIB"] == "85"
    error_message = "`weather status` and the check know the volume's size."
  }
}

run "without_retention_it_is_larger" {
  command = plan
  variables {
    locations = [for n in range(336) : "${n / 10},0"]
    settings  = { SOURCES__WEATHER__RETENTION__ENABLED = "false" }
  }
  assert {
    condition     = kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].spec[0].resources[0].requests.storage == "287Gi"
    error_message = "336 places take 283 GiB in two years."
  }
}

run "a_size_that_is_given_is_taken" {
  command = plan
  variables { volume_sizes = { database = "512Mi" } }
  assert {
    condition     = kubernetes_config_map_v1.settings.data["SOURCES__WEATHER__VOLUME_GIB"] == "0.5" && kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].spec[0].resources[0].requests.storage == "512Mi"
    error_message = "volume_sizes.database"
  }
}
