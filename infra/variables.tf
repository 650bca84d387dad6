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
  description = "Access mode of the loads' working directories: ReadWriteMany, and a storage class that knows it, where runs at once are spread over several nodes (shards). A change deletes the Jobs of loads, which finish what they have, and makes the volume anew, so let no load be waiting in it."
  type        = string
  default     = "ReadWriteOnce"
  validation {
    condition     = contains(["ReadWriteOnce", "ReadWriteMany"], var.work_access_mode)
    error_message = "work_access_mode must be ReadWriteOnce or ReadWriteMany."
  }
}

variable "namespaces" {
  description = "Names of the two namespaces, and whether they are made. With create = false they must exist; then their labels are yours (pod-security.kubernetes.io/enforce, say), and other pods in them stay untouched."
  type = object({
    weather  = optional(string, "weather")
    database = optional(string, "database")
    create   = optional(bool, true)
  })
  default  = {}
  nullable = false
  validation {
    condition = alltrue([
      for name in [var.namespaces.weather, var.namespaces.database] : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))
    ]) && var.namespaces.weather != var.namespaces.database
    error_message = "Two different names, of lower-case letters, digits and hyphens, at most 63."
  }
}

variable "image_pull_secrets" {
  description = "Names of Secrets, in both namespaces, with which images are pulled from a registry that asks for a login. They must exist: with namespaces that are made here, create them after the first apply; the pods go on by themselves."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for name in var.image_pull_secrets : can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", name))])
    error_message = "Names of Secrets: lower-case letters, digits, dots and hyphens."
  }
}

variable "node_selector" {
  description = "Labels of the nodes on which all pods run, the loads' too: { \"kubernetes.io/arch\" = \"amd64\" }."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition = alltrue([
      for name, value in var.node_selector :
      can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", name)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value))
    ])
    error_message = "Names and values of labels, such as { \"kubernetes.io/arch\" = \"amd64\" }."
  }
}

variable "tolerations" {
  description = "Taints of nodes that all pods tolerate, in Kubernetes's words: [{ key = \"dedicated\", value = \"data\", effect = \"NoSchedule\" }]."
  type = list(object({
    key                = optional(string)
    operator           = optional(string, "Equal")
    value              = optional(string)
    effect             = optional(string)
    toleration_seconds = optional(number)
  }))
  default  = []
  nullable = false
  validation {
    condition = alltrue([
      for toleration in var.tolerations : contains(["Equal", "Exists"], toleration.operator) &&
      contains(["NoSchedule", "PreferNoSchedule", "NoExecute"], coalesce(toleration.effect, "NoSchedule")) &&
      (toleration.operator == "Exists" ? toleration.value == null : toleration.key != null) &&
      (toleration.toleration_seconds == null || toleration.effect == "NoExecute")
    ])
    error_message = "operator is Equal, with a key, or Exists, without a value; effect is NoSchedule, PreferNoSchedule or NoExecute; toleration_seconds is for NoExecute."
  }
}

variable "priority_class_name" {
  description = "PriorityClass of all pods, which must exist; the cluster's default one if null."
  type        = string
  default     = null
  validation {
    condition     = var.priority_class_name == null || can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.priority_class_name))
    error_message = "A name of lower-case letters, digits, dots and hyphens."
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

variable "external_postgres" {
  description = "A PostgreSQL of yours, 15 or later, instead of one that is made here: no server, volume and backups are. Its databases and roles are made by modules/postgres/scripts/roles.sql (README, \"A PostgreSQL of yours\"), its passwords are external_postgres_passwords, or in secrets: names of existing Secrets in namespace weather, those of loader and reader with the password as DESTINATION__POSTGRES__CREDENTIALS__PASSWORD, that of dagster as DAGSTER_POSTGRES_PASSWORD. host: a name or an IPv4 address. sslmode: verify-full with ca_file, a PEM file of the authorities that sign the server's certificate, or ca_config_map, an existing ConfigMap in namespace weather that holds it, require without; also verify-ca and disable. addresses: the ranges that the host's name leads to, for the network policies; not needed for an address, or for a Service (….NAMESPACE.svc…) whose pods listen at the same port. volume_gib: the size of its disk, for the check space_lasts."
  type = object({
    host = string
    port = optional(number, 5432)
    databases = optional(object({
      weather = optional(string, "weather")
      dagster = optional(string, "dagster")
    }), {})
    users = optional(object({
      loader  = optional(string, "loader")
      reader  = optional(string, "reader")
      dagster = optional(string, "dagster")
    }), {})
    secrets       = optional(object({ loader = string, reader = string, dagster = string }))
    sslmode       = optional(string)
    ca_file       = optional(string)
    ca_config_map = optional(object({ name = string, key = optional(string, "ca.crt") }))
    addresses     = optional(list(string), [])
    volume_gib    = optional(number)
  })
  default = null
  validation {
    condition     = var.external_postgres == null || (length(var.postgres_settings) == 0 && var.volume_sizes.database == null && var.backup_copies == null)
    error_message = "postgres_settings, volume_sizes.database and backup_copies are of the server that is made here: leave them out."
  }
}

