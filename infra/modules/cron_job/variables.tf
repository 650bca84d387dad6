variable "name" {
  description = "Name of the CronJob."
  type        = string
}

variable "namespace" {
  description = "Its namespace."
  type        = string
}

variable "labels" {
  description = "Labels of the CronJob, its Jobs and their pods."
  type        = map(string)
}

variable "annotations" {
  description = "Annotations of the CronJob."
  type        = map(string)
  default     = {}
}

variable "reaches" {
  description = "Labels of the pods that say what they may reach (module network)."
  type        = map(string)
}

variable "pods" {
  description = "Output of the module conventions: security contexts and placement."
  type = object({
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
}

variable "user" {
  description = "Numeric user and group of the pods."
  type        = number
}

variable "service_account" {
  description = "Service account of the pods, whose token is not mounted; the namespace's default one if null."
  type        = string
  default     = null
}

variable "schedule" {
  description = "Cron expression of five fields, UTC."
  type        = string
}

variable "suspend" {
  description = "Whether Jobs are started by hand only."
  type        = bool
  default     = false
}

variable "starting_deadline_seconds" {
  description = "How late a Job may start that was not started in time."
  type        = number
}

variable "active_deadline_seconds" {
  description = "How long a Job may take, attempts included."
  type        = number
}

variable "grace_seconds" {
  description = "Seconds between SIGTERM and SIGKILL."
  type        = number
  default     = 30
}

variable "final_exit_codes" {
  description = "Exit codes after which another attempt would not help."
  type        = list(number)
  default     = []
}

variable "container" {
  description = "Name of the container."
  type        = string
}

variable "image" {
  description = "Image of the container."
  type        = string
}

variable "command" {
  description = "Command, instead of the image's entry point."
  type        = list(string)
  default     = null
}

variable "args" {
  description = "Arguments."
  type        = list(string)
  default     = null
}

variable "init_container" {
  description = "A container that runs before, with the same volumes; none if null."
  type = object({
    name    = string
    image   = string
    command = list(string)
  })
  default = null
}

variable "env" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
}

variable "env_of_secrets" {
  description = "Environment variables that are keys of a Secret, by its name."
  type        = map(string)
  default     = {}
}

variable "env_from" {
  description = "ConfigMaps and Secrets all of whose keys are environment variables."
  type = object({
    config_maps = list(string)
    secrets     = list(string)
  })
  default = {
    config_maps = []
    secrets     = []
  }
}

variable "resources" {
  description = "Requests and limits of the container."
  type = object({
    requests = map(string)
    limits   = map(string)
  })
}

variable "volumes" {
  description = "Volumes besides /tmp, by name: where they are mounted, and the claim or the ConfigMap, which is mounted read-only."
  type = map(object({
    mount_path = string
    claim      = optional(string)
    config_map = optional(string)
  }))
}
