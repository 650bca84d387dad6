# A Kind cluster, and the project's image, built from this checkout and loaded into it.

resource "kind_cluster" "this" {
  name            = var.name
  node_image      = var.node_image
  kubeconfig_path = var.kubeconfig
  wait_for_ready  = true
}

locals {
  sources = sort(setunion(
    ["pyproject.toml", "uv.lock", "README.md", "LICENSE", ".dlt/config.toml", "infra/Dockerfile", "infra/Dockerfile.dockerignore", "infra/slim.py", "infra/warm.py"],
    [for file in fileset(var.project, "{dlt_sources,dagster_project}/**") : file if !strcontains(file, "__pycache__")],
  ))
  # named after what is in it: a change of the code makes a new image, and a new image new pods
  built_image = "weather:${substr(sha256(join("", concat([for file in local.sources : filesha256("${var.project}/${file}")], compact([var.base_image])))), 0, 12)}"
}

resource "terraform_data" "image" {
  count = var.build_image ? 1 : 0

  input            = local.built_image
  triggers_replace = [local.built_image, kind_cluster.this.id]

  provisioner "local-exec" {
    working_dir = var.project
    # a shell with SSL_CERT_FILE set is behind a proxy that ends TLS
    command = <<-EOT
      docker build $${SSL_CERT_FILE:+--secret "id=ca,src=$SSL_CERT_FILE"} --build-arg "VERSION=$VERSION" \
        $${BASE_IMAGE:+--build-arg "BASE_IMAGE=$BASE_IMAGE"} \
        -t "$IMAGE" -f infra/Dockerfile . && kind load docker-image "$IMAGE" --name "$CLUSTER"
    EOT
    environment = {
      DOCKER_BUILDKIT = "1"
      IMAGE           = local.built_image
      VERSION         = var.image_version
      CLUSTER         = var.name
      BASE_IMAGE      = var.base_image == null ? "" : var.base_image
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