variable "external_postgres_passwords" {
  description = "Passwords of the roles on external_postgres (TF_VAR_external_postgres_passwords='{\"loader\": \"…\", \"reader\": \"…\", \"dagster\": \"…\"}'). Needed for every plan and apply with it, unless it names Secrets; later changes with passwords_revision raised."
  type        = object({ loader = string, reader = string, dagster = string })
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = alltrue([for password in try(values(var.external_postgres_passwords), []) : try(length(password) >= 8, false)])
    error_message = "Each has 8 characters or more."
  }
}

variable "postgres_settings" {
  description = "Settings of PostgreSQL, by name: { shared_buffers = \"256MB\" }. Others than these are chosen for hourly loads (modules/postgres/settings.tf)."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition = alltrue([
      for name in keys(var.postgres_settings) : can(regex("^[a-z][a-z0-9_.]*$", name)) && !contains(
        ["hba_file", "ident_file", "config_file", "data_directory", "listen_addresses", "port", "ssl", "ssl_cert_file", "ssl_key_file"], name
      )
    ])
    error_message = "Names of PostgreSQL's parameters, in lower case; where it listens, its files and TLS are the platform's."
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
  description = "Name of an existing Secret in namespace weather that holds the key as OPENWEATHER_API_KEY, instead of openweather_api_key."
  type        = string
  default     = null
  validation {
    condition     = var.openweather_secret == null || can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.openweather_secret))
    error_message = "A name of lower-case letters, digits, dots and hyphens."
  }
}

variable "alert_urls" {
  description = "Where alerts go: apprise URLs, such as slack://… or mailto://…, which hold passwords (TF_VAR_alert_urls='[\"…\"]')."
  type        = list(string)
  default     = []
  nullable    = false
  sensitive   = true
  ephemeral   = true
  validation {
    condition = alltrue([
      for url in [for url in concat(var.alert_urls, var.heartbeat_url[*]) : regex(local.url, url) if can(regex(local.url, url))] : anytrue(concat(
        [
          !can(regex("[.]svc([.]|$)", url.host)) &&
          !anytrue([for range in var.private_ranges : try(cidrhost("${trim(url.host, "[]")}/${split("/", range)[1]}", 0) == cidrhost(range, 0), false)]) &&
          try(contains(var.egress_ports, tonumber(coalesce(url.port, local.ports[lower(url.scheme)]))), true)
        ],
        [for target in var.egress_allow : target.cidr == null ?
          # the pods' port may be another than the Service's
          can(regex("^[^.]+[.]${target.namespace}[.]svc([.]|$)", url.host)) :
          !can(regex("[.]svc([.]|$)", url.host)) && try(contains(target.ports, tonumber(coalesce(url.port, local.ports[lower(url.scheme)]))), true) &&
          # a name may lead there
          try(cidrhost("${trim(url.host, "[]")}/${split("/", target.cidr)[1]}", 0) == cidrhost(target.cidr, 0), true)
        ],
      ))
    ])
    error_message = "The network policies let nobody reach an address of alert_urls, or heartbeat_url: open its port in egress_ports (80 for http://, json://, xml:// and form:// without a port), or, if it is in the cluster or in a private network, add it to egress_allow."
  }
}

