# Nothing may talk to anything, but for what is named here. A pod's labels say what it may reach:
# weather/database, weather/internet, weather/kubernetes and weather/code, each with the value "client".

locals {
  # pods of others in a namespace that is not ours alone are none of our business
  all_pods = var.namespaces.create ? null : { "app.kubernetes.io/part-of" = var.conventions.labels["app.kubernetes.io/part-of"] }

  # An API server's private address moves, with a restart of a Kind node or an upgrade of EKS, say; a public one is read.
  api_addresses = var.kubernetes_api.addresses != null ? var.kubernetes_api.addresses : concat(
    [for range in var.private_ranges : range if !startswith(range, "169.254.") && !startswith(range, "fe80:")],
    distinct([for ip in local.api_servers : strcontains(ip, ":") ? "${ip}/128" : "${ip}/32"]),
  )
  api_servers = flatten([
    for endpoints in data.kubernetes_endpoints_v1.api : [for subset in endpoints.subset : [for address in subset.address : address.ip]]
  ])
}

data "kubernetes_endpoints_v1" "api" {
  count = var.kubernetes_api.addresses == null ? 1 : 0
  metadata {
    name      = "kubernetes"
    namespace = "default"
  }
}

resource "kubernetes_network_policy_v1" "default_deny" {
  for_each = local.namespaces
  metadata {
    name      = "default-deny"
    namespace = each.value
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = local.all_pods
    }
    policy_types = ["Ingress", "Egress"]
  }
}

resource "kubernetes_network_policy_v1" "names" {
  for_each = local.namespaces
  metadata {
    name      = "names"
    namespace = each.value
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = local.all_pods
    }
    policy_types = ["Egress"]
    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = var.dns.namespace }
        }
      }
      dynamic "to" {
        for_each = var.dns.addresses
        content {
          ip_block {
            cidr = to.value
          }
        }
      }
      dynamic "ports" {
        for_each = setproduct(var.dns.ports, ["UDP", "TCP"])
        content {
          port     = tostring(ports.value[0])
          protocol = ports.value[1]
        }
      }
    }
  }
}

# The database's clients: the loads and Dagster from namespace weather, the backup from its own.
resource "kubernetes_network_policy_v1" "database_from_clients" {
  metadata {
    name      = "postgres-from-clients"
    namespace = local.namespaces.database
    labels    = var.conventions.components.database.labels
  }
  spec {
    pod_selector {
      match_labels = var.conventions.components.database.selector
    }
    policy_types = ["Ingress"]
    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = local.namespaces.weather }
        }
        pod_selector {
          match_labels = { "weather/database" = "client" }
          match_expressions {
            key      = "app.kubernetes.io/name"
            operator = "In"
            values   = ["ingestor", "dagster"]
          }
        }
      }
      from {
        pod_selector {
          match_labels = var.conventions.components.backup.selector
        }
      }
      ports {
        port     = tostring(var.conventions.ports.postgres)
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "clients_to_database" {
  for_each = local.namespaces
  metadata {
    name      = "clients-to-postgres"
    namespace = each.value
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/database" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = local.namespaces.database }
        }
        pod_selector {
          match_labels = var.conventions.components.database.selector
        }
      }
      ports {
        port     = tostring(var.conventions.ports.postgres)
        protocol = "TCP"
      }
    }
  }
}

# Loads ask OpenWeather; the code location sends alerts.
resource "kubernetes_network_policy_v1" "internet" {
  metadata {
    name      = "clients-to-internet"
    namespace = local.namespaces.weather
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/internet" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      dynamic "to" {
        for_each = { "0.0.0.0/0" = false, "::/0" = true }
        content {
          ip_block {
            cidr   = to.key
            except = [for range in var.private_ranges : range if strcontains(range, ":") == to.value]
          }
        }
      }
      dynamic "ports" {
        for_each = var.egress_ports
        content {
          port     = tostring(ports.value)
          protocol = "TCP"
        }
      }
    }
    dynamic "egress" {
      for_each = var.egress_allow
      content {
        to {
          dynamic "ip_block" {
            for_each = egress.value.cidr[*]
            content {
              cidr = ip_block.value
            }
          }
          dynamic "namespace_selector" {
            for_each = egress.value.namespace[*]
            content {
              match_labels = { "kubernetes.io/metadata.name" = namespace_selector.value }
            }
          }
          dynamic "pod_selector" {
            for_each = length(egress.value.pod_labels) > 0 ? [egress.value.pod_labels] : []
            content {
              match_labels = pod_selector.value
            }
          }
        }
        dynamic "ports" {
          for_each = egress.value.ports
          content {
            port     = tostring(ports.value)
            protocol = "TCP"
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.cut_off) == 0
      error_message = "The network policies let no load reach the address in ${join(", ", local.cut_off)}: open its port in egress_ports, or, if it is in the cluster or in a private network, add it to egress_allow, such as { namespace = \"monitoring\", ports = [9091] }."
    }
  }
}

