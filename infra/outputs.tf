output "kubeconfig" {
  description = "The cluster's kubeconfig: export KUBECONFIG=$(terraform output -raw kubeconfig)."
  value       = local.kubeconfig
}

output "namespaces" {
  description = "The namespaces of the database, unless it is an external one, and of all else: the commands of README.md name the default ones."
  value       = module.network.namespaces
}

output "image" {
  description = "The project's image that runs there."
  value       = local.image
}

output "database" {
  description = "How to reach the database: forward its port (to this machine only), then connect as reader, or as loader from dagster dev. An external one is reached by its address, and checked by the authorities in a file of yours."
  value = local.own_postgres ? {
    forward  = "${local.kubectl} -n ${module.network.namespaces.database} port-forward service/postgres 5432:5432"
    password = "${local.kubectl} -n ${module.network.namespaces.database} get secret postgres-secret -o jsonpath='{.data.READER_PASSWORD}' | base64 -d"
    connect  = "psql postgresql://reader@localhost:5432/weather"
    inside   = "${local.kubectl} -n ${module.network.namespaces.database} exec -it postgres-0 -- psql -U postgres weather"
    } : {
    forward  = null
    password = "${local.kubectl} -n ${module.network.namespaces.weather} get secret ${try(var.external_postgres.secrets.reader, "postgres-reader")} -o jsonpath='{.data.DESTINATION__POSTGRES__CREDENTIALS__PASSWORD}' | base64 -d"
    connect  = "psql 'host=${local.database.host} port=${local.database.port} dbname=${local.database.names.weather} user=${local.database.users.reader} sslmode=${local.database.sslmode}${join("", [for file in compact([try(var.external_postgres.ca_file, null), try(var.external_postgres.ca_config_map.key, null)]) : " sslrootcert=${file}"])}'"
    inside   = null
  }
}

output "ui" {
  description = "How to reach Dagster's UI, which has no login: forward its port (to this machine only), then open the address. And the proxy that asks for a password, for an ingress, with ui_auth."
  value = {
    forward = "${local.kubectl} -n ${module.network.namespaces.weather} port-forward service/${module.dagster.webserver.service} ${module.dagster.webserver.port}:${module.dagster.webserver.port}"
    address = "http://localhost:${module.dagster.webserver.port}"
    proxy   = module.dagster.proxy
  }
}

output "logs" {
  description = "The logs by component: one JSON object a line (PostgreSQL's own are plain)."
  value = merge(
    { for component in local.own_postgres ? ["database", "backup"] : [] : component => "${local.kubectl} -n ${module.network.namespaces.database} logs --tail=-1 -l ${local.log_selector[component]}" },
    { for component in ["ingestor", "webserver", "daemon", "code", "run"] : component => "${local.kubectl} -n ${module.network.namespaces.weather} logs --tail=-1 -l ${local.log_selector[component]}" },
  )
}

locals {
  log_selector = {
    for component, its in module.conventions.components : component => join(",", [for label, value in its.selector : "${label}=${value}"])
  }
}
