output "namespaces" {
  description = "Names of the namespaces, weather and, unless the database is an external one, database."
  value       = local.namespaces
}
