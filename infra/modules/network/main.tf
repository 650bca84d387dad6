# The two namespaces: the database with its backups, and all that loads and shows the weather.

resource "kubernetes_namespace_v1" "database" {
  metadata {
    name = "database"
    labels = merge(var.conventions.labels, {
      "pod-security.kubernetes.io/enforce" = "restricted"
    })
  }
}

resource "kubernetes_namespace_v1" "weather" {
  metadata {
    name = "weather"
    labels = merge(var.conventions.labels, {
      "pod-security.kubernetes.io/enforce" = "restricted"
    })
  }
}

locals {
  namespaces = {
    database = kubernetes_namespace_v1.database.metadata[0].name
    weather  = kubernetes_namespace_v1.weather.metadata[0].name
  }
}
