output "namespaces" {
  description = "Names of the two namespaces, database and weather."
  value       = local.namespaces
}
