# The cluster

variable "existing_cluster" {
  description = "A cluster to use instead of making one with Kind: path of its kubeconfig, and a context in it (default: the current one)."
  type = object({
    kubeconfig = string
    context    = optional(string)
  })
  default = null
}

variable "cluster_name" {
  description = "Name of the Kind cluster."
  type        = string
  default     = "weather"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{0,40}$", var.cluster_name))
    error_message = "Kind takes lower-case letters, digits, dots and hyphens, and the name becomes part of a host name: at most 41."
  }
}

variable "node_image" {
  description = "Image of the Kind node, which sets the version of Kubernetes (kindest/node:v1.34.0, say); the provider's own choice if null."
  type        = string
  default     = null
}

variable "storage_class" {
  description = "StorageClass of the volumes; the cluster's default one if null."
  type        = string
  default     = null
}

variable "work_access_mode" {
  description = "Access mode of the loads' working directories: ReadWriteMany, and a storage class that knows it, where runs at once are spread over several nodes (WEATHER_SHARDS). A change makes the volume anew, so let no load be waiting in it."
  type        = string
  default     = "ReadWriteOnce"
  validation {
    condition     = contains(["ReadWriteOnce", "ReadWriteMany"], var.work_access_mode)
    error_message = "work_access_mode must be ReadWriteOnce or ReadWriteMany."
  }
}

# Images

variable "image" {
  description = "The project's image, from where the cluster can pull it. Null: built from this checkout and loaded into the Kind cluster."
  type        = string
  default     = null
  validation {
    condition     = var.image != null || var.existing_cluster == null
    error_message = "An existing cluster needs an image that it can pull: push one, and set image."
  }
}

variable "base_image" {
  description = "Image of Python 3.12 that the project's image is built on, where it is built here; with a digest, it never changes: python:3.12-slim@sha256:…. The Dockerfile's own, without a digest, if null."
  type        = string
  default     = null
  validation {
    condition     = var.base_image == null || can(regex("^[^@[:space:]]+:3\\.1[0-9][^/@]*(@sha256:[0-9a-f]{64})?$", coalesce(var.base_image, "-")))
    error_message = "An image with a tag that begins with Python's version, and a digest or none: python:3.12-slim@sha256:…."
  }
}

variable "postgres_image" {
  description = "PostgreSQL's official image (Debian, not Alpine, whose user has another id), with its version, and a digest that no one can move if you like: postgres:17.7@sha256:…."
  type        = string
  default     = "postgres:17.7"
  nullable    = false
  validation {
    condition     = can(regex("^[^@[:space:]]+:(1[5-9]|[2-9][0-9])[^/@]*(@sha256:[0-9a-f]{64})?$", var.postgres_image)) && !strcontains(var.postgres_image, "alpine")
    error_message = "An image with a tag that begins with the major version, 15 or later (postgres:17.7, say), with a digest after it or none, and not Alpine's."
  }
}

# Secrets: none has a default, none is in the state

variable "openweather_api_key" {
  description = "OpenWeather's API key (TF_VAR_openweather_api_key). Needed for every plan and apply unless openweather_secret is set."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = var.openweather_api_key == null || can(regex("^[0-9a-f]{32}$", var.openweather_api_key))
    error_message = "OpenWeather's keys are 32 hexadecimal digits, without quotes or blanks."
  }
}

variable "openweather_secret" {
  description = "Name of a Secret of your own in namespace weather that holds the key as OPENWEATHER_API_KEY, instead of openweather_api_key."
  type        = string
  default     = null
}

variable "alert_urls" {
  description = "Where alerts go: apprise URLs, such as slack://… or mailto://…, which hold passwords (TF_VAR_alert_urls='[\"…\"]')."
  type        = list(string)
  default     = []
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "secrets_revision" {
  description = "Raise it after changing openweather_api_key or alert_urls: only then are they written again."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.secrets_revision >= 1 && floor(var.secrets_revision) == var.secrets_revision
    error_message = "A whole number from 1 on."
  }
}

variable "passwords_revision" {
  description = "Raise it to give every database role a new password."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.passwords_revision >= 1 && floor(var.passwords_revision) == var.passwords_revision
    error_message = "A whole number from 1 on."
  }
}

# What is loaded, and when

variable "hourly_load" {
  description = "Who does the hourly load: dagster (with checks and alerts), cronjob (the plain command), or none. Both at once would be correct, but cost calls twice. Places that are new are loaded within a minute by Dagster whoever does the hours."
  type        = string
  default     = "dagster"
  nullable    = false
  validation {
    condition     = contains(["dagster", "cronjob", "none"], var.hourly_load)
    error_message = "One of dagster, cronjob, none."
  }
}

variable "ingestor_schedule" {
  description = "When the CronJob loads (UTC), if hourly_load is cronjob."
  type        = string
  default     = "5 * * * *"
  nullable    = false
  validation {
    condition     = length(split(" ", var.ingestor_schedule)) == 5
    error_message = "A cron expression of five fields."
  }
}

