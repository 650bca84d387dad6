# Nothing may talk to anything, but for what is named here. A pod's labels say what it may reach:
# weather/database, weather/internet, weather/kubernetes and weather/code, each with the value "client".

resource "kubernetes_network_policy_v1" "default_deny" {
  for_each = local.namespaces
  metadata {
    name      = "default-deny"
    namespace = each.value
    labels    = var.conventions.labels
  }
  spec {
    pod_selector {}
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
    pod_selector {}
    policy_types = ["Egress"]
    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = "kube-system" }
        }
      }
      ports {
        port     = "53"
        protocol = "UDP"
      }
      ports {
        port     = "53"
        protocol = "TCP"
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
      dynamic "ports" {
        for_each = var.egress_ports
        content {
          port     = tostring(ports.value)
          protocol = "TCP"
        }
      }
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
      ports {
        port     = "443"
        protocol = "TCP"
      }
      ports {
        port     = "6443"
        protocol = "TCP"
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
