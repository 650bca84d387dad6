output "host" {
  description = "Name at which the cluster's pods reach the server."
  value       = "${kubernetes_service_v1.postgres.metadata[0].name}.${var.namespace}.svc.cluster.local"
}

output "volume_gib" {
  description = "Size of the database's volume, GiB."
  value       = local.gib.wanted
}

output "claim" {
  description = "Specification of the claim that the database's volume is made by."
  value       = kubernetes_stateful_set_v1.postgres.spec[0].volume_claim_template[0].spec[0]
}

output "pods" {
  description = "Templates of the pods, by component."
  value = {
    database = kubernetes_stateful_set_v1.postgres.spec[0].template[0]
    backup   = module.backup.pod
    restore  = module.restore.pod
  }
}
