variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    components = map(object({
      selector       = map(string)
      labels         = map(string)
      lasting_labels = map(string)
    }))
    users = object({ postgres = number })
    ports = object({ postgres = number })
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
  description = "Namespace of the database."
  type        = string
}

variable "image" {
  description = "PostgreSQL's official image."
  type        = string
}

variable "memory" {
  description = "Memory of the database's pod: request and limit."
  type        = object({ request = string, limit = string })
}

variable "backup_memory" {
  description = "Memory of a backup: request and limit."
  type        = object({ request = string, limit = string })
}

variable "passwords" {
  description = "Passwords of the roles, written where passwords_revision has changed."
  type = object({
    postgres = string
    loader   = string
    reader   = string
    dagster  = string
    backup   = string
  })
  sensitive = true
  ephemeral = true
}

variable "passwords_revision" {
  description = "Raised to write the passwords again."
  type        = number
}

variable "storage_class" {
  description = "StorageClass of the volumes; the cluster's default one if null."
  type        = string
}

variable "volume_size" {
  description = "Size of the database's volume; computed from places and is_pruned if null."
  type        = string
}

variable "places" {
  description = "Number of places that are loaded."
  type        = number
}

variable "is_pruned" {
  description = "Whether old forecasts and answers are deleted by the settings of retention."
  type        = bool
}

variable "backups_size" {
  description = "Size of the backups' volume."
  type        = string
}

variable "backup_schedule" {
  description = "When the database is backed up: a cron expression, UTC."
  type        = string
}

variable "backups_kept" {
  description = "How many backups of each database are kept."
  type        = number
}

variable "backup_max_age_hours" {
  description = "Hours after a good backup when the next one is due."
  type        = number
}

variable "kubeconfig" {
  description = "Path of the cluster's kubeconfig."
  type        = string
}

variable "kubectl" {
  description = "kubectl with its options for the cluster, which enlarges the database's volume."
  type        = string
}

variable "settings" {
  description = "Settings of the server besides those of settings.tf, or in their place."
  type        = map(string)
}

variable "backup_copies" {
  description = "Bucket to which backups are copied, by an API of S3: a folder in it or \"\", the endpoint, AWS's if null, its region, rclone's name of who provides it, the name of an existing Secret with the bucket's key, and rclone's image. None if null."
  type = object({
    bucket   = string
    prefix   = string
    endpoint = string
    region   = string
    provider = string
    secret   = optional(string)
    image    = string
  })
}

variable "backup_copies_key" {
  description = "Key of the bucket, written where secrets_revision has changed."
  type        = object({ access_key_id = string, secret_access_key = string })
  sensitive   = true
  ephemeral   = true
}

variable "secrets_revision" {
  description = "Raised to write the bucket's key again."
  type        = number
}

variable "ca_file" {
  description = "Path of a PEM file of certificates that are trusted besides the public ones, for the bucket."
  type        = string
}

variable "ca_config_map" {
  description = "An existing ConfigMap, and its key with such certificates, in the file's place."
  type        = object({ name = string, key = string })
  default     = null
}