variable "prune_schedule" {
  description = "Cron schedule, UTC, by which a CronJob runs `weather prune`, which deletes what the settings of retention do not keep. Null: Dagster's job does it, nightly at 03:45; set it where Dagster's schedules are off."
  type        = string
  default     = null
  validation {
    condition     = var.prune_schedule == null || length(split(" ", coalesce(var.prune_schedule, "-"))) == 5
    error_message = "prune_schedule must have five fields of cron, like 45 3 * * *."
  }
}

variable "locations" {
  description = "Places: \"city,country\", \"lat,lon\", \"zip:code,country\" or \"id:…\". Null: those of .dlt/config.toml, or none beside locations_file."
  type        = list(string)
  default     = null
}

variable "locations_file" {
  description = "Path of a CSV file of places (name,lat,lon or query), up to 1 MB: about 20,000 places."
  type        = string
  default     = null
  validation {
    condition     = var.locations_file == null || can(file(var.locations_file))
    error_message = "There is no such file."
  }
}

variable "subscription_plan" {
  description = "Your plan of OpenWeather: it sets the calls a minute and a month, the host, and which resources may be asked. Null: that of .dlt/config.toml."
  type        = string
  default     = null
  validation {
    condition     = var.subscription_plan == null || contains(["free", "startup", "developer", "professional", "expert"], coalesce(var.subscription_plan, "free"))
    error_message = "One of free, startup, developer, professional, expert."
  }
}

variable "settings" {
  description = "Any other setting of .dlt/config.toml, as an environment variable: { SOURCES__WEATHER__UNITS = \"imperial\" }. No secrets."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("KEY|PASSWORD|SECRET|TOKEN|CREDENTIALS|ALERTS__URLS", name))])
    error_message = "Names are those of environment variables (SOURCES__WEATHER__UNITS); secrets have variables of their own."
  }
}

variable "load_memory" {
  description = "Memory limit of a load, in the CronJob and in Dagster's run pods. It does not grow with places or years."
  type        = string
  default     = "1Gi"
  nullable    = false
  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.load_memory))
    error_message = "A number with Mi or Gi."
  }
}

# Around it

variable "dagster_url" {
  description = "Where people reach Dagster's UI: alerts link to it."
  type        = string
  default     = "http://localhost:3000"
  nullable    = false
}

variable "pushgateway" {
  description = "Address of a Prometheus Pushgateway for the load's metrics; none if null. Its port must be one of egress_ports."
  type        = string
  default     = null
}

variable "egress_ports" {
  description = "TCP ports outside the cluster that loads and alerts may reach: HTTPS, and mail."
  type        = list(number)
  default     = [443, 465, 587]
  nullable    = false
  validation {
    condition     = contains(var.egress_ports, 443) && alltrue([for port in var.egress_ports : port >= 1 && port <= 65535])
    error_message = "Ports from 1 to 65535, 443 among them: OpenWeather is reached there."
  }
}

variable "ca_file" {
  description = "Path of a PEM file of certificates that loads trust besides the public ones: for a proxy that ends TLS."
  type        = string
  default     = null
  validation {
    condition     = var.ca_file == null || can(file(var.ca_file))
    error_message = "There is no such file."
  }
}

variable "volume_sizes" {
  description = "Sizes of the volumes: the database, its backups, and the loads' working directories. Null for the database: computed for two years of hourly loads of the five free resources, at least 10Gi: 4 GiB for the write-ahead log, Dagster's records and upkeep, and for each place 0.24 GiB with the default retention (117 MB a year were measured), 0.84 GiB if SOURCES__WEATHER__RETENTION__ENABLED is false in settings (420 MB). Places are those of locations and locations_file, or five. A larger size is carried out where the StorageClass allows it, and refused by the apply where not; a smaller one is refused."
  type = object({
    database = optional(string)
    backups  = optional(string, "5Gi")
    work     = optional(string, "2Gi")
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for size in values(var.volume_sizes) : size == null || can(regex("^[1-9][0-9]*(Mi|Gi|Ti)$", coalesce(size, "-")))])
    error_message = "Sizes such as 500Mi or 10Gi."
  }
}

variable "backup_schedule" {
  description = "When the database is backed up (UTC)."
  type        = string
  default     = "23 2 * * *"
  nullable    = false
  validation {
    condition     = length(split(" ", var.backup_schedule)) == 5
    error_message = "A cron expression of five fields."
  }
}

variable "backup_max_age_hours" {
  description = "Hours after a good backup when the next one must be there, or an alert says so: a little more than the pause of backup_schedule."
  type        = number
  default     = 26
  nullable    = false
  validation {
    condition     = var.backup_max_age_hours >= 1
    error_message = "backup_max_age_hours must be 1 or more."
  }
}

variable "backups_kept" {
  description = "How many backups of each database are kept; older ones are deleted."
  type        = number
  default     = 14
  nullable    = false
  validation {
    condition     = var.backups_kept >= 1 && floor(var.backups_kept) == var.backups_kept
    error_message = "A whole number from 1 on."
  }
}
