# What is made of what: a cluster, unless there is one, and on it PostgreSQL, the loads and Dagster. The modules hold the
# resources; each has its description at the head of its main.tf.

provider "kubernetes" {
  config_path    = try(pathexpand(var.existing_cluster.kubeconfig), null)
  config_context = try(var.existing_cluster.context, null)

  host                   = one(module.cluster[*].connection.host)
  client_certificate     = one(module.cluster[*].connection.client_certificate)
  client_key             = one(module.cluster[*].connection.client_key)
  cluster_ca_certificate = one(module.cluster[*].connection.cluster_ca_certificate)
}

locals {
  own_cluster = var.existing_cluster == null
  # no other file of the machine is touched, ~/.kube/config least of all
  kubeconfig = local.own_cluster ? abspath("${path.root}/kubeconfig") : pathexpand(var.existing_cluster.kubeconfig)
  kubectl    = "kubectl --kubeconfig '${local.kubeconfig}'${try(var.existing_cluster.context, null) != null ? " --context '${var.existing_cluster.context}'" : ""}"

  project = "${path.root}/.."
  version = regex("(?m)^version = \"([^\"]+)\"", file("${local.project}/pyproject.toml"))[0]
  image   = var.image != null ? var.image : module.cluster[0].image

  # those of a server of others are that server's
  passwords = merge(
    { for role in ["postgres", "loader", "reader", "dagster", "backup"] : role => ephemeral.random_password.role[role].result },
    local.own_postgres ? {} : { for role in ["loader", "reader", "dagster"] : role => try(var.external_postgres_passwords[role], null) },
  )

  own_postgres = var.external_postgres == null
  database = local.own_postgres ? {
    host  = module.postgres[0].host
    port  = module.conventions.ports.postgres
    names = { weather = "weather", dagster = "dagster" }
    users = { loader = "loader", reader = "reader", dagster = "dagster" }
    # its certificate is signed by nobody: it proves that it knows the password, and that the certificate is its own
    sslmode         = "require"
    channel_binding = "require"
    ca              = null
    ca_config_map   = null
    volume_gib      = module.postgres[0].volume_gib
  } : module.external_postgres[0].database

  # places that are loaded: without a list, the five of .dlt/config.toml; the first line of a file names its columns
  places = var.locations == null && var.locations_file == null ? 5 : (
    (var.locations == null ? 0 : length(var.locations)) +
    (var.locations_file == null ? 0 : max(0, length(compact(split("\n", file(var.locations_file)))) - 1))
  )

  # what cannot change without making the cluster or its volumes anew
  foundation = {
    cluster       = local.own_cluster ? "kind ${var.cluster_name} ${coalesce(var.node_image, "default")}" : "existing"
    storage_class = coalesce(var.storage_class, "default")
    namespaces    = jsonencode(var.namespaces)
    postgres      = local.own_postgres ? "own" : "external"
  }
  # an older state, which does not hold the names of its namespaces or whose the database is, has these
  older_foundation = { namespaces = jsonencode({ create = true, database = "database", weather = "weather" }), postgres = "own" }
}

# Every argument of kind_cluster replaces the cluster, database included. So a change of one stops here, at plan.
resource "terraform_data" "foundation" {
  input = local.foundation

  lifecycle {
    ignore_changes = [input]
    postcondition {
      condition     = merge(local.older_foundation, self.output) == local.foundation
      error_message = <<-EOT
        This would make the cluster, its namespaces or its volumes anew, or use another database, and the one that is there
        would be lost. Put the old value back, or: take a dump, terraform destroy, apply with the new value, restore (infra/README.md, "Change the cluster").
      EOT
    }
  }
}

# New ones in every run, and kept nowhere but in the Secrets, which are written when their revision changes.
ephemeral "random_password" "role" {
  for_each = toset(["postgres", "loader", "reader", "dagster", "backup"])

  length  = 32
  special = false
}

module "conventions" {
  source = "./modules/conventions"

  versions = {
    project  = local.version
    postgres = regex("[^:@/]+$", split("@", var.postgres_image)[0])
  }
  placement = {
    image_pull_secrets  = var.image_pull_secrets
    node_selector       = length(var.node_selector) > 0 ? var.node_selector : null
    tolerations         = var.tolerations
    priority_class_name = var.priority_class_name
  }
}

module "cluster" {
  source = "./modules/cluster"
  count  = local.own_cluster ? 1 : 0

  name          = var.cluster_name
  node_image    = var.node_image
  kubeconfig    = local.kubeconfig
  project       = local.project
  build_image   = var.image == null
  base_image    = var.base_image
  image_version = local.version

  depends_on = [terraform_data.foundation]
}

