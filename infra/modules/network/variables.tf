variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    labels = map(string)
    components = map(object({
      selector = map(string)
      labels   = map(string)
    }))
    ports = object({
      postgres  = number
      code      = number
      webserver = number
      ui        = number
    })
  })
}

variable "namespaces" {
  description = "Names of the two namespaces, and whether they are made; otherwise they exist, and others may use them."
  type = object({
    database = string
    weather  = string
    create   = bool
  })
}

variable "egress_ports" {
  description = "TCP ports outside the cluster that loads and alerts may reach."
  type        = list(number)
}

variable "private_ranges" {
  description = "Addresses that are not outside: those of pods, nodes, private networks, and the cloud's metadata."
  type        = list(string)
}

variable "egress_allow" {
  description = "What loads and alerts may reach among them: a range of addresses, or pods of a namespace, each with TCP ports."
  type = list(object({
    cidr       = string
    namespace  = string
    pod_labels = map(string)
    ports      = list(number)
  }))
}

variable "targets" {
  description = "Addresses that loads and backups are told to ask, by the variable or setting that says so; those that nothing opens are refused."
  type        = map(string)
}

variable "kubernetes_api" {
  description = "Where the API server is: ranges of addresses, any if empty, read from the cluster if null; and its TCP ports."
  type = object({
    addresses = list(string)
    ports     = list(number)
  })
}

variable "dns" {
  description = "Where names are resolved: the namespace of the cluster's DNS, other ranges of addresses, and the ports of both."
  type = object({
    namespace = string
    addresses = list(string)
    ports     = list(number)
  })
}

variable "ui_from" {
  description = "Namespaces whose pods may reach the proxy in front of Dagster's UI; null where there is no proxy."
  type        = list(string)
}

variable "external_database" {
  description = "Where an external database is: its port, the namespace of its pods if it is in the cluster, ranges of addresses. Null: in the namespace of the database."
  type = object({
    port      = number
    namespace = string
    addresses = list(string)
  })
}

variable "backups_are_copied" {
  description = "Whether backups are copied out of the cluster, from the namespace of the database."
  type        = bool
}