# Webserver and daemon ask the Kubernetes API, which listens outside the pods' network, at 443 or, on its node, 6443.
resource "kubernetes_network_policy_v1" "kubernetes" {
  metadata {
    name      = "launchers-to-kubernetes"
    namespace = local.namespaces.weather
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/kubernetes" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      dynamic "to" {
        for_each = local.api_addresses
        content {
          ip_block {
            cidr = to.value
          }
        }
      }
      dynamic "ports" {
        for_each = var.kubernetes_api.ports
        content {
          port     = tostring(ports.value)
          protocol = "TCP"
        }
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "code" {
  metadata {
    name      = "code-from-clients"
    namespace = local.namespaces.weather
    labels    = var.conventions.components.code.labels
  }
  spec {
    pod_selector {
      match_labels = var.conventions.components.code.selector
    }
    policy_types = ["Ingress"]
    ingress {
      from {
        pod_selector {
          match_labels = { "weather/code" = "client" }
        }
      }
      ports {
        port     = tostring(var.conventions.ports.code)
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "clients_to_code" {
  metadata {
    name      = "clients-to-code"
    namespace = local.namespaces.weather
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/code" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      to {
        pod_selector {
          match_labels = var.conventions.components.code.selector
        }
      }
      ports {
        port     = tostring(var.conventions.ports.code)
        protocol = "TCP"
      }
    }
  }
}

# The proxy that asks for a password, if there is one, and its way to the webserver. Forwarded ports need no policy.
resource "kubernetes_network_policy_v1" "ui" {
  count = var.ui_from == null ? 0 : 1
  metadata {
    name      = "ui-from-clients"
    namespace = local.namespaces.weather
    labels    = var.conventions.components.ui.labels
  }
  spec {
    pod_selector {
      match_labels = var.conventions.components.ui.selector
    }
    policy_types = ["Ingress"]
    dynamic "ingress" {
      for_each = length(var.ui_from) > 0 ? [var.ui_from] : []
      content {
        dynamic "from" {
          for_each = ingress.value
          content {
            namespace_selector {
              match_labels = { "kubernetes.io/metadata.name" = from.value }
            }
          }
        }
        ports {
          port     = tostring(var.conventions.ports.ui)
          protocol = "TCP"
        }
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "webserver" {
  count = var.ui_from == null ? 0 : 1
  metadata {
    name      = "webserver-from-ui"
    namespace = local.namespaces.weather
    labels    = var.conventions.components.webserver.labels
  }
  spec {
    pod_selector {
      match_labels = var.conventions.components.webserver.selector
    }
    policy_types = ["Ingress"]
    ingress {
      from {
        pod_selector {
          match_labels = var.conventions.components.ui.selector
        }
      }
      ports {
        port     = tostring(var.conventions.ports.webserver)
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "ui_to_webserver" {
  count = var.ui_from == null ? 0 : 1
  metadata {
    name      = "ui-to-webserver"
    namespace = local.namespaces.weather
    labels    = var.conventions.components.ui.labels
  }
  spec {
    pod_selector {
      match_labels = var.conventions.components.ui.selector
    }
    policy_types = ["Egress"]
    egress {
      to {
        pod_selector {
          match_labels = var.conventions.components.webserver.selector
        }
      }
      ports {
        port     = tostring(var.conventions.ports.webserver)
        protocol = "TCP"
      }
    }
  }
}
