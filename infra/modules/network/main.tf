# The two namespaces, of the database with its backups and of all that loads and shows the weather, and what may reach what.

locals {
  # The standard that pods must meet is that of one version, or an upgrade of the cluster could refuse them; warnings and
  # the audit log tell of the newest one's.
  pod_security = {
    "pod-security.kubernetes.io/enforce"         = "restricted"
    "pod-security.kubernetes.io/enforce-version" = "v1.34"
    "pod-security.kubernetes.io/audit"           = "restricted"
    "pod-security.kubernetes.io/audit-version"   = "latest"
    "pod-security.kubernetes.io/warn"            = "restricted"
    "pod-security.kubernetes.io/warn-version"    = "latest"
  }
  # an external database needs no namespace
  namespaces = merge(
    { weather = var.namespaces.create ? kubernetes_namespace_v1.weather[0].metadata[0].name : var.namespaces.weather },
    var.external_database == null ? {
      database = var.namespaces.create ? kubernetes_namespace_v1.database[0].metadata[0].name : var.namespaces.database
    } : {},
  )
}

resource "kubernetes_namespace_v1" "database" {
  count = var.namespaces.create && var.external_database == null ? 1 : 0
  metadata {
    name   = var.namespaces.database
    labels = merge(var.conventions.labels, local.pod_security)
  }
}

resource "kubernetes_namespace_v1" "weather" {
  count = var.namespaces.create ? 1 : 0
  metadata {
    name   = var.namespaces.weather
    labels = merge(var.conventions.labels, local.pod_security)
  }
}