variable "heartbeat_url" {
  description = "Address of a service that alerts when it hears nothing, by the convention of Healthchecks.io: a POST to it while every place has recent rows, to …/fail with the causes if not. Set it as TF_VAR_heartbeat_url. In the cluster, or in a private network, it must be one of egress_allow; elsewhere its port one of egress_ports."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = var.heartbeat_url == null || can(regex("^https?://[^[:space:]/?#]+(/[^[:space:]]*)?$", var.heartbeat_url))
    error_message = "A URL, https://… or http://…, or null."
  }
}

variable "secrets_revision" {
  description = "Raise it after changing openweather_api_key, alert_urls, heartbeat_url, ui_password or backup_copies_key: only then are they written again."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.secrets_revision >= 1 && floor(var.secrets_revision) == var.secrets_revision
    error_message = "A whole number from 1 on."
  }
}

variable "passwords_revision" {
  description = "Raise it to give every database role a new password, or after changing external_postgres_passwords: only then are they written again."
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

variable "shards" {
  description = "Parts of the places that Dagster's hourly runs load at the same time, each in a pod (WEATHER_SHARDS). They share the volume of working directories: on an existing cluster, whose pods may be on several nodes, set work_access_mode = \"ReadWriteMany\" too, or a node_selector that one node matches. Dagster starts ten runs at once at most."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.shards == floor(var.shards) && var.shards >= 1 && var.shards <= 1000
    error_message = "A whole number from 1 to 1000."
  }
  validation {
    condition     = var.shards == 1 || var.existing_cluster == null || var.work_access_mode == "ReadWriteMany" || length(var.node_selector) > 0
    error_message = "Runs of several shards on several nodes cannot share a ReadWriteOnce volume: set work_access_mode = \"ReadWriteMany\", and a storage_class that knows it, or a node_selector that one node matches."
  }
  validation {
    condition     = var.shards == 1 || !contains(keys(var.settings), "WEATHER_SHARDS")
    error_message = "settings has WEATHER_SHARDS too: set shards alone."
  }
}

variable "ingestor_schedule" {
  description = "When the CronJob loads (UTC), if hourly_load is cronjob."
  type        = string
  default     = "5 * * * *"
  nullable    = false
  validation {
    condition     = can(regex(local.cron, var.ingestor_schedule)) && alltrue([for range in regexall("([0-9]+)-([0-9]+)", var.ingestor_schedule) : tonumber(range[0]) <= tonumber(range[1])])
    error_message = "A cron expression of five fields as Kubernetes reads it: minute 0-59, hour 0-23, day 1-31, month 1-12 or JAN-DEC, weekday 0-6 or SUN-SAT."
  }
}

variable "prune_schedule" {
  description = "Cron schedule, UTC, by which a CronJob runs `weather prune`, which deletes what the settings of retention do not keep. Null: Dagster's job does it, nightly at 03:45; set it where Dagster's schedules are off."
  type        = string
  default     = null
  validation {
    condition     = var.prune_schedule == null || (can(regex(local.cron, var.prune_schedule)) && alltrue([for range in regexall("([0-9]+)-([0-9]+)", coalesce(var.prune_schedule, "-")) : tonumber(range[0]) <= tonumber(range[1])]))
    error_message = "A cron expression of five fields as Kubernetes reads it: minute 0-59, hour 0-23, day 1-31, month 1-12 or JAN-DEC, weekday 0-6 or SUN-SAT."
  }
}

variable "locations" {
  description = "Places: \"city,country\", \"lat,lon\", \"zip:code,country\" or \"id:…\", up to about 5,000. Null: those of .dlt/config.toml, or none beside locations_file."
  type        = list(string)
  default     = null
  validation {
    # Linux: MAX_ARG_STRLEN, 128 KiB
    condition     = var.locations == null || length(base64encode(jsonencode(coalesce(var.locations, [])))) / 4 * 3 <= 130000
    error_message = "Too many for an environment variable, which holds 128 KiB: put them into a file, locations_file."
  }
}

