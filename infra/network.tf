# Nothing may talk to anything, but for what is named here. A pod's labels say what it may reach:
# weather/database, weather/internet, weather/kubernetes and weather/code, each with the value "client".

resource "kubernetes_network_policy_v1" "default_deny" {
  for_each = {
    database = kubernetes_namespace_v1.database.metadata[0].name
    weather  = kubernetes_namespace_v1.weather.metadata[0].name
  }
  metadata {
    name      = "default-deny"
    namespace = each.value
    labels    = local.labels
  }
  spec {
    pod_selector {}
    policy_types = ["Ingress", "Egress"]
  }
}

resource "kubernetes_network_policy_v1" "names" {
  for_each = {
    database = kubernetes_namespace_v1.database.metadata[0].name
    weather  = kubernetes_namespace_v1.weather.metadata[0].name
  }
  metadata {
    name      = "names"
    namespace = each.value
    labels    = local.labels
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
    namespace = kubernetes_namespace_v1.database.metadata[0].name
    labels    = local.labels_of.database
  }
  spec {
    pod_selector {
      match_labels = local.selector.database
    }
    policy_types = ["Ingress"]
    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = kubernetes_namespace_v1.weather.metadata[0].name }
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
          match_labels = local.selector.backup
        }
      }
      ports {
        port     = "5432"
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "clients_to_database" {
  for_each = {
    database = kubernetes_namespace_v1.database.metadata[0].name
    weather  = kubernetes_namespace_v1.weather.metadata[0].name
  }
  metadata {
    name      = "clients-to-postgres"
    namespace = each.value
    labels    = local.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/database" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = kubernetes_namespace_v1.database.metadata[0].name }
        }
        pod_selector {
          match_labels = local.selector.database
        }
      }
      ports {
        port     = "5432"
        protocol = "TCP"
      }
    }
  }
}

# Loads ask OpenWeather; the code location sends alerts.
resource "kubernetes_network_policy_v1" "internet" {
  metadata {
    name      = "clients-to-internet"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels
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
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels
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
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels_of.code
  }
  spec {
    pod_selector {
      match_labels = local.selector.code
    }
    policy_types = ["Ingress"]
    ingress {
      from {
        pod_selector {
          match_labels = { "weather/code" = "client" }
        }
      }
      ports {
        port     = tostring(local.code_port)
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "clients_to_code" {
  metadata {
    name      = "clients-to-code"
    namespace = kubernetes_namespace_v1.weather.metadata[0].name
    labels    = local.labels
  }
  spec {
    pod_selector {
      match_labels = { "weather/code" = "client" }
    }
    policy_types = ["Egress"]
    egress {
      to {
        pod_selector {
          match_labels = local.selector.code
        }
      }
      ports {
        port     = tostring(local.code_port)
        protocol = "TCP"
      }
    }
  }
}
