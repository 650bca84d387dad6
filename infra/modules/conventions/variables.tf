variable "versions" {
  description = "Versions of the project and of PostgreSQL, for the label app.kubernetes.io/version."
  type = object({
    project  = string
    postgres = string
  })
}

variable "placement" {
  description = "Where pods run and as what: the Secrets that their images are pulled with, the nodes, what is tolerated there, the priority class."
  type = object({
    image_pull_secrets = list(string)
    node_selector      = map(string)
    tolerations = list(object({
      key                = string
      operator           = string
      value              = string
      effect             = string
      toleration_seconds = number
    }))
    priority_class_name = string
  })
  default = {
    image_pull_secrets  = []
    node_selector       = null
    tolerations         = []
    priority_class_name = null
  }
}
