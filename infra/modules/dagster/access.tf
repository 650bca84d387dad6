# What Dagster's pods may ask of Kubernetes.

# Starts, stops and watches the Jobs of runs, in its own namespace.
resource "kubernetes_service_account_v1" "dagster" {
  metadata {
    name      = "dagster"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.labels
  }
  automount_service_account_token = false
}

# Runs and the code location ask nothing of Kubernetes.
resource "kubernetes_service_account_v1" "dagster_run" {
  metadata {
    name      = "dagster-run"
    namespace = var.namespace
    labels    = var.conventions.components.run.labels
  }
  automount_service_account_token = false
}

resource "kubernetes_role_v1" "launcher" {
  metadata {
    name      = "dagster-launcher"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.labels
  }
  # a run is a Job: it is created at launch, listed to watch it, deleted when the run is terminated
  rule {
    api_groups = ["batch"]
    resources  = ["jobs"]
    verbs      = ["create", "delete", "list"]
  }
  # whether it goes on
  rule {
    api_groups = ["batch"]
    resources  = ["jobs/status"]
    verbs      = ["get"]
  }
  # pods of a terminated run are deleted; the others are listed for why one died, which the run's page shows
  rule {
    api_groups = [""]
    resources  = ["pods"]
    verbs      = ["list", "delete"]
  }
  rule {
    api_groups = [""]
    resources  = ["pods/log"]
    verbs      = ["get"]
  }
  rule {
    api_groups = [""]
    resources  = ["events"]
    verbs      = ["list"]
  }
}

resource "kubernetes_role_binding_v1" "launcher" {
  metadata {
    name      = "dagster-launcher"
    namespace = var.namespace
    labels    = var.conventions.components.daemon.labels
  }
  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = kubernetes_role_v1.launcher.metadata[0].name
  }
  subject {
    kind      = "ServiceAccount"
    name      = kubernetes_service_account_v1.dagster.metadata[0].name
    namespace = var.namespace
  }
}
