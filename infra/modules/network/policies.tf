# Nothing may talk to anything, but for what is named here. A pod's labels say what it may reach:
# weather/database, weather/internet, weather/kubernetes and weather/code, each with the value "client".
# This file is about all pods and the database, outside.tf about the ways out of the pods' network, dagster.tf about those
# of Dagster's services among themselves.

locals {
  # pods of others in a namespace that is not ours alone are none of our business
  all_pods = var.namespaces.create ? null : { "app.kubernetes.io/part-of" = var.conventions.labels["app.kubernetes.io/part-of"] }
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
  count = var.external_database == null ? 1 : 0
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

moved {
  from = kubernetes_network_policy_v1.database_from_clients
  to   = kubernetes_network_policy_v1.database_from_clients[0]
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
      dynamic "to" {
        for_each = var.external_database == null ? [local.namespaces.database] : var.external_database.namespace[*]
        content {
          namespace_selector {
            match_labels = { "kubernetes.io/metadata.name" = to.value }
          }
          dynamic "pod_selector" {
            for_each = var.external_database == null ? [var.conventions.components.database.selector] : []
            content {
              match_labels = pod_selector.value
            }
          }
        }
      }
      dynamic "to" {
        for_each = try(var.external_database.addresses, [])
        content {
          ip_block {
            cidr = to.value
          }
        }
      }
      ports {
        port     = tostring(var.external_database == null ? var.conventions.ports.postgres : var.external_database.port)
        protocol = "TCP"
      }
    }
  }
}
