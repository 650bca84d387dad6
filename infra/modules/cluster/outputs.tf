output "connection" {
  description = "How the Kubernetes provider reaches the cluster, as its administrator."
  value = {
    host                   = kind_cluster.this.endpoint
    client_certificate     = kind_cluster.this.client_certificate
    client_key             = kind_cluster.this.client_key
    cluster_ca_certificate = kind_cluster.this.cluster_ca_certificate
  }
  sensitive = true
}

output "image" {
  description = "Name of the image that was built and loaded; null if none was."
  value       = one(terraform_data.image[*].output)
}
