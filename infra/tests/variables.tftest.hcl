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
    backups_kept         = 0
    base_image           = "python@sha256:0000"
    backup_max_age_hours = 0
    ca_file              = "nowhere.pem"
    cluster_name         = "My Cluster"
    egress_ports         = [587] # without HTTPS
    hourly_load          = "both"
    ingestor_schedule    = "* * * *"
    load_memory          = "1000"
    locations_file       = "nowhere.csv"
    openweather_api_key  = "my key"
    passwords_revision   = 0
    postgres_image       = "postgres:latest"
    prune_schedule       = "nightly"
    secrets_revision     = 1.5
    settings             = { SOURCES__WEATHER__API_KEY = "a secret" }
    subscription_plan    = "basic"
    volume_sizes         = { database = "10" }
    work_access_mode     = "ReadOnlyMany"
  }
  expect_failures = [
    var.backup_max_age_hours, var.backup_schedule, var.backups_kept, var.base_image, var.ca_file, var.cluster_name, var.egress_ports,
    var.hourly_load, var.ingestor_schedule, var.load_memory, var.locations_file, var.openweather_api_key, var.passwords_revision,
    var.postgres_image, var.prune_schedule, var.secrets_revision, var.settings, var.subscription_plan,
    var.volume_sizes, var.work_access_mode,
  ]
}

run "an_existing_cluster_without_an_image_and_postgres_with_another_user_id" {
  command = plan
  variables {
    existing_cluster = { kubeconfig = "~/.kube/config" }
    image            = null
    postgres_image   = "postgres:17.7-alpine"
  }
  expect_failures = [var.image, var.postgres_image]
}

run "postgres_by_a_digest_alone_whose_version_nobody_knows" {
  command = plan
  variables {
    postgres_image = "postgres@sha256:17aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
  expect_failures = [var.postgres_image]
}

run "images_by_name_and_digest" {
  command = plan
  variables {
    base_image     = "python:3.12-slim@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    image          = "registry.example:5000/weather:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    postgres_image = "registry.example:5000/postgres:17.7@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
  assert {
    condition     = module.conventions.components.database.labels["app.kubernetes.io/version"] == "17.7"
    error_message = "The label of the version is the tag, without the digest."
  }
}