module "external_postgres" {
  source = "./modules/external_postgres"
  count  = local.own_postgres ? 0 : 1

  server = var.external_postgres
}

module "network" {
  source = "./modules/network"

  conventions    = module.conventions
  namespaces     = var.namespaces
  egress_ports   = var.egress_ports
  egress_allow   = var.egress_allow
  private_ranges = var.private_ranges
  targets = merge(
    var.pushgateway != null ? { pushgateway = var.pushgateway } : {},
    try(var.backup_copies.endpoint, null) != null ? { "backup_copies.endpoint" = var.backup_copies.endpoint } : {},
    { for name, url in var.settings : name => url if can(regex("BASE_URL$|^(HTTPS?|ALL)_PROXY$", name)) },
  )
  kubernetes_api     = var.kubernetes_api
  dns                = var.dns
  ui_from            = try(var.ui_auth.from_namespaces, null)
  external_database  = one(module.external_postgres[*].network)
  backups_are_copied = var.backup_copies != null

  depends_on = [terraform_data.foundation]
}

module "postgres" {
  source = "./modules/postgres"
  count  = local.own_postgres ? 1 : 0

  conventions        = module.conventions
  namespace          = module.network.namespaces.database
  image              = var.postgres_image
  memory             = var.memory.database
  backup_memory      = var.memory.backup
  passwords          = local.passwords
  passwords_revision = var.passwords_revision
  storage_class      = var.storage_class
  volume_size        = var.volume_sizes.database
  places             = local.places
  is_pruned          = !contains(["false", "0", "no"], lower(lookup(var.settings, "SOURCES__WEATHER__RETENTION__ENABLED", "true")))
  backups_size       = var.volume_sizes.backups
  backup_schedule    = var.backup_schedule
  backups_kept       = var.backups_kept

  backup_max_age_hours = var.backup_max_age_hours
  backup_copies        = var.backup_copies
  backup_copies_key    = var.backup_copies_key
  secrets_revision     = var.secrets_revision
  ca_file              = var.ca_file
  ca_config_map        = var.ca_config_map
  settings             = var.postgres_settings
  kubeconfig           = local.kubeconfig
  kubectl              = local.kubectl
}

module "loader" {
  source = "./modules/loader"

  conventions         = module.conventions
  namespace           = module.network.namespaces.weather
  kubeconfig          = local.kubeconfig
  kubectl             = local.kubectl
  image               = module.dagster.image # not one that does not start
  memory              = { request = var.memory.ingestor.request, limit = var.load_memory }
  database            = local.database
  password            = local.passwords.loader
  password_secret     = try(var.external_postgres.secrets.loader, null)
  passwords_revision  = var.passwords_revision
  openweather_api_key = var.openweather_api_key
  heartbeat_url       = var.heartbeat_url
  openweather_secret  = var.openweather_secret
  secrets_revision    = var.secrets_revision
  hourly_load         = var.hourly_load
  shards              = var.shards
  ingestor_schedule   = var.ingestor_schedule
  prune_schedule      = var.prune_schedule
  locations           = var.locations
  locations_file      = var.locations_file
  subscription_plan   = var.subscription_plan
  settings            = var.settings
  dagster_url         = var.dagster_url
  pushgateway         = var.pushgateway
  ca_file             = var.ca_file
  ca_config_map       = var.ca_config_map
  storage_class       = var.storage_class
  work_access_mode    = var.work_access_mode
  work_size           = var.volume_sizes.work

  # on destroy, loads that are going on write what they have while the database is still there
  depends_on = [module.postgres]
}

module "dagster" {
  source = "./modules/dagster"

  conventions       = module.conventions
  namespace         = module.network.namespaces.weather
  cluster           = { kubeconfig = local.kubeconfig, kubectl = local.kubectl }
  image             = local.image
  load_memory       = var.load_memory
  memory            = var.memory
  instance_settings = yamldecode(file("${local.project}/dagster_project/dagster.yaml"))
  loader = {
    settings      = module.loader.settings
    database      = module.loader.database
    files         = module.loader.files
    secrets       = module.loader.secrets
    work          = module.loader.work
    grace_seconds = module.loader.grace_seconds
  }
  dagster_password   = local.passwords.dagster
  reader_password    = local.passwords.reader
  password_secrets   = try(var.external_postgres.secrets, null)
  passwords_revision = var.passwords_revision
  alert_urls         = var.alert_urls
  heartbeat_url      = var.heartbeat_url
  secrets_revision   = var.secrets_revision
  ui_auth            = var.ui_auth
  ui_password        = var.ui_password

  read_only_webserver = var.read_only_webserver
}
