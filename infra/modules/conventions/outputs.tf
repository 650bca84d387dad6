output "labels" {
  description = "Labels of all objects."
  value       = local.labels
}

output "components" {
  description = "By component: the labels that select its pods, those of its objects, and those of objects that are made once."
  value = {
    for component, name in local.names : component => {
      selector       = local.selectors[component]
      lasting_labels = local.lasting_labels[component]
      labels = merge(local.lasting_labels[component], {
        "app.kubernetes.io/version" = name == "postgres" ? var.versions.postgres : var.versions.project
      })
    }
  }
}

output "users" {
  description = "Numeric user and group of pods, by image: the project's is that of its Dockerfile, PostgreSQL's that of the official image."
  value = {
    project  = 10001
    postgres = 999
  }
}

output "pods" {
  description = "Security contexts of every pod and every container, which the Pod Security Standard \"restricted\" asks for, and a read-only root; and where pods run."
  value = {
    security = {
      run_as_non_root = true
      # a large volume is not walked through before every start
      fs_group_change_policy = "OnRootMismatch"
      seccomp_profile        = "RuntimeDefault"
    }
    container_security = {
      allow_privilege_escalation = false
      read_only_root_filesystem  = true
      drop                       = ["ALL"]
    }
    placement = var.placement
  }
}

output "ports" {
  description = "Ports that pods listen at."
  value = {
    postgres  = 5432
    code      = 4000
    webserver = 3000
    ui        = 8080
  }
}
