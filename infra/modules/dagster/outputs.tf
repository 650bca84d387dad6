output "webserver" {
  description = "Service of the webserver, and its port."
  value = {
    service = kubernetes_service_v1.dagster["webserver"].metadata[0].name
    port    = var.conventions.ports.webserver
  }
}

output "instance" {
  description = "The settings of the instance, dagster.yaml."
  value       = yamldecode(local.dagster_yaml)
}

output "pods" {
  description = "Templates of the pods, by component."
  value       = { for component, deployment in kubernetes_deployment_v1.dagster : component => deployment.spec[0].template[0] }
}
