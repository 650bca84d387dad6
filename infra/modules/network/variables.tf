variable "conventions" {
  description = "Outputs of the module conventions."
  type = object({
    labels = map(string)
    components = map(object({
      selector = map(string)
      labels   = map(string)
    }))
    ports = object({
      postgres = number
      code     = number
    })
  })
}

variable "egress_ports" {
  description = "TCP ports outside the cluster that loads and alerts may reach."
  type        = list(number)
}
