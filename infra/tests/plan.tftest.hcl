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
      for pod in concat(values(module.postgres[0].pods), values(module.loader.pods), values(module.dagster.pods)) : pod.spec[0].security_context[0].run_as_non_root && pod.spec[0].security_context[0].seccomp_profile[0].type == "RuntimeDefault" && alltrue([
        for container in pod.spec[0].container : container.security_context[0].read_only_root_filesystem
        && !container.security_context[0].allow_privilege_escalation
        && contains(container.security_context[0].capabilities[0].drop, "ALL")
        && can(container.resources[0].limits.memory)
      ])
    ])
    error_message = "every pod (of the one init container, dagster.tftest.hcl): non-root, read-only, no capabilities, a memory limit"
  }
  assert {
    condition = sum([
      for pod in concat(values(module.postgres[0].pods), values(module.loader.pods), values(module.dagster.pods)) : pod.spec[0].automount_service_account_token ? 1 : 0
    ]) == 2
    error_message = "only webserver and daemon may have a token of the Kubernetes API"
  }

  # a run is a pod of its own with limits
  assert {
    condition     = module.dagster.instance.run_launcher.class == "K8sRunLauncher"
    error_message = "runs must be launched in Kubernetes"
  }
  assert {
    condition     = module.dagster.instance.run_launcher.config.resources.limits.memory == "1Gi"
    error_message = "a run pod needs a memory limit"
  }
  assert {
    condition = module.dagster.instance.run_launcher.config.run_k8s_config.pod_spec_config == {
      security_context = {
        run_as_non_root        = true
        run_as_user            = 10001
        run_as_group           = 10001
        fs_group               = 10001
        fs_group_change_policy = "OnRootMismatch"
        seccomp_profile        = { type = "RuntimeDefault" }
      }
      automount_service_account_token  = false
      termination_grace_period_seconds = 300
    }
    error_message = "a run pod: no token, not root, and time to finish a load"
  }
  assert {
    condition     = contains([for mount in module.dagster.instance.run_launcher.config.volume_mounts : mount.mount_path], module.loader.settings.values["DLT_DATA_DIR"])
    error_message = "a pending package must survive its pod"
  }
  # the shipped settings stand, but for what only a cluster needs
  assert {
    condition = {
      for name, value in module.dagster.instance : name => value if !contains(["run_launcher", "compute_logs"], name)
      } == {
      for name, value in yamldecode(file("../dagster_project/dagster.yaml")) : name => value if !contains(["run_launcher", "compute_logs"], name)
    }
    error_message = "the instance's settings must be those of dagster_project/dagster.yaml"
  }

  # dagster does the hours unless told otherwise
  assert {
    condition     = module.loader.cron_jobs["ingestor"].suspend && module.loader.settings.values["WEATHER_SCHEDULE"] == "on"
    error_message = "one of them, not both: calls are not spent twice"
  }
  assert {
    condition     = module.loader.cron_jobs["prune"].suspend
    error_message = "Dagster's job prunes unless told otherwise"
  }

  # every object says what it belongs to
  assert {
    condition = alltrue([
      for labels in concat(
        [for pod in concat(values(module.postgres[0].pods), values(module.loader.pods), values(module.dagster.pods)) : pod.metadata[0].labels],
        [module.dagster.instance.run_launcher.config.labels],
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
    condition = !module.loader.cron_jobs["prune"].suspend && module.loader.cron_jobs["prune"].schedule == "15 4 * * *" && [
      for name in ["ingestor", "prune"] : module.loader.pods[name].spec[0].container[0].args[0]
    ] == ["load", "prune"]
    error_message = "one loads, the other prunes"
  }
  assert {
    condition     = module.loader.settings.values["SOURCES__WEATHER__SCHEDULE"] == "5 */2 * * *" && module.loader.settings.values["SOURCES__WEATHER__PLAN"] == "developer"
    error_message = "loads know the schedule and the plan"
  }
  assert {
    condition     = !module.loader.cron_jobs["ingestor"].suspend && module.loader.settings.values["WEATHER_SCHEDULE"] == "off"
    error_message = "one of them, not both: calls are not spent twice"
  }
  assert {
    condition     = module.loader.cron_jobs["ingestor"].concurrency_policy == "Forbid" && module.loader.cron_jobs["ingestor"].starting_deadline_seconds > 0 && module.loader.cron_jobs["ingestor"].job_template[0].spec[0].active_deadline_seconds > 0
    error_message = "loads must not pile up"
  }
}

run "places_of_a_file_replace_the_default_ones" {
  command = plan
  variables { locations_file = "tests/places.csv" }
  assert {
    condition     = module.loader.settings.values["SOURCES__WEATHER__LOCATIONS"] == "[]" && module.loader.files.contents["places.csv"] == file("tests/places.csv")
    error_message = "a file alone: not Madrid as well"
  }
}

# What a team with a cluster of its own sets: it reaches every pod, and the pods of runs.
run "an_existing_cluster" {
  command = plan
  variables {
    existing_cluster    = { kubeconfig = "~/.kube/other", context = "shared" }
    namespaces          = { weather = "team-weather", database = "team-database", create = false }
    image_pull_secrets  = ["registry"]
    node_selector       = { "kubernetes.io/arch" = "amd64" }
    tolerations         = [{ key = "dedicated", value = "data", effect = "NoSchedule" }]
    priority_class_name = "batch"
    load_memory         = "3Gi"
    memory              = { database = { limit = "2Gi" }, backup = { limit = "2Gi" }, webserver = { limit = "2Gi" }, daemon = { limit = "2Gi" }, code = { limit = "2Gi" }, run = { request = "1Gi" } }
    pushgateway         = "http://pushgateway.monitoring.svc:9091"
    egress_allow        = [{ namespace = "monitoring", ports = [9091] }]
    ui_auth             = { from_namespaces = ["ingress"], secret = "password-of-the-ui" }
    read_only_webserver = true
    shards              = 4 # on nodes that are chosen
  }
  assert {
    condition     = length(module.cluster) == 0
    error_message = "no cluster is made, no image built"
  }
  assert {
    condition     = strcontains(output.ui.forward, "--context 'shared' -n team-weather") && strcontains(output.database.inside, "-n team-database") && strcontains(output.logs.run, "-n team-weather")
    error_message = "the commands must name the context and the namespaces"
  }
  assert {
    condition = alltrue([
      for pod in concat(values(module.postgres[0].pods), values(module.loader.pods), values(module.dagster.pods)) : (
        pod.spec[0].image_pull_secrets[*].name == tolist(["registry"]) && pod.spec[0].node_selector == tomap({ "kubernetes.io/arch" = "amd64" }) &&
        pod.spec[0].toleration[*].key == tolist(["dedicated"]) && pod.spec[0].priority_class_name == "batch"
      )
    ])
    error_message = "every pod: the Secret of its image, its nodes, what it tolerates, its priority"
  }
  assert {
    condition = { for name, value in module.dagster.instance.run_launcher.config.run_k8s_config.pod_spec_config : name => value if contains(["image_pull_secrets", "node_selector", "tolerations", "priority_class_name"], name) } == {
      image_pull_secrets  = [{ name = "registry" }]
      node_selector       = { "kubernetes.io/arch" = "amd64" }
      tolerations         = [{ key = "dedicated", operator = "Equal", value = "data", effect = "NoSchedule" }]
      priority_class_name = "batch"
    }
    error_message = "the pods of runs, too"
  }
  assert {
    condition = toset(flatten([
      [for pod in concat(values(module.postgres[0].pods), values(module.dagster.pods)) : [for container in pod.spec[0].container : container.resources[0].limits.memory if container.name != "nginx"]],
    ])) == toset(["2Gi"]) && toset([for pod in module.loader.pods : pod.spec[0].container[0].resources[0].limits.memory]) == toset(["3Gi"]) && module.dagster.instance.run_launcher.config.resources == { requests = { cpu = "100m", memory = "1Gi" }, limits = { memory = "3Gi" } }
    error_message = "the memory of every pod is what was set"
  }
  assert {
    condition = alltrue([
      for container in module.dagster.pods.ui.spec[0].container : container.security_context[0].read_only_root_filesystem && !container.security_context[0].allow_privilege_escalation && contains(container.security_context[0].capabilities[0].drop, "ALL")
    ]) && module.dagster.pods.ui.spec[0].security_context[0].run_as_non_root && !module.dagster.pods.ui.spec[0].automount_service_account_token
    error_message = "the proxy is as closed as all pods"
  }
  assert {
    condition     = module.loader.settings.values["WEATHER_SHARDS"] == "4"
    error_message = "runs know the number of shards"
  }
}

run "the_databases_volume_follows_the_places" {
  command = plan
  variables { locations = [for n in range(336) : "${n / 10},0"] }
  assert {
    condition     = module.postgres[0].claim.resources[0].requests.storage == "85Gi"
    error_message = "336 places take 81 GiB in two years."
  }
  assert {
    condition     = module.loader.settings.values["SOURCES__WEATHER__VOLUME_GIB"] == "85"
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
    condition     = module.postgres[0].claim.resources[0].requests.storage == "287Gi"
    error_message = "336 places take 283 GiB in two years."
  }
}

run "a_size_that_is_given_is_taken" {
  command = plan
  variables { volume_sizes = { database = "512Mi" } }
  assert {
    condition     = module.loader.settings.values["SOURCES__WEATHER__VOLUME_GIB"] == "0.5" && module.postgres[0].claim.resources[0].requests.storage == "512Mi"
    error_message = "volume_sizes.database"
  }
}

run "a_postgres_of_the_team" {
  command = plan
  variables {
    external_postgres = {
      host  = "db.example.org", port = 6432, ca_file = "tests/authority.pem", addresses = ["10.1.0.0/24"]
      users = { loader = "wx_loader", reader = "wx_reader", dagster = "wx_dagster" }, databases = { weather = "wx" }
    }
    external_postgres_passwords = { loader = "5e171e15ec7e15ec", reader = "5e171e15ec7e15ec", dagster = "5e171e15ec7e15ec" }
  }
  assert {
    condition     = length(module.postgres) == 0 && toset(keys(output.namespaces)) == toset(["weather"]) && !contains(keys(output.logs), "backup")
    error_message = "no server, volume or backups are made"
  }
  assert {
    condition = {
      for name, value in module.loader.settings.values : name => value if can(regex("^(DESTINATION|PG)|VOLUME", name))
      } == {
      DESTINATION__POSTGRES__CREDENTIALS__HOST     = "db.example.org"
      DESTINATION__POSTGRES__CREDENTIALS__PORT     = "6432"
      DESTINATION__POSTGRES__CREDENTIALS__DATABASE = "wx"
      DESTINATION__POSTGRES__CREDENTIALS__USERNAME = "wx_loader"
      PGSSLMODE                                    = "verify-full"
      PGSSLROOTCERT                                = "/etc/weather/postgres-ca.crt"
      PGCHANNELBINDING                             = "prefer"
    }
    error_message = "loads go there, and check its certificate by its authority"
  }
  assert {
    condition     = module.loader.files.contents["postgres-ca.crt"] == file("tests/authority.pem")
    error_message = "every pod has the authority's certificate"
  }
  assert {
    condition = module.dagster.storage == tomap(merge(module.loader.database.libpq, {
      DAGSTER_HOME          = "/dagster", DAGSTER_POSTGRES_HOST = "db.example.org", DAGSTER_POSTGRES_PORT = "6432", DAGSTER_POSTGRES_DB = "dagster"
      DAGSTER_POSTGRES_USER = "wx_dagster", WEATHER_LOG_FORMAT = "json"
    }))
    error_message = "Dagster's records go there, too"
  }
  assert {
    condition     = output.database.connect == "psql 'host=db.example.org port=6432 dbname=wx user=wx_reader sslmode=verify-full sslrootcert=tests/authority.pem'"
    error_message = "how people reach it"
  }
}

run "a_postgres_of_the_team_whose_secrets_and_authority_exist" {
  command = plan
  variables {
    openweather_api_key = null
    openweather_secret  = "key"
    ca_config_map       = { name = "bundle" }
    external_postgres = {
      host          = "db.example.org", addresses = ["10.1.0.0/24"]
      secrets       = { loader = "loads", reader = "reads", dagster = "orchestrates" }
      ca_config_map = { name = "authorities-of-databases", key = "db.pem" }
    }
  }
  assert {
    condition     = module.dagster.instance.run_launcher.config.env_secrets == ["key", "loads", "orchestrates"]
    error_message = "runs have the Secrets that are named; no password is given"
  }
  assert {
    condition = { for name in ["SSL_CERT_FILE", "PGSSLMODE", "PGSSLROOTCERT"] : name => module.loader.settings.values[name] } == {
      SSL_CERT_FILE = "/etc/weather-ca/ca.crt", PGSSLMODE = "verify-full", PGSSLROOTCERT = "/etc/weather-postgres-ca/db.pem"
    }
    error_message = "and trust what the ConfigMaps hold"
  }
  assert {
    condition     = strcontains(output.database.password, " get secret reads ")
    error_message = "people read the password from the Secret that is named"
  }
  assert {
    condition     = output.database.connect == "psql 'host=db.example.org port=5432 dbname=weather user=reader sslmode=verify-full sslrootcert=db.pem'"
    error_message = "how people reach it, with the file that the ConfigMap has"
  }
}
