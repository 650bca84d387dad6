output "image" {
  description = "The project's image, once the code location has started with it."
  value       = var.image
  depends_on  = [module.code]
}

output "webserver" {
  description = "Service of the webserver, and its port."
  value = {
    service = kubernetes_service_v1.dagster["webserver"].metadata[0].name
    port    = var.conventions.ports.webserver
  }
}

output "proxy" {
  description = "Address in the cluster of the proxy that asks for a password; null if there is none."
  value       = try("${kubernetes_service_v1.ui[0].metadata[0].name}.${var.namespace}.svc:${var.conventions.ports.ui}", null)
}

output "instance" {
  description = "The settings of the instance, dagster.yaml."
  value       = yamldecode(local.dagster_yaml)
}

output "storage" {
  description = "Where its records are kept, as environment variables."
  value       = kubernetes_config_map_v1.dagster_storage.data
}

output "pods" {
  description = "Templates of the pods, by component."
  value = merge(
    { code = module.code.pod },
    { for component, service in module.service : component => service.pod },
    { for deployment in kubernetes_deployment_v1.ui : "ui" => deployment.spec[0].template[0] },
  )
}

output "strategies" {
  description = "How pods are replaced, by component."
  value       = merge({ code = module.code.strategy }, { for component, service in module.service : component => service.strategy })
}
