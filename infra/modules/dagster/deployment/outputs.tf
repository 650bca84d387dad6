output "pod" {
  description = "Template of the pods."
  value       = kubernetes_deployment_v1.this.spec[0].template[0]
}

output "strategy" {
  description = "How pods are replaced."
  value       = kubernetes_deployment_v1.this.spec[0].strategy[0]
}
