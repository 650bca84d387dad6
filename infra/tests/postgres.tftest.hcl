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

run "new_passwords_reach_the_server" {
  module { source = "./modules/postgres" }
  variables {
    conventions        = run.conventions
    passwords_revision = 2
  }
  assert {
    condition     = kubernetes_secret_v1.postgres.data_wo_revision == 2 && kubernetes_stateful_set_v1.postgres.spec[0].template[0].metadata[0].annotations["weather/passwords-revision"] == "2"
    error_message = "they are written, and the pod that holds them starts again"
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
