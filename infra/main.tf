# Versions, providers, the cluster and the image. The other files hold a part of the platform each.

terraform {
  required_version = ">= 1.11.0, < 2.0.0"
  required_providers {
    kind = {
      source  = "tehcyx/kind"
      version = "~> 0.11"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 3.2.1, < 4.0.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "kubernetes" {
  config_path    = try(pathexpand(var.existing_cluster.kubeconfig), null)
  config_context = try(var.existing_cluster.context, null)

  host                   = one(kind_cluster.this[*].endpoint)
  client_certificate     = one(kind_cluster.this[*].client_certificate)
  client_key             = one(kind_cluster.this[*].client_key)
  cluster_ca_certificate = one(kind_cluster.this[*].cluster_ca_certificate)
}

locals {
  own_cluster = var.existing_cluster == null
  # no other file of the machine is touched, ~/.kube/config least of all
  kubeconfig = local.own_cluster ? abspath("${path.root}/kubeconfig") : pathexpand(var.existing_cluster.kubeconfig)

  # what cannot change without making the cluster or its volumes anew
  foundation = {
    cluster       = local.own_cluster ? "kind ${var.cluster_name} ${coalesce(var.node_image, "default")}" : "existing"
    storage_class = coalesce(var.storage_class, "default")
  }

  labels = {
    "app.kubernetes.io/part-of"    = "weather"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  # recommended labels by component; "name" and "component" together select its pods
  selector = {
    for component, name in {
      database = "postgres", backup = "postgres", ingestor = "ingestor", webserver = "dagster", daemon = "dagster",
      code     = "dagster", run = "dagster"
    } : component => { "app.kubernetes.io/name" = name, "app.kubernetes.io/component" = component }
  }
  labels_of = {
    for component, labels in local.lasting_labels_of : component => merge(labels, {
      "app.kubernetes.io/version" = contains(["database", "backup"], component) ? local.postgres_version : local.version
    })
  }
  # of what is made once: a new version would touch the Secrets, and the claim's template, which cannot change
  lasting_labels_of = {
    for component, selector in local.selector : component => merge(local.labels, selector, { "app.kubernetes.io/instance" = "weather" })
  }
  version          = regex("(?m)^version = \"([^\"]+)\"", file("${path.module}/../pyproject.toml"))[0]
  postgres_version = regex("[^:@/]+$", split("@", var.postgres_image)[0])
}

# Every argument of kind_cluster replaces the cluster, database included. So a change of one stops here, at plan.
resource "terraform_data" "foundation" {
  input = local.foundation

  lifecycle {
    ignore_changes = [input]
    postcondition {
      condition     = self.output == local.foundation
      error_message = <<-EOT
        This would make the cluster or its volumes anew, and the database would be lost. Put the old value back, or: take
        a dump, terraform destroy, apply with the new value, restore (infra/README.md, "Change the cluster").
      EOT
    }
  }
}

resource "kind_cluster" "this" {
  count = local.own_cluster ? 1 : 0

  name            = var.cluster_name
  node_image      = var.node_image
  kubeconfig_path = local.kubeconfig
  wait_for_ready  = true

  depends_on = [terraform_data.foundation]
}

locals {
  build_image = var.image == null
  sources = sort(setunion(
    ["pyproject.toml", "uv.lock", "README.md", "LICENSE", ".dlt/config.toml", "infra/Dockerfile"],
    [for file in fileset("${path.module}/..", "{dlt_sources,dagster_project}/**") : file if !strcontains(file, "__pycache__")],
  ))
  # named after what is in it: a change of the code makes a new image, and a new image new pods
  built_image = "weather:${substr(sha256(join("", [for file in local.sources : filesha256("${path.module}/../${file}")])), 0, 12)}"
  image       = local.build_image ? terraform_data.image[0].output : var.image
}

resource "terraform_data" "image" {
  count = local.build_image ? 1 : 0

  input            = local.built_image
  triggers_replace = [local.built_image, one(kind_cluster.this[*].id)]

  provisioner "local-exec" {
    working_dir = "${path.module}/.."
    # a shell with SSL_CERT_FILE set is behind a proxy that ends TLS
    command = <<-EOT
      docker build $${SSL_CERT_FILE:+--secret "id=ca,src=$SSL_CERT_FILE"} --build-arg "VERSION=$VERSION" \
        -t "$IMAGE" -f infra/Dockerfile . && kind load docker-image "$IMAGE" --name "$CLUSTER"
    EOT
    environment = {
      DOCKER_BUILDKIT = "1"
      IMAGE           = local.built_image
      VERSION         = local.version
      CLUSTER         = var.cluster_name
    }
  }
  provisioner "local-exec" {
    when       = destroy
    on_failure = continue
    command    = "docker image rm \"$IMAGE\""
    environment = {
      IMAGE = self.input
    }
  }
}
