# What a person may mistype is refused with a sentence, before anything is made. Every variable named in expect_failures
# must fail by itself.

mock_provider "kubernetes" {}
mock_provider "kind" {}

variables {
  openweather_api_key = "0123456789abcdef0123456789abcdef"
  image               = "registry.example/weather:1"
}

run "values_that_cannot_work" {
  command = plan
  variables {
    backup_schedule      = "nightly"
    backup_copies        = { bucket = "backups", prefix = "/weather/", region = "eu-central-1" }
    backup_copies_key    = { access_key_id = "AK1A", secret_access_key = "" }
    backups_kept         = 0
    base_image           = "python@sha256:0000"
    backup_max_age_hours = 0
    ca_file              = "nowhere.pem"
    cluster_name         = "My Cluster"
    dns                  = { addresses = ["169.254.20.10"] } # no range
    egress_allow         = [{ namespace = "monitoring", cidr = "10.0.0.1/32", ports = [9091] }]
    egress_ports         = [587] # without HTTPS
    heartbeat_url        = "hc-ping.com/5e171e15"
    hourly_load          = "both"
    image_pull_secrets   = ["My Secret"]
    ingestor_schedule    = "* * * *"
    kubernetes_api       = { addresses = ["kubernetes.default"] }
    load_memory          = "1000"
    locations            = flatten([for lat in range(-90, 91) : [for lon in range(180) : "${lat},${lon}"]])
    locations_file       = "nowhere.csv"
    namespaces           = { weather = "same", database = "same" }
    node_selector        = { "no label" = "x" }
    openweather_api_key  = "my key"
    openweather_secret   = "My Secret"
    passwords_revision   = 0
    postgres_image       = "postgres:latest"
    postgres_settings    = { port = "5433" }
    priority_class_name  = "High Priority"
    private_ranges       = ["10.0.0.0/8", "0.0.0.0/0"]
    prune_schedule       = "nightly"
    pushgateway          = "pushgateway:9091"
    secrets_revision     = 1.5
    settings             = { SOURCES__WEATHER__API_KEY = "a secret" }
    subscription_plan    = "basic"
    tolerations          = [{ key = "dedicated", effect = "Always" }]
    ui_auth              = { user = "a:b" }
    ui_password          = "too short"
    volume_sizes         = { database = "10" }
    work_access_mode     = "ReadOnlyMany"
  }
  expect_failures = [
    var.backup_copies, var.backup_copies_key, var.backup_max_age_hours, var.backup_schedule, var.backups_kept, var.base_image, var.ca_file, var.cluster_name, var.dns, var.egress_allow, var.egress_ports,
    var.heartbeat_url, var.hourly_load, var.image_pull_secrets, var.ingestor_schedule, var.kubernetes_api, var.load_memory, var.locations,
    var.locations_file, var.namespaces, var.node_selector, var.openweather_api_key, var.openweather_secret, var.passwords_revision,
    var.postgres_image, var.postgres_settings, var.priority_class_name, var.private_ranges, var.prune_schedule, var.pushgateway,
    var.secrets_revision, var.settings, var.subscription_plan, var.tolerations, var.ui_auth, var.ui_password,
    var.volume_sizes, var.work_access_mode,
  ]
}

# A second mistake of each variable that has several.
run "other_values_that_cannot_work" {
  command = plan
  variables {
    backup_schedule = "0 22-6 * * *"         # an interval that ends before it begins
    backup_copies   = { bucket = "backups" } # in no region
    ca_config_map   = { name = "My Bundle" }
    dns             = { ports = [] }
    egress_allow    = [{ ports = [9091] }]

    external_postgres_passwords = { loader = "short", reader = "5e171e15ec7e15ec", dagster = "5e171e15ec7e15ec" }
    ingestor_schedule           = "0 0 * * 7" # Kubernetes knows no seventh day
    kubernetes_api              = { ports = [0] }
    locations_file              = "Dockerfile"
    memory                      = { run = { request = "2Gi" } } # above load_memory
    namespaces                  = { weather = "Weather" }
    prune_schedule              = "60 * * * *"
    tolerations                 = [{ operator = "Equal", value = "data" }]
    ui_auth                     = { from_namespaces = ["Ingress"] }
  }
  expect_failures = [
    var.backup_copies, var.backup_schedule, var.ca_config_map, var.dns, var.egress_allow, var.external_postgres_passwords, var.ingestor_schedule, var.kubernetes_api,
    var.locations_file, var.memory, var.namespaces, var.prune_schedule, var.tolerations, var.ui_auth,
  ]
}

run "an_existing_cluster_without_an_image_and_others" {
  command = plan
  variables {
    alert_urls        = ["json://user:a-password@example.org:8080/path"] # a port that nothing opens
    existing_cluster  = { kubeconfig = "~/.kube/config" }
    external_postgres = { host = "10.1.2.3" }
    volume_sizes      = { database = "20Gi" } # of a server that is not made
    image             = null
    memory            = { database = { limit = "1G" } }
    postgres_image    = "postgres:17.7-alpine"
    shards            = 4
  }
  expect_failures = [var.alert_urls, var.external_postgres, var.image, var.memory, var.postgres_image, var.shards]
}

run "postgres_by_a_digest_alone_whose_version_nobody_knows" {
  command = plan
  variables {
    postgres_image = "postgres@sha256:17aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    backup_copies  = { bucket = "backups", endpoint = "https://s3.example.org/backups" }
    ca_file        = "tests/authority.pem"
    ca_config_map  = { name = "bundle" }
    heartbeat_url  = "http://example.org/5e171e15" # port 80, which nothing opens
  }
  expect_failures = [var.alert_urls, var.backup_copies, var.ca_config_map, var.postgres_image]
}

run "an_alert_into_the_cluster" {
  command = plan
  variables {
    alert_urls    = ["jsons://alerts.monitoring.svc/weather"] # the port is open, but not in the cluster
    backup_copies = { bucket = "backups", region = "eu-central-1", secret = "My Secret" }
    egress_allow  = [{ namespace = "proxies", ports = [443] }, { cidr = "10.1.2.3/32", ports = [443] }]
  }
  expect_failures = [var.alert_urls, var.backup_copies]
}

run "images_by_name_and_digest_and_alerts_that_can_go_out" {
  command = plan
  variables {
    base_image = "python:3.12-slim@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    # what the policies let through: by an open port, in a namespace and in a range that are named, and where only the service knows
    alert_urls = [
      "jsons://user:a-password@example.org/path", "json://alerts.monitoring.svc:80", "json://10.1.2.3:8080/", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "mailto://user:a-password@example.org",
    ]
    egress_allow   = [{ namespace = "monitoring", ports = [8081] }, { cidr = "10.1.0.0/16", ports = [8080] }]
    image          = "registry.example:5000/weather:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    postgres_image = "registry.example:5000/postgres:17.7@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
  assert {
    condition     = module.conventions.components.database.labels["app.kubernetes.io/version"] == "17.7"
    error_message = "The label of the version is the tag, without the digest."
  }
}
