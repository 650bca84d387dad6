# The ways out of the pods' network: to the internet, and to the Kubernetes API.

locals {
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

# Loads ask OpenWeather; the code location sends alerts; backups are copied to a bucket.
resource "kubernetes_network_policy_v1" "internet" {
  for_each = { for name, namespace in local.namespaces : name => namespace if name == "weather" || var.backups_are_copied }
  metadata {
    name      = "clients-to-internet"
    namespace = each.value
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
      error_message = "The network policies let nobody reach the address in ${join(", ", local.cut_off)}: open its port in egress_ports, or, if it is in the cluster or in a private network, add it to egress_allow, such as { namespace = \"monitoring\", ports = [9091] }."
    }
  }
}

moved {
  from = kubernetes_network_policy_v1.internet
  to   = kubernetes_network_policy_v1.internet["weather"]
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
