# Whether the addresses that loads are told to ask can be reached.

locals {
  urls = {
    for name, url in var.targets : name => {
      host = regex(local.url, url).host
      port = tonumber(coalesce(regex(local.url, url).port, endswith(lower(regex(local.url, url).scheme), "s") ? 443 : 80))
    } if can(regex(local.url, url))
  }
  url = "^(?P<scheme>[A-Za-z0-9+.-]+)://(?:[^/?#]*@)?(?P<host>\\[[^]]*\\]|[^/?#:]*)(?::(?P<port>[0-9]+))?(?:[/?#]|$)"

  is_service = { for name, url in local.urls : name => can(regex("[.]svc([.]|$)", url.host)) }
  # an address, not a name, which only the cluster can resolve
  is_private = { for name, url in local.urls : name => anytrue([
    for range in var.private_ranges : try(cidrhost("${url.host}/${split("/", range)[1]}", 0) == cidrhost(range, 0), false)
  ]) }
  cut_off = [
    for name, url in local.urls : name if !anytrue(concat(
      [contains(var.egress_ports, url.port) && !local.is_service[name] && !local.is_private[name]],
      [for target in var.egress_allow : target.cidr == null ? (
        # the pods' port may be another than the Service's
        can(regex("^[^.]+[.]${target.namespace}[.]svc([.]|$)", url.host))
        ) : contains(target.ports, url.port) && !local.is_service[name] && (
        # a name may lead there
        try(cidrhost("${url.host}/${split("/", target.cidr)[1]}", 0) == cidrhost(target.cidr, 0), true)
      )],
    ))
  ]
}
