variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    components = map(object({
      selector = map(string)
      labels   = map(string)
    }))
    users = object({ project = number })
    pods = object({
      security = object({
        run_as_non_root        = bool
        fs_group_change_policy = string
        seccomp_profile        = string
      })
      container_security = object({
        allow_privilege_escalation = bool
        read_only_root_filesystem  = bool
        drop                       = list(string)
      })
      placement = object({
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
    })
  })
}

variable "namespace" {
  description = "Namespace of Dagster."
  type        = string
}

variable "cluster" {
  description = "The kubeconfig, and the kubectl command that uses it."
  type        = object({ kubeconfig = string, kubectl = string })
}

variable "component" {
  description = "Which of Dagster's services it is: code, webserver, daemon or viewer."
  type        = string
}

variable "image" {
  description = "The project's image."
  type        = string
}

variable "command" {
  description = "Command of the container."
  type        = list(string)
}

variable "migrates" {
  description = "Whether an init container first makes Dagster's tables, or brings them to the image's version."
  type        = bool
  default     = false
}

variable "replaced_at_once" {
  description = "Whether a new pod starts only once the old one has ended: of the daemon, which must never run twice. Others start beside the old one, which ends once the new one is ready."
  type        = bool
  default     = false
}

variable "service_account" {
  description = "Service account, and whether its token is mounted."
  type        = object({ name = string, token = bool })
}

variable "annotations" {
  description = "Annotations of the Deployment, and of its pods: what a running pod does not see change."
  type        = object({ deployment = map(string), pod = map(string) })
}

variable "reaches" {
  description = "Labels by which network policies let the pods reach others."
  type        = map(string)
}

variable "memory" {
  description = "Memory that is reserved, and the limit."
  type        = object({ request = string, limit = string })
}

variable "env" {
  description = "Variables of the container."
  type        = map(string)
}

variable "env_from" {
  description = "ConfigMaps and Secrets with further variables."
  type        = object({ config_maps = list(string), secrets = list(string) })
}

variable "port" {
  description = "Port that the container listens at; null for none."
  type        = object({ name = string, number = number })
  default     = null
}

variable "config_maps" {
  description = "ConfigMaps with dagster.yaml and workspace.yaml, with files of the loads, which are mounted at a path, and with authorities, by volume."
  type = object({
    dagster     = string
    files       = string
    files_path  = string
    authorities = optional(map(object({ mount_path = string, config_map = string })), {})
  })
}

variable "dagster_home" {
  description = "Folder of dagster.yaml."
  type        = string
}
