# The database: who may come in, and what of it is in the state.

mock_provider "kubernetes" {}

variables {
  namespace          = "database"
  image              = "postgres:17.7"
  memory             = { request = "256Mi", limit = "1Gi" }
  backup_memory      = { request = "64Mi", limit = "512Mi" }
  passwords          = { postgres = "1", loader = "2", reader = "3", dagster = "4", backup = "5" }
  passwords_revision = 1
  storage_class      = null
  volume_size        = null
  places             = 5
  is_pruned          = true
  backups_size       = "5Gi"
  backup_schedule    = "23 2 * * *"
  backups_kept       = 14

  backup_max_age_hours = 26
  backup_copies        = null
  backup_copies_key    = { access_key_id = "AK1A", secret_access_key = "5e171e15ec7e15ec" }
  secrets_revision     = 1
  ca_file              = null
  kubeconfig           = "/nowhere"
  kubectl              = "kubectl"
  settings             = { checkpoint_timeout = "5min" }
}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "four_roles_come_in_with_their_passwords_and_none_is_a_superuser" {
  command = plan
  module { source = "./modules/postgres" }
  variables { conventions = run.conventions }
  assert {
    condition     = !strcontains(kubernetes_config_map_v1.postgres.data["pg_hba.conf"], "trust") && length(regexall("(?m)^(hostssl\\s+\\S+\\s+\\S*postgres|host(nossl)?\\s)", kubernetes_config_map_v1.postgres.data["pg_hba.conf"])) == 0
    error_message = "every client has a password and TLS, and the superuser does not come in over the network"
  }
  assert {
    condition = kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0].container[0].args == tolist([
      "-c", "checkpoint_timeout=5min", "-c", "max_wal_size=1024MB", "-c", "wal_compression=lz4",
    ])
    error_message = "the user's settings, and those of the module otherwise"
  }
  assert {
    condition = (
      length(regexall("(?m)^ALTER ROLE (:\"(loader|reader|dagster)\"|backup) :attributes PASSWORD ", kubernetes_config_map_v1.postgres.data["roles.sql"])) == 4 &&
      strcontains(kubernetes_config_map_v1.postgres.data["roles.sql"], "'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'")
    )
    error_message = "four roles, none a superuser"
  }
  assert {
    condition     = !contains(kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0].volume[*].name, "backups")
    error_message = "the server starts without the volume of the backups"
  }
  assert {
    condition     = module.restore.spec.suspend && contains(module.restore.pod.spec[0].volume[*].name, "backups")
    error_message = "a restore is started by hand, in a pod that has the backups"
  }
  assert {
    condition     = [for env in module.backup.pod.spec[0].container[0].env : env.name if endswith(env.name, "_PASSWORD")] == ["BACKUP_PASSWORD"]
    error_message = "the nightly pod has the password of the role that reads, and no other"
  }
  assert {
    condition     = coalesce(kubernetes_service_v1.postgres.spec[0].type, "ClusterIP") == "ClusterIP"
    error_message = "it is reached from outside only through a forwarded port"
  }
}

run "no_password_is_in_the_state" {
  module { source = "./modules/postgres" }
  variables { conventions = run.conventions }
  assert {
    condition     = kubernetes_secret_v1.postgres.data_wo == null && length(coalesce(kubernetes_secret_v1.postgres.data, {})) == 0
    error_message = "secrets are written, never kept"
  }
}

