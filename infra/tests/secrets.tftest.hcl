# Applied, so that there is a state to look into: no password and no key is in it, nor in an output.

mock_provider "kubernetes" {}
mock_provider "kind" {}

variables {
  openweather_api_key = "5e171e15ec7e15ec7e15ec7e15ec7e15"
  alert_urls          = ["json://user:5e171e15ec7e15ec7e15ec7e15ec7e15@example.org"]
  image               = "registry.example/weather:1"
}

run "no_secret_is_in_state_or_outputs" {
  command = apply
  assert {
    condition = alltrue([
      for secret in concat(kubernetes_secret_v1.openweather, [
        kubernetes_secret_v1.postgres, kubernetes_secret_v1.loader, kubernetes_secret_v1.reader, kubernetes_secret_v1.dagster,
        kubernetes_secret_v1.alerts,
      ]) : secret.data_wo == null && length(coalesce(secret.data, {})) == 0
    ])
    error_message = "secrets are written, never kept"
  }
  assert {
    condition = !strcontains(jsonencode([
      kubernetes_config_map_v1.settings.data, kubernetes_config_map_v1.dagster.data, kubernetes_config_map_v1.dagster_storage.data,
      kubernetes_config_map_v1.postgres.data, output.database, output.ui, output.logs, output.image, output.kubeconfig,
    ]), var.openweather_api_key)
    error_message = "the key is in no ConfigMap and no output"
  }
}

run "new_passwords_reach_every_pod_that_uses_them" {
  command = apply
  variables { passwords_revision = 2 }
  assert {
    condition = alltrue([
      for secret in [kubernetes_secret_v1.postgres, kubernetes_secret_v1.loader, kubernetes_secret_v1.reader, kubernetes_secret_v1.dagster] :
      secret.data_wo_revision == 2
    ])
    error_message = "all are written together, or they would not match"
  }
  assert {
    condition = alltrue([
      for pods in concat(values(kubernetes_deployment_v1.dagster), [kubernetes_stateful_set_v1.postgres]) :
      pods.spec[0].template[0].metadata[0].annotations["weather/passwords-revision"] == "2"
    ])
    error_message = "the pods that hold a password start again"
  }
}

run "another_version_touches_neither_secrets_nor_the_claim" {
  command = apply
  variables { postgres_image = "postgres:17.99" }
  assert {
    condition = alltrue([
      for labels in concat(
        [for secret in [
          kubernetes_secret_v1.postgres, kubernetes_secret_v1.loader, kubernetes_secret_v1.reader, kubernetes_secret_v1.dagster,
          kubernetes_secret_v1.alerts, kubernetes_secret_v1.openweather[0],
        ] : secret.metadata[0].labels],
        [kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].metadata[0].labels],
      ) : !contains(keys(labels), "app.kubernetes.io/version")
    ])
    error_message = "a Secret is written when its revision changes, and a claim's template cannot change"
  }
}

run "a_change_of_the_cluster_stops_before_it_destroys_the_database" {
  command = plan
  variables { cluster_name = "another" }
  expect_failures = [terraform_data.foundation]
}

run "a_change_of_the_storage_class_stops_too" {
  command = plan
  variables { storage_class = "fast" }
  expect_failures = [terraform_data.foundation]
}
