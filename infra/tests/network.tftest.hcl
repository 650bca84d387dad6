# Nothing may talk to anything, but for what is named.

mock_provider "kubernetes" {}

variables {
  namespaces     = { database = "database", weather = "weather", create = true }
  egress_ports   = [443]
  egress_allow   = []
  private_ranges = ["10.0.0.0/8", "169.254.0.0/16", "fc00::/7"]
  targets        = {}
  kubernetes_api = { addresses = null, ports = [443, 6443] }
  dns            = { namespace = "kube-system", addresses = ["169.254.20.10/32"], ports = [53] }
  ui_from        = null

  external_database  = null
  backups_are_copied = false
}

run "conventions" {
  module { source = "./modules/conventions" }
  variables { versions = { project = "1.2.3", postgres = "17.7" } }
}

run "both_namespaces_are_closed_but_for_what_is_named" {
  command = plan
  module { source = "./modules/network" }
  variables { conventions = run.conventions }
  assert {
    condition = alltrue([
      for namespace in concat(kubernetes_namespace_v1.database, kubernetes_namespace_v1.weather) : alltrue([
        for mode in ["enforce", "audit", "warn"] :
        namespace.metadata[0].labels["pod-security.kubernetes.io/${mode}"] == "restricted" && contains(keys(namespace.metadata[0].labels), "pod-security.kubernetes.io/${mode}-version")
      ])
    ])
    error_message = "the namespaces must enforce it"
  }
  assert {
    condition     = alltrue([for policy in concat(values(kubernetes_network_policy_v1.default_deny), values(kubernetes_network_policy_v1.names)) : length(coalesce(policy.spec[0].pod_selector[0].match_labels, {})) == 0])
    error_message = "namespaces of ours: every pod in them"
  }
  assert {
    condition     = { for block in flatten(kubernetes_network_policy_v1.internet["weather"].spec[0].egress[0].to[*].ip_block) : block.cidr => block.except } == { "0.0.0.0/0" = tolist(["10.0.0.0/8", "169.254.0.0/16"]), "::/0" = tolist(["fc00::/7"]) }
    error_message = "outside is neither the cluster nor a private network"
  }
  assert {
    condition     = toset(flatten(kubernetes_network_policy_v1.kubernetes.spec[0].egress[0].to[*].ip_block[*].cidr)) == toset(["10.0.0.0/8", "fc00::/7"])
    error_message = "the API server is in a private network unless the cluster says otherwise"
  }
  assert {
    condition = alltrue([
      for policy in kubernetes_network_policy_v1.default_deny : sort(policy.spec[0].policy_types) == tolist(["Egress", "Ingress"])
      && length(policy.spec[0].ingress) == 0 && length(policy.spec[0].egress) == 0
    ])
    error_message = "both namespaces deny by default"
  }
  assert {
    condition     = length(kubernetes_network_policy_v1.database_from_clients[0].spec[0].ingress[0].from) == 2
    error_message = "the clients are the loads and Dagster, and the backup"
  }
  assert {
    condition     = toset(kubernetes_network_policy_v1.database_from_clients[0].spec[0].ingress[0].from[0].pod_selector[0].match_expressions[0].values) == toset(["ingestor", "dagster"])
    error_message = "of namespace weather: the ingestor and Dagster"
  }
}

run "namespaces_that_others_use_and_targets_in_the_cluster" {
  command = plan
  module { source = "./modules/network" }
  variables {
    conventions    = run.conventions
    namespaces     = { database = "team-data", weather = "team-weather", create = false }
    targets        = { pushgateway = "http://pushgateway.monitoring.svc:80", HTTPS_PROXY = "http://user:password@10.1.2.3:3128", SOURCES__WEATHER__BASE_URL = "https://api.openweathermap.org" }
    egress_allow   = [{ namespace = "monitoring", pod_labels = { app = "pushgateway" }, cidr = null, ports = [9091] }, { namespace = null, pod_labels = {}, cidr = "10.1.2.3/32", ports = [3128] }]
    kubernetes_api = { addresses = ["10.9.9.9/32"], ports = [6443] }
    dns            = { namespace = "openshift-dns", addresses = [], ports = [53, 5353] }
    ui_from        = ["ingress"]

    external_database = { port = 6432, namespace = "databases", addresses = ["10.1.0.0/24"] }
  }
  assert {
    condition     = toset(keys(kubernetes_network_policy_v1.clients_to_database)) == toset(["weather"]) && length(kubernetes_network_policy_v1.database_from_clients) == 0 && toset(keys(output.namespaces)) == toset(["weather"])
    error_message = "an external database has no namespace of ours"
  }
  assert {
    condition = (
      kubernetes_network_policy_v1.clients_to_database["weather"].spec[0].egress[0].ports[0].port == "6432" && jsonencode([
        for to in kubernetes_network_policy_v1.clients_to_database["weather"].spec[0].egress[0].to : [
          to.namespace_selector[*].match_labels["kubernetes.io/metadata.name"], length(to.pod_selector), to.ip_block[*].cidr,
        ]
      ]) == jsonencode([[["databases"], 0, []], [[], 0, ["10.1.0.0/24"]]])
    )
    error_message = "loads and Dagster reach it where it is said to be, and nowhere else"
  }
  assert {
    condition = alltrue(concat(
      [length(kubernetes_namespace_v1.database) + length(kubernetes_namespace_v1.weather) == 0],
      [for policy in concat(values(kubernetes_network_policy_v1.default_deny), values(kubernetes_network_policy_v1.names)) : policy.spec[0].pod_selector[0].match_labels["app.kubernetes.io/part-of"] == "weather"],
    ))
    error_message = "they are not made, and the pods of others in them stay as they are"
  }
  assert {
    condition     = length(data.kubernetes_endpoints_v1.api) == 0 && flatten(kubernetes_network_policy_v1.kubernetes.spec[0].egress[0].to[*].ip_block[*].cidr) == ["10.9.9.9/32"] && kubernetes_network_policy_v1.kubernetes.spec[0].egress[0].ports[*].port == tolist(["6443"])
    error_message = "the API server is where the variable says"
  }
}

run "addresses_that_nothing_opens" {
  command = plan
  module { source = "./modules/network" }
  variables {
    conventions = run.conventions
    targets     = { pushgateway = "http://pushgateway.monitoring.svc.cluster.local:443" } # the port is open, but not in the cluster, and a range is no namespace

    egress_allow = [{ namespace = null, pod_labels = {}, cidr = "10.1.2.3/32", ports = [443] }]

    backups_are_copied = true
  }
  expect_failures = [kubernetes_network_policy_v1.internet]
}