variable "locations_file" {
  description = "Path of a file of places in UTF-8: CSV (name,lat,lon or query), JSONL or GeoJSON. Compressed where it is long, it must fit into a ConfigMap of 1 MiB: about 60,000 places."
  type        = string
  default     = null
  validation {
    condition     = try(fileexists(var.locations_file), true)
    error_message = "There is no such file."
  }
  validation {
    condition     = var.locations_file == null || can(regex("[.](csv|tsv|jsonl|ndjson|geojson)$", lower(var.locations_file)))
    error_message = "It must end in .csv, .tsv, .jsonl, .ndjson or .geojson."
  }
  validation {
    condition     = !try(fileexists(var.locations_file), false) || can(file(var.locations_file))
    error_message = "It is not UTF-8: save it as UTF-8."
  }
  validation {
    condition     = var.locations_file == null || length(try(base64gzip(file(var.locations_file)), "")) / 4 * 3 <= 1000000
    error_message = "Too many places for a ConfigMap, which holds 1 MiB, even compressed: about 60,000. Put the file into an image of your own that begins FROM this one, and name its path in settings: SOURCES__WEATHER__LOCATIONS_FILE."
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

variable "memory" {
  description = "Memory of the pods: what they ask for, and at most. The most of a load, in a run or in the CronJob ingestor, is load_memory."
  type = object({
    database  = optional(object({ request = optional(string, "256Mi"), limit = optional(string, "1Gi") }), {})
    backup    = optional(object({ request = optional(string, "64Mi"), limit = optional(string, "512Mi") }), {})
    webserver = optional(object({ request = optional(string, "256Mi"), limit = optional(string, "768Mi") }), {})
    daemon    = optional(object({ request = optional(string, "256Mi"), limit = optional(string, "768Mi") }), {})
    code      = optional(object({ request = optional(string, "256Mi"), limit = optional(string, "768Mi") }), {})
    run       = optional(object({ request = optional(string, "384Mi") }), {})
    ingestor  = optional(object({ request = optional(string, "256Mi") }), {})
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue(flatten([for pod in var.memory : [for size in values(pod) : can(regex("^[1-9][0-9]*(Mi|Gi)$", size))]]))
    error_message = "Numbers with Mi or Gi, such as 512Mi."
  }
  validation {
    condition = alltrue([
      for pod in var.memory : try(
        tonumber(regex("^[0-9]+", pod.request)) * (endswith(pod.request, "Gi") ? 1024 : 1) <=
        tonumber(regex("^[0-9]+", try(pod.limit, var.load_memory))) * (endswith(try(pod.limit, var.load_memory), "Gi") ? 1024 : 1),
      true)
    ])
    error_message = "A request is at most its limit; the limit of run and ingestor is load_memory."
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
  description = "Address of a Prometheus Pushgateway for the load's metrics; none if null. In the cluster, or in a private network, it must be one of egress_allow; elsewhere its port one of egress_ports."
  type        = string
  default     = null
  validation {
    condition     = var.pushgateway == null || can(regex("^https?://[^/]", var.pushgateway))
    error_message = "An address that begins with http:// or https://."
  }
}

variable "egress_ports" {
  description = "TCP ports outside the cluster and its private networks that loads and alerts may reach: HTTPS, and mail."
  type        = list(number)
  default     = [443, 465, 587]
  nullable    = false
  validation {
    condition     = contains(var.egress_ports, 443) && alltrue([for port in var.egress_ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "Ports from 1 to 65535, 443 among them: OpenWeather is reached there."
  }
}

variable "private_ranges" {
  description = "Addresses that are not outside, so that no load reaches them unless egress_allow says so: by default private networks (RFC 1918, RFC 4193), those of carriers and pods (RFC 6598, class E), and link-local ones, where clouds serve their metadata (169.254.169.254). Add those of your pods and nodes if they are public."
  type        = list(string)
  default = [
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "240.0.0.0/4", "169.254.0.0/16", "fc00::/7", "fe80::/10",
  ]
  nullable = false
  validation {
    condition     = alltrue([for range in var.private_ranges : can(cidrhost(range, 0)) && !endswith(range, "/0")])
    error_message = "Ranges such as 10.0.0.0/8 or fc00::/7."
  }
}

variable "egress_allow" {
  description = "What loads and alerts may reach in the cluster or in private networks, such as a Pushgateway, a proxy, a mail server: pods of a namespace, by their labels if given, or a range of addresses, at TCP ports. Ports are those of the pods, which a Service may map to others."
  type = list(object({
    namespace  = optional(string)
    pod_labels = optional(map(string), {})
    cidr       = optional(string)
    ports      = list(number)
  }))
  default  = []
  nullable = false
  validation {
    condition = alltrue([
      for target in var.egress_allow : (target.namespace == null) != (target.cidr == null) &&
      (target.cidr == null || (can(cidrhost(target.cidr, 0)) && length(target.pod_labels) == 0)) &&
      length(target.ports) > 0 && alltrue([for port in target.ports : port >= 1 && port <= 65535 && floor(port) == port])
    ])
    error_message = "Each has either a namespace, with pod_labels or without, or a cidr such as 10.1.2.3/32; and ports from 1 to 65535."
  }
}

variable "kubernetes_api" {
  description = "Where Dagster's webserver and daemon reach the API server: ranges of addresses behind the Service kubernetes, and their TCP ports. Null for the addresses: private_ranges, but for link-local ones, and those that the cluster names (kubectl get endpoints kubernetes), which Terraform must be allowed to read. Empty: any, for a network such as Cilium's, whose rules for addresses do not match nodes."
  type = object({
    addresses = optional(list(string))
    ports     = optional(list(number), [443, 6443])
  })
  default  = {}
  nullable = false
  validation {
    condition = alltrue([for range in coalesce(var.kubernetes_api.addresses, []) : can(cidrhost(range, 0))]) && (
      length(var.kubernetes_api.ports) > 0 && alltrue([for port in var.kubernetes_api.ports : port >= 1 && port <= 65535 && floor(port) == port])
    )
    error_message = "Ranges such as 10.1.2.3/32, and ports from 1 to 65535."
  }
}

variable "dns" {
  description = "Where pods resolve names: the namespace of the cluster's DNS, other ranges of addresses, and the ports of both. The defaults suit CoreDNS, also behind NodeLocal DNSCache at its usual address; where that listens at the DNS Service's address too (kube-proxy with iptables), add it. OpenShift: { namespace = \"openshift-dns\", ports = [53, 5353] }."
  type = object({
    namespace = optional(string, "kube-system")
    addresses = optional(list(string), ["169.254.20.10/32"])
    ports     = optional(list(number), [53])
  })
  default  = {}
  nullable = false
  validation {
    condition = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.dns.namespace)) && alltrue([for range in var.dns.addresses : can(cidrhost(range, 0))]) && (
      length(var.dns.ports) > 0 && alltrue([for port in var.dns.ports : port >= 1 && port <= 65535 && floor(port) == port])
    )
    error_message = "A namespace, ranges such as 169.254.20.10/32, and ports from 1 to 65535."
  }
}

variable "ui_auth" {
  description = "A proxy in front of Dagster's UI that asks for this name and ui_password (or those of an existing Secret in namespace weather, with htpasswd), and the namespaces whose pods may reach it: that of an ingress, which must add TLS. Null: no proxy; the UI is reached by a forwarded port only."
  type = object({
    user            = optional(string, "weather")
    secret          = optional(string)
    from_namespaces = optional(list(string), [])
    image           = optional(string, "nginxinc/nginx-unprivileged:1.29-alpine-slim")
  })
  default = null
  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", try(var.ui_auth.user, "weather"))) && alltrue([for name in try(var.ui_auth.from_namespaces, []) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "user: letters, digits, dots, hyphens and underscores; from_namespaces: names of namespaces."
  }
}

variable "ui_password" {
  description = "The password of ui_auth (TF_VAR_ui_password). Needed for every plan and apply with ui_auth, unless that names a Secret; later changes with secrets_revision raised."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = var.ui_password == null || can(regex("^[!-~]{12,72}$", var.ui_password))
    error_message = "12 to 72 letters, digits and signs of ASCII, without blanks: bcrypt takes no more."
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

variable "ca_config_map" {
  description = "An existing ConfigMap in namespace weather, and with backup_copies in namespace database too, whose key holds the certificates of ca_file, instead of it. After a change of its contents, raise secrets_revision: pods read it when they start."
  type        = object({ name = string, key = optional(string, "ca.crt") })
  default     = null
  validation {
    condition     = var.ca_config_map == null || (can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", try(var.ca_config_map.name, ""))) && can(regex("^[A-Za-z0-9._-]{1,253}$", try(var.ca_config_map.key, ""))))
    error_message = "name: lower-case letters, digits, dots and hyphens; key: letters, digits, dots, hyphens and underscores."
  }
  validation {
    condition     = var.ca_config_map == null || var.ca_file == null
    error_message = "Either ca_file or ca_config_map."
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
    condition     = can(regex(local.cron, var.backup_schedule)) && alltrue([for range in regexall("([0-9]+)-([0-9]+)", var.backup_schedule) : tonumber(range[0]) <= tonumber(range[1])])
    error_message = "A cron expression of five fields as Kubernetes reads it: minute 0-59, hour 0-23, day 1-31, month 1-12 or JAN-DEC, weekday 0-6 or SUN-SAT."
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

variable "read_only_webserver" {
  description = "Whether a second webserver, the Service dagster-viewer, shows Dagster's pages to those who may change nothing."
  type        = bool
  default     = false
  nullable    = false
}

variable "backup_copies" {
  description = "A bucket outside of the cluster to which each good backup is copied, by an API of S3; with backup_copies_key, or with secret: the name of an existing Secret in namespace database that holds the bucket's key as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. endpoint: https://… of a service other than AWS; in the cluster, or in a private network, it must be one of egress_allow, elsewhere its port one of egress_ports. region: needed for AWS. provider: what rclone calls the service, if it needs to know (Ceph, Cloudflare, Minio, …). How long copies are kept is the bucket's rule."
  type = object({
    bucket   = string
    prefix   = optional(string, "")
    endpoint = optional(string)
    region   = optional(string)
    provider = optional(string)
    secret   = optional(string)
    image    = optional(string, "rclone/rclone:1.75.1")
  })
  default = null
  validation {
    condition = var.backup_copies == null || (
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", try(var.backup_copies.bucket, "-"))) &&
      can(regex("^([A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*)?$", try(var.backup_copies.prefix, "/")))
    )
    error_message = "bucket: its name, of 3 to 63 lower-case letters, digits, dots and hyphens; prefix: a folder such as clusters/weather, without a slash before or after it."
  }
  validation {
    condition     = try(var.backup_copies.endpoint, null) == null || can(regex("^https?://[^/?#@]+/?$", try(var.backup_copies.endpoint, "-")))
    error_message = "endpoint: https://… or http://…, without a bucket."
  }
  validation {
    condition     = var.backup_copies == null || try(var.backup_copies.endpoint, null) != null || try(var.backup_copies.region, null) != null
    error_message = "region: AWS's buckets are in one, such as eu-central-1; another service has an endpoint."
  }
  validation {
    condition     = try(var.backup_copies.secret, null) == null || can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", try(var.backup_copies.secret, "-")))
    error_message = "secret: a name of lower-case letters, digits, dots and hyphens."
  }
}

variable "backup_copies_key" {
  description = "Key of the bucket of backup_copies, which may list, read and write in it (TF_VAR_backup_copies_key='{\"access_key_id\": \"…\", \"secret_access_key\": \"…\"}'). Needed for every plan and apply with it, unless it names a Secret; later changes with secrets_revision raised."
  type        = object({ access_key_id = string, secret_access_key = string })
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = alltrue([for value in try(values(var.backup_copies_key), []) : try(can(regex("^[!-~]+$", value)), false)])
    error_message = "Two values without blanks."
  }
}

# What the validations share

locals {
  cron = format("^%s$", join(" +", [
    for values in [
      "[0-5]?[0-9]", "[01]?[0-9]|2[0-3]", "0?[1-9]|[12][0-9]|3[01]", "0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
      "[0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)",
    ] : replace("N(,N)*", "N", "(([*?]|(${values})(-(${values}))?)(/[1-9][0-9]*)?)")
  ]))
  # of URLs without one; those of other services of apprise know theirs
  ports = { http = 80, https = 443, json = 80, jsons = 443, xml = 80, xmls = 443, form = 80, forms = 443 }
  url   = "^(?P<scheme>[A-Za-z0-9+.-]+)://(?:[^/?#]*@)?(?P<host>\\[[^]]*\\]|[^/?#:]*)(?::(?P<port>[0-9]+))?(?:[/?#]|$)"
}
