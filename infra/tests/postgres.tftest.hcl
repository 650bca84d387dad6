# The database: who may come in, and what of it is in the state.

mock_provider "kubernetes" {}

variables {
  namespace          = "database"
  image              = "postgres:17.7"
  passwords          = { postgres = "1", loader = "2", reader = "3", dagster = "4" }
  passwords_revision = 1
  storage_class      = null
  volume_size        = null
  places             = 5
  is_pruned          = true
  backups_size       = "5Gi"
  backup_schedule    = "23 2 * * *"
  backups_kept       = 14
}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "three_roles_come_in_with_their_passwords_and_none_is_a_superuser" {
  command = plan
  module { source = "./modules/postgres" }
  variables { conventions = run.conventions }
  assert {
    condition     = !strcontains(kubernetes_config_map_v1.postgres.data["pg_hba.conf"], "trust") && length(regexall("(?m)^host\\s+\\S+\\s+\\S*postgres", kubernetes_config_map_v1.postgres.data["pg_hba.conf"])) == 0
    error_message = "every client has a password, and the superuser does not come in over the network"
  }
  assert {
    condition     = length(regexall("ALTER ROLE (loader|reader|dagster) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE", kubernetes_config_map_v1.postgres.data["roles.sql"])) == 3
    error_message = "three roles, none a superuser"
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
