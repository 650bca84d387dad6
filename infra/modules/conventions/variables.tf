variable "versions" {
  description = "Versions of the project and of PostgreSQL, for the label app.kubernetes.io/version."
  type = object({
    project  = string
    postgres = string
  })
}
