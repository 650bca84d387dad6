# Applied, so that there is a state: no key is in an output, and the cluster and its volumes are not lost by a change.

mock_provider "kubernetes" {}
mock_provider "kind" {}

variables {
  openweather_api_key = "5e171e15ec7e15ec7e15ec7e15ec7e15"
  alert_urls          = ["jsons://user:5e171e15ec7e15ec7e15ec7e15ec7e15@example.org"]
  heartbeat_url       = "https://hc-ping.com/5e171e15ec7e15ec7e15ec7e15ec7e15"
  image               = "registry.example/weather:1"
  ui_password         = "5e171e15ec7e15ec7e15ec7e15ec7e15"

  backup_copies_key           = { access_key_id = "AK1A", secret_access_key = "5e171e15ec7e15ec" }
  external_postgres_passwords = { loader = "5e171e15ec7e15ec", reader = "5e171e15ec7e15ec", dagster = "5e171e15ec7e15ec" }
}

run "the_key_is_in_no_output" {
  command = apply
  assert {
    condition     = !strcontains(jsonencode([output.database, output.ui, output.logs, output.image, output.kubeconfig]), var.openweather_api_key)
    error_message = "outputs are shown"
  }
}

run "a_change_of_the_cluster_stops_before_it_destroys_the_database" {
  command = plan
  variables { cluster_name = "another" }
  expect_failures = [terraform_data.foundation]
}

run "a_change_of_the_storage_class_stops_too_and_one_of_the_namespaces_and_another_database" {
  command = plan
  variables {
    external_postgres = { host = "10.1.2.3" }
    storage_class     = "fast"
    namespaces        = { create = false }
  }
  expect_failures = [terraform_data.foundation]
}
