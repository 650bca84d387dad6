variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    components = map(object({
      selector       = map(string)
      labels         = map(string)
      lasting_labels = map(string)
    }))
    users = object({ project = number })
    ports = object({
      postgres  = number
      code      = number
      webserver = number
      ui        = number
    })
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
  description = "Namespace of Dagster and its runs."
  type        = string
}

variable "cluster" {
  description = "The kubeconfig, and the kubectl command that uses it."
  type        = object({ kubeconfig = string, kubectl = string })
}

variable "image" {
  description = "The project's image."
  type        = string
}

variable "memory" {
  description = "Memory of the pods: requests and limits; of a run, whose limit is load_memory, the request."
  type = object({
    webserver = object({ request = string, limit = string })
    daemon    = object({ request = string, limit = string })
    code      = object({ request = string, limit = string })
    run       = object({ request = string })
  })
}

variable "load_memory" {
  description = "Memory limit of a run's pod."
  type        = string
}

variable "instance_settings" {
  description = "The shipped settings of the instance: dagster_project/dagster.yaml."
  type        = any
}

variable "loader" {
  description = "Outputs of the module loader: what a load is made of, whoever starts it."
  type = object({
    settings = object({ values = map(string), config_map = string })
    database = object({
      host  = string
      port  = number
      names = object({ dagster = string })
      users = object({ reader = string, dagster = string })
      libpq = map(string)
    })
    files = object({
      contents    = map(string)
      config_map  = string
      mount_path  = string
      authorities = optional(map(object({ mount_path = string, config_map = string })), {})
    })
    secrets       = object({ openweather = string, loader = string })
    work          = object({ claim = string, mount_path = string })
    grace_seconds = number
  })
}

variable "dagster_password" {
  description = "Password of the role dagster, written where passwords_revision has changed."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "reader_password" {
  description = "Password of the role reader, written where passwords_revision has changed."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "password_secrets" {
  description = "Names of existing Secrets with the passwords: reader's as DESTINATION__POSTGRES__CREDENTIALS__PASSWORD, dagster's as DAGSTER_POSTGRES_PASSWORD; null to make them."
  type        = object({ reader = string, dagster = string })
  default     = null
}

variable "passwords_revision" {
  description = "Raised to write the passwords again."
  type        = number
}

variable "alert_urls" {
  description = "Where alerts go: apprise URLs."
  type        = list(string)
  sensitive   = true
  ephemeral   = true
}

variable "heartbeat_url" {
  description = "Address of a service that alerts when it hears nothing; null for none."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "secrets_revision" {
  description = "Raised to write alert_urls and heartbeat_url again."
  type        = number
}

variable "read_only_webserver" {
  description = "Whether a second webserver shows everything and changes nothing."
  type        = bool
  default     = false
}

variable "ui_auth" {
  description = "The proxy in front of the webserver: the name that it asks for, its image, and an existing Secret with htpasswd instead of ui_password. None if null."
  type = object({
    user   = string
    image  = string
    secret = string
  })
}

variable "ui_password" {
  description = "The password that the proxy asks for, written where secrets_revision has changed."
  type        = string
  sensitive   = true
  ephemeral   = true
}
