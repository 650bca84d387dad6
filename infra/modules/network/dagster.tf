# The ways of Dagster's services among themselves: to the code location, and from the proxy to the webserver.

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
