variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    components = map(object({
      labels         = map(string)
      lasting_labels = map(string)
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
  description = "Namespace of the loads."
  type        = string
}

variable "kubeconfig" {
  description = "Path of the cluster's kubeconfig."
  type        = string
}

variable "kubectl" {
  description = "How kubectl reaches the cluster: the command with its options."
  type        = string
}

variable "image" {
  description = "The project's image."
  type        = string
}

variable "memory" {
  description = "Memory of a load: request and limit."
  type        = object({ request = string, limit = string })
}

variable "database" {
  description = "Where PostgreSQL is, the names of its databases and roles, how TLS is asked for, the authorities that its certificate is checked by (PEM, or the ConfigMap and key that hold them) or nulls, and the size of its volume in GiB or null."
  type = object({
    host            = string
    port            = number
    names           = object({ weather = string, dagster = string })
    users           = object({ loader = string, reader = string, dagster = string })
    sslmode         = string
    channel_binding = string
    ca              = string
    ca_config_map   = object({ name = string, key = string })
    volume_gib      = number
  })
}

variable "password" {
  description = "Password of the role loader, written where passwords_revision has changed; null where it is not given, which is refused."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "password_secret" {
  description = "Name of an existing Secret with the password as DESTINATION__POSTGRES__CREDENTIALS__PASSWORD; null to make one."
  type        = string
  default     = null
}

variable "passwords_revision" {
  description = "Raised to write the password again."
  type        = number
}

variable "openweather_api_key" {
  description = "OpenWeather's API key; null where openweather_secret names a Secret that has it."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "openweather_secret" {
  description = "Name of an existing Secret with the key as OPENWEATHER_API_KEY; null to make one."
  type        = string
}

variable "heartbeat_url" {
  description = "Address of a service that alerts when it hears nothing; null for none."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "secrets_revision" {
  description = "Raised to write the key and heartbeat_url again."
  type        = number
}

variable "hourly_load" {
  description = "Who does the hourly load: dagster, cronjob or none."
  type        = string
}

variable "shards" {
  description = "Parts of the places that Dagster loads at the same time."
  type        = number
  default     = 1
}

variable "ingestor_schedule" {
  description = "When the CronJob loads: a cron expression, UTC."
  type        = string
}

variable "prune_schedule" {
  description = "When the CronJob prunes: a cron expression, UTC. Null: only when it is started by hand."
  type        = string
}

variable "locations" {
  description = "Places as location queries; null for those of .dlt/config.toml."
  type        = list(string)
}

variable "locations_file" {
  description = "Path of a file of places: CSV, JSONL or GeoJSON."
  type        = string
}

variable "subscription_plan" {
  description = "Plan of OpenWeather; null for that of .dlt/config.toml."
  type        = string
}

variable "settings" {
  description = "Other settings, as environment variables."
  type        = map(string)
}

variable "dagster_url" {
  description = "Where people reach Dagster's UI."
  type        = string
}

variable "pushgateway" {
  description = "Address of a Prometheus Pushgateway; none if null."
  type        = string
}

variable "ca_file" {
  description = "Path of a PEM file of certificates that loads trust besides the public ones."
  type        = string
}

variable "ca_config_map" {
  description = "An existing ConfigMap, and its key with such certificates, in the file's place."
  type        = object({ name = string, key = string })
  default     = null
}

variable "storage_class" {
  description = "StorageClass of the working volume; the cluster's default one if null."
  type        = string
}

variable "work_access_mode" {
  description = "Access mode of the working volume."
  type        = string
}

variable "work_size" {
  description = "Size of the working volume."
  type        = string
}