run "new_passwords_reach_the_server_and_backups_a_bucket" {
  module { source = "./modules/postgres" }
  variables {
    conventions        = run.conventions
    passwords_revision = 2
    backup_copies      = { bucket = "copies-of-backups", prefix = "weather", endpoint = "https://s3.example.org", region = null, provider = null, image = "rclone/rclone:1" }
    secrets_revision   = 3
    ca_file            = "tests/authority.pem"
  }
  assert {
    condition = { for env in module.backup.pod.spec[0].container[0].env : env.name => env.value if env.value != null && can(regex("COPIES|SSL_CERT", env.name)) } == {
      COPIES = "copies:copies-of-backups/weather", RCLONE_CONFIG_COPIES_TYPE = "s3", RCLONE_CONFIG_COPIES_PROVIDER = "Other", RCLONE_CONFIG_COPIES_ENDPOINT = "https://s3.example.org", SSL_CERT_FILE = "/tools/ca.crt"
    }
    error_message = "what rclone is told"
  }
  assert {
    condition = kubernetes_secret_v1.copies[0].data_wo == null && kubernetes_secret_v1.copies[0].data_wo_revision == 3 && toset([
      for pod in [module.backup.pod, module.restore.pod] : join(",", [for env in pod.spec[0].container[0].env : env.name if can(env.value_from[0].secret_key_ref[0].name) && strcontains(env.name, "COPIES")])
    ]) == toset(["RCLONE_CONFIG_COPIES_ACCESS_KEY_ID,RCLONE_CONFIG_COPIES_SECRET_ACCESS_KEY"])
    error_message = "the bucket's key is written, never kept, and both pods get it"
  }
  assert {
    condition = alltrue([
      for pod in [module.backup.pod, module.restore.pod] : pod.metadata[0].labels["weather/internet"] == "client" && pod.spec[0].init_container[0].image == "rclone/rclone:1" &&
      pod.spec[0].init_container[0].security_context[0].read_only_root_filesystem && strcontains(pod.spec[0].init_container[0].command[2], "/certificates/ca.crt")
    ])
    error_message = "rclone comes from its image, with the certificates that are trusted, in as closed a container"
  }
  assert {
    condition     = kubernetes_secret_v1.postgres.data_wo_revision == 2 && kubernetes_stateful_set_v1.postgres.spec[0].template[0].metadata[0].annotations["weather/passwords-revision"] == "2"
    error_message = "they are written, and the pod that holds them starts again"
  }
}

run "a_bucket_whose_key_exists" {
  command = plan
  module { source = "./modules/postgres" }
  variables {
    conventions   = run.conventions
    backup_copies = { bucket = "copies-of-backups", prefix = "", endpoint = null, region = "eu-central-1", provider = null, secret = "of-the-team", image = "rclone/rclone:1" }
    ca_config_map = { name = "bundle", key = "trust.pem" }
  }
  assert {
    condition = length(kubernetes_secret_v1.copies) == 0 && length(kubernetes_config_map_v1.copies) == 0 && {
      for env in module.backup.pod.spec[0].container[0].env : env.name => env.value_from[0].secret_key_ref[0].name if startswith(env.name, "AWS_")
    } == { AWS_ACCESS_KEY_ID = "of-the-team", AWS_SECRET_ACCESS_KEY = "of-the-team" }
    error_message = "nothing is made, and both halves of the key are the team's"
  }
  assert {
    condition = (
      contains(module.restore.pod.spec[0].container[0].env[*].name, "RCLONE_CONFIG_COPIES_ENV_AUTH") &&
      endswith(module.restore.pod.spec[0].init_container[0].command[2], "/certificates/trust.pem >/tools/ca.crt") &&
      contains([for volume in module.restore.pod.spec[0].volume : volume.config_map[0].name if length(volume.config_map) > 0], "bundle")
    )
    error_message = "rclone reads it, and trusts the authorities of the ConfigMap"
  }
}

run "another_version_touches_neither_the_secret_nor_the_claim" {
  command = plan
  module { source = "./modules/postgres" }
  variables { conventions = run.conventions }
  assert {
    condition = alltrue([
      for labels in [kubernetes_secret_v1.postgres.metadata[0].labels, kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].metadata[0].labels] :
      !contains(keys(labels), "app.kubernetes.io/version")
    ])
    error_message = "a Secret is written when its revision changes, and a claim's template cannot change"
  }
}

run "a_longer_list_of_places_enlarges_the_claim_and_leaves_the_server_running" {
  command = plan
  module { source = "./modules/postgres" }
  variables {
    conventions        = run.conventions
    passwords_revision = 2
    places             = 500
  }
  assert {
    condition     = local.volume_size == "124Gi" && terraform_data.volume.triggers_replace[0] == "124Gi"
    error_message = "4 GiB, and 0.24 of each place"
  }
  assert {
    condition = (
      kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].spec[0].resources[0].requests.storage == "10Gi" &&
      terraform_data.claim.input == "10Gi"
    )
    error_message = "the template of a StatefulSet's claims cannot change"
  }
  assert {
    condition = (
      !contains(kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0].container[0].env[*].name, "RESERVE_MIB") &&
      contains(kubernetes_stateful_set_v1.postgres.spec[0].template[0].spec[0].container[0].args, "max_wal_size=1024MB")
    )
    error_message = "nothing that follows from the number of places is in the pod"
  }
}
