# Nothing may talk to anything, but for what is named.

mock_provider "kubernetes" {}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "both_namespaces_are_closed_but_for_what_is_named" {
  command = plan
  module { source = "./modules/network" }
  variables {
    conventions  = run.conventions
    egress_ports = [443]
  }
  assert {
    condition     = alltrue([for namespace in [kubernetes_namespace_v1.database, kubernetes_namespace_v1.weather] : namespace.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"])
    error_message = "the namespaces must enforce it"
  }
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
}
